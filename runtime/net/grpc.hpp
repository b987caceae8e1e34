// gRPC on our HTTP/2: framing, status, deadlines, metadata. Messages are bytes; who calls knows their type.

#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/net/client.hpp"
#include "runtime/net/exchange.hpp"

namespace mecha::net::grpc {

// How a call ended. `details` is the binary google.rpc.Status of grpc-status-details-bin, empty if there is none.
struct Status {
  Code code = Code::ok;
  std::string message;
  std::string details;
  bool ok() const { return code == Code::ok; }
};

// The five bytes before an uncompressed message of `size` bytes.
std::array<char, 5> prefix_of(std::size_t size);
// Prefix of five bytes and the message, uncompressed.
std::string frame(std::string_view message);
// A message up to here is copied behind its prefix, to be one write, rather than written by itself.
inline constexpr std::size_t kJoinedMax = 4096;

// Takes pieces of a body and gives whole messages. Bounded: a longer message is resource_exhausted, with the reference's
// text ("grpc: received message larger than max (N vs. M)"). Gunzips compressed ones.
class Deframer {
 public:
  explicit Deframer(std::size_t message_max) : message_max_(message_max) {}  // 0: none
  void encoding(std::string_view name) { encoding_ = name; }  // of grpc-encoding
  Result<void> feed(std::string_view piece);
  std::optional<std::string> next();  // one whole message, if there is one
  bool has_message() const { return taken_ < ready_.size(); }
  bool empty() const { return buffer_.empty() && ready_.empty(); }  // no partial message is left

 private:
  // Takes one message off `bytes`; false if it is not whole yet.
  Result<bool> take(std::string_view& bytes);

  std::size_t message_max_;
  std::string encoding_;
  std::string buffer_;
  std::vector<std::string> ready_;
  std::size_t taken_ = 0;
};

// Follows the messages in bytes that are passed on as they are, and keeps them to their limit.
class FrameMeter {
 public:
  explicit FrameMeter(std::size_t message_max) : message_max_(message_max) {}  // 0: none
  Result<void> feed(std::string_view piece);

 private:
  std::size_t message_max_;
  std::uint64_t left_ = 0;  // of the message under way
  std::array<char, 5> prefix_{};
  std::size_t have_ = 0;    // bytes of the prefix
};

// grpc-timeout, both ways ("100m" = 100 milliseconds). Empty if malformed.
std::optional<std::chrono::nanoseconds> parse_timeout(std::string_view text);
std::string format_timeout(std::chrono::nanoseconds time);
// grpc-message percent encoding, both ways.
std::string encode_message(std::string_view text);
std::string decode_message(std::string_view text);
// -bin metadata values: base64 without padding out, either form in (several joined by commas are not split).
std::string encode_bin(std::string_view bytes);
std::optional<std::string> decode_bin(std::string_view text);

inline constexpr std::string_view kType = "application/grpc";
bool is_grpc_type(std::string_view content_type);  // kType, with or without +suffix and parameters
bool is_grpc(const RequestHead& head);             // by its content-type
// The answer to a request that is no call, or a malformed one; empty for a good one.
std::optional<ResponseHead> refusal_of(const RequestHead& head);
// Names that belong to the protocol and to the transport, never metadata of a user.
bool is_reserved(std::string_view name);
// An error of transport as clients of gRPC word it: what comes of dialling is told as such.
Error transport_error(Error error);
// What an answer says that does not come from a gRPC server.
Status not_grpc(const ResponseHead& head);
// A status as the trailers that end a call.
Headers status_trailers(const Status& status);
// The code of a number that comes from outside: those above 255 and below 0 are unknown.
Code code_of(std::int64_t number);
// The number of a grpc-status; empty if there is none or it cannot be read. Its code is that of code_of().
std::optional<Code> status_code(const Headers& headers);
// What a client says of a grpc-status that is no number.
std::string malformed_status(std::string_view written);

// The server's side of a call, on top of an Exchange.
class ServerCall {
 public:
  explicit ServerCall(Exchange& exchange, std::size_t message_max);
  // "/package.Service/Method"
  std::string_view method() const;
  const Headers& metadata() const;  // -bin values still in base64
  // The content type that an answer has: the suffix ("+proto") is that of the request, parameters are not.
  std::string_view type() const;
  std::optional<std::chrono::steady_clock::time_point> deadline() const;

