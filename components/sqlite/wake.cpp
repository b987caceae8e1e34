#include "components/sqlite/wake.hpp"

#include <fcntl.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>

namespace mecha::sqlite {

Wake::Wake(Executor home, std::string path, std::function<void()> heard)
    : home_(std::move(home)), path_(std::move(path)), heard_(std::move(heard)), gate_(home_), notices_(home_) {}

Wake::~Wake() {
  if (file_ >= 0) ::close(file_);
}

Result<void> Wake::open() {
  file_ = ::open(path_.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0666);
  if (file_ < 0) return fail(Code::failed_precondition, "cannot write " + path_ + ": " + std::generic_category().message(errno));
  const int notices = ::inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  if (notices < 0) return {};
  if (::inotify_add_watch(notices, path_.c_str(), IN_MODIFY) < 0) {
    ::close(notices);
    return {};
  }
  notices_.assign(notices);
  spawn(gate_, home_, listen());
  return {};
}

// What the notices say does not matter, only that there are some.
asio::awaitable<void> Wake::listen() {
  std::array<char, 4096> buffer{};
  for (;;) {
    const auto [error, size] = co_await notices_.async_read_some(asio::buffer(buffer), asio::as_tuple(asio::use_awaitable));
    if (error || size == 0) co_return;
    heard_();
  }
}

void Wake::touch() {
  if (pending_.exchange(true)) return;
  asio::post(home_, [self = shared_from_this()] { self->write(); });
}

// One byte over itself: the file does not grow.
void Wake::write() {
  pending_ = false;
  if (file_ < 0) return;
  const auto written = ::pwrite(file_, "\n", 1, 0);
  if (!closed_ && (written != 1 || !watching())) heard_();  // at least we ourselves
}

asio::awaitable<void> Wake::close() {
  co_await gate_.close(std::chrono::seconds(0));
  closed_ = true;
  if (pending_) write();
  boost::system::error_code ignored;
  notices_.close(ignored);
}

}  // namespace mecha::sqlite
