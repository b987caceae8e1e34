#include "components/configuration/redis_subscription.hpp"

#include <algorithm>
#include <chrono>
#include <set>

#include "runtime/async/parallel.hpp"
#include "runtime/async/within.hpp"

namespace mecha::configuration {
namespace {

using namespace std::chrono_literals;
using redis::Command;
using redis::Reply;

// The server answers each PING; a connection that is silent for longer is dead.
constexpr auto kBeat = 15s;
constexpr redis::milliseconds kSilence = 45s;
constexpr auto kLook = 2s;
constexpr redis::milliseconds kConfirmLimit = 5s;
constexpr std::chrono::milliseconds kFirstPause = 200ms, kLongestPause = 10s;

class Turn {
 public:
  explicit Turn(Semaphore& semaphore) : semaphore_(semaphore) {}
  ~Turn() { semaphore_.release(); }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

 private:
  Semaphore& semaphore_;
};

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
      turn_(executor, 1),
      gate_(executor) {}

Async<void> RedisSubscription::start() {
  MECHA_CO_TRY_VOID(co_await open());
  gate_.spawn(executor_, run());
  gate_.spawn(executor_, beat());
  if (places_.size() > 1 || !places_.begin()->first.empty()) gate_.spawn(executor_, watch_places());
  co_return Result<void>{};
}

asio::awaitable<void> RedisSubscription::stop() {
  stopping_ = true;
  close_all();
  co_await gate_.close(0s);
}

void RedisSubscription::close_all() {
  for (const auto& ear : ears_) ear->session->close();
}

Async<RedisSubscription::Places> RedisSubscription::places() {
  Places places;
  if (keys_.empty()) {
    MECHA_CO_TRY(const auto servers, co_await client_.servers());
    for (const auto& server : servers) places[server].push_back(prefix_ + "*");
  }
  for (const auto& key : keys_) {
    MECHA_CO_TRY(const auto server, co_await client_.server_of(key));
    places[server].push_back(prefix_ + key);
  }
  co_return places;
}

Async<void> RedisSubscription::open() {
  MECHA_CO_TRY(places_, co_await places());
  ears_.clear();
  for (const auto& [server, channels] : places_) {
    MECHA_CO_TRY(auto ear, co_await open_one(server, channels));
    ears_.push_back(std::move(ear));
  }
  co_return Result<void>{};
}

Async<std::shared_ptr<RedisSubscription::Ear>> RedisSubscription::open_one(
    std::string server, std::vector<std::string> channels
) {
  // Managed servers refuse it and have a switch elsewhere.
  (void)co_await client_.call_at(server, Command("CONFIG", "SET", "notify-keyspace-events", "Kg$xe"));
  auto ear = std::make_shared<Ear>();
  MECHA_CO_TRY(ear->session, co_await client_.dedicated(std::move(server)));
  Command subscribe(keys_.empty() ? "PSUBSCRIBE" : "SUBSCRIBE");
  for (const auto& channel : channels) subscribe.add(channel);
  MECHA_CO_TRY_VOID(co_await ear->session->send(std::move(subscribe)));
  for (auto missing = channels.size(); missing > 0;) {
    MECHA_CO_TRY(const auto push, co_await ear->session->next(kConfirmLimit));
    if (confirms(push)) --missing;
    if (auto key = key_of(push, prefix_)) ear->early.push_back(*std::move(key));
  }
  co_return ear;
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

// Until one of the connections breaks.
asio::awaitable<void> RedisSubscription::listen() {
  const auto ears = ears_;
  co_await for_each_parallel(ears.size(), ears.size(), [&](std::size_t i) { return listen_to(ears[i]); });
}

asio::awaitable<void> RedisSubscription::listen_to(std::shared_ptr<Ear> ear) {
  while (!stopping_) {
    if (!ear->early.empty()) {
      auto key = std::move(ear->early.front());
      ear->early.pop_front();
      co_await changed(std::move(key));
      continue;
    }
    const auto push = co_await ear->session->next(kSilence);
    if (!push) break;
    if (auto key = key_of(*push, prefix_)) co_await changed(*std::move(key));
  }
  close_all();
}

asio::awaitable<void> RedisSubscription::beat() {
  while (co_await sleep_for(kBeat)) {
    const auto ears = ears_;
    for (const auto& ear : ears) {
      if (ear->session->open()) (void)co_await ear->session->send(Command("PING"));
    }
  }
}

// Where the keys of a cluster are: a server that lost them stays silent, so somebody has to look.
asio::awaitable<void> RedisSubscription::watch_places() {
  while (co_await sleep_for(kLook)) {
    (void)co_await client_.refresh();
    const auto now = co_await places();
    if (now && *now != places_) close_all();
  }
}

asio::awaitable<void> RedisSubscription::changed(std::string key) {
  if (!co_await turn_.acquire()) co_return;
  const Turn turn(turn_);
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
