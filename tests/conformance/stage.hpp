// Makes and starts components of a catalogue on one shard, which the test drives.

#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "components/catalog.hpp"
#include "tests/run.hpp"

namespace mecha::conformance {

class Stage {
 public:
  explicit Stage(std::function<void(Catalog&)> fill) : shards_(1) { fill(catalog_); }
  ~Stage() {
    for (auto& component : started_) (void)run(component->stop());
  }

  // A component of contract C.
  template <class C>
  Result<std::shared_ptr<C>> start(std::string type, std::vector<NameValue> metadata = {}, std::string version = "v1") {
    const ComponentSpec spec{.name = "store", .type = std::move(type), .version = std::move(version), .metadata = std::move(metadata)};
    const ComponentContext context{.shards = shards_, .name = "store", .type = spec.type, .app_id = "app", .log = log_};
    MECHA_TRY(auto component, catalog_.make(spec, context));
    auto begun = run(component->start());
    if (!begun) {
      (void)run(component->stop());
      return fail(std::move(begun).error());
    }
    started_.push_back(component);
    return std::dynamic_pointer_cast<C>(component);
  }

  template <class T>
  Result<T> run(Async<T> work) {
    return testing::run(shards_.context(0), std::move(work));
  }
  void run(asio::awaitable<void> work) { testing::run(shards_.context(0), std::move(work)); }
  // Lets background work go on for a while.
  void run_for(std::chrono::milliseconds time) {
    shards_.context(0).restart();
    shards_.context(0).run_for(time);
  }

  Shards& shards() { return shards_; }

  Log log_;

 private:
  Shards shards_;
  Catalog catalog_;
  std::vector<std::shared_ptr<Component>> started_;
};

}  // namespace mecha::conformance
