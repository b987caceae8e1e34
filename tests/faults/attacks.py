"""What a hostile or broken client may send: bytes for each kind of port, and raw HTTP/2 frames."""
import random, struct

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RST, SETTINGS, PUSH, PING, GOAWAY, WINDOW, CONTINUATION = range(10)
END_STREAM, END_HEADERS = 1, 4


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def literal(name, value):
    """A header field without indexing; lengths below 127."""
    return b"\x00" + bytes([len(name)]) + name + bytes([len(value)]) + value


def get(path=b"/v1.0/healthz"):
    return b"\x82\x86" + literal(b":path", path) + literal(b":authority", b"x")  # :method GET, :scheme http


START = PREFACE + frame(SETTINGS, 0, 0)


def noise(seed, size=4000):
    return random.Random(seed).randbytes(size)


# Anything may come of these but a dead daemon.
GARBAGE = {
    "random": noise(1), "random, long": noise(2, 300_000), "zeros": bytes(10_000), "line ends": b"\r\n" * 5000, "one line without end": b"A" * 200_000, "TLS hello": bytes.fromhex("16030100a5010000a10303") + noise(3, 160),
    "half a request line": b"GET /v1.0/hea", "half a header": b"GET / HTTP/1.1\r\nHost: x\r\nX-", "a body that never comes": b"POST /v1.0/state/s HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n[",
    "a chunk that never comes": b"POST /v1.0/state/s HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nFFFF\r\nabc", "a huge chunk size": b"POST /v1.0/state/s HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFFFFF\r\nabc",
    "chunk size with a sign": b"POST /v1.0/state/s HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\nabc\r\n0\r\n\r\n", "a huge length": b"POST /v1.0/state/s HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999999\r\n\r\n",
    "many headers": b"GET / HTTP/1.1\r\n" + b"".join(b"X-%d: y\r\n" % i for i in range(20_000)) + b"\r\n", "one huge header": b"GET / HTTP/1.1\r\nX: " + b"a" * 1_000_000 + b"\r\n\r\n", "a huge path": b"GET /" + b"a" * 1_000_000 + b" HTTP/1.1\r\n\r\n",
    "deep path": b"GET " + b"/.." * 3000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", "version 9": b"GET / HTTP/9.9\r\n\r\n", "HTTP/0.9": b"GET /\r\n", "a proxy request": b"CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n", "websocket": b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\n\r\n",
    "upgrade to h2c": b"GET /v1.0/healthz HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n", "pipelined": b"GET /v1.0/healthz HTTP/1.1\r\nHost: x\r\n\r\n" * 500,
    "half a preface": PREFACE[:10], "preface, then noise": PREFACE + noise(4), "no settings": PREFACE + frame(HEADERS, 5, 1, get()), "a huge frame": START + struct.pack(">I", 0xFFFFFF)[1:] + bytes([DATA, 0]) + struct.pack(">I", 1) + noise(5, 20_000),
    "data on stream 0": START + frame(DATA, 0, 0, b"x"), "headers on stream 0": START + frame(HEADERS, 5, 0, get()), "an even stream": START + frame(HEADERS, 5, 2, get()), "streams backwards": START + frame(HEADERS, 5, 9, get()) + frame(HEADERS, 5, 3, get()),
    "window of nothing": START + frame(WINDOW, 0, 0, struct.pack(">I", 0)), "window beyond": START + frame(WINDOW, 0, 0, struct.pack(">I", 0x7FFFFFFF)) * 2, "settings of a wrong size": START + frame(SETTINGS, 0, 0, b"abc"), "absurd settings": START + frame(SETTINGS, 0, 0, struct.pack(">HIHI", 4, 0xFFFFFFFF, 5, 1)),
    "push from a client": START + frame(PUSH, 4, 1, struct.pack(">I", 2) + get()), "bad compression": START + frame(HEADERS, 5, 1, b"\xff\xff\xff\xff\xff\xff\xff"), "headers in capitals": START + frame(HEADERS, 5, 1, get() + literal(b"X-Capital", b"1")), "no path": START + frame(HEADERS, 5, 1, b"\x82\x86"),
    "unknown frames": START + b"".join(frame(200 + i % 50, i % 256, i, noise(i, 10)) for i in range(2000)), "continuation without headers": START + frame(CONTINUATION, 4, 1, get()), "data after the end": START + frame(HEADERS, 5, 1, get()) + frame(DATA, 0, 1, b"x" * 100),
    "a stream depends on itself": START + frame(PRIORITY, 0, 1, struct.pack(">IB", 1, 1)), "goaway": START + frame(GOAWAY, 0, 0, struct.pack(">II", 0, 0)) + frame(HEADERS, 5, 1, get()),
}


