// A service and what a sidecar calls: every kind of handler, every verdict, every refusal.

#include <stdexcept>
#include <string>
#include <thread>

#include <grpcpp/generic/generic_stub.h>

#include "catch.hpp"
#include "dapr/proto/runtime/v1/dapr.pb.h"
#include "mecha/json.h"
#include "tests/caller.h"
#include "tests/scripted.h"

namespace mecha::test {
namespace {

struct Order {
  std::string id;
  int count = 0;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Order, id, count)

Task<Result<Order>> twice(const Order& order) { co_return Order{order.id, 2 * order.count}; }

Result<MethodReply> echo(const MethodCall& call) {
  return MethodReply{
      call.verb + " " + call.method + "?" + call.query + " " + call.data,
      "text/plain",
      {{"x-a", "b"}}
  };
}

TEST_CASE("methods take values, requests, both or nothing, and give what they like", "[service]") {
  Service service(quiet());
  service.method("twice", twice)
      .method("echo", echo)
      .method("both", [](Order order, const MethodCall& call) { return order.id + call.method; })
      .method("nothing", [] {})
      .method("task", []() -> Task<void> { co_return; })
      .method("text", [](std::string text) -> Task<std::string> { co_return text + "!"; });
  REQUIRE(service.start());
  Caller caller(service);
  const auto order = caller.invoke("twice", R"({"id":"a","count":2})");
  CHECK(order.status.ok());
  CHECK(nlohmann::json::parse(order.data) == nlohmann::json({{"id", "a"}, {"count", 4}}));
  CHECK(order.content_type == "application/json");
  const auto raw = caller.invoke("/echo", "x", "PUT");
  CHECK(raw.data == "PUT echo?a=1 x");
  CHECK(raw.headers.at("x-a") == "b");
  CHECK(caller.invoke("both", R"({"id":"a","count":2})").data == "aboth");
  CHECK(caller.invoke("nothing", "x").status.ok());
  CHECK(caller.invoke("task", "x").status.ok());
  CHECK(caller.invoke("text", "x").data == "x!");
}

TEST_CASE("a method is found by its verb, its name, or the longest beginning", "[service]") {
  Service service(quiet());
  service.method("items", [] { return std::string("read"); }, {.verb = "GET"})
      .method("items", [] { return std::string("other"); })
      .method("items/*", [](const MethodCall& call) { return "one " + call.method; })
      .method("items/special/*", [] { return std::string("special"); });
  REQUIRE(service.start());
  Caller caller(service);
  CHECK(caller.invoke("items", "", "GET").data == "read");
  CHECK(caller.invoke("items", "", "POST").data == "other");
  CHECK(caller.invoke("items", "").data == "other");
  CHECK(caller.invoke("items/1", "").data == "one items/1");
  CHECK(caller.invoke("items/special/2", "").data == "special");
  const auto absent = caller.invoke("absent", "");
  CHECK(absent.status.error_code() == grpc::StatusCode::UNIMPLEMENTED);
  CHECK(absent.status.error_message() == "method absent has no handler here");
}

TEST_CASE("failures of a method reach the caller with their details", "[service]") {
  Service service(quiet());
  service.method("no", []() -> Result<void> {
    Error error = fail(Code::not_found, "no such order");
    error.reason = "ORDER_MISSING";
    error.domain = "shop";
    error.metadata["id"] = "o1";
    return error;
  });
  service.method("throws", []() -> Task<void> {
    throw std::runtime_error("not today");
    co_return;
  });
  service.method("odd", [] { throw 1; });
  service.method("header", [] { return MethodReply{"", "", {{"Bad Key", "x"}}}; });
  service.method("order", [](Order) {});
  REQUIRE(service.start());
  Caller caller(service);
  const auto no = caller.invoke("no", "").status;
  CHECK(no.error_code() == grpc::StatusCode::NOT_FOUND);
  CHECK(no.error_message() == "no such order");
  CHECK(no.error_details().find("ORDER_MISSING") != std::string::npos);
  // Our own client reads them, too.
  ScriptedServer server;
  server.answer("InvokeService", Reply::failed(no));
  const auto seen = server.client().blocking().app("shop").get<Bytes>("no").error();
  CHECK(seen.reason == "ORDER_MISSING");
  CHECK(seen.domain == "shop");
  CHECK(seen.metadata.at("id") == "o1");
  CHECK(caller.invoke("throws", "").status.error_message() == "the handler threw: not today");
  CHECK(caller.invoke("odd", "").status.error_code() == grpc::StatusCode::INTERNAL);
  CHECK(caller.invoke("header", "").status.error_code() == grpc::StatusCode::INTERNAL);
  const auto malformed = caller.invoke("order", "{").status;
  CHECK(malformed.error_code() == grpc::StatusCode::INVALID_ARGUMENT);
  CHECK(malformed.error_message().starts_with("method order: the value does not decode"));
}

TEST_CASE("topics are listed with their rules and their dead letter topic", "[service]") {
  Service service(quiet());
  service.topic("bus", "orders", [](Order) {}, {.match = "event.type == 'big'"})
      .topic("bus", "orders", [](Order) {}, {.dead_letter_topic = "dead", .metadata = {{"k", "v"}}})
      .topic("bus", "yaml", [](Order) {}, {.path = "/there", .declared = true})
      .topic_bulk(
          "bus", "many", [](std::vector<BulkMessage<Order>>) {}, {.bulk = BulkOptions{7, {}}}
      );
  REQUIRE(service.start());
  Caller caller(service);
  v1::ListTopicSubscriptionsResponse list;
  REQUIRE(caller.app().ListTopicSubscriptions(caller.context().get(), {}, &list).ok());
  REQUIRE(list.subscriptions_size() == 2);
  const auto& orders = list.subscriptions(0);
  CHECK(orders.pubsub_name() == "bus");
  CHECK(orders.topic() == "orders");
  REQUIRE(orders.routes().rules_size() == 1);
  CHECK(orders.routes().rules(0).match() == "event.type == 'big'");
  CHECK(orders.routes().rules(0).path() == "/orders/1");
  CHECK(orders.routes().default_() == "/orders");
  CHECK(orders.dead_letter_topic() == "dead");
  CHECK(orders.metadata().at("k") == "v");
  CHECK(!orders.has_bulk_subscribe());
  CHECK(list.subscriptions(1).bulk_subscribe().enabled());
  CHECK(list.subscriptions(1).bulk_subscribe().max_messages_count() == 7);
}

TEST_CASE("a message goes to the handler of its path, and has every verdict", "[service]") {
  const auto log = std::make_shared<Log>();
  Service service(quiet(log));
  service.topic("bus", "orders", [](Order) { return Verdict::retry; }, {.match = "event.big"})
      .topic(
          "bus",
          "orders",
          [](Order order, const TopicEvent& event) -> Task<Verdict> {
            co_return order.id == event.id ? Verdict::success : Verdict::drop;
          }
      )
      .topic("bus", "plain", [] {})
      .topic("bus", "fails", []() -> Result<void> { return fail(Code::aborted, "no"); })
      .topic("bus", "lacks", []() -> Result<Verdict> { return fail(Code::unimplemented, "no"); })
      .topic("bus", "yaml", [] { return Verdict::drop; }, {.path = "there", .declared = true});
  REQUIRE(service.start());
  Caller caller(service);
  CHECK(caller.topic("orders", R"({"id":"id","count":1})", "/orders") == 0);
  CHECK(caller.topic("orders", R"({"id":"other","count":1})", "/orders") == 2);
  CHECK(caller.topic("orders", R"({"id":"id","count":1})", "/orders/1") == 1);
  CHECK(caller.topic("plain", "", "/plain") == 0);
  CHECK(caller.topic("fails", "", "/fails") == -grpc::StatusCode::ABORTED);
  CHECK(caller.topic("lacks", "", "/lacks") == -grpc::StatusCode::INTERNAL);
  CHECK(caller.topic("yaml", "", "/there") == 2);
  CHECK(caller.topic("absent", "") == -grpc::StatusCode::NOT_FOUND);
  CHECK(caller.topic("orders", "{", "/orders") == 2);
  CHECK(log->has("topic orders of bus: message id is dropped: the value does not decode"));
}

v1::TopicEventBulkRequest batch(const std::string& topic, const std::vector<std::string>& data) {
  v1::TopicEventBulkRequest request;
  request.set_pubsub_name("bus");
  request.set_topic(topic);
  request.set_path("/" + topic);
  for (const auto& one : data) {
    auto& entry = *request.add_entries();
    entry.set_entry_id(std::to_string(request.entries_size()));
    if (one == "raw") {
      entry.set_bytes(R"({"id":"raw","count":1})");
    } else {
      entry.mutable_cloud_event()->set_data(one);
    }
  }
  return request;
}

std::string verdicts(Caller& caller, const v1::TopicEventBulkRequest& request) {
  v1::TopicEventBulkResponse response;
  const auto status = caller.app().OnBulkTopicEvent(caller.context().get(), request, &response);
  std::string to = status.ok() ? "" : "error " + std::to_string(status.error_code());
  for (const auto& entry : response.statuses())
    to += entry.entry_id() + "=" + std::to_string(entry.status()) + " ";
  return to;
}

TEST_CASE("a batch has a verdict for each message, or one for all", "[service]") {
  Service service(quiet());
  service
      .topic_bulk(
          "bus",
          "each",
          [](std::vector<BulkMessage<Order>> messages) -> Task<std::vector<Verdict>> {
            std::vector<Verdict> to;
            for (const auto& message : messages)
              to.push_back(message.value.count > 1 ? Verdict::success : Verdict::retry);
            co_return to;
          }
      )
      .topic_bulk("bus", "all", [](const BulkTopicEvent&) { return Verdict::drop; })
      .topic_bulk(
          "bus", "short", [](std::vector<BulkMessage<Order>>) { return std::vector<Verdict>(); }
      )
      .topic("bus", "single", [](Order order) -> Result<void> {
        if (order.count == 1) return fail(Code::aborted, "no");
        return {};
      });
  REQUIRE(service.start());
  Caller caller(service);
  const std::string one = R"({"id":"a","count":1})", two = R"({"id":"b","count":2})";
  CHECK(verdicts(caller, batch("each", {one, "{", two, "raw"})) == "1=1 2=2 3=0 4=1 ");
  CHECK(verdicts(caller, batch("each", {"{"})) == "1=2 ");
  CHECK(verdicts(caller, batch("all", {one, two})) == "1=2 2=2 ");
  CHECK(verdicts(caller, batch("short", {one})) == "error 13");
  CHECK(verdicts(caller, batch("single", {one, "{", two})) == "1=1 2=2 3=0 ");
  CHECK(verdicts(caller, batch("absent", {one})) == "error 5");
  v1::TopicEventBulkResponse response;
  const auto request = batch("all", {one});
  REQUIRE(caller.alpha().OnBulkTopicEventAlpha1(caller.context().get(), request, &response).ok());
  CHECK(response.statuses(0).status() == 2);
  // A sidecar that does not know batches brings the messages one by one.
  CHECK(caller.topic("each", two, "/each") == 0);
}

TEST_CASE("bindings are listed, and their events answered", "[service]") {
  Service service(quiet());
  service
      .binding(
          "cron",
          [](const BindingEvent& event) -> Result<void> {
            if (event.metadata.at("k") == "v") return {};
            return fail(Code::internal, "no metadata");
          }
      )
      .binding("forward", [](std::string text) { return BindingReply{{"a", "b"}, text, true}; })
      .binding("fails", []() -> Task<Result<void>> { co_return fail(Code::aborted, "no"); });
  REQUIRE(service.start());
  Caller caller(service);
  v1::ListInputBindingsResponse list;
  REQUIRE(caller.app().ListInputBindings(caller.context().get(), {}, &list).ok());
  CHECK(list.bindings_size() == 3);
  const auto send = [&](const std::string& name, v1::BindingEventResponse& response) {
    v1::BindingEventRequest request;
    request.set_name(name);
    request.set_data("{}");
    (*request.mutable_metadata())["k"] = "v";
    return caller.app().OnBindingEvent(caller.context().get(), request, &response).error_code();
  };
  v1::BindingEventResponse response;
  CHECK(send("cron", response) == grpc::StatusCode::OK);
  CHECK(send("forward", response) == grpc::StatusCode::OK);
  CHECK(response.to_size() == 2);
  CHECK(response.data() == "{}");
  CHECK(response.concurrency() == v1::BindingEventResponse::PARALLEL);
  CHECK(send("fails", response) == grpc::StatusCode::ABORTED);
  CHECK(send("absent", response) == grpc::StatusCode::NOT_FOUND);
}

TEST_CASE("jobs run by both names of the call", "[service]") {
  Service service(quiet());
  service.job("clean", [](Order order) -> Result<void> {
    if (order.id == "a") return {};
    return fail(Code::internal, "no value");
  });
  REQUIRE(service.start());
  Caller caller(service);
  v1::JobEventRequest request;
  request.set_name("clean");
  request.mutable_data()->set_value(R"({"id":"a","count":1})");
  v1::JobEventResponse response;
  CHECK(caller.app().OnJobEvent(caller.context().get(), request, &response).ok());
  CHECK(caller.alpha().OnJobEventAlpha1(caller.context().get(), request, &response).ok());
  request.set_name("absent");
  CHECK(
      caller.app().OnJobEvent(caller.context().get(), request, &response).error_code() ==
      grpc::StatusCode::FAILED_PRECONDITION
  );
}

grpc::StatusCode health(Caller& caller) {
  v1::HealthCheckResponse response;
  return caller.health().HealthCheck(caller.context().get(), {}, &response).error_code();
}

TEST_CASE("a service is well as long as it serves, or as its handler says", "[service]") {
  Service plain(quiet());
  REQUIRE(plain.start());
  Caller to_plain(plain);
  CHECK(health(to_plain) == grpc::StatusCode::OK);
  std::atomic<bool> well = true;
  Service service(quiet());
  service.health([&]() -> Result<void> {
    if (well) return {};
    return fail(Code::unavailable, "the engine is cold");
  });
  REQUIRE(service.start());
  Caller caller(service);
  CHECK(health(caller) == grpc::StatusCode::OK);
  well = false;
  CHECK(health(caller) == grpc::StatusCode::UNAVAILABLE);
}

TEST_CASE("the token is asked for with calls, not with lists and health", "[service]") {
  auto options = quiet();
  options.app_token = "secret";
  Service service(std::move(options));
  service.method("m", [](const MethodCall& call) {
    return std::string(call.metadata.count("dapr-api-token") != 0 ? "seen" : "hidden");
  });
  service.topic("bus", "t", [] {});
  REQUIRE(service.start());
  Caller stranger(service), liar(service, {{"dapr-api-token", "secreT"}});
  Caller sidecar(service, {{"dapr-api-token", "secret"}});
  CHECK(stranger.invoke("m", "").status.error_code() == grpc::StatusCode::UNAUTHENTICATED);
  CHECK(liar.invoke("m", "").status.error_code() == grpc::StatusCode::UNAUTHENTICATED);
  CHECK(liar.topic("t", "", "/t") == -grpc::StatusCode::UNAUTHENTICATED);
  CHECK(sidecar.invoke("m", "").data == "hidden");
  CHECK(sidecar.topic("t", "", "/t") == 0);
  v1::ListTopicSubscriptionsResponse list;
  CHECK(stranger.app().ListTopicSubscriptions(stranger.context().get(), {}, &list).ok());
  CHECK(health(stranger) == grpc::StatusCode::OK);
}

TEST_CASE("a request that is no message is an error, not a method that is absent", "[service]") {
  Service service(quiet());
  service.topic("bus", "t", [] {});
  REQUIRE(service.start());
  Caller caller(service);
  grpc::GenericStub stub(caller.channel());
  const grpc::Slice bytes("\xff\xff");
  const grpc::ByteBuffer request(&bytes, 1);
  grpc::ByteBuffer response;
  grpc::Status status;
  Gate done;
  const auto context = caller.context();
  stub.UnaryCall(
      context.get(),
      "/dapr.proto.runtime.v1.AppCallback/OnTopicEvent",
      {},
      &request,
      &response,
      [&](grpc::Status got) {
        status = std::move(got);
        done.open();
      }
  );
  REQUIRE(done.wait());
  CHECK(status.error_code() == grpc::StatusCode::INTERNAL);
}

TEST_CASE("calls that a handler makes belong to the trace of its request", "[service]") {
  ScriptedServer server;
  v1::GetStateResponse answer;
  server.answer("GetState", Reply::with(answer));
  const auto client = server.client();
  Service service(quiet());
  service.method("task", [client]() -> Task<Result<void>> {
    auto got = co_await client.state("s").get<std::string>("k");
    if (!got) co_return std::move(got).error();
    co_return Result<void>();
  });
  service.method("plain", [client]() -> Result<void> {
    auto got = client.blocking().state("s").get<std::string>("k");
    if (!got) return std::move(got).error();
    return {};
  });
  service.topic("bus", "t", [client] { (void)client.blocking().state("s").get<Bytes>("k"); });
  REQUIRE(service.start());
  Caller caller(service, {{"traceparent", "00-abc"}, {"tracestate", "x=y"}, {"baggage", "b=1"}});
  for (const char* method : {"task", "plain"}) {
    REQUIRE(caller.invoke(method, "").status.ok());
    CHECK(server.seen("GetState").field("traceparent") == "00-abc");
    CHECK(server.seen("GetState").field("tracestate") == "x=y");
    CHECK(server.seen("GetState").field("baggage") == "b=1");
  }
  CHECK(caller.topic("t", "", "/t") == 0);
  CHECK(server.seen("GetState").field("traceparent") == "00-abc");
  Caller bare(service);
  CHECK(bare.topic("t", "", "/t") == 0);
  CHECK(server.seen("GetState").field("traceparent") == "00-envelope");
  // Outside of a handler there is none.
  (void)client.blocking().state("s").get<Bytes>("k");
  CHECK(server.seen("GetState").field("traceparent").empty());
}

TEST_CASE("what contradicts itself does not start", "[service]") {
  Service service(quiet());
  service.method("m", [] {}).method("m", [] {});
  service.topic("bus", "t", [] {}).topic("bus", "t", [] {});
  service.topic("bus", "u", [] {}, {.dead_letter_topic = "a"});
  service.topic("bus", "u", [] {}, {.match = "true", .dead_letter_topic = "b"});
  service.binding("b", [] {}).binding("b", [] {}).job("j", [] {}).job("j", [] {});
  service.health([] {}).health([] {});
  const auto error = service.start().error();
  CHECK(error.code == Code::invalid_argument);
  for (const char* part :
       {"method m has", "topic t of bus has", "topic u of bus: its", "binding b", "job j", "health"
       })
    CHECK_THAT(error.message, Catch::Contains(part));
}

TEST_CASE("a port in use, or none, is a clear error", "[service]") {
  Service first(quiet());
  first.method("m", [] {});
  REQUIRE(first.start());
  CHECK(first.start().error().code == Code::failed_precondition);
  auto options = quiet();
  options.port = first.port();
  Service second(options);
  const auto error = second.start().error();
  CHECK(error.code == Code::unavailable);
  CHECK(
      error.message ==
      "cannot listen on 127.0.0.1:" + std::to_string(first.port()) + ": Address already in use"
  );
  options.port.reset();
  Service third(options), empty(options);
  third.method("m", [] {});
  CHECK(third.start().error().code == Code::failed_precondition);
  CHECK(empty.start().error().message == "the service has no handler");
}

TEST_CASE("a certificate that is none is a clear error", "[service]") {
  auto options = quiet();
  options.tls = ServerTls{"no certificate", "no key"};
  Service service(options);
  service.method("m", [] {});
  CHECK(service.start().error().code == Code::invalid_argument);
  options.tls = ServerTls{"", "key"};
  Service without(options);
  without.method("m", [] {});
  CHECK(without.start().error().message == "TLS needs both a certificate and its key");
}

}  // namespace
}  // namespace mecha::test
