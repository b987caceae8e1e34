// mecha stop: ends applications with their sidecars, through whoever started them.

#include <signal.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <iterator>
#include <thread>

#include <CLI/CLI.hpp>

#include "cli/command.hpp"
#include "cli/instances.hpp"
#include "cli/output.hpp"
#include "cli/proc.hpp"
#include "runtime/base/text.hpp"

namespace mecha::cli {
namespace {

using namespace std::chrono_literals;

struct StopOptions {
  std::vector<std::string> ids;
  std::string file, form = "table";
  std::int64_t wait_seconds = 30;
};

// One that has ended and whose parent has not looked yet does not count.
bool alive(std::int64_t pid) {
  const auto stat = stat_of("/proc/" + std::to_string(pid));
  return stat && stat->state != 'Z';
}

// Its CLI if that runs and has this application alone, else the sidecar itself.
std::int64_t who_to_ask(const Instance& instance, const std::vector<Instance>& all) {
  if (instance.cli_pid <= 0 || !alive(instance.cli_pid)) return instance.pid;
  const auto same = std::ranges::count(all, instance.cli_pid, &Instance::cli_pid);
  return same == 1 ? instance.cli_pid : instance.pid;
}

Result<void> end(std::int64_t pid, std::int64_t sidecar, std::chrono::seconds limit) {
  if (::kill(static_cast<pid_t>(pid), SIGTERM) != 0 && errno != ESRCH) {
    return fail(Code::permission_denied, "process " + std::to_string(pid) + " cannot be stopped: " + std::strerror(errno) + "; run this as the user who started it");
  }
  const auto until = std::chrono::steady_clock::now() + limit;
  while (alive(sidecar) || alive(pid)) {
    if (std::chrono::steady_clock::now() > until) {
      return fail(Code::deadline_exceeded, "process " + std::to_string(pid) + " was asked to stop and still runs after " + std::to_string(limit.count()) + " s; wait longer with --wait, or end it with: kill -9 " + std::to_string(sidecar));
    }
    std::this_thread::sleep_for(20ms);
  }
  return {};
}

Result<std::vector<Instance>> chosen(const StopOptions& options, const std::vector<Instance>& all) {
  std::vector<Instance> list;
  if (!options.file.empty()) {
    std::error_code error;
    auto path = std::filesystem::canonical(options.file, error);
    if (error) return fail(Code::not_found, options.file + ": " + error.message() + "\n  remedy: name the template that `mecha run -f` was given");
    if (std::filesystem::is_directory(path)) path /= "dapr.yaml";
    std::ranges::copy_if(all, std::back_inserter(list), [&](const Instance& i) { return i.template_path == path; });
    if (list.empty()) return fail(Code::not_found, "nothing runs from " + path.string() + "\n  remedy: `mecha list` shows what does");
  }
  for (const auto& id : options.ids) {
    const auto before = list.size();
    std::ranges::copy_if(all, std::back_inserter(list), [&](const Instance& i) { return i.app_id == id; });
    if (list.size() == before) return fail(not_running(id, all));
  }
  return list;
}

int stop(const StopOptions& options) {
  if (options.ids.empty() && options.file.empty()) {
    return print_failure(options.form, {.code = Code::invalid_argument, .message = "say what to stop\n  remedy: mecha stop --app-id NAME, or mecha stop -f dapr.yaml"}), 2;
  }
  const auto all = find_instances();
  const auto list = chosen(options, all);
  if (!list) return print_failure(options.form, list.error());
  json::Array stopped;
  std::string said;
  int status = 0;
  for (const auto& instance : *list) {
    const bool whole = !options.file.empty() && instance.cli_pid > 0 && alive(instance.cli_pid);
    const auto pid = whole ? instance.cli_pid : who_to_ask(instance, all);
    if (auto ended = end(pid, instance.pid, std::chrono::seconds(options.wait_seconds)); !ended) {
      status = print_failure(options.form, std::move(ended).error().context(instance.app_id));
      continue;
    }
    said += "stopped " + instance.app_id + "\n";
    stopped.emplace_back(json::Object{{"appId", instance.app_id}, {"pid", pid}});
  }
  return std::max(status, print(options.form, json::Value(std::move(stopped)), said));
}

}  // namespace

void add_stop(CLI::App& root, Choice& choice) {
  auto* command = root.add_subcommand("stop", "Stop applications and their sidecars");
  auto options = std::make_shared<StopOptions>();
  command->add_option("-a,--app-id", options->ids, "Ids of the applications; may be repeated")->type_name("ID")->delimiter(',');
  command->add_option("-f,--run-file", options->file, "The template that they were started from, or its folder")->type_name("PATH");
  command->add_option("--wait", options->wait_seconds, "Seconds to wait for the end of each")->capture_default_str()->check(CLI::Range(1, 3600));
  add_output(*command, options->form);
  command->callback([options, &choice] {
    choice.run = [options, &choice] {
      options->ids.insert(options->ids.end(), choice.words.begin(), choice.words.end());
      return stop(*options);
    };
  });
}

}  // namespace mecha::cli
