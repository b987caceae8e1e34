// The component loader: order, references, the exact texts of failures, retries (contract 06, 2.4; 02, 7.3 and 7.5).

#include "components/loader_bench.hpp"

using namespace mecha;
using namespace mecha::loader_testing;
using namespace std::chrono_literals;

TEST_CASE("secret stores come first, else the order of the manifests; stopping goes backwards", "[components][loader]") {
  Bench bench;
  REQUIRE(bench.load({component("b"), component("a"), vault("v")}));
  CHECK(bench.ready() == std::vector<std::string>{"v", "b", "a"});
  CHECK(bench.logged("Component loaded: b (state.fake/v1)"));
  CHECK(bench.heard == std::vector<std::string>{"v ready", "b ready", "a ready"});
  testing::run(bench.shards.context(0), bench.loader->stop());
  CHECK(bench.play.events == std::vector<std::string>{"start v", "start b", "start a", "stop a", "stop b"});
  CHECK(bench.logged("Shutting down component a (state.fake/v1)"));
}

TEST_CASE("an unknown type ends the process with the texts of the contract", "[components][loader]") {
  Bench bench;
  const std::string create =
      "[CREATE_COMPONENT_FAILURE]: initialization error occurred for c (state.nothing/v1): couldn't find state store "
      "state.nothing/v1";
  const std::string whole =
      "process component c error: [INIT_COMPONENT_FAILURE]: initialization error occurred for c (state.nothing/v1): " + create;
  CHECK(bench.fatal({component("c", {}, "", "state.nothing"), component("after")}) == whole);
  CHECK(bench.logged("Failed to init component c (state.nothing/v1): " + create));
  CHECK(bench.logged("Error processing component, daprd will exit gracefully: " + whole));
  CHECK(bench.logged("state.nothing/v1 is not in this build; there are state.fake"));
  CHECK(bench.play.events.empty());
}

TEST_CASE("an unknown category has no tag", "[components][loader]") {
  Bench bench;
  CHECK(bench.fatal({component("c", {}, "", "nothing.redis")}) == "process component c error: incorrect type nothing.redis");
  CHECK(!bench.logged("Failed to init"));
}

TEST_CASE("a failing start has the tag twice, and may be ignored", "[components][loader]") {
  Bench bench;
  bench.play.failures["c"] = 1000;
  const std::string init = "[INIT_COMPONENT_FAILURE]: initialization error occurred for c (state.fake/v1): ";
  CHECK(bench.fatal({component("c")}) == "process component c error: " + init + init + "no server");
  CHECK(bench.play.events == std::vector<std::string>{"start c", "stop c"});

  Bench other;
  other.play.failures["c"] = 1000;
  auto spec = component("c");
  spec.ignore_errors = true;
  REQUIRE(other.load({spec, component("after")}));
  CHECK(other.logged("Ignoring error processing component: process component c error: " + init + init + "no server"));
  CHECK(other.loader->components()[0]->state == ComponentState::failed);
  CHECK(other.ready() == std::vector<std::string>{"after"});
}

TEST_CASE("settings that do not bind are an init failure that is not tried again", "[components][loader]") {
  Bench bench;
  auto spec = component("c", {{.name = "pool", .value = "0", .location = {.file = "f.yaml", .line = 3}}});
  spec.ignore_errors = true;
  REQUIRE(bench.load({spec}));
  CHECK(bench.loader->components()[0]->error.message.ends_with("pool must be between 1 and 9, got 0 (f.yaml:3)"));
  CHECK(bench.play.events.empty());
}

TEST_CASE("the time limit of init has its own text", "[components][loader]") {
  const std::string text =
      "process component c error: [INIT_COMPONENT_FAILURE]: initialization error occurred for c (state.fake/v1): init "
      "timeout for component c (state.fake/v1)";
  Bench slow;
  slow.play.slow["c"] = 10s;
  auto spec = component("c");
  spec.init_timeout = 5ms;
  CHECK(slow.fatal({spec}) == text);
  Bench never;
  spec.init_timeout = -1s;
  CHECK(never.fatal({spec}) == text);
  CHECK(never.play.events == std::vector<std::string>{"stop c"});
}

