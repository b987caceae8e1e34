#include "runtime/app/error_metric.hpp"

#include <array>
#include <utility>

#include "runtime/app/application.hpp"

namespace mecha {
namespace {

// The block that an error code belongs to, as the metric groups them: "ERR_STATE_GET" is state.
std::string_view category_of(std::string_view tag) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 21> blocks{{
      {"ERR_STATE", "state"},
      {"ERR_NOT_SUPPORTED_STATE", "state"},
      {"ERR_PUBSUB", "pubsub"},
      {"ERR_TOPIC", "pubsub"},
      {"ERR_PUBLISH", "pubsub"},
      {"ERR_SECRET", "secret"},
      {"ERR_PERMISSION_DENIED", "secret"},
      {"ERR_ACTOR", "actor"},
      {"ERR_CONFIGURATION", "configuration"},
      {"ERR_CRYPTO", "crypto"},
      {"ERR_LOCK", "lock"},
      {"ERR_TRY_LOCK", "lock"},
      {"ERR_UNLOCK", "lock"},
      {"ERR_DIRECT_INVOKE", "service-invocation"},
      {"ERR_INVOKE_OUTPUT_BINDING", "binding"},
      {"ERR_CONVERSATION", "conversation"},
      {"ERR_HEALTH", "health"},
      {"ERR_OUTBOUND_HEALTH", "health"},
      {"ERR_WORKFLOW", "workflow"},
      {"ERR_INSTANCE_ID", "workflow"},
      {"DAPR_SCHEDULER", "job"},
  }};
  for (const auto& [prefix, category] : blocks) {
    if (tag.starts_with(prefix)) return category;
  }
  return tag.ends_with("_WORKFLOW") ? "workflow" : "common";
}

}  // namespace

void count_error(const RequestScope& scope, std::string_view tag) {
  // A stream may have let go of its snapshot.
  const auto snapshot = scope.snapshot ? scope.snapshot : scope.app.snapshot();
  if (!snapshot->configuration.metric.record_error_codes) return;
  scope.app.metrics->count(Metric::error_code_total, {tag, category_of(tag)});
}

}  // namespace mecha
