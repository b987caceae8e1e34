#include "runtime/net/url.hpp"

#include <algorithm>

#include "runtime/base/text.hpp"

namespace mecha::net {
namespace {

// What may stand in a path or query as it is; "%" because the text is escaped already.
constexpr std::string_view kPathSafe = "/%:@!$&'()*+,;=~[]";
constexpr std::string_view kQuerySafe = "/%:@!$&'()*+,;=~[]?{}|^`\\";

// `text` without the password that its authority may hold: what is said of a URL reaches callers who may not know it.
std::string shown_text(std::string_view text) {
  const auto begin = text.find("://");
  if (begin == std::string_view::npos) return std::string(text);
  const auto authority = text.substr(begin + 3, text.find_first_of("/?#", begin + 3) - begin - 3);
  const auto at = authority.rfind('@');
  const auto colon = authority.find(':');
  if (at == std::string_view::npos || colon > at) return std::string(text);
  return std::string(text.substr(0, begin + 3 + colon)) + ":***" + std::string(text.substr(begin + 3 + at));
}

std::unexpected<Error> malformed(std::string_view text, std::string_view why) {
  return fail(Code::invalid_argument, "parse " + text::quote(shown_text(text)) + ": " + std::string(why));
}

Result<void> read_authority(std::string_view text, std::string_view authority, Url& url) {
  if (const auto at = authority.rfind('@'); at != std::string_view::npos) {
    url.user_info = std::string(authority.substr(0, at));
    authority.remove_prefix(at + 1);
  }
  url.authority = std::string(authority);
  url.port = url.scheme == "https" ? 443 : 80;
  const auto colon = authority.rfind(':');
  if (colon != std::string_view::npos && authority.find(']', colon) == std::string_view::npos) {
    const auto digits = authority.substr(colon + 1);
    const auto port = text::to_uint(digits);
    if (!digits.empty() && (!port || *port > 65535)) {
      return malformed(
          text, "invalid port " + text::quote(authority.substr(colon)) + " after host"
      );
    }
    if (port) url.port = static_cast<std::uint16_t>(*port);
    authority = authority.substr(0, colon);
  }
  if (authority.starts_with('[') && authority.ends_with(']'))
    authority = authority.substr(1, authority.size() - 2);
  if (authority.empty()) return fail(Code::invalid_argument, "http: no Host in request URL");
  if (authority.find_first_of(" <>\"\\^`{|}") != std::string_view::npos) {
    return malformed(text, "invalid character in host name");
  }
  url.host = std::string(authority);
  return {};
}

}  // namespace

std::string Url::shown() const {
  if (user_info.empty()) return origin() + target;
  const auto colon = user_info.find(':');
  const auto user = colon == std::string::npos ? user_info : user_info.substr(0, colon) + ":***";
  return scheme + "://" + user + "@" + authority + target;
}

Result<Url> parse_url(std::string_view text) {
  if (std::ranges::any_of(text, [](unsigned char c) { return c < 0x20 || c == 0x7f; })) {
    return malformed(text, "net/url: invalid control character in URL");
  }
  auto rest = text.substr(0, text.find('#'));
  const auto colon = rest.find("://");
  Url url;
  if (colon != std::string_view::npos) url.scheme = text::lower(rest.substr(0, colon));
  if (url.scheme != "http" && url.scheme != "https") {
    return fail(Code::invalid_argument, "unsupported protocol scheme " + text::quote(url.scheme));
  }
  rest.remove_prefix(colon + 3);
  const auto end = std::min(rest.find_first_of("/?"), rest.size());
  MECHA_TRY_VOID(read_authority(text, rest.substr(0, end), url));
  rest.remove_prefix(end);
  const auto mark = std::min(rest.find('?'), rest.size());
  url.target = mark == 0 ? std::string("/") : text::escape(rest.substr(0, mark), kPathSafe);
  url.target += text::escape(rest.substr(mark), kQuerySafe);
  return url;
}

Error url_error(Error why, std::string_view method, std::string_view url) {
  auto verb = text::lower(method);
  if (!verb.empty()) verb[0] = method[0];
  const auto parsed = parse_url(url);
  return std::move(why).context(verb + " " + text::quote(parsed ? parsed->shown() : std::string(url)));
}

std::string resolve_url(const Url& base, std::string_view location) {
  if (location.starts_with("//")) return base.scheme + ":" + std::string(location);
  const auto scheme = location.find("://");
  if (scheme != std::string_view::npos && scheme < location.find_first_of("/?#"))
    return std::string(location);
  const auto path = base.target.substr(0, base.target.find('?'));
  if (location.starts_with('?')) return base.origin() + path + std::string(location);
  const auto mark = std::min(location.find_first_of("?#"), location.size());
  auto joined = std::string(location.substr(0, mark));
  if (!joined.starts_with('/')) joined.insert(0, path.substr(0, path.rfind('/') + 1));
  const bool folder = joined.ends_with('/');
  joined = text::clean_path(joined);
  if (folder && !joined.ends_with('/')) joined += '/';
  return base.origin() + joined + std::string(location.substr(mark));
}

}  // namespace mecha::net
