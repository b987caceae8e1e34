// Watcher: hears of changes in the directories of the resources: files written, renamed over one another, links that are
// swapped (as mounts of Kubernetes do), directories that go and come back. Where the system gives no notice it looks now and
// then. Linux only. Lives on one shard.

#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/posix/stream_descriptor.hpp>

#include "runtime/async/async.hpp"

namespace mecha {

struct WatcherOptions {
  std::chrono::milliseconds rest{5};         // a change is over when nothing has happened for so long
  std::chrono::milliseconds patience{1000};  // but no longer than this, nor for a file that is open for writing
  std::chrono::milliseconds poll{2000};      // between two looks without notices
  bool notices = true;                       // false: looks only
};

class Watcher {
 public:
  // Watches from here on.
  Watcher(Executor executor, std::vector<std::string> directories, WatcherOptions options = {});

  // Waits for a change that has come to rest. False after `limit`, and if cancelled.
  asio::awaitable<bool> wait(std::chrono::steady_clock::duration limit);
  // Whether anything has happened since wait() returned: then what was read meanwhile may be half of a change, and the
  // next wait() returns as soon as it has come to rest.
  bool stirred();

 private:
  struct Watched {
    bool whole = false;           // a directory of resources: every name counts
    std::set<std::string> names;  // else these only
  };

  void arm();
  void watch(const std::string& directory, std::uint32_t mask, const std::string& name);
  void drain();
  void take(int id, std::uint32_t mask, std::string_view name);
  asio::awaitable<bool> readable(std::chrono::steady_clock::duration limit);
  std::uint64_t look() const;
  bool polling() const { return !descriptor_.is_open() || blind_; }

  std::vector<std::string> directories_;
  WatcherOptions options_;
  asio::posix::stream_descriptor descriptor_;
  std::map<int, Watched> watched_;
  std::map<int, std::string> paths_;
  std::set<std::string> open_;  // files that someone writes
  std::uint64_t seen_ = 0;      // of the last look
  bool blind_ = false;          // a directory could not be watched
  bool dirty_ = false;
};

}  // namespace mecha
