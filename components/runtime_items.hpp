// Metadata items of a manifest that the runtime reads, not the component: no setting names them, yet they are known.

#pragma once

#include <algorithm>
#include <array>
#include <string_view>

#include "runtime/base/text.hpp"

namespace mecha {

inline bool is_runtime_item(std::string_view category, std::string_view name) {
  struct Item {
    std::string_view category, name;
  };
  static constexpr std::array items{
      Item{"state", "keyPrefix"},
      Item{"state", "actorStateStore"},
      Item{"state", "primaryEncryptionKey"},
      Item{"state", "secondaryEncryptionKey"},
      Item{"state", "outboxPublishPubsub"},
      Item{"state", "outboxPublishTopic"},
      Item{"state", "outboxPubsub"},
      Item{"state", "outboxDiscardWhenMissingState"},
      Item{"lock", "keyPrefix"},
      Item{"pubsub", "consumerID"},
      Item{"pubsub", "allowedTopics"},
      Item{"pubsub", "protectedTopics"},
      Item{"pubsub", "publishingScopes"},
      Item{"pubsub", "subscriptionScopes"},
      Item{"bindings", "direction"},
      Item{"bindings", "route"},
  };
  return std::ranges::any_of(items, [&](const Item& item) {
    return item.category == category && text::equals_nocase(item.name, name);
  });
}

}  // namespace mecha
