#include "runtime/capabilities/pubsub/delivery.hpp"

#include "runtime/base/text.hpp"
#include "runtime/resilience/policies.hpp"
#include "runtime/telemetry/tracer.hpp"
#include "tests/catch.hpp"
#include "tests/run.hpp"

using namespace mecha;
using namespace mecha::pubsub;
using namespace std::chrono_literals;

namespace {

struct FakeBroker final : PubSub {
  Async<void> publish(PublishRequest request) override {
    if (refuse) co_return fail(Code::unavailable, "broker is gone");
    published.push_back(std::move(request));
    co_return Result<void>{};
  }
  Async<std::unique_ptr<Subscription>> subscribe(SubscribeRequest, Handler) override {
    co_return fail(Code::unimplemented, "");
  }
  bool refuse = false;
  std::vector<PublishRequest> published;
};

struct FakeSink final : Sink {
  Async<Answer> send(RequestScope&, const Outgoing& event) override {
    bodies.push_back(event.body);
    paths.push_back(event.path);
    if (answers.empty()) co_return fail(Error{.code = Code::unavailable, .message = "503", .outcome = 503});
    const auto answer = answers.front();
    if (answers.size() > 1) answers.erase(answers.begin());
    co_return answer;
  }
  Async<std::vector<Answer>> send_batch(RequestScope&, const OutgoingBatch& batch) override {
    batches.push_back(batch.entries.size());
    std::vector<Answer> all;
    for (const auto* entry : batch.entries) {
      const auto id = entry->event.is_object() ? entry->event.text("id") : std::string_view();
      all.push_back(id == "bad" ? Answer::retry : id == "drop" ? Answer::drop : Answer::success);
    }
    co_return all;
  }
  std::vector<Answer> answers{Answer::success};
  std::vector<std::string> bodies, paths;
  std::vector<std::size_t> batches;
};

struct World {
  Shards shards{1};
  Application app;
  std::shared_ptr<FakeBroker> broker = std::make_shared<FakeBroker>();
  std::shared_ptr<ComponentSpec> component = std::make_shared<ComponentSpec>();
  FakeSink sink;
  SubscriptionSpec spec;

  explicit World(std::unique_ptr<Metrics> metrics = nullptr) : app(shards, ApplicationInfo{.id = "app"}, Log(), std::move(metrics)) {
    component->name = "bus";
    spec.pubsub = "bus";
    spec.topic = "t";
    spec.rules.push_back({"", "/ev"});
    auto snapshot = std::make_shared<Snapshot>();
    snapshot->pubsubs["bus"] = {component, broker, ComponentState::ready, {}};
    snapshot->resiliency = std::make_shared<resilience::Policies>();
    app.publish(snapshot);
  }

  Verdict deliver(std::string data, Metadata metadata = {}) {
    Delivery delivery(app, std::make_shared<const SubscriptionSpec>(spec), component, *Rules::compile(spec.rules), sink);
    return testing::run(shards.context(0), delivery.deliver({"t", std::move(data), {}, std::move(metadata)}));
  }
  std::vector<Verdict> deliver_all(std::vector<std::string> data) {
    std::vector<BulkMessage> batch;
    for (auto& d : data) batch.push_back({text::uuid(), {"t", std::move(d), {}, {}}});
    Delivery delivery(app, std::make_shared<const SubscriptionSpec>(spec), component, *Rules::compile(spec.rules), sink);
    return testing::run(shards.context(0), delivery.deliver_bulk(std::move(batch)));
  }
};

}  // namespace

TEST_CASE("a structured event goes out byte for byte", "[pubsub][delivery]") {
  World world;
  CHECK(world.deliver(R"({"z": 1.0, "a":"<&>" })") == Verdict::done);
  CHECK(world.sink.bodies.at(0) == R"({"z": 1.0, "a":"<&>" })");
}

TEST_CASE("without a dead letter topic a failure goes back to the broker, a drop does not", "[pubsub][delivery]") {
  World world;
  world.sink.answers = {Answer::retry};
  CHECK(world.deliver("{}") == Verdict::failed);
  world.sink.answers = {Answer::drop};
  CHECK(world.deliver("{}") == Verdict::done);
  world.sink.answers = {Answer::not_found};
  CHECK(world.deliver("{}") == Verdict::done);
  world.sink.answers = {};
  CHECK(world.deliver("{}") == Verdict::failed);
  CHECK(world.deliver("[1]") == Verdict::failed);
  CHECK(world.broker->published.empty());
}

TEST_CASE("failures, drops and 404 go to the dead letter topic with bytes and metadata", "[pubsub][delivery]") {
  World world;
  world.spec.dead_letter_topic = "dead";
  for (const auto answer : {Answer::retry, Answer::drop, Answer::not_found}) {
    world.sink.answers = {answer};
    CHECK(world.deliver(R"({"id" : 1})", {{"k", "v"}}) == Verdict::done);
  }
  CHECK(world.deliver("no json", {{"k", "v"}}) == Verdict::done);
  REQUIRE(world.broker->published.size() == 4);
  const auto& letter = world.broker->published[0];
  CHECK(letter.topic == "dead");
  CHECK(letter.data == R"({"id" : 1})");
  CHECK(letter.metadata == Metadata{{"k", "v"}, {"pubsubName", "bus"}});
  CHECK(world.broker->published[3].data == "no json");
}

