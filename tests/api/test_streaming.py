"""Bodies stream with back-pressure: a gibibyte through two sidecars, events at once, slow readers, clients that go away."""
import hashlib, http.client, socket, threading, time

import pytest

from application import reply, streams
from sidecar import wait_until

GIB = 1 << 30
LIMIT_KB = 40 * 1024
BLOCK = bytes(range(256)) * 1024  # 256 KiB


def blocks(total):
    """Bytes that differ from block to block, made as they are needed."""
    for i in range(total // len(BLOCK)):
        yield i.to_bytes(8, "big") + BLOCK[8:]


def checksum(pieces):
    digest, size = hashlib.blake2b(digest_size=16), 0
    for piece in pieces:
        digest.update(piece)
        size += len(piece)
    return f"{size} {digest.hexdigest()}"


@streams
def take(call):
    return reply(200, checksum(call.pieces(1 << 18)))


@pytest.fixture
def world(launch):
    app = launch.app().on("/take", take)
    flags = {"flags": ("--max-body-size", "2Gi")}
    front, back, _ = launch.pair(app, caller=flags, callee=flags)
    return front, back, app


def flat(*sidecars):
    for one in sidecars:
        assert one.memory_kb() < LIMIT_KB, f"{one.app_id}: {one.memory_kb()} KiB"


@pytest.mark.slow
@pytest.mark.release_only
@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
def test_upload_of_a_gibibyte(world, chunked):
    front, back, _ = world
    connection = http.client.HTTPConnection("127.0.0.1", front.http, timeout=120)
    headers = {} if chunked else {"Content-Length": str(GIB)}
    connection.request("POST", "/v1.0/invoke/back/method/take", body=blocks(GIB), headers=headers, encode_chunked=chunked)
    got = connection.getresponse()
    assert (got.status, got.read().decode()) == (200, checksum(blocks(GIB)))
    flat(front, back)


@pytest.mark.slow
@pytest.mark.release_only
def test_download_of_a_gibibyte(world):
    front, back, app = world

    def give(call):
        call.start(200, [("Content-Type", "application/octet-stream")])
        for block in blocks(GIB):
            call.send(block)
        call.end()
    app.on("/give", give)
    connection = http.client.HTTPConnection("127.0.0.1", front.http, timeout=120)
    connection.request("GET", "/v1.0/invoke/back/method/give")
    got = connection.getresponse()
    assert got.status == 200
    assert checksum(iter(lambda: got.read(1 << 18), b"")) == checksum(blocks(GIB))
    flat(front, back)


@pytest.mark.parametrize("target", ["front", "back"])
@pytest.mark.parametrize("size", [0, 1, 2047, 2048, 2049, 65535, 65537, 4 << 20])
def test_bodies_of_all_sizes(launch, size, target):
    def double(call):
        return reply(200, call.received.body)
    app = launch.app().on("/double", double)
    front, _, _ = launch.pair(app, caller={"app": launch.app().on("/double", double)})
    body = (BLOCK * 17)[:size]
    for headers in ([], [("Transfer-Encoding", "chunked")]):
        got = front.invoke(target, "double", body=body, headers=headers)
        assert (got.status, hashlib.md5(got.body).digest()) == (200, hashlib.md5(body).digest())


def events(gate, count=5):
    def handler(call):
        call.start(200, [("Content-Type", "text/event-stream")])
        for i in range(count):
            if not gate.acquire(timeout=60):
                return
            call.send(f"data: {i}\n\n".encode())
        call.end()
    return handler


@pytest.mark.parametrize("accept", [True, False], ids=["accepts events", "any stream"])
@pytest.mark.parametrize("target", ["front", "back"])
def test_events_arrive_at_once(launch, target, accept):
    """Each one arrives before the application is allowed to send the next one."""
    gate = threading.Semaphore(0)
    app = launch.app().on("/events", events(gate))
    front, _, _ = launch.pair(app, caller={"app": launch.app().on("/events", events(gate))})
    connection = http.client.HTTPConnection("127.0.0.1", front.http, timeout=30)
    gate.release()
    connection.request("GET", f"/v1.0/invoke/{target}/method/events", headers={"Accept": "text/event-stream"} if accept else {})
    got = connection.getresponse()
    assert (got.status, got.getheader("content-type")) == (200, "text/event-stream")
    if accept and target == "back":
        assert got.getheader("cache-control") == "no-cache"
    for i in range(5):
        want = f"data: {i}\n\n".encode()
        read = b""
        while len(read) < len(want):
            piece = got.read1(len(want) - len(read))
            assert piece, "the stream ended"
            read += piece
        assert read == want
        gate.release()
    assert got.read() == b""


def test_a_failed_stream_of_events_is_an_error(launch):
    app = launch.app().on("/events", reply(500, b"no"))
    front, _, _ = launch.pair(app)
    got = front.invoke("back", "events", "GET", headers=[("Accept", "text/event-stream")])
    assert got.error()[:2] == (500, "ERR_DIRECT_INVOKE") and "no response received from stream" in got.error()[2]


@pytest.mark.release_only
def test_a_slow_reader_holds_the_application_back(world):
    """Nobody reads: the application is soon not able to send on, and no memory is used for it."""
    front, back, app = world
    sent, done = [0], threading.Event()

    def give(call):
        try:
            call.start(200)
            for block in blocks(256 << 20):
                call.send(block)
                sent[0] += len(block)
        except OSError:
            pass
        finally:
            done.set()
    app.on("/give", give)
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        s.connect(("127.0.0.1", front.http))
        s.sendall(b"GET /v1.0/invoke/back/method/give HTTP/1.1\r\nHost: x\r\n\r\n")
        stalled(lambda: sent[0])
        assert 0 < sent[0] < 64 << 20, sent[0]
        flat(front, back)
        assert front.get("/v1.0/healthz").status == 204
    assert done.wait(30), "the application still sends to nobody"


def stalled(value, quiet_s=0.5, limit_s=60):
    """Waits until `value()` has not changed for a while."""
    last, since, end = value(), time.monotonic(), time.monotonic() + limit_s
    while time.monotonic() < end:
        time.sleep(0.05)
        if value() != last:
            last, since = value(), time.monotonic()
        elif last and time.monotonic() - since > quiet_s:
            return last
    raise AssertionError("it never stalled")


@pytest.mark.release_only
def test_a_slow_application_holds_the_client_back(world):
    front, back, app = world
    go, sent = threading.Event(), [0]

    @streams
    def wait(call):
        go.wait(120)
        return reply(200, checksum(call.pieces(1 << 18)))
    app.on("/wait", wait)
    total = 96 << 20
    answer = []

    def client():
        def counted():
            for block in blocks(total):
                yield block
                sent[0] += len(block)
        connection = http.client.HTTPConnection("127.0.0.1", front.http, timeout=60)
        connection.request("POST", "/v1.0/invoke/back/method/wait", body=counted(), headers={"Content-Length": str(total)})
        got = connection.getresponse()
        answer.append((got.status, got.read().decode()))
    thread = threading.Thread(target=client, daemon=True)
    thread.start()
    try:
        assert stalled(lambda: sent[0]) < 48 << 20
        flat(front, back)
    finally:
        go.set()
    thread.join(120)
    assert answer == [(200, checksum(blocks(total)))]
    flat(front, back)


def leave(launch, target, path, handler):
    """Calls `path` of the application, leaves when the application has the call; returns once the application has noticed."""
    noticed = threading.Event()

    def run(call):
        if handler(call):
            noticed.set()
    apps = {"back": launch.app().on(path, run), "front": launch.app().on(path, run)}
    front, _, _ = launch.pair(apps["back"], caller={"app": apps["front"]})
    with front.connect() as s:
        s.sendall(f"GET /v1.0/invoke/{target}/method{path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        apps[target].wait_for(path)
        if path == "/sends":
            assert s.recv(4096)
    assert noticed.wait(30), "the application was not told"


@pytest.mark.parametrize("target", ["front", "back"])
def test_a_client_that_leaves_before_the_answer_cancels_the_call(launch, target):
    leave(launch, target, "/waits", lambda call: wait_until(call.gone, "the caller to go", 30))


@pytest.mark.parametrize("target", ["front", "back"])
def test_a_client_that_leaves_in_the_answer_cancels_the_call(launch, target):
    def sends(call):
        call.start(200)
        try:
            while True:
                call.send(b"x" * 1000)
                time.sleep(0.01)
        except OSError:
            return True
    leave(launch, target, "/sends", sends)
