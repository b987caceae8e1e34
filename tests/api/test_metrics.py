"""What each call adds to the metrics, and the spans of deliveries (contract 06, 7.2 and 7.4)."""
import time

import grpc
import pytest

from application import RawApp, reply
from grpc_application import GenericApp
from sidecar import component, inbound_retry, wait_until
from test_telemetry import metrics

CALLBACK = "/dapr.proto.runtime.v1.AppCallback/"
DAPR = "/dapr.proto.runtime.v1.Dapr/"


class CallbackApp(GenericApp):
    """Answers its callbacks with empty messages, `/test.Echo/Fail` with NOT_FOUND, and any other method of that service with what it got."""

    def service(self, details):
        def answer(message, context):
            if details.method.endswith("Fail"):
                context.abort(grpc.StatusCode.NOT_FOUND, "no")
            return message if details.method.startswith("/test.Echo/") else b""
        return grpc.unary_unary_rpc_method_handler(answer)


@pytest.fixture(scope="module")
def callbacks():
    app = CallbackApp()
    yield app
    app.close()


def statuses(entries):
    return [{"entryId": entry["entryId"], "status": status} for entry, status in zip(entries, ("SUCCESS", "DROP", "RETRY", "ODD"))]


@pytest.fixture(scope="module")
def world(launch_module, callbacks):
    """An HTTP application, and a gRPC application at another sidecar."""
    topics = [{"pubsubname": "ps", "topic": t, "route": r, **more} for t, r, more in (
        ("again", "/again", {}), ("dead", "/again", {"deadLetterTopic": "grave"}), ("gone", "/gone", {}), ("bulk", "/bulk", {"bulkSubscribe": {"enabled": True, "maxMessagesCount": 4, "maxAwaitDurationMs": 200}}))]
    app = launch_module.app().on("/dapr/subscribe", reply(json_body=topics)).on("/again", reply(500)).on("/gone", reply(404)).on("/bulk", lambda call: reply(json_body={"statuses": statuses(call.received.json["entries"])}))
    parts = {"parts.yaml": "\n---\n".join([component("s", "state.in-memory"), component("ps", "pubsub.in-memory"), component("b", "bindings.localstorage", rootPath=str(launch_module.folder / "root"))]), "again.yaml": inbound_retry("ps", 1, "10ms")}
    recording = {"config": "spec: {metric: {recordErrorCodes: true}}\n"}
    front, _, _ = launch_module.pair(callbacks, caller={"app": app, "resources": parts, **recording}, callee={"flags": ("--app-protocol", "grpc"), **recording})
    return front, launch_module.sidecars[0]


def raw(one, method, *metadata, message=b""):
    with grpc.insecure_channel(f"127.0.0.1:{one.grpc}") as channel:
        try:
            return channel.unary_unary(method)(message, metadata=metadata, timeout=10)
        except grpc.RpcError as error:
            return error.code()


def bulk(one):
    entries = [{"entryId": str(i), "event": {"n": i}, "contentType": "application/json"} for i in range(4)]
    return one.post("/v1.0/publish/bulk/ps/bulk", entries)


def ingress(topic, process):
    return {"component": "ps", "namespace": "", "topic": topic, "process_status": process, "status": process}


BULK = {"component": "pubsubName", "namespace": ""}
SENT, RECEIVED = "runtime_service_invocation_req_sent_total", "runtime_service_invocation_res_recv_total"
CLIENT, SERVER = "grpc_io_client_completed_rpcs", "grpc_io_server_completed_rpcs"


def client(method, status="OK"):
    return {"grpc_client_method": method, "grpc_client_status": status}


def server(method, status="OK"):
    return {"grpc_server_method": method, "grpc_server_status": status}


