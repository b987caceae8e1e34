"""Everything at once, with clients that leave at any moment and an application that misbehaves: the sidecars go on and end cleanly."""
import json, random, socket, threading, time

import httpx
import pytest

from application import Reply, reply
from load import Load, call
from sidecar import SLOW, component, wait_until

pytestmark = pytest.mark.timeout(180)
SECONDS = 12


def unreliable(seed):
    """An application that answers, fails, waits, or breaks off."""
    dice = random.Random(seed)

    def answer(call_):
        kind = dice.random()
        if kind < 0.6:
            return reply(200, call_.received.body[:1000])
        if kind < 0.75:
            return Reply(dice.choice([400, 404, 500, 503]), b"no")
        if kind < 0.9:
            time.sleep(dice.random() * 0.2)
            return reply(200, b"late")
        if kind < 0.95:
            call_.start(200)
            call_.send(b"part")
        call_.handler.connection.shutdown(socket.SHUT_RDWR)
    return answer


REQUESTS = [
    lambda n: ("POST", "/v1.0/state/s", json.dumps([{"key": f"k{n % 50}", "value": n}])), lambda n: ("GET", f"/v1.0/state/s/k{n % 50}", None), lambda n: ("DELETE", f"/v1.0/state/q/k{n % 50}", None), lambda n: ("POST", "/v1.0/state/q", json.dumps([{"key": f"k{n % 50}", "value": "x" * (n % 3000)}])),
    lambda n: ("POST", "/v1.0/state/q/bulk", json.dumps({"keys": [f"k{i}" for i in range(50)]})), lambda n: ("POST", "/v1.0/publish/ps/t", str(n)), lambda n: ("POST", "/v1.0/publish/bulk/ps/t", json.dumps([{"entryId": str(i), "event": i, "contentType": "application/json"} for i in range(20)])),
    lambda n: ("POST", "/v1.0/invoke/back/method/x", "y" * (n % 50_000)), lambda n: ("POST", "/v1.0/invoke/front/method/x", "y" * (n % 5000)), lambda n: ("GET", "/v1.0/invoke/nobody/method/x", None), lambda n: ("POST", "/v1.0/bindings/b", json.dumps({"operation": "get", "metadata": {"path": "x"}})),
    lambda n: ("GET", "/v1.0/metadata", None), lambda n: ("POST", "/v1.0/state/s/transaction", json.dumps({"operations": [{"operation": "upsert", "request": {"key": f"k{n % 50}", "value": n}}]})), lambda n: ("GET", "/nope", None),
]
POLICIES = "apiVersion: dapr.io/v1alpha1\nkind: Resiliency\nmetadata: {name: r}\nspec:\n  policies:\n    timeouts: {t: 300ms}\n    retries: {r: {duration: 10ms, maxRetries: 2}}\n    circuitBreakers: {c: {timeout: 200ms, trip: consecutiveFailures > 20}}\n  targets:\n    apps: {back: {timeout: t, retry: r, circuitBreaker: c}}\n    components: {ps: {inbound: {retry: r, timeout: t}}, s: {outbound: {timeout: t, retry: r}}}\n"


def leaves(port, stop, seed):
    """Sends requests and goes away at any point of them."""
    dice = random.Random(seed)
    while not stop.is_set():
        method, path, body = dice.choice(REQUESTS)(dice.randrange(1 << 16))
        body = (body or "").encode()
        data = f"{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
        try:
            with socket.create_connection(("127.0.0.1", port), 2) as s:
                s.settimeout(1)
                s.sendall(data[:dice.randrange(1, len(data) + 1)])
                if dice.random() < 0.5:
                    time.sleep(dice.random() * 0.05)
                if dice.random() < 0.3:
                    s.recv(dice.randrange(1, 2000))
                if dice.random() < 0.3:
                    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")  # a reset
        except OSError:
            pass


def multiplexes(port, stop, seed):
    dice = random.Random(seed)
    while not stop.is_set():
        try:
            with httpx.Client(http1=False, http2=True, timeout=dice.choice([0.02, 0.1, 2])) as client:
                for _ in range(20):
                    method, path, body = dice.choice(REQUESTS)(dice.randrange(1 << 16))
                    client.request(method, f"http://127.0.0.1:{port}{path}", content=body)
        except httpx.HTTPError:
            pass


@pytest.mark.parametrize("shards", [1, 3])
def test_chaos(launch, shards):
    apps = [launch.app().on("/x", unreliable(1)), launch.app().on("/x|/in", unreliable(2)).on("/dapr/subscribe", reply(json_body=[{"pubsubname": "ps", "topic": "t", "route": "/in", "deadLetterTopic": "dead"}]))]
    parts = [component("s", "state.in-memory"), component("q", "state.sqlite", connectionString=str(launch.folder / "q.db")), component("ps", "pubsub.in-memory"), component("b", "bindings.http", url=f"http://127.0.0.1:{apps[0].port}")]
    front, back, _ = launch.pair(apps[0], callee={"flags": ("--mecha-shards", shards)}, caller={"flags": ("--mecha-shards", shards), "app": apps[1], "resources": {"parts.yaml": "\n---\n".join(parts), "r.yaml": POLICIES}})
    statuses, stop = {}, threading.Event()

    def work(connection, number):
        method, path, body = REQUESTS[number % len(REQUESTS)](number)
        status, _ = call(connection, method, path, body)
        statuses.setdefault(number % len(REQUESTS), set()).add(status)
        return True

    others = [threading.Thread(target=run, args=(front.http, stop, seed), daemon=True) for seed in range(3) for run in (leaves, multiplexes)]
    for t in others:
        t.start()
    with Load(front.http, work, threads=4) as load:
        middle = time.monotonic() + SECONDS / 2
        wait_until(lambda: time.monotonic() > middle, "half of it", SECONDS)
        first = front.memory_kb("VmRSS"), back.memory_kb("VmRSS")
        end = time.monotonic() + SECONDS / 2
        wait_until(lambda: time.monotonic() > end, "all of it", SECONDS)
        load.stop()
    stop.set()
    for t in others:
        t.join(10)
    assert len(load.acknowledged) > 100
    assert statuses[11] == {200} and statuses[13] == {404}
    for one, kb in zip((front, back), first):
        assert one.alive and one.get("/v1.0/healthz").status == 204
        assert SLOW or one.memory_kb("VmRSS") < kb + 15_000
    apps[0].on("/x", reply(200, b"calm"))
    wait_until(lambda: front.invoke("back", "x", body="x").body == b"calm", "calm", 10)
    assert front.post("/v1.0/state/q", [{"key": "calm", "value": 1}]).status == 204
    apps[1].on("/in", reply(200))
    # What waits in memory would be delivered by the stop, as far as its time goes.
    assert front.request("POST", "/v1.0/publish/ps/t", body="the last").status == 204
    wait_until(lambda: any(b"the last" in r.body for r in apps[1].calls("/in")), "what waits to be delivered", 60)
    for one in (back, front):
        assert one.stop(60) == 0, one.log()[-1500:]
