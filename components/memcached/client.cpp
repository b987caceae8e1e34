#include "components/memcached/client.hpp"

#include <array>
#include <atomic>
#include <map>
#include <utility>

#include <zlib.h>

#include "runtime/async/event.hpp"
#include "runtime/async/on_shard.hpp"
#include "runtime/async/within.hpp"
#include "runtime/net/authority.hpp"
#include "runtime/net/wire.hpp"

namespace mecha::memcached {
namespace {

constexpr std::size_t kConnectionsMax = 64;  // per server and shard; further exchanges wait
constexpr std::size_t kCommandsMax = 32;     // of one exchange
constexpr std::size_t kBytesMax = 1u << 20;
constexpr std::uint16_t kPort = 11211;

std::string name_of(const net::Origin& origin) {
  return origin.unix_path.empty() ? origin.host + ':' + std::to_string(origin.port) : origin.unix_path;
}

}  // namespace

struct Client::Connection {
  std::unique_ptr<net::Wire> wire;
  AnswerReader reader;
  std::array<char, 16384> buffer;
};

// Commands for one server that go out together, and their answers as far as they came.
struct Client::Exchange {
  std::vector<Command> commands;
  std::vector<Answer> answers;
};

struct Client::Server {
  Server(net::Origin where, std::shared_ptr<const Options> o, Executor executor)
      : origin(std::move(where)), options(std::move(o)), slots(std::move(executor), kConnectionsMax) {}

  net::Origin origin;
  std::shared_ptr<const Options> options;
  Semaphore slots;
  std::vector<std::shared_ptr<Connection>> idle;
  bool closed = false;
};

// A slot of a server, and the connection in it, which goes back only from an exchange that came to its end.
struct Client::Lease {
  explicit Lease(std::shared_ptr<Server> from) : server(std::move(from)) {}
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;
  ~Lease() { server->slots.release(); }

  bool take_idle() {
    if (server->idle.empty()) return false;
    connection = std::move(server->idle.back());
    server->idle.pop_back();
    return true;
  }
  void give_back() {
    if (!server->closed && server->idle.size() < server->options->idle_max) server->idle.push_back(std::move(connection));
  }

  std::shared_ptr<Server> server;
  std::shared_ptr<Connection> connection;
};

struct Client::Shard {
  std::vector<std::shared_ptr<Server>> servers;
  std::atomic<bool> used = false;

