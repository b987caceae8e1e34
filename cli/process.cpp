#include "cli/process.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include <boost/asio/as_tuple.hpp>

extern char** environ;

namespace mecha::cli {
namespace {

using Pipe = std::array<int, 2>;

struct Pipes {
  Pipe out{-1, -1}, err{-1, -1}, said{-1, -1};  // `said`: why exec failed
  ~Pipes() {
    for (auto* pipe : {&out, &err, &said}) {
      for (const int end : *pipe) {
        if (end >= 0) ::close(end);
      }
    }
  }
};

int take(int& end) { return std::exchange(end, -1); }

std::vector<std::string> merged(const Variables& more) {
  Variables all;
  for (char** item = environ; *item != nullptr; ++item) {
    const std::string pair = *item;
    if (const auto equals = pair.find('='); equals != std::string::npos) all[pair.substr(0, equals)] = pair.substr(equals + 1);
  }
  for (const auto& [name, value] : more) all[name] = value;
  std::vector<std::string> list;
  for (const auto& [name, value] : all) list.push_back(name + "=" + value);
  return list;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> list;
  for (auto& text : texts) list.push_back(text.data());
  list.push_back(nullptr);
  return list;
}

struct Failure {
  int step = 0;  // 1: the folder, 2: the program
  int error = 0;
};

// In the child. Standard input is empty where it is a terminal that nobody would lend.
[[noreturn]] void become(char* const* words, char* const* environment, const Command& command, const Pipes& pipes, pid_t parent) {
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(127);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  for (const int number : {SIGPIPE, SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTTOU}) ::signal(number, SIG_DFL);
  if (!command.terminal && ::isatty(STDIN_FILENO) == 1) {
    const int null = ::open("/dev/null", O_RDONLY);
    if (null >= 0) ::dup2(null, STDIN_FILENO);
  }
  if (pipes.out[1] >= 0) ::dup2(pipes.out[1], STDOUT_FILENO);
  if (pipes.err[1] >= 0) ::dup2(pipes.err[1], STDERR_FILENO);
  Failure failure{.step = 1};
  if (command.directory.empty() || ::chdir(command.directory.c_str()) == 0) {
    failure.step = 2;
    ::execvpe(words[0], words, environment);
  }
  failure.error = errno;
  (void)!::write(pipes.said[1], &failure, sizeof failure);
  ::_exit(127);
}

// How a source file that was named in the place of a program is run; empty if it is none of this folder.
std::string by_language(const Command& command) {
  const std::filesystem::path file = command.words[0];
  std::error_code error;
  if (!std::filesystem::is_regular_file(std::filesystem::path(command.directory) / file, error)) return {};
  static constexpr std::array<std::array<const char*, 2>, 4> kLanguages{{{".py", "python3"}, {".js", "node"}, {".mjs", "node"}, {".sh", "sh"}}};
  for (const auto& [end, program] : kLanguages) {
    if (file.extension() == end) return "\n  remedy: " + file.string() + " is no program by itself; name what runs it: -- " + program + " " + file.string();
  }
  return {};
}

std::string where(const Command& command) {
  std::error_code error;
  return command.directory.empty() ? std::filesystem::current_path(error).string() : command.directory;
}

Error refused(const Failure& failure, const Command& command) {
  if (failure.step == 1) {
    return {.code = Code::not_found, .message = "the folder " + command.directory + " cannot be entered: " + std::strerror(failure.error)};
  }
  std::string message = "the program " + command.words[0] + " cannot be started: " + std::strerror(failure.error);
  if (const auto advice = by_language(command); !advice.empty() && (failure.error == ENOENT || failure.error == EACCES)) {
    return {.code = Code::failed_precondition, .message = message + advice};
  }
  const bool in_path = command.words[0].find('/') == std::string::npos;
  if (failure.error == ENOENT && in_path) message += "\n  remedy: is it installed and in PATH? A program of this folder is written ./" + command.words[0];
  else if (failure.error == ENOENT) message += "\n  remedy: has it been built, and is this path right? It begins in " + where(command);
  if (failure.error == EACCES) message += "\n  remedy: make it executable: chmod +x " + command.words[0];
  if (failure.error == ENOEXEC) message += "\n  remedy: a script needs a first line such as #!/usr/bin/env python3";
  return {.code = Code::failed_precondition, .message = std::move(message)};
}

}  // namespace

Process::Process(Executor executor, pid_t pid) : pid_(pid), handle_(executor), output_(executor), errors_(executor) {}

Result<std::unique_ptr<Process>> Process::start(Executor executor, const Command& command) {
  if (command.words.empty()) return fail(Code::invalid_argument, "there is no command to run");
  Pipes pipes;
  bool opened = ::pipe2(pipes.said.data(), O_CLOEXEC) == 0;
  if (command.piped) opened = opened && ::pipe2(pipes.out.data(), O_CLOEXEC) == 0 && ::pipe2(pipes.err.data(), O_CLOEXEC) == 0;
  if (!opened) return fail(Code::resource_exhausted, std::string("no pipe for a child process: ") + std::strerror(errno));
  auto words = command.words;
  auto environment = merged(command.environment);
  const auto arguments = pointers(words);
  const auto variables = pointers(environment);
  const auto parent = ::getpid();
  const auto pid = ::fork();
  if (pid < 0) return fail(Code::resource_exhausted, std::string("no child process: ") + std::strerror(errno));
  if (pid == 0) become(arguments.data(), variables.data(), command, pipes, parent);
  ::setpgid(pid, pid);
  ::close(take(pipes.said[1]));
  Failure failure;
  ssize_t said = 0;
  do said = ::read(pipes.said[0], &failure, sizeof failure);
  while (said < 0 && errno == EINTR);  // by a signal that ends us: what it says still counts
  if (said == sizeof failure) {
    ::waitpid(pid, nullptr, 0);
    return fail(refused(failure, command));
  }
  std::unique_ptr<Process> process(new Process(std::move(executor), pid));
  const auto handle = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
  if (handle < 0) return fail(Code::unimplemented, std::string("pidfd_open: ") + std::strerror(errno) + "; Linux 5.3 or later is needed");
  ::fcntl(handle, F_SETFD, FD_CLOEXEC);
  process->handle_.assign(handle);
  if (command.piped) {
    process->output_.assign(take(pipes.out[0]));
    process->errors_.assign(take(pipes.err[0]));
  }
  return process;
}

Process::~Process() {
  if (ended_) return;
  signal(SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

asio::awaitable<int> Process::wait() {
  if (!ended_) (void)co_await handle_.async_wait(asio::posix::stream_descriptor::wait_read, asio::as_tuple(asio::use_awaitable));
  int status = 0;
  if (!ended_ && ::waitpid(pid_, &status, WNOHANG) == pid_) {
    ended_ = true;
    code_ = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  }
  co_return code_;
}

bool Process::running() const { return !ended_ || ::kill(-pid_, 0) == 0; }

void Process::signal(int number) const {
  // The group lives on while something of it does, though its first process has ended.
  ::kill(-pid_, number);
}

}  // namespace mecha::cli
