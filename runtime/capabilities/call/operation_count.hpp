// OperationCount: the two metrics of one operation on a component. They are written when it ends; one that is cancelled counts
// as failed.

#pragma once

#include <cstdint>
#include <string_view>

#include "runtime/app/application.hpp"
#include "runtime/telemetry/metrics.hpp"

namespace mecha {

class OperationCount {
 public:
  struct Names {
    Metric count, latencies;
    std::string_view component, detail;  // detail: the operation or the topic
    enum class Success : std::uint8_t { last, before_detail } success = Success::last;
  };

  // What `scope` and the names refer to outlives the count. The time begins here.
  OperationCount(RequestScope& scope, Names names) : scope_(scope), names_(names), begun_(RequestScope::Clock::now()) {}
  ~OperationCount() {
    if (!done_) record(false);
  }
  OperationCount(const OperationCount&) = delete;
  OperationCount& operator=(const OperationCount&) = delete;

  // Once.
  void done(bool success) {
    done_ = true;
    record(success);
  }

  template <class T>
  Result<T> done(Result<T> result) {
    done(result.has_value());
    return result;
  }

 private:
  void record(bool success) const {
    if (scope_.app.metrics == nullptr) return;
    auto& metrics = *scope_.app.metrics;
    const std::string_view space = scope_.app.info.name_space, outcome = success ? "true" : "false";
    const bool last = names_.success == Names::Success::last;
    const Metrics::Labels labels{names_.component, space, last ? names_.detail : outcome, last ? outcome : names_.detail};
    metrics.count(names_.count, labels);
    metrics.observe(names_.latencies, labels, milliseconds_since(begun_));
  }

  RequestScope& scope_;
  const Names names_;
  const RequestScope::Clock::time_point begun_;
  bool done_ = false;
};

}  // namespace mecha
