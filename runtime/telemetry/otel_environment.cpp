// OTEL_* variables (contract 06, 7.4).

#include "runtime/base/text.hpp"
#include "runtime/telemetry/tracer.hpp"

namespace mecha::trace {

namespace {

std::vector<std::pair<std::string, std::string>> pairs(std::string_view list) {
  std::vector<std::pair<std::string, std::string>> out;
  for (const auto item : text::split(list, ',')) {
    const auto equals = item.find('=');
    if (equals == std::string_view::npos) continue;
    const std::string key(text::trim(item.substr(0, equals)));
    const std::string_view value = text::trim(item.substr(equals + 1));
    if (!key.empty())
      out.emplace_back(key, text::unescape_path(value).value_or(std::string(value)));
  }
  return out;
}

std::string without_scheme(std::string endpoint) {
  const auto at = endpoint.find("://");
  return at == std::string::npos ? endpoint : endpoint.substr(at + 3);
}

}  // namespace

void apply_otel_environment(
    TracerOptions& options, const std::function<std::string(std::string_view)>& variable
) {
  const std::string service = variable("OTEL_SERVICE_NAME");
  if (!service.empty()) options.service_name = service;
  for (auto& [key, value] : pairs(variable("OTEL_RESOURCE_ATTRIBUTES"))) {
    if (key == "service.name") {
      if (options.service_name.empty()) options.service_name = value;
    } else {
      options.resource.emplace_back(key, value);
    }
  }
  if (!options.otel.endpoint.empty()) return;
  // Those for traces beat the general ones.
  const auto of_traces = [&variable](const std::string& name) {
    const std::string special = variable("OTEL_EXPORTER_OTLP_TRACES_" + name);
    return special.empty() ? variable("OTEL_EXPORTER_OTLP_" + name) : special;
  };
  const std::string endpoint = of_traces("ENDPOINT");
  if (endpoint.empty()) return;
  options.otel.endpoint = without_scheme(endpoint);
  options.otel.protocol = of_traces("PROTOCOL").starts_with("http") ? "http" : "grpc";
  options.otel.secure = !text::strict_bool(of_traces("INSECURE")).value_or(false);
  for (const auto& [key, value] : pairs(of_traces("HEADERS")))
    options.otel.headers.push_back(key + "=" + value);
  if (const auto ms = text::to_int(of_traces("TIMEOUT")))
    options.otel.timeout = std::chrono::milliseconds(*ms);
  if (options.sampling_rate.empty()) options.sampling_rate = "1";
}

}  // namespace mecha::trace
