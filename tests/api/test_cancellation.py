"""Nobody waits for a call any more: it is given up at once, whatever it waits for and through whichever door it came (docs/adr/0012-cancellation.md).
Calls of each kind hang at a backend that has fallen silent; their clients go away; what the sidecar holds for them is counted."""
import json, os, sqlite3, threading, time

import grpc
import h2.config, h2.connection, h2.events
import pytest
from google.protobuf import json_format, message_factory

from application import reply
from backends import RUN, STORES, BROKERS
from peer import Caller
from relays import Relayed, Silent, relayed
from sidecar import SLOW, component, wait_until
from test_error_rows import DAPR

CALLS = 12
AT_ONCE = 20.0 if SLOW else 4.0  # seconds; every backend here would be waited for at least five, and nothing else ends its calls


def redis(kind, **more):
    """Patient: what ends a call is never its own limit."""
    return lambda name, address: component(name, kind, redisHost=address, maxRetries="0", readTimeout="60s", **more)


class World(Relayed):
    def __init__(self, launch):
        super().__init__({})
        self.silent, self.launch = Silent(), launch
        self.have, parts = {"silent"}, []
        by_id = {one.id: one for one in STORES + BROKERS}
        for name, server, make in (
                ("state-redis", "redis", redis("state.redis")), ("state-postgres", "postgres", by_id["postgresql-v1"].make),
                ("state-memcached", "memcached", by_id["memcached"].make), ("state-etcd", "etcd", by_id["etcd-v1"].make),
                ("state-mysql", "mysql", by_id["mysql"].make),
                ("bus-redis", "redis", redis("pubsub.redis")), ("bus-rabbitmq", "rabbitmq", lambda name, a: component(name, "pubsub.rabbitmq", connectionString=a, publisherConfirm="true")), ("bus-mqtt", "mosquitto", by_id["mqtt"].make),
                ("bus-jetstream", "nats", by_id["jetstream"].make),
                ("conf", "redis", redis("configuration.redis")), ("lock", "redis", redis("lock.redis")), ("to-redis", "redis", redis("bindings.redis")),
                ("to-postgres", "postgres", lambda name, a: component(name, "bindings.postgresql", connectionString=a))):
            address = relayed(self.relays, server)
            if address is not None:
                if server == "nats":
                    BROKERS[[b.id for b in BROKERS].index("jetstream")].prepare(os.environ["MECHA_TEST_NATS"], [])
                parts.append(make(name, address))
                self.have.add(name)
        nowhere = f"http://127.0.0.1:{self.silent.port}"
        parts += [component("to-http", "bindings.http", url=nowhere), component("vault", "secretstores.hashicorp.vault", vaultAddr=nowhere, vaultToken="t"),
                  component("to-smtp", "bindings.smtp", host="127.0.0.1", port=str(self.silent.port), emailFrom="x@y.z", emailTo="a@b.c", subject="s")]
        if "MECHA_TEST_MONGODB" in os.environ:
            parts.append(by_id["mongodb"].make("state-mongodb", relayed(self.relays, "mongodb")))
            self.have.add("state-mongodb")
        self.leave = threading.Event()
        self.side = launch.sidecar(resources=parts, app=launch.app().on("/silent", lambda _: self.leave.wait(60) and None))

    def ended(self, **labels):
        return ended(self.side, **labels)


def counts(side):
    """What the metrics say of calls that have ended."""
    starts = ("dapr_http_server_request_count{", "dapr_grpc_io_server_completed_rpcs{")
    return [line for line in side.get("/metrics", port=side.metrics).text.splitlines() if line.startswith(starts) and "/healthz" not in line and "metadata" not in line.lower()]


def ended(side, **labels):
    """How many calls have ended, of those with these labels."""
    total = 0
    for line in counts(side):
        if all(f'{name}="{value}"' in line for name, value in labels.items()):
            total += int(float(line.rsplit(" ", 1)[1]))
    return total


