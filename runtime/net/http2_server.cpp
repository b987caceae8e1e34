// The server's end of an HTTP/2 connection: opens an Exchange per stream, runs the handlers, and its defences.

#include <algorithm>

#include <boost/unordered/unordered_flat_set.hpp>

#include "runtime/async/gate.hpp"
#include "runtime/net/http2.hpp"
#include "runtime/net/http2_exchange.hpp"
#include "runtime/net/http2_scanner.hpp"

namespace mecha::net {
namespace {

constexpr std::uint8_t kDrainPing[8] = {'d', 'r', 'a', 'i', 'n', 'i', 'n', 'g'};
constexpr std::chrono::seconds kDrainPingLimit{1};
// Resets of unanswered streams that a client may send at once beyond its streams, and per second.
constexpr double kResetBurst = 200, kResetRate = 100;
constexpr std::uint32_t kResetStreams = 1000;    // many streams are no leave to reset as many
constexpr std::chrono::seconds kLongLived{1};    // a stream of this age may be given up, with thousands of others
constexpr std::size_t kResetIdsMin = 256;
constexpr std::size_t kFieldOverhead = 32;  // RFC 9113, 6.5.2

Http2Options options_of(const ServerOptions& options) {
  return {
      .server = true,
      .streams_max = options.streams_max,
      .header_bytes_max = options.header_bytes_max,
      .held_bytes_max = options.held_bytes_max,
      .write_timeout = options.write_timeout,
      .ping_interval = options.ping_interval,
      .ping_timeout = options.ping_timeout};
}

// The last so many stream numbers.
class RecentIds {
 public:
  explicit RecentIds(std::size_t most) : most_(most) {}
  void add(std::int32_t id) {
    if (!known_.insert(id).second) return;
    if (ids_.size() < most_) return ids_.push_back(id);
    auto& oldest = ids_[next_++ % most_];
    known_.erase(oldest);
    oldest = id;
  }
  bool has(std::int32_t id) const { return known_.contains(id); }

 private:
  std::size_t most_;
  std::size_t next_ = 0;
  std::vector<std::int32_t> ids_;
  boost::unordered_flat_set<std::int32_t> known_;
};

class ServerSession final : public Http2Session {
 public:
  ServerSession(Stream stream, SessionContext context)
      : Http2Session(std::move(stream), options_of(context.options)),
        context_(std::move(context)),
        gate_(executor()),
        end_(ready()),
        reset_ids_(std::max<std::size_t>(context_.options.streams_max, kResetIdsMin)) {
    reset_tokens_ = reset_burst();
  }

  // Before serve(): the request that was sent over HTTP/1.1.
  void upgrade(const std::string& settings, RequestHead head);
  asio::awaitable<void> serve(std::string preread);

 private:
  bool take_bytes(std::string_view bytes) override;
  int frame_begins(const nghttp2_frame_hd& head) override;
  int headers_begin(const nghttp2_frame& frame) override;
  int header(const nghttp2_frame& frame, std::string_view name, std::string_view value) override;
  void headers_end(const nghttp2_frame& frame) override;
  void frame_received(const nghttp2_frame& frame) override;
  void frame_sent(const nghttp2_frame& frame) override;
  void frame_refused(const nghttp2_frame& frame) override { reset_ids_.add(frame.hd.stream_id); }
  void stream_over(std::int32_t id) override { closed_ids_.add(id); }
  void after_receive() override;
  void last_stream_closed() override;
  void ended() override;
  void on_alarm(SteadyTime now) override;

  std::unique_ptr<Http2Exchange> make_exchange(std::int32_t id);
  void start(std::unique_ptr<Http2Exchange> exchange);
  asio::awaitable<void> handle(std::unique_ptr<Http2Exchange> exchange);
  void drain();
  void last_goaway();
  void on_reset(std::int32_t id);
  double reset_burst() const { return kResetBurst + std::min(context_.options.streams_max, kResetStreams); }
  bool is_stray(std::int32_t id);
  void watch();

