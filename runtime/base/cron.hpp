// Schedules: "[second] minute hour day month weekday", descriptors, "@every 1m30s" (contract 03, 5.6; 05, 3.3).

#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

#include "runtime/base/result.hpp"
#include "runtime/base/zone.hpp"

namespace mecha::cron {

class Schedule {
 public:
  using Time = std::chrono::system_clock::time_point;
  enum class Seconds : std::uint8_t { optional, required };  // of bindings.cron; of jobs

  // "expected 5 to 6 fields, found 1: [x]", "unrecognized descriptor: @x", "provided bad location X: ...", ...
  // Without "TZ=<zone> " in front the zone is the local one, as it is now.
  static Result<Schedule> parse(std::string_view spec, Seconds seconds = Seconds::optional);

  // The first time after `after`; empty if there is none in the five years that follow.
  std::optional<Time> next(Time after) const;

  // That of "@every", else zero.
  std::chrono::nanoseconds period() const { return period_; }

 private:
  Schedule() = default;
  Result<void> read_fields(std::string_view spec, Seconds seconds);
  Result<void> read_descriptor(std::string_view spec);
  bool day_matches(std::chrono::sys_days day) const;

  std::chrono::nanoseconds period_{0};
  Zone zone_;
  // A bit for each value, and the top bit for "any".
  std::uint64_t second_ = 1, minute_ = 0, hour_ = 0, day_ = 0, month_ = 0, weekday_ = 0;
};

}  // namespace mecha::cron
