#include "runtime/net/outbox.hpp"

#include <cerrno>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>

#include "runtime/net/system_text.hpp"

namespace mecha::net {
namespace {
constexpr std::size_t kKept = 16 * 1024;  // memory that an idle connection keeps
}

Outbox::Outbox(Stream& stream, std::chrono::milliseconds stall)
    : stream_(stream), stall_(stall), self_(std::make_shared<Outbox*>(this)) {}

Outbox::~Outbox() { *self_ = nullptr; }

Outbox::Sent Outbox::try_send(std::string_view& body, std::string_view& tail) {
  if (stream_.is_tls()) return Sent::some;
  const std::array<asio::const_buffer, 3> parts{
      asio::buffer(pending_), asio::buffer(body), asio::buffer(tail)};
  const auto result = stream_.try_write(parts);
  if (result < 0) return Sent::failed;
  auto sent = static_cast<std::size_t>(result);
  const auto head = std::min(sent, pending_.size());
  if (head == pending_.size()) {
    pending_.clear();
    if (pending_.capacity() > kKept) pending_.shrink_to_fit();
  } else {
    pending_.erase(0, head);
  }
  sent -= head;
  const auto part = std::min(sent, body.size());
  body.remove_prefix(part);
  tail.remove_prefix(sent - part);
  return pending_.empty() && body.empty() && tail.empty() ? Sent::all : Sent::some;
}

Async<void> Outbox::send(std::string_view body, std::string_view tail) {
  if (stall_.count() != 0 && !watchdog_) {
    auto executor = co_await asio::this_coro::executor;
    watchdog_ = std::make_unique<Watchdog>(std::move(executor), [this] { stream_.close(); });
  }
  if (watchdog_) watchdog_->set(stall_);
  if (stream_.is_tls()) {
    const auto head = std::exchange(pending_, {});
    const std::array<asio::const_buffer, 3> parts{
        asio::buffer(head), asio::buffer(body), asio::buffer(tail)};
    MECHA_CO_TRY_VOID(co_await stream_.write(std::span(parts)));
  }
  while (!stream_.is_tls()) {
    const auto sent = try_send(body, tail);
    if (sent == Sent::all) break;
    if (sent == Sent::failed) {
      const boost::system::error_code error(errno, boost::system::system_category());
      co_return fail(socket_failure(stream_.socket(), "write", error));
    }
    const auto [error] = co_await stream_.socket().async_wait(
        Stream::Socket::wait_write, asio::as_tuple(asio::use_awaitable)
    );
    if (error) co_return fail(socket_failure(stream_.socket(), "write", error));
    if (watchdog_) watchdog_->set(stall_);
  }
  if (watchdog_) watchdog_->clear();
  co_return Result<void>();
}

Async<void> Outbox::soon() {
  if (stream_.is_tls()) co_return co_await send({});
  if (posted_) co_return Result<void>();
  posted_ = true;
  asio::post(stream_.socket().get_executor(), [self = self_] {
    if (*self) push(self);
  });
  co_return Result<void>();
}

// Errors are left for the next send() to meet.
void Outbox::push(const std::shared_ptr<Outbox*>& self) {
  auto& box = **self;
  box.posted_ = false;
  std::string_view none, nothing;
  if (box.pending_.empty() || box.try_send(none, nothing) != Sent::some) return;
  box.posted_ = true;
  box.stream_.socket().async_wait(
      Stream::Socket::wait_write, [self](const boost::system::error_code& error) {
        if (!error && *self) push(self);
      }
  );
}

}  // namespace mecha::net
