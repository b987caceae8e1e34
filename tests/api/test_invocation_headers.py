"""Headers of an invocation in both directions (contract 01, 5.3 to 5.5): own application and peer."""
import socket

import pytest

from application import Reply, echo, reply


@pytest.fixture(scope="module")
def world(launch_module):
    front_app, back_app = launch_module.app().on(".*", echo), launch_module.app().on(".*", echo)
    front, back, _ = launch_module.pair(back_app, caller={"app": front_app, "env": {"APP_API_TOKEN": "front-token"}}, callee={"env": {"APP_API_TOKEN": "back-token"}})
    return front, {"front": front_app, "back": back_app}


def arrived(world, target, headers, verb="POST", body="x"):
    front, apps = world
    apps[target].forget()
    got = front.invoke(target, "x", verb, headers=headers, body=body)
    assert got.status == 200, got.body
    return apps[target].calls()[0]


# header in -> what the application gets (a list of values; None is absent)
REQUEST = [
    ("x-plain", ["1"], ["1"]),
    ("X-Many", ["a", "b"], ["a", "b"]),
    ("x-empty", [""], [""]),
    ("user-agent", ["test/1"], ["test/1"]),
    ("accept", ["text/x"], ["text/x"]),
    ("authorization", ["Bearer t"], ["Bearer t"]),
    ("cookie", ["a=b; c=d"], ["a=b; c=d"]),
    ("content-type", ["application/x-own; charset=a"], ["application/x-own; charset=a"]),
    ("dapr-x", ["1"], ["1"]),
    ("grpc-x", ["1"], None),
    ("x-data-bin", ["AAEC"], None),
    ("destination-app-id", ["evil"], None),
    ("keep-alive", ["timeout=5"], None),
    ("proxy-connection", ["keep-alive"], None),
    ("proxy-authorization", ["Basic x"], None),
    ("proxy-authenticate", ["Basic"], None),
    ("te", ["trailers"], None),
    ("trailer", ["x-after"], None),
    ("upgrade", ["websocket"], None),
    ("http2-settings", ["AAMAAABkAAQAAP__"], None),
]


@pytest.mark.parametrize("target", ["front", "back"])
@pytest.mark.parametrize("name,values,want", REQUEST, ids=[row[0] for row in REQUEST])
def test_request_header(world, target, name, values, want):
    received = arrived(world, target, [(name, v) for v in values])
    assert (received.all(name) or None) == want


@pytest.mark.parametrize("target", ["front", "back"])
def test_grpc_names_are_renamed(world, target):
    assert arrived(world, target, [("grpc-thing", "1")]).header("dapr-grpc-thing") == "1"


@pytest.mark.parametrize("target", ["front", "back"])
def test_headers_named_by_connection_are_dropped(world, target):
    received = arrived(world, target, [("Connection", "keep-alive, X-Hop"), ("X-Hop", "1"), ("X-Stay", "1")])
    assert (received.header("x-hop"), received.header("x-stay")) == (None, "1")


@pytest.mark.parametrize("target", ["front", "back"])
def test_host_is_the_channel_address(world, target):
    assert arrived(world, target, [("Host", "elsewhere.example")]).header("host") == f"127.0.0.1:{world[1][target].port}"


@pytest.mark.parametrize("target", ["front", "back"])
def test_the_app_token_of_the_callee_replaces_what_the_client_sent(world, target):
    assert arrived(world, target, [("dapr-api-token", "of the client")]).all("dapr-api-token") == [f"{target}-token"]


@pytest.mark.parametrize("target", ["front", "back"])
def test_no_content_type_stays_none(world, target):
    assert arrived(world, target, []).header("content-type") is None


@pytest.mark.parametrize("target", ["front", "back"])
def test_length_is_kept(world, target):
    received = arrived(world, target, [], body="four")
    assert (received.header("content-length"), received.header("transfer-encoding"), received.body) == ("4", None, b"four")


@pytest.mark.parametrize("target", ["front", "back"])
def test_an_unknown_length_goes_out_chunked(world, target):
    received = arrived(world, target, [("Transfer-Encoding", "chunked")], body="four")
    assert (received.header("content-length"), received.body) == (None, b"four")


@pytest.mark.parametrize("target", ["front", "back"])
@pytest.mark.parametrize("verb", ["GET", "HEAD", "DELETE", "OPTIONS", "TRACE"])
def test_an_empty_body_of_unknown_length_is_none(world, target, verb):
    front, apps = world
    apps[target].forget()
    front.request(verb, f"/v1.0/invoke/{target}/method/x", [("Transfer-Encoding", "chunked")], body=b"")
    (received,) = apps[target].calls()
    assert received.header("transfer-encoding") is None and received.header("content-length") in (None, "0")


@pytest.mark.parametrize("target", ["front", "back"])
def test_a_get_with_a_body_of_unknown_length_keeps_it(world, target):
    received = arrived(world, target, [("Transfer-Encoding", "chunked")], "GET", "four")
    assert (received.header("transfer-encoding"), received.body) == ("chunked", b"four")


@pytest.mark.parametrize("target", ["front", "back"])
@pytest.mark.parametrize("value", ["garbage", "00-00000000000000000000000000000000-b7ad6b7169203331-01", "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"])
def test_a_trace_that_is_none_ends_at_the_sidecar(world, target, value):
    received = arrived(world, target, [("traceparent", value), ("tracestate", "a=b")])
    assert (received.header("traceparent"), received.header("tracestate")) == (None, None)


def test_only_the_first_baggage(world):
    assert arrived(world, "back", [("baggage", "a=1"), ("baggage", "b=2")]).all("baggage") == ["a=1"]


