#include <algorithm>

#include "runtime/base/json.hpp"
#include "runtime/telemetry/metrics_state.hpp"

namespace mecha {

namespace {

std::string escaped(std::string_view value) {
  std::string out;
  for (const char c : value) {
    if (c == '\\')
      out += "\\\\";
    else if (c == '"')
      out += "\\\"";
    else if (c == '\n')
      out += "\\n";
    else
      out += c;
  }
  return out;
}

// `name="value",...` sorted by name. app_id is the application's own, unless the family has it
// among its labels.
std::string label_text(const Family& family, const LabelValues& values, const std::string& app_id) {
  std::vector<std::pair<std::string_view, std::string_view>> labels;
  for (std::size_t i = 0; i < values.size(); ++i) labels.emplace_back(family.labels[i], values[i]);
  if (std::ranges::find(family.labels, "app_id") == family.labels.end())
    labels.emplace_back("app_id", app_id);
  std::ranges::sort(labels);
  std::string out;
  for (const auto& [name, value] : labels) {
    if (!out.empty()) out += ',';
    out.append(name).append("=\"").append(escaped(value)).append("\"");
  }
  return out;
}

void append_histogram(
    std::string& out,
    const std::string& name,
    const std::string& labels,
    const Series& series,
    const std::vector<double>& bounds
) {
  std::uint64_t below = 0;
  for (std::size_t i = 0; i < series.buckets.size(); ++i) {
    below += series.buckets[i];
    const std::string bound = i < bounds.size() ? json::format_double_g(bounds[i]) : "+Inf";
    out.append(name)
        .append("_bucket{")
        .append(labels)
        .append(",le=\"")
        .append(bound)
        .append("\"} ");
    out.append(std::to_string(below)).append("\n");
  }
  out.append(name).append("_sum{").append(labels).append("} ");
  out.append(json::format_double_g(series.value)).append("\n");
  out.append(name).append("_count{").append(labels).append("} ");
  out.append(std::to_string(series.count)).append("\n");
}

constexpr std::string_view type_name(Family::Type type) {
  switch (type) {
    case Family::Type::counter:
      return "counter";
    case Family::Type::gauge:
      return "gauge";
    case Family::Type::histogram:
      return "histogram";
  }
  return "untyped";
}

}  // namespace

std::string Metrics::text() const {
  std::vector<std::size_t> order(kMetrics);
  for (std::size_t i = 0; i < kMetrics; ++i) order[i] = i;
  std::ranges::sort(order, {}, [](std::size_t i) { return families()[i].name; });
  std::string out;
  for (const std::size_t index : order) {
    const auto series = state_->merged(static_cast<Metric>(index));
    if (series.empty()) continue;
    const Family& family = families()[index];
    const std::string name = "dapr_" + std::string(family.name);
    out.append("# HELP ").append(name).append(" ").append(family.help).append("\n");
    out.append("# TYPE ").append(name).append(" ").append(type_name(family.type)).append("\n");
    for (const auto& [values, one] : series) {
      const std::string labels = label_text(family, values, state_->options.app_id);
      if (family.type == Family::Type::histogram) {
        append_histogram(out, name, labels, one, *state_->bounds[index]);
      } else {
        out.append(name).append("{").append(labels).append("} ");
        out.append(json::format_double_g(one.value)).append("\n");
      }
    }
  }
  append_process_metrics(out);
  return out;
}

}  // namespace mecha
