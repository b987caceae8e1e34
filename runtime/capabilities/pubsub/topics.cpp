#include "runtime/capabilities/pubsub/topics.hpp"

#include <algorithm>

#include "runtime/base/text.hpp"

namespace mecha::pubsub {
namespace {

std::string without_blanks(std::string_view text) { return text::replace_all(text, " ", ""); }

bool holds(std::string_view list, std::string_view topic) {
  const auto parts = text::split(list, ',');
  return std::ranges::find(parts, topic) != parts.end();
}

// Whether the list "app1=t1,t2;app2=" names the application, and whether it gives it the topic.
struct Grant {
  bool named = false;
  bool given = false;
};

Grant grant_of(std::string_view scopes, std::string_view app_id, std::string_view topic) {
  Grant grant;
  for (const auto entry : text::split(scopes, ';')) {
    const auto equals = entry.find('=');
    if (equals == std::string_view::npos || entry.substr(0, equals) != app_id) continue;
    grant.named = true;
    grant.given = grant.given || holds(entry.substr(equals + 1), topic);
  }
  return grant;
}

}  // namespace

bool topic_allowed(const ComponentSpec& spec, std::string_view app_id, std::string_view topic, Direction direction) {
  const auto allowed = without_blanks(spec.value("allowedTopics").value_or(""));
  if (!allowed.empty() && !holds(allowed, topic)) return false;
  const auto scopes = spec.value(direction == Direction::publish ? "publishingScopes" : "subscriptionScopes");
  const auto grant = grant_of(without_blanks(scopes.value_or("")), app_id, topic);
  const auto guarded = without_blanks(spec.value("protectedTopics").value_or(""));
  if (!grant.named && (guarded.empty() || !holds(guarded, topic))) return true;
  return grant.given;
}

std::string broker_topic(const ComponentSpec& spec, const ApplicationInfo& info, std::string_view topic) {
  return spec.namespace_scoped ? info.identity_name_space + std::string(topic) : std::string(topic);
}

std::string own_topic(const ComponentSpec& spec, const ApplicationInfo& info, std::string topic) {
  if (!spec.namespace_scoped || info.identity_name_space.empty()) return topic;
  const auto place = topic.find(info.identity_name_space);
  if (place != std::string::npos) topic.erase(place, info.identity_name_space.size());
  return topic;
}

}  // namespace mecha::pubsub