TEST_CASE("an event that the application does not serve is done without a dead letter", "[pubsub][delivery]") {
  World world;
  world.spec.dead_letter_topic = "dead";
  world.sink.answers = {Answer::ignored};
  CHECK(world.deliver("{}") == Verdict::done);
  CHECK(world.broker->published.empty());
}

TEST_CASE("a dead letter that cannot be published is a failure", "[pubsub][delivery]") {
  World world;
  world.spec.dead_letter_topic = "dead";
  world.broker->refuse = true;
  for (const auto answer : {Answer::retry, Answer::drop}) {
    world.sink.answers = {answer};
    CHECK(world.deliver("{}") == Verdict::failed);
  }
  CHECK(world.deliver(R"({"expiration":"2001-01-01T00:00:00Z"})") == Verdict::done);  // best effort
}

TEST_CASE("expired events and events without a route do not reach the application", "[pubsub][delivery]") {
  World world;
  CHECK(world.deliver(R"({"expiration":"2001-01-01T00:00:00Z"})") == Verdict::done);
  CHECK(world.sink.bodies.empty());
  CHECK(world.deliver(R"({"expiration":"garbage"})") == Verdict::done);
  CHECK(world.sink.bodies.size() == 1);
  world.spec.rules = {{"false", "/x"}};
  CHECK(world.deliver("{}") == Verdict::done);
  CHECK(world.sink.bodies.size() == 1);
  world.spec.rules = {{"event.missing == 1", "/x"}};
  CHECK(world.deliver("{}") == Verdict::failed);
}

TEST_CASE("a raw subscription sees a synthetic envelope", "[pubsub][delivery]") {
  World world;
  world.spec.metadata["rawPayload"] = "true";
  CHECK(world.deliver(std::string("\0\x01\xff", 3)) == Verdict::done);
  const auto event = json::parse(world.sink.bodies.at(0));
  REQUIRE(event.has_value());
  CHECK(event->text("data_base64") == "AAH/");
  CHECK(event->text("topic") == "t");
  CHECK(event->find("time") == nullptr);
  world.spec.metadata["rawPayload"] = "yes";
  CHECK(world.deliver("x") == Verdict::failed);
}

TEST_CASE("a binary event is known by its media type and takes its attributes from the metadata", "[pubsub][delivery]") {
  const Message message{
      .topic = "t", .data = "zz",
      .metadata = Metadata{{"content-type", "Application/Octet-Stream; a=b"}, {"CE_Id", "7"}, {"traceparent", "tp"}}};
  const auto event = read_event(message, false, "t", "bus");
  REQUIRE(event.has_value());
  CHECK(event->envelope.text("id") == "7");
  CHECK(event->envelope.text("datacontenttype") == "Application/Octet-Stream; a=b");
  CHECK(event->envelope.text("data_base64") == "eno=");
  CHECK(event->envelope.find("traceparent") == nullptr);
}

TEST_CASE("a structured event takes the trace that it lacks from the metadata", "[pubsub][delivery]") {
  const Message message{.topic = "t", .data = R"({"traceid":"own"})", .metadata = Metadata{{"traceparent", "tp"}, {"tracestate", "ts"}}};
  const auto event = read_event(message, false, "t", "bus");
  REQUIRE(event.has_value());
  CHECK(event->envelope.text("traceid") == "tp");
  CHECK(event->envelope.text("traceparent") == "tp");
  CHECK(event->envelope.text("tracestate") == "ts");
}

TEST_CASE("what fails while stopping stays with the broker", "[pubsub][delivery]") {
  World world;
  world.spec.dead_letter_topic = "dead";
  world.sink.answers = {Answer::retry};
  Delivery delivery(world.app, std::make_shared<const SubscriptionSpec>(world.spec), world.component, *Rules::compile(world.spec.rules), world.sink);
  delivery.stopping();
  CHECK(testing::run(world.shards.context(0), delivery.deliver({"t", "{}", {}, {}})) == Verdict::abandoned);
  CHECK(world.broker->published.empty());
}

TEST_CASE("a batch has a verdict per entry, and only failed ones are buried", "[pubsub][delivery]") {
  World world;
  using V = Verdict;
  CHECK(world.deliver_all({R"({"id":"a"})", R"({"id":"bad"})", R"({"id":"drop"})", "no json"}) ==
        std::vector{V::done, V::failed, V::done, V::failed});
  CHECK(world.sink.batches == std::vector<std::size_t>{3});
  world.spec.dead_letter_topic = "dead";
  CHECK(world.deliver_all({R"({"id":"a"})", R"({"id":"bad"})", R"({"id":"drop"})"}) ==
        std::vector{V::done, V::done, V::done});
  CHECK(world.broker->published.size() == 2);
}

