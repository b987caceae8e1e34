// Nothing that comes from outside ends the program: what gRPC cannot send is refused or dropped.

#include <cstdlib>
#include <string>

#include "catch.hpp"
#include "dapr/proto/runtime/v1/dapr.pb.h"
#include "mecha/grpc.h"
#include "mecha/service.h"
#include "src/sendable.h"
#include "tests/caller.h"
#include "tests/scripted.h"

namespace mecha::test {
namespace {

const std::string parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const std::string name = "J\xc3\xbcrgen";

void answer_nothing(ScriptedServer& server) {
  server.answer("GetState", Reply::with(dapr::proto::runtime::v1::GetStateResponse()));
}

Result<std::optional<std::string>> get_with(const Client& client, const Metadata& metadata) {
  CallOptions options;
  options.metadata = metadata;
  return client.blocking().state("o").get<std::string>("k", {}, options);
}

TEST_CASE("metadata that cannot be sent is refused with its key", "[sendable]") {
  ScriptedServer server;
  answer_nothing(server);
  const auto client = server.client();
  for (const char* key : {"", "bad key", ":path", "grpc-timeout", "te", "User-Agent", "x\n", "\xc3\xbc"}) {
    const auto got = get_with(client, {{key, "v"}});
    REQUIRE(!got.has_value());
    CHECK(got.error().code == Code::invalid_argument);
    CHECK(got.error().message.starts_with("the metadata key \""));
  }
  for (const auto& value : {std::string("a\nb"), name, std::string("a\0b", 3), std::string("\x7f")}) {
    const auto got = get_with(client, {{"x-name", value}});
    REQUIRE(!got.has_value());
    CHECK(got.error().code == Code::invalid_argument);
    CHECK(got.error().message.find("\"x-name\"") != std::string::npos);
  }
  CHECK(get_with(client, {{"x-a", "1"}, {"X-A", "2"}}).error().code == Code::invalid_argument);
  CHECK(server.calls("GetState") == 0);
}

TEST_CASE("metadata keys go in lower case, binary ones with any bytes", "[sendable]") {
  ScriptedServer server;
  answer_nothing(server);
  REQUIRE(get_with(server.client(), {{"X-Upper", "Value"}, {"x-b-bin", "\xff\n"}}).has_value());
  CHECK(server.seen("GetState").field("x-upper") == "Value");
  CHECK(server.seen("GetState").field("x-b-bin") == "\xff\n");
}

TEST_CASE("a stream with such metadata fails as a call does", "[sendable]") {
  ScriptedServer server;
  const auto client = server.client();
  CallOptions options;
  options.metadata["bad key"] = "v";
  auto topic = client.api()->subscribe({"bus", "t"}, options);
  const auto event = sync_wait(topic->next());
  REQUIRE(!event.has_value());
  CHECK(event.error().code == Code::invalid_argument);
  const auto encrypted = client.blocking().crypto("c").encrypt("x", {"k", "A256KW"}, options);
  REQUIRE(!encrypted.has_value());
  CHECK(encrypted.error().code == Code::invalid_argument);
  auto watch = client.blocking().configuration("c").watch({}, {}, options);
  CHECK(watch.next().error().code == Code::invalid_argument);
  CHECK(server.calls("SubscribeTopicEventsAlpha1") == 0);
}

TEST_CASE("text that is not UTF-8 is refused before it is sent", "[sendable]") {
  ScriptedServer server;
  answer_nothing(server);
  const auto client = server.client().blocking();
  for (const char* text : {"\xff", "\xc3", "\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe0\x80\x80"}) {
    CHECK(client.state("o").get<std::string>(text).error().code == Code::invalid_argument);
    CHECK(client.state("o").get<std::string>("k", {{}, {{"m", text}}}).error().code == Code::invalid_argument);
  }
  CHECK(server.calls("GetState") == 0);
  for (const char* text : {"", "key", "\xc3\xbc", "\xe2\x82\xac", "\xf0\x9f\x98\x80"})
    CHECK(client.state("o").get<std::string>(text).has_value());
  auto topic = client.api()->subscribe({"bus", "\xff"}, {});
  CHECK(sync_wait(topic->next()).error().code == Code::invalid_argument);
  auto watch = client.configuration("\xff").watch();
  CHECK(watch.next().error().code == Code::invalid_argument);
}

TEST_CASE("a trace that cannot be sent is left out of the call", "[sendable]") {
  ScriptedServer server;
  answer_nothing(server);
  const auto client = server.client().blocking();
  const auto sent = [&](TraceContext trace) {
    CallOptions options;
    options.trace = std::make_shared<const TraceContext>(std::move(trace));
    REQUIRE(client.state("o").get<std::string>("k", {}, options).has_value());
    return server.seen("GetState");
  };
  auto seen = sent({parent, "a=" + name, "user=" + name});
  CHECK(seen.field("traceparent") == parent);
  CHECK(seen.metadata.count("tracestate") + seen.metadata.count("baggage") == 0);
  seen = sent({"00\n", "a=1", std::string(8193, 'x')});
  CHECK(seen.metadata.count("traceparent") + seen.metadata.count("tracestate") == 0);
  CHECK(seen.metadata.count("baggage") == 0);
}

TEST_CASE("what a message or a caller says of its trace does not end the application", "[sendable]") {
  ScriptedServer server;
  answer_nothing(server);
  Service service(quiet());
  const auto client = server.client();
  service.method("m", [client] { (void)client.blocking().state("o").get<Bytes>("k"); });
  service.topic("bus", "t", [client](const TopicEvent&) {
    (void)client.blocking().state("o").get<Bytes>("k");
  });
  service.binding("b", [client] { (void)client.blocking().state("o").get<Bytes>("k"); });
  auto callbacks = service.callbacks();
  MethodCall call{"m"};
  call.metadata = {{"traceparent", parent}, {"tracestate", name}};
  CHECK(sync_wait(callbacks->on_invoke(call)).has_value());
  TopicEvent event;
  event.pubsub = "bus";
  event.topic = "t";
  event.metadata = {{"baggage", name}};
  CHECK(sync_wait(callbacks->on_topic(event)).has_value());
  CHECK(sync_wait(callbacks->on_binding({"b", "", {{"baggage", name}, {"traceparent", "\n"}}})).has_value());
  CHECK(server.calls("GetState") == 3);
  CHECK(server.seen("GetState").metadata.count("baggage") == 0);
}

TEST_CASE("headers of an answer go in lower case, or make it an error that names them", "[sendable]") {
  Service service(quiet());
  service.method("good", [] { return MethodReply{"", "", {{"X-Upper", "v"}}}; });
  service.method("bad", [] { return MethodReply{"", "", {{"x-name", name}}}; });
  REQUIRE(service.start());
  Caller caller(service);
  CHECK(caller.invoke("good", "").headers["x-upper"] == "v");
  const auto status = caller.invoke("bad", "").status;
  CHECK(status.error_code() == grpc::StatusCode::INTERNAL);
  CHECK(status.error_message().find("\"x-name\"") != std::string::npos);
}

TEST_CASE("a token that no header can carry is refused when connecting", "[sendable]") {
  for (const auto& token : {std::string("abc\n"), name, std::string("a\0b", 3)}) {
    ClientOptions options;
    options.api_token = token;
    const auto client = Client::connect(options);
    REQUIRE(!client.has_value());
    CHECK(client.error().code == Code::invalid_argument);
    CHECK(client.error().message.find("api_token") != std::string::npos);
    CHECK(client.error().message.find(token) == std::string::npos);
    CHECK(proxy_channel("app", options).error().code == Code::invalid_argument);
  }
  CHECK(proxy_channel(name).error().code == Code::invalid_argument);
}

TEST_CASE("the token of a variable may end with a line break, and no more", "[sendable]") {
  CHECK(*wire::token_of("abc\n", "V", true) == "abc");
  CHECK(*wire::token_of("abc\r\n", "V", true) == "abc");
  CHECK(wire::token_of("abc\n\n", "V", true).error().code == Code::invalid_argument);
  CHECK(wire::token_of("a\nb", "V", true).error().message.starts_with("V "));
}

}  // namespace
}  // namespace mecha::test
