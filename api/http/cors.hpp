// CORS of the HTTP API (contract 01, 1.7). Pure logic.

#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/net/message.hpp"

namespace mecha::api {

class Cors {
 public:
  // The list as in the flag: comma separated, not trimmed, one `*` per entry.
  explicit Cors(std::string_view allowed_origins);

  // The answer to a preflight request; empty if the request is none.
  std::optional<net::ResponseHead> preflight(const net::RequestHead& request) const;
  // Headers that an answer to an ordinary request gets.
  net::Headers headers(const net::RequestHead& request) const;

 private:
  bool allows(std::string_view origin) const;
  std::string_view echo(std::string_view origin) const { return any_ ? "*" : origin; }

  std::vector<std::string> origins_;  // lower case
  bool any_ = false;
};

}  // namespace mecha::api
