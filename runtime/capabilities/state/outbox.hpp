// Transactional outbox, the side of the transaction (contract 03, sections 6.1 to 6.3): what its upserts tell is published
// to an internal topic before the commit, and the transaction carries a marker for each; OutboxRelay publishes what was
// committed. Stateless; any shard.

#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "components/state/state_store.hpp"
#include "runtime/app/application.hpp"
#include "runtime/telemetry/request_scope.hpp"

namespace mecha::state {

// What the metadata of a store says of its outbox.
struct OutboxConfig {
  std::string pubsub, topic;      // of the events
  std::string internal_pubsub;
  bool discard_missing = false;   // events of transactions that were rolled back are dropped
};

// Empty: the store has no outbox. Names of items match with their case.
std::optional<OutboxConfig> outbox_config(const ComponentSpec& store);

// "<namespace><app id><topic>outbox"
std::string internal_topic(const ApplicationInfo& info, std::string_view topic);

// The keys of markers begin so; they are kept without prefix.
inline constexpr std::string_view kMarkerPrefix = "outbox-";

// Publishes the internal events of the upserts and answers with the operations to commit: without projections, and with the
// markers. The failure's message is the cause alone.
Async<std::vector<Operation>> publish_internal(
    RequestScope& scope, OutboxConfig config, std::vector<Operation> operations
);

}  // namespace mecha::state
