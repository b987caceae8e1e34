#include "cli/plan.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <random>

#include "cli/held_ports.hpp"
#include "cli/instances.hpp"
#include "cli/listeners.hpp"
#include "cli/output.hpp"
#include "cli/plan_check.hpp"
#include "runtime/base/list_flag.hpp"
#include "runtime/base/text.hpp"

namespace mecha::cli {
namespace {

namespace fs = std::filesystem;

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

std::string random_name() {
  static constexpr std::array kFirst = {"amber", "brisk", "calm", "deft", "eager", "fair", "green", "happy", "ivory", "jolly", "keen", "lucid"};
  static constexpr std::array kSecond = {"anvil", "beacon", "cedar", "delta", "ember", "falcon", "garnet", "harbor", "island", "juniper", "kestrel", "lagoon"};
  std::random_device random;
  return std::string(kFirst[random() % kFirst.size()]) + "-" + kSecond[random() % kSecond.size()] + "-" + std::to_string(1000 + random() % 9000);
}

std::string owner_of(std::int64_t port, const std::vector<Instance>& running) {
  for (const auto& i : running) {
    const bool its = i.socket_dir.empty() && (i.http_port == port || i.grpc_port == port);
    if (its) return "the sidecar of " + text::quote(i.app_id) + " (pid " + std::to_string(i.pid) + ")";
  }
  const auto who = who_listens(port);
  return who.empty() || who == "another program" ? "another program" : "another program, " + who;
}

// `given`: only those that were asked for, else only the others.
Result<void> choose(std::int64_t& port, std::string_view flag, HeldPorts& held, const std::vector<Instance>& running, bool given) {
  if ((port > 0) != given) return {};
  if (port > 65535) return fail(Code::invalid_argument, "--" + std::string(flag) + " must be a port from 1 to 65535, got " + std::to_string(port) + "\n  remedy: leave the flag out and a free one is chosen");
  const auto taken = held.take(port > 0 ? static_cast<std::uint16_t>(port) : std::uint16_t{0});
  if (!taken) {
    return fail(
        Code::already_exists,
        "port " + std::to_string(port) + " of --" + std::string(flag) + " is in use by " + owner_of(port, running) +
            "\n  remedy: choose another port, or leave --" + std::string(flag) + " out and a free one is chosen"
    );
  }
  port = *taken;
  return {};
}

Result<void> choose_ports(Plan& plan, HeldPorts& held, const std::vector<Instance>& running, bool given) {
  const auto conflict = [&plan](std::int64_t port, std::string_view flag) -> Result<void> {
    if (port <= 0 || port != plan.app_port) return {};
    return fail(
        Code::invalid_argument, "--" + std::string(flag) + " and --app-port are both " + std::to_string(port) +
                                    ", but the sidecar and the application cannot listen on one port\n  remedy: --app-port is the application's own port; leave --" +
                                    std::string(flag) + " out and a free one is chosen"
    );
  };
  if (plan.pick_app_port && !given) {
    plan.app_port = held.take_for_application().value_or(0);
    if (plan.app_port == 0) return fail(Code::resource_exhausted, "no port is free for the application");
  }
  MECHA_TRY_VOID(conflict(plan.ports.http, "dapr-http-port"));
  MECHA_TRY_VOID(conflict(plan.ports.grpc, "dapr-grpc-port"));
  MECHA_TRY_VOID(choose(plan.ports.http, "dapr-http-port", held, running, given));
  MECHA_TRY_VOID(choose(plan.ports.grpc, "dapr-grpc-port", held, running, given));
  MECHA_TRY_VOID(choose(plan.ports.internal, "dapr-internal-grpc-port", held, running, given));
  MECHA_TRY_VOID(choose(plan.ports.metrics, "metrics-port", held, running, given));
  if (plan.enable_profiling || plan.ports.profile > 0) {
    MECHA_TRY_VOID(choose(plan.ports.profile, "profile-port", held, running, given));
  }
  return {};
}

void choose_logs(Plan& plan, const std::string& stamp) {
  const auto base = fs::path(plan.directory.empty() ? "." : plan.directory) / ".dapr" / "logs" / (plan.app_id + "_");
  if (plan.app_log.file && plan.app_log_path.empty()) plan.app_log_path = fs::absolute(base.string() + "app_" + stamp + ".log").lexically_normal();
  if (plan.daemon_log.file && plan.daemon_log_path.empty()) plan.daemon_log_path = fs::absolute(base.string() + "daprd_" + stamp + ".log").lexically_normal();
}

std::string now_stamp() {
  const auto now = std::time(nullptr);
  std::tm parts{};
  ::localtime_r(&now, &parts);
  char buffer[16];
  std::strftime(buffer, sizeof buffer, "%Y%m%d%H%M%S", &parts);
  return buffer;
}

bool runnable(const fs::path& path) { return fs::is_regular_file(path) && ::access(path.c_str(), X_OK) == 0; }

std::string with_port(const std::string& host, std::string_view port) {
  return host.find(':') == std::string::npos ? host + ":" + std::string(port) : host;
}

}  // namespace

Restart restart_of(std::string_view word) { return word == "always" ? Restart::always : word == "on-failure" ? Restart::on_failure : Restart::no; }

Result<void> complete(std::vector<Plan>& plans) {
  const auto running = find_instances(false);
  const auto stamp = now_stamp();
  const auto held = std::make_shared<HeldPorts>();
  for (auto& plan : plans) {
    plan.held = held;
    if (plan.app_id.empty()) plan.app_id = random_name();
    MECHA_TRY_VOID(check_plan(plan));
    choose_logs(plan, stamp);
  }
  MECHA_TRY_VOID(check_ports_differ(plans));
  // Ports that were asked for are taken before free ones are given away.
  for (const bool given : {true, false}) {
    for (auto& plan : plans) {
      auto made = choose_ports(plan, *held, running, given);
      if (!made) return fail(std::move(made).error().context(plan.app_id));
    }
  }
  return {};
}

void warn_of_notes(const std::vector<Plan>& plans, const std::string& form) {
  for (const auto& plan : plans) {
    for (const auto& note : plan.notes) print_warning(form, note);
  }
}

std::vector<std::string> daemon_arguments(const Plan& plan) {
  std::vector<std::string> list;
  const auto put = [&list](const char* flag, std::string value) {
    list.emplace_back(flag);
    list.push_back(std::move(value));
  };
  const auto put_number = [&put](const char* flag, std::int64_t value) {
    if (value > 0) put(flag, std::to_string(value));
  };
  const auto put_text = [&put](const char* flag, const std::string& value, std::string_view otherwise = {}) {
    if (!value.empty() && value != otherwise) put(flag, value);
  };
  put("--app-id", plan.app_id);
  put_number("--app-port", plan.app_port);
  put_number("--dapr-http-port", plan.ports.http);
  put_number("--dapr-grpc-port", plan.ports.grpc);
  put_number("--dapr-internal-grpc-port", plan.ports.internal);
  put_number("--metrics-port", plan.ports.metrics);
  put_number("--profile-port", plan.ports.profile);
  put_text("--app-protocol", plan.app_protocol);
  put_text("--app-channel-address", plan.app_channel_address, "127.0.0.1");
  put_text("--config", list_flag_item(plan.config));
  for (const auto& folder : plan.resources) put("--resources-path", list_flag_item(folder));
  put_text("--log-level", plan.log_level);
  put_number("--app-max-concurrency", plan.app_max_concurrency);
  put_text("--max-body-size", plan.max_body_size);
  put_text("--read-buffer-size", plan.read_buffer_size);
  put_text("--unix-domain-socket", plan.unix_domain_socket);
  put_text("--dapr-listen-addresses", plan.listen_addresses);
  put_text("--dapr-internal-grpc-listen-address", plan.internal_listen_address);
  if (!plan.placement.empty()) put("--placement-host-address", with_port(plan.placement, "50005"));
  if (!plan.scheduler.empty()) put("--scheduler-host-address", with_port(plan.scheduler, "50006"));
  if (plan.health_check) list.emplace_back("--enable-app-health-check");
  put_text("--app-health-check-path", plan.health_path);
  put_number("--app-health-probe-interval", plan.health_interval);
  put_number("--app-health-probe-timeout", plan.health_timeout);
  put_number("--app-health-threshold", plan.health_threshold);
  if (plan.log_as_json) list.emplace_back("--log-as-json");
  if (plan.enable_api_logging) list.emplace_back("--enable-api-logging");
  if (plan.enable_profiling) list.emplace_back("--enable-profiling");
  if (plan.app_ssl) list.emplace_back("--app-ssl");
  return list;
}

Variables app_environment(const Plan& plan) {
  Variables all = plan.environment;  // what the user says wins
  all.emplace("APP_ID", plan.app_id);
  all.emplace("APP_CHANNEL_ADDRESS", plan.app_channel_address);
  all.emplace("APP_PROTOCOL", plan.app_protocol);
  const auto put = [&all](const char* name, std::int64_t value) {
    if (value > 0) all.emplace(name, std::to_string(value));
  };
  put("APP_PORT", plan.app_port);
  put("DAPR_HTTP_PORT", plan.ports.http);
  put("DAPR_GRPC_PORT", plan.ports.grpc);
  put("DAPR_METRICS_PORT", plan.ports.metrics);
  return all;
}

std::string base_folder(const std::string& path) {
  auto base = path.empty() ? variable("DAPR_RUNTIME_PATH") : path;
  if (base.empty()) base = variable("HOME");
  return base + "/.dapr";
}

std::string registry_folder() {
  if (auto set = variable("MECHA_REGISTRY_DIR"); !set.empty()) return set;
  if (const auto run = variable("XDG_RUNTIME_DIR"); !run.empty()) return run + "/mecha/registry";
  return "/tmp/mecha-" + std::to_string(::getuid()) + "/registry";
}

Result<std::string> find_daemon(const std::string& runtime_path) {
  std::vector<fs::path> places;
  const fs::path bin = base_folder(runtime_path) + "/bin";
  if (!runtime_path.empty()) places = {bin / "mechad", bin / "daprd"};
  if (const auto set = variable("MECHA_DAEMON"); !set.empty()) {
    if (runnable(set)) return set;
    return fail(Code::not_found, "MECHA_DAEMON names " + set + ", which is no program\n  remedy: unset it, or name the file mechad");
  }
  std::error_code error;
  places.push_back(fs::read_symlink("/proc/self/exe", error).parent_path() / "mechad");
  places.push_back(bin / "mechad");
  const auto search = variable("PATH");
  for (const auto folder : text::split(search, ':')) places.push_back(fs::path(folder) / "mechad");
  places.push_back(bin / "daprd");
  for (const auto& place : places) {
    if (runnable(place)) return place.string();
  }
  return fail(
      Code::not_found,
      "the daemon mechad is not found: it is neither beside mecha (" + places[runtime_path.empty() ? 0 : 2].string() + ") nor in " + bin.string() +
          " nor in PATH\n  remedy: put mechad beside mecha, or name it: export MECHA_DAEMON=/path/to/mechad"
  );
}

}  // namespace mecha::cli
