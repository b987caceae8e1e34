// The loader over texts and real directories: filters, duplicates, problems with their places.

#include "runtime/resources/loader.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "runtime/base/text.hpp"
#include "tests/catch.hpp"

using namespace mecha;

namespace {

LoadedResources loaded(std::string_view text, LoadOptions options = {.app_id = "app"}) {
  loading::Batch batch;
  loading::read_file(text, "f.yaml", batch);
  auto result = loading::settle(std::move(batch), options);
  INFO((result ? "" : result.error().message));
  REQUIRE(result);
  return *std::move(result);
}

std::string refused(std::string_view text) {
  loading::Batch batch;
  loading::read_file(text, "f.yaml", batch);
  const auto result = loading::settle(std::move(batch), {.app_id = "app"});
  REQUIRE(!result);
  return result.error().message;
}

std::string component(std::string name, std::string more = "", std::string spec = "type: state.in-memory, version: v1") {
  return "apiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata: {name: " + name + "}\nspec: {" + spec + "}\n" + more + "---\n";
}

std::vector<std::string> names(const std::vector<ComponentSpec>& list) {
  std::vector<std::string> out;
  for (const auto& spec : list) out.push_back(spec.name);
  return out;
}

std::string notices(const LoadedResources& resources) {
  std::string all;
  for (const auto& notice : resources.notices) all += notice.text + "\n";
  return all;
}

bool contains(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

}  // namespace

TEST_CASE("a component is read with all its parts", "[resources][loader]") {
  const auto r = loaded(R"(
apiVersion: dapr.io/v1alpha1
kind: Component
metadata: {name: c, namespace: ns, labels: {a: b}}
spec:
  type: state.redis
  version: 1
  ignoreErrors: yes
  initTimeout: 300ms
  metadata:
  - {name: a, value: {b: 1}}
  - {name: s, secretKeyRef: {name: n, key: k}}
  - {name: d, secretKeyRef: {name: nm}}
  - {name: e, envRef: VAR}
  - {name: z, value: "", envRef: VAR}
auth: {secretStore: vault}
scopes: [app]
)");
  REQUIRE(r.components.size() == 1);
  const auto& c = r.components[0];
  CHECK(c.name == "c");
  CHECK(c.name_space == "ns");
  CHECK(c.title() == "c (state.redis/1)");
  CHECK(c.ignore_errors);
  CHECK(c.init_timeout == std::chrono::milliseconds(300));
  CHECK(c.secret_store == "vault");
  CHECK(c.location.text() == "f.yaml:2");
  REQUIRE(c.metadata.size() == 5);
  CHECK(c.metadata[0].value == "{\"b\":1}");
  CHECK(c.metadata[1].secret->key == "k");
  CHECK(c.metadata[2].secret->key == "nm");
  CHECK(c.metadata[3].env == "VAR");
  CHECK(!c.metadata[3].has_value);
  CHECK(c.metadata[4].has_value);
  CHECK(c.metadata[4].location.line == 15);
  CHECK(r.notices.empty());
}

TEST_CASE("an init timeout that is no duration is the default", "[resources][loader]") {
  const auto limit = [](std::string text) {
    return loaded(component("c", "", "type: state.x, initTimeout: " + text)).components[0].init_timeout;
  };
  CHECK(limit("soon") == std::chrono::seconds(5));
  CHECK(limit("7") == std::chrono::seconds(5));
  CHECK(limit("-1s") == -std::chrono::seconds(1));
  CHECK(limit("0s") == std::chrono::seconds(0));
}

TEST_CASE("bad documents are told and the others still load", "[resources][loader]") {
  const auto r = loaded(
      component("before") + "this: [is not\n---\n# nothing\n---\n- a list\n---\njust text\n---\n" +
      component("shape", "", "type: [a], ignoreErrors: \"true\"") + component("after")
  );
  CHECK(names(r.components) == std::vector<std::string>{"before", "after"});
  REQUIRE(r.notices.size() == 4);
  for (const auto& notice : r.notices) {
    CHECK(notice.text.starts_with("error when parsing manifests yaml resource in f.yaml: "));
    CHECK(notice.level == Notice::Level::warning);
  }
  CHECK(contains(
      r.notices[3].text,
      "line 17: spec.type must be a text, got a list; line 17: spec.ignoreErrors must be a boolean, got a text"
  ));
}

TEST_CASE("other kinds and versions are passed over in silence", "[resources][loader]") {
  const auto r = loaded(
      "apiVersion: dapr.io/v1alpha2\nkind: Component\nmetadata: {name: a}\n---\n"
      "apiVersion: dapr.io/v1alpha1\nkind: component\nmetadata: {name: b}\n---\nkind: Component\nmetadata: {name: c}\n"
  );
  CHECK(r.components.empty());
  CHECK(r.notices.empty());
}

TEST_CASE("names must be segments of a path, and be there", "[resources][loader]") {
  const auto r = loaded(
      component("a/b") + component("50%") + component("..") + component("\".\"") + component("A.b_c~d") + component("123") +
      component("yes") + component("\"\"")
  );
  CHECK(names(r.components) == std::vector<std::string>{"A.b_c~d", "123", "true"});
  const auto all = notices(r);
  CHECK(contains(all, "invalid name \"a/b\" for \"Component\": may not contain '/'"));
  CHECK(contains(all, "invalid name \"50%\" for \"Component\": may not contain '%'"));
  CHECK(contains(all, "invalid name \"..\" for \"Component\": may not be '..'"));
  CHECK(contains(all, "may not be '.'\n"));
}

TEST_CASE("unknown fields are told with their place", "[resources][loader]") {
  const auto r = loaded(component("c", "unknownTop: 1\n", "type: state.x, hosst: {a: 1}, metadata: [{nme: x}]"));
  REQUIRE(r.components.size() == 1);
  CHECK(notices(r) ==
        "f.yaml:4: spec.metadata[0].nme is not a field of Component \"c\"\n"
        "f.yaml:4: spec.hosst is not a field of Component \"c\"\n"
        "f.yaml:5: unknownTop is not a field of Component \"c\"\n");
}

TEST_CASE("scopes are exact and apply at the top only", "[resources][loader]") {
  const auto r = loaded(
      component("mine", "scopes: [other, app]\n") + component("theirs", "scopes: [other]\n") +
      component("case", "scopes: [App]\n") + component("none", "scopes: []\n") + component("glob", "scopes: [\"*\"]\n") +
      component("inspec", "", "type: state.x, scopes: [other]")
  );
  CHECK(names(r.components) == std::vector<std::string>{"mine", "none", "inspec"});
}

TEST_CASE("namespaces filter only where both sides have one", "[resources][loader]") {
  const auto text = component("mine, namespace: prod") + component("theirs, namespace: dev") + component("none") +
                    component("twice, namespace: dev") + component("twice, namespace: prod") + component("case, namespace: Prod");
  CHECK(
      names(loaded(text, {.app_id = "app", .name_space = "prod"}).components) ==
      std::vector<std::string>{"mine", "none", "twice"}
  );
  CHECK(contains(refused(text), "duplicate definition of Component name twice (state.in-memory/v1)"));
}

TEST_CASE("a name is given once, counted among accepted components", "[resources][loader]") {
  CHECK(
      refused(component("c") + component("c", "", "type: secretstores.local.env, version: v1")) ==
      "failed to load components: duplicate definition of Component name c (secretstores.local.env/v1) with existing c "
      "(state.in-memory/v1)"
  );
  CHECK(contains(refused(component("one") + component("one", "scopes: [other]\n")), "duplicate definition"));
  CHECK(loaded(component("one", "scopes: [other]\n") + component("one")).components.size() == 1);
}

TEST_CASE("subscriptions of both versions are kept by name", "[resources][loader]") {
  const auto r = loaded(R"(
apiVersion: dapr.io/v1alpha1
kind: Subscription
metadata: {name: old, namespace: elsewhere}
spec: {pubsubname: bus, topic: v, route: /v}
---
apiVersion: dapr.io/v2alpha1
kind: Subscription
metadata: {name: rules}
spec: {pubsubname: bus, topic: t, routes: {rules: [{match: 'event.type == "a"', path: /a}], default: /all}, deadLetterTopic: dlq, metadata: {x: z, flag: y}, bulkSubscribe: {enabled: true, maxMessagesCount: 100, maxAwaitDurationMs: 40}}
---
apiVersion: dapr.io/v2alpha1
kind: Subscription
metadata: {name: same}
spec: {pubsubname: bus, topic: u1, routes: {default: /u1}}
---
apiVersion: dapr.io/v2alpha1
kind: Subscription
metadata: {name: same}
spec: {pubsubname: bus, topic: u2, routes: {default: /u2}}
---
apiVersion: dapr.io/v1alpha1
kind: Subscription
metadata: {name: theirs}
scopes: [other]
spec: {pubsubname: bus, topic: w, route: /w}
)", {.app_id = "app", .name_space = "ns"});
  REQUIRE(r.subscriptions.size() == 3);
  const auto& s = r.subscriptions[0];
  CHECK(s.rules == std::vector<RouteRule>{{"event.type == \"a\"", "/a"}, {"", "/all"}});
  CHECK(s.dead_letter_topic == "dlq");
  CHECK(s.metadata.find("flag")->second == "true");
  CHECK(s.bulk == SubscriptionSpec::Bulk{.enabled = true, .messages_max = 100, .await_ms_max = 40});
  CHECK(r.subscriptions[1].topic == "u2");
  CHECK(r.subscriptions[2].rules == std::vector<RouteRule>{{"", "/v"}});
  CHECK(r.notices.empty());
}

TEST_CASE("two HTTP endpoints of one name leave none", "[resources][loader]") {
  const std::string one =
      "apiVersion: dapr.io/v1alpha1\nkind: HTTPEndpoint\nmetadata: {name: ep}\nspec: {baseUrl: \"http://127.0.0.1:1\", "
      "headers: [{name: X, value: why}], clientTLS: {rootCA: {secretKeyRef: {name: ca}}}}\n---\n";
  const auto good = loaded(one);
  REQUIRE(good.endpoints.size() == 1);
  CHECK(good.endpoints[0].headers[0].value == "why");
  CHECK(good.endpoints[0].root_ca.secret->key == "ca");
  const auto r = loaded(one + text::replace_all(one, "127.0.0.1:1", "127.0.0.1:2"));
  CHECK(r.endpoints.empty());
  CHECK(
      notices(r) ==
      "failed to load HTTP endpoints: duplicate definition of HTTPEndpoint name ep (http://127.0.0.1:2) with existing ep "
      "(http://127.0.0.1:1)\n"
  );
}

TEST_CASE("directories are read in order, files by name", "[resources][loader]") {
  const auto root = std::filesystem::temp_directory_path() / ("mecha-loader-" + text::uuid());
  std::filesystem::create_directories(root / "one" / "sub");
  std::filesystem::create_directories(root / "two");
  const auto put = [&](const std::string& file, const std::string& text) { std::ofstream(root / file) << text; };
  put("one/b.yml", component("b"));
  put("one/A.YAML", component("a"));
  put("one/c.json", "{}");
  put("one/sub/d.yaml", component("d"));
  put("two/0.yaml", component("z"));
  const auto r = load_resources({.directories = {(root / "one").string(), (root / "two").string()}, .app_id = "app"});
  const auto missing = load_resources({.directories = {(root / "no").string()}, .app_id = "app"});
  std::filesystem::remove_all(root);
  REQUIRE(r);
  CHECK(names(r->components) == std::vector<std::string>{"a", "b", "z"});
  CHECK(notices(*r) == "A non-YAML Component file c.json was detected, it will not be loaded\n");
  REQUIRE(!missing);
  CHECK(missing.error().message.starts_with("failed to create watcher: "));
  CHECK(missing.error().message.ends_with("no such file or directory"));
}
