"""SIGTERM under load: what was accepted is answered, what was acknowledged is kept, the exit is 0 and in time."""
import signal, time, uuid

import pytest

from application import reply
from load import Load, call, lost, publishing, saving
from sidecar import component, wait_until

pytestmark = pytest.mark.timeout(120)


def stopped_in_time(one, limit_s=8):
    begun = time.monotonic()
    one.signal(signal.SIGTERM)
    assert one.wait(limit_s + 10) == 0, one.log()[-800:]
    assert time.monotonic() - begun < limit_s
    assert "Daprd shutdown gracefully" in one.log()


def test_state(launch):
    one = launch.sidecar(resources=[component("s", "state.sqlite", connectionString=str(launch.folder / "s.db"))])
    statuses = []
    with Load(one.http, saving("s", statuses), threads=8) as load:
        load.reach(300)
        stopped_in_time(one)
        acknowledged = load.stop()
    assert [s for s in statuses if s[0] != 204] == []
    one.start()
    assert lost(one, "s", acknowledged) == []


@pytest.mark.parametrize("target", ["back", "front"])
@pytest.mark.parametrize("stopping", ["caller", "callee"])
def test_invocation(launch, target, stopping):
    """Every call that reached the application is answered with its answer."""
    if target == "front" and stopping == "callee":
        pytest.skip("an application of its own has no callee")

    def work_a_while(call_):
        time.sleep(0.05)
        return reply(200, call_.received.body)

    apps = {"back": launch.app().on("/x", work_a_while), "front": launch.app().on("/x", work_a_while)}
    front, back, _ = launch.pair(apps["back"], caller={"app": apps["front"]})
    others = []

    def work(connection, number):
        status, body = call(connection, "POST", f"/v1.0/invoke/{target}/method/x", str(number))
        if status != 200:
            others.append((status, body))
        return status == 200 and body == str(number).encode()

    with Load(front.http, work, threads=8) as load:
        load.reach(60)
        stopped_in_time(front if stopping == "caller" else back)
        acknowledged = load.stop()
    reached = {int(r.body) for r in apps[target].calls("/x")}
    unanswered = reached - set(acknowledged)
    assert unanswered == set(), f"{len(unanswered)} of {len(reached)} calls were not answered: {others[:2]} {load.errors[:3]}"


@pytest.mark.parametrize("kind", ["redis", "kafka"])
def test_messages(launch, request, kind):
    topic = f"stop-{uuid.uuid4().hex}"
    part = component("ps", "pubsub.redis", redisHost=request.getfixturevalue("redis_address"), processingTimeout="500ms", redeliverInterval="200") if kind == "redis" else \
        component("ps", "pubsub.kafka", brokers=request.getfixturevalue("kafka_address"), authType="none", initialOffset="oldest", consumerGroup=f"g{uuid.uuid4().hex}")

    def work_a_while(call_):
        time.sleep(0.005)
        return reply(200)

    app = launch.app().on("/dapr/subscribe", reply(json_body=[{"pubsubname": "ps", "topic": topic, "route": "/in"}])).on("/in", work_a_while)
    one = launch.sidecar(app=app, resources=[part])
    acknowledged = set()
    work = publishing(topic)
    for round_ in range(2):
        base = 100_000 * round_
        with Load(one.http, lambda connection, number: work(connection, base + number), threads=4) as load:
            load.reach(200, 30)
            stopped_in_time(one, 12)
            acknowledged |= {base + n for n in load.stop()}
        one.start()
    wait_until(lambda: acknowledged <= {r.json["data"] for r in app.calls("/in")}, f"all of {len(acknowledged)} messages", 40)


