#include "components/redis/line.hpp"

#include <array>

#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/post.hpp>

#include "components/redis/dial.hpp"
#include "components/redis/parser.hpp"
#include "runtime/net/wire.hpp"
#include "runtime/net/watchdog.hpp"

namespace mecha::redis {
namespace {

constexpr std::size_t kReadBytes = 16384;
constexpr std::size_t kKeepBytes = 65536;  // capacity of the send buffer that is kept
constexpr std::size_t kUnsentMax = 64u << 20;  // bytes that the server has not taken yet

Error cancelled() { return {.code = Code::cancelled, .message = "context canceled"}; }

}  // namespace

// An open connection; shared by the reader and a write under way.
class Connection {
 public:
  Connection(Executor executor, std::unique_ptr<net::Wire> opened)
      : stream(std::move(opened)), watchdog(std::move(executor), [this] {
          timed_out = true;
          stream->close();
        }) {}

  std::unique_ptr<net::Wire> stream;
  bool timed_out = false;
  net::Watchdog watchdog;
};

struct Line::Waiter {
  explicit Waiter(std::size_t count) : want(count) { got.reserve(count); }
  virtual ~Waiter() = default;
  virtual void finish(Result<std::vector<Reply>> result) = 0;

  std::size_t want;
  std::vector<Reply> got;
};

template <class Handler>
struct Line::WaiterOf final : Waiter {
  WaiterOf(std::size_t count, Handler h, Executor executor)
      : Waiter(count), handler(std::move(h)), work(executor) {}

  // Once; later calls do nothing, so that the replies of a caller who went away are dropped.
  void finish(Result<std::vector<Reply>> result) override {
    if (!handler) return;
    asio::get_associated_cancellation_slot(*handler).clear();
    auto done = std::move(*handler);
    handler.reset();
    work.reset();
    std::move(done)(std::move(result));
  }

