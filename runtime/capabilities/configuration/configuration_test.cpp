// The configuration capability over a store of its own: lookup, errors, the table of subscriptions, pushes and streams.

#include "runtime/capabilities/configuration/configuration.hpp"

#include "runtime/app/invoke_codec.hpp"
#include "runtime/capabilities/configuration/push.hpp"
#include "runtime/resilience/policies.hpp"
#include "tests/catch.hpp"
#include "tests/fakes/app_channel.hpp"
#include "tests/run.hpp"

using namespace mecha;
using namespace mecha::configuration;

namespace {

class FakeStore final : public ConfigurationStore {
 public:
  struct Ears final : Subscription {
    explicit Ears(int& open) : open_(open) { ++open_; }
    asio::awaitable<void> stop() override {
      --open_;
      co_return;
    }
    int& open_;
  };
  Async<Items> get(StoreRequest request) override {
    if (broken) co_return fail(Code::unavailable, "boom");
    seen = std::move(request);
    co_return Items{{"a", {.value = "v"}}};
  }
  Async<std::unique_ptr<Subscription>> subscribe(StoreRequest request, Handler given) override {
    if (broken) co_return fail(Code::unavailable, "boom");
    seen = std::move(request);
    handler = std::move(given);
    co_return std::make_unique<Ears>(open);
  }
  StoreRequest seen;
  Handler handler;
  int open = 0;
  bool broken = false;
};

struct Setup {
  Setup() {
    snapshot->resiliency = std::make_shared<resilience::Policies>();
    application.publish(snapshot);
    auto made = std::make_unique<mecha::testing::FakeChannel>(shards);
    channel = made.get();
    application.channel = std::move(made);
  }
  ~Setup() { testing::run(shards.context(0), capability.stop()); }
  void add(const std::string& name, std::shared_ptr<ConfigurationStore> instance) {
    snapshot->configurations[name] = {.spec = std::make_shared<ComponentSpec>(ComponentSpec{.name = name}), .instance = std::move(instance)};
  }
  template <class T>
  auto run(asio::awaitable<T> work) {
    return testing::run(shards.context(0), std::move(work));
  }
  auto get(ItemsRequest request) {
    RequestScope scope(application, snapshot, Face::http);
    return run(capability.get(scope, std::move(request)));
  }
  auto subscribe(ItemsRequest request) {
    RequestScope scope(application, snapshot, Face::http);
    return run(capability.subscribe(scope, std::move(request)));
  }
  auto open(ItemsRequest request) {
    RequestScope scope(application, snapshot, Face::grpc);
    return run(capability.open(scope, std::move(request)));
  }
  auto unsubscribe(std::string name, std::string id) {
    RequestScope scope(application, snapshot, Face::http);
    return run(capability.unsubscribe(scope, std::move(name), std::move(id)));
  }

  std::vector<std::string> lines;
  Shards shards{1};
  Application application{shards, {.id = "app"}, Log(make_memory_sink(lines), "test"), nullptr};
  std::shared_ptr<Snapshot> snapshot = std::make_shared<Snapshot>();
  mecha::testing::FakeChannel* channel = nullptr;
  std::shared_ptr<FakeStore> store = std::make_shared<FakeStore>();
  ConfigurationCapability capability{application};
};

template <class T>
std::string told(const Result<T>& result) {
  REQUIRE(!result);
  return std::to_string(result.error().status()) + " " + std::string(result.error().tag) + " " + result.error().message;
}

}  // namespace

TEST_CASE("configuration stores are looked up and their failures told", "[configuration]") {
  Setup setup;
  CHECK(told(setup.get({"s"})) == "500 ERR_CONFIGURATION_STORE_NOT_CONFIGURED configuration stores not configured");
  setup.add("s", setup.store);
  CHECK(told(setup.get({"S"})) == "400 ERR_CONFIGURATION_STORE_NOT_FOUND configuration store S not found");
  CHECK(setup.get({"s", {"a", "b"}, {{"m", "1"}}})->at("a").value == "v");
  CHECK(setup.store->seen.keys == std::vector<std::string>{"a", "b"});
  CHECK(setup.store->seen.metadata == Metadata{{"m", "1"}});
  setup.store->broken = true;
  CHECK(told(setup.get({"s", {"a", "b"}})) == "500 ERR_CONFIGURATION_GET failed to get [a b] from Configuration store s: boom");
  const auto refused = setup.subscribe({"s", {"a"}});
  CHECK(told(refused) == "500 ERR_CONFIGURATION_SUBSCRIBE failed to subscribe [a] from Configuration store s: boom");
  CHECK(refused.error().code == Code::invalid_argument);
  setup.application.channel.reset();
  CHECK(told(setup.subscribe({"n"})).starts_with("400 ERR_CONFIGURATION_STORE_NOT_FOUND"));
  CHECK(told(setup.subscribe({"s"})).starts_with("500 ERR_APP_CHANNEL_NIL app channel is not initialized."));
}

