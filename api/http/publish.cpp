#include "api/http/publish.hpp"

#include "api/errors/pubsub.hpp"
#include "runtime/app/application.hpp"
#include "runtime/capabilities/pubsub/publisher.hpp"

namespace mecha::api {
namespace {

using pubsub::Publisher;

Async<void> do_publish(const Publisher& publisher, HttpRequest& request) {
  pubsub::PublishEvent event;
  event.pubsub = request.parameter(0);
  event.topic = request.parameter(1);
  event.metadata = request.metadata();
  // Names first: for a wrong one the body is not even read.
  MECHA_CO_TRY_VOID(publisher.check(request.scope, event.pubsub, event.topic, event.metadata));
  auto body = co_await request.body();
  if (!body) co_return fail(errors::pubsub_publish(event.pubsub, event.topic, body.error().message));
  event.data = *std::move(body);
  event.content_type = request.exchange.request().headers.value_or("content-type");
  co_return co_await publisher.publish(request.scope, std::move(event));
}

asio::awaitable<void> publish(const Publisher& publisher, HttpRequest& request) {
  const auto published = co_await do_publish(publisher, request);
  if (!published) co_return co_await respond_error(request, published.error());
  co_await respond_empty(request);
}

Result<std::vector<pubsub::BulkEntry>> entries_of(
    const RequestScope& scope, const pubsub::BulkPublishEvents& events, std::string_view body
) {
  auto items = read_bulk_body(body);
  if (!items) return fail(errors::pubsub_unmarshal(events.pubsub, events.topic, scope.app.info.id, items.error().message));
  std::vector<pubsub::BulkEntry> entries;
  for (auto& item : *items) {
    auto bytes = event_bytes(item.event, item.content_type);
    if (!bytes) return fail(errors::pubsub_envelope(events.pubsub, events.topic, scope.app.info.id, bytes.error().message));
    entries.push_back(
        {std::move(item.entry_id), *std::move(bytes), std::move(item.content_type), std::move(item.metadata)}
    );
  }
  return entries;
}

Async<pubsub::BulkOutcome> do_bulk(const Publisher& publisher, HttpRequest& request) {
  pubsub::BulkPublishEvents events;
  events.pubsub = request.parameter(0);
  events.topic = request.parameter(1);
  events.metadata = request.metadata();
  events.span_name = request.exchange.request().path();
  MECHA_CO_TRY_VOID(publisher.check(request.scope, events.pubsub, events.topic, events.metadata));
  auto body = co_await request.body();
  if (!body) {
    co_return fail(
        errors::pubsub_unmarshal(events.pubsub, events.topic, request.scope.app.info.id, body.error().message)
    );
  }
  MECHA_CO_TRY_VOID(publisher.check_raw(events.pubsub, events.metadata));
  MECHA_CO_TRY(events.entries, entries_of(request.scope, events, *body));
  co_return co_await publisher.bulk_publish(request.scope, std::move(events));
}

// The list of failed entries, in the body and again in a header.
asio::awaitable<void> respond_failed(HttpRequest& request, const pubsub::BulkOutcome& outcome) {
  json::Array list;
  for (const auto& entry : outcome.failed) {
    json::Object item{{"entryId", entry.entry_id}};
    if (!entry.error.message.empty()) item["error"] = entry.error.message;
    list.emplace_back(std::move(item));
  }
  json::Object body{{"failedEntries", std::move(list)}, {"errorCode", "ERR_PUBSUB_PUBLISH_MESSAGE"}};
  auto text = json::write(json::Value(std::move(body)));
  net::Headers headers;
  headers.add("Metadata.responsedata", text);
  headers.add("Metadata.error", outcome.error->message);
  co_await respond_json(request, 500, std::move(text), std::move(headers));
}

asio::awaitable<void> bulk_publish(const Publisher& publisher, HttpRequest& request) {
  const auto outcome = co_await do_bulk(publisher, request);
  if (!outcome) co_return co_await respond_error(request, outcome.error());
  if (!outcome->error) co_return co_await respond_empty(request);
  if (outcome->failed.empty()) co_return co_await respond_error(request, *outcome->error);
  co_await respond_failed(request, *outcome);
}

}  // namespace

std::vector<HttpRoute> publish_routes(const Publisher& publisher) {
  const std::vector<std::string> methods{"POST", "PUT"};
  const auto single = [&publisher](HttpRequest& request) { return publish(publisher, request); };
  const auto bulk = [&publisher](HttpRequest& request) { return bulk_publish(publisher, request); };
  return {
      {methods, "/v1.0/publish/{pubsubname}/*", "PublishEvent", "v1/publish", single},
      {methods, "/v1.0/publish/bulk/{pubsubname}/*", "BulkPublishEvent", "v1/publish", bulk},
      {methods, "/v1.0-alpha1/publish/bulk/{pubsubname}/*", "BulkPublishEvent", "v1alpha1/publish", bulk},
  };
}

}  // namespace mecha::api
