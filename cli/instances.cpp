#include "cli/instances.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <filesystem>
#include <iterator>

#include "cli/output.hpp"
#include "cli/proc.hpp"
#include "cli/request.hpp"
#include "runtime/base/list_flag.hpp"
#include "runtime/base/text.hpp"
#include "runtime/base/text_utf8.hpp"

namespace mecha::cli {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
constexpr std::array kPrograms = {"mechad", "daprd"};

std::vector<std::string> strings_of(const fs::path& file) {
  std::vector<std::string> list;
  const auto text = text_of(file);
  for (std::size_t at = 0; at < text.size(); at = text.find('\0', at) + 1) {
    list.emplace_back(text.c_str() + at);
    if (text.find('\0', at) == std::string::npos) break;
  }
  return list;
}

std::chrono::system_clock::time_point start_of(const fs::path& process) {
  const auto stat = stat_of(process);
  if (!stat) return {};
  const auto system = text_of("/proc/stat");
  for (const auto line : text::split(system, '\n')) {
    if (!line.starts_with("btime ")) continue;
    const auto boot = text::to_int(text::trim(line.substr(6))).value_or(0);
    return std::chrono::system_clock::from_time_t(boot + stat->started / ::sysconf(_SC_CLK_TCK));
  }
  return {};
}

void set_number(std::int64_t& member, const std::string& value) { member = text::to_int(value).value_or(member); }

// The tool that started it and waits for it, if it is a sidecar of one.
std::int64_t cli_of(const fs::path& process) {
  const auto stat = stat_of(process);
  if (!stat) return 0;
  const auto mark = std::string(kStartedBy) + "=" + std::to_string(stat->parent);
  const auto variables = strings_of(process / "environ");
  return std::ranges::find(variables, mark) != variables.end() ? stat->parent : 0;
}

void ask_metadata(Instance& instance) {
  const auto answer = send_and_wait({.origin = instance.origin(), .target = "/v1.0/metadata", .limit = 1s});
  if (answer && answer->head.status == 200) {
    if (auto document = json::parse(answer->body); document && document->is_object()) return read_metadata(instance, *std::move(document));
  }
  instance.cli_pid = cli_of("/proc/" + std::to_string(instance.pid));
}

std::string local_time(std::chrono::system_clock::time_point time) {
  const auto seconds = std::chrono::system_clock::to_time_t(time);
  std::tm parts{};
  ::localtime_r(&seconds, &parts);
  char buffer[32];
  std::strftime(buffer, sizeof buffer, "%Y-%m-%d %H:%M.%S", &parts);
  return buffer;
}

}  // namespace

net::Origin Instance::origin() const {
  net::Origin origin{.host = "127.0.0.1", .port = static_cast<std::uint16_t>(http_port)};
  if (!socket_dir.empty()) origin.unix_path = socket_dir + "/dapr-" + app_id + "-http.socket";
  return origin;
}

Instance read_arguments(const std::vector<std::string>& arguments) {
  Instance instance;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    if (!arguments[i].starts_with("-")) continue;
    auto name = arguments[i].substr(arguments[i].find_first_not_of('-') == std::string::npos ? 0 : arguments[i].find_first_not_of('-'));
    std::string value;
    if (const auto equals = name.find('='); equals != std::string::npos) {
      value = name.substr(equals + 1);
      name.erase(equals);
    } else if (i + 1 < arguments.size()) {
      value = arguments[i + 1];
    }
    if (name == "app-id") instance.app_id = value;
    if (name == "dapr-http-port") set_number(instance.http_port, value);
    if (name == "dapr-grpc-port") set_number(instance.grpc_port, value);
    if (name == "app-port") set_number(instance.app_port, value);
    if (name == "unix-domain-socket") instance.socket_dir = value;
    if (name == "components-path") instance.resources.push_back(value);
    if (name == "resources-path") std::ranges::move(split_list_flag(value).value_or(std::vector<std::string>{}), std::back_inserter(instance.resources));
    if (name == "enable-metrics" && arguments[i].find('=') != std::string::npos) instance.metrics = text::strict_bool(value).value_or(true);
    if (name == "max-body-size") instance.body_bytes_max = text::quantity(value).value_or(instance.body_bytes_max);
    if (name == "read-buffer-size") instance.read_buffer_bytes = text::quantity(value).value_or(instance.read_buffer_bytes);
  }
  return instance;
}

