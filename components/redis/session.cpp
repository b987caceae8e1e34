// Session: a connection for commands that block, one at a time.

#include <array>
#include <utility>

#include "components/redis/client.hpp"
#include "components/redis/dial.hpp"
#include "components/redis/parser.hpp"
#include "runtime/async/within.hpp"
#include "runtime/net/wire.hpp"

namespace mecha::redis {

struct Session::State {
  std::unique_ptr<net::Wire> stream;
  Parser parser;
  std::string server;   // what Client::call_at takes
  bool asking = false;  // a cluster's server answers although the slot is not yet its own
  bool closed = false;
  std::array<char, 16384> buffer;

  Async<Reply> read() {
    for (;;) {
      MECHA_CO_TRY(auto reply, parser.next());
      if (reply) co_return *std::move(reply);
      MECHA_CO_TRY(const auto size, co_await stream->read_some(buffer.data(), buffer.size()));
      if (size == 0) co_return fail(Code::unavailable, "EOF");
      parser.feed({buffer.data(), size});
    }
  }
};

namespace {

// Closes the session unless the call came to its end: after a cut call its replies would belong to the next one.
class Cut {
 public:
  explicit Cut(Session& session) : session_(&session) {}
  ~Cut() {
    if (session_) session_->close();
  }
  void keep() { session_ = nullptr; }

 private:
  Session* session_;
};

std::unexpected<Error> closed() {
  return fail(Error{
      .code = Code::unavailable, .message = "redis: connection is closed", .failure = Failure::never_sent});
}

}  // namespace

Session::Session(std::shared_ptr<State> state) : state_(std::move(state)) {}
Session::~Session() { close(); }

bool Session::open() const { return !state_->closed; }

// The stream is closed but kept: a call that is under way still refers to it.
void Session::close() { close(*state_); }
void Session::close(State& state) {
  if (!std::exchange(state.closed, true)) state.stream->close();
}

Async<void> Session::send(Command command) {
  if (!open()) co_return closed();
  Cut cut(*this);
  std::string bytes;
  command.append_to(bytes);
  MECHA_CO_TRY_VOID(co_await state_->stream->write(bytes));
  cut.keep();
  co_return Result<void>{};
}

Async<Reply> Session::next(std::optional<milliseconds> limit) {
  if (!open()) co_return closed();
  Cut cut(*this);
  auto reply = limit ? co_await within(*limit, state_->read()) : co_await state_->read();
  if (!reply) {
    if (reply.error().failure == Failure::timeout) reply.error().message = "i/o timeout";
    co_return reply;
  }
  cut.keep();
  co_return checked(*std::move(reply));
}

const std::string& Session::server() const { return state_->server; }

Async<Reply> Session::call(Command command, std::optional<milliseconds> limit) {
  if (state_->asking) {
    MECHA_CO_TRY_VOID(co_await send(Command("ASKING")));
    MECHA_CO_TRY_VOID(co_await next(limit));
  }
  MECHA_CO_TRY_VOID(co_await send(std::move(command)));
  co_return co_await next(limit);
}

Async<std::unique_ptr<Session>> Session::dial(std::shared_ptr<const Options> options, std::string server, bool asking) {
  MECHA_CO_TRY(auto stream, co_await redis::dial(std::move(options)));
  auto state = std::make_shared<State>();
  state->stream = std::move(stream);
  state->server = std::move(server);
  state->asking = asking;
  co_return std::unique_ptr<Session>(new Session(std::move(state)));
}

}  // namespace mecha::redis
