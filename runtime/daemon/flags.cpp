// Flags: one table of all of them; parsing as the reference's users know it (contract 06, 1.1).

#include <algorithm>
#include <functional>
#include <iterator>

#include "runtime/base/list_flag.hpp"
#include "runtime/base/text.hpp"
#include "runtime/base/text_fault.hpp"
#include "runtime/daemon/options.hpp"

namespace mecha {
namespace {

// Sets a value from its text; the error is the cause after "invalid argument ...: ".
using Setter = std::function<Result<void>(Options&, const std::string&)>;

struct Flag {
  std::string_view name, kind, help;
  Setter set;
  std::string_view deprecated;
  bool boolean = false;
  bool hidden = false;
};

// Refuses a value in the words of the function that could not read it.
auto syntax(std::string_view function) {
  return [function](const std::string& value) { return fail(Code::invalid_argument, text::number_fault(function, value)); };
}

Setter set(std::string Options::* member) {
  return [member](Options& o, const std::string& value) -> Result<void> {
    o.*member = value;
    return {};
  };
}

// `parse` gives an optional value; `refuse` says why there is none.
template <class T, class Parse, class Refuse>
Setter set_parsed(T Options::* member, Parse parse, Refuse refuse) {
  return [=](Options& o, const std::string& value) -> Result<void> {
    const auto parsed = parse(value);
    if (!parsed) return refuse(value);
    o.*member = *parsed;
    return {};
  };
}

Setter set(bool Options::* member) {
  return set_parsed(member, text::strict_bool, syntax("ParseBool"));
}

Setter set(std::optional<bool> Options::* member) {
  return set_parsed(member, text::strict_bool, syntax("ParseBool"));
}

template <class T>
Setter set_number(T Options::* member, std::string_view function) {
  return [=](Options& o, const std::string& value) -> Result<void> {
    MECHA_TRY(o.*member, text::whole_number<T>(function, value));
    return {};
  };
}

Setter set(std::int64_t Options::* member) { return set_number(member, "ParseInt"); }

Setter set(std::uint64_t Options::* member) { return set_number(member, "ParseUint"); }

std::unexpected<Error> bad_duration(const std::string& value) {
  const auto number = text::to_double(value);
  const std::string why = number ? "missing unit in duration " : "invalid duration ";
  return fail(Code::invalid_argument, "time: " + why + text::quote(value));
}

Setter set(std::chrono::nanoseconds Options::* member) { return set_parsed(member, text::go_duration, bad_duration); }

Setter set(std::optional<std::chrono::nanoseconds> Options::* member) {
  return set_parsed(member, text::go_duration, bad_duration);
}

// CSV with quotes; occurrences add up.
Setter set(std::vector<std::string> Options::* member) {
  return [member](Options& o, const std::string& value) -> Result<void> {
    auto items = split_list_flag(value);
    if (!items) return fail(Code::invalid_argument, "parse error: extraneous or missing \" in quoted-field");
    std::ranges::move(*items, std::back_inserter(o.*member));
    return {};
  };
}

using O = Options;
constexpr std::string_view kNoEffect = "flag no longer has any effect";

std::vector<Flag> application_flags() {
  return {
      {"app-id", "string", "A unique id for the application; required.", set(&O::app_id)},
      {"app-port", "string", "The port the application listens on; none means no calls to it.", set(&O::app_port)},
      {"app-protocol", "string", "Protocol of the application: http, https, h2c, grpc or grpcs.", set(&O::app_protocol)},
      {"app-channel-address", "string", "Host of the application.", set(&O::app_channel_address)},
      {"app-max-concurrency", "int", "Calls to the application at a time; 0 or less is no limit.", set(&O::app_max_concurrency)},
      {"app-ssl", "", "Use TLS towards the application.", set(&O::app_ssl), "use '--app-protocol https|grpcs'", true},
      {"enable-app-health-check", "", "Probe the health of the application.", set(&O::enable_app_health_check), "", true},
      {"app-health-check-path", "string", "Path of the health probe (HTTP).", set(&O::app_health_check_path)},
      {"app-health-probe-interval", "int", "Seconds between probes.", set(&O::app_health_probe_interval)},
      {"app-health-probe-timeout", "int", "Milliseconds a probe may take.", set(&O::app_health_probe_timeout)},
      {"app-health-threshold", "int", "Failed probes after which the application counts as unhealthy.", set(&O::app_health_threshold)},
      {"app-binding-options-timeout", "duration", "Limit on asking the application for its input bindings.", set(&O::app_binding_options_timeout)},
      {"disable-init-endpoints", "strings", "Questions not to ask the application at start: config, subscribe.", set(&O::disable_init_endpoints)},
  };
}

std::vector<Flag> listener_flags() {
  return {
      {"dapr-http-port", "string", "Port of the HTTP API.", set(&O::dapr_http_port)},
      {"dapr-grpc-port", "string", "Port of the gRPC API.", set(&O::dapr_grpc_port)},
      {"dapr-internal-grpc-port", "string", "Port for other sidecars; 0 or empty picks one that stays the same.", set(&O::dapr_internal_grpc_port)},
      {"dapr-internal-grpc-listen-address", "string", "Address of the port for other sidecars.", set(&O::dapr_internal_grpc_listen_address)},
      {"dapr-listen-addresses", "string", "Addresses of the HTTP and gRPC API, comma separated.", set(&O::dapr_listen_addresses)},
      {"dapr-public-port", "string", "Port with health and metadata only.", set(&O::dapr_public_port)},
      {"dapr-public-listen-address", "string", "Address of the public port.", set(&O::dapr_public_listen_address)},
      {"unix-domain-socket", "string", "Directory for Unix sockets in the place of the TCP ports of both APIs.", set(&O::unix_domain_socket)},
      {"max-body-size", "string", "Largest request body, as a quantity (4Mi); -1 is the default, 0 no limit.", set(&O::max_body_size)},
      {"dapr-http-max-request-size", "int", "Largest request body in MiB.", set(&O::dapr_http_max_request_size), "use '--max-body-size 4Mi'"},
      {"read-buffer-size", "string", "Largest headers, as a quantity (4Ki); -1 is the default.", set(&O::read_buffer_size)},
      {"dapr-http-read-buffer-size", "int", "Largest headers in KiB.", set(&O::dapr_http_read_buffer_size), "use '--read-buffer-size 4Ki'"},
      {"allowed-origins", "string", "Origins that CORS allows, comma separated; empty turns CORS off.", set(&O::allowed_origins)},
      {"enable-profiling", "", "Serve profiling.", set(&O::enable_profiling), "", true},
      {"profile-port", "string", "Port of profiling.", set(&O::profile_port)},
      {"enable-metrics", "", "Serve metrics.", set(&O::enable_metrics), "", true},
      {"metrics-port", "string", "Port of metrics.", set(&O::metrics_port)},
      {"metrics-listen-address", "string", "Address of metrics.", set(&O::metrics_listen_address)},
  };
}

std::vector<Flag> runtime_flags() {
  return {
      {"mode", "string", "standalone.", set(&O::mode)},
      {"resources-path", "strings", "Directories of resource files.", set(&O::resources_path)},
      {"components-path", "string", "Directory of resource files.", set(&O::components_path), "use --resources-path"},
      {"config", "strings", "Configuration files, decoded one on top of the other.", set(&O::config)},
      {"dapr-graceful-shutdown-seconds", "int", "Seconds for the last phase of a graceful stop; 0 waits forever.", set(&O::dapr_graceful_shutdown_seconds)},
      {"dapr-block-shutdown-duration", "duration", "Delays a stop by signal until then or until the application is unhealthy.", set(&O::dapr_block_shutdown_duration)},
      {"enable-api-logging", "", "Log every call of the API.", set(&O::enable_api_logging), "", true},
      {"log-level", "string", "debug, info, warn, error or fatal.", set(&O::log_level)},
      {"log-as-json", "", "Log lines as JSON.", set(&O::log_as_json), "", true},
      {"log-file", "string", "File that the log is appended to; empty is standard output.", set(&O::log_file)},
      {"version", "", "Print the version of the API that is spoken.", set(&O::version), "", true},
      {"build-info", "", "Print version and commit.", set(&O::build_info), "", true},
      {"wait", "", "Wait for a sidecar on --dapr-http-port to be ready for calls out, at most 60 seconds.", set(&O::wait), "", true},
      {"help", "", "Print this.", set(&O::help), "", true},
      {"mecha-shards", "uint", "Threads that serve requests.", set(&O::shards)},
      {"mecha-server-timing", "", "Answer every request with Server-Timing.", set(&O::server_timing), "", true},
      {"describe", "string", "Print the components of this build with their settings: json or markdown.", set(&O::describe)},
  };
}

std::vector<Flag> control_plane_flags() {
  return {
      {"placement-host-address", "string", "Addresses of the placement service.", set(&O::placement_host_address)},
      {"scheduler-host-address", "strings", "Addresses of the scheduler service.", set(&O::scheduler_host_address)},
      {"scheduler-job-streams", "uint", "Streams to the scheduler.", set(&O::scheduler_job_streams)},
      {"actors-disseminate-timeout", "duration", "Limit on a change of the placement tables.", set(&O::actors_disseminate_timeout)},
      {"hot-reload-reconcile-interval", "duration", "Time between full looks at the resources.", set(&O::hot_reload_reconcile_interval)},
      {"actors-service", "string", "", set(&O::actors_service), kNoEffect, false, true},
      {"reminders-service", "string", "", set(&O::reminders_service), kNoEffect, false, true},
      {"enable-mtls", "", "Mutual TLS between sidecars.", set(&O::enable_mtls), "", true},
      {"sentry-address", "string", "Address of the certificate authority.", set(&O::sentry_address)},
      {"control-plane-address", "string", "Address of the operator.", set(&O::control_plane_address)},
      {"control-plane-trust-domain", "string", "Trust domain of the control plane.", set(&O::control_plane_trust_domain)},
      {"control-plane-namespace", "string", "Namespace of the control plane.", set(&O::control_plane_namespace)},
      {"sentry-request-jwt-audiences", "strings", "Audiences to ask tokens for.", set(&O::sentry_request_jwt_audiences)},
      {"disable-builtin-k8s-secret-store", "", "No secret store of Kubernetes by itself.", set(&O::disable_builtin_k8s_secret_store), "", true},
  };
}

std::vector<Flag> all_flags() {
  std::vector<Flag> all;
  for (auto list : {application_flags(), listener_flags(), runtime_flags(), control_plane_flags()}) {
    std::move(list.begin(), list.end(), std::back_inserter(all));
  }
  return all;
}

std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t change = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = std::exchange(row[j], std::min({row[j] + 1, row[j - 1] + 1, change}));
    }
  }
  return row[b.size()];
}

