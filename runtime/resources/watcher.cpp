#include "runtime/resources/watcher.hpp"

#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <system_error>

#include <boost/asio/as_tuple.hpp>

#include "runtime/async/within.hpp"

namespace mecha {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::uint32_t kNames = IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO;
constexpr std::uint32_t kWhole = kNames | IN_MODIFY | IN_CLOSE_WRITE | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF;
constexpr std::uint32_t kEnded = IN_DELETE_SELF | IN_MOVE_SELF | IN_IGNORED | IN_UNMOUNT;

// A regular file with one name was made by whoever now writes it, and will close it; links are there whole at once.
bool is_being_written(const std::string& path) {
  struct stat state {};
  return ::lstat(path.c_str(), &state) == 0 && S_ISREG(state.st_mode) && state.st_nlink == 1;
}

void mix(std::uint64_t& hash, std::uint64_t value) { hash = (hash ^ value) * 0x100000001b3ULL; }

}  // namespace

Watcher::Watcher(Executor executor, std::vector<std::string> directories, WatcherOptions options)
    : directories_(std::move(directories)), options_(options), descriptor_(std::move(executor)) {
  if (options_.notices) {
    const int descriptor = ::inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (descriptor >= 0) descriptor_.assign(descriptor);
  }
  arm();
  seen_ = look();
}

// Again after each change: what has come back under an old name is another directory for the system.
void Watcher::arm() {
  if (!descriptor_.is_open()) return;
  const auto before = std::exchange(watched_, {});
  paths_.clear();
  blind_ = false;
  for (const auto& directory : directories_) {
    const auto absolute = std::filesystem::absolute(directory).lexically_normal();
    auto path = absolute;
    if (!path.has_filename()) path = path.parent_path();
    for (auto step = path; step.has_relative_path(); step = step.parent_path()) {
      std::error_code error;
      if (step != path && !std::filesystem::is_symlink(step, error)) continue;
      watch(step.parent_path().string(), kNames, step.filename().string());
    }
    watch(path.string(), kWhole, "");
  }
  for (const auto& [id, was] : before) {
    if (!watched_.contains(id)) ::inotify_rm_watch(descriptor_.native_handle(), id);
  }
}

// `name` empty: all of it.
void Watcher::watch(const std::string& directory, std::uint32_t mask, const std::string& name) {
  const int id = ::inotify_add_watch(descriptor_.native_handle(), directory.c_str(), mask | IN_ONLYDIR | IN_MASK_ADD);
  if (id < 0) {
    // One that is gone is heard of when it comes back; anything else cannot be watched.
    blind_ = blind_ || (errno != ENOENT && errno != ENOTDIR);
    return;
  }
  auto& watched = watched_[id];
  paths_[id] = directory;
  if (name.empty()) {
    watched.whole = true;
  } else {
    watched.names.insert(name);
  }
}

void Watcher::drain() {
  if (!descriptor_.is_open()) return;
  alignas(inotify_event) char buffer[8192];
  for (;;) {
    const auto size = ::read(descriptor_.native_handle(), buffer, sizeof buffer);
    if (size <= 0) return;
    for (std::size_t at = 0; at < static_cast<std::size_t>(size);) {
      inotify_event event;
      std::memcpy(&event, buffer + at, sizeof event);
      const char* name = buffer + at + sizeof event;
      take(event.wd, event.mask, event.len == 0 ? std::string_view() : std::string_view(name));
      at += sizeof event + event.len;
    }
  }
}

void Watcher::take(int id, std::uint32_t mask, std::string_view name) {
  if ((mask & IN_Q_OVERFLOW) != 0) {
    dirty_ = true;
    return;
  }
  const auto it = watched_.find(id);
  if (it == watched_.end()) return;
  if (!it->second.whole && (mask & kEnded) == 0 && !it->second.names.contains(std::string(name))) return;
  dirty_ = true;
  if (!it->second.whole || name.empty()) return;
  const auto path = paths_[id] + "/" + std::string(name);
  if ((mask & IN_MODIFY) != 0 || ((mask & IN_CREATE) != 0 && is_being_written(path))) open_.insert(path);
  if ((mask & (IN_CLOSE_WRITE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO)) != 0) open_.erase(path);
}

asio::awaitable<bool> Watcher::readable(Clock::duration limit) {
  using namespace asio::experimental::awaitable_operators;
  if (!descriptor_.is_open()) {
    (void)co_await sleep_for(limit);
    co_return false;
  }
  asio::steady_timer timer(co_await asio::this_coro::executor, limit);
  const auto first = co_await (
      descriptor_.async_wait(asio::posix::stream_descriptor::wait_read, asio::as_tuple(asio::use_awaitable)) ||
      timer.async_wait(asio::as_tuple(asio::use_awaitable))
  );
  co_return first.index() == 0;
}

asio::awaitable<bool> Watcher::wait(Clock::duration limit) {
  const auto end = Clock::now() + limit;
  drain();
  while (!dirty_) {
    const auto left = end - Clock::now();
    if (left <= Clock::duration::zero()) co_return false;
    const auto pause = polling() ? std::min<Clock::duration>(left, options_.poll) : left;
    (void)co_await readable(pause);
    const auto state = co_await asio::this_coro::cancellation_state;
    if (state.cancelled() != asio::cancellation_type::none) co_return false;
    drain();
    if (polling() && look() != seen_) dirty_ = true;
  }
  const auto patience = Clock::now() + options_.patience;
  while (Clock::now() < patience) {
    const bool more = co_await readable(options_.rest);
    const auto state = co_await asio::this_coro::cancellation_state;
    if (state.cancelled() != asio::cancellation_type::none) co_return false;
    if (more) drain();
    if (!more && open_.empty()) break;
  }
  open_.clear();
  dirty_ = false;
  arm();
  seen_ = look();
  co_return true;
}

bool Watcher::stirred() {
  drain();
  if (polling() && look() != seen_) dirty_ = true;
  return dirty_;
}

// What can be seen from outside: names, sizes, times of change, links followed. Only needed without notices.
std::uint64_t Watcher::look() const {
  if (!polling()) return 0;
  std::uint64_t hash = 0xcbf29ce484222325ULL;
  for (const auto& directory : directories_) {
    std::error_code error;
    std::set<std::string> paths;
    for (auto it = std::filesystem::directory_iterator(directory, error); !error && it != std::filesystem::directory_iterator(); it.increment(error)) {
      paths.insert(it->path().string());
    }
    mix(hash, static_cast<std::uint64_t>(error.value()));
    for (const auto& path : paths) {
      struct stat state {};
      const bool there = ::stat(path.c_str(), &state) == 0;
      for (const unsigned char c : path) mix(hash, c);
      if (!there) continue;
      mix(hash, state.st_ino);
      mix(hash, static_cast<std::uint64_t>(state.st_size));
      mix(hash, static_cast<std::uint64_t>(state.st_mtim.tv_sec));
      mix(hash, static_cast<std::uint64_t>(state.st_mtim.tv_nsec));
    }
  }
  return hash;
}

}  // namespace mecha
