#include "cli/dev_app.hpp"

#include <algorithm>
#include <filesystem>

#include "cli/dotenv.hpp"
#include "cli/instances.hpp"
#include "cli/listeners.hpp"
#include "cli/output.hpp"
#include "runtime/base/text.hpp"

namespace mecha::cli {
namespace {

namespace fs = std::filesystem;

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

// Each application has a folder of its own: several may run from one.
std::string made_folder(const DevApp& app) { return app.places.app + "/.mecha/components/" + app.plan.app_id; }

// One of the same name that runs from here reads the files that we would change.
Result<void> check_twin(const DevApp& app) {
  const auto made = made_folder(app);
  if (holds(made, app.components)) return {};
  for (const auto& other : find_instances(false)) {
    if (other.app_id != app.plan.app_id || std::ranges::find(other.resources, made) == other.resources.end()) continue;
    return fail(
        Code::already_exists, "an application " + app.plan.app_id + " runs from this folder already (pid " + std::to_string(other.pid) +
                                  "), with other embedded components\n  remedy: stop it with `mecha stop --app-id " + app.plan.app_id +
                                  "`, or give this one another name with --app-id"
    );
  }
  return {};
}

}  // namespace

Result<DevApp> look_at(Plan plan, const std::string& data) {
  DevApp app{.plan = std::move(plan), .places = {}, .components = {}, .own = {}};
  std::error_code error;
  auto here = app.plan.directory.empty() ? fs::current_path(error).string() : app.plan.directory;
  if (error) return fail(Code::not_found, "the folder of the application cannot be found: " + error.message() + "\n  remedy: this shell stands in a folder that was removed or moved: cd to where it is now");
  app.places = {.app = std::move(here), .data = fs::absolute(data.empty() ? dev_data_folder() : data).lexically_normal().string()};
  if (app.plan.app_id.empty()) app.plan.app_id = id_of_folder(app.places.app);
  app.own = app.plan.resources.empty() ? own_resources(app.places.app) : app.plan.resources;
  app.components = dev_components(app.places);
  drop_own(app.components, app.own, app.plan.app_id);
  return app;
}

Result<void> prepare(DevApp& app, bool no_app_port) {
  auto& plan = app.plan;
  MECHA_TRY_VOID(check_id(plan.app_id));  // it names a folder
  MECHA_TRY_VOID(check_app_port(plan));
  MECHA_TRY_VOID(check_twin(app));
  MECHA_TRY_VOID(make_dev_folders(app.places));
  MECHA_TRY_VOID(write_manifests(made_folder(app), app.components, false));
  plan.resources = app.own;
  if (!app.components.empty()) plan.resources.push_back(made_folder(app));
  const auto config = app.places.app + "/.dapr/config.yaml";
  if (plan.config.empty() && fs::is_regular_file(config)) plan.config = config;
  MECHA_TRY(auto variables, read_dotenv(app.places.app + "/.env", false));
  plan.environment.merge(variables);  // what a template says wins
  plan.placement.clear();
  plan.scheduler.clear();
  plan.internal_listen_address = "127.0.0.1";
  app.finds_port = plan.app_port <= 0 && !no_app_port && !plan.command.empty();
  plan.pick_app_port = app.finds_port;
  return {};
}

std::string to_text(const DevApp& app, const Plan& plan) {
  const auto port = [](std::int64_t number) { return std::to_string(number); };
  std::string text = paint(1, plan.app_id) + " in " + app.places.app + "\n";
  text += "  HTTP API     http://127.0.0.1:" + port(plan.ports.http) + "  (DAPR_HTTP_PORT)\n  gRPC API     127.0.0.1:" + port(plan.ports.grpc) + "  (DAPR_GRPC_PORT)\n";
  if (app.finds_port) text += "  application  its port is found when it listens; APP_PORT and PORT offer it " + port(plan.app_port) + "\n";
  else if (plan.command.empty() && plan.app_port <= 0) text += "  application  none was named, so this is a sidecar alone: mecha dev -- COMMAND\n";
  else text += plan.app_port > 0 ? "  application  port " + port(plan.app_port) + "\n" : "  application  has no port: nothing calls it\n";
  text += "  names        every application of this host is called by its id (" + registry_folder() + ")\n";
  if (!app.own.empty()) text += "Components of your own:\n  " + text::join(app.own, "\n  ") + "\n";
  if (app.components.empty()) return text;
  Table table{.titles = {}, .rows = {}};
  for (const auto& c : app.components) table.rows.push_back({"  " + c.name, c.type, c.place, c.remark});
  return text + "Embedded components:\n" + format(table);
}

json::Value to_json(const DevApp& app, const Plan& plan) {
  json::Array components, own;
  for (const auto& c : app.components) components.emplace_back(json::Object{{"name", c.name}, {"type", c.type}, {"file", c.place}});
  for (const auto& folder : app.own) own.emplace_back(folder);
  return json::Value(json::Object{
      {"event", "chosen"}, {"app", plan.app_id}, {"httpPort", plan.ports.http}, {"grpcPort", plan.ports.grpc}, {"appPort", plan.app_port},
      {"findsPort", app.finds_port}, {"components", std::move(components)}, {"own", std::move(own)}, {"data", app.places.data}, {"registry", registry_folder()},
  });
}

}  // namespace mecha::cli
