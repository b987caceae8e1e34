"""Components in processes of their own (contract 06, section 8; 04b): the four kinds over both faces, and a process that dies and comes back."""
import tempfile, time
from pathlib import Path

import grpc
import pytest
from dapr.proto.common.v1 import common_pb2
from dapr.proto.runtime.v1 import binding_pb2, dapr_pb2_grpc, pubsub_pb2, secret_pb2, state_pb2

from application import reply
from pluggable import STATE, Process
from sidecar import component, wait_until

RPC = "rpc error: code = {} desc = {}"


@pytest.fixture
def sockets():
    with tempfile.TemporaryDirectory(prefix="mecha-plug-") as folder:
        (Path(folder) / "s").mkdir()
        yield Path(folder) / "s"


@pytest.fixture
def serve(sockets):
    started = []

    def start(name, *services):
        started.append(Process(sockets, name, *services).start())
        return started[-1]
    yield start
    for one in started:
        one.kill()


@pytest.fixture
def sidecar(launch, sockets):
    def start(*resources, **more):
        more.setdefault("env", {"DAPR_COMPONENTS_SOCKETS_FOLDER": sockets})
        return launch.sidecar(**{"resources": list(resources), **more})
    return start


def stub(one):
    return dapr_pb2_grpc.DaprStub(grpc.insecure_channel(f"127.0.0.1:{one.grpc}"))




def test_what_is_found_and_how_it_is_told(serve, sidecar, sockets):
    process = serve("my.store", *STATE)
    (sockets / "folder").mkdir()
    (sockets / "text.sock").write_text("")
    one = sidecar(component("store", "state.my.store", keyPrefix="none", Mixed="Case"))
    assert "pluggable component 'my.store' was successfully registered for 'dapr.proto.components.v1.StateStore'" in one.log()
    assert f"could not use socket for file {sockets}/text.sock" in one.log()
    assert "Component loaded: store (state.my.store/v1)" in one.log()
    instance, document = process.calls("StateStore/Init")[0]
    assert instance == "store"
    assert document["properties"] == {"keyPrefix": "none", "Mixed": "Case"}
    assert 0 < document["deadline"] <= 60
    listed = one.get("/v1.0/metadata").json["components"]
    assert listed == [{"name": "store", "type": "state.my.store", "version": "v1", "capabilities": ["ETAG", "TRANSACTIONAL", "QUERY_API", "TTL", "ACTOR"]}]
    order = [row[0] for row in process.ask("select method from calls")]
    assert order == ["StateStore/Init", "StateStore/Features", "TransactionalStoreMultiMaxSize/MultiMaxSize"]


def test_limits_of_a_component_are_not_told_to_its_program(serve, sidecar):
    process = serve("kv", *STATE)
    one = sidecar(component("store", "state.kv", keyPrefix="none", mechaCallTimeout="2s", mechaMessageBytesMax="2000", mechaMessagesInFlight="10"))
    document = process.calls("StateStore/Init")[0][1]
    assert document["properties"] == {"keyPrefix": "none"} and 0 < document["deadline"] <= 2
    assert one.post("/v1.0/state/store", json_body=[{"key": "k", "value": "x" * 1900}, {"key": "l", "value": "x" * 2100}]).status == 204
    assert one.get("/v1.0/state/store/k").status == 200
    refused = one.get("/v1.0/state/store/l").error()
    assert refused[:2] == (500, "ERR_STATE_GET") and "code = ResourceExhausted" in refused[2]


def test_a_limit_out_of_its_bounds_is_told(serve, sidecar):
    serve("kv", *STATE)
    with pytest.raises(AssertionError, match="mechaCallTimeout must be between 1ms and 1h0m0s"):
        sidecar(component("store", "state.kv", mechaCallTimeout="2h"))


def test_two_components_on_one_process_are_two_instances(serve, sidecar):
    process = serve("kv", "StateStore")
    one = sidecar(component("a", "state.kv", keyPrefix="none"), component("b", "state.kv", keyPrefix="none"))
    for name in ("a", "b"):
        assert one.post(f"/v1.0/state/{name}", json_body=[{"key": "k", "value": name}]).status == 204
    assert [instance for instance, _ in process.calls("StateStore/Set")] == ["a", "b"]


