// Authority: the part of a URL that says where a server is and how to log in, "user:password@host:port".

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "runtime/base/result.hpp"

namespace mecha::net {

struct Authority {
  std::optional<std::string> username, password;  // escapes resolved
  std::string host;                               // IPv6 without brackets; may be empty
  std::uint16_t port = 0;
};

// Errors say what is wrong ("has no valid port") and show neither user nor password.
Result<Authority> parse_authority(std::string_view text, std::uint16_t default_port);

}  // namespace mecha::net
