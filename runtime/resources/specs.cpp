#include "runtime/resources/specs.hpp"

namespace mecha {

bool NameValue::operator==(const NameValue& other) const {
  return name == other.name && value == other.value && has_value == other.has_value && env == other.env &&
         secret == other.secret;
}

bool SubscriptionSpec::operator==(const SubscriptionSpec& other) const {
  return name == other.name && pubsub == other.pubsub && topic == other.topic &&
         dead_letter_topic == other.dead_letter_topic && rules == other.rules && metadata == other.metadata &&
         bulk == other.bulk && kind == other.kind && scopes == other.scopes;
}

bool HttpEndpointSpec::operator==(const HttpEndpointSpec& other) const {
  return name == other.name && name_space == other.name_space && base_url == other.base_url &&
         secret_store == other.secret_store && headers == other.headers && root_ca == other.root_ca &&
         certificate == other.certificate && private_key == other.private_key && renegotiation == other.renegotiation &&
         scopes == other.scopes;
}

// Of repeated items the last wins.
std::optional<std::string_view> ComponentSpec::value(std::string_view item) const {
  const NameValue* found = nullptr;
  for (const auto& candidate : metadata) {
    if (text::equals_nocase(candidate.name, item)) found = &candidate;
  }
  return found == nullptr ? std::nullopt : std::optional<std::string_view>(found->value);
}

std::string ComponentSpec::title() const {
  return name + " (" + type + (version.empty() ? "" : "/" + version) + ")";
}

bool ComponentSpec::operator==(const ComponentSpec& other) const {
  return name == other.name && name_space == other.name_space && type == other.type && version == other.version &&
         ignore_errors == other.ignore_errors && init_timeout == other.init_timeout &&
         secret_store == other.secret_store && scopes == other.scopes && metadata == other.metadata;
}

}  // namespace mecha
