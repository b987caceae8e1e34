"""grpc-timeout is kept by the sidecar: a call whose deadline passes ends with DEADLINE_EXCEEDED and lets go of everything at once, also when its
client says nothing more. The client here is frames only: no library ends the call for it."""
import os, signal, threading, time

import grpc
import pytest
from dapr.proto.runtime.v1 import configuration_pb2, crypto_pb2, dapr_pb2_grpc, invoke_pb2, metadata_pb2, pubsub_pb2
from google.protobuf import empty_pb2

from application import streams
from grpc_application import GenericApp
from peer import Caller, Peer, Request, request_message
from sidecar import component, wait_until

DAPR = "/dapr.proto.runtime.v1.Dapr/"
SOON = ("grpc-timeout", "300m")
LATER = ("grpc-timeout", "1S")  # where something must have come about before it
NAMES = "spec:\n  nameResolution:\n    component: nameformat\n    version: v1\n    configuration: {format: \"{appid}:%d\"}\n"


class App(GenericApp):
    """A gRPC application that never answers; counts the calls that have come and those that are open."""

    def __init__(self):
        self.begun, self.open, self.leave, self.lock = 0, 0, threading.Event(), threading.Lock()
        super().__init__(40)

    def service(self, details):
        if not details.method.startswith(("/test.", "/dapr.proto.runtime.v1.AppCallback/OnInvoke")):
            return None
        return grpc.stream_stream_rpc_method_handler(self.wait)

    def wait(self, messages, context):
        self.count(1)
        if not context.add_callback(lambda: self.count(-1)):
            self.count(-1)
        if "talk" in dict(context.invocation_metadata()):
            yield b"x" * 1000
        self.leave.wait(30)

    def count(self, change):
        with self.lock:
            self.open += change
            self.begun += change > 0

    def close(self):
        self.leave.set()
        super().close()


@pytest.fixture(scope="module")
def world(launch_module):
    app = App()
    keys = launch_module.folder / "keys"
    keys.mkdir()
    (keys / "oct").write_text("YGFiY2RlZmdoaWprbG1ub3BxcnN0dXZ3eHl6e3x9fn8")
    parts = [component("bus", "pubsub.in-memory"), component("keys", "crypto.dapr.localstorage", path=str(keys))]
    if "MECHA_TEST_REDIS" in os.environ:
        parts.append(component("conf", "configuration.redis", redisHost=os.environ["MECHA_TEST_REDIS"]))
    side = launch_module.sidecar(app=app.port, resources=parts, flags=["--app-protocol", "grpc"])
    yield side, app
    app.close()


@pytest.fixture
def caller(world):
    one = Caller(world[0].grpc)
    yield one
    one.close()


def ended(stream, with_reset=True):
    """DEADLINE_EXCEEDED, and then the stream is closed from both sides although we did not close ours."""
    stream.until_ended()
    assert stream.trailers.get("grpc-status") == "4", (stream.trailers, stream.reset_code)
    assert stream.trailers["grpc-message"] == "context deadline exceeded"
    if with_reset:
        wait_until(lambda: stream.gone, "the sidecar to close our half too")


@pytest.mark.parametrize("talk", [(), (("talk", "yes"),)], ids=["before the first message", "after it"])
def test_proxied_streams(world, caller, talk):
    _, app = world
    before, calls = app.begun, [caller.start("/test.Any/Bidi", LATER, ("dapr-app-id", "app"), *talk) for _ in range(20)]
    for stream in calls:
        stream.send(b"first")
    wait_until(lambda: app.begun > before, "calls at the application")
    for stream in calls:
        stream.until_ended()
        assert stream.trailers.get("grpc-status") == "4", (stream.trailers, stream.reset_code)
    wait_until(lambda: app.open == 0, "the application to be let go")


def test_service_invocation(world, caller):
    _, app = world
    stream = caller.start(DAPR + "InvokeService", SOON)
    stream.send(invoke_pb2.InvokeServiceRequest(id="app", message={"method": "m"}), end=True)
    ended(stream, with_reset=False)
    wait_until(lambda: app.open == 0, "the application to be let go")


def test_subscriptions_to_topics(world, caller):
    side, _ = world
    calls = [caller.start(DAPR + "SubscribeTopicEventsAlpha1", LATER) for _ in range(20)]
    for i, stream in enumerate(calls):
        stream.send(pubsub_pb2.SubscribeTopicEventsRequestAlpha1(initial_request={"pubsub_name": "bus", "topic": f"t{i}"}))
        assert stream.message(pubsub_pb2.SubscribeTopicEventsResponseAlpha1).HasField("initial_response")
    for stream in calls:
        ended(stream)
    with grpc.insecure_channel(f"127.0.0.1:{side.grpc}") as channel:
        dapr = dapr_pb2_grpc.DaprStub(channel)
        wait_until(lambda: not dapr.GetMetadata(metadata_pb2.GetMetadataRequest()).subscriptions, "the subscriptions to go")


def test_subscriptions_to_configuration(world, caller, redis_address):
    stream = caller.start(DAPR + "SubscribeConfiguration", LATER)
    stream.send(configuration_pb2.SubscribeConfigurationRequest(store_name="conf", keys=["k"]), end=True)
    id_ = stream.message(configuration_pb2.SubscribeConfigurationResponse).id
    ended(stream, with_reset=False)
    # What ends for its client ends in the store too: nobody is left to be unsubscribed.
    gone = caller.start(DAPR + "UnsubscribeConfiguration")
    gone.send(configuration_pb2.UnsubscribeConfigurationRequest(store_name="conf", id=id_), end=True)
    assert not gone.message(configuration_pb2.UnsubscribeConfigurationResponse).ok


