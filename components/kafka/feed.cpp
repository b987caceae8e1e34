#include "components/kafka/feed.hpp"

#include <algorithm>
#include <deque>
#include <map>

#include <boost/asio/post.hpp>

#include "runtime/async/within.hpp"

namespace mecha::kafka {
namespace {

using namespace std::chrono_literals;
using Time = std::chrono::steady_clock;

constexpr std::size_t kParallel = 256;

using Lent = std::shared_ptr<Loan>;

std::string lane_of(const Record& record, bool by_key) {
  std::string lane = std::to_string(record.partition);
  if (by_key && record.key) lane.append("/").append(*record.key);
  return lane;
}

}  // namespace

// Shared with records that are on their way from the consumer's thread.
struct Feed::Inner : std::enable_shared_from_this<Inner> {
  Inner(Executor on, Consumer& c, Retry r, Log l) : executor(on), consumer(c), retry(r), log(std::move(l)), lanes(on, kParallel) {}

  Executor executor;
  Consumer& consumer;
  const Retry retry;
  const Log log;
  RecordHandler handler;
  BatchHandler batch_handler;
  BatchLimits limits;
  Lanes lanes;
  int number = 0;
  bool stopping = false;

  struct Buffer {
    explicit Buffer(const Executor& on) : wake(on) {}
    std::deque<Lent> waiting;
    asio::steady_timer wake;
    bool pumped = false;
  };
  std::map<std::int32_t, std::shared_ptr<Buffer>> buffers;  // bulk only, by partition

  bool given_up(const Lent& loan) const { return stopping || loan->progress->draining(); }

  void take(Lent loan) {
    if (given_up(loan)) return;
    if (batch_handler) return collect(std::move(loan));
    const auto lane = lane_of(loan->record, true);
    lanes.push(&lane, [self = shared_from_this(), loan = std::move(loan)]() { return self->handle(loan); });
  }

  // Waits between attempts; false when the partition is given up meanwhile.
  asio::awaitable<bool> pause(Lent loan, std::chrono::milliseconds time) {
    const auto end = Time::now() + time;
    while (!given_up(loan) && Time::now() < end) {
      if (!co_await sleep_for(std::min<Time::duration>(100ms, end - Time::now()))) co_return false;
    }
    co_return !given_up(loan);
  }

  asio::awaitable<void> handle(Lent loan) {
    if (given_up(loan)) co_return;
    const auto begun = Time::now();
    for (std::int64_t attempt = 1;; ++attempt) {
      const auto verdict = co_await handler(loan->record);
      if (verdict == Handled::abandoned) co_return;
      if (verdict == Handled::done) break;
      const auto wait = retry.next(attempt, Time::now() - begun);
      if (!wait) {
        log.error("message skipped after its last attempt", {{"topic", loan->record.topic}, {"offset", loan->record.offset}});
        break;
      }
      if (!co_await pause(loan, *wait)) co_return;
    }
    consumer.finish(*loan);
  }

  void collect(Lent loan) {
    auto& buffer = buffers[loan->record.partition];
    if (buffer == nullptr) buffer = std::make_shared<Buffer>(executor);
    const auto lane = lane_of(loan->record, false);
    buffer->waiting.push_back(std::move(loan));
    buffer->wake.cancel();
    if (std::exchange(buffer->pumped, true)) return;
    lanes.push(&lane, [self = shared_from_this(), buffer]() { return self->pump(buffer); });
  }

  // Batches of one partition, one after another, until nothing waits.
  asio::awaitable<void> pump(std::shared_ptr<Buffer> buffer) {
    struct Leave {
      Buffer& buffer;
      ~Leave() { buffer.pumped = false; }
    } leave{*buffer};
    const auto full = limits.records_max;
    while (!buffer->waiting.empty()) {
      const auto end = Time::now() + limits.await_max;
      while (!buffer->waiting.empty() && !given_up(buffer->waiting.front()) && buffer->waiting.size() < full &&
             Time::now() < end) {
        buffer->wake.expires_at(std::min(end, Time::now() + 100ms));
        co_await buffer->wake.async_wait(asio::as_tuple(asio::use_awaitable));
      }
      std::vector<Lent> batch;
      while (!buffer->waiting.empty() && batch.size() < full) {
        if (!given_up(buffer->waiting.front())) batch.push_back(std::move(buffer->waiting.front()));
        buffer->waiting.pop_front();
      }
      if (!batch.empty()) co_await handle_batch(std::move(batch));
    }
  }

  // Entries that failed are tried again; the position moves up to the first of them.
  asio::awaitable<void> handle_batch(std::vector<Lent> batch) {
    const auto begun = Time::now();
    for (std::int64_t attempt = 1; !batch.empty(); ++attempt) {
      std::vector<const Record*> records;
      for (const auto& loan : batch) records.push_back(&loan->record);
      const auto verdicts = co_await batch_handler(std::move(records));
      std::vector<Lent> failed;
      for (std::size_t i = 0; i < batch.size(); ++i) {
        const auto verdict = i < verdicts.size() ? verdicts[i] : Handled::abandoned;
        if (verdict == Handled::done) consumer.finish(*batch[i]);
        if (verdict == Handled::failed) failed.push_back(batch[i]);
      }
      batch = std::move(failed);
      if (batch.empty()) co_return;
      const auto wait = retry.next(attempt, Time::now() - begun);
      if (!wait) break;
      if (!co_await pause(batch.front(), *wait)) co_return;
    }
    for (const auto& loan : batch) {
      log.error("message skipped after its last attempt", {{"topic", loan->record.topic}, {"offset", loan->record.offset}});
      consumer.finish(*loan);
    }
  }
};

Feed::Feed(Executor executor, Consumer& consumer, Retry retry, Log log, RecordHandler handler)
    : inner_(std::make_shared<Inner>(executor, consumer, retry, std::move(log))) {
  inner_->handler = std::move(handler);
}

Feed::Feed(Executor executor, Consumer& consumer, Retry retry, Log log, BatchHandler handler, BatchLimits limits)
    : inner_(std::make_shared<Inner>(executor, consumer, retry, std::move(log))) {
  inner_->batch_handler = std::move(handler);
  inner_->limits = limits;
}

Async<void> Feed::start(std::string topic) {
  auto number = co_await inner_->consumer.add(std::move(topic), [inner = inner_](Lent loan) {
    asio::post(inner->executor, [inner, loan = std::move(loan)]() mutable { inner->take(std::move(loan)); });
  });
  if (!number) co_return fail(std::move(number).error());
  inner_->number = *number;
  co_return Result<void>{};
}

asio::awaitable<void> Feed::stop(std::chrono::steady_clock::duration grace) {
  const auto inner = inner_;
  inner->stopping = true;
  inner->lanes.drop_waiting();
  for (auto& [partition, buffer] : inner->buffers) {
    buffer->waiting.clear();
    buffer->wake.cancel();
  }
  const auto removed = co_await inner->consumer.remove(inner->number, grace);
  if (!removed) inner->log.warn("leaving the topic failed", {{"error", removed.error().message}});
  co_await inner->lanes.close(0s);
}

}  // namespace mecha::kafka
