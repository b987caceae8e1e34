"""kill -9 around the steps of the transactional outbox: every committed transaction is told of, no other one is."""
import http.client, json, threading, time, uuid

import pytest

from application import reply
from sidecar import component, wait_until

pytestmark = pytest.mark.timeout(180)


@pytest.fixture(params=["redis", "kafka"])
def world(request, launch):
    name = uuid.uuid4().hex
    if request.param == "redis":
        broker = component("ps", "pubsub.redis", redisHost=request.getfixturevalue("redis_address"), processingTimeout="4s", redeliverInterval="500ms")
    else:
        broker = component("ps", "pubsub.kafka", brokers=request.getfixturevalue("kafka_address"), authType="none", initialOffset="oldest", consumerGroup=name, sessionTimeout="6s", heartbeatInterval="1s")
    store = component("s", "state.sqlite", connectionString=str(launch.folder / "o.db"), outboxPublishPubsub="ps", outboxPublishTopic=f"out{name}", outboxDiscardWhenMissingState="true")
    app = launch.app().on("/dapr/subscribe", reply(json_body=[{"pubsubname": "ps", "topic": f"out{name}", "route": "/in"}])).on("/in", reply(200))
    return launch.sidecar(app=app, resources=[broker, store]), app


def transact(one, key):
    return one.post("/v1.0/state/s/transaction", {"operations": [{"operation": "upsert", "request": {"key": key, "value": key}}]})


def told(app):
    return {call.json["data"] for call in app.calls("/in")}


class Writer:
    """Transactions one after another until the daemon is gone; `done` holds the keys that were answered with 204."""

    def __init__(self, one, name):
        self.done, self.tried, self.one, self.name = [], [], one, name
        self.thread = threading.Thread(target=self.run)

    def run(self):
        for number in range(100_000):
            key = f"{self.name}-{number}"
            self.tried.append(key)
            try:
                time.sleep(0.01)
                if transact(self.one, key).status == 204:
                    self.done.append(key)
            except (OSError, http.client.HTTPException, json.JSONDecodeError):
                return


def test_a_committed_transaction_is_told_of_across_kills(world):
    one, app = world
    assert transact(one, "first").status == 204
    wait_until(lambda: "first" in told(app), "the first event", 60)
    done, tried = [], ["first"]
    for round_, (most, pause) in enumerate([(30, 0.0), (60, 1.05), (60, 1.2)]):
        writers = [Writer(one, f"{round_}-{i}") for i in range(4)]
        for writer in writers:
            writer.thread.start()
        wait_until(lambda: sum(len(w.done) for w in writers) >= most, "transactions", 30)
        if pause:  # the first of them are being published, and markers deleted, when the end comes
            time.sleep(pause)
        one.kill()
        for writer in writers:
            writer.thread.join()
            done += writer.done
            tried += writer.tried
        one.start()
    wait_until(lambda: set(done) <= told(app), f"the events of {len(done)} transactions", 100)
    assert told(app) <= set(tried)
    committed = {key for key in tried if one.get(f"/v1.0/state/s/{key}").status == 200}
    assert told(app) <= committed


def test_a_transaction_that_is_rolled_back_is_told_of_to_nobody(world):
    one, app = world
    bad = one.post("/v1.0/state/s/transaction", {"operations": [{"operation": "upsert", "request": {"key": "bad", "value": "bad", "etag": "wrong"}}]})
    assert bad.status == 500 and bad.json["errorCode"] == "ERR_STATE_TRANSACTION"
    assert transact(one, "good").status == 204
    wait_until(lambda: "good" in told(app), "the event of the other", 60)
    assert told(app) == {"good"}
