#include "components/postgresql/pool.hpp"

#include <algorithm>
#include <atomic>
#include <utility>

#include <boost/asio/experimental/awaitable_operators.hpp>

#include "runtime/async/event.hpp"
#include "runtime/async/gate.hpp"
#include "runtime/async/on_shard.hpp"
#include "runtime/async/within.hpp"

namespace mecha::postgresql {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kLeftMax = 64;  // backends that are to be ended
constexpr auto kEndLimit = std::chrono::seconds(5);
constexpr std::size_t kWaitingMax = 4096;  // calls of a shard without a connection

Error closed() { return {.code = Code::unavailable, .message = "closed pool", .failure = Failure::never_sent}; }

struct Idle {
  std::unique_ptr<Connection> connection;
  Clock::time_point opened, used;
};

// What stands between us and the server may have given the number of the backend: only one that knows our port is meant.
Async<void> end_backends(std::shared_ptr<const Options> options, std::vector<Backend> left) {
  MECHA_CO_TRY(const auto connection, co_await Connection::open(std::move(options)));
  for (const auto& one : left) {
    MECHA_CO_TRY_VOID(co_await connection->run({
        .sql = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = $1 AND client_port = $2 AND pid <> pg_backend_pid()",
        .params = {one.pid, one.client_port}}));
  }
  co_return Result<void>{};
}

}  // namespace

// The connections of one shard.
struct Pool::Home {
  Home(std::size_t shard_index, Executor on, std::size_t connections, std::shared_ptr<const Options> with)
      : index(shard_index), executor(on), options(std::move(with)), places(on, connections), ending(on), gone(on), gate(on) {}

  std::optional<Idle> take() {
    while (!idle.empty()) {
      auto last = std::move(idle.back());
      idle.pop_back();
      if (is_young(last, Clock::now()) && last.connection->usable()) return last;
    }
    return std::nullopt;
  }

  bool is_young(const Idle& one, Clock::time_point now) const {
    return now - one.used < options->idle_max && now - one.opened < options->lifetime_max;
  }

  asio::awaitable<void> sweep() {
    while (co_await sleep_for(options->check_period)) {
      std::erase_if(idle, [&](Idle& one) { return !is_young(one, Clock::now()) || !one.connection->usable(); });
    }
  }

  // By and by, on a connection beside the others. A server that does not answer is not asked again.
  void leave_behind(Backend backend) {
    if (shut || left.size() >= kLeftMax) return;
    left.push_back(backend);
    if (!ending_left) ending_left = spawn(gate, executor, end_left());
  }

  asio::awaitable<void> end_left() {
    while (!left.empty()) (void)co_await within(kEndLimit, end_backends(options, std::exchange(left, {})));
    ending_left = false;
  }

  Async<void> open(Idle& into) {
    using namespace asio::experimental::awaitable_operators;
    if (!sweeping) sweeping = spawn(gate, executor, sweep());
    auto first = co_await (Connection::open(options) || ending.wait());
    if (first.index() == 1) co_return fail(closed());
    MECHA_CO_TRY(into.connection, std::move(std::get<0>(first)));
    into.opened = Clock::now();
    co_return Result<void>{};
  }

  asio::awaitable<void> close() {
    shut = true;
    ending.set();
    idle.clear();
    for (auto* connection : lent) connection->abort();
    while (calls > 0) co_await gone.wait();
    co_await gate.close(std::chrono::seconds(0));
  }

  const std::size_t index;
  const Executor executor;
  const std::shared_ptr<const Options> options;
  Semaphore places;
  std::vector<Idle> idle;  // the last one used comes last
  std::vector<Connection*> lent;
  std::size_t calls = 0;
  Event ending, gone;
  Gate gate;
  std::atomic<bool> used = false;
  std::vector<Backend> left;
  bool sweeping = false, shut = false, ending_left = false;
};

// A call's place among the calls of a home, then among its connections, and the connection; given back when it ends.
struct Pool::Lease {
  explicit Lease(Home& of) : home(of) { ++home.calls; }
  ~Lease() {
    if (one.connection) {
      std::erase(home.lent, one.connection.get());
      one.used = Clock::now();
      if (!home.shut && one.connection->settled()) home.idle.push_back(std::move(one));
      else if (const auto backend = one.connection->left_behind()) home.leave_behind(*backend);
    }
    if (has_place) home.places.release();
    if (--home.calls == 0) home.gone.pulse();
  }
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;

  Home& home;
  Idle one;
  bool has_place = false;
};

Pool::Pool(Shards& shards, Options options) : options_(std::make_shared<const Options>(std::move(options))) {
  const auto most = options_->connections_max;
  const auto count = std::min(shards.count(), most);
  for (std::size_t i = 0; i < count; ++i) {
    homes_.push_back(std::make_unique<Home>(i, shards.executor(i), most / count + (i < most % count ? 1 : 0), options_));
  }
}

Pool::~Pool() = default;

Async<void> Pool::lend_at(Home& home, AnyWork work) {
  if (home.shut) co_return fail(closed());
  if (home.places.waiting() >= kWaitingMax) co_return fail(Code::resource_exhausted, "too many calls wait for a connection to PostgreSQL");
  Lease lease(home);
  lease.has_place = co_await home.places.acquire();
  if (home.shut) co_return fail(closed());
  if (!lease.has_place) co_return fail(Code::cancelled, "context canceled");
  if (auto idle = home.take()) {
    lease.one = *std::move(idle);
  } else {
    MECHA_CO_TRY_VOID(co_await home.open(lease.one));
  }
  home.lent.push_back(lease.one.connection.get());
  co_await work(*lease.one.connection);
  co_return Result<void>{};
}

Async<void> Pool::lend(AnyWork work) {
  const auto shard = Shards::current();
  Home& home = *homes_[shard % homes_.size()];
  home.used = true;
  auto task = within(options_->timeout, lend_at(home, std::move(work)));
  if (home.index == shard) co_return co_await std::move(task);
  co_return co_await on_shard(home.executor, std::move(task));
}

Async<Answer> Pool::run(Statement statement) {
  const auto shared = std::make_shared<Statement>(std::move(statement));
  co_return co_await with<Answer>([shared](Connection& connection) { return connection.run(std::move(*shared)); });
}

asio::awaitable<void> Pool::close() {
  for (auto& home : homes_) {
    if (home->used) co_await on_shard(home->executor, home->close());
  }
}

}  // namespace mecha::postgresql
