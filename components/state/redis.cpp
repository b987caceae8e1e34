// State store on Redis 6 or later, one server or several (contract 02, section 2.2). Each record is a hash that one script at the
// server writes; see redis_scripts.hpp. Keys arrive with their prefix.

#include <algorithm>
#include <optional>

#include "components/catalog.hpp"
#include "components/redis/client.hpp"
#include "components/state/like.hpp"
#include "components/state/redis_query.hpp"
#include "components/state/redis_scripts.hpp"
#include "components/state/redis_settings.hpp"
#include "components/state/state_store.hpp"
#include "runtime/base/text.hpp"

namespace mecha::state {
namespace {

using redis::Command;
using redis::Reply;
using namespace std::chrono_literals;

constexpr int kReplicaWaitMs = 1000;

bool is_json(const Metadata& metadata) {
  const auto it = metadata.find("contentType");
  return it != metadata.end() && it->second == "application/json";
}

bool is_wrong_type(std::string_view text) { return text.starts_with("WRONGTYPE"); }
bool is_unknown_script(std::string_view text) { return text.starts_with("NOSCRIPT"); }

// A set as the script takes it.
struct Write {
  std::string key, version, data, flag, ttl, etag;
  bool json = false;
};

std::string json_text(Value value) {
  if (auto* document = std::get_if<json::Value>(&value)) {
    return json::write(*document, json::Dialect::fast);
  }
  std::string text;
  json::write_string(text, text::base64(std::get<std::string>(value)));
  return text;
}

Result<std::optional<Item>> item_of_hash(Reply reply) {
  if (reply.items.empty()) return std::nullopt;
  Item item;
  bool data = false;
  for (std::size_t i = 0; i + 1 < reply.items.size(); i += 2) {
    const auto& name = reply.items[i].text;
    if (name == "data") {
      item.data = std::move(reply.items[i + 1].text);
      data = true;
    } else if (name == "version") {
      item.etag = std::move(reply.items[i + 1].text);
    }
  }
  if (!data || !item.etag) {
    return fail(Code::internal, "required hash field 'data' or 'version' was not found");
  }
  return item;
}

Result<std::optional<Item>> item_of_document(const Reply& reply) {
  if (reply.is_nil()) return std::nullopt;
  MECHA_TRY(const auto document, json::parse(reply.text, true));
  const auto* data = document.find("data");
  const auto* version = document.find("version");
  if (!data || !version || !version->is_number()) {
    return fail(Code::internal, "required hash field 'data' or 'version' was not found");
  }
  return Item{.data = json::write(*data, json::Dialect::fast), .etag = version->number_text()};
}

Result<std::vector<QueryIndex>> read_indexes(const std::string& text) {
  auto indexes = parse_query_indexes(text);
  if (indexes) return indexes;
  return fail(std::move(indexes).error().context("redis store: error parsing query index schema"));
}

class RedisStore final : public StateStore {
 public:
  using Settings = RedisStateSettings;
  static constexpr ComponentInfo info{"state.redis", "v1", "Redis 6 or later: one server, a cluster, or the master that sentinels name."};

  static Result<redis::Options> resolve(Settings settings) {
    if (settings.old_retries_max) settings.retries_max = *settings.old_retries_max;
    if (settings.old_backoff_ns) {
      settings.retry_min =
          std::chrono::duration_cast<redis::milliseconds>(std::chrono::nanoseconds(*settings.old_backoff_ns));
    }
    return redis::resolve(settings, 2s);
  }

  static Result<std::vector<QueryIndex>> check(const Settings& settings) {
    MECHA_TRY_VOID(resolve(settings));
    return read_indexes(settings.query_indexes);
  }

  RedisStore(Settings settings, const ComponentContext& context)
      : host_(settings.host), ttl_(settings.ttl), index_text_(settings.query_indexes) {
    auto options = resolve(std::move(settings));
    if (options) client_.emplace(context.shards, *std::move(options));
    else error_ = std::move(options).error();
  }