// Usage ends in the error itself, as scripts expect; the suggestion stands on the line before it.
std::string unknown_flag(const std::vector<Flag>& flags, const std::string& name) {
  std::string_view best;
  // Up to a third of the letters may be wrong.
  std::size_t least = name.size() / 3 + 1;
  for (const auto& flag : flags) {
    if (flag.hidden) continue;
    if (const auto d = distance(flag.name, name); d < least) {
      least = d;
      best = flag.name;
    }
  }
  const std::string hint = best.empty() ? "" : "did you mean --" + std::string(best) + "?\n";
  return hint + "unknown flag: --" + name;
}

}  // namespace

std::expected<Options, FlagError> parse_flags(
    const std::vector<std::string>& arguments, std::vector<std::string>& notes
) {
  const auto flags = all_flags();
  Options options;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    std::string argument = arguments[i];
    if (argument.size() > 2 && argument.starts_with('-') && !argument.starts_with("--")) {
      argument.insert(0, "-");
    }
    if (argument == "-h") argument = "--help";
    if (argument == "--") break;
    if (argument.size() == 2 && argument[0] == '-') {
      return std::unexpected(FlagError{"unknown shorthand flag: '" + argument.substr(1) + "' in " + argument});
    }
    if (!argument.starts_with("--")) continue;
    if (argument[2] == '-' || argument[2] == '=') return std::unexpected(FlagError{"bad flag syntax: " + argument});
    const auto equals = argument.find('=');
    const auto name = argument.substr(2, equals == std::string::npos ? equals : equals - 2);
    const auto flag = std::find_if(flags.begin(), flags.end(), [&](const Flag& f) { return f.name == name; });
    if (flag == flags.end()) return std::unexpected(FlagError{unknown_flag(flags, name)});
    std::string value = "true";
    if (equals != std::string::npos) {
      value = argument.substr(equals + 1);
    } else if (!flag->boolean) {
      if (i + 1 == arguments.size()) return std::unexpected(FlagError{"flag needs an argument: --" + name});
      value = arguments[++i];
    }
    if (const auto done = flag->set(options, value); !done) {
      return std::unexpected(FlagError{
          "invalid argument " + text::quote(value) + " for \"--" + name + "\" flag: " + done.error().message});
    }
    if (!flag->deprecated.empty()) {
      notes.push_back("Flag --" + name + " has been deprecated, " + std::string(flag->deprecated));
    }
  }
  return options;
}

