// doctor: limits of the system, and the clock.

#include <sys/resource.h>
#include <sys/statvfs.h>
#include <sys/timex.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <thread>

#include "cli/dev_resources.hpp"
#include "cli/doctor.hpp"
#include "cli/proc.hpp"
#include "runtime/base/text.hpp"

namespace mecha::cli {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

constexpr rlim_t kFilesLeast = 1024, kFilesGood = 4096;
constexpr std::int64_t kThreadsLeast = 64;
constexpr std::int64_t kMemoryLeast = 64 << 20, kDiskLeast = 256 << 20;
constexpr auto kWatched = 300ms;
constexpr auto kStepped = 50ms;
constexpr std::int64_t kReleased = 1'767'225'600;  // 2026-01-01: no clock that is right shows less

// The number in a file; nothing where it says "max" or is not there.
std::optional<std::int64_t> number_in(const fs::path& path) { return text::to_int(text::trim(text_of(path))); }

std::string mebibytes(std::int64_t bytes) { return std::to_string(bytes >> 20) + " MiB"; }

// The folder of our group in the unified hierarchy.
fs::path group_folder() {
  const auto groups = text_of("/proc/self/cgroup");
  for (const auto line : text::split(groups, '\n')) {
    if (line.starts_with("0::")) return "/sys/fs/cgroup" + std::string(line.substr(3));
  }
  return {};
}

struct Watches {
  std::int64_t instances = 0, watches = 0;
};

// What processes of this user that we may look at have open.
Watches count_watches() {
  Watches count;
  std::error_code error;
  for (auto it = fs::directory_iterator("/proc", error); !error && it != fs::directory_iterator(); it.increment(error)) {
    std::error_code gone;
    for (auto fd = fs::directory_iterator(it->path() / "fd", gone); !gone && fd != fs::directory_iterator(); fd.increment(gone)) {
      std::error_code closed;
      if (fs::read_symlink(fd->path(), closed) != "anon_inode:inotify") continue;
      ++count.instances;
      const auto info = text_of(it->path() / "fdinfo" / fd->path().filename());
      for (std::size_t at = info.find("inotify wd:"); at != std::string::npos; at = info.find("inotify wd:", at + 1)) ++count.watches;
    }
  }
  return count;
}

void look_at_files(Diagnoses& found) {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  const auto text = "open files: " + (limit.rlim_cur == RLIM_INFINITY ? "no limit" : std::to_string(limit.rlim_cur));
  const std::string remedy = "ulimit -n 65536, or LimitNOFILE=65536 in the systemd unit";
  if (limit.rlim_cur < kFilesLeast) found.push_back({"limits", Grade::problem, text + "; each connection needs one", remedy});
  else if (limit.rlim_cur < kFilesGood) found.push_back({"limits", Grade::warning, text + "; each connection needs one", remedy});
  else found.push_back({"limits", Grade::ok, text, ""});
}

void look_at_watches(Diagnoses& found) {
  const auto used = count_watches();
  const auto put = [&found](const std::string& what, std::int64_t in_use, const char* setting) {
    const auto limit = number_in(std::string("/proc/sys/fs/inotify/") + setting);
    if (!limit) return found.push_back({"limits", Grade::unchecked, what + ": the limit cannot be read", ""});
    const auto text = what + ": " + std::to_string(in_use) + " of " + std::to_string(*limit);
    if (in_use * 10 < *limit * 9) return found.push_back({"limits", Grade::ok, text, ""});
    found.push_back({"limits", Grade::warning, text + "; sidecars that get none look at folders by themselves instead", "sysctl fs.inotify." + std::string(setting) + "=" + std::to_string(*limit * 4)});
  };
  put("watchers of files (inotify)", used.instances, "max_user_instances");
  put("watched files (inotify)", used.watches, "max_user_watches");
}

void look_at_threads(Diagnoses& found, const fs::path& group) {
  rlimit limit{};
  ::getrlimit(RLIMIT_NPROC, &limit);
  std::int64_t most = limit.rlim_cur == RLIM_INFINITY ? INT64_MAX : static_cast<std::int64_t>(limit.rlim_cur);
  if (const auto system = number_in("/proc/sys/kernel/threads-max")) most = std::min(most, *system);
  std::string text = "threads: " + std::to_string(most);
  std::int64_t left = most;
  if (const auto pids = number_in(group / "pids.max"); pids && !group.empty()) {
    left = *pids - number_in(group / "pids.current").value_or(0);
    text += ", " + std::to_string(left) + " more in this control group";
  }
  if (left < kThreadsLeast) found.push_back({"limits", Grade::problem, text, "raise the limit of the group (TasksMax, --pids-limit) or of the user (ulimit -u)"});
  else found.push_back({"limits", Grade::ok, text, ""});
}

void look_at_memory(Diagnoses& found, const fs::path& group) {
  std::int64_t left = 0;
  const auto system = text_of("/proc/meminfo");
  for (const auto line : text::split(system, '\n')) {
    if (line.starts_with("MemAvailable:")) left = std::strtoll(std::string(line.substr(13)).c_str(), nullptr, 10) * 1024;
  }
  std::string text = "memory: " + mebibytes(left) + " available";
  if (const auto limit = number_in(group / "memory.max"); limit && !group.empty()) {
    const auto own = *limit - number_in(group / "memory.current").value_or(0);
    left = std::min(left, own);
    text += ", " + mebibytes(own) + " left of " + mebibytes(*limit) + " of this control group";
  }
  if (left < kMemoryLeast) found.push_back({"limits", Grade::warning, text, "a sidecar needs about 10 MiB, an application more: raise the limit or stop something"});
  else found.push_back({"limits", Grade::ok, text, ""});
}

void look_at_disk(Diagnoses& found) {
  fs::path folder = dev_data_folder();
  std::error_code error;
  while (folder.has_relative_path() && !fs::exists(folder, error)) folder = folder.parent_path();
  struct statvfs state {};
  if (::statvfs(folder.c_str(), &state) != 0) return found.push_back({"limits", Grade::unchecked, "disk: " + folder.string() + " cannot be looked at", ""});
  const auto free = static_cast<std::int64_t>(state.f_bavail) * static_cast<std::int64_t>(state.f_frsize);
  const auto text = "disk: " + mebibytes(free) + " free at " + folder.string();
  if (free < kDiskLeast) found.push_back({"limits", Grade::warning, text, "make room: writes fail when it is full"});
  else found.push_back({"limits", Grade::ok, text, ""});
}

}  // namespace

