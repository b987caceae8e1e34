"""Components on brokers that keep what they have acknowledged, and the names of their servers."""
import json, socket, uuid

from sidecar import component

SERVERS = {"kafka": "kafka", "rabbitmq": "rabbitmq", "mqtt": "mosquitto", "jetstream": "nats"}  # kind: server in scripts/servers.py


def make_stream(address, login=None):
    """One stream on disk for every topic; JetStream makes none by itself."""
    host, port = address.rsplit("/", 1)[1].split(":")
    with socket.create_connection((host, int(port)), 5) as s:
        s.settimeout(5)
        body = json.dumps({"name": "MECHA", "subjects": ["*", "conformance.>"], "storage": "file"})
        s.sendall(f'CONNECT {json.dumps({"verbose": False, **(login or {})})}\r\nSUB answer 1\r\nPUB $JS.API.STREAM.CREATE.MECHA answer {len(body)}\r\n{body}\r\n'.encode())
        got = b""
        while b'"type"' not in got:
            got += s.recv(65536)


def durable_broker(kind, address):
    if kind == "rabbitmq":
        return component("ps", "pubsub.rabbitmq", connectionString=address, deletedWhenUnused="false", deliveryMode="2", publisherConfirm="true", requeueInFailure="true",
                         reconnectWaitSeconds="500ms", consumerID=f"c{uuid.uuid4().hex}")
    if kind == "kafka":
        return component("ps", "pubsub.kafka", brokers=address, authType="none", consumerGroup=f"c{uuid.uuid4().hex}", initialOffset="oldest",
                         sessionTimeout="6s", heartbeatInterval="1s")
    if kind == "mqtt":
        return component("ps", "pubsub.mqtt3", url=address, consumerID=f"c{uuid.uuid4().hex}")
    if kind == "jetstream":
        make_stream(address)
        return component("ps", "pubsub.jetstream", natsURL=address, durableName=f"d{uuid.uuid4().hex}", ackWait="2s", deliverPolicy="new")
    if kind == "redis":
        return component("ps", "pubsub.redis", redisHost=address, consumerID=f"c{uuid.uuid4().hex}", redeliverInterval="1s", processingTimeout="1s")
    if kind == "sqlite":
        return component("ps", "pubsub.sqlite", connectionString=str(address), consumerID=f"c{uuid.uuid4().hex}")
    raise ValueError(kind)