# what is done at the first sidecar; whose metrics (0, 1); the samples that it adds to: (family, labels, how much)
ROWS = [
    ("an operation that a binding lacks", lambda o: o.post("/v1.0/bindings/b", {"operation": "odd"}), 0, [
        ("component_output_binding_count", {"component": "b", "operation": "odd", "success": "false"}, 1), ("component_output_binding_latencies_count", {"component": "b", "operation": "odd", "success": "false"}, 1), ("error_code_total", {"category": "binding", "error_code": "ERR_INVOKE_OUTPUT_BINDING"}, 1)]),
    ("a binding that is not there", lambda o: o.post("/v1.0/bindings/none", {"operation": "get"}), 0, [("component_output_binding_count", {"component": "none", "operation": "get", "success": "false"}, 1)]),
    ("health", lambda o: o.get("/v1.0/healthz?appid=x"), 0, [("error_code_total", {"category": "health", "error_code": "ERR_HEALTH_APPID_NOT_MATCH"}, 1)]),
    ("a lock", lambda o: o.post("/v1.0-alpha1/lock/none", {"resourceId": "r", "lockOwner": "o", "expiryInSeconds": 1}), 0, [("error_code_total", {"category": "lock", "error_code": "ERR_LOCK_STORE_NOT_CONFIGURED"}, 1)]),
    ("cryptography", lambda o: o.request("PUT", "/v1.0-alpha1/crypto/none/encrypt", [("dapr-key-name", "k")], b"x"), 0, [("error_code_total", {"category": "crypto", "error_code": "ERR_CRYPTO_PROVIDERS_NOT_CONFIGURED"}, 1)]),
    ("an event that the application fails", lambda o: o.post("/v1.0/publish/ps/again", 1), 0, [("component_pubsub_ingress_count", ingress("again", "retry"), 3), ("component_pubsub_ingress_latencies_count", ingress("again", "retry"), 2)]),
    ("an event for the dead letters", lambda o: o.post("/v1.0/publish/ps/dead", 1), 0, [("component_pubsub_ingress_count", ingress("dead", "retry"), 2), ("component_pubsub_ingress_count", ingress("dead", "drop"), 1)]),
    ("an event that nobody handles", lambda o: o.post("/v1.0/publish/ps/gone", 1), 0, [("component_pubsub_ingress_count", ingress("gone", "drop"), 1)]),
    ("a batch of events, of which two come again", bulk, 0, [
        ("component_pubsub_ingress_bulk_count", {**BULK, "topic": "bulk", "process_status": ""}, 1), ("component_pubsub_ingress_bulk_latencies_count", {**BULK, "topic": "bulk", "process_status": ""}, 1),
        *(("component_pubsub_ingress_bulk_event_count", {**BULK, "topic": "bulk", "process_status": status}, 2) for status in ("success", "drop", "retry"))]),
    ("a callback of a gRPC application", lambda o: o.invoke("back", "x"), 1, [(CLIENT, client(CALLBACK + "OnInvoke"), 1), ("grpc_io_client_roundtrip_latency_count", client(CALLBACK + "OnInvoke"), 1),
                                                                            ("grpc_io_client_sent_bytes_per_rpc_count", {"grpc_client_method": CALLBACK + "OnInvoke"}, 1), ("grpc_io_client_received_bytes_per_rpc_count", {"grpc_client_method": CALLBACK + "OnInvoke"}, 1)]),
    ("a proxied call, at its caller", lambda o: raw(o, "/test.Echo/AtCaller", ("dapr-app-id", "back")), 0, [(SERVER, server("/test.Echo/AtCaller"), 1), (SENT, {"dst_app_id": "back", "type": "unary"}, 1), (RECEIVED, {"src_app_id": "back", "status": "0", "type": "unary"}, 1)]),
    ("a proxied call, at its callee", lambda o: raw(o, "/test.Echo/AtCallee", ("dapr-app-id", "back")), 1, [(CLIENT, client("/test.Echo/AtCallee"), 1), ("grpc_io_client_roundtrip_latency_count", client("/test.Echo/AtCallee"), 1)]),
    ("a proxied call that fails", lambda o: raw(o, "/test.Echo/Fail", ("dapr-app-id", "back")), 0, [(SERVER, server("/test.Echo/Fail", "NotFound"), 1), (RECEIVED, {"src_app_id": "back", "status": "5", "type": "unary"}, 1)]),
    ("a proxied stream", lambda o: raw(o, "/test.Echo/Stream", ("dapr-app-id", "back"), ("dapr-stream", "true")), 0, [(SERVER, server("/test.Echo/Stream"), 1), (SENT, {"dst_app_id": "back", "type": "streaming"}, 1)]),
]


def value(one, family, labels):
    return sum(n for have, n in metrics(one).get("dapr_" + family, []) if all(have.get(k) == v for k, v in labels.items()))


