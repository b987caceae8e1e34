"""Bindings over HTTP (contract 03, 5.1 to 5.6)."""
import json, os

import grpc
import pytest
from dapr.proto.runtime.v1 import binding_pb2, dapr_pb2_grpc

from application import Reply, echo, reply
from sidecar import component, wait_until


@pytest.fixture(scope="module")
def world(launch_module):
    app = launch_module.app().on(".*", echo).on("/status/(.*)", lambda call: Reply(int(call.received.path[8:]), b"said", [("X-Mine", "1")]))
    root = launch_module.folder / "root"
    parts = [component("out", "bindings.http", url=f"http://127.0.0.1:{app.port}/base/"), component("status", "bindings.http", url=f"http://127.0.0.1:{app.port}"), component("files", "bindings.localstorage", rootPath=str(root)),
             component("in", "bindings.cron", schedule="@every 1h", direction="input")]
    return launch_module.sidecar(app=app, resources=parts), app, root


def call(world, name, operation=None, data=..., verb="POST", **metadata):
    body = ({} if operation is None else {"operation": operation}) | ({} if data is ... else {"data": data}) | ({"metadata": metadata} if metadata else {})
    return world[0].request(verb, f"/v1.0/bindings/{name}", json_body=body)


PREFIX = "error invoking output binding {}: "
REFUSED = [("no operation", "files", None, "operation field is missing from request"), ("empty operation", "files", "", "operation field is missing from request"), ("unknown binding", "nope", "create", "couldn't find output binding nope"),
           ("an input binding", "in", "create", "couldn't find output binding in"), ("names have case", "Files", "create", "couldn't find output binding Files"), ("unknown operation", "files", "Create", None)]


