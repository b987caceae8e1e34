// A Resiliency document as it was read (contract 06, section 4.1): values typed, nothing compiled. runtime/resilience
// merges several of them and makes policies.
//
// The maps keep what is well formed. What cannot be decoded is in `problem`: policies read before it stay, in the order
// timeouts, retries, breakers, targets (each by name); nothing after it is there.

#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "runtime/base/result.hpp"
#include "runtime/resources/specs.hpp"

namespace mecha {

// Codes that `matching` lists, as closed ranges. Empty: the list is missing, all match.
using CodeRanges = std::vector<std::pair<int, int>>;

struct RetrySpec {
  enum class Kind : std::uint8_t { constant, exponential };
  Kind kind = Kind::constant;
  std::chrono::nanoseconds duration = std::chrono::seconds(5);       // constant
  std::chrono::nanoseconds interval_max = std::chrono::seconds(60);  // exponential
  int retries_max = -1;                                              // -1: without end, 0: none
  CodeRanges http_codes, grpc_codes;
  bool operator==(const RetrySpec&) const = default;
};

struct BreakerSpec {
  std::uint32_t requests_max = 1;
  std::chrono::nanoseconds interval{};
  std::chrono::nanoseconds timeout = std::chrono::seconds(60);
  std::string trip;  // expression as written; empty: the default
  bool operator==(const BreakerSpec&) const = default;
};

// Names of policies; empty: none named.
struct PolicyNames {
  std::string timeout, retry, breaker;
  bool operator==(const PolicyNames&) const = default;
};

struct AppTargetSpec {
  PolicyNames names;
  int breaker_cache = 0;  // circuitBreakerCacheSize; 0: the default
  bool operator==(const AppTargetSpec&) const = default;
};

struct ActorTargetSpec {
  enum class Scope : std::uint8_t { type, id, both };
  PolicyNames names;
  Scope scope = Scope::type;
  int breaker_cache = 0;
  bool operator==(const ActorTargetSpec&) const = default;
};

struct ComponentTargetSpec {
  PolicyNames outbound, inbound;
  bool operator==(const ComponentTargetSpec&) const = default;
};

struct ResiliencySpec {
  template <class T>
  using Named = std::map<std::string, T, std::less<>>;

  std::string name, name_space;
  Named<std::chrono::nanoseconds> timeouts;
  Named<RetrySpec> retries;
  Named<BreakerSpec> breakers;
  Named<AppTargetSpec> apps;
  Named<ActorTargetSpec> actors;
  Named<ComponentTargetSpec> components;
  std::vector<std::string> scopes;
  Location location;
  // Why decoding stopped, as it is logged behind "Could not read resiliency policy <name>: ".
  std::optional<Error> problem;
  // Everything that cannot be decoded, the first of which is `problem`: for who tells all of it.
  struct Fault {
    int line = 0;
    std::string text;
  };
  std::vector<Fault> faults;  // not compared
  bool operator==(const ResiliencySpec& other) const;  // location is not compared
};

}  // namespace mecha
