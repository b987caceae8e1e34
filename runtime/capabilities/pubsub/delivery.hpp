// Delivery: takes the messages of one subscription from the broker to the application and says what became of them
// (contract 03, section 3): event, expiration, route, policy, verdict, dead letter.
//
// Lives on the shard of its subscription; any number of messages at once. Outlives the subscription that it serves.

#pragma once

#include <memory>
#include <string>
#include <vector>

#include "components/pubsub/pubsub.hpp"
#include "runtime/app/application.hpp"
#include "runtime/capabilities/pubsub/event.hpp"
#include "runtime/capabilities/pubsub/publisher.hpp"
#include "runtime/capabilities/pubsub/rules.hpp"
#include "runtime/capabilities/pubsub/sink.hpp"

namespace mecha::pubsub {

class Delivery {
 public:
  // `sink` outlives it. `spec->rules` are compiled in `rules`.
  Delivery(
      Application& app,
      std::shared_ptr<const SubscriptionSpec> spec,
      std::shared_ptr<const ComponentSpec> component,
      Rules rules,
      Sink& sink
  );

  asio::awaitable<Verdict> deliver(Message message);
  asio::awaitable<std::vector<Verdict>> deliver_bulk(std::vector<BulkMessage> messages);

  // From here on what fails is left to the broker, and nothing goes to the dead letter topic.
  void stopping() { stopping_ = true; }

 private:
  struct Single;  // one message under way
  struct Bulk;    // one batch under way

  asio::awaitable<Verdict> handle(Single& work);
  Async<void> attempt(Single& work);
  asio::awaitable<Verdict> refuse(Single& work, std::string reason);
  Async<void> bury(RequestScope& scope, const Message& message);
  // " in pubsub b and topic t", for the log.
  std::string where() const;
  void tell_retriable(std::string_view why) const;
  void tell_permanent(std::string_view why) const;
  void tell_unburied(std::string_view why) const;
  void record(RequestScope& scope, std::string_view process, std::string_view status, double milliseconds) const;

  void read_batch(Bulk& work, std::vector<BulkMessage> messages);
  asio::awaitable<void> send_route(Bulk& work, std::string path);
  Async<void> attempt_route(Bulk& work, std::string path);
  asio::awaitable<void> bury_batch(Bulk& work);
  void report(const Bulk& work) const;

  Application& app_;
  const std::shared_ptr<const SubscriptionSpec> kept_;
  const SubscriptionSpec& spec_;
  const std::shared_ptr<const ComponentSpec> component_;
  const Rules rules_;
  Sink& sink_;
  const Log log_;
  Publisher publisher_;
  Result<bool> raw_;
  bool stopping_ = false;
};

}  // namespace mecha::pubsub