def test_state_over_http(serve, sidecar):
    process = serve("kv", *STATE)
    one = sidecar(component("store", "state.kv", keyPrefix="none"))
    assert one.get("/v1.0/state/store/none").status == 204
    saved = [{"key": "k", "value": {"n": 1}, "metadata": {"ttlInSeconds": "9"}, "options": {"concurrency": "first-write", "consistency": "strong"}}]
    assert one.post("/v1.0/state/store", json_body=saved).status == 204
    got = one.get("/v1.0/state/store/k")
    assert (got.status, got.json, got.header("ETag")) == (200, {"n": 1}, "1")
    text = process.calls("StateStore/Set")[0][1]["text"]
    assert "CONCURRENCY_FIRST_WRITE" in text and "CONSISTENCY_STRONG" in text and "ttlInSeconds" in text

    stale = [{"key": "k", "value": 2, "etag": "7"}]
    assert one.post("/v1.0/state/store", json_body=stale).error() == (
        409, "ERR_STATE_SAVE", "failed saving state in state store store: possible etag mismatch. error from state store: it was changed")
    assert one.post("/v1.0/state/store", json_body=[{"key": "k", "value": 2, "etag": "bad"}]).error() == (
        400, "ERR_STATE_SAVE", "failed saving state in state store store: invalid etag value: an etag is a number")
    assert one.request("DELETE", "/v1.0/state/store/k", {"If-Match": "7"}).status == 409
    assert one.request("DELETE", "/v1.0/state/store/k", {"If-Match": "1"}).status == 204
    assert one.get("/v1.0/state/store/k").status == 204


def test_failures_of_a_store_are_told_in_its_words(serve, sidecar):
    serve("kv", *STATE)
    one = sidecar(component("store", "state.kv", keyPrefix="none"))
    plain = RPC.format("ResourceExhausted", "no room")
    assert one.get("/v1.0/state/store/fail:plain").error() == (500, "ERR_STATE_GET", f"fail to get fail:plain from state store store: {plain}")
    assert one.post("/v1.0/state/store", json_body=[{"key": "fail:plain", "value": 1}]).error() == (
        500, "ERR_STATE_SAVE", f"failed saving state in state store store: {plain}")
    with pytest.raises(grpc.RpcError) as refused:
        stub(one).DeleteBulkState(state_pb2.DeleteBulkStateRequest(store_name="store", states=[{"key": "a"}, {"key": "fail:rows"}]))
    assert "delete affected only 1 rows, expected 3" in refused.value.details()


def test_bulk_transactions_and_queries(serve, sidecar):
    process = serve("kv", *STATE)
    one = sidecar(component("store", "state.kv", keyPrefix="none"))
    items = [{"key": f"k{i}", "value": {"kind": "even" if i % 2 == 0 else "odd"}} for i in range(4)]
    assert one.post("/v1.0/state/store", json_body=items).status == 204
    assert len(process.calls("StateStore/BulkSet")) == 1
    got = one.post("/v1.0/state/store/bulk", json_body={"keys": ["k0", "none", "fail:plain"], "parallelism": 5}).json
    assert got == [{"key": "k0", "data": {"kind": "even"}, "etag": "1"}, {"key": "none"}, {"key": "fail:plain", "error": "no room"}]
    assert "parallelism: 5" in process.calls("StateStore/BulkGet")[0][1]["text"]

    query = {"filter": {"EQ": {"kind": "odd"}}, "sort": [{"key": "kind", "order": "DESC"}], "page": {"limit": 1}}
    found = one.post("/v1.0-alpha1/state/store/query", json_body=query).json
    assert found == {"results": [{"key": "k3", "data": {"kind": "odd"}, "etag": "1"}], "token": "next"}

    operations = [{"operation": "upsert", "request": {"key": "t", "value": "v"}}, {"operation": "delete", "request": {"key": "k0"}}]
    assert one.post("/v1.0/state/store/transaction", json_body={"operations": operations}).status == 204
    assert (one.get("/v1.0/state/store/t").json, one.get("/v1.0/state/store/k0").status) == ("v", 204)
    many = [{"operation": "upsert", "request": {"key": str(n), "value": n}} for n in range(4)]
    status, code, message = one.post("/v1.0/state/store/transaction", json_body={"operations": many}).error()
    assert "contains 4 operations" in message and "3" in message


def test_a_service_that_is_listed_and_not_served_is_told(serve, sidecar):
    serve("kv", "StateStore")
    one = sidecar(component("store", "state.kv", keyPrefix="none"))
    # TRANSACTIONAL and QUERY_API are listed but their services are not served: the call tells so.
    operations = [{"operation": "upsert", "request": {"key": "t", "value": "v"}}]
    status, code, message = one.post("/v1.0/state/store/transaction", json_body={"operations": operations}).error()
    assert (status, code) == (500, "ERR_STATE_TRANSACTION") and "code = Unimplemented" in message


