// One subscription of pubsub.jetstream: a push consumer of the stream that holds the subject (contract 03, 4.6), over a
// connection of its own. Connects again for as long as it lives; a consumer without a name goes on behind what was handled.

#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "components/nats/connection.hpp"
#include "components/pubsub/pubsub.hpp"
#include "runtime/async/lanes.hpp"
#include "runtime/base/json.hpp"

namespace mecha::pubsub {

struct JetStreamOptions {
  std::string api = "$JS.API";
  std::string stream;           // empty: looked up by the subject
  std::string durable, group;
  json::Object config;          // of the consumer, without names and subjects
  std::optional<std::chrono::nanoseconds> failure_delay;  // before a failed message comes again
  std::chrono::milliseconds heartbeat{0};
  std::size_t parallel = 1;
};

// Asks the API of JetStream; an error of its answer is a failure, with the server's words.
Async<json::Value> ask_jetstream(std::shared_ptr<nats::Connection> connection, std::string subject, json::Object request);
// A message and the server's word that it is stored. Tries again while no stream answers.
Async<void> publish_jetstream(std::shared_ptr<nats::Connection> connection, std::string subject, std::string headers, std::string data);

class JetStreamFeed final : public Subscription {
 public:
  JetStreamFeed(
      Executor executor, std::shared_ptr<const nats::Options> server, JetStreamOptions options, Log log, std::string subject,
      Handler handler
  );

  // Returns when the consumer is there; fails with what the first attempt met, and is stopped then.
  Async<void> start();
  asio::awaitable<void> stop(std::chrono::steady_clock::duration grace) override;

 private:
  struct Work {
    nats::Item item;
    std::uint64_t sequence = 0;  // in the stream
  };

  asio::awaitable<void> run();
  Async<void> open();
  Async<void> find_or_make_consumer();
  Async<void> make_consumer();
  Async<void> receive();
  bool is_control(const nats::Item& item);
  asio::awaitable<void> handle(std::shared_ptr<nats::Connection> connection, std::shared_ptr<Work> work);
  void give_back(nats::Connection& connection);
  asio::awaitable<void> keep_waiting();
  asio::awaitable<void> watch_heartbeats();

  Executor executor_;
  std::shared_ptr<const nats::Options> server_;
  JetStreamOptions options_;
  const Log log_;
  const std::string subject_;
  const Handler handler_;
  Gate gate_;
  Lanes lanes_;
  std::shared_ptr<nats::Connection> connection_;
  std::string consumer_;                          // its name at the server
  std::chrono::nanoseconds ack_wait_{std::chrono::seconds(30)};
  std::chrono::steady_clock::time_point heard_{};
  std::uint64_t last_sequence_ = 0;
  std::multimap<std::uint64_t, std::string> unsettled_;  // sequence: reply subject; empty once its work has begun
  bool stopping_ = false;
};

}  // namespace mecha::pubsub
