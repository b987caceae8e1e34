// The gRPC API of one application: from an exchange of the network to a method, with everything around the handler that the
// reference puts there, in its order: allow list, token, tracing, metrics, logging (contract 01, 1.8 and 1.9; 06, 7.4).

#pragma once

#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "api/grpc/method.hpp"
#include "runtime/security/api_rules.hpp"

namespace mecha {
class Application;
}

namespace mecha::api {

struct GrpcServerOptions {
  bool api_logging = false;
  std::size_t message_max = 4 << 20;  // of one message, both ways; 0: none
  std::vector<ApiRule> allowed, denied;
};

class GrpcServer {
 public:
  // `proxy` takes the methods that are not in the table: it answers the call.
  using Proxy = std::function<asio::awaitable<void>(GrpcRequest&)>;
  GrpcServer(Application& application, GrpcServerOptions options, std::vector<GrpcMethod> methods, Proxy proxy);

  // The handler of a net::Server.
  asio::awaitable<void> serve(net::Exchange& exchange);

 private:
  struct Served;
  std::optional<net::grpc::Status> refusal(Served& served) const;
  std::optional<net::grpc::Status> begin_trace(Served& served) const;
  net::grpc::Status outcome(Served& served, const Result<void>& done) const;
  asio::awaitable<void> finish(Served& served, net::grpc::Status status);
  void measure(const Served& served) const;
  void log(const Served& served) const;

  Application& application_;
  GrpcServerOptions options_;
  std::unordered_map<std::string, GrpcMethod> methods_;
  security::GrpcApiRules rules_;
  Proxy proxy_;
  Log api_log_;
};

}  // namespace mecha::api
