"""A client that knows no message of the API: it asks the server's reflection (`grpcio-reflection`, v1alpha) and calls from what it is told."""
import json, os
from contextlib import contextmanager

import grpc
from dapr.proto.runtime.v1 import dapr_pb2  # to compare with, not to call with
from google.protobuf import descriptor_pool, message_factory
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

from app import await_event
from checks import same

DAPR = "dapr.proto.runtime.v1.Dapr"


class Discovered:
    """One service of a server, by name only."""

    def __init__(self, channel, service):
        self.database = ProtoReflectionDescriptorDatabase(channel)
        self.service = descriptor_pool.DescriptorPool(self.database).FindServiceByName(service)
        self._channel = channel

    def new(self, method, **fields):
        return message_factory.GetMessageClass(self.service.FindMethodByName(method).input_type)(**fields)

    def call(self, method, request):
        answer = message_factory.GetMessageClass(self.service.FindMethodByName(method).output_type)
        path = f"/{self.service.full_name}/{method}"
        return self._channel.unary_unary(path, lambda m: m.SerializeToString(), answer.FromString)(request, timeout=15)


@contextmanager
def discovered():
    with grpc.insecure_channel(f"127.0.0.1:{os.environ['DAPR_GRPC_PORT']}") as channel:
        yield Discovered(channel, DAPR)


def shape(message, seen=None):
    """Every field of a message and of those within: number, type, whether repeated."""
    seen = {} if seen is None else seen
    if message.full_name not in seen:
        seen[message.full_name] = {f.name: (f.number, f.type, f.is_repeated) for f in message.fields}
        for one in message.fields:
            if one.message_type:
                shape(one.message_type, seen)
    return seen


def add(operation, run):
    @operation("reflection v1alpha: services, methods, every field of their messages", faces=("grpc",))
    def _(d):
        with discovered() as api:
            services = set(api.database.get_services())
            for service in (DAPR, "grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection"):
                same((service, service in services), (service, True))
            known = {m.name: m for m in dapr_pb2.DESCRIPTOR.services_by_name["Dapr"].methods}
            compared = 0
            for told in api.service.methods:
                if told.name not in known:
                    continue  # of a later version of the API than the SDK's
                compared += 1
                for side in ("input_type", "output_type"):
                    same(shape(getattr(told, side)), shape(getattr(known[told.name], side)))
            same((compared, compared > 40), (compared, True))

    @operation("reflection v1alpha: state", faces=("grpc",))
    def _(d):
        with discovered() as api:
            request = api.new("SaveState", store_name="store")
            request.states.add(key=f"told-{run}", value=b"1")
            api.call("SaveState", request)
            same(api.call("GetState", api.new("GetState", store_name="store", key=f"told-{run}")).data, b"1")

    @operation("reflection v1alpha: publish", faces=("grpc",))
    def _(d):
        with discovered() as api:
            event = {"run": run, "told": True}
            api.call("PublishEvent", api.new("PublishEvent", pubsub_name="pubsub", topic="python-grpc", data=json.dumps(event).encode(),
                                             data_content_type="application/json"))
            await_event("topic", lambda e: e == event)

    @operation("reflection v1alpha: invoke", faces=("grpc",))
    def _(d):
        with discovered() as api:
            request = api.new("InvokeService", id="back")
            request.message.method, request.message.content_type, request.message.data.value = "echo", "text/plain", b"hello"
            answer = api.call("InvokeService", request)
            same((answer.data.value, answer.content_type), (b"hello", "text/plain"))

    @operation("reflection v1alpha: metadata", faces=("grpc",))
    def _(d):
        with discovered() as api:
            same(api.call("GetMetadata", api.new("GetMetadata")).id, "front")
