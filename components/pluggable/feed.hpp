// Feed: a stream of messages from a component, each answered with what became of it: subscriptions and input bindings.
//
// It goes on for as long as it lives: a stream that breaks is opened again, with growing pauses; one that the component ended
// by itself, when another process has taken its place. What was not answered is the component's to deliver again. Belongs
// to the shard that made it.

#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "components/pluggable/link.hpp"
#include "runtime/async/lanes.hpp"

namespace mecha::pluggable {

// What is to be done about one message. Jobs of one key run one after another.
struct Job {
  std::optional<std::string> key;
  // Gives the request that answers the message; none: it stays unanswered. No coroutine itself: it starts one with values.
  std::function<asio::awaitable<std::optional<std::string>>()> run;
};

struct FeedOptions {
  std::string method;                // "PubSub/PullMessages"
  std::optional<std::string> first;  // sent when the stream opens
  std::string what;                  // for the log: "topic orders"
};

class Feed {
 public:
  using Handler = std::function<Job(std::string message)>;

  Feed(Executor executor, std::shared_ptr<Link> link, FeedOptions options, Log log, Handler handler);

  // Opens the stream. Fails with what the first attempt met, and is stopped then; `patient`: goes on trying instead.
  Async<void> start(bool patient);
  // Takes no more messages, lets jobs that run end within `grace` and sends their answers, then cancels them.
  asio::awaitable<void> stop(std::chrono::steady_clock::duration grace);

 private:
  struct Stream;
  Async<void> open();
  asio::awaitable<void> run();
  asio::awaitable<Result<void>> receive(std::shared_ptr<Stream> stream, bool& took);
  asio::awaitable<void> perform(std::shared_ptr<Stream> stream, std::shared_ptr<Job> job);
  asio::awaitable<void> end_stream(std::chrono::steady_clock::duration grace);

  const Executor executor_;
  const std::shared_ptr<Link> link_;
  const FeedOptions options_;
  const Log log_;
  const Handler handler_;
  Gate gate_;
  const std::size_t in_flight_max_;
  Lanes lanes_;
  std::shared_ptr<Stream> stream_;
  bool stopping_ = false;
};

}  // namespace mecha::pluggable
