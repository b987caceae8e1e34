#include "runtime/capabilities/bindings/bindings_world.hpp"

using namespace mecha;
using namespace mecha::bindings;
using namespace mecha::bindings::testing;

namespace {

InvokeRequest get() { return {.operation = "get", .data = "1", .metadata = {{"k", "v"}}}; }

std::string cause(const InvokeOutcome& outcome) {
  REQUIRE(outcome.error);
  CHECK(outcome.error->tag == "ERR_INVOKE_OUTPUT_BINDING");
  CHECK(outcome.error->status() == 500);
  CHECK(outcome.error->code == Code::internal);
  return outcome.error->message;
}

InvokeOutcome refused(unsigned status) {
  Error error{
      .message = "received status code " + std::to_string(status),
      .outcome = static_cast<int>(status)
  };
  return failure(std::move(error), {{"statusCode", std::to_string(status)}});
}

}  // namespace

TEST_CASE(
    "an operation reaches the component as it came, its answer comes back as it is", "[bindings]"
) {
  World world;
  auto binding = world.add_output("out");
  binding->outcomes = {answer("bytes", {{"m", "1"}})};
  const auto outcome = world.invoke("out", get());
  CHECK(!outcome.error);
  CHECK(outcome.answered);
  CHECK(outcome.data == "bytes");
  CHECK(outcome.metadata == Metadata{{"m", "1"}});
  REQUIRE(binding->seen.size() == 1);
  CHECK(binding->seen[0].operation == "get");
  CHECK(binding->seen[0].data == "1");
  CHECK(binding->seen[0].metadata == Metadata{{"k", "v"}});
}

TEST_CASE("nothing and an empty answer are different", "[bindings]") {
  World world;
  auto binding = world.add_output("out");
  CHECK(!world.invoke("out", get()).answered);
  binding->outcomes = {answer("")};
  CHECK(world.invoke("out", get()).answered);
}

TEST_CASE("what cannot be invoked is refused in the order of the contract", "[bindings]") {
  World world;
  auto binding = world.add_output("out");
  CHECK(
      cause(world.invoke("nope", {})) ==
      "error invoking output binding nope: operation field is missing from request"
  );
  CHECK(
      cause(world.invoke("nope", get())) ==
      "error invoking output binding nope: couldn't find output binding nope"
  );
  CHECK(
      cause(world.invoke("out", {.operation = "GET"})) ==
      "error invoking output binding out: binding out does not support operation GET. supported "
      "operations:create get"
  );
  world.snapshot->output_bindings["out"].instance = nullptr;
  CHECK(
      cause(world.invoke("out", get())) ==
      "error invoking output binding out: couldn't find output binding out"
  );
  CHECK(binding->seen.empty());
}

TEST_CASE("the component's failure is the cause, its metadata stays", "[bindings]") {
  World world;
  world.add_output("out")->outcomes = {refused(404)};
  const auto outcome = world.invoke("out", get());
  CHECK(cause(outcome) == "error invoking output binding out: received status code 404");
  CHECK(outcome.metadata == Metadata{{"statusCode", "404"}});
}

TEST_CASE("an outbound policy repeats the operation with the same request", "[bindings]") {
  World world;
  auto binding = world.add_output("out");
  binding->outcomes = {refused(500), answer("fine")};
  world.retry("out", 2);
  const auto outcome = world.invoke("out", get());
  CHECK(!outcome.error);
  CHECK(outcome.data == "fine");
  CHECK(outcome.metadata.empty());
  REQUIRE(binding->seen.size() == 2);
  CHECK(binding->seen[1].metadata == Metadata{{"k", "v"}});
}

TEST_CASE("matching looks at the status that the component met", "[bindings]") {
  World world;
  auto binding = world.add_output("out");
  binding->outcomes = {refused(404)};
  world.retry("out", 2, {{500, 599}});
  CHECK(world.invoke("out", get()).error);
  CHECK(binding->seen.size() == 1);
}

TEST_CASE("invocations are counted by operation and success", "[bindings]") {
  World world;
  auto binding = world.add_output("out");
  binding->outcomes = {answer(""), refused(500)};
  world.invoke("out", get());
  world.invoke("out", get());
  const auto text = world.app.metrics->text();
  const std::string start =
      R"(dapr_component_output_binding_count{app_id="app",component="out",namespace="",operation="get",success=)";
  CHECK(text.find(start + "\"true\"} 1\n") != std::string::npos);
  CHECK(text.find(start + "\"false\"} 1\n") != std::string::npos);
}
