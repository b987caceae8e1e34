"""The peer protocol with a peer that is not ours (contract 01, 9; 04b): what it may do, what it may do wrong, and that nothing stays behind."""
import os, socket, threading, time

import h2.errors
import pytest

from application import reply, streams
from peer import Caller, Peer, Request, RequestStream, Response, ResponseStream, answer_message, chunk, framed, request_message
from sidecar import SLOW, wait_until

NAMES = "spec:\n  nameResolution:\n    component: nameformat\n    version: v1\n    configuration: {format: \"{appid}:%d\"}\n"
INVOKE = "/v1.0/invoke/localhost/method/m"
UNKNOWN = b"\xfa\x07\x03abc"  # field 127, which no version of the protocol has


@pytest.fixture
def front(launch):
    """(a sidecar that calls, the peer that it calls)."""
    peer = Peer()
    yield launch.sidecar("front", config=NAMES % peer.port), peer
    peer.close()
    assert not [e for e in peer.failures if isinstance(e, AssertionError)]


@pytest.fixture
def back(launch):
    """(a sidecar that is called, its application, who calls)."""
    app = launch.app()
    side = launch.sidecar("back", app=app)
    caller = Caller(side.internal)
    yield side, app, caller
    caller.close()


def files(side):
    return len(os.listdir(f"/proc/{side.process.pid}/fd"))


def head_of(sock):
    data = b""
    while b"\r\n\r\n" not in data:
        piece = sock.recv(65536)
        if not piece:
            break
        data += piece
    return data


def all_of(sock):
    """What comes until the connection ends, in whatever way."""
    data = b""
    try:
        while piece := sock.recv(65536):
            data += piece
    except ConnectionResetError:
        pass
    return data


# The sidecar calls.

def test_fields_nobody_knows_are_passed_over(front):
    side, peer = front

    def script(stream):
        body = b"".join(m.payload.data for m in stream.messages(RequestStream))
        stream.send_headers()
        stream.send(answer_message(201, X_One="1").SerializeToString() + UNKNOWN)
        for seq, byte in enumerate(body):
            stream.send(chunk(ResponseStream, bytes([byte]), seq).SerializeToString() + UNKNOWN)
        stream.finish()
    peer.script = script
    got = side.request("POST", INVOKE, body=b"one byte each")
    assert (got.status, got.body, got.header("x-one")) == (201, b"one byte each", "1")


@pytest.mark.parametrize("size,good", [(3 << 20, True), (5 << 20, False)])
def test_a_message_may_be_as_long_as_the_limit_of_bodies(front, size, good):
    side, peer = front

    def script(stream):
        stream.messages(RequestStream)
        stream.send_headers()
        stream.send(answer_message(200, b"x" * size))
        stream.finish()
    peer.script = script
    got = side.request("GET", INVOKE)
    assert (got.status, len(got.body)) == (200, size) if good else got.status == 500, got.body[:200]
    wait_until(lambda: peer.open == 0, "the stream to end")


def test_an_error_in_trailers_only(front):
    side, peer = front
    peer.script = lambda stream: (stream.messages(RequestStream), stream.send_headers(("grpc-status", "7"), ("grpc-message", "not%20you"), end=True))
    got = side.request("POST", INVOKE, body=b"x")
    assert got.error() == (403, "ERR_DIRECT_INVOKE", "failed to invoke, id: localhost, err: rpc error: code = PermissionDenied desc = not you")


def test_an_error_before_the_request_is_whole_ends_it(front):
    """The peer refuses at once; the rest of the body is not wanted any more."""
    side, peer = front
    peer.script = lambda stream: (stream.message(RequestStream), stream.send_headers(("grpc-status", "13"), ("grpc-message", "no"), end=True))
    got = side.request("POST", INVOKE, body=b"x" * (3 << 20))
    assert got.error()[:2] == (500, "ERR_DIRECT_INVOKE")
    wait_until(lambda: peer.open == 0, "the stream to end")


@pytest.mark.parametrize("code", ["CANCEL", "INTERNAL_ERROR", "REFUSED_STREAM", "ENHANCE_YOUR_CALM"])
def test_a_reset_instead_of_an_answer_is_an_error(front, code):
    side, peer = front
    peer.script = lambda stream: (stream.messages(RequestStream), stream.reset(h2.errors.ErrorCodes[code]))
    got = side.request("POST", INVOKE, body=b"x")
    assert got.error()[:2] == (500, "ERR_DIRECT_INVOKE")
    wait_until(lambda: peer.open == 0, "the stream to end")


