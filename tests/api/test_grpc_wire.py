"""What a gRPC port answers to requests that are no calls, or malformed ones, and what reflection answers to questions that clients rarely ask."""
import functools, subprocess

import grpc
import pytest
from dapr.proto.runtime.v1 import dapr_pb2_grpc, metadata_pb2, pubsub_pb2
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from grpc_application import GenericApp
from peer import Caller, Peer, Stream, framed
from sidecar import ROOT, component

GOOD = {":method": "POST", ":scheme": "http", ":path": "/dapr.proto.runtime.v1.Dapr/GetMetadata", ":authority": "x", "content-type": "application/grpc", "te": "trailers"}


@pytest.fixture(scope="module")
def side(launch_module):
    return launch_module.sidecar()


def answer_to(port, **changed):
    """Status and fields of the answer to one request whose head differs from a good one; None leaves a field out."""
    fields = GOOD | {k.replace("_", "-").replace("--", ":"): v for k, v in changed.items()}
    caller = Caller(port)
    try:
        with caller.link.lock:
            stream = caller.link.streams[1] = Stream(caller.link, 1, ())
            caller.link.h2.send_headers(1, [(k, v) for k, v in fields.items() if v is not None])
            caller.link.h2.send_data(1, b"\0\0\0\0\0", end_stream=True)
            caller.link.flush()
        stream.until_ended()
        return stream.trailers
    finally:
        caller.close()


# Field, value, HTTP status, gRPC code, message.
MALFORMED = [
    ("content_type", "application/json", 415, 3, 'invalid gRPC request content-type "application/json"'),
    ("content_type", "application/grpc-web", 415, 3, 'invalid gRPC request content-type "application/grpc-web"'),
    ("content_type", None, 415, 3, 'invalid gRPC request content-type ""'),
    ("__method", "GET", 405, 13, 'Received a HEADERS frame with :method "GET" which should be POST'),
    ("grpc_timeout", "abc", 400, 13, 'malformed grpc-timeout: transport: timeout unit is not recognized: "abc"'),
    ("grpc_timeout", "", 400, 13, 'malformed grpc-timeout: transport: timeout string is too short: ""'),
    ("grpc_timeout", "123456789S", 400, 13, 'malformed grpc-timeout: transport: timeout string is too long: "123456789S"'),
    ("grpc_timeout", "-1S", 400, 13, 'malformed grpc-timeout: strconv.ParseUint: parsing "-1": invalid syntax'),
    ("x_bin", "!!!", 400, 13, 'malformed binary metadata "!!!" in header "x-bin": illegal base64 data at input byte 0'),
    ("x_bin", "AAE,AAI", 400, 13, 'malformed binary metadata "AAE,AAI" in header "x-bin": illegal base64 data at input byte 3'),
    ("x_bin", "AAAAA", 400, 13, 'malformed binary metadata "AAAAA" in header "x-bin": illegal base64 data at input byte 4'),
]


@pytest.mark.parametrize("port", ["grpc", "internal"])
@pytest.mark.parametrize("field,value,status,code,message", MALFORMED)
def test_a_malformed_request_is_told_why(side, port, field, value, status, code, message):
    got = answer_to(getattr(side, port), **{field: value})
    assert (got[":status"], got["grpc-status"], got["grpc-message"], got["content-type"]) == (str(status), str(code), message, "application/grpc")


@pytest.mark.parametrize("changed", [{"te": None}, {"content_type": "application/grpc+proto"}, {"content_type": "application/grpc;charset=utf-8"}, {"x_bin": "AAE"},
                                     {"x_bin": "AAE="}, {"x_bin": ""}, {"grpc_timeout": "5S"}, {"grpc_timeout": "99999999H"}])
def test_what_is_unusual_is_served(side, changed):
    got = answer_to(side.grpc, **changed)
    assert (got[":status"], got["grpc-status"]) == ("200", "0")


def test_metadata_that_mean_something_in_http_disturb_no_call(side):
    with grpc.insecure_channel(f"127.0.0.1:{side.grpc}") as channel:
        said = dapr_pb2_grpc.DaprStub(channel).GetMetadata(metadata_pb2.GetMetadataRequest(), metadata=[("expect", "100-continue"), ("accept-encoding", "br")], timeout=30)
    assert said.id == side.app_id


