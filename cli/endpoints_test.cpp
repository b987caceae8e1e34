#include "cli/endpoints.hpp"

#include "tests/catch.hpp"

using namespace mecha;
using namespace mecha::cli;

namespace {

std::string all(const std::vector<Endpoint>& endpoints) {
  std::string text;
  for (const auto& e : endpoints) text += e.text() + (e.tls ? "+tls " : " ");
  return text;
}

std::string of(std::string_view value, std::uint16_t port = 99) { return all(parse_endpoints(value, port)); }

std::string of(const std::string& type, std::vector<NameValue> metadata) {
  bool hidden = false;
  const auto found = all(endpoints_of({.name = "c", .type = type, .metadata = std::move(metadata)}, hidden));
  return found + (hidden ? "hidden" : "");
}

}  // namespace

TEST_CASE("addresses of servers in every form", "[cli]") {
  CHECK(of("a") == "a:99 ");
  CHECK(of("a:1, b:2") == "a:1 b:2 ");
  CHECK(of("[::1]:7") == "[::1]:7 ");
  CHECK(of("redis://u:p@h:1/0") == "h:1 ");
  CHECK(of("https://h/path?q=1") == "h:443+tls ");
  CHECK(of("amqps://h") == "h:5671+tls ");
  CHECK(of("nats://a:1,nats://b") == "a:1 b:4222 ");
  CHECK(of("mongodb://u:p%40x@a,b:2/db?x=y") == "a:27017 b:2 ");
  CHECK(of("host=db port=5433 user=x") == "db:5433 ");
  CHECK(of("user=x hostaddr=10.0.0.1", 5432) == "10.0.0.1:5432 ");
  CHECK(of("host=/run/postgresql user=x").empty());
  CHECK(of("user:pw@tcp(h:3307)/db?x=y") == "h:3307 ");
  CHECK(of("file:state.db").empty());
  CHECK(of("mongodb+srv://h").empty());
  CHECK(of("a:x").empty());
  CHECK(of("a:70000").empty());
  CHECK(of("").empty());
}

TEST_CASE("the servers of a component", "[cli]") {
  CHECK(of("state.redis", {{"redisHost", "r"}}) == "r:6379 ");
  CHECK(of("state.redis", {{"redisHost", "r"}, {"redisPort", "7"}, {"enableTLS", "true"}}) == "r:7+tls ");
  CHECK(of("pubsub.kafka", {{"brokers", "a:1,b"}, {"consumerGroup", "x:1"}}) == "a:1 b:9092 ");
  CHECK(of("bindings.smtp", {{"host", "m"}, {"port", "587"}}) == "m:587 ");
  CHECK(of("state.sqlite", {{"connectionString", "state.db"}}).empty());
  CHECK(of("bindings.cron", {{"schedule", "@every 1s"}}).empty());
  NameValue secret{.name = "connectionString"};
  secret.secret = SecretRef{};
  CHECK(of("state.postgresql", {secret}) == "hidden");
}

TEST_CASE("a server that is not there", "[cli]") {
  const auto refused = reach({.host = "127.0.0.1", .port = 1}, "state.redis", 1000);
  CHECK_FALSE(refused.connected);
  CHECK(refused.trouble == "Connection refused");
  CHECK(reach({.host = "no-such-host.invalid", .port = 1}, "state.redis", 1000).trouble.find("cannot be resolved") != std::string::npos);
}
