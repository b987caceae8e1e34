// The HTTP API of one application: from an exchange of the network to a route, with everything around the handler that
// contract 01, section 1.3 puts there, in its order.

#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "api/http/cors.hpp"
#include "api/http/router.hpp"

namespace mecha {
class Application;
namespace middleware {
struct Pipeline;
}
}  // namespace mecha

namespace mecha::api {

struct HttpServerOptions {
  std::string allowed_origins;          // empty: no CORS
  std::optional<bool> api_logging;      // as the flag says; else, with the rest of it, as the configuration says
  bool timing_always = false;           // Server-Timing on every answer
  // The public port: health and metadata only, no token, no CORS, no pipeline.
  bool public_port = false;
};

class HttpServer {
 public:
  // `fallback` takes what no route matches; empty: plain 404 and 405.
  HttpServer(
      Application& application, HttpServerOptions options, std::vector<HttpRoute> routes, HttpHandler fallback
  );
  ~HttpServer();

  // The handler of a net::Server.
  asio::awaitable<void> serve(net::Exchange& exchange);

 private:
  // What is known of a request while it is served.
  struct Served;
  asio::awaitable<void> guarded(Served& served);
  // `exchange`: the served one, or what the pipeline has put around it.
  asio::awaitable<void> route(Served& served, net::Exchange& exchange);
  // Through httpPipeline; false if a middleware answered.
  asio::awaitable<void> pass(Served& served, const middleware::Pipeline& pipeline);
  bool begin_trace(Served& served);
  void log(const Served& served) const;
  void measure(const Served& served) const;

  Application& application_;
  HttpServerOptions options_;
  Router router_;
  HttpRoute fallback_;
  std::unique_ptr<Cors> cors_;
  Log api_log_;
};

}  // namespace mecha::api
