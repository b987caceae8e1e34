#include "runtime/net/http2_pool.hpp"

#include <algorithm>

#include "runtime/net/dial.hpp"

namespace mecha::net {

Http2Pool::Http2Pool(Executor executor, std::shared_ptr<ClientSettings> settings)
    : executor_(std::move(executor)),
      settings_(std::move(settings)),
      changed_(executor_),
      timer_(executor_) {}

// The first with room: few busy connections rather than many idle ones.
std::shared_ptr<Http2Connection> Http2Pool::usable() {
  for (const auto& [connection, generation] : entries_) {
    if (generation != settings_->generation || !connection->usable()) continue;
    if (connection->streams() < connection->streams_max()) return connection;
  }
  return nullptr;
}

Async<std::unique_ptr<ClientCall>> Http2Pool::open(RequestHead head) {
  const auto self = shared_from_this();
  if (head.authority.empty()) head.authority = settings_->host;
  for (;;) {
    auto connection = usable();
    if (!connection) {
      MECHA_CO_TRY(connection, co_await connect());
      if (!connection) continue;  // something has changed: look again
    }
    co_return co_await connection->open(std::move(head));
  }
}

// A new connection, or null after waiting for somebody else's.
Async<std::shared_ptr<Http2Connection>> Http2Pool::connect() {
  const auto state = co_await asio::this_coro::cancellation_state;
  if (dialling_ || entries_.size() >= settings_->options.connections_max) {
    const auto other = dialling_;
    if (other) {
      co_await other->done.wait();
    } else {
      co_await changed_.wait();
    }
    if (state.cancelled() != asio::cancellation_type::none) {
      co_return fail(Code::cancelled, "context canceled");
    }
    if (other && other->error) co_return fail(*other->error);
    co_return nullptr;
  }
  dialling_ = std::make_shared<Dialling>(executor_);
  struct End {  // also when the dial is cancelled
    Http2Pool& pool;
    std::shared_ptr<Dialling> dialling;
    ~End() {
      pool.dialling_ = nullptr;
      dialling->done.set();
    }
  } end{*this, dialling_};
  const auto generation = settings_->generation.load();
  auto stream = co_await dial(settings_->origin, settings_->options);
  if (!stream) {
    // A caller that gave up says nothing about the peer.
    if (state.cancelled() == asio::cancellation_type::none) end.dialling->error = stream.error();
    co_return fail(std::move(stream).error());
  }
  auto connection = Http2Connection::start(*std::move(stream), settings_->options);
  entries_.push_back({connection, generation});
  connection->on_closed([weak = weak_from_this(), settings = settings_, raw = connection.get()] {
    if (settings->options.on_connection_ended) settings->options.on_connection_ended();
    if (const auto self = weak.lock()) self->remove(raw);
  });
  if (!armed_) arm();
  co_return connection;
}

void Http2Pool::remove(const Http2Connection* connection) {
  std::erase_if(entries_, [&](const Entry& entry) { return entry.connection.get() == connection; });
  changed_.pulse();
}

void Http2Pool::drop_all() {
  // close() may call remove(), which changes the list.
  const auto entries = std::exchange(entries_, {});
  for (const auto& entry : entries) entry.connection->close();
  timer_.cancel();
  changed_.pulse();
}

void Http2Pool::arm() {
  if (settings_->options.idle_timeout.count() == 0 || entries_.empty()) return;
  armed_ = true;
  timer_.expires_after(settings_->options.idle_timeout);
  timer_.async_wait([weak = weak_from_this()](const boost::system::error_code&) {
    if (const auto self = weak.lock()) self->expire();
  });
}

void Http2Pool::expire() {
  armed_ = false;
  const auto limit = std::chrono::steady_clock::now() - settings_->options.idle_timeout;
  const auto entries = entries_;
  for (const auto& [connection, generation] : entries) {
    if (connection->streams() > 0 || connection->idle_since() > limit) continue;
    connection->close();
    remove(connection.get());
  }
  arm();
}

}  // namespace mecha::net