  std::optional<Handler> handler;
  asio::executor_work_guard<Executor> work;
};

Line::Line(Executor executor, Gate& gate, std::shared_ptr<const Options> options)
    : executor_(std::move(executor)), gate_(gate), options_(std::move(options)) {}

Line::~Line() = default;

Async<std::vector<Reply>> Line::send(std::vector<Command> commands) {
  auto self = shared_from_this();
  auto result = co_await asio::async_initiate<
      decltype(asio::use_awaitable),
      void(Result<std::vector<Reply>>)>(
      [self, &commands](auto handler) {
        using Handler = decltype(handler);
        auto slot = asio::get_associated_cancellation_slot(handler);
        auto waiter =
            std::make_shared<WaiterOf<Handler>>(commands.size(), std::move(handler), self->executor_);
        if (slot.is_connected()) {
          slot.assign([weak = std::weak_ptr<Waiter>(waiter), executor = self->executor_](auto) {
            asio::post(executor, [weak] {
              if (const auto waiting = weak.lock()) waiting->finish(fail(cancelled()));
            });
          });
        }
        self->enqueue(std::move(waiter), commands);
      },
      asio::use_awaitable
  );
  co_return std::move(result);
}

void Line::enqueue(std::shared_ptr<Waiter> waiter, const std::vector<Command>& commands) {
  const bool full = waiting_replies_ + waiter->want > options_->waiting_max || out_.size() > kUnsentMax;
  if (closed_ || full) {
    Error error{.code = Code::unavailable, .message = "redis: client is closed"};
    if (full) error = {.code = Code::resource_exhausted, .message = "redis: too many commands are waiting"};
    error.failure = Failure::never_sent;
    // Not from within the caller's own call.
    asio::post(executor_, [waiter, error] { waiter->finish(fail(error)); });
    return;
  }
  for (const auto& command : commands) command.append_to(out_);
  waiting_replies_ += waiter->want;
  waiting_.push_back(std::move(waiter));
  ++unsent_;
  if (connection_) {
    schedule_flush();
  } else if (!running_) {
    running_ = true;  // before the spawn, which may run to the end at once
    if (!spawn(gate_, executor_, run())) {
      running_ = false;
      close();
    }
  }
}

// Connects and reads until the connection breaks; goes on as long as something waits.
asio::awaitable<void> Line::run() {
  const auto self = shared_from_this();
  try {
    co_await serve();
  } catch (const boost::system::system_error&) {
    // Cancelled by the gate: an ordinary end.
  }
  running_ = false;
  if (connection_) connection_->stream->close();
  connection_ = nullptr;
  fail_sent(cancelled());
  fail_all({.code = Code::unavailable, .message = "redis: client is closed", .failure = Failure::never_sent});
}

asio::awaitable<void> Line::serve() {
  do {
    auto stream = co_await dial_with_retries(options_);
    if (!stream) {
      auto why = std::move(stream).error();
      if (!is_server_error(why)) why.failure = Failure::never_sent;
      fail_all(why);
      co_return;
    }
    auto connection = std::make_shared<Connection>(executor_, *std::move(stream));
    connection_ = connection;
    flush();
    Error why;
    co_await read_replies(connection, why);
    connection_ = nullptr;
    connection->stream->close();
    fail_sent(why);
  } while (!waiting_.empty() && !closed_);
}

asio::awaitable<void> Line::read_replies(std::shared_ptr<Connection> connection, Error& why) {
  Parser parser;
  const auto buffer = std::make_unique<char[]>(kReadBytes);
  for (;;) {
    auto size = co_await connection->stream->read_some(buffer.get(), kReadBytes);
    if (!size || *size == 0) {
      why = size ? Error{.code = Code::unavailable, .message = "EOF"} : std::move(size).error();
      if (closed_) why = {.code = Code::unavailable, .message = "redis: connection is closed"};
      if (connection->timed_out) {
        why = {.code = Code::deadline_exceeded, .message = "i/o timeout", .failure = Failure::timeout};
      }
      co_return;
    }
    parser.feed({buffer.get(), *size});
    for (;;) {
      auto reply = parser.next();
      if (!reply) {
        why = std::move(reply).error();
        co_return;
      }
      if (!*reply) break;
      deliver(**std::move(reply));
    }
    if (waiting_.size() == unsent_) connection->watchdog.clear();
    else connection->watchdog.set(options_->read_timeout);
  }
}

void Line::deliver(Reply reply) {
  if (waiting_.size() == unsent_) return;  // nobody asked: a server's push
  const auto waiter = waiting_.front();
  waiter->got.push_back(std::move(reply));
  --waiting_replies_;
  if (waiter->got.size() < waiter->want) return;
  waiting_.pop_front();
  waiter->finish(std::move(waiter->got));
}

void Line::schedule_flush() {
  if (flush_scheduled_ || writing_) return;
  flush_scheduled_ = true;
  asio::post(executor_, [self = shared_from_this()] {
    self->flush_scheduled_ = false;
    self->flush();
  });
}

void Line::flush() {
  if (!connection_ || writing_ || out_.empty()) return;
  if (waiting_.size() == unsent_) connection_->watchdog.set(options_->read_timeout);
  unsent_ = 0;
  const auto sent = connection_->stream->try_write(out_);
  if (sent < out_.size()) {
    auto rest = std::move(out_);
    out_.clear();
    rest.erase(0, sent);
    // Before the spawn: the write may be over when that returns.
    writing_ = true;
    if (!spawn(gate_, executor_, write_rest(connection_, std::move(rest)))) connection_->stream->close();
    return;
  }
  out_.clear();
  if (out_.capacity() > kKeepBytes) out_.shrink_to_fit();
}

asio::awaitable<void> Line::write_rest(std::shared_ptr<Connection> connection, std::string bytes) {
  const auto self = shared_from_this();
  const auto done = co_await connection->stream->write(bytes);
  writing_ = false;
  if (!done) connection->stream->close();  // the reader ends with it and tells those who wait
  else flush();
}

// In each case the queue is right before a caller goes on: it may call again at once.
void Line::fail_sent(const Error& why) {
  std::deque<std::shared_ptr<Waiter>> sent;
  while (waiting_.size() > unsent_) {
    waiting_replies_ -= waiting_.front()->want - waiting_.front()->got.size();
    sent.push_back(std::move(waiting_.front()));
    waiting_.pop_front();
  }
  for (const auto& waiter : sent) waiter->finish(fail(why));
}

void Line::fail_all(const Error& why) {
  out_.clear();
  unsent_ = 0;
  fail_sent(why);
}

void Line::close() {
  closed_ = true;
  if (connection_) connection_->stream->close();
  if (!running_) fail_all(cancelled());
}

}  // namespace mecha::redis
