#include "runtime/telemetry/metrics.hpp"

#include <sstream>
#include <thread>

#include "tests/catch.hpp"

namespace mecha {
namespace {

std::size_t count_of(const std::string& text, std::string_view part) {
  std::size_t count = 0;
  for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

bool has(const std::string& text, std::string_view line) {
  return text.find(std::string(line) + "\n") != std::string::npos;
}

TEST_CASE("a counter shows its labels sorted, with the application's id", "[metrics]") {
  Metrics metrics({.app_id = "app"});
  metrics.count(Metric::http_server_request_count, {"GET", "/v1.0/state/store", "200"});
  metrics.count(Metric::http_server_request_count, {"GET", "/v1.0/state/store", "200"});
  const std::string text = metrics.text();
  CHECK(has(text, "# TYPE dapr_http_server_request_count counter"));
  CHECK(has(
      text,
      R"(dapr_http_server_request_count{app_id="app",method="GET",path="/v1.0/state/store",status="200"} 2)"
  ));
  CHECK(count_of(text, "# HELP dapr_") == 1);
}

TEST_CASE("labels given in another order than theirs are still sorted by name", "[metrics]") {
  Metrics metrics({.app_id = "app"});
  metrics.count(Metric::resiliency_count, {"r", "timeout", "x", "outbound", "app_other", ""});
  metrics.count(Metric::runtime_actor_rebalanced_total, {"T"});
  metrics.count(Metric::runtime_acl_global_policy_action_allowed_total, {"caller", "public", "ns"});
  const std::string text = metrics.text();
  CHECK(has(
      text,
      R"(dapr_resiliency_count{app_id="app",flow_direction="outbound",name="r",namespace="x",policy="timeout",status="",target="app_other"} 1)"
  ));
  CHECK(has(text, R"(dapr_runtime_actor_rebalanced_total{actor_type="T",app_id="app"} 1)"));
  CHECK(has(
      text,
      R"(dapr_runtime_acl_global_policy_action_allowed_total{app_id="caller",namespace="ns",trustDomain="public"} 1)"
  ));
}

TEST_CASE("histograms count below exclusive bounds that are written as Go does", "[metrics]") {
  Metrics metrics({.app_id = "app"});
  metrics.observe(Metric::http_server_request_bytes, {}, 1024);
  metrics.observe(Metric::http_server_request_bytes, {}, 10);
  const std::string text = metrics.text();
  CHECK(has(text, "# TYPE dapr_http_server_request_bytes histogram"));
  CHECK(has(text, R"(dapr_http_server_request_bytes_bucket{app_id="app",le="1024"} 1)"));
  CHECK(has(text, R"(dapr_http_server_request_bytes_bucket{app_id="app",le="2048"} 2)"));
  CHECK(has(text, R"(dapr_http_server_request_bytes_bucket{app_id="app",le="1.048576e+06"} 2)"));
  CHECK(has(text, R"(dapr_http_server_request_bytes_bucket{app_id="app",le="4.294967296e+09"} 2)"));
  CHECK(has(text, R"(dapr_http_server_request_bytes_bucket{app_id="app",le="+Inf"} 2)"));
  CHECK(has(text, R"(dapr_http_server_request_bytes_sum{app_id="app"} 1034)"));
  CHECK(has(text, R"(dapr_http_server_request_bytes_count{app_id="app"} 2)"));
}

TEST_CASE("latency buckets can be replaced", "[metrics]") {
  Metrics metrics({.app_id = "app", .latency_buckets = {5, 50, 50000}});
  metrics.observe(Metric::http_server_latency, {"GET", "/x", "200"}, 5);
  const std::string text = metrics.text();
  CHECK(has(
      text,
      R"(dapr_http_server_latency_bucket{app_id="app",method="GET",path="/x",status="200",le="5"} 0)"
  ));
  CHECK(has(
      text,
      R"(dapr_http_server_latency_bucket{app_id="app",method="GET",path="/x",status="200",le="50000"} 1)"
  ));
  CHECK(count_of(text, "le=") == 4);
}

TEST_CASE("a gauge keeps the last value", "[metrics]") {
  Metrics metrics({.app_id = "app"});
  metrics.gauge(Metric::runtime_actor_timers, {"T"}, 5);
  metrics.gauge(Metric::runtime_actor_timers, {"T"}, 2);
  CHECK(has(metrics.text(), R"(dapr_runtime_actor_timers{actor_type="T",app_id="app"} 2)"));
}

TEST_CASE("series beyond the bound are folded into one", "[metrics]") {
  Metrics metrics({.app_id = "app", .series_max = 3});
  for (int i = 0; i < 10; ++i) {
    metrics.count(Metric::runtime_component_init_total, {std::to_string(i)});
  }
  const std::string text = metrics.text();
  CHECK(count_of(text, "dapr_runtime_component_init_total{") == 4);
  CHECK(has(text, R"(dapr_runtime_component_init_total{app_id="app",component="overflow"} 7)"));
}

TEST_CASE("rules rewrite label values of the family they name, all occurrences", "[metrics]") {
  Metrics metrics(
      {.app_id = "app",
       .rules =
           {{"dapr_http_server_request_count", "path", "/ELSE", "/v1.0/invoke/app/method/else"},
            {"dapr_http_server_request_count", "path", "/o/$1", "/orders/(.)\\d*"},
            {"dapr_http_server_request_count", "nolabel", "x", "."},
            {"dapr_http_server_request_count", "path", "x", "("},
            {"dapr_grpc_io_server_completed_rpcs", "grpc_server_method", "x", ".+"}}}
  );
  metrics.count(Metric::http_server_request_count, {"GET", "/v1.0/invoke/app/method/else", "200"});
  metrics.count(Metric::http_server_request_count, {"GET", "/orders/712", "200"});
  metrics.count(Metric::http_server_request_count, {"GET", "/orders/788", "200"});
  metrics.count(Metric::http_server_response_count, {"GET", "/orders/712", "200"});
  metrics.count(Metric::grpc_io_server_completed_rpcs, {"/a/B", "OK"});
  const std::string text = metrics.text();
  CHECK(has(
      text,
      R"(dapr_http_server_request_count{app_id="app",method="GET",path="/ELSE",status="200"} 1)"
  ));
  CHECK(
      has(text,
          R"(dapr_http_server_request_count{app_id="app",method="GET",path="/o/7",status="200"} 2)")
  );
  CHECK(has(
      text,
      R"(dapr_http_server_response_count{app_id="app",method="GET",path="/orders/712",status="200"} 1)"
  ));
  CHECK(has(
      text,
      R"(dapr_grpc_io_server_completed_rpcs{app_id="app",grpc_server_method="/a/B",grpc_server_status="OK"} 1)"
  ));
}

TEST_CASE("label values are escaped", "[metrics]") {
  Metrics metrics({.app_id = "app"});
  metrics.count(Metric::runtime_component_init_total, {"a\"b\\c\nd"});
  CHECK(has(
      metrics.text(), R"(dapr_runtime_component_init_total{app_id="app",component="a\"b\\c\nd"} 1)"
  ));
}

TEST_CASE("disabled metrics leave the process families", "[metrics]") {
  Metrics metrics({.app_id = "app", .enabled = false});
  metrics.count(Metric::runtime_component_loaded, {});
  metrics.observe(Metric::http_server_request_bytes, {}, 1);
  metrics.gauge(Metric::runtime_actor_timers, {"T"}, 1);
  const std::string text = metrics.text();
  CHECK(text.find("dapr_") == std::string::npos);
  CHECK(text.find("\ngo_goroutines ") != std::string::npos);
  CHECK(text.find("\nprocess_open_fds ") != std::string::npos);
  CHECK(text.find("\nprocess_resident_memory_bytes 0\n") == std::string::npos);
}

TEST_CASE("threads count into one sum", "[metrics]") {
  Metrics metrics({.app_id = "app"});
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&metrics] {
        for (int i = 0; i < 1000; ++i) metrics.count(Metric::runtime_component_loaded, {});
      });
    }
  }
  CHECK(has(metrics.text(), R"(dapr_runtime_component_loaded{app_id="app"} 4000)"));
}

TEST_CASE("every family can be recorded and has a help text", "[metrics]") {
  CHECK(static_cast<std::size_t>(Metric::count_) < 255);
  Metrics metrics({.app_id = "app"});
  metrics.count(Metric::error_code_total, {"ERR_STATE_GET", "state"});
  CHECK(
      has(metrics.text(),
          R"(dapr_error_code_total{app_id="app",category="state",error_code="ERR_STATE_GET"} 1)")
  );
}

}  // namespace
}  // namespace mecha