TEST_CASE("a version that is missing is missing in the texts", "[components][loader]") {
  Bench bench;
  auto spec = component("c", {}, "", "state.nothing");
  spec.version.clear();
  CHECK(bench.fatal({spec}).ends_with("occurred for c (state.nothing): couldn't find state store state.nothing"));
}

TEST_CASE("denied types are dropped, those without version in silence", "[components][loader]") {
  Bench bench;
  bench.settings.denied = {"secretstores.fake", "state.fake/v0", "STATE.FAKE"};
  auto older = component("older");
  older.version = "v0";
  auto none = component("none");
  none.version.clear();
  REQUIRE(bench.load({component("c"), older, none, vault("v")}));
  CHECK(bench.ready() == std::vector<std::string>{"c"});
  CHECK(bench.logged("component 'v' cannot be loaded because components of type 'v (secretstores.fake/v1)' are not allowed"));
  CHECK(bench.logged("component 'older' cannot be loaded"));
  CHECK(!bench.logged("component 'none'"));
}

TEST_CASE("secrets replace values, unquoted and with templates", "[components][loader]") {
  Bench bench;
  auto spaced = component("spaced", {secret("word")}, "v");
  spaced.name_space = "prod";
  REQUIRE(bench.load({
      vault("v"), component("key", {secret("word", "word")}, "v"), component("over", {secret("word", "", "own")}, "v"),
      component("miss", {secret("none", "", "own")}, "v"), component("badkey", {secret("word", "other")}, "v"),
      component("empty", {secret("empty", "", "own")}, "v"), component("noname", {secret("", "word", "own")}, "v"),
      component("quoted", {secret("quoted")}, "v"), component("templ", {secret("templ")}, "v"),
      component("two", {secret("many", "two")}, "v"), component("unused", {plain("own")}, "nowhere"), spaced,
  }));
  const std::map<std::string, std::string> expected{
      {"v", "default"}, {"key", "w0rd"}, {"over", "w0rd"}, {"miss", "own"}, {"badkey", ""}, {"empty", "own"},
      {"noname", "own"}, {"quoted", "in quotes"}, {"templ", "app"}, {"two", "2"}, {"unused", "own"}, {"spaced", "w0rd"}};
  CHECK(bench.play.values == expected);
  CHECK(bench.play.spaces.back() == "prod");
}

TEST_CASE("variables come before secrets, and not all may be read", "[components][loader]") {
  Bench bench;
  auto both = variable("PLAIN");
  both.secret = SecretRef{"word", "word"};
  auto refused = variable("DAPR_VALUE");
  refused.secret = SecretRef{"word", "word"};
  auto valued = plain("own");
  valued.env = "PLAIN";
  REQUIRE(bench.load({
      vault("v"), component("env", {variable("PLAIN")}), component("quoted", {variable("QUOTED")}),
      component("templ", {variable("TEMPLATE")}), component("unset", {variable("NONE")}), component("own", {valued}),
      component("both", {both}, "v"), component("refused", {refused}, "v"),
  }));
  const std::map<std::string, std::string> expected{
      {"v", "default"}, {"env", "from env"}, {"quoted", "q"}, {"templ", "app"}, {"unset", ""}, {"own", "own"},
      {"both", "from env"}, {"refused", ""}};
  CHECK(bench.play.values == expected);
  CHECK(bench.logged("Component refused references an env variable that isn't allowed: DAPR_VALUE"));
}

TEST_CASE("without the name of a store later items stay unresolved", "[components][loader]") {
  Bench bench;
  auto other = secret("word");
  other.name = "other";
  REQUIRE(bench.load({component("after", {other, variable("PLAIN")}), component("before", {variable("PLAIN"), other})}));
  CHECK(bench.play.values == std::map<std::string, std::string>{{"after", ""}, {"before", "from env"}});
  CHECK(bench.logged("Component after references a secret store that isn't loaded: "));
}

TEST_CASE("a component waits for its secret store, perhaps for ever", "[components][loader]") {
  Bench bench;
  REQUIRE(bench.load({vault("late", {secret("word")}, "v"), vault("v"), component("parked", {secret("word")}, "nowhere")}));
  CHECK(bench.ready() == std::vector<std::string>{"v", "late"});
  CHECK(bench.play.values["late"] == "w0rd");
  CHECK(bench.heard == std::vector<std::string>{"late pending", "v ready", "late ready", "parked pending"});
  CHECK(bench.logged("Component parked references a secret store that isn't loaded: nowhere"));
}

