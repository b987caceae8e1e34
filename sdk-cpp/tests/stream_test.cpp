// Streams over the wire: documents, changes of configuration, subscriptions; and what else the
// client sends.

#include <atomic>
#include <chrono>
#include <optional>
#include <string>
#include <thread>

#include "catch.hpp"
#include "dapr/proto/runtime/v1/dapr.pb.h"
#include "mecha/when_all.h"
#include "tests/scripted.h"

namespace mecha::test {
namespace {

using namespace std::chrono_literals;
namespace v1 = dapr::proto::runtime::v1;

std::string piece(std::string data, std::uint64_t seq) {
  v1::EncryptResponse answer;
  answer.mutable_payload()->set_data(std::move(data));
  answer.mutable_payload()->set_seq(seq);
  return answer.SerializeAsString();
}

// Gives each piece back as it came, and ends with the input.
Reply echo(const std::string* message, std::size_t count) {
  if (message == nullptr) return {{}, grpc::Status::OK};
  v1::EncryptRequest request;
  request.ParseFromString(*message);
  return {{piece(request.payload().data(), count)}, std::nullopt};
}

TEST_CASE("a document goes through in pieces with numbers, the options in the first", "[stream]") {
  ScriptedServer server;
  server.on("EncryptAlpha1", echo);
  std::string plain(1000000, 'a');
  for (std::size_t i = 0; i < plain.size(); i += 1000) plain[i] = static_cast<char>(i / 1000);
  const auto crypto = server.client().blocking().crypto("keys");
  CHECK(*crypto.encrypt(plain, {.key = "k", .algorithm = "A256KW"}) == plain);
  const auto seen = server.seen("EncryptAlpha1");
  REQUIRE(seen.messages.size() == 16);
  v1::EncryptRequest first, last;
  first.ParseFromString(seen.messages.front());
  last.ParseFromString(seen.messages.back());
  CHECK(first.options().component_name() == "keys");
  CHECK(first.options().key_wrap_algorithm() == "A256KW");
  CHECK(!last.has_options());
  CHECK(last.payload().seq() == 15);
  CHECK(crypto.encrypt("", {.key = "k", .algorithm = "A256KW"})->empty());
}

TEST_CASE(
    "a stream that fails gives the status of the sidecar, not that writing failed", "[stream]"
) {
  ScriptedServer server;
  server.answer("EncryptAlpha1", Reply::failed({grpc::StatusCode::INTERNAL, "no such key"}));
  const auto crypto = server.client().blocking().crypto("keys");
  for (int round = 0; round < 20; ++round) {
    CHECK(crypto.encrypt(std::string(500000, 'a'), {.key = "k"}).error().message == "no such key");
  }
}

TEST_CASE("a piece out of order is data_loss", "[stream]") {
  ScriptedServer server;
  server.answer("EncryptAlpha1", Reply{{piece("a", 0), piece("c", 2)}, grpc::Status::OK});
  CHECK(
      server.client().blocking().crypto("keys").encrypt("x", {.key = "k"}).error().code ==
      Code::data_loss
  );
}

TEST_CASE("a message that cannot be read ends the stream with an error", "[stream]") {
  ScriptedServer server;
  server.on("EncryptAlpha1", [](const std::string* message, std::size_t) {
    return message ? Reply{{"\xff\xff"}, std::nullopt} : Reply();
  });
  CHECK(
      server.client().blocking().crypto("keys").encrypt("x", {.key = "k"}).error().code ==
      Code::internal
  );
}

TEST_CASE("a document has the limit of its call, and a stop token", "[stream]") {
  ScriptedServer server;
  server.on("DecryptAlpha1", [](const std::string*, std::size_t) { return Reply::silence(); });
  const auto crypto = server.client().blocking().crypto("keys");
  CallOptions soon;
  soon.timeout = 30ms;
  CHECK(crypto.decrypt("x", {}, soon).error().code == Code::deadline_exceeded);
  std::stop_source stop;
  CallOptions options;
  options.stop = stop.get_token();
  server.on("DecryptAlpha1", [stop](const std::string*, std::size_t) {
    stop.request_stop();
    return Reply::silence();
  });
  CHECK(crypto.decrypt("x", {}, options).error().code == Code::cancelled);
  CHECK(crypto.decrypt("x", {}, options).error().code == Code::cancelled);
}

TEST_CASE(
    "two reads of one stream at a time are refused, and so is one after the end", "[stream]"
) {
  ScriptedServer server;
  server.on("EncryptAlpha1", echo);
  auto stream = server.client().api()->encrypt("keys", {}, {});
  std::optional<Result<std::optional<std::string>>> got;
  std::atomic<bool> ended = false;
  then_call(stream->read(), [&](Result<std::optional<std::string>> read) {
    got = std::move(read);
    ended = true;
  });
  CHECK(sync_wait(stream->read()).error().code == Code::failed_precondition);
  REQUIRE(sync_wait(stream->write("x")));
  while (!ended) std::this_thread::yield();
  REQUIRE(*got);
  CHECK(got->value() == "x");
  REQUIRE(sync_wait(stream->finish()));
  CHECK(!sync_wait(stream->read())->has_value());
  CHECK(!sync_wait(stream->read())->has_value());
  CHECK(sync_wait(stream->write("x")).error().code == Code::failed_precondition);
}

TEST_CASE("a stream that is cancelled or dropped ends, whatever waits in it", "[stream]") {
  ScriptedServer server;
  server.on("EncryptAlpha1", [](const std::string*, std::size_t) { return Reply::silence(); });
  const auto api = server.client().api();
  auto stream = api->encrypt("keys", {}, {});
  std::optional<Result<std::optional<std::string>>> got;
  std::atomic<bool> ended = false;
  then_call(stream->read(), [&](Result<std::optional<std::string>> read) {
    got = std::move(read);
    ended = true;
  });
  stream->cancel();
  while (!ended) std::this_thread::yield();
  CHECK(got->error().code == Code::cancelled);
  CHECK(sync_wait(stream->read()).error().code == Code::cancelled);
  auto never = api->encrypt("keys", {}, {});
  never->cancel();
  CHECK(sync_wait(never->read()).error().code == Code::cancelled);
  auto dropped = api->encrypt("keys", {}, {});
  REQUIRE(sync_wait(dropped->write("x")));
  dropped.reset();
}

std::string changes(const std::string& id, const std::string& key, const std::string& value) {
  v1::SubscribeConfigurationResponse message;
  message.set_id(id);
  if (!key.empty()) (*message.mutable_items())[key].set_value(value);
  return message.SerializeAsString();
}

TEST_CASE("changes of configuration come one by one, and the id is kept", "[stream]") {
  ScriptedServer server;
  server.answer(
      "SubscribeConfiguration",
      Reply{
          {changes("7", "", ""), changes("7", "a", "1"), changes("7", "a", "2")}, grpc::Status::OK
      }
  );
  auto watch = server.client().blocking().configuration("settings").watch({"a"});
  CHECK((**watch.next()).at("a").value == "1");
  CHECK(watch.id() == "7");
  CHECK((**watch.next()).at("a").value == "2");
  CHECK(!watch.next()->has_value());
  server.answer(
      "SubscribeConfiguration",
      Reply::failed({grpc::StatusCode::FAILED_PRECONDITION, "not configured"})
  );
  CHECK(
      server.client().blocking().configuration("x").watch().next().error().message ==
      "not configured"
  );
}

TEST_CASE("the limit of a subscription is for the consent, not for the stream", "[stream]") {
  ScriptedServer server;
  server.on("SubscribeConfiguration", [](const std::string*, std::size_t) {
    return Reply::silence();
  });
  CallOptions soon;
  soon.timeout = 40ms;
  const auto configuration = server.client().blocking().configuration("settings");
  CHECK(configuration.watch({}, {}, soon).next().error().code == Code::deadline_exceeded);
  server.answer(
      "SubscribeConfiguration", Reply{{changes("7", "", ""), changes("7", "a", "1")}, std::nullopt}
  );
  soon.timeout = 2s;
  auto watch = configuration.watch({}, {}, soon);
  const auto first = watch.next();
  REQUIRE(first);
  CHECK(first->has_value());
  CHECK(server.seen("SubscribeConfiguration").deadline > std::chrono::system_clock::now() + 24h);
  std::atomic<bool> ended = false;
  std::optional<Code> code;
  std::thread other([&] {
    const auto next = watch.next();
    code = next ? Code::ok : next.error().code;
    ended = true;
  });
  // Longer than the limit: a call that waits is not over.
  CallOptions pause;
  pause.timeout = 2500ms;
  server.on("GetState", [](const std::string*, std::size_t) { return Reply::silence(); });
  CHECK(!server.client().blocking().state("o").get<std::string>("k", {}, pause));
  CHECK(!ended);
  watch.cancel();
  other.join();
  CHECK(code == Code::cancelled);
}

std::string event(const std::string& id) {
  v1::SubscribeTopicEventsResponseAlpha1 message;
  auto& event = *message.mutable_event_message();
  event.set_id(id);
  event.set_data("data " + id);
  event.set_topic("orders");
  (*event.mutable_extensions()->mutable_fields())["traceid"].set_string_value("x");
  return message.SerializeAsString();
}

TEST_CASE("a subscription asks, gets its consent, and answers each message", "[stream]") {
  ScriptedServer server;
  server.on(
      "SubscribeTopicEventsAlpha1",
      [](const std::string* message, std::size_t count) -> Reply {
        if (message == nullptr) return {};
        v1::SubscribeTopicEventsResponseAlpha1 consent;
        consent.mutable_initial_response();
        if (count == 0)
          return {{consent.SerializeAsString(), event("1"), event("2")}, std::nullopt};
        if (count == 1) return {};
        return {{}, grpc::Status::OK};
      }
  );
  auto stream = server.client().api()->subscribe({"broker", "orders", {{"k", "v"}}, "dead"}, {});
  auto first = sync_wait(stream->next());
  REQUIRE((first && *first));
  CHECK((*first)->data == "data 1");
  CHECK((*first)->extensions == R"({"traceid":"x"})");
  CHECK(sync_wait(stream->next())->value().id == "2");
  REQUIRE(sync_wait(stream->answer("2", Verdict::drop)));
  REQUIRE(sync_wait(stream->answer("1", Verdict::success)));
  CHECK(!sync_wait(stream->next())->has_value());
  const auto seen = server.seen("SubscribeTopicEventsAlpha1");
  REQUIRE(seen.messages.size() == 3);
  v1::SubscribeTopicEventsRequestAlpha1 initial, answer;
  initial.ParseFromString(seen.messages[0]);
  answer.ParseFromString(seen.messages[1]);
  CHECK(initial.initial_request().topic() == "orders");
  CHECK(initial.initial_request().dead_letter_topic() == "dead");
  CHECK(initial.initial_request().metadata().at("k") == "v");
  CHECK(answer.event_processed().id() == "2");
  CHECK(answer.event_processed().status().status() == v1::TopicEventResponse::DROP);
}

TEST_CASE("a subscription without consent fails", "[stream]") {
  ScriptedServer server;
  const std::string method = "SubscribeTopicEventsAlpha1";
  const auto next = [&](std::chrono::milliseconds limit = 10s) {
    CallOptions options;
    options.timeout = limit;
    return sync_wait(server.client().api()->subscribe({"broker", "orders"}, options)->next()).error();
  };
  server.answer(
      method, Reply::failed({grpc::StatusCode::INVALID_ARGUMENT, "pubsub broker is not found"})
  );
  CHECK(next().message == "pubsub broker is not found");
  server.answer(method, Reply{{event("1")}, std::nullopt});
  CHECK(next().code == Code::internal);
  server.on(method, [](const std::string*, std::size_t) { return Reply::silence(); });
  CHECK(next(40ms).code == Code::deadline_exceeded);
}

TEST_CASE(
    "bulk publishing falls back to the older method where the newer is not there", "[stream]"
) {
  ScriptedServer server;
  v1::BulkPublishResponse answer;
  auto& failed = *answer.add_failedentries();
  failed.set_entry_id("b");
  failed.set_error("no");
  server.answer("BulkPublishEventAlpha1", Reply::with(answer));
  const auto broker = server.client().blocking().pubsub("broker");
  const auto got = broker.publish_bulk(
      "t", {bulk_entry("a", std::string("1")), bulk_entry("b", std::string("2"))}
  );
  REQUIRE(got.has_value());
  REQUIRE(got->size() == 1);
  CHECK(got->front().id == "b");
  CHECK(server.calls("BulkPublishEvent") == 1);
  server.answer("BulkPublishEvent", Reply::with(v1::BulkPublishResponse()));
  CHECK(broker.publish_bulk("t", {})->empty());
  CHECK(server.calls("BulkPublishEventAlpha1") == 1);
}

TEST_CASE("settings of writes and publications are where the API has them", "[stream]") {
  ScriptedServer server;
  server.answer("SaveState", Reply{{""}, grpc::Status::OK});
  server.answer("PublishEvent", Reply{{""}, grpc::Status::OK});
  const auto client = server.client().blocking();
  REQUIRE(client.state("o").save(
      "k",
      "v",
      {.etag = "7",
       .concurrency = Concurrency::first_write,
       .consistency = Consistency::strong,
       .ttl = 1500ms}
  ));
  v1::SaveStateRequest save;
  save.ParseFromString(server.seen("SaveState").messages.at(0));
  CHECK(save.states(0).has_etag());
  CHECK(save.states(0).options().concurrency() == 1);
  CHECK(save.states(0).options().consistency() == 2);
  CHECK(save.states(0).metadata().at("ttlInSeconds") == "2");
  REQUIRE(client.state("o").save("k", "v"));
  save.ParseFromString(server.seen("SaveState").messages.at(0));
  CHECK(!save.states(0).has_etag());
  CHECK(!save.states(0).has_options());
  REQUIRE(client.pubsub("b").publish("t", "text", {.ttl = 3s, .raw = true}));
  v1::PublishEventRequest publish;
  publish.ParseFromString(server.seen("PublishEvent").messages.at(0));
  CHECK(publish.data_content_type() == "text/plain; charset=utf-8");
  CHECK(publish.metadata().at("rawPayload") == "true");
  CHECK(publish.metadata().at("ttlInSeconds") == "3");
}

TEST_CASE("an invocation has its verb, its query and the status of the application", "[stream]") {
  ScriptedServer server;
  server.headers["dapr-http-status"] = "201";
  server.trailers["x-late"] = "1";
  dapr::proto::common::v1::InvokeResponse answer;
  answer.mutable_data()->set_value("done");
  server.answer("InvokeService", Reply::with(answer));
  const auto app = server.client().blocking().app("inventory");
  const auto raw =
      app.invoke_raw("items/1", "x", {.verb = "PUT", .query = "a=1", .content_type = "text/plain"});
  REQUIRE(raw);
  CHECK(raw->data == "done");
  CHECK(raw->http_status == 201);
  CHECK(raw->headers.at("x-late") == "1");
  v1::InvokeServiceRequest request;
  request.ParseFromString(server.seen("InvokeService").messages.at(0));
  CHECK(request.id() == "inventory");
  CHECK(request.message().http_extension().verb() == dapr::proto::common::v1::HTTPExtension::PUT);
  CHECK(request.message().http_extension().querystring() == "a=1");
  CHECK(*app.get<std::string>("items") == "done");
  CHECK(app.invoke_raw("x", "", {.verb = "FETCH"}).error().code == Code::invalid_argument);
}

}  // namespace
}  // namespace mecha::test
