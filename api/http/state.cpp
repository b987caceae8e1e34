#include "api/http/state.hpp"

#include "api/errors/state.hpp"
#include "api/http/state_json.hpp"
#include "runtime/base/text.hpp"
#include "runtime/capabilities/state/state.hpp"

namespace mecha::api {
namespace {

using state::StateCapability;
using state::Target;
using Answer = asio::awaitable<void>;

// What the query of a request says besides metadata.
state::Options options_of(HttpRequest& request) {
  state::Options options;
  const auto query = request.exchange.request().query();
  if (query.empty()) return options;
  bool concurrency = false, consistency = false;
  for (auto& [name, value] : text::parse_query(query)) {
    if (name == "concurrency" && !std::exchange(concurrency, true)) options.concurrency = std::move(value);
    if (name == "consistency" && !std::exchange(consistency, true)) options.consistency = std::move(value);
  }
  return options;
}

// What stands in the query wins over what the body says.
void overlay(Metadata& metadata, const Metadata& query) {
  for (const auto& [name, value] : query) metadata.insert_or_assign(name, value);
}

Answer respond_item(HttpRequest& request, std::optional<state::Item> item) {
  if (!item || item->no_data) return respond_empty(request);
  net::Headers headers;
  if (item->etag && !item->etag->empty()) headers.add("Etag", *item->etag);
  for (const auto& [name, value] : item->metadata) {
    headers.add(text::canonical_header("metadata." + name), value);
  }
  return respond_json(request, 200, std::move(item->data), std::move(headers));
}

Answer get(StateCapability& state, HttpRequest& request) {
  const auto target = state.target(request.scope, request.parameter(0));
  if (!target) co_return co_await respond_error(request, target.error());
  auto item = co_await state.get(
      request.scope,
      *target,
      {.key = std::move(request.parameters[1]),
       .consistency = options_of(request).consistency,
       .metadata = request.metadata()}
  );
  if (!item) co_return co_await respond_error(request, item.error());
  co_await respond_item(request, *std::move(item));
}

Async<void> do_save(StateCapability& state, HttpRequest& request) {
  MECHA_CO_TRY(const auto target, state.target(request.scope, request.parameter(0)));
  auto body = co_await request.body();
  if (!body) co_return fail(errors::malformed_request_plain(std::move(body).error().message));
  auto items = read_save(*body);
  if (!items) co_return fail(errors::malformed_request_plain(std::move(items).error().message));
  if (const auto metadata = request.metadata(); !metadata.empty()) {
    for (auto& item : *items) overlay(item.metadata, metadata);
  }
  co_return co_await state.save(request.scope, target, *std::move(items));
}

Async<void> do_delete(StateCapability& state, HttpRequest& request) {
  MECHA_CO_TRY(const auto target, state.target(request.scope, request.parameter(0)));
  state::DeleteRequest remove{
      .key = std::move(request.parameters[1]),
      .etag = std::string(request.exchange.request().headers.value_or("if-match")),
      .metadata = request.metadata(),
      .options = options_of(request)};
  co_return co_await state.remove(request.scope, target, std::move(remove));
}

Async<void> do_transact(StateCapability& state, HttpRequest& request) {
  MECHA_CO_TRY(const auto target, state.target(request.scope, request.parameter(0)));
  MECHA_CO_TRY_VOID(state.check_transactional(target));
  auto body = co_await request.body();
  if (!body) co_return fail(errors::malformed_request(body.error().message));
  auto transaction = read_transaction(*body);
  if (!transaction) {
    auto& error = transaction.error();
    co_return fail(error.tag.empty() ? errors::malformed_request(error.message) : std::move(error));
  }
  if (const auto metadata = request.metadata(); !metadata.empty()) {
    for (auto& operation : transaction->operations) {
      std::visit([&](auto& r) { overlay(r.metadata, metadata); }, operation);
    }
  }
  co_return co_await state.transact(request.scope, target, *std::move(transaction));
}

Async<std::string> do_bulk_get(StateCapability& state, HttpRequest& request) {
  MECHA_CO_TRY(const auto target, state.target(request.scope, request.parameter(0)));
  auto body = co_await request.body();
  if (!body) co_return fail(errors::malformed_request(body.error().message));
  auto bulk = read_bulk_get(*body);
  if (!bulk) co_return fail(errors::malformed_request(bulk.error().message));
  overlay(bulk->metadata, request.metadata());
  const auto count = bulk->keys.size();
  std::vector<state::GetRequest> requests;
  requests.reserve(count);
  for (auto& key : bulk->keys) requests.push_back({.key = std::move(key), .metadata = bulk->metadata});
  MECHA_CO_TRY(
      const auto items,
      co_await state.bulk_get(request.scope, target, std::move(requests), bulk->parallelism)
  );
  co_return write_bulk_get(items, count);
}

Async<state::QueryResult> do_query(StateCapability& state, HttpRequest& request) {
  MECHA_CO_TRY(const auto target, state.target(request.scope, request.parameter(0), true));
  auto body = co_await request.body();
  if (!body) co_return fail(errors::body_read(body.error().message));
  co_return co_await state.query(request.scope, target, *std::move(body), request.metadata());
}

// An operation that answers with nothing.
template <Async<void> (*operation)(StateCapability&, HttpRequest&)>
Answer without_body(StateCapability& state, HttpRequest& request) {
  const auto done = co_await operation(state, request);
  if (!done) co_return co_await respond_error(request, done.error());
  co_await respond_empty(request);
}

Answer bulk_get(StateCapability& state, HttpRequest& request) {
  auto text = co_await do_bulk_get(state, request);
  if (!text) co_return co_await respond_error(request, text.error());
  co_await respond_json(request, 200, *std::move(text));
}

Answer query(StateCapability& state, HttpRequest& request) {
  const auto result = co_await do_query(state, request);
  if (!result) co_return co_await respond_error(request, result.error());
  if (result->results.empty()) co_return co_await respond_empty(request);
  co_await respond_json(request, 200, write_query(*result));
}

using Operation = Answer (*)(StateCapability&, HttpRequest&);

HttpRoute route(
    StateCapability& state,
    std::vector<std::string> methods,
    std::string pattern,
    std::string name,
    std::string group,
    Operation operation
) {
  return {
      .methods = std::move(methods),
      .pattern = std::move(pattern),
      .name = std::move(name),
      .group = std::move(group),
      .handler = [&state, operation](HttpRequest& request) { return operation(state, request); }};
}

}  // namespace

std::vector<HttpRoute> state_routes(StateCapability& state) {
  const std::string store = "/v1.0/state/{storeName}";
  const std::vector<std::string> write{"POST", "PUT"};
  return {
      route(state, {"GET"}, store + "/{key}", "GetState", "v1/state", get),
      route(state, write, store, "SaveState", "v1/state", without_body<do_save>),
      route(state, {"DELETE"}, store + "/{key}", "DeleteState", "v1/state", without_body<do_delete>),
      route(state, write, store + "/bulk", "GetBulkState", "v1/state", bulk_get),
      route(
          state, write, store + "/transaction", "ExecuteStateTransaction", "v1/state",
          without_body<do_transact>
      ),
      route(
          state, write, "/v1.0-alpha1/state/{storeName}/query", "QueryStateAlpha1", "v1alpha1/state", query
      ),
  };
}

}  // namespace mecha::api
