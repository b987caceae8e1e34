#include "cli/terminal.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <utility>

#include "runtime/async/within.hpp"

namespace mecha::cli {
namespace {

constexpr auto kLook = std::chrono::milliseconds(50);

// The signal that has stopped the process; 0 if it is not stopped.
int stopped_by(pid_t process) {
  siginfo_t info{};
  const auto id = static_cast<id_t>(process);
  if (::waitid(P_PID, id, &info, WSTOPPED | WNOHANG | WNOWAIT) != 0 || info.si_pid != process) return 0;
  return info.si_code == CLD_STOPPED ? info.si_status : 0;
}

}  // namespace

Terminal::Terminal() : there_(::isatty(STDIN_FILENO) == 1 && ::tcgetattr(STDIN_FILENO, &state_) == 0) {
  if (there_) std::signal(SIGTTOU, SIG_IGN);  // who takes the terminal back is in the background
}

asio::awaitable<void> Terminal::look_after(pid_t app) {
  while (co_await sleep_for(kLook)) {
    const int signal = stopped_by(app);
    if (signal == 0) continue;
    if (borrower_ == app && ::tcgetpgrp(STDIN_FILENO) == app) {  // Ctrl-Z: the shell takes over, and brings all of us back
      take_back();
      borrower_ = app;  // which gets it again
      ::kill(::getpid(), SIGSTOP);
    }
    if (::tcgetpgrp(STDIN_FILENO) != ::getpgrp()) continue;  // this program is in the background itself
    if (signal != SIGTTIN && signal != SIGTTOU && borrower_ != app) continue;
    if (::tcsetpgrp(STDIN_FILENO, app) == 0) borrower_ = app;
    ::kill(-app, SIGCONT);
  }
}

bool Terminal::take_back() {
  const auto borrower = std::exchange(borrower_, 0);
  const auto group = borrower == 0 ? 0 : ::tcgetpgrp(STDIN_FILENO);
  if (borrower == 0 || group == ::getpgrp() || (group > 0 && group != borrower && ::kill(-group, 0) == 0)) return false;
  ::tcsetpgrp(STDIN_FILENO, ::getpgrp());
  ::tcsetattr(STDIN_FILENO, TCSADRAIN, &state_);
  return true;
}

}  // namespace mecha::cli