  Async<void> start() override;
  Async<void> stop() override {
    if (client_) co_await client_->close();
    co_return Result<void>{};
  }

  std::vector<std::string> features() const override {
    std::vector<std::string> list{std::string(kEtag), std::string(kTransactional), std::string(kTtl)};
    if (json_) list.emplace_back(kQueryApi);
    list.emplace_back(kKeysLike);
    return list;
  }

  Async<std::optional<Item>> get(GetRequest request) override;
  Async<void> set(SetRequest request) override;
  Async<void> remove(DeleteRequest request) override;
  Async<std::vector<BulkItem>> bulk_get(std::vector<GetRequest> requests, int parallelism) override;
  Async<std::vector<KeyError>> bulk_set(std::vector<SetRequest> requests) override;

  bool transactional() const override { return true; }
  Async<void> transact(TransactRequest request) override;

  bool queries() const override { return true; }
  Async<QueryResult> query(QueryRequest request) override;

  Async<KeyPage> keys_like(std::string pattern, std::size_t page_size, std::string token) override;

 private:
  Async<std::optional<Item>> get_text(std::string key);
  Async<void> count_replicas();
  Async<void> load_script(Script* script);
  Async<void> prepare_json();
  Async<Reply> run(Write write, bool strong);
  Result<Write> prepare(SetRequest request, bool check) const;
  Result<std::string> ttl_of(const Metadata& metadata) const;
  bool json_mode(const Metadata& metadata) const { return json_ && is_json(metadata); }

  const Script& set_script(bool json) const { return json ? set_json_ : set_; }
  const Script& delete_script(bool json) const { return json ? delete_json_ : delete_; }

