#include "components/postgresql/connection.hpp"

#include <algorithm>
#include <cerrno>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>
#include <unordered_map>

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <libpq-fe.h>

#include "components/postgresql/dial.hpp"
#include "components/postgresql/simple_query.hpp"
#include "runtime/async/within.hpp"
#include "runtime/base/text.hpp"

namespace mecha::postgresql {
namespace {

using namespace std::chrono_literals;
using asio::posix::stream_descriptor;
using Wait = asio::posix::descriptor_base::wait_type;

constexpr auto use_tuple = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t kPreparedMax = 512;  // statements of one connection; others run without a name
constexpr int kUnaskedMax = 100;  // messages that are taken at once
constexpr Oid kBytea = 17;
constexpr auto kShareMin = std::chrono::milliseconds(2000);  // of the time for one of several addresses

struct Finish {
  void operator()(PGconn* handle) const { PQfinish(handle); }
};
struct Clear {
  void operator()(PGresult* result) const { PQclear(result); }
};
using Handle = std::unique_ptr<PGconn, Finish>;
using ResultHandle = std::unique_ptr<PGresult, Clear>;

std::string one_line(const char* text) {
  auto line = std::string(text::trim(text == nullptr ? "" : text));
  std::ranges::replace(line, '\n', ' ');
  return line;
}

Error unavailable(std::string text) { return {.code = Code::unavailable, .message = std::move(text)}; }

// A descriptor of its own for the socket: the library may close its socket and open another one under the same number.
Result<stream_descriptor> watch(const Executor& executor, PGconn* handle) {
  const int copy = ::dup(PQsocket(handle));
  if (copy < 0) return fail(unavailable("the socket of the connection is gone"));
  return stream_descriptor(executor, copy);
}

// The session is up, or why not. The caller limits the time.
Async<Handle> connect(Words words) {
  std::vector<const char*> keys, values;
  for (const auto& [keyword, value] : words) {
    if (value.empty()) continue;
    keys.push_back(keyword.c_str());
    values.push_back(value.c_str());
  }
  keys.push_back(nullptr);
  values.push_back(nullptr);
  Handle handle(PQconnectStartParams(keys.data(), values.data(), 0));
  if (!handle) co_return fail(Code::internal, "out of memory");
  const auto executor = co_await asio::this_coro::executor;
  for (auto want = PGRES_POLLING_WRITING; want != PGRES_POLLING_OK; want = PQconnectPoll(handle.get())) {
    if (want == PGRES_POLLING_FAILED || PQstatus(handle.get()) == CONNECTION_BAD) {
      co_return fail(unavailable(one_line(PQerrorMessage(handle.get()))));
    }
    MECHA_CO_TRY(auto socket, watch(executor, handle.get()));
    const auto [error] = co_await socket.async_wait(want == PGRES_POLLING_READING ? Wait::wait_read : Wait::wait_write, use_tuple);
    if (error) co_return fail(Code::cancelled, "context canceled");
  }
  PQsetnonblocking(handle.get(), 1);
  PQsetNoticeProcessor(handle.get(), [](void*, const char*) {}, nullptr);
  co_return handle;
}

Error server_error(const PGresult* result, std::string& state) {
  const auto part = [&](int which) -> std::string {
    const char* text = PQresultErrorField(result, which);
    return text == nullptr ? "" : text;
  };
  state = part(PG_DIAG_SQLSTATE);
  if (state.empty()) return unavailable(one_line(PQresultErrorMessage(result)));
  return {.code = Code::unknown, .message = part(PG_DIAG_SEVERITY) + ": " + part(PG_DIAG_MESSAGE_PRIMARY) + " (SQLSTATE " + state + ")"};
}

// `raw`: bytes are bytes, also where the server gave a text for them.
void read_rows(const PGresult* result, bool raw, Answer& answer) {
  const int width = PQnfields(result), height = PQntuples(result);
  answer.columns.clear();
  for (int i = 0; i < width; ++i) answer.columns.push_back({PQfname(result, i), PQftype(result, i)});
  answer.rows.assign(static_cast<std::size_t>(height), Row(static_cast<std::size_t>(width)));
  for (int r = 0; r < height; ++r) {
    for (int i = 0; i < width; ++i) {
      if (PQgetisnull(result, r, i) != 0) continue;
      std::string value(PQgetvalue(result, r, i), static_cast<std::size_t>(PQgetlength(result, r, i)));
      if (raw && PQfformat(result, i) == 0 && PQftype(result, i) == kBytea && value.starts_with("\\x")) {
        value = text::from_hex(std::string_view(value).substr(2)).value_or("");
      }
      answer.rows[static_cast<std::size_t>(r)][static_cast<std::size_t>(i)] = std::move(value);
    }
  }
}

// The parameters as the library takes them; points into `params`.
struct Wired {
  explicit Wired(const Params& params) {
    numbers.reserve(params.size());
    for (const auto& value : params) {
      const auto* number = std::get_if<std::int64_t>(&value);
      if (number != nullptr) numbers.push_back(std::to_string(*number));
      const auto* bytes = std::get_if<Bytes>(&value);
      const auto* text = number != nullptr ? &numbers.back() : bytes != nullptr ? &bytes->bytes : std::get_if<std::string>(&value);
      values.push_back(text == nullptr ? nullptr : text->c_str());
      lengths.push_back(text == nullptr ? 0 : static_cast<int>(text->size()));
      formats.push_back(bytes != nullptr ? 1 : 0);
    }
  }
  int count() const { return static_cast<int>(values.size()); }

