// Http2Session: reading, turns, writing, and the end of a connection.

#include "runtime/net/http2_session.hpp"

#include <algorithm>

#include <boost/asio/post.hpp>

#include "runtime/net/system_text.hpp"

namespace mecha::net {
namespace {

constexpr std::size_t kReadMin = 4 << 10;  // idle connections may be many
constexpr std::size_t kReadMax = 64 << 10;
constexpr std::size_t kKeptBuffer = 64 << 10;  // an idle connection keeps no more than this
constexpr int kEagerly = 12;  // about four requests
constexpr int kRoundsMax = 4;
constexpr std::chrono::seconds kLinger{1};

}  // namespace

Http2Session::Http2Session(Stream stream, const Http2Options& options)
    : options_(options), stream_(std::move(stream)), alarm_(stream_.socket().get_executor()) {
  now_ = last_read_ = control_at_ = std::chrono::steady_clock::now();
  in_.resize(kReadMin);
}

Http2Session::~Http2Session() {
  dead_ = true;
  each_stream([this](Http2Stream& stream) {
    if (stream.self_) graveyard_.push_back(std::move(stream.self_));
  });
  graveyard_.clear();
  if (session_ != nullptr) nghttp2_session_del(session_);
}

void Http2Session::begin(std::string_view preread) {
  if (session_ == nullptr) make_session();
  if (!preread.empty()) receive(preread);
  turn();
  if (!dead_) read();
}

void Http2Session::read() {
  auto done = [self = shared_from_this()](const boost::system::error_code& error, std::size_t size) {
    self->on_read(error, size);
  };
  const auto buffer = asio::buffer(in_);
  if (auto* tls = stream_.tls()) return tls->async_read_some(buffer, std::move(done));
  stream_.socket().async_read_some(buffer, std::move(done));
}

void Http2Session::on_read(const boost::system::error_code& error, std::size_t size) {
  if (dead_) return;
  now_ = last_read_ = std::chrono::steady_clock::now();
  if (error) {
    return lose(
        error == asio::error::eof ? "EOF" : socket_failure(stream_.socket(), "read", error).message
    );
  }
  if (!over_ && !broken_) receive(std::string_view(in_).substr(0, size));
  turn();
  if (dead_) return;
  if (size == in_.size() && size < kReadMax) in_.resize(kReadMax);
  read();
}

void Http2Session::receive(std::string_view bytes) {
  in_turn_ = true;
  if (!take_bytes(bytes)) broken_ = true;
  after_receive();
}

bool Http2Session::feed(std::string_view bytes) {
  const auto* data = reinterpret_cast<const std::uint8_t*>(bytes.data());
  const auto used = nghttp2_session_mem_recv(session_, data, bytes.size());
  if (used >= 0) return true;
  terminate(used == NGHTTP2_ERR_BAD_CLIENT_MAGIC ? NGHTTP2_PROTOCOL_ERROR : failure_);
  return false;
}

void Http2Session::schedule() {
  if (in_turn_) return;
  if (posted_) {
    // Whatever is ready comes before our turn. With many requests ready at once the peer would wait for the last of them,
    // and each side work while the other one rests: some leave early.
    if (++asked_ < kEagerly) return;
    asked_ = 0;
    return flush();
  }
  posted_ = true;
  asked_ = 0;
  asio::post(alarm_.get_executor(), [self = shared_from_this()] {
    self->posted_ = false;
    self->now_ = std::chrono::steady_clock::now();
    self->turn();
  });
}

// Writing may let coroutines go on, and they may leave more to write. Others get their turn after a few rounds.
void Http2Session::turn() {
  in_turn_ = true;
  for (int round = 0; round < kRoundsMax; ++round) {
    ready_.run();
    flush();
    if (owed_ > 0) release(0);  // what has left made room
    if (ready_.empty()) break;
  }
  graveyard_.clear();
  in_turn_ = false;
  if (!ready_.empty() || again_) schedule();
  again_ = false;
}

void Http2Session::flush() {
  if (dead_ || writing_ || over_) return;
  do {
    collect();
    if (out_.empty()) break;
    const auto count = stream_.try_write(out_);
    if (count > 0) writes_taken_ = writes_begun_;
    ++writes_begun_;
    if (count < out_.size()) {
      out_taken_ = count;
      return write_rest();
    }
    out_.clear();
  } while (nghttp2_session_want_write(session_) != 0 && ready_.empty());
  if (live_ == 0 && out_.capacity() > kKeptBuffer) std::string().swap(out_);
  if (waiting_bytes_ > 0 && options_.write_timeout.count() > 0) arm(now_ + options_.write_timeout);
  end_if_over();
}

void Http2Session::write_rest() {
  if (!writing_) {
    writing_ = true;
    write_since_ = now_;
    if (options_.write_timeout.count() > 0) arm(now_ + options_.write_timeout);
  }
  auto done = [self = shared_from_this()](const boost::system::error_code& error, std::size_t size) {
    self->on_written(error, size);
  };
  const auto buffer = asio::buffer(out_.data() + out_taken_, out_.size() - out_taken_);
  if (auto* tls = stream_.tls()) return tls->async_write_some(buffer, std::move(done));
  stream_.socket().async_write_some(buffer, std::move(done));
}

void Http2Session::on_written(const boost::system::error_code& error, std::size_t size) {
  if (dead_) return;
  now_ = std::chrono::steady_clock::now();
  if (error) {
    return lose(socket_failure(stream_.socket(), "write", error).message);
  }
  writes_taken_ = writes_begun_ - 1;
  write_since_ = now_;
  out_taken_ += size;
  if (out_taken_ < out_.size()) return write_rest();
  out_.clear();
  out_taken_ = 0;
  writing_ = false;
  turn();
}

void Http2Session::terminate(std::uint32_t code) {
  nghttp2_session_terminate_session(session_, code);
  schedule();
}

// Closing with unread bytes would make the system drop what was just written, the GOAWAY with it: our side is shut
// first, and the peer gets a moment to close its own.
void Http2Session::end_if_over() {
  const bool wants = nghttp2_session_want_read(session_) != 0 && !broken_;
  if (over_ || wants || hold_ || nghttp2_session_want_write(session_) != 0) return;
  over_ = true;
  over_since_ = now_;
  if (why_.empty()) why_ = "the connection was closed";
  boost::system::error_code ignored;
  stream_.socket().shutdown(asio::socket_base::shutdown_send, ignored);
  arm(now_ + kLinger);
  close_now();
}

void Http2Session::lose(std::string why) {
  if (dead_) return;
  dead_ = true;
  if (why_.empty()) why_ = std::move(why);
  stream_.close();
  alarm_.cancel();
  close_now();
  schedule();
}

void Http2Session::close_now() {
  each_stream([this](Http2Stream& stream) {
    stream.close(kSessionLost);
    if (stream.self_) graveyard_.push_back(std::move(stream.self_));
  });
  if (dead_) ended();
}

void Http2Session::adopt(std::unique_ptr<Http2Stream> stream) {
  if (stream->closed_) {
    graveyard_.push_back(std::move(stream));
    return schedule();
  }
  auto& kept = *stream;
  kept.self_ = std::move(stream);
}

void Http2Session::consumed(std::size_t size) {
  if (crowded()) {
    owed_ += size;
  } else {
    nghttp2_session_consume_connection(session_, size);
  }
}

// Above the limit as much may come as was taken, so that bodies that are read go on; below it, all that was held back.
void Http2Session::release(std::size_t size) {
  held_ -= size;
  const auto paid = crowded() ? std::min(owed_, size) : owed_;
  if (paid == 0 || dead_) return;
  owed_ -= paid;
  nghttp2_session_consume_connection(session_, paid);
  again_ = in_turn_;
  schedule();
}

void Http2Session::link(Http2Stream& stream) {
  stream.next_ = first_;
  if (first_ != nullptr) first_->previous_ = &stream;
  first_ = &stream;
}

void Http2Session::unlink(Http2Stream& stream) {
  if (stream.previous_ != nullptr) {
    stream.previous_->next_ = stream.next_;
  } else {
    first_ = stream.next_;
  }
  if (stream.next_ != nullptr) stream.next_->previous_ = stream.previous_;
}

Http2Stream* Http2Session::find(std::int32_t id) {
  if (dead_ || over_) return nullptr;  // closed streams may be gone
  return static_cast<Http2Stream*>(nghttp2_session_get_stream_user_data(session_, id));
}

}  // namespace mecha::net