@pytest.mark.parametrize("metadata", [[("dapr-app-id", "")], [("dapr-callee-app-id", ""), ("dapr-app-id", "app")]])
def test_an_empty_target_is_no_missing_one(side, metadata):
    with grpc.insecure_channel(f"127.0.0.1:{side.grpc}") as channel, pytest.raises(grpc.RpcError) as error:
        channel.unary_unary("/x.Y/Z")(b"", metadata=metadata, timeout=30)
    assert (error.value.code(), error.value.details()) == (grpc.StatusCode.UNKNOWN, "app id is empty")


def test_a_message_that_is_none_leaves_the_log_alone(side):
    with grpc.insecure_channel(f"127.0.0.1:{side.grpc}") as channel, pytest.raises(grpc.RpcError) as error:
        channel.unary_unary("/dapr.proto.runtime.v1.Dapr/GetState")(b"\x0a\x01\xff", timeout=30)
    assert error.value.code() == grpc.StatusCode.INTERNAL
    assert "libprotobuf" not in side.log()


class Blank(GenericApp):
    """Every call fails with a text that begins and ends with a blank, and metadata of the same kind."""

    def service(self, _):
        def refuse(__, context):
            context.set_trailing_metadata([("x-said", "said ")])
            context.abort(grpc.StatusCode.NOT_FOUND, " none: ")
        return grpc.unary_unary_rpc_method_handler(refuse)


def test_a_text_that_ends_in_a_blank_breaks_no_call(launch):
    app = Blank()
    launch.apps.append(app)
    side = launch.sidecar(app=app, flags=("--app-protocol", "grpc"))
    with grpc.insecure_channel(f"127.0.0.1:{side.grpc}") as channel, pytest.raises(grpc.RpcError) as error:
        channel.unary_unary("/x.Y/Z")(b"", metadata=[("dapr-app-id", side.app_id)], timeout=30)
    assert (error.value.code(), error.value.details().strip(), dict(error.value.trailing_metadata())["x-said"].strip()) == (grpc.StatusCode.NOT_FOUND, "none:", "said")
    assert side.invoke(side.app_id, "x").json["code"] == grpc.StatusCode.NOT_FOUND.value[0]


@pytest.mark.parametrize("mark", ["?", "#"])
def test_a_method_that_is_no_path_is_refused_in_front_of_the_own_application(side, mark):
    with grpc.insecure_channel(f"127.0.0.1:{side.grpc}") as channel, pytest.raises(grpc.RpcError) as error:
        channel.unary_unary(f"/x.Y/Z{mark}a")(b"", metadata=[("dapr-app-id", side.app_id)], timeout=30)
    message = f'invalid method: method contains forbidden character: "/x.Y/Z{mark}a"'
    assert (error.value.code(), error.value.details()) == (grpc.StatusCode.INVALID_ARGUMENT, message)


def test_a_list_of_allowed_methods_holds_for_methods_of_the_api_that_nobody_knows(launch):
    config = "kind: Configuration\nspec: {api: {allowed: [{name: metadata, version: v1, protocol: grpc}]}}\n"
    side = launch.sidecar(config=config)
    said = {}
    with grpc.insecure_channel(f"127.0.0.1:{side.grpc}") as channel:
        for path in ("/dapr.proto.runtime.v1.Dapr/NewMethod", "/dapr.proto.runtime.v1.AppCallback/OnInvoke", "/x.Y/Z"):
            with pytest.raises(grpc.RpcError) as error:
                channel.unary_unary(path)(b"", metadata=[("dapr-app-id", side.app_id)], timeout=30)
            said[path.split("/")[1]] = error.value.details()
    assert said == {"dapr.proto.runtime.v1.Dapr": "Not Implemented", "dapr.proto.runtime.v1.AppCallback": "Not Implemented", "x.Y": "app channel is not initialized"}


def test_only_verdicts_follow_the_first_message_of_a_subscription(launch):
    side = launch.sidecar(resources=[component("bus", "pubsub.in-memory")])
    asked = pubsub_pb2.SubscribeTopicEventsRequestInitialAlpha1(pubsub_name="bus", topic="t")
    messages = [pubsub_pb2.SubscribeTopicEventsRequestAlpha1(initial_request=asked), pubsub_pb2.SubscribeTopicEventsRequestAlpha1()]
    with grpc.insecure_channel(f"127.0.0.1:{side.grpc}") as channel, pytest.raises(grpc.RpcError) as error:
        list(dapr_pb2_grpc.DaprStub(channel).SubscribeTopicEventsAlpha1(iter(messages), timeout=30))
    assert (error.value.code(), error.value.details()) == (grpc.StatusCode.UNKNOWN, "duplicate initial request received")


