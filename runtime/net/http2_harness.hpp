// Two ends of an HTTP/2 connection over a socket pair, and frames written by hand, for tests. Included in .cpp files of
// runtime/net only.

#pragma once

#include <memory>
#include <string>
#include <utility>

#include <boost/asio/local/connect_pair.hpp>
#include <boost/asio/local/stream_protocol.hpp>

#include "runtime/async/gate.hpp"
#include "runtime/async/within.hpp"
#include "runtime/net/http2.hpp"
#include "tests/catch.hpp"
#include "tests/run.hpp"

namespace mecha::net::testing {

inline std::pair<Stream, Stream> make_pair(asio::io_context& context) {
  asio::local::stream_protocol::socket a(context), b(context);
  asio::local::connect_pair(a, b);
  return {Stream(Stream::Socket(std::move(a))), Stream(Stream::Socket(std::move(b)))};
}

// The thread of a test, which drives both ends. A base, so that it outlives what runs on it.
struct Http2Loop {
  template <class T>
  T run(asio::awaitable<T> work) {
    return mecha::testing::run(context, std::move(work));
  }
  // Lets everything that is ready happen.
  void settle() {
    context.restart();
    while (context.poll() > 0) {
    }
  }
  // Lets time pass until it is so, at most ten seconds.
  template <class F>
  bool until(F condition) {
    for (int i = 0; i < 5000 && !condition(); ++i) run(sleep_for(std::chrono::milliseconds(2)));
    return condition();
  }

  asio::io_context context;
};

// A serving end. Its other end is a client of ours, or the test itself speaks there.
struct Http2Pair : Http2Loop {
  explicit Http2Pair(Handler with, ServerOptions with_options = {}, ClientOptions client_options = {})
      : handler(std::move(with)), options(std::move(with_options)), gate(context.get_executor()) {
    client = Http2Connection::start(serve(), client_options);
  }
  Http2Pair(const Http2Pair&) = delete;
  Http2Pair& operator=(const Http2Pair&) = delete;
  ~Http2Pair() {
    if (client) client->close();
    client.reset();
    mecha::testing::run(context, stop());
  }

  // Starts another connection and returns the client's end.
  Stream serve() {
    auto [server_end, client_end] = make_pair(context);
    SessionContext session{
        .options = options,
        .handler = handler,
        .peer = {.address = "@", .identity = {}},
        .draining = draining,
        .on_drain = [this](std::function<void(bool)> hook) { drain = std::move(hook); }};
    spawn(gate, context.get_executor(), serve_http2(std::move(server_end), {}, std::move(session)));
    return std::move(client_end);
  }
  asio::awaitable<void> stop() { co_await gate.close(std::chrono::seconds(2)); }

  Handler handler;
  ServerOptions options;
  bool draining = false;
  std::function<void(bool)> drain;
  Gate gate;
  std::shared_ptr<Http2Connection> client;
};

inline RequestHead get(std::string target) {
  return {.method = "GET", .target = std::move(target), .authority = "test", .scheme = {}};
}
inline RequestHead post(std::string target) {
  auto head = get(std::move(target));
  head.method = "POST";
  head.has_body = true;
  return head;
}

// What the other end of a raw connection says, until it closes or `enough` says so.
struct Frame {
  std::uint8_t type = 0, flags = 0;
  std::uint32_t stream = 0;
  std::string payload;
};

inline std::string frame(std::uint8_t type, std::uint8_t flags, std::uint32_t stream, std::string_view payload) {
  std::string out;
  for (const int shift : {16, 8, 0}) out += static_cast<char>(payload.size() >> shift & 0xff);
  out += static_cast<char>(type);
  out += static_cast<char>(flags);
  for (const int shift : {24, 16, 8, 0}) out += static_cast<char>(stream >> shift & 0xff);
  return out.append(payload);
}

constexpr std::uint8_t kData = 0, kHeaders = 1, kReset = 3, kSettings = 4, kPing = 6, kGoaway = 7, kContinuation = 9;
constexpr std::uint8_t kEndStream = 1, kEndHeaders = 4;
constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
// :method GET, :scheme http, :path /, :authority a
constexpr std::string_view kGetBlock = "\x82\x86\x84\x41\x01\x61";

inline std::string hello() { return std::string(kPreface) + frame(kSettings, 0, 0, {}); }
inline std::string code_bytes(std::uint32_t code) {
  return {static_cast<char>(code >> 24), static_cast<char>(code >> 16), static_cast<char>(code >> 8), static_cast<char>(code)};
}

inline Result<std::vector<Frame>> frames_of(std::string_view bytes) {
  std::vector<Frame> frames;
  const auto byte = [&](std::size_t i) { return static_cast<std::uint32_t>(static_cast<unsigned char>(bytes[i])); };
  while (bytes.size() >= 9) {
    const auto size = byte(0) << 16 | byte(1) << 8 | byte(2);
    if (bytes.size() < 9 + size) break;
    frames.push_back(
        {.type = static_cast<std::uint8_t>(byte(3)),
         .flags = static_cast<std::uint8_t>(byte(4)),
         .stream = byte(5) << 24 | byte(6) << 16 | byte(7) << 8 | byte(8),
         .payload = std::string(bytes.substr(9, size))}
    );
    bytes.remove_prefix(9 + size);
  }
  return frames;
}

// Writes, then reads until the peer closes; within a limit.
inline Async<std::vector<Frame>> converse(Stream& stream, std::string bytes) {
  (void)co_await stream.write(bytes);
  std::string all;
  char piece[4096];
  for (;;) {
    const auto count = co_await within(std::chrono::seconds(5), stream.read_some(piece, sizeof piece));
    if (!count) {
      if (count.error().failure == Failure::timeout) co_return fail(count.error());
      break;
    }
    if (*count == 0) break;
    all.append(piece, *count);
  }
  co_return frames_of(all);
}

// The error code of the GOAWAY among the frames, or -1.
inline int goaway_code(const std::vector<Frame>& frames) {
  for (const auto& each : frames) {
    if (each.type == kGoaway && each.payload.size() >= 8) return static_cast<unsigned char>(each.payload[7]);
  }
  return -1;
}

}  // namespace mecha::net::testing
