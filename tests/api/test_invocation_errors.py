"""What a caller sees when an invocation fails (contract 01, 5.1, 5.2 and 5.6)."""
import grpc
import pytest
from dapr.proto.common.v1 import common_pb2
from dapr.proto.runtime.v1 import dapr_pb2_grpc, invoke_pb2

from application import Reply, reply
from sidecar import free_port, wait_until

PREFIX = "failed to invoke, id: {id}, err: "
POLICY = """apiVersion: dapr.io/v1alpha1
kind: Resiliency
metadata: {name: r}
spec:
  policies:
    timeouts: {short: 200ms}
    circuitBreakers: {quick: {maxRequests: 1, timeout: 60s, trip: consecutiveFailures >= 1}}
  targets:
    apps:
      slow: {timeout: short}
      gone: {timeout: 5s}
      broken: {circuitBreaker: quick}
"""


def refusal(got, status=500):
    assert got.header("content-type") == "application/json"
    code, error, message = got.error()
    assert (code, error) == (status, "ERR_DIRECT_INVOKE")
    return message


@pytest.fixture(scope="module")
def world(launch_module):
    def slow(call):
        wait_until(call.gone, "the caller to go", 10)

    app = launch_module.app().on("/x", reply(200, b"ok"))
    launch_module.sidecar("slow", app=launch_module.app().on("/x", slow))
    launch_module.sidecar("broken", app=launch_module.app().on("/x", Reply(500, b"no")))
    launch_module.sidecar("bare")
    launch_module.sidecar("deaf", app=free_port(), ready="/v1.0/healthz/outbound")
    back = launch_module.sidecar("back", app=app)
    front = launch_module.sidecar("front", resources=POLICY)
    return front, back, app


# target | method as in the path | how the message ends (after the prefix)
CAUSES = [
    ("two dots", "a.b.c", "x", "invalid app id a.b.c"),
    ("unknown app", "nobody", "x", None),
    ("callee has no app port", "bare", "x", "rpc error: code = Internal desc = app channel is not initialized"),
    ("self, no app port", "front", "x", "cannot invoke local endpoint: app channel not initialized"),
    ("policy timeout", "slow", "x", "context deadline exceeded"),
    ("hash", "back", "a%23b", 'rpc error: code = InvalidArgument desc = invalid method: method contains forbidden character: "a#b"'),
    ("question mark", "back", "a%3Fb", 'rpc error: code = InvalidArgument desc = invalid method: method contains forbidden character: "a?b"'),
    ("control character", "back", "a%01b", None),
    ("method is checked before the look-up", "nobody", "a%23b", 'rpc error: code = InvalidArgument desc = invalid method: method contains forbidden character: "a#b"'),
]


@pytest.mark.parametrize("target,method,cause", [row[1:] for row in CAUSES], ids=[row[0] for row in CAUSES])
def test_cause(world, target, method, cause):
    message = refusal(world[0].invoke(target, method, "GET"))
    assert message.startswith(PREFIX.format(id=target))
    if cause is not None:
        assert message == PREFIX.format(id=target) + cause


def test_a_control_character_is_named_with_its_position(world):
    message = refusal(world[0].invoke("back", "ab%01c", "GET"))
    assert "invalid method: method contains control character at position 2: " in message


@pytest.mark.parametrize("method", ["%7f", "a%0ab", "a%00b"])
def test_no_control_character_reaches_an_application(world, method):
    front, _, app = world
    app.forget()
    assert "InvalidArgument desc = invalid method" in refusal(front.invoke("back", method, "GET"))
    assert app.calls() == []


def test_an_app_that_refuses_connections(world):
    message = refusal(world[0].invoke("deaf", "x", "GET"))
    assert message.startswith(PREFIX.format(id="deaf") + "rpc error: code = Internal desc = error invoking app channel: Get \"http://127.0.0.1:")
    assert message.endswith(": connect: connection refused")


def test_own_app_that_refuses_connections(launch):
    port = free_port()
    one = launch.sidecar(app=port, ready="/v1.0/healthz/outbound")
    place, why = f"127.0.0.1:{port}", "connect: connection refused"
    assert refusal(one.invoke("app", "x?q=1", "GET")) == PREFIX.format(id="app") + f'Get "http://{place}/x?q=1": dial tcp {place}: {why}'
    assert refusal(one.invoke(f"http://{place}", "y", "PATCH")) == PREFIX.format(id=f"http://{place}") + f'Patch "http://{place}/y": dial tcp {place}: {why}'
    bad = "http://127.0.0.1:x"
    assert refusal(one.invoke(bad, "y", "GET")) == PREFIX.format(id=bad) + f'parse "{bad}/y": invalid port ":x" after host'


