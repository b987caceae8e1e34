#include "components/pubsub/sqlite_log.hpp"

#include <set>
#include <utility>

#include "components/pubsub/metadata_text.hpp"
#include "runtime/base/clock.hpp"
#include "runtime/base/text.hpp"

namespace mecha::pubsub {
namespace {

using sqlite::Atomic;
using sqlite::Connection;
using sqlite::Database;
using sqlite::Params;
using sqlite::Value;
using std::chrono::system_clock;

constexpr std::string_view kLayout = "1";
constexpr std::int64_t kClaimBytes = 8 << 20;  // of one claim, but one message at least
constexpr std::int64_t kExpireAtOnce = 1000;   // writers in between are not held up for long

// States of a delivery: 0 may be taken; 1 waits for `due`, in the hands of `holder` or, without one, for its next attempt;
// 2 stands behind another message of its key.
constexpr const char* kTables = R"(
CREATE TABLE IF NOT EXISTS pubsub_layout (version TEXT NOT NULL PRIMARY KEY);
CREATE TABLE IF NOT EXISTS pubsub_messages (
  id INTEGER PRIMARY KEY AUTOINCREMENT, topic TEXT NOT NULL, key TEXT, data TEXT NOT NULL, size INTEGER NOT NULL,
  content_type TEXT, metadata TEXT, created INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS pubsub_messages_topic ON pubsub_messages (topic, key);
CREATE INDEX IF NOT EXISTS pubsub_messages_created ON pubsub_messages (created);
CREATE TABLE IF NOT EXISTS pubsub_consumers (
  id INTEGER PRIMARY KEY, topic TEXT NOT NULL, name TEXT NOT NULL, UNIQUE (topic, name));
CREATE TABLE IF NOT EXISTS pubsub_deliveries (
  consumer INTEGER NOT NULL REFERENCES pubsub_consumers (id) ON DELETE CASCADE,
  message INTEGER NOT NULL REFERENCES pubsub_messages (id) ON DELETE CASCADE,
  key TEXT, state INTEGER NOT NULL, due INTEGER NOT NULL DEFAULT 0, holder TEXT, attempts INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (consumer, message)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS pubsub_deliveries_message ON pubsub_deliveries (message);
CREATE INDEX IF NOT EXISTS pubsub_deliveries_ready ON pubsub_deliveries (consumer, message) WHERE state = 0;
CREATE INDEX IF NOT EXISTS pubsub_deliveries_due ON pubsub_deliveries (consumer, due) WHERE state = 1;
CREATE INDEX IF NOT EXISTS pubsub_deliveries_key ON pubsub_deliveries (consumer, key, message) WHERE key IS NOT NULL;
)";

constexpr std::string_view kAppend =
    "INSERT INTO pubsub_messages (topic, key, data, size, content_type, metadata, created) VALUES (?, ?, ?, ?, ?, ?, ?)";
constexpr std::string_view kDeliver =
    "INSERT INTO pubsub_deliveries (consumer, message, key, state) SELECT c.id, last_insert_rowid(), ?2, "
    "CASE WHEN ?2 IS NOT NULL AND EXISTS (SELECT 1 FROM pubsub_deliveries d WHERE d.consumer = c.id AND d.key = ?2) "
    "THEN 2 ELSE 0 END FROM pubsub_consumers c WHERE c.topic = ?1";
constexpr std::string_view kEnter = "INSERT OR IGNORE INTO pubsub_consumers (topic, name) VALUES (?, ?)";
constexpr std::string_view kHistory =
    "INSERT INTO pubsub_deliveries (consumer, message, key, state) SELECT ?2, m.id, m.key, "
    "CASE WHEN m.key IS NOT NULL AND EXISTS (SELECT 1 FROM pubsub_messages e WHERE e.topic = ?1 AND e.key = m.key "
    "AND e.id < m.id) THEN 2 ELSE 0 END FROM pubsub_messages m WHERE m.topic = ?1 "
    "AND NOT EXISTS (SELECT 1 FROM pubsub_consumers c WHERE c.topic = ?1 AND c.id <> ?2)";
constexpr std::string_view kLook =
    "SELECT EXISTS (SELECT 1 FROM pubsub_deliveries WHERE consumer = ?1 AND state = 0), "
    "(SELECT MIN(due) FROM pubsub_deliveries WHERE consumer = ?1 AND state = 1)";
constexpr std::string_view kRipen =
    "UPDATE pubsub_deliveries SET state = 0, holder = NULL WHERE consumer = ? AND state = 1 AND due <= ?";
constexpr std::string_view kReady =
    "SELECT d.message, d.attempts, m.size FROM pubsub_deliveries d JOIN pubsub_messages m ON m.id = d.message "
    "WHERE d.consumer = ? AND d.state = 0 ORDER BY d.message LIMIT ?";
constexpr std::string_view kTake =
    "UPDATE pubsub_deliveries SET state = 1, due = ?3, holder = ?4, attempts = attempts + 1 "
    "WHERE consumer = ?1 AND message = ?2";
constexpr std::string_view kRead = "SELECT topic, key, data, content_type, metadata FROM pubsub_messages WHERE id = ?";
constexpr std::string_view kHold = "UPDATE pubsub_deliveries SET due = ?4 WHERE consumer = ?1 AND message = ?2 AND holder = ?3";
constexpr std::string_view kAgain =
    "UPDATE pubsub_deliveries SET due = ?4, holder = NULL WHERE consumer = ?1 AND message = ?2 AND holder = ?3";
constexpr std::string_view kDone = "DELETE FROM pubsub_deliveries WHERE consumer = ? AND message = ? AND holder = ?";
constexpr std::string_view kNext =
    "UPDATE pubsub_deliveries SET state = 0 WHERE consumer = ?1 AND state = 2 AND message = "
    "(SELECT MIN(message) FROM pubsub_deliveries WHERE consumer = ?1 AND key = ?2)";
constexpr std::string_view kForget =
    "DELETE FROM pubsub_messages WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM pubsub_deliveries WHERE message = ?1)";
constexpr std::string_view kGiveBack =
    "UPDATE pubsub_deliveries SET state = 0, holder = NULL, attempts = attempts - 1 "
    "WHERE consumer = ? AND state = 1 AND holder = ?";
constexpr std::string_view kOld = "SELECT id, topic, key FROM pubsub_messages WHERE created < ? ORDER BY created LIMIT ?";
constexpr std::string_view kDrop = "DELETE FROM pubsub_messages WHERE id = ?";
constexpr std::string_view kGroups = "SELECT id FROM pubsub_consumers WHERE topic = ?";

Result<void> make_tables(Connection& connection) {
  MECHA_TRY_VOID(connection.script(kTables));
  MECHA_TRY(const auto version, connection.query("SELECT version FROM pubsub_layout"));
  if (version.empty()) {
    MECHA_TRY(const auto made, connection.execute("INSERT INTO pubsub_layout VALUES (?)", {std::string(kLayout)}));
    (void)made;
  } else if (version.front().text(0) != kLayout) {
    return fail(Code::failed_precondition, "the file has layout " + version.front().text(0) + " of another version of Mecha");
  }
  return {};
}

Result<LogEntry> read_entry(Connection& connection, std::int64_t id, std::int64_t attempts) {
  LogEntry entry{.id = id, .attempts = attempts};
  MECHA_TRY(auto rows, connection.query(kRead, {id}));
  if (rows.empty()) return fail(Code::internal, "message " + std::to_string(id) + " is gone");
  auto& row = rows.front();
  entry.key = row.text(1);
  entry.message.topic = row.text(0);
  entry.message.data = row.text(2);
  if (!row.is_null(3)) entry.message.content_type = row.text(3);
  if (!row.is_null(4)) entry.message.metadata = read_metadata(row.text(4));
  return entry;
}

// Some of what was made before `oldest`. What stands behind it may be taken from then on: at once with it, for a process that
// died in between would leave it standing there for ever.
Result<std::int64_t> drop_old(Connection& connection, std::int64_t oldest) {
  MECHA_TRY(const auto rows, connection.query(kOld, {oldest, kExpireAtOnce}));
  std::set<std::pair<std::string, std::string>> keys;  // with their topics
  for (const auto& row : rows) {
    MECHA_TRY([[maybe_unused]] const auto gone, connection.execute(kDrop, {row.integer(0)}));
    if (!row.is_null(2)) keys.emplace(row.text(1), row.text(2));
  }
  for (const auto& [topic, key] : keys) {
    MECHA_TRY(const auto groups, connection.query(kGroups, {topic}));
    for (const auto& group : groups) {
      MECHA_TRY([[maybe_unused]] const auto next, connection.execute(kNext, {group.integer(0), key}));
    }
  }
  return static_cast<std::int64_t>(rows.size());
}

}  // namespace

Async<std::unique_ptr<SqliteLog>> SqliteLog::open(sqlite::DatabaseOptions options) {
  if (options.single) co_return fail(Code::failed_precondition, "a file that may be written is needed, not a database in memory or one to read only");
  auto log = std::make_unique<SqliteLog>();
  MECHA_CO_TRY(log->database_, co_await Database::open(std::move(options)));
  auto* self = log.get();
  MECHA_CO_TRY_VOID(co_await self->database_->migrate([self](Connection& connection) -> Result<void> {
    self->file_ = connection.file();
    return make_tables(connection);
  }));
  co_return std::move(log);
}

Async<void> SqliteLog::append(PublishRequest request) {
  const auto* key = key_of(request.metadata);
  const Value key_value = key == nullptr ? Value() : Value(*key);
  const auto size = static_cast<std::int64_t>(request.data.size());
  const Value metadata = request.metadata ? Value(write_metadata(*request.metadata)) : Value();
  const Value type = request.content_type ? Value(*std::move(request.content_type)) : Value();
  Params message{request.topic, key_value, std::move(request.data), size, type, metadata, unix_ms()};
  Params delivery{std::move(request.topic), key_value};
  co_return co_await database_->write<void>(
      [message = std::move(message), delivery = std::move(delivery)](Connection& connection) -> Result<void> {
        MECHA_TRY([[maybe_unused]] const auto added, connection.execute(kAppend, message));
        MECHA_TRY([[maybe_unused]] const auto delivered, connection.execute(kDeliver, delivery));
        return {};
      }
  );
}

Async<ConsumerId> SqliteLog::enter(std::string topic, std::string group) {
  co_return co_await database_->write<ConsumerId>(
      [topic = std::move(topic), group = std::move(group)](Connection& connection) -> Result<ConsumerId> {
        MECHA_TRY(const auto made, connection.execute(kEnter, {topic, group}));
        MECHA_TRY(auto rows, connection.query("SELECT id FROM pubsub_consumers WHERE topic = ? AND name = ?", {topic, group}));
        if (rows.empty()) return fail(Code::internal, "the group could not be made");
        const auto id = rows.front().integer(0);
        if (made > 0) {
          MECHA_TRY([[maybe_unused]] const auto history, connection.execute(kHistory, {topic, id}));
        }
        return id;
      }
  );
}

Async<Outlook> SqliteLog::look(ConsumerId consumer) {
  MECHA_CO_TRY(const auto rows, co_await database_->query(std::string(kLook), {consumer}));
  Outlook outlook;
  if (rows.empty()) co_return outlook;
  outlook.ready = rows.front().integer(0) != 0;
  if (!rows.front().is_null(1)) {
    outlook.due = system_clock::time_point(std::chrono::milliseconds(rows.front().integer(1)));
    outlook.ready = outlook.ready || *outlook.due <= system_clock::now();
  }
  co_return outlook;
}

Async<std::vector<LogEntry>> SqliteLog::claim(ConsumerId consumer, std::string holder, std::size_t count, Milliseconds hold) {
  using Entries = std::vector<LogEntry>;
  co_return co_await database_->write<Entries>(
      [consumer, holder = std::move(holder), count, hold](Connection& connection) -> Result<Entries> {
        const auto now = unix_ms();
        MECHA_TRY([[maybe_unused]] const auto ripe, connection.execute(kRipen, {consumer, now}));
        MECHA_TRY(const auto rows, connection.query(kReady, {consumer, static_cast<std::int64_t>(count)}));
        Entries entries;
        std::int64_t bytes = 0;
        for (const auto& row : rows) {
          bytes += row.integer(2);
          if (!entries.empty() && bytes > kClaimBytes) break;
          MECHA_TRY([[maybe_unused]] const auto taken, connection.execute(kTake, {consumer, row.integer(0), now + hold.count(), holder}));
          MECHA_TRY(auto entry, read_entry(connection, row.integer(0), row.integer(1) + 1));
          entries.push_back(std::move(entry));
        }
        return entries;
      }
  );
}

Async<void> SqliteLog::renew(ConsumerId consumer, std::string holder, std::vector<std::int64_t> ids, Milliseconds hold) {
  co_return co_await database_->write<void>(
      [consumer, holder = std::move(holder), ids = std::move(ids), hold](Connection& connection) -> Result<void> {
        const auto due = unix_ms() + hold.count();
        for (const auto id : ids) {
          MECHA_TRY([[maybe_unused]] const auto held, connection.execute(kHold, {consumer, id, holder, due}));
        }
        return {};
      }
  );
}

Async<void> SqliteLog::done(ConsumerId consumer, std::string holder, std::int64_t id, std::string key) {
  co_return co_await database_->write<void>(
      [consumer, holder = std::move(holder), id, key = std::move(key)](Connection& connection) -> Result<void> {
        MECHA_TRY(const auto ours, connection.execute(kDone, {consumer, id, holder}));
        if (ours == 0) return {};
        if (!key.empty()) {
          MECHA_TRY([[maybe_unused]] const auto next, connection.execute(kNext, {consumer, key}));
        }
        MECHA_TRY([[maybe_unused]] const auto forgotten, connection.execute(kForget, {id}));
        return {};
      },
      sqlite::Atomic::several,
      Caller::stays
  );
}

Async<void> SqliteLog::again(ConsumerId consumer, std::string holder, std::int64_t id, Milliseconds delay) {
  MECHA_CO_TRY(
      [[maybe_unused]] const auto put,
      co_await database_->execute(std::string(kAgain), {consumer, id, std::move(holder), unix_ms() + delay.count()}, Caller::stays)
  );
  co_return Result<void>{};
}

Async<void> SqliteLog::give_back(ConsumerId consumer, std::string holder) {
  MECHA_CO_TRY([[maybe_unused]] const auto given, co_await database_->execute(std::string(kGiveBack), {consumer, std::move(holder)}, Caller::stays));
  co_return Result<void>{};
}

Async<std::int64_t> SqliteLog::expire(std::chrono::nanoseconds age) {
  const auto oldest = unix_ms() - std::chrono::duration_cast<std::chrono::milliseconds>(age).count();
  std::int64_t total = 0;
  for (;;) {
    MECHA_CO_TRY(const auto gone, co_await database_->write<std::int64_t>([oldest](Connection& connection) { return drop_old(connection, oldest); }));
    total += gone;
    if (gone < kExpireAtOnce) co_return total;
  }
}

}  // namespace mecha::pubsub
