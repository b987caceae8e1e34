// URLs of outgoing requests: taken apart, and the one that a redirect means.

#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "runtime/base/result.hpp"

namespace mecha::net {

struct Url {
  std::string scheme;     // "http" or "https"
  std::string user_info;  // "name:password", as written
  std::string authority;  // "host:port" as written, without user
  std::string host;       // IPv6 without brackets
  std::uint16_t port = 0;
  std::string target;  // escaped path and query, with a leading slash

  std::string origin() const { return scheme + "://" + authority; }
  // For messages: the password is left out.
  std::string shown() const;
};

// Fails in the words of the reference: "unsupported protocol scheme \"ftp\"", "parse \"...\": ...".
Result<Url> parse_url(std::string_view text);
// The failure of a request that got no answer, with the words that stand before it: `Get "http://host/path": why`.
Error url_error(Error why, std::string_view method, std::string_view url);
// The absolute URL that `location` means in an answer from `base`.
std::string resolve_url(const Url& base, std::string_view location);

}  // namespace mecha::net
