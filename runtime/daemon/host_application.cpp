// Host: the application's side of the start: waiting for its port, its health, what it is asked when it is there.

#include "runtime/base/json.hpp"
#include "runtime/base/text.hpp"
#include "runtime/daemon/app_watch.hpp"
#include "runtime/daemon/host.hpp"
#include "runtime/daemon/host_parts.hpp"
#include "runtime/daemon/trim.hpp"
#include "runtime/daemon/turn.hpp"

namespace mecha {

asio::awaitable<void> Host::watch_application() {
  AppWatch watch(*application_);
  if (application_->channel != nullptr && !co_await watch.wait_for_port()) co_return;
  if (application_->channel == nullptr || !settings_.probe.enabled) {
    const auto turn = co_await take_turn(turn_);
    if (turn) co_await first_healthy();
  }
  const auto spent = std::chrono::steady_clock::now() - begun_;
  const auto milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(spent).count();
  log_.info("dapr initialized. Status: Running. Init Elapsed " + std::to_string(milliseconds) + "ms");
  application_->health.ready("runtime");
  release_startup_memory();
  if (application_->channel != nullptr && settings_.probe.enabled) {
    co_await watch.probe([this](bool healthy) { return became_healthy(healthy); });
  }
}

asio::awaitable<void> Host::became_healthy(bool healthy) {
  if (!healthy) application_->channel->set_healthy(false);  // at once, whatever is under way
  const auto turn = co_await take_turn(turn_);
  if (!turn) co_return;
  application_->channel->set_healthy(healthy);
  if (!healthy) log_.warn("App entered un-healthy status");
  if (healthy) {
    log_.info("App entered healthy status");
    co_await first_healthy();
    co_return;
  }
  co_await parts_->subscriptions->pause();
  co_await parts_->inputs.stop();
}

// Also at every later recovery; the questions to the application are asked once.
asio::awaitable<void> Host::first_healthy() {
  if (application_->draining) co_return;
  if (!asked_) {
    asked_ = true;
    if (application_->channel != nullptr) co_await ask_configuration();
  }
  application_->app_started = true;
  co_await parts_->subscriptions->start();
  co_await parts_->outbox.start();
  co_await parts_->inputs.start();
}

asio::awaitable<void> Host::ask_configuration() {
  if (!settings_.ask_config || application_->channel->is_grpc()) co_return;
  RequestScope scope(*application_, application_->snapshot(), Face::internal);
  AppRequest request{.method = "GET", .target = "/dapr/config"};
  request.headers.add("Content-Type", "application/json");
  request.headers.add("Dapr-App-Id", options_.app_id);
  const auto answer = co_await application_->channel->request(scope, std::move(request));
  if (!answer || answer->status != 200) co_return;
  // Only actors are configured by it, which this build does not host.
  const auto parsed = json::parse(answer->body);
  const auto* entities = parsed ? parsed->find_nocase("entities") : nullptr;
  if (entities != nullptr && entities->is_array() && !entities->as_array().empty()) {
    log_.warn("the application names actor types, but actors are not in this build; they are not hosted");
  }
  log_.info("Application configuration loaded");
}

}  // namespace mecha
