// A circuit breaker of middleware.http.sentinel: it opens when too many of the last requests took too long, lets none pass for a
// while, and closes again after requests that were quick. Not from two threads at once.

#pragma once

#include <cstdint>

#include "components/middleware/sentinel_window.hpp"

namespace mecha::middleware {

struct BreakerRule {
  std::int64_t interval_ms = 0;  // in which requests are counted
  std::int64_t slots = 1;        // of the interval
  std::int64_t retry_ms = 0;     // open for so long
  std::int64_t slow_ms = 0;      // what takes longer is slow
  double ratio = 0;              // of slow requests; it opens at it
  double requests_min = 0;       // fewer are no reason to open
  double probes = 0;             // quick ones that close it; 0: one, and none beside it
};

class SlowBreaker {
 public:
  explicit SlowBreaker(const BreakerRule& rule);

  // Whether a request may pass; `probes` is set if it is the one that finds out. Then completed() follows, or give_back() if
  // something else stops the request.
  bool try_pass(std::int64_t now_ms, bool& probes);
  void give_back();
  void completed(std::int64_t now_ms, std::int64_t took_ms);

 private:
  enum class State : std::uint8_t { closed, open, half_open };

  void open(std::int64_t now_ms);

  BreakerRule rule_;
  Window all_, slow_;
  State state_ = State::closed;
  std::int64_t retry_at_ = 0;
  double probed_ = 0;
};

}  // namespace mecha::middleware
