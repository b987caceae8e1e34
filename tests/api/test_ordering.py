"""Messages of one key are delivered one after another and in order, different keys in parallel, on every broker."""
import threading, time, uuid

import pytest

from application import Reply, reply
from sidecar import component, wait_until

BROKERS = ["in-memory", "redis", "kafka"]


@pytest.fixture(params=BROKERS)
def broker(request):
    if request.param == "redis":
        return component("ps", "pubsub.redis", redisHost=request.getfixturevalue("redis_address"))
    if request.param == "kafka":
        return component("ps", "pubsub.kafka", brokers=request.getfixturevalue("kafka_address"), authType="none", initialOffset="oldest", consumerGroup=f"g{uuid.uuid4().hex}")
    return component("ps", "pubsub.in-memory")


def world(launch, broker, handler, **more):
    topic = f"order-{uuid.uuid4().hex}"
    app = launch.app().on("/dapr/subscribe", reply(json_body=[{"pubsubname": "ps", "topic": topic, "route": "/in", **more}])).on("/in", handler)
    one = launch.sidecar(app=app, resources=[broker])
    one.request("POST", f"/v1.0/publish/ps/{topic}?metadata.partitionKey=first", [("Content-Type", "application/json")], "[\"first\", 0]")
    app.wait_for("/in", limit_s=30)
    app.forget()
    return one, app, topic


def publish(one, topic, key, number):
    got = one.request("POST", f"/v1.0/publish/ps/{topic}?metadata.partitionKey={key}", [("Content-Type", "application/json")], f"[\"{key}\", {number}]")
    assert got.status == 204, got.body


def test_one_key_is_in_order_and_keys_are_in_parallel(launch, broker):
    running, two, overlaps, alone, lock = {}, threading.Event(), [], [], threading.Lock()

    def handler(call):
        key, _ = call.received.json["data"]
        with lock:
            if running.get(key):
                overlaps.append(key)
            running[key] = running.get(key, 0) + 1
            if sum(running.values()) > 1:
                two.set()
        if key != "first" and not alone and not two.wait(20):  # but for the one of `world`
            alone.append(key)
        time.sleep(0.005)
        with lock:
            running[key] -= 1
        return reply(200)

    one, app, topic = world(launch, broker, handler)
    keys = [f"k{i}" for i in range(8)]
    for number in range(25):
        for key in keys:
            publish(one, topic, key, number)
    app.wait_for("/in", 200, limit_s=60)
    order = {}
    for received in app.calls("/in"):
        key, number = received.json["data"]
        order.setdefault(key, []).append(number)
    assert order == {key: list(range(25)) for key in keys}
    assert overlaps == [] and alone == []


def test_a_slow_key_does_not_hold_the_others(launch, broker):
    go = threading.Event()

    def handler(call):
        if call.received.json["data"][0] == "slow":
            go.wait(120)
        return reply(200)

    one, app, topic = world(launch, broker, handler)
    publish(one, topic, "slow", 0)
    for number in range(5):
        for key in range(20):
            publish(one, topic, f"quick{key}", number)
    quick = lambda: [r for r in app.calls("/in") if r.json["data"][0] != "slow"]
    try:
        if "kafka" in broker:  # keys of other partitions at least
            wait_until(lambda: len(quick()) > 30, "keys of other partitions", 30)
        wait_until(lambda: len(quick()) == 100, f"all other keys ({len(quick())})", 30)
    finally:
        go.set()


def test_a_message_that_fails_goes_to_the_dead_letters_and_the_next_ones_follow(launch, broker):
    def handler(call):
        return Reply(500) if call.received.json["data"][1] == 2 else reply(200)

    dead = f"dead-{uuid.uuid4().hex}"
    one, app, topic = world(launch, broker, handler, deadLetterTopic=dead)
    for number in range(1, 5):
        publish(one, topic, "k", number)
    app.wait_for("/in", 4, limit_s=30)
    assert [r.json["data"][1] for r in app.calls("/in")] == [1, 2, 3, 4]
