// mecha run: an application with its sidecar, or all those of a template (contract 06, 1.7 and 1.8).

#include <filesystem>

#include <CLI/CLI.hpp>

#include "cli/command.hpp"
#include "cli/dotenv.hpp"
#include "cli/listeners.hpp"
#include "cli/output.hpp"
#include "cli/plan.hpp"
#include "cli/run_template.hpp"
#include "cli/supervisor.hpp"

namespace mecha::cli {
namespace {

namespace fs = std::filesystem;

struct RunOptions {
  Plan plan;
  std::vector<std::string> env_files;
  std::string file, components_path, restart = "no", form = "table";
  std::int64_t stop_seconds = 10;
  bool kubernetes = false;
};

constexpr auto kGreeting = "You're up and running! Logs of sidecars and applications appear here. Ctrl-C stops them.";

Result<std::vector<Plan>> plan_of_flags(RunOptions& options, const std::vector<std::string>& words) {
  auto& plan = options.plan;
  plan.command = words;
  if (!options.components_path.empty() && plan.resources.empty()) plan.resources.push_back(options.components_path);
  const auto base = base_folder(plan.runtime_path);
  if (plan.resources.empty() && fs::is_directory(base + "/components")) plan.resources.push_back(base + "/components");
  if (plan.config.empty() && fs::is_regular_file(base + "/config.yaml")) plan.config = base + "/config.yaml";
  for (const auto& file : options.env_files) {
    MECHA_TRY(auto more, read_dotenv(file, true));
    for (auto& [name, value] : more) plan.environment[name] = std::move(value);
  }
  plan.restart = restart_of(options.restart);
  return std::vector<Plan>{plan};
}

// Who holds the port of an application before it starts is not that application.
void warn_of_taken_ports(const std::vector<Plan>& plans, const std::string& form) {
  for (const auto& plan : plans) {
    const auto who = plan.app_port > 0 && !plan.command.empty() ? who_listens(plan.app_port) : std::string();
    if (who.empty()) continue;
    print_warning(form, "port " + std::to_string(plan.app_port) + " of --app-port of " + plan.app_id + " is in use by " + who +
                            " before the application starts\n  remedy: stop that program, or let the application listen on another port");
  }
}

// What only the flags themselves show.
Result<void> check_given(const CLI::App& command, const RunOptions& options) {
  if (options.kubernetes) {
    return fail(Code::unimplemented, "--kubernetes is not in this build: applications are run on this host\n  remedy: leave it out, or deploy sidecars with a manifest of your own");
  }
  if (command.get_option("--app-id")->count() > 0 && options.plan.app_id.empty()) {
    return fail(Code::invalid_argument, "--app-id is empty\n  remedy: name the application, or leave the flag out and it gets a random name");
  }
  return {};
}

int run(RunOptions& options, const std::vector<std::string>& words) {
  SupervisorOptions how{.as_json = options.form == "json", .stop_limit = std::chrono::seconds(options.stop_seconds), .greeting = kGreeting};
  Result<std::vector<Plan>> plans;
  if (options.file.empty()) {
    plans = plan_of_flags(options, words);
  } else {
    auto made = read_template(options.file);
    if (!made) return print_failure(options.form, made.error());
    for (const auto& note : made->notes) print_warning(options.form, note);
    how.template_path = made->path;
    how.template_name = made->name;
    how.prefixed = true;
    plans = std::move(made->plans);
  }
  if (!plans) return print_failure(options.form, plans.error());
  const auto runtime_path = plans->front().runtime_path;
  auto daemon = find_daemon(runtime_path);
  if (!daemon) return print_failure(options.form, daemon.error());
  how.daemon = *std::move(daemon);
  if (auto completed = complete(*plans); !completed) return print_failure(options.form, completed.error());
  warn_of_notes(*plans, options.form);
  warn_of_taken_ports(*plans, options.form);
  return Supervisor(std::move(how), *std::move(plans)).run();
}

void add_app_options(CLI::App& command, Plan& plan) {
  command.add_option("-a,--app-id", plan.app_id, "Id of the application, by which others call it; a random name if left out")->type_name("ID");
  command.add_option("-p,--app-port", plan.app_port, "Port that the application listens on; without it nothing calls the application")->type_name("PORT");
  command.add_option("-P,--app-protocol", plan.app_protocol, "Protocol of the application: http, https, h2c, grpc or grpcs")
      ->capture_default_str()
      ->check(CLI::IsMember({"http", "https", "h2c", "grpc", "grpcs"}, CLI::ignore_case));
  command.add_option("--app-channel-address", plan.app_channel_address, "Host of the application")->capture_default_str()->type_name("HOST");
  command.add_option("--app-max-concurrency", plan.app_max_concurrency, "Calls to the application at a time; -1 is no limit")->capture_default_str();
  command.add_flag("--app-ssl", plan.app_ssl, "Deprecated: use --app-protocol https or grpcs");
  command.add_flag("--enable-app-health-check", plan.health_check, "Probe the health of the application");
  command.add_option("--app-health-check-path", plan.health_path, "Path of the probe")->type_name("PATH");
  command.add_option("--app-health-probe-interval", plan.health_interval, "Seconds between probes; 0 is the sidecar's default, 5");
  command.add_option("--app-health-probe-timeout", plan.health_timeout, "Milliseconds that a probe may take; 0 is the sidecar's default, 500");
  command.add_option("--app-health-threshold", plan.health_threshold, "Failed probes that make it unhealthy; 0 is the sidecar's default, 3");
}

void add_sidecar_options(CLI::App& command, RunOptions& options) {
  auto& plan = options.plan;
  command.add_option("-H,--dapr-http-port", plan.ports.http, "Port of the HTTP API; -1 picks a free one")->capture_default_str()->type_name("PORT");
  command.add_option("-G,--dapr-grpc-port", plan.ports.grpc, "Port of the gRPC API; -1 picks a free one")->capture_default_str()->type_name("PORT");
  command.add_option("-I,--dapr-internal-grpc-port", plan.ports.internal, "Port for other sidecars; -1 picks a free one")->capture_default_str()->type_name("PORT");
  command.add_option("-M,--metrics-port", plan.ports.metrics, "Port of metrics; -1 picks a free one")->capture_default_str()->type_name("PORT");
  command.add_option("--profile-port", plan.ports.profile, "Port of profiling; -1 picks a free one")->capture_default_str()->type_name("PORT");
  command.add_option("-c,--config", plan.config, "Configuration file; ~/.dapr/config.yaml if that is there")->type_name("FILE");
  command.add_option("--resources-path", plan.resources, "Folder of resource files, may be repeated; ~/.dapr/components if that is there")->type_name("DIR")->allow_extra_args(false);
  command.add_option("-d,--components-path", options.components_path, "Deprecated: use --resources-path")->type_name("DIR");
  command.add_option("--log-level", plan.log_level, "debug, info, warn, error or fatal")->capture_default_str()->check(CLI::IsMember({"debug", "info", "warn", "error", "fatal"}));
  command.add_flag("--log-as-json", plan.log_as_json, "Log lines of the sidecar as JSON");
  command.add_flag("--enable-api-logging", plan.enable_api_logging, "Log every call of the API");
  command.add_flag("--enable-profiling", plan.enable_profiling, "Serve profiling");
  command.add_option("--max-body-size", plan.max_body_size, "Largest request body, as a quantity")->capture_default_str();
  command.add_option("--read-buffer-size", plan.read_buffer_size, "Largest headers, as a quantity")->capture_default_str();
  command.add_option("-u,--unix-domain-socket", plan.unix_domain_socket, "Folder for Unix sockets in the place of the ports of both APIs")->type_name("DIR");
  command.add_option("--dapr-listen-addresses", plan.listen_addresses, "Addresses of the APIs, comma separated")->type_name("LIST");
  command.add_option("--placement-host-address", plan.placement, "Address of the placement service; an empty text turns it off")->capture_default_str();
  command.add_option("--scheduler-host-address", plan.scheduler, "Address of the scheduler service; an empty text turns it off")->capture_default_str();
  command.add_option("--runtime-path", plan.runtime_path, "Folder that holds .dapr; $DAPR_RUNTIME_PATH, else $HOME")->type_name("DIR");
}

}  // namespace

void add_run(CLI::App& root, Choice& choice) {
  auto* command = root.add_subcommand("run", "Run an application with a sidecar, or all applications of a template");
  command->footer("mecha run [OPTIONS] -- COMMAND...   one application\nmecha run -f TEMPLATE               all applications of a template");
  auto options = std::make_shared<RunOptions>();
  command->add_option("-f,--run-file", options->file, "Template of several applications: a file, a folder with dapr.yaml, or - for standard input")->type_name("PATH");
  add_app_options(*command, options->plan);
  add_sidecar_options(*command, *options);
  command->add_option("--env-file", options->env_files, "File of NAME=value lines for the application, may be repeated")->type_name("FILE")->allow_extra_args(false);
  command->add_flag("-k,--kubernetes", options->kubernetes, "Not in this build; refused");
  add_restart(*command, options->restart, options->plan);
  command->add_option("--stop-timeout", options->stop_seconds, "Seconds that each application, and then the sidecars, may take to end")->capture_default_str()->check(CLI::Range(1, 3600));
  add_output(*command, options->form, true);
  command->callback([options, command, &choice] {
    choice.run = [options, command, &choice] {
      auto alone = options->file.empty() ? Result<void>() : check_alone(*command, {"kubernetes"}, choice.words);
      if (alone) alone = check_given(*command, *options);
      return alone ? run(*options, choice.words) : (print_failure(options->form, alone.error()), 2);
    };
  });
}

}  // namespace mecha::cli
