// The component loader: changes while it runs (contract 06, 3.8).

#include "components/loader_bench.hpp"

using namespace mecha;
using namespace mecha::loader_testing;
using namespace std::chrono_literals;

namespace {

// change(), with the names of what left at each step and of what was ready then.
struct Steps {
  std::vector<std::string> left, ready;
  std::vector<LoadedComponent> kept;
};

Result<void> change(Bench& bench, std::vector<ComponentSpec> specs, Steps& steps) {
  const auto applied = [&](std::vector<LoadedComponent> left) -> asio::awaitable<void> {
    std::string names;
    for (auto& component : left) {
      names += component.spec->name + " ";
      steps.kept.push_back(std::move(component));
    }
    steps.left.push_back(names);
    steps.ready.push_back(text::join(bench.ready(), " "));
    co_return;
  };
  return testing::run(bench.shards.context(0), bench.loader->change(std::move(specs), applied));
}

}  // namespace

TEST_CASE("a change touches only what differs: removals, changes, additions", "[components][loader]") {
  Bench bench;
  REQUIRE(bench.load({component("same", {plain("1")}), component("changed", {plain("1")}), component("gone")}));
  bench.play.events.clear();
  Steps steps;
  REQUIRE(change(bench, {component("added"), component("changed", {plain("2")}), component("same", {plain("1")})}, steps));
  CHECK(steps.left == std::vector<std::string>{"gone ", "changed ", ""});
  CHECK(steps.ready == std::vector<std::string>{"same changed", "same changed", "same changed added"});
  // The new one is there before the old one leaves, and nothing is stopped until it is retired.
  CHECK(bench.play.events == std::vector<std::string>{"start changed", "start added"});
  CHECK(bench.play.values["changed"] == "2");
  for (const auto& component : steps.kept) testing::run(bench.shards.context(0), bench.loader->retire(component.instance));
  CHECK(bench.play.events == std::vector<std::string>{"start changed", "start added", "stop gone", "stop changed"});
  Steps none;
  REQUIRE(change(bench, {component("same", {plain("1")}), component("changed", {plain("2")}), component("added")}, none));
  CHECK(none.left.empty());
}

TEST_CASE("what left and was not retired is stopped at the end", "[components][loader]") {
  Bench bench;
  REQUIRE(bench.load({component("a")}));
  Steps steps;
  REQUIRE(change(bench, {}, steps));
  testing::run(bench.shards.context(0), bench.loader->stop());
  CHECK(bench.play.events == std::vector<std::string>{"start a", "stop a"});
}

TEST_CASE("a stop that was begun goes to its end, whoever gives up waiting for it", "[components][loader]") {
  Bench bench;
  REQUIRE(bench.load({component("a")}));
  Steps steps;
  REQUIRE(change(bench, {}, steps));
  bench.play.slow["stop a"] = 20ms;
  auto& context = bench.shards.context(0);
  Gate waiting(context.get_executor());
  CHECK(waiting.spawn(context.get_executor(), bench.loader->retire(steps.kept.at(0).instance)));
  testing::run(context, sleep_for(1ms));
  testing::run(context, [](Gate& gate) -> asio::awaitable<void> { co_await gate.close(0s); }(waiting));
  CHECK(bench.play.events == std::vector<std::string>{"start a", "stop a"});
  testing::run(context, bench.loader->stop());
  CHECK(bench.play.events == std::vector<std::string>{"start a", "stop a", "stopped a"});
}

TEST_CASE("the end does not wait with a component for what nobody wants", "[components][loader]") {
  Bench bench;
  REQUIRE(bench.load({component("a"), component("b")}));
  bench.play.slow["stop b"] = 2s;
  bench.play.forsaken = "b";
  auto& context = bench.shards.context(0);
  CHECK_FALSE(testing::run(context, bench.loader->stop()));
  CHECK(bench.play.events == std::vector<std::string>{"start a", "start b", "stop b", "stop a"});
  CHECK(testing::run(context, bench.loader->stop()));
  CHECK(bench.play.events.back() == "stopped b");
}

