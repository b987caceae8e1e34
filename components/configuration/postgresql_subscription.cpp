#include "components/configuration/postgresql_subscription.hpp"

#include <algorithm>
#include <cctype>
#include <chrono>
#include <utility>

#include "runtime/async/within.hpp"
#include "runtime/base/text.hpp"

namespace mecha::configuration {
namespace {

using namespace std::chrono_literals;
using postgresql::Connection;

constexpr auto kSilence = 15s;  // then the server is asked whether it lives
constexpr std::chrono::milliseconds kFirstPause = 200ms, kLongestPause = 10s;

// As the server reads it: without quotes where that is possible, so that it has small letters.
std::string identifier(const std::string& name) {
  const bool plain = !name.empty() && (name[0] < '0' || name[0] > '9') && std::ranges::all_of(name, [](const unsigned char c) {
    return std::isalnum(c) != 0 || c == '_';
  });
  return plain ? name : '"' + text::replace_all(name, "\"", "\"\"") + '"';
}

std::string words(const json::Value& value) { return value.is_string() ? value.as_string() : value.is_null() ? std::string() : json::write(value); }

Metadata metadata_of(const json::Value& value) {
  Metadata metadata;
  if (!value.is_object()) return metadata;
  for (const auto& [name, word] : value.as_object()) metadata[name] = words(word);
  return metadata;
}

}  // namespace

Metadata parse_metadata(std::string_view json) {
  const auto value = json::parse(json);
  return value ? metadata_of(*value) : Metadata();
}

std::optional<std::pair<std::string, Item>> parse_notification(std::string_view payload) {
  const auto root = json::parse(payload);
  const auto* data = root ? root->find_nocase("data") : nullptr;
  const auto* key = data != nullptr ? data->find_nocase("key") : nullptr;
  if (key == nullptr || !key->is_string()) return std::nullopt;
  Item item;
  if (const auto* value = data->find_nocase("value")) item.value = words(*value);
  if (const auto* version = data->find_nocase("version")) item.version = words(*version);
  if (const auto* metadata = data->find_nocase("metadata")) item.metadata = metadata_of(*metadata);
  return std::pair(key->as_string(), std::move(item));
}

PostgresSubscription::PostgresSubscription(
    Executor executor, std::shared_ptr<const postgresql::Options> options, Log log, std::string channel, std::set<std::string> keys, Handler handler
)
    : executor_(executor),
      options_(std::move(options)),
      log_(std::move(log)),
      channel_(std::move(channel)),
      keys_(std::move(keys)),
      handler_(std::move(handler)),
      gate_(executor) {}

Async<void> PostgresSubscription::start() {
  MECHA_CO_TRY_VOID(co_await within(options_->timeout, open()));
  gate_.spawn(executor_, run());
  co_return Result<void>{};
}

asio::awaitable<void> PostgresSubscription::stop() {
  stopping_ = true;
  co_await gate_.close(0s);
  connection_.reset();
}

Async<void> PostgresSubscription::open() {
  MECHA_CO_TRY(auto connection, co_await Connection::open(options_));
  MECHA_CO_TRY_VOID(co_await connection->run({.sql = "LISTEN " + identifier(channel_), .params = {}}));
  connection_ = std::move(connection);
  co_return Result<void>{};
}

asio::awaitable<void> PostgresSubscription::run() {
  auto pause = kFirstPause;
  for (bool open_now = true; !stopping_;) {
    if (open_now) {
      co_await listen();
      pause = kFirstPause;
    }
    if (stopping_ || !co_await sleep_for(pause)) co_return;
    const auto opened = co_await within(options_->timeout, open());
    open_now = opened.has_value();
    if (opened || stopping_) continue;
    log_.warn("configuration subscription lost its connection to PostgreSQL, trying again", {{"error", opened.error().message}});
    pause = std::min(pause * 2, kLongestPause);
  }
}

asio::awaitable<void> PostgresSubscription::listen() {
  while (!stopping_) {
    const auto notification = co_await within(kSilence, connection_->next_notification());
    if (stopping_) co_return;
    if (notification) {
      auto change = parse_notification(notification->payload);
      if (!change) {
        log_.warn("a notification of a changed configuration item is not what it should be", {{"channel", notification->channel}});
      } else if (keys_.empty() || keys_.contains(change->first)) {
        Items items;
        items.insert(*std::move(change));
        co_await handler_(std::move(items));
      }
      continue;
    }
    if (notification.error().failure != Failure::timeout) co_return;
    const auto alive = co_await within(options_->timeout, connection_->run({.sql = "SELECT 1", .params = {}}));
    if (!alive) co_return;
  }
}

}  // namespace mecha::configuration
