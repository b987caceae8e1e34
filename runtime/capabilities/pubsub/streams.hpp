// Subscriptions that the application opens as a stream to us (contract 03, 2.4): events go out on it, verdicts come back by the
// id of the event, in any order. No application port is needed, and its health does not matter.
//
// Ownership: a Stream belongs to the call that opened it and lives on that call's shard; close() comes before its end. The
// registry outlives all of them; its stop() is called on shard 0 and ends them all.

#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <string>

#include "runtime/app/application.hpp"
#include "runtime/async/event.hpp"
#include "runtime/capabilities/pubsub/sink.hpp"

namespace mecha::pubsub {

class Streams;

class Stream {
 public:
  // Sends one serialised TopicEventRequest to the application.
  using Send = std::function<Async<void>(std::string)>;
  ~Stream();

  // The application's verdict on an event; an id that nobody waits for is told in the log and ignored.
  void processed(const std::string& id, std::uint64_t status);
  // The application knows that the stream stands: events may go out from here on.
  void begin();
  // The sidecar wants the stream to end; `hook` runs when it comes to that, on the stream's shard.
  bool ending() const { return ending_; }
  void on_end(std::function<void()> hook) { on_end_ = std::move(hook); }
  // Ends the broker's subscription; events that wait for a verdict have failed.
  asio::awaitable<void> close();

 private:
  friend class Streams;
  struct Parts;
  Stream(Streams& streams, Executor executor, std::unique_ptr<Parts> parts);

  void end() {
    ending_ = true;
    if (on_end_) on_end_();
  }

  Streams& streams_;
  Executor executor_;
  std::function<void()> on_end_;
  bool ending_ = false;
  const Component* broker_;  // told apart by its address
  std::unique_ptr<Parts> parts_;
};

class Streams {
 public:
  explicit Streams(Application& application) : application_(application) {}

  // The broker's subscription stands when this returns; events wait for begin(). Errors: api/errors/pubsub and contract 03, 2.4.
  Async<std::unique_ptr<Stream>> open(RequestScope& scope, SubscriptionSpec spec, Stream::Send send);
  // Every stream ends, the broker keeps what has no verdict; returns when none is left, or after `grace`.
  asio::awaitable<void> stop(std::chrono::steady_clock::duration grace);
  // Hot reload takes the broker away: its streams end with OK, for the application to open new ones. Returns when they are gone,
  // or after 10 s.
  asio::awaitable<void> release(std::shared_ptr<Component> broker);
  std::size_t open_streams() const;

 private:
  friend class Stream;
  bool stopping() const {
    const std::lock_guard lock(mutex_);
    return stopping_;
  }
  void add(Stream* stream);
  void remove(Stream* stream);
  // Wakes a stream on its shard; with the lock held.
  void end(Stream* stream);

  Application& application_;
  mutable std::mutex mutex_;
  std::set<Stream*> live_;
  bool stopping_ = false;
};

}  // namespace mecha::pubsub
