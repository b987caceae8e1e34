#include "runtime/capabilities/pubsub/subscription_list.hpp"

#include <algorithm>

#include "runtime/base/json_read.hpp"
#include "runtime/base/text.hpp"
#include "runtime/base/wire.hpp"
#include "runtime/capabilities/pubsub/rules.hpp"

namespace mecha::pubsub {
namespace {

Result<void> read_routes(const json::Value& element, SubscriptionSpec& spec) {
  std::string route, otherwise;
  MECHA_TRY_VOID(json::read(element, "route", route));
  MECHA_TRY(const auto* routes, json::read_object(element, "routes"));
  if (routes != nullptr) {
    MECHA_TRY(const auto* rules, json::read_array(*routes, "rules"));
    for (std::size_t i = 0; rules != nullptr && i < rules->as_array().size(); ++i) {
      const auto& item = rules->as_array()[i];
      if (item.is_null()) continue;
      if (!item.is_object()) return json::mismatch(item, "rules", "struct");
      RouteRule& rule = spec.rules.emplace_back();
      MECHA_TRY_VOID(json::read(item, "match", rule.match));
      rule.match = std::string(text::trim(rule.match));
      MECHA_TRY_VOID(json::read(item, "path", rule.path));
    }
    MECHA_TRY_VOID(json::read(*routes, "default", otherwise));
  }
  if (otherwise.empty()) otherwise = route;
  if (!otherwise.empty()) spec.rules.push_back({"", otherwise});
  return {};
}

Result<SubscriptionSpec> read_element(const json::Value& element) {
  SubscriptionSpec spec;
  spec.kind = SubscriptionKind::programmatic;
  if (element.is_null()) return spec;
  if (!element.is_object()) return json::mismatch(element, {}, "struct");
  MECHA_TRY_VOID(json::read(element, "pubsubname", spec.pubsub));
  MECHA_TRY_VOID(json::read(element, "topic", spec.topic));
  MECHA_TRY_VOID(json::read(element, "deadLetterTopic", spec.dead_letter_topic));
  MECHA_TRY_VOID(read_routes(element, spec));
  MECHA_TRY_VOID(json::read(element, "metadata", spec.metadata));
  MECHA_TRY(const auto* bulk, json::read_object(element, "bulkSubscribe"));
  if (bulk != nullptr) {
    MECHA_TRY_VOID(json::read(*bulk, "enabled", spec.bulk.enabled));
    MECHA_TRY_VOID(json::read(*bulk, "maxMessagesCount", spec.bulk.messages_max));
    MECHA_TRY_VOID(json::read(*bulk, "maxAwaitDurationMs", spec.bulk.await_ms_max));
  }
  return spec;
}

void read_rules(std::string_view message, SubscriptionSpec& spec) {
  std::string otherwise;
  for (wire::Reader routes(message); routes.next();) {
    if (routes.field() == 2) otherwise = routes.text();
    if (routes.field() != 1) continue;
    RouteRule& rule = spec.rules.emplace_back();
    for (wire::Reader field(routes.bytes()); field.next();) {
      if (field.field() == 1) rule.match = std::string(text::trim(field.bytes()));
      if (field.field() == 2) rule.path = field.text();
    }
  }
  if (!otherwise.empty()) spec.rules.push_back({"", otherwise});
}

void read_bulk(std::string_view message, SubscriptionSpec::Bulk& bulk) {
  for (wire::Reader field(message); field.next();) {
    if (field.field() == 1) bulk.enabled = field.number() != 0;
    if (field.field() == 2) bulk.messages_max = static_cast<int>(field.number());
    if (field.field() == 3) bulk.await_ms_max = static_cast<int>(field.number());
  }
}

SubscriptionSpec read_subscription(std::string_view message) {
  SubscriptionSpec spec;
  spec.kind = SubscriptionKind::programmatic;
  for (wire::Reader field(message); field.next();) {
    switch (field.field()) {
      case 1: spec.pubsub = field.text(); break;
      case 2: spec.topic = field.text(); break;
      case 3: {
        std::string key, value;
        for (wire::Reader entry(field.bytes()); entry.next();) (entry.field() == 1 ? key : value) = entry.text();
        spec.metadata[key] = value;
        break;
      }
      case 5: read_rules(field.bytes(), spec); break;
      case 6: spec.dead_letter_topic = field.text(); break;
      case 7: read_bulk(field.bytes(), spec.bulk); break;
      default: break;
    }
  }
  if (spec.rules.empty()) spec.rules.emplace_back();  // one rule that always holds, without a path
  return spec;
}

bool same_topic(const SubscriptionSpec& a, const SubscriptionSpec& b) {
  return a.pubsub == b.pubsub && a.topic == b.topic;
}

}  // namespace

Result<std::vector<SubscriptionSpec>> read_subscribe_answer(std::string_view body, const Log& log) {
  std::vector<SubscriptionSpec> list;
  if (body.empty()) return list;
  MECHA_TRY(const auto answer, json::parse(body));
  if (answer.is_null()) return list;
  if (!answer.is_array()) return json::mismatch(answer, {}, "slice");
  for (const auto& element : answer.as_array()) {
    MECHA_TRY(auto spec, read_element(element));
    if (spec.rules.empty()) {
      log.warn("subscription without a route: left out", {{"pubsub", spec.pubsub}, {"topic", spec.topic}});
      continue;
    }
    list.push_back(std::move(spec));
  }
  MECHA_TRY_VOID(check_rules(list));
  return list;
}

Result<std::vector<SubscriptionSpec>> read_topic_subscriptions(std::string_view message) {
  std::vector<SubscriptionSpec> list;
  wire::Reader reader(message);
  while (reader.next()) {
    if (reader.field() == 1) list.push_back(read_subscription(reader.bytes()));
  }
  if (!reader.ok()) return fail(Code::internal, "the list of subscriptions cannot be read");
  MECHA_TRY_VOID(check_rules(list));
  return list;
}

Result<void> check_rules(const std::vector<SubscriptionSpec>& list) {
  for (const auto& spec : list) {
    auto rules = Rules::compile(spec.rules);
    if (rules) continue;
    return fail(std::move(rules).error().context("subscription to topic '" + spec.topic + "' on pubsub '" + spec.pubsub + "'"));
  }
  return {};
}

std::vector<SubscriptionSpec> merge_subscriptions(
    const std::vector<SubscriptionSpec>& declarative, const std::vector<SubscriptionSpec>& programmatic
) {
  const auto among = [](const std::vector<SubscriptionSpec>& list, const SubscriptionSpec& spec) {
    return std::ranges::any_of(list, [&spec](const auto& other) { return same_topic(other, spec); });
  };
  std::vector<SubscriptionSpec> merged;
  for (const auto& spec : declarative) {
    if (!among(programmatic, spec) && !among(merged, spec)) merged.push_back(spec);
  }
  for (auto spec = programmatic.begin(); spec != programmatic.end(); ++spec) {
    const bool later = std::any_of(spec + 1, programmatic.end(), [&](const auto& other) { return same_topic(other, *spec); });
    if (!later) merged.push_back(*spec);
  }
  return merged;
}

bool same_subscription(const SubscriptionSpec& a, const SubscriptionSpec& b) {
  return same_topic(a, b) && a.dead_letter_topic == b.dead_letter_topic && a.rules == b.rules &&
         a.metadata == b.metadata && a.bulk == b.bulk && a.kind == b.kind;
}

}  // namespace mecha::pubsub
