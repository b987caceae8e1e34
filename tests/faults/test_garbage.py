"""Garbage on every port: the daemon stays alive, answers the next request, and its memory has a bound."""
import http.client, socket, threading, time

import pytest

from application import RawApp, reply
from attacks import FLOODS, GARBAGE, SMUGGLING
from sidecar import component, free_port, wait_until

pytestmark = pytest.mark.timeout(120)
PORTS = ["http", "grpc", "internal", "metrics", "public"]
LIMIT_KB = 60_000


@pytest.fixture(scope="module")
def victim(launch_module):
    public = free_port()
    app = launch_module.app().on(".*", reply(200, b"ok"))
    one = launch_module.sidecar(app=app, resources=[component("s", "state.in-memory")], flags=("--dapr-public-port", public, "--dapr-public-listen-address", "127.0.0.1"))
    one.public = public
    return one


def send(port, pieces, limit_s=8, patience_s=0.3):
    """Sends until the other side closes or everything is sent, reading what comes; the number of bytes that were taken."""
    taken = 0
    with socket.create_connection(("127.0.0.1", port), 5) as s:
        s.settimeout(patience_s)
        stop = threading.Event()

        def drain():
            try:
                while not stop.is_set():
                    try:
                        if not s.recv(65536):
                            return
                    except socket.timeout:
                        pass
            except OSError:
                pass
        reader = threading.Thread(target=drain, daemon=True)
        reader.start()
        end = time.monotonic() + limit_s
        try:
            for piece in pieces:
                left = memoryview(piece)
                while left and time.monotonic() < end:
                    try:
                        n = s.send(left)
                    except socket.timeout:
                        continue
                    taken += n
                    left = left[n:]
            s.shutdown(socket.SHUT_WR)
            reader.join(patience_s)
        except OSError:
            pass
        finally:
            stop.set()
    return taken


def still_well(one):
    assert one.alive, one.log()[-2000:]
    assert one.get("/v1.0/healthz").status == 204
    assert one.get("/v1.0/metadata", port=one.public).status == 200
    assert one.get("/", port=one.metrics).status == 200
    assert one.post("/v1.0/state/s", [{"key": "a", "value": 1}]).status == 204
    assert one.invoke("app", "x", body="x").body == b"ok"


@pytest.mark.parametrize("port", PORTS)
def test_garbage(victim, port):
    for name, data in GARBAGE.items():
        send(getattr(victim, port), [data], patience_s=0.05)
        assert victim.alive, f"{name} ended it: {victim.log()[-2000:]}"
        assert victim.get("/v1.0/healthz", timeout=5).status == 204, name
    still_well(victim)


@pytest.mark.release_only
@pytest.mark.parametrize("port", ["http", "grpc", "internal"])
@pytest.mark.parametrize("name", FLOODS)
def test_flood(victim, port, name):
    send(getattr(victim, port), FLOODS[name](), limit_s=6)
    still_well(victim)
    assert victim.memory_kb() < LIMIT_KB, f"{victim.memory_kb()} KiB after {name}"


@pytest.mark.parametrize("port", ["http", "grpc", "internal"])
@pytest.mark.parametrize("name", ["rapid reset", "continuation", "empty continuations", "pings", "settings"])
def test_a_known_attack_is_cut_off(victim, name, port):
    """The connection is closed from the other side."""
    with socket.create_connection(("127.0.0.1", getattr(victim, port)), 5) as s:
        s.settimeout(0.1)
        closed, end = False, time.monotonic() + 8
        try:
            for piece in FLOODS[name]():
                left = memoryview(piece)
                while left and time.monotonic() < end:
                    try:
                        left = left[s.send(left):]
                    except socket.timeout:
                        pass
                    if len(left) != len(piece):
                        s.setblocking(False)
                        try:
                            closed = s.recv(1 << 20) == b""
                        except BlockingIOError:
                            pass
                        s.settimeout(0.1)
                if closed:
                    break
            while not closed and time.monotonic() < end:
                try:
                    closed = s.recv(1 << 20) == b""
                except socket.timeout:
                    pass
        except OSError:
            closed = True
    assert closed
    still_well(victim)


