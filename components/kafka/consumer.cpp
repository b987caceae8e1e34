#include "components/kafka/consumer.hpp"

#include <algorithm>
#include <array>
#include <set>
#include <thread>

#include <librdkafka/rdkafka.h>

#include "runtime/async/within.hpp"

namespace mecha::kafka {
namespace {

using namespace std::chrono_literals;

constexpr auto kAssignWait = 10s;
constexpr auto kAddDelay = 20ms;
constexpr auto kRemoveDelay = 500ms;
constexpr auto kSettleWait = 3s;
constexpr int kPollMs = 1000, kChangeMs = 10;

struct ListDeleter {
  void operator()(rd_kafka_topic_partition_list_t* list) const { rd_kafka_topic_partition_list_destroy(list); }
};
using OwnedList = std::unique_ptr<rd_kafka_topic_partition_list_t, ListDeleter>;

OwnedList one(const std::string& topic, std::int32_t partition) {
  OwnedList list(rd_kafka_topic_partition_list_new(1));
  rd_kafka_topic_partition_list_add(list.get(), topic.c_str(), partition);
  return list;
}

std::optional<std::string> bytes(const void* data, std::size_t size) {
  if (data == nullptr) return std::nullopt;
  return std::string(static_cast<const char*>(data), size);
}

Record read_record(rd_kafka_message_t* message) {
  Record record;
  record.topic = rd_kafka_topic_name(message->rkt);
  record.partition = message->partition;
  record.offset = message->offset;
  rd_kafka_timestamp_type_t kind{};
  record.timestamp_ms = rd_kafka_message_timestamp(message, &kind);
  record.key = bytes(message->key, message->key_len);
  record.value = bytes(message->payload, message->len);
  rd_kafka_headers_t* headers = nullptr;
  if (rd_kafka_message_headers(message, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR) return record;
  const char* name = nullptr;
  const void* value = nullptr;
  std::size_t size = 0;
  for (std::size_t i = 0; rd_kafka_header_get_all(headers, i, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR; ++i) {
    record.headers.emplace_back(name, bytes(value, size).value_or(""));
  }
  return record;
}

}  // namespace

// Called on the thread that polls.
struct ConsumerCallbacks {
  static void rebalance(rd_kafka_t*, rd_kafka_resp_err_t code, rd_kafka_topic_partition_list_t* list, void* opaque) {
    auto* consumer = static_cast<Owner*>(opaque)->consumer;
    if (code == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
      consumer->assigned(list);
    } else {
      consumer->revoked(list);
    }
  }
};

Consumer::Consumer(Config config, std::size_t partition_high, Log log)
    : config_(std::move(config)), partition_high_(partition_high), owner_{std::move(log), this}, bridge_("kafka-consumer") {}

Consumer::~Consumer() {
  stopping_ = true;
  bridge_.post([this] { shut(); });
  wake();
}

template <class T>
Async<T> Consumer::call(std::function<Result<T>()> job) {
  ++waiting_jobs_;
  wake();
  co_return co_await bridge_.call<T>([this, job = std::move(job)] {
    --waiting_jobs_;
    return job();
  });
}

Async<int> Consumer::add(std::string topic, Receiver receiver) {
  auto added = co_await call<int>([this, topic, receiver]() -> Result<int> {
    if (auto opened = open(); !opened) return fail(std::move(opened).error());
    create_topic(topic);
    const int number = next_number_++;
    targets_[number] = {topic, receiver};
    subscribe_soon(kAddDelay);
    if (!std::exchange(polling_, true)) bridge_.post([this] { poll(); });
    return number;
  });
  if (!added) co_return fail(std::move(added).error());
  const auto end = std::chrono::steady_clock::now() + kAssignWait;
  while (!is_assigned(topic) && std::chrono::steady_clock::now() < end) {
    if (!co_await sleep_for(5ms)) break;
  }
  if (!is_assigned(topic)) owner_.log.warn("no partition is assigned yet", {{"topic", topic}});
  co_return *added;
}

Async<void> Consumer::remove(int number, std::chrono::steady_clock::duration grace) {
  co_return co_await call<void>([this, number, grace]() -> Result<void> {
    const auto found = targets_.find(number);
    if (found == targets_.end() || handle_ == nullptr) return {};
    const std::string topic = found->second.topic;
    targets_.erase(found);
    drain([&](const Progress& progress) { return progress.topic == topic; }, grace);
    rd_kafka_commit(handle_.get(), nullptr, 0);
    if (targets_.empty()) {
      shut();
    } else {
      subscribe_soon(kRemoveDelay);
    }
    return {};
  });
}

void Consumer::finish(const Loan& loan) {
  const auto step = loan.progress->finish(loan.record.offset);
  if (step.store) {
    const std::lock_guard lock(mutex_);
    const auto current = progress_.find({loan.record.topic, loan.record.partition});
    // Given up meanwhile: the position belongs to another now.
    if (open_ != nullptr && current != progress_.end() && current->second == loan.progress) {
      auto list = one(loan.record.topic, loan.record.partition);
      list->elems[0].offset = *step.store;
      rd_kafka_offsets_store(open_.get(), list.get());
    }
  }
  if (step.resume) {
    bridge_.post([this, progress = loan.progress] { set_paused(*progress, false); });
    wake();
  }
}

Result<void> Consumer::open() {
  if (handle_ != nullptr) return {};
  MECHA_TRY(auto conf, make_conf(config_.common, config_.consumer, &owner_));
  rd_kafka_conf_set_rebalance_cb(conf.get(), ConsumerCallbacks::rebalance);
  std::array<char, 512> text{};
  Handle handle(rd_kafka_new(RD_KAFKA_CONSUMER, conf.get(), text.data(), text.size()));
  if (handle == nullptr) return fail(Code::invalid_argument, std::string("kafka error: ") + text.data());
  conf.release();  // owned by the handle now
  rd_kafka_poll_set_consumer(handle.get());
  handle_ = std::move(handle);
  const std::lock_guard lock(mutex_);
  open_ = std::shared_ptr<rd_kafka_s>(handle_.get(), [](rd_kafka_s*) {});
  return {};
}

// Asks for the topic, which makes servers that may create topics do it; then it has partitions to be assigned.
void Consumer::create_topic(const std::string& topic) {
  auto* handle = rd_kafka_topic_new(handle_.get(), topic.c_str(), nullptr);
  if (handle == nullptr) return;
  for (const auto end = std::chrono::steady_clock::now() + 5s; std::chrono::steady_clock::now() < end;) {
    const rd_kafka_metadata_t* metadata = nullptr;
    if (rd_kafka_metadata(handle_.get(), 0, handle, &metadata, 2000) != RD_KAFKA_RESP_ERR_NO_ERROR) break;
    const bool there = metadata->topic_cnt == 1 && metadata->topics[0].partition_cnt > 0 &&
                       metadata->topics[0].err == RD_KAFKA_RESP_ERR_NO_ERROR;
    rd_kafka_metadata_destroy(metadata);
    if (there) break;
    std::this_thread::sleep_for(20ms);
  }
  rd_kafka_topic_destroy(handle);
}

void Consumer::subscribe_soon(std::chrono::milliseconds delay) {
  const auto at = std::chrono::steady_clock::now() + delay;
  subscribe_at_ = subscribe_at_ ? std::min(*subscribe_at_, at) : at;
}

void Consumer::subscribe() {
  subscribe_at_.reset();
  std::set<std::string> topics;
  for (const auto& [number, target] : targets_) topics.insert(target.topic);
  {
    // A topic that was given up and is wanted again starts afresh.
    const std::lock_guard lock(mutex_);
    const bool stale = std::ranges::any_of(progress_, [&](const auto& entry) {
      return entry.second->draining() && topics.contains(entry.first.first);
    });
    if (stale) rd_kafka_unsubscribe(handle_.get());
  }
  OwnedList list(rd_kafka_topic_partition_list_new(static_cast<int>(topics.size())));
  for (const auto& topic : topics) rd_kafka_topic_partition_list_add(list.get(), topic.c_str(), RD_KAFKA_PARTITION_UA);
  joining_ = true;
  const auto code = rd_kafka_subscribe(handle_.get(), list.get());
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR) owner_.log.error("kafka subscribe", {{"error", rd_kafka_err2str(code)}});
}

// Leaves the group: what was stored is committed, partitions are given up in order.
void Consumer::shut() {
  if (handle_ == nullptr) return;
  subscribe_at_.reset();
  // The library breaks when it is closed in the middle of a change of topics.
  const auto limit = std::chrono::steady_clock::now() + kSettleWait;
  while (joining_ && std::chrono::steady_clock::now() < limit) {
    if (auto* message = rd_kafka_consumer_poll(handle_.get(), 20)) rd_kafka_message_destroy(message);
  }
  rd_kafka_consumer_close(handle_.get());
  {
    const std::lock_guard lock(mutex_);
    progress_.clear();
    open_.reset();
  }
  handle_.reset();
}

// One turn of the loop; the next is queued behind whatever else this thread is to do.
void Consumer::poll() {
  if (handle_ == nullptr || stopping_) {
    polling_ = false;
    return;
  }
  if (subscribe_at_ && std::chrono::steady_clock::now() >= *subscribe_at_) subscribe();
  int wait = waiting_jobs_ > 0 ? 0 : subscribe_at_ ? kChangeMs : kPollMs;
  for (int i = 0; i < 500; ++i, wait = 0) {
    auto* message = rd_kafka_consumer_poll(handle_.get(), wait);
    if (message == nullptr) break;
    take(message);
    rd_kafka_message_destroy(message);
  }
  bridge_.post([this] { poll(); });
}

void Consumer::take(rd_kafka_message_t* message) {
  if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
    owner_.log.warn("kafka consumer", {{"error", rd_kafka_message_errstr(message)}});
    return;
  }
  auto record = read_record(message);
  const Target* target = target_of(record.topic, record.partition);
  std::shared_ptr<Progress> progress;
  {
    const std::lock_guard lock(mutex_);
    const auto found = progress_.find({record.topic, record.partition});
    if (found != progress_.end()) progress = found->second;
  }
  if (target == nullptr || progress == nullptr || progress->draining()) return;
  if (progress->begin(record.offset)) set_paused(*progress, true);
  target->receiver(std::make_shared<Loan>(std::move(record), std::move(progress)));
}

const Consumer::Target* Consumer::target_of(const std::string& topic, std::int32_t partition) const {
  std::vector<const Target*> found;
  for (const auto& [number, target] : targets_) {
    if (target.topic == topic) found.push_back(&target);
  }
  return found.empty() ? nullptr : found[static_cast<std::size_t>(partition) % found.size()];
}

bool Consumer::is_assigned(const std::string& topic) {
  const std::lock_guard lock(mutex_);
  return std::ranges::any_of(progress_, [&](const auto& entry) {
    return entry.first.first == topic && !entry.second->draining();
  });
}

// Ends a poll that waits, so that jobs behind it run now.
void Consumer::wake() {
  const std::lock_guard lock(mutex_);
  if (open_ == nullptr) return;
  auto* queue = rd_kafka_queue_get_consumer(open_.get());
  if (queue == nullptr) return;
  rd_kafka_queue_yield(queue);
  rd_kafka_queue_destroy(queue);
}

}  // namespace mecha::kafka
