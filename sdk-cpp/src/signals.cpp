// Waiting for a signal of the process.

#include "src/signals.h"

#include <atomic>
#include <cerrno>
#include <csignal>

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

namespace mecha::wire {
namespace {

// A handler of a signal gets no argument of ours, so that this is one for the process.
std::atomic<int> wakes{-1};

extern "C" void mecha_on_signal(int) {
  const int before = errno;
  const char byte = 0;
  if (const int end = wakes.load(); end >= 0) [[maybe_unused]]
    const auto written = write(end, &byte, 1);
  errno = before;
}

}  // namespace

Wake::Wake() {
  if (pipe(ends_) != 0) return;  // then waiting ends at once, see below
  for (const int end : ends_) {
    fcntl(end, F_SETFD, FD_CLOEXEC);
    fcntl(end, F_SETFL, O_NONBLOCK);
  }
}

Wake::~Wake() {
  for (const int end : ends_)
    if (end >= 0) close(end);
}

void Wake::signal() const noexcept {
  const char byte = 0;
  [[maybe_unused]] const auto written = write(ends_[1], &byte, 1);
}

void Wake::wait() const noexcept {
  pollfd readable{ends_[0], POLLIN, 0};
  while (ends_[0] >= 0 && poll(&readable, 1, -1) < 0 && errno == EINTR) {
  }
}

Result<void> wait_for_signal(const Wake& wake) {
  int nobody = -1;
  if (!wakes.compare_exchange_strong(nobody, wake.writing_end()))
    return fail(Code::failed_precondition, "another service of this process runs already");
  struct sigaction ours{};
  struct sigaction before[2] = {};
  ours.sa_handler = &mecha_on_signal;
  sigemptyset(&ours.sa_mask);
  ours.sa_flags = SA_RESTART;
  sigaction(SIGINT, &ours, &before[0]);
  sigaction(SIGTERM, &ours, &before[1]);
  wake.wait();
  sigaction(SIGINT, &before[0], nullptr);
  sigaction(SIGTERM, &before[1], nullptr);
  wakes.store(-1);
  return {};
}

}  // namespace mecha::wire