def test_state_over_grpc(serve, sidecar):
    serve("kv", *STATE)
    one = sidecar(component("store", "state.kv", keyPrefix="none"))
    dapr = stub(one)
    dapr.SaveState(state_pb2.SaveStateRequest(store_name="store", states=[common_pb2.StateItem(key="k", value=b"\x00\xff raw")]))
    got = dapr.GetState(state_pb2.GetStateRequest(store_name="store", key="k"))
    assert (got.data, got.etag) == (b"\x00\xff raw", "1")
    with pytest.raises(grpc.RpcError) as refused:
        dapr.SaveState(state_pb2.SaveStateRequest(store_name="store", states=[common_pb2.StateItem(key="k", value=b"2", etag={"value": "9"})]))
    assert refused.value.code() == grpc.StatusCode.ABORTED
    dapr.DeleteState(state_pb2.DeleteStateRequest(store_name="store", key="k"))
    assert dapr.GetState(state_pb2.GetStateRequest(store_name="store", key="k")).data == b""


def test_secrets_over_both_faces(serve, sidecar):
    process = serve("vault", "SecretStore")
    serve("kv", "StateStore")
    keyed = component("store", "state.kv", keyPrefix="none").replace("  metadata:\n", "  metadata:\n  - {name: password, secretKeyRef: {name: many, key: password}}\n")
    one = sidecar(keyed + "auth: {secretStore: vault}\n", component("vault", "secretstores.vault"))
    assert one.get("/v1.0/secrets/vault/many?metadata.version=2").json == {"user": "u", "password": "p"}
    assert "version" in process.calls("SecretStore/Get")[-1][1]["text"]
    assert one.get("/v1.0/secrets/vault/bulk").json == {"plain": {"plain": "open"}, "many": {"user": "u", "password": "p"}}
    assert stub(one).GetSecret(secret_pb2.GetSecretRequest(store_name="vault", key="plain")).data == {"plain": "open"}
    status, code, message = one.get("/v1.0/secrets/vault/none").error()
    assert (status, code) == (500, "ERR_SECRET_GET") and RPC.format("NotFound", "secret none not found") in message


def test_a_component_gets_its_secrets_resolved(serve, sidecar):
    serve("vault", "SecretStore")
    store = serve("kv", "StateStore")
    keyed = component("store", "state.kv", keyPrefix="none").replace("  metadata:\n", "  metadata:\n  - {name: password, secretKeyRef: {name: many, key: password}}\n")
    sidecar(keyed + "auth: {secretStore: vault}\n", component("vault", "secretstores.vault"))
    assert store.calls("StateStore/Init")[0][1]["properties"]["password"] == "p"


def subscribed(launch, topic="orders", **more):
    app = launch.app()
    app.on("/dapr/subscribe", reply(json_body=[{"pubsubname": "bus", "topic": topic, "route": "/orders", **more}]))
    app.on("/orders", reply())
    return app


def bodies(app, path="/orders"):
    return [call.json["data"] for call in app.calls(path)]


def test_a_structured_error_of_a_component_is_the_answer(serve, sidecar):
    serve("all", *STATE, "PubSub", "OutputBinding", "SecretStore")
    one = sidecar(*(component(kind, f"{kind}.all") for kind in ("state", "pubsub", "bindings", "secretstores")))
    mine = (418, "ERR_TEAPOT", "short and stout")
    answer = one.get("/v1.0/state/state/fail:kit")
    assert answer.error() == mine
    assert answer.json["details"][0]["reason"] == "DAPR_KIT"
    assert one.post("/v1.0/state/state", json_body=[{"key": "fail:kit", "value": 1}]).error() == mine
    assert one.request("DELETE", "/v1.0/state/state/fail:kit").error() == mine
    assert one.get("/v1.0/secrets/secretstores/fail:kit").error() == mine
    assert one.post("/v1.0/bindings/bindings", json_body={"operation": "fail:kit"}).error() == mine
    assert one.post("/v1.0/publish/pubsub/fail:kit", json_body={}).error() == mine
    with pytest.raises(grpc.RpcError) as refused:
        stub(one).GetState(state_pb2.GetStateRequest(store_name="state", key="fail:kit"))
    assert (refused.value.code(), refused.value.details()) == (grpc.StatusCode.OUT_OF_RANGE, "short and stout")


