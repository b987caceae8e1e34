"""What stands in the brokers, seen by clients of their own: a record that we write, and one written by hand that we read (contract 03, 4.2 to 4.6)."""
import asyncio, base64, json, sys, time, uuid

import pytest

from application import reply
from sidecar import ROOT, component, wait_until

sys.path.append(str(ROOT / "tests/faults"))
from brokers import make_stream  # noqa: E402

RAW = f'{{"id":"{uuid.uuid4()}","n":"<é>"}}'.encode()  # NATS drops what comes again under an id, on any topic
GROUP = "golden"


def until(look, limit_s=20):
    end = time.monotonic() + limit_s
    while time.monotonic() < end:
        if (found := look()) is not None:
            return found
        time.sleep(0.05)
    raise AssertionError("the broker has no record")


class Redis:
    """Stream entries of two fields: the bytes, and the metadata of the request as JSON."""
    server = "redis"

    def __init__(self, address):
        import redis
        self.client, self.part = redis.Redis(*address.split(":")), component("ps", "pubsub.redis", redisHost=address, consumerID=GROUP)

    def prepare(self, topic):
        pass

    def read(self, topic):
        def look():
            entries = self.client.xrange(topic)
            return entries[-1][1] if entries else None
        entry = until(look)
        assert set(entry) == {b"data", b"metadata"}
        return entry[b"data"], json.loads(entry[b"metadata"])

    def write(self, topic, data):
        self.client.xadd(topic, {"data": data})

    metadata = {"rawPayload": "true", "partitionKey": "p"}


class Kafka:
    """A record per message: the bytes as value, every entry of the metadata as header, `partitionKey` as key too."""
    server = "kafka"

    def __init__(self, address):
        self.address, self.part = address, component("ps", "pubsub.kafka", brokers=address, authType="none", consumerGroup=f"g{uuid.uuid4().hex}", initialOffset="oldest")

    def prepare(self, topic):
        from confluent_kafka.admin import AdminClient, NewTopic
        admin = AdminClient({"bootstrap.servers": self.address})
        admin.create_topics([NewTopic(topic, 1, 1)])[topic].result(20)

    def read(self, topic):
        from confluent_kafka import Consumer
        consumer = Consumer({"bootstrap.servers": self.address, "group.id": uuid.uuid4().hex, "auto.offset.reset": "earliest"})
        consumer.subscribe([topic])
        try:
            def look():
                got = consumer.poll(0.2)
                return got if got is not None and not got.error() else None
            record = until(look, 40)
            headers = {name: value.decode() for name, value in record.headers() or []}
            assert record.key() == headers["partitionKey"].encode()
            return record.value(), headers
        finally:
            consumer.close()

    def write(self, topic, data):
        from confluent_kafka import Producer
        producer = Producer({"bootstrap.servers": self.address})
        producer.produce(topic, data)
        assert producer.flush(20) == 0

    metadata = {"rawPayload": "true", "partitionKey": "p"}


class RabbitMq:
    """A durable fanout exchange that goes with its last queue, of the topic's name; text/plain, no headers; a queue `<consumer>-<topic>` behind it."""
    server = "rabbitmq"

    def __init__(self, address):
        import pika
        self.connection = pika.BlockingConnection(pika.URLParameters(address + "/"))
        self.channel, self.part = self.connection.channel(), component("ps", "pubsub.rabbitmq", connectionString=address, consumerID=GROUP)
        self.queues = {}

    def prepare(self, topic):
        self.channel.exchange_declare(topic, "fanout", durable=True, auto_delete=True)
        self.queues[topic] = self.channel.queue_declare("", exclusive=True).method.queue
        self.channel.queue_bind(self.queues[topic], topic)

    def read(self, topic):
        def look():
            method, properties, body = self.channel.basic_get(self.queues[topic], auto_ack=True)
            return (properties, body) if method else None
        properties, body = until(look)
        assert (properties.content_type, properties.headers, properties.message_id) == ("text/plain", None, None)
        return body, {}

    def write(self, topic, data):
        self.channel.queue_declare(f"{GROUP}-{topic}", passive=True)  # of this name, made by the sidecar
        self.channel.basic_publish(topic, "", data)

    metadata = {}


