#include "cli/supervisor.hpp"

#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <deque>
#include <variant>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include "cli/app_port.hpp"
#include "cli/instances.hpp"
#include "cli/output.hpp"
#include "cli/remedy.hpp"
#include "cli/request.hpp"
#include "runtime/async/within.hpp"
#include "runtime/base/text.hpp"

namespace mecha::cli {
namespace {

using namespace std::chrono_literals;
constexpr auto kSteady = 30s;  // who ran for so long has not failed in a row
constexpr auto kPair = 200ms;    // signals so near to each other are one
constexpr std::size_t kRemembered = 20;  // last lines of a sidecar, told when it does not start

std::string words_of(const Plan& plan) { return text::join(plan.command, " "); }

// "exit code 3", "signal 9".
std::string ending(int code) { return code > 128 ? "ended by signal " + std::to_string(code - 128) : "ended with exit code " + std::to_string(code); }

}  // namespace

struct Supervisor::Pair {
  Plan plan;
  int colour = 0;
  std::unique_ptr<Process> sidecar, app;
  std::vector<std::unique_ptr<Process>> old;  // ended, kept until nothing reads from them
  std::unique_ptr<Gate> beside;               // of what runs beside the application
  std::unique_ptr<LogFile> app_file, daemon_file;
  std::deque<std::string> last_lines;
  int restarts = 0;

