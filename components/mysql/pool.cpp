#include "components/mysql/pool.hpp"

#include <algorithm>

namespace mecha::mysql {
namespace {

using namespace std::chrono_literals;

constexpr auto kTrust = 1s;  // a connection that idled longer is asked whether it lives

}  // namespace

// The first worker with nothing to do, else the one with the least.
Pool::Worker& Pool::pick() {
  const std::lock_guard lock(mutex_);
  auto& worker = *std::ranges::min_element(workers_, {}, [](const Worker& w) { return w.load.load(); });
  if (worker.bridge == nullptr) worker.bridge = std::make_unique<Bridge>("mysql");
  ++worker.load;
  return worker;
}

Result<Connection*> Pool::open(Worker& worker) {
  if (worker.connection != nullptr && std::chrono::steady_clock::now() - worker.used > kTrust && !worker.connection->alive()) {
    worker.connection.reset();
  }
  if (worker.connection == nullptr) {
    MECHA_TRY(worker.connection, Connection::open(options_));
  }
  return worker.connection.get();
}

}  // namespace mecha::mysql
