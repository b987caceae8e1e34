// The fake's messages: how long they live, and whose answer is whose.

#include "catch.hpp"
#include "mecha/testing/fake.h"

namespace mecha::testing {
namespace {

using namespace std::chrono_literals;

TEST_CASE("messages live as long as their publisher says", "[fake][pubsub]") {
  Fake fake;
  const auto stream = fake.api()->subscribe({"bus", "t"}, {});
  std::vector<std::string> got;
  const auto read = [](TopicStream& from, std::vector<std::string>& to) -> Task<void> {
    auto event = co_await from.next();
    if (!event || !*event) co_return;
    to.push_back((*event)->data);
    (void)co_await from.answer((*event)->id, Verdict::success);
  };
  spawn(read(*stream, got));
  const auto bus = fake.client().blocking().pubsub("bus");
  const auto publish = [&bus](const std::string& text, std::chrono::seconds life) {
    PublishOptions options;
    options.ttl = life;
    return bus.publish("t", text, options);
  };
  REQUIRE(publish("taken at once", 5s));
  REQUIRE(publish("for five", 5s));
  REQUIRE(publish("for sixty", 60s));
  CHECK(!fake.settle(1ms));
  fake.advance(4s);
  CHECK(!fake.settle(1ms));
  fake.delay({Call::get_state}, 2s);  // moves the clock, too
  CHECK(fake.client().blocking().state("s").get<std::string>("k"));
  spawn(read(*stream, got));
  CHECK(fake.settle());
  CHECK(got == std::vector<std::string>{"taken at once", "for sixty"});
  REQUIRE(publish("nobody reads", 5s));
  fake.advance(5s);
  CHECK(fake.settle());
}

TEST_CASE("a message that is tried again is not tried beyond its time", "[fake][pubsub]") {
  Fake fake;
  const auto stream = fake.api()->subscribe({"bus", "t"}, {});
  std::optional<Result<std::optional<TopicEvent>>> event;
  then_call(stream->next(), [&](auto came) { event = std::move(came); });
  REQUIRE(fake.emit_bytes({"bus", "t", "x", "text/plain", {{"ttlInSeconds", "5"}}}));
  REQUIRE(event);
  fake.advance(6s);
  CHECK(sync_wait(stream->answer((**event)->id, Verdict::retry)));
  CHECK(fake.settle());
  CHECK(fake.delivered("t").size() == 1);
  event.reset();
}

TEST_CASE("an event brings its bytes as base64", "[fake][pubsub]") {
  Fake fake;
  const auto stream = fake.api()->subscribe({"bus", "t"}, {});
  const auto publish = [&fake](const std::string& event) {
    return fake.emit_bytes({"bus", "t", event, "application/cloudevents+json"});
  };
  std::optional<TopicEvent> event;
  then_call(stream->next(), [&](Result<std::optional<TopicEvent>> came) { event = std::move(came).value(); });
  REQUIRE(publish(
      R"({"id":"1","datacontenttype":"application/octet-stream","data_base64":"AP8B","data":"no"})"
  ));
  REQUIRE(event);
  CHECK(event->data == std::string("\0\xff\x01", 3));
  CHECK(event->extensions.find("data_base64") == std::string::npos);
  CHECK(publish(R"({"id":"1","data_base64":"!"})").error().code == Code::invalid_argument);
}

TEST_CASE("messages of one id are answered one by one, the oldest first", "[fake][pubsub]") {
  Fake fake;
  const auto stream = fake.api()->subscribe({"bus", "t"}, {});
  std::vector<std::string> got;
  const auto next = [&] {
    then_call(stream->next(), [&](Result<std::optional<TopicEvent>> came) {
      if (came && *came) got.push_back((*came)->data);
    });
  };
  next();
  for (const auto* data : {"first", "second"})
    REQUIRE(fake.emit_bytes({"bus", "t", data, "text/plain", {{"cloudevent.id", "twin"}}}));
  next();
  CHECK(got == std::vector<std::string>{"first", "second"});
  CHECK(!fake.settle(1ms));
  CHECK(sync_wait(stream->answer("twin", Verdict::success)));
  CHECK(!fake.settle(1ms));
  CHECK(sync_wait(stream->answer("twin", Verdict::drop)));
  CHECK(fake.settle());
  REQUIRE(fake.delivered("t").size() == 2);
  CHECK(fake.delivered("t")[0].event.data == "first");
  CHECK(fake.delivered("t")[1].verdict == Verdict::drop);
}

}  // namespace
}  // namespace mecha::testing
