#include "runtime/net/duplex.hpp"

#include <utility>

namespace mecha::net {

Duplex::Duplex(std::shared_ptr<Wire> wire, Executor executor)
    : wire_(std::move(wire)), gate_(executor), changed_(executor) {
  spawn(gate_, executor, write_loop());
}

void Duplex::send(std::string_view bytes) {
  if (broken_) return;
  out_ += bytes;
  queued_ += bytes.size();
  changed_.pulse();
}

Async<void> Duplex::flushed() {
  const auto target = queued_;
  while (written_ < target && !broken_) co_await changed_.wait();
  if (written_ < target) co_return fail(Code::unavailable, "EOF");
  co_return Result<void>{};
}

asio::awaitable<void> Duplex::write_loop() {
  while (!broken_) {
    if (out_.empty()) {
      co_await changed_.wait();
      continue;
    }
    const auto bytes = std::exchange(out_, {});
    const auto done = co_await wire_->write(bytes);
    if (!done) {
      cut();
      co_return;
    }
    written_ += bytes.size();
    changed_.pulse();
  }
}

Async<std::string_view> Duplex::read() {
  if (broken_) co_return fail(Code::unavailable, "EOF");
  auto size = co_await wire_->read_some(buffer_.data(), buffer_.size());
  if (size && *size > 0) co_return std::string_view(buffer_.data(), *size);
  cut();
  if (!size) co_return fail(std::move(size).error());
  co_return fail(Code::unavailable, "EOF");
}

void Duplex::cut() {
  if (std::exchange(broken_, true)) return;
  wire_->close();
  changed_.pulse();
}

asio::awaitable<void> Duplex::close() {
  cut();
  co_await gate_.close(std::chrono::seconds(0));
}

}  // namespace mecha::net
