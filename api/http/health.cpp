#include "api/http/health.hpp"

#include "api/errors/common.hpp"
#include "runtime/app/application.hpp"
#include "runtime/base/text.hpp"

namespace mecha::api {
namespace {

asio::awaitable<void> healthz(Application& application, HttpRequest& request) {
  const auto& health = application.health;
  if (!health.is_ready()) {
    co_await respond_error(request, errors::health_not_ready(health.pending()));
    co_return;
  }
  for (const auto& [name, value] : text::parse_query(request.exchange.request().query())) {
    if (name != "appid") continue;
    if (value != application.info.id) {
      co_await respond_error(request, errors::app_id_mismatch());
      co_return;
    }
    break;
  }
  co_await respond_empty(request);
}

asio::awaitable<void> outbound(Application& application, HttpRequest& request) {
  if (application.health.outbound_ready) {
    co_await respond_empty(request);
  } else {
    co_await respond_error(request, errors::outbound_not_ready());
  }
}

}  // namespace

std::vector<HttpRoute> health_routes(Application& application) {
  std::vector<HttpRoute> routes;
  routes.push_back({
      .methods = {"GET"},
      .pattern = "/v1.0/healthz",
      .name = "Healthz",
      .group = "v1/healthz",
      .handler = [&application](HttpRequest& request) { return healthz(application, request); },
      .always_allowed = true,
  });
  routes.push_back({
      .methods = {"GET"},
      .pattern = "/v1.0/healthz/outbound",
      .name = "HealthzOutbound",
      .group = "v1/healthz",
      .handler = [&application](HttpRequest& request) { return outbound(application, request); },
      .always_allowed = true,
  });
  return routes;
}

std::vector<HttpRoute> shutdown_routes(std::function<void(bool force)> shutdown) {
  std::vector<HttpRoute> routes;
  routes.push_back({
      .methods = {"POST"},
      .pattern = "/v1.0/shutdown",
      .name = "Shutdown",
      .group = "v1/shutdown",
      .handler = [shutdown = std::move(shutdown)](HttpRequest& request) -> asio::awaitable<void> {
        const auto force = request.exchange.request().headers.value_or("dapr-force-shutdown");
        co_await respond_empty(request);
        shutdown(text::equals_nocase(force, "true"));
      },
  });
  return routes;
}

}  // namespace mecha::api
