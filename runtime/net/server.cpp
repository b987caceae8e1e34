#include "runtime/net/server.hpp"

#include <atomic>
#include <cerrno>
#include <list>
#include <vector>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime/async/gate.hpp"
#include "runtime/async/on_shard.hpp"
#include "runtime/async/within.hpp"
#include "runtime/net/http1_server.hpp"
#include "runtime/net/http2.hpp"
#include "runtime/net/system_text.hpp"
#include "runtime/net/tls_context.hpp"
#include "runtime/net/watchdog.hpp"

namespace mecha::net {
namespace {

using namespace std::chrono_literals;
constexpr auto use_tuple = asio::as_tuple(asio::use_awaitable);
constexpr std::string_view kPreface = "PRI * HTTP/2.0";
constexpr auto kAcceptPause = 50ms;  // without descriptors to spare
constexpr auto kUnwind = 1s;         // from breaking off to cancelling

}  // namespace

struct Server::State : std::enable_shared_from_this<State> {
  // What belongs to one shard and is touched there only.
  struct Shard {
    explicit Shard(const Executor& executor) : gate(executor) {}
    Gate gate;
    std::list<std::function<void(bool)>> hooks;  // one entry per connection, empty ones are fine
    bool draining = false;

    void tell(bool now) {
      for (auto at = hooks.begin(); at != hooks.end();) {
        const auto hook = *at++;
        if (hook) hook(now);
      }
    }
  };

  State(Shards& s, Listener l, ServerOptions o, Handler h)
      : shards(s),
        listener(std::move(l)),
        options(std::move(o)),
        handler(std::move(h)),
        accepting(s.executor(0)) {
    for (std::size_t i = 0; i < s.count(); ++i) {
      shard.push_back(std::make_unique<Shard>(s.executor(i)));
    }
  }

  asio::awaitable<void> accept();
  void hand_over(int descriptor);
  void begin(std::size_t index, int descriptor);
  asio::awaitable<void> serve(std::shared_ptr<State> self, std::size_t index, int descriptor, asio::cancellation_signal& cancel);
  asio::awaitable<void> protocol(Stream stream, SessionContext context);
  asio::awaitable<bool> drain(std::size_t index, std::chrono::milliseconds grace);

