// AppChannel: the way to the application, HTTP family or gRPC (contract 01, section 6). Every call goes through the
// concurrency limit, the health gate and, for HTTP, the app token and trace headers; probes do not.
//
// One per Application; usable from every shard. A channel that is not configured is a null pointer in Application.

#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "runtime/net/client.hpp"
#include "runtime/net/grpc.hpp"
#include "runtime/telemetry/request_scope.hpp"

namespace mecha {

enum class AppProtocol : std::uint8_t { http, https, h2c, grpc, grpcs };

constexpr std::string_view protocol_name(AppProtocol protocol) {
  constexpr std::string_view names[] = {"http", "https", "h2c", "grpc", "grpcs"};
  return names[static_cast<std::size_t>(protocol)];
}

struct AppChannelOptions {
  std::string address = "127.0.0.1";
  std::uint16_t port = 0;
  AppProtocol protocol = AppProtocol::http;
  int concurrency_max = 0;                        // 0: none
  std::string app_token;                          // APP_API_TOKEN
  std::size_t response_header_bytes_max = 4096;   // read-buffer size
  std::size_t message_max = 4 << 20;              // gRPC, both directions; also buffered HTTP answers
};

// A request to an HTTP-family application. Headers are sent as given plus what the channel adds; hop-by-hop headers are
// the caller's business.
struct AppRequest {
  std::string method = "POST";
  std::string target = "/";  // escaped path and query, leading slash
  net::Headers headers;
  std::string body;
};

struct AppAnswer {
  unsigned status = 0;
  net::Headers headers;
  std::string body;
};

// The text of the error of a call that an application which failed its health checks was spared.
inline constexpr std::string_view kUnhealthy = "app is not in a healthy state";
inline bool is_unhealthy(const Error& error) { return error.message == kUnhealthy; }

// A streamed call: the underlying call, and the slot of the concurrency limit that is held until it is destroyed.
class AppCall {
 public:
  virtual ~AppCall() = default;
  virtual net::ClientCall& call() = 0;
  // The answer has come: the call is counted with its status and the bytes of its body, 0 when they are not known. A call that is
  // destroyed without it counts as failed; its scope outlives it until then.
  virtual void answered(unsigned status, std::uint64_t received) = 0;
  // The text of a call that got no answer: `why` behind its verb and URL.
  virtual Error explained(Error why) const = 0;
};

class AppChannel {
 public:
  virtual ~AppChannel() = default;

  virtual AppProtocol protocol() const = 0;
  bool is_grpc() const {
    return protocol() == AppProtocol::grpc || protocol() == AppProtocol::grpcs;
  }
  bool is_http2() const { return is_grpc() || protocol() == AppProtocol::h2c; }
  virtual const AppChannelOptions& options() const = 0;

  // HTTP family: whole request, whole answer. Fails with the words of the transport, or internal "app is not in a healthy
  // state". Waits without limit for a concurrency slot and for the application, unless `limit` is given.
  virtual Async<AppAnswer> request(
      RequestScope& scope, AppRequest request, std::optional<std::chrono::nanoseconds> limit = {}
  ) = 0;
  // HTTP family: streamed. `head` as net::Client::open takes it; `sent`: the bytes of the body to come, 0 when they are not known.
  virtual Async<std::unique_ptr<AppCall>> open(RequestScope& scope, net::RequestHead head, std::uint64_t sent) = 0;

  // gRPC family: unary call of an AppCallback method ("/dapr.proto.runtime.v1.AppCallback/OnInvoke"). `limited`: counts
  // against concurrency and health (OnInvoke, job events; contract 01, 5.9 and 6.6). `with_token`: sends the app token.
  virtual Async<net::grpc::Unary> call(
      RequestScope& scope,
      std::string method,
      net::Headers metadata,
      std::string message,
      bool limited,
      bool with_token = true,
      std::optional<std::chrono::nanoseconds> limit = {}
  ) = 0;

  // The bare client, for gRPC proxying and probes.
  virtual net::Client& client() = 0;

  // The health gate: set by the health probes.
  virtual void set_healthy(bool healthy) = 0;
  virtual bool healthy() const = 0;
};

// A Client for HTTP, or HTTP/2 for h2c and gRPC; TLS without verification for https and grpcs.
std::unique_ptr<AppChannel> make_app_channel(Shards& shards, AppChannelOptions options);

}  // namespace mecha
