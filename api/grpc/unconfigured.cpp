#include "api/grpc/unconfigured.hpp"

#include <google/protobuf/empty.pb.h>

#include "api/errors/unconfigured.hpp"
#include "api/grpc/message.hpp"
#include "dapr/proto/runtime/v1/actors.pb.h"
#include "dapr/proto/runtime/v1/ai.pb.h"
#include "runtime/app/application.hpp"

namespace mecha::api {
namespace {

namespace pb = dapr::proto::runtime::v1;
using google::protobuf::Empty;

GrpcMethod refusing(std::string path, std::string group, std::function<Error()> error) {
  return {
      .path = std::move(path),
      .group = std::move(group),
      .handler = [error = std::move(error)](GrpcRequest&) -> Async<void> { co_return fail(error()); }};
}

std::string dapr_method(std::string_view name) { return std::string(kDapr).append(name); }

// As over HTTP, a reserved type is refused before anything is asked of placement.
template <class Q>
Async<Empty> refuse_actor(Application&, GrpcRequest&, Q message) {
  const auto& type = message.actor_type();
  co_return fail(type.starts_with("dapr.internal.") ? errors::actor_type_reserved(type) : errors::actors_without_placement());
}

template <class Q>
void add_actor(std::vector<GrpcMethod>& methods, Application& application, std::string_view name) {
  methods.push_back(unary(name, "actors.v1", application, refuse_actor<Q>));
}

void add_actors(std::vector<GrpcMethod>& methods, Application& application) {
  add_actor<pb::RegisterActorTimerRequest>(methods, application, "RegisterActorTimer");
  add_actor<pb::UnregisterActorTimerRequest>(methods, application, "UnregisterActorTimer");
  add_actor<pb::RegisterActorReminderRequest>(methods, application, "RegisterActorReminder");
  add_actor<pb::GetActorReminderRequest>(methods, application, "GetActorReminder");
  add_actor<pb::UnregisterActorReminderRequest>(methods, application, "UnregisterActorReminder");
  add_actor<pb::UnregisterActorRemindersByTypeRequest>(methods, application, "UnregisterActorRemindersByType");
  add_actor<pb::ListActorRemindersRequest>(methods, application, "ListActorReminders");
  add_actor<pb::GetActorStateRequest>(methods, application, "GetActorState");
  add_actor<pb::ExecuteActorStateTransactionRequest>(methods, application, "ExecuteActorStateTransaction");
  add_actor<pb::InvokeActorRequest>(methods, application, "InvokeActor");
}

void add_workflows(std::vector<GrpcMethod>& methods) {
  for (const std::string version : {"Alpha1", "Beta1"}) {
    for (const std::string name : {"Start", "Get", "Terminate", "RaiseEvent", "Purge", "Pause", "Resume"}) {
      const auto group = version == "Alpha1" ? "workflows.v1alpha1" : "workflows.v1beta1";
      methods.push_back(refusing(dapr_method(name + "Workflow" + version), group, errors::actors_without_placement));
    }
  }
}

// The scheduler's errors, named after what could not be done.
Error scheduler_disabled(const Application& application, std::string_view what, std::string_view reason) {
  return errors::rich(
      reason, 500, Code::internal, "failed to " + std::string(what) + " due to: scheduler clients are disabled",
      {errors::error_info(
          std::string(reason),
          {{"appID", application.info.id}, {"namespace", application.info.identity_name_space}}
      )}
  );
}

void add_jobs(std::vector<GrpcMethod>& methods, const Application& application) {
  struct Entry {
    std::string name;
    std::string_view what, reason;
  };
  const Entry entries[] = {
      {"ScheduleJob", "schedule job", "DAPR_SCHEDULER_SCHEDULE_JOB"},
      {"GetJob", "get job", "DAPR_SCHEDULER_GET_JOB"},
      {"DeleteJob", "delete job", "DAPR_SCHEDULER_DELETE_JOB"},
      {"DeleteJobsByPrefix", "delete job", "DAPR_SCHEDULER_DELETE_JOB"},
      {"ListJobs", "list jobs", "DAPR_SCHEDULER_LIST_JOBS"},
  };
  for (const auto& entry : entries) {
    const auto error = [&application, what = entry.what, reason = entry.reason] {
      return scheduler_disabled(application, what, reason);
    };
    methods.push_back(refusing(dapr_method(entry.name), "jobs.v1", error));
    methods.push_back(refusing(dapr_method(entry.name + "Alpha1"), "jobs.v1alpha1", error));
  }
}

// An actor host may connect and wait, as without a placement service; nothing is ever called on it.
Async<void> host_actors(Application& application, GrpcRequest& request) {
  pb::SubscribeActorEventsRequestAlpha1 message;
  MECHA_CO_TRY(const bool there, co_await request.read(message));
  if (!there || !message.has_initial_request()) {
    co_return fail(Code::invalid_argument, "first message must be SubscribeActorEventsRequestInitialAlpha1");
  }
  if (application.channel != nullptr && !application.channel->is_grpc()) {
    co_return fail(Code::failed_precondition, "actor callback streaming requires a gRPC app channel");
  }
  pb::SubscribeActorEventsResponseAlpha1 answer;
  answer.mutable_initial_response();
  MECHA_CO_TRY_VOID(co_await request.write(answer));
  for (;;) {
    MECHA_CO_TRY(const bool more, co_await request.read(message));
    if (!more) co_return Result<void>{};
  }
}

template <class Q>
Async<Empty> converse(Application&, GrpcRequest&, Q message) {
  co_return fail(errors::conversation_not_found(message.name()));
}

Async<Empty> hello(Application&, GrpcRequest&, Empty) { co_return Empty(); }

void add_task_hub(std::vector<GrpcMethod>& methods, Application& application) {
  const std::string service = "/TaskHubSidecarService/";
  for (const std::string name :
       {"StartInstance", "GetInstance", "WaitForInstanceStart", "WaitForInstanceCompletion", "RaiseEvent",
        "TerminateInstance", "SuspendInstance", "ResumeInstance", "PurgeInstances", "GetWorkItems", "CompleteActivityTask",
        "CompleteOrchestratorTask", "CompleteWorkflowTask", "RerunWorkflowFromEvent", "ListInstanceIDs",
        "GetInstanceHistory"}) {
    methods.push_back(refusing(service + name, "", errors::actors_without_placement));
  }
  auto greeting = unary("Hello", "", application, hello);
  greeting.path = service + "Hello";
  methods.push_back(std::move(greeting));
}

}  // namespace

std::vector<GrpcMethod> unconfigured_methods(Application& application) {
  std::vector<GrpcMethod> methods;
  add_actors(methods, application);
  add_workflows(methods);
  add_jobs(methods, application);
  methods.push_back(unary("ConverseAlpha1", "conversation.v1alpha1", application, converse<pb::ConversationRequest>));
  methods.push_back(unary("ConverseAlpha2", "conversation.v1alpha2", application, converse<pb::ConversationRequestAlpha2>));
  methods.push_back(streaming("SubscribeActorEventsAlpha1", "actors.v1alpha1", application, host_actors));
  add_task_hub(methods, application);
  return methods;
}

}  // namespace mecha::api
