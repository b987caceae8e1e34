"""The gRPC face under load and in edge cases: proxied streams, large messages, and cancellation."""
import asyncio, concurrent.futures, random, threading

import grpc
import pytest
from dapr.proto.common.v1 import common_pb2
from dapr.proto.runtime.v1 import dapr_pb2_grpc, invoke_pb2, metadata_pb2, pubsub_pb2

from grpc_application import GenericApp
from sidecar import SLOW, component, free_port, wait_until

DAPR = "/dapr.proto.runtime.v1.Dapr/"


class GrpcApp(GenericApp):
    """Any method echoes; `open` counts the calls that are under way."""

    def __init__(self, message_max=-1):
        self.open, self.lock = 0, threading.Lock()
        super().__init__(64, [("grpc.max_receive_message_length", message_max), ("grpc.max_send_message_length", message_max), ("grpc.max_concurrent_streams", 2000)])

    def service(self, details):
        if not details.method.startswith("/test.Echo/"):
            return None
        if details.method.endswith("Unary"):
            return grpc.unary_unary_rpc_method_handler(lambda message, _: message)
        return grpc.stream_stream_rpc_method_handler(self.echo)

    def echo(self, messages, context):
        self.count(1)
        if not context.add_callback(lambda: self.count(-1)):
            self.count(-1)
        yield from messages

    def count(self, change):
        with self.lock:
            self.open += change


class AioApp:
    """The same with coroutines, for many streams at once; runs inside the test's loop."""

    async def start(self):
        self.port = free_port()
        self.server = grpc.aio.server(options=[("grpc.max_concurrent_streams", 4000)])
        self.server.add_generic_rpc_handlers((self,))
        self.server.add_insecure_port(f"127.0.0.1:{self.port}")
        await self.server.start()

    def service(self, _):
        async def echo(messages, __):
            async for message in messages:
                yield message
        return grpc.stream_stream_rpc_method_handler(echo)


def channel(sidecar, message_max=-1):
    return grpc.insecure_channel(f"127.0.0.1:{sidecar.grpc}", options=[("grpc.max_receive_message_length", message_max), ("grpc.max_send_message_length", message_max)])


def subscriptions(dapr):
    return len(dapr.GetMetadata(metadata_pb2.GetMetadataRequest()).subscriptions)


@pytest.fixture
def grpc_app():
    app = GrpcApp()
    yield app
    app.close()


def way_to(launch, app, hops, *flags):
    """The sidecar to call for `app`: its own, or another one in front of it."""
    own = launch.sidecar(app=app, flags=["--app-protocol", "grpc", *flags])
    return own if hops == 1 else launch.sidecar("front", flags=flags)


@pytest.mark.parametrize("hops", [1, 2])
def test_thousands_of_proxied_streams_at_once_over_one_connection(launch, hops):
    count = 200 if SLOW else 2500

    async def run():
        app = AioApp()
        await app.start()
        side = await asyncio.to_thread(way_to, launch, app.port, hops)
        async with grpc.aio.insecure_channel(f"127.0.0.1:{side.grpc}") as to:
            async def turn(number, calls):
                for i, call in enumerate(calls):
                    await call.write(b"%d-%d" % (i, number))
                for i, call in enumerate(calls):
                    assert await call.read() == b"%d-%d" % (i, number)
            calls = []
            while len(calls) < count:  # not all at once: the application's server refuses calls of which more than 1000 wait for it
                calls += (more := [to.stream_stream("/test.Echo/Bidi")(metadata=(("dapr-app-id", "app"),)) for _ in range(min(count, 500))])
                await turn(0, more)
            await turn(1, calls)  # all are open
            for call in calls:
                await call.done_writing()
            assert [await call.code() for call in calls] == [grpc.StatusCode.OK] * len(calls)
        await app.server.stop(0)

    asyncio.run(run())


@pytest.mark.parametrize("hops", [1, 2])
def test_a_message_of_100_megabytes_goes_through_when_flags_allow_it(launch, grpc_app, hops):
    side = way_to(launch, grpc_app, hops, "--max-body-size", "120Mi")
    message = random.Random(1).randbytes(1 << 20) * 100
    with channel(side) as to:
        back = to.unary_unary("/test.Echo/Unary")(message, metadata=(("dapr-app-id", "app"),), timeout=60)
    assert back == message
    if not SLOW:
        assert all(one.memory_kb() < 100 << 10 for one in launch.sidecars), "the message was kept instead of passed on"