FAMILIES = {"state": "state", "secrets": "secret", "configuration": "configuration", "bindings": "output_binding", "publish": "pubsub_egress", "publish/bulk": "pubsub_egress_bulk"}


def failures(side, path):
    """How many operations on components have failed, of the family that a call with this path belongs to; None: it has none.
    A bulk get that asks for one key after the other ends well, with an error for each: it is counted however it ended."""
    family = FAMILIES.get("publish/bulk" if "/publish/bulk/" in path else path.split("/")[2])
    if family is None:
        return None
    lines = side.get("/metrics", port=side.metrics).text.splitlines()
    return sum(int(float(line.rsplit(" ", 1)[1])) for line in lines if line.startswith(f"dapr_component_{family}_count{{") and ('success="false"' in line or 'operation="bulk_get"' in line))


def descriptors(side):
    return len(os.listdir(f"/proc/{side.process.pid}/fd"))


@pytest.fixture(scope="module")
def world(launch_module):
    one = World(launch_module)
    yield one
    one.speak()
    one.leave.set()


JSON = "application/json"
B64 = "eA=="


def state(name):
    items, keys = [{"key": "k", "value": B64}], [{"key": "k"}]
    return {
        f"{name} get": (name, ("GET", f"/v1.0/state/{name}/k", None), ("GetState", {"storeName": name, "key": "k"})),
        f"{name} save": (name, ("POST", f"/v1.0/state/{name}", items), ("SaveState", {"storeName": name, "states": items})),
        f"{name} delete": (name, ("DELETE", f"/v1.0/state/{name}/k", None), ("DeleteState", {"storeName": name, "key": "k"})),
        f"{name} bulk get": (name, ("POST", f"/v1.0/state/{name}/bulk", {"keys": ["k", "l", "m"]}), ("GetBulkState", {"storeName": name, "keys": ["k", "l", "m"]})),
        f"{name} transaction": (name, ("POST", f"/v1.0/state/{name}/transaction", {"operations": [{"operation": "upsert", "request": items[0]}]}),
                                ("ExecuteStateTransaction", {"storeName": name, "operations": [{"operationType": "upsert", "request": items[0]}]})),
        f"{name} bulk save": (name, ("POST", f"/v1.0/state/{name}", [{"key": k, "value": B64} for k in "klm"]),
                              ("DeleteBulkState", {"storeName": name, "states": [*keys, {"key": "l"}]})),
    }


def publish(name):
    entries = [{"entryId": str(i), "event": "x", "contentType": "text/plain"} for i in range(3)]
    return {
        f"{name} publish": (name, ("POST", f"/v1.0/publish/{name}/t{RUN}", {"a": 1}), ("PublishEvent", {"pubsubName": name, "topic": f"t{RUN}", "data": B64})),
        f"{name} bulk publish": (name, ("POST", f"/v1.0-alpha1/publish/bulk/{name}/t{RUN}", entries),
                                 ("BulkPublishEventAlpha1", {"pubsubName": name, "topic": f"t{RUN}", "entries": [{"entryId": "1", "event": B64, "contentType": "text/plain"}]})),
    }


def binding(name, operation, metadata, need="silent"):
    return {f"{name}": (need, ("POST", f"/v1.0/bindings/{name}", {"operation": operation, "data": "x", "metadata": metadata}),
                        ("InvokeBinding", {"name": name, "operation": operation, "data": B64, "metadata": metadata}))}


def without(kinds, *words):
    return {name: kind for name, kind in kinds.items() if not any(word in name for word in words)}


