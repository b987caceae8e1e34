// Duplex: a wire for protocols in which both sides talk at any time. Many coroutines of one shard send, one reads; what is
// sent in one turn of the event loop leaves in one write.

#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "runtime/async/event.hpp"
#include "runtime/async/gate.hpp"
#include "runtime/net/wire.hpp"

namespace mecha::net {

// Lives on one shard. close() comes before its end.
class Duplex {
 public:
  Duplex(std::shared_ptr<Wire> wire, Executor executor);

  // Queues bytes; nothing happens once it is broken or closed.
  void send(std::string_view bytes);
  // Returns when all that was queued by now is with the kernel, or fails because the wire broke first.
  Async<void> flushed();
  // The next bytes, valid until the next read; fails with "EOF" at an orderly end. One reader at a time.
  Async<std::string_view> read();

  // At once: what is under way fails.
  void cut();
  bool broken() const { return broken_; }
  // Cuts and joins.
  asio::awaitable<void> close();

 private:
  asio::awaitable<void> write_loop();

  std::shared_ptr<Wire> wire_;
  Gate gate_;
  Event changed_;
  std::string out_;
  std::uint64_t queued_ = 0, written_ = 0;  // bytes
  bool broken_ = false;
  std::array<char, 16384> buffer_;
};

}  // namespace mecha::net
