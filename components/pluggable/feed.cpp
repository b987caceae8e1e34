#include "components/pluggable/feed.hpp"

#include <algorithm>

#include "runtime/async/within.hpp"

namespace mecha::pluggable {
namespace {

using namespace std::chrono_literals;
using Time = std::chrono::steady_clock;

constexpr auto kWriteLimit = 30s;
constexpr auto kEndLimit = 500ms;   // for the component to end the stream after we did
constexpr auto kPauseFirst = 100ms;
constexpr auto kPauseAway = 1000ms;  // the longest while the process is away
constexpr auto kPauseLongest = 30000ms;
constexpr auto kLongLived = 10s;

}  // namespace

struct Feed::Stream {
  Stream(const Executor& executor, std::unique_ptr<net::grpc::Call> opened) : call(std::move(opened)), turn(executor, 1) {}

  // One at a time. A component that takes no answers loses the stream.
  asio::awaitable<bool> write(std::string message) {
    const bool mine = co_await turn.acquire();
    if (!mine) co_return false;
    struct Leave {
      Semaphore& turn;
      ~Leave() { turn.release(); }
    } leave{turn};
    if (broken) co_return false;
    const auto written = co_await within(kWriteLimit, call->write(message));
    if (!written) {
      broken = true;
      call->cancel();
    }
    co_return written.has_value();
  }

  const std::unique_ptr<net::grpc::Call> call;
  Semaphore turn;
  std::uint64_t greeted = 0;
  bool broken = false;
};

Feed::Feed(Executor executor, std::shared_ptr<Link> link, FeedOptions options, Log log, Handler handler)
    : executor_(executor),
      link_(std::move(link)),
      options_(std::move(options)),
      log_(std::move(log)),
      handler_(std::move(handler)),
      gate_(executor),
      in_flight_max_(static_cast<std::size_t>(link_->limits().in_flight_max)),
      lanes_(executor, in_flight_max_) {}

Async<void> Feed::start(bool patient) {
  auto opened = co_await open();
  if (!opened && !patient) {
    stopping_ = true;
    co_return opened;
  }
  spawn(gate_, executor_, run());
  co_return Result<void>{};
}

Async<void> Feed::open() {
  MECHA_CO_TRY(auto call, co_await link_->open(options_.method));
  auto stream = std::make_shared<Stream>(executor_, std::move(call));
  stream->greeted = link_->greeted();
  if (options_.first) {
    const auto written = co_await within(kWriteLimit, stream->call->write(*options_.first));
    if (!written) co_return fail(transport_error(written.error()));
  }
  stream_ = std::move(stream);
  co_return Result<void>{};
}

asio::awaitable<void> Feed::run() {
  std::chrono::milliseconds pause = kPauseFirst;
  std::string told;
  for (;;) {
    bool took = false;
    Result<void> ended;
    const auto begun = Time::now();
    if (!stream_) ended = co_await open();
    const bool opened = stream_ != nullptr;
    if (opened) ended = co_await receive(stream_, took);
    if (stopping_) co_return;
    const auto greeted = opened ? stream_->greeted : link_->greeted();
    stream_.reset();
    if (took || Time::now() - begun > kLongLived) {
      pause = kPauseFirst;
      told.clear();
    }
    if (ended) {
      log_.info("The component has ended the stream for " + options_.what);
      co_await link_->another(greeted);
      if (stopping_) co_return;
      continue;
    }
    if (told != ended.error().message) {
      told = ended.error().message;
      log_.warn("The stream for " + options_.what + " is broken and will be opened again", {{"error", told}});
    }
    const bool slept = co_await sleep_for(pause);
    if (!slept || stopping_) co_return;
    pause = std::min<std::chrono::milliseconds>(pause * 2, opened ? kPauseLongest : kPauseAway);
  }
}

// Until the stream ends; a value if the component meant it so. `took`: a message came.
asio::awaitable<Result<void>> Feed::receive(std::shared_ptr<Stream> stream, bool& took) {
  for (;;) {
    co_await lanes_.below(in_flight_max_);
    auto message = co_await stream->call->read();
    if (!message) {
      stream->broken = true;
      co_return fail(transport_error(std::move(message).error()));
    }
    if (!*message) break;
    if (stopping_) continue;
    took = true;
    auto job = std::make_shared<Job>(handler_(**std::move(message)));
    const auto key = job->key;
    lanes_.push(key ? &*key : nullptr, [this, stream, job]() { return perform(stream, job); });
  }
  stream->broken = true;
  const auto& status = stream->call->status();
  if (!status.ok()) co_return fail(status_error(status));
  co_return Result<void>{};
}

asio::awaitable<void> Feed::perform(std::shared_ptr<Stream> stream, std::shared_ptr<Job> job) {
  if (stream->broken) co_return;  // it comes again
  auto answer = co_await job->run();
  if (!answer) co_return;
  const bool sent = co_await stream->write(*std::move(answer));
  if (!sent) log_.debug("the answer to a message has found no stream any more", {{"stream", options_.what}});
}

asio::awaitable<void> Feed::stop(std::chrono::steady_clock::duration grace) {
  stopping_ = true;
  lanes_.drop_waiting();
  co_await gate_.close(0s);
  co_await lanes_.close(grace);
  if (stream_ && !stream_->broken) co_await end_stream(std::min<Time::duration>(grace, kEndLimit));
  stream_.reset();
}

// The answers were written before; the component may end its side once it has read them.
asio::awaitable<void> Feed::end_stream(std::chrono::steady_clock::duration grace) {
  const auto drain = [](std::shared_ptr<Stream> stream) -> Async<void> {
    MECHA_CO_TRY_VOID(co_await stream->call->finish_writing());
    for (;;) {
      MECHA_CO_TRY(const auto message, co_await stream->call->read());
      if (!message) co_return Result<void>{};
    }
  };
  (void)co_await within(grace, drain(stream_));
}

}  // namespace mecha::pluggable
