"""HTTP itself on the API port: limits, malformed requests, paths, HTTP/2 (contract 01, 1.2 to 1.6)."""
import json, socket

import httpx
import pytest

from sidecar import component

FALLBACK = "failed getting app id either from the URL path or the header dapr-app-id"


@pytest.fixture(scope="module")
def one(launch_module):
    parts = [component("store", "state.in-memory"), component("ps", "pubsub.in-memory"), component("files", "bindings.localstorage", rootPath=str(launch_module.folder / "files"))]
    return launch_module.sidecar(resources=parts)


def until_closed(one, data):
    with one.connect(30) as s:
        s.sendall(data)
        got = b""
        while piece := s.recv(65536):
            got += piece
        return got


def kept_open(one, data, answers):
    """So many answers, each a head alone; nothing follows them."""
    with one.connect(30) as s:
        s.sendall(data)
        got = b""
        while got.count(b"\r\n\r\n") < answers:
            piece = s.recv(65536)
            assert piece, f"closed after {got}"
            got += piece
        s.settimeout(0.3)
        with pytest.raises(socket.timeout):
            s.recv(1)
        return got


def head_of(answer):
    head, _, body = answer.partition(b"\r\n\r\n")
    first, *rest = head.decode().split("\r\n")
    return int(first.split()[1]), {k.lower(): v.strip() for k, _, v in (r.partition(":") for r in rest)}, body


MALFORMED = [
    ("bad escape", b"GET /%zz HTTP/1.1\r\nHost: x\r\n\r\n"),
    ("cut escape", b"GET /a%2 HTTP/1.1\r\nHost: x\r\n\r\n"),
    ("no version", b"GET /v1.0/healthz\r\nHost: x\r\n\r\n"),
    ("bare CR in a header", b"GET /v1.0/healthz HTTP/1.1\r\nHost: x\r\nX-A: a\rb\r\n\r\n"),
    ("NUL in a header", b"GET /v1.0/healthz HTTP/1.1\r\nHost: x\r\nX-A: a\x00b\r\n\r\n"),
    ("space before the colon", b"GET /v1.0/healthz HTTP/1.1\r\nHost: x\r\nX-A : a\r\n\r\n"),
    ("length that is no number", b"POST /v1.0/state/store HTTP/1.1\r\nHost: x\r\nContent-Length: 1x\r\n\r\n[]"),
    ("negative length", b"POST /v1.0/state/store HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n[]"),
    ("two lengths", b"POST /v1.0/state/store HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n[]"),
    ("length and chunked", b"POST /v1.0/state/store HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n[]\r\n0\r\n\r\n"),
    ("folded header", b"GET /v1.0/healthz HTTP/1.1\r\nHost: x\r\nX-A: a\r\n b\r\n\r\n"),
]


@pytest.mark.parametrize("data", [row[1] for row in MALFORMED], ids=[row[0] for row in MALFORMED])
def test_a_malformed_request_ends_the_connection(one, data):
    status, headers, body = head_of(until_closed(one, data))
    assert (status, headers["content-type"], headers["connection"].lower(), body) == (400, "text/plain; charset=utf-8", "close", b"400 Bad Request")
    assert one.get("/v1.0/healthz").status == 204