  SessionContext context_;
  Gate gate_;
  WaitPoint end_;
  std::unique_ptr<Http2Exchange> opening_;  // its header block is not complete
  std::vector<std::unique_ptr<Http2Exchange>> starting_;
  FrameScanner scanner_;
  std::int32_t highest_ = 0;
  RecentIds closed_ids_{64};
  RecentIds reset_ids_;  // by us: frames for them may still be on their way
  std::size_t block_bytes_ = 0;
  bool block_open_ = false;
  bool settled_ = false;  // a first frame has come
  bool draining_ = false;
  bool said_last_ = false;
  SteadyTime began_ = now();
  SteadyTime block_since_{};
  SteadyTime idle_since_ = now();
  SteadyTime drain_since_{};
  double reset_tokens_ = 0;
  SteadyTime reset_at_ = now();
};

std::unique_ptr<Http2Exchange> ServerSession::make_exchange(std::int32_t id) {
  auto exchange = std::make_unique<Http2Exchange>(*this, context_, [this] { drain(); });
  exchange->opened(id, now());
  nghttp2_session_set_stream_user_data(raw(), id, static_cast<Http2Stream*>(exchange.get()));
  return exchange;
}

void ServerSession::upgrade(const std::string& settings, RequestHead head) {
  make_session();
  const bool is_head = head.method == "HEAD";
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(settings.data());
  if (nghttp2_session_upgrade2(raw(), bytes, settings.size(), is_head ? 1 : 0, nullptr) != 0) {
    return terminate(NGHTTP2_PROTOCOL_ERROR);
  }
  auto exchange = make_exchange(1);
  exchange->set_head(std::move(head), true);
  exchange->complete(true);
  starting_.push_back(std::move(exchange));
}

asio::awaitable<void> ServerSession::serve(std::string preread) {
  // What comes after the end of the connection must be joined even when this coroutine is cancelled.
  co_await asio::this_coro::throw_if_cancelled(false);
  context_.on_drain([this](bool now_) {
    if (!now_) return drain();
    gate_.cancel();
    lose("the server was stopped");
  });
  if (context_.options.header_timeout.count() > 0) arm(began_ + context_.options.header_timeout);
  begin(preread);
  std::string().swap(preread);  // 4 KB, for as long as the connection
  watch();
  after_receive();
  if (context_.draining) drain();
  while (!dead()) {
    const bool woken = co_await end_.wait();
    if (woken) continue;
    gate_.cancel();
    lose("the server was stopped");
  }
  // Handlers see that the client is gone by themselves, or by on_disconnect.
  co_await gate_.close(std::chrono::hours(24));
  context_.on_drain(nullptr);
}

// nghttp2 forgives frames for streams that are over, as they may have crossed a reset of ours. Where they cannot have,
// the client has lost its count, and goes.
bool ServerSession::is_stray(std::int32_t id) {
  if (id > highest_ || id % 2 == 0) return false;
  if (nghttp2_session_find_stream(raw(), id) != nullptr || reset_ids_.has(id)) return false;
  failure_ = closed_ids_.has(id) ? NGHTTP2_STREAM_CLOSED : NGHTTP2_PROTOCOL_ERROR;
  return true;
}

int ServerSession::frame_begins(const nghttp2_frame_hd& head) {
  const bool stray = head.type == NGHTTP2_HEADERS && is_stray(head.stream_id);
  return stray ? NGHTTP2_ERR_CALLBACK_FAILURE : 0;
}

bool ServerSession::take_bytes(std::string_view bytes) {
  std::size_t fed = 0;
  std::size_t position = 0;
  while (const auto head = scanner_.next(bytes, position)) {
    if (head->type != NGHTTP2_DATA) continue;
    // What stands before it comes first: it may open the stream, or reset it.
    if (head->at > fed) {
      if (!feed(bytes.substr(fed, head->at - fed))) return false;
      fed = head->at;
    }
    if (!is_stray(head->stream)) continue;
    terminate(failure_);
    return false;
  }
  return feed(bytes.substr(fed));
}

int ServerSession::headers_begin(const nghttp2_frame& frame) {
  settled_ = true;
  block_open_ = true;
  block_bytes_ = 0;
  block_since_ = now();
  if (context_.options.header_timeout.count() > 0) arm(now() + context_.options.header_timeout);
  if (opening_) adopt(std::move(opening_));
  if (frame.headers.cat == NGHTTP2_HCAT_REQUEST) {
    highest_ = frame.hd.stream_id;
    opening_ = make_exchange(highest_);
    if (crowded()) opening_->turn_away();
  }
  return 0;
}

int ServerSession::header(
    const nghttp2_frame& frame, std::string_view name, std::string_view value
) {
  block_bytes_ += name.size() + value.size() + kFieldOverhead;
  const auto limit = std::max<std::size_t>(context_.options.header_bytes_max, 1);
  // Slightly too many are answered; a bomb is not even unpacked.
  if (block_bytes_ > limit * 8 + (256 << 10)) return NGHTTP2_ERR_CALLBACK_FAILURE;
  if (!opening_ || frame.headers.cat != NGHTTP2_HCAT_REQUEST) return 0;  // trailers are not passed on
  if (opening_->is_turned_away()) return 0;
  if (block_bytes_ > limit) {
    opening_->too_large();
  } else {
    opening_->add_field(name, value);
    opening_->hold(name.size() + value.size() + kFieldOverhead);
  }
  return 0;
}

void ServerSession::headers_end(const nghttp2_frame& frame) {
  block_open_ = false;
  if (!opening_ || frame.headers.cat != NGHTTP2_HCAT_REQUEST) return;
  auto exchange = std::move(opening_);
  const bool good = exchange->complete((frame.hd.flags & NGHTTP2_FLAG_END_STREAM) != 0);
  if (exchange->is_turned_away()) {
    exchange->refuse(NGHTTP2_REFUSED_STREAM);
    adopt(std::move(exchange));
  } else if (exchange->is_too_large()) {
    exchange->answer_too_large();
    adopt(std::move(exchange));
  } else if (!good) {
    exchange->refuse(NGHTTP2_PROTOCOL_ERROR);
    adopt(std::move(exchange));
  } else {
    starting_.push_back(std::move(exchange));
  }
}

void ServerSession::after_receive() {
  auto starting = std::move(starting_);
  starting_.clear();
  for (auto& exchange : starting) start(std::move(exchange));
}

void ServerSession::start(std::unique_ptr<Http2Exchange> exchange) {
  if (exchange->closed() || dead()) return;
  // A handler may outlive its stream: who resets streams at once must not get more handlers than streams.
  if (gate_.closed() || gate_.running() >= std::max<std::size_t>(context_.options.streams_max, 1)) {
    exchange->refuse(NGHTTP2_REFUSED_STREAM);
    return adopt(std::move(exchange));
  }
  gate_.spawn_cancellable(executor(), [&](asio::cancellation_signal& cancel) {
    exchange->set_cancel(cancel);
    return handle(std::move(exchange));
  });
}

asio::awaitable<void> ServerSession::handle(std::unique_ptr<Http2Exchange> exchange) {
  std::exception_ptr stray;
  try {
    co_await context_.handler(*exchange);
  } catch (...) {
    stray = std::current_exception();
  }
  exchange->handler_ended();
  if (!exchange->closed()) adopt(std::move(exchange));
  if (stray) std::rethrow_exception(stray);
}

void ServerSession::frame_received(const nghttp2_frame& frame) {
  settled_ = true;
  block_open_ = false;
  if (frame.hd.type == NGHTTP2_RST_STREAM) on_reset(frame.hd.stream_id);
  const bool ack = (frame.hd.flags & NGHTTP2_FLAG_ACK) != 0;
  if (frame.hd.type == NGHTTP2_PING && ack && draining_ &&
      std::equal(std::begin(kDrainPing), std::end(kDrainPing), frame.ping.opaque_data)) {
    last_goaway();
  }
}

void ServerSession::frame_sent(const nghttp2_frame& frame) {
  if (frame.hd.type == NGHTTP2_RST_STREAM) reset_ids_.add(frame.hd.stream_id);
  const bool end = (frame.hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
  if (!end || (frame.hd.type != NGHTTP2_DATA && frame.hd.type != NGHTTP2_HEADERS)) return;
  // The answer is complete and nobody will read the rest of the request.
  auto* exchange = static_cast<Http2Exchange*>(find(frame.hd.stream_id));
  if (exchange != nullptr && exchange->reset_pending()) exchange->stop_sending();
}

void ServerSession::on_reset(std::int32_t id) {
  block_open_ = false;
  auto* exchange = static_cast<Http2Exchange*>(find(id));
  if (exchange == nullptr || !exchange->unanswered() || now() >= exchange->since() + kLongLived) return;
  const std::chrono::duration<double> passed = now() - reset_at_;
  reset_at_ = now();
  reset_tokens_ = std::min(reset_burst(), reset_tokens_ + passed.count() * kResetRate) - 1;
  if (reset_tokens_ < 0) terminate(NGHTTP2_ENHANCE_YOUR_CALM);
}

void ServerSession::last_stream_closed() {
  idle_since_ = now();
  watch();
}

void ServerSession::watch() {
  if (context_.options.idle_timeout.count() > 0) arm(idle_since_ + context_.options.idle_timeout);
}

void ServerSession::on_alarm(SteadyTime now) {
  const auto& options = context_.options;
  const auto head_limit = options.header_timeout;
  if (head_limit.count() > 0 && !settled_ && now >= began_ + head_limit) return lose("i/o timeout");
  if (head_limit.count() > 0 && block_open_) {
    if (now >= block_since_ + head_limit) return lose("i/o timeout");
    arm(block_since_ + head_limit);
  }
  if (draining_ && !said_last_) {
    if (now >= drain_since_ + kDrainPingLimit) {
      last_goaway();
    } else {
      arm(drain_since_ + kDrainPingLimit);
    }
  }
  if (live() > 0 || options.idle_timeout.count() == 0) return;
  if (now >= idle_since_ + options.idle_timeout) return drain();
  watch();
}

// In two steps: a first GOAWAY asks for no more streams; what crossed it on the way is still served. The second, after
// a round trip, names the last stream.
void ServerSession::drain() {
  if (draining_ || dead()) return;
  draining_ = hold_ = true;
  drain_since_ = std::chrono::steady_clock::now();
  nghttp2_submit_shutdown_notice(raw());
  nghttp2_submit_ping(raw(), NGHTTP2_FLAG_NONE, kDrainPing);
  arm(drain_since_ + kDrainPingLimit);
  schedule();
}

void ServerSession::last_goaway() {
  if (said_last_) return;
  said_last_ = true;
  hold_ = false;
  const auto last = nghttp2_session_get_last_proc_stream_id(raw());
  nghttp2_submit_goaway(raw(), NGHTTP2_FLAG_NONE, last, NGHTTP2_NO_ERROR, nullptr, 0);
  schedule();
}

void ServerSession::ended() {
  if (opening_) opening_.reset();
  end_.wake();
}

}  // namespace

asio::awaitable<void> serve_http2(Stream stream, std::string preread, SessionContext context) {
  const auto session = std::make_shared<ServerSession>(std::move(stream), std::move(context));
  co_await session->serve(std::move(preread));
}

asio::awaitable<void> serve_http2_upgraded(
    Stream stream, std::string preread, std::string settings, RequestHead first, SessionContext context
) {
  const auto session = std::make_shared<ServerSession>(std::move(stream), std::move(context));
  session->upgrade(settings, std::move(first));
  co_await session->serve(std::move(preread));
}

}  // namespace mecha::net
