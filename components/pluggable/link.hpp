// Link: the runtime's end of one component that lives in a process of its own (contract 06, section 8; docs/adr/0008).
//
// The process may die and come back at any time. A new process knows nothing, so the link greets it (Init and what is
// asked once) before anybody else may call; while it is away, calls fail with what the last attempt met, and each of them
// may bring about the next attempt. Unary calls go over one connection, on shard 0; streams live on their caller's shard.

#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <boost/asio/steady_timer.hpp>

#include "components/component.hpp"
#include "components/pluggable/remote.hpp"
#include "components/pluggable/status.hpp"
#include "runtime/async/event.hpp"
#include "runtime/async/gate.hpp"
#include "runtime/net/grpc.hpp"

namespace mecha::pluggable {

struct LinkOptions {
  Limits limits = {};
  std::chrono::milliseconds pause_first{100}, pause_longest{5000};  // between attempts to reach a process that is away
};

class Link : public std::enable_shared_from_this<Link> {
 public:
  // Says to a fresh process what it must know, with greet_call().
  using Greeting = std::function<Async<void>(Link&)>;

  Link(const ComponentContext& context, std::string socket, Greeting greeting, LinkOptions options = {});
  Link(const ComponentContext& context, const Remote& remote, Greeting greeting)
      : Link(context, remote.socket, std::move(greeting), {.limits = remote.limits}) {}

  // Shard 0. Fails with what the component said to the greeting, or that it cannot be reached.
  Async<void> start();
  // Shard 0. Calls under way fail; streams must have ended.
  asio::awaitable<void> stop();

  // "StateStore/Get" and its message; answers with the bytes of the answer. A status other than OK is an Error as
  // `translate` makes it; a process that cannot be reached is `unavailable`. Any shard.
  using Translate = Error (*)(const net::grpc::Status& status);
  Async<std::string> call(std::string method, std::string message, Translate translate = &status_error);
  // The same within a greeting.
  Async<std::string> greet_call(std::string method, std::string message);
  // A stream, once the process has been greeted. Any shard; it lives there.
  Async<std::unique_ptr<net::grpc::Call>> open(std::string method);

  const Limits& limits() const { return options_.limits; }

  // How often a process has been greeted. Any shard.
  std::uint64_t greeted() const { return greeted_; }
  // Returns when a process has been greeted after the one that greeted() counted. Any shard; cancellable.
  asio::awaitable<void> another(std::uint64_t seen);

 private:
  Async<std::string> call_here(std::string method, std::string message, Translate translate);
  Async<std::string> converse(std::string method, std::string message, Translate translate);
  Async<void> ready();
  Async<void> greet();
  asio::awaitable<void> wait_for(std::uint64_t seen);
  asio::awaitable<void> revive();
  void lost();
  void report(const Error* why);
  net::Headers metadata() const;

  Shards& shards_;
  const Executor home_;
  const std::string name_;
  const std::string socket_;
  const Log log_;
  const std::function<void(std::string)> report_;
  const Greeting greeting_;
  const LinkOptions options_;
  Gate gate_;
  Event changed_;            // an attempt has ended
  asio::steady_timer pause_; // before the next attempt
  std::unique_ptr<net::Client> client_;
  std::optional<Error> why_;  // not ready: what the last attempt met
  std::atomic<std::uint64_t> greeted_ = 0;
  std::uint64_t losses_ = 0;
  std::chrono::steady_clock::time_point tried_{};
  bool up_ = false, reviving_ = false, trying_ = false, stopped_ = false;
};

}  // namespace mecha::pluggable
