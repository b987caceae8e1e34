// The secrets capability over a store of its own: lookup, scopes, errors, metrics.

#include "runtime/capabilities/secrets/secrets.hpp"

#include "runtime/app/application.hpp"
#include "runtime/resilience/policies.hpp"
#include "runtime/telemetry/metrics.hpp"
#include "runtime/telemetry/tracer.hpp"
#include "tests/catch.hpp"
#include "tests/run.hpp"

using namespace mecha;
using namespace mecha::secrets;

namespace {

class FakeStore final : public SecretStore {
 public:
  Async<std::optional<SecretMap>> get(std::string name, Metadata metadata) override {
    seen = std::move(metadata);
    if (name == "none") co_return std::nullopt;
    const auto found = all.find(name);
    if (found == all.end()) co_return fail(Code::not_found, "secret " + name + " not found");
    co_return found->second;
  }
  Async<SecretMaps> bulk_get(Metadata) override {
    if (broken) co_return fail(Code::internal, "boom");
    co_return all;
  }

  SecretMaps all{{"one", {{"one", "1"}}}, {"two", {{"two", "2"}}}, {"three", {{"three", "3"}}}};
  Metadata seen;
  bool broken = false;
};

class Setup {
 public:
  explicit Setup(std::vector<std::string> ready) : snapshot(std::make_shared<Snapshot>()) {
    snapshot->resiliency = std::make_shared<resilience::Policies>();
    for (auto& name : ready) add(name, store);
    snapshot->configuration.secret_scopes = {
        {.store = "allowlist", .default_access = "deny", .allowed = {"one", "two"}},
        {.store = "allowoverdeny", .default_access = "allow", .allowed = {"one"}, .denied = {"one", "two"}},
        {.store = "denylist", .denied = {"one"}},
        {.store = "denyall", .default_access = "Deny"},
        {.store = "notloaded", .default_access = "deny"},
    };
  }
  void add(const std::string& name, std::shared_ptr<SecretStore> instance) {
    snapshot->secret_stores[name] = {.spec = std::make_shared<ComponentSpec>(), .instance = std::move(instance)};
  }

  Result<std::optional<SecretMap>> get(std::string name, std::string key, Metadata metadata = {}) {
    RequestScope scope(application, snapshot, Face::http);
    GetRequest request{.store = std::move(name), .key = std::move(key), .metadata = std::move(metadata)};
    return testing::run(shards.context(0), capability.get(scope, std::move(request)));
  }
  Result<SecretMaps> bulk(std::string name) {
    RequestScope scope(application, snapshot, Face::http);
    return testing::run(shards.context(0), capability.bulk_get(scope, {.store = std::move(name)}));
  }
  std::vector<std::string> bulk_names(std::string name) {
    const auto all = bulk(std::move(name));
    REQUIRE(all);
    std::vector<std::string> list;
    for (const auto& [key, secret] : *all) list.push_back(key);
    return list;
  }
  std::string error(std::string name, std::string key) {
    const auto result = get(std::move(name), std::move(key));
    REQUIRE(!result);
    return std::to_string(result.error().status()) + " " + std::string(result.error().tag) + " " + result.error().message;
  }

  Shards shards{1};
  Application application{shards, {.id = "app"}, Log(), std::make_unique<Metrics>(MetricsOptions{.app_id = "app"})};
  std::shared_ptr<Snapshot> snapshot;
  std::shared_ptr<FakeStore> store = std::make_shared<FakeStore>();
  SecretsCapability capability;
};

}  // namespace

TEST_CASE("a secret comes with its entries, metadata goes to the store", "[secrets]") {
  Setup setup({"sec"});
  const auto one = setup.get("sec", "one", {{"version_id", "3"}});
  REQUIRE(one);
  CHECK(**one == SecretMap{{"one", "1"}});
  CHECK(setup.store->seen == Metadata{{"version_id", "3"}});
  const auto none = setup.get("sec", "none");
  REQUIRE(none);
  CHECK(!none->has_value());
  CHECK(setup.bulk_names("sec") == std::vector<std::string>{"one", "three", "two"});
}

TEST_CASE("lookup and store failures have the errors of the contract", "[secrets]") {
  Setup setup({"sec"});
  CHECK(setup.error("SEC", "one") == "401 ERR_SECRET_STORE_NOT_FOUND failed finding secret store with key SEC");
  CHECK(
      setup.error("sec", "missing") ==
      "500 ERR_SECRET_GET failed getting secret with key missing from secret store sec: secret missing not found"
  );
  setup.store->broken = true;
  const auto bulk = setup.bulk("sec");
  REQUIRE(!bulk);
  CHECK(bulk.error().message == "failed getting secrets from secret store sec: boom");
  CHECK(bulk.error().code == Code::internal);
}

TEST_CASE("without a store that is ready there are no stores", "[secrets]") {
  Setup setup({});
  CHECK(setup.error("allowlist", "x") == "500 ERR_SECRET_STORES_NOT_CONFIGURED secret store is not configured");
  setup.add("failed", nullptr);
  CHECK(setup.error("failed", "x") == "500 ERR_SECRET_STORES_NOT_CONFIGURED secret store is not configured");
  setup.add("good", setup.store);
  CHECK(setup.error("failed", "x") == "401 ERR_SECRET_STORE_NOT_FOUND failed finding secret store with key failed");
}

TEST_CASE("scopes decide before the store is asked", "[secrets]") {
  Setup setup({"allowlist", "allowoverdeny", "denylist", "denyall", "unscoped"});
  const auto denied = [](const std::string& key, const std::string& store) {
    return "403 ERR_PERMISSION_DENIED access denied by policy to get \"" + key + "\" from \"" + store + "\"";
  };
  CHECK(setup.get("allowlist", "one").has_value());
  CHECK(setup.error("allowlist", "three") == denied("three", "allowlist"));
  CHECK(setup.error("allowlist", "missing") == denied("missing", "allowlist"));
  CHECK(setup.error("allowlist", "ONE") == denied("ONE", "allowlist"));
  CHECK(setup.get("allowoverdeny", "one").has_value());
  CHECK(setup.error("allowoverdeny", "three") == denied("three", "allowoverdeny"));
  CHECK(setup.error("denylist", "one") == denied("one", "denylist"));
  CHECK(setup.get("denylist", "two").has_value());
  CHECK(setup.error("denyall", "one") == denied("one", "denyall"));
  CHECK(setup.get("unscoped", "one").has_value());
  CHECK(setup.error("notloaded", "one").starts_with("401 "));
  CHECK(setup.bulk_names("allowlist") == std::vector<std::string>{"one", "two"});
  CHECK(setup.bulk_names("denylist") == std::vector<std::string>{"three", "two"});
  CHECK(setup.bulk_names("denyall").empty());
}

TEST_CASE("operations on a store are counted with their outcome", "[secrets]") {
  Setup setup({"denyall", "sec"});
  (void)setup.get("sec", "one");
  (void)setup.get("sec", "nope");
  (void)setup.bulk("sec");
  (void)setup.get("denyall", "one");
  const auto text = setup.application.metrics->text();
  const auto has = [&](std::string_view operation, std::string_view success) {
    const auto line = "dapr_component_secret_count{app_id=\"app\",component=\"sec\",namespace=\"\",operation=\"" +
                      std::string(operation) + "\",success=\"" + std::string(success) + "\"} 1\n";
    return text.find(line) != std::string::npos;
  };
  CHECK(has("get", "true"));
  CHECK(has("get", "false"));
  CHECK(has("bulk_get", "true"));
  CHECK(text.find("component=\"denyall\"") == std::string::npos);
}
