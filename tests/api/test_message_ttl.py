"""Messages with a time to live on every broker that keeps them: one that is over when the subscriber comes is not delivered (contract 03, 1.5 and 3)."""
import time, uuid

import pytest

from application import reply
from backends import kafka_topics, make_stream  # noqa: F401: finds tests/faults
from brokers import SERVERS, durable_broker
from sidecar import wait_until

pytestmark = pytest.mark.timeout(120)
TOPIC = f"ttl{uuid.uuid4().hex}"


@pytest.mark.parametrize("kind", ["redis", "sqlite", *SERVERS])
def test_what_is_over_is_not_delivered(launch, server_address, tmp_path, kind):
    address = tmp_path / "messages.db" if kind == "sqlite" else server_address({"redis": "redis", **SERVERS}[kind])
    if kind == "kafka":
        kafka_topics(address, [TOPIC])
    mine, other = durable_broker(kind, address), durable_broker(kind, address)  # two groups of subscribers, one of which only publishes
    native = kind == "rabbitmq"
    app = launch.app().on("/dapr/subscribe", reply(json_body=[{"pubsubname": "ps", "topic": TOPIC, "route": "/heard"}])).on("/heard", reply(200))
    heard = lambda: [call.json["data"] for call in app.calls("/heard")]  # noqa: E731

    first = launch.sidecar("subscriber", app=app, resources=[mine])
    front = launch.sidecar("front", resources=[other])

    def publish(word, **metadata):
        got = front.post(f"/v1.0/publish/ps/{TOPIC}?" + "&".join(f"metadata.{name}={value}" for name, value in metadata.items()), {"word": word})
        assert got.status == 204, got.text

    def subscribed():
        publish("before")
        return {"word": "before"} in heard()
    wait_until(subscribed, "the subscription", 30, 0.3)
    assert first.stop() == 0
    app.forget()

    publish("over", ttlInSeconds=1)
    publish("over too", TTL="500ms")
    entry = {"contentType": "application/json"}
    bulk = front.post(f"/v1.0-alpha1/publish/bulk/ps/{TOPIC}", [
        {"entryId": "1", "event": {"word": "over in bulk"}, "metadata": {"ttlInSeconds": "1"}, **entry},
        {"entryId": "2", "event": {"word": "in time in bulk"}, "metadata": {"ttlInSeconds": "600"}, **entry}])
    assert bulk.status == 204, bulk.text
    publish("in time", ttlInSeconds=600)
    publish("unlimited")
    publish("unreadable", ttlInSeconds="soon")
    time.sleep(2.1)  # expiration is told in whole seconds
    publish("last")

    launch.sidecar("subscriber", app=app, resources=[mine])
    expected = {"in time in bulk", "in time", "unlimited", "unreadable", "last"}
    wait_until(lambda: expected <= {data["word"] for data in heard()}, f"{expected}", 30)
    time.sleep(0.3)
    assert {data["word"] for data in heard()} - {"before"} == expected
    told = {call.json["data"]["word"]: "expiration" in call.json for call in app.calls("/heard")}
    assert told["in time"] == told["in time in bulk"] == (not native) and not told["unlimited"] and not told["unreadable"]