def test_other_schemes_are_ordinary_ids(world):
    assert refusal(world[0].invoke("HTTP:__x", "x", "GET")).startswith("failed to invoke, id: HTTP:__x, err: ")


def test_an_open_breaker(world):
    front = world[0]
    assert front.invoke("broken", "x", "GET").status == 500
    assert refusal(front.invoke("broken", "x", "GET")) == PREFIX.format(id="broken") + "circuit breaker is open"


@pytest.mark.parametrize("status", [400, 401, 404, 409, 500, 503])
def test_an_error_of_the_app_is_no_error_of_the_sidecar(world, status):
    front, _, app = world
    app.on("/answer", Reply(status, b'{"my":"error"}', [("Content-Type", "application/x-mine")]))
    got = front.invoke("back", "answer", "GET")
    assert (got.status, got.body, got.header("content-type")) == (status, b'{"my":"error"}', "application/x-mine")


def test_an_external_address_that_refuses(world):
    port = free_port()
    message = refusal(world[1].get(f"/v1.0/invoke/http://127.0.0.1:{port}/method/x"))
    assert message.startswith(f"failed to invoke, id: http://127.0.0.1:{port}, err: ")


@pytest.mark.parametrize("named", [False, True], ids=["URL", "HTTPEndpoint"])
def test_an_external_address_needs_no_application(launch, named):
    url = f"http://127.0.0.1:{launch.app().on('/x', reply(200, b'outside')).port}"
    endpoint = f"apiVersion: dapr.io/v1alpha1\nkind: HTTPEndpoint\nmetadata: {{name: outside}}\nspec: {{baseUrl: '{url}'}}\n"
    assert launch.sidecar(resources=endpoint).get(f"/v1.0/invoke/{'outside' if named else url}/method/x").body == b"outside"


def test_headers_of_the_application_above_the_read_buffer(world):
    front, _, app = world
    app.on("/large", Reply(200, b"x", [("X-Large", "x" * 9000)]))
    assert refusal(front.invoke("back", "large", "GET")).startswith(PREFIX.format(id="back"))


def test_a_body_above_the_limit(world):
    front, _, app = world
    app.on("/take", reply(200))
    message = refusal(front.invoke("back", "take", body=b"x" * (4 * 1024 * 1024 + 1)))
    assert message.startswith(PREFIX.format(id="back")) and message.endswith("stream too large")


def test_access_control_denies(launch):
    config = "spec:\n  accessControl:\n    defaultAction: deny\n    trustDomain: public\n"
    app = launch.app().on(".*", reply(200))
    front, _, _ = launch.pair(app, callee={"config": config})
    got = front.invoke("back", "a//b/../c", "PUT", body="x")
    assert refusal(got, 403) == PREFIX.format(id="back") + "rpc error: code = PermissionDenied desc = access control policy has denied access to id:  operation: a/c verb: PUT"
    assert app.calls("/a/c") == []


def test_what_stands_behind_a_hash_of_the_query_goes_to_nobody(world):
    front, _, app = world
    app.forget()
    assert front.invoke("back", "x?a=b#c=d", "GET").status == 200
    assert app.wait_for("/x")[0].query == "a=b"


@pytest.fixture
def by_grpc(launch):
    """Invokes over gRPC, by a sidecar that knows the HTTPEndpoint `outside`; the error."""
    def call(base_url, app_id, method, query=""):
        endpoint = f"apiVersion: dapr.io/v1alpha1\nkind: HTTPEndpoint\nmetadata: {{name: outside}}\nspec: {{baseUrl: '{base_url}'}}\n"
        one = launch.sidecar(resources=endpoint)
        with grpc.insecure_channel(f"127.0.0.1:{one.grpc}") as channel, pytest.raises(grpc.RpcError) as error:
            dapr_pb2_grpc.DaprStub(channel).InvokeService(invoke_pb2.InvokeServiceRequest(id=app_id, message=common_pb2.InvokeRequest(
                method=method, http_extension=common_pb2.HTTPExtension(verb="GET", querystring=query))), timeout=30)
        return error.value
    return call


def test_the_password_of_an_endpoint_is_told_to_nobody(by_grpc):
    error = by_grpc("http://user:topsecret@127.0.0.1:9", "outside", "m", "x=\x01")
    assert "topsecret" not in str(error.debug_error_string()) + error.details()
    assert error.details().endswith('parse "http://user:***@127.0.0.1:9/m?x=\\x01": net/url: invalid control character in URL')


def test_a_long_body_of_a_failure_does_not_hide_its_status(launch, by_grpc):
    app = launch.app().on("/x", Reply(404, b"y" * (5 << 20)))
    assert by_grpc(f"http://127.0.0.1:{app.port}", "outside", "x").code() == grpc.StatusCode.NOT_FOUND