@pytest.mark.parametrize("verb", ["POST", "PUT"])
@pytest.mark.parametrize("name,operation,cause", [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_refused(world, name, operation, cause, verb):
    status, code, message = call(world, name, operation, verb=verb).error()
    assert (status, code) == (500, "ERR_INVOKE_OUTPUT_BINDING") and message.startswith(PREFIX.format(name))
    if cause:
        assert message == PREFIX.format(name) + cause
    else:
        said = message.removeprefix(PREFIX.format(name))
        assert said.startswith(f"binding {name} does not support operation {operation}. supported operations:")
        assert sorted(said.partition("operations:")[2].split()) == ["create", "delete", "get", "list"]


@pytest.mark.parametrize("body", [b"", b"{bad", b"[]", b'{"operation":5}', b'{"operation":"get","metadata":{"a":1}}'], ids=str)
def test_malformed(world, body):
    status, code, message = world[0].request("POST", "/v1.0/bindings/files", body=body).error()
    assert (status, code) == (400, "ERR_MALFORMED_REQUEST") and message.startswith("failed deserializing HTTP body: ")


TRACE, OTHER = ("00-%s-b7ad6b7169203331-01" % (d * 32) for d in "12")


def test_the_trace_of_a_call_goes_along(world):
    def sent(trace):
        got = world[0].request("POST", "/v1.0/bindings/out", trace, json_body={"operation": "get", "metadata": {"path": "x"}})
        return {k.lower(): v for k, v in got.json["headers"]}.get("traceparent")
    assert sent([("traceparent", TRACE)]) == TRACE
    assert sent([]) is None  # there is none, so no zeros either


def test_a_trace_in_the_metadata_of_a_grpc_call_stays(world):
    with grpc.insecure_channel(f"127.0.0.1:{world[0].grpc}") as channel:
        def sent(**more):
            request = binding_pb2.InvokeBindingRequest(name="out", operation="get", metadata={"path": "x", **more})
            data = dapr_pb2_grpc.DaprStub(channel).InvokeBinding(request, metadata=(("traceparent", TRACE),), timeout=20).data
            return {k.lower(): v for k, v in json.loads(data)["headers"]}.get("traceparent")
        assert (sent(), sent(traceparent=OTHER)) == (TRACE, OTHER)


def test_what_a_failed_grpc_call_says_of_the_answer_are_headers(world):
    with grpc.insecure_channel(f"127.0.0.1:{world[0].grpc}") as channel:
        request = binding_pb2.InvokeBindingRequest(name="status", operation="get", metadata={"path": "/status/500"})
        with pytest.raises(grpc.RpcError) as failed:
            dapr_pb2_grpc.DaprStub(channel).InvokeBinding(request, timeout=20)
    headers, trailers = dict(failed.value.initial_metadata()), dict(failed.value.trailing_metadata())
    assert headers["metadata.statuscode"] == "500" and "metadata.statuscode" not in trailers


OPERATIONS = [("create", "POST", True), ("post", "POST", True), ("put", "PUT", True), ("patch", "PATCH", True), ("get", "GET", False), ("delete", "DELETE", False), ("options", "OPTIONS", False), ("trace", "TRACE", False)]


@pytest.mark.parametrize("operation,verb,body", OPERATIONS)
def test_http_operation(world, operation, verb, body):
    got = call(world, "out", operation, {"a": 1}, **{"path": "/x?y=1", "X-Own": "v", "lower": "no"})
    assert (got.status, got.header("content-type"), got.header("metadata.statusCode"), got.header("metadata.status")) == (200, "application/json", "200", "200 OK")
    seen = got.json
    headers = {k.lower(): v for k, v in seen["headers"]}
    assert (seen["method"], seen["path"], seen["query"], seen["body"]) == (verb, "/base/x", "y=1", '{"a":1}' if body else "")
    assert headers["x-own"] == "v" and "lower" not in headers and headers["accept"] == "application/json; charset=utf-8"
    assert headers.get("content-type") == ("application/json; charset=utf-8" if body else None)


DATA = [("text keeps its quotes", "hello", '"hello"'), ("number", 5, "5"), ("null", None, "null"), ("absent", ..., "null"), ("markup", "<&>", '"\\u003c\\u0026\\u003e"'), ("object", {"a": [1]}, '{"a":[1]}')]


@pytest.mark.parametrize("data,bytes_", [row[1:] for row in DATA], ids=[row[0] for row in DATA])
def test_data_is_json_again(world, data, bytes_):
    assert call(world, "out", "create", data).json["body"] == bytes_


@pytest.mark.parametrize("status,fails", [(200, False), (204, False), (302, True), (404, True), (500, True)])
def test_status_of_http(world, status, fails):
    got = call(world, "status", "get", **{"path": f"status/{status}"})
    assert got.header("metadata.statusCode") == str(status)
    if fails:
        assert got.error() == (500, "ERR_INVOKE_OUTPUT_BINDING", f"error invoking output binding status: received status code {status}")
        assert got.header("metadata.X-Mine") == "1"
    else:
        assert got.status == 200
    kept = call(world, "status", "get", **{"path": f"status/{status}", "errorIfNot2XX": "false"})
    assert (kept.status, kept.body) == (200, b"" if status == 204 else b"said")


def test_files(world):
    made = call(world, "files", "create", "hello!", **{"fileName": "a/b.txt"})
    assert (made.status, made.json) == (200, {"fileName": "a/b.txt"})
    assert (world[2] / "a/b.txt").read_bytes() == b"hello!"
    assert call(world, "files", "get", **{"fileName": "a/b.txt"}).body == b"hello!"
    assert str(world[2] / "a/b.txt") in call(world, "files", "list").json
    gone = call(world, "files", "delete", **{"fileName": "a/b.txt"})
    assert (gone.status, gone.body) == (204, b"")
    missing = call(world, "files", "get", **{"fileName": "a/b.txt"})
    assert missing.error() == (500, "ERR_INVOKE_OUTPUT_BINDING", f"error invoking output binding files: file not found: {world[2]}/a/b.txt")


def test_base64_is_decoded(world):
    call(world, "files", "create", "abcd", **{"fileName": "c"})
    assert (world[2] / "c").read_bytes() == bytes.fromhex("69b71d")


def test_a_file_without_a_name(world):
    name = call(world, "files", "create", {"a": 1}).json["fileName"]
    assert len(name) == 36 and (world[2] / name).read_text() == '{"a":1}'


@pytest.mark.parametrize("name", ["../outside", "a/../../outside", "/../../outside"])
def test_a_name_cannot_leave_the_root(world, name):
    call(world, "files", "create", "x!", **{"fileName": name})
    assert not os.path.exists(world[2].parent / "outside") and not os.path.exists(world[2].parent.parent / "outside")


@pytest.fixture(scope="module")
def stored(launch_module, redis_address):
    return launch_module.sidecar("redis", resources=[component("r", "bindings.redis", redisHost=redis_address)]), f"b{launch_module.folder.name}"


def test_redis(stored):
    one, key = stored
    def run(operation, data=..., **metadata):
        return call((one,), "r", operation, data, **{"key": key, **metadata})
    assert run("create", "v", ttlInSeconds="100").status == 204
    got = run("get")
    assert (got.status, got.body) == (200, b'"v"')
    assert run("get", delete="true").body == b'"v"'
    assert (run("get").status, run("get").body) == (200, b"")
    assert run("increment").status == 204 and run("increment").status == 204
    assert run("get").body == b"2"
    assert run("delete").status == 204
    assert call((one,), "r", "get").error()[2] == "error invoking output binding r: redis binding: missing key in request metadata"


# answer to OPTIONS -> is the binding wanted
@pytest.mark.parametrize("status,wanted", [(200, True), (204, True), (405, True), (404, False), (500, False), (302, False)])
def test_discovery(launch, status, wanted):
    app = launch.app().on("/tick", reply(200)).on("/tick", Reply(status), method="OPTIONS")
    one = launch.sidecar(app=app, resources=[component("tick", "bindings.cron", schedule="@every 200ms"), component("other", "bindings.cron", schedule="@every 200ms", direction="input", route="/other-route")])
    (asked,) = app.wait_for("/tick", method="OPTIONS")
    assert asked.header("content-type") == "application/json"
    app.wait_for("/other-route", 4, "POST")  # has its direction, so it is not asked and has the same pace
    if wanted:
        app.wait_for("/tick", method="POST")
    else:
        assert app.calls("/tick", "POST") == []
    assert app.calls("/other-route", "OPTIONS") == [] and one.alive


def test_event_of_cron(launch):
    app = launch.app().on("/tick", reply(200))
    launch.sidecar(app=app, resources=[component("tick", "bindings.cron", schedule="@every 100ms", direction="input")], env={"APP_API_TOKEN": "open"})
    got = app.wait_for("/tick", method="POST")[0]
    assert (got.body, got.header("content-type"), got.header("timezone"), got.all("dapr-api-token")) == (b"", "application/json", "Local", ["open"])
    assert got.header("readtimeutc").endswith(" +0000 UTC")


@pytest.mark.parametrize("schedule", ["", "* * *", "61 * * * *", "@sometimes", "@every soon", "* * * * 7"])
def test_a_schedule_that_does_not_parse_ends_the_start(launch, schedule):
    one = launch.sidecar(resources=[component("tick", "bindings.cron", schedule=schedule)], ready="")
    assert one.wait() == 1
    assert "initialization error occurred for tick (bindings.cron/v1)" in one.log()


@pytest.mark.parametrize("direction,input_,output", [(None, False, True), ("output", False, True), ("input", False, False), ("input, output", False, True)])
def test_direction(launch, direction, input_, output):
    part = component("files", "bindings.localstorage", {"rootPath": str(launch.folder / "r")} | ({"direction": direction} if direction else {}))
    one = launch.sidecar(resources=[part])
    got = one.post("/v1.0/bindings/files", {"operation": "list"})
    assert (got.status == 200) == output, got.body
    if not output:
        assert got.error()[2] == "error invoking output binding files: couldn't find output binding files"
