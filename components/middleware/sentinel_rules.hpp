// The rules of middleware.http.sentinel: how many requests of a resource may pass in a time, how many may be under way, how many
// may be slow; and the same of all requests together. From any thread.

#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "components/middleware/sentinel_breaker.hpp"
#include "components/middleware/sentinel_window.hpp"
#include "runtime/base/clock.hpp"
#include "runtime/base/result.hpp"

namespace mecha::middleware {

struct FlowRule {
  double threshold = 0;
  bool queues = false;             // controlBehavior 1: one after another, evenly spaced
  std::int64_t interval_ms = 1000; // statIntervalInMs
  std::int64_t queueing_ms_max = 0;
};

// Of all requests.
struct SystemRule {
  enum class Measure : std::uint8_t { time = 1, concurrency = 2, rate = 3 };  // mean milliseconds; under way; passed per second
  Measure measure = Measure::rate;
  double trigger = 0;  // from there on requests are blocked
};

// JSON arrays; empty is no rule.
struct SentinelTexts {
  std::string_view flow, isolation, breaker, parameter, system;
};

class SentinelRules {
 public:
  // Fails at the first rule that cannot be kept.
  static Result<std::unique_ptr<SentinelRules>> parse(const SentinelTexts& texts, const Clock& clock = Clock::real());

  // Empty: the request is blocked. Else it may pass after so many milliseconds; then leave() is called at its end.
  std::optional<std::int64_t> enter(const std::string& resource);
  // `entered_ms` by now_ms(), when enter() was called.
  void leave(const std::string& resource, std::int64_t entered_ms);
  std::int64_t now_ms() const { return now_ns() / 1'000'000; }

  // Rules that never act, as the middleware tells them nothing: for a warning.
  const std::vector<std::string>& idle() const { return idle_; }

 private:
  struct Flow {
    FlowRule rule;
    Window window;
    std::int64_t last_ns = 0;  // when the last one of a queue passes
  };
  struct Resource {
    std::mutex mutex;
    std::vector<Flow> flows;
    std::vector<double> concurrency;  // limits
    std::vector<SlowBreaker> breakers;
    int under_way = 0;
  };
  // All requests of the last second.
  struct All {
    std::mutex mutex;
    std::vector<SystemRule> rules;
    Window passed, completed, spent_ms;
    int under_way = 0;
  };
  explicit SentinelRules(const Clock& clock);
  Result<void> read_flows(std::string_view text);
  Result<void> read_isolations(std::string_view text);
  Result<void> read_breakers(std::string_view text);
  Result<void> read_system(std::string_view text);
  Resource& resource(const std::string& name);
  std::int64_t now_ns() const;
  bool all_counted() const { return !all_.rules.empty(); }  // fixed after parse()
  bool system_allows();
  static std::optional<std::int64_t> enter(Resource& resource, std::int64_t now_ns);
  static bool breakers_allow(Resource& resource, std::int64_t now_ms);

  const Clock& clock_;
  std::map<std::string, std::unique_ptr<Resource>> resources_;  // fixed after parse()
  All all_;
  std::vector<std::string> idle_;
};

}  // namespace mecha::middleware
