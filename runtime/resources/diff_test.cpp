// What counts as a change of the resources.

#include "runtime/resources/diff.hpp"

#include "tests/catch.hpp"

using namespace mecha;

namespace {

LoadedResources read(std::string_view text, const std::string& file = "a.yaml") {
  loading::Batch batch;
  loading::read_file(text, file, batch);
  auto out = loading::settle(std::move(batch), {.app_id = "app"});
  REQUIRE(out);
  return *std::move(out);
}

std::string component(const std::string& name, const std::string& value) {
  return "apiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata: {name: " + name +
         "}\nspec: {type: state.x, version: v1, metadata: [{name: k, value: " + value + "}]}\n";
}

std::string subscription(const std::string& route) {
  return "apiVersion: dapr.io/v2alpha1\nkind: Subscription\nmetadata: {name: s}\nspec: {pubsubname: b, topic: t, routes: {default: " +
         route + "}}\n";
}

std::string resiliency(const std::string& times) {
  return "apiVersion: dapr.io/v1alpha1\nkind: Resiliency\nmetadata: {name: r}\nspec: {policies: {retries: {p: {maxRetries: " +
         times + "}}}, targets: {apps: {app: {retry: p}}}}\n";
}

}  // namespace

TEST_CASE("The same resources in another file, at another place and in another order are no change") {
  const auto before = read(component("a", "1") + "---\n" + component("b", "2") + "---\n" + subscription("/x"));
  const auto after = read("# moved\n" + component("b", "2") + "---\n" + subscription("/x") + "---\n" + component("a", "1"), "b.yaml");
  CHECK_FALSE(changes(before, after).any());
}

TEST_CASE("Each kind of resource is told apart") {
  const auto before = read(component("a", "1") + "---\n" + subscription("/x"));
  CHECK(changes(before, read(component("a", "2") + "---\n" + subscription("/x"))).components);
  CHECK(changes(before, read(component("b", "1") + "---\n" + subscription("/x"))).components);
  CHECK(changes(before, read(subscription("/x"))).components);
  const auto routed = changes(before, read(component("a", "1") + "---\n" + subscription("/y")));
  CHECK(routed.subscriptions);
  CHECK_FALSE(routed.components);
  CHECK(changes(read(resiliency("1")), read(resiliency("2"))).resiliencies);
  CHECK_FALSE(changes(read(resiliency("1")), read(resiliency("1"), "b.yaml")).any());
  const std::string endpoint = "apiVersion: dapr.io/v1alpha1\nkind: HTTPEndpoint\nmetadata: {name: e}\nspec: {baseUrl: ";
  CHECK(changes(read(endpoint + "'http://a'}"), read(endpoint + "'http://b'}")).endpoints);
}

TEST_CASE("A file that cannot be read keeps what it held, others do not") {
  const auto before = read(component("a", "1") + "---\n" + component("b", "1"));
  auto broken = read(component("a", "2") + "---\n{a");
  CHECK(keep_unreadable(before, broken) == std::vector<std::string>{"a.yaml"});
  REQUIRE(broken.components.size() == 2);
  CHECK(broken.components[0].value("k") == "2");
  CHECK(broken.components[1].name == "b");
  auto other = read("{a", "other.yaml");
  CHECK(keep_unreadable(before, other).empty());
  CHECK(other.components.empty());
  auto whole = read(component("a", "1"));
  CHECK(keep_unreadable(before, whole).empty());
  CHECK(whole.components.size() == 1);
}

TEST_CASE("A file that held something and has nothing in it any more is told from others") {
  const auto before = read(component("a", "1"));
  CHECK(emptied(before, read("")));
  CHECK(emptied(read(resiliency("1")), read("")));
  CHECK_FALSE(emptied(before, read("", "other.yaml")));
  CHECK_FALSE(emptied(before, read("# nothing\n")));
  CHECK_FALSE(emptied(before, read(component("b", "1"))));
  CHECK_FALSE(emptied(read(""), read("")));
}

TEST_CASE("What is fixed for the life of the process is named") {
  const auto of = [](const std::string& spec) {
    std::vector<Notice> notices;
    auto read = loading::read_configurations({{"c.yaml", "spec: " + spec}}, [](std::string_view) { return std::nullopt; }, notices);
    REQUIRE(read);
    return *std::move(read);
  };
  const auto before = of("{}");
  CHECK(fixed_differences(before, of("{features: [{name: A, enabled: true}], logging: {apiLogging: {enabled: true}}}")).empty());
  CHECK(fixed_differences(before, of("{tracing: {samplingRate: '1'}}")) == std::vector<std::string>{"tracing"});
  CHECK(fixed_differences(before, of("{metric: {enabled: false}, nameResolution: {component: dns}}")) ==
        std::vector<std::string>{"metric", "nameResolution"});
  CHECK(fixed_differences(before, of("{api: {denied: [{name: state, version: v1}]}}")) == std::vector<std::string>{"api.denied"});
}
