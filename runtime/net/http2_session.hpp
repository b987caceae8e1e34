// Http2Session and Http2Stream: what both ends of an HTTP/2 connection share. Included in .cpp files of runtime/net only.
//
// All that happens in one turn of the loop (a read, or a posted wake-up) is first handed to nghttp2, then the coroutines
// that can go on are resumed, then everything they left is written with one system call. Flow control is by consumption:
// windows open again when a body is taken, not when it arrives.

#pragma once

#include <chrono>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/steady_timer.hpp>
#include <nghttp2/nghttp2.h>

#include "runtime/net/headers.hpp"
#include "runtime/net/http2_wait.hpp"
#include "runtime/net/stream.hpp"

namespace mecha::net {

using SteadyTime = std::chrono::steady_clock::time_point;

class Http2Session;

// In place of an HTTP/2 code: the stream ended with its connection.
constexpr std::uint32_t kSessionLost = 0xffffffff;

// One stream: bytes that arrived and bytes that wait to leave. Lives on its session's shard and not longer than it.
class Http2Stream {
 public:
  explicit Http2Stream(Http2Session& session);
  virtual ~Http2Stream();
  Http2Stream(const Http2Stream&) = delete;
  Http2Stream& operator=(const Http2Stream&) = delete;

  std::int32_t id() const { return id_; }
  bool closed() const { return closed_; }

 protected:
  friend class Http2Session;
  friend struct Http2Callbacks;

  // Takes the stream's number: it counts as live from here on.
  void attach(std::int32_t id);
  // Derived destructors call it first: resets what is still open.
  void leave();
  // The next piece of what the peer sends; empty at its end.
  Async<std::string_view> take();
  // The same of what is here; empty also where take() would wait, or fail.
  std::string_view take_now();
  // take() would not wait.
  bool can_take() const { return !inbox_.empty() || in_end_ || closed_; }
  // The peer has ended its side and everything was taken.
  bool ended() const { return in_end_ && inbox_.empty(); }
  // Queues a piece, if it is not empty; waits while too much is queued.
  Async<void> put(std::string_view piece);
  // Queues all of a body that is in memory anyway.
  void put_all(std::string body);
  void put_end(Headers trailers);
  void reset(std::uint32_t code);
  // The stream is over: wakes who waits. For the session.
  void close(std::uint32_t code);
  // So much more of a head is kept until the stream is destroyed.
  void hold_head(std::size_t size);
  std::size_t pending() const { return outbox_.size() - outbox_taken_; }
  static nghttp2_data_provider provider();

  // The stream is over; `code` is HTTP/2's. Called from inside nghttp2: only marks and queues.
  virtual void on_close(std::uint32_t code) = 0;
  virtual Error gone() const = 0;

  Http2Session& session_;
  WaitPoint reader_;
  WaitPoint writer_;
  std::int32_t id_ = -1;
  bool in_end_ = false;   // the peer has ended its side
  bool out_end_ = false;  // we have, or will when the outbox is empty
  bool out_done_ = false;  // our end has left
  bool closed_ = false;
  std::uint64_t sent_ = 0, received_ = 0;

 private:
  // Reads for nghttp2. Returns what its data source callback returns.
  ssize_t fill(std::size_t length, std::uint32_t* flags);
  void drained(std::size_t size);
  void arrived(std::string_view piece);

  std::string inbox_, taken_;
  std::size_t head_bytes_ = 0;  // of what came before the body
  std::string outbox_;
  std::size_t outbox_taken_ = 0;
  Headers trailers_;
  SteadyTime progress_{};  // when bytes last left, or began to wait
  std::unique_ptr<Http2Stream> self_;  // owned by nobody else: until it closes
  Http2Stream* previous_ = nullptr;
  Http2Stream* next_ = nullptr;
};

struct Http2Options {
  bool server = false;
  std::uint32_t stream_window = 128 << 10;  // what an unread body may hold back here
  std::int32_t connection_window = 4 << 20;
  std::uint32_t streams_max = 1000;
  std::size_t header_bytes_max = 8192;
  std::size_t held_bytes_max = std::numeric_limits<std::size_t>::max();
  std::chrono::milliseconds write_timeout{0};
  std::chrono::milliseconds ping_interval{0};
  std::chrono::milliseconds ping_timeout{5000};
};

class Http2Session : public std::enable_shared_from_this<Http2Session> {
 public:
  Http2Session(Stream stream, const Http2Options& options);
  virtual ~Http2Session();
  Http2Session(const Http2Session&) = delete;
  Http2Session& operator=(const Http2Session&) = delete;

  // Queues our settings, takes bytes that were read before, and starts reading.
  void begin(std::string_view preread);
  // Something was queued: write at the end of this turn.
  void schedule();
  bool dead() const { return dead_; }
  // Ends the connection at once; all streams close.
  void lose(std::string why);
  // Tells the peer why, then ends the connection.
  void terminate(std::uint32_t code);

