#include "runtime/base/wire.hpp"
#include "runtime/capabilities/bindings/bindings_world.hpp"

using namespace mecha;
using namespace mecha::bindings;
using namespace mecha::bindings::testing;
using mecha::testing::FakeChannel;

namespace {

constexpr std::string_view kList = "/dapr.proto.runtime.v1.AppCallback/ListInputBindings";
constexpr std::string_view kEvent = "/dapr.proto.runtime.v1.AppCallback/OnBindingEvent";
constexpr std::string_view kTrace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

std::vector<NameValue> item(std::string name, std::string value) {
  return {{.name = std::move(name), .value = std::move(value)}};
}

void answer_with(World& world, unsigned status, std::string body = {}) {
  world.channel->on_request = [status, body](const AppRequest&) {
    return AppAnswer{.status = status, .body = body};
  };
}

// BindingEventResponse
std::string response(std::vector<std::string> to, std::string_view data, bool parallel) {
  std::string out;
  wire::bytes(out, 1, "ignored");
  for (const auto& name : to) wire::bytes(out, 3, name);
  wire::bytes(out, 4, data);
  if (parallel) wire::number(out, 5, 1);
  return out;
}

void answer_events(World& world, std::string message) {
  world.channel->on_call = [message](const FakeChannel::Call& call) {
    net::grpc::Unary unary;
    if (call.method == kEvent) unary.message = message;
    return unary;
  };
}

}  // namespace

TEST_CASE("an HTTP application is asked with OPTIONS, 2xx and 405 want the binding", "[bindings]") {
  for (const auto& [status, wanted] : std::vector<std::pair<unsigned, bool>>{
           {200, true}, {204, true}, {405, true}, {404, false}, {302, false}, {500, false}
       }) {
    INFO(status);
    World world;
    auto binding = world.add_input("tick");
    answer_with(world, status);
    world.start();
    CHECK(binding->reads == (wanted ? 1 : 0));
    REQUIRE(world.channel->requests.size() == 1);
    const auto& asked = world.channel->requests[0];
    CHECK(asked.request.method == "OPTIONS");
    CHECK(asked.request.target == "/tick");
    CHECK(asked.request.headers.value_or("content-type") == "application/json");
    CHECK(asked.limit == std::chrono::seconds(3));
  }
}

TEST_CASE("the route is asked about where there is one, and is cleaned", "[bindings]") {
  World world;
  world.add_input("a", item("route", "/my//route"));
  world.add_input("b", item("route", "two words?q=1"));
  world.start();
  REQUIRE(world.channel->requests.size() == 2);
  CHECK(world.channel->requests[0].request.target == "/my/route");
  CHECK(world.channel->requests[1].request.target == "/two%20words?q=1");
}

TEST_CASE("a binding whose direction has input is not asked about", "[bindings]") {
  World world;
  answer_with(world, 404);
  auto one = world.add_input("one", item("Direction", "input"));
  auto both = world.add_input("two", item("direction", "input, output"));
  world.start();
  CHECK(one->reads == 1);
  CHECK(both->reads == 1);
  CHECK(world.channel->requests.empty());
}

TEST_CASE("a probe that fails on the way ends the start, with a line in the log", "[bindings]") {
  World world;
  auto binding = world.add_input("a");
  auto other = world.add_input("b");
  world.channel->on_request = [](const AppRequest&) { return fail(Code::unavailable, "refused"); };
  world.start();
  CHECK(world.channel->requests.size() == 1);
  CHECK(binding->reads + other->reads == 0);
  REQUIRE(world.lines.size() == 1);
  CHECK(world.lines[0].find("error reading from input binding a: refused") != std::string::npos);
}

TEST_CASE("a binding that cannot be read leaves the others alone", "[bindings]") {
  World world;
  world.add_input("a")->refuse = true;
  auto other = world.add_input("b");
  world.start();
  CHECK(other->reads == 1);
  CHECK(world.lines.size() == 1);
}

TEST_CASE("started bindings are not started twice; after a stop they are", "[bindings]") {
  World world;
  auto binding = world.add_input("tick");
  world.start();
  world.start();
  CHECK(binding->reads == 1);
  world.stop();
  CHECK(!binding->handler);
  world.start();
  CHECK(binding->reads == 2);
}

