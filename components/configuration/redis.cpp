// Configuration on a Redis server: text keys `value||version`, changes by keyspace events (contract 02, 4.3). No prefix stands
// before the keys, so that all applications share them.

#include <algorithm>
#include <optional>

#include "components/catalog.hpp"
#include "components/configuration/configuration_store.hpp"
#include "components/configuration/redis_subscription.hpp"
#include "components/redis/client.hpp"

namespace mecha::configuration {
namespace {

using redis::Command;

constexpr std::size_t kReadAtOnce = 1000;

class RedisConfiguration final : public ConfigurationStore {
 public:
  using Settings = redis::Settings;
  static constexpr ComponentInfo info{"configuration.redis", "v1", "Redis: one server, a cluster, or the master that sentinels name; changes by keyspace events."};

  RedisConfiguration(Settings settings, const ComponentContext& context)
      : settings_(std::move(settings)), shards_(context.shards), log_(context.log) {}

  static Result<redis::Options> check(const Settings& settings) { return redis::resolve(settings); }

  Async<void> start() override {
    MECHA_CO_TRY(auto options, check(settings_));
    client_.emplace(shards_, std::move(options));
    if (auto connected = co_await client_->connect(); !connected) {
      co_return fail(std::move(connected).error().context("redis store: error connecting to redis at " + settings_.host));
    }
    co_return Result<void>{};
  }

  Async<void> stop() override {
    if (client_) co_await client_->close();
    co_return Result<void>{};
  }

  Async<Items> get(StoreRequest request) override {
    auto keys = std::move(request.keys);
    MECHA_CO_TRY(const auto servers, co_await client_->servers());
    if (keys.empty()) {
      for (const auto& server : servers) {
        MECHA_CO_TRY(const auto all, co_await client_->call_at(server, Command("KEYS", "*")));
        for (const auto& key : all.items) keys.push_back(key.text);
      }
    }
    if (keys.empty()) co_return Items();
    auto read = servers.front().empty() ? read_all(keys) : read_each(keys);
    MECHA_CO_TRY(const auto values, co_await std::move(read));
    Items items;
    for (std::size_t i = 0; i < keys.size() && i < values.size(); ++i) {
      if (values[i].is_nil()) continue;
      auto item = parse_item(values[i].text);
      if (!item.value.empty()) items.insert_or_assign(std::move(keys[i]), std::move(item));
    }
    co_return items;
  }

  Async<std::unique_ptr<Subscription>> subscribe(StoreRequest request, Handler handler) override {
    const auto executor = co_await asio::this_coro::executor;
    auto made = std::make_unique<RedisSubscription>(
        executor, *client_, log_, std::move(request.keys), std::move(handler)
    );
    if (auto started = co_await made->start(); !started) {
      co_await made->stop();
      co_return fail(std::move(started).error());
    }
    co_return made;
  }

 private:
  // MGET answers nil for what is missing and for what is no text.
  Async<std::vector<redis::Reply>> read_all(std::vector<std::string> keys) {
    Command command("MGET");
    for (const auto& key : keys) command.add(key);
    MECHA_CO_TRY(auto values, co_await client_->call(std::move(command)));
    co_return std::move(values.items);
  }

  // In a cluster the keys of one command must have one slot.
  Async<std::vector<redis::Reply>> read_each(std::vector<std::string> keys) {
    std::vector<redis::Reply> values;
    for (std::size_t from = 0; from < keys.size(); from += kReadAtOnce) {
      std::vector<Command> commands;
      for (auto i = from; i < std::min(keys.size(), from + kReadAtOnce); ++i) commands.emplace_back("MGET", keys[i]);
      MECHA_CO_TRY(auto replies, co_await client_->pipeline(std::move(commands)));
      for (auto& reply : replies) {
        MECHA_CO_TRY(auto value, redis::checked(std::move(reply)));
        values.push_back(value.items.empty() ? redis::Reply() : std::move(value.items.front()));
      }
    }
    co_return values;
  }

  const Settings settings_;
  Shards& shards_;
  const Log log_;
  std::optional<redis::Client> client_;
};

}  // namespace

void register_redis(Catalog& catalog) { catalog.add<RedisConfiguration>(); }

}  // namespace mecha::configuration