TEST_CASE("what a failed start leaves behind holds up neither the others nor the end", "[components][loader]") {
  Bench bench;
  bench.play.failures["a"] = 1000;
  bench.play.slow["stop a"] = 1h;
  bench.play.forsaken = "a";
  auto silent = component("a");
  silent.ignore_errors = true;
  REQUIRE(bench.load({silent, component("b")}));
  auto& context = bench.shards.context(0);
  testing::run(context, sleep_for(20ms));  // it is not tried again as long as it stops
  CHECK(bench.play.events == std::vector<std::string>{"start a", "stop a", "start b"});
  CHECK(bench.logged("component a (state.fake/v1) is left behind"));
  CHECK_FALSE(testing::run(context, bench.loader->stop(0s)));
  CHECK(bench.play.events.back() == "stop b");
  CHECK(testing::run(context, bench.loader->stop(0s)));
}

TEST_CASE("a start that is cancelled is followed by a stop", "[components][loader]") {
  Bench bench;
  REQUIRE(bench.load({}));
  bench.play.slow["a"] = 1h;
  auto& context = bench.shards.context(0);
  Gate loading(context.get_executor());
  const auto load = [](ComponentLoader& loader) -> asio::awaitable<void> {
    const auto nothing = [](std::vector<LoadedComponent>) -> asio::awaitable<void> { co_return; };
    (void)co_await loader.change({component("a")}, nothing);
  };
  CHECK(loading.spawn(context.get_executor(), load(*bench.loader)));
  testing::run(context, sleep_for(1ms));
  testing::run(context, [](Gate& gate) -> asio::awaitable<void> { co_await gate.close(0s); }(loading));
  CHECK(bench.play.events == std::vector<std::string>{"start a", "stop a"});
}

TEST_CASE("a secret that changed is a change, one that cannot be had is none", "[components][loader]") {
  Bench bench;
  const std::vector specs{vault("v"), component("c", {secret("word")}, "v")};
  REQUIRE(bench.load(specs));
  Steps steps;
  REQUIRE(change(bench, specs, steps));
  bench.play.secrets.erase("word");
  REQUIRE(change(bench, specs, steps));
  CHECK(steps.left.empty());
  bench.play.secrets["word"] = {{"word", "another"}};
  REQUIRE(change(bench, specs, steps));
  CHECK(steps.left == std::vector<std::string>{"c "});
  CHECK(bench.play.values["c"] == "another");
}

TEST_CASE("a change that fails ends the process, unless it is ignored; then the component is gone", "[components][loader]") {
  Bench bench;
  REQUIRE(bench.load({component("a"), component("b")}));
  bench.play.failures["a"] = bench.play.failures["c"] = 1000;
  auto ignored = component("a", {plain("2")});
  ignored.ignore_errors = true;
  Steps steps;
  REQUIRE(change(bench, {ignored, component("b")}, steps));
  CHECK(steps.left == std::vector<std::string>{"a "});
  CHECK(bench.ready() == std::vector<std::string>{"b"});
  bench.wait([&] { return std::ranges::count(bench.play.events, "start a") > 3; });  // it is tried again
  const auto failed = change(bench, {component("b"), component("c")}, steps);
  REQUIRE(!failed);
  CHECK(failed.error().message.starts_with("process component c error: [INIT_COMPONENT_FAILURE]"));
  // The manifest of `a` went: nobody tries it any more.
  bench.shards.context(0).restart();
  bench.shards.context(0).run_for(20ms);
  const auto tried = std::ranges::count(bench.play.events, "start a");
  bench.shards.context(0).restart();
  bench.shards.context(0).run_for(50ms);
  CHECK(std::ranges::count(bench.play.events, "start a") == tried);
}

TEST_CASE("a component that waits for its secret store starts when a change brings it", "[components][loader]") {
  Bench bench;
  REQUIRE(bench.load({component("c", {secret("word")}, "v")}));
  CHECK(bench.ready().empty());
  Steps steps;
  REQUIRE(change(bench, {component("c", {secret("word")}, "v"), vault("v")}, steps));
  CHECK(bench.ready() == std::vector<std::string>{"v", "c"});
  CHECK(bench.play.values["c"] == "w0rd");
}

TEST_CASE("types that are denied from now on leave", "[components][loader]") {
  Bench bench;
  REQUIRE(bench.load({component("a"), vault("v")}));
  bench.loader->deny({"state.fake"});
  Steps steps;
  REQUIRE(change(bench, {component("a"), vault("v")}, steps));
  CHECK(steps.left == std::vector<std::string>{"a "});
  CHECK(bench.ready() == std::vector<std::string>{"v"});
}