  Process* process(bool is_sidecar) const { return is_sidecar ? sidecar.get() : app.get(); }
};

Supervisor::Supervisor(SupervisorOptions options, std::vector<Plan> plans)
    : options_(std::move(options)),
      console_(options_.as_json),
      shards_(1),
      gate_(std::make_unique<Gate>(shards_.executor(0))),
      over_(shards_.executor(0)),
      signals_(shards_.executor(0), SIGINT, SIGTERM, SIGHUP) {
  for (auto& plan : plans) {
    pairs_.push_back(std::make_unique<Pair>());
    pairs_.back()->plan = std::move(plan);
    pairs_.back()->colour = colour_of(pairs_.size() - 1);
  }
}

Supervisor::~Supervisor() = default;

int Supervisor::run() {
  std::signal(SIGPIPE, SIG_IGN);
  if (auto guarded = guard_.start(); !guarded) console_.say("warning", "", "a kill -9 of mecha would leave what applications started: " + guarded.error().message);
  asio::co_spawn(shards_.executor(0), live(), [this](std::exception_ptr failure) {
    failed_ = failed_ || failure != nullptr;
    shards_.stop();
  });
  shards_.run();
  return failed_ ? 1 : 0;
}

bool Supervisor::piped(bool sidecar) const { return sidecar || options_.prefixed || options_.as_json; }

asio::awaitable<void> Supervisor::live() {
  spawn(*gate_, shards_.executor(0), watch_signals());
  bool up = true;
  for (auto& pair : pairs_) {
    auto started = co_await start(*pair);
    up = up && started && !over_.is_set();
    if (!started) failed(pair->plan.app_id, started.error().message);
    if (!up) break;
  }
  if (up && !options_.greeting.empty()) console_.say("up", "", options_.greeting);
  if (up) co_await over_.wait();
  co_await end_all();
  (void)co_await gate_->close(500ms);  // what is still in the pipes
}

void Supervisor::failed(const std::string& app_id, const std::string& text) {
  failed_ = true;
  if (console_.as_json()) console_.say("failed", app_id, text);
  else print_failure("table", {.message = app_id + ": " + text});
}

Command Supervisor::command_of(const Pair& pair, bool sidecar) const {
  Command command;
  command.piped = piped(sidecar);
  if (!sidecar) {
    command.directory = pair.plan.directory;
    command.environment = app_environment(pair.plan);
    command.words = pair.plan.command;
    command.terminal = !command.piped;
    return command;
  }
  command.words = daemon_arguments(pair.plan);
  command.words.insert(command.words.begin(), options_.daemon);
  command.environment = options_.sidecar_environment;
  command.environment[std::string(kStartedBy)] = std::to_string(::getpid());
  if (!options_.template_name.empty() && std::getenv("DAPR_HOST_IP") == nullptr) command.environment["DAPR_HOST_IP"] = "127.0.0.1";
  return command;
}

Async<void> Supervisor::start(Pair& pair) {
  const auto& plan = pair.plan;
  if (!plan.app_log_path.empty() && !plan.command.empty()) {
    MECHA_CO_TRY(pair.app_file, LogFile::open(plan.app_log_path));
  }
  if (!plan.daemon_log_path.empty()) {
    MECHA_CO_TRY(pair.daemon_file, LogFile::open(plan.daemon_log_path));
  }
  console_.say(
      "starting", plan.app_id,
      "Starting " + plan.app_id + ": HTTP port " + std::to_string(plan.ports.http) + ", gRPC port " + std::to_string(plan.ports.grpc) +
          (plan.app_port > 0 ? ", application port " + std::to_string(plan.app_port) : "")
  );
  MECHA_CO_TRY_VOID(start_sidecar(pair));
  // An application that its sidecar's components need must not wait for long.
  if (auto ready = co_await until_ready(pair, plan.app_port > 0 ? 5s : 60s); !ready) {
    if (ready.error().code != Code::deadline_exceeded) co_return std::move(ready);
    console_.say("warning", plan.app_id, plan.app_id + ": " + ready.error().message);
  }
  if (!over_.is_set() && !plan.command.empty()) {
    MECHA_CO_TRY_VOID(start_app(pair));
  }
  co_await announce(pair);
  co_return Result<void>{};
}

Result<void> Supervisor::start_sidecar(Pair& pair) {
  pair.last_lines.clear();
  MECHA_TRY(pair.sidecar, Process::start(shards_.executor(0), command_of(pair, true)));
  guard_.watch(pair.sidecar->pid());
  spawn(*gate_, shards_.executor(0), watch(pair, true));
  for (const bool errors : {false, true}) spawn(*gate_, shards_.executor(0), follow(pair, true, errors));
  return {};
}

Result<void> Supervisor::start_app(Pair& pair) {
  MECHA_TRY(pair.app, Process::start(shards_.executor(0), command_of(pair, false)));
  guard_.watch(pair.app->pid());
  spawn(*gate_, shards_.executor(0), watch(pair, false));
  for (const bool errors : {false, true}) {
    if (piped(false)) spawn(*gate_, shards_.executor(0), follow(pair, false, errors));
  }
  const auto say = [this, id = pair.plan.app_id](std::string text) { console_.say("application", id, text); };
  const auto told = static_cast<std::uint16_t>(std::max<std::int64_t>(pair.plan.app_port, 0));
  pair.beside = std::make_unique<Gate>(shards_.executor(0));
  if (terminal_.there() && !piped(false)) spawn(*pair.beside, shards_.executor(0), terminal_.look_after(pair.app->pid()));
  const bool finds = pair.plan.pick_app_port && options_.find_app_port;
  if (told > 0) spawn(*pair.beside, shards_.executor(0), finds ? options_.find_app_port(pair.app->pid(), told, say) : check_app_port(pair.app->pid(), told, say));
  return {};
}

// Until the API answers that calls out are possible.
Async<void> Supervisor::until_ready(Pair& pair, std::chrono::seconds limit) {
  using namespace asio::experimental::awaitable_operators;
  const auto& plan = pair.plan;
  Request request{.origin = {.host = "127.0.0.1", .port = static_cast<std::uint16_t>(plan.ports.http)}, .target = "/v1.0/healthz/outbound", .limit = 1s};
  if (!plan.unix_domain_socket.empty()) request.origin.unix_path = plan.unix_domain_socket + "/dapr-" + plan.app_id + "-http.socket";
  const auto until = std::chrono::steady_clock::now() + limit;
  auto pause = 5ms;
  while (std::chrono::steady_clock::now() < until) {
    if (stopping_) co_return Result<void>{};
    if (pair.sidecar->ended()) {
      co_await sleep_for(100ms);  // its last words
      std::string why = "the sidecar did not start", all;
      for (const auto& line : pair.last_lines) {
        const bool fatal = line.find("level=fatal") != std::string::npos || line.find("\"level\":\"fatal\"") != std::string::npos;
        if (fatal) why += "\n  " + plain_words(line);
        if (fatal) all += line;
      }
      if (!pair.plan.daemon_log_path.empty()) why += "\n  its log: " + pair.plan.daemon_log_path;
      const auto advice = all.empty() ? "is " + options_.daemon + " a mechad? It has said nothing of what is wrong; name another: export MECHA_DAEMON=/path/to/mechad" : std::string(remedy(all));
      if (all.empty() && !pair.last_lines.empty()) why += "\n  its last line: " + text::sanitize_utf8(pair.last_lines.back().substr(0, 200));
      if (!advice.empty()) why += "\n  remedy: " + advice;
      co_return fail(Code::failed_precondition, std::move(why));
    }
    if (over_.is_set()) co_return Result<void>{};
    auto first = co_await (send(shards_, request) || over_.wait());
    const auto* answer = std::get_if<0>(&first);
    if (answer != nullptr && *answer && (*answer)->head.status == 204) co_return Result<void>{};
    co_await sleep_for(pause);
    pause = std::min(pause * 2, 100ms);
  }
  co_return fail(Code::deadline_exceeded, "the sidecar is not ready after " + text::format_go_duration(limit) + "; the application is started all the same");
}

// What others learn of this pair (contract 06, 1.7).
asio::awaitable<void> Supervisor::announce(Pair& pair) {
  using namespace asio::experimental::awaitable_operators;
  const auto& plan = pair.plan;
  std::vector<std::pair<std::string, std::string>> items = {{"cliPID", std::to_string(::getpid())}};
  if (pair.app) items.insert(items.end(), {{"appPID", std::to_string(pair.app->pid())}, {"appCommand", words_of(plan)}});
  if (!options_.template_name.empty()) {
    items.insert(items.end(), {{"runTemplatePath", options_.template_path}, {"runTemplateName", options_.template_name}});
  }
  if (pair.app_file) items.emplace_back("appLogPath", plan.app_log_path);
  if (pair.daemon_file) items.emplace_back("daprdLogPath", plan.daemon_log_path);
  for (auto& [key, value] : items) {
    if (over_.is_set()) co_return;
    Request request{.origin = {.host = "127.0.0.1", .port = static_cast<std::uint16_t>(plan.ports.http)}, .method = "PUT", .limit = 5s};
    if (!plan.unix_domain_socket.empty()) request.origin.unix_path = plan.unix_domain_socket + "/dapr-" + plan.app_id + "-http.socket";
    request.target = "/v1.0/metadata/" + key;
    request.content_type = "text/plain";
    request.body = value;
    co_await (send(shards_, std::move(request)) || over_.wait());  // no end waits for a sidecar that hangs
  }
}

asio::awaitable<void> Supervisor::watch_signals() {
  for (;;) {
    const auto [error, number] = co_await signals_.async_wait(asio::as_tuple(asio::use_awaitable));
    if (error) co_return;
    // `timeout` and others signal a process and then its group: the second of a pair means nothing more than the first.
    const auto now = std::chrono::steady_clock::now();
    if (stopping_ && now - asked_ < kPair) continue;
    if (!stopping_) asked_ = now;
    if (stopping_) {
      if (!forced_) console_.say("killing", "", "Killing what still runs.");
      forced_ = true;
    } else {
      console_.say("stopping", "", std::string(number == SIGINT ? "\n" : "") + "Stopping. A second signal kills.");
      stopping_ = true;
      over_.set();
    }
  }
}

asio::awaitable<void> Supervisor::watch(Pair& pair, bool sidecar) {
  auto* process = pair.process(sidecar);
  const auto began = std::chrono::steady_clock::now();
  const int code = co_await process->wait();
  if (!process->ended()) co_return;  // cancelled
  // Ctrl-C in a terminal that the application has is meant for all.
  const bool had_terminal = !sidecar && terminal_.take_back();
  if (stopping_ || over_.is_set()) co_return;
  console_.say("ended", pair.plan.app_id, pair.plan.app_id + ": the " + (sidecar ? "sidecar" : "application") + " " + ending(code));
  if (std::chrono::steady_clock::now() - began > kSteady) pair.restarts = 0;
  if (co_await again(pair, sidecar, code)) co_return;
  failed_ = failed_ || (code != 0 && !(had_terminal && code == 128 + SIGINT));
  over_.set();
}

// Starts it once more if its policy says so, after a pause that grows.
asio::awaitable<bool> Supervisor::again(Pair& pair, bool sidecar, int code) {
  const auto& plan = pair.plan;
  const bool wanted = plan.restart == Restart::always || (plan.restart == Restart::on_failure && code != 0);
  if (!wanted || (!sidecar && !pair.app)) co_return false;
  if (plan.restart_max > 0 && pair.restarts >= plan.restart_max) {
    console_.say("given up", plan.app_id, plan.app_id + ": not started again after " + std::to_string(pair.restarts) + " restarts in a row");
    co_return false;
  }
  const auto pause = std::min(200ms * (1 << std::min(pair.restarts++, 6)), 10000ms);
  console_.say("restarting", plan.app_id, plan.app_id + ": starting it again in " + text::format_go_duration(pause));
  for (auto waited = 0ms; waited < pause && !stopping_; waited += 50ms) co_await sleep_for(50ms);
  if (stopping_) co_return true;
  if (!sidecar) {  // what it left behind may hold its port
    co_await pair.beside->close(0s);
    if (pair.app->running()) co_await end({pair.app.get()}, "what is left of the application of " + plan.app_id);
  }
  forget(*pair.process(sidecar));
  pair.old.push_back(std::move(sidecar ? pair.sidecar : pair.app));
  Result<void> started;
  if (sidecar) started = start_sidecar(pair);
  else started = start_app(pair);
  if (started && sidecar) started = co_await until_ready(pair, 60s);
  if (started) co_await announce(pair);
  else failed(plan.app_id, started.error().message);
  co_return started.has_value();
}

asio::awaitable<void> Supervisor::follow(Pair& pair, bool sidecar, bool errors) {
  auto* process = pair.process(sidecar);
  auto& stream = errors ? process->errors() : process->output();
  LineCutter cutter;
  std::vector<char> buffer(65536);
  const auto take = [&](std::string_view line) { take_line(pair, sidecar, line); };
  for (;;) {
    const auto [error, size] = co_await stream.async_read_some(asio::buffer(buffer), asio::as_tuple(asio::use_awaitable));
    cutter.add({buffer.data(), size}, take);
    if (error) break;
  }
  cutter.finish(take);
}

void Supervisor::take_line(Pair& pair, bool sidecar, std::string_view line) {
  const auto& file = sidecar ? pair.daemon_file : pair.app_file;
  const auto& target = sidecar ? pair.plan.daemon_log : pair.plan.app_log;
  if (file) file->put(line);
  if (target.console) {
    if (options_.prefixed || console_.as_json()) console_.put(sidecar ? "sidecar" : "app", pair.plan.app_id, pair.colour, line);
    else console_.pass(line);
  }
  if (!sidecar) return;
  pair.last_lines.emplace_back(line);
  if (pair.last_lines.size() > kRemembered) pair.last_lines.pop_front();
}

asio::awaitable<void> Supervisor::end_all() {
  stopping_ = true;
  std::vector<Process*> sidecars;
  for (auto it = pairs_.rbegin(); it != pairs_.rend(); ++it) {
    auto& pair = **it;
    if (pair.app) co_await end({pair.app.get()}, "the application of " + pair.plan.app_id);
    if (pair.sidecar) sidecars.push_back(pair.sidecar.get());
  }
  for (const auto& pair : pairs_) {
    if (pair->beside) co_await pair->beside->close(0s);
  }
  if (!sidecars.empty()) co_await end(std::move(sidecars), "a sidecar");
  if (!pairs_.empty()) console_.say("stopped", "", failed_ ? "Stopped; something had failed." : "Stopped.");
  signals_.cancel();
  terminal_.take_back();
}

// SIGTERM, and SIGKILL after the limit. What a process left behind in its group counts as the process.
asio::awaitable<void> Supervisor::end(std::vector<Process*> processes, std::string what) {
  for (const auto* process : processes) process->signal(SIGTERM);
  const auto until = std::chrono::steady_clock::now() + options_.stop_limit;
  const auto running = [&processes] { return std::ranges::any_of(processes, [](const Process* p) { return p->running(); }); };
  while (running() && !forced_ && std::chrono::steady_clock::now() < until) co_await sleep_for(10ms);
  if (!running()) co_return;
  if (!forced_) console_.say("killing", "", what + " did not end within " + text::format_go_duration(options_.stop_limit) + " and is killed");
  for (const auto* process : processes) process->signal(SIGKILL);
  while (running()) co_await sleep_for(10ms);
}

// Its group may still have members if it was a sidecar that started something; those stay watched.
void Supervisor::forget(const Process& process) {
  if (!process.running()) guard_.forget(process.pid());
}

}  // namespace mecha::cli
