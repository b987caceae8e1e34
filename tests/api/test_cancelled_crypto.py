"""Documents on their way through encryption whose clients stop to send or to read, and then go away: nothing of them stays."""
import json, os, threading, time

import grpc
import pytest
from google.protobuf import message_factory

from sidecar import SLOW, component, wait_until
from test_cancellation import AT_ONCE, CALLS, descriptors, ended
from test_error_rows import DAPR

SET = json.dumps({"keys": [{"kty": "oct", "kid": "k1", "k": "YGFiY2RlZmdoaWprbG1ub3BxcnN0dXZ3eHl6e3x9fn8"}]})
HEADERS = {"dapr-key-name": "k1", "dapr-key-wrap-algorithm": "A256KW"}
OPTIONS = {"EncryptAlpha1": {"component_name": "set", "key_name": "k1", "key_wrap_algorithm": "A256KW"}, "DecryptAlpha1": {"component_name": "set"}}
MIB = 1 << 20


@pytest.fixture(scope="module")
def side(launch_module):
    return launch_module.sidecar(resources=[component("set", "crypto.dapr.jwks", jwks=SET)], flags=("--max-body-size", "32Mi", "--enable-api-logging"))


@pytest.fixture(scope="module")
def document(side):
    got = side.request("PUT", "/v1.0-alpha1/crypto/set/encrypt", HEADERS, b"x" * (16 * MIB))
    assert got.status == 200
    return got.body


def over(side, codes=()):
    """How many streams have ended, of those with one of these codes; their ends are in no metric, as in the reference."""
    lines = [line for line in side.log().splitlines() if 'msg="gRPC API Called"' in line and "cryptAlpha1" in line]
    return len([line for line in lines if not codes or any(f" code={code} " in line for code in codes)])


class Stream:
    """A call that sends pieces, and then nothing more, without an end; it reads as many answers as it is told."""

    def __init__(self, channel, method, data, reads, timeout=None):
        kind = DAPR.methods_by_name[method]
        make, answer = message_factory.GetMessageClass(kind.input_type), message_factory.GetMessageClass(kind.output_type)
        self.over = threading.Event()
        pieces = [data[i:i + MIB] for i in range(0, len(data), MIB)]

        def messages():
            for number, piece in enumerate(pieces):
                yield make(options=OPTIONS[method] if number == 0 else None, payload={"data": piece, "seq": number})
            self.over.wait()
        self.call = channel.stream_stream(f"/{DAPR.full_name}/{method}", lambda m: m.SerializeToString(), answer.FromString)(messages(), timeout=timeout)
        for _ in range(reads):
            next(self.call)


def threads(side):
    return len(os.listdir(f"/proc/{side.process.pid}/task"))


def open_channel(side):
    channel = grpc.insecure_channel(f"127.0.0.1:{side.grpc}", options=[("grpc.use_local_subchannel_pool", 1)])
    grpc.channel_ready_future(channel).result(20)
    return channel


# What the sidecar waits for: the next piece, after an answer; or somebody who reads.
WAITS = {"the next piece": (2 * MIB + 4096, 2), "a reader": (16 * MIB, 1)}
ENDS = {"cancel": {1}, "connection": {1}, "deadline": {1, 4}}  # the codes; a client may tell of the deadline first


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("waits", WAITS)
@pytest.mark.parametrize("method", OPTIONS)
def test_a_stream_that_is_given_up(side, document, method, waits, end):
    size, reads = WAITS[waits]
    limit = 15 if SLOW else 4  # of a call with a deadline: the first answers come before it
    data = (b"x" * size if method == "EncryptAlpha1" else document[:size])
    before, running = descriptors(side), threads(side)
    given_up, all_ended = over(side, ENDS[end]), over(side)
    channels = [open_channel(side) for _ in range(CALLS)]
    streams = [Stream(channel, method, data, reads, limit if end == "deadline" else None) for channel in channels]
    last_over = time.monotonic() + limit
    time.sleep(0.3)
    if end == "cancel":
        assert SLOW or over(side) == all_ended
        for stream in streams:
            stream.call.cancel()
    elif end == "connection":
        assert SLOW or over(side) == all_ended
        for channel in channels:
            channel.close()
    else:
        time.sleep(max(0.0, last_over - time.monotonic()))
    wait_until(lambda: over(side) >= all_ended + CALLS, f"{CALLS} ends of streams", AT_ONCE)
    for stream in streams:
        stream.over.set()
    for channel in channels:
        channel.close()
    if not SLOW:
        assert over(side, ENDS[end]) == given_up + CALLS
        assert over(side) == all_ended + CALLS
    wait_until(lambda: descriptors(side) <= before, "the descriptors")
    wait_until(lambda: threads(side) <= running, "the threads")
    assert side.alive


@pytest.mark.parametrize("operation", ["encrypt", "decrypt"])
def test_a_request_that_is_given_up(side, document, operation):
    """Over HTTP, where what is long waits in a temporary file until all of it is known to be good."""
    before, all_ended = descriptors(side), ended(side)
    data = b"x" * (12 * MIB) if operation == "encrypt" else document[:12 * MIB]
    fields = "".join(f"{name}: {value}\r\n" for name, value in HEADERS.items())
    clients = []
    for _ in range(4):
        clients.append(side.connect())
        clients[-1].sendall(f"PUT /v1.0-alpha1/crypto/set/{operation} HTTP/1.1\r\nHost: x\r\n{fields}Content-Length: {20 * MIB}\r\n\r\n".encode() + data)
    time.sleep(0.3)
    assert SLOW or ended(side) == all_ended
    for client in clients:
        client.close()
    wait_until(lambda: ended(side) == all_ended + len(clients), "the ends of the requests", AT_ONCE)
    wait_until(lambda: descriptors(side) <= before, "the descriptors")


def test_streams_that_are_given_up_leave_nothing(side, document):
    """Hundreds of them."""
    def growth():
        before = side.memory_kb("VmRSS")
        for _ in range(8):
            all_ended = over(side)
            with open_channel(side) as channel:
                streams = [Stream(channel, method, data, 1) for method, data in (("EncryptAlpha1", b"x" * 70000), ("DecryptAlpha1", document[:140000])) for _ in range(12)]
                for stream in streams:
                    stream.call.cancel()
                    stream.over.set()
                wait_until(lambda: over(side) == all_ended + 24, "the ends of the streams", AT_ONCE)
        return side.memory_kb("VmRSS") - before
    growth()
    open_files = descriptors(side)
    grown = [growth()]
    while not SLOW and grown[-1] >= 1500 and len(grown) < 4:  # a heap in pieces settles in one of them
        grown.append(growth())
    assert SLOW or grown[-1] < 1500, f"KB in each series of 192 streams: {grown}"
    wait_until(lambda: descriptors(side) <= open_files + 1, "the descriptors")
