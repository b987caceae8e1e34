#include "api/http/configuration.hpp"

#include "runtime/base/json.hpp"
#include "runtime/base/text.hpp"
#include "runtime/capabilities/configuration/push.hpp"

namespace mecha::api {
namespace {

using configuration::ConfigurationCapability;

configuration::ItemsRequest items_request(HttpRequest& request) {
  configuration::ItemsRequest wanted{.store = request.parameter(0), .metadata = request.metadata()};
  for (auto& [name, value] : text::parse_query(request.exchange.request().query())) {
    if (name == "key") wanted.keys.push_back(std::move(value));
  }
  return wanted;
}

asio::awaitable<void> get_items(ConfigurationCapability& capability, HttpRequest& request) {
  const auto items = co_await capability.get(request.scope, items_request(request));
  if (!items) co_return co_await respond_error(request, items.error());
  if (items->empty()) co_return co_await respond_empty(request);
  std::string body;
  configuration::write_items(body, *items);
  co_await respond_json(request, 200, std::move(body) + "\n");
}

asio::awaitable<void> subscribe(ConfigurationCapability& capability, HttpRequest& request) {
  const auto id = co_await capability.subscribe(request.scope, items_request(request));
  if (!id) co_return co_await respond_error(request, id.error());
  co_await respond_json(request, 200, "{\"id\":\"" + *id + "\"}\n");
}

asio::awaitable<void> unsubscribe(ConfigurationCapability& capability, HttpRequest& request) {
  const auto ended = co_await capability.unsubscribe(request.scope, request.parameter(0), request.parameter(1));
  if (ended) co_return co_await respond_json(request, 200, "{\"ok\":true}\n");
  if (!ended.error().tag.empty()) co_return co_await respond_error(request, ended.error());
  std::string body = "{\"message\":";
  json::write_string(body, ended.error().message);
  co_await respond_json(request, 500, std::move(body) + "}\n");
}

}  // namespace

std::vector<HttpRoute> configuration_routes(ConfigurationCapability& capability) {
  std::vector<HttpRoute> routes;
  for (const std::string version : {"", "-alpha1"}) {
    const auto base = "/v1.0" + version + "/configuration/{storeName}";
    const std::string group = version.empty() ? "v1/configuration" : "v1alpha1/configuration";
    const auto add = [&](std::string pattern, std::string name, auto handler) {
      routes.push_back({
          .methods = {"GET"},
          .pattern = std::move(pattern),
          .name = std::move(name),
          .group = group,
          .handler = [&capability, handler](HttpRequest& request) { return handler(capability, request); },
      });
    };
    add(base, "GetConfiguration", get_items);
    add(base + "/subscribe", "SubscribeConfiguration", subscribe);
    add(base + "/{configurationSubscribeID}/unsubscribe", "UnsubscribeConfiguration", unsubscribe);
  }
  return routes;
}

}  // namespace mecha::api
