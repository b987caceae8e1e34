// Runtime: the process as an object (decision 16 of the design). `mechad` is a thin main over it; tests and programs that
// embed it may start it twice in one process.

#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "runtime/async/event.hpp"
#include "runtime/async/shards.hpp"
#include "runtime/daemon/host.hpp"
#include "runtime/daemon/options.hpp"

namespace mecha {

class Runtime {
 public:
  explicit Runtime(Options options);
  ~Runtime();

  // Runs until stop() or the end by itself; returns the exit code (contract 06, 1.5). Logs to where the options say.
  int run();

  // Asks for the end, from any thread: `signal` is its number, 0 without one. The first time gracefully; a second signal
  // ends at once. Not for signal handlers.
  void stop(int signal);

 private:
  asio::awaitable<void> live();
  asio::awaitable<void> shut_down();
  Result<std::shared_ptr<LogSink>> open_log() const;
  void end(int code);

  Options options_;
  Catalog catalog_;
  std::shared_ptr<LogSink> sink_;
  Log log_;
  std::unique_ptr<Shards> shards_;
  std::unique_ptr<Event> wake_;
  std::vector<std::unique_ptr<Host>> hosts_;
  std::optional<Error> failure_;
  bool stopping_ = false, signalled_ = false, forced_ = false;
  int code_ = 0;
};

}  // namespace mecha
