// The merged documents, resolved: which parts a target has. For policies*.cpp only.

#pragma once

#include "runtime/resilience/lru.hpp"
#include "runtime/resilience/policies.hpp"

namespace mecha::resilience {

// Of a circuit breaker, before a target is known.
struct BreakerTemplate {
  std::string name;
  BreakerSettings settings;
  BreakerSpec spec;  // as written; tells whether two are the same
};

struct Policies::Parts {
  std::optional<std::chrono::nanoseconds> timeout;
  std::shared_ptr<const Retry> retry;
  std::shared_ptr<const BreakerTemplate> breaker;
  bool empty() const { return !timeout && !retry && !breaker; }
};

struct Policies::State {
  struct App {
    Parts parts;
    std::size_t breaker_cache = 100;
  };
  struct Component {
    std::array<Parts, 2> parts;  // by Direction
  };
  using Breakers = Lru<std::shared_ptr<Breaker>>;

  std::shared_ptr<const Surroundings> around;
  std::map<std::string, App, std::less<>> apps;
  std::map<std::string, Component, std::less<>> components;
  App app_default;
  std::array<Component, kComponentKinds> component_defaults;
  std::array<std::shared_ptr<const Retry>, 5> built_in;  // by BuiltIn

  std::mutex mutex;  // of the breakers
  Lru<std::shared_ptr<Breakers>> app_breakers{1000};
  std::map<std::string, std::shared_ptr<Breaker>, std::less<>> component_breakers;

  const App& app(std::string_view target) const;
  // Takes over the breakers whose policy is the same here and there.
  void adopt(State& previous);
  // Reads the documents; see Policies.
  void load(std::span<const ResiliencySpec> specs);
  std::shared_ptr<Breaker> app_breaker(
      const App& app, std::string_view target, std::string_view endpoint
  );
  std::shared_ptr<Breaker> component_breaker(const Parts& parts, std::string_view name);
};

std::string_view kind_name(ComponentKind kind);

}  // namespace mecha::resilience
