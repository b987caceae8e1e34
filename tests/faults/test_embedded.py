"""Messages and locks in a file that several sidecars share: one of them dies or stands still, and the others go on."""
import collections, os, signal, sqlite3, uuid

import pytest

from application import reply
from load import Load, publishing
from sidecar import component, wait_until

pytestmark = pytest.mark.timeout(120)


def bus(launch, **more):
    return component("ps", "pubsub.sqlite", connectionString=str(launch.folder / "m.db"), **{"visibilityTimeout": "1s", **more})


def subscriber(launch, topic, resources, **settings):
    app = launch.app().on("/dapr/subscribe", reply(json_body=[{"pubsubname": "ps", "topic": topic, "route": "/in"}])).on("/in", reply(200))
    return app, launch.sidecar(app=app, resources=resources, **settings)


def data_of(app):
    return [r.json["data"] for r in app.calls("/in")]


def test_the_other_of_a_group_takes_over_from_a_dead_one(launch):
    topic = f"t{uuid.uuid4().hex}"
    first, one = subscriber(launch, topic, [bus(launch)])
    second, two = subscriber(launch, topic, [bus(launch)])
    with Load(two.http, publishing(topic), threads=4) as load:
        load.reach(200)
        wait_until(lambda: data_of(first) and data_of(second), "both at work")
        one.kill()
        load.reach(500)
        acknowledged = set(load.stop())
    wait_until(lambda: acknowledged <= {*data_of(first), *data_of(second)}, f"all of {len(acknowledged)} messages", 30)
    wait_until(lambda: sqlite3.connect(launch.folder / "m.db").execute("SELECT COUNT(*) FROM pubsub_messages").fetchone() == (0,), "nothing is left", 30)


def test_one_that_stands_still_holds_its_messages_no_longer_than_their_time(launch):
    topic = f"t{uuid.uuid4().hex}"
    first, one = subscriber(launch, topic, [bus(launch)])
    second, two = subscriber(launch, topic, [bus(launch)])
    wait_until(lambda: sqlite3.connect(launch.folder / "m.db").execute("SELECT COUNT(*) FROM pubsub_consumers").fetchone() == (1,), "the group")
    os.kill(one.process.pid, signal.SIGSTOP)
    try:
        for number in range(50):
            assert two.request("POST", f"/v1.0/publish/ps/{topic}", body=str(number)).status == 204
        wait_until(lambda: {str(n) for n in range(50)} <= {str(d) for d in data_of(second)}, "all at the one that runs", 30)
    finally:
        os.kill(one.process.pid, signal.SIGCONT)
    assert one.request("GET", "/v1.0/healthz").status == 204


def test_each_group_has_every_message_and_one_of_its_subscribers(launch):
    topic = f"t{uuid.uuid4().hex}"
    slow = {"visibilityTimeout": "60s"}  # no delivery counts as forgotten, however slow the machine is
    apps = [subscriber(launch, topic, [bus(launch, consumerID=group, **slow)])[0] for group in ("a", "a", "b")]
    publisher = launch.sidecar(resources=[bus(launch)])
    wait_until(lambda: sqlite3.connect(launch.folder / "m.db").execute("SELECT COUNT(*) FROM pubsub_consumers").fetchone() == (2,), "the groups")
    for number in range(100):
        assert publisher.request("POST", f"/v1.0/publish/ps/{topic}", body=str(number)).status == 204
    wait_until(lambda: len(data_of(apps[0])) + len(data_of(apps[1])) >= 100 and len(data_of(apps[2])) >= 100, "the messages", 30)
    assert set(collections.Counter(map(str, data_of(apps[0]) + data_of(apps[1]))).values()) == {1}, "one of a group handles each"
    assert set(collections.Counter(map(str, data_of(apps[2]))).values()) == {1}


def test_a_lock_outlives_the_sidecar_that_took_it(launch):
    store = component("l", "lock.sqlite", connectionString=str(launch.folder / "l.db"))
    one = launch.sidecar(resources=[store])
    take = lambda sidecar, owner: sidecar.post("/v1.0-alpha1/lock/l", {"resourceId": "r", "lockOwner": owner, "expiryInSeconds": 60}).json["success"]
    assert take(one, "me")
    one.kill()
    two = launch.sidecar(resources=[store])
    assert not take(two, "you")
    assert two.post("/v1.0-alpha1/unlock/l", {"resourceId": "r", "lockOwner": "you"}).json == {"status": 2}
    assert two.post("/v1.0-alpha1/unlock/l", {"resourceId": "r", "lockOwner": "me"}).json == {"status": 0}
    assert take(two, "you")