TEST_CASE("a gRPC application is asked once for its list, without its token", "[bindings]") {
  World world(AppProtocol::grpc);
  auto tick = world.add_input("tick");
  auto unwanted = world.add_input("unwanted");
  world.channel->on_call = [](const FakeChannel::Call&) {
    net::grpc::Unary unary;
    wire::bytes(unary.message, 1, "tick");
    return unary;
  };
  world.start();
  world.stop();
  world.start();
  CHECK(tick->reads == 2);
  CHECK(unwanted->reads == 0);
  REQUIRE(world.channel->calls.size() == 1);
  CHECK(world.channel->calls[0].method == kList);
  CHECK(!world.channel->calls[0].with_token);
  CHECK(!world.channel->calls[0].limited);
  CHECK(world.channel->calls[0].limit == std::chrono::seconds(3));
}

TEST_CASE("a gRPC application without the list wants none", "[bindings]") {
  World world(AppProtocol::grpc);
  auto tick = world.add_input("tick");
  world.channel->on_call = [](const FakeChannel::Call&) {
    net::grpc::Unary unary;
    unary.status.code = Code::unimplemented;
    return unary;
  };
  world.start();
  CHECK(tick->reads == 0);
  CHECK(world.lines.empty());
}

TEST_CASE("an event is a POST with the metadata as headers", "[bindings]") {
  World world;
  auto binding = world.add_input("tick", item("direction", "input"));
  answer_with(world, 200, "body");
  world.start();
  const auto got = world.fire(
      *binding,
      {"data",
       {{"timeZone", "Local"}, {"Content-Type", "text/plain"}, {"x-bin", "1"}, {"grpc-a", "b"}}}
  );
  REQUIRE(got);
  CHECK(*got == "body");
  REQUIRE(world.channel->requests.size() == 1);
  const auto& sent = world.channel->requests[0].request;
  CHECK(sent.method == "POST");
  CHECK(sent.target == "/tick");
  CHECK(sent.body == "data");
  CHECK(sent.headers.size() == 3);
  CHECK(sent.headers.value_or("content-type") == "application/json");
  CHECK(sent.headers.value_or("timezone") == "Local");
  CHECK(sent.headers.value_or("dapr-grpc-a") == "b");
  CHECK(!world.channel->requests[0].limit);
}

TEST_CASE("metadata that no header can hold fails the event before it is sent", "[bindings]") {
  World world;
  auto binding = world.add_input("tick", item("direction", "input"));
  world.start();
  CHECK(!world.fire(*binding, {"", {{"a b", "c"}}}));
  CHECK(!world.fire(*binding, {"", {{"a", "b\r\nc: d"}}}));
  CHECK(world.channel->requests.empty());
}

TEST_CASE(
    "200 is success, other 2xx end as success, the rest is an error with the status", "[bindings]"
) {
  World world;
  auto binding = world.add_input("tick", item("direction", "input"));
  world.start();
  answer_with(world, 204, "");
  CHECK(world.fire(*binding));
  answer_with(world, 202, "kept");
  CHECK(world.fire(*binding).value() == "kept");
  answer_with(world, 503, "busy");
  const auto refused = world.fire(*binding);
  REQUIRE(!refused);
  CHECK(
      refused.error().message ==
      "fails to send binding event to http app channel, status code: 503 body: busy"
  );
  CHECK(refused.error().outcome == 503);
}

TEST_CASE("an inbound policy repeats all but 200", "[bindings]") {
  for (const auto& [status, attempts, success] :
       std::vector<std::tuple<unsigned, std::size_t, bool>>{
           {200, 1, true}, {204, 3, true}, {500, 3, false}
       }) {
    INFO(status);
    World world;
    auto binding = world.add_input("tick", item("direction", "input"));
    world.retry("tick", 2);
    answer_with(world, status);
    world.start();
    CHECK(world.fire(*binding).has_value() == success);
    CHECK(world.channel->requests.size() == attempts);
  }
}

TEST_CASE("a success that is not 200 before a failure does not hide the failure", "[bindings]") {
  World world;
  auto binding = world.add_input("tick", item("direction", "input"));
  world.retry("tick", 1);
  int seen = 0;
  world.channel->on_request = [&seen](const AppRequest&) -> Result<AppAnswer> {
    if (++seen == 1) return AppAnswer{.status = 204};
    return fail(Code::unavailable, "refused");
  };
  world.start();
  CHECK(!world.fire(*binding));
  CHECK(seen == 2);
}

