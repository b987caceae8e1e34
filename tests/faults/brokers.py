"""Components on brokers that keep what they have acknowledged, and the names of their servers."""
import uuid

from sidecar import component

SERVERS = {"rabbitmq": "rabbitmq", "mqtt": "mosquitto"}  # kind: server in scripts/servers.py


def durable_broker(kind, address):
    if kind == "rabbitmq":
        return component("ps", "pubsub.rabbitmq", connectionString=address, deletedWhenUnused="false", deliveryMode="2", publisherConfirm="true", requeueInFailure="true",
                         reconnectWaitSeconds="500ms", consumerID=f"c{uuid.uuid4().hex}")
    if kind == "mqtt":
        return component("ps", "pubsub.mqtt3", url=address, consumerID=f"c{uuid.uuid4().hex}")
    raise ValueError(kind)