  std::string host_;
  std::optional<int> ttl_;
  std::string index_text_;
  std::optional<redis::Client> client_;
  std::optional<Error> error_;
  // Set by start(), before anybody else sees the store.
  bool json_ = false;
  std::int64_t replicas_ = 0;
  std::vector<QueryIndex> indexes_;
  Script set_{kSetScript, {}}, delete_{kDeleteScript, {}};
  Script set_json_{kSetJsonScript, {}}, delete_json_{kDeleteJsonScript, {}};
};

Error set_failure(const Error& cause, const std::string& key, const std::string& etag) {
  if (redis::is_server_error(cause) && !etag.empty()) return etag_mismatch(cause.message).error();
  Error error = cause;
  return std::move(error).context("failed to set key " + key);
}

Async<void> RedisStore::start() {
  if (error_) co_return fail(*error_);
  MECHA_CO_TRY(indexes_, read_indexes(index_text_));
  auto connected = co_await client_->connect();
  if (!connected) {
    co_return fail(
        std::move(connected).error().context("redis store: error connecting to redis at " + host_)
    );
  }
  MECHA_CO_TRY_VOID(co_await count_replicas());
  MECHA_CO_TRY_VOID(co_await load_script(&set_));
  MECHA_CO_TRY_VOID(co_await load_script(&delete_));
  co_return co_await prepare_json();
}

// Of a cluster the least that a master has: a strong write waits for that many.
Async<void> RedisStore::count_replicas() {
  constexpr std::string_view kReplicas = "connected_slaves:";
  MECHA_CO_TRY(const auto servers, co_await client_->servers());
  std::optional<std::int64_t> least;
  for (const auto& server : servers) {
    MECHA_CO_TRY(const auto replication, co_await client_->call_at(server, Command("INFO", "replication")));
    std::int64_t count = 0;
    if (const auto at = replication.text.find(kReplicas); at != std::string::npos) {
      const auto rest = std::string_view(replication.text).substr(at + kReplicas.size());
      count = text::to_int(rest.substr(0, rest.find_first_not_of("0123456789"))).value_or(0);
    }
    least = std::min(least.value_or(count), count);
  }
  replicas_ = least.value_or(0);
  co_return Result<void>{};
}

// On each server; one that lacks it, because it came later, gets it with the first call.
Async<void> RedisStore::load_script(Script* script) {
  MECHA_CO_TRY(const auto servers, co_await client_->servers());
  for (const auto& server : servers) {
    MECHA_CO_TRY(auto hash, co_await client_->call_at(server, Command("SCRIPT", "LOAD", script->text)));
    script->hash = std::move(hash.text);
  }
  co_return Result<void>{};
}

Async<void> RedisStore::prepare_json() {
  const auto probe = co_await client_->call(Command("JSON.GET"));
  if (!probe && !redis::is_server_error(probe.error())) co_return fail(probe.error());
  json_ = probe || !text::lower(probe.error().message).starts_with("err unknown command");
  if (!json_) co_return Result<void>{};
  MECHA_CO_TRY_VOID(co_await load_script(&set_json_));
  MECHA_CO_TRY_VOID(co_await load_script(&delete_json_));
  for (const auto& index : indexes_) {
    auto made = co_await client_->call(create_index(index));
    if (!made && made.error().message == "Index already exists") {
      MECHA_CO_TRY_VOID(co_await client_->call(Command("FT.DROPINDEX", index.name)));
      made = co_await client_->call(create_index(index));
    }
    if (!made) co_return fail(std::move(made).error().context("redis store: error creating query index"));
  }
  co_return Result<void>{};
}

Async<std::optional<Item>> RedisStore::get(GetRequest request) {
  if (json_mode(request.metadata)) {
    auto document = co_await client_->call(Command("JSON.GET", request.key));
    if (document) co_return item_of_document(*document);
    if (!redis::is_server_error(document.error())) co_return fail(std::move(document).error());
  }
  auto hash = co_await client_->call(Command("HGETALL", request.key));
  if (hash) co_return item_of_hash(*std::move(hash));
  if (!is_wrong_type(hash.error().message)) co_return fail(std::move(hash).error());
  co_return co_await get_text(std::move(request.key));
}

// A plain string that somebody else wrote: read as it is, without etag.
Async<std::optional<Item>> RedisStore::get_text(std::string key) {
  MECHA_CO_TRY(auto reply, co_await client_->call(Command("GET", key)));
  if (reply.is_nil()) co_return std::nullopt;
  co_return Item{.data = std::move(reply.text)};
}

Result<std::string> RedisStore::ttl_of(const Metadata& metadata) const {
  const auto it = metadata.find("ttlInSeconds");
  if (it == metadata.end() || it->second.empty()) return ttl_ ? std::to_string(*ttl_) : std::string();
  auto seconds = parse_integer(it->second, "ParseInt");
  if (!seconds) return fail(std::move(seconds).error().context("failed to parse ttl from metadata"));
  return std::to_string(*seconds);
}

// `check`: option texts count; a transaction does not look at them, and knows no first-write.
Result<Write> RedisStore::prepare(SetRequest request, bool check) const {
  if (check) MECHA_TRY_VOID(check_options(request.options));
  Write write{.version = "0", .flag = check && first_write(request.options) ? "0" : "1"};
  if (!request.etag.empty() && (!check || request.options.concurrency != "last-write")) {
    const auto version = parse_integer(request.etag);
    if (!version) return etag_invalid(version.error().message);
    write.version = std::to_string(*version);
  }
  MECHA_TRY(write.ttl, ttl_of(request.metadata));
  write.json = json_mode(request.metadata);
  write.data = write.json ? json_text(std::move(request.value))
                          : to_bytes(std::move(request.value), json::Dialect::fast);
  write.key = std::move(request.key);
  write.etag = std::move(request.etag);
  return write;
}

Async<Reply> RedisStore::run(Write w, bool strong) {
  const auto& script = set_script(w.json);
  std::vector<Command> commands;
  commands.push_back(run_by_hash(script, w.key, w.version, w.data, w.flag, w.ttl));
  if (!strong || replicas_ == 0) {
    auto reply = co_await client_->call(std::move(commands.front()));
    if (reply || !is_unknown_script(reply.error().message)) co_return reply;
    co_return co_await client_->call(run_by_text(script, w.key, w.version, w.data, w.flag, w.ttl));
  }
  commands.front() = run_by_text(script, w.key, w.version, w.data, w.flag, w.ttl);
  commands.emplace_back("WAIT", replicas_, kReplicaWaitMs);
  MECHA_CO_TRY(auto replies, co_await client_->pipeline_slow(std::move(commands)));
  MECHA_CO_TRY(auto reply, redis::checked(std::move(replies[0])));
  auto replicas = redis::checked(std::move(replies[1]));
  if (!replicas) co_return fail(std::move(replicas).error());
  if (replicas->integer < replicas_) {
    co_return fail(
        Code::unavailable,
        "redis waiting for " + std::to_string(replicas_) + " replicas to acknowledge write, err: only " +
            std::to_string(replicas->integer) + " did"
    );
  }
  co_return reply;
}

Async<void> RedisStore::set(SetRequest request) {
  const bool strong = request.options.consistency == "strong";
  MECHA_CO_TRY(auto write, prepare(std::move(request), true));
  const auto key = write.key;
  const auto etag = write.etag;
  auto reply = co_await run(std::move(write), strong);
  if (!reply) co_return fail(set_failure(reply.error(), key, etag));
  co_return Result<void>{};
}

Async<void> RedisStore::remove(DeleteRequest request) {
  MECHA_CO_TRY_VOID(check_options(request.options));
  const bool json = json_mode(request.metadata);
  // Without an etag the script would delete whatever there is.
  if (request.etag.empty() || request.etag == "0") {
    auto deleted = co_await client_->call(Command("DEL", request.key));
    if (!deleted) co_return etag_mismatch(deleted.error().message);
    co_return Result<void>{};
  }
  const auto& script = delete_script(json);
  auto deleted = co_await client_->call(run_by_hash(script, request.key, request.etag));
  if (!deleted && is_unknown_script(deleted.error().message)) {
    deleted = co_await client_->call(run_by_text(script, request.key, request.etag));
  }
  if (!deleted) co_return etag_mismatch(deleted.error().message);
  co_return Result<void>{};
}

Async<std::vector<BulkItem>> RedisStore::bulk_get(std::vector<GetRequest> requests, int parallelism) {
  for (const auto& request : requests) {
    if (json_mode(request.metadata)) co_return co_await StateStore::bulk_get(std::move(requests), parallelism);
  }
  std::vector<Command> commands;
  commands.reserve(requests.size());
  for (const auto& request : requests) commands.emplace_back("HGETALL", request.key);
  auto replies = co_await client_->each(std::move(commands));
  const auto no_answer = [](const auto& reply) { return !reply && !redis::is_server_error(reply.error()); };
  if (!replies.empty() && std::ranges::all_of(replies, no_answer)) co_return fail(replies.front().error());
  std::vector<BulkItem> items(requests.size());
  for (std::size_t i = 0; i < items.size(); ++i) {
    items[i].key = requests[i].key;
    Result<std::optional<Item>> item = std::nullopt;
    if (replies[i]) item = item_of_hash(*std::move(replies[i]));
    else if (is_wrong_type(replies[i].error().message)) item = co_await get_text(std::move(requests[i].key));
    else item = fail(std::move(replies[i]).error());
    if (item) items[i].item = *std::move(item);
    else items[i].error = std::move(item).error();
  }
  co_return items;
}

// In order, in one piece; items that need more than a script go one by one.
Async<std::vector<KeyError>> RedisStore::bulk_set(std::vector<SetRequest> requests) {
  for (const auto& request : requests) {
    if (request.options.consistency == "strong" && replicas_ > 0) {
      co_return co_await StateStore::bulk_set(std::move(requests));
    }
  }
  std::vector<KeyError> failed;
  std::vector<std::pair<std::size_t, Write>> writes;
  std::vector<Command> commands;
  for (std::size_t i = 0; i < requests.size(); ++i) {
    auto write = prepare(std::move(requests[i]), true);
    if (!write) {
      failed.push_back({i, std::move(write).error()});
      continue;
    }
    const auto& w = *write;
    commands.push_back(run_by_hash(set_script(w.json), w.key, w.version, w.data, w.flag, w.ttl));
    writes.emplace_back(i, *std::move(write));
  }
  auto replies = co_await client_->each(std::move(commands));
  for (std::size_t n = 0; n < writes.size(); ++n) {
    auto& [index, write] = writes[n];
    const auto key = write.key;
    const auto etag = write.etag;
    auto reply = std::move(replies[n]);
    if (!reply && is_unknown_script(reply.error().message)) reply = co_await run(std::move(write), false);
    if (!reply) failed.push_back({index, set_failure(reply.error(), key, etag)});
  }
  std::ranges::sort(failed, {}, &KeyError::index);
  co_return failed;
}

// Not atomic: a script that fails neither undoes those before it nor stops those after it.
Async<void> RedisStore::transact(TransactRequest request) {
  const bool json = json_mode(request.metadata);
  std::vector<Command> commands;
  for (auto& operation : request.operations) {
    if (auto* set = std::get_if<SetRequest>(&operation)) {
      if (json) set->metadata["contentType"] = "application/json";
      MECHA_CO_TRY(const auto w, prepare(std::move(*set), false));
      commands.push_back(run_by_text(set_script(w.json), w.key, w.version, w.data, w.flag, w.ttl));
    } else {
      const auto& removal = std::get<DeleteRequest>(operation);
      const auto& script = delete_script(json || json_mode(removal.metadata));
      commands.push_back(run_by_text(script, removal.key, removal.etag.empty() ? "0" : removal.etag));
    }
  }
  MECHA_CO_TRY(auto replies, co_await client_->transaction(std::move(commands)));
  for (auto& reply : replies) {
    if (reply.is_error()) co_return fail(Code::unknown, std::move(reply.text));
  }
  co_return Result<void>{};
}

Async<QueryResult> RedisStore::query(QueryRequest request) {
  if (!json_) {
    co_return fail(
        Code::unimplemented, "redis-json server support is required for query capability"
    );
  }
  MECHA_CO_TRY(auto search, make_search(indexes_, request.query, request.metadata));
  MECHA_CO_TRY(auto reply, co_await client_->call(std::move(search.command)));
  co_return read_search(std::move(reply), search);
}

Async<KeyPage> RedisStore::keys_like(std::string pattern, std::size_t page_size, std::string token) {
  if (pattern.empty()) co_return fail(Code::invalid_argument, "keys like pattern cannot be empty");
  const auto glob = to_glob(pattern);
  MECHA_CO_TRY(const auto servers, co_await client_->servers());
  // The token is the server's cursor; of a cluster, with the server whose it is: "17@127.0.0.1:7000".
  const auto mark = std::min(token.find('@'), token.size());
  auto cursor = token.empty() ? "0" : token.substr(0, mark);
  auto server = std::ranges::lower_bound(servers, mark < token.size() ? token.substr(mark + 1) : std::string());
  if (server != servers.end() && mark < token.size() && *server != token.substr(mark + 1)) cursor = "0";
  KeyPage page;
  while (server != servers.end() && (page_size == 0 || page.keys.size() < page_size)) {
    Command scan("SCAN", cursor, "MATCH", glob, "COUNT", 1000);
    MECHA_CO_TRY(auto reply, co_await client_->call_at(*server, std::move(scan)));
    if (reply.items.size() != 2) co_return fail(Code::internal, "redis: unexpected answer of SCAN");
    cursor = std::move(reply.items[0].text);
    for (auto& key : reply.items[1].items) {
      if (like(pattern, key.text)) page.keys.push_back(std::move(key.text));
    }
    if (cursor == "0") ++server;
  }
  if (server != servers.end()) page.token = server->empty() ? cursor : cursor + "@" + *server;
  co_return page;
}

}  // namespace

void register_redis(Catalog& catalog) { catalog.add<RedisStore>(); }

}  // namespace mecha::state
