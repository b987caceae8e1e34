// What nghttp2 calls, and how it is set up; and the alarms of a session.

#include <algorithm>

#include "runtime/net/http2_session.hpp"

namespace mecha::net {
namespace {

constexpr std::size_t kWriteMax = 128 << 10;
// PING, SETTINGS and empty DATA that a peer may send while it gets nothing from us: so many at once, so many a second.
constexpr double kControlBurst = 200, kControlRate = 20;
constexpr std::chrono::milliseconds kWriteAlarmPause{1000};
constexpr std::size_t kFrameHead = 9;
constexpr std::size_t kFrameMax = 16 << 10;         // what SETTINGS_MAX_FRAME_SIZE is when nobody says otherwise
constexpr std::size_t kHeaderBlockMax = 64 << 20;   // nghttp2's estimate of a list that we send; ours come from lists that were limited

std::string_view view(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

// So many frames may go on with a list of the limit, and of more that is answered; small ones are a flood.
std::size_t continuations_max(std::size_t header_bytes_max) { return 8 + 8 * header_bytes_max / kFrameMax; }

Http2Session& self(void* user) { return *static_cast<Http2Session*>(user); }

}  // namespace

struct Http2Callbacks {
  static int begin_frame(nghttp2_session*, const nghttp2_frame_hd* head, void* user) {
    return self(user).frame_begins(*head);
  }

  static int begin_headers(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    return self(user).headers_begin(*frame);
  }

  static int header(
      nghttp2_session*,
      const nghttp2_frame* frame,
      const std::uint8_t* name,
      std::size_t name_size,
      const std::uint8_t* value,
      std::size_t value_size,
      std::uint8_t,
      void* user
  ) {
    return self(user).header(*frame, view(name, name_size), view(value, value_size));
  }

  static int data(
      nghttp2_session* session,
      std::uint8_t,
      std::int32_t id,
      const std::uint8_t* bytes,
      std::size_t size,
      void* user
  ) {
    if (auto* stream = self(user).find(id); stream != nullptr && !stream->closed_) {
      // The connection's window opens again at once: a body that nobody takes must not stop the other streams. What one
      // stream may leave here is bounded by its own window, what all of them may by the session.
      stream->arrived(view(bytes, size));
      self(user).consumed(size);
    } else {
      nghttp2_session_consume(session, id, size);
    }
    return 0;
  }

  static int frame_received(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    auto& session = self(user);
    const auto& head = frame->hd;
    const bool control =
        head.type == NGHTTP2_PING || head.type == NGHTTP2_SETTINGS ||
        (head.type == NGHTTP2_DATA && head.length == 0 && (head.flags & NGHTTP2_FLAG_END_STREAM) == 0);
    if (control && session.options_.server && !session.spend_control()) {
      session.terminate(NGHTTP2_ENHANCE_YOUR_CALM);
      return 0;
    }
    if (head.type == NGHTTP2_PING && (head.flags & NGHTTP2_FLAG_ACK) != 0) session.ping_waits_ = false;
    if (head.type == NGHTTP2_HEADERS) session.headers_end(*frame);
    if (head.type == NGHTTP2_DATA || head.type == NGHTTP2_HEADERS) {
      auto* stream = session.find(head.stream_id);
      if (stream != nullptr && (head.flags & NGHTTP2_FLAG_END_STREAM) != 0) {
        stream->in_end_ = true;
        stream->reader_.wake();
      }
    } else {
      session.frame_received(*frame);
    }
    return 0;
  }

  static int frame_sent(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    auto& session = self(user);
    const auto& head = frame->hd;
    if (head.type == NGHTTP2_DATA || head.type == NGHTTP2_HEADERS) {
      session.control_tokens_ = kControlBurst;
      if ((head.flags & NGHTTP2_FLAG_END_STREAM) != 0) {
        if (auto* stream = session.find(head.stream_id)) stream->out_done_ = true;
      }
    }
    session.frame_sent(*frame);
    return 0;
  }

  static int frame_not_sent(nghttp2_session*, const nghttp2_frame* frame, int, void* user) {
    self(user).frame_not_sent(*frame);
    return 0;
  }

  static int frame_refused(nghttp2_session*, const nghttp2_frame* frame, int, void* user) {
    self(user).frame_refused(*frame);
    return 0;
  }

  static int stream_closed(nghttp2_session* session, std::int32_t id, std::uint32_t code, void* user) {
    auto* stream = self(user).find(id);
    if (stream == nullptr) return 0;
    nghttp2_session_set_stream_user_data(session, id, nullptr);
    self(user).stream_over(id);
    stream->close(code);
    if (stream->self_) self(user).graveyard_.push_back(std::move(stream->self_));
    return 0;
  }

  static int send_data(
      nghttp2_session*,
      nghttp2_frame* frame,
      const std::uint8_t* head,
      std::size_t size,
      nghttp2_data_source*,
      void* user
  ) {
    auto& session = self(user);
    if (session.out_.size() >= kWriteMax) return NGHTTP2_ERR_WOULDBLOCK;
    auto* stream = session.find(frame->hd.stream_id);
    if (stream == nullptr) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    session.out_.append(view(head, kFrameHead));
    session.out_.append(stream->outbox_, stream->outbox_taken_, size);
    if (size > 0) stream->drained(size);
    return 0;
  }

