"""A service of the C++ SDK beside mechad: calls, messages with and without a port, bindings, health, tokens, and its end."""
import json, os, signal, socket, subprocess, uuid

import pytest

from conftest import PROGRAMS
from sidecar import DIES_WITH_PARENT, component, free_port, inbound_retry, wait_until

DECLARED = """apiVersion: dapr.io/v2alpha1
kind: Subscription
metadata: {name: declared}
spec: {pubsubname: bus, topic: declared, routes: {default: /from-yaml}}
"""

AGAIN = inbound_retry("bus")


class Service:
    """The program sdk-cpp/tests/service_app.cpp as an application."""

    def __init__(self, folder, *words, **environment):
        self.folder, self.words, self.port = folder, words, free_port()
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith(("DAPR_", "APP_"))} | environment
        self.process = None

    def start(self, grpc_port, port=True):
        self.log_file = self.folder / "service.txt"
        self.environment |= {"DAPR_GRPC_PORT": str(grpc_port), **({"APP_PORT": str(self.port)} if port else {})}
        with open(self.log_file, "ab") as log:
            self.process = subprocess.Popen([*DIES_WITH_PARENT, PROGRAMS / "mecha_sdk_service_app", *self.words], stdout=log, stderr=log, env=self.environment)
        return self

    def log(self):
        return self.log_file.read_text(errors="replace")

    def end(self, sign=signal.SIGTERM):
        self.process.send_signal(sign)
        return self.process.wait(30)

    def kill(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()


@pytest.fixture
def services(launch):
    started = []

    def make(*words, **environment):
        started.append(Service(launch.folder, *words, **environment))
        return started[-1]
    yield make
    for one in started:
        one.kill()


def broker(kind, request):
    if kind == "in-memory":
        return component("bus", "pubsub.in-memory")
    address = request.getfixturevalue("redis_address")
    with socket.create_connection(address.rsplit(":", 1), 5) as redis:  # a database of these tests: nothing of a run before
        redis.sendall(b"SELECT 12\r\nFLUSHDB\r\n")
        answers = redis.makefile()
        assert [answers.readline(), answers.readline()] == ["+OK\n", "+OK\n"]
    return component("bus", "pubsub.redis", redisHost=address, redisDB="12")


def beside(launch, service, bus, more=(), flags=(), protocol="grpc", **settings):
    """A sidecar beside a service that has begun to serve."""
    side = launch.sidecar("svc", app=service.port, resources={"parts.yaml": "\n---\n".join([bus, *more]), "policy.yaml": AGAIN}, flags=("--app-protocol", protocol, *flags), ready="", **settings)
    service.start(side.grpc)
    side.wait_ready()
    return side


def seen(side):
    answer = side.invoke("svc", "seen", json_body={})
    assert answer.status == 200, (answer.status, answer.body)
    return answer.json


def test_methods_are_called_with_verb_query_headers_and_errors(launch, services):
    side = beside(launch, services(), component("bus", "pubsub.in-memory"))
    answer = wait_until(lambda: (a := side.invoke("svc", "twice", json_body={"id": "a", "count": 2})).status == 200 and a, "the service")
    assert answer.json == {"id": "a", "count": 4} and answer.header("content-type") == "application/json"
    shown = side.invoke("svc", "show/it?b=1", verb="PUT", json_body={})
    assert shown.body == b"PUT show/it b=1" and shown.header("x-kept") == "yes" and shown.header("content-type") == "text/plain"
    assert side.invoke("svc", "fail", json_body={}).status == 404
    assert side.invoke("svc", "twice", body=b"{").status == 400
    assert side.invoke("svc", "absent", json_body={}).status == 501


@pytest.mark.parametrize("kind", ["in-memory", "redis"])
def test_messages_come_with_and_without_a_port(launch, services, request, kind):
    side = beside(launch, services(), broker(kind, request), more=[DECLARED])
    metadata = wait_until(lambda: (m := side.get("/v1.0/metadata").json) and len(m.get("subscriptions", [])) == 5 and m, "five subscriptions")
    kinds = sorted((s["topic"], s["type"]) for s in metadata["subscriptions"])
    assert kinds == [("declared", "DECLARATIVE"), ("given-up", "PROGRAMMATIC"), ("many", "PROGRAMMATIC"), ("orders", "PROGRAMMATIC"), ("streamed", "STREAMING")]

    def publish(topic, order_id, count=1):
        assert side.post(f"/v1.0/publish/bus/{topic}", {"id": order_id, "count": count}).status == 204

    for topic, order_id, count in (("orders", "one", 1), ("orders", "much", 11), ("orders", "drop", 2), ("declared", "three", 3), ("many", "four", 4),
                                   ("streamed", "five", 5), ("streamed", "drop", 6), ("orders", "retry", 7), ("streamed", "retry", 8), ("declared", "retry", 9)):
        publish(topic, order_id, count)
    assert side.invoke("svc", "relay", json_body={"id": "relayed", "count": 1}).status == 200
    expected = {"orders one", "big much", "orders drop", "declared three", "many four", "streamed five", "streamed drop", "orders relayed",
                "orders retry", "streamed retry", "declared retry", 'given up {"count":2,"id":"drop"}', 'given up {"count":6,"id":"drop"}'}
    wait_until(lambda: expected <= set(seen(side)), "every message", 20)
    assert sorted(seen(side)) == sorted(expected)


def test_a_message_that_is_no_value_goes_to_the_dead_letter_topic(launch, services):
    service = services()
    side = beside(launch, service, component("bus", "pubsub.in-memory"))
    wait_until(lambda: len(side.get("/v1.0/metadata").json.get("subscriptions", [])) == 4, "subscriptions")
    assert side.post("/v1.0/publish/bus/orders", {"id": 7, "count": 1}).status == 204
    wait_until(lambda: 'given up {"count":1,"id":7}' in seen(side), "the dead letter")
    assert "message" in service.log() and "is dropped: the value does not decode" in service.log()


def test_streams_need_no_port_and_are_opened_again(launch, services, redis_address):
    service = services("streams-only")
    resources = [broker("in-memory", None), component("store", "state.redis", redisHost=redis_address, keyPrefix=f"sdk-{uuid.uuid4().hex}")]
    side = launch.sidecar("svc", resources=resources)
    service.start(side.grpc, port=False)

    def arrives(order_id):
        wait_until(lambda: any(s["type"] == "STREAMING" for s in side.get("/v1.0/metadata").json.get("subscriptions", [])), "the stream", 20)
        assert side.post("/v1.0/publish/bus/streamed", {"id": order_id, "count": 1}).status == 204
        assert wait_until(lambda: (a := side.get(f"/v1.0/state/store/{order_id}")).status == 200 and a, order_id).json == {"id": order_id, "count": 1}

    arrives("before")
    side.kill()
    wait_until(lambda: "is opened again in" in service.log(), "the end of the stream in the log")
    side.start()
    arrives("after")
    assert service.end() == 0 and "ended in order" in service.log()


def test_a_binding_calls_its_handler(launch, services):
    side = beside(launch, services(), component("bus", "pubsub.in-memory"), more=[component("clock", "bindings.cron", schedule="@every 100ms")])
    wait_until(lambda: "clock Local" in seen(side), "a tick")


def test_health_and_its_end_stop_the_messages(launch, services):
    flags = ("--enable-app-health-check", "--app-health-probe-interval", 1, "--app-health-threshold", 1)
    side = beside(launch, services(), component("bus", "pubsub.in-memory"), flags=flags)
    wait_until(lambda: len(side.get("/v1.0/metadata").json.get("subscriptions", [])) == 4, "subscriptions")
    wait_until(lambda: side.invoke("svc", "twice", json_body={"id": "a", "count": 1}).status == 200, "a healthy application")
    side.invoke("svc", "sick", json_body={})
    wait_until(lambda: side.invoke("svc", "twice", json_body={"id": "a", "count": 1}).status == 500, "an unhealthy application")


def test_the_token_of_the_application_is_checked(launch, services):
    service = services(APP_API_TOKEN="secret")
    side = beside(launch, service, component("bus", "pubsub.in-memory"), env={"APP_API_TOKEN": "secret"})
    wait_until(lambda: side.invoke("svc", "twice", json_body={"id": "a", "count": 1}).status == 200, "a call with the token")
    wait_until(lambda: len(side.get("/v1.0/metadata").json.get("subscriptions", [])) == 4, "subscriptions")
    assert side.post("/v1.0/publish/bus/orders", {"id": "x", "count": 1}).status == 204
    wait_until(lambda: "orders x" in seen(side), "a message with the token")
    side.kill()
    wrong = launch.sidecar("svc", app=service.port, flags=("--app-protocol", "grpc"), env={"APP_API_TOKEN": "other"})
    assert wrong.invoke("svc", "twice", json_body={"id": "a", "count": 1}).status == 401


def test_the_port_may_be_under_tls(launch, services, tmp_path):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=localhost",
                    "-keyout", tmp_path / "key.pem", "-out", tmp_path / "cert.pem"], check=True, capture_output=True, timeout=30)
    side = beside(launch, services(TLS_FOLDER=str(tmp_path)), component("bus", "pubsub.in-memory"), protocol="grpcs")
    answer = wait_until(lambda: (a := side.invoke("svc", "twice", json_body={"id": "a", "count": 2})).status == 200 and a, "the service")
    assert answer.json == {"id": "a", "count": 4}


def test_a_port_in_use_is_said(launch, services):
    first, second = services(), services()
    beside(launch, first, component("bus", "pubsub.in-memory"))
    second.port = first.port
    second.start(1)
    assert second.process.wait(20) == 1
    assert f"UNAVAILABLE: cannot listen on 127.0.0.1:{first.port}: Address already in use" in second.log()


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_in_order(launch, services, sign):
    service = services()
    side = beside(launch, service, component("bus", "pubsub.in-memory"))
    wait_until(lambda: side.invoke("svc", "twice", json_body={"id": "a", "count": 1}).status == 200, "the service")
    assert service.end(sign) == 0
    assert service.log().rstrip().endswith("ended in order")
