// Locks on a Redis server: a text key that holds the owner, set if it is absent, with its expiry (contract 02, 5.2). The layout
// is that of other implementations of the API, so both may share the locks.

#include <optional>

#include "components/catalog.hpp"
#include "components/lock/lock_store.hpp"
#include "components/redis/client.hpp"
#include "runtime/base/text.hpp"

namespace mecha::lock {
namespace {

using redis::Command;

// Looks and deletes as one step; the numbers are those of UnlockStatus.
constexpr std::string_view kUnlock =
    "local owner = redis.call('GET', KEYS[1]) "
    "if not owner then return 1 end "
    "if owner ~= ARGV[1] then return 2 end "
    "redis.call('DEL', KEYS[1]) return 0";

class RedisLock final : public LockStore {
 public:
  using Settings = redis::Settings;
  static constexpr ComponentInfo info{"lock.redis", "v1", "Redis: one server, or the master that sentinels name."};

  RedisLock(Settings settings, const ComponentContext& context) : settings_(std::move(settings)), shards_(context.shards) {}

  static Result<redis::Options> check(const Settings& settings) {
    if (settings.host.empty()) return fail(Code::invalid_argument, "metadata property redisHost is empty");
    if (text::equals_nocase(settings.type, "cluster")) {
      return fail(Code::invalid_argument, "this component does not support connecting to Redis Cluster");
    }
    return redis::resolve(settings);
  }

  Async<void> start() override {
    MECHA_CO_TRY(auto options, check(settings_));
    client_.emplace(shards_, std::move(options));
    if (auto connected = co_await client_->connect(); !connected) {
      co_return fail(std::move(connected).error().context("error connecting to Redis"));
    }
    // A replica that takes over would not know of every lock.
    MECHA_CO_TRY(const auto replication, co_await client_->call(Command("INFO", "replication")));
    if (!settings_.failover && has_replicas(replication.text)) {
      co_return fail(Code::failed_precondition, "replication is not supported");
    }
    co_return Result<void>{};
  }

  Async<void> stop() override {
    if (client_) co_await client_->close();
    co_return Result<void>{};
  }

  Async<bool> try_lock(TryLockRequest request) override {
    Command set("SET", request.key, request.owner, "EX", request.expiry_seconds, "NX");
    MECHA_CO_TRY(const auto reply, co_await client_->call(std::move(set)));
    co_return !reply.is_nil();
  }

  Async<UnlockStatus> unlock(UnlockRequest request) override {
    MECHA_CO_TRY(const auto reply, co_await client_->call(Command("EVAL", kUnlock, 1, request.key, request.owner)));
    if (reply.type != redis::Reply::Type::integer || reply.integer < 0 || reply.integer > 2) {
      co_return UnlockStatus::internal_error;
    }
    co_return static_cast<UnlockStatus>(reply.integer);
  }

 private:
  static bool has_replicas(std::string_view replication) {
    constexpr std::string_view kReplicas = "connected_slaves:";
    const auto at = replication.find(kReplicas);
    return at != std::string_view::npos && replication.substr(at + kReplicas.size(), 1) != "0";
  }

  const Settings settings_;
  Shards& shards_;
  std::optional<redis::Client> client_;
};

}  // namespace

void register_redis(Catalog& catalog) { catalog.add<RedisLock>(); }

}  // namespace mecha::lock
