// Invocations, and the fake as a sidecar itself.

#include "testing/fake_api.h"
#include "testing/topic.h"

namespace mecha::testing::detail {
namespace {

InvokeHandler handler_of(const Hub& hub, const InvokeRequest& request) {
  const std::lock_guard lock(hub.mutex);
  auto found = hub.methods.find({request.app, request.method});
  if (found == hub.methods.end()) found = hub.methods.find({request.app, ""});
  return found == hub.methods.end() ? InvokeHandler() : found->second;
}

bool has_app(const Hub& hub, const std::string& app) {
  const std::lock_guard lock(hub.mutex);
  const auto found = hub.methods.lower_bound({app, ""});
  return found != hub.methods.end() && found->first.first == app;
}

Error no_answer(const Hub& hub, const InvokeRequest& request) {
  if (!has_app(hub, request.app)) {
    return mecha::fail(
        Code::internal,
        "failed to invoke, id: " + request.app + ", err: no host found with the given ID"
    );
  }
  Error error = mecha::fail(Code::not_found, "Not Found");
  error.reason = "Not Found";
  error.domain = "dapr.io";
  error.metadata = {{"http.code", "404"}, {"http.error_message", "Not Found"}};
  return error;
}

SidecarInfo info_of(const Hub& hub) {
  const std::lock_guard lock(hub.mutex);
  SidecarInfo info;
  info.app_id = hub.options.app_id;
  info.runtime_version = "mecha-testing";
  info.features = hub.features;
  info.components = hub.components;
  info.extended = hub.extended;
  for (const auto& topic : hub.topics) {
    SubscriptionInfo subscription;
    subscription.pubsub = topic->request.pubsub;
    subscription.topic = topic->request.topic;
    subscription.dead_letter_topic = topic->request.dead_letter_topic.value_or("");
    subscription.metadata = topic->request.metadata;
    subscription.kind = topic->application ? SubscriptionInfo::Kind::programmatic
                                           : SubscriptionInfo::Kind::streaming;
    for (const auto& rule : topic->rules) subscription.rules.push_back({rule.match, rule.path});
    const bool all = topic->rules.empty() || !topic->default_path.empty();
    if (all) subscription.rules.push_back({"", topic->application ? topic->default_path : "/"});
    info.subscriptions.push_back(std::move(subscription));
  }
  return info;
}

}  // namespace

Task<Result<InvokeResponse>> FakeApi::invoke(InvokeRequest request, CallOptions options) {
  Site site{Call::invoke, request.app, {request.method}};
  return run<InvokeResponse>(
      hub_,
      std::move(site),
      std::move(options),
      [request = std::move(request)](Hub& hub) mutable -> Task<Result<InvokeResponse>> {
        const auto answer = handler_of(hub, request);
        if (!answer) return ready(Result<InvokeResponse>(no_answer(hub, request)));
        return answer(std::move(request));
      }
  );
}

Task<Result<SidecarInfo>> FakeApi::get_metadata(CallOptions options) {
  return run<SidecarInfo>(
      hub_, {Call::get_metadata, {}, {}}, std::move(options), [](Hub& hub) -> Result<SidecarInfo> {
        return info_of(hub);
      }
  );
}

Task<Result<void>> FakeApi::set_metadata(std::string key, std::string value, CallOptions options) {
  Site site{Call::set_metadata, {}, {key}};
  return run<void>(
      hub_,
      std::move(site),
      std::move(options),
      [key = std::move(key), value = std::move(value)](Hub& hub) -> Result<void> {
        const std::lock_guard lock(hub.mutex);
        hub.extended[key] = value;
        return {};
      }
  );
}

Task<Result<void>> FakeApi::wait_until_ready(std::chrono::milliseconds limit, CallOptions options) {
  options.timeout = limit;
  return run<void>(
      hub_,
      {Call::wait_until_ready, {}, {}},
      std::move(options),
      [](Hub&) -> Result<void> { return {}; }
  );
}

Task<Result<void>> FakeApi::shutdown(CallOptions options) {
  return run<void>(
      hub_, {Call::shutdown, {}, {}}, std::move(options), [](Hub& hub) -> Result<void> {
        {
          const std::lock_guard lock(hub.mutex);
          hub.down = true;
        }
        break_topics(hub, mecha::fail(Code::unavailable, "the sidecar was shut down"));
        return {};
      }
  );
}

}  // namespace mecha::testing::detail
