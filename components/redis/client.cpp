#include "components/redis/client.hpp"

#include <atomic>
#include <utility>

#include <boost/asio/post.hpp>

#include "components/redis/router.hpp"
#include "components/redis/sentinel.hpp"
#include "components/redis/slots.hpp"
#include "runtime/async/gate.hpp"
#include "runtime/async/on_shard.hpp"

namespace mecha::redis {
namespace {

std::vector<Command> in_list(Command command) {
  std::vector<Command> one;
  one.push_back(std::move(command));
  return one;
}

std::vector<Unit> one_by_one(std::vector<Command> commands) {
  std::vector<Unit> units;
  units.reserve(commands.size());
  for (auto& command : commands) {
    const auto slot = slot_of(command);
    units.push_back({.commands = in_list(std::move(command)), .slot = slot});
  }
  return units;
}

std::vector<Command> as_transaction(std::vector<Command> commands) {
  std::vector<Command> all;
  all.reserve(commands.size() + 2);
  all.emplace_back("MULTI");
  for (auto& command : commands) all.push_back(std::move(command));
  all.emplace_back("EXEC");
  return all;
}

// What EXEC gave. A command that cannot even be queued has the error that says why; EXEC's only says that there was one.
Result<std::vector<Reply>> executed(std::vector<Reply> replies) {
  for (auto& reply : replies) {
    if (reply.is_error()) return fail(Code::unknown, std::move(reply.text));
  }
  auto& last = replies.back();
  if (!last.is_array()) return fail(Code::unknown, "redis: transaction failed");
  return std::move(last.items);
}

Result<Address> read_server(const std::string& name) {
  auto address = parse_address(name);
  if (!address) return fail(Code::internal, "redis: no server is named " + name);
  return *std::move(address);
}

}  // namespace

struct Client::Shard {
  Shard(Executor on, const std::shared_ptr<const Options>& options) : executor(on), gate(on), home(on, gate, options) {
    if (options->topology == Topology::node) return;
    router = std::make_unique<Router>(on, gate, options, [this] { close_sessions(); });
  }

  Executor executor;
  Gate gate;
  std::atomic<bool> used = false;
  Server home;                     // where there is one server
  std::unique_ptr<Router> router;  // where there are several
  std::vector<std::weak_ptr<Session::State>> sessions;  // that end with the master

  Async<std::unique_ptr<Session>> dial(Address address, bool asking) {
    auto session = co_await Session::dial(router->options_of(address), address.text(), asking);
    if (session) {
      std::erase_if(sessions, [](const auto& one) { return one.expired(); });
      sessions.push_back((*session)->state_);
    }
    co_return session;
  }

  void close_sessions() {
    for (const auto& one : std::exchange(sessions, {})) {
      if (const auto state = one.lock()) Session::close(*state);
    }
  }

