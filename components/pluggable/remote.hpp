// A socket behind which a component may be, and what is served there.

#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "components/pluggable/limits.hpp"

namespace mecha::pluggable {

inline constexpr std::string_view kPackage = "dapr.proto.components.v1.";

struct Remote {
  std::string name;                   // of the type, behind its category: "my-redis"
  std::string socket;                 // its path
  std::vector<std::string> services;  // full names, as the server tells them
  Limits limits = {};                 // of the component that is made on it

  // `service` without its package: "StateStore".
  bool serves(std::string_view service) const {
    return std::ranges::any_of(services, [&](std::string_view one) {
      return one.starts_with(kPackage) && one.substr(kPackage.size()) == service;
    });
  }
};

}  // namespace mecha::pluggable
