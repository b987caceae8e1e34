// Items of a JSON file that is watched: {"name": "value"} or {"name": {"value": "..", "version": ".."}}. For development; an
// extension of ours. A file that cannot be read at the moment leaves subscribers with what they know.

#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <mutex>
#include <optional>

#include <boost/asio/buffer.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>

#include "components/catalog.hpp"
#include "components/configuration/configuration_store.hpp"
#include "runtime/async/bridge.hpp"
#include "runtime/async/event.hpp"
#include "runtime/async/gate.hpp"
#include "runtime/async/within.hpp"
#include "runtime/base/file.hpp"
#include "runtime/base/json.hpp"

namespace mecha::configuration {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kFileBytesMax = 16 << 20;
constexpr auto kPoll = 2s;  // where the system gives no notices
// A file is whole when its writer closed it or renamed it to its place; links are made whole.
constexpr std::uint32_t kWhole = IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_CREATE;

// What the file held, and when in the order of readings.
struct Reading {
  Items items;
  std::uint64_t number = 0;
};
using ReadingPtr = std::shared_ptr<const Reading>;

Result<Items> parse_items(const std::string& text, const std::string& file) {
  auto document = json::parse(text, true);
  if (!document) return fail(std::move(document).error().context(file));
  if (!document->is_object()) return fail(Code::invalid_argument, file + " must be a JSON object of items");
  Items items;
  for (const auto& [name, value] : document->as_object()) {
    if (value.is_object() && value.find("value") != nullptr) {
      const auto& own = *value.find("value");
      items[name] = {.value = own.is_string() ? own.as_string() : json::write(own), .version = std::string(value.text("version"))};
    } else {
      items[name] = {.value = value.is_string() ? value.as_string() : json::write(value)};
    }
  }
  return items;
}

Result<Items> read_items(const std::string& file) {
  MECHA_TRY(const auto text, read_file(file, kFileBytesMax));
  return parse_items(text, file);
}

bool same(const Item& a, const Item& b) { return a.value == b.value && a.version == b.version; }

// What `now` has that `before` has not, and without a value what is gone.
Items changes(const Items& before, const Items& now) {
  Items changed;
  for (const auto& [key, item] : now) {
    const auto old = before.find(key);
    if (old == before.end() || !same(old->second, item)) changed.emplace(key, item);
  }
  for (const auto& [key, item] : before) {
    if (!now.contains(key)) changed.emplace(key, Item{});
  }
  return changed;
}

// Waits for files of a folder. Lives on one shard.
class FolderNotices {
 public:
  FolderNotices(Executor executor, const std::string& folder) : descriptor_(std::move(executor)) {
    const int notices = ::inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (notices < 0) return;
    if (::inotify_add_watch(notices, folder.c_str(), kWhole) < 0) ::close(notices);
    else descriptor_.assign(notices);
  }
  // Something may have changed; false if cancelled.
  asio::awaitable<bool> wait() {
    if (!descriptor_.is_open()) co_return co_await sleep_for(kPoll);
    std::array<char, 4096> buffer{};  // what stands in it does not matter
    const auto [error, size] = co_await descriptor_.async_read_some(asio::buffer(buffer), asio::as_tuple(asio::use_awaitable));
    co_return !error && size > 0;
  }

 private:
  asio::posix::stream_descriptor descriptor_;
};

// Hears only of the newest reading: a slow handler skips what lies between.
class Ear : public std::enable_shared_from_this<Ear> {
 public:
  Ear(Executor executor, std::vector<std::string> keys, Handler handler)
      : executor_(executor), keys_(std::move(keys)), handler_(std::move(handler)), news_(executor), gate_(executor) {}

  // From any thread.
  void offer(ReadingPtr reading) {
    asio::post(executor_, [self = shared_from_this(), reading = std::move(reading)] {
      if (self->newest_ == nullptr || self->newest_->number < reading->number) self->newest_ = reading;
      self->news_.pulse();
    });
  }
  void start(ReadingPtr known) {
    known_ = std::move(known);
    spawn(gate_, executor_, run());
  }
  asio::awaitable<void> stop() { co_await gate_.close(0s); }

 private:
  asio::awaitable<void> run() {
    for (;;) {
      while (newest_ == nullptr || newest_->number <= known_->number) co_await news_.wait();
      auto changed = changes(known_->items, newest_->items);
      known_ = newest_;
      if (!keys_.empty()) std::erase_if(changed, [this](const auto& item) { return std::ranges::find(keys_, item.first) == keys_.end(); });
      if (!changed.empty()) co_await handler_(std::move(changed));
    }
  }