TEST_CASE("a change is posted once for each of its keys, as a whole", "[configuration]") {
  Setup setup;
  setup.add("s", setup.store);
  const auto id = setup.subscribe({"s"}).value();
  setup.run(setup.store->handler({{"a/b", {.value = "<", .version = "1"}}, {"two words", {.metadata = {{"m", "x"}}}}}));
  REQUIRE(setup.channel->requests.size() == 2);
  const auto& first = setup.channel->requests[0].request;
  CHECK(first.target == "/configuration/s/a/b");
  CHECK(first.method == "POST");
  CHECK(first.headers.value_or("content-type") == "application/json");
  const auto body = "{\"id\":\"" + id + "\",\"items\":{\"a/b\":{\"value\":\"\\u003c\",\"version\":\"1\"},\"two words\":{\"metadata\":{\"m\":\"x\"}}}}\n";
  CHECK(first.body == body);
  CHECK(setup.channel->requests[1].request.target == "/configuration/s/two%20words");
  CHECK(setup.channel->requests[1].request.body == body);
  CHECK(setup.lines.empty());
  setup.channel->on_request = [](const AppRequest&) -> Result<AppAnswer> { return AppAnswer{.status = 204}; };
  setup.run(setup.store->handler({{"a", {}}}));
  REQUIRE(setup.lines.size() == 1);
  CHECK_THAT(
      setup.lines.front(),
      Catch::Contains("error sending configuration item to the app: error sending configuration item to application, status 204")
  );
}

TEST_CASE("a change is told to a gRPC application by OnInvoke", "[configuration]") {
  Setup setup;
  setup.add("s", setup.store);
  auto made = std::make_unique<mecha::testing::FakeChannel>(setup.shards, AppProtocol::grpc);
  auto& channel = *made;
  setup.application.channel = std::move(made);
  const auto id = setup.subscribe({"s"}).value();
  setup.run(setup.store->handler({{"a", {.value = "v"}}}));
  REQUIRE(channel.calls.size() == 1);
  CHECK(channel.calls[0].method == "/dapr.proto.runtime.v1.AppCallback/OnInvoke");
  InvokeRequest told;
  CHECK(decode_invoke_request(channel.calls[0].message, told).value() == "{\"id\":\"" + id + "\",\"items\":{\"a\":{\"value\":\"v\"}}}\n");
  CHECK(told.method == "configuration/s/a");
  CHECK(told.verb == "POST");
  CHECK(told.content_type == "application/json");
  CHECK(setup.lines.empty());
  channel.on_call = [](const auto&) -> Result<net::grpc::Unary> {
    return net::grpc::Unary{.status = {.code = Code::unimplemented, .message = "no"}};
  };
  setup.run(setup.store->handler({{"a", {}}}));
  REQUIRE(setup.lines.size() == 1);
  CHECK_THAT(setup.lines.front(), Catch::Contains("error sending configuration item to application, status 12"));
}

TEST_CASE("a subscription ends once, by its store and its id", "[configuration]") {
  Setup setup;
  setup.add("s", setup.store);
  setup.add("t", setup.store);
  const auto id = setup.subscribe({"s"}).value();
  CHECK(setup.store->open == 1);
  CHECK(told(setup.unsubscribe("t", id)) == "500  failed to unsubscribe to configuration request " + id + ": subscription with id " + id + " does not exist");
  CHECK_FALSE(setup.run(setup.capability.close(id)));
  CHECK(setup.unsubscribe("s", id).has_value());
  CHECK(setup.store->open == 0);
  CHECK(!setup.unsubscribe("s", id));
}

TEST_CASE("a stream hears changes, and is held back beyond its bound", "[configuration]") {
  Setup setup;
  setup.add("s", setup.store);
  const auto updates = setup.open({"s", {"b", "a"}}).value();
  CHECK(setup.store->seen.keys == std::vector<std::string>{"a", "b"});
  for (std::size_t i = 0; i < kUpdatesMax; ++i) setup.run(setup.store->handler({{"a", {.value = std::to_string(i)}}}));
  bool put = false;
  asio::co_spawn(setup.shards.context(0), setup.store->handler({{"a", {.value = "last"}}}), [&put](std::exception_ptr) { put = true; });
  setup.shards.context(0).restart();
  setup.shards.context(0).poll();
  CHECK_FALSE(put);
  CHECK(updates->waiting() == kUpdatesMax);
  CHECK(setup.run(updates->next())->at("a").value == "0");
  setup.shards.context(0).restart();
  setup.shards.context(0).poll();
  CHECK(put);
  CHECK(setup.capability.subscriptions() == 1);
  CHECK(setup.run(setup.capability.close(updates->id())));
  CHECK_FALSE(setup.run(updates->next()).has_value());
  CHECK(setup.capability.subscriptions() == 0);
  CHECK(setup.store->open == 0);
}

TEST_CASE("subscriptions end with their store and with the application", "[configuration]") {
  Setup setup;
  auto other = std::make_shared<FakeStore>();
  setup.add("s", setup.store);
  setup.add("t", other);
  REQUIRE(setup.subscribe({"s"}));
  const auto stream = setup.open({"t"}).value();
  setup.run(setup.capability.release(setup.store));
  CHECK(setup.store->open == 0);
  CHECK(setup.capability.subscriptions() == 1);
  setup.run(setup.capability.stop());
  CHECK(other->open == 0);
  CHECK_FALSE(setup.run(stream->next()).has_value());
  CHECK(told(setup.subscribe({"s"})) == "500 ERR_CONFIGURATION_SUBSCRIBE failed to subscribe [] from Configuration store s: the runtime is stopping");
  CHECK(setup.store->open == 0);
}