TEST_CASE("a component whose error is ignored is tried again until it is there, then those that wait for it", "[components][loader]") {
  Bench bench;
  bench.play.failures["v"] = 3;
  auto spec = vault("v", {{.name = "odd", .value = "x"}});
  spec.ignore_errors = true;
  REQUIRE(bench.load({spec, component("waits", {secret("word")}, "v")}));
  CHECK(bench.ready().empty());
  bench.wait([&] { return bench.ready() == std::vector<std::string>{"v", "waits"}; });
  CHECK(bench.play.values["waits"] == "w0rd");
  CHECK(bench.heard == std::vector<std::string>{"v failed", "waits pending", "v ready", "waits ready"});
  CHECK(std::ranges::count_if(bench.lines, [](const auto& line) { return line.find("odd is not") != std::string::npos; }) == 1);
}

TEST_CASE("the pod name is an init failure where it is not set", "[components][loader]") {
  Bench bench;
  CHECK(bench.fatal({component("c", {plain("{podName}")})})
            .ends_with("for c (state.fake/v1): failed to parse metadata: property word refers to {podName} but podName is not set"));
}

TEST_CASE("the runtime's own checks are failures of their kind", "[components][loader]") {
  Bench bench;
  bench.settings.hooks.check_creation = [](const ComponentSpec& spec) -> Result<void> {
    if (spec.name == "enc") return fail(Code::invalid_argument, "bad key");
    return {};
  };
  bench.settings.hooks.check_init = [](const ComponentSpec&) -> Result<void> { return fail(Code::invalid_argument, "bad prefix"); };
  CHECK(bench.fatal({component("enc")}).ends_with("[CREATE_COMPONENT_FAILURE]: initialization error occurred for enc (state.fake/v1): bad key"));
  Bench other;
  other.settings.hooks.check_init = bench.settings.hooks.check_init;
  CHECK(other.fatal({component("c")}).ends_with("[INIT_COMPONENT_FAILURE]: initialization error occurred for c (state.fake/v1): bad prefix"));
}

TEST_CASE("what is wrong with any component is said before the first one starts", "[components][loader]") {
  Bench bench;
  const auto item = [](std::string name, std::string value, int line) {
    return NameValue{.name = std::move(name), .value = std::move(value), .location = {"f.yaml", line}};
  };
  bench.settings.hooks.check_spec = [](const ComponentSpec& spec) -> Result<void> {
    if (spec.name == "odd") return fail(Code::invalid_argument, "bad prefix");
    return {};
  };
  bench.play.failures["a"] = 1000;
  auto odd = component("odd");
  odd.location = {"f.yaml", 9};
  auto numbers = component("n", {item("pool", "0", 3), item("pool", "many", 4), item("word", "{podName}", 5)});
  CHECK(bench.fatal({component("a"), numbers, odd, component("t", {}, "", "state.nothing")}).ends_with("no server"));
  CHECK(bench.play.events == std::vector<std::string>{"start a", "stop a"});
  CHECK(bench.logged("f.yaml:4: component n (state.fake/v1): pool must be a whole number, got \"many\""));
  CHECK(bench.logged("f.yaml:5: component n (state.fake/v1): failed to parse metadata: property word refers to"));
  CHECK(bench.logged("f.yaml:9: component odd (state.fake/v1): bad prefix"));
  CHECK(bench.logged("component t (state.nothing/v1): couldn't find state store state.nothing/v1"));
}

TEST_CASE("what a secret store will give is not judged ahead, and never shown", "[components][loader]") {
  Bench bench;
  auto hidden = secret("word");
  hidden.name = "pool";
  auto from_variable = variable("PLAIN");
  from_variable.name = "pool";
  CHECK(bench.fatal({vault("v"), component("hidden", {hidden}, "v"), component("e", {from_variable})})
            .ends_with("pool must be a whole number, got a secret"));
  CHECK(bench.logged("component e (state.fake/v1): pool must be a whole number, got \"from env\""));
  CHECK_FALSE(bench.logged("component hidden (state.fake/v1): pool"));
  CHECK_FALSE(bench.logged("w0rd"));
}

