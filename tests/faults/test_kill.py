"""kill -9 of the sidecar in the middle of load: nothing that was acknowledged is lost."""
import uuid

import pytest

from application import reply
from brokers import SERVERS, durable_broker
from load import Load, lost, publishing, saving
from sidecar import component, wait_until

pytestmark = pytest.mark.timeout(120)


def store(kind, launch, request):
    if kind == "sqlite":
        return component("s", "state.sqlite", connectionString=str(launch.folder / "s.db"))
    return component("s", "state.redis", redisHost=request.getfixturevalue("redis_address"), keyPrefix=f"kill{uuid.uuid4().hex}")


@pytest.mark.parametrize("kind", ["sqlite", "redis"])
def test_acknowledged_saves_are_there_after_a_kill(launch, request, kind):
    one = launch.sidecar(resources=[store(kind, launch, request)])
    acknowledged = []
    for round_ in range(3):
        base = 100_000 * round_
        work = saving("s")
        with Load(one.http, lambda connection, number: work(connection, base + number), threads=8) as load:
            load.reach(300)
            one.kill()
            acknowledged += [base + n for n in load.stop()]
        one.start()
    assert len(acknowledged) >= 900
    assert lost(one, "s", acknowledged) == []


@pytest.mark.parametrize("kind", ["sqlite"])
def test_the_database_is_whole_after_a_kill(launch, request, kind):
    import sqlite3
    one = launch.sidecar(resources=[store(kind, launch, request)])
    with Load(one.http, saving("s"), threads=8) as load:
        load.reach(200)
        one.kill()
    assert sqlite3.connect(launch.folder / "s.db").execute("pragma integrity_check").fetchall() == [("ok",)]


def broker(kind, request):
    if kind == "redis":
        return component("ps", "pubsub.redis", redisHost=request.getfixturevalue("redis_address"), processingTimeout="500ms", redeliverInterval="200")
    if kind == "sqlite":
        return component("ps", "pubsub.sqlite", connectionString=str(request.getfixturevalue("launch").folder / "m.db"), visibilityTimeout="1s")
    return durable_broker(kind, request.getfixturevalue("server_address")(SERVERS[kind]))


@pytest.mark.parametrize("kind", ["sqlite", "redis", *SERVERS])
def test_every_published_message_is_delivered_across_a_kill(launch, request, kind):
    topic = f"kill-{uuid.uuid4().hex}"
    app = launch.app().on("/dapr/subscribe", reply(json_body=[{"pubsubname": "ps", "topic": topic, "route": "/in"}])).on("/in", reply(200))
    one = launch.sidecar(app=app, resources=[broker(kind, request)])
    got = lambda: {r.json["data"] for r in app.calls("/in")}
    with Load(one.http, publishing(topic), threads=4, limit=50) as load:  # the subscription is at work
        load.reach(50)
    wait_until(lambda: len(got()) >= 50, "the first messages", 40)
    work = publishing(topic)
    with Load(one.http, lambda connection, number: work(connection, 1000 + number), threads=4) as load:
        load.reach(300)
        one.kill()
        acknowledged = {1000 + n for n in load.stop()}
    one.start()
    wait_until(lambda: acknowledged <= got(), f"all of {len(acknowledged)} messages", 40)


@pytest.mark.parametrize("kind", ["sqlite", "redis", *SERVERS])
def test_a_message_in_the_hands_of_the_application_comes_again(launch, request, kind):
    """It was not answered when the sidecar died, so it is delivered once more."""
    import threading
    topic, go = f"hands-{uuid.uuid4().hex}", threading.Event()

    def hold(call):
        go.wait(60)
        return reply(200)

    app = launch.app().on("/dapr/subscribe", reply(json_body=[{"pubsubname": "ps", "topic": topic, "route": "/in"}])).on("/in", hold)
    one = launch.sidecar(app=app, resources=[broker(kind, request)])
    assert one.request("POST", f"/v1.0/publish/ps/{topic}", body="x").status == 204
    app.wait_for("/in", limit_s=30)
    one.kill()
    go.set()
    app.forget()
    app.on("/in", reply(200))
    one.start()
    app.wait_for("/in", limit_s=40)


def test_a_transaction_is_whole_or_absent_after_a_kill(launch, request):
    """Pairs of keys written together: no half of a pair, and no acknowledged pair is missing."""
    import json
    from load import call
    one = launch.sidecar(resources=[store("sqlite", launch, request)])

    def work(connection, number):
        pair = [{"operation": "upsert", "request": {"key": f"{side}{number}", "value": number}} for side in "ab"]
        return call(connection, "POST", "/v1.0/state/s/transaction", json.dumps({"operations": pair}))[0] == 204
    with Load(one.http, work, threads=8) as load:
        load.reach(300)
        one.kill()
        acknowledged, tried = load.stop(), load.next
    one.start()
    there = {}
    for side in "ab":
        got = one.post("/v1.0/state/s/bulk", {"keys": [f"{side}{n}" for n in range(tried)]}).json
        there[side] = {i["data"] for i in got if "data" in i}
    assert there["a"] == there["b"]
    assert set(acknowledged) <= there["a"]