def test_a_cancelled_proxied_call_lets_go_of_the_application(launch, grpc_app):
    side = launch.sidecar(app=grpc_app, flags=["--app-protocol", "grpc"])
    with channel(side) as to:
        calls, feeds = [], []
        for _ in range(20):
            gate = concurrent.futures.Future()

            def feed(gate=gate):
                yield b"first"
                gate.result()
            call = to.stream_stream("/test.Echo/Bidi")(feed(), metadata=(("dapr-app-id", "app"),))
            assert next(call) == b"first"
            calls.append(call), feeds.append(gate)
        assert grpc_app.open == 20
        for call in calls:
            call.cancel()
        wait_until(lambda: grpc_app.open == 0, "the application to see its calls go")
        for gate in feeds:
            gate.set_result(None)


def test_a_cancelled_subscription_is_gone_at_once(launch):
    side = launch.sidecar(resources=[component("bus", "pubsub.in-memory")])
    with channel(side) as to:
        dapr = dapr_pb2_grpc.DaprStub(to)
        calls = []
        for i in range(50):
            first = pubsub_pb2.SubscribeTopicEventsRequestAlpha1(initial_request=pubsub_pb2.SubscribeTopicEventsRequestInitialAlpha1(pubsub_name="bus", topic=f"t{i}"))
            gate = concurrent.futures.Future()

            def feed(first=first, gate=gate):
                yield first
                gate.result()
            call = dapr.SubscribeTopicEventsAlpha1(feed())
            assert next(call).HasField("initial_response")
            calls.append((call, gate))
        assert subscriptions(dapr) == 50
        for call, _ in calls[:25]:
            call.cancel()
        wait_until(lambda: subscriptions(dapr) == 25, "25 subscriptions to go")
        for _, gate in calls:
            gate.set_result(None)  # the others close their side
        wait_until(lambda: subscriptions(dapr) == 0, "all subscriptions to go")


def test_a_stop_ends_open_streams_within_the_grace(launch):
    side = launch.sidecar(resources=[component("bus", "pubsub.in-memory")], flags=["--dapr-graceful-shutdown-seconds", "5"])
    with channel(side) as to:
        first = pubsub_pb2.SubscribeTopicEventsRequestAlpha1(initial_request=pubsub_pb2.SubscribeTopicEventsRequestInitialAlpha1(pubsub_name="bus", topic="t"))
        gate = concurrent.futures.Future()

        def feed():
            yield first
            gate.result()
        call = dapr_pb2_grpc.DaprStub(to).SubscribeTopicEventsAlpha1(feed())
        assert next(call).HasField("initial_response")
        assert side.stop() == 0
        gate.set_result(None)


def test_a_stream_ends_with_its_broker_and_may_be_opened_again(launch):
    side = launch.sidecar(resources={"bus.yaml": component("bus", "pubsub.in-memory")})
    first = pubsub_pb2.SubscribeTopicEventsRequestAlpha1(initial_request=pubsub_pb2.SubscribeTopicEventsRequestInitialAlpha1(pubsub_name="bus", topic="t"))
    with channel(side) as to:
        dapr, gates = dapr_pb2_grpc.DaprStub(to), []

        def subscribe():
            gate = concurrent.futures.Future()
            gates.append(gate)

            def feed():
                yield first
                gate.result()
            call = dapr.SubscribeTopicEventsAlpha1(feed())
            assert next(call).HasField("initial_response")
            return call
        call = subscribe()
        (side.folder / "resources/bus.yaml").write_text(component("bus", "pubsub.in-memory", changed="yes"))
        assert list(call) == [] and call.code() == grpc.StatusCode.OK
        again = subscribe()
        dapr.PublishEvent(pubsub_pb2.PublishEventRequest(pubsub_name="bus", topic="t", data=b"x"))
        assert next(again).event_message.data == b"x"
        again.cancel()
        for gate in gates:
            gate.set_result(None)


