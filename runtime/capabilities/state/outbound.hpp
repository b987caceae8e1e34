// One call into a store: under the component's outbound policies, timed, counted. Internal to this capability.

#pragma once

#include <algorithm>
#include <functional>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "runtime/app/application.hpp"
#include "runtime/app/snapshot.hpp"
#include "runtime/capabilities/call/operation_count.hpp"
#include "runtime/capabilities/state/state.hpp"
#include "runtime/resilience/run.hpp"

namespace mecha::state {

// Counts an operation of component_state_* when it ends.
class Count : public OperationCount {
 public:
  Count(RequestScope& scope, Target target, std::string_view operation)
      : OperationCount(scope, {Metric::component_state_count, Metric::component_state_latencies, target.spec->name, operation}) {}
};

inline bool is_etag_failure(const Error& error) {
  return error.failure == Failure::etag_mismatch || error.failure == Failure::etag_invalid;
}

// An attempt as the retries see it: etag failures are an outcome, since another attempt would fail the same way.
template <class T>
Async<Result<T>> attempt(RequestScope& scope, Async<T> work) {
  const MarkTimer timer(scope, Mark::component);
  auto result = co_await std::move(work);
  if (!result && !is_etag_failure(result.error())) co_return fail(std::move(result).error());
  co_return Result<Result<T>>(std::in_place, std::move(result));
}

inline resilience::Policy outbound_policy(const RequestScope& scope, Target target) {
  return scope.snapshot->resiliency->component_policy(
      target.spec->name, ComponentKind::statestore, resilience::Direction::outbound
  );
}

// One call of the store; each attempt under a policy gets arguments of its own.
template <class T, class... R>
Async<T> outbound(
    RequestScope& scope,
    Target target,
    Async<T> (StateStore::*operation)(R...),
    std::type_identity_t<R>... arguments
) {
  auto policy = outbound_policy(scope, target);
  if (policy.empty()) {
    const MarkTimer timer(scope, Mark::component);
    co_return co_await (target.store->*operation)(std::move(arguments)...);
  }
  const std::function<Async<Result<T>>(int)> repeat = [&](int) {
    return attempt<T>(scope, (target.store->*operation)(R(arguments)...));
  };
  MECHA_CO_TRY(auto outcome, co_await resilience::run<Result<T>>(scope, std::move(policy), repeat));
  co_return outcome;
}

// What the API makes of the failures of a bulk write (contract 02, 1.6); success if there is none.
Result<void> join_failures(std::vector<KeyError> failures, Face face);

// A bulk write of which each item stands by itself: what failed for another reason than its etag is repeated.
template <class R>
class EachWrite {
 public:
  using Bulk = Async<std::vector<KeyError>> (StateStore::*)(std::vector<R>);

  EachWrite(RequestScope& scope, Target target, Bulk operation, std::vector<R> items)
      : scope_(scope), target_(target), operation_(operation), items_(std::move(items)) {
    for (std::size_t i = 0; i < items_.size(); ++i) left_.push_back(i);
  }

  // Fails while something is left that another attempt may do.
  Async<void> attempt() {
    std::vector<R> batch;
    for (const auto index : left_) batch.push_back(items_[index]);
    const MarkTimer timer(scope_, Mark::component);
    MECHA_CO_TRY(auto failures, co_await (target_.store->*operation_)(std::move(batch)));
    std::vector<std::size_t> again;
    others_.clear();
    for (auto& failure : failures) {
      failure.index = left_[failure.index];
      if (!is_etag_failure(failure.error)) again.push_back(failure.index);
      (is_etag_failure(failure.error) ? etags_ : others_).push_back(std::move(failure));
    }
    left_ = std::move(again);
    if (!others_.empty()) co_return fail(others_.front().error);
    co_return Result<void>{};
  }

  // `last`: how the attempts ended.
  Result<void> outcome(Result<void> last) {
    if (!last && others_.empty()) return last;
    auto failures = std::move(etags_);
    failures.insert(failures.end(), others_.begin(), others_.end());
    std::ranges::sort(failures, {}, &KeyError::index);
    return join_failures(std::move(failures), scope_.face);
  }

 private:
  RequestScope& scope_;
  Target target_;
  Bulk operation_;
  std::vector<R> items_;
  std::vector<std::size_t> left_;
  std::vector<KeyError> etags_, others_;
};

template <class R>
Async<void> write_each(
    RequestScope& scope,
    Target target,
    Async<std::vector<KeyError>> (StateStore::*operation)(std::vector<R>),
    std::vector<R> items
) {
  auto policy = outbound_policy(scope, target);
  if (policy.empty()) {
    MECHA_CO_TRY(auto failures, co_await outbound(scope, target, operation, std::move(items)));
    co_return join_failures(std::move(failures), scope.face);
  }
  EachWrite<R> write(scope, target, operation, std::move(items));
  const std::function<Async<void>(int)> repeat = [&write](int) { return write.attempt(); };
  co_return write.outcome(co_await resilience::run<void>(scope, std::move(policy), repeat));
}

}  // namespace mecha::state
