// Connection strings of components on MySQL (contract 02, section 2.6): user:password@tcp(host:port)/?param=value.

#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/base/result.hpp"

namespace mecha::mysql {

enum class Tls : std::uint8_t { off, unverified, verified, custom };  // custom: by the authorities of pemPath

struct Dsn {
  std::string user, password;
  std::string host = "127.0.0.1";
  std::uint16_t port = 3306;
  std::string unix_path;  // not empty: dialled instead of host and port
  std::string database;
  Tls tls = Tls::off;
  std::chrono::milliseconds connect_timeout{0}, read_timeout{0}, write_timeout{0};  // 0: not stated
  std::string charset = "utf8mb4";
  std::vector<std::pair<std::string, std::string>> variables;  // of the session, values as SQL
};

// Errors show no password. What the string may ask for and is not built is refused by name.
Result<Dsn> parse_dsn(std::string_view text);

// "table name 'a b' is not valid" unless it is made of letters, digits and _; `what` stands in front.
Result<void> check_identifier(std::string_view what, std::string_view name);

}  // namespace mecha::mysql
