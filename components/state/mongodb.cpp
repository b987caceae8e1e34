// State in MongoDB (contract 02, section 2.10). One document per key, which the server itself can query; the clock of expiry
// is the server's.

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <unordered_set>

#include "components/catalog.hpp"
#include "components/mongodb/pool.hpp"
#include "components/state/mongodb_query.hpp"
#include "components/state/mongodb_record.hpp"
#include "components/state/state_store.hpp"
#include "runtime/async/bridge.hpp"
#include "runtime/async/gate.hpp"
#include "runtime/async/within.hpp"
#include "runtime/base/clock.hpp"
#include "runtime/base/text.hpp"

namespace mecha::state {
namespace {

using namespace std::chrono_literals;
using mongodb::Document;
using mongodb::Session;

constexpr auto kRound = 60s;  // between looks at the server's clock
constexpr std::size_t kKeysMax = 10'000;  // of one request

struct MongoSettings {
  std::string host, server, username;
  Secret connection, password;
  std::string database = "daprStore", collection = "daprCollection";
  std::string params, write_concern, read_concern = "local", timeout = "5s";

  static constexpr auto fields() {
    using S = MongoSettings;
    return std::tuple{
        field("connectionString", &S::connection, "Everything in one: mongodb:// or mongodb+srv://; then the other parts of the address are not looked at."),
        field("host", &S::host, "host:port of the server, or a comma list of them."),
        field("server", &S::server, "Name whose SRV records list the servers, in the place of host."),
        field("username", &S::username, "User, together with password."),
        field("password", &S::password, "Password, as a URL holds it."),
        field("databaseName", &S::database, "Database of the collection."),
        field("collectionName", &S::collection, "Collection of the records."),
        field("params", &S::params, "Options of the connection string: ?replicaSet=rs0&tls=true."),
        field("writeconcern", &S::write_concern, "Servers that confirm a write: a number, or majority. 1 if absent."),
        field("readconcern", &S::read_concern, "local, majority, available, linearizable or snapshot."),
        field("operationTimeout", &S::timeout, "Limit on finding a server, connecting, and each wait for an answer."),
    };
  }
};

std::string address_of(const MongoSettings& settings) {
  if (!settings.connection.empty()) return settings.connection.reveal();
  std::string params = settings.params;
  if (!params.empty() && !params.starts_with('?')) params = '?' + params;
  const auto password = settings.password.reveal();
  const auto login = settings.username.empty() || password.empty() ? std::string() : settings.username + ':' + password + '@';
  if (!settings.server.empty()) return "mongodb+srv://" + login + settings.server + '/' + settings.database + params;
  return "mongodb://" + login + settings.host + '/' + settings.database + params;
}

Result<mongodb::Options> options_of(const MongoSettings& settings) {
  if (settings.connection.empty()) {
    if (settings.host.empty() && settings.server.empty()) return fail(Code::invalid_argument, "must set 'host' or 'server' fields in metadata");
    if (!settings.host.empty() && !settings.server.empty()) return fail(Code::invalid_argument, "'host' or 'server' fields are mutually exclusive");
  }
  mongodb::Options options{.uri = address_of(settings), .database = settings.database, .collection = settings.collection};
  if (settings.write_concern == "majority") options.writes_confirmed = mongodb::kMajority;
  else if (!settings.write_concern.empty()) {
    const auto count = text::to_int(settings.write_concern);
    if (!count || *count < 1 || *count > 50) return fail(Code::invalid_argument, "error in getting write concern object: it must be majority or 1 to 50, got " + text::quote(settings.write_concern));
    options.writes_confirmed = static_cast<int>(*count);
  }
  static const std::unordered_set<std::string> levels{"local", "majority", "available", "linearizable", "snapshot"};
  if (!settings.read_concern.empty()) options.read_concern = settings.read_concern;
  if (!levels.contains(options.read_concern)) return fail(Code::invalid_argument, "error in getting read concern object: readConcern " + settings.read_concern + " not found");
  const auto timeout = text::go_duration(settings.timeout.empty() ? "5s" : settings.timeout);
  if (!timeout || *timeout < 1ms || *timeout > 24h) return fail(Code::invalid_argument, "incorrect operationTimeout field from metadata");
  options.timeout = std::chrono::ceil<std::chrono::milliseconds>(*timeout);
  return options;
}

bool is_json(const Metadata& metadata) {
  const auto type = metadata.find("contentType");
  return type != metadata.end() && type->second == "application/json";
}

// One change of one record.
struct Write {
  std::string key, etag;
  bool first = false, removes = false;
  Value value;
  std::optional<std::int64_t> ttl_s;
};

class MongoStore final : public StateStore {
 public:
  using Settings = MongoSettings;
  static constexpr ComponentInfo info{"state.mongodb", "v1", "MongoDB 4.0 or later, or a server of its protocol."};

