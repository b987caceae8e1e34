// What Metrics is made of: families, series and the tables of the shards. For metrics*.cpp only.

#pragma once

#include <array>
#include <map>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "runtime/telemetry/metric_rules.hpp"
#include "runtime/telemetry/metrics.hpp"

namespace mecha {

inline constexpr std::size_t kMetrics = static_cast<std::size_t>(Metric::count_);

struct Family {
  enum class Type : std::uint8_t { counter, gauge, histogram };
  enum class Buckets : std::uint8_t { none, L, WL, S, R };
  std::string_view name;
  Type type;
  Buckets buckets;
  std::vector<std::string_view> labels;  // in the order in which values are given
  std::string_view help;
};
const std::array<Family, kMetrics>& families();

struct Series {
  double value = 0;         // counters and gauges; the sum of histograms
  std::uint64_t count = 0;  // histograms
  std::vector<std::uint64_t> buckets;
};

using LabelValues = std::vector<std::string>;
using LabelView = std::span<const std::string_view>;

struct LabelHash {
  using is_transparent = void;
  template <class Values>
  std::size_t operator()(const Values& values) const {
    std::size_t hash = 0;
    for (const std::string_view value : values) {
      hash = hash * 0x9e3779b97f4a7c15ULL + std::hash<std::string_view>{}(value);
    }
    return hash;
  }
};

struct LabelEqual {
  using is_transparent = void;
  template <class A, class B>
  bool operator()(const A& a, const B& b) const {
    return std::equal(
        a.begin(),
        a.end(),
        b.begin(),
        b.end(),
        [](std::string_view x, std::string_view y) { return x == y; }
    );
  }
};

using SeriesTable = std::unordered_map<LabelValues, Series, LabelHash, LabelEqual>;

// The tables of one shard; the lock is contended by a scrape only.
struct alignas(64) MetricSlot {
  std::mutex mutex;
  std::array<std::unique_ptr<SeriesTable>, kMetrics> tables;
};

struct Metrics::State {
  static constexpr std::size_t kSlots = 8;

  MetricsOptions options;
  std::array<const std::vector<double>*, kMetrics> bounds{};  // of histograms
  std::vector<double> latency;
  std::map<Metric, MetricRules> rules;
  std::array<MetricSlot, kSlots> slots;
  MetricSlot gauges;  // the last value wins, whichever shard set it

  // The series that exist in any table, so that all shards agree on which are beyond the bound.
  std::mutex admitted_mutex;
  std::array<std::unordered_set<LabelValues, LabelHash, LabelEqual>, kMetrics> admitted;

  bool admit(Metric metric, const LabelValues& key);
  // The series of these values; the overflow series when the family is full. The slot is locked.
  Series& series(MetricSlot& slot, Metric metric, LabelView values);
  std::map<LabelValues, Series> merged(Metric metric);
};

// Appends the process_* and go_* families that dashboards expect of any target.
void append_process_metrics(std::string& out);

}  // namespace mecha
