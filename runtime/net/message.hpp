// Heads of requests and answers, and the pull interface of bodies; the same for HTTP/1.1, HTTP/2 and gRPC.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "runtime/async/async.hpp"
#include "runtime/net/headers.hpp"

namespace mecha::net {

enum class Version : std::uint8_t { http1_0, http1_1, http2 };

struct RequestHead {
  std::string method;      // as sent, upper and lower case kept
  std::string target;      // origin form as sent: escaped path, and `?query` if there is one
  std::string authority;   // Host of HTTP/1.1, :authority of HTTP/2
  std::string scheme;      // "http" or "https"
  Headers headers;         // without Host, Content-Length, Transfer-Encoding, and HTTP/2 pseudo headers
  std::optional<std::uint64_t> content_length;  // empty: unknown (chunked, or HTTP/2 without it)
  bool has_body = false;   // false: provably none (content_length is 0 then, unless stated otherwise)
  Version version = Version::http1_1;

  std::string_view path() const { return std::string_view(target).substr(0, target.find('?')); }
  std::string_view query() const {
    const auto mark = target.find('?');
    return mark == std::string::npos ? std::string_view() : std::string_view(target).substr(mark + 1);
  }
};

struct ResponseHead {
  unsigned status = 200;
  Headers headers;  // without Content-Length and Transfer-Encoding, which belong to the field below
  std::optional<std::uint64_t> content_length;  // empty: unknown, sent chunked
  // Exchange::respond() sends even a whole body chunked over HTTP/1.1 (an answer whose length nobody stated).
  bool chunked = false;
};

// The statuses whose Location is followed: 301, 302, 303, 307, 308.
bool is_redirect(unsigned status);

// Of a body over its limit: Failure::body_too_large, "stream too large".
Error body_too_large();

// Pulls a body piece by piece. Back-pressure is that nobody pulls: the sender's window stays shut.
class BodyReader {
 public:
  virtual ~BodyReader() = default;
  // The next piece; valid until the next call. Empty: the end, and again on every later call. Fails when the body is cut
  // (unavailable), malformed, or longer than its limit (Failure::body_too_large, "stream too large").
  virtual Async<std::string_view> read() = 0;
  // The end is known to have come without a failure: the next read() is empty. False says nothing.
  virtual bool at_end() const { return false; }
  // For who waits long, at the cost of no coroutine but its own: `while (!ready()) co_await until_ready();`, and then read(),
  // which still waits where a body cannot tell. until_ready() is called when ready() is false, and ends with false when the
  // caller was cancelled; nudge() wakes it from the same shard. One waits at a time.
  virtual bool ready() const { return true; }
  virtual asio::awaitable<bool> until_ready() { co_return true; }
  virtual void nudge() {}
};

// All of a body; `limit` 0 is none. Over the limit: Failure::body_too_large.
Async<std::string> read_all(BodyReader& body, std::uint64_t limit = 0);

// A body from memory.
class TextBody final : public BodyReader {
 public:
  explicit TextBody(std::string text) : text_(std::move(text)) {}
  std::size_t size() const { return text_.size(); }
  Async<std::string_view> read() override;
  bool at_end() const override { return done_ || text_.empty(); }

 private:
  std::string text_;
  bool done_ = false;
};

}  // namespace mecha::net
