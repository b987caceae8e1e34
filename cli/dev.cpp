// mecha dev: an application of a folder without any configuration. What it needs and its folder does not bring is offered on
// embedded backends; every choice is told.

#include <filesystem>

#include <CLI/CLI.hpp>

#include "cli/app_port.hpp"
#include "cli/command.hpp"
#include "cli/dev_resources.hpp"
#include "cli/dotenv.hpp"
#include "cli/instances.hpp"
#include "cli/output.hpp"
#include "cli/plan.hpp"
#include "cli/supervisor.hpp"
#include "runtime/base/text.hpp"

namespace mecha::cli {
namespace {

namespace fs = std::filesystem;

struct DevOptions {
  Plan plan;
  std::string data, write, form = "table";
  bool no_app_port = false;
  std::int64_t stop_seconds = 10;
};

struct Setup {
  DevPlaces places;
  std::vector<DevComponent> components;
  std::vector<std::string> own;  // folders
  bool found_port = false;       // the application's port is found by looking
};

constexpr auto kGreeting = "You're up and running! Ctrl-C stops the application, then its sidecar. The data stay.";

// A port that somebody holds already cannot become the application's: the sidecar would talk to a stranger.
Result<void> check_app_port(const Plan& plan) {
  if (plan.app_port <= 0 || plan.command.empty()) return {};
  const auto who = who_listens(plan.app_port);
  if (who.empty()) return {};
  return fail(
      Code::already_exists,
      "port " + std::to_string(plan.app_port) + " of --app-port is in use by " + who + ", so the application could not listen on it\n  remedy: stop that program" +
          ", or let the application listen on another port"
  );
}

Result<Setup> set_up(DevOptions& options) {
  auto& plan = options.plan;
  Setup setup;
  std::error_code error;
  const auto here = fs::current_path(error).string();
  if (error) return fail(Code::not_found, "the folder of the application cannot be found: " + error.message() + "\n  remedy: this shell stands in a folder that was removed or moved: cd to where it is now");
  setup.places = {.app = here, .data = fs::absolute(options.data.empty() ? dev_data_folder() : options.data).lexically_normal().string()};
  if (plan.app_id.empty()) plan.app_id = id_of_folder(setup.places.app);
  setup.own = plan.resources.empty() ? own_resources(setup.places.app) : plan.resources;
  setup.components = dev_components(setup.places);
  drop_own(setup.components, setup.own, plan.app_id);
  return setup;
}

Result<void> make_plan(DevOptions& options, Setup& setup) {
  auto& plan = options.plan;
  MECHA_TRY_VOID(check_app_port(plan));
  MECHA_TRY_VOID(make_dev_folders(setup.places));
  const auto made = setup.places.app + "/.mecha/components";
  MECHA_TRY_VOID(write_manifests(made, setup.components, false));
  plan.resources = setup.own;
  if (!setup.components.empty()) plan.resources.push_back(made);
  const auto config = setup.places.app + "/.dapr/config.yaml";
  if (plan.config.empty() && fs::is_regular_file(config)) plan.config = config;
  MECHA_TRY(plan.environment, read_dotenv(setup.places.app + "/.env", false));
  plan.placement.clear();
  plan.scheduler.clear();
  plan.internal_listen_address = "127.0.0.1";
  setup.found_port = plan.app_port <= 0 && !options.no_app_port && !plan.command.empty();
  plan.pick_app_port = setup.found_port;
  return {};
}

std::string table_of(const Setup& setup) {
  Table table{.titles = {}, .rows = {}};
  for (const auto& c : setup.components) table.rows.push_back({"  " + c.name, c.type, c.place, c.remark});
  return format(table);
}

void tell(const Plan& plan, const Setup& setup) {
  const auto port = [](std::int64_t number) { return std::to_string(number); };
  std::string text = paint(1, plan.app_id) + " in " + setup.places.app + "\n";
  text += "  HTTP API     http://127.0.0.1:" + port(plan.ports.http) + "  (DAPR_HTTP_PORT)\n  gRPC API     127.0.0.1:" + port(plan.ports.grpc) + "  (DAPR_GRPC_PORT)\n";
  if (setup.found_port) text += "  application  its port is found when it listens; APP_PORT and PORT offer it " + port(plan.app_port) + "\n";
  else text += plan.app_port > 0 ? "  application  port " + port(plan.app_port) + "\n" : "  application  has no port: nothing calls it\n";
  text += "  names        every application of this host is called by its id (" + registry_folder() + ")\n";
  if (!setup.own.empty()) text += "Components of your own:\n  " + text::join(setup.own, "\n  ") + "\n";
  if (!setup.components.empty()) text += "Embedded components:\n" + table_of(setup);
  text += "To replace one by a real backend: mecha dev --write resources, then change its file there.\n";
  std::fputs(text.c_str(), stdout);
  std::fflush(stdout);
}

json::Value to_json(const Plan& plan, const Setup& setup) {
  json::Array components, own;
  for (const auto& c : setup.components) components.emplace_back(json::Object{{"name", c.name}, {"type", c.type}, {"file", c.place}});
  for (const auto& folder : setup.own) own.emplace_back(folder);
  return json::Value(json::Object{
      {"event", "chosen"}, {"app", plan.app_id}, {"httpPort", plan.ports.http}, {"grpcPort", plan.ports.grpc}, {"appPort", plan.app_port},
      {"findsPort", setup.found_port}, {"components", std::move(components)}, {"own", std::move(own)}, {"data", setup.places.data}, {"registry", registry_folder()},
  });
}

int write(const DevOptions& options, const Setup& setup) {
  if (auto made = make_dev_folders(setup.places); !made) return print_failure(options.form, made.error());
  if (auto written = write_manifests(options.write, setup.components, true); !written) return print_failure(options.form, written.error());
  json::Array files;
  std::string text;
  for (const auto& c : setup.components) {
    files.emplace_back(options.write + "/" + c.name + ".yaml");
    text += "wrote " + files.back().as_string() + "\n";
  }
  const bool seen = options.write == "resources" || options.write == "components" || options.write == ".dapr/resources";
  text += seen ? "mecha dev takes them from there.\n" : "mecha dev --resources-path " + options.write + " takes them from there.\n";
  return print(options.form, json::Value(std::move(files)), setup.components.empty() ? "Nothing is embedded: the folder has components of every kind.\n" : text);
}

void warn_of_twin(const Plan& plan) {
  for (const auto& other : find_instances(false)) {
    if (other.app_id != plan.app_id) continue;
    std::fprintf(
        stderr, "warning: an application %s runs already (pid %lld): calls and messages go to either\n  remedy: if that is not meant, give this one another name with --app-id\n",
        plan.app_id.c_str(), static_cast<long long>(other.pid)
    );
    return;
  }
}

int dev(DevOptions& options, const std::vector<std::string>& words) {
  auto& plan = options.plan;
  plan.command = words;
  auto setup = set_up(options);
  if (!setup) return print_failure(options.form, setup.error());
  if (!options.write.empty()) return write(options, *setup);
  auto daemon = find_daemon(plan.runtime_path);
  if (!daemon) return print_failure(options.form, daemon.error());
  if (auto made = make_plan(options, *setup); !made) return print_failure(options.form, made.error());
  std::vector<Plan> plans{plan};
  if (auto completed = complete(plans); !completed) return print_failure(options.form, completed.error());
  auto& chosen = plans.front();
  warn_of_twin(chosen);
  SupervisorOptions how{.daemon = *std::move(daemon), .as_json = options.form == "json", .stop_limit = std::chrono::seconds(options.stop_seconds), .greeting = kGreeting};
  how.sidecar_environment = {{"MECHA_REGISTRY_DIR", registry_folder()}, {"DAPR_HOST_IP", "127.0.0.1"}};
  if (setup->found_port) {
    chosen.environment.emplace("PORT", std::to_string(chosen.app_port));
    const auto told = static_cast<std::uint16_t>(chosen.app_port);
    how.beside_app = [told](pid_t app, std::function<void(std::string)> say) { return follow_app_port(app, told, std::move(say)); };
  }
  if (!how.as_json) tell(chosen, *setup);
  else std::printf("%s\n", json::write(to_json(chosen, *setup), json::Dialect::fast).c_str());
  return Supervisor(std::move(how), std::move(plans)).run();
}

}  // namespace

void add_dev(CLI::App& root, Choice& choice) {
  auto* command = root.add_subcommand("dev", "Run the application of this folder without any configuration: state, messages, locks and secrets on embedded backends");
  command->footer("mecha dev [OPTIONS] -- COMMAND...   the application and its sidecar\nmecha dev --write resources          the embedded components as files of yours");
  auto options = std::make_shared<DevOptions>();
  auto& plan = options->plan;
  plan.log_level = "warn";
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
  command->add_option("--stop-timeout", options->stop_seconds, "Seconds that the application, and then the sidecar, may take to end")->capture_default_str()->check(CLI::Range(1, 3600));
  add_output(*command, options->form, true);
  command->callback([options, &choice] { choice.run = [options, &choice] { return dev(*options, choice.words); }; });
}

}  // namespace mecha::cli
