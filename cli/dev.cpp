// mecha dev: an application of a folder without any configuration, or those of a template. What they need and their folders do
// not bring is offered on embedded backends; every choice is told.

#include <CLI/CLI.hpp>

#include "cli/app_port.hpp"
#include "cli/command.hpp"
#include "cli/dev_app.hpp"
#include "cli/instances.hpp"
#include "cli/output.hpp"
#include "cli/run_template.hpp"
#include "cli/supervisor.hpp"

namespace mecha::cli {
namespace {

struct DevOptions {
  Plan plan;
  std::string file, data, write, restart = "no", form = "table";
  bool no_app_port = false, writes = false;
  std::int64_t stop_seconds = 10;
};

constexpr auto kGreeting = "You're up and running! Ctrl-C stops the application, then its sidecar. The data stay.";
constexpr auto kReplace = "To replace one by a real backend: mecha dev --write resources, then change its file there.\n";

int write(const DevOptions& options, const DevApp& app) {
  if (auto made = make_dev_folders(app.places); !made) return print_failure(options.form, made.error());
  if (auto written = write_manifests(options.write, app.components, true); !written) return print_failure(options.form, written.error());
  json::Array files;
  std::string text;
  for (const auto& c : app.components) {
    files.emplace_back(options.write + "/" + c.name + ".yaml");
    text += "wrote " + files.back().as_string() + "\n";
  }
  const bool seen = options.write == "resources" || options.write == "components" || options.write == ".dapr/resources";
  text += seen ? "mecha dev takes them from there.\n" : "mecha dev --resources-path " + options.write + " takes them from there.\n";
  return print(options.form, json::Value(std::move(files)), app.components.empty() ? "Nothing is embedded: the folder has components of every kind.\n" : text);
}

void warn_of_twin(const Plan& plan, const std::vector<Instance>& running, const std::string& form) {
  for (const auto& other : running) {
    if (other.app_id != plan.app_id) continue;
    print_warning(form, "an application " + plan.app_id + " runs already (pid " + std::to_string(other.pid) + "): calls and messages go to either\n  remedy: if that is not meant, give this one another name with --app-id");
    return;
  }
}

// The one application of this folder, or those of a template.
Result<std::vector<DevApp>> find_apps(DevOptions& options, const std::vector<std::string>& words, SupervisorOptions& how) {
  std::vector<DevApp> apps;
  if (options.file.empty()) {
    options.plan.command = words;
    options.plan.restart = restart_of(options.restart);
    MECHA_TRY(auto app, look_at(options.plan, options.data));
    apps.push_back(std::move(app));
    return apps;
  }
  MECHA_TRY(auto made, read_template(options.file, Home::unseen));
  for (const auto& note : made.notes) print_warning(options.form, note);
  how.template_path = made.path;
  how.template_name = made.name;
  how.prefixed = true;
  for (auto& plan : made.plans) {
    MECHA_TRY(auto app, look_at(std::move(plan), options.data));
    apps.push_back(std::move(app));
  }
  return apps;
}

Result<std::vector<Plan>> plan_all(const DevOptions& options, std::vector<DevApp>& apps) {
  std::vector<Plan> plans;
  for (auto& app : apps) {
    MECHA_TRY_VOID(prepare(app, options.no_app_port));
    plans.push_back(app.plan);
  }
  MECHA_TRY_VOID(complete(plans));
  warn_of_notes(plans, options.form);
  const auto running = find_instances(false);
  for (std::size_t i = 0; i < apps.size(); ++i) {
    if (apps[i].finds_port) plans[i].environment.emplace("PORT", std::to_string(plans[i].app_port));
    warn_of_twin(plans[i], running, options.form);
  }
  return plans;
}

void tell(const std::vector<DevApp>& apps, const std::vector<Plan>& plans, bool as_json) {
  bool embedded = false;
  for (std::size_t i = 0; i < apps.size(); ++i) {
    const auto text = as_json ? json::write(to_json(apps[i], plans[i]), json::Dialect::fast) + "\n" : to_text(apps[i], plans[i]);
    std::fputs(text.c_str(), stdout);
    embedded = embedded || !apps[i].components.empty();
  }
  if (embedded && !as_json) std::fputs(kReplace, stdout);
  std::fflush(stdout);
}

int dev(DevOptions& options, const std::vector<std::string>& words) {
  SupervisorOptions how{.as_json = options.form == "json", .stop_limit = std::chrono::seconds(options.stop_seconds), .greeting = kGreeting};
  auto apps = find_apps(options, words, how);
  if (!apps) return print_failure(options.form, apps.error());
  if (options.writes && options.write.empty()) {
    return print_failure(options.form, {.code = Code::invalid_argument, .message = "--write names no folder\n  remedy: name it, such as --write resources"});
  }
  if (!options.write.empty()) return write(options, apps->front());
  auto daemon = find_daemon(apps->front().plan.runtime_path);
  if (!daemon) return print_failure(options.form, daemon.error());
  auto plans = plan_all(options, *apps);
  if (!plans) return print_failure(options.form, plans.error());
  how.daemon = *std::move(daemon);
  how.sidecar_environment = {{"MECHA_REGISTRY_DIR", registry_folder()}, {"DAPR_HOST_IP", "127.0.0.1"}};
  how.find_app_port = follow_app_port;
  tell(*apps, *plans, how.as_json);
  return Supervisor(std::move(how), *std::move(plans)).run();
}

}  // namespace

void add_dev(CLI::App& root, Choice& choice) {
  auto* command = root.add_subcommand("dev", "Run the application of this folder without any configuration: state, messages, locks and secrets on embedded backends");
  command->footer("mecha dev [OPTIONS] -- COMMAND...   the application and its sidecar\nmecha dev -f TEMPLATE               all applications of a template\nmecha dev --write resources          the embedded components as files of yours");
  auto options = std::make_shared<DevOptions>();
  auto& plan = options->plan;
  plan.log_level = "warn";
  command->add_option("-f,--run-file", options->file, "Template of several applications: a file, a folder with dapr.yaml, or - for standard input")->type_name("PATH");
  command->add_option("-a,--app-id", plan.app_id, "Id of the application, by which others call it; the name of the folder if left out")->type_name("ID");
  auto* port = command->add_option("-p,--app-port", plan.app_port, "Port that the application listens on; found by looking if left out")->type_name("PORT");
  command->add_flag("--no-app-port", options->no_app_port, "The application listens on no port, or on none that should be called")->excludes(port);
  command->add_option("-P,--app-protocol", plan.app_protocol, "Protocol of the application: http, https, h2c, grpc or grpcs")
      ->capture_default_str()
      ->check(CLI::IsMember({"http", "https", "h2c", "grpc", "grpcs"}, CLI::ignore_case));
  command->add_option("-H,--dapr-http-port", plan.ports.http, "Port of the HTTP API; -1 picks a free one")->capture_default_str()->type_name("PORT");
  command->add_option("-G,--dapr-grpc-port", plan.ports.grpc, "Port of the gRPC API; -1 picks a free one")->capture_default_str()->type_name("PORT");
  command->add_option("--resources-path", plan.resources, "Folder of resources of your own, may be repeated; resources, components and .dapr/resources of this folder if left out")->type_name("DIR")->allow_extra_args(false);
  command->add_option("-c,--config", plan.config, "Configuration file; .dapr/config.yaml of this folder if that is there")->type_name("FILE");
  command->add_option("--data", options->data, "Folder of the data that embedded components share; ~/.local/share/mecha/dev if left out")->type_name("DIR");
  command->add_option("--write", options->write, "Write the embedded components as resource files into a folder, and run nothing")->type_name("DIR");
  command->add_option("--log-level", plan.log_level, "Of the sidecar: debug, info, warn, error or fatal")->capture_default_str()->check(CLI::IsMember({"debug", "info", "warn", "error", "fatal"}));
  add_restart(*command, options->restart, plan);
  command->add_option("--stop-timeout", options->stop_seconds, "Seconds that each application, and then the sidecars, may take to end")->capture_default_str()->check(CLI::Range(1, 3600));
  add_output(*command, options->form, true);
  command->callback([options, command, &choice] {
    options->writes = command->count("--write") > 0;
    choice.run = [options, command, &choice] {
      auto alone = options->file.empty() ? Result<void>() : check_alone(*command, {"data", "no-app-port"}, choice.words);
      return alone ? dev(*options, choice.words) : (print_failure(options->form, alone.error()), 2);
    };
  });
}

}  // namespace mecha::cli