def test_idle_subscriptions_cost_little(launch):
    if SLOW:
        pytest.skip("memory of a sanitizer build says nothing")
    side = launch.sidecar(resources=[component("bus", "pubsub.in-memory")])
    count = 2000

    async def run():
        first = pubsub_pb2.SubscribeTopicEventsRequestAlpha1(initial_request=pubsub_pb2.SubscribeTopicEventsRequestInitialAlpha1(pubsub_name="bus", topic="t"))
        channels = [grpc.aio.insecure_channel(f"127.0.0.1:{side.grpc}", options=[("grpc.use_local_subchannel_pool", 1)]) for _ in range(4)]
        before, calls = None, []
        for i in range(count + 100):
            if i == 100:  # what is allocated once is there
                before = side.memory_kb("VmRSS")
            call = channels[i % 4].stream_stream(DAPR + "SubscribeTopicEventsAlpha1", request_serializer=lambda m: m.SerializeToString())()
            await call.write(first)
            assert await call.read() == b"\n\x00"
            calls.append(call)
        each = (side.memory_kb("VmRSS") - before) * 1024 / count
        print(f"{each:.0f} bytes for each idle streaming subscription")
        for one in channels:
            await one.close()
        return each

    assert asyncio.run(run()) < 10 << 10  # it is 7.6 KB; the aim is 8 KB: docs/performance.md


def counted(side, family):
    """The series of a family: their labels but the application's id, and their values."""
    lines = side.get("/metrics", port=side.metrics).text.splitlines()
    pairs = [line.split("{", 1)[1].rsplit("} ", 1) for line in lines if line.startswith(f"dapr_{family}{{")]
    return {labels.split(",", 1)[1].replace('"', ""): float(value) for labels, value in pairs}


def test_proxied_calls_are_counted_as_service_invocation(launch, grpc_app):
    front = way_to(launch, grpc_app, 2)
    with channel(front) as to:
        to.unary_unary("/test.Echo/Unary")(b"x", metadata=[("dapr-app-id", "app")])
        to.unary_unary("/test.Echo/Unary")(b"x", metadata=[("dapr-callee-app-id", "app")])  # counts by dapr-app-id only
        list(to.stream_stream("/test.Echo/Bidi")(iter([b"x"]), metadata=[("dapr-app-id", "app"), ("dapr-stream", "true")]))
        with pytest.raises(grpc.RpcError):
            to.unary_unary("/other.Service/Unary")(b"x", metadata=[("dapr-app-id", "app")])
    # An answer is out before it is counted; the latency is what is counted last.
    wait_until(lambda: sum(counted(front, "grpc_io_server_server_latency_count").values()) == 4, "the count of four calls")
    wait_until(lambda: sum(counted(front, "runtime_service_invocation_res_recv_latency_ms_count").values()) == 2, "the count of two answers")
    assert counted(front, "runtime_service_invocation_req_sent_total") == {"dst_app_id=app,type=unary": 2, "dst_app_id=app,type=streaming": 1}
    assert counted(front, "runtime_service_invocation_res_recv_total") == {"src_app_id=app,status=0,type=unary": 1, "src_app_id=app,status=12,type=unary": 1}
    assert counted(front, "runtime_service_invocation_res_recv_latency_ms_count") == {"src_app_id=app,status=0": 1, "src_app_id=app,status=12": 1}
    assert counted(front, "grpc_io_server_sent_bytes_per_rpc_count") == {}


def test_bytes_are_counted_as_those_of_messages(launch):
    side = launch.sidecar()
    with channel(side) as to:
        answer = to.unary_unary(DAPR + "GetMetadata")(b"")
        to.unary_unary(DAPR + "SetMetadata")(b"\x0a\x01k\x12\x01v")
    wait_until(lambda: sum(counted(side, "grpc_io_server_sent_bytes_per_rpc_count").values()) == 2, "the count of both calls")
    assert counted(side, "grpc_io_server_sent_bytes_per_rpc_sum") == {f"grpc_server_method={DAPR}GetMetadata": len(answer), f"grpc_server_method={DAPR}SetMetadata": 0}
    assert counted(side, "grpc_io_server_received_bytes_per_rpc_sum") == {f"grpc_server_method={DAPR}GetMetadata": 0, f"grpc_server_method={DAPR}SetMetadata": 6}


