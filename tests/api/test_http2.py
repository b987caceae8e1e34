"""The API port over HTTP/2 with prior knowledge: the same answers as over HTTP/1.1 (contract 01, 1.2, 1.6 and section 5)."""
import socket, threading

import h2.config, h2.connection, h2.events
import pytest

from application import Reply, echo, reply
from sidecar import component, wait_until


class Client:
    """One connection; `ask` sends a request, honours the windows and returns (status, headers, body, how it ended)."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), 30)
        self.h2 = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="utf-8"))
        self.h2.initiate_connection()
        self.flush()

    def flush(self):
        self.socket.sendall(self.h2.data_to_send())

    def ask(self, method, path, headers=(), body=b"", end=True):
        number = self.h2.get_next_available_stream_id()
        self.h2.send_headers(number, [(":method", method), (":path", path), (":scheme", "http"), (":authority", "x"), *headers], end_stream=not body and end)
        self.flush()
        status, got, data, ended, sent = None, [], b"", None, 0
        while ended is None:
            while sent < len(body) and self.h2.local_flow_control_window(number) > 0:
                size = min(self.h2.local_flow_control_window(number), self.h2.max_outbound_frame_size, len(body) - sent)
                self.h2.send_data(number, body[sent:sent + size], end_stream=end and sent + size == len(body))
                sent += size
                self.flush()
            received = self.socket.recv(65536)
            if not received:
                return status, got, data, "closed"
            for event in self.h2.receive_data(received):
                if getattr(event, "stream_id", number) not in (number, 0):
                    continue
                if isinstance(event, h2.events.ResponseReceived):
                    status, got = int(dict(event.headers)[":status"]), [(k, v) for k, v in event.headers if k[0] != ":"]
                elif isinstance(event, h2.events.DataReceived):
                    data += event.data
                    self.h2.acknowledge_received_data(event.flow_controlled_length, number)
                elif isinstance(event, h2.events.StreamEnded):
                    ended = "end"
                elif isinstance(event, h2.events.StreamReset):
                    ended = event.error_code
                elif isinstance(event, h2.events.ConnectionTerminated) and event.error_code:
                    ended = "goaway"
            self.flush()
        return status, got, data, ended


@pytest.fixture(scope="module")
def world(launch_module):
    app = launch_module.app().on("/echo", lambda call: reply(200, call.received.body)).on("/say", echo).on("/empty", Reply(204))
    front, _, _ = launch_module.pair(app, caller={"app": app, "resources": [component("s", "state.in-memory"), component("ps", "pubsub.in-memory")], "flags": ("--max-body-size", "1Mi")}, callee={"flags": ("--max-body-size", "1Mi")})
    return front, app


SAME = [("health", "GET", "/v1.0/healthz", b""), ("no route", "GET", "/nope", b""), ("HEAD", "HEAD", "/v1.0/metadata", b""), ("no store", "GET", "/v1.0/state/x/y", b""), ("save", "POST", "/v1.0/state/s", b'[{"key":"a","value":{"b":1}}]'), ("get", "GET", "/v1.0/state/s/a", b""),
        ("bulk", "POST", "/v1.0/state/s/bulk", b'{"keys":["a"]}'), ("malformed", "POST", "/v1.0/state/s", b"{bad"), ("publish", "POST", "/v1.0/publish/ps/t", b"x"), ("own", "POST", "/v1.0/invoke/front/method/echo", b"hello"), ("peer", "POST", "/v1.0/invoke/back/method/echo", b"hello" * 10_000),
        ("204 of the application", "POST", "/v1.0/invoke/back/method/empty", b"x"), ("404 of the application", "GET", "/v1.0/invoke/back/method/nope", b"")]


@pytest.mark.parametrize("method,path,body", [row[1:] for row in SAME], ids=[row[0] for row in SAME])
def test_the_same_as_over_http_1(world, method, path, body):
    one = world[0]
    want = one.request(method, path, body=body or None)
    status, headers, data, ended = Client(one.http).ask(method, path, body=body)
    names = {"content-type", "etag", "vary", "x-content-type-options"}
    volatile = {"etag"} if "bulk" not in path else set()
    pick = lambda fields: sorted((k.lower(), v) for k, v in fields if k.lower() in names - volatile)
    assert (status, data, ended) == (want.status, want.body, "end")
    assert pick(headers) == pick(want.headers)
    assert [k for k, _ in headers if k in ("connection", "transfer-encoding", "keep-alive")] == []


def test_connection_headers_of_the_client_are_refused_or_dropped(world):
    front, app = world
    app.forget()
    client = Client(front.http)
    client.h2.config.validate_outbound_headers = client.h2.config.normalize_outbound_headers = False
    status, _, _, ended = client.ask("GET", "/v1.0/invoke/back/method/say", [("connection", "x-hop"), ("x-hop", "1")])
    assert ended == "end" and status in (200, 400) or isinstance(ended, int)
    assert all(r.header("connection") in (None, "keep-alive") for r in app.calls("/say"))


# request | error of a body above the limit
OVER = [("state", "/v1.0/state/s", 400, b"ERR_MALFORMED_REQUEST"), ("publish", "/v1.0/publish/ps/t", 500, b"ERR_PUBSUB_PUBLISH_MESSAGE"), ("own", "/v1.0/invoke/front/method/echo", 500, b"stream too large"), ("peer", "/v1.0/invoke/back/method/echo", 500, b"stream too large")]


@pytest.mark.parametrize("stated", [True, False], ids=["length", "no length"])
@pytest.mark.parametrize("path,status,text", [row[1:] for row in OVER], ids=[row[0] for row in OVER])
def test_a_body_above_the_limit(world, path, status, text, stated):
    """The answer comes whole, whether or not the client has sent everything, and the connection goes on."""
    front = world[0]
    client, body = Client(front.http), b'["' + b"x" * (3 << 20)
    got, _, data, ended = client.ask("POST", path, [("content-length", str(len(body)))] if stated else [], body)
    assert (got, text in data) == (status, True), data[:300]
    assert ended in ("end", 0)  # an end, or a reset without an error after it
    assert client.ask("GET", "/v1.0/healthz")[0] == 204


def test_many_at_once_on_one_connection(world):
    """A hundred requests in flight; each gets its own answer."""
    front = world[0]
    client = Client(front.http)
    numbers = {}
    for i in range(100):
        number = client.h2.get_next_available_stream_id()
        client.h2.send_headers(number, [(":method", "POST"), (":path", "/v1.0/invoke/back/method/echo"), (":scheme", "http"), (":authority", "x")])
        client.h2.send_data(number, f"number {i}".encode(), end_stream=True)
        numbers[number] = i
    client.flush()
    got = {}
    while len([1 for _, done in got.values() if done]) < 100:
        for event in client.h2.receive_data(client.socket.recv(65536)):
            if isinstance(event, h2.events.DataReceived):
                data, _ = got.get(event.stream_id, (b"", False))
                got[event.stream_id] = (data + event.data, False)
            elif isinstance(event, h2.events.StreamEnded):
                got[event.stream_id] = (got.get(event.stream_id, (b"", False))[0], True)
            assert not isinstance(event, (h2.events.StreamReset, h2.events.ConnectionTerminated)), event
        client.flush()
    assert {n: data for n, (data, _) in got.items()} == {n: f"number {i}".encode() for n, i in numbers.items()}


def test_a_stop_lets_a_stream_end(launch):
    """GOAWAY first, then what runs is answered. (The client library takes no answer after a GOAWAY, so the bytes are looked at.)"""
    import signal
    go = threading.Event()
    app = launch.app().on("/slow", lambda call: go.wait(60) and reply(200, b"done"))
    one = launch.sidecar(app=app)
    client = Client(one.http)
    client.h2.send_headers(1, [(":method", "GET"), (":path", "/v1.0/invoke/app/method/slow"), (":scheme", "http"), (":authority", "x")], end_stream=True)
    client.flush()
    app.wait_for("/slow")
    one.signal(signal.SIGTERM)
    one.says("beginning shutdown")
    go.set()
    came = b""
    while piece := client.socket.recv(65536):
        came += piece
    assert b"done" in came
    assert one.wait() == 0


def test_a_call_is_logged_with_its_size(launch):
    one = launch.sidecar(flags=("--enable-api-logging",), app=launch.app().on("/say", reply(200, b"x" * 3000)))
    client = Client(one.http)
    sizes = {path: len(client.ask("GET", path)[2]) for path in ("/v1.0/metadata", "/nope", "/v1.0/invoke/app/method/say")}
    assert min(sizes.values()) > 100
    for path, size in sizes.items():
        one.says(f'method="GET {path}" scope=dapr.runtime.http-info size={size} ')
