// What the application wants to receive: its answer to the subscribe request, and how that joins the declarative
// subscriptions (contract 03, 2.1 to 2.3). Pure.

#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/result.hpp"
#include "runtime/resources/specs.hpp"
#include "runtime/telemetry/log.hpp"

namespace mecha::pubsub {

// Body of GET /dapr/subscribe. Elements without any route are left out with a warning. Fails for what cannot be read and
// for rules that do not compile.
Result<std::vector<SubscriptionSpec>> read_subscribe_answer(std::string_view body, const Log& log);
// A ListTopicSubscriptionsResponse.
Result<std::vector<SubscriptionSpec>> read_topic_subscriptions(std::string_view message);

// Fails with the text of the first rule that does not compile.
Result<void> check_rules(const std::vector<SubscriptionSpec>& list);

// Declarative first, the first of a topic counts; a programmatic one replaces it, and of several the last counts.
std::vector<SubscriptionSpec> merge_subscriptions(
    const std::vector<SubscriptionSpec>& declarative, const std::vector<SubscriptionSpec>& programmatic
);
bool same_subscription(const SubscriptionSpec& a, const SubscriptionSpec& b);

}  // namespace mecha::pubsub
