// The log of pubsub.sqlite in its file: messages, the groups that consume a topic, and what each group has yet to handle.
//
// A message is there until every group of its topic has handled it; without a group it waits for the first, and in any case
// it goes when it is too old. Of one key a group is handed only the oldest, so the order of a key holds over processes,
// failures and their repetition. Who takes a message holds it until a time; then another may take it.
// Threads: as sqlite::Database, any shard.

#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "components/pubsub/pubsub.hpp"
#include "components/sqlite/database.hpp"

namespace mecha::pubsub {

// A group on a topic.
using ConsumerId = std::int64_t;

struct LogEntry {
  std::int64_t id = 0;  // of the message; they grow in the order of publishing
  Message message;
  std::string key;      // empty: none
  std::int64_t attempts = 0;  // this one included
};

// What a group may expect: whether there is something now, else when there may be.
struct Outlook {
  bool ready = false;
  std::optional<std::chrono::system_clock::time_point> due;
};

class SqliteLog {
 public:
  using Milliseconds = std::chrono::milliseconds;

  // Opens the file and makes the tables. Fails with `failed_precondition` if it is no file or of another layout.
  static Async<std::unique_ptr<SqliteLog>> open(sqlite::DatabaseOptions options);
  // The absolute path of the file.
  const std::string& file() const { return file_; }

  // Returns when the message is safe.
  Async<void> append(PublishRequest request);
  // Makes the group known on the topic. The first of a topic finds what was published before it.
  Async<ConsumerId> enter(std::string topic, std::string group);
  Async<Outlook> look(ConsumerId consumer);
  // Takes up to `count` messages for `holder`, oldest first, for `hold`.
  Async<std::vector<LogEntry>> claim(ConsumerId consumer, std::string holder, std::size_t count, Milliseconds hold);
  // Each of these does nothing to messages that `holder` has lost.
  Async<void> renew(ConsumerId consumer, std::string holder, std::vector<std::int64_t> ids, Milliseconds hold);
  Async<void> done(ConsumerId consumer, std::string holder, std::int64_t id, std::string key);
  Async<void> again(ConsumerId consumer, std::string holder, std::int64_t id, Milliseconds delay);
  // All that it holds is to be taken at once by whoever comes, and was not attempted.
  Async<void> give_back(ConsumerId consumer, std::string holder);
  // Deletes messages that are older; how many.
  Async<std::int64_t> expire(std::chrono::nanoseconds age);

 private:
  std::unique_ptr<sqlite::Database> database_;
  std::string file_;
};

}  // namespace mecha::pubsub
