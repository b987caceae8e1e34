"""Answers of capabilities that are not configured: contract 04a, "Answers when a capability is not configured"; contract 01, 2.2."""
from error_rows.row import Row, Unprovoked, info

ACTOR, PLACEMENT = "/v1.0/actors/Type/1/", "placement service is not configured"
SELF = {"actorType": "Type", "actorId": "1"}
ACTORS = {
    "RegisterActorTimer": (("POST", ACTOR + "timers/t", {}), {**SELF, "name": "t"}),
    "UnregisterActorTimer": (("DELETE", ACTOR + "timers/t"), {**SELF, "name": "t"}),
    "RegisterActorReminder": (("PUT", ACTOR + "reminders/r", {}), {**SELF, "name": "r"}),
    "UnregisterActorReminder": (("DELETE", ACTOR + "reminders/r"), {**SELF, "name": "r"}),
    "GetActorReminder": (("GET", ACTOR + "reminders/r"), {"actorType": "Type", "actorID": "1", "name": "r"}),
    "UnregisterActorRemindersByType": (None, {"actorType": "Type"}),
    "ListActorReminders": (None, {"actorType": "Type"}),
    "GetActorState": (("GET", ACTOR + "state/k"), {**SELF, "key": "k"}),
    "ExecuteActorStateTransaction": (("POST", ACTOR + "state", []), SELF),
    "InvokeActor": (("PUT", ACTOR + "method/m", b"x"), {**SELF, "method": "m"}),
}
WORKFLOW = ["Start", "Get", "Purge", "Terminate", "Pause", "Resume", "RaiseEvent"]
JOBS = {"ScheduleJob": ("schedule job", "DAPR_SCHEDULER_SCHEDULE_JOB"), "GetJob": ("get job", "DAPR_SCHEDULER_GET_JOB"), "DeleteJob": ("delete job", "DAPR_SCHEDULER_DELETE_JOB"),
        "DeleteJobsByPrefix": ("delete job", "DAPR_SCHEDULER_DELETE_JOB"), "ListJobs": ("list jobs", "DAPR_SCHEDULER_LIST_JOBS")}
RESERVED = 'actor type "dapr.internal.x" is reserved for the Dapr workflow runtime; direct actor API access is not permitted'
ROWS = [
    *(Row(f"actors: {method}", "ERR_ACTOR_NO_PLACEMENT", 400, "UNAVAILABLE", PLACEMENT, http, (method, ask)) for method, (http, ask) in ACTORS.items()),
    *(Row(f"workflow: {verb}{age}", "ERR_ACTOR_NO_PLACEMENT", 0, "UNAVAILABLE", PLACEMENT, None, (f"{verb}Workflow{age}", {}))
      for verb in WORKFLOW for age in ("Alpha1", "Beta1")),
    *(Row(f"actors: a reserved type, {method}", "ERR_ACTOR_TYPE_RESERVED", 403, "PERMISSION_DENIED", RESERVED,
          http and (http[0], http[1].replace("Type", "dapr.internal.x"), *http[2:]), (method, {**ask, "actorType": "dapr.internal.x"})) for method, (http, ask) in ACTORS.items()),
    *(Row(f"jobs: {method}{age}", reason, 0, "INTERNAL", f"failed to {what} due to: scheduler clients are disabled", None, (method + age, {}),
          rpc_details=[info(reason, {"appID": "app", "namespace": "default"})])
      for method, (what, reason) in JOBS.items() for age in ("", "Alpha1")),
    *(Row(f"conversation: {age}", "ERR_CONVERSATION_NOT_FOUND", 400, "INVALID_ARGUMENT", "failed finding conversation component nope",
          ("POST", f"/v1.0-{age.lower()}/conversation/nope/converse", {}), (f"Converse{age}", {"name": "nope"})) for age in ("Alpha1", "Alpha2")),
    Row("actor stream: wrong first message", "", 0, "INVALID_ARGUMENT", "first message must be SubscribeActorEventsRequestInitialAlpha1", None,
        ("SubscribeActorEventsAlpha1", [{"requestFailed": {"id": "x"}}])),
]
LATER = "actors, jobs, workflow and conversation with components come with their own work"
UNPROVOKED = [Unprovoked(code, "see contract 01, 2.2 and 2.4", LATER) for code in """
    ERR_ACTOR_REMINDER_NON_HOSTED ERR_ACTOR_RUNTIME_NOT_FOUND ERR_ACTOR_NO_APP_CHANNEL ERR_ACTOR_INSTANCE_MISSING ERR_ACTOR_INVOKE_METHOD ERR_ACTOR_STATE_GET
    ERR_ACTOR_STATE_TRANSACTION_SAVE ERR_ACTOR_REMINDER_CREATE ERR_ACTOR_REMINDER_GET ERR_ACTOR_REMINDER_DELETE ERR_ACTOR_REMINDER_NOT_FOUND
    ERR_ACTOR_REMINDER_ALREADY_EXISTS ERR_ACTOR_TIMER_CREATE ERR_ACTOR_STACK_DEPTH ERR_ACTOR_RUNTIME_CLOSED ERR_ACTOR_NAMESPACE_REQUIRED ERR_ACTOR_NO_ADDRESS
    ERR_START_WORKFLOW ERR_GET_WORKFLOW ERR_TERMINATE_WORKFLOW ERR_RAISE_EVENT_WORKFLOW ERR_PAUSE_WORKFLOW ERR_RESUME_WORKFLOW ERR_PURGE_WORKFLOW
    ERR_WORKFLOW_NAME_MISSING ERR_INSTANCE_ID_TOO_LONG ERR_INSTANCE_ID_INVALID ERR_INSTANCE_ID_PROVIDED_MISSING ERR_INSTANCE_ID_NOT_FOUND
    ERR_WORKFLOW_COMPONENT_NOT_FOUND ERR_WORKFLOW_COMPONENT_MISSING ERR_WORKFLOW_EVENT_NAME_MISSING ERR_WORKFLOW_APP_ID_INVALID
    ERR_CONVERSATION_INVALID_PARMS ERR_CONVERSATION_INVOKE ERR_CONVERSATION_MISSING_INPUTS
    DAPR_SCHEDULER_EMPTY DAPR_SCHEDULER_JOB_NAME_EMPTY DAPR_SCHEDULER_SCHEDULE_EMPTY DAPR_SCHEDULER_JOB_NAME
    ERR_INTERNAL""".split()]  # ERR_INTERNAL: a job whose data has a type without JSON (contract 05)
