// What pubsub.rabbitmq declares at the server: exchanges, queues, bindings (contract 03, 4.4). Exactly as other
// implementations of the API do, since the server refuses a declaration that differs.

#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "components/pubsub/pubsub.hpp"
#include "components/rabbitmq/channel.hpp"

namespace mecha::pubsub {

struct Topology {
  std::string exchange, exchange_kind;
  bool durable = true, deleted_when_unused = true;
  bool dead_letter = false;
  std::string queue;
  std::string queue_type = "classic";
  std::vector<std::string> routing_keys{""};
  std::int64_t length_max = 0, bytes_max = 0;  // 0: no limit
  std::optional<std::int64_t> priority_max;
  bool single_active = false;
};

rabbitmq::Writer declare_exchange(const Topology& topology, bool answered);

// Adds what the subscription's metadata say; the queue is `<consumer>-<topic>` unless they name it.
Result<Topology> subscription_topology(Topology defaults, const std::string& consumer, const Metadata& metadata);
// Exchange, queue, bindings and, where wanted, the dead letter exchange and queue.
Async<void> declare_subscription(std::shared_ptr<rabbitmq::Channel> channel, Topology topology);

}  // namespace mecha::pubsub
