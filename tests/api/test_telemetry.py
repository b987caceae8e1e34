"""Logs, metrics and trace headers of requests (contract 06, 2.6, 2.7 and section 7; 01, 1.9)."""
import gzip, json, re

import grpc
import pytest

from application import echo, reply
from sidecar import component, wait_until

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def metrics(one):
    """Samples by name: a list of (labels, value)."""
    got = one.get("/", port=one.metrics)
    assert got.status == 200 and got.header("content-type").startswith("text/plain; version=0.0.4; charset=utf-8")
    out = {}
    for line in got.text.splitlines():
        if line and not line.startswith("#"):
            name, labels, value = re.fullmatch(r"([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)", line).groups()
            out.setdefault(name, []).append((dict(re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', labels or "")), float(value)))
    return out


def sample(one, name, **labels):
    return sum(value for have, value in metrics(one).get("dapr_" + name, []) if all(have.get(k) == v for k, v in labels.items()))


@pytest.fixture(scope="module")
def world(launch_module):
    app = launch_module.app().on("/dapr/subscribe", reply(json_body=[{"pubsubname": "ps", "topic": "t", "route": "/in"}])).on("/in|/x", reply(200)).on("/echo", echo)
    (launch_module.folder / "s.json").write_text('{"a": "b"}')
    parts = [component("s", "state.in-memory"), component("ps", "pubsub.in-memory"), component("f", "secretstores.local.file", secretsFile=str(launch_module.folder / "s.json")), component("b", "bindings.localstorage", rootPath=str(launch_module.folder / "root"))]
    front, _, _ = launch_module.pair(launch_module.app().on("/x", reply(200)), caller={"app": app, "resources": parts, "flags": ("--log-as-json", "--enable-api-logging"), "config": "spec: {tracing: {samplingRate: '1'}}\n"})
    return front, app


CALLS = [
    ("http_server_request_count", {"method": "GET", "path": "/v1.0/state/s", "status": "204"}, lambda o: o.get("/v1.0/state/s/none")),
    ("http_server_response_count", {"method": "POST", "path": "/v1.0/state/s", "status": "204"}, lambda o: o.post("/v1.0/state/s", [{"key": "a", "value": 1}])),
    ("http_server_request_count", {"method": "GET", "path": "/v1.0/secrets/f", "status": "200"}, lambda o: o.get("/v1.0/secrets/f/a")),
    ("component_state_count", {"component": "s", "operation": "set", "success": "true"}, lambda o: o.post("/v1.0/state/s", [{"key": "a", "value": 1}])),
    ("component_state_count", {"component": "s", "operation": "get", "success": "true"}, lambda o: o.get("/v1.0/state/s/a")),
    ("component_state_count", {"component": "s", "operation": "delete", "success": "true"}, lambda o: o.request("DELETE", "/v1.0/state/s/a")),
    ("component_state_count", {"component": "s", "operation": "bulk_get", "success": "true"}, lambda o: o.post("/v1.0/state/s/bulk", {"keys": ["a"]})),
    ("component_state_count", {"component": "s", "operation": "transaction", "success": "true"}, lambda o: o.post("/v1.0/state/s/transaction", {"operations": [{"operation": "upsert", "request": {"key": "a", "value": 1}}]})),
    ("component_state_count", {"component": "s", "operation": "set", "success": "false"}, lambda o: o.post("/v1.0/state/s", [{"key": "a", "value": 1, "etag": "no"}])),
    ("component_secret_count", {"component": "f", "operation": "get", "success": "true"}, lambda o: o.get("/v1.0/secrets/f/a")),
    ("component_output_binding_count", {"component": "b", "operation": "list", "success": "true"}, lambda o: o.post("/v1.0/bindings/b", {"operation": "list"})),
    ("component_pubsub_egress_count", {"component": "ps", "success": "true", "topic": "u"}, lambda o: o.post("/v1.0/publish/ps/u", {})),
    ("component_pubsub_ingress_count", {"component": "ps", "process_status": "success", "topic": "t"}, lambda o: o.post("/v1.0/publish/ps/t", {})),
    ("runtime_service_invocation_req_sent_total", {"dst_app_id": "back"}, lambda o: o.invoke("back", "x")),
    ("runtime_service_invocation_res_recv_total", {"src_app_id": "back", "status": "200"}, lambda o: o.invoke("back", "x")),
    ("http_client_completed_count", {"method": "POST", "status": "200"}, lambda o: o.invoke("front", "x")),
]


@pytest.mark.parametrize("name,labels,work", CALLS, ids=[f"{row[0]}-{i}" for i, row in enumerate(CALLS)])
def test_a_call_is_counted_once(world, name, labels, work):
    one = world[0]
    before = sample(one, name, app_id="front", **labels)
    work(one)
    wait_until(lambda: sample(one, name, app_id="front", **labels) >= before + 1, f"{name} {labels}")
    assert sample(one, name, app_id="front", **labels) == before + 1


def test_families_have_type_and_help(world):
    text = world[0].get("/anything", port=world[0].metrics).text
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split()
            assert kind in ("counter", "gauge", "histogram") and f"# HELP {name} " in text
    assert len(re.findall("# TYPE ", text)) > 10


def test_series_have_a_bound(launch):
    """Ten thousand paths of a client are not ten thousand series."""
    import http.client
    one = launch.sidecar()
    connection = http.client.HTTPConnection("127.0.0.1", one.http, timeout=30)

    def ask(start, count):
        for i in range(start, start + count):
            connection.request("GET", f"/v1.0/invoke/nobody-{i}/method/path-{i}" if i % 2 else f"/path/{i}")
            connection.getresponse().read()
    ask(0, 50)
    connection.close()
    connection = http.client.HTTPConnection("127.0.0.1", one.http, timeout=60)
    ask(1000, 6000)
    count = sum(len(v) for v in metrics(one).values())
    ask(20_000, 3000)
    more = sum(len(v) for v in metrics(one).values())
    assert more == count or more < count * 1.05, (count, more)


def whole_lines(one):
    """Without the last one while it is being written."""
    return one.log().rpartition("\n")[0].splitlines()


def lines(one):
    return [json.loads(line) for line in whole_lines(one) if line.startswith("{")]


def test_log_lines_are_json(world):
    one = world[0]
    for line in map(json.loads, whole_lines(one)):
        assert {"app_id", "instance", "level", "msg", "scope", "time", "type", "ver"} <= set(line)
        assert (line["app_id"], line["type"], line["ver"]) == ("front", "log", "1.18.3") and re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", line["time"])


def test_a_call_is_logged(world):
    one = world[0]
    one.get("/v1.0/state/s/logged?x=1", [("User-Agent", "tester")])
    found = wait_until(lambda: [x for x in lines(one) if x["msg"] == "HTTP API Called" and x["method"] == "GET /v1.0/state/s/logged"], "the line")
    (line,) = found
    assert (line["scope"], line["level"], line["code"], line["size"], line["useragent"]) == ("dapr.runtime.http-info", "info", 204, 0, "tester") and isinstance(line["duration"], int)


def test_names_in_place_of_urls(launch):
    one = launch.sidecar(flags=("--enable-api-logging",), config="spec: {logging: {apiLogging: {obfuscateURLs: true}}}")
    for method, path, name in [("PUT", "/v1.0/actors/a%20type/an%2Fid/method/m", '"InvokeActor/a type.an/id"'), ("GET", "/v1.0/actors/t/i/state/k", "GetActorState"),
                               ("GET", "/v1.0/invoke/other/method/x", "InvokeService/other"), ("GET", "/nope", "InvokeService")]:
        one.request(method, path)
        one.says(f" method={name} ")


TEXT = re.compile(r'time="[^"]+" level=(debug|info|warning|error|fatal) msg=("(?:[^"\\]|\\.)*"|[\w.\-/@^+]+)( [\w_.]+=("(?:[^"\\]|\\.)*"|[\w.\-/@^+:\[\]]*))*')


def test_log_lines_as_text(launch):
    one = launch.sidecar(log_level="debug", resources=[component("s", "state.in-memory")])
    one.get("/nope")
    for line in whole_lines(one):
        assert TEXT.fullmatch(line), line
        keys = re.findall(r"(?:^| )([a-z_]+)=", re.sub(r'"(?:[^"\\]|\\.)*"', '""', line))
        assert keys[:3] == ["time", "level", "msg"] and keys[3:] == sorted(keys[3:])


def test_a_client_cannot_write_log_lines(launch):
    one = launch.sidecar(flags=("--enable-api-logging",))
    one.get("/v1.0/state/x%0Atime=forged/y", [("User-Agent", 'a" level=fatal msg="forged')])
    one.says("HTTP API Called")
    for line in whole_lines(one):
        assert TEXT.fullmatch(line), line


def test_a_trace_goes_on(world):
    one, app = world
    app.forget()
    got = one.invoke("front", "echo", headers=[("traceparent", TRACE), ("tracestate", "a=b")])
    said = got.header("traceparent")
    assert re.fullmatch(r"00-0af7651916cd43dd8448eb211c80319c-[0-9a-f]{16}-01", said) and "b7ad6b7169203331" not in said
    inner = app.calls("/echo")[0]
    assert inner.header("traceparent").startswith("00-0af7651916cd43dd8448eb211c80319c-") and inner.header("tracestate") == "a=b"
    assert got.header("tracestate") == "a=b"


def test_a_trace_goes_through_a_message(world):
    one, app = world
    app.forget()
    one.request("POST", "/v1.0/publish/ps/t", [("traceparent", TRACE)], b"x")
    (event,) = app.wait_for("/in")
    assert event.json["traceparent"].startswith("00-0af7651916cd43dd8448eb211c80319c-")
    assert event.header("traceparent").startswith("00-0af7651916cd43dd8448eb211c80319c-")


BAD = [("malformed", "00-x-y-01"), ("zeros", "00-00000000000000000000000000000000-0000000000000000-01"), ("version ff", "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"), ("five fields", TRACE + "-00")]


@pytest.mark.parametrize("value", [row[1] for row in BAD], ids=[row[0] for row in BAD])
def test_a_bad_trace_starts_a_new_one(world, value):
    said = world[0].get("/v1.0/state/s/a", [("traceparent", value)]).header("traceparent")
    assert re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]", said) and "0af7651916cd43dd" not in said and "0" * 32 not in said


@pytest.mark.parametrize("path", ["/v1.0/healthz", "/v1.0/healthz/outbound"])
def test_health_is_not_traced(world, path):
    assert world[0].get(path, [("traceparent", TRACE)]).header("traceparent") is None


@pytest.mark.parametrize("value,valid", [("a=1", True), ("a=1,b=2;p=3", True), ("a", False), ("=1", False), ("a=1,,b=2", False), ("a b=1", False)])
def test_baggage(world, value, valid):
    got = world[0].get("/v1.0/state/s/a", [("baggage", value)])
    if valid:
        assert (got.status, got.header("baggage")) == (got.status, value) and got.status != 400
    else:
        assert (got.status, got.header("content-type")) == (400, "text/plain; charset=utf-8") and got.text.startswith("invalid baggage header: ") and got.text.endswith("\n")


def test_baggages_of_a_grpc_call_are_one(world):
    with grpc.insecure_channel(f"127.0.0.1:{world[0].grpc}") as channel:
        call = channel.unary_unary("/dapr.proto.runtime.v1.Dapr/GetMetadata")
        assert dict(call.with_call(b"", metadata=[("baggage", "a=1"), ("baggage", "b=2")], timeout=10)[1].initial_metadata())["baggage"] == "a=1,b=2"
        with pytest.raises(grpc.RpcError) as refused:
            call(b"", metadata=[("baggage", "a=1"), ("baggage", "b")], timeout=10)
    assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT and refused.value.details().startswith("invalid baggage header: ")


def test_metrics_are_packed_for_who_asks(world):
    side = world[0]
    packed = side.get("/metrics", [("Accept-Encoding", "gzip")], port=side.metrics)
    assert packed.header("content-encoding") == "gzip" and b"dapr_http_server_request_count" in gzip.decompress(packed.body)
    plain = side.get("/metrics", [("Accept-Encoding", "gzip, identity")], port=side.metrics)
    assert plain.header("content-encoding") is None and "dapr_http_server_request_count" in plain.text
