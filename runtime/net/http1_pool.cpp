// The pool of HTTP/1.1 connections to one peer.

#include <algorithm>

#include <boost/asio/as_tuple.hpp>
#include <sys/socket.h>

#include "runtime/net/dial.hpp"
#include "runtime/net/http1_client.hpp"

namespace mecha::net {
namespace {

constexpr std::size_t kIdleMemory = 16 * 1024;

// Nothing may come on an idle connection: bytes or an end make it useless.
bool is_quiet(Stream& stream) {
  char byte = 0;
  const auto count =
      ::recv(stream.socket().native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  if (count >= 0) return false;
  return errno == EAGAIN || errno == EWOULDBLOCK;
}

}  // namespace

// Counts a connection from before it is dialled; gives the place back unless it is kept.
struct Http1Pool::Slot {
  explicit Slot(Http1Pool& p) : pool(&p) { ++p.open_; }
  ~Slot() {
    if (pool) pool->release_slot();
  }
  Slot(const Slot&) = delete;
  Slot& operator=(const Slot&) = delete;
  void keep() { pool = nullptr; }
  Http1Pool* pool;
};

Http1Pool::Http1Pool(Executor executor, std::shared_ptr<ClientSettings> settings)
    : executor_(std::move(executor)), settings_(std::move(settings)), timer_(executor_) {}

Async<std::unique_ptr<ClientCall>> Http1Pool::open(RequestHead head) {
  const auto self = shared_from_this();
  auto connection = take_idle();
  if (!connection) {
    MECHA_CO_TRY(connection, co_await acquire(false));
  }
  auto call = make_http1_call(self, std::move(connection), std::move(head));
  MECHA_CO_TRY_VOID(co_await begin_http1_call(*call));
  co_return std::move(call);
}

std::unique_ptr<Http1Connection> Http1Pool::take_idle() {
  while (!idle_.empty()) {
    auto connection = std::move(idle_.back());
    idle_.pop_back();
    if (connection->generation == settings_->generation && is_quiet(connection->stream)) {
      connection->reused = true;
      return connection;
    }
    discard(std::move(connection));
  }
  return nullptr;
}

Async<std::unique_ptr<Http1Connection>> Http1Pool::acquire(bool fresh) {
  const auto self = shared_from_this();
  for (;;) {
    if (auto connection = fresh ? nullptr : take_idle()) co_return std::move(connection);
    if (open_ < settings_->options.connections_max) break;
    if (!idle_.empty()) {  // fresh ones are asked for, and only used ones are there
      discard(std::move(idle_.front()));
      idle_.erase(idle_.begin());
      continue;
    }
    const auto waiter = std::make_shared<asio::steady_timer>(
        executor_, asio::steady_timer::time_point::max()
    );
    waiters_.push_back(waiter);
    struct Leave {  // also when the wait is cancelled: a wake-up meant for us goes to the next
      Http1Pool& pool;
      std::shared_ptr<asio::steady_timer> waiter;
      ~Leave() { std::erase(pool.waiters_, waiter); }
    };
    {
      const Leave leave{*this, waiter};
      co_await waiter->async_wait(asio::as_tuple(asio::use_awaitable));
    }
    const auto state = co_await asio::this_coro::cancellation_state;
    if (state.cancelled() != asio::cancellation_type::none) {
      wake_one();
      co_return fail(Code::cancelled, "context canceled");
    }
  }
  Slot slot(*this);
  const auto generation = settings_->generation.load();
  MECHA_CO_TRY(auto stream, co_await dial(settings_->origin, settings_->options));
  slot.keep();
  auto connection = std::make_unique<Http1Connection>(
      std::move(stream), settings_->options.response_header_bytes_max
  );
  connection->generation = generation;
  co_return std::move(connection);
}

void Http1Pool::give_back(std::unique_ptr<Http1Connection> connection) {
  const bool stale = connection->generation != settings_->generation;
  if (stale || idle_.size() >= settings_->options.idle_max) return discard(std::move(connection));
  connection->inbox.shrink(kIdleMemory);
  connection->idle_since = std::chrono::steady_clock::now();
  idle_.push_back(std::move(connection));
  if (!armed_) arm();
  wake_one();
}

void Http1Pool::discard(std::unique_ptr<Http1Connection> connection) {
  connection.reset();
  release_slot();
}

void Http1Pool::release_slot() {
  --open_;
  wake_one();
}

void Http1Pool::wake_one() {
  if (waiters_.empty()) return;
  waiters_.front()->cancel();
  waiters_.pop_front();
}

void Http1Pool::drop_idle() {
  auto dropped = std::exchange(idle_, {});
  for (auto& connection : dropped) discard(std::move(connection));
  timer_.cancel();
}

void Http1Pool::arm() {
  if (settings_->options.idle_timeout.count() == 0) return;
  armed_ = true;
  timer_.expires_at(idle_.front()->idle_since + settings_->options.idle_timeout);
  timer_.async_wait([weak = weak_from_this()](const boost::system::error_code&) {
    if (const auto self = weak.lock()) self->expire();
  });
}

// The oldest are in front: they were given back first and never taken since.
void Http1Pool::expire() {
  armed_ = false;
  const auto limit = std::chrono::steady_clock::now() - settings_->options.idle_timeout;
  const auto fresh = std::ranges::find_if(idle_, [&](const auto& connection) {
    return connection->idle_since > limit;
  });
  std::vector<std::unique_ptr<Http1Connection>> old(
      std::make_move_iterator(idle_.begin()), std::make_move_iterator(fresh)
  );
  idle_.erase(idle_.begin(), fresh);
  for (auto& connection : old) discard(std::move(connection));
  if (!idle_.empty()) arm();
}

}  // namespace mecha::net
