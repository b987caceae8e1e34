// Bodies of the secrets API: what is written, and what a client may send along.

#include "api/http/secrets.hpp"

#include "tests/catch.hpp"

using namespace mecha;

TEST_CASE("answers are sorted, escaped and end with a newline", "[http][secrets]") {
  CHECK(api::secret_json({{"html", "<a>&\"\\\n\u2028é"}}) == "{\"html\":\"\\u003ca\\u003e\\u0026\\\"\\\\\\n\\u2028é\"}\n");
  CHECK(api::secret_json({}) == "{}\n");
  CHECK(api::secrets_json({}) == "{}\n");
  CHECK(
      api::secrets_json({{"b", {{"y", "2"}, {"x", "1"}}}, {"a", {}}}) == "{\"a\":{},\"b\":{\"x\":\"1\",\"y\":\"2\"}}\n"
  );
}

TEST_CASE("a body must be the JSON form of the message, but is not used", "[http][secrets]") {
  for (const auto* body : {"", "{}", R"({"key":"other","storeName":"x","unknown":1})", R"({"metadata":{"a":"b"}})", R"({"key":null})"}) {
    INFO(body);
    CHECK(api::check_secret_body(body).has_value());
  }
  for (const auto* body : {"nope", "[]", "null", "{} x", R"({"key":5})", R"({"metadata":{"a":1}})", R"({"metadata":[]})"}) {
    INFO(body);
    const auto checked = api::check_secret_body(body);
    REQUIRE(!checked);
    CHECK(checked.error().tag == "ERR_MALFORMED_REQUEST");
    CHECK(checked.error().status() == 400);
    CHECK(checked.error().message.starts_with("failed deserializing HTTP body: "));
  }
}

TEST_CASE("the routes are those of the contract", "[http][secrets]") {
  secrets::SecretsCapability capability;
  const auto routes = api::secrets_routes(capability);
  REQUIRE(routes.size() == 2);
  for (const auto& route : routes) {
    CHECK(route.methods == std::vector<std::string>{"GET"});
    CHECK(route.group == "v1/secrets");
  }
}
