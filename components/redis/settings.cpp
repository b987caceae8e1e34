#include "components/redis/settings.hpp"

#include <algorithm>

#include "runtime/base/text.hpp"

namespace mecha::redis {
namespace {

std::unexpected<Error> wrong(std::string_view what) {
  return fail(Code::invalid_argument, "redis client configuration error: " + std::string(what));
}

Result<void> check_built(const Settings& s) {
  if (s.failover) {
    return wrong("failover (Sentinel) is not supported by this version: name the server itself in redisHost");
  }
  if (text::equals_nocase(s.type, "cluster")) {
    return wrong("redisType cluster is not supported by this version: use a single node");
  }
  if (s.host.find(',') != std::string::npos) {
    return wrong("redisHost names several servers, which needs a cluster or Sentinel; this version supports a single node");
  }
  if (s.entra_id || s.oidc) return wrong("useEntraID and useOIDC are not supported by this version: use redisPassword");
  if (s.client_certificate.empty() != s.client_key.empty()) return wrong("clientCert and clientKey need each other");
  return {};
}

// Host and port out of redisHost; the last colon counts unless it belongs to a bare IPv6 address.
Result<void> read_address(const Settings& s, Options& options) {
  std::string_view host = s.host;
  if (host.starts_with('/')) {
    options.unix_path = s.host;
    return {};
  }
  if (s.port) options.port = static_cast<std::uint16_t>(*s.port);
  const auto colon = host.rfind(':');
  const bool bare_v6 = colon != std::string_view::npos && host.find(':') != colon && !host.starts_with('[');
  if (colon != std::string_view::npos && !bare_v6 && host.find(']', colon) == std::string_view::npos) {
    const auto port = text::to_uint(host.substr(colon + 1));
    if (!port || *port == 0 || *port > 65535) return wrong("redisHost has no valid port: " + s.host);
    if (s.port && *s.port != static_cast<int>(*port)) {
      return wrong("redisPort " + std::to_string(*s.port) + " contradicts redisHost " + s.host);
    }
    options.port = static_cast<std::uint16_t>(*port);
    host = host.substr(0, colon);
  }
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  if (!host.empty()) options.host = host;
  return {};
}

milliseconds limit(milliseconds time) { return std::max(time, milliseconds(0)); }

}  // namespace

std::string Options::address() const {
  if (!unix_path.empty()) return unix_path;
  const bool v6 = host.find(':') != std::string::npos;
  return (v6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

Result<Options> resolve(const Settings& s, milliseconds retry_min) {
  MECHA_TRY_VOID(check_built(s));
  Options options;
  MECHA_TRY_VOID(read_address(s, options));
  options.username = s.username;
  options.password = s.password.reveal();
  options.database = s.database;
  options.attempts = std::max(s.retries_max, 0) + 1;
  options.retry_min = limit(s.retry_min.value_or(retry_min));
  options.retry_max = limit(s.retry_max.value_or(milliseconds(512)));
  options.dial_timeout = limit(s.dial_timeout);
  options.read_timeout = limit(s.read_timeout);
  options.lines = std::clamp(s.pool_size.value_or(2), 1, 2);
  if (s.tls) {
    net::TlsClientOptions tls{
        .verify = !s.insecure,
        .certificate_pem = s.client_certificate,
        .private_key_pem = s.client_key,
        .alpn = {}};
    auto context = net::make_tls(tls);
    if (!context) return wrong(context.error().message);
    options.tls = *std::move(context);
  }
  return options;
}

}  // namespace mecha::redis
