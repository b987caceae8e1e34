"""The channel to the application: https and h2c, limits, health (contract 01, section 6)."""
import socket, ssl, subprocess, threading, time

import grpc
import h2.config, h2.connection, h2.events
import pytest
from dapr.proto.common.v1 import common_pb2
from dapr.proto.runtime.v1 import dapr_pb2_grpc, invoke_pb2
from google.protobuf import json_format
from google.protobuf.any_pb2 import Any
from google.rpc import error_details_pb2

from application import App, RawApp, RefusingApp, Reply, echo, reply
from sidecar import component, free_port, wait_until


class H2cApp(RawApp):
    """An application that speaks HTTP/2 with prior knowledge only and echoes bodies."""

    def __init__(self):
        self.seen = []
        super().__init__(self.speak)

    def speak(self, s):
        connection = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, header_encoding="utf-8"))
        connection.initiate_connection()
        s.sendall(connection.data_to_send())
        bodies, heads = {}, {}
        while data := s.recv(65536):
            for event in connection.receive_data(data):
                if isinstance(event, h2.events.RequestReceived):
                    heads[event.stream_id], bodies[event.stream_id] = dict(event.headers), b""
                elif isinstance(event, h2.events.DataReceived):
                    bodies[event.stream_id] += event.data
                    connection.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                elif isinstance(event, h2.events.StreamEnded):
                    self.seen.append((heads[event.stream_id], bodies[event.stream_id]))
                    connection.send_headers(event.stream_id, [(":status", "200"), ("x-own", "1")])
                    connection.send_data(event.stream_id, bodies[event.stream_id][:16384], end_stream=True)
            s.sendall(connection.data_to_send())


def test_h2c(launch):
    app = H2cApp()
    front = launch.sidecar("front")
    one = launch.sidecar(app=app, flags=("--app-protocol", "h2c"))
    for caller in (one, front):
        got = caller.invoke("app", "x?q=1", "PUT", body=b"hello", headers=[("X-A", "1")])
        assert (got.status, got.body, got.header("x-own")) == (200, b"hello", "1")
    head, body = app.seen[-1]
    assert (head[":method"], head[":path"], head["x-a"], body) == ("PUT", "/x?q=1", "1", b"hello")
    assert one.get("/v1.0/metadata").json["appConnectionProperties"]["protocol"] == "h2c"
    app.close()


@pytest.mark.parametrize("flags", [("--app-protocol", "https"), ("--app-protocol", "HTTPS"), ("--app-ssl",)], ids=" ".join)
def test_https(launch, flags):
    """The certificate is not verified."""
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-keyout", "k.pem", "-out", "c.pem", "-subj", "/CN=elsewhere"], cwd=launch.folder, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(launch.folder / "c.pem", launch.folder / "k.pem")
    app = launch.app(tls=context).on("/.*", echo)
    one = launch.sidecar(app=app, flags=flags)
    got = one.invoke("app", "x", body=b"hello")
    assert (got.status, got.json["body"]) == (200, "hello")
    assert one.get("/v1.0/metadata").json["appConnectionProperties"]["protocol"] == "https"


def test_the_address_of_the_channel(launch):
    app = launch.app().on("/.*", echo)
    one = launch.sidecar(app=app, flags=("--app-channel-address", "localhost"))
    assert dict(one.invoke("app", "x").json["headers"])["Host"] == f"localhost:{app.port}"


# probes in a row -> is the application healthy in the end
HEALTH = [("one success", [200], 1, True), ("any 2xx", [299], 1, True), ("a redirect is a failure", [302], 1, False), ("404", [404], 1, False), ("success, then a failure below the threshold", [200, 500, 200], 2, True), ("threshold", [200, 500, 500], 2, False), ("back again", [200, 500, 500, 200], 2, True)]


@pytest.mark.parametrize("statuses,threshold,healthy", [row[1:] for row in HEALTH], ids=[row[0] for row in HEALTH])
def test_health(launch, statuses, threshold, healthy):
    left = list(statuses)
    app = launch.app().on("/.*", reply(200, b"ok")).on("/health", lambda call: Reply(left.pop(0) if len(left) > 1 else left[0]))
    one = launch.sidecar(app=app, flags=("--enable-app-health-check", "--app-health-check-path", "health", "--app-health-probe-interval", 1, "--app-health-threshold", threshold))
    app.wait_for("/health", len(statuses))
    message = "failed to invoke, id: app, err: rpc error: code = Internal desc = app is not in a healthy state"
    wait_until(lambda: one.invoke("app", "x").status == (200 if healthy else 500), f"healthy to be {healthy}")
    if not healthy:
        assert one.invoke("app", "x").error() == (500, "ERR_DIRECT_INVOKE", message)
    assert one.get("/v1.0/healthz").status == 204
    probe = app.calls("/health")[0]
    assert (probe.method, probe.header("dapr-api-token")) == ("GET", None)