@pytest.mark.parametrize("work,whose,samples", [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_what_a_call_adds(world, work, whose, samples):
    before = [value(world[whose], family, labels) for family, labels, _ in samples]
    work(world[0])
    want = [n for _, _, n in samples]
    added = lambda: [value(world[whose], family, labels) - was for (family, labels, _), was in zip(samples, before)]
    try:
        wait_until(lambda: added() == want, "the samples")
    except AssertionError:
        assert added() == want


def test_calls_without_an_answer_count_as_500(launch):
    """The application hangs up, is too slow, and is gone."""
    def talk(connection):
        if b" /slow " in connection.recv(1 << 16):
            time.sleep(1)

    policy = "kind: Resiliency\nmetadata: {name: r}\nspec: {policies: {timeouts: {t: 200ms}}, targets: {apps: {app: {timeout: t}}}}\n"
    with RawApp(talk) as app:
        one = launch.sidecar(app=app, resources={"r.yaml": policy})
        one.invoke("app", "broken")
        one.invoke("app", "slow")
    one.invoke("app", "gone")
    for method in ("broken", "slow", "gone"):
        labels = {"method": "POST", "path": "/" + method, "status": "500"}
        wait_until(lambda: value(one, "http_client_completed_count", labels) == 1, f"{method} to be counted")
        assert value(one, "http_client_sent_bytes_count", {"path": "/" + method, "status": ""}) == 1


def test_streams_that_stay_here_and_calls_for_nobody_are_not_counted(world):
    raw(world[0], DAPR + "None")
    with grpc.insecure_channel(f"127.0.0.1:{world[0].grpc}") as channel:
        channel.stream_stream(DAPR + "EncryptAlpha1")(iter(()), timeout=10).code()
    raw(world[0], DAPR + "GetMetadata")
    wait_until(lambda: value(world[0], SERVER, server(DAPR + "GetMetadata")), "the last call")
    seen = {labels["grpc_server_method"] for labels, _ in metrics(world[0])["dapr_" + SERVER]}
    assert DAPR + "None" not in seen and DAPR + "EncryptAlpha1" not in seen
    sizes = {labels["grpc_server_method"] for labels, _ in metrics(world[0])["dapr_grpc_io_server_sent_bytes_per_rpc_count"]}
    assert DAPR + "GetMetadata" in sizes and not any(method.startswith("/test.Echo") for method in sizes)


def test_a_rule_that_is_no_pattern_is_told_and_left_out(launch):
    rules = "[{name: dapr_http_server_request_count, labels: [{name: path, regex: {/x: '[', /y: '/v1.0/meta.*'}}]}]"
    one = launch.sidecar(config=f"spec: {{metric: {{rules: {rules}}}}}\n")
    one.says("level=error msg=\"metric rule dapr_http_server_request_count, label path: error parsing regexp: ")
    one.get("/v1.0/metadata")
    wait_until(lambda: value(one, "http_server_request_count", {"path": "/y", "status": "200"}) == 1, "the request to be counted")


def test_spans_of_deliveries(launch):
    """Each entry of a batch has its own, an input binding says where it went, and a status reads as everywhere."""
    spans = []
    topics = [{"pubsubname": "ps", "topic": "bulk", "route": "/bulk", "bulkSubscribe": {"enabled": True, "maxMessagesCount": 2, "maxAwaitDurationMs": 200}}, {"pubsubname": "ps", "topic": "bad", "route": "/bad"}]
    app = launch.app().on("/spans", lambda call: spans.extend(call.received.json) or reply(202)).on("/dapr/subscribe", reply(json_body=topics)).on("/bad", reply(503)).on("/tick", reply(418))
    app.on("/bulk", lambda call: reply(json_body={"statuses": [{"entryId": entry["entryId"], "status": "SUCCESS"} for entry in call.received.json["entries"]]})).on("/tick", reply(200), method="OPTIONS")
    one = launch.sidecar(app=app, resources=[component("ps", "pubsub.in-memory"), component("tick", "bindings.cron", schedule="@every 1s")], config=f"spec: {{tracing: {{samplingRate: '1', zipkin: {{endpointAddress: 'http://127.0.0.1:{app.port}/spans'}}}}}}\n")
    one.post("/v1.0/publish/bulk/ps/bulk", [{"entryId": str(i), "event": i, "contentType": "application/json"} for i in range(2)])
    one.post("/v1.0/publish/ps/bad", 1)
    app.wait_for("/bulk"), app.wait_for("/bad"), app.wait_for("/tick", 2, "POST")
    assert one.stop() == 0
    tags = lambda name: [span["tags"] for span in spans if span["name"] == name]
    producers = {span["id"] for span in spans if span["kind"] == "PRODUCER"}
    assert {span["parentId"] for span in spans if span["name"] == "pubsub/bulk"} == producers and len(producers) == 2
    assert all(one["messaging.destination.name"] == "bulk" and one["messaging.system"] == "pubsub" for one in tags("pubsub/bulk"))
    assert tags("pubsub/bad")[0]["error"] == "Code(503): Service Unavailable"
    tick = tags("bindings/tick")[0]
    assert {name: tick[name] for name in ("db.name", "db.system", "db.connection_string", "rpc.service", "error")} == {
        "db.name": "tick", "db.system": "bindings", "db.connection_string": "POST /tick", "rpc.service": "Dapr", "error": "Code(418): I'm a teapot"}
