#include "cli/endpoints.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "runtime/base/text.hpp"

namespace mecha::cli {
namespace {

using Named = std::pair<std::string_view, std::uint16_t>;

constexpr std::array<Named, 13> kPortOfType{
    Named{".redis", 6379}, {".kafka", 9092}, {".rabbitmq", 5672}, {".mqtt", 1883}, {".jetstream", 4222}, {".etcd", 2379}, {".memcached", 11211},
    {".mysql", 3306}, {".postgresql", 5432}, {".mongodb", 27017}, {".hashicorp.vault", 8200}, {".smtp", 25}, {".http", 80}};
constexpr std::array<Named, 9> kPortOfScheme{Named{"http", 80}, {"https", 443}, {"amqp", 5672}, {"amqps", 5671}, {"mqtts", 8883}, {"ssl", 8883}, {"tcps", 8883}, {"mongodb", 27017}, {"nats", 4222}};
constexpr std::array<std::string_view, 6> kTlsSchemes{"https", "amqps", "mqtts", "ssl", "tls", "rediss"};
constexpr std::array<std::string_view, 12> kItems{"redishost", "host", "hostaddr", "hostname", "hosts", "endpoints", "brokers", "connectionstring", "url", "natsurl", "endpoint", "vaultaddr"};
// On files, or inside the sidecar.
constexpr std::array<std::string_view, 7> kHere{".sqlite", ".in-memory", ".local.", ".localstorage", ".cron", "crypto.", "middleware."};

template <class Table>
std::optional<std::uint16_t> port_in(const Table& table, std::string_view text, bool part) {
  for (const auto& [name, port] : table) {
    if (part ? text.find(name) != std::string_view::npos : text == name) return port;
  }
  return std::nullopt;
}

bool is_host(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](unsigned char c) { return c < 0x80 && (std::isalnum(c) != 0 || c == '.' || c == '-' || c == '_' || c == ':'); });
}

// "host", "host:port", "[::1]:port".
std::optional<Endpoint> parse_one(std::string_view text, std::uint16_t port) {
  Endpoint endpoint{.port = port};
  text = text::trim(text);
  std::string_view number;
  if (text.starts_with('[')) {
    const auto end = text.find(']');
    if (end == std::string_view::npos) return std::nullopt;
    endpoint.host = text.substr(1, end - 1);
    if (text.substr(end + 1).starts_with(':')) number = text.substr(end + 2);
  } else {
    const auto colon = text.rfind(':');
    endpoint.host = text.substr(0, colon);
    if (colon != std::string_view::npos) number = text.substr(colon + 1);
  }
  if (!number.empty()) {
    const auto value = text::to_int(number);
    if (!value || *value < 1 || *value > 65535) return std::nullopt;
    endpoint.port = static_cast<std::uint16_t>(*value);
  }
  if (!is_host(endpoint.host) || endpoint.port == 0) return std::nullopt;
  return endpoint;
}

std::vector<Endpoint> parse_list(std::string_view text, std::uint16_t port) {
  std::vector<Endpoint> all;
  for (const auto part : text::split(text, ',')) {
    auto one = parse_one(part, port);
    if (!one) return {};
    all.push_back(*std::move(one));
  }
  return all;
}

// "host=db port=5433 user=..".
std::vector<Endpoint> parse_words(std::string_view text, std::uint16_t port) {
  std::string_view host, number;
  for (const auto word : text::split(text, ' ')) {
    if (word.starts_with("host=") && host.empty()) host = word.substr(5);
    if (word.starts_with("hostaddr=")) host = word.substr(9);
    if (word.starts_with("port=")) number = word.substr(5);
  }
  if (host.empty() || host.starts_with('/')) return {};  // the folder of a socket
  return parse_list(number.empty() ? std::string(host) : std::string(host) + ":" + std::string(number), port);
}

}  // namespace

std::string Endpoint::text() const {
  return (host.find(':') == std::string::npos ? host : "[" + host + "]") + ":" + std::to_string(port);
}

std::vector<Endpoint> parse_endpoints(std::string_view value, std::uint16_t port) {
  value = text::trim(value);
  if (value.find("host=") != std::string_view::npos || value.find("hostaddr=") != std::string_view::npos) return parse_words(value, port);
  if (const auto at = value.find("@tcp("); at != std::string_view::npos) {
    const auto end = value.find(')', at);
    return end == std::string_view::npos ? std::vector<Endpoint>() : parse_list(value.substr(at + 5, end - at - 5), port);
  }
  bool tls = false;
  if (const auto mark = value.find("://"); mark != std::string_view::npos) {
    const auto scheme = text::lower(value.substr(0, mark));
    if (scheme == "file" || scheme.ends_with("+srv")) return {};
    tls = std::ranges::find(kTlsSchemes, scheme) != kTlsSchemes.end();
    port = port_in(kPortOfScheme, scheme, false).value_or(port);
    std::string list;
    for (auto part : text::split(value, ',')) {  // each may have its own scheme
      if (const auto own = part.find("://"); own != std::string_view::npos) part.remove_prefix(own + 3);
      part = part.substr(0, part.find_first_of("/?"));
      if (const auto at = part.rfind('@'); at != std::string_view::npos) part.remove_prefix(at + 1);
      list.append(list.empty() ? "" : ",").append(part);
    }
    auto all = parse_list(list, port);
    for (auto& endpoint : all) endpoint.tls = tls;
    return all;
  }
  return parse_list(value, port);
}

std::vector<Endpoint> endpoints_of(const ComponentSpec& component, bool& hidden) {
  const auto type = text::lower(component.type);
  hidden = false;
  if (std::ranges::any_of(kHere, [&type](std::string_view part) { return type.find(part) != std::string::npos; })) return {};
  auto port = port_in(kPortOfType, type, true).value_or(0);
  for (const auto* item : {"port", "redisPort"}) {
    const auto own = component.value(item);
    const auto number = own ? text::to_int(*own) : std::nullopt;
    if (number && *number > 0 && *number < 65536) port = static_cast<std::uint16_t>(*number);
  }
  const bool tls = text::truthy(component.value("enableTLS").value_or("")) || text::truthy(component.value("tlsEnable").value_or(""));
  std::vector<Endpoint> all;
  for (const auto& item : component.metadata) {
    if (std::ranges::find(kItems, text::lower(item.name)) == kItems.end()) continue;
    hidden = hidden || item.secret || !item.env.empty();
    for (auto& endpoint : parse_endpoints(item.value, port)) {
      endpoint.tls = endpoint.tls || tls;
      if (std::ranges::find(all, endpoint) == all.end()) all.push_back(std::move(endpoint));
    }
  }
  return all;
}

}  // namespace mecha::cli
