#include "components/middleware/sentinel_rules.hpp"

#include <algorithm>
#include <cmath>
#include <initializer_list>

#include "runtime/base/json.hpp"
#include "runtime/base/text.hpp"

namespace mecha::middleware {
namespace {

constexpr std::int64_t kSlotMs = 500;  // of intervals that are whole numbers of it, up to ten seconds

std::unexpected<Error> wrong(std::string_view kind, std::string why) {
  return fail(Code::invalid_argument, std::string(kind) + ": " + std::move(why));
}

Result<json::Array> rule_list(std::string_view kind, std::string_view rules) {
  if (rules.empty()) return json::Array{};
  auto parsed = json::parse(rules);
  if (!parsed) return wrong(kind, parsed.error().message);
  if (!parsed->is_array()) return wrong(kind, "they must be a JSON array");
  return std::move(parsed->as_array());
}

// One rule, read by name; whatever is not asked for is refused.
class RuleReader {
 public:
  RuleReader(std::string_view kind, const json::Value& rule) : kind_(kind), rule_(rule) {}

  double number(std::string_view name, double otherwise) {
    known_.push_back(name);
    const auto* value = rule_.find_nocase(name);
    if (value == nullptr || value->is_null()) return otherwise;
    if (value->is_number() && value->as_double() >= 0) return value->as_double();
    note(std::string(name) + " must be a number that is not negative");
    return otherwise;
  }
  std::string text(std::string_view name) {
    known_.push_back(name);
    const auto* value = rule_.find_nocase(name);
    if (value != nullptr && value->is_string()) return value->as_string();
    if (value != nullptr && !value->is_null()) note(std::string(name) + " must be text");
    return {};
  }
  // What the rule is about, for all rules but those of the system.
  std::string resource() {
    (void)text("id");
    auto name = text("resource");
    if (name.empty()) note("resource is missing");
    return name;
  }
  const json::Value* any(std::string_view name) {
    known_.push_back(name);
    return rule_.find_nocase(name);
  }
  // Choices that are numbers of the reference; what is not here is refused by name.
  void only(std::string_view name, double most, std::string_view what) {
    if (number(name, 0) > most) note(std::string(name) + ": " + std::string(what) + " is not in this build");
  }
  void note(std::string why) {
    if (problem_.empty()) problem_ = std::move(why);
  }
  Result<void> done() {
    if (!rule_.is_object()) return wrong(kind_, "a rule must be an object");
    for (const auto& [name, value] : rule_.as_object()) {
      const bool known = std::ranges::any_of(known_, [&](auto other) { return text::equals_nocase(other, name); });
      if (!known && !value.is_null()) note(name + " is not known to this build");
    }
    if (!problem_.empty()) return wrong(kind_, problem_);
    return {};
  }

