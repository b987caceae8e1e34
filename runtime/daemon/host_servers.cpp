// Host: the ports. gRPC API first, then HTTP, public and internal, as contract 06, 2.1 orders them.

#include "api/http/bindings.hpp"
#include "api/http/configuration.hpp"
#include "api/http/crypto.hpp"
#include "api/http/health.hpp"
#include "api/http/invoke.hpp"
#include "api/http/lock.hpp"
#include "api/http/publish.hpp"
#include "api/http/secrets.hpp"
#include "api/http/state.hpp"
#include "api/http/unconfigured.hpp"
#include "runtime/daemon/host.hpp"
#include "runtime/daemon/host_parts.hpp"
#include "runtime/security/api_rules.hpp"

namespace mecha {
namespace {

using namespace std::chrono_literals;

void append(std::vector<api::HttpRoute>& to, std::vector<api::HttpRoute> routes) {
  for (auto& route : routes) to.push_back(std::move(route));
}

// The capabilities that keep something for the application.
template <class Parts>
void append_stores(std::vector<api::HttpRoute>& to, Parts& parts) {
  append(to, api::state_routes(parts.state));
  append(to, api::secrets_routes(parts.secrets));
  append(to, api::configuration_routes(parts.configurations));
  append(to, api::lock_routes(parts.locks));
}

api::HttpServerOptions http_options(const Options& options) {
  api::HttpServerOptions http;
  http.allowed_origins = options.allowed_origins;
  http.api_logging = options.enable_api_logging;
  http.timing_always = options.server_timing;
  return http;
}

// What the public port shows.
std::vector<api::HttpRoute> public_routes(Application& application, const security::HttpApiRules& rules) {
  std::vector<api::HttpRoute> open;
  append(open, api::health_routes(application));
  for (auto& route : api::metadata_routes(application)) {
    if (rules.registers(route.pattern, route.group)) open.push_back(std::move(route));
  }
  return open;
}

// gRPC of peers: pings keep connections, and idle ones go after three minutes (contract 01, 9.5).
net::ServerOptions internal_options(std::size_t header_max) {
  net::ServerOptions options;
  options.http1 = false;
  options.body_bytes_max = 0;
  options.header_bytes_max = header_max;
  options.ping_interval = 10s;
  options.ping_timeout = 5s;
  options.idle_timeout = 3min;
  options.streams_max = 10'000;  // other sidecars open a second connection at 2048 calls, and not before
  return options;
}

// gRPC of the application: its connections may be idle as long as it likes, and one of them has to do for all its streams, as a
// client of gRPC queues in silence what is beyond the limit.
net::ServerOptions api_options(std::size_t header_max) {
  auto options = internal_options(header_max);
  options.idle_timeout = 0ms;
  options.streams_max = 100'000;
  return options;
}

}  // namespace

void Host::make_http_server(const security::HttpApiRules& rules) {
  auto& parts = *parts_;
  std::vector<api::HttpRoute> offered;
  append(offered, api::health_routes(*application_));
  append(offered, api::metadata_routes(*application_));
  append(offered, api::shutdown_routes([this](bool force) { ended_.asked(force); }));
  append(offered, api::crypto_routes(parts.crypto));
  append_stores(offered, parts);
  append(offered, api::publish_routes(parts.publisher));
  append(offered, api::bindings_routes(parts.outputs));
  append(offered, api::unconfigured_routes());
  append(offered, api::invoke_routes(parts.invocation));
  std::vector<api::HttpRoute> routes;
  bool invoke = false;
  for (auto& route : offered) {
    if (!rules.registers(route.pattern, route.group, route.always_allowed)) continue;
    invoke = invoke || route.group == "v1/invoke";
    routes.push_back(std::move(route));
  }
  parts.http = std::make_unique<api::HttpServer>(
      *application_, http_options(options_), std::move(routes),
      invoke ? api::invoke_handler(parts.invocation) : api::HttpHandler()
  );
}

Async<void> Host::start_servers() {
  const auto& configuration = application_->snapshot()->configuration;
  const security::HttpApiRules rules(configuration.api_allowed, configuration.api_denied);
  auto& parts = *parts_;
  make_http_server(rules);
  make_grpc_server();
  const auto grpc_handler = [&handler = *parts.grpc](net::Exchange& exchange) { return handler.serve(exchange); };

  net::ServerOptions server;
  server.http2 = !text::truthy(options_.variable("DAPR_HTTP_DISABLE_H2C"));
  server.header_bytes_max = settings_.sizes.read_buffer_bytes + 4096;
  server.body_bytes_max = settings_.sizes.body_bytes_max;
  const auto http_handler = [&handler = *parts.http](net::Exchange& exchange) { return handler.serve(exchange); };
  if (!options_.unix_domain_socket.empty()) {
    const auto path = options_.unix_domain_socket + "/dapr-" + options_.app_id;
    MECHA_CO_TRY(auto grpc, net::Listener::unix_socket(path + "-grpc.socket"));
    grpc_servers_.add(std::move(grpc), api_options(Parts::header_max(settings_)), grpc_handler);
    log_.info("API gRPC server is running on a Unix Domain Socket");
    MECHA_CO_TRY(auto listener, net::Listener::unix_socket(path + "-http.socket"));
    http_servers_.add(std::move(listener), server, http_handler);
    log_.info("HTTP server is running on a Unix Domain Socket");
  } else {
    MECHA_CO_TRY(auto grpc, co_await bind_all(log_, settings_.listen_addresses, settings_.grpc_port, "gRPC server", "API gRPC server"));
    for (auto& listener : grpc) grpc_servers_.add(std::move(listener), api_options(Parts::header_max(settings_)), grpc_handler);
    log_.info("API gRPC server is running on port " + std::to_string(settings_.grpc_port));
    MECHA_CO_TRY(auto bound, co_await bind_all(log_, settings_.listen_addresses, settings_.http_port, "HTTP server", "HTTP server"));
    for (auto& listener : bound) http_servers_.add(std::move(listener), server, http_handler);
    log_.info("HTTP server is running on port " + std::to_string(settings_.http_port));
  }
  application_->health.ready("grpc-api-server");
  const auto limit = std::to_string(settings_.sizes.body_bytes_max);
  log_.info("The request body size parameter is: " + limit + " bytes");
  if (settings_.public_port) {
    api::HttpServerOptions shown;
    shown.public_port = true;
    parts.public_http = std::make_unique<api::HttpServer>(*application_, shown, public_routes(*application_, rules), api::HttpHandler());
    auto public_server = server;
    public_server.http2 = false;
    public_server.body_bytes_max = 0;
    MECHA_CO_TRY(auto bound, co_await bind_all(log_, {options_.dapr_public_listen_address}, *settings_.public_port, "public HTTP server", "public HTTP server"));
    const auto handler = [&shown_server = *parts.public_http](net::Exchange& exchange) { return shown_server.serve(exchange); };
    for (auto& listener : bound) http_servers_.add(std::move(listener), public_server, handler);
  }
  const auto port = application_->info.internal_port;
  const auto peers = [this](net::Exchange& exchange) { return serve_internal(exchange); };
  grpc_servers_.add(std::move(*internal_listener_), internal_options(Parts::header_max(settings_)), peers);
  internal_listener_.reset();
  log_.info("Internal gRPC server is running on " + options_.dapr_internal_grpc_listen_address + ":" + std::to_string(port));
  application_->health.ready("grpc-internal-server");
  co_return Result<void>{};
}

}  // namespace mecha
