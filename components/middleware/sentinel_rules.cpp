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

std::int64_t milliseconds(double value) { return static_cast<std::int64_t>(std::min(value, 4e9)); }

}  // namespace

PassWindow::PassWindow(std::int64_t interval_ms)
    : interval_(interval_ms), slot_size_(interval_ms % kSlotMs == 0 && interval_ms <= 10000 ? kSlotMs : interval_ms) {
  slots_.resize(static_cast<std::size_t>(interval_ / slot_size_));
}

double PassWindow::count(std::int64_t now_ms) const {
  double all = 0;
  for (const auto& slot : slots_) {
    if (slot.begun >= 0 && slot.begun > now_ms - now_ms % slot_size_ - interval_) all += slot.passed;
  }
  return all;
}

void PassWindow::add(std::int64_t now_ms) {
  const auto begun = now_ms - now_ms % slot_size_;
  auto& slot = slots_[static_cast<std::size_t>(now_ms / slot_size_) % slots_.size()];
  if (slot.begun != begun) slot = {.begun = begun};
  slot.passed += 1;
}

Result<std::unique_ptr<SentinelRules>> SentinelRules::parse(
    std::string_view flow_rules, std::string_view isolation_rules, const Clock& clock
) {
  std::unique_ptr<SentinelRules> out(new SentinelRules(clock));
  MECHA_TRY(const auto flows, rule_list("flowRules", flow_rules));
  for (const auto& item : flows) {
    RuleReader reader("flowRules", item);
    (void)reader.text("id");
    const auto name = reader.text("resource");
    if (name.empty()) reader.note("resource is missing");
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
    out->resource(name).flows.push_back({.rule = rule, .window = PassWindow(rule.interval_ms)});
  }
  MECHA_TRY(const auto isolations, rule_list("isolationRules", isolation_rules));
  for (const auto& item : isolations) {
    RuleReader reader("isolationRules", item);
    (void)reader.text("id");
    const auto name = reader.text("resource");
    if (name.empty()) reader.note("resource is missing");
    reader.only("metricType", 0, "another metric than concurrency");
    const auto threshold = reader.number("threshold", 0);
    if (threshold < 1) reader.note("threshold must be above zero");
    MECHA_TRY_VOID(reader.done());
    out->resource(name).concurrency.push_back(threshold);
  }
  return out;
}

SentinelRules::Resource& SentinelRules::resource(const std::string& name) {
  auto& slot = resources_[name];
  if (!slot) slot = std::make_unique<Resource>();
  return *slot;
}

std::optional<std::int64_t> SentinelRules::enter(const std::string& name) {
  const auto it = resources_.find(name);
  if (it == resources_.end()) return 0;
  auto& resource = *it->second;
  const auto now_ns = std::chrono::duration_cast<std::chrono::nanoseconds>(clock_.now().time_since_epoch()).count();
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
  for (auto& flow : resource.flows) flow.window.add(now_ms);
  ++resource.under_way;
  return (wait_ns + 999'999) / 1'000'000;
}

void SentinelRules::leave(const std::string& name) {
  const auto it = resources_.find(name);
  if (it == resources_.end()) return;
  const std::lock_guard lock(it->second->mutex);
  --it->second->under_way;
}

}  // namespace mecha::middleware