void look_at_limits(Diagnoses& found) {
  const auto group = group_folder();
  look_at_files(found);
  look_at_watches(found);
  look_at_threads(found, group);
  look_at_memory(found, group);
  look_at_disk(found);
}

void look_at_clock(Diagnoses& found) {
  const auto wall = std::chrono::system_clock::now();
  const auto steady = std::chrono::steady_clock::now();
  if (wall.time_since_epoch() < std::chrono::seconds(kReleased)) {
    found.push_back({"clock", Grade::problem, "the clock shows " + text::rfc3339(wall) + ", which is past: certificates, tokens and expiry go wrong", "set it: timedatectl set-ntp true, or date -s"});
  }
  std::this_thread::sleep_for(kWatched);
  const auto drift = (std::chrono::system_clock::now() - wall) - (std::chrono::steady_clock::now() - steady);
  if (drift > kStepped || drift < -kStepped) {
    found.push_back({"clock", Grade::warning, "the clock was moved while it was looked at", "time to live, locks and schedules follow the clock: let a time service slew it instead of setting it"});
  }
  timex state{};
  const int kernel = ::adjtimex(&state);
  if (kernel >= 0 && kernel != TIME_ERROR && (state.status & STA_UNSYNC) == 0) {
    found.push_back({"clock", Grade::ok, text::rfc3339(wall) + ", kept by a time service", ""});
  } else {
    found.push_back({"clock", Grade::unchecked, text::rfc3339(wall) + "; no time service of this kernel says how right that is", "compare: date -u; timedatectl set-ntp true keeps it right"});
  }
}

}  // namespace mecha::cli
