#include "cli/guard.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <set>

namespace mecha::cli {
namespace {

constexpr int kLooks = 100;  // of 20 ms each, between the two signals
constexpr pid_t kAtEase = 0;  // the word that ends the guard

// Out of reach of what is sent to our group and our terminal, and holding nothing of ours open.
void stand_apart(int pipe) {
  ::setsid();
  ::prctl(PR_SET_NAME, "mecha-guard");
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE}) ::signal(number, SIG_IGN);
  ::dup2(pipe, STDIN_FILENO);
  ::close_range(STDIN_FILENO + 1, ~0U, 0);
  (void)!::chdir("/");
}

// Waits for the end of the pipe; the groups that are left, none if we ended well.
std::set<pid_t> listen() {
  std::set<pid_t> groups;
  pid_t word = 0;
  for (;;) {
    const auto size = ::read(STDIN_FILENO, &word, sizeof word);
    if (size < 0 && errno == EINTR) continue;
    if (size != sizeof word) return groups;
    if (word == kAtEase) return {};
    if (word > 0) groups.insert(word);
    else groups.erase(-word);
  }
}

[[noreturn]] void guard(int pipe) {
  stand_apart(pipe);
  auto groups = listen();
  for (const auto group : groups) ::kill(-group, SIGTERM);
  for (int i = 0; i < kLooks && !groups.empty(); ++i) {
    std::erase_if(groups, [](pid_t group) { return ::kill(-group, 0) != 0; });
    ::usleep(20'000);
  }
  for (const auto group : groups) ::kill(-group, SIGKILL);
  ::_exit(0);
}

}  // namespace

Result<void> Guard::start() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return fail(Code::resource_exhausted, std::string("no pipe for the guard: ") + std::strerror(errno));
  pid_ = ::fork();
  if (pid_ == 0) guard(ends[0]);
  ::close(ends[0]);
  pipe_ = ends[1];
  if (pid_ < 0) return fail(Code::resource_exhausted, std::string("no process for the guard: ") + std::strerror(errno));
  return {};
}

Guard::~Guard() {
  if (pipe_ < 0) return;
  tell(kAtEase);
  ::close(pipe_);
  if (pid_ > 0) ::waitpid(pid_, nullptr, 0);
}

// Less than a pipe takes at once, so never in parts.
void Guard::tell(pid_t word) const {
  if (pipe_ >= 0) (void)!::write(pipe_, &word, sizeof word);
}

}  // namespace mecha::cli
