// What sentinels say: who the master is, now and when that changes. Internal to the driver.

#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "components/redis/settings.hpp"
#include "runtime/async/async.hpp"

namespace mecha::redis {

struct Master {
  Address address;
  std::int64_t epoch = 0;  // higher is newer; 0 where the user may not ask for it
};

// Asks one sentinel (the options are those of sentinel_options_at). Fails when it knows no such master.
Async<Master> ask_for_master(std::shared_ptr<const Options> options);

// Listens to one sentinel after another and tells each master that they name, the same again at times. Until cancelled.
asio::awaitable<void> watch_master(std::shared_ptr<const Options> options, std::function<void(Master)> tell);

}  // namespace mecha::redis