  nghttp2_session* raw() { return session_; }
  ReadyList& ready() { return ready_; }
  Executor executor() { return stream_.socket().get_executor(); }
  const std::string& why() const { return why_; }
  std::size_t live() const { return live_; }
  SteadyTime now() const { return now_; }
  // How many writes have begun, and the last of which the system took bytes.
  std::uint64_t writes_begun() const { return writes_begun_; }
  std::uint64_t writes_taken() const { return writes_taken_; }
  // Keeps a stream that nobody owns any more until it closes.
  void adopt(std::unique_ptr<Http2Stream> stream);

 protected:
  friend class Http2Stream;
  friend struct Http2Callbacks;

  // Hands what was read to nghttp2 by feed(); false ends the connection, terminate() has said why.
  virtual bool take_bytes(std::string_view bytes) { return feed(bytes); }
  bool feed(std::string_view bytes);
  // Called from inside nghttp2. What is not 0 is a failure of the connection; failure_ says which.
  virtual int frame_begins(const nghttp2_frame_hd&) { return 0; }
  virtual int headers_begin(const nghttp2_frame& frame) = 0;
  virtual int header(const nghttp2_frame& frame, std::string_view name, std::string_view value) = 0;
  virtual void headers_end(const nghttp2_frame& frame) = 0;
  virtual void frame_received(const nghttp2_frame&) {}
  virtual void frame_sent(const nghttp2_frame&) {}
  virtual void frame_refused(const nghttp2_frame&) {}
  virtual void frame_not_sent(const nghttp2_frame&) {}
  virtual void stream_over(std::int32_t) {}
  virtual void last_stream_closed() {}
  // nghttp2 has taken what was read; coroutines are resumed after it.
  virtual void after_receive() {}
  // The connection is over.
  virtual void ended() = 0;
  virtual void on_alarm(SteadyTime) {}
  void arm(SteadyTime at);
  Http2Stream* find(std::int32_t id);
  template <class Visit>
  void each_stream(Visit visit) {
    for (Http2Stream* stream = first_; stream != nullptr;) {
      Http2Stream* const next = stream->next_;
      visit(*stream);
      stream = next;
    }
  }

  // More of heads, unread bodies and answers that do not leave is here than one connection may keep.
  bool crowded() const { return held_ + waiting_bytes_ > options_.held_bytes_max; }

  // Before begin(), where something must be said first.
  void make_session();

  Http2Options options_;
  std::uint32_t failure_ = NGHTTP2_ENHANCE_YOUR_CALM;
  bool hold_ = false;  // not over yet, even without streams

 private:
  void read();
  void on_read(const boost::system::error_code& error, std::size_t size);
  void receive(std::string_view bytes);
  void turn();
  void flush();
  void collect();
  void write_rest();
  void on_written(const boost::system::error_code& error, std::size_t size);
  void end_if_over();
  void close_now();
  void wait_alarm();
  void check_pings(SteadyTime now);
  void check_writes(SteadyTime now);
  bool spend_control();
  void stream_gone() {
    if (--live_ == 0) last_stream_closed();
  }
  // The peer may send as much again on the connection; not yet, while it is crowded.
  void consumed(std::size_t size);
  void release(std::size_t size);
  void link(Http2Stream& stream);
  void unlink(Http2Stream& stream);

  Stream stream_;
  nghttp2_session* session_ = nullptr;
  ReadyList ready_;
  Http2Stream* first_ = nullptr;
  std::size_t live_ = 0;
  std::vector<std::unique_ptr<Http2Stream>> graveyard_;

  std::string in_;
  std::string out_;
  std::size_t out_taken_ = 0;
  std::size_t waiting_bytes_ = 0;  // in all outboxes
  std::size_t held_ = 0;           // heads and inboxes of all streams
  std::size_t owed_ = 0;           // what consumed() did not give back
  int asked_ = 0;                  // how often a turn was asked for since it was posted
  std::uint64_t writes_begun_ = 1, writes_taken_ = 0;
  bool writing_ = false;
  bool in_turn_ = false;
  bool again_ = false;  // something was queued that this turn may not write any more
  bool posted_ = false;
  bool broken_ = false;  // nothing is read any more; ends once what is queued has left
  bool over_ = false;    // our side is shut; waits a moment for the peer's
  bool dead_ = false;
  std::string why_;

  asio::steady_timer alarm_;
  SteadyTime alarm_at_ = SteadyTime::max();
  SteadyTime now_;
  SteadyTime last_read_;
  SteadyTime write_since_;
  SteadyTime over_since_;
  SteadyTime ping_sent_{};
  bool ping_waits_ = false;
  double control_tokens_ = 0;
  SteadyTime control_at_{};
};

}  // namespace mecha::net
