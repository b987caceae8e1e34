#include "runtime/telemetry/metrics.hpp"

#include <algorithm>

#include "runtime/async/shards.hpp"
#include "runtime/base/check.hpp"
#include "runtime/base/text.hpp"
#include "runtime/telemetry/metrics_state.hpp"

namespace mecha {

namespace {

const std::vector<double> kLatency{1,    2,    3,    4,     5,     6,     8,     10,  13,
                                   16,   20,   25,   30,    40,    50,    65,    80,  100,
                                   130,  160,  200,  250,   300,   400,   500,   650, 800,
                                   1000, 2000, 5000, 10000, 20000, 50000, 100000};
const std::vector<double> kBytes{
    1024,
    2048,
    4096,
    16384,
    65536,
    262144,
    1048576,
    4194304,
    16777216,
    67108864,
    268435456,
    1073741824,
    4294967296
};
const std::vector<double> kRatio{0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 1, 1.5, 2};

std::vector<std::string_view> label_names(std::string_view list) {
  return list.empty() ? std::vector<std::string_view>{} : text::split(list, ',');
}

std::array<Family, kMetrics> declare() {
  using Type = Family::Type;
  using Buckets = Family::Buckets;
  return {{
#define MECHA_METRIC(name, type, buckets, labels, help) \
  Family{#name, Type::type, Buckets::buckets, label_names(labels), help},
#include "runtime/telemetry/metrics_table.inc"
#undef MECHA_METRIC
  }};
}

std::map<Metric, MetricRules> compile(const std::vector<MetricsOptions::Rule>& rules) {
  std::map<Metric, MetricRules> out;
  for (std::size_t i = 0; i < kMetrics; ++i) {
    const Family& family = families()[i];
    if (family.name.starts_with("grpc_io_")) continue;  // as the reference
    for (const auto& rule : rules) {
      if (rule.metric != "dapr_" + std::string(family.name)) continue;
      const auto label = std::ranges::find(family.labels, rule.label);
      if (label == family.labels.end()) continue;
      const auto index = static_cast<std::size_t>(label - family.labels.begin());
      // A pattern that does not compile is left out; who loads the configuration says so
      // (check_metric_rules).
      (void)out[static_cast<Metric>(i)].add(index, rule.pattern, rule.replacement);
    }
  }
  return out;
}

}  // namespace

std::vector<std::string> check_metric_rules(const std::vector<MetricsOptions::Rule>& rules) {
  std::vector<std::string> problems;
  for (const auto& rule : rules) {
    MetricRules probe;
    if (auto added = probe.add(0, rule.pattern, rule.replacement); !added) {
      problems.push_back(
          "metric rule " + rule.metric + ", label " + rule.label + ": " + added.error().message
      );
    }
  }
  return problems;
}

const std::array<Family, kMetrics>& families() {
  static const std::array<Family, kMetrics> all = declare();
  return all;
}

Metrics::Metrics(MetricsOptions options) : state_(std::make_unique<State>()) {
  state_->options = std::move(options);
  state_->latency =
      state_->options.latency_buckets.empty() ? kLatency : state_->options.latency_buckets;
  std::erase_if(state_->latency, [](double bound) { return bound <= 0; });
  std::ranges::sort(state_->latency);
  for (std::size_t i = 0; i < kMetrics; ++i) {
    switch (families()[i].buckets) {
      case Family::Buckets::none:
        break;
      case Family::Buckets::L:
        state_->bounds[i] = &state_->latency;
        break;
      case Family::Buckets::WL:
        state_->bounds[i] = &kLatency;
        break;
      case Family::Buckets::S:
        state_->bounds[i] = &kBytes;
        break;
      case Family::Buckets::R:
        state_->bounds[i] = &kRatio;
        break;
    }
  }
  state_->rules = compile(state_->options.rules);
}

Metrics::~Metrics() = default;

Series& Metrics::State::series(MetricSlot& slot, Metric metric, LabelView values) {
  const auto index = static_cast<std::size_t>(metric);
  MECHA_CHECK(values.size() == families()[index].labels.size());
  auto& table = slot.tables[index];
  if (!table) table = std::make_unique<SeriesTable>();
  LabelValues key;
  const auto rule = rules.find(metric);
  auto it = table->end();
  if (rule == rules.end()) {
    it = table->find(values);
  } else {
    key = rule->second.apply(values);
    it = table->find(key);
  }
  if (it == table->end()) {
    if (key.empty()) key.assign(values.begin(), values.end());
    if (!admit(metric, key)) key.assign(values.size(), "overflow");
    it = table->try_emplace(std::move(key)).first;
    if (bounds[index] != nullptr) it->second.buckets.resize(bounds[index]->size() + 1);
  }
  return it->second;
}

bool Metrics::State::admit(Metric metric, const LabelValues& key) {
  const std::lock_guard lock(admitted_mutex);
  auto& known = admitted[static_cast<std::size_t>(metric)];
  if (known.contains(key)) return true;
  if (known.size() >= options.series_max) return false;
  known.insert(key);
  return true;
}

void Metrics::count(Metric metric, Labels values, double add) {
  if (!state_->options.enabled) return;
  MetricSlot& slot = state_->slots[Shards::current() % State::kSlots];
  const std::lock_guard lock(slot.mutex);
  state_->series(slot, metric, values).value += add;
}

void Metrics::gauge(Metric metric, Labels values, double value) {
  if (!state_->options.enabled) return;
  const std::lock_guard lock(state_->gauges.mutex);
  state_->series(state_->gauges, metric, values).value = value;
}

void Metrics::observe(Metric metric, Labels values, double value) {
  if (!state_->options.enabled) return;
  const auto* bounds = state_->bounds[static_cast<std::size_t>(metric)];
  MECHA_CHECK(bounds != nullptr);
  // Bounds are exclusive: a value that equals one is counted above it.
  const auto bucket = std::ranges::upper_bound(*bounds, value) - bounds->begin();
  MetricSlot& slot = state_->slots[Shards::current() % State::kSlots];
  const std::lock_guard lock(slot.mutex);
  Series& series = state_->series(slot, metric, values);
  series.value += value;
  ++series.count;
  ++series.buckets[static_cast<std::size_t>(bucket)];
}

std::map<LabelValues, Series> Metrics::State::merged(Metric metric) {
  const auto index = static_cast<std::size_t>(metric);
  std::map<LabelValues, Series> out;
  const auto add = [&](MetricSlot& slot) {
    const std::lock_guard lock(slot.mutex);
    if (!slot.tables[index]) return;
    for (const auto& [values, series] : *slot.tables[index]) {
      Series& into = out[values];
      into.value += series.value;
      into.count += series.count;
      into.buckets.resize(series.buckets.size());
      for (std::size_t i = 0; i < series.buckets.size(); ++i) into.buckets[i] += series.buckets[i];
    }
  };
  for (MetricSlot& slot : slots) add(slot);
  add(gauges);
  return out;
}

}  // namespace mecha
