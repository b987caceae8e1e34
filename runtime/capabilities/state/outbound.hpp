// One call into a store: under the component's outbound policies, timed, counted. Internal to this capability.

#pragma once

#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "runtime/app/application.hpp"
#include "runtime/capabilities/state/state.hpp"

namespace mecha::state {

// Counts an operation of component_state_* when it ends.
class Count {
 public:
  Count(RequestScope& scope, Target target, std::string_view operation)
      : scope_(scope), target_(target), operation_(operation), begun_(RequestScope::Clock::now()) {}

  template <class T>
  Result<T> done(Result<T> result) {
    record(result.has_value());
    return result;
  }

 private:
  void record(bool success);

  RequestScope& scope_;
  Target target_;
  std::string_view operation_;
  RequestScope::Clock::time_point begun_;
};

template <class T, class... R>
Async<T> outbound(
    RequestScope& scope,
    Target target,
    Async<T> (StateStore::*operation)(R...),
    std::type_identity_t<R>... arguments
) {
  const MarkTimer timer(scope, Mark::component);
  co_return co_await (target.store->*operation)(std::move(arguments)...);
}

// What the API makes of the failures of a bulk write (contract 02, 1.6); success if there is none.
Result<void> join_failures(std::vector<KeyError> failures, Face face);

// A bulk write of which each item stands by itself.
template <class R>
Async<void> write_each(
    RequestScope& scope,
    Target target,
    Async<std::vector<KeyError>> (StateStore::*operation)(std::vector<R>),
    std::vector<R> items
) {
  MECHA_CO_TRY(auto failures, co_await outbound(scope, target, operation, std::move(items)));
  co_return join_failures(std::move(failures), scope.face);
}

}  // namespace mecha::state