std::string flag_usage() {
  std::string usage = "Usage of mechad:\n";
  for (const auto& flag : all_flags()) {
    if (flag.hidden) continue;
    std::string left = "  --" + std::string(flag.name) + " " + std::string(flag.kind);
    left.resize(std::max<std::size_t>(left.size() + 2, 46), ' ');
    usage += left + std::string(flag.help);
    if (!flag.deprecated.empty()) usage += " (deprecated: " + std::string(flag.deprecated) + ")";
    usage += '\n';
  }
  return usage;
}

Result<Sizes> parse_sizes(const Options& options) {
  Sizes sizes;
  const auto read = [](const std::string& name, const std::string& value, std::int64_t old, std::int64_t unit, std::int64_t otherwise, std::string_view unset) -> Result<std::int64_t> {
    // The newer flag wins unless it was left alone and the older one was not.
    if (value == unset && old != -1) return old * unit;
    const auto parsed = text::quantity(value);
    if (!parsed) {
      return fail(
          Code::invalid_argument,
          "invalid value for '" + name + "' option: " + text::quote(value) +
              " is no whole quantity of bytes; write it like 4Mi, 500k or 4096"
      );
    }
    return *parsed == -1 ? otherwise : *parsed;
  };
  MECHA_TRY(const auto body, read("max-body-size", options.max_body_size, options.dapr_http_max_request_size, 1 << 20, 4 << 20, "4Mi"));
  MECHA_TRY(const auto buffer, read("read-buffer-size", options.read_buffer_size, options.dapr_http_read_buffer_size, 1 << 10, 4 << 10, "4Ki"));
  if (options.actors_disseminate_timeout <= 0s) {
    return fail(
        Code::invalid_argument,
        "invalid value for 'actors-disseminate-timeout' option: must be positive, got " +
            text::format_go_duration(options.actors_disseminate_timeout)
    );
  }
  sizes.body_bytes_max = static_cast<std::uint64_t>(std::max<std::int64_t>(body, 0));
  sizes.read_buffer_bytes = static_cast<std::size_t>(std::max<std::int64_t>(buffer, 0));
  return sizes;
}

}  // namespace mecha
