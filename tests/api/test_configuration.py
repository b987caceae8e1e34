"""Configuration over HTTP (contract 02, section 4), on a real Redis: what is pushed to the application, and when it ends."""
import os, uuid
from concurrent import futures

import pytest
import redis as redis_client

from application import reply
from sidecar import component, wait_until

# Its subscribers are counted: each process of a parallel run has one of its own.
DATABASE = 1 + int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:]) % 11


@pytest.fixture
def server(redis_address):
    client = redis_client.Redis(*redis_address.split(":"), db=DATABASE)
    wait_until(lambda: subscribers(client) == 0, "the end of the connections of the test before")
    yield client
    client.close()


def resources(redis_address):
    return [component("config", "configuration.redis", redisHost=redis_address, redisDB=str(DATABASE))]


@pytest.fixture
def one(launch, redis_address):
    app = launch.app()
    sidecar = launch.sidecar(app=app, resources=resources(redis_address))
    sidecar.app = app
    return sidecar


def subscribe(sidecar, *keys):
    got = sidecar.get("/v1.0/configuration/config/subscribe?" + "&".join(f"key={k}" for k in keys))
    assert got.status == 200, got.body
    return got.json["id"]


def unsubscribe(sidecar, subscription):
    return sidecar.get(f"/v1.0/configuration/config/{subscription}/unsubscribe")


def subscribers(server):
    return sum(1 for c in server.client_list(_type="pubsub") if f"{DATABASE}" == c["db"])


def test_items_come_by_key(one, server):
    key = uuid.uuid4().hex
    path = f"/v1.0/configuration/config?key={key}"
    assert (one.get(path).status, one.get(path).body) == (204, b"")
    server.set(key, "v||1")
    assert one.get(path).body == b'{"%s":{"value":"v","version":"1"}}\n' % key.encode()
    server.delete(key)


def test_a_change_right_after_the_answer_is_pushed(one, server):
    for n in range(5):
        key = uuid.uuid4().hex
        subscription = subscribe(one, key)
        server.set(key, f"v{n}||1")
        [call] = one.app.wait_for(f"/configuration/config/{key}")
        assert call.json == {"id": subscription, "items": {key: {"value": f"v{n}", "version": "1"}}}
        assert unsubscribe(one, subscription).json == {"ok": True}
        server.delete(key)


def test_a_subscription_keeps_one_connection_and_gives_it_back(one, server):
    ids = [subscribe(one, f"k{n}", f"l{n}") for n in range(10)]
    assert subscribers(server) == 10
    for subscription in ids:
        assert unsubscribe(one, subscription).status == 200
    wait_until(lambda: subscribers(server) == 0, "the end of the connections")
    again = unsubscribe(one, ids[0])
    assert (again.status, again.json) == (500, {"message": f"failed to unsubscribe to configuration request {ids[0]}: subscription with id {ids[0]} does not exist"})


def test_a_broken_connection_is_made_anew(one, server):
    key = uuid.uuid4().hex
    subscription = subscribe(one, key)
    for client in server.client_list(_type="pubsub"):
        if client["db"] == f"{DATABASE}":  # tests beside this one have theirs
            server.client_kill_filter(_id=client["id"])

    def pushed():
        server.set(key, "again||2")
        return one.app.calls(f"/configuration/config/{key}")

    wait_until(pushed, "a push after the break")
    assert unsubscribe(one, subscription).status == 200
    server.delete(key)


def test_an_application_may_unsubscribe_while_it_hears(one, server):
    key, subscription, answers = uuid.uuid4().hex, [], []

    def answer(_):
        answers.append(unsubscribe(one, subscription[0]).json)
        return reply(200)

    one.app.on(f"/configuration/config/{key}", answer)
    subscription.append(subscribe(one, key))
    server.set(key, "v||1")
    wait_until(lambda: answers, "the end of the subscription")
    assert answers == [{"ok": True}]
    server.set(key, "w||2")
    assert one.get(f"/v1.0/configuration/config?key={key}").json[key]["value"] == "w"
    assert len(one.app.calls(f"/configuration/config/{key}")) == 1
    server.delete(key)


def test_the_end_of_the_sidecar_ends_its_subscriptions(one, server):
    subscribe(one, "k")
    assert subscribers(server) == 1
    assert one.stop() == 0
    wait_until(lambda: subscribers(server) == 0, "the end of the connection")


