// Changes of state that cannot be misread, and what is sent of them.

#include "catch.hpp"
#include "dapr/proto/runtime/v1/dapr.pb.h"
#include "tests/scripted.h"

namespace mecha::test {
namespace {

namespace v1 = dapr::proto::runtime::v1;
namespace common = dapr::proto::common::v1;

template <class Store, class Change>
concept Saves = requires(const Store& store, std::vector<Change> changes) {
  store.save_bulk(std::move(changes));
};
template <class Store, class Change>
concept Removes = requires(const Store& store, std::vector<Change> changes) {
  store.remove_bulk(std::move(changes));
};
static_assert(Saves<StateStore, Upsert> && !Saves<StateStore, Erasure>);
static_assert(!Saves<StateStore, StateChange> && !Removes<StateStore, StateChange>);
static_assert(Removes<StateStore, Erasure> && !Removes<StateStore, Upsert>);

WriteOptions if_absent() {
  WriteOptions options;
  options.etag = "";
  return options;
}

TEST_CASE("an empty etag is sent as a first write without etag", "[changes]") {
  ScriptedServer server;
  server.answer("SaveState", Reply::with(google::protobuf::Empty()));
  const auto store = server.client().blocking().state("o");
  REQUIRE(store.save("k", "v", if_absent()).has_value());
  v1::SaveStateRequest sent;
  REQUIRE(sent.ParseFromString(server.seen("SaveState").messages.at(0)));
  CHECK(!sent.states(0).has_etag());
  CHECK(sent.states(0).options().concurrency() == common::StateOptions::CONCURRENCY_FIRST_WRITE);
  auto last = if_absent();
  last.concurrency = Concurrency::last_write;
  REQUIRE(store.save("k", "v", last).has_value());
  REQUIRE(sent.ParseFromString(server.seen("SaveState").messages.at(0)));
  CHECK(sent.states(0).options().concurrency() == common::StateOptions::CONCURRENCY_LAST_WRITE);
}

TEST_CASE("whatever a store calls it, a write that came too late is aborted", "[changes]") {
  for (const char* text :
       {"failed saving state in state store o: no item was updated",
        "failed saving state in state store o: failed to set key app||k: ERR user_script:14: failed to set key app||k script: 1, on @user_script:14.",
        "error while executing state transaction: possible etag mismatch. error from state store: x"}) {
    ScriptedServer server;
    server.answer("SaveState", Reply::failed({grpc::StatusCode::INTERNAL, text}));
    server.answer("ExecuteStateTransaction", Reply::failed({grpc::StatusCode::INTERNAL, text}));
    const auto store = server.client().blocking().state("o");
    CHECK(store.save("k", "v", if_absent()).error().code == Code::aborted);
    CHECK(store.transact({upsert("k", "v", if_absent())}).error().code == Code::aborted);
  }
  ScriptedServer server;
  const char* other = "failed saving state in state store o: failed to set key app||k: EOF";
  server.answer("SaveState", Reply::failed({grpc::StatusCode::INTERNAL, other}));
  CHECK(server.client().blocking().state("o").save("k", "v").error().code == Code::internal);
}

TEST_CASE("TLS settings that are paths are refused by their names", "[changes]") {
  ClientOptions options;
  options.endpoint = "127.0.0.1:1";
  options.tls = TlsOptions{};
  options.tls->roots = "/etc/ssl/certs/ca.crt";
  auto client = Client::connect(options);
  REQUIRE(!client);
  CHECK(client.error().code == Code::invalid_argument);
  CHECK(client.error().message.find("TlsOptions::roots") == 0);
  CHECK(client.error().message.find("/etc/ssl/certs/ca.crt") != std::string::npos);
  options.tls->roots.clear();
  options.tls->certificate = options.tls->key = "secret words";
  client = Client::connect(options);
  REQUIRE(!client);
  CHECK(client.error().message.find("secret words") == std::string::npos);
}

TEST_CASE("of two reads at once the second is told so before the stream is open", "[changes]") {
  ScriptedServer server;
  server.on("SubscribeTopicEventsAlpha1", [](const std::string*, std::size_t) { return Reply::silence(); });
  auto stream = server.client().api()->subscribe({"bus", "t"}, {});
  std::optional<Result<std::optional<TopicEvent>>> first;
  detail::Latch ended;
  then_call(stream->next(), [&](Result<std::optional<TopicEvent>> event) {
    first = std::move(event);
    ended.open();
  });
  const auto second = sync_wait(stream->next());
  REQUIRE(!second);
  CHECK(second.error().code == Code::failed_precondition);
  CHECK(second.error().message == "a read of this stream is under way");
  stream->cancel();
  ended.wait();
  CHECK(first->error().code == Code::cancelled);
}

}  // namespace
}  // namespace mecha::test
