// The server's side of the peer protocol: what other sidecars ask of our application (contract 01, section 9; 04b).

#pragma once

#include <string>

#include "runtime/net/grpc.hpp"
#include "runtime/telemetry/request_scope.hpp"
#include "runtime/telemetry/tracer.hpp"

namespace mecha {

class Application;
struct InvokeRequest;

namespace mesh {

class Proxy;

class PeerServer {
 public:
  // `message_max`: of one message; 0: none. Lives as long as the server that calls it. `proxy` takes what is not ours.
  PeerServer(Application& application, Proxy& proxy, std::size_t message_max)
      : application_(application), proxy_(proxy), message_max_(message_max) {}

  // The handler of the internal port.
  asio::awaitable<void> serve(net::Exchange& exchange);

 private:
  asio::awaitable<void> answer(RequestScope& scope, net::grpc::ServerCall& call, net::Exchange& exchange);
  // Each answers the call, or fails with the status that ends it.
  Async<void> call_local(RequestScope& scope, net::grpc::ServerCall& call, std::string identity);
  Async<void> call_local_stream(RequestScope& scope, net::grpc::ServerCall& call, std::string identity);
  Result<void> admit(RequestScope& scope, InvokeRequest& request, const std::string& identity) const;
  static Error app_channel_error(Error error);
  trace::Span begin_span(RequestScope& scope, const InvokeRequest& request) const;
  trace::Span begin_proxy_span(RequestScope& scope, std::string_view method) const;
  void measure_proxied(const RequestScope& scope, const net::grpc::ServerCall& call) const;
  void measure_unary(const RequestScope& scope, const net::grpc::ServerCall& call) const;

  Application& application_;
  Proxy& proxy_;
  std::size_t message_max_;
};

}  // namespace mesh
}  // namespace mecha
