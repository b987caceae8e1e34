// The address of a sidecar as people write it, into what gRPC takes.

#include "src/endpoint.h"

#include <algorithm>
#include <charconv>

namespace mecha::wire {
namespace {

constexpr std::string_view default_port = "443";

Error bad(std::string_view text, std::string_view why) {
  return fail(
      Code::invalid_argument, "the endpoint \"" + std::string(text) + "\" " + std::string(why)
  );
}

bool is_port(std::string_view text) {
  unsigned port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  return error == std::errc() && end == text.data() + text.size() && port > 0 && port <= 65535;
}

// Takes `?tls=true` off the end.
Result<bool> take_query(std::string_view whole, std::string_view& rest) {
  const auto mark = rest.find('?');
  if (mark == std::string_view::npos) return false;
  const auto query = rest.substr(mark + 1);
  rest = rest.substr(0, mark);
  if (query == "tls=true") return true;
  if (query == "tls=false") return false;
  return bad(whole, "has a query other than tls=true or tls=false");
}

// `host`, `host:port`, `[v6]`, `[v6]:port`; the port is added where it is absent.
Result<std::string> host_and_port(std::string_view whole, std::string_view text) {
  std::string_view host = text, port;
  if (text.starts_with('[')) {
    const auto end = text.find(']');
    if (end == std::string_view::npos) return bad(whole, "has no ] after its address");
    host = text.substr(0, end + 1);
    const auto after = text.substr(end + 1);
    if (!after.empty() && !after.starts_with(':'))
      return bad(whole, "has something else than a port after ]");
    if (!after.empty()) port = after.substr(1);
    if (!after.empty() && port.empty()) return bad(whole, "has no number after the colon");
  } else if (std::count(text.begin(), text.end(), ':') > 1) {
    return bad(whole, "has an IPv6 address that is not in brackets");
  } else if (const auto colon = text.find(':'); colon != std::string_view::npos) {
    host = text.substr(0, colon);
    port = text.substr(colon + 1);
    if (port.empty()) return bad(whole, "has no number after the colon");
  }
  if (host.empty()) return bad(whole, "names no host");
  if (host.find('/') != std::string_view::npos || port.find('/') != std::string_view::npos) {
    return bad(whole, "has a path, which gRPC cannot use");
  }
  if (port.empty()) port = default_port;
  if (!is_port(port)) return bad(whole, "has a port that is not between 1 and 65535");
  return std::string(host) + ":" + std::string(port);
}

bool is_near(std::string_view host) {
  return host.starts_with("127.") || host.starts_with("localhost:") || host.starts_with("[::1]");
}

// dns:host:port or dns://authority/host:port
Result<Endpoint> parse_dns(std::string_view whole, std::string_view rest, bool tls) {
  std::string prefix = "dns:";
  if (rest.starts_with("//")) {
    const auto slash = rest.find('/', 2);
    if (slash == std::string_view::npos)
      return bad(whole, "has an authority but no host: dns://authority/host:port");
    prefix = "dns:" + std::string(rest.substr(0, slash + 1));
    rest = rest.substr(slash + 1);
  }
  auto host = host_and_port(whole, rest);
  if (!host) return std::move(host).error();
  return Endpoint{prefix + *host, tls, false};
}

}  // namespace

Result<Endpoint> parse_endpoint(std::string_view text) {
  const std::string_view whole = text;
  auto tls = take_query(whole, text);
  if (!tls.has_value()) return std::move(tls).error();
  for (const std::string_view scheme : {"unix:", "unix-abstract:"}) {
    if (!text.starts_with(scheme)) continue;
    if (text.size() == scheme.size()) return bad(whole, "names no socket");
    return Endpoint{std::string(text), *tls, true};
  }
  if (text.starts_with("dns:")) return parse_dns(whole, text.substr(4), *tls);
  if (text.starts_with("http://") || text.starts_with("https://")) {
    const bool secure = text.starts_with("https://");
    text.remove_prefix(secure ? 8 : 7);
    if (text.ends_with('/')) text.remove_suffix(1);
    *tls = *tls || secure;
  } else if (text.find("://") != std::string_view::npos) {
    return bad(whole, "has an unknown scheme; known are http, https, dns, unix and unix-abstract");
  }
  auto host = host_and_port(whole, text);
  if (!host) return std::move(host).error();
  return Endpoint{*host, *tls, is_near(*host)};
}

}  // namespace mecha::wire
