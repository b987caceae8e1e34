"""Proxied gRPC streams: back-pressure both ways, and what policies may not repeat (contract 06, 4.7)."""
import itertools, threading, time

import grpc
import pytest

from grpc_application import GenericApp
from sidecar import wait_until
from test_resiliency import resiliency

PIECE = b"x" * 65536
LIMIT_KB = 40 << 10


class StreamApp(GenericApp):
    """`Flood` sends without end, `NoRead` reads nothing more than one message, `Breaks` sends one and fails, `Late` fails twice before it sends."""

    def __init__(self):
        self.sent, self.calls, self.done = 0, [], threading.Event()
        super().__init__(16)

    def service(self, details):
        name = details.method.rpartition("/")[2]
        if name not in ("Flood", "NoRead", "Breaks", "Late"):
            return None
        self.calls.append(name)
        return grpc.stream_stream_rpc_method_handler(getattr(self, name))

    def Flood(self, messages, context):
        next(messages)
        while context.is_active():
            yield PIECE
            self.sent += 1

    def NoRead(self, messages, context):
        next(messages)
        yield b"first"
        self.done.wait(120)

    def Breaks(self, messages, context):
        yield next(messages)
        context.abort(grpc.StatusCode.UNAVAILABLE, "broken")

    def Late(self, messages, context):
        if len(self.calls) < 3:
            context.abort(grpc.StatusCode.UNAVAILABLE, "not yet")
        yield next(messages)

    def close(self):
        self.done.set()
        super().close()


@pytest.fixture
def app():
    one = StreamApp()
    yield one
    one.close()


def open_call(to, name, messages, **more):
    return to.stream_stream("/test.Streams/" + name)(messages, metadata=(("dapr-app-id", "app"),), **more)


def settled(count):
    """What `count` has come to when it rises no more."""
    last, still = count(), 0
    deadline = time.monotonic() + 20
    while still < 10 and time.monotonic() < deadline:
        time.sleep(0.05)
        still = still + 1 if count() == last else 0
        last = count()
    assert still >= 10, "it rises without end"
    return last


@pytest.mark.release_only
@pytest.mark.parametrize("hops", [1, 2])
@pytest.mark.parametrize("way", ["from the application", "to the application"])
def test_a_stream_that_nobody_reads_stops_its_sender(launch, app, hops, way):
    own = launch.sidecar(app=app, flags=["--app-protocol", "grpc"])
    side = own if hops == 1 else launch.sidecar("front")
    sent = itertools.count()
    made = [0]

    def feed():
        yield b"go"
        while not app.done.is_set():
            made[0] = next(sent)
            yield PIECE
    with grpc.insecure_channel(f"127.0.0.1:{side.grpc}") as to:
        if way == "from the application":
            call = open_call(to, "Flood", iter([b"go"]))
            assert next(call) == PIECE
            count = settled(lambda: app.sent)
        else:
            call = open_call(to, "NoRead", feed())
            assert next(call) == b"first"
            count = settled(lambda: made[0])
        assert count * len(PIECE) < 24 << 20  # the buffers of all on the way
        for one in launch.sidecars:
            assert one.memory_kb() < LIMIT_KB, f"{one.app_id}: {one.memory_kb()} KiB"
        app.done.set()
        call.cancel()


def test_a_stream_that_has_begun_is_not_repeated(launch, app):
    launch.sidecar(app=app, flags=["--app-protocol", "grpc"])
    front = launch.sidecar("front", resources=resiliency("{retries: {r: {duration: 5ms, maxRetries: 5}}}", "{apps: {app: {retry: r}}}"))
    with grpc.insecure_channel(f"127.0.0.1:{front.grpc}") as to:
        call, got = open_call(to, "Breaks", iter([b"one"]), timeout=20), []
        with pytest.raises(grpc.RpcError) as failed:
            for message in call:
                got.append(message)
        assert (failed.value.code(), failed.value.details(), got) == (grpc.StatusCode.UNAVAILABLE, "broken", [b"one"])
        wait_until(lambda: app.calls == ["Breaks"], "one call of the application")
        app.calls.clear()
        # The policy is there: what fails before its first message is tried again.
        assert list(open_call(to, "Late", iter([b"one"]), timeout=20)) == [b"one"]
        assert app.calls == ["Late"] * 3
