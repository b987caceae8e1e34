// Settings that all components on Redis share (contract 02, section 2.2), and what the driver makes of them. A component's
// settings inherit from these and join its fields to them by std::tuple_cat.

#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "runtime/net/tls.hpp"
#include "runtime/resources/fields.hpp"

namespace mecha::redis {

using std::chrono::milliseconds;

struct Settings {
  std::string host;
  std::optional<int> port;
  std::string username;
  Secret password;
  int database = 0;
  std::string type = "node";
  bool failover = false;
  std::string sentinel_master, sentinel_username;
  Secret sentinel_password;
  bool tls = false;
  bool insecure = false;
  std::string client_certificate;
  Secret client_key;
  int retries_max = 3;
  std::optional<milliseconds> retry_min;
  std::optional<milliseconds> retry_max;
  milliseconds dial_timeout{5000};
  milliseconds read_timeout{3000};
  std::optional<milliseconds> write_timeout;
  std::optional<int> pool_size;
  int idle_min = 0;
  std::optional<milliseconds> pool_timeout, connection_age_max, idle_timeout, idle_check;
  bool entra_id = false;
  bool oidc = false;

  static constexpr Decoder decoder = Decoder::strict;
  static constexpr std::string_view failure = "redis client configuration error";
  static constexpr auto fields() {
    using S = Settings;
    return std::tuple{
        field("redisHost", &S::host, "Server as host or host:port; localhost:6379 if empty. A list with commas for a cluster or sentinels."),
        field("redisPort", &S::port, "Port, where an entry of redisHost has none.").between(1, 65535),
        field("redisUsername", &S::username, "User of the access control list."),
        field("redisPassword", &S::password, "Password sent with AUTH."),
        field("redisDB", &S::database, "Number of the database; a cluster has only 0."),
        field("redisType", &S::type, "node or cluster; redisHost then names some of its servers.").known("node", "cluster"),
        field("failover", &S::failover, "Sentinel: redisHost names the sentinels, which know the server."),
        field("sentinelMasterName", &S::sentinel_master, "Name of the master at the sentinels; needed with failover."),
        field("sentinelUsername", &S::sentinel_username, "User at the sentinels."),
        field("sentinelPassword", &S::sentinel_password, "Password at the sentinels."),
        field("enableTLS", &S::tls, "TLS, verified by the system's authorities."),
        field("insecureSkipTLSVerify", &S::insecure, "TLS without verification."),
        field("clientCert", &S::client_certificate, "Client certificate, PEM; needs clientKey."),
        field("clientKey", &S::client_key, "Key of the client certificate, PEM."),
        field("redisMaxRetries", &S::retries_max, "Further attempts after a failed dial; -1 for none."),
        field("redisMinRetryInterval", &S::retry_min, "First wait between attempts; -1 for none."),
        field("redisMaxRetryInterval", &S::retry_max, "Longest wait between attempts; -1 for none."),
        field("dialTimeout", &S::dial_timeout, "Limit on one dial."),
        field("readTimeout", &S::read_timeout, "Limit on one answer; -1 for none."),
        field("writeTimeout", &S::write_timeout, "Limit on one write; readTimeout if absent."),
        field("poolSize", &S::pool_size, "Connections allowed; requests are pipelined on a few of them."),
        field("minIdleConns", &S::idle_min, "Accepted; connections are opened when needed."),
        field("poolTimeout", &S::pool_timeout, "Accepted; no call waits for a connection of its own."),
        field("maxConnAge", &S::connection_age_max, "Accepted; connections are kept while they work."),
        field("idleTimeout", &S::idle_timeout, "Accepted; see maxConnAge."),
        field("idleCheckFrequency", &S::idle_check, "Accepted; see maxConnAge."),
        field("useEntraID", &S::entra_id, "Tokens of Entra ID; not built yet."),
        field("useOIDC", &S::oidc, "Tokens of OpenID Connect; not built yet."),
    };
  }
};

struct Address {
  std::string host = "localhost";
  std::uint16_t port = 6379;

  std::string text() const;  // "127.0.0.1:6379", "[::1]:6379"
  auto operator<=>(const Address&) const = default;
};

// "host:port" as servers write it: the last colon counts. Empty when there is no port.
std::optional<Address> parse_address(std::string_view text);

enum class Topology : std::uint8_t { node, cluster, sentinel };

// What a Client needs, checked.
struct Options : Address {
  Topology topology = Topology::node;
  std::vector<Address> hosts;  // servers of the cluster that are asked first; the sentinels
  std::string master_name, sentinel_username, sentinel_password;
  bool must_be_master = false;  // a connection to a replica is none
  std::string unix_path;  // not empty: dialled instead of host and port
  std::string username, password;
  int database = 0;
  std::shared_ptr<net::TlsContext> tls;  // null: in the clear
  int attempts = 4;                      // of a dial
  milliseconds retry_min{8};             // 0: no wait
  milliseconds retry_max{512};
  milliseconds dial_timeout{5000};       // each time limit: 0 is none
  milliseconds read_timeout{3000};
  std::size_t lines = 2;                 // pipelined connections per shard and server
  std::size_t waiting_max = 100'000;     // commands without an answer, per connection

  std::string address() const;  // "127.0.0.1:6379", or the list of hosts
};

// The same for one server of several, and for a sentinel.
Options options_at(const Options& options, const Address& address);
Options sentinel_options_at(const Options& options, const Address& address);

// Fails with "redis client configuration error: ...", also for what is not built yet. `retry_min` is the component's default.
Result<Options> resolve(const Settings& settings, milliseconds retry_min = milliseconds(8));

}  // namespace mecha::redis
