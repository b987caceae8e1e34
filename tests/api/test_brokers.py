"""One user's day on every broker: the same subscriptions and calls against the real servers (contract 03, 2 to 4)."""
import base64, uuid

import pytest

from application import reply
from backends import BROKERS
from sidecar import inbound_retry, wait_until

pytestmark = pytest.mark.timeout(180)
AGAIN = inbound_retry("ps", 2)
HOT = """apiVersion: dapr.io/v1alpha1
kind: Configuration
metadata: {name: c}
spec: {features: [{name: HotReload, enabled: true}]}
"""
WAIT_S = 60


class World:
    """A sidecar on one broker, an application that hears of every topic, and names of topics that are nobody else's."""

    def __init__(self, launcher, broker, address):
        self.broker = broker
        self.topics = {name: f"day{uuid.uuid4().hex}" for name in ("plain", "raw", "again", "dropped", "dead", "bulk")}
        broker.prepare(address, self.topics.values())
        said = [{"pubsubname": "ps", "topic": topic, "route": "/" + name, **self.more(name)} for name, topic in self.topics.items()]
        self.app = launcher.app().on("/dapr/subscribe", reply(json_body=said)).on("/(plain|raw|dead)", reply(200)).on("/dropped", reply(json_body={"status": "DROP"}))
        self.app.on("/bulk", lambda call: reply(json_body={"statuses": [{"entryId": e["entryId"], "status": "SUCCESS"} for e in call.received.json["entries"]]}))
        self.one = launcher.sidecar(f"a{uuid.uuid4().hex}", app=self.app, resources=[AGAIN, broker.make("ps", address)])
        wait_until(lambda: len(self.one.get("/v1.0/metadata").json.get("subscriptions", [])) == len(said), "the subscriptions", WAIT_S)

    def more(self, name):
        return {"raw": {"metadata": {"rawPayload": "true"}}, "dropped": {"deadLetterTopic": self.topics["dead"]},
                "bulk": {"bulkSubscribe": {"enabled": True, "maxMessagesCount": 10, "maxAwaitDurationMs": 50}}}.get(name, {})

    def publish(self, name, data, query=""):
        answer = self.one.post(f"/v1.0/publish/ps/{self.topics[name]}{query}", data)
        assert answer.status == 204, answer.text

    def heard(self, route, wanted, count=1):
        """The requests on a route for which `wanted` is true, once there are as many."""
        return wait_until(lambda: (lambda got: got if len(got) >= count else None)([r for r in self.app.calls(route) if wanted(r.json)]), f"{count} on {route}", WAIT_S)


@pytest.fixture(scope="module", params=BROKERS, ids=str)
def world(request, launch_module, server_address):
    broker = request.param
    return World(launch_module, broker, server_address(broker.server) if broker.server else "")


def test_capabilities(world):
    (told,) = world.one.get("/v1.0/metadata").json["components"]
    assert (told["name"], told.get("capabilities", [])) == ("ps", world.broker.features)


def test_an_event(world):
    word = uuid.uuid4().hex
    world.publish("plain", {"word": word}, f"?metadata.cloudevent.id={word}&metadata.cloudevent.type=mine")
    got = world.heard("/plain", lambda event: event["id"] == word)[0]  # a broker may bring it again
    event = got.json
    assert (event["data"], event["type"], event["topic"], event["pubsubname"], event["source"]) == ({"word": word}, "mine", world.topics["plain"], "ps", world.one.app_id)
    assert got.header("content-type") == "application/cloudevents+json"


def test_bytes_that_are_no_event(world):
    data = uuid.uuid4().bytes
    path = f"/v1.0/publish/ps/{world.topics['raw']}?metadata.rawPayload=true"
    assert world.one.request("POST", path, {"content-type": "application/octet-stream"}, data).status == 204
    world.heard("/raw", lambda event: event.get("data_base64") == base64.b64encode(data).decode())


def test_many_at_once(world):
    """A bulk publish, single deliveries and deliveries in bulk: each entry comes."""
    words = [uuid.uuid4().hex for _ in range(25)]
    for name in ("plain", "bulk"):
        entries = [{"entryId": str(n), "event": {"word": word}, "contentType": "application/json"} for n, word in enumerate(words)]
        answer = world.one.post(f"/v1.0/publish/bulk/ps/{world.topics[name]}", entries)
        assert (answer.status, answer.body) == (204, b""), answer.text
    world.heard("/plain", lambda event: isinstance(event["data"], dict) and event["data"].get("word") in words, len(words))
    came = lambda: {e["event"]["data"]["word"] for r in world.app.calls("/bulk") for e in r.json["entries"]}
    wait_until(lambda: set(words) <= came(), "the entries in bulk", WAIT_S)


