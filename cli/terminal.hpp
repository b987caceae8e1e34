// The terminal of standard input, lent to an application that reads from it. Applications run in groups of their own, so that
// they can be ended as a whole; the system stops such a group when it reads from the terminal, and that is the sign to lend it.
// Until then, and for applications that never read, Ctrl-C goes to this program.

#pragma once

#include <sys/types.h>
#include <termios.h>

#include "runtime/async/async.hpp"

namespace mecha::cli {

class Terminal {
 public:
  Terminal();  // standard input, if it is a terminal

  bool there() const { return there_; }
  // Looks after the application until cancelled: lends the terminal when it asks, and stops with it when the user says so.
  // `app`: its first process, and its group.
  asio::awaitable<void> look_after(pid_t app);
  // Takes the terminal back, as it was at the start. Whether it had been lent.
  bool take_back();

 private:
  bool there_;
  pid_t borrower_ = 0;  // the group that has it
  termios state_{};
};

}  // namespace mecha::cli
