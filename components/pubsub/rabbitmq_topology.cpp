#include "components/pubsub/rabbitmq_topology.hpp"

#include <algorithm>

namespace mecha::pubsub {
namespace {

using rabbitmq::Channel;
using rabbitmq::Method;
using rabbitmq::Table;
using rabbitmq::Writer;

constexpr std::int64_t kPriorityMost = 255;

// Bits of queue.declare and of exchange.declare.
constexpr int kQueueDurable = 2, kQueueAutoDelete = 8;
constexpr int kExchangeDurable = 2, kExchangeAutoDelete = 4, kExchangeNoWait = 16;

Writer declare_exchange(const std::string& name, const std::string& kind, bool durable, bool auto_delete, bool answered) {
  const int flags = (durable ? kExchangeDurable : 0) | (auto_delete ? kExchangeAutoDelete : 0) | (answered ? 0 : kExchangeNoWait);
  Writer writer(Method::exchange_declare);
  writer.u16(0).short_text(name).short_text(kind).u8(static_cast<std::uint8_t>(flags)).table({});
  return writer;
}

Async<void> declare_queue(std::shared_ptr<Channel> channel, std::string name, bool durable, bool auto_delete, Table arguments) {
  Writer writer(Method::queue_declare);
  const int flags = (durable ? kQueueDurable : 0) | (auto_delete ? kQueueAutoDelete : 0);
  writer.u16(0).short_text(name).u8(static_cast<std::uint8_t>(flags)).table(arguments);
  co_return co_await channel->call(std::move(writer), Method::queue_declare_ok);
}

Async<void> bind_queue(std::shared_ptr<Channel> channel, std::string queue, std::string exchange, std::string routing_key) {
  Writer writer(Method::queue_bind);
  writer.u16(0).short_text(queue).short_text(exchange).short_text(routing_key).u8(0).table({});
  co_return co_await channel->call(std::move(writer), Method::queue_bind_ok);
}

Table length_limits(const Topology& topology) {
  Table arguments;
  if (topology.length_max > 0) arguments["x-max-length"] = {topology.length_max};
  if (topology.bytes_max > 0) arguments["x-max-length-bytes"] = {topology.bytes_max};
  return arguments;
}

Async<void> declare_dead_letters(std::shared_ptr<Channel> channel, Topology topology) {
  const auto exchange = "dlx-" + topology.queue, queue = "dlq-" + topology.queue;
  MECHA_CO_TRY_VOID(co_await channel->call(
      declare_exchange(exchange, "fanout", true, topology.deleted_when_unused, true), Method::exchange_declare_ok
  ));
  auto arguments = length_limits(topology);
  arguments["x-queue-mode"] = {std::string("lazy")};
  MECHA_CO_TRY_VOID(co_await declare_queue(channel, queue, true, topology.deleted_when_unused, std::move(arguments)));
  co_return co_await bind_queue(channel, queue, exchange, "");
}

std::unexpected<Error> wrong(std::string_view name, const std::string& value) {
  return fail(
      Code::invalid_argument, "rabbitmq pub/sub error: " + std::string(name) + " of the subscription cannot be \"" + value + "\""
  );
}

Result<std::optional<std::int64_t>> number_of(const Metadata& metadata, std::string_view name) {
  const auto item = metadata.find(name);
  if (item == metadata.end() || item->second.empty()) return std::optional<std::int64_t>();
  const auto number = text::to_int(item->second);
  if (!number || *number < 0) return wrong(name, item->second);
  return std::optional(*number);
}

std::string text_of(const Metadata& metadata, std::string_view name) {
  const auto item = metadata.find(name);
  return item == metadata.end() ? std::string() : item->second;
}

}  // namespace

rabbitmq::Writer declare_exchange(const Topology& topology, bool answered) {
  return declare_exchange(topology.exchange, topology.exchange_kind, topology.durable, topology.deleted_when_unused, answered);
}

Result<Topology> subscription_topology(Topology topology, const std::string& consumer, const Metadata& metadata) {
  topology.queue = text_of(metadata, "queueName");
  if (topology.queue.empty()) topology.queue = consumer + "-" + topology.exchange;
  if (const auto type = text_of(metadata, "queueType"); !type.empty()) {
    if (type != "classic" && type != "quorum") return wrong("queueType", type);
    topology.queue_type = type;
  }
  topology.routing_keys.clear();
  const auto keys = text_of(metadata, "routingKey");
  for (const auto key : text::split(keys, ',')) topology.routing_keys.emplace_back(key);
  MECHA_TRY(const auto length, number_of(metadata, "maxLen"));
  MECHA_TRY(const auto bytes, number_of(metadata, "maxLenBytes"));
  MECHA_TRY(topology.priority_max, number_of(metadata, "maxPriority"));
  if (length) topology.length_max = *length;
  if (bytes) topology.bytes_max = *bytes;
  if (topology.priority_max) topology.priority_max = std::min(*topology.priority_max, kPriorityMost);
  topology.single_active = text::truthy(text_of(metadata, "singleActiveConsumer"));
  return topology;
}

Async<void> declare_subscription(std::shared_ptr<Channel> channel, Topology topology) {
  MECHA_CO_TRY_VOID(co_await channel->call(declare_exchange(topology, true), Method::exchange_declare_ok));
  auto arguments = length_limits(topology);
  arguments["x-queue-type"] = {topology.queue_type};
  if (topology.dead_letter) {
    MECHA_CO_TRY_VOID(co_await declare_dead_letters(channel, topology));
    arguments["x-dead-letter-exchange"] = {"dlx-" + topology.queue};
  }
  if (topology.priority_max) arguments["x-max-priority"] = {*topology.priority_max};
  if (topology.single_active) arguments["x-single-active-consumer"] = {true};
  MECHA_CO_TRY_VOID(
      co_await declare_queue(channel, topology.queue, topology.durable, topology.deleted_when_unused, std::move(arguments))
  );
  for (const auto& key : topology.routing_keys) {
    MECHA_CO_TRY_VOID(co_await bind_queue(channel, topology.queue, topology.exchange, key));
  }
  co_return Result<void>{};
}

}  // namespace mecha::pubsub
