// A child process in a group of its own that ends when we do, however we end.
//
// Used from one thread: between fork and exec only calls that are safe there are made.

#pragma once

#include <sys/types.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include <boost/asio/posix/stream_descriptor.hpp>

#include "runtime/async/async.hpp"

namespace mecha::cli {

using Variables = std::map<std::string, std::string, std::less<>>;

struct Command {
  std::vector<std::string> words;  // the program, found in PATH, and its arguments
  std::string directory;           // where it starts; empty: here
  Variables environment;           // on top of ours
  bool terminal = false;           // it may read from a terminal that is our standard input; else that is empty
  bool piped = false;              // its output comes to us instead of going where ours goes
};

class Process {
 public:
  // Fails with why the program could not be started, in words for a user.
  static Result<std::unique_ptr<Process>> start(Executor executor, const Command& command);
  ~Process();  // kills what still runs
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  pid_t pid() const { return pid_; }
  bool ended() const { return ended_; }
  // Waits for the end. The exit code, 128 + n after signal n.
  asio::awaitable<int> wait();
  // It, or something that it started and that stayed in its group.
  bool running() const;
  // To the process and all that it started.
  void signal(int number) const;

  // Reading ends of its standard output and error, if piped.
  asio::posix::stream_descriptor& output() { return output_; }
  asio::posix::stream_descriptor& errors() { return errors_; }

 private:
  Process(Executor executor, pid_t pid);

  pid_t pid_;
  bool ended_ = false;
  int code_ = 0;
  asio::posix::stream_descriptor handle_, output_, errors_;
};

}  // namespace mecha::cli
