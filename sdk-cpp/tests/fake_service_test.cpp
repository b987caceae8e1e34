// The fake as the sidecar of a service: handlers run as they do behind a port.

#include <atomic>

#include "catch.hpp"
#include "mecha/service.h"
#include "mecha/testing/fake.h"
#include "testing/rules.h"

namespace mecha::testing {
namespace {

using namespace std::chrono_literals;

TEST_CASE("published messages reach the handlers of a service, and are settled", "[fake][service]") {
  Fake fake;
  const auto client = fake.client().blocking();
  Service service;
  std::atomic<int> taken = 0, batches = 0, unpublished = 0;
  service.topic("bus", "orders", [&](const std::string& order) {
    ++taken;
    if (!client.pubsub("bus").publish("shipped", "for " + order)) ++unpublished;
  });
  service.topic_bulk("bus", "shipped", [&](std::vector<BulkMessage<std::string>> batch) {
    batches += static_cast<int>(batch.size());
    return Verdict::success;
  });
  REQUIRE(fake.attach(service.callbacks()));
  for (int i = 0; i < 20; ++i) REQUIRE(fake.emit("bus", "orders", std::to_string(i)));
  CHECK(fake.settle());
  CHECK(taken == 20);
  CHECK(unpublished == 0);
  CHECK(batches == 20);
  CHECK(fake.published("bus", "shipped").size() == 20);
  CHECK(fake.delivered("orders").size() == 20);
  CHECK(client.metadata()->subscriptions.size() == 2);
}

TEST_CASE("a handler may publish to its own topic, and is tried again when it fails", "[fake][service]") {
  Fake fake;
  const auto client = fake.client().blocking();
  Service service;
  std::atomic<int> tries = 0;
  TopicOptions with_dead;
  with_dead.dead_letter_topic = "dead";
  service.topic("bus", "loop", [&](const std::string& left) -> Result<void> {
    if (left == "0") return {};
    return client.pubsub("bus").publish("loop", std::to_string(std::stoi(left) - 1));
  });
  service.topic("bus", "hard", [&](const std::string&) -> Result<void> {
    if (++tries < 3) return mecha::fail(Code::unavailable, "not yet");
    return {};
  });
  service.topic("bus", "bad", [](const std::string&) { return Verdict::drop; }, with_dead);
  REQUIRE(fake.attach(service.callbacks()));
  REQUIRE(fake.emit("bus", "loop", "5"));
  REQUIRE(fake.emit("bus", "hard", "x"));
  REQUIRE(fake.emit("bus", "bad", "x"));
  CHECK(fake.settle());
  CHECK(fake.delivered("loop").size() == 6);
  CHECK(tries == 3);
  CHECK(fake.delivered("hard").back().attempt == 3);
  CHECK(fake.delivered("bad").back().verdict == Verdict::drop);
}

TEST_CASE("rules that are simple hold as they do in a sidecar", "[fake][service]") {
  Fake fake;
  Service service;
  std::vector<std::string> many, vip, rest;
  const auto on = [&](const char* match, std::vector<std::string>& to) {
    TopicOptions options;
    options.match = match;
    service.topic("bus", "orders", [&to](const TopicEvent& event) { to.push_back(event.data); }, options);
  };
  on("event.type == \"order\" && (event.data.items > 10.5 || !(event.data.items != -1))", many);
  on("has(event.data.vip) && event.data.name.startsWith('a')", vip);
  on("", rest);
  REQUIRE(fake.attach(service.callbacks()));
  const auto emit = [&](const char* type, const char* data) {
    REQUIRE(fake.emit_bytes({"bus", "orders", data, "application/json", {{"cloudevent.type", type}}}));
    CHECK(fake.settle());
  };
  emit("order", R"({"items":11})");
  emit("order", R"({"items":-1})");
  CHECK(many == std::vector<std::string>{R"({"items":11})", R"({"items":-1})"});
  emit("offer", R"({"vip":true,"name":"ann"})");
  emit("offer", R"({"vip":true,"name":"bob"})");
  CHECK(vip == std::vector<std::string>{R"({"vip":true,"name":"ann"})"});
  emit("offer", R"("text")");
  CHECK(rest == std::vector<std::string>{R"({"vip":true,"name":"bob"})", R"("text")"});
  // An order without items: the first rule fails, which is no "no".
  emit("order", "{}");
  CHECK(rest.size() == 2);
  CHECK(fake.delivered("orders").back().attempt == FakeOptions().deliveries_max);
}

TEST_CASE("expressions are read as CEL has them, or not at all", "[fake][service]") {
  using detail::Expression;
  TopicEvent event;
  event.type = "order";
  event.data = R"({"n":2,"s":"abc","t":true,"inner":{"x":1},"list":[1,"b",null],"none":null})";
  event.content_type = "application/json";
  const auto holds = [&](const char* text) { return Expression::parse(text).value().holds(event); };
  for (const auto* yes : {"event.data.n >= 2", "event.data.n <= 2.0", "event.data.inner.x < 2", "event.data.t", "'b' < \"c\"",
                          "event.data.s.contains('b') && event.data.s.endsWith('c')", "event.type != 1", "!has(event.data.u)",
                          "event.data.u == 1 || true", "(event.type=='order')", "event.data.t == true", "event.data == event.data",
                          "event.type in ['a', 'order']", "event.data.n in [1, 2.0]", "'s' in event.data && !('u' in event.data)", "'b' in event.data.list",
                          "event.data['n'] == 2 && event['type'] == 'order'", "event.data.list[0] == 1 && event.data.list[1] == 'b'", "event.data.none == null",
                          "size(event.data.s) == 3 && event.data.list.size() == 3 && event.data.inner.size() == 1", "event.data.list == [1, 'b', null]",
                          "event.data.inner != [1]", "event.data.t ? event.data.n == 2 : event.data.u", "false ? event.data.u : false ? false : true",
                          "event.data.s != 'a\\n\\'\\\\'", "!has(event.data.s.x)", "!has(event.data['inner'].u)"})
    CHECK(holds(yes) == true);
  for (const auto* no : {"event.data.n > 2", "event.data.u == 1 && false", "event.data.s.startsWith('b')", "!event.data.t", "event.data.n in []", "1 in event.data", "event.data.list == [1]",
                         "event.data.none != null"})
    CHECK(holds(no) == false);
  for (const auto* fails : {"event.data.u == 1", "event.data.n", "event.data.n > 'a'", "event.data.n.contains('a')", "!event.data.s",
                            "event.data.u == 1 || false", "has(event.data.u.x)", "has(event.data.list.x)", "event.data.list[3] == 1", "event.data.list.x == 1", "event.data[0] == 1",
                            "size(event.data.n) == 1", "event.type in event.type", "event.data.u in [1]", "event.data.list < event.data.list", "event.data.none > null",
                            "event.data.n ? true : true"})
    CHECK(holds(fails) == std::nullopt);
  for (const auto* other : {"", "event.data.n + 1 == 3", "event.type == 'a", "event.data[event.type] == 2", "event.data.list[-1] == 2", "event.data.list[0.5] == 2",
                            "event.type == 'a\\x41'", "event.type == 'a\n'", "event.type in [event.type]", "event.type in['a'", "event.type ina", "has(event.data['n'])", "event.data.n == -inf",
                            "event.data.n == 1.", "true ? false", "true ? true : ", "events.type == 'a'", "event.data.list.exists(x, x == 1)", "event.type.matches('a')", "has(event)", "(event.data.t", "event.data.t)", "event. == 1", "&& true"})
    CHECK_FALSE(Expression::parse(other));
  // Nesting has a limit, and length; a sequence of many parts is not nested.
  CHECK_FALSE(Expression::parse(std::string(100, '(') + "true" + std::string(100, ')')));
  CHECK_FALSE(Expression::parse(std::string(100, '!') + "true"));
  CHECK_FALSE(Expression::parse("event.data.n in " + std::string(100, '[') + std::string(100, ']')));
  std::string choices = "true";
  for (int i = 0; i < 100; ++i) choices = "false ? true : " + choices;
  CHECK_FALSE(Expression::parse(choices));
  std::string many = "event.data.n == 0";
  for (int i = 1; i < 100; ++i) many += " || (event.data.n == " + std::to_string(i) + ")";
  CHECK(holds(many.c_str()) == true);
  CHECK_FALSE(Expression::parse(many + std::string(4096, ' ')));

  // Data are what their type says, whatever they look like.
  event.content_type = "Application/JSON; charset=utf-8";
  CHECK(holds("event.data.n == 2") == true);
  event.content_type = "text/plain";
  CHECK(holds("event.data.n == 2") == std::nullopt);
  event.data = "7";
  CHECK(holds("event.data == '7'") == true);
  CHECK(holds("event.data == 7") == false);
}

TEST_CASE("other rules are refused until the test says which hold", "[fake][service]") {
  Fake fake;
  Service service;
  std::vector<std::string> big, other;
  TopicOptions rule;
  rule.match = "event.type.matches('^big$')";
  rule.dead_letter_topic = "unrouted";
  service.topic("bus", "orders", [&](const std::string& order) { big.push_back(order); }, rule);
  service.topic("bus", "unrouted", [&](const std::string& order) { other.push_back(order); });
  const auto refused = fake.attach(service.callbacks());
  REQUIRE(!refused);
  CHECK(refused.error().code == Code::unimplemented);
  CHECK(refused.error().message.find("event.type.matches('^big$')") != std::string::npos);
  CHECK(refused.error().message.find("Fake::on_rule") != std::string::npos);
  CHECK(fake.client().blocking().metadata()->subscriptions.empty());

  fake.on_rule([](const std::string& match, const TopicEvent& event) {
    return match == "event.type.matches('^big$')" && event.type == "big";
  });
  REQUIRE(fake.attach(service.callbacks()));
  for (const auto* type : {"big", "small", "big"})
    REQUIRE(fake.emit_bytes({"bus", "orders", type, "text/plain", {{"cloudevent.type", type}}}));
  CHECK(fake.settle());
  CHECK(big == std::vector<std::string>{"big", "big"});
  CHECK(other == std::vector<std::string>{"small"});
  CHECK(fake.delivered("orders").size() == 2);
  CHECK(fake.client().blocking().metadata()->subscriptions[0].rules[0].match == "event.type.matches('^big$')");
}

TEST_CASE("calls, events and jobs reach their handlers", "[fake][service]") {
  Fake fake;
  Service service;
  std::atomic<int> ticks = 0, jobs = 0;
  service.method("double", [](const std::string& text) { return text + text; });
  service.binding("tick", [&](const std::string&) { ++ticks; });
  service.job("clean", [&](const std::string&) { ++jobs; });
  CHECK(fake.call({"double", "ab"}).error().code == Code::failed_precondition);
  REQUIRE(fake.attach(service.callbacks()));
  CHECK(fake.call({"double", "ab"})->data == "abab");
  CHECK(fake.call({"absent"}).error().code == Code::unimplemented);
  CHECK(fake.trigger({"tick", "now"}));
  CHECK(fake.run_job({"clean"}));
  CHECK(ticks == 1);
  CHECK(jobs == 1);
}

}  // namespace
}  // namespace mecha::testing