def test_calls_to_the_application_are_counted_as_those_of_a_client(launch, grpc_app):
    side = launch.sidecar(app=grpc_app, flags=["--app-protocol", "grpc"])
    assert side.post("/v1.0/invoke/app/method/x", body=b"abc").status == 501
    on_invoke = "/dapr.proto.runtime.v1.AppCallback/OnInvoke"
    assert counted(side, "grpc_io_client_completed_rpcs")[f"grpc_client_method={on_invoke},grpc_client_status=Unimplemented"] == 1
    assert counted(side, "grpc_io_client_roundtrip_latency_count")[f"grpc_client_method={on_invoke},grpc_client_status=Unimplemented"] == 1
    assert counted(side, "grpc_io_client_sent_bytes_per_rpc_sum")[f"grpc_client_method={on_invoke}"] > 3
    assert counted(side, "grpc_io_client_received_bytes_per_rpc_sum")[f"grpc_client_method={on_invoke}"] == 0


@pytest.mark.parametrize("hops", [1, 2])
def test_an_application_out_of_reach_counts_as_one_that_answers_unavailable(launch, grpc_app, hops):
    side = way_to(launch, grpc_app, hops)
    grpc_app.server.stop(0).wait()
    with channel(side) as to, pytest.raises(grpc.RpcError) as error:
        dapr_pb2_grpc.DaprStub(to).InvokeService(invoke_pb2.InvokeServiceRequest(id="app", message=common_pb2.InvokeRequest(method="x")))
    refused = f'connection error: desc = "transport: Error while dialing: dial tcp 127.0.0.1:{grpc_app.port}: connect: connection refused"'
    assert (error.value.code(), error.value.details()) == (grpc.StatusCode.UNAVAILABLE, refused)
    answer = side.post("/v1.0/invoke/app/method/x", body=b"abc")
    assert (answer.status, answer.json) == (503, {"code": 14, "message": refused})


class NamesApp(GrpcApp):
    """Remembers the metadata of calls to OnInvoke, and answers with a header that only looks like one of the protocol."""
    seen = None

    def service(self, details):
        self.seen = dict(details.invocation_metadata)

        def answer(_, context):
            context.send_initial_metadata([("grpc-foo", "answered")])
            return b""
        return grpc.unary_unary_rpc_method_handler(answer)


@pytest.mark.parametrize("hops", [1, 2])
def test_names_that_only_look_like_those_of_the_protocol_pass(launch, hops):
    app = NamesApp()
    try:
        side = way_to(launch, app, hops)
        answer = side.post("/v1.0/invoke/app/method/x", body=b"", headers=[("grpc-foo", "asked"), ("grpc-timeout", "1n")])
        assert (answer.status, answer.header("dapr-grpc-foo"), answer.header("grpc-foo")) == (200, "answered", None)
        assert app.seen["grpc-foo"] == "asked"
        with channel(side) as to:
            _, call = dapr_pb2_grpc.DaprStub(to).InvokeService.with_call(
                invoke_pb2.InvokeServiceRequest(id="app", message=common_pb2.InvokeRequest(method="x")), metadata=[("grpc-foo", "asked again")])
        assert (app.seen["grpc-foo"], dict(call.initial_metadata())["grpc-foo"]) == ("asked again", "answered")
    finally:
        app.close()


class GrowingApp(GrpcApp):
    """Answers at once with a message that no sidecar takes, whatever the client still has to say."""

    def service(self, _):
        def grow(_, __):
            yield b"x" * (5 << 20)
        return grpc.stream_stream_rpc_method_handler(grow)


@pytest.mark.parametrize("hops", [1, 2])
def test_a_failure_of_the_answer_is_told_while_the_client_still_speaks(launch, hops):
    app = GrowingApp()
    try:
        side, done = way_to(launch, app, hops), threading.Event()

        def speaks():
            yield b"x"
            done.wait(60)
        with channel(side) as to:
            call = to.stream_stream("/test.Echo/Grow")(speaks(), metadata=[("dapr-app-id", "app")], timeout=60)
            with pytest.raises(grpc.RpcError) as error:
                list(call)
            done.set()
        assert (error.value.code(), error.value.details()) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "grpc: received message larger than max (5242880 vs. 4194304)")
    finally:
        app.close()