  // The next message, or empty at the end of the client's stream. One reader at a time.
  Async<std::optional<std::string>> read();
  // The same in steps, for a stream that waits long (see BodyReader): read() does not wait when has_next(); until then
  // take_in() what has arrived(), and wait by until_arrived(), which nudge() ends as well.
  bool has_next() const { return deframer_.has_message() || at_end_; }
  bool arrived() { return exchange_.body().ready(); }
  asio::awaitable<bool> until_arrived() { return exchange_.body().until_ready(); }
  Async<void> take_in();
  void nudge() { exchange_.body().nudge(); }
  // Headers go out before the first message, or before the status if there was none. Call before the first write.
  void set_headers(Headers headers);
  void add_header(std::string_view name, std::string_view value) { headers_.add(name, value); }
  Async<void> send_headers();
  Async<void> write(std::string_view message);
  // Ends the call. Without messages and headers it is a trailers-only answer. A failure that is told after the deadline
  // has passed is the deadline's: who keeps it further on may be quicker than our own timer, and say it in other words.
  Async<void> finish(Status status, Headers trailers = {});
  bool finished() const { return finished_; }
  // Ends the call with deadline_exceeded, whatever its handler waits for: to that it looks as if the client had gone away.
  void expire();
  // Of the messages that were read and written, without what is around them.
  std::uint64_t received_bytes() const { return received_; }
  std::uint64_t sent_bytes() const { return sent_; }
  // How it ended; of a call that was broken off: cancelled.
  Code status() const { return finished_ ? status_ : Code::cancelled; }
  // The call ends with these trailers, given on the exchange itself: returns those to give, by the rule of finish().
  Headers answered(Headers trailers);

 private:
  ResponseHead make_head();
  bool is_overdue(Code code) const;

  Exchange& exchange_;
  Deframer deframer_;
  Headers headers_;
  std::optional<std::chrono::steady_clock::time_point> deadline_;
  Code status_ = Code::ok;
  bool at_end_ = false;  // of the client's stream
  bool headers_sent_ = false;
  bool finished_ = false;
  std::uint64_t received_ = 0;
  std::uint64_t sent_ = 0;
};

// Ends a call when its deadline passes, with or without help of the client. Lives beside the call, on its shard.
class DeadlineGuard {
 public:
  DeadlineGuard(ServerCall& call, asio::any_io_executor executor);
  ~DeadlineGuard();
  DeadlineGuard(const DeadlineGuard&) = delete;
  DeadlineGuard& operator=(const DeadlineGuard&) = delete;

 private:
  struct State;
  std::shared_ptr<State> state_;  // empty without a deadline
};

// The client's side of a call, on top of a ClientCall.
class Call {
 public:
  explicit Call(std::unique_ptr<ClientCall> call, std::size_t message_max);
  Async<void> write(std::string_view message);
  Async<void> finish_writing();
  // Initial metadata; empty of a trailers-only answer.
  Async<const Headers*> headers();
  // The next message, or empty at the end; then status() and trailers() are known.
  Async<std::optional<std::string>> read();
  const Status& status() const { return status_; }
  const Headers& trailers() const { return trailers_; }
  void cancel() { call_->cancel(); }
  // The call has ended with OK and no message is left: the next read() is empty.
  bool at_end() const {
    return deframer_.empty() && call_->at_end() && call_->trailers().value_or("grpc-status") == "0";
  }

 private:
  Result<void> take_status(const Headers& headers);

  std::unique_ptr<ClientCall> call_;
  Deframer deframer_;
  Status status_;
  Headers headers_, trailers_;
  bool have_headers_ = false;
  bool ended_ = false;
};

struct Unary {
  Status status;
  std::string message;
  Headers headers, trailers;
};

// Opens a call: `method` is "/package.Service/Method"; `timeout` 0 sends no grpc-timeout.
Async<std::unique_ptr<Call>> open(
    Client& client,
    std::string method,
    Headers metadata,
    std::chrono::nanoseconds timeout,
    std::size_t message_max
);

// One message there, one back, within `limit` (also sent as grpc-timeout unless `send_timeout` is false). A status
// other than OK is a value, not an Error; an Error is a failure of transport (unavailable).
Async<Unary> unary(
    Client& client,
    std::string method,
    Headers metadata,
    std::string message,
    std::chrono::milliseconds limit,
    std::size_t message_max,
    bool send_timeout = true
);

}  // namespace mecha::net::grpc
