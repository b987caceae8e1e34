#include "components/mysql/pool.hpp"

#include <algorithm>
#include <utility>

namespace mecha::mysql {
namespace {

using namespace std::chrono_literals;

constexpr auto kTrust = 1s;  // a connection that idled longer is asked whether it lives

}  // namespace

// The first worker with nothing to do, else the one with the least.
Pool::Worker& Pool::pick() {
  const std::lock_guard lock(mutex_);
  const auto end = workers_.begin() + static_cast<std::ptrdiff_t>(std::clamp<std::size_t>(options_.connections_max, 1, kWorkers));
  auto& worker = *std::ranges::min_element(workers_.begin(), end, {}, [](const Worker& w) { return w.load.load(); });
  if (worker.bridge == nullptr) worker.bridge = std::make_unique<Bridge>("mysql");
  ++worker.load;
  return worker;
}

bool Pool::is_stale(const Worker& worker) const {
  const auto now = std::chrono::steady_clock::now();
  if (options_.idle_max > 0ms && now - worker.used > options_.idle_max) return true;
  return options_.lifetime_max > 0ms && now - worker.opened > options_.lifetime_max;
}

void Pool::close(Worker& worker) {
  worker.connection.reset();
  if (std::exchange(worker.counted, false)) --idle_;
}

Result<Connection*> Pool::open(Worker& worker) {
  if (std::exchange(worker.counted, false)) --idle_;
  if (worker.connection != nullptr) {
    const bool asks = std::chrono::steady_clock::now() - worker.used > kTrust;
    if (is_stale(worker) || (asks && !worker.connection->alive())) worker.connection.reset();
  }
  if (worker.connection == nullptr) {
    MECHA_TRY(worker.connection, Connection::open(options_));
    worker.opened = std::chrono::steady_clock::now();
  }
  return worker.connection.get();
}

void Pool::keep(Worker& worker) {
  worker.used = std::chrono::steady_clock::now();
  worker.counted = true;
  if (++idle_ > options_.idle_count_max || worker.connection->lost()) close(worker);
}

void Pool::close_idle(bool all) {
  const std::lock_guard lock(mutex_);
  for (auto& worker : workers_) {
    if (worker.bridge == nullptr) continue;
    worker.bridge->post([this, all, &worker] {
      if (worker.connection != nullptr && (all || is_stale(worker))) close(worker);
    });
  }
}

}  // namespace mecha::mysql
