"""Policies in the path of requests (contract 06, section 4), the rows that the vectors leave out."""
import time

import grpc
import pytest
from dapr.proto.common.v1 import common_pb2
from dapr.proto.runtime.v1 import dapr_pb2_grpc, invoke_pb2

from application import Reply, reply
from sidecar import component, wait_until

HEAD = "apiVersion: dapr.io/v1alpha1\nkind: Resiliency\nmetadata: {{name: r}}\nspec:\n  policies: {policies}\n  targets: {targets}\n"


def resiliency(policies, targets):
    return {"r.yaml": HEAD.format(policies=policies, targets=targets)}


def world(launch, policies, targets, remote=True):
    app = launch.app()
    if remote:
        front, _, _ = launch.pair(app, caller={"resources": resiliency(policies, targets)})
        return front, app, "back"
    return launch.sidecar(app=app, resources=resiliency(policies, targets)), app, "app"


# retry policy | statuses in a row | (status the caller sees, attempts)
RETRIES = [
    ("all", "{duration: 5ms, maxRetries: 2}", [500, 200], (200, 2)), ("exhausted", "{duration: 5ms, maxRetries: 2}", [500, 500, 503, 200], (503, 3)), ("none", "{duration: 5ms, maxRetries: 0}", [500, 200], (500, 1)),
    ("matching", "{duration: 5ms, maxRetries: 2, matching: {httpStatusCodes: '500,502-504'}}", [503, 200], (200, 2)), ("not matching", "{duration: 5ms, maxRetries: 2, matching: {httpStatusCodes: '500,502-504'}}", [501, 200], (501, 1)),
    ("below the range", "{duration: 5ms, maxRetries: 2, matching: {httpStatusCodes: '502-504'}}", [501, 200], (501, 1)), ("above the range", "{duration: 5ms, maxRetries: 2, matching: {httpStatusCodes: '502-504'}}", [505, 200], (505, 1)),
    ("gRPC codes do not filter HTTP", "{duration: 5ms, maxRetries: 2, matching: {gRPCStatusCodes: '14'}}", [500, 200], (200, 2)), ("404 counts", "{duration: 5ms, maxRetries: 1}", [404, 200], (200, 2)), ("a redirect does not", "{duration: 5ms, maxRetries: 1}", [302, 200], (302, 1)),
    ("policy in capitals", "{policy: CONSTANT, duration: 5ms, maxRetries: 1}", [500, 200], (200, 2)), ("number as duration", "{duration: 5, maxRetries: 1}", [500, 200], (200, 2)), ("without end", "{duration: 1ms}", [500] * 12 + [200], (200, 13)),
]


@pytest.mark.parametrize("remote", [True, False], ids=["peer", "own"])
@pytest.mark.parametrize("policy,statuses,want", [row[1:] for row in RETRIES], ids=[row[0] for row in RETRIES])
def test_retry(launch, policy, statuses, want, remote):
    one, app, target = world(launch, f"{{retries: {{r: {policy}}}}}", f"{{apps: {{{'back' if remote else 'app'}: {{retry: r}}}}}}", remote)
    left = list(statuses)
    app.on("/x", lambda call: Reply(left.pop(0), b"said"))
    got = one.invoke(target, "x", body="body")
    assert (got.status, len(app.calls("/x"))) == want
    assert {r.body for r in app.calls("/x")} == {b"body"}


def test_a_redirect_is_a_failure_to_grpc_callers_only(launch):
    one, app, target = world(launch, "{retries: {r: {duration: 5ms, maxRetries: 2}}}", "{apps: {app: {retry: r}}}", remote=False)
    app.on("/x", Reply(302))
    assert one.invoke(target, "x").status == 302
    message = common_pb2.InvokeRequest(method="x", http_extension=common_pb2.HTTPExtension(verb="POST"))
    with grpc.insecure_channel(f"127.0.0.1:{one.grpc}") as channel, pytest.raises(grpc.RpcError) as failed:
        dapr_pb2_grpc.DaprStub(channel).InvokeService(invoke_pb2.InvokeServiceRequest(id=target, message=message), timeout=20)
    assert (failed.value.details(), dict(failed.value.initial_metadata())["dapr-http-status"]) == ("Found", "302")
    assert len(app.calls("/x")) == 1 + 3


def test_a_chunked_request_is_not_retried(launch):
    one, app, _ = world(launch, "{retries: {r: {duration: 5ms, maxRetries: 3}}}", "{apps: {back: {retry: r}}}")
    app.on("/x", Reply(500, b"said"))
    got = one.invoke("back", "x", body="body", headers=[("Transfer-Encoding", "chunked")])
    assert (got.status, got.body, len(app.calls("/x"))) == (500, b"said", 1)


def slow(app, seconds):
    def wait(call):
        end = time.monotonic() + seconds
        while time.monotonic() < end and not call.gone():
            time.sleep(0.01)
        return reply(200, b"late")
    app.on("/slow", wait)


