// Channel: one connection to a RabbitMQ server with one channel on it. Publishers and consumers have one each, so that a
// server that slows publishers down does not hold back acknowledgements.
//
// Lives on one shard. It breaks once, with the server's words if there are any, and all that waits fails with them; whoever
// uses it opens another one. close() comes before its end, also after it broke.

#pragma once

#include <chrono>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "components/rabbitmq/address.hpp"
#include "components/rabbitmq/frames.hpp"
#include "runtime/async/event.hpp"
#include "runtime/async/gate.hpp"
#include "runtime/net/duplex.hpp"

namespace mecha::rabbitmq {

struct Delivery {
  std::uint64_t tag = 0;
  std::string routing_key;
  Properties properties;
  std::string body;
};

class Channel {
 public:
  explicit Channel(Executor executor);

  // Dials, logs in, opens the channel; 30 s at most.
  static Async<std::shared_ptr<Channel>> open(Executor executor, std::shared_ptr<const Options> options);
  // A method and its answer.
  Async<void> call(Writer method, Method answer);
  // A method that has no answer.
  void cast(const Writer& method);

  // Publishing is confirmed by the server from here on.
  Async<void> select_confirms();
  // Returns when the server has the message; where confirms are not selected, when it has left.
  Async<void> publish(std::string exchange, std::string routing_key, Properties properties, std::string body);

  // The next message of basic.consume. Reading pauses while many wait here.
  Async<Delivery> next();
  void acknowledge(std::uint64_t tag);
  void reject(std::uint64_t tag, bool requeue);
  Async<void> flushed();

  bool broken() const { return broken_.has_value(); }
  // Breaks it, as if the server had gone.
  void cut(Error why);
  // Says goodbye when it is whole; joins. Safe to call again.
  asio::awaitable<void> close();

 private:
  struct Confirm {
    explicit Confirm(Executor executor) : settled(std::move(executor)) {}
    Event settled;
    bool accepted = false;
  };

  void begin();
  Async<void> wait_for_answer();
  Async<void> connect(std::shared_ptr<const Options> options);
  Async<void> log_in(const Options& options);
  Async<Frame> read_frame();
  Async<std::string> expect(Method method);
  asio::awaitable<void> read_loop();
  asio::awaitable<void> heartbeat_loop();
  Result<void> take(Frame frame);
  Result<void> take_method(std::string_view payload);
  Result<void> take_content();
  void confirm(std::string_view arguments, bool accepted);

  Executor executor_;
  Gate gate_;
  std::unique_ptr<net::Duplex> duplex_;
  std::size_t frame_max_ = 131072;
  FrameReader frames_;
  std::chrono::milliseconds heartbeat_{0};
  std::chrono::steady_clock::time_point heard_{};
  bool reading_ = false;  // waits for bytes: silence counts
  std::optional<Error> broken_;

  Semaphore calling_;
  std::optional<Method> expected_;
  Event answered_;

  bool confirms_ = false;
  std::uint64_t published_ = 0;
  std::map<std::uint64_t, std::shared_ptr<Confirm>> unconfirmed_;

  std::optional<Delivery> incoming_;  // its header or body is still to come
  std::optional<std::uint64_t> size_;
  std::deque<Delivery> waiting_;
  Event changed_;
};

}  // namespace mecha::rabbitmq