@pytest.mark.parametrize("target", ["front", "back"])
def test_of_the_baggages_of_an_application_the_first_goes_back_beside_those_that_came(world, target):
    front, apps = world
    apps[target].on("/two", Reply(200, b"", [("baggage", "c=3"), ("baggage", "d=4")]))
    got = front.invoke(target, "two", headers=[("baggage", "a=1"), ("baggage", "b=2")])
    assert sorted(got.all("baggage")) == ["a=1,b=2", "c=3"]


def test_who_called_whom(world):
    received = arrived(world, "back", [("X-Forwarded-For", "10.1.1.1"), ("Forwarded", "for=10.1.1.1")])
    assert received.header("dapr-caller-app-id") == "front"
    assert received.header("dapr-callee-app-id") == "back"
    assert received.header("dapr-caller-namespace") == "default"
    assert received.all("x-forwarded-for") == ["10.1.1.1", "127.0.0.1"]
    assert received.all("x-forwarded-host") == [socket.gethostname()]
    assert received.all("forwarded") == ["for=10.1.1.1", f"for=127.0.0.1;by=127.0.0.1;host={socket.gethostname()}"]


def test_a_client_cannot_name_another_caller(world):
    assert arrived(world, "back", [("Dapr-Caller-App-Id", "admin")]).all("dapr-caller-app-id") == ["front"]


def test_own_application_gets_no_caller(world):
    received = arrived(world, "front", [("X-Forwarded-For", "10.1.1.1")])
    assert received.all("x-forwarded-for") == ["10.1.1.1"]
    assert arrived(world, "front", [("Dapr-Caller-App-Id", "admin")]).header("dapr-caller-app-id") is None
    assert [n for n in ("dapr-caller-app-id", "dapr-callee-app-id", "x-forwarded-host", "forwarded") if received.header(n)] == []


# the application's header -> what the client gets
RESPONSE = [
    ("X-Plain", ["1"], ["1"]),
    ("X-Many", ["a", "b"], ["a", "b"]),
    ("Set-Cookie", ["a=1", "b=2"], ["a=1", "b=2"]),
    ("Server", ["mine"], ["mine"]),
    ("Date", ["Thu, 01 Jan 1970 00:00:00 GMT"], ["Thu, 01 Jan 1970 00:00:00 GMT"]),
    ("Etag", ['W/"x"'], ['W/"x"']),
    ("dapr-api-token", ["t"], ["t"]),
    ("X-Data-Bin", ["AAEC"], None),
    ("Keep-Alive", ["timeout=5"], None),
    ("Proxy-Authenticate", ["Basic"], None),
    ("Trailer", ["X"], None),
    ("Upgrade", ["websocket"], None),
]


@pytest.mark.parametrize("target", ["front", "back"])
@pytest.mark.parametrize("name,values,want", RESPONSE, ids=[row[0] for row in RESPONSE])
def test_response_header(world, target, name, values, want):
    front, apps = world
    apps[target].on("/out", Reply(200, b"body", [("Content-Type", "text/x")] + [(name, v) for v in values]))
    got = front.invoke(target, "out", "GET")
    assert (got.status, got.body) == (200, b"body")
    assert (got.all(name) or None) == want


# body of a successful answer without a type -> the sniffed type
SNIFFED = [("text", b"hello", "text/plain; charset=utf-8"), ("json", b'{"a":1}', "text/plain; charset=utf-8"), ("html", b"<html><body>", "text/html; charset=utf-8"),
           ("xml", b"<?xml version='1.0'?><a/>", "text/xml; charset=utf-8"), ("pdf", b"%PDF-1.7 x", "application/pdf"), ("binary", b"\x00\x01\x02\x03", "application/octet-stream"), ("empty", b"", None)]


@pytest.mark.parametrize("target", ["front", "back"])
@pytest.mark.parametrize("body,want", [row[1:] for row in SNIFFED], ids=[row[0] for row in SNIFFED])
def test_a_missing_type_is_sniffed(world, target, body, want):
    front, apps = world
    apps[target].on("/out", Reply(200, body))
    assert front.invoke(target, "out", "GET").header("content-type") == want


def test_an_encoded_body_is_not_sniffed(world):
    front, apps = world
    apps["back"].on("/out", Reply(200, b"\x1f\x8b\x08\x00", [("Content-Encoding", "gzip")]))
    got = front.invoke("back", "out", "GET", headers=[("Accept-Encoding", "gzip")])
    assert (got.header("content-type"), got.header("content-encoding")) == (None, "gzip")


@pytest.mark.parametrize("target", ["front", "back"])
@pytest.mark.parametrize("status", [201, 202, 204, 301, 304, 400, 401, 404, 409, 418, 429, 500, 503, 599, 600, 999])
def test_status_and_body_pass(world, target, status):
    front, apps = world
    body = b"" if status in (204, 304) else b"said"
    apps[target].on("/status", Reply(status, body, [("X-A", "1")]))
    got = front.invoke(target, "status", "GET")
    assert (got.status, got.body, got.header("x-a")) == (status, body, "1")
    if status >= 400:
        assert (got.header("content-type"), got.header("content-length")) == ("application/json", "4")


def test_an_answer_with_a_body_is_chunked_and_an_empty_one_has_length_zero(world):
    front, apps = world
    apps["back"].on("/full", reply(200, b"x")).on("/none", reply(200, b""))
    full, none = front.invoke("back", "full", "GET"), front.invoke("back", "none", "GET")
    assert (full.header("transfer-encoding"), full.header("content-length")) == ("chunked", None)
    assert (none.header("transfer-encoding"), none.header("content-length")) == (None, "0")
