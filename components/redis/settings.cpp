#include "components/redis/settings.hpp"

#include <algorithm>

#include "runtime/base/text.hpp"

namespace mecha::redis {
namespace {

std::unexpected<Error> wrong(std::string_view what) {
  return fail(Code::invalid_argument, "redis client configuration error: " + std::string(what));
}

Topology topology_of(const Settings& s) {
  if (s.failover) return Topology::sentinel;
  return text::equals_nocase(s.type, "cluster") ? Topology::cluster : Topology::node;
}

Result<void> check_built(const Settings& s) {
  if (s.failover && s.sentinel_master.empty()) return wrong("failover needs sentinelMasterName");
  if (topology_of(s) == Topology::node && s.host.find(',') != std::string::npos) {
    return wrong("redisHost names several servers, which needs redisType cluster or failover");
  }
  if (s.entra_id || s.oidc) return wrong("useEntraID and useOIDC are not supported by this version: use redisPassword");
  if (s.client_certificate.empty() != s.client_key.empty()) return wrong("clientCert and clientKey need each other");
  return {};
}

// One entry of redisHost; the last colon counts unless it belongs to a bare IPv6 address.
Result<Address> read_address(std::string_view host, std::optional<int> port) {
  Address address;
  if (port) address.port = static_cast<std::uint16_t>(*port);
  const auto colon = host.rfind(':');
  const bool bare_v6 = colon != std::string_view::npos && host.find(':') != colon && !host.starts_with('[');
  if (colon != std::string_view::npos && !bare_v6 && host.find(']', colon) == std::string_view::npos) {
    const auto own = text::to_uint(host.substr(colon + 1));
    if (!own || *own == 0 || *own > 65535) return wrong("redisHost has no valid port: " + std::string(host));
    if (port && *port != static_cast<int>(*own)) {
      return wrong("redisPort " + std::to_string(*port) + " contradicts redisHost " + std::string(host));
    }
    address.port = static_cast<std::uint16_t>(*own);
    host = host.substr(0, colon);
  }
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  if (!host.empty()) address.host = host;
  return address;
}

Result<void> read_addresses(const Settings& s, Options& options) {
  if (options.topology == Topology::node) {
    if (s.host.starts_with('/')) {
      options.unix_path = s.host;
      return {};
    }
    MECHA_TRY(static_cast<Address&>(options), read_address(s.host, s.port));
    return {};
  }
  for (const auto entry : text::split(s.host, ',')) {
    const auto host = text::trim(entry);
    if (host.empty() && !s.host.empty()) continue;
    MECHA_TRY(auto address, read_address(host, s.port));
    options.hosts.push_back(std::move(address));
  }
  if (options.hosts.empty()) return wrong("redisHost names no server: " + s.host);
  return {};
}

milliseconds limit(milliseconds time) { return std::max(time, milliseconds(0)); }

}  // namespace

std::string Address::text() const {
  const bool v6 = host.find(':') != std::string::npos;
  return (v6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

std::optional<Address> parse_address(std::string_view text) {
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const auto port = text::to_uint(text.substr(colon + 1));
  if (!port || *port == 0 || *port > 65535) return std::nullopt;
  auto host = text.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  return Address{.host = std::string(host), .port = static_cast<std::uint16_t>(*port)};
}

std::string Options::address() const {
  if (!unix_path.empty()) return unix_path;
  if (hosts.empty()) return text();
  std::string list;
  for (const auto& entry : hosts) list.append(list.empty() ? "" : ",").append(entry.text());
  return list;
}

Options options_at(const Options& options, const Address& address) {
  Options one = options;
  static_cast<Address&>(one) = address;
  one.must_be_master = options.topology == Topology::sentinel;
  one.topology = Topology::node;
  one.hosts.clear();
  one.attempts = 1;  // who routes looks first whether another server has taken over
  return one;
}

Options sentinel_options_at(const Options& options, const Address& address) {
  Options one = options_at(options, address);
  one.must_be_master = false;
  one.username = options.sentinel_username;
  one.password = options.sentinel_password;
  one.database = 0;
  return one;
}

Result<Options> resolve(const Settings& s, milliseconds retry_min) {
  MECHA_TRY_VOID(check_built(s));
  Options options;
  options.topology = topology_of(s);
  MECHA_TRY_VOID(read_addresses(s, options));
  options.username = s.username;
  options.password = s.password.reveal();
  options.database = options.topology == Topology::cluster ? 0 : s.database;
  options.master_name = s.sentinel_master;
  options.sentinel_username = s.sentinel_username;
  options.sentinel_password = s.sentinel_password.reveal();
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