def test_messages_over_both_faces(launch, serve, sidecar):
    process = serve("broker", "PubSub")
    app = subscribed(launch, metadata={"colour": "red"})
    one = sidecar(component("bus", "pubsub.broker"), app=app)
    assert process.calls("PubSub/Init")[0][1]["properties"] == {"consumerID": "app"}
    assert one.post("/v1.0/publish/bus/orders?metadata.a=b", json_body={"n": 1}).status == 204
    app.wait_for("/orders")  # two at once have no order
    stub(one).PublishEvent(pubsub_pb2.PublishEventRequest(pubsub_name="bus", topic="orders", data=b'{"n": 2}', data_content_type="application/json"))
    app.wait_for("/orders", 2)
    assert bodies(app) == [{"n": 1}, {"n": 2}]
    wait_until(lambda: process.ask("select count(*) from messages where acked") == [(2,)], "both to be acknowledged")
    text = process.calls("PubSub/Publish")[0][1]["text"]
    assert 'pubsub_name: "bus"' in text and 'topic: "orders"' in text and 'key: "a"' in text

    entries = [{"entryId": str(n), "event": f"{'refuse' if n == 1 else 'fine'} {n}", "contentType": "text/plain"} for n in range(3)]
    answer = one.post("/v1.0-alpha1/publish/bulk/bus/orders", json_body=entries)
    assert [entry["entryId"] for entry in answer.json["failedEntries"]] == ["1"]
    assert "refused by the component" in answer.json["failedEntries"][0]["error"]
    app.wait_for("/orders", 4)
    status, code, message = one.post("/v1.0/publish/bus/fail:plain", json_body={}).error()
    assert (status, code) == (500, "ERR_PUBSUB_PUBLISH_MESSAGE") and RPC.format("ResourceExhausted", "no room") in message


@pytest.mark.parametrize("pauses", [True, False])
def test_a_broker_is_asked_to_pause_before_a_stop(launch, serve, sidecar, monkeypatch, pauses):
    if not pauses:
        monkeypatch.setenv("MECHA_TEST_NO_PAUSE", "1")
    process = serve("broker", "PubSub")
    one = sidecar(component("bus", "pubsub.broker"), app=subscribed(launch))
    assert process.calls("PubSub/Pause") == []
    assert one.stop() == 0
    assert [instance for instance, _ in process.calls("PubSub/Pause")] == ["bus"] * pauses
    assert "did not pause" not in one.log()


def test_brokers_that_hang_at_the_pause_are_left_together(launch, serve, sidecar, monkeypatch):
    monkeypatch.setenv("MECHA_TEST_PAUSE_TAKES", "20")
    process = serve("broker", "PubSub")
    buses = [f"bus{n}" for n in range(8)]
    app = launch.app()
    app.on("/dapr/subscribe", reply(json_body=[{"pubsubname": bus, "topic": "orders", "route": "/orders"} for bus in buses]))
    one = sidecar(*(component(bus, "pubsub.broker") for bus in buses), app=app)
    wait_until(lambda: len(process.calls("PubSub/PullMessages")) == len(buses), "all subscriptions")
    before = time.monotonic()
    assert one.stop() == 0
    assert time.monotonic() - before < 6  # each alone takes a second
    assert one.log().count("did not pause") == len(buses)


def test_a_message_that_fails_comes_again(launch, serve, sidecar):
    process = serve("broker", "PubSub")
    app = subscribed(launch)
    app.on("/orders", reply(500), times=2)
    one = sidecar(component("bus", "pubsub.broker"), app=app)
    one.post("/v1.0/publish/bus/orders", json_body={"n": 1})
    app.wait_for("/orders", 3)
    wait_until(lambda: process.ask("select acked from messages") == [(1,)], "the message to be acknowledged")
    errors = [row[0] for row in process.ask("select error from acks")]
    assert len(errors) == 3 and errors[0] and errors[1] and not errors[2]


