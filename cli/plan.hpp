// One application to run with its sidecar: what flags or a template say, and what follows from it.

#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "cli/process.hpp"
#include "runtime/base/result.hpp"

namespace mecha::cli {

class HeldPorts;

// Where the lines of a process go.
struct LogTarget {
  bool console = true;
  bool file = false;
};

enum class Restart : std::uint8_t { no, on_failure, always };

struct Ports {
  std::int64_t http = -1, grpc = -1, internal = -1, metrics = -1, profile = -1;  // -1: a free one
};

struct Plan {
  std::string app_id;
  std::int64_t app_port = -1;
  bool pick_app_port = false;  // a free one, for the application to take or not
  Ports ports;
  std::shared_ptr<HeldPorts> held;  // those that were chosen, of all plans
  std::string app_protocol = "http", app_channel_address = "127.0.0.1";
  std::string config;
  std::vector<std::string> resources;
  std::string log_level = "info";
  bool log_as_json = false, enable_api_logging = false, enable_profiling = false, app_ssl = false;
  std::int64_t app_max_concurrency = -1;
  std::string max_body_size = "4Mi", read_buffer_size = "4Ki";
  std::string unix_domain_socket, listen_addresses, internal_listen_address;
  bool health_check = false;
  std::string health_path;
  std::int64_t health_interval = 0, health_timeout = 0, health_threshold = 0;  // 0: the sidecar's default
  std::string placement = "localhost", scheduler = "localhost";                // empty: none
  std::string runtime_path;

  std::string directory;             // of the application; empty: here
  std::vector<std::string> command;  // empty: a sidecar without an application of ours
  Variables environment;             // from the template and from files
  LogTarget app_log, daemon_log;
  std::string app_log_path, daemon_log_path;
  Restart restart = Restart::no;
  std::int64_t restart_max = 10;  // in a row; 0: no limit
  std::vector<std::string> notes;  // what is odd, for the user
};

// "no", "on-failure" or "always".
Restart restart_of(std::string_view word);
// Fails for what cannot be an id of an application, and says how it could be.
Result<void> check_id(const std::string& app_id);
// Fills in what was left open: a name, log files, and free ports, which differ from each other and are kept as long as the plans. Fails when a port that was
// asked for is taken, and says by whom.
Result<void> complete(std::vector<Plan>& plans);
// Prints the notes of all.
void warn_of_notes(const std::vector<Plan>& plans, const std::string& form);

// The flags of the sidecar (contract 06, 1.7).
std::vector<std::string> daemon_arguments(const Plan& plan);
// What the application finds in its environment (contract 06, 1.6).
Variables app_environment(const Plan& plan);

// The base folder: `path`, else DAPR_RUNTIME_PATH, else HOME; with `.dapr` behind it.
std::string base_folder(const std::string& path);
// The directory in which sidecars of this user find each other (docs/adr/0003).
std::string registry_folder();
// The daemon: MECHA_DAEMON, beside this program, in `<base>/bin`, or in PATH. An explicit `runtime_path` comes first.
Result<std::string> find_daemon(const std::string& runtime_path);

}  // namespace mecha::cli
