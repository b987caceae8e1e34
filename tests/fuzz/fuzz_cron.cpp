// Schedules: the next time lies ahead, and is found at once. The first eight bytes are the time.

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "runtime/base/check.hpp"
#include "runtime/base/cron.hpp"

using namespace mecha;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::int64_t seconds = 0;
  if (size < sizeof seconds) return 0;
  std::memcpy(&seconds, data, sizeof seconds);
  const auto schedule = cron::Schedule::parse({reinterpret_cast<const char*>(data) + 8, size - 8});
  if (!schedule) {
    MECHA_CHECK(!schedule.error().message.empty());
    return 0;
  }
  // Between 1700 and 2200.
  cron::Schedule::Time time{std::chrono::seconds(seconds % 7'800'000'000)};
  for (int i = 0; i < 4; ++i) {
    const auto next = schedule->next(time);
    if (!next) break;
    MECHA_CHECK(*next > time);
    time = *next;
  }
  return 0;
}
