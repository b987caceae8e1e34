#include "runtime/net/authority.hpp"

#include "runtime/base/text.hpp"

namespace mecha::net {
namespace {

Result<std::string> unescaped(std::string_view part) {
  auto plain = text::unescape_path(part);
  if (!plain) return fail(Code::invalid_argument, "has a bad escape");
  return *std::move(plain);
}

}  // namespace

Result<Authority> parse_authority(std::string_view text, std::uint16_t default_port) {
  Authority authority{.port = default_port};
  if (const auto at = text.rfind('@'); at != std::string_view::npos) {
    const auto login = text.substr(0, at);
    const auto colon = login.find(':');
    MECHA_TRY(authority.username, unescaped(login.substr(0, colon)));
    if (colon != std::string_view::npos) {
      MECHA_TRY(authority.password, unescaped(login.substr(colon + 1)));
    }
    text.remove_prefix(at + 1);
  }
  const auto bracket = text.rfind(']');
  const auto colon = text.rfind(':');
  if (colon != std::string_view::npos && (bracket == std::string_view::npos || colon > bracket)) {
    const auto port = text::to_uint(text.substr(colon + 1));
    if (!port || *port == 0 || *port > 65535) return fail(Code::invalid_argument, "has no valid port");
    authority.port = static_cast<std::uint16_t>(*port);
    text = text.substr(0, colon);
  }
  if (text.starts_with('[') && text.ends_with(']')) text = text.substr(1, text.size() - 2);
  authority.host = text;
  return authority;
}

}  // namespace mecha::net
