// make_tracer against a collector on loopback: what is posted, and that a dead collector is said in
// the log.

#include "runtime/net/server.hpp"
#include "runtime/telemetry/tracer.hpp"
#include "tests/catch.hpp"
#include "tests/run.hpp"

namespace mecha::trace {
namespace {

using namespace std::chrono_literals;

struct Posted {
  std::string target, content_type, body, key;
};

asio::awaitable<void> collect(net::Exchange& exchange, std::vector<Posted>& posted) {
  const auto& head = exchange.request();
  Posted one{
      head.target,
      std::string(head.headers.value_or("content-type")),
      {},
      std::string(head.headers.value_or("key"))
  };
  auto body = co_await net::read_all(exchange.body());
  one.body = body ? *body : body.error().message;
  posted.push_back(std::move(one));
  (void)co_await exchange.respond({.status = 202}, {});
}

struct Bench {
  Shards shards{1};
  std::vector<Posted> posted;
  std::vector<std::string> lines;
  net::Server server{
      shards,
      net::Listener::tcp("127.0.0.1", 0).value(),
      {},
      [this](net::Exchange& exchange) { return collect(exchange, posted); }
  };

  std::string address() const { return "127.0.0.1:" + std::to_string(server.port()); }

  // One span through a tracer of these options.
  void export_one(TracerOptions options) {
    options.app_id = "app";
    options.sampling_rate = "1";
    testing::run(shards.context(0), work(std::move(options)));
  }
  asio::awaitable<void> work(TracerOptions options) {
    server.start();
    auto tracer =
        make_tracer(std::move(options), Log(make_memory_sink(lines), "dapr.runtime"), shards);
    tracer->start("/v1.0/metadata", Kind::client, {});
    co_await tracer->stop(5s);
    co_await server.stop(1s);
  }
};

TEST_CASE("Zipkin gets a JSON array at the configured address", "[trace]") {
  Bench bench;
  bench.export_one({.zipkin_endpoint = "http://" + bench.address() + "/api/v2/spans"});
  REQUIRE(bench.posted.size() == 1);
  CHECK(bench.posted[0].target == "/api/v2/spans");
  CHECK(bench.posted[0].content_type == "application/json");
  CHECK(bench.posted[0].body.find(R"("name":"/v1.0/metadata")") != std::string::npos);
  CHECK(bench.lines.empty());
}

TEST_CASE("OTLP over HTTP goes to /v1/traces with the configured headers", "[trace]") {
  Bench bench;
  TracerOptions options;
  options.otel.protocol = "http";
  options.otel.endpoint = bench.address();
  options.otel.secure = false;
  options.otel.headers = {"Key=secret"};
  bench.export_one(options);
  REQUIRE(bench.posted.size() == 1);
  CHECK(bench.posted[0].target == "/v1/traces");
  CHECK(bench.posted[0].content_type == "application/x-protobuf");
  CHECK(bench.posted[0].key == "secret");
  CHECK(bench.posted[0].body.find("/v1.0/metadata") != std::string::npos);
}

TEST_CASE("OTLP over gRPC calls the trace service", "[trace]") {
  Bench bench;
  TracerOptions options;
  options.otel.protocol = "grpc";
  options.otel.endpoint = bench.address();
  options.otel.secure = false;
  bench.export_one(options);
  REQUIRE(bench.posted.size() == 1);
  CHECK(bench.posted[0].target == "/opentelemetry.proto.collector.trace.v1.TraceService/Export");
  CHECK(bench.posted[0].content_type.starts_with("application/grpc"));
  CHECK(bench.posted[0].body.find("/v1.0/metadata") != std::string::npos);
}

TEST_CASE("standard output gets a line of the trace scope", "[trace]") {
  Bench bench;
  bench.export_one({.standard_out = true});
  REQUIRE(bench.lines.size() == 1);
  CHECK(bench.lines[0].find("scope=dapr.runtime.trace") != std::string::npos);
  CHECK(bench.lines[0].find("[/v1.0/metadata] Trace: ") != std::string::npos);
}

TEST_CASE("a collector that is not there is said in the log", "[trace]") {
  Bench bench;
  bench.export_one({.zipkin_endpoint = "http://127.0.0.1:1/api/v2/spans"});
  REQUIRE(bench.lines.size() == 1);
  CHECK(bench.lines[0].find("failed to export spans: ") != std::string::npos);
}

}  // namespace
}  // namespace mecha::trace
