// Output binding on Redis: plain keys (contract 03, 5.6).

#include <optional>
#include <string>
#include <utility>

#include "components/bindings/binding.hpp"
#include "components/catalog.hpp"
#include "components/redis/client.hpp"
#include "runtime/base/text.hpp"

namespace mecha::bindings {
namespace {

using redis::Command;

// A whole number of seconds or a duration; empty if the request states none.
Result<std::optional<std::int64_t>> ttl_of(const Metadata& metadata) {
  const std::string* value = nullptr;
  for (const auto& [name, text] : metadata) {
    if (text.empty()) continue;
    if (text::equals_nocase(name, "ttl")) value = &text;
    if (value == nullptr && text::equals_nocase(name, "ttlInSeconds")) value = &text;
  }
  if (value == nullptr) return std::nullopt;
  const auto time = text::duration_or(*value, std::chrono::seconds(1));
  const auto seconds = time ? std::chrono::floor<std::chrono::seconds>(*time).count() : 0;
  if (seconds < 1) {
    return fail(
        Code::invalid_argument,
        "ttlInSeconds must be a number of seconds above zero, got " + text::quote(*value)
    );
  }
  return seconds;
}

class RedisBinding final : public Binding, public OutputBinding {
 public:
  using Settings = redis::Settings;
  static constexpr ComponentInfo info{"bindings.redis", "v1", "Keys of a Redis server, of a cluster, or of the master that sentinels name."};

  static Result<redis::Options> check(const Settings& settings) {
    if (settings.host.empty()) return fail(Code::invalid_argument, "redisHost is required");
    return redis::resolve(settings);
  }

  RedisBinding(const Settings& settings, const ComponentContext& context) {
    auto options = check(settings);
    if (!options)
      error_ = std::move(options).error();
    else
      client_.emplace(context.shards, *std::move(options));
  }

  OutputBinding* output() override { return this; }
  std::vector<std::string> operations() const override {
    return {"create", "get", "delete", "increment"};
  }

  Async<void> start() override {
    if (error_) co_return fail(*error_);
    auto connected = co_await client_->connect();
    if (connected) co_return Result<void>{};
    co_return fail(std::move(connected).error().context(
        "redis binding: error connecting to redis at " + client_->options().address()
    ));
  }

  Async<void> stop() override {
    if (client_) co_await client_->close();
    co_return Result<void>{};
  }

  asio::awaitable<InvokeOutcome> invoke(InvokeRequest request) override {
    const auto it = request.metadata.find("key");
    if (it == request.metadata.end() || it->second.empty()) {
      co_return failure(
          {.code = Code::invalid_argument,
           .message = "redis binding: missing key in request metadata"}
      );
    }
    const auto key = it->second;
    if (request.operation == "get") co_return co_await get(key, request.metadata);
    const auto done = co_await change(key, std::move(request));
    co_return done ? no_answer() : failure(done.error());
  }

 private:
  asio::awaitable<InvokeOutcome> get(std::string key, Metadata metadata) {
    const auto it = metadata.find("delete");
    const bool takes = it != metadata.end() && it->second == "true";
    auto reply = co_await client_->call(Command(takes ? "GETDEL" : "GET", key));
    co_return reply ? answer(std::move(reply->text)) : failure(std::move(reply).error());
  }

  Async<void> change(std::string key, InvokeRequest request) {
    if (request.operation == "delete") {
      MECHA_CO_TRY_VOID(co_await client_->call(Command("DEL", key)));
      co_return Result<void>{};
    }
    MECHA_CO_TRY(const auto ttl, ttl_of(request.metadata));
    if (request.operation == "create") {
      Command set("SET", key, request.data);
      if (ttl) set.add("EX").add(*ttl);
      MECHA_CO_TRY_VOID(co_await client_->call(std::move(set)));
      co_return Result<void>{};
    }
    MECHA_CO_TRY_VOID(co_await client_->call(Command("INCR", key)));
    if (ttl) {
      MECHA_CO_TRY_VOID(co_await client_->call(Command("EXPIRE", key, *ttl)));
    }
    co_return Result<void>{};
  }

  std::optional<redis::Client> client_;
  std::optional<Error> error_;  // of the settings
};

}  // namespace

void register_redis(Catalog& catalog) { catalog.add<RedisBinding>(); }

}  // namespace mecha::bindings
