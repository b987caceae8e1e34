"""Proxying as the SDK's documentation has it: the user's own stub, the sidecar's address, the metadata `dapr-app-id`."""
import os, queue
from contextlib import contextmanager

import grpc

from checks import same
from service import Stub, text

TO_BACK = (("dapr-app-id", "back"),)


@contextmanager
def stub():
    with grpc.insecure_channel(f"127.0.0.1:{os.environ['DAPR_GRPC_PORT']}") as channel:
        yield Stub(channel)


def error_of(call):
    try:
        call()
    except grpc.RpcError as error:
        return error
    raise AssertionError("no error")


def add(operation):
    @operation("proxy: a unary call with metadata and trailers", faces=("grpc",))
    def _(d):
        with stub() as talk:
            answer, call = talk.Say.with_call(text("hello"), metadata=(*TO_BACK, ("x-said", "aloud")), timeout=10)
            same(answer.value, "hello")
            first = dict(call.initial_metadata())
            same((first["x-heard"], first["x-caller"], dict(call.trailing_metadata())["x-late"]), ("aloud", "front", "yes"))

    @operation("proxy: 1 MB there and back", faces=("grpc",))
    def _(d):
        with stub() as talk:
            long = "x" * (1 << 20)
            same(talk.Say(text(long), metadata=TO_BACK, timeout=20).value, long)

    @operation("proxy: streams of the client, of the server, of both", faces=("grpc",))
    def _(d):
        with stub() as talk:
            same([one.value for one in talk.Tell(text("500"), metadata=TO_BACK, timeout=20)], [str(n) for n in range(500)])
            same(talk.Gather(iter([text("a"), text("b"), text("c")]), metadata=TO_BACK, timeout=20).value, "a,b,c")
            said = queue.Queue()  # each word waits for the answer to the one before
            chat = talk.Chat(iter(said.get, None), metadata=TO_BACK, timeout=20)
            for word in ("one", "two", "three"):
                said.put(text(word))
                same(next(chat).value, "you said " + word)
            said.put(None)
            same(list(chat), [])

    @operation("proxy: an error of the application with its trailers", faces=("grpc",))
    def _(d):
        with stub() as talk:
            error = error_of(lambda: talk.Say(text("refuse"), metadata=TO_BACK, timeout=10))
            trailers = dict(error.trailing_metadata())
            same((error.code().name, error.details()), ("FAILED_PRECONDITION", "not today: \N{SNOWMAN}"))
            same((trailers["x-why"], trailers["x-bytes-bin"]), ("because", b"\0\1\2"))

    @operation("proxy: no such application, no application named, no such method", faces=("grpc",))
    def _(d):
        with stub() as talk:
            error = error_of(lambda: talk.Say(text("x"), metadata=(("dapr-app-id", "nobody"),), timeout=10))
            same((error.code().name, error.details()), ("UNKNOWN", "no host found with the given ID"))
            error = error_of(lambda: talk.Say(text("x"), timeout=10))
            same((error.code().name, error.details()), ("UNKNOWN", "cannot proxy request: missing dapr-callee-app-id or dapr-app-id metadata"))
        with grpc.insecure_channel(f"127.0.0.1:{os.environ['DAPR_GRPC_PORT']}") as channel:
            unknown = channel.unary_unary("/mecha.Talk/Shout")
            same(error_of(lambda: unknown(b"", metadata=TO_BACK, timeout=10)).code().name, "UNIMPLEMENTED")
