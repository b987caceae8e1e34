#include "components/kafka/settings.hpp"

#include <algorithm>

#include "runtime/base/json.hpp"
#include "runtime/base/text.hpp"

namespace mecha::kafka {
namespace {

using Items = std::map<std::string, std::string>;

std::unexpected<Error> wrong(std::string text) {
  return fail(Code::invalid_argument, "kafka error: " + std::move(text));
}

std::string ms(milliseconds time) { return std::to_string(time.count()); }

// authType, or what its old form says.
Result<std::string> auth_type(const Settings& settings) {
  if (!settings.auth_type.empty()) return text::lower(settings.auth_type);
  if (settings.auth_required.empty()) return wrong("'authType' attribute was missing or empty");
  const auto required = text::strict_bool(settings.auth_required);
  if (!required) return wrong("invalid value for 'authRequired' attribute");
  if (!*required) return "none";
  return settings.sasl_password.empty() ? "mtls" : "password";
}

bool is_pem(std::string_view text) { return text.empty() || text.contains("-----BEGIN "); }

// Also of what is not used: TLS may be off.
Result<void> check_tls(const Settings& s) {
  if (!is_pem(s.ca_certificate)) return wrong("invalid ca certificate");
  if (!is_pem(s.client_certificate)) return wrong("invalid client certificate");
  if (!is_pem(s.client_key.reveal())) return wrong("invalid client key");
  if (s.client_certificate.empty() != s.client_key.empty()) return wrong("clientKey or clientCert is missing");
  return {};
}

void put_tls(const Settings& s, Items& items) {
  if (!s.ca_certificate.empty()) items["ssl.ca.pem"] = s.ca_certificate;
  if (!s.client_certificate.empty()) {
    items["ssl.certificate.pem"] = s.client_certificate;
    items["ssl.key.pem"] = s.client_key.reveal();
  }
  if (s.skip_verify) items["enable.ssl.certificate.verification"] = "false";
}

bool all_numbers(std::string_view text, std::size_t count) {
  const auto parts = text::split(text, '.');
  return parts.size() == count && std::ranges::all_of(parts, [](std::string_view part) {
           return !part.empty() && part.find_first_not_of("0123456789") == std::string_view::npos;
         });
}

// The protocol is negotiated and the pace of joining again is the client's: what they say is only checked.
Result<void> check_unused(const Settings& s) {
  if (!s.version.empty() && !all_numbers(s.version, s.version.starts_with('0') ? 4 : 3)) return wrong("invalid kafka version");
  if (!s.consume_retry_interval.empty() && !text::duration_or(s.consume_retry_interval, milliseconds(1))) {
    return wrong("invalid value for 'consumeRetryInterval' attribute: " + s.consume_retry_interval);
  }
  return {};
}

constexpr std::string_view kExtensions = "improper OIDC Extensions format for authType 'oidc'";

Result<void> put_oidc(const Settings& s, Items& items) {
  if (s.oidc_endpoint.empty()) return wrong("missing OIDC Token Endpoint for authType 'oidc'");
  if (s.oidc_client.empty()) return wrong("missing OIDC Client ID for authType 'oidc'");
  if (s.oidc_secret.empty()) return wrong("missing OIDC Client Secret for authType 'oidc'");
  items["sasl.mechanisms"] = "OAUTHBEARER";
  items["sasl.oauthbearer.method"] = "oidc";
  items["sasl.oauthbearer.token.endpoint.url"] = s.oidc_endpoint;
  items["sasl.oauthbearer.client.id"] = s.oidc_client;
  items["sasl.oauthbearer.client.secret"] = s.oidc_secret.reveal();
  items["sasl.oauthbearer.scope"] = text::replace_all(s.oidc_scopes, ",", " ");
  if (s.oidc_extensions.empty()) return {};
  const auto object = json::parse(s.oidc_extensions, true);
  if (!object || !object->is_object() || object->as_object().empty()) return wrong(std::string(kExtensions));
  std::string list;
  for (const auto& [key, value] : object->as_object()) {
    if (!value.is_string()) return wrong(std::string(kExtensions));
    list.append(list.empty() ? "" : ",").append(key).append("=").append(value.as_string());
  }
  items["sasl.oauthbearer.extensions"] = list;
  return {};
}

Result<void> put_password(const Settings& s, Items& items) {
  if (s.sasl_username.empty()) return wrong("missing SASL Username for authType 'password'");
  if (s.sasl_password.empty()) return wrong("missing SASL Password for authType 'password'");
  items["sasl.mechanisms"] = s.sasl_mechanism == "SHA-256"   ? "SCRAM-SHA-256"
                             : s.sasl_mechanism == "SHA-512" ? "SCRAM-SHA-512"
                                                             : "PLAIN";
  items["sasl.username"] = s.sasl_username;
  items["sasl.password"] = s.sasl_password.reveal();
  return {};
}

Result<void> put_security(const Settings& s, Items& items) {
  MECHA_TRY(const auto type, auth_type(s));
  // Exactly "none" switches TLS off, as the contract has it.
  const bool tls = !s.tls_off && s.auth_type != "none" && !(s.auth_type.empty() && type == "none");
  bool sasl = false;
  if (type == "password") {
    sasl = true;
    MECHA_TRY_VOID(put_password(s, items));
  } else if (type == "oidc") {
    sasl = true;
    MECHA_TRY_VOID(put_oidc(s, items));
  } else if (type == "mtls" || type == "certificate") {
    if (s.ca_certificate.empty() && type == "certificate") {
      return fail(Code::invalid_argument, "missing CA certificate property 'caCert' for authType 'certificate'");
    }
  } else if (type == "oidc_private_key_jwt" || type == "awsiam") {
    return wrong("authType '" + type + "' is not in this build");
  } else if (type != "none") {
    return wrong("invalid value for 'authType' attribute");
  }
  MECHA_TRY_VOID(check_tls(s));
  if (tls) put_tls(s, items);
  items["security.protocol"] = sasl ? (tls ? "sasl_ssl" : "sasl_plaintext") : (tls ? "ssl" : "plaintext");
  return {};
}

void put_producer(const Settings& s, Items& items) {
  items["message.max.bytes"] = std::to_string(s.message_bytes_max);
  items["compression.codec"] = s.compression;
  items["acks"] = s.required_acks == "all" ? "-1" : s.required_acks == "local" ? "1" : "0";
  // Order holds over retries, and a retry is no second message.
  items["enable.idempotence"] = s.required_acks == "all" && s.producer_retries_max > 0 ? "true" : "false";
  items["message.send.max.retries"] = std::to_string(s.producer_retries_max);
  items["message.timeout.ms"] = "30000";
  items["partitioner"] = "fnv1a_random";
  items["sticky.partitioning.linger.ms"] = "0";  // without a key: a random partition per message
  items["linger.ms"] = "0";
}

void put_consumer(const Settings& s, Items& items) {
  items["group.id"] = s.consumer_group.empty() ? s.consumer_id : s.consumer_group;
  items["auto.offset.reset"] = text::equals_nocase(s.initial_offset, "oldest") ? "earliest" : "latest";
  items["enable.auto.commit"] = "true";
  items["auto.commit.interval.ms"] = "1000";
  items["enable.auto.offset.store"] = "false";  // stored when the work is done
  items["allow.auto.create.topics"] = "true";
  items["session.timeout.ms"] = ms(s.session_timeout);
  items["heartbeat.interval.ms"] = ms(s.heartbeat_interval);
  items["fetch.min.bytes"] = std::to_string(s.fetch_min);
  items["max.partition.fetch.bytes"] = std::to_string(s.fetch_default);
  items["queued.max.messages.kbytes"] = "16384";
  const auto strategy = text::lower(s.rebalance_strategy);
  items["partition.assignment.strategy"] = strategy == "roundrobin" ? "roundrobin" : strategy == "sticky" ? "cooperative-sticky" : "range";
}

}  // namespace

Result<Config> make_config(const Settings& settings) {
  Config config;
  config.common["bootstrap.servers"] = settings.brokers;
  config.common["client.id"] = settings.client_id;
  config.common["topic.metadata.refresh.interval.ms"] = ms(settings.metadata_refresh);
  config.common["socket.connection.setup.timeout.ms"] = ms(settings.dial_timeout);
  config.common["socket.timeout.ms"] = ms(settings.read_timeout);
  config.common["socket.keepalive.enable"] = settings.keep_alive.count() > 0 ? "true" : "false";
  config.common["socket.nagle.disable"] = "true";
  MECHA_TRY_VOID(put_security(settings, config.common));
  MECHA_TRY_VOID(check_unused(settings));
  put_producer(settings, config.producer);
  put_consumer(settings, config.consumer);
  return config;
}

}  // namespace mecha::kafka
