// State in memcached (contract 02, section 2.7): values as they are under full keys, without etags and transactions.

#include <algorithm>
#include <chrono>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "components/catalog.hpp"
#include "components/memcached/client.hpp"
#include "components/state/state_store.hpp"

namespace mecha::state {
namespace {

using memcached::Command;
using memcached::Verb;

constexpr std::int64_t kMonth = std::int64_t{30} * 24 * 3600;  // from here on the server takes expiry as Unix time
constexpr int kTimeoutMs = 1000, kIdleMax = 2;

struct MemcachedSettings {
  std::vector<std::string> hosts;
  int idle_max = kIdleMax;
  int timeout_ms = kTimeoutMs;

  static constexpr auto fields() {
    using S = MemcachedSettings;
    return std::tuple{
        field("hosts", &S::hosts, "Servers, host:port, joined by commas; keys are spread over them.").required("missing or empty hosts field from metadata"),
        field("maxIdleConnections", &S::idle_max, "Connections kept per server and shard; 2 unless more than 0."),
        field("timeout", &S::timeout_ms, "Limit on one exchange with a server in milliseconds; 1000 unless more than 0."),
    };
  }
};

Result<std::int64_t> expiry_of(const Metadata& metadata) {
  const auto it = metadata.find("ttlInSeconds");
  if (it == metadata.end() || it->second.empty()) return 0;
  auto seconds = parse_integer(it->second, "ParseInt");
  if (!seconds) return fail(std::move(seconds).error());
  if (*seconds <= 0) return 0;
  if (*seconds < kMonth) return *seconds;
  const auto now = std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch()).count();
  if (*seconds > std::numeric_limits<std::int32_t>::max() - now) {
    return fail(Code::invalid_argument, "ttlInSeconds is beyond the times that memcached counts");
  }
  return now + *seconds;
}

class MemcachedStore final : public StateStore {
 public:
  using Settings = MemcachedSettings;
  static constexpr ComponentInfo info{"state.memcached", "v1", "Memcached 1.4 or later; keys of up to 250 bytes without white space."};

  MemcachedStore(Settings settings, const ComponentContext& context) : settings_(std::move(settings)), shards_(context.shards) {}

  static Result<memcached::Options> check(const Settings& settings) {
    memcached::Options options{
        .servers = {},
        .timeout = std::chrono::milliseconds(settings.timeout_ms > 0 ? settings.timeout_ms : kTimeoutMs),
        .idle_max = static_cast<std::size_t>(settings.idle_max > 0 ? settings.idle_max : kIdleMax)};
    for (const auto& host : settings.hosts) {
      MECHA_TRY(auto server, memcached::parse_server(host));
      options.servers.push_back(std::move(server));
    }
    return options;
  }

  Async<void> start() override {
    MECHA_CO_TRY(auto options, check(settings_));
    client_ = std::make_unique<memcached::Client>(shards_, std::move(options));
    co_return co_await client_->ping();
  }
  Async<void> stop() override {
    if (client_ != nullptr) co_await client_->close();
    co_return Result<void>{};
  }

  std::vector<std::string> features() const override { return {std::string(kTtl)}; }

  Async<std::optional<Item>> get(GetRequest request) override {
    std::vector<GetRequest> one;
    one.push_back(std::move(request));
    MECHA_CO_TRY(auto items, co_await bulk_get(std::move(one), 1));
    if (items[0].error) co_return fail(*std::move(items[0].error));
    co_return std::move(items[0].item);
  }

  Async<void> set(SetRequest request) override {
    std::vector<SetRequest> one;
    one.push_back(std::move(request));
    MECHA_CO_TRY(auto failed, co_await bulk_set(std::move(one)));
    if (!failed.empty()) co_return fail(std::move(failed[0].error));
    co_return Result<void>{};
  }

  Async<void> remove(DeleteRequest request) override {
    std::vector<DeleteRequest> one;
    one.push_back(std::move(request));
    MECHA_CO_TRY(auto failed, co_await bulk_delete(std::move(one)));
    if (!failed.empty()) co_return fail(std::move(failed[0].error));
    co_return Result<void>{};
  }

  Async<std::vector<BulkItem>> bulk_get(std::vector<GetRequest> requests, int) override {
    std::vector<Command> commands;
    for (const auto& request : requests) commands.push_back({.verb = Verb::get, .key = request.key});
    MECHA_CO_TRY(auto answers, co_await client_->run(std::move(commands)));
    std::vector<BulkItem> items(requests.size());
    for (std::size_t i = 0; i < items.size(); ++i) {
      items[i].key = std::move(requests[i].key);
      if (!answers[i]) items[i].error = std::move(answers[i]).error();
      else if (*answers[i]) items[i].item = Item{.data = **std::move(answers[i])};
    }
    co_return items;
  }

  // Those of one server in order, so that the last one of a key counts.
  Async<std::vector<KeyError>> bulk_set(std::vector<SetRequest> requests) override {
    Writes writes;
    for (std::size_t i = 0; i < requests.size(); ++i) {
      auto& request = requests[i];
      auto expiry = expiry_of(request.metadata);
      if (!expiry) {
        writes.failed.push_back({i, std::move(expiry).error().context("failed to parse ttl " + request.key)});
        continue;
      }
      writes.indexes.push_back(i);
      writes.commands.push_back(
          {.verb = Verb::set, .key = std::move(request.key), .value = to_bytes(std::move(request.value), json::Dialect::fast), .expiry = *expiry}
      );
    }
    co_return co_await apply(std::move(writes), "failed to set key ");
  }

  Async<std::vector<KeyError>> bulk_delete(std::vector<DeleteRequest> requests) override {
    Writes writes;
    for (std::size_t i = 0; i < requests.size(); ++i) {
      writes.indexes.push_back(i);
      writes.commands.push_back({.verb = Verb::remove, .key = std::move(requests[i].key)});
    }
    co_return co_await apply(std::move(writes), {});
  }

 private:
  struct Writes {
    std::vector<Command> commands;
    std::vector<std::size_t> indexes;  // of the commands, in the request
    std::vector<KeyError> failed;
  };

  Async<std::vector<KeyError>> apply(Writes writes, std::string words) {
    std::vector<std::string> keys;
    for (const auto& command : writes.commands) keys.push_back(command.key);
    MECHA_CO_TRY(auto answers, co_await client_->run(std::move(writes.commands)));
    for (std::size_t i = 0; i < answers.size(); ++i) {
      if (!answers[i]) writes.failed.push_back({writes.indexes[i], words.empty() ? std::move(answers[i]).error() : std::move(answers[i]).error().context(words + keys[i])});
    }
    std::ranges::sort(writes.failed, {}, &KeyError::index);
    co_return std::move(writes.failed);
  }

  Settings settings_;
  Shards& shards_;
  std::unique_ptr<memcached::Client> client_;
};

}  // namespace

void register_memcached(Catalog& catalog) { catalog.add<MemcachedStore>(); }

}  // namespace mecha::state
