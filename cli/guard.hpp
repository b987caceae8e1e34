// Ends what our children started when we are killed outright: a process of its own that hears of our end by a pipe.
//
// A child dies with us by a signal of the kernel, but that reaches one generation only; the rest of its group is ended here,
// with SIGTERM and two seconds later SIGKILL. A group whose last process has ended must be forgotten: its number may come again.

#pragma once

#include <sys/types.h>

#include "runtime/base/result.hpp"

namespace mecha::cli {

class Guard {
 public:
  Guard() = default;
  ~Guard();  // the guard goes; what it watches is left alone
  Guard(const Guard&) = delete;
  Guard& operator=(const Guard&) = delete;

  // Call it before there are threads. Without a guard the two below do nothing.
  Result<void> start();
  void watch(pid_t group) { tell(group); }
  void forget(pid_t group) { tell(-group); }

 private:
  void tell(pid_t word) const;
  pid_t pid_ = -1;
  int pipe_ = -1;
};

}  // namespace mecha::cli