class Mqtt:
    """The bytes alone, on the topic of the same name."""
    server = "mosquitto"

    def __init__(self, address):
        import paho.mqtt.client as mqtt
        host, port = address.rsplit("/", 1)[1].split(":")
        self.got, self.part = {}, component("ps", "pubsub.mqtt3", url=address, consumerID=f"g{uuid.uuid4().hex}", qos="1")
        self.client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, f"golden{uuid.uuid4().hex}")
        self.client.on_message = lambda _client, _data, message: self.got.setdefault(message.topic, []).append((message.payload, message.retain))
        self.client.connect(host, int(port))
        self.client.loop_start()

    def prepare(self, topic):
        ready = []
        self.client.on_subscribe = lambda *_: ready.append(1)
        self.client.subscribe(topic, 1)
        wait_until(lambda: ready, "the subscription of the reader")

    def read(self, topic):
        payload, retain = until(lambda: (self.got.get(topic) or [None])[-1])
        assert not retain
        return payload, {}

    def write(self, topic, data):
        self.client.publish(topic, data, 1).wait_for_publish(10)

    metadata = {}


class JetStream:
    """The bytes on the subject of the topic; `Nats-Msg-Id` is the id of a payload that has one, so that the server drops doubles."""
    server = "nats"

    def __init__(self, address):
        make_stream(address)
        self.address, self.part = address, component("ps", "pubsub.jetstream", natsURL=address, durableName=f"g{uuid.uuid4().hex}", deliverPolicy="new")

    def ask(self, work):
        async def go():
            import nats
            client = await nats.connect(self.address, connect_timeout=20)
            try:
                return await work(client.jetstream(timeout=20))
            finally:
                await client.close()
        return asyncio.run(go())

    def prepare(self, topic):
        pass

    def read(self, topic):
        async def last(stream):
            return await stream.get_last_msg("MECHA", topic)
        message = self.ask(last)
        assert message.headers == {"Nats-Msg-Id": json.loads(message.data)["id"]}
        return message.data, {}

    def write(self, topic, data):
        async def put(stream):
            await stream.publish(topic, data)
        self.ask(put)

    metadata = {}


@pytest.fixture(scope="module", params=[Redis, Kafka, RabbitMq, Mqtt, JetStream], ids=lambda one: one.server)
def broker(request, server_address):
    return request.param(server_address(request.param.server))


@pytest.fixture(scope="module")
def world(launch_module, broker):
    topics = {name: f"golden{uuid.uuid4().hex}" for name in ("raw", "event", "foreign")}
    for topic in topics.values():
        broker.prepare(topic)
    said = [{"pubsubname": "ps", "topic": topics["foreign"], "route": "/in", "metadata": {"rawPayload": "true"}}]
    app = launch_module.app().on("/dapr/subscribe", reply(json_body=said)).on("/in", reply(200))
    one = launch_module.sidecar(app=app, resources=[broker.part])
    wait_until(lambda: one.get("/v1.0/metadata").json.get("subscriptions"), "the subscription", 20)
    return one, app, topics


def test_a_raw_message(broker, world):
    one, _, topics = world
    query = "&".join(f"metadata.{k}={v}" for k, v in {"rawPayload": "true", **broker.metadata}.items())
    got = one.request("POST", f"/v1.0/publish/ps/{topics['raw']}?{query}", [("Content-Type", "application/json")], RAW)
    assert got.status == 204, got.body
    data, metadata = broker.read(topics["raw"])
    assert data == RAW
    assert {k: v for k, v in metadata.items() if k in broker.metadata} == broker.metadata


def test_an_event(broker, world):
    """Wrapped by us: the members of CloudEvents, in one JSON object."""
    one, _, topics = world
    got = one.request("POST", f"/v1.0/publish/ps/{topics['event']}?metadata.partitionKey=p", [("Content-Type", "application/json")], b'{"n":1}')
    assert got.status == 204, got.body
    event = json.loads(broker.read(topics["event"])[0])
    trace = {name: event.pop(name) for name in ("traceid", "traceparent", "tracestate") if name in event}
    assert uuid.UUID(event.pop("id")) and event.pop("time") and set(trace) <= {"traceid", "traceparent", "tracestate"}
    assert event == {"specversion": "1.0", "type": "com.dapr.event.sent", "source": "app", "datacontenttype": "application/json", "topic": topics["event"],
                     "pubsubname": "ps", "data": {"n": 1}}


def test_a_message_by_hand(broker, world):
    one, app, topics = world
    broker.write(topics["foreign"], RAW)
    (got,) = app.wait_for("/in", limit_s=40)
    assert RAW in (got.body, base64.b64decode(got.json.get("data_base64", "")))