@pytest.mark.parametrize("first", [True, False], ids=["after the options", "before the first message"])
def test_streams_of_documents(world, caller, first):
    stream = caller.start(DAPR + "EncryptAlpha1", SOON)
    if first:
        stream.send(crypto_pb2.EncryptRequest(options={"component_name": "keys", "key_name": "oct", "key_wrap_algorithm": "A256KW"}))
    ended(stream)


def test_a_message_that_never_comes(world, caller):
    ended(caller.start(DAPR + "GetState", SOON))


def test_a_deadline_that_has_passed_already(world, caller):
    ended(caller.start(DAPR + "SubscribeTopicEventsAlpha1", ("grpc-timeout", "1n")))


def test_a_client_that_reads_nothing_is_cut_off(world, caller):
    """Its window is shut, so no status gets through to it."""
    _, app = world
    app.leave.clear()
    stream = caller.start("/test.Any/Bidi", SOON, ("dapr-app-id", "app"), ("talk", "yes"), reads=False)
    stream.send(b"x")
    stream.until_ended()
    wait_until(lambda: app.open == 0, "the application to be let go")


def test_a_call_that_ends_in_time_is_not_touched(world, caller):
    for _ in range(50):
        stream = caller.start(DAPR + "GetMetadata", ("grpc-timeout", "60S"))
        stream.send(b"", end=True)
        assert stream.message(metadata_pb2.GetMetadataResponse).id == "app"
        stream.until_ended()
        assert stream.trailers["grpc-status"] == "0"


def test_the_metrics_say_what_it_was(world, caller):
    side, _ = world
    ended(caller.start(DAPR + "GetBulkState", SOON))

    def rows():  # the status is out before it is counted
        metrics = side.request("GET", "/", port=side.metrics).text
        return [row for row in metrics.splitlines() if row.startswith("dapr_grpc_io_server_completed_rpcs") and "GetBulkState" in row]
    [row] = wait_until(rows, "the count")
    assert '"DeadlineExceeded"' in row


@pytest.mark.parametrize("method", ["CallLocal", "CallLocalStream"])
def test_calls_of_another_sidecar(launch, method):
    app = launch.app()
    caller = Caller(launch.sidecar("back", app=app).internal)
    gone = threading.Event()

    @streams
    def handler(call):
        wait_until(call.gone, "the sidecar to hang up")
        gone.set()
    app.on("/m", handler)
    stream = caller.start(method, LATER)
    if method == "CallLocal":
        ask = Request()
        ask.ver, ask.message.method, ask.message.http_extension.verb = 1, "m", 1
        stream.send(ask, end=True)
    else:
        stream.send(request_message("m"))  # its side stays open
    stream.until_ended()
    assert stream.trailers.get("grpc-status") == "4", (stream.trailers, stream.reset_code)
    assert gone.wait(30), "the application still works for nobody"
    caller.close()


ENDINGS = {
    "its own DEADLINE_EXCEEDED": lambda stream: stream.send_headers(("grpc-status", "4"), ("grpc-message", "context deadline exceeded"), end=True),
    "INTERNAL": lambda stream: stream.send_headers(("grpc-status", "13"), ("grpc-message", "context is over"), end=True),
    "CANCELLED after the head": lambda stream: (stream.send_headers(), stream.finish("1")),
    "a reset": lambda stream: stream.reset(),
    "a reset after the head": lambda stream: (stream.send_headers(), stream.reset()),
}


@pytest.mark.parametrize("way", ["InvokeService", "proxied"])
def test_a_peer_that_is_quicker_than_our_timer(launch, way):
    """The deadline goes along, and the peer's failure is there before the sidecar comes to look at its own timer: it is stopped meanwhile."""
    peer, passed, left, over = Peer(), threading.Event(), list(ENDINGS.values()), []
    side = launch.sidecar("front", config=NAMES % peer.port)
    caller = Caller(side.grpc)

    def script(stream):
        ending = left.pop()
        assert passed.wait(30)
        ending(stream)
        over.append(ending)
    peer.script = script
    calls = []
    for _ in ENDINGS:
        if way == "proxied":
            calls.append(caller.start("/test.Any/Bidi", LATER, ("dapr-app-id", "localhost")))
            calls[-1].send(b"first")
        else:
            calls.append(caller.start(DAPR + "InvokeService", LATER))
            calls[-1].send(invoke_pb2.InvokeServiceRequest(id="localhost", message={"method": "m"}), end=True)
    wait_until(lambda: not left, "the calls at the peer")
    os.kill(side.process.pid, signal.SIGSTOP)
    try:
        time.sleep(1.1)
        passed.set()
        wait_until(lambda: len(over) == len(ENDINGS) or peer.failures, "the endings")
    finally:
        os.kill(side.process.pid, signal.SIGCONT)
    for stream in calls:
        stream.until_ended()
        assert (stream.trailers.get("grpc-status"), stream.trailers.get("grpc-message")) == ("4", "context deadline exceeded"), (stream.trailers, stream.reset_code)
    caller.close()
    peer.close()
    assert not peer.failures
