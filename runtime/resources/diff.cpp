#include "runtime/resources/diff.hpp"

#include <algorithm>
#include <set>

#include "runtime/base/text.hpp"

namespace mecha {
namespace {

template <class T>
const T* named(const std::vector<T>& list, const std::string& name) {
  const auto it = std::ranges::find(list, name, &T::name);
  return it == list.end() ? nullptr : &*it;
}

template <class T>
bool differ(const std::vector<T>& before, const std::vector<T>& after) {
  if (before.size() != after.size()) return true;
  return !std::ranges::all_of(after, [&](const T& spec) {
    const auto* old = named(before, spec.name);
    return old != nullptr && *old == spec;
  });
}

template <class T>
void put_back(
    const std::vector<T>& before, std::vector<T>& after, const std::set<std::string>& files, std::set<std::string>& kept
) {
  for (const auto& spec : before) {
    if (!files.contains(spec.location.file) || named(after, spec.name) != nullptr) continue;
    after.push_back(spec);
    kept.insert(spec.location.file);
  }
}

// Everything in these parts as one text, for comparison only.
std::string text_of(const decltype(ConfigurationSpec::tracing)& tracing) {
  const auto& otel = tracing.otel;
  return text::join({tracing.sampling_rate, tracing.standard_out ? "1" : "0", tracing.zipkin_endpoint, otel.protocol,
                     otel.endpoint, otel.secure ? "1" : "0", text::join(otel.headers, "\n"),
                     std::to_string(otel.timeout.count())}, "\n");
}

std::string text_of(const decltype(ConfigurationSpec::metric)& metric) {
  std::string out = std::string(metric.enabled ? "1" : "0") + (metric.increased_cardinality.value_or(true) ? "1" : "0") +
                    (metric.exclude_verbs ? "1" : "0") + text::join(metric.path_matching, "\n");
  for (const auto bucket : metric.latency_buckets) out += "\n" + std::to_string(bucket);
  for (const auto& rule : metric.rules) {
    out += "\n" + text::join({rule.metric, rule.label, rule.replacement, rule.pattern}, "\n");
  }
  return out;
}

std::string text_of(const decltype(ConfigurationSpec::name_resolution)& resolution) {
  return resolution.component + "\n" + resolution.version + "\n" + json::write(resolution.configuration);
}

std::string text_of(const std::vector<ApiRule>& rules) {
  std::string out;
  for (const auto& rule : rules) out += text::join({rule.name, rule.version, rule.protocol}, "\n") + "\n";
  return out;
}

}  // namespace

bool ResiliencySpec::operator==(const ResiliencySpec& other) const {
  const auto text = [](const std::optional<Error>& error) { return error ? error->message : std::string(); };
  return name == other.name && name_space == other.name_space && timeouts == other.timeouts &&
         retries == other.retries && breakers == other.breakers && apps == other.apps && actors == other.actors &&
         components == other.components && scopes == other.scopes && problem.has_value() == other.problem.has_value() &&
         text(problem) == text(other.problem);
}

Changes changes(const LoadedResources& before, const LoadedResources& after) {
  return {
      .components = differ(before.components, after.components),
      .subscriptions = differ(before.subscriptions, after.subscriptions),
      .endpoints = differ(before.endpoints, after.endpoints),
      .resiliencies = before.resiliencies != after.resiliencies,
  };
}

std::vector<std::string> keep_unreadable(const LoadedResources& before, LoadedResources& after) {
  const std::set<std::string> files(after.unreadable.begin(), after.unreadable.end());
  std::set<std::string> kept;
  put_back(before.components, after.components, files, kept);
  put_back(before.subscriptions, after.subscriptions, files, kept);
  put_back(before.endpoints, after.endpoints, files, kept);
  put_back(before.resiliencies, after.resiliencies, files, kept);
  return {kept.begin(), kept.end()};
}

bool emptied(const LoadedResources& before, const LoadedResources& after) {
  const std::set<std::string> files(after.empty.begin(), after.empty.end());
  const auto held = [&files](const auto& list) {
    return std::ranges::any_of(list, [&files](const auto& spec) { return files.contains(spec.location.file); });
  };
  return held(before.components) || held(before.subscriptions) || held(before.endpoints) || held(before.resiliencies);
}

std::vector<std::string> fixed_differences(const ConfigurationSpec& before, const ConfigurationSpec& after) {
  std::vector<std::string> names;
  const auto compare = [&names](const auto& old, const auto& now, const char* name) {
    if (text_of(old) != text_of(now)) names.emplace_back(name);
  };
  compare(before.tracing, after.tracing, "tracing");
  compare(before.metric, after.metric, "metric");
  compare(before.name_resolution, after.name_resolution, "nameResolution");
  compare(before.api_allowed, after.api_allowed, "api.allowed");
  compare(before.api_denied, after.api_denied, "api.denied");
  return names;
}

}  // namespace mecha
