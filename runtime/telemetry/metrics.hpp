// Metrics: the families of contract 06, section 7.2, as far as they exist here, and their text
// form.
//
// Families are declared once in metrics_table.inc: enumerator = exported name without `dapr_`,
// type, buckets, label names. Recording names the label values in the table's order; `app_id` is
// added by itself. Each shard records into a table of its own, so recording takes no contended
// lock; a scrape adds the tables up. The number of series per family is bounded: what comes beyond
// is folded into one series whose labels are "overflow".

#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace mecha {

enum class Metric : std::uint8_t {
#define MECHA_METRIC(name, type, buckets, labels, help) name,
#include "runtime/telemetry/metrics_table.inc"
#undef MECHA_METRIC
  count_
};

struct MetricsOptions {
  std::string app_id;
  std::size_t series_max = 2000;        // per family
  std::vector<double> latency_buckets;  // milliseconds; empty: the default L
  bool enabled = true;                  // false: recording does nothing
  struct Rule {                         // Configuration spec.metric.rules: replacement -> pattern
    std::string metric, label, replacement, pattern;
  };
  std::vector<Rule> rules;
};

// A line for each rule whose pattern does not compile; Metrics leaves those out.
std::vector<std::string> check_metric_rules(const std::vector<MetricsOptions::Rule>& rules);

class Metrics {
 public:
  using Labels = std::initializer_list<std::string_view>;

  explicit Metrics(MetricsOptions options);
  ~Metrics();

  void count(Metric metric, Labels values, double add = 1);
  void gauge(Metric metric, Labels values, double value);
  void observe(
      Metric metric, Labels values, double value
  );  // histograms; latencies in milliseconds

  // Prometheus text format 0.0.4, with HELP and TYPE, and the process_* families.
  std::string text() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace mecha