KINDS = {
    **state("state-redis"), **state("state-postgres"), **without(state("state-memcached"), "transaction"), **state("state-etcd"),
    **state("state-mysql"), **without(state("state-mongodb"), "transaction"),
    **publish("bus-redis"), **publish("bus-rabbitmq"), **publish("bus-mqtt"), **publish("bus-jetstream"),
    **binding("to-http", "create", {}), **binding("to-smtp", "create", {}),
    **binding("to-redis", "get", {"key": "k"}, "to-redis"), **binding("to-postgres", "query", {"sql": "SELECT 1"}, "to-postgres"),
    "secret": ("silent", ("GET", "/v1.0/secrets/vault/k", None), ("GetSecret", {"storeName": "vault", "key": "k"})),
    "secrets": ("silent", ("GET", "/v1.0/secrets/vault/bulk", None), ("GetBulkSecret", {"storeName": "vault"})),
    "configuration": ("conf", ("GET", "/v1.0/configuration/conf?key=a", None), ("GetConfiguration", {"storeName": "conf", "keys": ["a"]})),
    "subscribe to configuration": ("conf", ("GET", "/v1.0/configuration/conf/subscribe?key=a", None), ("SubscribeConfiguration", {"storeName": "conf", "keys": ["a"]})),
    "lock": ("lock", ("POST", "/v1.0-alpha1/lock/lock", {"resourceId": "r", "lockOwner": "o", "expiryInSeconds": 5}),
             ("TryLockAlpha1", {"storeName": "lock", "resourceId": "r", "lockOwner": "o", "expiryInSeconds": 5})),
    "unlock": ("lock", ("POST", "/v1.0-alpha1/unlock/lock", {"resourceId": "r", "lockOwner": "o"}), ("UnlockAlpha1", {"storeName": "lock", "resourceId": "r", "lockOwner": "o"})),
    "invoke": ("silent", ("POST", "/v1.0/invoke/app/method/silent", {"a": 1}), ("InvokeService", {"id": "app", "message": {"method": "silent", "httpExtension": {"verb": "POST"}}})),
}


# The doors. Each sends the calls and returns what makes their clients go away.
def http1(side, http, _, count=CALLS):
    method, path, body = http
    data = b"" if body is None else json.dumps(body).encode()
    head = f"{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Type: {JSON}\r\nContent-Length: {len(data)}\r\n\r\n".encode()
    clients = []
    for _ in range(count):
        clients.append(side.connect())
        clients[-1].sendall(head + data)
    return lambda: [one.close() for one in clients]


def heard(session, client):
    """Until the sidecar has read what was sent: it answers a ping after it."""
    session.ping(b"are you?")
    client.sendall(session.data_to_send())
    while True:
        data = client.recv(1 << 16)
        assert data, "the sidecar hangs up"
        if any(isinstance(event, h2.events.PingAckReceived) for event in session.receive_data(data)):
            return


def http2(side, http, _):
    method, path, body = http
    data = b"" if body is None else json.dumps(body).encode()
    client = side.connect()
    session = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="utf-8"))
    session.initiate_connection()
    numbers = []
    for _ in range(CALLS):
        numbers.append(session.get_next_available_stream_id())
        session.send_headers(numbers[-1], [(":method", method), (":path", path), (":scheme", "http"), (":authority", "x"), ("content-type", JSON)], end_stream=not data)
        if data:
            session.send_data(numbers[-1], data, end_stream=True)
    heard(session, client)

    def go():
        for number in numbers:
            session.reset_stream(number, 8)
        client.sendall(session.data_to_send())
        go.client = client  # the connection stays open
    return go


def is_stream(grpc_call):
    return DAPR.methods_by_name[grpc_call[0]].server_streaming


def rpc(side, grpc_call):
    method, asked = grpc_call
    kind = DAPR.methods_by_name[method]
    make, answer = message_factory.GetMessageClass(kind.input_type), message_factory.GetMessageClass(kind.output_type)
    channel = grpc.insecure_channel(f"127.0.0.1:{side.grpc}")
    grpc.channel_ready_future(channel).result(20)
    form = "unary_stream" if kind.server_streaming else "unary_unary"
    stub = getattr(channel, form)(f"/{DAPR.full_name}/{method}", lambda m: m.SerializeToString(), answer.FromString)
    message = json_format.ParseDict(asked, make())
    calls = [stub(message) if kind.server_streaming else stub.future(message) for _ in range(CALLS)]
    # It is answered after all that went before it over the connection has come.
    channel.unary_unary(f"/{DAPR.full_name}/GetMetadata")(b"", timeout=20)
    return channel, calls