def test_what_the_application_wants_again_comes_again(world):
    word, answers = uuid.uuid4().hex, [reply(500), reply(json_body={"status": "RETRY"})]
    world.app.on("/again", lambda call: answers.pop(0) if answers and call.received.json["data"] == word else reply(200))
    world.publish("again", word)
    got = world.heard("/again", lambda event: event["data"] == word, 3)
    assert len({r.body for r in got[:3]}) == 1


def test_what_is_dropped_goes_to_the_dead_letters(world):
    word = uuid.uuid4().hex
    world.publish("dropped", word)
    letter = world.heard("/dead", lambda event: event["data"] == word)[0]
    assert letter.json["topic"] == world.topics["dropped"]
    assert letter.body == world.heard("/dropped", lambda event: event["data"] == word)[0].body


WRONG = [pytest.param(broker, change, words, id=f"{broker}: {what}") for broker in BROKERS for what, change, words in broker.wrong]


@pytest.mark.parametrize("broker,change,words", WRONG)
def test_a_start_that_fails(launch, broker, change, words):
    part = broker.make("ps", change(""))
    dies = launch.sidecar(resources=[part], ready="", start=False)
    dies.start()
    assert dies.wait() == 1
    fatal = [line for line in dies.log().splitlines() if "level=fatal" in line]
    kind = part.split("type: ")[1].split()[0]
    assert len(fatal) == 1 and f"Fatal error from runtime: process component ps error: [INIT_COMPONENT_FAILURE]: initialization error occurred for ps ({kind}/v1): " in fatal[0], fatal
    assert words in fatal[0], fatal

    lives = launch.sidecar(resources=[part + "  ignoreErrors: true\n"])
    lives.says("Ignoring error processing component: ")
    got = lives.post("/v1.0/publish/ps/t", {})
    assert got.error()[:2] == (404, "ERR_PUBSUB_NOT_FOUND") and words in got.header("mecha-component-state"), got.headers


@pytest.mark.parametrize("address", ["amqp://guest:guest@127.0.0.1:1", "wrong"])
def test_rabbitmq_is_waited_for(launch, server_address, address):
    """It starts without its server, and with a password that the server refuses: it says so, and tries again."""
    if address == "wrong":
        address = server_address("rabbitmq").replace("guest:guest", "guest:other")
    rabbitmq = next(broker for broker in BROKERS if broker.id == "rabbitmq")
    one = launch.sidecar(resources=[rabbitmq.make("ps", address)])
    one.says("the RabbitMQ server cannot be reached yet")
    assert ("connection refused" in one.log()) != ("ACCESS_REFUSED - Login was refused" in one.log())
    assert one.post("/v1.0/publish/ps/t", {}).error()[:2] == (500, "ERR_PUBSUB_PUBLISH_MESSAGE")


def test_one_broker_after_another_in_the_same_place(launch, server_address):
    """Each takes the name of the one before; the subscription of the application goes with it."""
    topic = f"day{uuid.uuid4().hex}"
    app = launch.app().on("/dapr/subscribe", reply(json_body=[{"pubsubname": "ps", "topic": topic, "route": "/in"}])).on("/in", reply(200))
    one = launch.sidecar(f"a{uuid.uuid4().hex}", app=app, resources={"ps.yaml": BROKERS[-1].make("ps", "")}, config=HOT)
    for broker in [BROKERS[-1], *BROKERS[:-1], BROKERS[-1]]:
        address = server_address(broker.server) if broker.server else ""
        broker.prepare(address, [topic])
        part = broker.make("ps", address)
        (one.folder / "resources/ps.yaml").write_text(part)
        kind = part.split("type: ")[1].split()[0]
        wait_until(lambda: [c["type"] for c in one.get("/v1.0/metadata").json.get("components", [])] == [kind], f"{broker} to be there", WAIT_S)

        def comes():
            assert one.post(f"/v1.0/publish/ps/{topic}", str(broker)).status in (204, 400, 500)
            return str(broker) in [r.json["data"] for r in app.calls("/in")]
        wait_until(comes, f"a message through {broker}", WAIT_S, 0.3)
