// Settings that all components on Kafka share (contract 03, 4.3), and what librdkafka is told of them. A component's settings
// inherit from these and join its fields to them by std::tuple_cat.

#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <tuple>

#include "runtime/resources/fields.hpp"

namespace mecha::kafka {

using std::chrono::milliseconds;

struct Settings {
  std::string brokers;
  std::string consumer_group, consumer_id;
  std::string client_id = "mecha";
  std::string auth_type;
  std::string auth_required;
  std::string sasl_username;
  Secret sasl_password;
  std::string sasl_mechanism = "PLAIN";
  std::string oidc_endpoint, oidc_client, oidc_scopes = "openid", oidc_extensions;
  Secret oidc_secret;
  std::string ca_certificate, client_certificate;
  Secret client_key;
  bool tls_off = false;
  bool skip_verify = false;
  std::string initial_offset = "newest";
  std::string version = "2.0.0";
  std::int64_t message_bytes_max = 1 << 20;
  std::string compression = "none";
  std::string required_acks = "all";
  int producer_retries_max = 5;
  std::optional<bool> consume_retry;
  std::string consume_retry_interval;
  std::string backoff_policy = "constant";
  std::string backoff_duration, backoff_retries_max, backoff_initial, backoff_multiplier, backoff_randomization,
      backoff_interval_max, backoff_elapsed_max;
  milliseconds heartbeat_interval{3000}, session_timeout{10'000};
  std::string rebalance_strategy = "range";
  int channel_buffer_size = 256;
  int fetch_min = 1, fetch_default = 1 << 20;
  milliseconds metadata_refresh{std::chrono::minutes(8)}, keep_alive{0};
  milliseconds dial_timeout{30'000}, read_timeout{30'000}, write_timeout{30'000}, metadata_timeout{0};
  bool escape_headers = false;
  std::string exclude_headers;

  static constexpr auto fields() {
    using S = Settings;
    return std::tuple{
        field("brokers", &S::brokers, "Servers as host:port, separated by commas.").required("kafka error: missing 'brokers' attribute"),
        field("consumerGroup", &S::consumer_group, "Consumer group; consumerID if absent."),
        field("consumerID", &S::consumer_id, "Name of this consumer; the application's id if absent."),
        field("clientId", &S::client_id, "Name told to the servers."),
        field("authType", &S::auth_type, "none, password, mtls, certificate or oidc."),
        field("authRequired", &S::auth_required, "Old form of authType."),
        field("saslUsername", &S::sasl_username, "User of authType password."),
        field("saslPassword", &S::sasl_password, "Password of authType password."),
        field("saslMechanism", &S::sasl_mechanism, "PLAIN, SHA-256 or SHA-512."),
        field("oidcTokenEndpoint", &S::oidc_endpoint, "URL that gives tokens."),
        field("oidcClientID", &S::oidc_client, "Client id of authType oidc."),
        field("oidcClientSecret", &S::oidc_secret, "Client secret of authType oidc."),
        field("oidcScopes", &S::oidc_scopes, "Scopes, separated by commas."),
        field("oidcExtensions", &S::oidc_extensions, "JSON object of further claims."),
        field("caCert", &S::ca_certificate, "Authority that signed the servers' certificates, PEM."),
        field("clientCert", &S::client_certificate, "Client certificate, PEM; needs clientKey."),
        field("clientKey", &S::client_key, "Key of the client certificate, PEM."),
        field("disableTls", &S::tls_off, "No TLS; it is on unless authType is none."),
        field("skipVerify", &S::skip_verify, "TLS without verification."),
        field("initialOffset", &S::initial_offset, "Where a new group begins.").one_of("newest", "oldest"),
        field("version", &S::version, "Accepted; the protocol version is negotiated."),
        field("maxMessageBytes", &S::message_bytes_max, "Largest message that is published.").between(1000, 1'000'000'000),
        field("compression", &S::compression, "Of what is published.").one_of("none", "gzip", "snappy", "lz4", "zstd"),
        field("producerRequiredAcks", &S::required_acks, "Who must have a message.").one_of("all", "local", "none"),
        field("producerRetryMax", &S::producer_retries_max, "Attempts to send again.").between(0, 10'000'000),
        field("consumeRetryEnabled", &S::consume_retry, "Whether a failed message is tried again."),
        field("consumeRetryInterval", &S::consume_retry_interval, "Accepted; joining again is paced by the client."),
        field("backOffPolicy", &S::backoff_policy, "Between attempts.").one_of("constant", "exponential"),
        field("backOffDuration", &S::backoff_duration, "Pause of the constant policy; 5s if absent."),
        field("backOffMaxRetries", &S::backoff_retries_max, "Further attempts; -1, the default, without end."),
        field("backOffInitialInterval", &S::backoff_initial, "First pause of the exponential policy; 500ms if absent."),
        field("backOffMultiplier", &S::backoff_multiplier, "Growth of the pause; 1.5 if absent."),
        field("backOffRandomizationFactor", &S::backoff_randomization, "Share of the pause that is random; 0.5 if absent."),
        field("backOffMaxInterval", &S::backoff_interval_max, "Longest pause; 60s if absent."),
        field("backOffMaxElapsedTime", &S::backoff_elapsed_max, "Time after which the exponential policy ends; 15m if absent."),
        field("heartbeatInterval", &S::heartbeat_interval, "Between signs of life to the group."),
        field("sessionTimeout", &S::session_timeout, "Silence after which a consumer counts as gone."),
        field("consumerGroupRebalanceStrategy", &S::rebalance_strategy, "range, sticky or roundrobin; range for anything else."),
        field("channelBufferSize", &S::channel_buffer_size, "Messages of a partition under way before it is paused.").between(1, 1'000'000),
        field("consumerFetchMin", &S::fetch_min, "Bytes that a fetch waits for.").between(1, 100'000'000),
        field("consumerFetchDefault", &S::fetch_default, "Bytes of a partition that one fetch brings.").between(1, 1'000'000'000),
        field("clientConnectionTopicMetadataRefreshInterval", &S::metadata_refresh, "Between looks at the topics."),
        field("clientConnectionKeepAliveInterval", &S::keep_alive, "Accepted; the system's keep-alive is used when set."),
        field("dialTimeout", &S::dial_timeout, "Limit on one dial."),
        field("readTimeout", &S::read_timeout, "Limit on one answer."),
        field("writeTimeout", &S::write_timeout, "Accepted; see readTimeout."),
        field("metadataTimeout", &S::metadata_timeout, "Accepted."),
        field("escapeHeaders", &S::escape_headers, "Escapes keys and header values of received messages as queries are."),
        field("excludeHeaderMetaRegex", &S::exclude_headers, "Metadata that neither becomes nor comes from headers."),
    };
  }
};

// Configuration of the client library by its own names, for both roles, and what only one of them takes.
struct Config {
  std::map<std::string, std::string> common, producer, consumer;
};

// Fails with the words of the contract, or names what is not built.
Result<Config> make_config(const Settings& settings);

}  // namespace mecha::kafka