def by_grpc(side, _, grpc_call):
    channel, calls = rpc(side, grpc_call)

    def go():
        for call in calls:
            call.cancel()
        go.channel = channel
    return go


def by_connection(side, _, grpc_call):
    channel, calls = rpc(side, grpc_call)

    def go():
        channel.close()
        go.calls = calls  # without whom they were cancelled before
    return go


DOORS = {"HTTP/1.1": (http1, {"status": "499"}), "HTTP/2": (http2, {"status": "499"}), "gRPC": (by_grpc, {"grpc_server_status": "Canceled"}),
         "gRPC, connection": (by_connection, {"grpc_server_status": "Canceled"})}


@pytest.mark.parametrize("kind", KINDS)
def test_a_client_that_goes_away(world, kind):
    need, http, grpc_call = KINDS[kind]
    if need not in world.have:
        pytest.skip(f"no server for {need}")
    side = world.side
    before = descriptors(side)
    try:
        for name, (door, labels) in DOORS.items():
            world.speak()  # in between, or the backends' own limits would pass over the four of them
            world.fall_silent()
            given_up, all_ended, failed = world.ended(**labels), world.ended(), failures(side, http[1])
            go = door(side, http, grpc_call)
            time.sleep(1 if SLOW else 0.3)
            # A sanitized daemon is too slow for what is said of time: of it, only that all ends, and without a report.
            assert SLOW or world.ended() == all_ended, f"{name}: answered, although the backend is silent: {counts(side)}"
            go()
            gone = time.monotonic()
            if is_stream(grpc_call) and name.startswith("gRPC"):  # in no metric of gRPC, as in the reference
                wait_until(lambda: failures(side, http[1]) == failed + CALLS, f"{CALLS} ends of streams over {name}", AT_ONCE)
                continue
            if SLOW:
                wait_until(lambda: world.ended() >= all_ended + CALLS, f"{CALLS} ends of calls over {name}", AT_ONCE)
                continue
            wait_until(lambda: world.ended(**labels) == given_up + CALLS, f"{CALLS} ends of calls over {name}", AT_ONCE)
            assert world.ended() == all_ended + CALLS
            wait_until(lambda: failed is None or failures(side, http[1]) == failed + CALLS, "the component's metrics", AT_ONCE)
            print(f"{kind}, {name}: {time.monotonic() - gone:.3f} s")
    finally:
        world.speak()
    pooled = 12 if need in ("state-mysql", "state-mongodb") else 6
    wait_until(lambda: descriptors(side) <= before + pooled, "the descriptors of calls")
    assert side.alive


@pytest.mark.parametrize("kind", KINDS)
def test_a_deadline(world, kind):
    """The client says nothing about it: the server keeps it by itself."""
    need, http, (method, asked) = KINDS[kind]
    if need not in world.have:
        pytest.skip(f"no server for {need}")

    def ended():
        return failures(world.side, http[1]) if is_stream((method, asked)) else world.ended(grpc_server_status="DeadlineExceeded")
    message = json_format.ParseDict(asked, message_factory.GetMessageClass(DAPR.methods_by_name[method].input_type)())
    caller = Caller(world.side.grpc)
    world.fall_silent()
    try:
        before, begun = ended(), time.monotonic()
        calls = [caller.start(f"/{DAPR.full_name}/{method}", ("grpc-timeout", "400m")) for _ in range(CALLS)]
        for call in calls:
            call.send(message, end=True)
        for call in calls:
            assert call.until_ended().trailers.get("grpc-status") == "4", (call.trailers, call.reset_code)
        wait_until(lambda: ended() == before + CALLS, "ends of calls", AT_ONCE)
        assert time.monotonic() - begun < 0.4 + AT_ONCE
    finally:
        world.speak()
        caller.close()


