"""The figures of the gRPC face: a mixin of Bench. Floors: the same call made directly to a gRPC C++ server, and through nginx as gRPC proxy."""
import shutil
import statistics
import subprocess
import time
from pathlib import Path

from grpc_load import CALLBACK, DAPR, GrpcLoad, IdleStreams, ceiling, field, frame
from measure import component, cpu_s
from servers import Servers, free_port

INVOKE = field(1, "work") + field(2, field(2, "x" * 128)) + field(3, "text/plain")  # InvokeRequest
ANSWER = 5 + 3 + 1027 + 12  # of the application, with its prefix: grpc_app.cpp
MEGABYTE = b"".join(frame(b"x" * (64 << 10)) for _ in range(16))
EMPTY = 5
GET, ANSWER_GET = frame(field(1, "store") + field(2, "k")), 5 + 130
PUBLISH = frame(field(1, "bus") + field(2, "topic") + field(3, '{"order":"%s"}' % ("v" * 128)) + field(4, "application/json"))
STREAMING = "SubscribeTopicEventsAlpha1"


def save_request(value="v" * 128):
    return frame(field(1, "store") + field(2, field(1, "k") + field(2, f'"{value}"')))


class GrpcFigures:
    def grpc_run(self, port, path, body, connections, **options):
        return GrpcLoad(self.processes.folder, port, path, body, connections, 0.5 if self.quick else self.seconds, **options)

    def grpc_rate(self, port, path, body, connections=32, **options):
        runs = [self.grpc_run(port, path, body, connections, **options) for _ in range(self.repeats)]
        self.generator_share = statistics.median(r.generator_share for r in runs)
        return statistics.median(r.rate for r in runs)

    def grpc_p50(self, port, path, body, **options):
        return statistics.median(self.grpc_run(port, path, body, 1, latency=True, **options).p50_us for _ in range(self.repeats))

    def grpc_app(self):
        """The port of the C++ application; None, said why, where it cannot be built."""
        folder = Path(self.daemon).parents[1]
        program = folder / "tests/mecha_grpc_app"
        if shutil.which("ninja"):
            subprocess.run(["ninja", "-C", folder, "mecha_grpc_app"], capture_output=True)
        if not shutil.which("h2load") or not program.exists():
            return self.skip("the gRPC figures need h2load (nghttp2-client) and mecha_grpc_app (libgrpc++-dev)")
        port = free_port()
        self.app = self.processes.start("grpc-app", [program, port], port, path=None)
        return port

    def grpc(self):
        app = self.grpc_app()
        if not app:
            return
        hop = self.processes.nginx("grpc-hop", app, grpc=True)
        second = self.processes.nginx("grpc-second", hop, grpc=True)
        hops = self.processes.running[-2:]
        ports = {"direct": app, "hop": hop, "two hops": second}
        body, p50, rate = frame(INVOKE), {}, {}
        for name, port in ports.items():
            p50[name] = self.grpc_p50(port, CALLBACK + "OnInvoke", body, answer=ANSWER)
            rate[name], cpu = self.with_cpu(hops, lambda: self.grpc_rate(port, CALLBACK + "OnInvoke", body, answer=ANSWER))
            self.row(f"floor: gRPC {name}, p50 at 1 connection", p50[name], "us")
            self.row(f"floor: gRPC {name}, at 32 connections", rate[name], "requests/s")
        self.row("floor: CPU of both hops per gRPC call", cpu, "us")
        callee = self.sidecar("grpc-callee", app_port=app, flags=("--app-protocol", "grpc"))
        caller = self.sidecar("grpc-caller")
        pair = ((DAPR + "InvokeService", frame(field(1, "grpc-callee") + field(3, INVOKE)), None, "gRPC invocation"),
                ("/bench.Echo/Unary", body, {"dapr-app-id": "grpc-callee"}, "gRPC proxying"))
        for path, message, metadata, name in pair:
            options = {"metadata": metadata, "answer": ANSWER}
            self.row(f"{name} through two sidecars, p50 at 1 connection", self.grpc_p50(caller.grpc_port, path, message, **options), "us", p50["two hops"], "two hops", 1.5)
            pair_rate, cpu_us = self.with_cpu([callee.process, caller.process], lambda: self.grpc_rate(caller.grpc_port, path, message, **options))
            self.row(f"{name} through two sidecars, at 32 connections", pair_rate, "requests/s", rate["two hops"], "two hops", 0.9, "more")
            self.row(f"{name}, against no sidecar", pair_rate, "requests/s", rate["direct"], "gRPC direct")
            self.row(f"CPU of both sidecars per call of {name}", cpu_us, "us", cpu, "both hops")
            self.row(f"load generator: its share of a core during {name}", self.generator_share * 100, "%")
        self.row("resident memory after these calls, caller", caller.resident_mb()[0], "MB", target=20)
        self.row("resident memory after these calls, callee", callee.resident_mb()[0], "MB", target=20)
        self.grpc_megabytes({"direct": app, "two hops": second}, caller)
        self.grpc_generator(self.processes.nginx("grpc-constant", grpc=True))

    def with_cpu(self, processes, measure):
        """What `measure` gives, a rate, and the CPU time of `processes` for each request, in us."""
        before, began = sum(map(cpu_s, processes)), time.monotonic()
        rate = measure()
        used = (sum(map(cpu_s, processes)) - before) / (time.monotonic() - began)
        return rate, used / rate * 1e6

    def grpc_megabytes(self, ports, caller):
        path, rates = "/bench.Echo/Stream", {}
        for name, port in ports.items():
            rates[name] = self.grpc_rate(port, path, MEGABYTE, 4, answer=len(MEGABYTE))
            self.row(f"floor: gRPC {name}, streams of 1 MB both ways, at 4 connections", rates[name], "streams/s")
        rate = self.grpc_rate(caller.grpc_port, path, MEGABYTE, 4, metadata={"dapr-app-id": "grpc-callee"}, answer=len(MEGABYTE))
        self.row("gRPC streams of 1 MB both ways through two sidecars, at 4 connections", rate, "streams/s", rates["two hops"], "two hops")
        self.row("gRPC streams of 1 MB both ways, against no sidecar", rate, "streams/s", rates["direct"], "gRPC direct")
        self.row("resident memory after the streams, caller", caller.resident_mb()[0], "MB", target=20)

    def grpc_generator(self, constant):
        rate, share = ceiling(constant, self.seconds)
        self.row("load generator: h2load against an HTTP/2 constant", rate, "requests/s")
        self.row("load generator: its share of a core against that", share * 100, "%")

    def grpc_state(self):
        if not shutil.which("h2load"):
            return self.skip("needs h2load (nghttp2-client)")
        floor = ceiling(self.processes.nginx("grpc-constant", grpc=True), self.seconds)[0]
        servers = self.grpc_servers()
        side = self.sidecar("grpc-single", component("store", "state.in-memory") + component("bus", "pubsub.in-memory"))
        rates = self.grpc_store(side, "in memory", {"get": floor, "save": None}, {"get": "nginx HTTP/2 constant"})
        rates["publish"] = self.grpc_rate(side.grpc_port, DAPR + "PublishEvent", PUBLISH, answer=EMPTY)
        self.row("gRPC publish in memory, at 32 connections", rates["publish"], "requests/s", floor, "nginx HTTP/2 constant")
        self.grpc_against(servers, rates)
        self.row("resident memory after these calls", side.resident_mb()[0], "MB", target=20)
        side.stop()
        with Servers(self.processes.folder / "servers") as servers:
            address = servers.redis()
            floors = self.redis_floor(address)
            side = self.sidecar("grpc-redis", component("store", "state.redis", redisHost=address))
            self.grpc_store(side, "on Redis", {"get": floors["get"], "save": floors["set"]}, {"get": "redis-benchmark get", "save": "redis-benchmark set"})
            side.stop()

    def grpc_servers(self):
        """What could answer a call in place of a sidecar: a gRPC C++ server, and nginx as a gRPC proxy before it."""
        app = self.grpc_app()
        return {"gRPC C++ server": app, "nginx before it": self.processes.nginx("grpc-before", app, grpc=True)} if app else {}

    def grpc_against(self, servers, rates):
        """Calls that end in a sidecar, against the same calls to `servers`."""
        calls = {"state get": ("GetState", GET, {"answer": ANSWER_GET}), "state save": ("SaveState", save_request(), {"answer": EMPTY}),
                 "publish": ("PublishEvent", PUBLISH, {"answer": EMPTY})}
        for name, (method, body, options) in calls.items():
            for server, port in servers.items():
                floor = self.grpc_rate(port, DAPR + method, body, **options)
                self.row(f"gRPC {name} in memory, against {server}", rates[name], "requests/s", floor, server)

    def grpc_store(self, side, where, floors, names):
        """The rates of both calls."""
        port, options = side.grpc_port, {"answer": ANSWER_GET}
        save_rate = self.grpc_rate(port, DAPR + "SaveState", save_request(), answer=EMPTY)
        get_rate = self.grpc_rate(port, DAPR + "GetState", GET, **options)
        self.row(f"gRPC state get {where}, at 32 connections", get_rate, "requests/s", floors["get"], names["get"], 0.6, "more")
        self.row(f"gRPC state get {where}, p50 at 1 connection", self.grpc_p50(port, DAPR + "GetState", GET, **options), "us")
        target = {"target": 0.6, "better": "more"} if floors["save"] else {}
        self.row(f"gRPC state save {where}, at 32 connections", save_rate, "requests/s", floors["save"], names.get("save", ""), **target)
        return {"state get": get_rate, "state save": save_rate}

    def idle_streams(self):
        """One stream each on its own connection is what many clients cost; many on one is what a client with many topics costs."""
        first = field(1, field(1, "bus") + field(2, "t"))
        for connections, streams, name in ((1, 1000, "1,000 on a connection"), (1000, 1, "a connection each")):
            side = self.sidecar("idle-streams", component("bus", "pubsub.in-memory"))
            idle = IdleStreams(side.grpc_port, DAPR + STREAMING, first, b"\x0a\x00")
            idle.open(4, 100)  # what is allocated once is there
            before, total = side.resident_mb()[0], 1000 if self.quick else 10_000
            idle.open(connections * total // 1000, streams)
            self.row(f"each of {total:,} idle streaming subscriptions, {name}", (side.resident_mb()[0] - before) * 1024 / total, "KB", target=8)
            idle.close()
            side.stop()


GROUPS = ("grpc", "grpc_state", "idle_streams")