@pytest.mark.parametrize("line,status,text", [("OPTIONS *", 200, ""), ("GET *", 404, "ERR_DIRECT_INVOKE"), ("CONNECT other:80", 404, "ERR_DIRECT_INVOKE")])
def test_targets_that_are_no_paths(one, line, status, text):
    got, headers, body = head_of(until_closed(one, f"{line} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()))
    assert (got, headers["content-length"]) == (status, str(len(body)))
    assert text.encode() in body and bool(text) == bool(body)


def test_a_malformed_chunk_is_an_error_of_the_body(one):
    answer = until_closed(one, b"PUT /v1.0/metadata/x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\na\r\n0\r\n\r\n")
    status, headers, body = head_of(answer)
    assert (status, json.loads(body)) == (400, {"errorCode": "ERR_BODY_READ", "message": "failed to read request body: invalid byte in chunk length"})


def with_header(size):
    return b"GET /v1.0/healthz HTTP/1.1\r\nHost: x\r\nX-A: " + b"a" * size + b"\r\n\r\n"


def test_a_long_header(one):
    assert head_of(kept_open(one, with_header(7000), 1))[0] == 204


@pytest.mark.parametrize("size", [8300, 70000])
def test_header_limit(one, size):
    status, headers, body = head_of(until_closed(one, with_header(size)))
    assert (status, headers["content-type"], headers["connection"].lower(), body) == (431, "text/plain; charset=utf-8", "close", b"431 Request Header Fields Too Large")


def test_expect_continue(one):
    with one.connect() as s:
        s.sendall(b"POST /v1.0/state/store HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n")
        assert s.recv(4096).startswith(b"HTTP/1.1 100 ")
        s.sendall(b"[]")
        assert s.recv(4096).startswith(b"HTTP/1.1 204 ")


def test_keep_alive_and_pipelining(one):
    assert kept_open(one, b"GET /v1.0/healthz HTTP/1.1\r\nHost: x\r\n\r\n" * 3, 3).count(b"HTTP/1.1 204") == 3


def test_connection_close_is_honoured(one):
    assert until_closed(one, b"GET /v1.0/healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").startswith(b"HTTP/1.1 204")


def test_http_2_by_prior_knowledge(one):
    with httpx.Client(http1=False, http2=True, timeout=30) as client:
        got = client.get(f"http://127.0.0.1:{one.http}/v1.0/healthz")
        assert (got.status_code, got.http_version) == (204, "HTTP/2")
        saved = client.post(f"http://127.0.0.1:{one.http}/v1.0/state/store", json=[{"key": "h2", "value": 1}])
        assert saved.status_code == 204
        assert client.get(f"http://127.0.0.1:{one.http}/v1.0/state/store/h2").content == b"1"


@pytest.mark.parametrize("value,version", [("true", "HTTP/1.1"), ("yes", "HTTP/1.1"), (" ON ", "HTTP/1.1"), ("0", "HTTP/2"), ("nonsense", "HTTP/2")])
def test_http_2_can_be_switched_off(launch, value, version):
    one = launch.sidecar(env={"DAPR_HTTP_DISABLE_H2C": value})
    with httpx.Client(http1=False, http2=True, timeout=30) as client:
        if version == "HTTP/2":
            assert client.get(f"http://127.0.0.1:{one.http}/v1.0/healthz").http_version == "HTTP/2"
        else:
            with pytest.raises(httpx.HTTPError):
                client.get(f"http://127.0.0.1:{one.http}/v1.0/healthz")


# path -> status of a routed state get (204: routed, 404: fallback), and the key that was meant
KEYS = [("plain", "/v1.0/state/store/a", "a"), ("trailing slash", "/v1.0/state/store/a/", "a"), ("repeated slashes", "//v1.0/state//store///a", "a"), ("dots", "/v1.0/x/../state/./store/a", "a"),
        ("escaped slash in a key", "/v1.0/state/store/a%2Fb", "a/b"), ("plus is a blank", "/v1.0/state/store/a+b", "a b"), ("escaped plus", "/v1.0/state/store/a%2Bb", "a+b"),
        ("escaped percent", "/v1.0/state/store/a%25b", "a%b"), ("escaped store", "/v1.0/state/%73tore/a", "a"), ("UTF-8", "/v1.0/state/store/%C3%A4", "ä"), ("a key named bulk", "/v1.0/state/store/bulk", "bulk")]


@pytest.mark.parametrize("path,key", [row[1:] for row in KEYS], ids=[row[0] for row in KEYS])
def test_path_parameters(one, path, key):
    assert one.post("/v1.0/state/store", [{"key": key, "value": key}]).status == 204
    assert one.get(path).json == key


UNROUTED = [("GET", "/"), ("GET", "/v1.0/state/store"), ("GET", "/v1.0/state/store/"), ("GET", "/v1.0/state/store/a/b"), ("PATCH", "/v1.0/state/store"), ("OPTIONS", "/v1.0/state/store/a"),
            ("GET", "/v1.0/STATE/store/a"), ("GET", "/v1/state/store/a"), ("GET", "/v2.0/state/store/a"), ("DELETE", "/v1.0/publish/ps/t"), ("POST", "/v1.0/publish/ps"), ("POST", "/v1.0/publish"),
            ("GET", "/v1.0/bindings/files"), ("DELETE", "/v1.0/bindings/files"), ("POST", "/v1.0/bindings"), ("POST", "/v1.0/secrets/x/y"), ("GET", "/v1.0/shutdown"), ("POST", "/v1.0/metadata"),
            ("POST", "/v1.0/healthz"), ("GET", "/v1.0/healthz/x"), ("POST", "/v1.0/state/store/query"), ("POST", "/v1.0-alpha2/publish/bulk/ps/t"), ("GET", "/v1.0%2Fhealthz")]


@pytest.mark.parametrize("method,path", UNROUTED)
def test_what_matches_no_route_is_an_invocation_without_target(one, method, path):
    assert one.request(method, path).error() == (404, "ERR_DIRECT_INVOKE", FALLBACK)


# route family | request | error of a body above the limit
LARGE = b'[{"key":"k","value":"' + b"x" * 1100 + b'"}]'
OVER = [
    ("state save", "POST", "/v1.0/state/store", (400, "ERR_MALFORMED_REQUEST", "stream too large")),
    ("bulk get", "POST", "/v1.0/state/store/bulk", (400, "ERR_MALFORMED_REQUEST", "failed deserializing HTTP body: stream too large")),
    ("transaction", "POST", "/v1.0/state/store/transaction", (400, "ERR_MALFORMED_REQUEST", "failed deserializing HTTP body: stream too large")),
    ("binding", "POST", "/v1.0/bindings/files", (400, "ERR_MALFORMED_REQUEST", "failed deserializing HTTP body: stream too large")),
    ("publish", "POST", "/v1.0/publish/ps/t", (500, "ERR_PUBSUB_PUBLISH_MESSAGE", None)),
    ("bulk publish", "POST", "/v1.0/publish/bulk/ps/t", (400, "ERR_PUBSUB_EVENTS_SER", None)),
    ("metadata", "GET", "/v1.0/metadata", (400, "ERR_BODY_READ", "failed to read request body: stream too large")),
    ("no store comes first", "POST", "/v1.0/state/nope", (400, "ERR_STATE_STORE_NOT_FOUND", "state store nope is not found")),
    ("no broker comes first", "POST", "/v1.0/publish/nope/t", (404, "ERR_PUBSUB_NOT_FOUND", "pubsub nope is not found")),
    ("unknown routes do not read it", "POST", "/nope", (404, "ERR_DIRECT_INVOKE", FALLBACK)),
]


@pytest.fixture(scope="module")
def small(launch_module):
    parts = [component("store", "state.in-memory"), component("ps", "pubsub.in-memory"), component("files", "bindings.localstorage", rootPath=str(launch_module.folder / "small"))]
    return launch_module.sidecar("small", resources=parts, flags=("--max-body-size", "1Ki"))


@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
@pytest.mark.parametrize("method,path,want", [row[1:] for row in OVER], ids=[row[0] for row in OVER])
def test_a_body_above_the_limit(small, method, path, want, chunked):
    headers = [("Content-Type", "application/json")] + ([("Transfer-Encoding", "chunked")] if chunked else [])
    status, code, message = small.request(method, path, headers, LARGE).error()
    assert (status, code) == want[:2]
    assert want[2] is None or message == want[2]
