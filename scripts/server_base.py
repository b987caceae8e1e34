"""What starting a server for tests needs, whichever it is."""
import socket
import time


class Unavailable(Exception):
    """A server that this machine cannot run, with the reason in words."""


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_until(what, true, limit_s=30):
    end = time.monotonic() + limit_s
    while not true():
        if time.monotonic() > end:
            raise RuntimeError(f"{what} not within {limit_s} s")
        time.sleep(0.05)
