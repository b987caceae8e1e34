// Host: the end, in the order of contract 06, section 2.5: block phase, servers, then components within the grace.

#include <algorithm>

#include <boost/asio/co_spawn.hpp>

#include "runtime/async/event.hpp"
#include "runtime/async/within.hpp"
#include "runtime/base/text.hpp"
#include "runtime/daemon/host.hpp"
#include "runtime/daemon/host_parts.hpp"
#include "runtime/telemetry/tracer.hpp"

namespace mecha {
namespace {

using namespace std::chrono_literals;

// HTTP servers have a limit of their own; deliveries under way may take so long (contract 06, 2.5).
constexpr auto kServersLimit = 10s;
constexpr auto kDrainLimit = 30s;
// After the last delivery, for acknowledgements to leave.
constexpr auto kSettle = 400ms;
// A grace of zero waits as long as it takes.
constexpr auto kNoLimit = std::chrono::hours(24 * 365);

}  // namespace

asio::awaitable<void> Host::hold_back() {
  if (application_ == nullptr || !options_.dapr_block_shutdown_duration) co_return;
  application_->draining = true;
  const auto duration = *options_.dapr_block_shutdown_duration;
  log_.info("Blocking graceful shutdown for " + text::format_go_duration(duration) + " or until app reports unhealthy...");
  application_->health.not_ready("security-provider");
  if (parts_) {
    if (parts_->subscriptions) co_await parts_->subscriptions->stop(kDrainLimit);
    co_await parts_->inputs.stop(kDrainLimit);
  }
  const auto end = std::chrono::steady_clock::now() + duration;
  while (std::chrono::steady_clock::now() < end) {
    if (application_->channel != nullptr && !application_->channel->healthy()) {
      log_.info("App reported unhealthy, entering shutdown...");
      co_return;
    }
    if (!co_await sleep_for(50ms)) co_return;
  }
  log_.info("Block shutdown period expired, entering shutdown...");
}

std::chrono::steady_clock::duration Host::grace() const {
  if (settings_.grace == 0ns) return kNoLimit;
  return std::chrono::duration_cast<std::chrono::steady_clock::duration>(settings_.grace);
}

asio::awaitable<Host::Stopped> Host::stop() {
  if (application_ == nullptr) {
    co_await gate_->close(0s);
    co_return Stopped::done;
  }
  application_->draining = true;
  co_await gate_->close(0s);
  application_->health.not_ready("grpc-api-server");
  application_->health.not_ready("grpc-internal-server");
  if (parts_) co_await parts_->configurations.stop();
  co_await metrics_servers_.stop(0ms);
  // Streams of the application do not end by themselves.
  if (parts_) co_await parts_->streams.stop(std::min<std::chrono::steady_clock::duration>(kDrainLimit, grace()));
  co_await grpc_servers_.stop(std::chrono::milliseconds(kServersLimit));

  // What does not end in time is not waited for: the process leaves.
  auto done = std::make_shared<Event>(shards_.executor(0));
  asio::co_spawn(shards_.executor(0), close_components(), [done](std::exception_ptr) { done->set(); });
  const auto end = std::chrono::steady_clock::now() + grace();
  while (!done->is_set() && std::chrono::steady_clock::now() < end) co_await sleep_for(5ms);
  if (!done->is_set()) co_return Stopped::late;
  if (left_behind_) co_return Stopped::left;
  parts_.reset();
  application_->publish([this] {
    auto empty = std::make_shared<Snapshot>();
    empty->resiliency = application_->snapshot()->resiliency;
    return empty;
  }());
  co_return Stopped::done;
}

asio::awaitable<void> Host::close_components() {
  const auto drain = std::min<std::chrono::steady_clock::duration>(kDrainLimit, grace());
  if (parts_ && parts_->subscriptions) co_await parts_->subscriptions->stop(drain);
  if (parts_) co_await parts_->inputs.stop(drain);
  if (parts_) co_await parts_->outbox.stop(drain);
  co_await http_servers_.stop(std::chrono::milliseconds(kServersLimit));
  if (parts_ && !application_->snapshot()->pubsubs.empty()) co_await sleep_for(kSettle);
  if (loader_) left_behind_ = !co_await loader_->stop();
  if (resolver_) (void)co_await resolver_->stop();
  if (application_->tracer) co_await application_->tracer->stop(5s);
}

}  // namespace mecha
