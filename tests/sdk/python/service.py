"""A service of the user's own, `mecha.Talk`, as the proxy must carry it: all four kinds of calls, metadata, trailers, errors with details."""
import grpc
from google.protobuf.wrappers_pb2 import StringValue

NAME = "mecha.Talk"
KINDS = {"Say": "unary_unary", "Tell": "unary_stream", "Gather": "stream_unary", "Chat": "stream_stream"}
OUT = {"request_serializer": StringValue.SerializeToString, "response_deserializer": StringValue.FromString}


def text(words):
    return StringValue(value=words)


class Talk:
    def Say(self, request, context):
        if request.value == "refuse":
            context.set_trailing_metadata((("x-why", "because"), ("x-bytes-bin", b"\0\1\2")))
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, "not today: \N{SNOWMAN}")
        heard = dict(context.invocation_metadata())
        context.send_initial_metadata((("x-heard", heard.get("x-said", "")), ("x-caller", heard.get("dapr-caller-app-id", ""))))
        context.set_trailing_metadata((("x-late", "yes"),))
        return request

    def Tell(self, request, context):
        for n in range(int(request.value)):
            yield text(str(n))

    def Gather(self, requests, context):
        return text(",".join(one.value for one in requests))

    def Chat(self, requests, context):
        for one in requests:
            yield text("you said " + one.value)


def add_to_server(servicer, server):
    """As the generated `add_TalkServicer_to_server` would."""
    handlers = {name: getattr(grpc, kind + "_rpc_method_handler")(getattr(servicer, name), StringValue.FromString, StringValue.SerializeToString)
                for name, kind in KINDS.items()}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(NAME, handlers),))


class Stub:
    """As the generated `TalkStub`."""

    def __init__(self, channel):
        for name, kind in KINDS.items():
            setattr(self, name, getattr(channel, kind)(f"/{NAME}/{name}", **OUT))
