"""`mecha-timing: 1`: where the time of a request went, in Server-Timing. Parts sum to the total, the total to the clock on the wall."""
import re, time

import pytest

from application import reply
from sidecar import SLOW, component

DELAY = 0.12


@pytest.fixture(scope="module")
def world(launch_module):
    def slow(call):
        time.sleep(DELAY)
        return reply(200, b"done")

    app = launch_module.app().on("/slow", slow).on("/fast", reply(200, b"done"))
    parts = [component("s", "state.in-memory"), component("q", "state.sqlite", connectionString=str(launch_module.folder / "t.db")), component("ps", "pubsub.in-memory"), component("b", "bindings.http", url=f"http://127.0.0.1:{app.port}/slow")]
    front, _, _ = launch_module.pair(app, caller={"app": launch_module.app().on("/slow", slow), "resources": parts})
    return front


def parts_of(answer):
    """Milliseconds by name."""
    found = answer.header("server-timing")
    assert found, answer.headers
    out = {}
    for item in found.split(","):
        name, duration = re.fullmatch(r"\s*([a-z]+);dur=([0-9.]+)\s*", item).groups()
        out[name] = float(duration)
    return out


SAVE = b'[{"key":"a","value":1}]'
# request | part that must hold the delay of the application
REQUESTS = [
    ("health", "GET", "/v1.0/healthz", None, None), ("state save", "POST", "/v1.0/state/s", SAVE, None), ("state get", "GET", "/v1.0/state/s/a", None, None), ("state get on disk", "GET", "/v1.0/state/q/a", None, None), ("state save on disk", "POST", "/v1.0/state/q", SAVE, None),
    ("publish", "POST", "/v1.0/publish/ps/t", b"x", None), ("binding", "POST", "/v1.0/bindings/b", b'{"operation":"get"}', "component"), ("own application", "POST", "/v1.0/invoke/front/method/slow", b"x", "app"), ("peer", "POST", "/v1.0/invoke/back/method/slow", b"x", "peer"),
    ("an error", "GET", "/v1.0/state/nope/a", None, None), ("no route", "GET", "/nope", None, None),
]


@pytest.mark.parametrize("method,path,body,slow_part", [row[1:] for row in REQUESTS], ids=[row[0] for row in REQUESTS])
def test_parts_sum_to_the_total_and_the_total_to_the_wall(world, method, path, body, slow_part):
    for attempt in range(50):  # the wall is that of a busy machine: one good measurement is enough
        begun = time.perf_counter()
        got = world.request(method, path, [("mecha-timing", "1")], body)
        wall = (time.perf_counter() - begun) * 1000
        parts = parts_of(got)
        total = parts.pop("total")
        assert abs(sum(parts.values()) - total) <= 0.05 * total + 0.01, parts
        assert total <= wall + 0.5
        if slow_part:
            assert DELAY * 900 <= parts[slow_part] <= total + 0.01, parts
        if wall - total < (60 if SLOW else 15):
            return
    raise AssertionError(f"{wall - total:.1f} ms of {wall:.1f} ms are outside of the total: {parts}")


@pytest.mark.parametrize("value", [None, "0", "true", "", "2"])
def test_only_when_it_is_asked_for(world, value):
    assert world.get("/v1.0/state/s/a", [] if value is None else [("mecha-timing", value)]).header("server-timing") is None


def test_a_flag_turns_it_on_for_all(launch):
    one = launch.sidecar(flags=("--mecha-server-timing",))
    assert parts_of(one.get("/v1.0/healthz"))["total"] >= 0


def test_a_queue_shows(launch):
    """Two calls with a concurrency of one: the second waits, and says so."""
    import threading

    def slow(call):
        time.sleep(0.8)
        return reply(200)

    app = launch.app().on("/slow", slow)
    one = launch.sidecar(app=app, flags=("--app-max-concurrency", 1))
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(one.invoke("app", "slow", headers=[("mecha-timing", "1")], body="x"))) for _ in range(2)]
    for t in threads:
        t.start()
    for t in threads:
        t.join(30)
    queues = sorted(parts_of(a).get("queue", 0) for a in answers)
    assert queues[0] < queues[1] and queues[1] > 100, [a.header("server-timing") for a in answers]
