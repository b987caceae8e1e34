// The options of the daemon: what flags and environment say (contract 06, 1.2 and 1.4), with their defaults.

#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "runtime/base/result.hpp"

namespace mecha {

using namespace std::chrono_literals;

// Ports and the like stay texts until they are checked, because the contract says when and how each is refused.
struct Options {
  std::string mode = "standalone";
  std::string app_id;
  std::string app_port;
  std::string app_protocol = "http";
  std::string app_channel_address = "127.0.0.1";
  std::int64_t app_max_concurrency = -1;
  bool app_ssl = false;
  std::string dapr_http_port = "3500";
  std::string dapr_grpc_port = "50001";
  std::string dapr_internal_grpc_port;
  std::string dapr_internal_grpc_listen_address;
  std::string dapr_listen_addresses;
  std::string dapr_public_port;
  std::string dapr_public_listen_address;
  std::string unix_domain_socket;
  std::vector<std::string> resources_path;
  std::string components_path;
  std::vector<std::string> config;
  std::string max_body_size = "4Mi";
  std::int64_t dapr_http_max_request_size = -1;
  std::string read_buffer_size = "4Ki";
  std::int64_t dapr_http_read_buffer_size = -1;
  std::string allowed_origins;
  bool enable_app_health_check = false;
  std::string app_health_check_path = "/healthz";
  std::int64_t app_health_probe_interval = 5;
  std::int64_t app_health_probe_timeout = 500;
  std::int64_t app_health_threshold = 3;
  std::chrono::nanoseconds app_binding_options_timeout = 3s;
  std::vector<std::string> disable_init_endpoints;
  std::string placement_host_address;
  std::vector<std::string> scheduler_host_address;
  std::uint64_t scheduler_job_streams = 3;
  std::chrono::nanoseconds actors_disseminate_timeout = 30s;
  std::chrono::nanoseconds hot_reload_reconcile_interval{};
  std::string actors_service, reminders_service;
  bool enable_mtls = false;
  std::string sentry_address, control_plane_address;
  std::string control_plane_trust_domain = "localhost";
  std::string control_plane_namespace = "default";
  std::vector<std::string> sentry_request_jwt_audiences;
  std::int64_t dapr_graceful_shutdown_seconds = 5;
  std::optional<std::chrono::nanoseconds> dapr_block_shutdown_duration;
  std::optional<bool> enable_api_logging;
  bool disable_builtin_k8s_secret_store = false;
  bool enable_profiling = false;
  std::string profile_port = "7777";
  std::string log_level = "info";
  bool log_as_json = false;
  std::string log_file;
  bool enable_metrics = true;
  std::string metrics_port = "9090";
  std::string metrics_listen_address = "0.0.0.0";
  bool version = false, build_info = false, wait = false, help = false;
  // Of Mecha alone.
  std::uint64_t shards = 1;
  bool server_timing = false;
  std::string describe;  // "json" or "markdown": prints the components of this build

  // Values of the environment that the daemon reads; empty where not set.
  std::map<std::string, std::string, std::less<>> environment;
  std::string variable(std::string_view name) const {
    const auto it = environment.find(name);
    return it == environment.end() ? std::string() : it->second;
  }
};

struct FlagError {
  std::string message;  // the last line on standard error
};

// `arguments` without the program's name. Warnings about deprecated flags are appended to `notes`.
std::expected<Options, FlagError> parse_flags(const std::vector<std::string>& arguments, std::vector<std::string>& notes);
std::string flag_usage();

// Values that need checking before anything starts; `Failed to parse flags: ...` texts (contract 06, 1.2).
struct Sizes {
  std::uint64_t body_bytes_max = 4 << 20;  // 0: none
  std::size_t read_buffer_bytes = 4096;
};
Result<Sizes> parse_sizes(const Options& options);

}  // namespace mecha
