#include "components/pubsub/sqlite_feed.hpp"

#include <algorithm>

#include <boost/asio/post.hpp>

#include "runtime/async/within.hpp"
#include "runtime/base/text.hpp"

namespace mecha::pubsub {
namespace {

using namespace std::chrono_literals;

constexpr std::chrono::milliseconds kRetryMost = 60s;
constexpr auto kAfterFailure = 500ms;
constexpr auto kLeast = 1ms;  // of a wait: the clock of the log may be a little behind

// Twice as long after each attempt.
std::chrono::milliseconds delay_after(std::int64_t attempts, std::chrono::milliseconds first) {
  auto delay = first;
  for (std::int64_t i = 1; i < attempts && delay < kRetryMost; ++i) delay *= 2;
  return std::min(delay, std::max(first, kRetryMost));
}

}  // namespace

void Bell::ring() {
  asio::post(executor_, [self = shared_from_this()] {
    self->rung_ = true;
    self->timer_.cancel();
  });
}

asio::awaitable<void> Bell::wait(std::chrono::steady_clock::duration limit) {
  if (rung_) co_return;
  timer_.expires_after(limit);
  co_await timer_.async_wait(asio::as_tuple(asio::use_awaitable));
}

SqliteFeed::SqliteFeed(Executor executor, SqliteLog& log, const FeedOptions& options, Log logger, std::function<void()> news, Handler handler)
    : executor_(executor),
      log_(log),
      options_(options),
      logger_(std::move(logger)),
      news_(std::move(news)),
      handler_(std::move(handler)),
      holder_(text::uuid()),
      bell_(std::make_shared<Bell>(executor)),
      gate_(executor),
      lanes_(executor, options.concurrency) {}

Async<void> SqliteFeed::start(std::string topic) {
  topic_ = topic;
  MECHA_CO_TRY(consumer_, co_await log_.enter(std::move(topic), options_.group));
  spawn(gate_, executor_, run());
  co_return Result<void>{};
}

asio::awaitable<void> SqliteFeed::run() {
  while (!stopping_) {
    co_await lanes_.below(options_.concurrency);
    if (stopping_) co_return;
    bell_->hush();
    const auto more = co_await take_some();
    if (stopping_) co_return;
    if (!more) {
      logger_.warn("reading from the log failed", {{"topic", topic_}, {"error", more.error().message}});
      if (!co_await sleep_for(kAfterFailure)) co_return;
    }
  }
}

// Takes what is there, or else waits until there may be something. The messages are ours when the claim returns, whatever
// happens here: what cannot be handled any more is given back by stop().
Async<bool> SqliteFeed::take_some() {
  MECHA_CO_TRY(const auto outlook, co_await log_.look(consumer_));
  if (!outlook.ready) {
    std::chrono::steady_clock::duration limit = options_.poll;
    if (outlook.due) limit = std::clamp<std::chrono::steady_clock::duration>(*outlook.due - std::chrono::system_clock::now() + kLeast, kLeast, limit);
    co_await bell_->wait(limit);
    co_return false;
  }
  const auto room = options_.concurrency - std::min(lanes_.pending(), options_.concurrency - 1);
  MECHA_CO_TRY(auto entries, co_await log_.claim(consumer_, holder_, room, options_.visibility));
  if (stopping_) co_return false;
  for (auto& taken : entries) {
    auto entry = std::make_shared<LogEntry>(std::move(taken));
    // Ours still: our hold was over before it was renewed, after the computer slept, say. The claim has renewed it.
    if (!held_.insert(entry->id).second) continue;
    lanes_.push(nullptr, [this, entry]() { return handle(entry); });
  }
  if (!held_.empty() && !keeping_) {
    keeping_ = true;
    spawn(gate_, executor_, keep_holding());
  }
  co_return !entries.empty();
}

asio::awaitable<void> SqliteFeed::handle(std::shared_ptr<LogEntry> entry) {
  const auto verdict = co_await handler_(std::move(entry->message));
  if (verdict == Verdict::abandoned) co_return;  // still held, to be given back
  const auto settled = co_await settle(*entry, verdict);
  held_.erase(entry->id);
  if (settled) co_return;
  logger_.warn("settling a message failed; it comes again", {{"topic", topic_}, {"error", settled.error().message}});
}

Async<void> SqliteFeed::settle(const LogEntry& entry, Verdict verdict) {
  const bool last = options_.deliveries_max > 0 && entry.attempts >= options_.deliveries_max;
  if (verdict == Verdict::failed && !last) {
    MECHA_CO_TRY_VOID(co_await log_.again(consumer_, holder_, entry.id, delay_after(entry.attempts, options_.retry)));
    bell_->ring();  // it may be due before what the feed waits for
    co_return Result<void>{};
  }
  MECHA_CO_TRY_VOID(co_await log_.done(consumer_, holder_, entry.id, entry.key));
  if (verdict == Verdict::failed) {
    logger_.error("a message is dropped after its last delivery", {{"topic", topic_}, {"deliveries", std::to_string(entry.attempts)}});
  }
  if (!entry.key.empty()) bell_->ring();  // the next of its key
  co_return Result<void>{};
}

// As long as something is held, others must not take it for forgotten.
asio::awaitable<void> SqliteFeed::keep_holding() {
  struct End {
    bool& flag;
    ~End() { flag = false; }
  } end{keeping_};
  while (co_await sleep_for(options_.visibility / 3)) {
    if (held_.empty()) co_return;
    std::vector<std::int64_t> ids(held_.begin(), held_.end());
    const auto renewed = co_await log_.renew(consumer_, holder_, std::move(ids), options_.visibility);
    if (!renewed) logger_.warn("holding messages failed", {{"topic", topic_}, {"error", renewed.error().message}});
  }
}

asio::awaitable<void> SqliteFeed::stop(std::chrono::steady_clock::duration grace) {
  stopping_ = true;
  bell_->ring();
  lanes_.drop_waiting();
  co_await lanes_.close(grace);
  co_await gate_.close(0s);
  const auto given = co_await log_.give_back(consumer_, holder_);
  if (!given) logger_.warn("giving back messages failed", {{"topic", topic_}, {"error", given.error().message}});
  news_();
}

}  // namespace mecha::pubsub