def test_bindings_both_ways_over_both_faces(launch, serve, sidecar):
    process = serve("ways", "InputBinding", "OutputBinding")
    app = launch.app()
    app.on("/ways", reply(), method="OPTIONS")
    app.on("/ways", reply(body=b'"thanks"'), method="POST")
    one = sidecar(component("ways", "bindings.ways"), app=app)
    answer = one.post("/v1.0/bindings/ways", json_body={"operation": "create", "data": {"a": 1}, "metadata": {"m": "x"}})
    assert (answer.status, answer.body, answer.header("metadata.operation")) == (200, b'<{"a":1}>', "create")
    assert stub(one).InvokeBinding(binding_pb2.InvokeBindingRequest(name="ways", operation="create", data=b"raw")).data == b"<raw>"
    status, code, message = one.post("/v1.0/bindings/ways", json_body={"operation": "none"}).error()
    assert message.endswith("binding ways does not support operation none. supported operations:create emit fail:plain fail:kit")
    status, code, message = one.post("/v1.0/bindings/ways", json_body={"operation": "fail:plain"}).error()
    assert (status, code) == (500, "ERR_INVOKE_OUTPUT_BINDING") and RPC.format("ResourceExhausted", "no room") in message

    one.post("/v1.0/bindings/ways", json_body={"operation": "emit", "data": "event", "metadata": {"kind": "test"}})
    call = app.wait_for("/ways", 1, "POST")[0]
    assert (call.json, call.header("kind")) == ("event", "test")
    wait_until(lambda: process.ask("select error, data from acks") == [("", b'"thanks"')], "the answer of the application")
    assert {(c["name"], *c["capabilities"]) for c in one.get("/v1.0/metadata").json["components"]} == {("ways", "INPUT_BINDING", "OUTPUT_BINDING")}


def test_one_direction_is_started_as_such(serve, sidecar):
    process = serve("ways", "InputBinding", "OutputBinding")
    sidecar(component("ways", "bindings.ways", direction="output"))
    assert len(process.calls("OutputBinding/Init")) == 1 and not process.calls("InputBinding/Init")


def test_a_killed_store_fails_at_once_and_serves_again_by_itself(serve, sidecar):
    process = serve("kv", *STATE)
    one = sidecar(component("store", "state.kv", keyPrefix="none"))
    one.post("/v1.0/state/store", json_body=[{"key": "k", "value": 1}])
    process.kill()
    one.says("The process of component store has gone")
    assert one.get("/v1.0/state/store/k").error()[2].startswith("fail to get k from state store store: rpc error: code = Unavailable desc = ")
    refused = "fail to get k from state store store: " + RPC.format("Unavailable", f"dial unix {process.socket}: connect: connection refused")
    wait_until(lambda: one.get("/v1.0/state/store/k").error() == (500, "ERR_STATE_GET", refused), "the process to be gone for good")
    failed = one.get("/v1.0/state/store/k")
    assert failed.header("Mecha-Component-State").startswith("down: ")
    assert one.get("/v1.0/healthz").status == 204
    process.start()
    wait_until(lambda: one.get("/v1.0/state/store/k").status == 200, "the store to serve again", 30)
    assert one.get("/v1.0/state/store/k").json == 1
    pid = process.process.pid
    assert [row[0] for row in process.ask("select method from calls where pid = ?", pid)][:2] == ["StateStore/Init", "StateStore/Features"]
    assert process.calls("StateStore/Init", pid)[0] == ("store", {**process.calls("StateStore/Init")[0][1], "deadline": process.calls("StateStore/Init", pid)[0][1]["deadline"]})
    one.says("Component store has been initialized again")
    assert one.get("/v1.0/state/store/fail:plain").header("Mecha-Component-State") is None


def test_a_store_that_dies_in_a_call_fails_the_call(serve, sidecar):
    process = serve("kv", *STATE)
    one = sidecar(component("store", "state.kv", keyPrefix="none"))
    status, code, message = one.get("/v1.0/state/store/fail:die").error()
    assert (status, code) == (500, "ERR_STATE_GET") and "code = Unavailable" in message
    process.kill()


def test_a_store_that_is_slow_is_bounded_by_the_policy(serve, sidecar):
    serve("kv", *STATE)
    policy = ("apiVersion: dapr.io/v1alpha1\nkind: Resiliency\nmetadata: {name: r}\nspec:\n  policies: {timeouts: {short: 300ms}}\n"
              "  targets: {components: {store: {outbound: {timeout: short}}}}\n")
    one = sidecar(resources={"store.yaml": component("store", "state.kv", keyPrefix="none"), "policy.yaml": policy})
    begun = time.monotonic()
    status, code, message = one.get("/v1.0/state/store/fail:slow").error()
    assert (status, code) == (500, "ERR_STATE_GET") and "context deadline exceeded" in message
    assert time.monotonic() - begun < 15