  Shards& shards;
  Listener listener;
  ServerOptions options;
  Handler handler;
  Gate accepting;  // on shard 0
  std::vector<std::unique_ptr<Shard>> shard;
  std::atomic<std::size_t> connections = 0;
  std::size_t next = 0;
};

namespace {

// The bytes that tell the protocols apart, and whatever came with them. Fails when nothing useful comes.
Async<std::string> sniff(Stream& stream, std::chrono::milliseconds limit) {
  Watchdog watchdog(co_await asio::this_coro::executor, [&stream] { stream.close(); });
  watchdog.set(limit);
  std::string seen(4096, '\0');
  std::size_t size = 0;
  do {
    MECHA_CO_TRY(
        const auto count, co_await stream.read_some(seen.data() + size, seen.size() - size)
    );
    if (count == 0) co_return fail(Code::unavailable, "EOF");
    size += count;
  } while (size < kPreface.size() && kPreface.starts_with(std::string_view(seen.data(), size)));
  seen.resize(size);
  co_return seen;
}

Async<Stream> accept_tls(
    Stream::Socket socket, std::shared_ptr<TlsContext> tls, std::chrono::milliseconds limit
) {
  auto secured = std::make_unique<Stream::Tls>(std::move(socket), tls->context);
  Watchdog watchdog(co_await asio::this_coro::executor, [raw = secured.get()] {
    boost::system::error_code ignored;
    raw->next_layer().close(ignored);
  });
  watchdog.set(limit);
  const auto [error] = co_await secured->async_handshake(Stream::Tls::server, use_tuple);
  if (error) co_return fail(Code::unavailable, error.message());
  co_return Stream(std::move(secured));
}

}  // namespace

asio::awaitable<void> Server::State::accept() {
  asio::posix::stream_descriptor waiter(shards.executor(0), listener.descriptor());
  struct Release {  // the descriptor stays the listener's
    asio::posix::stream_descriptor& waiter;
    ~Release() { waiter.release(); }
  } release{waiter};
  for (;;) {
    const int descriptor =
        ::accept4(listener.descriptor(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (descriptor >= 0) {
      hand_over(descriptor);
      continue;
    }
    if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
      if (!co_await sleep_for(kAcceptPause)) co_return;
      continue;
    }
    if (errno == EAGAIN || errno == EWOULDBLOCK) {
      const auto [error] =
          co_await waiter.async_wait(asio::posix::stream_descriptor::wait_read, use_tuple);
      if (error) co_return;
      continue;
    }
    if (errno == EBADF || errno == EINVAL || errno == ENOTSOCK) co_return;
  }
}

void Server::State::hand_over(int descriptor) {
  if (connections.load(std::memory_order_relaxed) >= options.connections_max) {
    ::close(descriptor);
    return;
  }
  ++connections;
  const auto index = next++ % shards.count();
  if (index == Shards::current()) return begin(index, descriptor);
  asio::post(shards.executor(index), [self = shared_from_this(), index, descriptor] {
    self->begin(index, descriptor);
  });
}

void Server::State::begin(std::size_t index, int descriptor) {
  auto& own = *shard[index];
  auto executor = shards.executor(index);
  const auto work = [&](asio::cancellation_signal& cancel) { return serve(shared_from_this(), index, descriptor, cancel); };
  if (!own.gate.spawn_cancellable(executor, work)) {
    ::close(descriptor);
    --connections;
  }
}

asio::awaitable<void> Server::State::serve(
    std::shared_ptr<State> self, std::size_t index, int descriptor, asio::cancellation_signal& cancel
) {
  auto& own = *shard[index];
  struct Entry {
    State& state;
    Shard& own;
    std::list<std::function<void(bool)>>::iterator at;
    ~Entry() {
      own.hooks.erase(at);
      --state.connections;
    }
  } entry{*self, own, own.hooks.emplace(own.hooks.end())};

  sockaddr_storage name{};
  socklen_t size = sizeof name;
  ::getsockname(descriptor, reinterpret_cast<sockaddr*>(&name), &size);
  const bool tcp = name.ss_family == AF_INET || name.ss_family == AF_INET6;
  const int on = 1;
  if (tcp) ::setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  Stream::Socket socket(shards.executor(index));
  boost::system::error_code error;
  socket.assign({name.ss_family, tcp ? IPPROTO_TCP : 0}, descriptor, error);
  if (error) {
    ::close(descriptor);
    co_return;
  }
  const auto remote = socket.remote_endpoint(error);
  if (error) co_return;
  SessionContext context{
      .options = options,
      .handler = handler,
      .peer = {.address = endpoint_text(remote), .identity = {}},
      .draining = own.draining,
      .on_drain = [at = entry.at](std::function<void(bool)> hook) { *at = std::move(hook); },
      .cancel = &cancel};
  if (!options.tls) {
    co_await protocol(Stream(std::move(socket)), std::move(context));
    co_return;
  }
  auto stream = co_await accept_tls(std::move(socket), options.tls, options.header_timeout);
  if (!stream) co_return;
  context.peer.identity = stream->peer_identity();
  co_await protocol(*std::move(stream), std::move(context));
}

asio::awaitable<void> Server::State::protocol(Stream stream, SessionContext context) {
  if (stream.is_tls()) {
    const auto chosen = stream.alpn();
    const bool two = chosen == "h2" || (chosen.empty() && !options.http1);
    if (two && options.http2) {
      co_await serve_http2(std::move(stream), {}, std::move(context));
    } else if (!two && options.http1) {
      co_await serve_http1(std::move(stream), {}, std::move(context));
    }
    co_return;
  }
  if (!options.http2) {
    co_await serve_http1(std::move(stream), {}, std::move(context));
    co_return;
  }
  if (!options.http1) {
    co_await serve_http2(std::move(stream), {}, std::move(context));
    co_return;
  }
  // Until the protocol is known nothing is in flight: draining ends it.
  context.on_drain([&stream](bool) { stream.close(); });
  auto seen = co_await sniff(stream, options.header_timeout);
  context.on_drain(nullptr);
  if (!seen) co_return;
  if (seen->starts_with(kPreface)) {
    co_await serve_http2(std::move(stream), *std::move(seen), std::move(context));
  } else {
    co_await serve_http1(std::move(stream), *std::move(seen), std::move(context));
  }
}

asio::awaitable<bool> Server::State::drain(std::size_t index, std::chrono::milliseconds grace) {
  auto& own = *shard[index];
  own.draining = true;
  own.tell(false);
  asio::steady_timer timer(shards.executor(index), grace);
  timer.async_wait([self = shared_from_this(), index](const boost::system::error_code& error) {
    if (!error) self->shard[index]->tell(true);
  });
  co_return co_await own.gate.close(grace + kUnwind);
}

Server::Server(Shards& shards, Listener listener, ServerOptions options, Handler handler)
    : state_(std::make_shared<State>(
          shards, std::move(listener), std::move(options), std::move(handler)
      )) {}

Server::~Server() = default;

std::uint16_t Server::port() const { return state_->listener.port(); }

std::size_t Server::connections() const {
  return state_->connections.load(std::memory_order_relaxed);
}

void Server::start() {
  // Begins on shard 0 whoever calls.
  asio::post(state_->shards.executor(0), [state = state_] {
    spawn(state->accepting, state->shards.executor(0), state->accept());
  });
}

asio::awaitable<void> Server::stop(std::chrono::milliseconds grace) {
  const auto state = state_;
  co_await state->accepting.close(0s);
  { const Listener gone = std::move(state->listener); }
  const auto end = std::chrono::steady_clock::now() + grace;
  const auto count = state->shards.count();
  for (std::size_t i = 1; i < count; ++i) {
    asio::post(state->shards.executor(i), [state, i] {
      state->shard[i]->draining = true;
      state->shard[i]->tell(false);
    });
  }
  for (std::size_t i = 0; i < count; ++i) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        end - std::chrono::steady_clock::now()
    );
    co_await on_shard(state->shards.executor(i), state->drain(i, std::max(left, 0ms)));
  }
}

}  // namespace mecha::net
