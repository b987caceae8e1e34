"""gRPC calls without a gRPC library: load by h2load, messages by hand, and many idle streams over plain sockets."""
import re
import resource
import socket
import statistics
import struct
import subprocess
import time

DAPR = "/dapr.proto.runtime.v1.Dapr/"
CALLBACK = "/dapr.proto.runtime.v1.AppCallback/"
HEADERS = {"content-type": "application/grpc", "te": "trailers"}


def varint(number):
    out = b""
    while number > 0x7F:
        out, number = out + bytes([number & 0x7F | 0x80]), number >> 7
    return out + bytes([number])


def field(number, value):
    """A length-delimited field of a protobuf message."""
    value = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(value)) + value


def frame(message):
    return struct.pack(">BI", 0, len(message)) + message


class GrpcLoad:
    """What one run of h2load measured: one body to one method, one stream at a time on each connection."""

    def __init__(self, folder, port, path, body, connections, seconds, metadata=None, latency=False, answer=None):
        self.answer_bytes, log = answer, folder / "h2load.log"
        (folder / "h2load.body").write_bytes(body)
        log.unlink(missing_ok=True)
        command = ["h2load", "-t1", "-m1", f"-c{connections}", f"-D{round(seconds * 1000)}ms", "-d", str(folder / "h2load.body")]
        command += [f"--log-file={log}"] if latency else []
        for name, value in {**HEADERS, **(metadata or {})}.items():
            command += ["-H", f"{name}: {value}"]
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        text = subprocess.run([*command, f"http://127.0.0.1:{port}{path}"], capture_output=True, text=True, check=True).stdout
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        self.generator_share = (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) / seconds
        self.check(text, path, connections)
        self.rate = self.requests / seconds
        if latency:
            self.p50_us = statistics.median(int(line.rsplit("\t", 1)[1]) for line in log.read_text().splitlines())

    def check(self, text, path, connections):
        """A failed call has status 200 too, but no message: the bytes of all answers must be those of good ones."""
        number = lambda pattern: int(re.search(pattern, text).group(1))
        self.requests = number(r"(\d+) 2xx")
        wrong = number(r"(\d+) failed") + number(r"2xx, (\d+) 3xx")
        data = number(r"\((\d+)\) data")
        if wrong or not self.requests:
            raise RuntimeError(f"{path}: {wrong} failed of {self.requests}")
        if self.answer_bytes and data < self.answer_bytes * (self.requests - connections):
            raise RuntimeError(f"{path}: {data} bytes in {self.requests} answers, {self.answer_bytes} each were to come: calls fail")


def ceiling(port, seconds):
    """Requests/s of h2load itself against a constant answered by nginx, and its share of a core meanwhile."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    text = subprocess.run(["h2load", "-t1", "-m1", "-c32", f"-D{seconds}", f"http://127.0.0.1:{port}/"], capture_output=True, text=True, check=True).stdout
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return int(re.search(r"(\d+) 2xx", text).group(1)) / seconds, (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) / seconds


# --- idle streams ---

def h2_frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def header_block(path):
    """Literal fields that enter no table."""
    fields = {":method": "POST", ":scheme": "http", ":path": path, ":authority": "localhost", **HEADERS}
    text = lambda s: varint(len(s)) + s.encode() if len(s) < 127 else b"\x7f" + varint(len(s) - 127) + s.encode()
    return b"".join(b"\x00" + text(name) + text(value) for name, value in fields.items())


class IdleStreams:
    """Streams that were opened with one message, answered with one, and stay."""

    def __init__(self, port, path, message, answer):
        self.port, self.block, self.body, self.answer = port, header_block(path), frame(message), frame(answer)
        self.sockets, self.count = [], 0
        limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))

    def open(self, connections, streams):
        """`streams` on each of so many new connections; returns when all are answered."""
        for _ in range(connections):
            connection = socket.create_connection(("127.0.0.1", self.port), 10)
            self.sockets.append(connection)
            out = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + h2_frame(4, 0, 0)
            for i in range(streams):
                stream = 2 * i + 1
                out += h2_frame(1, 4, stream, self.block) + h2_frame(0, 0, stream, self.body)
            connection.sendall(out)
            self.await_answers(connection, streams)
            self.count += streams

    def await_answers(self, connection, streams):
        wanted, got, seen, end = h2_frame(0, 0, 1, self.answer)[:5], b"", 0, time.monotonic() + 20
        while seen < streams:
            piece = connection.recv(1 << 16)  # with the time limit of its connecting
            if not piece or time.monotonic() > end:
                raise RuntimeError(f"{seen} of {streams} streams were answered")
            got += piece
            while len(got) >= 9 and len(got) >= 9 + int.from_bytes(got[:3], "big"):
                size = int.from_bytes(got[:3], "big")
                seen += got[:5] == wanted and got[9:9 + size] == self.answer
                if got[3] in (3, 7):
                    raise RuntimeError(f"a stream was refused: {got[:9 + size]!r}")
                if got[3] == 4 and not got[4] & 1:
                    connection.sendall(h2_frame(4, 1, 0))
                got = got[9 + size:]

    def close(self):
        for connection in self.sockets:
            connection.close()