def test_nothing_is_asked_before_the_first_success(launch):
    app = launch.app().on("/healthz", Reply(500)).on("/dapr/subscribe", reply(json_body=[]))
    launch.sidecar(app=app, resources=[component("ps", "pubsub.in-memory")], flags=("--enable-app-health-check", "--app-health-probe-interval", 1))
    app.wait_for("/healthz", 2)
    assert app.calls("/dapr/.*") == []
    app.on("/healthz", Reply(200))
    app.wait_for("/dapr/subscribe")


def test_an_application_that_restarts(launch):
    app = launch.app(free_port()).on("/x", reply(200, b"one"))
    one = launch.sidecar(app=app)
    assert one.invoke("app", "x").body == b"one"
    port = app.port
    app.close()
    launch.apps.remove(app)
    # idle connections to the old process are still open in its threads; a new listener takes the port
    again = App(port).on("/x", reply(200, b"two"))
    launch.apps.append(again)
    wait_until(lambda: one.invoke("app", "x").body in (b"one", b"two"), "an answer")
    assert one.alive


def test_a_stale_connection_is_no_error(launch):
    """An application that closes each connection after one answer without saying so: the next request finds out and dials again."""
    def answer_once(connection):
        if connection.recv(65536):
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    with RawApp(answer_once) as app:
        one = launch.sidecar(app=app.port)
        for _ in range(60):
            assert one.invoke("app", "x", "GET").body == b"ok"


def test_a_status_below_100_is_an_error_not_a_hang(launch):
    def answer(connection):
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 099 Odd\r\nContent-Length: 2\r\n\r\nok")
        connection.recv(1)

    with RawApp(answer) as app:
        got = launch.sidecar(app=app, flags=("--disable-init-endpoints", "config,subscribe")).invoke("app", "x", "GET")
        assert got.error()[:2] == (500, "ERR_DIRECT_INVOKE")


def test_concurrency_of_one_is_given_back_when_a_caller_leaves(launch):
    release = threading.Event()
    app = launch.app().on("/quick", reply(200, b"quick")).on("/slow", lambda call: release.wait(60) and None)
    one = launch.sidecar(app=app, flags=("--app-max-concurrency", 1))
    with one.connect() as s:
        s.sendall(b"GET /v1.0/invoke/app/method/slow HTTP/1.1\r\nHost: x\r\n\r\n")
        app.wait_for("/slow")
    try:
        assert one.invoke("app", "quick").body == b"quick"
    finally:
        release.set()


@pytest.mark.parametrize("remote", [False, True], ids=["its own", "a peer's"])
def test_the_details_of_a_grpc_applications_error_are_json(launch, remote):
    details = [error_details_pb2.BadRequest(field_violations=[{"field": "f", "description": "d"}]), error_details_pb2.RetryInfo(retry_delay={"seconds": 1, "nanos": 500000000}),
               error_details_pb2.ErrorInfo(reason="R", domain="d", metadata={"k": "v"})]
    packed = [Any() for _ in details]
    for one, detail in zip(packed, details):
        one.Pack(detail)
    app = RefusingApp(packed)
    try:
        back = launch.sidecar("back", app=app.port, flags=["--app-protocol", "grpc"])
        got = (launch.sidecar("front") if remote else back).invoke("back", "m")
    finally:
        app.close()
    assert got.status == 400 and got.header("content-type").startswith("text/plain")
    assert got.json == {"code": 3, "message": "refused", "details": [json_format.MessageToDict(one) for one in packed]}


def test_an_application_cannot_overrule_the_status_told_to_grpc_callers(launch):
    app = launch.app().on("/x", Reply(202, b"ok", [("dapr-http-status", "500")]))
    front, back, _ = launch.pair(app)
    for one in (front, back):
        with grpc.insecure_channel(f"127.0.0.1:{one.grpc}") as channel:
            request = invoke_pb2.InvokeServiceRequest(id="back", message=common_pb2.InvokeRequest(method="x", http_extension=common_pb2.HTTPExtension(verb="GET")))
            _, call = dapr_pb2_grpc.DaprStub(channel).InvokeService.with_call(request, timeout=10)
        assert [v for k, v in call.initial_metadata() if k == "dapr-http-status"] == ["202"]
