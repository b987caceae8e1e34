// A subscription to configuration: the changes that the application has not taken yet.
#pragma once

#include "testing/hub.h"

namespace mecha::testing::detail {

/// Guarded by the mutex of the hub.
struct Watch {
  using Next = Result<std::optional<ConfigurationItems>>;

  ConfigurationRequest request;
  std::string id;
  std::deque<ConfigurationItems> pending;
  std::shared_ptr<Slot<Next>> waiting;
  bool ended = false;          ///< In order, by `unsubscribe`.
  std::optional<Error> broken;  ///< Otherwise.

  bool wants(const std::string& key) const;
};

/// Tells all watchers of a key. Takes the lock; watchers go on in place.
void tell_change(Hub& hub, const std::string& store, const std::string& key, ConfigurationItem item);

}  // namespace mecha::testing::detail
