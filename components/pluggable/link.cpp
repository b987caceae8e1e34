#include "components/pluggable/link.hpp"

#include <algorithm>

#include <boost/asio/post.hpp>

#include "runtime/async/on_shard.hpp"
#include "runtime/async/within.hpp"

namespace mecha::pluggable {
namespace {

using namespace std::chrono_literals;
using Time = std::chrono::steady_clock;

Error stopped() { return {.code = Code::unavailable, .message = "the component has been stopped"}; }

}  // namespace

Link::Link(const ComponentContext& context, std::string socket, Greeting greeting, LinkOptions options)
    : shards_(context.shards),
      home_(context.shards.executor(0)),
      name_(context.name),
      socket_(std::move(socket)),
      log_(context.log),
      report_(context.report),
      greeting_(std::move(greeting)),
      options_(options),
      gate_(home_),
      changed_(home_),
      pause_(home_) {}

Async<void> Link::start() {
  net::ClientOptions options;
  options.http2 = true;
  options.connect_timeout = std::chrono::milliseconds(5000);
  options.idle_timeout = 0ms;  // an end of a connection means an end of the process
  options.connections_max = 16;
  options.on_connection_ended = [weak = weak_from_this(), home = home_] {
    if (Shards::current() == 0) {
      if (const auto self = weak.lock()) self->lost();
      return;
    }
    asio::post(home, [weak] {
      if (const auto self = weak.lock()) self->lost();
    });
  };
  client_ = std::make_unique<net::Client>(shards_, net::Origin{.unix_path = socket_}, std::move(options));
  reviving_ = true;  // whoever starts it looks after the first attempt
  auto greeted = co_await greet();
  reviving_ = false;
  if (!greeted) stopped_ = true;
  co_return greeted;
}

asio::awaitable<void> Link::stop() {
  if (!up_ && greeted_ > 0 && !stopped_) report(nullptr);
  stopped_ = true;
  up_ = false;
  why_ = stopped();
  changed_.pulse();
  co_await gate_.close(0s);
  if (client_) client_->drop_connections();
}

net::Headers Link::metadata() const {
  net::Headers headers;
  headers.add("x-component-instance", name_);
  return headers;
}

Async<std::string> Link::call(std::string method, std::string message, Translate translate) {
  if (Shards::current() == 0) return call_here(std::move(method), std::move(message), translate);
  return on_shard(home_, call_here(std::move(method), std::move(message), translate));
}

Async<std::string> Link::call_here(std::string method, std::string message, Translate translate) {
  const auto self = shared_from_this();
  if (!up_) MECHA_CO_TRY_VOID(co_await within(options_.limits.call, ready()));
  co_return co_await converse(std::move(method), std::move(message), translate);
}

Async<std::string> Link::greet_call(std::string method, std::string message) {
  return converse(std::move(method), std::move(message), &status_error);
}

namespace {

// One message there, one back. Not net::grpc::unary(): a call that was provably not processed must not be sent again by
// itself, as a new process may have to be greeted first.
Async<net::grpc::Unary> exchange(
    net::Client& client, std::string method, net::Headers metadata, std::string message, Limits limits
) {
  MECHA_CO_TRY(const auto call, co_await net::grpc::open(client, std::move(method), std::move(metadata), limits.call, static_cast<std::size_t>(limits.message_bytes_max)));
  auto written = co_await call->write(message);
  if (written) written = co_await call->finish_writing();
  net::grpc::Unary answer;
  MECHA_CO_TRY(auto first, co_await call->read());
  if (first) {
    answer.message = *std::move(first);
    MECHA_CO_TRY(const auto second, co_await call->read());
    if (second) co_return fail(Code::internal, "cardinality violation: expected <EOF> for non server-streaming RPCs, but received another message");
  }
  answer.status = call->status();
  if (answer.status.ok() && !first) {
    answer.status = {.code = Code::internal, .message = "cardinality violation: received no response message from non-server-streaming RPC"};
  }
  co_return answer;
}

}  // namespace

Async<std::string> Link::converse(std::string method, std::string message, Translate translate) {
  const auto limits = options_.limits;
  auto answer = co_await within(
      limits.call, exchange(*client_, "/" + std::string(kPackage) + method, metadata(), std::move(message), limits)
  );
  if (!answer) co_return fail(transport_error(std::move(answer).error()));
  if (!answer->status.ok()) co_return fail(translate(answer->status));
  co_return std::move(answer->message);
}

Async<std::unique_ptr<net::grpc::Call>> Link::open(std::string method) {
  const auto self = shared_from_this();
  auto reached = Shards::current() == 0 ? co_await within(options_.limits.call, ready())
                                        : co_await on_shard(home_, within(options_.limits.call, ready()));
  if (!reached) co_return fail(std::move(reached).error());
  auto call = co_await within(
      options_.limits.call,
      net::grpc::open(*client_, "/" + std::string(kPackage) + method, metadata(), std::chrono::nanoseconds(0), static_cast<std::size_t>(options_.limits.message_bytes_max))
  );
  if (!call) co_return fail(transport_error(std::move(call).error()));
  co_return std::move(call);
}

// Waits for an attempt that is under way, or has one made unless the last was just now.
Async<void> Link::ready() {
  if (up_) co_return Result<void>{};
  if (!trying_ && reviving_ && Time::now() - tried_ >= options_.pause_first) {
    pause_.cancel();
    trying_ = true;
  }
  const auto state = co_await asio::this_coro::cancellation_state;
  while (trying_ && !up_ && !stopped_) {
    co_await changed_.wait();
    if (state.cancelled() != asio::cancellation_type::none) co_return fail(Code::cancelled, "context canceled");
  }
  if (up_) co_return Result<void>{};
  co_return fail(why_.value_or(stopped()));
}

// One attempt: a fresh process learns what it must know. Counts only if the connection has outlived it.
Async<void> Link::greet() {
  struct End {
    Link& link;
    ~End() {
      link.trying_ = false;
      link.tried_ = Time::now();
      link.changed_.pulse();
    }
  } end{*this};
  trying_ = true;
  const auto losses = losses_;
  auto greeted = co_await greeting_(*this);
  if (greeted && losses != losses_) {
    greeted = fail(transport_error({.code = Code::unavailable, .message = "the connection was lost while the component started"}));
  }
  if (stopped_) co_return fail(stopped());
  if (!greeted) {
    why_ = greeted.error();
    co_return greeted;
  }
  why_.reset();
  up_ = true;
  ++greeted_;
  co_return greeted;
}

void Link::lost() {
  ++losses_;
  if (stopped_) return;
  if (up_) {
    why_ = transport_error({.code = Code::unavailable, .message = "the process of the component has gone"});
    log_.warn("The process of component " + name_ + " has gone; it is looked for again", {{"socket", socket_}});
    report(&*why_);
  }
  up_ = false;
  if (reviving_) return;
  reviving_ = trying_ = true;
  asio::post(home_, [self = shared_from_this()] {
    if (!self->stopped_) spawn(self->gate_, self->home_, self->revive());
  });
}

asio::awaitable<void> Link::revive() {
  const auto self = shared_from_this();
  const auto state = co_await asio::this_coro::cancellation_state;
  auto pause = options_.pause_first;
  std::string told;
  for (;;) {
    const auto greeted = co_await greet();
    if (stopped_) co_return;
    if (greeted) break;
    if (told != greeted.error().message) {
      told = greeted.error().message;
      log_.warn("Component " + name_ + " cannot be reached: " + told);
      report(&greeted.error());
    }
    pause_.expires_after(pause);
    (void)co_await pause_.async_wait(asio::as_tuple(asio::use_awaitable));
    if (state.cancelled() != asio::cancellation_type::none || stopped_) co_return;
    pause = std::min(pause * 2, options_.pause_longest);
  }
  reviving_ = false;
  log_.info("Component " + name_ + " has been initialized again", {{"socket", socket_}});
  report(nullptr);
}

void Link::report(const Error* why) {
  if (report_) report_(why == nullptr ? "" : why->message);
}

asio::awaitable<void> Link::another(std::uint64_t seen) {
  const auto self = shared_from_this();
  if (Shards::current() == 0) {
    co_await wait_for(seen);
  } else {
    co_await on_shard(home_, wait_for(seen));
  }
}

asio::awaitable<void> Link::wait_for(std::uint64_t seen) {
  const auto state = co_await asio::this_coro::cancellation_state;
  while (greeted_ <= seen && !stopped_ && state.cancelled() == asio::cancellation_type::none) co_await changed_.wait();
}

}  // namespace mecha::pluggable
