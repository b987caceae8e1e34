#include "runtime/telemetry/path_labels.hpp"

#include "tests/catch.hpp"

namespace mecha::telemetry {
namespace {

std::string server(const PathLabels& labels, std::string_view path) {
  std::string room;
  return std::string(labels.server(path, room));
}
std::string client(const PathLabels& labels, std::string_view path) {
  std::string room;
  return std::string(labels.client(path, room));
}

TEST_CASE("with increased cardinality variable parts are folded", "[metrics]") {
  const PathLabels labels(true, {}, false);
  CHECK(server(labels, "/v1.0/state/store/a/b") == "/v1.0/state/store");
  CHECK(server(labels, "/v1.0/state/store") == "/v1.0/state/store");
  CHECK(server(labels, "/v1.0/secrets/vault/bulk") == "/v1.0/secrets/vault");
  CHECK(server(labels, "/v1.0/actors/T/1/state/x") == "/v1.0/actors/T/{id}/state");
  CHECK(server(labels, "/v1.0/actors/T/1") == "/v1.0/actors/T/1");
  CHECK(server(labels, "/v1.0/workflows/dapr/77") == "/v1.0/workflows/dapr/{instanceId}");
  CHECK(
      server(labels, "/v1.0/workflows/dapr/77/pause") == "/v1.0/workflows/dapr/{instanceId}/pause"
  );
  CHECK(server(labels, "/v1.0/workflows/dapr/flow/start") == "/v1.0/workflows/dapr/flow/start");
  CHECK(
      server(labels, "/v1.0/workflows/dapr/77/raiseEvent/e") ==
      "/v1.0/workflows/dapr/{instanceId}/raiseEvent/{eventName}"
  );
  CHECK(client(labels, "actors/T/1/method/m") == "actors/T/{id}/method/m");
  for (const auto* path :
       {"/v1.0/invoke/other/method/ok/1", "/v1.0/publish/bus/t", "/v1.0/healthz", "/x", "", "/self"
       }) {
    CHECK(server(labels, path) == path);
  }
  CHECK(labels.counts_responses());
}

TEST_CASE(
    "with low cardinality only the fixed calls into the application keep their paths", "[metrics]"
) {
  const PathLabels labels(false, {}, false);
  CHECK(server(labels, "/v1.0/state/store/a").empty());
  CHECK(server(labels, "/healthz").empty());
  for (const auto* path : {"/dapr/config", "/dapr/metrics", "/dapr/subscribe", "/healthz"})
    CHECK(client(labels, path) == path);
  CHECK(client(labels, "/orders/7").empty());
  CHECK_FALSE(labels.counts_responses());
}

TEST_CASE("patterns are the label, also behind the invoke prefix", "[metrics]") {
  const PathLabels labels(
      false,
      {"/orders/{id}", "/orders/{id}/items", "/v1.0/state/{store}/{key}", "/v1.0/invoke/a/method/x"
      },
      true
  );
  CHECK(server(labels, "/orders/9") == "/orders/{id}");
  CHECK(
      server(labels, "/v1.0/invoke/app/method/orders/7") ==
      "/v1.0/invoke/{app_id}/method/orders/{id}"
  );
  CHECK(
      server(labels, "/v1.0/invoke/app/method/orders/8/items") ==
      "/v1.0/invoke/{app_id}/method/orders/{id}/items"
  );
  CHECK(server(labels, "/v1.0/state/store/a") == "/v1.0/state/{store}/{key}");
  CHECK(server(labels, "/v1.0/invoke/a/method/x") == "/v1.0/invoke/a/method/x");
  CHECK(server(labels, "/v1.0/invoke/app/method/else").empty());
  CHECK(client(labels, "/orders/8/items") == "/orders/{id}/items");
}

TEST_CASE("without a match high cardinality falls back to the folded path", "[metrics]") {
  const PathLabels labels(true, {"/orders/{id}"}, false);
  CHECK(server(labels, "/orders/9") == "/orders/{id}");
  CHECK(server(labels, "/v1.0/state/store/a") == "/v1.0/state/store");
  CHECK(server(labels, "/orders/9/x") == "/orders/9/x");
}

TEST_CASE("the most specific pattern wins, whatever the order", "[metrics]") {
  const PathLabels labels(
      false, {"/", "/files/{rest...}", "/files/{name}", "/files/top", "/tree/", "/end/{$}"}, false
  );
  CHECK(server(labels, "/files/top") == "/files/top");
  CHECK(server(labels, "/files/a") == "/files/{name}");
  CHECK(server(labels, "/files/a/b") == "/files/{rest...}");
  CHECK(server(labels, "/tree/a/b") == "/tree/");
  CHECK(server(labels, "/tree") == "/tree/");
  CHECK(server(labels, "/end/") == "/end/{$}");
  CHECK(server(labels, "/end/x") == "/");
  CHECK(server(labels, "/other") == "/");
}

TEST_CASE("verbs are kept, unknown or left out", "[metrics]") {
  const PathLabels labels(true, {}, false);
  CHECK(labels.verb("GET") == "GET");
  CHECK(labels.verb("WEIRD") == "UNKNOWN");
  CHECK(labels.verb("get") == "UNKNOWN");
  CHECK(PathLabels(true, {}, true).verb("GET").empty());
}

}  // namespace
}  // namespace mecha::telemetry