@pytest.mark.parametrize("hops", [1, 2])
@pytest.mark.parametrize("compression", [grpc.Compression.Gzip, grpc.Compression.NoCompression])
def test_how_a_proxied_call_comes_to_the_application(launch, compression, hops):
    app, message = Peer(), b"x" * 5000

    def script(stream):
        while not stream.ended:
            stream.step()
        stream.send_headers()
        stream.send(stream.buffer[5:])
        stream.finish()
    app.script = script
    try:
        side = launch.sidecar(app=app, flags=["--app-protocol", "grpc"])
        front = side if hops == 1 else launch.sidecar("front")
        with grpc.insecure_channel(f"127.0.0.1:{front.grpc}", compression=compression) as channel:
            assert channel.unary_unary("/x.Y/Z")(message, metadata=[("dapr-app-id", side.app_id)], timeout=30) == message
        [call] = app.calls
        assert call.buffer == framed(message)
        assert (call.headers["content-type"], call.headers[":authority"], call.headers.get("grpc-encoding", "identity")) == ("application/grpc+proto", f"127.0.0.1:{app.port}", "identity")
    finally:
        app.close()


@pytest.mark.parametrize("late", [False, True])
def test_a_status_that_is_no_number_harms_no_other_call(launch, late):
    app = Peer()

    def script(stream):
        while not stream.ended:
            stream.step()
        if stream.headers[":path"].endswith("Good"):
            stream.send_headers()
            stream.send(b"")
            return stream.finish()
        if not late:
            return stream.send_headers(("grpc-status", "abc"), end=True)
        stream.send_headers()
        return stream.finish("abc")
    app.script = script
    try:
        side = launch.sidecar(app=app, flags=["--app-protocol", "grpc"])
        with grpc.insecure_channel(f"127.0.0.1:{side.grpc}") as channel:
            with pytest.raises(grpc.RpcError) as error:
                channel.unary_unary("/x.Y/Bad")(b"", metadata=[("dapr-app-id", side.app_id)], timeout=30)
            assert (error.value.code(), error.value.details()) == (grpc.StatusCode.UNKNOWN, 'transport: malformed grpc-status: strconv.ParseInt: parsing "abc": invalid syntax')
            assert channel.unary_unary("/x.Y/Good")(b"", metadata=[("dapr-app-id", side.app_id)], timeout=30) == b""
    finally:
        app.close()


# What an application does with a call, and the status that it counts as: code, message, status over HTTP.
BROKEN = [
    (lambda stream: stream.reset(), 1, "stream terminated by RST_STREAM with error code: CANCEL", 408),
    (lambda stream: (stream.send_headers(), stream.end()), 13, "server closed the stream without sending trailers", 500),
    (lambda stream: (stream.send_headers(), stream.send(b"\x0a\x03a/b"), stream.finish()), 13, "grpc: failed to unmarshal the received message", 500),
    (lambda stream: stream.send_headers(("grpc-status", "99"), ("grpc-message", "odd"), end=True), 99, "odd", 500),
    (lambda stream: stream.send_headers(("grpc-status", "256"), ("grpc-message", "odd"), end=True), 2, "odd", 500),
    (lambda stream: stream.send_headers(("grpc-status", "2147483648"), end=True), 2, 'transport: malformed grpc-status: strconv.ParseInt: parsing "2147483648": value out of range', 500),
    (lambda stream: stream.send_headers(("grpc-status", "9223372036854775808"), end=True), 2, 'transport: malformed grpc-status: strconv.ParseInt: parsing "9223372036854775808": value out of range', 500),
]


@pytest.mark.parametrize("hops", [1, 2])
@pytest.mark.parametrize("does,code,message,status", BROKEN)
def test_a_call_that_an_application_breaks_counts_as_answered(launch, hops, does, code, message, status):
    app = Peer()

    def script(stream):
        while not stream.ended:
            stream.step()
        does(stream)
    app.script = script
    try:
        side = launch.sidecar(app=app, flags=["--app-protocol", "grpc"])
        front = side if hops == 1 else launch.sidecar("front")
        answer = front.post(f"/v1.0/invoke/{side.app_id}/method/x", body=b"abc")
        assert (answer.status, answer.json) == (status, {"code": code, "message": message})
    finally:
        app.close()


