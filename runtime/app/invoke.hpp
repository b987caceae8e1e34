// Invoking the application: one request in the neutral form that invocation, the peer protocol and (later) gRPC callers
// share, turned into an HTTP request or an OnInvoke call, and the answer turned back (contract 01, 5.3, 5.4, 8.3).

#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "runtime/app/app_channel.hpp"
#include "runtime/net/message.hpp"
#include "runtime/telemetry/request_scope.hpp"

namespace mecha {

class Application;

struct InvokeRequest {
  std::string method;        // unescaped, cleaned, without a leading slash
  bool rooted = false;       // the caller wrote a leading slash, which gRPC applications get to see
  std::string verb = "GET";  // upper case; empty: no HTTP part
  std::string query;         // as received, without '?'
  // Everything that came along, hop-by-hop fields and all; canonical names of HTTP callers, lower case of gRPC callers
  // (their -bin values in base64). Filtering is the receiver's.
  net::Headers headers;
  std::string content_type;
  std::string type_url;      // of the gRPC data
  bool data_part = false;    // the gRPC caller sent data, if only an empty one
  bool http_part = true;     // false: the gRPC caller sent no http_extension
  std::optional<std::uint64_t> length = 0;  // of the body; empty: unknown, a stream
  net::BodyReader* body = nullptr;          // null: no body
};

struct InvokeAnswer {
  int status = 200;             // HTTP status, or a gRPC code (< 100) of a gRPC application
  std::string status_message;   // of a gRPC status
  std::vector<std::string> status_details;  // serialised google.protobuf.Any
  net::Headers headers;         // without hop-by-hop fields, Content-Length and -bin
  net::Headers trailers;        // gRPC applications
  std::string content_type;     // empty: none
  std::string type_url;
  std::unique_ptr<net::BodyReader> body;    // null: none
  std::optional<std::uint64_t> length;      // if known
  bool remote = false;                      // came from another sidecar
  std::optional<std::chrono::steady_clock::time_point> deadline;  // a policy's, for reading the body

  bool is_grpc() const { return status < 100; }
  bool success() const { return is_grpc() ? status == 0 : status >= 200 && status < 400; }
};

// Calls the application of `scope` over its channel, which must exist. Errors: what the channel says; a verb that HTTP
// applications do not take is invalid_argument and nests by Error::as_rpc_text(). `request` outlives the call; its headers
// lose what may not pass a hop, so that it can be used again for another attempt.
Async<InvokeAnswer> invoke_application(RequestScope& scope, InvokeRequest& request);

// The same conversion for any HTTP target: `base` is put before the method; used for URLs and HTTPEndpoints.
// `extra` replaces headers of the same name.
Result<net::RequestHead> http_request_head(
    const RequestScope& scope, InvokeRequest& request, std::string_view base, const net::Headers& extra
);
// The answer of an HTTP call: takes headers and body over; `body` keeps alive what it reads from. A status that ends no request (below 200)
// is internal.
Result<InvokeAnswer> http_answer(net::ResponseHead& head, std::unique_ptr<net::BodyReader> body);

// Sends the body of `request` on `call`; a peer that stops reading is no failure, its answer counts.
Async<void> send_body(const InvokeRequest& request, net::ClientCall& call);

// Whether the caller asks for Server-Sent Events, and for nothing else.
bool wants_events(const net::Headers& headers);
// Verbs whose empty body of unknown length goes out as no body (contract 01, 5.5).
bool seldom_has_body(std::string_view verb);

// A registered HTTP header in its canonical spelling, which tells that it came from HTTP: between gRPC callers and applications
// it gets `dapr-` in front (contract 01, 8.3).
bool is_permanent_header(std::string_view name);
bool is_hop_by_hop(std::string_view name);
// Leaves what may pass a hop: no hop-by-hop field, nothing that Connection names, no Content-Length, no -bin.
void keep_end_to_end(net::Headers& headers);

}  // namespace mecha