TEST_CASE("the span of a delivery is a child of the event's, binary before text", "[bindings]") {
  World world(AppProtocol::http, "1");
  auto binding = world.add_input("tick", item("direction", "input"));
  world.start();
  REQUIRE(world.fire(*binding, {"", {{"traceparent", std::string(kTrace)}}}));
  trace::Context other;
  other.trace_id.fill(7);
  other.span_id.fill(7);
  REQUIRE(world.fire(
      *binding, {"", {{"traceparent", std::string(kTrace)}, {"grpc-trace-bin", other.binary()}}}
  ));
  REQUIRE(world.fire(*binding));
  const auto& sent = world.channel->requests;
  CHECK(sent[0].span.trace_hex() == kTrace.substr(3, 32));
  CHECK(sent[0].span.span_hex() != kTrace.substr(36, 16));
  CHECK(sent[1].span.trace_id == other.trace_id);
  CHECK(sent[2].span.valid());
}

TEST_CASE("an event for a gRPC application has its metadata in the message only", "[bindings]") {
  World world(AppProtocol::grpc);
  auto binding = world.add_input("tick", item("direction", "input"));
  world.start();
  REQUIRE(world.fire(*binding, {"data", {{"k", "v"}}}));
  REQUIRE(world.channel->calls.size() == 1);
  const auto& call = world.channel->calls[0];
  CHECK(call.method == kEvent);
  CHECK(call.metadata.empty());
  CHECK(call.with_token);
  std::string expected;
  wire::bytes(expected, 1, "tick");
  wire::bytes(expected, 2, "data");
  std::string entry;
  wire::bytes(entry, 1, "k");
  wire::bytes(entry, 2, "v");
  wire::bytes(expected, 3, entry);
  CHECK(call.message == expected);
}

TEST_CASE("a gRPC failure is an error with its code", "[bindings]") {
  World world(AppProtocol::grpc);
  auto binding = world.add_input("tick", item("direction", "input"));
  world.channel->on_call = [](const FakeChannel::Call&) {
    net::grpc::Unary unary;
    unary.status = {.code = Code::internal, .message = "failed", .details = {}};
    return unary;
  };
  world.start();
  const auto refused = world.fire(*binding);
  REQUIRE(!refused);
  CHECK(refused.error().message == "error invoking app: rpc error: code = Internal desc = failed");
  CHECK(refused.error().outcome == 13);
}

TEST_CASE("the answer's data goes on to other bindings, as JSON written anew", "[bindings]") {
  World world(AppProtocol::grpc);
  auto binding = world.add_input("tick", item("direction", "input"));
  auto out = world.add_output("out");
  world.start();
  answer_events(world, response({"out"}, R"({ "b": 1.0, "a": 2 })", false));
  REQUIRE(world.fire(*binding));
  answer_events(world, response({"out"}, "no json", false));
  REQUIRE(world.fire(*binding));
  REQUIRE(out->seen.size() == 2);
  CHECK(out->seen[0].operation == "create");
  CHECK(out->seen[0].data == R"({"a":2,"b":1})");
  CHECK(out->seen[1].data == "null");
}

TEST_CASE("in sequence the first failure ends the list, in parallel none does", "[bindings]") {
  World world(AppProtocol::grpc);
  auto binding = world.add_input("tick", item("direction", "input"));
  auto out = world.add_output("out");
  world.start();
  answer_events(world, response({"missing", "out"}, "1", false));
  CHECK(world.fire(*binding));
  CHECK(out->seen.empty());
  answer_events(world, response({"missing", "out"}, "1", true));
  CHECK(world.fire(*binding));
  CHECK(out->seen.size() == 1);
  CHECK(world.lines.size() == 2);
}

TEST_CASE("bindings of one answer are invoked one by one, or at the same time", "[bindings]") {
  for (const bool parallel : {false, true}) {
    World world(AppProtocol::grpc);
    auto binding = world.add_input("tick", item("direction", "input"));
    auto out = world.add_output("out");
    world.start();
    answer_events(world, response({"out", "out", "out"}, "1", parallel));
    CHECK(world.fire(*binding));
    CHECK(out->seen.size() == 3);
    CHECK(out->most_at_once == (parallel ? 3 : 1));
  }
}

TEST_CASE("deliveries are counted by success", "[bindings]") {
  World world;
  auto binding = world.add_input("tick", item("direction", "input"));
  world.start();
  REQUIRE(world.fire(*binding));
  answer_with(world, 500);
  REQUIRE(!world.fire(*binding));
  const auto text = world.app.metrics->text();
  const std::string start =
      R"(dapr_component_input_binding_count{app_id="app",component="tick",namespace="",success=)";
  CHECK(text.find(start + "\"true\"} 1\n") != std::string::npos);
  CHECK(text.find(start + "\"false\"} 1\n") != std::string::npos);
}

TEST_CASE("without an application nothing is started", "[bindings]") {
  World world;
  auto binding = world.add_input("tick", item("direction", "input"));
  world.app.channel = nullptr;
  world.start();
  CHECK(binding->reads == 0);
}
