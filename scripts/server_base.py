"""What starting a server for tests needs, whichever it is."""
import random
import socket
import subprocess
import time


class Unavailable(Exception):
    """A server that this machine cannot run, with the reason in words."""


def fetch(words, limit_s, **more):
    """Runs what may have to download: its result. One that takes too long is one that cannot be had."""
    try:
        return subprocess.run(words, text=True, timeout=limit_s, **more)
    except subprocess.TimeoutExpired:
        raise Unavailable(f"{' '.join(map(str, words[:3]))} took more than {limit_s} s") from None


_taken = set()


def free_port():
    """A port nobody listens on, never the same twice; from below those that the system gives to connections, or one of these may take it meanwhile."""
    while True:
        port = random.randrange(10000, 20000)
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", port))
            except OSError:
                continue
        if port not in _taken:
            _taken.add(port)
            return port


def wait_until(what, true, limit_s=120):
    end = time.monotonic() + limit_s
    while not true():
        if time.monotonic() > end:
            raise RuntimeError(f"{what} not within {limit_s} s")
        time.sleep(0.05)