  std::vector<std::string> numbers;
  std::vector<const char*> values;
  std::vector<int> lengths, formats;
};

// A text of the protocol ends at its first NUL, so that one with more would be another one.
Result<void> check(const Statement& statement) {
  bool clean = statement.sql.find('\0') == std::string::npos;
  for (const auto& value : statement.params) {
    if (const auto* text = std::get_if<std::string>(&value)) clean = clean && text->find('\0') == std::string::npos;
  }
  if (!clean) return fail(Code::unknown, "ERROR: invalid byte sequence for encoding \"UTF8\": 0x00 (SQLSTATE 22021)");
  if (statement.params.size() > 65535) return fail(Code::invalid_argument, "a statement takes at most 65535 parameters");
  return {};
}

}  // namespace

struct Connection::Parts {
  Parts(Handle h, stream_descriptor s, Exec e) : handle(std::move(h)), socket(std::move(s)), exec(e) {}

  Handle handle;
  stream_descriptor socket;
  Exec exec;
  std::unordered_map<std::string, std::string> prepared;  // SQL -> name
  std::size_t names = 0;
};

Connection::Connection(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Connection::~Connection() = default;

Async<std::unique_ptr<Connection>> Connection::open(std::shared_ptr<const Options> options) {
  const auto end = std::chrono::steady_clock::now() + options->timeout;
  const auto stated = text::to_int(options->words.get("connect_timeout"));
  MECHA_CO_TRY(auto list, co_await attempts(options->words, options->timeout));
  std::optional<Error> first;
  for (std::size_t i = 0; i < list.size(); ++i) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
    if (left <= 0ms) break;
    auto limit = std::min(left, std::max(left / static_cast<int>(list.size() - i), kShareMin));
    if (stated && *stated > 0) limit = std::min<std::chrono::milliseconds>(left, std::chrono::seconds(*stated));
    auto handle = co_await within(limit, connect(std::move(list[i])));
    if (!handle) {
      if (handle.error().failure == Failure::timeout) handle = fail(unavailable("timeout expired"));
      if (!first) first = std::move(handle).error();
      continue;
    }
    MECHA_CO_TRY(auto socket, watch(co_await asio::this_coro::executor, handle->get()));
    auto parts = std::make_unique<Parts>(*std::move(handle), std::move(socket), options->exec);
    co_return std::unique_ptr<Connection>(new Connection(std::move(parts)));
  }
  auto error = first ? *std::move(first) : unavailable("timeout expired");
  error.failure = Failure::never_sent;
  const auto whom = "user=" + options->words.get("user") + " database=" + options->words.get("dbname");
  co_return fail(std::move(error).context("failed to connect to `" + whom + "`"));
}

std::unexpected<Error> Connection::lost() {
  unfit_ = true;
  return fail(unavailable(one_line(PQerrorMessage(parts_->handle.get()))));
}

bool Connection::settled() const { return !unfit_ && PQtransactionStatus(parts_->handle.get()) == PQTRANS_IDLE; }

std::optional<Backend> Connection::left_behind() const {
  PGconn* const handle = parts_->handle.get();
  if (!unfit_ || PQstatus(handle) != CONNECTION_OK || PQtransactionStatus(handle) != PQTRANS_ACTIVE) return std::nullopt;
  sockaddr_storage name{};
  socklen_t size = sizeof name;
  if (::getsockname(PQsocket(handle), reinterpret_cast<sockaddr*>(&name), &size) != 0) return std::nullopt;
  Backend backend{PQbackendPID(handle), -1};
  if (name.ss_family == AF_INET) backend.client_port = ntohs(reinterpret_cast<const sockaddr_in&>(name).sin_port);
  if (name.ss_family == AF_INET6) backend.client_port = ntohs(reinterpret_cast<const sockaddr_in6&>(name).sin6_port);
  return backend;
}

void Connection::abort() {
  unfit_ = true;
  boost::system::error_code ignored;
  parts_->socket.close(ignored);
}

bool Connection::usable() {
  PGconn* const handle = parts_->handle.get();
  // What comes without a question is a notice, or the server's farewell and then the end.
  for (int i = 0; i < kUnaskedMax && settled() && PQstatus(handle) == CONNECTION_OK; ++i) {
    char byte = 0;
    const auto got = ::recv(PQsocket(handle), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return true;
    if (got <= 0 || PQconsumeInput(handle) == 0 || PQisBusy(handle) != 0) return false;
  }
  return false;
}

Async<void> Connection::readable() {
  const auto [error] = co_await parts_->socket.async_wait(Wait::wait_read, use_tuple);
  if (error) co_return fail(Code::cancelled, "context canceled");
  if (PQconsumeInput(parts_->handle.get()) == 0) co_return lost();
  co_return Result<void>{};
}

Async<void> Connection::flush() {
  using namespace asio::experimental::awaitable_operators;
  for (;;) {
    const int rest = PQflush(parts_->handle.get());
    if (rest == 0) co_return Result<void>{};
    if (rest < 0) co_return lost();
    // The server may want to be read before it reads on.
    const auto first = co_await (readable() || parts_->socket.async_wait(Wait::wait_write, use_tuple));
    if (first.index() == 0 && !std::get<0>(first)) co_return std::get<0>(first);
  }
}

// Reads to the end of what was asked. The last result counts; an error of the server ends all of it.
Async<Answer> Connection::finish(bool raw, std::vector<std::uint32_t>* types) {
  MECHA_CO_TRY_VOID(co_await flush());
  PGconn* const handle = parts_->handle.get();
  Answer answer;
  std::optional<Error> error;
  for (;;) {
    while (PQisBusy(handle) != 0) {
      MECHA_CO_TRY_VOID(co_await readable());
    }
    const ResultHandle result(PQgetResult(handle));
    if (!result) break;
    switch (PQresultStatus(result.get())) {
      case PGRES_TUPLES_OK:
        read_rows(result.get(), raw, answer);
        answer.changed = static_cast<std::int64_t>(answer.rows.size());
        [[fallthrough]];
      case PGRES_COMMAND_OK:
        for (int i = 0; types != nullptr && i < PQnparams(result.get()); ++i) types->push_back(PQparamtype(result.get(), i));
        if (const auto count = text::to_int(PQcmdTuples(result.get()))) answer.changed = *count;
        break;
      case PGRES_EMPTY_QUERY: break;
      case PGRES_FATAL_ERROR: error = server_error(result.get(), last_state_); break;
      default: co_return fail(Code::unimplemented, "COPY is not supported");  // the connection stays unfit
    }
  }
  unfit_ = PQstatus(handle) != CONNECTION_OK;
  if (error) co_return fail(*std::move(error));
  co_return answer;
}

Async<void> Connection::prepare(const Statement& statement, std::string name) {
  if (PQsendPrepare(parts_->handle.get(), name.c_str(), statement.sql.c_str(), 0, nullptr) == 0) co_return lost();
  MECHA_CO_TRY_VOID(co_await finish(false));
  unfit_ = true;  // there is more to come
  parts_->prepared.emplace(statement.sql, std::move(name));
  co_return Result<void>{};
}

Async<Answer> Connection::run_once(const Statement& statement) {
  PGconn* const handle = parts_->handle.get();
  const Wired wired(statement.params);
  int sent = 0;
  if (parts_->exec == Exec::simple || statement.script) {
    sent = PQsendQuery(handle, with_values(statement).c_str());
  } else if (parts_->exec == Exec::cached && (parts_->prepared.contains(statement.sql) || parts_->prepared.size() < kPreparedMax)) {
    if (!parts_->prepared.contains(statement.sql)) {
      MECHA_CO_TRY_VOID(co_await prepare(statement, "mecha_" + std::to_string(++parts_->names)));
    }
    sent = PQsendQueryPrepared(
        handle, parts_->prepared.at(statement.sql).c_str(), wired.count(), wired.values.data(), wired.lengths.data(), wired.formats.data(),
        statement.binary ? 1 : 0
    );
  } else {
    sent = PQsendQueryParams(
        handle, statement.sql.c_str(), wired.count(), nullptr, wired.values.data(), wired.lengths.data(), wired.formats.data(),
        statement.binary ? 1 : 0
    );
  }
  if (sent == 0) co_return lost();
  co_return co_await finish(statement.binary);
}

Async<Answer> Connection::run(Statement statement) {
  last_state_.clear();
  MECHA_CO_TRY_VOID(check(statement));
  if (unfit_) co_return fail(unavailable("the connection is closed"));
  const bool idle = PQtransactionStatus(parts_->handle.get()) == PQTRANS_IDLE;
  unfit_ = true;
  auto answer = co_await run_once(statement);
  // The table has changed since the statement was prepared, or somebody between us and the server has forgotten it.
  const bool stale = last_state_ == "0A000" || last_state_ == "26000";
  if (answer || !stale || !idle || unfit_ || parts_->prepared.erase(statement.sql) == 0) co_return answer;
  last_state_.clear();
  unfit_ = true;
  co_return co_await run_once(statement);
}

Async<std::vector<std::uint32_t>> Connection::parameter_types(std::string sql) {
  last_state_.clear();
  MECHA_CO_TRY_VOID(check({.sql = sql, .params = {}}));
  if (unfit_) co_return fail(unavailable("the connection is closed"));
  unfit_ = true;
  if (PQsendPrepare(parts_->handle.get(), "", sql.c_str(), 0, nullptr) == 0) co_return lost();
  MECHA_CO_TRY_VOID(co_await finish(false));
  unfit_ = true;
  std::vector<std::uint32_t> types;
  if (PQsendDescribePrepared(parts_->handle.get(), "") == 0) co_return lost();
  MECHA_CO_TRY_VOID(co_await finish(false, &types));
  co_return types;
}

Async<Notification> Connection::next_notification() {
  for (;;) {
    if (PGnotify* const got = PQnotifies(parts_->handle.get())) {
      Notification notification{got->relname, got->extra};
      PQfreemem(got);
      co_return notification;
    }
    MECHA_CO_TRY_VOID(co_await readable());
  }
}

}  // namespace mecha::postgresql
