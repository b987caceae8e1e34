"""Lists of headers and trailers over gRPC, and texts that are not UTF-8 (contract 01, 1.6, 8.1 to 8.4; 04a)."""
import queue

import grpc
import pytest
from dapr.proto.common.v1 import common_pb2
from dapr.proto.runtime.v1 import binding_pb2, dapr_pb2_grpc, invoke_pb2
from google.protobuf import any_pb2
from google.rpc import error_details_pb2, status_pb2

from application import Reply
from grpc_application import GenericApp
from sidecar import component

LARGE = 3 << 20  # bytes of metadata that our clients take
TEXT = "é" * 40
WIDE = [("grpc.max_metadata_size", LARGE), ("grpc.absolute_max_metadata_size", LARGE)]


def detailed(size):
    """A status of NOT_FOUND with details of about `size` bytes, packed."""
    detail = any_pb2.Any()
    detail.Pack(error_details_pb2.ErrorInfo(reason="R", domain="d", metadata={"why": "y" * size}))
    return status_pb2.Status(code=5, message="not here", details=[detail]).SerializeToString()


class TalkativeApp(GenericApp):
    """A gRPC application that fails with the details that a call asks for, or answers with headers as large."""

    def __init__(self):
        super().__init__(options=WIDE)

    def service(self, details):
        return grpc.unary_unary_rpc_method_handler(self.invoked if details.method.endswith("OnInvoke") else self.called)

    def invoked(self, message, context):
        return self.talk(common_pb2.InvokeRequest.FromString(message).method, context, common_pb2.InvokeResponse().SerializeToString())

    def called(self, message, context):
        if message.startswith(b"take"):
            return str(sum(len(k) + len(v) for k, v in context.invocation_metadata() if k.startswith("x-"))).encode()
        return self.talk(message.decode(), context, b"ok")

    def talk(self, word, context, answer):
        kind, _, size = word.partition("-")
        if kind == "headers":
            context.send_initial_metadata(tuple((f"x-{i}", "v" * 1000) for i in range(int(size) // 1000)))
        elif kind == "details":
            context.set_trailing_metadata((("grpc-status-details-bin", detailed(int(size))),))
            context.abort(grpc.StatusCode.NOT_FOUND, "not here")
        return answer


@pytest.fixture(scope="module")
def world(launch_module):
    app = TalkativeApp()
    speaks = {"flags": ("--app-protocol", "grpc")}
    back = launch_module.sidecar("back", app=app, **speaks)
    web = launch_module.app()
    front = launch_module.sidecar("front", app=web, resources=[component("s", "state.in-memory"), component("web", "bindings.http", url=f"http://127.0.0.1:{web.port}")])
    with grpc.insecure_channel(f"127.0.0.1:{front.grpc}", options=WIDE) as there, grpc.insecure_channel(f"127.0.0.1:{back.grpc}", options=WIDE) as here:
        yield {"peer": there, "own": here}, web
    app.close()


def ask(channel, word):
    return channel.unary_unary("/test.Talk/Say").with_call(word.encode(), metadata=(("dapr-app-id", "back"),), timeout=20)


def invoke(channel, method, app_id="back"):
    message = common_pb2.InvokeRequest(method=method, http_extension=common_pb2.HTTPExtension(verb="GET"))
    return dapr_pb2_grpc.DaprStub(channel).InvokeService(invoke_pb2.InvokeServiceRequest(id=app_id, message=message), timeout=20)


@pytest.mark.parametrize("target", ["own", "peer"])
@pytest.mark.parametrize("size", [3500, 20000])
@pytest.mark.parametrize("way", [ask, invoke], ids=["proxied", "InvokeService"])
def test_large_details_of_an_error_pass(world, way, size, target):
    with pytest.raises(grpc.RpcError) as failed:
        way(world[0][target], f"details-{size}")
    assert (failed.value.code(), failed.value.details()) == (grpc.StatusCode.NOT_FOUND, "not here")
    sent = dict(failed.value.trailing_metadata())["grpc-status-details-bin"]
    info = error_details_pb2.ErrorInfo()
    assert status_pb2.Status.FromString(sent).details[0].Unpack(info) and len(info.metadata["why"]) == size


@pytest.mark.parametrize("target", ["own", "peer"])
@pytest.mark.parametrize("size", [6000, 200_000])
def test_large_headers_of_an_answer_pass(world, size, target):
    answer, call = ask(world[0][target], f"headers-{size}")
    assert answer == b"ok" and sum(len(v) for k, v in call.initial_metadata() if k.startswith("x-")) == size


@pytest.mark.parametrize("target", ["own", "peer"])
@pytest.mark.parametrize("fields,size", [(1, 60_000), (200, 1000), (1000, 2500)])
def test_large_metadata_of_a_request_pass(world, target, fields, size):
    extra = tuple((f"x-{i:04}", "v" * size) for i in range(fields))
    got = world[0][target].unary_unary("/test.Talk/Say")(b"take", metadata=(("dapr-app-id", "back"), *extra), timeout=30)
    assert int(got) == fields * (size + 6)


def test_too_much_metadata_fails_its_stream_alone(world):
    """What our client gets wrong must not end the streams beside it."""
    channel, _ = world
    waiting = queue.Queue()
    other = channel["peer"].stream_stream("/test.Talk/Other")(iter(waiting.get, None), metadata=(("dapr-app-id", "back"),))
    with pytest.raises(grpc.RpcError):
        extra = tuple((f"x-{i:04}", "v" * 30_000) for i in range(150))  # 4.5 MB
        channel["peer"].unary_unary("/test.Talk/Say")(b"take", metadata=(("dapr-app-id", "back"), *extra), timeout=30)
    waiting.put(b"take"), waiting.put(None)
    assert list(other) == [b"0"]


def test_what_is_shown_of_a_body_ends_at_a_character(world):
    """Sixty-three bytes are shown; the last of these characters would be cut."""
    world[1].on("/refuses", Reply(404, TEXT.encode()))
    with pytest.raises(grpc.RpcError) as failed:
        invoke(world[0]["peer"], "refuses", "front")
    details = status_pb2.Status.FromString(dict(failed.value.trailing_metadata())["grpc-status-details-bin"]).details
    info = error_details_pb2.ErrorInfo()
    assert details[0].Unpack(info) and info.metadata["http.error_message"] == TEXT[:31]


def test_bytes_that_are_no_text_become_a_text(world):
    channel, web = world
    web.on("/refuses", Reply(404, b"no \xe9 text"))
    with pytest.raises(grpc.RpcError) as failed:
        invoke(channel["peer"], "refuses", "front")
    info = error_details_pb2.ErrorInfo()
    assert status_pb2.Status.FromString(dict(failed.value.trailing_metadata())["grpc-status-details-bin"]).details[0].Unpack(info)
    assert info.metadata["http.error_message"] == "no \ufffd text"
    web.on("/typed", Reply(200, b"x", [("Content-Type", "text/\xe9"), ("X-R", "\xe9")]))
    assert invoke(channel["peer"], "typed", "front").content_type == "text/\ufffd"
    request = binding_pb2.InvokeBindingRequest(name="web", operation="get", metadata={"path": "typed"})
    assert dapr_pb2_grpc.DaprStub(channel["peer"]).InvokeBinding(request, timeout=20).metadata["X-R"] == "\ufffd"
