#include "runtime/telemetry/tracer.hpp"

#include <map>
#include <set>

#include "runtime/telemetry/random.hpp"
#include "runtime/telemetry/span_format.hpp"
#include "tests/catch.hpp"
#include "tests/run.hpp"

namespace mecha::trace {
namespace {

using namespace std::chrono_literals;

struct Seen {
  std::vector<std::vector<Finished>> batches;
  bool fails = false;
};

class Collector final : public Exporter {
 public:
  explicit Collector(Seen& seen) : seen_(seen) {}
  Async<void> send(std::shared_ptr<const std::vector<Finished>> batch) override {
    seen_.batches.push_back(*batch);
    if (seen_.fails) co_return mecha::fail(Code::unavailable, "down");
    co_return Result<void>{};
  }

 private:
  Seen& seen_;
};

struct Bench {
  Shards shards{1};
  Seen seen;
  std::vector<std::string> lines;
  std::unique_ptr<Tracer> tracer;

  explicit Bench(TracerOptions options, bool exports = true) {
    std::vector<std::unique_ptr<Exporter>> list;
    if (exports) list.push_back(std::make_unique<Collector>(seen));
    tracer = std::make_unique<Tracer>(
        std::move(options), Log(make_memory_sink(lines), "t"), shards, std::move(list)
    );
  }
  ~Bench() {
    if (tracer) stop();
  }
  void stop() { testing::run(shards.context(0), tracer->stop(1s)); }
};

TracerOptions rate(std::string text) {
  return {.app_id = "app", .sampling_rate = std::move(text)};
}

Context parent(std::string_view flags = "01") {
  return *extract(
      "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-" + std::string(flags), "a=b"
  );
}

TEST_CASE("the mode follows rate and exporters", "[trace]") {
  CHECK(Bench(rate("0")).tracer->mode() == Mode::off);
  CHECK(Bench(rate("0.0")).tracer->mode() == Mode::off);
  CHECK(Bench({}, false).tracer->mode() == Mode::pass_through);
  CHECK(Bench({}, true).tracer->mode() == Mode::spans);
  CHECK(Bench(rate("1"), false).tracer->mode() == Mode::spans);
  CHECK(Bench(rate("nonsense"), false).tracer->mode() == Mode::spans);
  CHECK(Bench(rate(""), false).tracer->mode() == Mode::pass_through);
}

TEST_CASE("without spans what came in goes on, or zeros", "[trace]") {
  Bench bench({}, false);
  const Span span = bench.tracer->start("x", Kind::client, parent());
  CHECK(span.context().traceparent() == parent().traceparent());
  CHECK(span.context().state == "a=b");
  CHECK_FALSE(span.recorded());
  CHECK(
      bench.tracer->start("x", Kind::client, {}).context().traceparent() == Context{}.traceparent()
  );
}

TEST_CASE("a span keeps the trace, its state, and whether it is sampled", "[trace]") {
  Bench bench(rate("1"));
  const Span child = bench.tracer->start("x", Kind::client, parent());
  CHECK(child.context().trace_id == parent().trace_id);
  CHECK(child.context().span_id != parent().span_id);
  CHECK(child.context().state == "a=b");
  CHECK(child.recorded());
  const Span unsampled = bench.tracer->start("x", Kind::client, parent("00"));
  CHECK(unsampled.context().span_id != parent().span_id);
  CHECK_FALSE(unsampled.context().sampled());
  CHECK_FALSE(unsampled.recorded());
}

TEST_CASE("a parent that is not valid is none", "[trace]") {
  Bench bench(rate("1"));
  const Span span = bench.tracer->start("x", Kind::client, Context{});
  CHECK(span.context().valid());
  CHECK(span.context().sampled());
}

TEST_CASE("a small rate samples few new traces but every sampled parent", "[trace]") {
  Bench bench(rate("0.5"));
  int sampled = 0;
  for (int i = 0; i < 2000; ++i)
    sampled += bench.tracer->start("x", Kind::client, {}).recorded() ? 1 : 0;
  CHECK(sampled > 800);
  CHECK(sampled < 1200);
  Bench rare(rate("0.0001"));
  CHECK(rare.tracer->start("x", Kind::client, parent()).recorded());
}

TEST_CASE("ended spans arrive in a batch at the stop, with all that was set", "[trace]") {
  Bench bench(rate("1"));
  {
    Span span = bench.tracer->start("/path", Kind::client, parent());
    span.set("a", "1");
    span.set("a", "2");
    span.rename("CallLocal/app/x");
    span.remote("127.0.0.1");
    span.fail("Code(404): Not Found");
    Span moved = std::move(span);
  }
  bench.tracer->start("second", Kind::server, {});
  bench.stop();
  REQUIRE(bench.seen.batches.size() == 1);
  REQUIRE(bench.seen.batches[0].size() == 2);
  const Finished& span = bench.seen.batches[0][0];
  CHECK(span.name == "CallLocal/app/x");
  CHECK(span.parent == parent().span_id);
  REQUIRE(span.attributes.size() == 1);
  CHECK(span.attributes[0].second == "2");
  CHECK(span.failure == "Code(404): Not Found");
  CHECK(span.ended >= span.begun);
  CHECK(bench.tracer->dropped() == 0);
  bench.tracer->start("late", Kind::server, {});
  CHECK(bench.tracer->dropped() == 1);
  bench.tracer.reset();
}

TEST_CASE("the queue is bounded and sends in batches", "[trace]") {
  TracerOptions options = rate("1");
  options.queue_max = 10;
  options.batch_max = 4;
  Bench bench(options);
  for (int i = 0; i < 15; ++i) bench.tracer->start("x", Kind::client, {});
  bench.stop();
  CHECK(bench.tracer->dropped() == 5);
  REQUIRE(bench.seen.batches.size() == 3);
  CHECK(bench.seen.batches[0].size() == 4);
  CHECK(bench.seen.batches[2].size() == 2);
  bench.tracer.reset();
}

TEST_CASE("a failing exporter is said in the log", "[trace]") {
  Bench bench(rate("1"));
  bench.seen.fails = true;
  bench.tracer->start("x", Kind::client, {});
  bench.stop();
  bench.tracer.reset();
  REQUIRE(bench.lines.size() == 1);
  CHECK(bench.lines[0].find("failed to export spans: down") != std::string::npos);
}

TEST_CASE("OTEL variables count only without an endpoint of the configuration", "[trace]") {
  std::map<std::string, std::string, std::less<>> variables{
      {"OTEL_EXPORTER_OTLP_ENDPOINT", "http://general:4317"},
      {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "https://traces:4318/x"},
      {"OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"},
      {"OTEL_EXPORTER_OTLP_HEADERS", "a=b%20c, d=e"},
      {"OTEL_EXPORTER_OTLP_TIMEOUT", "1500"},
      {"OTEL_SERVICE_NAME", "mine"},
      {"OTEL_RESOURCE_ATTRIBUTES", "team=x,service.name=other"}
  };
  const auto variable = [&](std::string_view name) {
    const auto it = variables.find(name);
    return it == variables.end() ? std::string() : it->second;
  };
  TracerOptions options;
  apply_otel_environment(options, variable);
  CHECK(options.otel.endpoint == "traces:4318/x");
  CHECK(options.otel.protocol == "http");
  CHECK(options.otel.secure);
  CHECK(options.otel.headers == std::vector<std::string>{"a=b c", "d=e"});
  CHECK(options.otel.timeout == 1500ms);
  CHECK(options.sampling_rate == "1");
  CHECK(options.service_name == "mine");
  REQUIRE(options.resource.size() == 1);
  CHECK(options.resource[0].first == "team");
  variables["OTEL_EXPORTER_OTLP_INSECURE"] = "true";
  TracerOptions insecure;
  apply_otel_environment(insecure, variable);
  CHECK_FALSE(insecure.otel.secure);
  TracerOptions configured;
  configured.otel.endpoint = "here:1";
  apply_otel_environment(configured, variable);
  CHECK(configured.otel.endpoint == "here:1");
  CHECK(configured.sampling_rate.empty());
}

Finished sample() {
  Finished span;
  span.context = parent();
  span.parent = {1, 2, 3, 4, 5, 6, 7, 8};
  span.name = "CallLocal/App/x";
  span.begun = std::chrono::system_clock::time_point(1136214245s);
  span.ended = span.begun + 1500us;
  span.attributes = {{"dapr.protocol", "http"}};
  return span;
}

TEST_CASE("a span in the log names parent and span", "[trace]") {
  CHECK(
      stdout_text(sample()) ==
      "[CallLocal/App/x] Trace: 0af7651916cd43dd8448eb211c80319c Span: "
      "0102030405060708/b7ad6b7169203331 Time: "
      "[2006-01-02T15:04:05Z ->  2006-01-02T15:04:05.0015Z] Annotations: [{Key:dapr.protocol "
      "Value:http}]"
  );
}

TEST_CASE("a span for Zipkin has its name in lower case and tags", "[trace]") {
  Finished span = sample();
  span.remote = "127.0.0.1";
  CHECK(
      zipkin_json(std::array{span}, {"app", {}}) ==
      R"([{"duration":1500,"id":"b7ad6b7169203331","kind":"CLIENT","localEndpoint":{"serviceName":"app"},)"
      R"("name":"calllocal/app/x","parentId":"0102030405060708","remoteEndpoint":{"serviceName":"127.0.0.1"},)"
      R"("tags":{"dapr.protocol":"http","otel.scope.name":"dapr-diagnostics","service.name":"app"},)"
      R"("timestamp":1136214245000000,"traceId":"0af7651916cd43dd8448eb211c80319c"}])"
  );
}

TEST_CASE("a root for Zipkin has no parent and a failure has its tags", "[trace]") {
  Finished span = sample();
  span.parent = {};
  span.kind = Kind::server;
  span.failed = true;
  span.failure = "Code(404): Not Found";
  const std::string text = zipkin_json(std::array{span}, {"app", {}});
  CHECK(text.find("parentId") == std::string::npos);
  CHECK(text.find("remoteEndpoint") == std::string::npos);
  CHECK(text.find(R"("kind":"SERVER")") != std::string::npos);
  CHECK(text.find(R"("error":"Code(404): Not Found")") != std::string::npos);
  CHECK(text.find(R"("otel.status_code":"ERROR")") != std::string::npos);
}

TEST_CASE("ids of threads and calls differ and are never all zero", "[trace]") {
  std::set<std::array<std::uint8_t, 16>> ids;
  for (int i = 0; i < 1000; ++i) ids.insert(random_id<16>());
  CHECK(ids.size() == 1000);
  CHECK_FALSE(ids.contains(std::array<std::uint8_t, 16>{}));
}

}  // namespace
}  // namespace mecha::trace
