// The client's end of an HTTP/2 connection, and its calls.

#include <array>
#include <charconv>

#include "runtime/base/text.hpp"
#include "runtime/net/grpc.hpp"
#include "runtime/net/http2.hpp"
#include "runtime/net/http2_fields.hpp"
#include "runtime/net/http2_session.hpp"

namespace mecha::net {
namespace {

constexpr std::size_t kFieldOverhead = 32;  // RFC 9113, 6.5.2
constexpr std::int32_t kLastStream = 0x7fffff00;

Http2Options options_of(const ClientOptions& options) {
  return {
      .server = false,
      .connection_window = 64 << 20,  // an unread answer must not stop the others
      .header_bytes_max = options.response_header_bytes_max,
      .write_timeout = std::chrono::milliseconds(0),  // calls have deadlines
      .ping_interval = options.ping_interval,
      .ping_timeout = options.ping_timeout};
}

std::string reset_name(std::uint32_t code) {
  constexpr std::array names{
      "NO_ERROR", "PROTOCOL_ERROR", "INTERNAL_ERROR", "FLOW_CONTROL_ERROR", "SETTINGS_TIMEOUT",
      "STREAM_CLOSED", "FRAME_SIZE_ERROR", "REFUSED_STREAM", "CANCEL", "COMPRESSION_ERROR",
      "CONNECT_ERROR", "ENHANCE_YOUR_CALM", "INADEQUATE_SECURITY", "HTTP_1_1_REQUIRED"};
  return code < names.size() ? names[code] : "unknown error code " + std::to_string(code);
}

// How gRPC sees a reset (doc/statuscodes.md of its specification).
Code code_of_reset(std::uint32_t code) {
  switch (code) {
    case NGHTTP2_REFUSED_STREAM: return Code::unavailable;
    case NGHTTP2_CANCEL: return Code::cancelled;
    case NGHTTP2_ENHANCE_YOUR_CALM: return Code::resource_exhausted;
    case NGHTTP2_INADEQUATE_SECURITY: return Code::permission_denied;
    default: return Code::internal;
  }
}

class ClientSession;

// A call keeps its session; a base before Http2Stream, whose destructor still needs it.
struct SessionKeeper {
  std::shared_ptr<ClientSession> owner_;
};

class Http2Call final : public ClientCall, private SessionKeeper, public Http2Stream {
 public:
  Http2Call(std::shared_ptr<ClientSession> session, bool grpc);
  ~Http2Call() override;

  Async<void> write(std::string_view piece) override { return put(piece); }
  Async<void> finish_writing() override;
  Async<ResponseHead*> head() override;
  Async<std::string_view> read() override { return take(); }
  bool at_end() const override { return ended(); }
  const Headers& trailers() const override { return got_trailers_; }
  void cancel() override;

  void submit(const RequestHead& head);
  void add_field(std::string_view name, std::string_view value, bool trailer, std::size_t limit);
  void head_begins() { head_ = ResponseHead{.status = 0}; }
  void head_ends();
  bool have_head() const { return have_head_; }
  void headers_sent();
  void never_opened() { close(NGHTTP2_REFUSED_STREAM); }

 private:
  void on_close(std::uint32_t code) override;
  Error gone() const override;
  Error lost() const;

  ResponseHead head_;
  Headers got_trailers_;
  std::size_t field_bytes_ = 0;
  std::uint64_t write_ = 0;  // the session's write that took our headers along
  std::uint32_t code_ = NGHTTP2_NO_ERROR;
  bool grpc_;
  bool have_head_ = false;
  bool cancelled_ = false;
  bool too_large_ = false;
};

class ClientSession final : public Http2Session, public Http2Connection {
 public:
  ClientSession(Stream stream, const ClientOptions& options)
      : Http2Session(std::move(stream), options_of(options)),
        scheme_(options.tls ? "https" : "http"),
        streams_max_(options.streams_per_connection),
        header_max_(options.response_header_bytes_max) {}

  std::shared_ptr<ClientSession> self() {
    return std::static_pointer_cast<ClientSession>(Http2Session::shared_from_this());
  }
  bool usable() const override { return usable_; }
  std::size_t streams() const override { return calls_; }
  std::size_t streams_max() const override;
  Async<std::unique_ptr<ClientCall>> open(RequestHead head) override;
  void close() override;
  void on_closed(std::function<void()> hook) override;
  SteadyTime idle_since() const override { return idle_since_; }
  std::string_view scheme() const { return scheme_; }

