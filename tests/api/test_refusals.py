"""What this build cannot do is refused, never half done (docs/compatibility.md, "Not in this build")."""

import pytest

from sidecar import component

# category -> some of its types, one of a module among them where there is one
KINDS = {"state": ["state.redis", "state.postgresql", "state.sqlite"], "pubsub": ["pubsub.redis", "pubsub.kafka"], "bindings": ["bindings.http", "bindings.kafka"], "secretstores": ["secretstores.local.file"], "configuration": ["configuration.redis"],
         "lock": ["lock.redis"], "crypto": ["crypto.dapr.jwks"], "middleware": ["middleware.http.bearer"]}


@pytest.mark.parametrize("kind", KINDS)
def test_a_component_that_is_not_here_is_refused_with_what_is(launch, kind):
    one = launch.sidecar(resources=[component("c", f"{kind}.http.cassandra")], ready="")
    assert one.wait() == 1
    (line,) = [line for line in one.log().splitlines() if ("Failed to init" if kind == "middleware" else "is not in this build") in line]
    assert f"{kind}.http.cassandra/v1" in line and all(name in line.partition("; there are ")[2] for name in KINDS[kind])


@pytest.mark.parametrize("path,status,code", [
    ("/v1.0/configuration/c?key=a", 500, "ERR_CONFIGURATION_STORE_NOT_CONFIGURED"),
    ("/v1.0/configuration/c/subscribe", 500, "ERR_CONFIGURATION_STORE_NOT_CONFIGURED"),
    ("/v1.0/actors/T/1/state/k", 400, "ERR_ACTOR_NO_PLACEMENT"),
    ("/v1.0/actors/dapr.internal.x/1/state/k", 403, "ERR_ACTOR_TYPE_RESERVED"),
])
def test_capabilities_without_components_answer_as_not_configured(launch_module, path, status, code):
    got = launch_module.sidecar().get(path)
    assert (got.status, got.json["errorCode"]) == (status, code)


@pytest.mark.parametrize("path,body,status,code", [
    ("/v1.0-alpha1/lock/l", {"resourceId": "r", "lockOwner": "o", "expiryInSeconds": 5}, 500, "ERR_LOCK_STORE_NOT_CONFIGURED"),
    ("/v1.0-alpha1/unlock/l", {}, 500, "ERR_LOCK_STORE_NOT_CONFIGURED"),
    ("/v1.0-alpha1/conversation/c/converse", {}, 400, "ERR_CONVERSATION_NOT_FOUND"),
])
def test_so_do_those_with_a_body(launch_module, path, body, status, code):
    got = launch_module.sidecar().post(path, body)
    assert (got.status, got.json["errorCode"]) == (status, code)
