#include "cli/run_template.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <optional>

#include "cli/dotenv.hpp"
#include "cli/output.hpp"
#include "cli/read_all.hpp"
#include "runtime/base/text.hpp"
#include "runtime/resources/view.hpp"

namespace mecha::cli {
namespace {

namespace fs = std::filesystem;

// The keys that `common` and an application share.
struct Shared {
  std::optional<std::string> config, protocol, listen, log_level, placement, scheduler, max_body, read_buffer, health_path, runtime_path, app_log, daemon_log, restart;
  std::optional<bool> profiling, ssl, health, api_logging;
  std::optional<std::int64_t> concurrency, interval, timeout, threshold, restart_max;
  std::vector<std::string> resources;
  std::map<std::string, std::string, std::less<>> environment;
};

std::optional<std::string> text_of(View& view, std::string_view name) {
  if (!view.has(name)) {
    (void)view.raw(name);
    return std::nullopt;
  }
  return view.text(name);
}

void choice(View& view, std::string_view name, const std::optional<std::string>& value, const std::vector<std::string>& allowed) {
  if (!value || std::ranges::find(allowed, *value) != allowed.end()) return;
  view.problem_at(name, "must be " + text::join(allowed, ", ") + ", got " + text::quote(*value));
}

Shared read_shared(View& view) {
  Shared s;
  s.config = text_of(view, "configFilePath");
  s.protocol = text_of(view, "appProtocol");
  s.listen = text_of(view, "apiListenAddresses");
  s.profiling = view.flag("enableProfiling");
  s.log_level = text_of(view, "logLevel");
  s.concurrency = view.integer("appMaxConcurrency");
  s.placement = text_of(view, "placementHostAddress");
  s.scheduler = text_of(view, "schedulerHostAddress");
  s.resources = view.texts("resourcesPaths");
  if (const auto one = text_of(view, "resourcesPath"); one && s.resources.empty()) s.resources.push_back(*one);
  s.ssl = view.flag("appSSL");
  s.max_body = text_of(view, "maxBodySize");
  s.read_buffer = text_of(view, "readBufferSize");
  s.health = view.flag("enableAppHealthCheck");
  s.health_path = text_of(view, "appHealthCheckPath");
  s.interval = view.integer("appHealthProbeInterval");
  s.timeout = view.integer("appHealthProbeTimeout");
  s.threshold = view.integer("appHealthThreshold");
  s.api_logging = view.flag("enableApiLogging");
  s.runtime_path = text_of(view, "runtimePath");
  s.environment = view.text_map("env", true);
  s.daemon_log = text_of(view, "daprdLogDestination");
  s.app_log = text_of(view, "appLogDestination");
  s.restart = text_of(view, "restart");
  if (s.restart == "false") s.restart = "no";  // the word without quotes, as YAML reads it
  s.restart_max = view.integer("restartMax");
  choice(view, "daprdLogDestination", s.daemon_log, {"console", "file", "fileAndConsole"});
  choice(view, "appLogDestination", s.app_log, {"console", "file", "fileAndConsole"});
  choice(view, "restart", s.restart, {"no", "on-failure", "always"});
  return s;
}

LogTarget target(const std::optional<std::string>& word, std::string_view otherwise) {
  const auto& w = word ? std::string_view(*word) : otherwise;
  return {.console = w != "file", .file = w != "console"};
}

std::string absolute(const fs::path& folder, const std::string& path) {
  return path.empty() ? path : (folder / path).lexically_normal().string();
}

// The first that is set.
template <class T>
T pick(const std::optional<T>& own, const std::optional<T>& common, T otherwise) {
  return own ? *own : common ? *common : std::move(otherwise);
}

void apply(Plan& plan, const Shared& own, const Shared& common) {
  const auto word = [&](std::optional<std::string> Shared::* key, std::string& into) { into = pick(own.*key, common.*key, into); };
  const auto number = [&](std::optional<std::int64_t> Shared::* key, std::int64_t& into) { into = pick(own.*key, common.*key, into); };
  const auto flag = [&](std::optional<bool> Shared::* key, bool& into) { into = pick(own.*key, common.*key, into); };
  word(&Shared::protocol, plan.app_protocol);
  word(&Shared::listen, plan.listen_addresses);
  word(&Shared::log_level, plan.log_level);
  word(&Shared::placement, plan.placement);
  word(&Shared::scheduler, plan.scheduler);
  word(&Shared::max_body, plan.max_body_size);
  word(&Shared::read_buffer, plan.read_buffer_size);
  word(&Shared::health_path, plan.health_path);
  number(&Shared::concurrency, plan.app_max_concurrency);
  number(&Shared::interval, plan.health_interval);
  number(&Shared::timeout, plan.health_timeout);
  number(&Shared::threshold, plan.health_threshold);
  number(&Shared::restart_max, plan.restart_max);
  flag(&Shared::profiling, plan.enable_profiling);
  flag(&Shared::ssl, plan.app_ssl);
  flag(&Shared::health, plan.health_check);
  flag(&Shared::api_logging, plan.enable_api_logging);
  plan.app_log = target(own.app_log ? own.app_log : common.app_log, "fileAndConsole");
  plan.daemon_log = target(own.daemon_log ? own.daemon_log : common.daemon_log, "file");
  const auto restart = pick(own.restart, common.restart, std::string("no"));
  plan.restart = restart_of(restart);
}

// Resources and configuration: the application's own, what lies in its folder, those of all, the user's.
void apply_paths(Plan& plan, const Shared& own, const Shared& common, const fs::path& folder, Home home) {
  const fs::path here = plan.directory;
  plan.runtime_path = own.runtime_path ? absolute(here, *own.runtime_path) : absolute(folder, common.runtime_path.value_or(""));
  const auto base = base_folder(plan.runtime_path);
  for (const auto& path : own.resources) plan.resources.push_back(absolute(here, path));
  if (plan.resources.empty() && fs::is_directory(here / ".dapr/resources")) plan.resources.push_back(here / ".dapr/resources");
  if (plan.resources.empty()) {
    for (const auto& path : common.resources) plan.resources.push_back(absolute(folder, path));
  }
  const bool seen = home == Home::seen;
  if (seen && plan.resources.empty() && fs::is_directory(base + "/components")) plan.resources.push_back(base + "/components");
  if (own.config) plan.config = absolute(here, *own.config);
  else if (fs::is_regular_file(here / ".dapr/config.yaml")) plan.config = here / ".dapr/config.yaml";
  else if (common.config) plan.config = absolute(folder, *common.config);
  else if (seen && fs::is_regular_file(base + "/config.yaml")) plan.config = base + "/config.yaml";
}

// The .env file of the application's folder comes first, then what `common` says, then the application.
Result<void> apply_environment(Plan& plan, const Shared& own, const Shared& common) {
  MECHA_TRY(plan.environment, read_dotenv(plan.directory + "/.env", false));
  for (const auto* source : {&common, &own}) {
    for (const auto& [name, value] : source->environment) plan.environment[name] = value;
  }
  return {};
}

Result<Plan> read_app(View& view, const Shared& common, const fs::path& folder, Home home) {
  Plan plan;
  const auto directory = view.text("appDirPath");
  if (directory.empty()) view.problem_at("appDirPath", "is required: the folder of the application");
  plan.directory = absolute(folder, directory.empty() ? "." : directory);
  if (!directory.empty() && !fs::is_directory(plan.directory)) view.problem_at("appDirPath", "must be a folder that exists, got " + plan.directory);
  while (plan.directory.size() > 1 && plan.directory.ends_with('/')) plan.directory.pop_back();
  plan.app_id = view.text("appID");
  if (plan.app_id.empty()) plan.app_id = fs::path(plan.directory).filename().string();
  plan.app_channel_address = text_of(view, "appChannelAddress").value_or("127.0.0.1");
  plan.app_port = view.integer("appPort").value_or(-1);
  plan.ports.http = view.integer("daprHTTPPort").value_or(-1);
  plan.ports.grpc = view.integer("daprGRPCPort").value_or(-1);
  plan.ports.internal = view.integer("daprInternalGRPCPort").value_or(-1);
  plan.ports.profile = view.integer("profilePort").value_or(-1);
  plan.ports.metrics = view.integer("metricsPort").value_or(-1);
  plan.unix_domain_socket = view.text("unixDomainSocket");
  plan.command = view.texts("command");
  for (const auto* key : {"containerImage", "containerImagePullPolicy", "createService"}) (void)view.raw(key);  // of Kubernetes
  const auto own = read_shared(view);
  apply(plan, own, common);
  apply_paths(plan, own, common, folder, home);
  MECHA_TRY_VOID(apply_environment(plan, own, common));
  view.done();
  return plan;
}

// "line 3: apps[0].appPort ..." to "dapr.yaml:3: apps[0].appPort ...".
std::string placed(const std::string& file, const std::string& problem) {
  if (!problem.starts_with("line ")) return file + ": " + problem;
  return file + ":" + problem.substr(5);
}

const std::vector<std::string>& known_keys() {
  static const std::vector<std::string> keys = {
      "version", "name", "common", "apps", "appDirPath", "appID", "appChannelAddress", "appPort", "daprHTTPPort", "daprGRPCPort", "daprInternalGRPCPort",
      "profilePort", "metricsPort", "unixDomainSocket", "command", "containerImage", "containerImagePullPolicy", "createService", "configFilePath",
      "appProtocol", "apiListenAddresses", "enableProfiling", "logLevel", "appMaxConcurrency", "placementHostAddress", "schedulerHostAddress",
      "resourcesPath", "resourcesPaths", "appSSL", "maxBodySize", "readBufferSize", "enableAppHealthCheck", "appHealthCheckPath",
      "appHealthProbeInterval", "appHealthProbeTimeout", "appHealthThreshold", "enableApiLogging", "runtimePath", "env", "daprdLogDestination",
      "appLogDestination", "restart", "restartMax"
  };
  return keys;
}

}  // namespace

Result<RunTemplate> parse_template(std::string_view text, const std::string& file, const std::string& folder, Home home) {
  auto root = yaml::parse(text, 1, yaml::Keys::written);  // a variable may be called Y
  if (!root) return fail(Code::invalid_argument, placed(file, root.error().message));
  Findings findings;
  View document(findings, &*root);
  RunTemplate made;
  made.name = document.text("name");
  if (made.name.empty()) made.name = fs::path(folder).filename().string();
  const auto version = document.integer("version").value_or(0);
  if (version == 0) document.problem_at("version", "is required and must not be 0: write version: 1");
  auto common_view = document.object("common");
  const auto common = read_shared(common_view);
  common_view.done();
  auto apps = document.objects("apps");
  if (apps.empty()) document.problem_at("apps", "is required: at least one application");
  for (auto& app : apps) {
    MECHA_TRY(auto plan, read_app(app, common, folder, home));
    made.plans.push_back(std::move(plan));
  }
  document.done();
  if (version != 0 && version != 1) made.notes.push_back(file + ": version " + std::to_string(version) + " is not known and is read as version 1\n  remedy: write version: 1");
  for (const auto& [field, line] : findings.unknown) {
    const auto similar = nearest(field.substr(field.rfind('.') + 1), known_keys());
    made.notes.push_back(file + ":" + std::to_string(line) + ": unknown key " + field + (similar.empty() ? "" : "; did you mean " + similar + "?"));
  }
  if (findings.problems.empty()) return made;
  std::vector<std::string> problems;
  for (const auto& problem : findings.problems) problems.push_back(placed(file, problem));
  return fail(Code::invalid_argument, text::join(problems, "\n"));
}

Result<RunTemplate> read_template(const std::string& path, Home home) {
  if (path == "-") {
    const std::string text = read_all(std::cin);
    return parse_template(text, "standard input", fs::current_path(), home);
  }
  std::error_code error;
  auto file = fs::canonical(path, error);
  if (!error && fs::is_directory(file)) file /= "dapr.yaml";
  std::ifstream in(file, std::ios::binary);
  if (error || !in) {
    return fail(Code::not_found, "the template " + (error ? path : file.string()) + " cannot be read\n  remedy: name a file, a folder with a dapr.yaml, or - for standard input");
  }
  MECHA_TRY(auto made, parse_template(read_all(in), file, file.parent_path(), home));
  made.path = file;
  return made;
}

}  // namespace mecha::cli
