// State store inside the process: one map for all shards behind one mutex that is held for a look-up at a time. Nothing
// survives the process. Values are shared and immutable, so that they are copied outside of the lock.

#include <algorithm>
#include <atomic>
#include <memory>
#include <mutex>
#include <unordered_map>

#include <boost/asio/post.hpp>

#include "components/catalog.hpp"
#include "components/state/like.hpp"
#include "components/state/state_store.hpp"
#include "runtime/async/gate.hpp"
#include "runtime/async/within.hpp"
#include "runtime/base/text.hpp"

namespace mecha::state {
namespace {

using namespace std::chrono_literals;
using Time = std::chrono::system_clock::time_point;

constexpr auto kSweepInterval = 1s;
constexpr auto kForever = Time::max();

struct Settings {
  static constexpr auto fields() { return std::tuple{}; }
};

struct Entry {
  std::string data;
  std::string etag;
  Time expires = kForever;

  bool live(Time now) const { return expires > now; }
};
using EntryPtr = std::shared_ptr<const Entry>;

struct Hash {
  using is_transparent = void;
  std::size_t operator()(std::string_view key) const { return std::hash<std::string_view>()(key); }
};

// Outlives the store where a posted sweep still refers to it.
struct Table : std::enable_shared_from_this<Table> {
  explicit Table(Executor executor) : home(executor), gate(executor) {}

  std::mutex mutex;
  std::unordered_map<std::string, EntryPtr, Hash, std::equal_to<>> entries;
  std::atomic<bool> sweeping = false;
  Executor home;
  Gate gate;  // touched on shard 0 only

  EntryPtr find(std::string_view key, Time now) const {
    const auto it = entries.find(key);
    return it != entries.end() && it->second->live(now) ? it->second : nullptr;
  }

  // Starts the sweeper unless it runs: a store without expiring entries costs no wake-up.
  void sweep_later() {
    if (sweeping.exchange(true)) return;
    asio::post(home, [weak = weak_from_this()] {
      if (const auto self = weak.lock()) spawn(self->gate, self->home, self->sweep());
    });
  }

  asio::awaitable<void> sweep() {
    while (co_await sleep_for(kSweepInterval)) {
      if (!remove_expired()) co_return;
    }
  }

  // False when nothing is left that expires.
  bool remove_expired() {
    const std::lock_guard lock(mutex);
    const auto now = std::chrono::system_clock::now();
    bool more = false;
    std::erase_if(entries, [&](const auto& entry) {
      more |= entry.second->expires != kForever && entry.second->live(now);
      return !entry.second->live(now);
    });
    if (!more) sweeping = false;
    return more;
  }
};

Result<Time> expiry(const Metadata& metadata, Time now) {
  const auto it = metadata.find("ttlInSeconds");
  if (it == metadata.end() || it->second.empty()) return kForever;
  MECHA_TRY(const auto seconds, parse_integer(it->second, "Atoi"));
  if (seconds <= 0) return kForever;
  const auto room = std::chrono::floor<std::chrono::seconds>(kForever - now).count() - 1;
  return now + std::chrono::seconds(std::min<std::int64_t>(seconds, room));
}

Result<void> check_etag(
    const EntryPtr& entry, std::string_view key, std::string_view etag, const Options& options
) {
  if (etag.empty()) {
    if (entry && first_write(options)) {
      return etag_mismatch("item already exists and no etag was passed");
    }
    return {};
  }
  std::string text(key);
  if (!entry) return etag_mismatch("state not exist or expired for key=" + text);
  if (entry->etag == etag) return {};
  text.append(": current=").append(entry->etag).append(", expect=").append(etag);
  return etag_mismatch("state etag not match for key=" + text);
}

std::optional<Item> to_item(const EntryPtr& entry) {
  if (!entry) return std::nullopt;
  Item item{.data = entry->data, .etag = entry->etag, .no_data = entry->data.empty()};
  if (entry->expires != kForever) item.metadata["ttlExpireTime"] = text::rfc3339(entry->expires);
  return item;
}

// A write that was checked as far as that goes without the table; an empty entry deletes.
struct Prepared {
  std::string key, etag;
  Options options;
  EntryPtr entry;
};

Result<Prepared> prepare(SetRequest request, Time now) {
  MECHA_TRY_VOID(check_options(request.options));
  MECHA_TRY(const auto expires, expiry(request.metadata, now));
  auto entry = std::make_shared<const Entry>(
      Entry{.data = to_bytes(std::move(request.value)), .etag = text::uuid(), .expires = expires}
  );
  return Prepared{
      std::move(request.key), std::move(request.etag), std::move(request.options), std::move(entry)};
}

Result<Prepared> prepare(DeleteRequest request, Time) {
  MECHA_TRY_VOID(check_options(request.options));
  return Prepared{
      std::move(request.key), std::move(request.etag), std::move(request.options), nullptr};
}

class InMemoryStore final : public StateStore {
 public:
  using Settings = state::Settings;
  static constexpr ComponentInfo info{"state.in-memory", "v1", "Inside the process; lost at its end."};

  InMemoryStore(Settings, const ComponentContext& context)
      : table_(std::make_shared<Table>(context.shards.executor(0))) {}