def test_an_error_of_the_store_is_told(launch, server, redis_address):
    user = f"user{uuid.uuid4().hex}"  # what the default user may do concerns every test beside this one
    server.acl_setuser(user, enabled=True, passwords=["+secret"], keys=["*"], channels=["*"], commands=["+@all", "-mget"])
    try:
        one = launch.sidecar(resources=[component("config", "configuration.redis", redisHost=redis_address, redisDB=str(DATABASE), redisUsername=user, redisPassword="secret")])
        got = one.get("/v1.0/configuration/config?key=a&key=b")
    finally:
        server.acl_deluser(user)
    assert (got.status, got.json["errorCode"]) == (500, "ERR_CONFIGURATION_GET")
    assert got.json["message"].startswith("failed to get [a b] from Configuration store config: NOPERM")


def test_a_grpc_application_hears_by_on_invoke(launch, server, redis_address):
    grpc = pytest.importorskip("grpc")
    heard, key = [], uuid.uuid4().hex

    class Handler(grpc.GenericRpcHandler):
        def service(self, call):
            def answer(message, context):
                heard.append((call.method, message))
                return b""
            return grpc.unary_unary_rpc_method_handler(answer) if call.method.endswith("/OnInvoke") else None

    app = grpc.server(futures.ThreadPoolExecutor(2), handlers=(Handler(),))
    app.port = app.add_insecure_port("127.0.0.1:0")
    app.start()
    try:
        one = launch.sidecar(app=app, flags=("--app-protocol", "grpc"), resources=resources(redis_address))
        subscription = subscribe(one, key)
        server.set(key, "v||1")
        [(method, message)] = wait_until(lambda: heard, "the call")
        assert method == "/dapr.proto.runtime.v1.AppCallback/OnInvoke"
        assert f"configuration/config/{key}".encode() in message
        assert b'{"id":"%s","items":{"%s":{"value":"v","version":"1"}}}\n' % (subscription.encode(), key.encode()) in message
        assert unsubscribe(one, subscription).status == 200
    finally:
        app.stop(None)
        server.delete(key)


def test_a_store_that_leaves_ends_its_subscriptions(launch, server, redis_address):
    app = launch.app()
    one = launch.sidecar(app=app, resources={"config.yaml": resources(redis_address)[0]})
    gone = subscribe(one, "k")
    other = component("config", "configuration.redis", redisHost=redis_address, redisDB=str(DATABASE), maxRetries="2")
    (one.folder / "resources" / "config.yaml").write_text(other)
    wait_until(lambda: subscribers(server) == 0, "the end of the connection")
    assert unsubscribe(one, gone).status == 500
    subscription = subscribe(one, "k")
    server.set("k", "v||1")
    [call] = app.wait_for("/configuration/config/k")
    assert call.json["id"] == subscription
    server.delete("k")


def open_stream(channel, *keys):
    """SubscribeConfiguration; the stream and the id in its first message."""
    request = b"\n\x06config" + b"".join(b"\x12" + bytes([len(k)]) + k.encode() for k in keys)
    stream = channel.unary_stream("/dapr.proto.runtime.v1.Dapr/SubscribeConfiguration")(request)
    first = next(stream)
    assert first[:2] == b"\n\x24" and len(first) == 38
    return stream, first[2:]


def test_the_end_of_a_stream_ends_its_subscription(launch, server, redis_address):
    """Whoever ends it: the client, hot reload, or the sidecar."""
    grpc = pytest.importorskip("grpc")
    one = launch.sidecar(resources={"config.yaml": resources(redis_address)[0]})
    with grpc.insecure_channel(f"127.0.0.1:{one.grpc}") as channel:
        streams = [open_stream(channel, "k", f"k{n}") for n in range(8)]
        assert subscribers(server) == 8
        server.set("k", "v||1")
        for stream, subscription in streams:
            assert subscription in next(stream)
        for stream, _ in streams[1:]:
            stream.cancel()
        wait_until(lambda: subscribers(server) == 1, "the end of the connections of those that went")
        other = component("config", "configuration.redis", redisHost=redis_address, redisDB=str(DATABASE), maxRetries="2")
        (one.folder / "resources" / "config.yaml").write_text(other)
        assert next(streams[0][0], None) is None and streams[0][0].code() == grpc.StatusCode.OK
        wait_until(lambda: subscribers(server) == 0, "the end of the connection of the store that left")
        last, _ = open_stream(channel)
        assert one.stop() == 0
        assert next(last, None) is None and last.code() == grpc.StatusCode.OK
    wait_until(lambda: subscribers(server) == 0, "the end of the last connection")
    server.delete("k")