@pytest.mark.parametrize("remote", [True, False], ids=["peer", "own"])
def test_a_timeout_is_of_one_attempt_and_is_retried(launch, remote):
    one, app, target = world(launch, "{timeouts: {t: 500ms}, retries: {r: {duration: 5ms, maxRetries: 2}}}", f"{{apps: {{{'back' if remote else 'app'}: {{timeout: t, retry: r}}}}}}", remote)
    slow(app, 20)
    begun = time.monotonic()
    got = one.invoke(target, "slow", body="x")
    spent = time.monotonic() - begun
    assert got.error() == (500, "ERR_DIRECT_INVOKE", f"failed to invoke, id: {target}, err: context deadline exceeded")
    assert 1.4 < spent < 15 and len(app.wait_for("/slow", 3)) == 3


def test_a_timeout_cuts_a_body_that_is_under_way(launch):
    import http.client
    one, app, _ = world(launch, "{timeouts: {t: 1s}}", "{apps: {back: {timeout: t}}}")

    def dribble(call):
        call.start()
        for _ in range(1000):
            call.send(b"x")
            time.sleep(0.02)
        call.end()
    app.on("/body", dribble)
    with pytest.raises((http.client.IncompleteRead, ConnectionError)):
        one.invoke("back", "body", "GET")


def test_breaker(launch):
    one, app, _ = world(launch, "{circuitBreakers: {b: {maxRequests: 1, timeout: 2s, trip: consecutiveFailures >= 2}}}", "{apps: {back: {circuitBreaker: b}}}")
    app.on("/x", Reply(500))
    begun = time.monotonic()
    assert [one.invoke("back", "x").status for _ in range(2)] == [500, 500]
    refused = one.invoke("back", "x")
    assert refused.error() == (500, "ERR_DIRECT_INVOKE", "failed to invoke, id: back, err: circuit breaker is open")
    assert len(app.calls("/x")) == 2
    assert one.invoke("back", "y").status == 404  # each method has its own
    app.on("/x", Reply(200))
    wait_until(lambda: one.invoke("back", "x").status == 200, "the breaker to heal", 20)
    assert time.monotonic() - begun > 1.9
    one.says('changed state from closed to open')


@pytest.mark.parametrize("trip,failures", [("totalFailures > 2", 3), ("requests >= 2 && totalFailures == requests", 2), (None, 6)], ids=["total", "two counts", "default"])
def test_trip(launch, trip, failures):
    rule = f", trip: '{trip}'" if trip else ""
    one, app, _ = world(launch, f"{{circuitBreakers: {{b: {{timeout: 60s{rule}}}}}}}", "{apps: {back: {circuitBreaker: b}}}")
    app.on("/x", Reply(500))
    for _ in range(failures + 2):
        one.invoke("back", "x")
    assert len(app.calls("/x")) == failures


def test_a_default_policy(launch):
    one, app, _ = world(launch, "{retries: {DefaultRetryPolicy: {duration: 5ms, maxRetries: 5}, DefaultAppRetryPolicy: {duration: 5ms, maxRetries: 1}}}", "{}")
    app.on("/x", Reply(500))
    one.invoke("back", "x", body="x")
    assert len(app.calls("/x")) == 2


def test_an_entry_that_is_empty_suppresses_defaults(launch):
    one, app, _ = world(launch, "{retries: {DefaultRetryPolicy: {duration: 5ms, maxRetries: 5}}}", "{apps: {back: {}}}")
    app.on("/x", Reply(500))
    one.invoke("back", "x", body="x")
    assert len(app.calls("/x")) == 1


def test_a_malformed_policy_leaves_the_sidecar_running(launch):
    one = launch.sidecar(resources={"r.yaml": HEAD.format(policies="{retries: {a: {matching: {httpStatusCodes: '5xx'}}}}", targets="{}"), "s.yaml": component("s", "state.in-memory")})
    assert one.post("/v1.0/state/s", [{"key": "a", "value": 1}]).status == 204
    assert "Could not read resiliency policy" in one.log()


# component call | how it fails without an answer within the limit
def test_policies_of_an_output_binding(launch):
    app = launch.app()
    slow(app, 20)
    parts = {"b.yaml": component("b", "bindings.http", url=f"http://127.0.0.1:{app.port}"), **resiliency("{timeouts: {t: 500ms}, retries: {r: {duration: 5ms, maxRetries: 1}}, circuitBreakers: {c: {timeout: 60s, trip: consecutiveFailures >= 2}}}", "{components: {b: {outbound: {timeout: t, retry: r, circuitBreaker: c}}}}")}
    one = launch.sidecar(resources=parts)
    call = {"operation": "get", "metadata": {"path": "slow"}}
    assert one.post("/v1.0/bindings/b", call).error() == (500, "ERR_INVOKE_OUTPUT_BINDING", "error invoking output binding b: context deadline exceeded")
    assert len(app.wait_for("/slow", 2)) == 2
    assert one.post("/v1.0/bindings/b", call).error() == (500, "ERR_INVOKE_OUTPUT_BINDING", "error invoking output binding b: circuit breaker is open")
    assert len(app.calls("/slow")) == 2


def test_a_policy_in_another_scope_does_not_apply(launch):
    app = launch.app().on("/x", Reply(500))
    text = HEAD.format(policies="{retries: {r: {duration: 5ms, maxRetries: 3}}}", targets="{apps: {app: {retry: r}}}")
    one = launch.sidecar(app=app, resources={"r.yaml": text + "scopes: [other]\n"})
    one.invoke("app", "x", body="x")
    assert len(app.calls("/x")) == 1
