#include "components/configuration/redis_subscription.hpp"

#include <algorithm>
#include <chrono>
#include <set>

#include "runtime/async/within.hpp"

namespace mecha::configuration {
namespace {

using namespace std::chrono_literals;
using redis::Command;
using redis::Reply;

// The server answers each PING; a connection that is silent for longer is dead.
constexpr auto kBeat = 15s;
constexpr redis::milliseconds kSilence = 45s;
constexpr redis::milliseconds kConfirmLimit = 5s;
constexpr std::chrono::milliseconds kFirstPause = 200ms, kLongestPause = 10s;

std::vector<std::string> distinct(const std::vector<std::string>& keys) {
  const std::set<std::string> once(keys.begin(), keys.end());
  return {once.begin(), once.end()};
}

// The key whose event a push tells.
std::optional<std::string> key_of(const Reply& push, std::string_view prefix) {
  if (!push.is_array() || push.items.size() < 3) return std::nullopt;
  const auto& kind = push.items[0].text;
  const Reply* channel = nullptr;
  if (kind == "message") channel = &push.items[1];
  if (kind == "pmessage" && push.items.size() == 4) channel = &push.items[2];
  if (channel == nullptr || !channel->text.starts_with(prefix)) return std::nullopt;
  return channel->text.substr(prefix.size());
}

bool confirms(const Reply& push) {
  if (!push.is_array() || push.items.empty()) return false;
  return push.items[0].text == "subscribe" || push.items[0].text == "psubscribe";
}

}  // namespace

Item parse_item(std::string_view text) {
  constexpr std::string_view kSeparator = "||";
  const auto first = text.find(kSeparator);
  if (first == std::string_view::npos) return {.value = std::string(text)};
  const auto rest = text.substr(first + kSeparator.size());
  return {.value = std::string(text.substr(0, first)), .version = std::string(rest.substr(0, rest.find(kSeparator)))};
}

RedisSubscription::RedisSubscription(
    Executor executor, redis::Client& client, Log log, std::vector<std::string> keys, Handler handler
)
    : executor_(executor),
      client_(client),
      log_(std::move(log)),
      keys_(distinct(keys)),
      handler_(std::move(handler)),
      prefix_("__keyspace@" + std::to_string(client.options().database) + "__:"),
      gate_(executor) {}

Async<void> RedisSubscription::start() {
  MECHA_CO_TRY_VOID(co_await open());
  gate_.spawn(executor_, run());
  gate_.spawn(executor_, beat());
  co_return Result<void>{};
}

asio::awaitable<void> RedisSubscription::stop() {
  stopping_ = true;
  if (session_) session_->close();
  co_await gate_.close(0s);
}

Async<void> RedisSubscription::open() {
  // Managed servers refuse it and have a switch elsewhere.
  (void)co_await client_.call(Command("CONFIG", "SET", "notify-keyspace-events", "Kg$xe"));
  MECHA_CO_TRY(auto session, co_await client_.dedicated());
  Command subscribe(keys_.empty() ? "PSUBSCRIBE" : "SUBSCRIBE");
  if (keys_.empty()) subscribe.add(prefix_ + "*");
  for (const auto& key : keys_) subscribe.add(prefix_ + key);
  MECHA_CO_TRY_VOID(co_await session->send(std::move(subscribe)));
  for (auto missing = std::max<std::size_t>(keys_.size(), 1); missing > 0;) {
    MECHA_CO_TRY(const auto push, co_await session->next(kConfirmLimit));
    if (confirms(push)) --missing;
    if (auto key = key_of(push, prefix_)) early_.push_back(*std::move(key));
  }
  session_ = std::move(session);
  co_return Result<void>{};
}

asio::awaitable<void> RedisSubscription::run() {
  auto pause = kFirstPause;
  for (bool open_now = true; !stopping_;) {
    if (open_now) {
      co_await listen();
      pause = kFirstPause;
    }
    if (stopping_ || !co_await sleep_for(pause)) co_return;
    const auto opened = co_await open();
    open_now = opened.has_value();
    if (opened || stopping_) continue;
    log_.warn("configuration subscription lost its connection to redis, trying again", {{"error", opened.error().message}});
    pause = std::min(pause * 2, kLongestPause);
  }
}

asio::awaitable<void> RedisSubscription::listen() {
  while (!stopping_) {
    if (!early_.empty()) {
      auto key = std::move(early_.front());
      early_.pop_front();
      co_await changed(std::move(key));
      continue;
    }
    const auto push = co_await session_->next(kSilence);
    if (!push) {
      session_->close();
      co_return;
    }
    if (auto key = key_of(*push, prefix_)) co_await changed(*std::move(key));
  }
}

asio::awaitable<void> RedisSubscription::beat() {
  while (co_await sleep_for(kBeat)) {
    if (session_->open()) (void)co_await session_->send(Command("PING"));
  }
}

asio::awaitable<void> RedisSubscription::changed(std::string key) {
  const auto value = co_await client_.call(Command("GET", key));
  if (stopping_) co_return;
  if (!value) {
    log_.warn("a changed configuration item could not be read", {{"error", value.error().message}});
    co_return;
  }
  Items items;
  items[std::move(key)] = value->is_nil() ? Item{} : parse_item(value->text);
  co_await handler_(std::move(items));
}

}  // namespace mecha::configuration