  static Result<mongodb::Options> check(const Settings& settings) { return options_of(settings); }

  MongoStore(Settings settings, const ComponentContext& context)
      : settings_(std::move(settings)), executor_(context.shards.executor(0)), log_(context.log), gate_(executor_) {}

  Async<void> start() override;
  Async<void> stop() override;
  bool forsaken() const override { return pool_ != nullptr && pool_->forsaken(); }

  std::vector<std::string> features() const override {
    return {std::string(kEtag), std::string(kTransactional), std::string(kQueryApi), std::string(kTtl), std::string(kKeysLike)};
  }

  Async<std::optional<Item>> get(GetRequest request) override;
  Async<std::vector<BulkItem>> bulk_get(std::vector<GetRequest> requests, int parallelism) override;
  Async<void> set(SetRequest request) override { return write_one(prepare(std::move(request))); }
  Async<void> remove(DeleteRequest request) override { return write_one(prepare(std::move(request))); }
  Async<std::vector<KeyError>> bulk_set(std::vector<SetRequest> requests) override { return write_each(std::move(requests)); }
  Async<std::vector<KeyError>> bulk_delete(std::vector<DeleteRequest> requests) override { return write_each(std::move(requests)); }
  bool transactional() const override { return true; }
  Async<void> transact(TransactRequest request) override;
  bool queries() const override { return true; }
  Async<QueryResult> query(QueryRequest request) override;
  Async<KeyPage> keys_like(std::string pattern, std::size_t page_size, std::string token) override;

 private:
  Result<Write> prepare(SetRequest request) const;
  Result<Write> prepare(DeleteRequest request) const;
  Result<void> apply(Session& session, const Write& write) const;
  Async<void> write_one(Result<Write> write);
  template <class R>
  Async<std::vector<KeyError>> write_each(std::vector<R> requests);
  std::int64_t server_now() const { return unix_ms() + ahead_ms_; }
  Result<void> look_at_clock(Session& session);
  Result<void> create_index(Session& session);
  asio::awaitable<void> look_around();