def test_a_reset_in_the_middle_cuts_the_answer(front):
    side, peer = front
    seen = threading.Event()

    def script(stream):
        stream.messages(RequestStream)
        stream.send_headers()
        stream.send(answer_message(200, b"half"))
        seen.wait(10)
        stream.reset()
    peer.script = script
    with side.connect() as s:
        s.sendall(f"GET {INVOKE} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        data = b""
        while b"half" not in data:
            data += s.recv(65536) or pytest.fail(f"the half did not come: {data}")
        seen.set()
        data += all_of(s)
    assert data.startswith(b"HTTP/1.1 200") and b"half" in data and not data.endswith(b"0\r\n\r\n"), data


def test_an_answer_that_breaks_off_in_a_message_is_cut_too(front):
    side, peer = front

    def script(stream):
        stream.messages(RequestStream)
        stream.send_headers()
        stream.send(answer_message(200, b"half"))
        stream.send_raw(framed(chunk(ResponseStream, b"rest", 1))[:-2])
        stream.finish()
    peer.script = script
    with side.connect() as s:
        s.sendall(f"GET {INVOKE} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        data = all_of(s)
    assert b"half" in data and b"rest" not in data and not data.endswith(b"0\r\n\r\n"), data


@pytest.mark.parametrize("when", ["before the answer", "in the answer"])
def test_a_client_that_leaves_resets_the_stream_at_once(front, when):
    side, peer = front

    def script(stream):
        stream.messages(RequestStream)
        if when == "in the answer":
            stream.send_headers()
            stream.send(answer_message(200, b"first"))
        stream.until_ended(10)
        while stream.reset_code is None:
            stream.step(10)
    peer.script = script
    before = files(side)
    for number in range(10):
        with side.connect() as s:
            s.sendall(f"GET {INVOKE} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            if when == "in the answer":
                data = b""
                while b"first" not in data:
                    data += s.recv(100)
            else:
                wait_until(lambda: len(peer.calls) > number and peer.calls[number].ended, "the request at the peer")
        wait_until(lambda: peer.calls[number].reset_code is not None, "the reset")
    assert all(call.reset_code == h2.errors.ErrorCodes.CANCEL for call in peer.calls), [c.reset_code for c in peer.calls]
    wait_until(lambda: files(side) <= before + 1, "the sockets to be closed")  # one: to the peer


def test_a_peer_that_does_not_read_holds_the_client_back(front, launch):
    _, peer = front
    side = launch.sidecar("wide", config=NAMES % peer.port, flags=["--max-body-size", "200Mi"])
    gate = threading.Event()

    def script(stream):
        stream.reads = False
        gate.wait(60)
        stream.open_window()
        size = sum(len(m.payload.data) for m in stream.messages(RequestStream))
        stream.send_headers()
        stream.send(answer_message(200, str(size).encode()))
        stream.finish()
    peer.script = script
    total, piece = 40 << 20, b"x" * 65536
    with side.connect(20) as s:
        s.sendall(f"POST {INVOKE} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n".encode())
        s.setblocking(False)
        sent, idle, data = 0, 0, b"%x\r\n%s\r\n" % (len(piece), piece)
        pending = b""
        while sent < total and idle < 10:
            pending = pending or data
            try:
                n = s.send(pending)
                pending, sent, idle = pending[n:], sent + n, 0
            except BlockingIOError:
                idle += 1
                time.sleep(0.05)
        assert sent < 16 << 20, "everything was taken although the peer reads nothing"
        if not SLOW:
            assert side.memory_kb("VmRSS") < 60 << 10
        s.settimeout(60)
        gate.set()
        s.sendall(pending + b"0\r\n\r\n")
        answer = head_of(s)
        assert answer.startswith(b"HTTP/1.1 200"), answer
    wait_until(lambda: peer.open == 0, "the stream to end")


def test_a_client_that_does_not_read_holds_the_peer_back(front):
    side, peer = front
    sent = [0]

    def script(stream):
        stream.messages(RequestStream)
        stream.send_headers()
        stream.send(answer_message(200))
        for seq in range(2000):
            stream.send(chunk(ResponseStream, b"x" * 32768, seq))
            sent[0] += 32768
        stream.finish()
    peer.script = script
    with side.connect(20) as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        s.sendall(f"GET {INVOKE} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        head_of(s)
        last = -1
        while last != sent[0]:
            last = sent[0]
            time.sleep(0.3)
        assert last < 16 << 20, "the answer was taken although the client reads nothing"
        if not SLOW:
            assert side.memory_kb("VmRSS") < 60 << 10
        s.close()
    wait_until(lambda: peer.open == 0 or peer.calls[-1].reset_code is not None, "the stream to end")


def test_an_old_peer_is_asked_again_in_one_message(front):
    side, peer = front

    def script(stream):
        if stream.headers[":path"].endswith("/CallLocalStream"):
            stream.send_headers(("grpc-status", "12"), ("grpc-message", "unknown method"), end=True)
            return
        request = stream.message(Request)
        out = Response()
        out.status.code = 202
        out.headers["X-U"].values.append("u")
        out.message.data.value = request.message.data.value.upper()
        stream.send_headers()
        stream.send(out)
        stream.finish()
    peer.script = script
    got = side.request("POST", INVOKE, body=b"whole")
    assert (got.status, got.body, got.header("x-u")) == (202, b"WHOLE", "u")
    assert [c.headers[":path"].rpartition("/")[2] for c in peer.calls] == ["CallLocalStream", "CallLocal"]
    wait_until(lambda: peer.open == 0, "the streams to end")


def test_a_peer_that_goes_away_finishes_what_it_has_and_is_called_anew(front):
    side, peer = front

    def script(stream):
        stream.messages(RequestStream)
        if len(peer.calls) == 1:
            stream.link.send(lambda c: stream.link.sock.sendall(c.data_to_send() + b"\x00\x00\x08\x07\x00\x00\x00\x00\x00" + stream.number.to_bytes(4, "big") + bytes(4)))
        stream.send_headers()
        stream.send(answer_message(200, b"done"))
        stream.finish()
    peer.script = script
    for _ in range(3):
        got = side.request("GET", INVOKE)
        assert (got.status, got.body) == (200, b"done")
    assert len(peer.links) == 2


def test_a_lost_connection_fails_the_calls_and_the_next_one_works(front):
    side, peer = front
    gate = threading.Event()

    def script(stream):
        stream.messages(RequestStream)
        if not gate.is_set():
            stream.link.close()
            return
        stream.send_headers()
        stream.send(answer_message(200, b"again"))
        stream.finish()
    peer.script = script
    assert side.request("POST", INVOKE, body=b"x").error()[:2] == (500, "ERR_DIRECT_INVOKE")
    gate.set()
    got = side.request("POST", INVOKE, body=b"x")
    assert (got.status, got.body) == (200, b"again")


# The sidecar is called.

def test_chunks_of_any_size_and_fields_nobody_knows(back):
    _, app, caller = back
    app.on("/m", lambda call: reply(200, call.received.body))
    stream = caller.start()
    stream.send(request_message("m").SerializeToString() + UNKNOWN)
    body = os.urandom(300000)
    cuts = [0, 1, 2, 2050, 100000, 100000, 300000]
    seq = 0
    for a, b in zip(cuts, cuts[1:]):
        if b > a:
            stream.send(chunk(RequestStream, body[a:b], seq).SerializeToString() + UNKNOWN)
            seq += 1
    stream.end()
    got = stream.messages(ResponseStream)
    assert got[0].response.status.code == 200 and b"".join(m.payload.data for m in got) == body
    assert [m.payload.seq for m in got if m.payload.data] == list(range(sum(bool(m.payload.data) for m in got)))
    assert stream.trailers["grpc-status"] == "0"


def test_a_cancelled_call_lets_go_of_the_application_at_once(back):
    side, app, caller = back
    gone = []

    def handler(call):
        wait_until(call.gone, "the sidecar to hang up", 30)
        gone.append(time.monotonic())
    app.on("/m", handler).on("/warm", reply(200))
    first = caller.start()
    first.send(request_message("warm"), end=True)
    assert len(first.messages(ResponseStream)) > 0  # now its end of this connection is open
    caller.start()
    before = files(side)
    calls = [caller.start() for _ in range(10)]
    for stream in calls:
        stream.send(request_message("m"))
        stream.end()
    app.wait_for("/m", 10)
    begun = time.monotonic()
    for stream in calls:
        stream.reset()
    wait_until(lambda: len(gone) == 10, "ten applications to be let go", 20)
    assert max(gone) - begun < 10
    wait_until(lambda: files(side) <= before, "the sockets to be closed")


def test_a_reset_in_the_middle_of_the_request_is_no_end_of_it(back):
    _, app, caller = back
    broken = threading.Event()

    @streams
    def handler(call):
        try:
            for _ in call.pieces():
                pass
        except (ConnectionError, ValueError):
            broken.set()
    app.on("/m", handler)
    stream = caller.start()
    stream.send(request_message("m", payload=b"half"))
    app.wait_for("/m")
    stream.reset()
    assert broken.wait(20), "the application saw the end of a request that was broken off"


def test_a_lost_connection_of_the_caller_ends_all_its_calls(back):
    side, app, caller = back
    gone = []
    app.on("/m", lambda call: (wait_until(call.gone, "the sidecar to hang up", 30), gone.append(1)) and None)
    for _ in range(5):
        stream = caller.start()
        stream.send(request_message("m"))
        stream.end()
    app.wait_for("/m", 5)
    caller.close()
    wait_until(lambda: len(gone) == 5, "five applications to be let go", 20)


def test_a_caller_that_does_not_read_holds_the_application_back(back):
    side, app, caller = back
    sent = [0]

    def handler(call):
        call.start(200)
        for _ in range(1000):
            call.send(b"x" * 65536)
            sent[0] += 65536
        call.end()
    app.on("/m", handler)
    stream = caller.start(reads=False)
    stream.send(request_message("m", verb=1))
    stream.end()
    last = -1
    while last != sent[0] or not last:
        last = sent[0]
        time.sleep(0.3)
    assert last < 16 << 20
    if not SLOW:
        assert side.memory_kb("VmRSS") < 60 << 10
    stream.open_window()
    assert sum(len(m.payload.data) for m in stream.messages(ResponseStream)) == 1000 * 65536


def test_an_application_that_breaks_off_is_an_error_of_the_stream(back):
    _, app, caller = back

    def handler(call):
        call.start(200)
        call.send(b"half")
        call.handler.connection.shutdown(socket.SHUT_RDWR)
    app.on("/m", handler)
    stream = caller.start()
    stream.send(request_message("m", verb=1))
    stream.end()
    got = stream.messages(ResponseStream)
    assert b"".join(m.payload.data for m in got) == b"half"
    assert stream.reset_code is not None or stream.trailers["grpc-status"] != "0"


WRONG = {
    "a compressed message without an encoding": lambda: b"\x01" + framed(request_message("m"))[1:],
    "a message that breaks off": lambda: framed(request_message("m"))[:-3],
    "a message that is none": lambda: framed(b"\xff\xff\xff\xff"),
    "a message over the limit": lambda: framed(request_message("m", payload=b"x" * (5 << 20))),
    "nothing": lambda: b"",
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_refused_and_the_connection_lives(back, name):
    _, app, caller = back
    app.on("/m", reply(200, "fine"))
    bad = caller.start()
    try:
        bad.send_raw(WRONG[name](), end=True)
    except Exception:  # refused before it was whole
        pass
    bad.until_ended()
    status = bad.trailers.get("grpc-status")
    assert status not in (None, "0") or bad.reset_code is not None
    if name.endswith("limit"):
        assert status == "8", bad.trailers
    assert not app.calls("/m")
    good = caller.start()
    good.send(request_message("m", verb=1))
    good.end()
    assert good.messages(ResponseStream)[0].response.status.code == 200


def test_one_message_each_way(back):
    _, app, caller = back
    app.on("/m", lambda call: reply(203, call.received.body * 2))
    stream = caller.start("CallLocal")
    ask = Request()
    ask.ver, ask.message.method, ask.message.http_extension.verb, ask.message.data.value = 1, "m", 3, b"x" * 100000
    stream.send(ask.SerializeToString() + UNKNOWN, end=True)
    answer = stream.message(Response)
    assert (answer.status.code, len(answer.message.data.value)) == (203, 200000)
    stream.until_ended()
    assert stream.trailers["grpc-status"] == "0"


def test_what_nobody_reads_of_many_broken_calls_does_not_shut_the_connection(back):
    """Windows of the connection are given back, whoever breaks off, and when."""
    _, app, caller = back
    app.on("/m", lambda call: reply(200, call.received.body))
    for i in range(80):
        stream = caller.start()
        if i % 2:  # refused by the sidecar, with the rest of it on the way
            bad = framed(request_message("bad#method", payload=b"x" * 100000))
        else:  # given up by us in the middle of a message
            bad = framed(request_message("m", payload=b"x" * 100000))[:-5]
        stream.send_raw(bad)
        if i % 2:
            stream.until_ended()
        else:
            stream.reset()
    good = caller.start()
    good.send(request_message("m", payload=b"y" * 1000000))
    good.end()
    assert sum(len(m.payload.data) for m in good.messages(ResponseStream)) == 1000000
