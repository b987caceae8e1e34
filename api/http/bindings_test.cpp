// The HTTP face of output bindings over a fake binding: what it is given, and how its outcome is
// written.

#include "api/http/bindings.hpp"

#include "runtime/capabilities/bindings/bindings_world.hpp"
#include "tests/fakes/exchange.hpp"

using namespace mecha;
using namespace mecha::bindings::testing;

namespace {

constexpr std::string_view kTrace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

class Stage {
 public:
  explicit Stage(std::string sampling = {})
      : world(AppProtocol::http, std::move(sampling)), out(world.add_output("out")) {}

  testing::FakeExchange post(std::string body, net::Headers headers = {}, bool traced = false) {
    net::RequestHead head{
        .method = "POST", .target = "/v1.0/bindings/out", .headers = std::move(headers)
    };
    testing::FakeExchange exchange(std::move(head), std::move(body));
    RequestScope scope(world.app, world.snapshot, mecha::Face::http);
    if (traced) scope.span = trace::extract(kTrace, "a=b").value();
    api::HttpRequest request{scope, exchange, {"out"}};
    const auto routes = api::bindings_routes(world.outputs);
    testing::run(world.shards.context(0), routes.at(0).handler(request));
    return exchange;
  }
  std::string data_of(std::string data) {
    const auto exchange = post(R"({"operation":"get","data":)" + data + "}");
    REQUIRE(exchange.status() == 204);
    return out->seen.back().data;
  }

  World world;
  std::shared_ptr<FakeOutput> out;
};

std::string error_of(const testing::FakeExchange& exchange) {
  CHECK(exchange.answer.headers.value_or("content-type") == "application/json");
  return std::to_string(exchange.status()) + " " + exchange.answer_body;
}

}  // namespace

TEST_CASE("data arrives as JSON written anew", "[http][bindings]") {
  Stage face;
  CHECK(face.data_of(R"("hello")") == R"("hello")");
  CHECK(face.data_of(R"({ "b": 1.0, "a": "<&>" })") == R"({"a":"\u003c\u0026\u003e","b":1})");
  CHECK(face.data_of("12345678901234567890") == "12345678901234567000");
  CHECK(face.data_of("null") == "null");
  face.post(R"({"Operation":"get","MetaData":{"k":"v","n":null}} trailing)");
  CHECK(face.out->seen.back().data == "null");
  CHECK(face.out->seen.back().metadata.at("k") == "v");
  CHECK(face.out->seen.back().metadata.at("n").empty());
}

TEST_CASE("an outcome is 200 with its data, or 204", "[http][bindings]") {
  Stage face;
  CHECK(face.post(R"({"operation":"get"})").status() == 204);
  face.out->outcomes = {bindings::answer("text", {{"statusCode", "201"}}), bindings::answer("")};
  const auto answered = face.post(R"({"operation":"get"})");
  CHECK(answered.status() == 200);
  CHECK(answered.answer_body == "text");
  CHECK(answered.answer.headers.value_or("content-type") == "application/json");
  CHECK(answered.answer.headers.value_or("metadata.statusCode") == "201");
  const auto empty = face.post(R"({"operation":"get"})");
  CHECK(empty.status() == 200);
  CHECK(empty.answer_body.empty());
}

TEST_CASE("a failure has the metadata of the component, too", "[http][bindings]") {
  Stage face;
  face.out->outcomes = {bindings::failure({.message = "boom"}, {{"k", "v"}})};
  const auto exchange = face.post(R"({"operation":"get"})");
  CHECK(
      error_of(exchange) ==
      R"(500 {"errorCode":"ERR_INVOKE_OUTPUT_BINDING","message":"error invoking output binding out: boom"})"
  );
  CHECK(exchange.answer.headers.value_or("metadata.k") == "v");
}

TEST_CASE("a body of another shape is malformed", "[http][bindings]") {
  Stage face;
  for (const auto* body :
       {"",
        "nope",
        "[]",
        "1",
        R"({"operation":1})",
        R"({"operation":"get","metadata":{"a":1}})",
        R"({"operation":"get","metadata":[]})",
        R"({"operation":"get","data":1e999})"}) {
    INFO(body);
    const auto text = error_of(face.post(body));
    CHECK(text.starts_with(
        R"(400 {"errorCode":"ERR_MALFORMED_REQUEST","message":"failed deserializing HTTP body: )"
    ));
  }
  CHECK(face.out->seen.empty());
  CHECK(
      error_of(face.post("null")).find("operation field is missing from request") !=
      std::string::npos
  );
}

TEST_CASE("the trace goes along in every mode but off, never as zeros", "[http][bindings]") {
  Stage through;
  through.post(R"({"operation":"get"})", {}, true);
  CHECK(through.out->seen.back().metadata.at("traceparent") == kTrace);
  CHECK(through.out->seen.back().metadata.at("tracestate") == "a=b");
  through.post(R"({"operation":"get"})");
  CHECK(through.out->seen.back().metadata.empty());
  Stage off("0");
  off.post(R"({"operation":"get"})");
  CHECK(off.out->seen.back().metadata.empty());
}

TEST_CASE("a baggage header goes along if it is one", "[http][bindings]") {
  Stage face("0");
  face.post(R"({"operation":"get"})", {{"baggage", "k=v"}, {"baggage", "l=w"}});
  CHECK(face.out->seen.back().metadata == Metadata{{"baggage", "k=v,l=w"}});
  const auto refused = error_of(face.post(R"({"operation":"get"})", {{"baggage", "k;;;="}}));
  CHECK(refused.starts_with(
      R"(400 {"errorCode":"ERR_MALFORMED_REQUEST","message":"invalid baggage header: )"
  ));
}