def test_no_message_is_lost_when_the_broker_is_killed(launch, serve, sidecar):
    process = serve("broker", "PubSub")
    app = subscribed(launch)
    one = sidecar(component("bus", "pubsub.broker"), app=app)
    sent = 0
    for round_ in range(3):
        for _ in range(20):
            if one.post("/v1.0/publish/bus/orders", json_body=sent).status == 204:
                sent += 1
        process.kill()
        process.start()
        wait_until(lambda: one.post("/v1.0/publish/bus/probe", json_body=0).status == 204, "the broker to serve again", 30)
    wait_until(lambda: process.ask("select count(*) from messages where topic = 'orders' and not acked") == [(0,)], "all to be acknowledged", 30)
    assert sent == 60 and set(bodies(app)) == set(range(sent))


def test_events_go_on_after_the_binding_was_killed(launch, serve, sidecar):
    process = serve("ways", "InputBinding", "OutputBinding")
    app = launch.app()
    app.on("/ways", reply(), method="OPTIONS")
    app.on("/ways", reply(500), method="POST")
    one = sidecar(component("ways", "bindings.ways"), app=app)
    one.post("/v1.0/bindings/ways", json_body={"operation": "emit", "data": 1})
    app.wait_for("/ways", 1, "POST")
    wait_until(lambda: process.ask("select count(*) from acks where error != ''") == [(1,)], "the refusal")
    app.on("/ways", reply(), method="POST")
    process.kill()
    process.start()
    app.wait_for("/ways", 2, "POST", 30)
    wait_until(lambda: process.ask("select acked from messages") == [(1,)], "the event to be acknowledged")


def test_the_loss_of_a_component_is_no_matter_for_others(serve, sidecar):
    dead, alive = serve("dead", "StateStore"), serve("alive", "StateStore")
    one = sidecar(component("dead", "state.dead", keyPrefix="none"), component("alive", "state.alive", keyPrefix="none"))
    dead.kill()
    assert one.post("/v1.0/state/alive", json_body=[{"key": "k", "value": 1}]).status == 204
    assert one.post("/v1.0/state/dead", json_body=[{"key": "k", "value": 1}]).status == 500
    assert one.stop() == 0
    assert len(alive.calls("StateStore/Init")) == 1


def test_a_component_that_refuses_to_start_is_told_and_ends_the_process(serve, sidecar):
    serve("kv", "StateStore")
    one = sidecar(component("store", "state.kv", refuse="not today"), start=False)
    one.ready = ""
    one.start()
    assert one.wait() == 1
    init = "[INIT_COMPONENT_FAILURE]: initialization error occurred for store (state.kv/v1): "
    assert f"process component store error: {init}{init}{RPC.format('InvalidArgument', 'not today')}" in one.log()


def test_a_socket_that_nobody_serves_takes_nothing_else_away(serve, sidecar, sockets):
    serve("a-stale", "StateStore").kill()
    serve("kv", "StateStore")
    one = sidecar(component("store", "state.kv", keyPrefix="none"))
    assert "pluggable component 'a-stale' was not registered" in one.log()
    assert one.post("/v1.0/state/store", json_body=[{"key": "k", "value": 1}]).status == 204


def test_an_unknown_type_ends_the_process(sidecar):
    one = sidecar(component("store", "state.kv"), start=False)
    one.ready = ""
    one.start()
    assert one.wait() == 1
    assert "couldn't find state store state.kv/v1" in one.log()


def test_a_process_that_comes_late_is_taken_where_errors_are_ignored(serve, sidecar):
    one = sidecar(component("store", "state.kv", keyPrefix="none", extra="  ignoreErrors: true\n"))
    assert one.get("/v1.0/state/store/k").error()[1] == "ERR_STATE_STORE_NOT_CONFIGURED"
    serve("kv", "StateStore")
    wait_until(lambda: one.get("/v1.0/state/store/k").status == 204, "the store", 30)


def test_a_manifest_that_comes_later_finds_its_process(serve, sidecar):
    one = sidecar(component("other", "state.in-memory"))
    serve("kv", "StateStore")
    (one.folder / "resources" / "more.yaml").write_text(component("store", "state.kv", keyPrefix="none"))
    wait_until(lambda: one.get("/v1.0/state/store/k").status == 204, "the store", 30)


def test_a_process_takes_the_place_of_a_builtin_type(serve, sidecar):
    process = serve("in-memory", "StateStore")
    one = sidecar(component("store", "state.in-memory", keyPrefix="none"))
    assert one.post("/v1.0/state/store", json_body=[{"key": "k", "value": 1}]).status == 204
    assert len(process.calls("StateStore/Set")) == 1
