#include "runtime/daemon/settings.hpp"

#include "runtime/base/text.hpp"

namespace mecha {
namespace {

Result<std::uint16_t> port_of(const std::string& value, std::string_view what) {
  const auto number = text::to_int(value);
  if (!number) {
    return fail(
        Code::invalid_argument,
        "error parsing " + std::string(what) + ": strconv.Atoi: parsing " + text::quote(value) +
            ": invalid syntax"
    );
  }
  if (*number < 0 || *number > 65535) {
    return fail(
        Code::invalid_argument,
        "error parsing " + std::string(what) + ": " + value + " is no port, ports are 0 to 65535"
    );
  }
  return static_cast<std::uint16_t>(*number);
}

Result<AppProtocol> protocol_of(const Options& options) {
  const auto name = text::lower(options.app_protocol);
  if (name.empty() || name == "http") return options.app_ssl ? AppProtocol::https : AppProtocol::http;
  if (name == "https") return AppProtocol::https;
  if (name == "h2c") return AppProtocol::h2c;
  if (name == "grpc") return options.app_ssl ? AppProtocol::grpcs : AppProtocol::grpc;
  if (name == "grpcs") return AppProtocol::grpcs;
  return fail(Code::invalid_argument, "invalid value for 'app-protocol': " + options.app_protocol);
}

Result<Application::Probe> probe_of(const Options& options) {
  const auto positive = [](std::int64_t value, std::int64_t otherwise) { return value > 0 ? value : otherwise; };
  Application::Probe probe;
  probe.enabled = options.enable_app_health_check;
  probe.path = options.app_health_check_path;
  probe.interval = std::chrono::seconds(positive(options.app_health_probe_interval, 5));
  probe.timeout = std::chrono::milliseconds(positive(options.app_health_probe_timeout, 500));
  probe.threshold = static_cast<int>(positive(options.app_health_threshold, 3));
  if (probe.timeout > probe.interval) {
    return fail(
        Code::invalid_argument,
        "value for 'health-probe-timeout' must be smaller than 'health-probe-interval'"
    );
  }
  return probe;
}

Result<void> check_init_endpoints(const Options& options, Settings& settings) {
  for (const auto& item : options.disable_init_endpoints) {
    const auto name = text::lower(text::trim(item));
    if (name == "config") {
      settings.ask_config = false;
    } else if (name == "subscribe") {
      settings.ask_subscribe = false;
    } else {
      return fail(Code::invalid_argument, "invalid value for 'disable-init-endpoints': " + item);
    }
  }
  return {};
}

Result<void> check_ports(const Options& options, Settings& settings) {
  MECHA_TRY(settings.http_port, port_of(options.dapr_http_port, "dapr-http-port flag"));
  MECHA_TRY(settings.grpc_port, port_of(options.dapr_grpc_port, "dapr-grpc-port flag"));
  MECHA_TRY(settings.profile_port, port_of(options.profile_port, "profile-port flag"));
  if (!options.dapr_internal_grpc_port.empty()) {
    MECHA_TRY(const auto port, port_of(options.dapr_internal_grpc_port, "dapr-internal-grpc-port"));
    if (port != 0) settings.internal_port = port;
  }
  if (!options.dapr_public_port.empty()) {
    MECHA_TRY(settings.public_port, port_of(options.dapr_public_port, "dapr-public-port"));
  }
  if (!options.app_port.empty()) {
    MECHA_TRY(settings.app_port, port_of(options.app_port, "app-port"));
  }
  const auto conflict = [&](std::uint16_t port, std::string_view flag) -> Result<void> {
    if (settings.app_port == 0 || port != settings.app_port) return {};
    return fail(
        Code::invalid_argument,
        "the '" + std::string(flag) + "' argument value " + std::to_string(port) + " conflicts with 'app-port'"
    );
  };
  MECHA_TRY_VOID(conflict(settings.http_port, "dapr-http-port"));
  MECHA_TRY_VOID(conflict(settings.grpc_port, "dapr-grpc-port"));
  return {};
}

}  // namespace

Result<Settings> check_settings(const Options& options, const Sizes& sizes) {
  Settings settings{.sizes = sizes};
  if (options.mode != "standalone" && options.mode != "kubernetes") {
    return fail(Code::invalid_argument, "invalid mode: " + options.mode);
  }
  if (options.mode == "kubernetes") {
    return fail(Code::unimplemented, "mode kubernetes is not in this build; use --mode standalone");
  }
  if (options.app_id.empty()) return fail(Code::invalid_argument, "parameter app-id cannot be empty");
  if (options.app_id.find('.') != std::string::npos) {
    return fail(Code::invalid_argument, "parameter app-id cannot contain dots");
  }
  if (options.enable_mtls) {
    if (options.variable("DAPR_TRUST_ANCHORS").empty()) {
      return fail(Code::invalid_argument, "trust anchors are required");
    }
    return fail(Code::unimplemented, "mutual TLS between sidecars is not in this build; leave --enable-mtls out");
  }
  MECHA_TRY_VOID(check_ports(options, settings));
  MECHA_TRY(settings.protocol, protocol_of(options));
  MECHA_TRY(settings.probe, probe_of(options));
  MECHA_TRY_VOID(check_init_endpoints(options, settings));
  settings.metrics_port = options.metrics_port;
  for (const auto address : text::split(options.dapr_listen_addresses, ',')) {
    settings.listen_addresses.emplace_back(address);
  }
  if (options.app_binding_options_timeout > std::chrono::nanoseconds(0)) {
    settings.binding_options_timeout = options.app_binding_options_timeout;
  }
  settings.resources = options.resources_path;
  if (settings.resources.empty() && !options.components_path.empty()) {
    settings.resources.push_back(options.components_path);
  }
  const auto seconds = options.dapr_graceful_shutdown_seconds;
  settings.grace = std::chrono::seconds(seconds < 0 ? 5 : seconds);
  settings.api_token = options.variable("DAPR_API_TOKEN");
  settings.app_token = options.variable("APP_API_TOKEN");
  settings.name_space = options.variable("NAMESPACE");
  return settings;
}

}  // namespace mecha
