// What every secret store keeps. A backend's test hands in a started store and what it holds.

#pragma once

#include <functional>
#include <memory>
#include <string>

#include "components/catalog.hpp"
#include "components/secretstores/secret_store.hpp"
#include "tests/catch.hpp"
#include "tests/run.hpp"

namespace mecha::conformance {

// Makes and starts a component of the catalogue on one shard, which the test drives.
class Stage {
 public:
  explicit Stage(std::function<void(Catalog&)> fill) : shards_(1) { fill(catalog_); }
  ~Stage() {
    for (auto& component : started_) (void)run(component->stop());
  }

  Result<std::shared_ptr<secrets::SecretStore>> start(std::string type, std::vector<NameValue> metadata = {}) {
    const ComponentSpec spec{.name = "store", .type = std::move(type), .version = "v1", .metadata = std::move(metadata)};
    const ComponentContext context{.shards = shards_, .name = "store", .type = spec.type, .app_id = "app", .log = log_};
    MECHA_TRY(auto component, catalog_.make(spec, context));
    MECHA_TRY_VOID(run(component->start()));
    started_.push_back(component);
    return std::dynamic_pointer_cast<secrets::SecretStore>(component);
  }

  template <class T>
  Result<T> run(Async<T> work) {
    return testing::run(shards_.context(0), std::move(work));
  }

  Log log_;

 private:
  Shards shards_;
  Catalog catalog_;
  std::vector<std::shared_ptr<Component>> started_;
};

// `name` is a secret of the store, `secret` what it holds.
inline void secret_store(Stage& stage, secrets::SecretStore& store, std::string name, secrets::SecretMap secret) {
  const auto one = stage.run(store.get(name, {}));
  REQUIRE(one);
  REQUIRE(one->has_value());
  CHECK(**one == secret);

  // Metadata that the store does not know changes nothing.
  const auto with_metadata = stage.run(store.get(name, {{"version_id", "3"}, {"other", "x"}}));
  REQUIRE(with_metadata);
  CHECK(*with_metadata == *one);

  const auto all = stage.run(store.bulk_get({}));
  REQUIRE(all);
  const auto found = all->find(name);
  REQUIRE(found != all->end());
  CHECK(found->second == secret);

  // What is listed can be had one by one, and is the same.
  for (const auto& [listed, value] : *all) {
    INFO(listed);
    const auto again = stage.run(store.get(listed, {}));
    REQUIRE(again);
    REQUIRE(again->has_value());
    CHECK(**again == value);
  }

  // Names are exact; what is missing is a failure or an answer without a value, never that of another.
  const auto missing = stage.run(store.get(name + "-missing", {}));
  if (missing && missing->has_value()) {
    for (const auto& [entry, value] : **missing) CHECK(value.empty());
  } else if (!missing) {
    CHECK(missing.error().message.find(name + "-missing") != std::string::npos);
  }
}

}  // namespace mecha::conformance
