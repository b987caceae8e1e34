// Outbox: bytes on their way out of one HTTP/1.1 connection. Collects a head so that it leaves together with the first
// piece of its body; never later than the next turn of the event loop, whatever the owner waits for.

#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>

#include "runtime/net/stream.hpp"
#include "runtime/net/watchdog.hpp"

namespace mecha::net {

class Outbox {
 public:
  // `stall` limits how long the peer may take no byte; 0: without limit. The stream must outlive this.
  Outbox(Stream& stream, std::chrono::milliseconds stall);
  ~Outbox();
  Outbox(const Outbox&) = delete;
  Outbox& operator=(const Outbox&) = delete;

  // Text that leaves with the next send() or soon().
  std::string& pending() { return pending_; }

  // Pending text, then `body`, then `tail`: what the kernel takes at once; both shrink to what is left. Never for TLS.
  enum class Sent : std::uint8_t { all, some, failed };
  Sent try_send(std::string_view& body, std::string_view& tail);
  // All of it, waiting as long as it takes. One sender at a time.
  Async<void> send(std::string_view body, std::string_view tail = {});
  // Sees to it that pending text leaves even if nobody sends.
  Async<void> soon();

 private:
  static void push(const std::shared_ptr<Outbox*>& self);

  Stream& stream_;
  std::chrono::milliseconds stall_;
  std::string pending_;
  std::shared_ptr<Outbox*> self_;  // what callbacks hold; points to nothing once the outbox is gone
  std::unique_ptr<Watchdog> watchdog_;
  bool posted_ = false;
};

}  // namespace mecha::net
