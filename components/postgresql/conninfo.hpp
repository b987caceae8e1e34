// Connection strings of components on PostgreSQL (contract 02, section 2.5): `k=v` words or a postgres:// URL, with the names
// that only the reference's driver knows.

#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/base/result.hpp"

namespace mecha::postgresql {

// Keywords of libpq, and pool_max_conns, pool_max_conn_lifetime and so on as they are; a keyword stands once.
class Words {
 public:
  // Empty if it is not there.
  std::string get(std::string_view keyword) const;
  void set(std::string_view keyword, std::string value);
  // Takes it out and returns it.
  std::string take(std::string_view keyword);

  auto begin() const { return list_.begin(); }
  auto end() const { return list_.end(); }

 private:
  std::vector<std::pair<std::string, std::string>> list_;
};

// `database` becomes dbname; what libpq does not know becomes a setting of the session (`options`), as the reference's driver
// has it. Words without `=` are left out. Errors show no part of the string.
Result<Words> parse_conninfo(std::string_view text);

}  // namespace mecha::postgresql
