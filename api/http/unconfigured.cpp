#include "api/http/unconfigured.hpp"

#include "api/errors/unconfigured.hpp"
#include "api/http/proto_json.hpp"

namespace mecha::api {
namespace {

enum class Body : std::uint8_t { unread, message };

struct Entry {
  std::vector<std::string> methods;
  std::string pattern, name, group;
  Body body = Body::unread;
  Error (*error)(const HttpRequest& request);
};

// Routes behind a message read it before anything else (contract 01, 1.6).
Async<void> read_message(HttpRequest& request) {
  auto body = co_await request.body();
  if (!body) co_return fail(errors::body_read(body.error().message));
  MECHA_CO_TRY_VOID(read_proto_json(*body, {}));
  co_return Result<void>{};
}

asio::awaitable<void> refuse(HttpRequest& request, Body body, Error (*error)(const HttpRequest&)) {
  if (body == Body::message) {
    if (const auto read = co_await read_message(request); !read) {
      co_await respond_error(request, read.error());
      co_return;
    }
  }
  co_await respond_error(request, error(request));
}

void add(std::vector<HttpRoute>& routes, Entry entry) {
  routes.push_back({
      .methods = std::move(entry.methods),
      .pattern = std::move(entry.pattern),
      .name = std::move(entry.name),
      .group = std::move(entry.group),
      .handler = [body = entry.body, error = entry.error](HttpRequest& request) { return refuse(request, body, error); },
  });
}

Error conversation(const HttpRequest& request) { return errors::conversation_not_found(request.parameter(0)); }
Error actors(const HttpRequest& request) {
  const auto& type = request.parameter(0);
  return type.starts_with("dapr.internal.") ? errors::actor_type_reserved(type) : errors::actors_without_placement();
}

Error invoked_actor(const HttpRequest& request) {
  request.scope.target = request.parameter(0) + "." + request.parameter(1);
  return actors(request);
}

void add_actors(std::vector<HttpRoute>& routes) {
  const std::string base = "/v1.0/actors/{actorType}/{actorId}/", group = "v1/actors";
  const std::vector<std::string> write{"POST", "PUT"};
  add(routes, {write, base + "state", "ExecuteActorStateTransaction", group, Body::unread, actors});
  add(routes, {{"GET"}, base + "state/{key}", "GetActorState", group, Body::unread, actors});
  add(routes, {{"GET", "POST", "PUT", "DELETE"}, base + "method/{method}", "InvokeActor", group, Body::unread, invoked_actor});
  add(routes, {write, base + "reminders/{name}", "RegisterActorReminder", group, Body::unread, actors});
  add(routes, {{"GET"}, base + "reminders/{name}", "GetActorReminder", group, Body::unread, actors});
  add(routes, {{"DELETE"}, base + "reminders/{name}", "UnregisterActorReminder", group, Body::unread, actors});
  add(routes, {write, base + "timers/{name}", "RegisterActorTimer", group, Body::unread, actors});
  add(routes, {{"DELETE"}, base + "timers/{name}", "UnregisterActorTimer", group, Body::unread, actors});
}

}  // namespace

std::vector<HttpRoute> unconfigured_routes() {
  std::vector<HttpRoute> routes;
  for (const std::string version : {"1", "2"}) {
    add(routes, {{"POST"}, "/v1.0-alpha" + version + "/conversation/{name}/converse", "Converse", "v1alpha" + version + "/conversation", Body::message, conversation});
  }
  add_actors(routes);
  return routes;
}

}  // namespace mecha::api
