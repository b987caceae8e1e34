"""Nobody waits for a slow component any more: what the component waits for ends as well, seen from the other end of its line."""
import threading

import pytest

from application import RawApp
from sidecar import component, wait_until
from test_error_rows import ask_grpc

TIMEOUT = """apiVersion: dapr.io/v1alpha1
kind: Resiliency
metadata: {name: short}
spec:
  policies: {timeouts: {short: 500ms}}
  targets: {components: {c: {outbound: {timeout: short}}}}
"""


class Silent:
    """Takes a connection and says nothing; knows when the other side has opened and closed it."""

    def __init__(self):
        self.opened, self.closed = threading.Event(), threading.Event()
        self.app = RawApp(self.talk)

    def talk(self, connection):
        self.opened.set()
        try:
            while connection.recv(65536):
                pass
        finally:
            self.closed.set()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.app.close()


JSON = {"content-type": "application/json"}
HTTP = {
    "http": ("POST", "/v1.0/bindings/c", JSON, b'{"operation": "create", "data": "x"}'),
    "graphql": ("POST", "/v1.0/bindings/c", JSON, b'{"operation": "query", "metadata": {"query": "query { a }"}}'),
    "smtp": ("POST", "/v1.0/bindings/c", JSON, b'{"operation": "create", "data": "x"}'),
    "vault": ("GET", "/v1.0/secrets/c/k"),
}
COMPONENTS = {
    "http": lambda port: component("c", "bindings.http", url=f"http://127.0.0.1:{port}"),
    "graphql": lambda port: component("c", "bindings.graphql", endpoint=f"http://127.0.0.1:{port}"),
    "smtp": lambda port: component("c", "bindings.smtp", host="127.0.0.1", port=str(port), emailFrom="x@y.z", emailTo="a@b.c", subject="s"),
    "vault": lambda port: component("c", "secretstores.hashicorp.vault", vaultAddr=f"http://127.0.0.1:{port}", vaultToken="t"),
}
GRPC = {
    "http": ("InvokeBinding", {"name": "c", "operation": "create", "data": "eA=="}),
    "graphql": ("InvokeBinding", {"name": "c", "operation": "query", "metadata": {"query": "query { a }"}}),
    "smtp": ("InvokeBinding", {"name": "c", "operation": "create", "data": "eA=="}),
    "vault": ("GetSecret", {"storeName": "c", "key": "k"}),
}


@pytest.mark.parametrize("kind", COMPONENTS)
def test_a_deadline_of_the_caller(launch, kind):
    """Over gRPC."""
    with Silent() as server:
        one = launch.sidecar(resources=[COMPONENTS[kind](server.app.port)])
        error = ask_grpc(one, *GRPC[kind], timeout=1)
        assert error.code().name == "DEADLINE_EXCEEDED"
        wait_until(server.closed.is_set, "the end of the connection", 8)


@pytest.mark.parametrize("kind", COMPONENTS)
def test_a_caller_that_goes_away(launch, kind):
    """Over HTTP."""
    with Silent() as server:
        one = launch.sidecar(resources=[COMPONENTS[kind](server.app.port)])
        method, path, *more = HTTP[kind]
        fields, body = more or ({}, b"")
        with one.connect() as client:
            head = "".join(f"{k}: {v}\r\n" for k, v in {"host": "x", "content-length": len(body), **fields}.items())
            client.sendall(f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + body)
            wait_until(server.opened.is_set, "a connection of the component")
        wait_until(server.closed.is_set, "the end of the connection", 8)


@pytest.mark.parametrize("kind", COMPONENTS)
def test_the_call_ends_at_the_other_side_too(launch, kind):
    with Silent() as server:
        one = launch.sidecar(resources=[TIMEOUT, COMPONENTS[kind](server.app.port)])
        got = one.request(*HTTP[kind])
        assert got.status == 500 and "context deadline exceeded" in got.text, got.text
        wait_until(server.closed.is_set, "the end of the connection", 8)
