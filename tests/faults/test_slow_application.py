"""An application that is slow: back-pressure up to the broker, memory with a bound, nothing lost."""
import threading, time, uuid

import pytest

from application import reply
from load import Load, call, publishing
from sidecar import SLOW, component, wait_until

pytestmark = pytest.mark.timeout(120)
EXTRA_KB = 30_000 if not SLOW else 1 << 30  # a sanitizer keeps what is freed


def test_many_callers_wait_for_few_places(launch):
    """A concurrency of two: never more at a time in the application, all are answered."""
    now, peak, lock = [0], [0], threading.Lock()

    def work_a_while(call_):
        with lock:
            now[0] += 1
            peak[0] = max(peak[0], now[0])
        time.sleep(0.01)
        with lock:
            now[0] -= 1
        return reply(200, str(len(call_.received.body)))

    app = launch.app().on("/x", work_a_while)
    front, back, _ = launch.pair(app, callee={"flags": ("--app-max-concurrency", 2)})
    body = b"x" * 200_000
    front.invoke("back", "x", body=body)
    before = [(one, one.memory_kb("VmRSS")) for one in (front, back)]
    with Load(front.http, lambda c, n: call(c, "POST", "/v1.0/invoke/back/method/x", body) == (200, b"200000"), threads=48, limit=400) as load:
        load.reach(400, 60)
    assert load.errors == [] and peak[0] == 2
    for one, kb in before:
        assert one.memory_kb() - kb < EXTRA_KB, one.app_id


@pytest.mark.parametrize("kind", ["in-memory", "redis", "kafka"])
def test_a_slow_subscriber_costs_no_memory_and_loses_nothing(launch, request, kind):
    topic = f"slow-{uuid.uuid4().hex}"
    count, size, room = (600, 200_000, 64 << 10) if kind == "in-memory" else (2000, 50_000, 32 << 10 if kind == "kafka" else 0)
    # In memory the queue holds 64 MiB, then publishers wait; the client library of Kafka fetches ahead.
    if kind == "redis":
        part = component("ps", "pubsub.redis", redisHost=request.getfixturevalue("redis_address"))
    elif kind == "kafka":
        part = component("ps", "pubsub.kafka", brokers=request.getfixturevalue("kafka_address"), authType="none", initialOffset="oldest", consumerGroup=f"g{uuid.uuid4().hex}")
    else:
        part = component("ps", "pubsub.in-memory")
    go, got, lock = threading.Event(), set(), threading.Lock()

    def hold(call_):
        go.wait(60)
        with lock:
            got.add(call_.received.json["id"])
        call_.received.body = b""
        return reply(200)

    app = launch.app().on("/dapr/subscribe", reply(json_body=[{"pubsubname": "ps", "topic": topic, "route": "/in"}])).on("/in", hold)
    one = launch.sidecar(app=app, resources=[part])
    one.request("POST", f"/v1.0/publish/ps/{topic}?metadata.cloudevent.id=first", body="x")
    app.wait_for("/in", limit_s=30)
    before, text = one.memory_kb("VmRSS"), "y" * size

    def publish(connection, number):
        return call(connection, "POST", f"/v1.0/publish/ps/{topic}?metadata.cloudevent.id=m{number}", text)[0] == 204
    with Load(one.http, publish, threads=4, limit=count) as load:
        if kind == "in-memory":
            wait_until(lambda: len(load.acknowledged) * size > 50 << 20, "the queue to fill")
            time.sleep(0.3)
            assert len(load.acknowledged) * size < 70 << 20
        else:
            load.reach(count, 40)
        assert one.memory_kb() - before < room * 1.3 + EXTRA_KB, f"{one.memory_kb() - before} KiB more"
        assert one.get("/v1.0/healthz").status == 204
        go.set()
        load.reach(count, 40)
    wait_until(lambda: len(got) == count + 1, f"{count} messages ({len(got)})", 40)
    assert one.memory_kb() - before < room * 1.3 + EXTRA_KB


