// The rules of middleware.http.sentinel: how many requests of a resource may pass in a time, and how many may be under way.
// From any thread.

#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/clock.hpp"
#include "runtime/base/result.hpp"

namespace mecha::middleware {

// Requests that passed within an interval, counted in slots.
class PassWindow {
 public:
  explicit PassWindow(std::int64_t interval_ms);
  double count(std::int64_t now_ms) const;
  void add(std::int64_t now_ms);

 private:
  struct Slot {
    std::int64_t begun = -1;
    double passed = 0;
  };
  std::int64_t interval_, slot_size_;
  std::vector<Slot> slots_;
};

struct FlowRule {
  double threshold = 0;
  bool queues = false;             // controlBehavior 1: one after another, evenly spaced
  std::int64_t interval_ms = 1000; // statIntervalInMs
  std::int64_t queueing_ms_max = 0;
};

class SentinelRules {
 public:
  // The texts are JSON arrays; empty is no rule. Fails at the first rule that cannot be kept.
  static Result<std::unique_ptr<SentinelRules>> parse(
      std::string_view flow_rules, std::string_view isolation_rules, const Clock& clock = Clock::real()
  );

  // Empty: the request is blocked. Else it may pass after so many milliseconds; then leave() is called at its end.
  std::optional<std::int64_t> enter(const std::string& resource);
  void leave(const std::string& resource);

 private:
  struct Flow {
    FlowRule rule;
    PassWindow window;
    std::int64_t last_ns = 0;  // when the last one of a queue passes
  };
  struct Resource {
    std::mutex mutex;
    std::vector<Flow> flows;
    std::vector<double> concurrency;  // limits
    int under_way = 0;
  };
  explicit SentinelRules(const Clock& clock) : clock_(clock) {}
  Resource& resource(const std::string& name);

  const Clock& clock_;
  std::map<std::string, std::unique_ptr<Resource>> resources_;  // fixed after parse()
};

}  // namespace mecha::middleware