@pytest.mark.parametrize("store", ["state-redis", "state-postgres", "state-memcached", "state-etcd", "state-mysql", "state-mongodb"])
def test_connections_are_in_step_afterwards(world, store):
    """No answer to a call that was given up is taken for the answer to a later one."""
    if store not in world.have:
        pytest.skip(f"no server for {store}")
    side = world.side
    for i in range(30):
        assert side.post(f"/v1.0/state/{store}", [{"key": f"s{i}", "value": i}]).status == 204
    for _ in range(3):
        world.fall_silent()
        go = [door(side, ("GET", f"/v1.0/state/{store}/s1", None), ("GetState", {"storeName": store, "key": "s1"})) for door in (http1, http2, by_grpc)]
        time.sleep(0.2)
        for each in go:
            each()
        world.speak()
        for i in range(30):
            assert side.get(f"/v1.0/state/{store}/s{i}").json == i


def test_calls_that_are_given_up_leave_nothing(world):
    """Thousands of them."""
    side = world.side
    name = "state-redis" if "state-redis" in world.have else "to-http"
    http = KINDS["state-redis get" if name == "state-redis" else name][1]

    def rounds(count):
        for _ in range(count):
            before = world.ended(status="499")
            world.fall_silent()
            go = http1(side, http, None, 150)
            time.sleep(0.15)
            go()
            wait_until(lambda: world.ended(status="499") == before + 150, "ends of calls")
            world.speak()

    def growth():
        before = side.memory_kb("VmRSS")
        rounds(12)
        return side.memory_kb("VmRSS") - before

    rounds(5)
    open_files = descriptors(side)
    # What leaks grows in every series; a heap that tests before this one have left in pieces settles in one of them.
    grown = [growth()]
    while not SLOW and grown[-1] >= 1500 and len(grown) < 3:
        grown.append(growth())
    wait_until(lambda: descriptors(side) <= open_files + 6, "the descriptors of calls")
    assert SLOW or grown[-1] < 1500, f"KB in each series of 1,800 calls: {grown}"


@pytest.mark.parametrize("what", ["a body", "the next request"])
def test_what_nobody_reads_hides_no_client(world, what):
    """Of a client that has said more than its call needs."""
    if "state-redis" not in world.have:
        pytest.skip("no server for redis")
    side, more = world.side, b"GET /v1.0/metadata HTTP/1.1\r\nHost: x\r\n\r\n"
    length = len(more) if what == "a body" else 0
    world.fall_silent()
    try:
        before = world.ended(status="499")
        with side.connect() as client:
            client.sendall(b"GET /v1.0/state/state-redis/k HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s" % (length, more))
            time.sleep(0.3)
            assert world.ended(status="499") == before
        wait_until(lambda: world.ended(status="499") == before + 1, "the end of the call", AT_ONCE)
    finally:
        world.speak()


SHORT = """apiVersion: dapr.io/v1alpha1
kind: Resiliency
metadata: {name: short}
spec:
  policies: {timeouts: {short: 200ms}}
  targets: {components: {s: {outbound: {timeout: short}}}}
"""
LATE = "context deadline exceeded"


class Locked:
    """An SQLite file that another process has locked."""

    def __init__(self, file):
        self.file = file

    def fall_silent(self):
        self.other = sqlite3.connect(self.file, isolation_level=None, check_same_thread=False)
        self.other.execute("BEGIN EXCLUSIVE")

    def speak(self):
        self.other.execute("ROLLBACK")
        self.other.close()