  void call_opened() { ++calls_; }
  void call_gone();

 private:
  int headers_begin(const nghttp2_frame& frame) override;
  int header(const nghttp2_frame& frame, std::string_view name, std::string_view value) override;
  void headers_end(const nghttp2_frame& frame) override;
  void frame_received(const nghttp2_frame& frame) override;
  void frame_sent(const nghttp2_frame& frame) override;
  void frame_not_sent(const nghttp2_frame& frame) override;
  void ended() override { not_usable(); }
  void not_usable();

  std::string_view scheme_;
  std::size_t streams_max_;
  std::size_t header_max_;
  std::size_t calls_ = 0;
  bool usable_ = true;
  bool closing_ = false;
  std::function<void()> closed_hook_;
  SteadyTime idle_since_ = now();
};

Http2Call::Http2Call(std::shared_ptr<ClientSession> session, bool grpc)
    : SessionKeeper{std::move(session)}, Http2Stream(*owner_), grpc_(grpc) {
  owner_->call_opened();
}

Http2Call::~Http2Call() {
  leave();
  owner_->call_gone();
}

void Http2Call::submit(const RequestHead& head) {
  FieldList fields;
  char length[24];
  fields.add(":method", head.method);
  if (head.method != "CONNECT") {
    fields.add(":scheme", head.scheme.empty() ? owner_->scheme() : std::string_view(head.scheme));
    fields.add(":path", head.target.empty() ? "/" : std::string_view(head.target));
  }
  fields.add(":authority", head.authority);
  fields.add_all(head.headers);
  if (head.content_length && (head.has_body || *head.content_length > 0)) {
    const auto end = std::to_chars(length, length + sizeof length, *head.content_length).ptr;
    fields.add("content-length", std::string_view(length, static_cast<std::size_t>(end - length)));
  }
  const auto source = provider();
  out_end_ = !head.has_body;
  const auto id = nghttp2_submit_request(
      session_.raw(),
      nullptr,
      fields.data(),
      fields.size(),
      head.has_body ? &source : nullptr,
      static_cast<Http2Stream*>(this)
  );
  if (id > 0) attach(id);
}

Async<void> Http2Call::finish_writing() {
  if (!out_end_) put_end({});
  co_return Result<void>();
}

Async<ResponseHead*> Http2Call::head() {
  for (;;) {
    if (have_head_) co_return &head_;
    if (closed_) co_return fail(gone());
    const bool woken = co_await reader_.wait();
    if (!woken) co_return fail(Code::cancelled, "context canceled");
  }
}

void Http2Call::cancel() {
  if (closed_) return;
  cancelled_ = true;
  leave();
  reader_.wake();
  writer_.wake();
  session_.schedule();
}

void Http2Call::add_field(
    std::string_view name, std::string_view value, bool trailer, std::size_t limit
) {
  field_bytes_ += name.size() + value.size() + kFieldOverhead;
  if (field_bytes_ > limit) {
    too_large_ = true;
    return;
  }
  if (trailer) return got_trailers_.add(name, value);
  const auto end = value.data() + value.size();
  if (name == ":status") {
    std::from_chars(value.data(), end, head_.status);
  } else if (name == "content-length") {
    std::uint64_t length = 0;
    if (std::from_chars(value.data(), end, length).ptr == end) head_.content_length = length;
  } else if (!name.starts_with(':')) {
    head_.headers.add(name, value);
  }
}

void Http2Call::head_ends() {
  if (too_large_) {
    leave();
    return reader_.wake();
  }
  if (have_head_ || head_.status < 200) return;  // trailers, or 1xx, which are passed over
  have_head_ = true;
  reader_.wake();
}

void Http2Call::headers_sent() { write_ = session_.writes_begun(); }

void Http2Call::on_close(std::uint32_t code) { code_ = code; }

Error Http2Call::lost() const {
  Error error{.code = Code::unavailable};
  const auto& why = session_.why();
  error.message = "error reading from server: " + (why.empty() ? std::string("EOF") : why);
  // Not one byte of the write that carried our headers was taken.
  if (write_ == 0 || write_ > session_.writes_taken()) error.failure = Failure::never_sent;
  return error;
}

Error Http2Call::gone() const {
  if (cancelled_) return Error{.code = Code::cancelled, .message = "context canceled"};
  if (too_large_) {
    return Error{
        .code = Code::internal,
        .message = "http2: response header list larger than advertised limit"};
  }
  if (code_ == kSessionLost) return lost();
  Error error{.code = Code::unavailable};
  if (code_ == NGHTTP2_REFUSED_STREAM) error.failure = Failure::never_sent;
  if (grpc_) {
    error.code = code_of_reset(code_);
    error.message = "stream terminated by RST_STREAM with error code: " + reset_name(code_);
  } else {
    error.message = "stream error: stream ID " + std::to_string(id_) + "; " + reset_name(code_);
  }
  return error;
}

std::size_t ClientSession::streams_max() const {
  auto* session = const_cast<ClientSession*>(this)->raw();
  const std::size_t theirs =
      nghttp2_session_get_remote_settings(session, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
  return std::min(streams_max_, theirs);
}

Async<std::unique_ptr<ClientCall>> ClientSession::open(RequestHead head) {
  if (!usable_) {
    co_return fail(Error{
        .code = Code::unavailable,
        .message = why().empty() ? "the connection was closed" : why(),
        .failure = Failure::never_sent});
  }
  // A peer that cannot decode it would end the connection, and with it the calls of others.
  if (const auto field = too_long_field(head.headers); !field.empty()) co_return fail(field_too_long(field));
  if (is_too_long(head.target)) co_return fail(field_too_long(":path"));
  auto call = std::make_unique<Http2Call>(self(), grpc::is_grpc(head));
  call->submit(head);
  if (call->id() <= 0) {
    not_usable();
    co_return fail(Error{
        .code = Code::unavailable,
        .message = "the connection has no more streams",
        .failure = Failure::never_sent});
  }
  if (call->id() >= kLastStream) not_usable();
  schedule();
  co_return std::unique_ptr<ClientCall>(std::move(call));
}

void ClientSession::close() {
  closing_ = true;
  not_usable();
  if (calls_ == 0 && !dead()) terminate(NGHTTP2_NO_ERROR);
}

void ClientSession::call_gone() {
  --calls_;
  if (calls_ > 0 || dead()) return;
  idle_since_ = std::chrono::steady_clock::now();
  if (closing_) terminate(NGHTTP2_NO_ERROR);
}

void ClientSession::on_closed(std::function<void()> hook) {
  closed_hook_ = std::move(hook);
  if (!usable_ && closed_hook_) std::exchange(closed_hook_, nullptr)();
}

void ClientSession::not_usable() {
  usable_ = false;
  if (closed_hook_) std::exchange(closed_hook_, nullptr)();
}

int ClientSession::headers_begin(const nghttp2_frame& frame) {
  auto* call = static_cast<Http2Call*>(find(frame.hd.stream_id));
  if (call != nullptr && !call->have_head()) call->head_begins();
  return 0;
}

int ClientSession::header(
    const nghttp2_frame& frame, std::string_view name, std::string_view value
) {
  auto* call = static_cast<Http2Call*>(find(frame.hd.stream_id));
  if (call != nullptr) call->add_field(name, value, call->have_head(), header_max_);
  return 0;
}

void ClientSession::headers_end(const nghttp2_frame& frame) {
  if (auto* call = static_cast<Http2Call*>(find(frame.hd.stream_id))) call->head_ends();
}

void ClientSession::frame_received(const nghttp2_frame& frame) {
  if (frame.hd.type == NGHTTP2_GOAWAY) not_usable();
}

void ClientSession::frame_sent(const nghttp2_frame& frame) {
  if (frame.hd.type != NGHTTP2_HEADERS) return;
  if (auto* call = static_cast<Http2Call*>(find(frame.hd.stream_id))) call->headers_sent();
}

// A request that could not be opened any more (GOAWAY came first): nghttp2 never makes a stream of it.
void ClientSession::frame_not_sent(const nghttp2_frame& frame) {
  if (frame.hd.type != NGHTTP2_HEADERS || frame.headers.cat != NGHTTP2_HCAT_REQUEST) return;
  auto* call = static_cast<Http2Call*>(
      static_cast<Http2Stream*>(nghttp2_session_get_stream_user_data(raw(), frame.hd.stream_id))
  );
  if (call != nullptr && !call->closed()) call->never_opened();
}

}  // namespace

std::shared_ptr<Http2Connection> Http2Connection::start(Stream stream, const ClientOptions& options) {
  auto session = std::make_shared<ClientSession>(std::move(stream), options);
  session->begin({});
  return session;
}

}  // namespace mecha::net
