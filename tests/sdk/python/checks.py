"""What the operations check with."""
import os, socket

from dapr.clients.exceptions import DaprGrpcError


def same(got, wanted):
    if got != wanted:
        raise AssertionError(f"{got!r} instead of {wanted!r}")


def fails(call, code, text="", reason=None):
    """The call fails with this gRPC code, a text and the reason in its ErrorInfo."""
    try:
        call()
    except DaprGrpcError as error:
        same(error.code().name, code)
        if text not in error.details():
            raise AssertionError(f"{error.details()!r} has no {text!r}")
        if reason:
            same(error.status_details().error_info["reason"], reason)
    except Exception as error:  # an RpcError that the SDK passes on as it is
        if not hasattr(error, "code") or not callable(error.code):
            raise
        same(error.code().name, code)
    else:
        raise AssertionError(f"no error, {code} expected")


def set_item(key, value):
    with socket.create_connection(("127.0.0.1", int(os.environ["SDK_REDIS_PORT"]))) as s:
        s.sendall(b"SET %s %s\r\n" % (key.encode(), value.encode()))
        same(s.recv(64), b"+OK\r\n")