def test_an_application_that_stops_reading(launch):
    """SIGSTOP of an application in its own process: callers with a limit get their error, health answers, SIGCONT heals."""
    import signal, subprocess, sys
    program = "import http.server, socketserver\nclass H(http.server.BaseHTTPRequestHandler):\n    protocol_version = 'HTTP/1.1'\n    def do_POST(self):\n        self.rfile.read(int(self.headers['Content-Length']))\n        self.send_response(200); self.send_header('Content-Length', '2'); self.end_headers(); self.wfile.write(b'ok')\n    do_GET = lambda self: (self.send_response(404), self.send_header('Content-Length', '0'), self.end_headers())\n    def log_message(self, *a): pass\ns = http.server.ThreadingHTTPServer(('127.0.0.1', 0), H)\nprint(s.server_address[1], flush=True)\ns.serve_forever()\n"
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    try:
        policy = "apiVersion: dapr.io/v1alpha1\nkind: Resiliency\nmetadata: {name: r}\nspec:\n  policies: {timeouts: {t: 2s}}\n  targets: {apps: {app: {timeout: t}}}\n"
        one = launch.sidecar(app=int(process.stdout.readline()), resources=policy)
        assert one.invoke("app", "x", body="x").body == b"ok"
        process.send_signal(signal.SIGSTOP)
        begun = time.monotonic()
        assert one.invoke("app", "x", body="x").error() == (500, "ERR_DIRECT_INVOKE", "failed to invoke, id: app, err: context deadline exceeded")
        assert time.monotonic() - begun < 6
        assert one.get("/v1.0/healthz").status == 204
        process.send_signal(signal.SIGCONT)
        wait_until(lambda: one.invoke("app", "x", body="x").status == 200, "the application to answer again", 10)
    finally:
        process.send_signal(signal.SIGCONT)
        process.kill()
        process.wait()


def test_a_peer_that_is_paused(launch):
    """SIGSTOP of the other sidecar: a caller with a limit gets its error in time, other targets answer, SIGCONT heals."""
    import signal
    policy = "apiVersion: dapr.io/v1alpha1\nkind: Resiliency\nmetadata: {name: r}\nspec:\n  policies: {timeouts: {t: 2s}}\n  targets: {apps: {back: {timeout: t}}}\n"
    app = launch.app().on("/x", reply(200, b"ok"))
    front, back, _ = launch.pair(app, caller={"resources": policy, "app": app})
    assert front.invoke("back", "x", body="x").body == b"ok"
    back.signal(signal.SIGSTOP)
    try:
        for _ in range(3):
            begun = time.monotonic()
            assert front.invoke("back", "x", body="x").error() == (500, "ERR_DIRECT_INVOKE", "failed to invoke, id: back, err: context deadline exceeded")
            assert time.monotonic() - begun < 6
            assert front.invoke("front", "x", body="x").body == b"ok"
    finally:
        back.signal(signal.SIGCONT)
    wait_until(lambda: front.invoke("back", "x", body="x").body == b"ok", "the peer to answer again", 10)


@pytest.mark.slow
def test_a_peer_that_hangs_is_noticed_without_a_limit(launch):
    """A ping after ten quiet seconds, five for its answer (contract 01, 9.5): the call ends with an error instead of never."""
    import signal
    app = launch.app().on("/x", reply(200, b"ok"))
    front, back, _ = launch.pair(app)
    assert front.invoke("back", "x", body="x").body == b"ok"
    back.signal(signal.SIGSTOP)
    try:
        begun = time.monotonic()
        got = front.invoke("back", "x", timeout=100, headers=[("Transfer-Encoding", "chunked")], body=b"x")  # chunked: no retries
        assert got.error()[:2] == (500, "ERR_DIRECT_INVOKE") and "code = Unavailable" in got.error()[2], got
        assert time.monotonic() - begun < 30
    finally:
        back.signal(signal.SIGCONT)
    wait_until(lambda: front.invoke("back", "x", body="x").body == b"ok", "the peer to answer again", 10)