  MongoSettings settings_;
  Executor executor_;
  Log log_;
  std::unique_ptr<mongodb::Pool> pool_;
  std::atomic<std::int64_t> ahead_ms_ = 0;    // the server's clock before ours
  std::atomic<bool> sweeps_ = false;          // the server has no index of expiry
  Gate gate_;
};

Async<void> MongoStore::start() {
  MECHA_CO_TRY(auto options, options_of(settings_));
  {
    Bridge aside("mongodb-open");
    std::function<Result<std::unique_ptr<mongodb::Pool>>()> open = [&options] { return mongodb::Pool::open(std::move(options)); };
    MECHA_CO_TRY(pool_, co_await aside.call<std::unique_ptr<mongodb::Pool>>(std::move(open)));
  }
  MECHA_CO_TRY_VOID(co_await pool_->run<void>([this](Session& session) -> Result<void> {
    auto looked = look_at_clock(session);
    if (!looked) return fail(std::move(looked).error().context("error in connecting to mongodb, host: " + settings_.host + " error"));
    auto created = create_index(session);
    if (!created) return fail(std::move(created).error().context("error in creating ttl index"));
    return {};
  }));
  if (sweeps_) log_.info("The server has no index of expiry: expired records are deleted every minute from here");
  spawn(gate_, executor_, look_around());
  co_return Result<void>{};
}

// The driver's threads may be at a server that does not answer.
Async<void> MongoStore::stop() {
  co_await gate_.close(0s);
  if (pool_ != nullptr) MECHA_CO_TRY_VOID(co_await run_aside("mongodb-close", [this] { pool_->close(); }));
  pool_.reset();
  co_return Result<void>{};
}

// Half of the way to the server is not counted; that is less than what a second of expiry means.
Result<void> MongoStore::look_at_clock(Session& session) {
  MECHA_TRY(const auto answer, session.command(Document().number("hello", 1)));
  if (const auto there = answer.as_date("localTime")) ahead_ms_ = *there - unix_ms();
  return {};
}

Result<void> MongoStore::create_index(Session& session) {
  Document index;
  index.document("key", Document().number("_ttl", 1)).text("name", "_ttl_1").number("expireAfterSeconds", 0);
  Document words;
  words.text("createIndexes", settings_.collection).array("indexes", {index});
  auto created = session.command(words);
  if (created) return {};
  if (session.last_code() != mongodb::kNotImplemented) return fail(std::move(created).error());
  sweeps_ = true;
  return {};
}

// The clocks of servers drift, and another one may be the primary.
asio::awaitable<void> MongoStore::look_around() {
  while (co_await sleep_for(kRound)) {
    const auto done = co_await pool_->run<void>([this](Session& session) -> Result<void> {
      MECHA_TRY_VOID(look_at_clock(session));
      if (sweeps_) MECHA_TRY_VOID(session.remove(expired(server_now()), true));
      return {};
    });
    if (!done) log_.warn("The clock of the server could not be read", {{"error", done.error().message}});
  }
}

Result<Write> MongoStore::prepare(SetRequest request) const {
  if (request.key.empty()) return fail(Code::invalid_argument, "missing key in set operation");
  auto ttl = ttl_seconds(request.metadata);
  if (!ttl) return fail(std::move(ttl).error().context("error parsing TTL"));
  return Write{
      .key = std::move(request.key), .etag = std::move(request.etag), .first = first_write(request.options), .value = std::move(request.value), .ttl_s = *ttl};
}

Result<Write> MongoStore::prepare(DeleteRequest request) const {
  if (request.key.empty()) return fail(Code::invalid_argument, "missing key in delete operation");
  return Write{.key = std::move(request.key), .etag = std::move(request.etag), .removes = true, .value = {}, .ttl_s = {}};
}

// An etag that does not fit finds nothing, and the new record that would be made meets the key that is there.
Result<void> MongoStore::apply(Session& session, const Write& write) const {
  const auto now = server_now();
  if (write.removes) {
    MECHA_TRY(const auto removed, session.remove(by_key(write.key, write.etag)));
    if (removed == 0 && !write.etag.empty()) return etag_mismatch();
    return {};
  }
  const auto expires = write.ttl_s ? std::optional(now + *write.ttl_s * 1000) : std::nullopt;
  const bool guarded = write.first && write.etag.empty();
  const auto filter = by_key(write.key, write.etag, guarded ? std::optional(now) : std::nullopt);
  const auto update = make_update(write.value, text::uuid(), expires);
  const bool conditional = guarded || !write.etag.empty();
  MECHA_TRY(bool written, session.upsert(filter, update));
  if (!written && !conditional) {  // two made the record at once
    MECHA_TRY(written, session.upsert(filter, update));
  }
  if (!written) return etag_mismatch();
  return {};
}

Async<void> MongoStore::write_one(Result<Write> write) {
  if (!write) co_return fail(std::move(write).error());
  co_return co_await pool_->run<void>([this, w = *std::move(write)](Session& session) { return apply(session, w); });
}

// In order, each by itself.
template <class R>
Async<std::vector<KeyError>> MongoStore::write_each(std::vector<R> requests) {
  std::vector<Result<Write>> writes;
  writes.reserve(requests.size());
  for (auto& request : requests) writes.push_back(prepare(std::move(request)));
  co_return co_await pool_->run<std::vector<KeyError>>([this, writes = std::move(writes)](Session& session) -> Result<std::vector<KeyError>> {
    std::vector<KeyError> failed;
    std::optional<Error> gone;  // a server that is not there is not waited for again and again
    for (std::size_t i = 0; i < writes.size(); ++i) {
      auto done = !writes[i] ? fail(writes[i].error()) : gone ? fail(*gone) : apply(session, *writes[i]);
      if (done) continue;
      if (done.error().code == Code::unavailable) gone = done.error();
      failed.push_back({i, std::move(done).error()});
    }
    return failed;
  });
}

Async<void> MongoStore::transact(TransactRequest request) {
  if (!pool_->names_replica_set()) co_return fail(Code::failed_precondition, "using transactions with MongoDB requires connecting to a replica set");
  std::vector<Write> writes;
  for (auto& operation : request.operations) {
    auto* set = std::get_if<SetRequest>(&operation);
    // Only here bytes that are said to be JSON become a document.
    if (auto* bytes = set ? std::get_if<std::string>(&set->value) : nullptr; bytes && is_json(set->metadata)) {
      MECHA_CO_TRY(auto parsed, json::parse(*bytes));
      set->value = std::move(parsed);
    }
    auto write = std::visit([this](auto& r) { return prepare(std::move(r)); }, operation);
    if (!write) co_return fail(std::move(write).error());
    writes.push_back(*std::move(write));
  }
  co_return co_await pool_->run<void>([this, writes = std::move(writes)](Session& session) {
    return session.transaction([&]() -> Result<void> {
      for (const auto& write : writes) MECHA_TRY_VOID(apply(session, write));
      return {};
    });
  });
}

Async<std::optional<Item>> MongoStore::get(GetRequest request) {
  if (request.key.empty()) co_return fail(Code::invalid_argument, "missing key in get operation");
  const auto filter = alive(by_key(request.key), server_now());
  MECHA_CO_TRY(const auto found, co_await pool_->run<std::vector<Document>>([filter](Session& session) { return session.find(filter); }));
  if (found.empty()) co_return std::nullopt;
  MECHA_CO_TRY(auto record, read_record(found.front()));
  co_return std::move(record.item);
}

// Found records by key, then the missing keys in the order of the request.
Async<std::vector<BulkItem>> MongoStore::bulk_get(std::vector<GetRequest> requests, int) {
  if (requests.size() > kKeysMax) co_return fail(Code::invalid_argument, "too many keys in one request");
  if (requests.empty()) co_return std::vector<BulkItem>();
  std::vector<std::string> keys;
  for (const auto& request : requests) keys.push_back(request.key);
  const auto filter = alive(Document().document("_id", Document().texts("$in", keys)), server_now());
  MECHA_CO_TRY(const auto found, co_await pool_->run<std::vector<Document>>([filter](Session& session) {
    return session.find(filter, Document().document("sort", Document().number("_id", 1)));
  }));
  std::vector<BulkItem> items;
  std::unordered_set<std::string> seen;
  for (const auto& document : found) {
    auto record = read_record(document);
    BulkItem item{.key = document.as_text("_id").value_or(""), .item = {}, .error = {}};
    if (record) item.item = std::move(record->item);
    else item.error = std::move(record).error();
    seen.insert(item.key);
    items.push_back(std::move(item));
  }
  for (auto& request : requests) {
    if (!seen.contains(request.key)) items.push_back({.key = std::move(request.key), .item = {}, .error = {}});
  }
  co_return items;
}

Async<QueryResult> MongoStore::query(QueryRequest request) {
  MECHA_CO_TRY(const auto query, make_mongo_query(request.query));
  MECHA_CO_TRY(const auto found, co_await pool_->run<std::vector<Document>>([query](Session& session) { return session.find(query.filter, query.options); }));
  QueryResult result;
  for (const auto& document : found) {
    auto record = read_record(document);
    QueryItem item{.key = document.as_text("_id").value_or(""), .data = {}, .etag = document.as_text("_etag"), .error = {}};
    if (record) item.data = std::move(record->item.data);
    else item.error = record.error().message;
    result.results.push_back(std::move(item));
  }
  if (query.limited) result.token = std::to_string(query.offset + static_cast<std::int64_t>(found.size()));
  co_return result;
}

// By key; the token is the last one.
Async<KeyPage> MongoStore::keys_like(std::string pattern, std::size_t page_size, std::string token) {
  if (pattern.empty()) co_return fail(Code::invalid_argument, "keys like pattern cannot be empty");
  Document wanted;
  wanted.text("$regex", like_expression(pattern));
  if (!token.empty()) wanted.text("$gt", token);
  const auto filter = alive(Document().document("_id", wanted), server_now());
  Document options;
  options.document("sort", Document().number("_id", 1)).document("projection", Document().number("_id", 1));
  if (page_size > 0) options.number("limit", static_cast<std::int64_t>(page_size) + 1);
  MECHA_CO_TRY(const auto found, co_await pool_->run<std::vector<Document>>([filter, options](Session& session) { return session.find(filter, options); }));
  KeyPage page;
  for (const auto& document : found) page.keys.push_back(document.as_text("_id").value_or(""));
  if (page_size > 0 && page.keys.size() > page_size) {
    page.keys.resize(page_size);
    page.token = page.keys.back();
  }
  co_return page;
}

}  // namespace

void register_mongodb(Catalog& catalog) { catalog.add<MongoStore>(); }

}  // namespace mecha::state