  asio::awaitable<void> close() {
    for (const auto& server : servers) {
      server->closed = true;
      server->idle.clear();
    }
    co_return;
  }
};

Result<net::Origin> parse_server(std::string_view text) {
  if (text.contains('/')) return net::Origin{.unix_path = std::string(text)};
  const auto authority = net::parse_authority(text, kPort);
  if (!authority || authority->host.empty() || authority->username) {
    return fail(Code::invalid_argument, "a host is host:port, got \"" + std::string(text) + '"');
  }
  return net::Origin{.host = authority->host, .port = authority->port, .unix_path = {}};
}

Client::Client(Shards& shards, Options options) : shards_(shards), options_(std::make_shared<const Options>(std::move(options))) {
  for (std::size_t i = 0; i < shards.count(); ++i) {
    auto& shard = *per_shard_.emplace_back(std::make_unique<Shard>());
    for (const auto& origin : options_->servers) {
      shard.servers.push_back(std::make_shared<Server>(origin, options_, shards.executor(i)));
    }
  }
}

Client::~Client() = default;

Client::Shard& Client::shard() {
  auto& mine = *per_shard_[Shards::current()];
  mine.used = true;
  return mine;
}

std::size_t Client::server_of(std::string_view key) const {
  const auto count = options_->servers.size();
  if (count == 1) return 0;
  return crc32(0, reinterpret_cast<const Bytef*>(key.data()), static_cast<uInt>(key.size())) % count;
}

Async<void> Client::talk(std::shared_ptr<Connection> connection, std::shared_ptr<Exchange> work) {
  std::string bytes;
  for (const auto& command : work->commands) append_to(bytes, command);
  MECHA_CO_TRY_VOID(co_await connection->wire->write(bytes));
  auto& buffer = connection->buffer;
  while (work->answers.size() < work->commands.size()) {
    MECHA_CO_TRY(auto answer, connection->reader.next(work->commands[work->answers.size()]));
    if (answer) {
      work->answers.push_back(*std::move(answer));
      continue;
    }
    MECHA_CO_TRY(const auto size, co_await connection->wire->read_some(buffer.data(), buffer.size()));
    if (size == 0) co_return fail(Code::unavailable, "EOF");
    connection->reader.feed({buffer.data(), size});
  }
  co_return Result<void>{};
}

Async<void> Client::exchange(std::shared_ptr<Server> server, std::shared_ptr<Exchange> work) {
  if (!co_await server->slots.acquire()) co_return fail(Code::cancelled, "context canceled");
  Lease lease(server);
  for (;;) {
    const bool reused = lease.take_idle();
    if (!reused) {
      MECHA_CO_TRY(auto wire, co_await net::Wire::dial(server->origin, nullptr, server->options->timeout));
      lease.connection = std::make_shared<Connection>();
      lease.connection->wire = std::move(wire);
    }
    auto done = co_await talk(lease.connection, work);
    if (done) {
      lease.give_back();
      co_return done;
    }
    lease.connection = nullptr;
    if (!reused || !work->answers.empty()) co_return done;
  }
}

// What has no answer in the end has the error of the exchange.
Async<void> Client::run_on(std::shared_ptr<Server> server, std::shared_ptr<Exchange> work) {
  auto done = co_await within(server->options->timeout, exchange(server, work));
  if (!done && done.error().failure == Failure::timeout) done.error().message = "i/o timeout";
  const auto context = "memcached " + name_of(server->origin);
  for (auto& answer : work->answers) {
    if (!answer) answer = fail(std::move(answer).error().context(context));
  }
  if (done) co_return done;
  auto error = std::move(done).error();
  if (!error.message.starts_with("dial ")) error = std::move(error).context(context);  // which names the server itself
  while (work->answers.size() < work->commands.size()) work->answers.emplace_back(fail(error));
  co_return fail(std::move(error));
}

Async<void> Client::ping() {
  for (const auto& server : shard().servers) {
    const auto work = std::make_shared<Exchange>();
    work->commands.push_back({.verb = Verb::version, .key = {}});
    MECHA_CO_TRY_VOID(co_await run_on(server, work));
    if (!work->answers[0]) co_return fail(work->answers[0].error());
  }
  co_return Result<void>{};
}

Async<std::vector<Answer>> Client::run(std::vector<Command> commands) {
  std::vector<Answer> answers(commands.size(), Answer(std::nullopt));
  std::map<std::size_t, std::vector<std::size_t>> by_server;
  for (std::size_t i = 0; i < commands.size(); ++i) {
    if (auto checked = check_key(commands[i].key)) by_server[server_of(commands[i].key)].push_back(i);
    else answers[i] = fail(std::move(checked).error());
  }
  for (const auto& [number, indexes] : by_server) {
    std::optional<Error> broken;  // a server that fails is not asked for the rest
    for (std::size_t first = 0; first < indexes.size();) {
      const auto work = std::make_shared<Exchange>();
      auto last = first;
      for (std::size_t bytes = 0; last < indexes.size() && last - first < kCommandsMax && bytes < kBytesMax; ++last) {
        bytes += commands[indexes[last]].value.size();
        work->commands.push_back(std::move(commands[indexes[last]]));
      }
      if (!broken) {
        auto done = co_await run_on(shard().servers[number], work);
        if (!done) broken = std::move(done).error();
      }
      for (std::size_t i = first; i < last; ++i) {
        answers[indexes[i]] = i - first < work->answers.size() ? std::move(work->answers[i - first]) : Answer(fail(*broken));
      }
      first = last;
    }
  }
  co_return answers;
}

asio::awaitable<void> Client::close() {
  for (std::size_t i = 0; i < per_shard_.size(); ++i) {
    if (per_shard_[i]->used) co_await on_shard(shards_.executor(i), per_shard_[i]->close());
  }
}

}  // namespace mecha::memcached
