// How a consumer follows the assignment of partitions.
#include <algorithm>

#include <librdkafka/rdkafka.h>

#include "components/kafka/consumer.hpp"

namespace mecha::kafka {
namespace {

using namespace std::chrono_literals;

constexpr auto kRevokeWait = 10s;
constexpr int kLookUpMs = 5000;

bool cooperative(rd_kafka_t* handle) { return std::string_view(rd_kafka_rebalance_protocol(handle)) == "COOPERATIVE"; }

}  // namespace

void Consumer::assigned(List* list) {
  joining_ = false;
  place_new(list);
  {
    const std::lock_guard lock(mutex_);
    for (int i = 0; i < list->cnt; ++i) {
      const auto& part = list->elems[i];
      progress_[{part.topic, part.partition}] = std::make_shared<Progress>(part.topic, part.partition, partition_high_);
    }
  }
  if (cooperative(handle_.get())) {
    if (auto* error = rd_kafka_incremental_assign(handle_.get(), list)) rd_kafka_error_destroy(error);
  } else {
    rd_kafka_assign(handle_.get(), list);
  }
  rd_kafka_resume_partitions(handle_.get(), list);  // whoever had them before may have paused them
  // Where the group has no position yet, the one just chosen is kept.
  auto* chosen = rd_kafka_topic_partition_list_new(list->cnt);
  for (int i = 0; i < list->cnt; ++i) {
    const auto& part = list->elems[i];
    if (part.offset >= 0) rd_kafka_topic_partition_list_add(chosen, part.topic, part.partition)->offset = part.offset;
  }
  if (chosen->cnt > 0) {
    rd_kafka_offsets_store(handle_.get(), chosen);  // for the next commit, should this one fail
    rd_kafka_commit(handle_.get(), chosen, 0);
  }
  rd_kafka_topic_partition_list_destroy(chosen);
}

// Gives partitions without a committed position an explicit one.
void Consumer::place_new(List* list) {
  auto* committed = rd_kafka_topic_partition_list_copy(list);
  const auto code = rd_kafka_committed(handle_.get(), committed, kLookUpMs);
  const bool oldest = config_.consumer.at("auto.offset.reset") == "earliest";
  for (int i = 0; code == RD_KAFKA_RESP_ERR_NO_ERROR && i < list->cnt; ++i) {
    auto& part = list->elems[i];
    const auto* known = rd_kafka_topic_partition_list_find(committed, part.topic, part.partition);
    if (known == nullptr || known->offset >= 0) continue;
    std::int64_t low = 0, high = 0;
    const auto found = rd_kafka_query_watermark_offsets(handle_.get(), part.topic, part.partition, &low, &high, kLookUpMs);
    if (found == RD_KAFKA_RESP_ERR_NO_ERROR) part.offset = oldest ? low : high;
  }
  rd_kafka_topic_partition_list_destroy(committed);
}

void Consumer::revoked(List* list) {
  drain(
      [list](const Progress& progress) {
        return rd_kafka_topic_partition_list_find(list, progress.topic.c_str(), progress.partition) != nullptr;
      },
      kRevokeWait
  );
  rd_kafka_commit(handle_.get(), nullptr, 0);
  {
    const std::lock_guard lock(mutex_);
    for (int i = 0; i < list->cnt; ++i) progress_.erase({list->elems[i].topic, list->elems[i].partition});
  }
  if (cooperative(handle_.get())) {
    if (auto* error = rd_kafka_incremental_unassign(handle_.get(), list)) rd_kafka_error_destroy(error);
  } else {
    rd_kafka_assign(handle_.get(), nullptr);
  }
}

// Stops fetching from partitions and waits for the work that has begun.
void Consumer::drain(
    const std::function<bool(const Progress&)>& which, std::chrono::steady_clock::duration grace
) {
  std::vector<std::shared_ptr<Progress>> parts;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [name, progress] : progress_) {
      if (which(*progress)) parts.push_back(progress);
    }
  }
  std::erase_if(parts, [this](const std::shared_ptr<Progress>& progress) {
    const bool first = progress->drain();  // otherwise it had its time already
    if (first) set_paused(*progress, true);
    return !first;
  });
  const auto limit = std::chrono::steady_clock::now() + grace;
  for (const auto& progress : parts) progress->wait_idle(limit);
}

void Consumer::set_paused(const Progress& progress, bool paused) {
  if (handle_ == nullptr || (!paused && progress.draining())) return;
  auto* list = rd_kafka_topic_partition_list_new(1);
  rd_kafka_topic_partition_list_add(list, progress.topic.c_str(), progress.partition);
  if (paused) rd_kafka_pause_partitions(handle_.get(), list);
  else rd_kafka_resume_partitions(handle_.get(), list);
  rd_kafka_topic_partition_list_destroy(list);
}

}  // namespace mecha::kafka