@pytest.mark.parametrize("name", SMUGGLING)
def test_nothing_is_smuggled(victim, name):
    victim.app.forget()
    send(victim.http, [SMUGGLING[name]], patience_s=0.2)
    still_well(victim)
    assert [r.path for r in victim.app.calls() if r.path == "/smuggled"] == []


@pytest.mark.parametrize("port", ["http", "public", "grpc"])
def test_slow_loris(victim, port):
    """A hundred clients that send a byte at a time: others are served at once, and the slow ones are thrown out in time."""
    number = getattr(victim, port)
    sockets = [socket.create_connection(("127.0.0.1", number), 5) for _ in range(100)]
    try:
        begun = time.monotonic()
        for s in sockets:
            s.setblocking(False)
            s.send(b"GET /v1.0/healthz HTTP/1.1\r\nHost: x\r\n")
        slowest = 0
        while sockets:
            for s in list(sockets):
                try:
                    s.send(b"X")
                    if s.recv(4096) == b"":
                        raise ConnectionError
                except BlockingIOError:
                    pass
                except OSError:
                    sockets.remove(s)
                    s.close()
            asked = time.monotonic()
            assert victim.get("/v1.0/healthz", timeout=5).status == 204
            slowest = max(slowest, time.monotonic() - asked)
            assert time.monotonic() - begun < 16, f"{len(sockets)} slow clients are still there"
            time.sleep(0.25)
        assert slowest < 2
    finally:
        for s in sockets:
            s.close()
    still_well(victim)


@pytest.mark.release_only
def test_many_idle_connections(victim):
    """Five hundred at a time, three times: no memory stays behind."""
    def round_():
        sockets = [socket.create_connection(("127.0.0.1", victim.http), 5) for _ in range(500)]
        still_well(victim)
        for s in sockets:
            s.close()
    round_()
    before = victim.memory_kb("VmRSS")
    for _ in range(3):
        round_()
    wait_until(lambda: victim.memory_kb("VmRSS") - before < 5000, "memory to come back")


def test_a_hostile_application(launch):
    """What an application may answer: the caller gets an error or a cut body, the sidecar goes on."""
    answers = [b"", b"\x00\x01\x02", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!", b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", b"HTTP/1.1 999999 X\r\n\r\n", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n",
               b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort", b"HTTP/1.1 200 OK\r\n" + b"X-A: b\r\n" * 5000 + b"\r\n", b"HTTP/1.1 200 OK\r\nX: " + b"a" * 100_000, b"GET / HTTP/1.1\r\n\r\n", b"HTTP/1.1 200 OK\r\nX-A: a\x00b\r\nContent-Length: 0\r\n\r\n",
               b"HTTP/1.1 100 Continue\r\n\r\n" * 10_000, PUSHED]
    current = [b""]

    def talk(connection):
        connection.settimeout(2)
        if connection.recv(65536):
            connection.sendall(current[0])
    with RawApp(talk) as app:
        one = launch.sidecar(app=app.port)
        for answer in answers:
            current[0] = answer
            try:
                got = one.invoke("app", "x", "GET", timeout=8)
                assert got.status in (200, 500), (answer[:60], got)
            except (http.client.HTTPException, ConnectionError):
                pass  # the body was cut: the connection broke
            assert one.alive and one.get("/v1.0/healthz").status == 204, answer[:60]
        current[0] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
        assert one.invoke("app", "x", "GET").body == b"ok"


def test_a_switch_of_protocols_is_not_passed_on(launch):
    from application import Reply
    one = launch.sidecar(app=launch.app().on("/x", Reply(101)))
    got = one.request("GET", "/v1.0/invoke/app/method/x", [("Connection", "Upgrade"), ("Upgrade", "websocket")])
    assert got.error()[:2] == (500, "ERR_DIRECT_INVOKE")


PUSHED = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"


def test_an_answer_nobody_asked_for_is_not_given_to_the_next(launch):
    """A keep-alive application that sends two answers for one request: the second must not answer the next request."""
    def answer_twice(connection):
        while data := connection.recv(65536):
            connection.sendall(PUSHED if data.split()[1] == b"/first" else b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood")
    with RawApp(answer_twice) as app:
        one = launch.sidecar(app=app.port)
        for _ in range(5):
            assert one.invoke("app", "first", "GET").body == b"ok"
            assert one.invoke("app", "second", "GET").body == b"good"