  Async<void> stop() override {
    co_await table_->gate.close(0s);
    co_return Result<void>{};
  }

  std::vector<std::string> features() const override {
    return {
        std::string(kEtag),
        std::string(kTransactional),
        std::string(kTtl),
        std::string(kDeleteWithPrefix),
        std::string(kKeysLike)};
  }

  Async<std::optional<Item>> get(GetRequest request) override { co_return to_item(look_up(request.key)); }

  Async<std::vector<BulkItem>> bulk_get(std::vector<GetRequest> requests, int) override {
    std::vector<BulkItem> items(requests.size());
    for (std::size_t i = 0; i < items.size(); ++i) {
      items[i].key = std::move(requests[i].key);
      items[i].item = to_item(look_up(items[i].key));
    }
    co_return items;
  }

  Async<void> set(SetRequest request) override { co_return write(std::move(request)); }
  Async<void> remove(DeleteRequest request) override { co_return write(std::move(request)); }

  Async<std::vector<KeyError>> bulk_set(std::vector<SetRequest> requests) override {
    co_return write_all(std::move(requests));
  }
  Async<std::vector<KeyError>> bulk_delete(std::vector<DeleteRequest> requests) override {
    co_return write_all(std::move(requests));
  }

  bool transactional() const override { return true; }

  // All etags are checked against the state before the transaction, then all operations are applied.
  Async<void> transact(TransactRequest request) override { co_return apply(std::move(request)); }

  Async<KeyPage> keys_like(std::string pattern, std::size_t page_size, std::string token) override {
    if (pattern.empty()) co_return fail(Code::invalid_argument, "keys like pattern cannot be empty");
    co_return list(pattern, page_size, token);
  }

  Async<std::int64_t> delete_with_prefix(std::string prefix) override {
    if (prefix.empty() || prefix == "||") {
      co_return fail(Code::invalid_argument, "a prefix is required for deletion by prefix");
    }
    if (!prefix.ends_with("||")) prefix += "||";
    const std::lock_guard lock(table_->mutex);
    co_return static_cast<std::int64_t>(std::erase_if(table_->entries, [&](const auto& entry) {
      const std::string_view key = entry.first;
      return key.starts_with(prefix) && key.find("||", prefix.size()) == std::string_view::npos;
    }));
  }

 private:
  EntryPtr look_up(std::string_view key) const {
    const auto now = std::chrono::system_clock::now();
    const std::lock_guard lock(table_->mutex);
    return table_->find(key, now);
  }

  // With the lock held.
  void put(Prepared write) {
    if (!write.entry) {
      table_->entries.erase(write.key);
      return;
    }
    if (write.entry->expires != kForever) table_->sweep_later();
    table_->entries.insert_or_assign(std::move(write.key), std::move(write.entry));
  }

  template <class R>
  Result<void> write(R request) {
    const auto now = std::chrono::system_clock::now();
    MECHA_TRY(auto prepared, prepare(std::move(request), now));
    const std::lock_guard lock(table_->mutex);
    if (!prepared.etag.empty() || first_write(prepared.options)) {
      const auto entry = table_->find(prepared.key, now);
      MECHA_TRY_VOID(check_etag(entry, prepared.key, prepared.etag, prepared.options));
    }
    put(std::move(prepared));
    return {};
  }

  template <class R>
  std::vector<KeyError> write_all(std::vector<R> requests) {
    std::vector<KeyError> failed;
    for (std::size_t i = 0; i < requests.size(); ++i) {
      auto result = write(std::move(requests[i]));
      if (!result) failed.push_back({i, std::move(result).error()});
    }
    return failed;
  }

  Result<void> apply(TransactRequest request) {
    const auto now = std::chrono::system_clock::now();
    std::vector<Prepared> writes;
    writes.reserve(request.operations.size());
    for (auto& operation : request.operations) {
      auto prepared =
          std::visit([&](auto& r) { return prepare(std::move(r), now); }, operation);
      if (!prepared) return fail(std::move(prepared).error());
      writes.push_back(*std::move(prepared));
    }
    const std::lock_guard lock(table_->mutex);
    for (const auto& write : writes) {
      const auto entry = table_->find(write.key, now);
      MECHA_TRY_VOID(check_etag(entry, write.key, write.etag, write.options));
    }
    for (auto& write : writes) put(std::move(write));
    return {};
  }

  KeyPage list(std::string_view pattern, std::size_t page_size, const std::string& token) {
    KeyPage page;
    const auto now = std::chrono::system_clock::now();
    {
      const std::lock_guard lock(table_->mutex);
      for (const auto& [key, entry] : table_->entries) {
        if (key > token && entry->live(now) && like(pattern, key)) page.keys.push_back(key);
      }
    }
    std::ranges::sort(page.keys);
    if (page_size > 0 && page.keys.size() > page_size) {
      page.keys.resize(page_size);
      page.token = page.keys.back();
    }
    return page;
  }

  std::shared_ptr<Table> table_;
};

}  // namespace

void register_in_memory(Catalog& catalog) { catalog.add<InMemoryStore>(); }

}  // namespace mecha::state