def rapid_reset(count):
    """A request and its cancellation, over and over (CVE-2023-44487)."""
    return [START] + [frame(HEADERS, END_STREAM | END_HEADERS, 1 + 2 * i, get(b"/v1.0/metadata")) + frame(RST, 0, 1 + 2 * i, struct.pack(">I", 8)) for i in range(count)]


def continuation_flood(frames, size=8000):
    """Headers that never end (CVE-2024-27316)."""
    block = b"".join(literal(b"x-%06d" % i, b"y" * 60) for i in range(size // 72))
    return [START + frame(HEADERS, END_STREAM, 1, get())] + [frame(CONTINUATION, 0, 1, block) for _ in range(frames)]


def empty_continuations(frames):
    return [START + frame(HEADERS, END_STREAM, 1, get())] + [frame(CONTINUATION, 0, 1)] * frames


def compression_bomb(streams, references=4000):
    """One large field in the table, named a thousand times in one byte each."""
    first = b"\x40\x01x\x7f" + bytes([0xF1, 0x1E]) + b"y" * (127 + 0x71 + 0x1E * 128)
    return [START + frame(HEADERS, 5, 1, get() + first)] + [frame(HEADERS, 5, 3 + 2 * i, get() + b"\xbe" * references) for i in range(streams)]


def ping_flood(count):
    return [START] + [frame(PING, 0, 0, b"12345678") * 100] * (count // 100)


def settings_flood(count):
    return [START] + [frame(SETTINGS, 0, 0, struct.pack(">HI", 3, 100)) * 100] * (count // 100)


def many_streams(count):
    """Requests whose bodies never end, without waiting for a window."""
    post = b"\x83\x86" + literal(b":path", b"/v1.0/state/s") + literal(b":authority", b"x")
    return [START] + [frame(HEADERS, END_HEADERS, 1 + 2 * i, post) + frame(DATA, 0, 1 + 2 * i, b"x" * 1000) for i in range(count)]


FLOODS = {"rapid reset": lambda: rapid_reset(20_000), "continuation": lambda: continuation_flood(4000), "empty continuations": lambda: empty_continuations(100_000), "compression bomb": lambda: compression_bomb(200),
          "pings": lambda: ping_flood(200_000), "settings": lambda: settings_flood(200_000), "endless bodies": lambda: many_streams(5000)}

HOST = b"Host: x\r\n"
INNER = b"GET /v1.0/invoke/app/method/smuggled HTTP/1.1\r\nHost: x\r\n\r\n"


def _post(headers, body):
    return b"POST /v1.0/invoke/app/method/outer HTTP/1.1\r\nHost: x\r\n" + headers + b"\r\n" + body


# Two readers of one connection must not see different requests in these.
SMUGGLING = {
    "length and chunked": _post(b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n", b"0\r\n\r\n" + INNER), "chunked and length": _post(b"Transfer-Encoding: chunked\r\nContent-Length: %d\r\n" % (5 + len(INNER)), b"0\r\n\r\n" + INNER),
    "two lengths": _post(b"Content-Length: 0\r\nContent-Length: %d\r\n" % len(INNER), INNER), "a list of lengths": _post(b"Content-Length: 0, %d\r\n" % len(INNER), INNER), "length with a sign": _post(b"Content-Length: +0\r\n", INNER), "length in hex": _post(b"Content-Length: 0x0\r\n", INNER),
    "blank before the colon": _post(b"Transfer-Encoding : chunked\r\nContent-Length: %d\r\n" % (5 + len(INNER)), b"0\r\n\r\n" + INNER), "xchunked": _post(b"Transfer-Encoding: xchunked\r\n", b"0\r\n\r\n" + INNER), "chunked, identity": _post(b"Transfer-Encoding: chunked, identity\r\n", b"0\r\n\r\n" + INNER),
    "identity, chunked twice": _post(b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", b"0\r\n\r\n" + INNER), "tab before chunked": _post(b"Transfer-Encoding:\x0bchunked\r\n", b"0\r\n\r\n" + INNER), "folded": _post(b"Transfer-Encoding:\r\n chunked\r\nContent-Length: 5\r\n", b"0\r\n\r\n" + INNER),
    "bare line feed": b"POST /v1.0/invoke/app/method/outer HTTP/1.1\nHost: x\nContent-Length: 0\n\n" + INNER, "chunk size with junk": _post(b"Transfer-Encoding: chunked\r\n", b"0x\r\n\r\n" + INNER), "chunk ends in line feed": _post(b"Transfer-Encoding: chunked\r\n", b"1\nx\n0\n\n" + INNER),
    "chunk without an end": _post(b"Transfer-Encoding: chunked\r\n", b"3\r\nabcX\r\n0\r\n\r\n" + INNER), "chunk size overflows": _post(b"Transfer-Encoding: chunked\r\n", b"10000000000000000\r\n" + INNER),
}