  static ssize_t fill(
      nghttp2_session*,
      std::int32_t id,
      std::uint8_t*,
      std::size_t length,
      std::uint32_t* flags,
      nghttp2_data_source*,
      void* user
  ) {
    auto* stream = self(user).find(id);
    if (stream == nullptr) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    return stream->fill(length, flags);
  }
};

nghttp2_data_provider Http2Stream::provider() {
  return nghttp2_data_provider{.source = {.ptr = nullptr}, .read_callback = &Http2Callbacks::fill};
}

void Http2Session::make_session() {
  nghttp2_session_callbacks* callbacks = nullptr;
  nghttp2_session_callbacks_new(&callbacks);
  nghttp2_session_callbacks_set_on_begin_frame_callback(callbacks, &Http2Callbacks::begin_frame);
  nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, &Http2Callbacks::begin_headers);
  nghttp2_session_callbacks_set_on_header_callback(callbacks, &Http2Callbacks::header);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, &Http2Callbacks::data);
  nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, &Http2Callbacks::frame_received);
  nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, &Http2Callbacks::frame_sent);
  nghttp2_session_callbacks_set_on_frame_not_send_callback(callbacks, &Http2Callbacks::frame_not_sent);
  nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(callbacks, &Http2Callbacks::frame_refused);
  nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, &Http2Callbacks::stream_closed);
  nghttp2_session_callbacks_set_send_data_callback(callbacks, &Http2Callbacks::send_data);
  nghttp2_option* option = nullptr;
  nghttp2_option_new(&option);
  nghttp2_option_set_no_auto_window_update(option, 1);
  nghttp2_option_set_no_closed_streams(option, 1);
  // Servers in Python send texts of errors that end in a blank; the call must not break over it.
  nghttp2_option_set_no_rfc9113_leading_and_trailing_ws_validation(option, 1);
  // Resets are counted by the server session, which knows what was answered; nghttp2's own limit stands behind it.
  nghttp2_option_set_stream_reset_rate_limit(option, 100000, 10000);
  nghttp2_option_set_max_continuations(option, continuations_max(options_.header_bytes_max));
  nghttp2_option_set_max_send_header_block_length(option, kHeaderBlockMax);
  if (options_.server) {
    nghttp2_session_server_new2(&session_, callbacks, this, option);
  } else {
    nghttp2_session_client_new2(&session_, callbacks, this, option);
  }
  nghttp2_option_del(option);
  nghttp2_session_callbacks_del(callbacks);

  nghttp2_settings_entry settings[3] = {
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, options_.stream_window},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, static_cast<std::uint32_t>(options_.header_bytes_max)},
      {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, options_.streams_max}};
  if (!options_.server) settings[2] = {NGHTTP2_SETTINGS_ENABLE_PUSH, 0};
  nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, settings, std::size(settings));
  nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, 0, options_.connection_window);
  control_tokens_ = kControlBurst;
  if (options_.ping_interval.count() > 0) arm(now_ + options_.ping_interval);
}

void Http2Session::collect() {
  while (out_.size() < kWriteMax) {
    const std::uint8_t* data = nullptr;
    const auto size = nghttp2_session_mem_send(session_, &data);
    if (size < 0) {
      broken_ = true;
      return;
    }
    if (size == 0) return;
    out_.append(view(data, static_cast<std::size_t>(size)));
  }
}

bool Http2Session::spend_control() {
  const std::chrono::duration<double> passed = now_ - control_at_;
  control_at_ = now_;
  control_tokens_ = std::min(kControlBurst, control_tokens_ + passed.count() * kControlRate);
  if (control_tokens_ < 1) return false;
  control_tokens_ -= 1;
  return true;
}

void Http2Session::arm(SteadyTime at) {
  if (at >= alarm_at_ || dead_) return;
  alarm_at_ = at;
  alarm_.expires_at(at);
  wait_alarm();
}

void Http2Session::wait_alarm() {
  alarm_.async_wait([weak = weak_from_this()](const boost::system::error_code& error) {
    const auto session = weak.lock();
    if (error || !session || session->dead_) return;
    session->alarm_at_ = SteadyTime::max();
    const auto now = session->now_ = std::chrono::steady_clock::now();
    if (session->over_) {
      session->lose("the connection was closed");
    } else {
      session->check_pings(now);
      session->check_writes(now);
      if (!session->dead_) session->on_alarm(now);
    }
    session->turn();
  });
}

void Http2Session::check_pings(SteadyTime now) {
  if (dead_ || options_.ping_interval.count() == 0) return;
  if (ping_waits_ && last_read_ <= ping_sent_) {
    if (now >= ping_sent_ + options_.ping_timeout) return lose("keepalive ping failed to receive ACK within timeout");
    return arm(ping_sent_ + options_.ping_timeout);
  }
  if (now < last_read_ + options_.ping_interval) return arm(last_read_ + options_.ping_interval);
  nghttp2_submit_ping(session_, NGHTTP2_FLAG_NONE, nullptr);
  ping_waits_ = true;
  ping_sent_ = now;
  arm(now + options_.ping_timeout);
}

void Http2Session::check_writes(SteadyTime now) {
  const auto limit = options_.write_timeout;
  if (dead_ || limit.count() == 0) return;
  if (writing_) {
    if (now >= write_since_ + limit) return lose("i/o timeout");
    return arm(write_since_ + limit);
  }
  auto next = SteadyTime::max();
  each_stream([&](Http2Stream& stream) {
    if (stream.closed_ || stream.pending() == 0) return;
    if (now >= stream.progress_ + limit) return stream.reset(NGHTTP2_CANCEL);
    next = std::min(next, stream.progress_ + limit);
  });
  // Not for each stream by itself: every alarm walks over all of them.
  if (next != SteadyTime::max()) arm(std::max(next, now + std::min(limit, kWriteAlarmPause)));
}

}  // namespace mecha::net
