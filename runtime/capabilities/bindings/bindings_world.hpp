// For the tests of this folder: an application on one shard with a fake channel, and bindings that
// do as they are told.

#pragma once

#include <memory>
#include <string>
#include <utility>

#include <boost/asio/post.hpp>

#include "runtime/app/application.hpp"
#include "runtime/capabilities/bindings/input.hpp"
#include "runtime/capabilities/bindings/output.hpp"
#include "runtime/resilience/policies.hpp"
#include "runtime/telemetry/tracer.hpp"
#include "tests/catch.hpp"
#include "tests/fakes/app_channel.hpp"
#include "tests/run.hpp"

namespace mecha::bindings::testing {

struct FakeOutput final : OutputBinding {
  std::vector<std::string> operations() const override { return {"create", "get"}; }
  asio::awaitable<InvokeOutcome> invoke(InvokeRequest request) override {
    seen.push_back(std::move(request));
    most_at_once = std::max(most_at_once, ++at_once);
    co_await asio::post(co_await asio::this_coro::executor, asio::use_awaitable);
    --at_once;
    if (outcomes.empty()) co_return no_answer();
    auto outcome = outcomes.front();
    if (outcomes.size() > 1) outcomes.erase(outcomes.begin());
    co_return outcome;
  }
  std::vector<InvokeOutcome> outcomes;
  std::vector<InvokeRequest> seen;
  int at_once = 0, most_at_once = 0;
};

struct FakeInput final : InputBinding {
  Async<void> read(EventHandler given) override {
    if (refuse) co_return fail(Code::unavailable, "no server");
    handler = std::move(given);
    ++reads;
    co_return Result<void>{};
  }
  asio::awaitable<void> stop_reading(std::chrono::steady_clock::duration) override {
    handler = nullptr;
    co_return;
  }
  EventHandler handler;
  int reads = 0;
  bool refuse = false;
};

struct World {
  explicit World(AppProtocol protocol = AppProtocol::http, std::string sampling = {}) {
    trace::TracerOptions options{
        .app_id = "app", .sampling_rate = sampling
    };
    app.tracer = std::make_unique<trace::Tracer>(
        std::move(options), Log(), shards, std::vector<std::unique_ptr<trace::Exporter>>()
    );
    auto made = std::make_unique<mecha::testing::FakeChannel>(shards, protocol);
    channel = made.get();
    app.channel = std::move(made);
    snapshot->resiliency = std::make_shared<resilience::Policies>();
    app.publish(snapshot);
  }

  std::shared_ptr<FakeInput> add_input(
      const std::string& name, std::vector<NameValue> metadata = {}
  ) {
    auto spec =
        std::make_shared<ComponentSpec>(ComponentSpec{.name = name, .metadata = std::move(metadata)}
        );
    auto binding = std::make_shared<FakeInput>();
    snapshot->input_bindings[name] = {std::move(spec), binding, ComponentState::ready, {}};
    return binding;
  }
  std::shared_ptr<FakeOutput> add_output(const std::string& name) {
    auto spec = std::make_shared<ComponentSpec>(ComponentSpec{.name = name});
    auto binding = std::make_shared<FakeOutput>();
    snapshot->output_bindings[name] = {std::move(spec), binding, ComponentState::ready, {}};
    return binding;
  }
  // Retries of `name` in both directions, without waiting.
  void retry(const std::string& name, int most, CodeRanges http_codes = {}) {
    ResiliencySpec spec{.name = "res"};
    spec.retries["r"] = {
        .duration = std::chrono::nanoseconds(1),
        .retries_max = most,
        .http_codes = std::move(http_codes)
    };
    spec.components[name] = {.outbound = {.retry = "r"}, .inbound = {.retry = "r"}};
    resilience::Surroundings around;
    around.sleep = [](std::chrono::nanoseconds) -> asio::awaitable<bool> { co_return true; };
    snapshot->resiliency =
        std::make_shared<resilience::Policies>(std::move(around), std::span(&spec, 1));
  }

  void start() { mecha::testing::run(shards.context(0), inputs.start()); }
  void stop() { mecha::testing::run(shards.context(0), inputs.stop()); }
  Result<std::string> fire(FakeInput& binding, InputEvent event = {}) {
    REQUIRE(binding.handler);
    return mecha::testing::run(shards.context(0), binding.handler(std::move(event)));
  }
  InvokeOutcome invoke(std::string name, InvokeRequest request) {
    RequestScope scope(app, snapshot, Face::http);
    return mecha::testing::run(
        shards.context(0), outputs.invoke(scope, std::move(name), std::move(request))
    );
  }
  std::vector<std::string> lines;

  Shards shards{1};
  Application app{
      shards,
      {.id = "app"},
      Log(make_memory_sink(lines), "test"),
      std::make_unique<Metrics>(MetricsOptions{.app_id = "app"})
  };
  std::shared_ptr<Snapshot> snapshot = std::make_shared<Snapshot>();
  mecha::testing::FakeChannel* channel = nullptr;
  OutputBindings outputs;
  InputBindings inputs{app, outputs, std::chrono::seconds(3)};
};

}  // namespace mecha::bindings::testing
