#include "runtime/capabilities/pubsub/subscription_list.hpp"

#include "components/pubsub/runtime_part.hpp"
#include "runtime/capabilities/pubsub/rules.hpp"
#include "runtime/capabilities/pubsub/topics.hpp"
#include "tests/catch.hpp"

using namespace mecha;
using namespace mecha::pubsub;

namespace {

SubscriptionSpec on(std::string topic, std::string path) {
  SubscriptionSpec spec;
  spec.pubsub = "bus";
  spec.topic = std::move(topic);
  spec.rules.push_back({"", std::move(path)});
  return spec;
}

ComponentSpec with(std::vector<std::pair<std::string, std::string>> metadata) {
  ComponentSpec spec;
  for (auto& [name, value] : metadata) spec.metadata.push_back(NameValue{.name = name, .value = value});
  return spec;
}

}  // namespace

TEST_CASE("the subscribe answer is read without regard to case", "[pubsub][subscriptions]") {
  const auto list = read_subscribe_answer(
      R"([{"pubsubName":"bus","Topic":"a","ROUTE":"r","unknown":1},{"pubsubname":"bus","topic":"none"},
          {"pubsubname":"bus","topic":"b","routes":{"rules":[{"match":"event.type == \"w\"","path":"/w"}],"default":"/d"},
           "route":"/ignored","deadLetterTopic":"dl","metadata":{"k":"v"},"bulkSubscribe":{"enabled":true,"maxMessagesCount":3}}])",
      Log());
  REQUIRE(list.has_value());
  REQUIRE(list->size() == 2);
  CHECK((*list)[0].rules == std::vector<RouteRule>{{"", "r"}});
  CHECK((*list)[1].rules == std::vector<RouteRule>{{"event.type == \"w\"", "/w"}, {"", "/d"}});
  CHECK((*list)[1].bulk.messages_max == 3);
  CHECK((*list)[1].metadata.at("k") == "v");
}

TEST_CASE("answers that cannot be used are errors, empty ones are not", "[pubsub][subscriptions]") {
  for (const char* body : {"", "null", "[]"}) CHECK(read_subscribe_answer(body, Log())->empty());
  for (const char* body :
       {"nope", "{}", R"([{"topic":5}])", R"([{"topic":"t","route":"/x","metadata":{"rawPayload":true}}])",
        R"([{"topic":"t","routes":{"rules":[{"match":"event.type ==","path":"/x"}]}}])"}) {
    INFO(body);
    CHECK_FALSE(read_subscribe_answer(body, Log()).has_value());
  }
}

TEST_CASE("blanks around a rule are no part of it", "[pubsub][subscriptions]") {
  const auto list = read_subscribe_answer(R"([{"topic":"t","routes":{"rules":[{"match":" true\n","path":"/a"},{"match":"  ","path":"/b"}]}}])", Log());
  REQUIRE(list.has_value());
  CHECK((*list)[0].rules == std::vector<RouteRule>{{"true", "/a"}, {"", "/b"}});
}

TEST_CASE("a gRPC subscription without routes has one rule without a path", "[pubsub][subscriptions]") {
  // {1: {1: "bus", 2: "t"}}
  const auto list = read_topic_subscriptions(std::string("\x0a\x08\x0a\x03" "bus" "\x12\x01" "t"));
  REQUIRE(list.has_value());
  REQUIRE(list->size() == 1);
  CHECK((*list)[0].rules == std::vector<RouteRule>{{"", ""}});
}

TEST_CASE("the first declaration counts, the last programmatic one, and that replaces", "[pubsub][subscriptions]") {
  const auto merged = merge_subscriptions(
      {on("a", "/1"), on("a", "/2"), on("b", "/3")}, {on("b", "/4"), on("c", "/5"), on("c", "/6")});
  REQUIRE(merged.size() == 3);
  CHECK(merged[0].rules[0].path == "/1");
  CHECK(merged[1].rules[0].path == "/4");
  CHECK(merged[2].rules[0].path == "/6");
}

TEST_CASE("topic scopes", "[pubsub][topics]") {
  const auto spec = with({{"allowedTopics", "a, b,c ,p"}, {"protectedTopics", "p"}, {"PublishingScopes", "app=a;other=b,c;bad"}});
  const auto allowed = [&spec](std::string_view app, std::string_view topic) {
    return topic_allowed(spec, app, topic, Direction::publish);
  };
  CHECK(allowed("app", "a"));
  CHECK_FALSE(allowed("app", "b"));
  CHECK_FALSE(allowed("app", "z"));
  CHECK_FALSE(allowed("app", "p"));
  CHECK(allowed("nobody", "c"));
  CHECK_FALSE(allowed("nobody", "p"));
  CHECK(topic_allowed(spec, "app", "b", Direction::subscribe));
  CHECK_FALSE(topic_allowed(with({{"publishingScopes", "app="}}), "app", "a", Direction::publish));
}

TEST_CASE("a component that speaks of the namespace has prefixed topics", "[pubsub][topics]") {
  ApplicationInfo info;
  info.identity_name_space = "prod";
  auto spec = with({{"consumerID", "{namespace}"}});
  spec.type = "pubsub.redis";
  complete(spec, "app");
  CHECK(broker_topic(spec, info, "t") == "prodt");
  CHECK(own_topic(spec, info, "prodt") == "t");
  CHECK(broker_topic(with({}), info, "t") == "t");
}

TEST_CASE("the first rule that holds gives the path, an error is none", "[pubsub][rules]") {
  const auto rules = Rules::compile({{"event.type == \"w\"", "/w"}, {"has(event.x) && event.x > 2", "/x"}, {"  ", "/d"}});
  REQUIRE(rules.has_value());
  const auto path = [&rules](const char* event) { return rules->match(*json::parse(event)); };
  CHECK(path(R"({"type":"w"})").value() == "/w");
  CHECK(path(R"({"type":"v","x":3})").value() == "/x");
  CHECK(path(R"({"type":"v"})").value() == "/d");
  CHECK_FALSE(path(R"({"type":"v","x":"text"})").has_value());
  CHECK(Rules::compile({{"false", "/x"}})->match(*json::parse("{}")).value() == std::nullopt);
}

TEST_CASE("the consumer is the application unless it is named in exactly this spelling", "[pubsub]") {
  const auto consumer = [](std::vector<std::pair<std::string, std::string>> metadata) {
    auto spec = with(std::move(metadata));
    spec.type = "pubsub.redis";
    complete(spec, "app");
    for (const auto& item : spec.metadata) {
      if (item.name == "consumerID") return item.value;
    }
    return std::string();
  };
  CHECK(consumer({}) == "app");
  CHECK(consumer({{"consumerID", "  "}}) == "app");
  CHECK(consumer({{"consumerID", "mine"}}) == "mine");
  CHECK(consumer({{"consumerId", "ignored"}}) == "app");
}
