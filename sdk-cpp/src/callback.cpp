// What an application answers for the questions of a sidecar that it does not override.

#include "mecha/callback.h"

namespace mecha {
namespace {

template <class T>
Task<Result<T>> missing(const char* call) {
  return ready(Result<T>(fail(Code::unimplemented, std::string(call) + " is not implemented here"))
  );
}

}  // namespace

Task<Result<MethodReply>> CallbackApi::on_invoke(MethodCall) {
  return missing<MethodReply>("on_invoke");
}
Task<Result<std::vector<TopicSubscription>>> CallbackApi::list_topics() {
  return missing<std::vector<TopicSubscription>>("list_topics");
}
Task<Result<Verdict>> CallbackApi::on_topic(TopicEvent) { return missing<Verdict>("on_topic"); }
Task<Result<std::vector<EntryVerdict>>> CallbackApi::on_topic_bulk(BulkTopicEvent) {
  return missing<std::vector<EntryVerdict>>("on_topic_bulk");
}
Task<Result<std::vector<std::string>>> CallbackApi::list_bindings() {
  return missing<std::vector<std::string>>("list_bindings");
}
Task<Result<BindingReply>> CallbackApi::on_binding(BindingEvent) {
  return missing<BindingReply>("on_binding");
}
Task<Result<void>> CallbackApi::on_job(JobEvent) { return missing<void>("on_job"); }
Task<Result<void>> CallbackApi::health() { return missing<void>("health"); }

}  // namespace mecha
