// The sidecars that run on this host, found in the table of processes as contract 06, 9.2 says: by the name of the program,
// its arguments, and what its metadata API tells. Nothing is written anywhere, so nothing can be stale.

#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/json.hpp"
#include "runtime/base/result.hpp"
#include "runtime/net/client.hpp"

namespace mecha::cli {

// A variable of each sidecar of the tool, and of no application: the process that started it.
inline constexpr std::string_view kStartedBy = "MECHA_STARTED_BY";

struct Instance {
  std::string app_id;
  std::int64_t http_port = 3500, grpc_port = 50001, app_port = 0;
  bool metrics = true;
  std::string socket_dir;  // --unix-domain-socket
  std::vector<std::string> resources;
  std::int64_t pid = 0, cli_pid = 0, app_pid = 0;
  std::int64_t body_bytes_max = 4 << 20, read_buffer_bytes = 4096;
  std::chrono::system_clock::time_point created;
  std::string program;  // mechad or daprd
  std::string command, template_path, template_name, app_log, daemon_log, version;
  bool answers = false;  // its metadata could be read
  json::Value metadata;

  net::Origin origin() const;
};

// What the arguments of a sidecar say, both `--k v` and `--k=v`.
Instance read_arguments(const std::vector<std::string>& arguments);
// Takes what the metadata API answered.
void read_metadata(Instance& instance, json::Value metadata);

// All sidecars, oldest first. With `ask`, each is asked for its metadata (at most a second for each).
std::vector<Instance> find_instances(bool ask = true);
// The first with that id; the error names those that run and the nearest name.
Result<Instance> find_instance(const std::string& app_id);
Error not_running(const std::string& app_id, const std::vector<Instance>& all);

// "3d", "2h", "5m", "12s".
std::string age(std::chrono::system_clock::duration time);
json::Value to_json(const Instance& instance);

}  // namespace mecha::cli
