"""Files change twice a second under load: no failed request, no lost message, memory and descriptors flat.

MECHA_RELOAD_SECONDS: how long (60 by default).
"""
import json, os, time
from pathlib import Path

import pytest

from application import reply
from load import Load, call, lost, publishing, saving
from sidecar import SLOW, component, wait_until

SECONDS = float(os.environ.get("MECHA_RELOAD_SECONDS", "60"))
pytestmark = pytest.mark.timeout(90 + 3 * SECONDS)
RETRY = "apiVersion: dapr.io/v1alpha1\nkind: Resiliency\nmetadata: {name: r}\nspec: {policies: {retries: {p: {duration: 5ms, maxRetries: %d}}}, targets: {apps: {other: {retry: p}}}}\n"


def subscription(name, pubsub, route):
    return f"apiVersion: dapr.io/v2alpha1\nkind: Subscription\nmetadata: {{name: {name}}}\nspec: {{pubsubname: {pubsub}, topic: t, routes: {{default: {route}}}}}\n"


def touched(text, n):
    """The same component, and yet another manifest."""
    return text + f"  initTimeout: {5 + n % 50}s\n"


def descriptors(one):
    return len(os.listdir(f"/proc/{one.process.pid}/fd"))


def resources(redis, n):
    """What the directory holds at step n: everything differs from the step before, one file at a time."""
    store, bus = component("moving", "state.sqlite", connectionString="moving.db"), component("moving-bus", "pubsub.in-memory")
    yield "store.yaml", touched(store, n)
    yield "bus.yaml", touched(bus, n)
    yield "fixed-sub.yaml", subscription("fixed-sub", "fixed-bus", f"/in/fixed/{n}")
    yield "moving-sub.yaml", subscription("moving-sub", "moving-bus", f"/in/moving/{n}")
    yield "policy.yaml", RETRY % (n % 5 + 1)
    yield "extra.yaml", component(f"extra{n}", "state.in-memory") if n % 2 else "{broken"
    if redis:
        yield "redis.yaml", touched(component("redis-bus", "pubsub.redis", redisHost=redis, consumerID="reload", processingTimeout="2s", redeliverInterval="1s"), n)
        yield "redis-sub.yaml", subscription("redis-sub", "redis-bus", f"/in/redis/{n}").replace("topic: t", f"topic: reload-{os.getpid()}")


def test_files_change_twice_a_second_under_load(launch, request):
    redis = os.environ.get("MECHA_TEST_REDIS", "")
    app = launch.app().on("/.*", reply(200, b"ok")).on("/dapr/subscribe", reply(json_body=[]))
    fixed = "\n---\n".join([component("fixed", "state.in-memory"), component("fixed-bus", "pubsub.in-memory")])
    one = launch.sidecar(app=app, resources={"fixed.yaml": fixed, **dict(resources(redis, 1))})
    refused = []

    def checked(work):
        def run(connection, number):
            good = work(connection, number)
            if not good:
                refused.append(number)
            return good
        return run

    def invoking(connection, number):
        status, body = call(connection, "POST", "/v1.0/invoke/app/method/echo", str(number))
        return status == 200 and body == b"ok"

    works = {"fixed state": saving("fixed"), "moving state": saving("moving"), "invocation": invoking,
             "fixed bus": publishing("t", "fixed-bus"), "moving bus": publishing("t", "moving-bus")}
    if redis:
        works["redis bus"] = publishing(f"reload-{os.getpid()}", "redis-bus")
    loads = {name: Load(one.http, checked(work), threads=1) for name, work in works.items()}
    received = {"fixed": {}, "moving": {}, "redis": {}}

    def take(call):
        kind = call.received.path.split("/")[2]
        event = json.loads(call.received.body)["id"]
        received[kind][event] = received[kind].get(event, 0) + 1
        return reply(200)
    app.on("/in/.*", take)
    for load in loads.values():
        load.__enter__()
    begun, n, changes, early = time.monotonic(), 1, 0, None
    while time.monotonic() - begun < SECONDS:
        n += 1
        for name, text in resources(redis, n):
            (one.folder / "resources" / name).write_text(text)
            changes += 1
            time.sleep(0.5)
            app.forget()  # what the application remembers is not what is measured
            if time.monotonic() - begun >= SECONDS:
                break
        if early is None and time.monotonic() - begun > min(SECONDS / 3, 20):
            early = (one.memory_kb("VmRSS"), descriptors(one))
    late = one.memory_kb("VmRSS"), descriptors(one)
    done = {name: load.stop() for name, load in loads.items()}
    assert refused == [] and [load.errors for load in loads.values()] == [[] for _ in loads], one.log()[-2000:]
    assert all(len(list_) > 10 * SECONDS / (10 if SLOW else 1) for list_ in done.values()), {k: len(v) for k, v in done.items()}
    for kind in ("fixed", "moving", "redis") if redis else ("fixed", "moving"):
        wanted = {f"m{i}" for i in done[f"{kind} bus"]}
        wait_until(lambda: wanted <= set(received[kind]), f"every message of {kind} ({len(wanted - set(received[kind]))} missing)", 30)
        assert sum(received[kind].values()) == len(received[kind]) or kind == "redis", "a message came twice"
    assert lost(one, "fixed", done["fixed state"]) == [] and lost(one, "moving", done["moving state"]) == []
    assert one.log().count("Component loaded: moving ") > changes / 12
    if not SLOW:
        assert late[0] - early[0] < 24_000, (early, late)
    wait_until(lambda: descriptors(one) - early[1] <= 8, f"what is open to be no more than before ({early}, {late})")  # what leaves is open for a moment more
    print(f"{changes} changes, {({k: len(v) for k, v in done.items()})}, memory and descriptors {early} to {late}")
    assert one.stop() == 0
