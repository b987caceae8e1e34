#include "cli/output.hpp"

#include "cli/remedy.hpp"
#include "tests/catch.hpp"

using namespace mecha;
using namespace mecha::cli;

TEST_CASE("a table has even columns and no blanks at the end", "[cli]") {
  CHECK(format({.titles = {"ID", "X"}, .rows = {{"långt", "1"}, {"b", ""}}}) == "ID     X\nlångt  1\nb\n");
}

TEST_CASE("YAML quotes what would be read as something else", "[cli]") {
  const auto value = json::parse(R"({"a":"yes","b":"plain text","c":["1",2,{"d":null}],"e":[],"f":{"g":true},"h":"x: y"})");
  CHECK(to_yaml(*value) == "a: \"yes\"\nb: plain text\nc:\n  - \"1\"\n  - 2\n  -\n    d: null\ne: []\nf:\n  g: true\nh: \"x: y\"\n");
}

TEST_CASE("JSON for people has one member in each line", "[cli]") {
  CHECK(to_pretty_json(*json::parse(R"({"a":[1,"<"],"b":{}})")) == "{\n  \"a\": [\n    1,\n    \"<\"\n  ],\n  \"b\": {}\n}\n");
}

TEST_CASE("the nearest name is offered only when it is near", "[cli]") {
  CHECK(nearest("redisHots", {"redisHost", "redisPassword"}) == "redisHost");
  CHECK(nearest("REDISHOST", {"redisHost"}) == "redisHost");
  CHECK(nearest("zzz", {"redisHost"}).empty());
}

TEST_CASE("errors that a newcomer meets name their remedy", "[cli]") {
  CHECK(remedy("listen tcp :3500: bind: address already in use").find("another port") != std::string_view::npos);
  CHECK(remedy("ERR_DIRECT_INVOKE: dial tcp 127.0.0.1:6000: connect: connection refused").find("--app-port") != std::string_view::npos);
  CHECK(remedy("ERR_PUBSUB_NOT_FOUND: pubsub x is not found").find("pubsub.*") != std::string_view::npos);
  CHECK(remedy("all is well").empty());
  CHECK(with_remedy("all is well") == "all is well");
}