void read_metadata(Instance& instance, json::Value metadata) {
  instance.answers = true;
  if (const auto id = metadata.text("id"); !id.empty()) instance.app_id = id;
  instance.version = metadata.text("runtimeVersion");
  if (const auto* extended = metadata.find("extended")) {
    set_number(instance.cli_pid, std::string(extended->text("cliPID")));
    set_number(instance.app_pid, std::string(extended->text("appPID")));
    instance.command = extended->text("appCommand");
    instance.template_path = extended->text("runTemplatePath");
    instance.template_name = extended->text("runTemplateName");
    instance.app_log = extended->text("appLogPath");
    instance.daemon_log = extended->text("daprdLogPath");
  }
  instance.metadata = std::move(metadata);
}

std::vector<Instance> find_instances(bool ask) {
  std::vector<Instance> list;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator("/proc", error)) {
    const auto pid = text::to_int(entry.path().filename().string());
    if (!pid) continue;
    auto arguments = strings_of(entry.path() / "cmdline");
    if (arguments.empty()) continue;
    const auto program = fs::path(arguments[0]).filename().string();
    if (std::ranges::find(kPrograms, program) == kPrograms.end()) continue;
    auto instance = read_arguments(arguments);
    if (instance.app_id.empty()) continue;  // mechad --version and the like
    instance.pid = *pid;
    instance.program = program;
    instance.created = start_of(entry.path());
    if (ask) ask_metadata(instance);
    list.push_back(std::move(instance));
  }
  std::ranges::sort(list, [](const Instance& a, const Instance& b) { return std::pair(a.created, a.pid) < std::pair(b.created, b.pid); });
  return list;
}

Result<Instance> find_instance(const std::string& app_id) {
  auto all = find_instances(false);
  const auto found = std::ranges::find(all, app_id, &Instance::app_id);
  if (found == all.end()) return fail(not_running(app_id, all));
  ask_metadata(*found);
  return std::move(*found);
}

Error not_running(const std::string& app_id, const std::vector<Instance>& all) {
  std::vector<std::string> names;
  for (const auto& instance : all) names.push_back(instance.app_id);
  std::string message = "no application " + text::quote(app_id) + " runs on this host";
  if (const auto similar = nearest(app_id, names); !similar.empty()) message += "; did you mean " + text::quote(similar) + "?";
  else message += ".";
  message += names.empty() ? " Nothing runs." : " Running: " + text::join(names, ", ") + ".";
  return {.code = Code::not_found, .message = message + "\n  remedy: start it with: mecha run --app-id " + app_id + " -- <command>"};
}

std::string age(std::chrono::system_clock::duration time) {
  const auto s = std::chrono::duration_cast<std::chrono::seconds>(time).count();
  if (s < 60) return std::to_string(std::max<std::int64_t>(s, 0)) + "s";
  if (s < 3600) return std::to_string(s / 60) + "m";
  if (s < 86400) return std::to_string(s / 3600) + "h";
  return std::to_string(s / 86400) + "d";
}

json::Value to_json(const Instance& i) {
  return json::Value(json::Object{
      {"appId", i.app_id},
      {"httpPort", i.http_port},
      {"grpcPort", i.grpc_port},
      {"appPort", i.app_port},
      {"metricsEnabled", i.metrics},
      {"command", std::string(text::cut_utf8(i.command, 20))},
      {"age", age(std::chrono::system_clock::now() - i.created)},
      {"created", local_time(i.created)},
      {"daprdPid", i.pid},
      {"cliPid", i.cli_pid},
      {"appPid", i.app_pid},
      {"maxRequestBodySize", i.body_bytes_max},
      {"httpReadBufferSize", i.read_buffer_bytes},
      {"runTemplatePath", i.template_path},
      {"runTemplateName", i.template_name},
      {"appLogPath", i.app_log},
      {"daprdLogPath", i.daemon_log},
  });
}

}  // namespace mecha::cli