TEST_CASE("entries of a batch that come again are counted once, and leave that count when the dead letter topic has them", "[pubsub][delivery]") {
  const auto count = [](const World& world, const std::string& status) {
    const auto text = world.app.metrics->text();
    const auto at = text.find("dapr_component_pubsub_ingress_bulk_event_count{app_id=\"app\",component=\"pubsubName\",namespace=\"\",process_status=\"" + status + "\"");
    const auto value = at == std::string::npos ? at : text.find("} ", at);
    return value == std::string::npos ? std::string("none") : text.substr(value + 2, text.find('\n', value) - value - 2);
  };
  const auto metered = [] { return std::make_unique<Metrics>(MetricsOptions{.app_id = "app"}); };
  const std::vector<std::string> batch{R"({"id":"a"})", R"({"id":"bad"})", "no json", "[]"};
  World plain(metered());
  plain.deliver_all(batch);
  CHECK(count(plain, "success") == "1");
  CHECK(count(plain, "retry") == "3");
  CHECK(count(plain, "drop") == "none");
  World buried(metered());
  buried.spec.dead_letter_topic = "dead";
  buried.deliver_all(batch);
  CHECK(count(buried, "retry") == "none");
  CHECK(count(buried, "drop") == "3");
  World refused(metered());
  refused.spec.dead_letter_topic = "dead";
  refused.broker->refuse = true;
  refused.deliver_all(batch);
  CHECK(count(refused, "retry") == "3");
  CHECK(count(refused, "drop") == "none");
}

TEST_CASE("a batch is split by route", "[pubsub][delivery]") {
  World world;
  world.spec.rules = {{"event.id == \"a\"", "/a"}, {"", "/d"}};
  CHECK(world.deliver_all({R"({"id":"a"})", R"({"id":"b"})", R"({"id":"a"})"}).size() == 3);
  CHECK(world.sink.batches == std::vector<std::size_t>{2, 1});
}

TEST_CASE("publishing checks names, then rawPayload, then the envelope, then scopes", "[pubsub][publish]") {
  World world;
  world.component->metadata.push_back(NameValue{.name = "publishingScopes", .value = "app=allowed"});
  RequestScope scope(world.app, world.app.snapshot(), Face::http);
  const Publisher publisher;
  const auto tag = [&](PublishEvent event) {
    const auto sent = testing::run(world.shards.context(0), publisher.publish(scope, std::move(event)));
    return sent ? std::string("ok") : std::string(sent.error().tag);
  };
  CHECK(tag({"nope", "z", "x", "", {}}) == "ERR_PUBSUB_NOT_FOUND");
  CHECK(tag({"bus", "z", "x", "application/cloudevents+json", {{"rawPayload", "yes"}}}) == "ERR_PUBSUB_REQUEST_METADATA");
  CHECK(tag({"bus", "z", "x", "application/cloudevents+json", {}}) == "ERR_PUBSUB_CLOUD_EVENTS_SER");
  CHECK(tag({"bus", "z", "x", "", {}}) == "ERR_PUBSUB_FORBIDDEN");
  CHECK(tag({"bus", "allowed", "x", "", {}}) == "ok");
  CHECK(tag({"bus", "allowed", "raw", "", {{"rawPayload", "1"}}}) == "ok");
  CHECK(world.broker->published.at(1).data == "raw");
  world.broker->refuse = true;
  CHECK(tag({"bus", "allowed", "x", "", {}}) == "ERR_PUBSUB_PUBLISH_MESSAGE");
}

TEST_CASE("request metadata reaches only bulk entries that have their own", "[pubsub][publish]") {
  World world;
  RequestScope scope(world.app, world.app.snapshot(), Face::http);
  BulkPublishEvents events{"bus", "t", {}, {{"k", "request"}, {"j", "request"}}, "/path"};
  events.entries.push_back({"1", "one", "text/plain", {}});
  events.entries.push_back({"2", "two", "text/plain", Metadata{{"j", "entry"}}});
  const auto sent = testing::run(world.shards.context(0), Publisher().bulk_publish(scope, std::move(events)));
  REQUIRE(sent.has_value());
  CHECK_FALSE(sent->error.has_value());
  REQUIRE(world.broker->published.size() == 2);
  for (const auto& request : world.broker->published) {
    if (request.metadata) CHECK(*request.metadata == Metadata{{"j", "entry"}, {"k", "request"}});
  }
  BulkPublishEvents twice{"bus", "t", {{"1", "a", "text/plain", {}}, {"1", "b", "text/plain", {}}}, {}, "/path"};
  const auto refused = testing::run(world.shards.context(0), Publisher().bulk_publish(scope, std::move(twice)));
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().tag == "ERR_PUBSUB_EVENTS_SER");
}
