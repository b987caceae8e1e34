// Bodies of the lock API: the JSON form of its messages.

#include "api/http/lock.hpp"

#include "tests/catch.hpp"

using namespace mecha;
using namespace mecha::api;

TEST_CASE("the body of a lock request has both spellings and numbers as text", "[lock][http]") {
  const auto camel = read_try_lock(R"({"resourceId":"r","lockOwner":"o","expiryInSeconds":6.0e1,"storeName":"x","other":{"a":1}})");
  REQUIRE(camel);
  CHECK(camel->store.empty());
  CHECK(camel->resource_id == "r");
  CHECK(camel->owner == "o");
  CHECK(camel->expiry_seconds == 60);
  const auto snake = read_try_lock(R"({"resource_id":"r","lock_owner":"o","expiry_in_seconds":"60"})");
  REQUIRE(snake);
  CHECK(snake->expiry_seconds == 60);
  CHECK(read_try_lock(R"({"resourceId":null,"expiryInSeconds":null})").value().expiry_seconds == 0);
  CHECK(read_unlock("").value().resource_id.empty());
  CHECK(read_unlock(R"({"resourceId":"r","expiryInSeconds":"no number here"})").value().resource_id == "r");
}

TEST_CASE("a lock body that is no message is malformed", "[lock][http]") {
  const std::string_view wrong[] = {
      R"({"expiryInSeconds":1.5})", R"({"expiryInSeconds":99999999999})", R"({"expiryInSeconds":"6 "})",
      R"({"expiryInSeconds":true})", R"({"expiryInSeconds":""})", R"({"resourceId":5})", R"({"lockOwner":[]})",
      R"({"resourceId":"a","resource_id":"b"})", "{", "[]", "{} x", "1",
  };
  for (const auto body : wrong) {
    INFO(body);
    const auto read = read_try_lock(body);
    REQUIRE(!read);
    CHECK(read.error().tag == "ERR_MALFORMED_REQUEST");
    CHECK_THAT(read.error().message, Catch::StartsWith("failed deserializing HTTP body: proto: "));
  }
}