@functools.cache
def reflection():
    """Classes of question and answer, apart from those that the vectors make."""
    command = ["protoc", "-I", ".", "--descriptor_set_out=/dev/stdout", "grpc/reflection/v1/reflection.proto"]
    pool = descriptor_pool.DescriptorPool()
    pool.Add(descriptor_pb2.FileDescriptorSet.FromString(subprocess.run(command, check=True, capture_output=True, cwd=ROOT / "api/proto").stdout).file[0])
    return [message_factory.GetMessageClass(pool.FindMessageTypeByName("grpc.reflection.v1.ServerReflection" + name)) for name in ("Request", "Response")]


@pytest.mark.parametrize("port", ["grpc", "internal"])
def test_an_http_application_takes_no_proxied_call(launch, port):
    app = launch.app()
    side = launch.sidecar(app=app)
    with grpc.insecure_channel(f"127.0.0.1:{getattr(side, port)}") as channel, pytest.raises(grpc.RpcError) as error:
        channel.unary_unary("/x.Y/Z")(b"", metadata=[("dapr-callee-app-id", side.app_id)], timeout=30)
    assert error.value.code() == grpc.StatusCode.UNAVAILABLE and error.value.details().startswith('connection error: desc = "error reading server preface: ')
    assert "/x.Y/Z" not in [seen.path for seen in app.received]


def ask(side, version, *questions):
    """The answers of one conversation; both versions have the same messages."""
    kinds = reflection()
    with grpc.insecure_channel(f"127.0.0.1:{side.grpc}") as channel:
        call = channel.stream_stream(f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo", kinds[0].SerializeToString, kinds[1].FromString)
        return list(call(iter([kinds[0](**q) for q in questions]), timeout=30))


def files(answer):
    return [descriptor_pb2.FileDescriptorProto.FromString(f) for f in answer.file_descriptor_response.file_descriptor_proto]


# What is not served is described all the same, as by a server that knows all that it is built from.
DESCRIBED = [
    ("dapr.proto.runtime.v1.AppCallbackHealthCheck", "dapr/proto/runtime/v1/appcallback.proto"),
    ("dapr.proto.components.v1.StateStore", "dapr/proto/components/v1/state.proto"),
    ("grpc.health.v1.Health", "grpc/health/v1/health.proto"),
    ("grpc.health.v1.Health.Watch", "grpc/health/v1/health.proto"),
    ("grpc.health.v1.HealthCheckResponse.SERVING", "grpc/health/v1/health.proto"),
    ("google.rpc.Status", "google/rpc/status.proto"),
    ("google.rpc.ErrorInfo", "google/rpc/error_details.proto"),
    ("google.rpc.BadRequest.FieldViolation", "google/rpc/error_details.proto"),
    ("google.protobuf.FileDescriptorProto", "google/protobuf/descriptor.proto"),
    ("google.protobuf.BytesValue", "google/protobuf/wrappers.proto"),
    ("dapr.proto.common.v1.JobFailurePolicy.policy", "dapr/proto/common/v1/common.proto"),
]


@pytest.mark.parametrize("version", ["v1", "v1alpha"])
@pytest.mark.parametrize("symbol,file", DESCRIBED)
def test_a_symbol_is_described_with_all_that_it_needs(side, version, symbol, file):
    got = files(ask(side, version, {"file_containing_symbol": symbol})[0])
    assert got[0].name == file
    assert {needed for one in got for needed in one.dependency} <= {one.name for one in got}


def test_the_host_of_a_question_comes_back(side):
    [answer] = ask(side, "v1", {"host": "here", "list_services": "*"})
    assert (answer.valid_host, answer.original_request.host) == ("here", "here")
    assert "grpc.health.v1.Health" not in [s.name for s in answer.list_services_response.service]


def test_extensions_are_none_of_a_known_type_and_an_error_of_an_unknown_one(side):
    known, unknown = ask(side, "v1", {"all_extension_numbers_of_type": "google.protobuf.FieldOptions"}, {"all_extension_numbers_of_type": "no.Such"})
    assert (known.all_extension_numbers_response.base_type_name, list(known.all_extension_numbers_response.extension_number)) == ("google.protobuf.FieldOptions", [])
    assert unknown.error_response.error_code == 5


def test_a_question_without_a_question_ends_the_conversation(side):
    with pytest.raises(grpc.RpcError) as error:
        ask(side, "v1", {"host": "here"})
    assert (error.value.code(), error.value.details()) == (grpc.StatusCode.INVALID_ARGUMENT, "invalid MessageRequest: <nil>")
