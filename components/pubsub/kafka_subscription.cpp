#include "components/pubsub/kafka_subscription.hpp"

#include <algorithm>

#include <boost/asio/post.hpp>

#include "runtime/async/within.hpp"

namespace mecha::pubsub {
namespace {

using namespace std::chrono_literals;
using Time = std::chrono::steady_clock;

constexpr std::size_t kParallel = 256;

std::string lane_of(const kafka::Record& record, bool by_key) {
  std::string lane = std::to_string(record.partition);
  if (by_key && record.key && !record.key->empty()) lane.append("/").append(*record.key);
  return lane;
}

}  // namespace

// Shared with records that are on their way from the consumer's thread.
struct KafkaSubscription::Inner : std::enable_shared_from_this<Inner> {
  Inner(Executor on, kafka::Consumer& c, kafka::Retry r, Log l) : executor(on), consumer(c), retry(r), log(std::move(l)), lanes(on, kParallel) {}

  Executor executor;
  kafka::Consumer& consumer;
  const kafka::Retry retry;
  const Log log;
  Read read;
  Handler handler;
  BulkHandler bulk_handler;
  BulkLimits limits;
  Lanes lanes;
  int number = 0;
  bool stopping = false;

  struct Buffer {
    explicit Buffer(const Executor& on) : wake(on) {}
    std::deque<Loan> waiting;
    asio::steady_timer wake;
    bool pumped = false;
  };
  std::map<std::int32_t, std::shared_ptr<Buffer>> buffers;  // bulk only, by partition

  bool given_up(const Loan& loan) const { return stopping || loan->progress->draining(); }

  void take(Loan loan) {
    if (given_up(loan)) return;
    if (bulk_handler) return collect(std::move(loan));
    const auto lane = lane_of(loan->record, true);
    lanes.push(&lane, [self = shared_from_this(), loan = std::move(loan)]() { return self->handle(loan); });
  }

  // Waits between attempts; false when the partition is given up meanwhile.
  asio::awaitable<bool> pause(Loan loan, std::chrono::milliseconds time) {
    const auto end = Time::now() + time;
    while (!given_up(loan) && Time::now() < end) {
      if (!co_await sleep_for(std::min<Time::duration>(100ms, end - Time::now()))) co_return false;
    }
    co_return !given_up(loan);
  }

  asio::awaitable<void> handle(Loan loan) {
    if (given_up(loan)) co_return;
    const auto begun = Time::now();
    for (std::int64_t attempt = 1;; ++attempt) {
      const auto verdict = co_await handler(read(loan->record));
      if (verdict == Verdict::abandoned) co_return;
      if (verdict == Verdict::done) break;
      const auto wait = retry.next(attempt, Time::now() - begun);
      if (!wait) {
        log.error("message skipped after its last attempt", {{"topic", loan->record.topic}, {"offset", loan->record.offset}});
        break;
      }
      if (!co_await pause(loan, *wait)) co_return;
    }
    consumer.finish(*loan);
  }

  void collect(Loan loan) {
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
    const auto full = static_cast<std::size_t>(limits.messages_max);
    while (!buffer->waiting.empty()) {
      const auto end = Time::now() + limits.await_max;
      while (buffer->waiting.size() < full && Time::now() < end && !given_up(buffer->waiting.front())) {
        buffer->wake.expires_at(std::min(end, Time::now() + 100ms));
        co_await buffer->wake.async_wait(asio::as_tuple(asio::use_awaitable));
      }
      std::vector<Loan> batch;
      while (!buffer->waiting.empty() && batch.size() < full) {
        if (!given_up(buffer->waiting.front())) batch.push_back(std::move(buffer->waiting.front()));
        buffer->waiting.pop_front();
      }
      if (!batch.empty()) co_await handle_batch(std::move(batch));
    }
  }

  // Entries that failed are tried again; the position moves up to the first of them.
  asio::awaitable<void> handle_batch(std::vector<Loan> batch) {
    const auto begun = Time::now();
    for (std::int64_t attempt = 1; !batch.empty(); ++attempt) {
      std::vector<BulkMessage> messages;
      for (const auto& loan : batch) messages.push_back({std::to_string(messages.size()), read(loan->record)});
      const auto verdicts = co_await bulk_handler(std::move(messages));
      std::vector<Loan> failed;
      for (std::size_t i = 0; i < batch.size(); ++i) {
        const auto verdict = i < verdicts.size() ? verdicts[i] : Verdict::abandoned;
        if (verdict == Verdict::done) consumer.finish(*batch[i]);
        if (verdict == Verdict::failed) failed.push_back(batch[i]);
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

KafkaSubscription::KafkaSubscription(
    Executor executor, kafka::Consumer& consumer, kafka::Retry retry, Log log, Read read, Handler handler,
    BulkHandler bulk_handler, BulkLimits limits
)
    : inner_(std::make_shared<Inner>(executor, consumer, retry, std::move(log))) {
  inner_->read = std::move(read);
  inner_->handler = std::move(handler);
  inner_->bulk_handler = std::move(bulk_handler);
  inner_->limits = limits;
}

Async<void> KafkaSubscription::start(std::string topic) {
  auto number = co_await inner_->consumer.add(std::move(topic), [inner = inner_](Loan loan) {
    asio::post(inner->executor, [inner, loan = std::move(loan)]() mutable { inner->take(std::move(loan)); });
  });
  if (!number) co_return fail(std::move(number).error());
  inner_->number = *number;
  co_return Result<void>{};
}

asio::awaitable<void> KafkaSubscription::stop(std::chrono::steady_clock::duration grace) {
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

}  // namespace mecha::pubsub