  asio::awaitable<void> close() {
    home.close();
    if (router) router->close();
    co_await gate.close(std::chrono::seconds(0));
  }
};

Client::Client(Shards& shards, Options options)
    : options_(std::make_shared<const Options>(std::move(options))) {
  for (std::size_t i = 0; i < shards.count(); ++i) {
    per_shard_.push_back(std::make_unique<Shard>(shards.executor(i), options_));
  }
}

Client::~Client() = default;

Client::Shard& Client::here() {
  auto& mine = *per_shard_[Shards::current()];
  if (!mine.used.load(std::memory_order_relaxed)) mine.used = true;
  return mine;
}

const Options& Client::options() const { return *options_; }

Async<void> Client::connect() {
  if (options_->topology == Topology::sentinel && !std::exchange(watching_, true)) {
    auto& mine = here();
    const auto tell = [this](const Master& master) {
      for (const auto& shard : per_shard_) {
        if (!shard->used) continue;
        auto map = SlotMap::whole(master.address, master.epoch);
        asio::post(shard->executor, [at = shard.get(), map = std::move(map)]() mutable { at->router->master_is(std::move(map)); });
      }
    };
    spawn(mine.gate, mine.executor, watch_master(options_, tell));
  }
  MECHA_CO_TRY_VOID(co_await call(Command("PING")));
  co_return Result<void>{};
}

Async<Reply> Client::call(Command command) {
  auto& mine = here();
  if (mine.router) {
    const auto slot = slot_of(command);
    MECHA_CO_TRY(auto replies, co_await mine.router->run_one({.commands = in_list(std::move(command)), .slot = slot}));
    co_return checked(std::move(replies.front()));
  }
  MECHA_CO_TRY(auto replies, co_await mine.home.pick().send(in_list(std::move(command))));
  co_return checked(std::move(replies.front()));
}

Async<std::vector<Reply>> Client::pipeline(std::vector<Command> commands) {
  if (commands.empty()) co_return std::vector<Reply>();
  auto& mine = here();
  if (!mine.router) co_return co_await mine.home.pick().send(std::move(commands));
  auto outcomes = co_await mine.router->run(one_by_one(std::move(commands)));
  std::vector<Reply> replies;
  replies.reserve(outcomes.size());
  for (auto& outcome : outcomes) {
    if (!outcome) co_return fail(std::move(outcome).error());
    replies.push_back(std::move(outcome->front()));
  }
  co_return replies;
}

asio::awaitable<std::vector<Result<Reply>>> Client::each(std::vector<Command> commands) {
  std::vector<Result<Reply>> results;
  results.reserve(commands.size());
  auto& mine = here();
  if (!mine.router) {
    const auto count = commands.size();
    auto replies = co_await pipeline(std::move(commands));
    for (std::size_t i = 0; i < count; ++i) {
      if (replies) results.push_back(checked(std::move((*replies)[i])));
      else results.push_back(fail(replies.error()));
    }
    co_return results;
  }
  auto outcomes = co_await mine.router->run(one_by_one(std::move(commands)));
  for (auto& outcome : outcomes) {
    if (outcome) results.push_back(checked(std::move(outcome->front())));
    else results.push_back(fail(std::move(outcome).error()));
  }
  co_return results;
}

Async<std::vector<Reply>> Client::pipeline_slow(std::vector<Command> commands) {
  auto& mine = here();
  if (!mine.router) co_return co_await mine.home.slow().send(std::move(commands));
  const auto slot = slot_of(commands.front());
  co_return co_await mine.router->run_one({.commands = std::move(commands), .slot = slot, .slow = true});
}

Async<std::vector<Reply>> Client::transaction(std::vector<Command> commands) {
  auto& mine = here();
  if (!mine.router) {
    MECHA_CO_TRY(auto replies, co_await mine.home.pick().send(as_transaction(std::move(commands))));
    co_return executed(std::move(replies));
  }
  // Slots in the order in which they first come; `places` says which command a reply belongs to.
  std::vector<Reply> all(commands.size());
  std::vector<std::vector<std::size_t>> places;
  std::vector<Unit> units;
  for (std::size_t i = 0; i < commands.size(); ++i) {
    const auto slot = slot_of(commands[i]);
    std::size_t at = 0;
    while (at < units.size() && units[at].slot != slot) ++at;
    if (at == units.size()) {
      units.push_back({.commands = {}, .slot = slot});
      places.emplace_back();
    }
    units[at].commands.push_back(std::move(commands[i]));
    places[at].push_back(i);
  }
  for (auto& unit : units) unit.commands = as_transaction(std::move(unit.commands));
  auto outcomes = co_await mine.router->run(std::move(units));
  for (std::size_t u = 0; u < outcomes.size(); ++u) {
    MECHA_CO_TRY(auto queued, std::move(outcomes[u]));
    MECHA_CO_TRY(auto replies, executed(std::move(queued)));
    for (std::size_t i = 0; i < replies.size() && i < places[u].size(); ++i) all[places[u][i]] = std::move(replies[i]);
  }
  co_return all;
}

Async<std::vector<std::string>> Client::servers() {
  auto& mine = here();
  if (options_->topology != Topology::cluster) co_return std::vector<std::string>(1);
  MECHA_CO_TRY(const auto masters, co_await mine.router->masters());
  std::vector<std::string> names;
  for (const auto& address : masters) names.push_back(address.text());
  co_return names;
}

Async<std::string> Client::server_of(std::string key) {
  if (options_->topology != Topology::cluster) co_return std::string();
  auto& mine = here();
  MECHA_CO_TRY(const auto address, co_await mine.router->owner(slot_of(std::string_view(key))));
  co_return address.text();
}

Async<void> Client::refresh() {
  auto& mine = here();
  if (mine.router && !mine.router->fresh()) MECHA_CO_TRY_VOID(co_await mine.router->refresh());
  co_return Result<void>{};
}

Async<Reply> Client::call_at(std::string server, Command command) {
  auto& mine = here();
  if (server.empty() || !mine.router) co_return co_await call(std::move(command));
  MECHA_CO_TRY(auto address, read_server(server));
  MECHA_CO_TRY(
      auto replies,
      co_await mine.router->run_one({.commands = in_list(std::move(command)), .server = std::move(address)})
  );
  co_return checked(std::move(replies.front()));
}

Async<std::unique_ptr<Session>> Client::dedicated(std::string server) {
  auto& mine = here();
  if (!mine.router) co_return co_await Session::dial(options_, {}, false);
  Address address;
  if (server.empty()) {
    MECHA_CO_TRY(address, co_await mine.router->owner(std::nullopt));
  } else {
    MECHA_CO_TRY(address, read_server(server));
  }
  auto session = co_await mine.dial(std::move(address), false);
  if (!session) (void)co_await mine.router->refresh();  // another one may have its place by the next time
  co_return session;
}

Async<std::unique_ptr<Session>> Client::dedicated_to(std::string key, std::string refused) {
  auto& mine = here();
  if (!mine.router) co_return co_await dedicated();
  const auto redirect = read_redirect(refused);
  if (redirect && !redirect->to.host.empty()) {
    mine.router->learn(*redirect);
    if (redirect->ask) {
      co_return co_await mine.dial(redirect->to, true);
    }
  } else if (is_refusal(refused) || redirect) {
    MECHA_CO_TRY_VOID(co_await mine.router->refresh());
  }
  MECHA_CO_TRY(auto server, co_await server_of(std::move(key)));
  co_return co_await dedicated(std::move(server));
}

bool Client::is_redirect(const Error& error) {
  return is_server_error(error) && read_redirect(error.message).has_value();
}

asio::awaitable<void> Client::close() {
  for (auto& mine : per_shard_) {
    if (!mine->used) continue;
    co_await on_shard(mine->executor, mine->close());
  }
}

}  // namespace mecha::redis