 private:
  std::string_view kind_;
  const json::Value& rule_;
  std::vector<std::string_view> known_;
  std::string problem_;
};

Window window_of(std::int64_t interval_ms) {
  return {interval_ms, interval_ms % kSlotMs == 0 && interval_ms <= 10000 ? kSlotMs : interval_ms};
}

std::int64_t milliseconds(double value) { return static_cast<std::int64_t>(std::min(value, 4e9)); }

}  // namespace

SentinelRules::SentinelRules(const Clock& clock)
    : clock_(clock), all_{.mutex = {}, .rules = {}, .passed = window_of(1000), .completed = window_of(1000), .spent_ms = window_of(1000)} {}

Result<std::unique_ptr<SentinelRules>> SentinelRules::parse(const SentinelTexts& texts, const Clock& clock) {
  std::unique_ptr<SentinelRules> out(new SentinelRules(clock));
  MECHA_TRY_VOID(out->read_flows(texts.flow));
  MECHA_TRY_VOID(out->read_isolations(texts.isolation));
  MECHA_TRY_VOID(out->read_breakers(texts.breaker));
  MECHA_TRY(const auto parameters, rule_list("hotSpotParamRules", texts.parameter));
  if (!parameters.empty()) out->idle_.emplace_back("hotSpotParamRules: requests have no parameters to it");
  MECHA_TRY_VOID(out->read_system(texts.system));
  return out;
}

Result<void> SentinelRules::read_flows(std::string_view text) {
  MECHA_TRY(const auto flows, rule_list("flowRules", text));
  for (const auto& item : flows) {
    RuleReader reader("flowRules", item);
    const auto name = reader.resource();
    FlowRule rule;
    rule.threshold = reader.number("threshold", 0);
    reader.only("tokenCalculateStrategy", 0, "a threshold that warms up or follows the memory");
    reader.only("relationStrategy", 0, "a rule on another resource");
    (void)reader.text("refResource");
    const auto behavior = reader.number("controlBehavior", 0);
    if (behavior > 1) reader.note("controlBehavior must be 0 or 1");
    rule.queues = behavior == 1;
    const auto interval = milliseconds(reader.number("statIntervalInMs", 0));
    if (interval > 0) rule.interval_ms = interval;
    rule.queueing_ms_max = milliseconds(reader.number("maxQueueingTimeMs", 0));
    if (reader.number("warmUpPeriodSec", 0) > 0 || reader.number("warmUpColdFactor", 0) > 0) {
      reader.note("warm-up is not in this build");
    }
    MECHA_TRY_VOID(reader.done());
    resource(name).flows.push_back({.rule = rule, .window = window_of(rule.interval_ms)});
  }
  return {};
}

Result<void> SentinelRules::read_isolations(std::string_view text) {
  MECHA_TRY(const auto isolations, rule_list("isolationRules", text));
  for (const auto& item : isolations) {
    RuleReader reader("isolationRules", item);
    const auto name = reader.resource();
    reader.only("metricType", 0, "another metric than concurrency");
    const auto threshold = reader.number("threshold", 0);
    if (threshold < 1) reader.note("threshold must be above zero");
    MECHA_TRY_VOID(reader.done());
    resource(name).concurrency.push_back(threshold);
  }
  return {};
}

Result<void> SentinelRules::read_breakers(std::string_view text) {
  MECHA_TRY(const auto breakers, rule_list("circuitBreakerRules", text));
  for (const auto& item : breakers) {
    RuleReader reader("circuitBreakerRules", item);
    const auto name = reader.resource();
    const auto strategy = reader.number("strategy", 0);
    if (strategy > 2) reader.note("strategy must be 0, 1 or 2");
    BreakerRule rule;
    rule.interval_ms = milliseconds(reader.number("statIntervalMs", 0));
    if (rule.interval_ms < 1) reader.note("statIntervalMs must be above zero");
    rule.retry_ms = milliseconds(reader.number("retryTimeoutMs", 0));
    if (rule.retry_ms < 1) reader.note("retryTimeoutMs must be above zero");
    const auto slots = milliseconds(reader.number("statSlidingWindowBucketCount", 0));
    if (slots > 1000) reader.note("statSlidingWindowBucketCount must be 1000 at most");
    if (slots > 0 && rule.interval_ms % slots == 0) rule.slots = slots;
    rule.slow_ms = milliseconds(reader.number("maxAllowedRtMs", 0));
    rule.ratio = reader.number("threshold", 0);
    if (strategy < 2 && rule.ratio > 1) reader.note("threshold must be 1 at most");
    rule.requests_min = reader.number("minRequestAmount", 0);
    rule.probes = reader.number("probeNum", 0);
    MECHA_TRY_VOID(reader.done());
    if (strategy > 0) idle_.emplace_back("circuitBreakerRules that count errors: requests have none to it");
    else resource(name).breakers.emplace_back(rule);
  }
  return {};
}

Result<void> SentinelRules::read_system(std::string_view text) {
  MECHA_TRY(const auto rules, rule_list("systemRules", text));
  for (const auto& item : rules) {
    RuleReader reader("systemRules", item);
    (void)reader.text("id");
    const auto written = reader.number("metricType", 0);
    const int measure = written >= 0 && written <= 4 ? static_cast<int>(written) : -1;
    if (measure == 0 || measure == 4) reader.note("metricType: the load and the CPU usage of the system are not in this build");
    if (measure != written) reader.note("metricType must be 0 to 4");
    (void)reader.any("strategy");  // of load and usage
    const auto trigger = reader.number("triggerCount", 0);
    MECHA_TRY_VOID(reader.done());
    all_.rules.push_back({static_cast<SystemRule::Measure>(measure), trigger});
  }
  return {};
}

SentinelRules::Resource& SentinelRules::resource(const std::string& name) {
  auto& slot = resources_[name];
  if (!slot) slot = std::make_unique<Resource>();
  return *slot;
}

std::int64_t SentinelRules::now_ns() const {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(clock_.now().time_since_epoch()).count();
}

// Under the lock of all_.
bool SentinelRules::system_allows() {
  const auto now = now_ms();
  const auto measured = [&](SystemRule::Measure measure) {
    if (measure == SystemRule::Measure::concurrency) return static_cast<double>(all_.under_way);
    if (measure == SystemRule::Measure::rate) return all_.passed.count(now);
    const auto completed = all_.completed.count(now);
    return completed > 0 ? std::floor(all_.spent_ms.count(now) / completed) : 0;
  };
  return std::ranges::all_of(all_.rules, [&](const SystemRule& rule) { return measured(rule.measure) < rule.trigger; });
}

std::optional<std::int64_t> SentinelRules::enter(const std::string& name) {
  // Without rules of all requests none waits for those of other resources.
  std::unique_lock lock(all_.mutex, std::defer_lock);
  if (all_counted()) {
    lock.lock();
    if (!system_allows()) return std::nullopt;
  }
  std::optional<std::int64_t> wait = 0;
  if (const auto it = resources_.find(name); it != resources_.end()) wait = enter(*it->second, now_ns());
  if (!wait || !all_counted()) return wait;
  all_.passed.add(now_ms());
  ++all_.under_way;
  return wait;
}

std::optional<std::int64_t> SentinelRules::enter(Resource& resource, std::int64_t now_ns) {
  const auto now_ms = now_ns / 1'000'000;
  const std::lock_guard lock(resource.mutex);
  for (const auto limit : resource.concurrency) {
    if (resource.under_way + 1 > limit) return std::nullopt;
  }
  std::int64_t wait_ns = 0;
  for (auto& [rule, window, last] : resource.flows) {
    if (!rule.queues) {
      if (window.count(now_ms) + 1 > rule.threshold) return std::nullopt;
      continue;
    }
    if (rule.threshold <= 0) return std::nullopt;
    const auto apart = static_cast<std::int64_t>(std::ceil(static_cast<double>(rule.interval_ms) * 1e6 / rule.threshold));
    const auto turn = std::max(last + apart, now_ns);
    if (last != 0 && turn - now_ns > rule.queueing_ms_max * 1'000'000) return std::nullopt;
    wait_ns = std::max(wait_ns, last == 0 ? 0 : turn - now_ns);
    last = last == 0 ? now_ns : turn;
  }
  if (!breakers_allow(resource, now_ms)) return std::nullopt;
  for (auto& flow : resource.flows) flow.window.add(now_ms);
  ++resource.under_way;
  return (wait_ns + 999'999) / 1'000'000;
}

// One that would find out does not, when another blocks the request.
bool SentinelRules::breakers_allow(Resource& resource, std::int64_t now_ms) {
  std::vector<SlowBreaker*> probing;
  for (auto& breaker : resource.breakers) {
    bool probes = false;
    if (breaker.try_pass(now_ms, probes)) {
      if (probes) probing.push_back(&breaker);
      continue;
    }
    for (auto* other : probing) other->give_back();
    return false;
  }
  return true;
}

void SentinelRules::leave(const std::string& name, std::int64_t entered_ms) {
  const auto now = now_ms();
  if (all_counted()) {
    const std::lock_guard lock(all_.mutex);
    --all_.under_way;
    all_.completed.add(now);
    all_.spent_ms.add(now, static_cast<double>(now - entered_ms));
  }
  const auto it = resources_.find(name);
  if (it == resources_.end()) return;
  const std::lock_guard lock(it->second->mutex);
  --it->second->under_way;
  for (auto& breaker : it->second->breakers) breaker.completed(now, now - entered_ms);
}

}  // namespace mecha::middleware
