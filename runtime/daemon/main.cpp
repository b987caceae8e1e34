// mechad: flags in, exit code out.

#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdio>
#include <string>
#include <thread>
#include <vector>

#include "runtime/daemon/build.hpp"
#include "runtime/daemon/describe.hpp"
#include "runtime/daemon/runtime.hpp"
#include "runtime/daemon/wait.hpp"

extern char** environ;

namespace {

void read_environment(mecha::Options& options) {
  for (char** item = environ; *item != nullptr; ++item) {
    const std::string pair = *item;
    const auto equals = pair.find('=');
    if (equals != std::string::npos) options.environment[pair.substr(0, equals)] = pair.substr(equals + 1);
  }
}

// Signals are taken by a thread that waits for them, so that no handler runs in the middle of anything. Lives as long as
// the runtime that it tells.
class SignalWatch {
 public:
  explicit SignalWatch(mecha::Runtime& runtime) {
    sigset_t signals;
    sigemptyset(&signals);
    for (const int signal : {SIGTERM, SIGINT, SIGHUP, kWake}) sigaddset(&signals, signal);
    pthread_sigmask(SIG_BLOCK, &signals, nullptr);
    thread_ = std::thread([this, signals, &runtime] {
      int signal = 0;
      while (sigwait(&signals, &signal) == 0 && !over_) {
        if (signal != kWake) runtime.stop(signal);
      }
    });
  }
  ~SignalWatch() {
    over_ = true;
    pthread_kill(thread_.native_handle(), kWake);
    thread_.join();
  }
  SignalWatch(const SignalWatch&) = delete;
  SignalWatch& operator=(const SignalWatch&) = delete;

 private:
  static constexpr int kWake = SIGUSR2;
  std::atomic<bool> over_ = false;
  std::thread thread_;
};

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::string> notes;
  auto parsed = mecha::parse_flags(std::vector<std::string>(argv + 1, argv + argc), notes);
  for (const auto& note : notes) std::fprintf(stderr, "%s\n", note.c_str());
  if (!parsed) {
    std::fprintf(stderr, "%s\n%s\n", mecha::flag_usage().c_str(), parsed.error().message.c_str());
    return 2;
  }
  auto& options = *parsed;
  if (options.help) return std::fputs(mecha::flag_usage().c_str(), stdout) < 0 ? 1 : 0;
  if (options.version) return std::printf("%s\n", std::string(mecha::kApiVersion).c_str()) < 0 ? 1 : 0;
  if (options.build_info) {
    std::printf(
        "Version: %s\nGit Commit: %s\nGit Version: mecha-%s\n",
        std::string(mecha::kApiVersion).c_str(),
        std::string(mecha::kCommit).c_str(),
        std::string(mecha::kMechaVersion).c_str()
    );
    return 0;
  }
  if (!options.describe.empty()) return mecha::describe(options.describe);
  if (options.wait) return mecha::wait_for_sidecar(options.dapr_http_port);
  read_environment(options);

  std::signal(SIGPIPE, SIG_IGN);
  mecha::Runtime runtime(std::move(options));
  const SignalWatch watch(runtime);
  return runtime.run();
}