TEST_CASE("unknown items are told, the runtime's own are not", "[components][loader]") {
  Bench bench;
  REQUIRE(bench.load({component("c", {{.name = "wrod", .value = "x", .location = {"f.yaml", 4}}, {.name = "KEYPREFIX", .value = "name"}})}));
  CHECK(bench.logged("f.yaml:4: wrod is not a metadata item of component c (state.fake/v1)"));
  CHECK(!bench.logged("KEYPREFIX"));
}

TEST_CASE("loading is counted", "[components][loader]") {
  Bench bench;
  Metrics metrics({.app_id = "app"});
  bench.settings.metrics = &metrics;
  auto spec = component("nosuch", {}, "", "state.nosuch");
  spec.ignore_errors = true;
  REQUIRE(bench.load({component("c"), spec}));
  const auto text = metrics.text();
  CHECK(text.find("dapr_runtime_component_loaded{app_id=\"app\"} 1\n") != std::string::npos);
  CHECK(text.find("dapr_runtime_component_init_total{app_id=\"app\",component=\"state.fake\"} 1\n") != std::string::npos);
  for (const auto* reason : {"creation", "init"}) {
    CHECK(text.find("dapr_runtime_component_init_fail_total{app_id=\"app\",component=\"state.nosuch\",componentName=\"nosuch\",reason=\"" + std::string(reason) + "\"} 1\n") != std::string::npos);
  }
}

TEST_CASE("endpoints get their secrets from the stores that are there", "[components][loader]") {
  Bench bench;
  REQUIRE(bench.load({vault("v")}));
  HttpEndpointSpec endpoint{.name = "ep", .secret_store = "v"};
  endpoint.headers = {secret("word"), plain("own")};
  endpoint.root_ca.secret = SecretRef{"many", "one"};
  const auto resolved = testing::run(bench.shards.context(0), bench.loader->resolve(endpoint));
  REQUIRE(resolved);
  CHECK(resolved->headers[0].value == "w0rd");
  CHECK(resolved->headers[1].value == "own");
  CHECK(resolved->root_ca.value == "1");
  endpoint.secret_store = "nowhere";
  CHECK(testing::run(bench.shards.context(0), bench.loader->resolve(endpoint))->headers[0].value.empty());
  CHECK(bench.logged("HTTPEndpoint ep references a secret store that isn't loaded: nowhere"));
}

namespace {

struct LateStore : Store {
  LateStore(const ComponentSpec&, const ComponentContext& context, const pluggable::Remote&) : Store({}, context) {}
};

// Offers `state.late` when it is asked for the third time.
asio::awaitable<void> look(Bench& b, int& count, std::string type) {
  if (++count == 3) b.catalog.offer({.name = type.substr(6), .socket = "/s", .services = {"dapr.proto.components.v1.StateStore"}});
  co_return;
}

}  // namespace

TEST_CASE("a type that is not there is looked for again and again where its error is ignored", "[components][loader]") {
  Bench bench;
  bench.catalog.add_remote<LateStore>("state", {"StateStore"});
  int asked = 0;
  bench.settings.hooks.look_for = [&](std::string type) { return look(bench, asked, std::move(type)); };
  auto late = component("c", {}, "", "state.late");
  late.ignore_errors = true;
  REQUIRE(bench.load({late, component("known")}));
  CHECK(asked == 1);
  CHECK(bench.ready() == std::vector<std::string>{"known"});
  bench.wait([&] { return bench.ready().size() == 2; });
  CHECK(asked == 3);
}

TEST_CASE("a type that is not there is looked for once where its error counts", "[components][loader]") {
  Bench bench;
  bench.catalog.add_remote<LateStore>("state", {"StateStore"});
  int once = 0;
  bench.settings.hooks.look_for = [&](std::string type) { return look(bench, once, std::move(type)); };
  CHECK(bench.fatal({component("c", {}, "", "state.late")}).ends_with("couldn't find state store state.late/v1"));
  CHECK(once == 1);
}
