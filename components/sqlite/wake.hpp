// Wake: how processes that share a database file tell each other of news without polling: a file beside it that they touch
// and that inotify watches. A touch is no promise, it may be lost with the process; who waits looks by itself as well.

#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>

#include <boost/asio/posix/stream_descriptor.hpp>

#include "runtime/async/async.hpp"
#include "runtime/async/gate.hpp"

namespace mecha::sqlite {

class Wake : public std::enable_shared_from_this<Wake> {
 public:
  // `heard` is called on `home` after touches of anybody, ourselves included; several may come as one.
  Wake(Executor home, std::string path, std::function<void()> heard);
  ~Wake();
  Wake(const Wake&) = delete;
  Wake& operator=(const Wake&) = delete;

  // On `home`, once. Makes the file if need be; fails if it cannot be written.
  Result<void> open();
  // The system gives notices; otherwise nobody is heard, and who waits has to look often. Known after open().
  bool watching() const { return notices_.is_open(); }
  // From any thread.
  void touch();
  // On `home`. Nothing is heard once it has returned.
  asio::awaitable<void> close();

 private:
  asio::awaitable<void> listen();
  void write();

  Executor home_;
  const std::string path_;
  const std::function<void()> heard_;
  Gate gate_;
  asio::posix::stream_descriptor notices_;
  int file_ = -1;
  bool closed_ = false;
  std::atomic<bool> pending_ = false;  // a touch is on its way to `home`
};

}  // namespace mecha::sqlite
