// What every broker must do, whatever it is made of. A backend's test calls pubsub_contract() with a maker of fresh, not yet
// started components of one and the same broker; topics are random, so runs do not meet.

#pragma once

#include <functional>
#include <memory>
#include <string>

#include "components/pubsub/pubsub.hpp"

namespace mecha::conformance {

struct PubSubSubject {
  std::function<std::shared_ptr<pubsub::PubSub>(Shards&)> make;
  bool persistent = true;        // keeps what nobody has read, and what was read but not acknowledged
  bool redelivers_failed = false; // a failed message comes again by itself
  bool metadata = true;           // those of a publish call arrive with the message
  bool parallel = true;           // several messages are handled at once
  bool wildcards = false;
  std::chrono::seconds patience{20};
};

// Uses Catch2 assertions; call it inside a test case.
void pubsub_contract(const PubSubSubject& subject);

}  // namespace mecha::conformance
