// Consumer: one membership in a consumer group, covering all topics that its receivers want. It lives on a thread of its own
// that fetches, follows the assignment of partitions, and pauses those whose receivers are slow; it never waits for the work
// on a record, so the group never takes it for dead.
//
// A position is stored when the work on everything before it is safe, and committed each second, when a partition is given
// up, and at the end. A partition for which the group has no position begins where the settings say, and that position is
// committed at once: what is published from then on is not lost to a restart.

#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "components/kafka/handle.hpp"
#include "components/kafka/progress.hpp"
#include "components/kafka/settings.hpp"
#include "runtime/async/async.hpp"
#include "runtime/async/bridge.hpp"

struct rd_kafka_message_s;
struct rd_kafka_topic_partition_list_s;

namespace mecha::kafka {

struct Record {
  std::string topic;
  std::int32_t partition = 0;
  std::int64_t offset = 0;
  std::int64_t timestamp_ms = 0;
  std::optional<std::string> key, value;
  std::vector<std::pair<std::string, std::string>> headers;
};

// A record on loan: given to Consumer::finish() when its work is safe, else abandoned when it goes. From any thread.
class Loan {
 public:
  Loan(Record lent, std::shared_ptr<Progress> of) : record(std::move(lent)), progress(std::move(of)) {}
  ~Loan() {
    if (progress != nullptr) progress->abandon(record.offset);
  }
  Loan(const Loan&) = delete;
  Loan& operator=(const Loan&) = delete;

  Record record;
  const std::shared_ptr<Progress> progress;
};

// Gets records on the consumer's thread; must not block.
using Receiver = std::function<void(std::shared_ptr<Loan> loan)>;

class Consumer {
 public:
  // Makes nothing yet: the group is joined with the first topic and left with the last.
  Consumer(Config config, std::size_t partition_high, Log log);
  ~Consumer();
  Consumer(const Consumer&) = delete;
  Consumer& operator=(const Consumer&) = delete;

  // Waits until partitions of the topic are assigned, at most ten seconds. Several receivers of one topic share its
  // partitions. Returns a number for remove().
  Async<int> add(std::string topic, Receiver receiver);
  // Fetches nothing more for the receiver, waits up to `grace` for what is under way, and commits.
  Async<void> remove(int number, std::chrono::steady_clock::duration grace);

  void finish(const Loan& loan);

 private:
  using List = rd_kafka_topic_partition_list_s;
  struct Target {
    std::string topic;
    Receiver receiver;
  };
  friend struct ConsumerCallbacks;

  // All on the consumer's thread.
  Result<void> open();
  void subscribe_soon(std::chrono::milliseconds delay);
  void subscribe();
  void create_topic(const std::string& topic);
  void shut();
  void poll();
  void take(rd_kafka_message_s* message);
  void assigned(List* list);
  void revoked(List* list);
  void place_new(List* list);
  void drain(const std::function<bool(const Progress&)>& which, std::chrono::steady_clock::duration grace);
  void set_paused(const Progress& progress, bool paused);
  const Target* target_of(const std::string& topic, std::int32_t partition) const;

  // Runs a job on the consumer's thread, ahead of the wait of a poll.
  template <class T>
  Async<T> call(std::function<Result<T>()> job);
  bool is_assigned(const std::string& topic);
  void wake();

  const Config config_;
  const std::size_t partition_high_;
  Owner owner_;
  Handle handle_;
  std::map<int, Target> targets_;
  int next_number_ = 1;
  bool polling_ = false;
  // Changes of topics are told to the group together, a moment later: each one stops everybody's fetching.
  std::optional<std::chrono::steady_clock::time_point> subscribe_at_;
  bool joining_ = false;  // the group has not yet answered to the last change
  std::mutex mutex_;  // guards the two below
  std::map<std::pair<std::string, std::int32_t>, std::shared_ptr<Progress>> progress_;
  std::shared_ptr<rd_kafka_s> open_;  // the handle while it is open, for calls from other threads
  std::atomic<bool> stopping_ = false;
  std::atomic<int> waiting_jobs_ = 0;  // while there are any, a poll does not wait
  Bridge bridge_;  // last: its thread ends first
};

}  // namespace mecha::kafka
