// Runs applications with their sidecars until one ends or we are told to stop; then ends them in order: applications first,
// the last one started first, then the sidecars, each within a limit.

#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <boost/asio/signal_set.hpp>

#include "cli/console.hpp"
#include "cli/guard.hpp"
#include "cli/plan.hpp"
#include "cli/process.hpp"
#include "cli/terminal.hpp"
#include "runtime/async/event.hpp"
#include "runtime/async/gate.hpp"
#include "runtime/async/shards.hpp"

namespace mecha::cli {

struct SupervisorOptions {
  std::string daemon;          // the program
  std::string template_path, template_name;
  bool prefixed = false;       // lines of all are cut and prefixed; else the terminal is inherited
  bool as_json = false;
  std::chrono::seconds stop_limit{10};  // of each stage of the end
  std::string greeting;        // said when all is up
  Variables sidecar_environment;
  // Runs as long as an application does whose port was not given, `app` being its process and group, and `told` the port that
  // its sidecar calls.
  std::function<asio::awaitable<void>(pid_t app, std::uint16_t told, std::function<void(std::string)> say)> find_app_port;
};

class Supervisor {
 public:
  Supervisor(SupervisorOptions options, std::vector<Plan> plans);
  ~Supervisor();

  // Blocks until all has ended: 0, or 1 if something failed.
  int run();

 private:
  struct Pair;

  asio::awaitable<void> live();
  Async<void> start(Pair& pair);
  Result<void> start_sidecar(Pair& pair);
  Result<void> start_app(Pair& pair);
  Async<void> until_ready(Pair& pair, std::chrono::seconds limit);
  asio::awaitable<void> announce(Pair& pair);
  asio::awaitable<void> watch_signals();
  asio::awaitable<void> watch(Pair& pair, bool sidecar);
  asio::awaitable<bool> again(Pair& pair, bool sidecar, int code);
  asio::awaitable<void> follow(Pair& pair, bool sidecar, bool errors);
  void take_line(Pair& pair, bool sidecar, std::string_view line);
  asio::awaitable<void> end_all();
  asio::awaitable<void> end(std::vector<Process*> processes, std::string what);
  bool piped(bool sidecar) const;
  Command command_of(const Pair& pair, bool sidecar) const;
  void forget(const Process& process);
  void failed(const std::string& app_id, const std::string& text);

  SupervisorOptions options_;
  Guard guard_;
  Console console_;
  Shards shards_;
  std::unique_ptr<Gate> gate_;
  std::vector<std::unique_ptr<Pair>> pairs_;
  Event over_;
  asio::signal_set signals_;
  Terminal terminal_;
  bool stopping_ = false, forced_ = false, failed_ = false;
  std::chrono::steady_clock::time_point asked_;  // to stop, first
};

}  // namespace mecha::cli
