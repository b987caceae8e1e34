// registry: a directory on this host in which every sidecar keeps a file; the resolver when nothing is configured.
//
// A file is named <id>@<uuid> and holds "host:port". Its owner holds an exclusive lock on it for as long as it lives, so a
// file whose lock is free was left by a process that died: whoever sees it removes it. No clock, no heartbeat.

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <mutex>
#include <random>
#include <unordered_map>

#include "components/nameresolution/resolver.hpp"

namespace mecha::nameresolution {
namespace {

namespace fs = std::filesystem;
using SteadyClock = std::chrono::steady_clock;

// Looking reads the whole directory, so what was found is believed for a moment.
constexpr auto kFresh = std::chrono::seconds(1);

std::string default_directory() {
  if (const char* set = std::getenv("MECHA_REGISTRY_DIR"); set != nullptr && *set != '\0') return set;
  if (const char* run = std::getenv("XDG_RUNTIME_DIR"); run != nullptr && *run != '\0') {
    return std::string(run) + "/mecha/registry";
  }
  return "/tmp/mecha-" + std::to_string(::getuid()) + "/registry";
}

std::string system_text(int error) { return std::strerror(error); }

class Registry final : public Resolver {
 public:
  Registry(std::string directory, Self self) : directory_(std::move(directory)), self_(std::move(self)) {}
  ~Registry() override { withdraw(); }

  Async<void> start() override { co_return enter(); }

  Async<void> stop() override {
    withdraw();
    co_return Result<void>{};
  }

  Async<std::string> resolve(ResolveRequest request) override {
    if (auto known = cached(request.id)) co_return std::move(*known);
    auto found = look_up(request.id);
    if (found.empty()) co_return fail(Code::not_found, "no host found with the given ID");
    auto address = any_of(found);
    remember(request.id, std::move(found));
    co_return address;
  }

  void forget(const std::string& address) override {
    const std::lock_guard lock(mutex_);
    std::erase_if(cache_, [&](const auto& entry) { return std::ranges::count(entry.second.addresses, address) > 0; });
  }

 private:
  struct Cached {
    std::vector<std::string> addresses;
    SteadyClock::time_point until;
  };

  // With several instances each call picks anew.
  static const std::string& any_of(const std::vector<std::string>& addresses) {
    static thread_local std::minstd_rand random{std::random_device{}()};
    return addresses.size() == 1 ? addresses.front() : addresses[random() % addresses.size()];
  }

  Result<void> enter() {
    std::error_code error;
    fs::create_directories(directory_, error);
    if (error) return fail(Code::internal, "cannot create the registry directory " + directory_ + ": " + error.message());
    // Others on this host must not be able to answer for our applications.
    fs::permissions(directory_, fs::perms::owner_all, error);
    path_ = directory_ + "/" + text::escape(self_.app_id) + "@" + text::uuid();
    descriptor_ = ::open(path_.c_str(), O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
    if (descriptor_ < 0) return fail(Code::internal, "cannot register in " + path_ + ": " + system_text(errno));
    ::flock(descriptor_, LOCK_EX | LOCK_NB);
    const bool ip6 = self_.host.find(':') != std::string::npos;
    const auto address = (ip6 ? "[" + self_.host + "]" : self_.host) + ":" + std::to_string(self_.internal_port);
    if (::write(descriptor_, address.data(), address.size()) != static_cast<ssize_t>(address.size())) {
      return fail(Code::internal, "cannot write " + path_ + ": " + system_text(errno));
    }
    return {};
  }

  void withdraw() {
    if (descriptor_ < 0) return;
    ::unlink(path_.c_str());
    ::close(descriptor_);
    descriptor_ = -1;
  }

  std::vector<std::string> look_up(const std::string& id) const {
    std::vector<std::string> addresses;
    const auto prefix = text::escape(id) + "@";
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(directory_, error)) {
      const auto name = entry.path().filename().string();
      if (!name.starts_with(prefix)) continue;
      if (auto address = read_live(entry.path())) addresses.push_back(std::move(*address));
    }
    return addresses;
  }

  std::optional<std::string> read_live(const fs::path& path) const {
    const bool own = path == path_;
    const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) return std::nullopt;
    std::optional<std::string> address;
    char buffer[256];
    const auto size = ::read(descriptor, buffer, sizeof buffer);
    const bool held = own || ::flock(descriptor, LOCK_SH | LOCK_NB) != 0;
    if (held && size > 0) address.emplace(buffer, static_cast<std::size_t>(size));
    // A file that is still empty belongs to someone who is just about to lock and fill it.
    if (!held && size > 0) ::unlink(path.c_str());
    ::close(descriptor);
    return address;
  }

  std::optional<std::string> cached(const std::string& id) {
    const std::lock_guard lock(mutex_);
    const auto it = cache_.find(id);
    if (it == cache_.end() || it->second.until < SteadyClock::now()) return std::nullopt;
    return any_of(it->second.addresses);
  }

  void remember(const std::string& id, std::vector<std::string> addresses) {
    const std::lock_guard lock(mutex_);
    if (cache_.size() > 10000) cache_.clear();
    cache_[id] = {std::move(addresses), SteadyClock::now() + kFresh};
  }

  std::string directory_;
  Self self_;
  std::string path_;
  int descriptor_ = -1;
  std::mutex mutex_;
  std::unordered_map<std::string, Cached> cache_;
};

}  // namespace

Result<std::unique_ptr<Resolver>> make_registry(
    const json::Value& configuration, const Self& self, const ComponentContext&
) {
  std::string directory = default_directory();
  if (const auto* set = configuration.find_nocase("directory"); set != nullptr) {
    if (!set->is_string()) return fail(Code::invalid_argument, "directory must be a text");
    directory = set->as_string();
  }
  return std::make_unique<Registry>(std::move(directory), self);
}

}  // namespace mecha::nameresolution