@pytest.mark.parametrize("kind", ["redis", "mysql", "mongodb", "sqlite"])
def test_a_policy_ends_a_call_in_time(launch, kind):
    """Of a driver that blocks as of one that does not; in the words of the contract."""
    if kind == "sqlite":
        file = launch.folder / "s.db"
        server, store = Locked(file), component("s", "state.sqlite", connectionString=str(file), busyTimeout="20s")
    else:
        relays = {}
        address = relayed(relays, kind)
        if address is None:
            pytest.skip(f"no server for {kind}")
        server, store = Relayed(relays), (redis("state.redis") if kind == "redis" else {one.id: one for one in STORES}[kind].make)("s", address)
    side = launch.sidecar(resources=[SHORT, store])
    key = f"late{RUN}"

    def save(value):  # the policy is a short one
        wait_until(lambda: side.post("/v1.0/state/s", [{"key": key, "value": value}]).status == 204, f"saving {value!r}")

    save("before")
    threads = len(os.listdir(f"/proc/{side.process.pid}/task"))
    server.fall_silent()
    try:
        for _ in range(5 if kind == "redis" else 20):  # more than a driver has threads
            begun = time.monotonic()
            got = side.post("/v1.0/state/s", [{"key": key, "value": "during"}])
            assert got.error() == (500, "ERR_STATE_SAVE", f"failed saving state in state store s: {LATE}")
            assert time.monotonic() - begun < AT_ONCE
        if kind != "sqlite":
            assert side.get(f"/v1.0/state/s/{key}").error() == (500, "ERR_STATE_GET", f"fail to get {key} from state store s: {LATE}")
        assert len(os.listdir(f"/proc/{side.process.pid}/task")) <= threads + 10
    finally:
        server.speak()
    # What was begun may be done to the end; nothing else overtakes what comes afterwards.
    save("after")
    time.sleep(0.5)
    save("last")
    answers = []  # this policy, too, is a short one
    wait_until(lambda: answers.append(side.get(f"/v1.0/state/s/{key}")) or answers[-1].status == 200, "an answer")
    assert answers[-1].text == '"last"'
    assert side.stop() == 0


def test_a_stop_waits_for_no_server(launch):
    """Longer than the driver does: calls that were left behind end with it."""
    relays = {}
    address = relayed(relays, "mysql")
    if address is None:
        pytest.skip("no server for mysql")
    store = component("s", "state.mysql", connectionString=address, schemaName="wire", tableName=f"wire_{RUN}", metadataTableName=f"wire_{RUN}_meta", timeoutInSeconds="2")
    side = launch.sidecar(resources=[SHORT, store])
    Relayed(relays).fall_silent()
    assert side.get("/v1.0/state/s/k").status == 500
    begun = time.monotonic()
    assert side.stop(30) == 0
    assert time.monotonic() - begun < 4.5 or SLOW
    Relayed(relays).speak()


def test_an_outbox_is_not_cut(launch):
    """Its transaction has begun to be told: it is done to the end although its client has gone."""
    relays = {}
    address = relayed(relays, "redis")
    if address is None:
        pytest.skip("no server for redis")
    app = launch.app().on("/dapr/subscribe", reply(json_body=[{"pubsubname": "bus", "topic": "orders", "route": "/orders"}])).on("/orders", reply(200))
    store = component("store", "state.redis", redisHost=address, outboxPublishPubsub="bus", outboxPublishTopic="orders")
    side = launch.sidecar(resources=[store, component("bus", "pubsub.in-memory")], app=app)
    (relay,) = relays.values()
    key = f"outbox{RUN}"
    transaction = {"operations": [{"operation": "upsert", "request": {"key": key, "value": "new"}}]}
    before = ended(side, status="499")
    relay.speaks.clear()
    go = http2(side, ("POST", "/v1.0/state/store/transaction", transaction), None)
    time.sleep(0.3)
    go()
    time.sleep(0.5)
    assert ended(side, status="499") == before
    relay.speaks.set()
    wait_until(lambda: side.get(f"/v1.0/state/store/{key}").text == '"new"', "the commit")
    wait_until(lambda: ended(side, status="499") == before + CALLS, "the end of the calls")
    app.wait_for("/orders", CALLS)