  Executor executor_;
  const std::vector<std::string> keys_;
  const Handler handler_;
  ReadingPtr known_, newest_;
  Event news_;
  Gate gate_;
};

class FileSubscription final : public Subscription {
 public:
  FileSubscription(std::shared_ptr<Ear> ear, std::function<void(const Ear*)> leave) : ear_(std::move(ear)), leave_(std::move(leave)) {}
  asio::awaitable<void> stop() override {
    leave_(ear_.get());
    co_await ear_->stop();
  }

 private:
  std::shared_ptr<Ear> ear_;
  std::function<void(const Ear*)> leave_;
};

struct LocalFileSettings {
  std::string file;

  static constexpr auto fields() {
    using S = LocalFileSettings;
    return std::tuple{field("configurationFile", &S::file, "JSON file, relative to the working directory.").required("missing configuration file in metadata")};
  }
};

class LocalFileStore final : public ConfigurationStore {
 public:
  using Settings = LocalFileSettings;
  static constexpr ComponentInfo info{"configuration.local.file", "v1", "Items of a JSON file that is watched. An extension of Mecha."};

  LocalFileStore(const Settings& settings, const ComponentContext& context)
      : file_(settings.file), home_(context.shards.executor(0)), log_(context.log), gate_(home_) {}

  static Result<Items> check(const Settings& settings) { return read_items(settings.file); }

  Async<void> start() override {
    reader_.emplace("config-file");
    MECHA_CO_TRY([[maybe_unused]] const auto first, co_await read());
    auto folder = std::filesystem::path(file_).parent_path();
    notices_.emplace(home_, folder.empty() ? "." : folder.string());
    spawn(gate_, home_, watch());
    co_return Result<void>{};
  }

  Async<void> stop() override {
    co_await gate_.close(0s);
    reader_.reset();
    co_return Result<void>{};
  }

  Async<Items> get(StoreRequest request) override {
    MECHA_CO_TRY(const auto reading, co_await read());
    if (request.keys.empty()) co_return reading->items;
    Items found;
    for (const auto& key : request.keys) {
      if (const auto item = reading->items.find(key); item != reading->items.end()) found.insert(*item);
    }
    co_return found;
  }

  Async<std::unique_ptr<Subscription>> subscribe(StoreRequest request, Handler handler) override {
    auto ear = std::make_shared<Ear>(co_await asio::this_coro::executor, std::move(request.keys), std::move(handler));
    {
      const std::lock_guard lock(mutex_);
      ears_.push_back(ear);
    }
    auto known = co_await read();
    if (!known) {
      remove(ear.get());
      co_return fail(std::move(known).error());
    }
    ear->start(*std::move(known));
    co_return std::make_unique<FileSubscription>(std::move(ear), [this](const Ear* gone) { remove(gone); });
  }

 private:
  Async<ReadingPtr> read() {
    std::function<Result<ReadingPtr>()> work = [this]() -> Result<ReadingPtr> {
      auto reading = std::make_shared<Reading>();
      reading->number = ++readings_;
      MECHA_TRY(reading->items, read_items(file_));
      return ReadingPtr(std::move(reading));
    };
    co_return co_await reader_->call<ReadingPtr>(std::move(work));
  }

  asio::awaitable<void> watch() {
    while (co_await notices_->wait()) {
      const auto reading = co_await read();
      if (!reading) {
        log_.warn("the file of items cannot be read", {{"error", reading.error().message}});
        continue;
      }
      const std::lock_guard lock(mutex_);
      for (const auto& ear : ears_) ear->offer(*reading);
    }
  }

  void remove(const Ear* gone) {
    const std::lock_guard lock(mutex_);
    std::erase_if(ears_, [gone](const auto& ear) { return ear.get() == gone; });
  }

  const std::string file_;
  const Executor home_;
  const Log log_;
  Gate gate_;
  std::optional<FolderNotices> notices_;
  std::uint64_t readings_ = 0;  // on the reader's thread
  std::mutex mutex_;
  std::vector<std::shared_ptr<Ear>> ears_;
  std::optional<Bridge> reader_;  // last: it ends first
};

}  // namespace

void register_local_file(Catalog& catalog) { catalog.add<LocalFileStore>(); }

}  // namespace mecha::configuration
