// The gRPC API: bytes to messages to requests of capabilities, and what the components answer. The first byte chooses the method,
// the rest is the body of the call, frame by frame. Whatever comes, the call ends with an answer or one error.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "api/grpc/bindings.hpp"
#include "api/grpc/configuration.hpp"
#include "api/grpc/lock.hpp"
#include "api/grpc/metadata.hpp"
#include "api/grpc/publish.hpp"
#include "api/grpc/secrets.hpp"
#include "api/grpc/state.hpp"
#include "components/catalog.hpp"
#include "runtime/app/application.hpp"
#include "runtime/base/check.hpp"
#include "runtime/capabilities/bindings/output.hpp"
#include "runtime/capabilities/configuration/configuration.hpp"
#include "runtime/capabilities/lock/lock.hpp"
#include "runtime/capabilities/pubsub/publisher.hpp"
#include "runtime/capabilities/secrets/secrets.hpp"
#include "runtime/capabilities/state/state.hpp"
#include "runtime/net/grpc.hpp"
#include "runtime/resilience/policies.hpp"
#include "runtime/telemetry/metrics.hpp"
#include "runtime/telemetry/tracer.hpp"
#include "tests/fakes/exchange.hpp"
#include "tests/run.hpp"

namespace mecha::state {
void register_in_memory(Catalog& catalog);
}

using namespace mecha;

namespace {

constexpr std::size_t kMessageMax = 64 << 10;

struct Sink final : pubsub::PubSub {
  Async<void> publish(pubsub::PublishRequest request) override {
    if (request.topic == "full") co_return fail(Code::unavailable, "full");
    co_return Result<void>{};
  }
  Async<std::unique_ptr<pubsub::Subscription>> subscribe(pubsub::SubscribeRequest, pubsub::Handler) override {
    co_return fail(Code::unavailable, "nothing to hear");
  }
};

struct Locks final : lock::LockStore {
  Async<bool> try_lock(lock::TryLockRequest request) override {
    MECHA_CHECK(request.expiry_seconds >= 1 && !request.owner.empty());
    co_return request.owner == "me";
  }
  Async<lock::UnlockStatus> unlock(lock::UnlockRequest) override { co_return lock::UnlockStatus::success; }
};

struct Secrets final : secrets::SecretStore {
  Async<std::optional<secrets::SecretMap>> get(std::string name, Metadata) override {
    co_return secrets::SecretMap{{name, "value"}};
  }
  Async<secrets::SecretMaps> bulk_get(Metadata) override { co_return secrets::SecretMaps{{"a", {{"a", "1"}}}}; }
};

struct Items final : configuration::ConfigurationStore {
  Async<configuration::Items> get(configuration::StoreRequest request) override {
    configuration::Items items;
    for (const auto& key : request.keys) items[key] = {.value = "v", .version = "1", .metadata = request.metadata};
    co_return items;
  }
  Async<std::unique_ptr<configuration::Subscription>> subscribe(configuration::StoreRequest, configuration::Handler) override {
    co_return fail(Code::unavailable, "nothing to hear");
  }
};

struct Echo final : bindings::OutputBinding {
  std::vector<std::string> operations() const override { return {"create", "get"}; }
  asio::awaitable<bindings::InvokeOutcome> invoke(bindings::InvokeRequest request) override {
    co_return bindings::answer(std::move(request.data), std::move(request.metadata));
  }
};

// The daemon's table without a network; each component is named "c".
class World {
 public:
  World() : app_(shards_, {.id = "app", .body_bytes_max = kMessageMax}, {}, metrics()), configurations_(app_) {
    app_.tracer = std::make_unique<trace::Tracer>(trace::TracerOptions{}, Log(), shards_, std::vector<std::unique_ptr<trace::Exporter>>());
    snapshot_ = std::make_shared<Snapshot>();
    snapshot_->resiliency = std::make_shared<resilience::Policies>();
    Catalog catalog;
    state::register_in_memory(catalog);
    const ComponentSpec spec{.name = "c", .type = "state.in-memory"};
    const ComponentContext context{
        .shards = shards_, .name = "c", .type = spec.type, .app_id = "app", .name_space = {}, .log = {}};
    add(snapshot_->state_stores, std::dynamic_pointer_cast<state::StateStore>(catalog.make(spec, context).value()));
    add(snapshot_->pubsubs, std::make_shared<Sink>());
    add(snapshot_->locks, std::make_shared<Locks>());
    add(snapshot_->secret_stores, std::make_shared<Secrets>());
    add(snapshot_->configurations, std::make_shared<Items>());
    add(snapshot_->output_bindings, std::make_shared<Echo>());
    for (auto& table : {
             api::state_methods(state_), api::publish_methods(publisher_), api::lock_methods(locks_),
             api::secrets_methods(secrets_), api::configuration_methods(configurations_), api::bindings_methods(outputs_),
             api::metadata_methods(app_)}) {
      methods_.insert(methods_.end(), table.begin(), table.end());
    }
  }
  ~World() {
    testing::run(shards_.context(0), snapshot_->state_stores.at("c").instance->stop());
    testing::run(shards_.context(0), app_.tracer->stop(std::chrono::seconds(1)));
  }

  void call(std::uint8_t which, std::string body) {
    const auto& method = methods_[which % methods_.size()];
    testing::FakeExchange exchange({.method = "POST", .target = method.path}, std::move(body));
    net::grpc::ServerCall call(exchange, kMessageMax);
    RequestScope scope(app_, snapshot_, Face::grpc);
    trace::Span span;
    api::GrpcRequest request{scope, call, exchange, span};
    const auto done = testing::run(shards_.context(0), method.handler(request), std::chrono::seconds(8));
    if (!done) {
      MECHA_CHECK(done.error().code != Code::ok);
      return;
    }
    net::grpc::Deframer answer(kMessageMax * 2);
    MECHA_CHECK(answer.feed(exchange.answer_body).has_value());
  }

 private:
  static std::unique_ptr<Metrics> metrics() { return std::make_unique<Metrics>(MetricsOptions{.app_id = "app"}); }

  template <class C, class I>
  static void add(Snapshot::Named<C>& named, std::shared_ptr<I> instance) {
    auto& loaded = named["c"];
    loaded.spec = std::make_shared<ComponentSpec>(ComponentSpec{.name = "c"});
    loaded.instance = std::move(instance);
    loaded.state = ComponentState::ready;
  }

  Shards shards_{1};
  Application app_;
  std::shared_ptr<Snapshot> snapshot_;
  state::StateCapability state_;
  pubsub::Publisher publisher_;
  lock::LockCapability locks_;
  secrets::SecretsCapability secrets_;
  configuration::ConfigurationCapability configurations_;
  bindings::OutputBindings outputs_;
  std::vector<api::GrpcMethod> methods_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static std::unique_ptr<World> world;
  static int calls = 0;
  if (size == 0) return 0;
  if (calls++ % 2000 == 0) world = std::make_unique<World>();  // what was stored goes
  const std::string_view message(reinterpret_cast<const char*>(data) + 1, size - 1);
  world->call(data[0], net::grpc::frame(message));
  return 0;
}