def test_a_replacement_takes_over(launch):
    """Two instances of the callee, one after the other on the same ports: a caller that waits out the gap sees only answers."""
    app = launch.app().on("/x", lambda call_: reply(200, call_.received.body))
    front, back, _ = launch.pair(app)
    with Load(front.http, lambda c, n: call(c, "POST", "/v1.0/invoke/back/method/x", str(n)) == (200, str(n).encode()), threads=4) as load:
        load.reach(50)
        for _ in range(2):
            stopped_in_time(back)
            back.start()
            load.reach(len(load.acknowledged) + 50)
        load.stop()
    assert load.errors == []  # the caller itself never breaks a connection


@pytest.mark.parametrize("kind", ["in-memory", "redis", "kafka"])
def test_a_backlog_does_not_outlast_the_grace_period(launch, request, kind):
    """A thousand messages wait for a slow application: the stop is over in time, and what a broker keeps comes later."""
    topic = f"backlog-{uuid.uuid4().hex}"
    if kind == "in-memory":
        part = component("ps", "pubsub.in-memory")
    elif kind == "redis":
        part = component("ps", "pubsub.redis", redisHost=request.getfixturevalue("redis_address"), processingTimeout="500ms", redeliverInterval="200")
    else:
        part = component("ps", "pubsub.kafka", brokers=request.getfixturevalue("kafka_address"), authType="none", initialOffset="oldest", consumerGroup=f"g{uuid.uuid4().hex}")
    delay = [0.05]

    def slow(call_):
        time.sleep(delay[0])
        return reply(200)

    app = launch.app().on("/dapr/subscribe", reply(json_body=[{"pubsubname": "ps", "topic": topic, "route": "/in"}])).on("/in", slow)
    one = launch.sidecar(app=app, resources=[part])
    for first in range(0, 1000, 100):
        assert one.post(f"/v1.0/publish/bulk/ps/{topic}", [{"entryId": str(i), "event": i, "contentType": "application/json"} for i in range(first, first + 100)]).status == 204
    app.wait_for("/in", limit_s=30)
    begun = time.monotonic()
    one.signal(signal.SIGTERM)
    one.wait(10)
    assert time.monotonic() - begun < 8
    if kind != "in-memory":
        delay[0] = 0
        one.start()
        wait_until(lambda: {r.json["data"] for r in app.calls("/in")} == set(range(1000)), "all messages", 40)


@pytest.mark.parametrize("kind", ["in-memory", "redis", "kafka"])
def test_a_delivery_that_never_ends_does_not_outlast_the_grace_period(launch, request, kind):
    import threading
    topic, go = f"stuck-{uuid.uuid4().hex}", threading.Event()
    if kind == "in-memory":
        part = component("ps", "pubsub.in-memory")
    elif kind == "redis":
        part = component("ps", "pubsub.redis", redisHost=request.getfixturevalue("redis_address"))
    else:
        part = component("ps", "pubsub.kafka", brokers=request.getfixturevalue("kafka_address"), authType="none", initialOffset="oldest", consumerGroup=f"g{uuid.uuid4().hex}")
    app = launch.app().on("/dapr/subscribe", reply(json_body=[{"pubsubname": "ps", "topic": topic, "route": "/in"}])).on("/in", lambda call_: go.wait(60) or reply(200))
    one = launch.sidecar(app=app, resources=[part], flags=("--dapr-graceful-shutdown-seconds", 2))
    one.request("POST", f"/v1.0/publish/ps/{topic}", body="x")
    app.wait_for("/in", limit_s=30)
    begun = time.monotonic()
    one.signal(signal.SIGTERM)
    code = one.wait(12)
    go.set()
    assert time.monotonic() - begun < 6
    assert code == 1 and "Graceful shutdown timeout exceeded, forcing shutdown" in one.log()


def test_clients_that_reset_in_their_body_do_not_hold_the_stop(launch):
    import socket
    one = launch.sidecar(resources=[component("s", "state.in-memory")])
    for _ in range(50):
        with socket.create_connection(("127.0.0.1", one.http), 5) as s:
            s.sendall(b"POST /v1.0/state/s HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\n[")
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
    assert one.get("/v1.0/healthz").status == 204
    stopped_in_time(one, 3)
