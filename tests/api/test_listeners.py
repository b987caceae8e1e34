"""Where the daemon listens, and how sidecars find each other (contract 01, 1.1; 06, 5.8 and section 6)."""
import socket, sqlite3, time

import pytest

from application import reply
from sidecar import component, free_port, run_daemon, wait_until


def listens(address, port):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family) as s:
        s.settimeout(2)
        return s.connect_ex((address, port)) == 0


def test_unix_sockets(launch):
    one = launch.sidecar(start=False, ready="", resources=[component("s", "state.in-memory")])
    one.flags = ("--unix-domain-socket", str(one.folder))
    stale = one.folder / "dapr-app-http.socket"
    socket.socket(socket.AF_UNIX).bind(str(stale))  # left by a process that died
    one.start()
    wait_until(lambda: "HTTP server is running on a Unix Domain Socket" in one.log() or not one.alive, "the server")
    assert one.alive, one.log()[-800:]
    wait_until(lambda: one.get("/v1.0/healthz", sock=stale).status == 204, "readiness")
    assert one.request("POST", "/v1.0/state/s", body='[{"key":"a","value":1}]', sock=stale).status == 204
    assert (one.folder / "dapr-app-grpc.socket").exists()
    assert not listens("127.0.0.1", one.http) and not listens("127.0.0.1", one.grpc)
    assert listens("127.0.0.1", one.internal) and listens("127.0.0.1", one.metrics)
    assert one.stop() == 0
    assert not stale.exists() and not (one.folder / "dapr-app-grpc.socket").exists()


@pytest.mark.parametrize("addresses,there,not_there", [("127.0.0.1", ["127.0.0.1"], ["127.0.0.2"]), ("127.0.0.1,127.0.0.2", ["127.0.0.1", "127.0.0.2"], ["127.0.0.3"]), ("127.0.0.1,[::1]", ["127.0.0.1", "::1"], ["127.0.0.2"]), ("", ["127.0.0.1", "127.0.0.2"], [])])
def test_addresses_of_the_apis(launch, addresses, there, not_there):
    if "::1" in addresses and not socket.has_ipv6:
        pytest.skip("there is no IPv6 here")
    one = launch.sidecar(flags=("--dapr-listen-addresses", addresses))
    for port in (one.http, one.grpc):
        assert [a for a in there if not listens(a, port)] == []
        assert [a for a in not_there if listens(a, port)] == []


@pytest.mark.slow  # each of the two servers tries for ten seconds
def test_one_address_that_fails_is_only_logged(launch):
    one = launch.sidecar(flags=("--dapr-listen-addresses", "127.0.0.1,192.0.2.77"), ready="")
    wait_until(lambda: listens("127.0.0.1", one.http), "the good address", 60)
    one.wait_ready()


def test_the_public_port(launch):
    public = free_port()
    one = launch.sidecar(flags=("--dapr-public-port", public, "--dapr-public-listen-address", "127.0.0.1"), resources=[component("s", "state.in-memory")])
    assert [one.get(p, port=public).status for p in ("/v1.0/healthz", "/v1.0/healthz/outbound", "/v1.0/metadata")] == [204, 204, 200]
    assert one.request("PUT", "/v1.0/metadata/a", body="b", port=public).status == 204
    assert one.get("/v1.0/metadata").json["extended"]["a"] == "b"
    for method, path in (("GET", "/v1.0/state/s/a"), ("POST", "/v1.0/shutdown"), ("GET", "/v1.0/invoke/app/method/x"), ("GET", "/")):
        got = one.request(method, path, port=public)
        assert (got.status, got.body, got.header("content-type")) == (404, b"404 page not found\n", "text/plain; charset=utf-8"), path
    wrong = one.request("POST", "/v1.0/healthz", port=public)
    assert (wrong.status, wrong.body, wrong.header("allow")) == (405, b"", "GET")


RESOLUTION = "spec:\n  nameResolution:\n    component: sqlite\n    configuration: {{connectionString: '{file}'}}\n"


def test_name_resolution_by_sqlite(launch):
    config = RESOLUTION.format(file=launch.folder / "names.db")
    app = launch.app().on("/x", reply(200, b"found"))
    back = launch.sidecar("back", app=app, config=config)
    front = launch.sidecar("front", config=config)
    assert front.invoke("back", "x").body == b"found"
    back.stop()
    assert front.invoke("back", "x").error() == (500, "ERR_DIRECT_INVOKE", "failed to invoke, id: back, err: no host found with the given ID")


def test_an_unknown_resolver_is_only_logged(launch):
    one = launch.sidecar(config="spec: {nameResolution: {component: nothing}}\n", resources=[component("s", "state.in-memory")])
    assert one.post("/v1.0/state/s", [{"key": "a", "value": 1}]).status == 204
    assert one.invoke("back", "x").error() == (500, "ERR_DIRECT_INVOKE", "failed to invoke, id: back, err: name resolver not initialized")


def test_two_instances_of_one_application(launch):
    """Either one answers; when one stops, the other goes on."""
    apps = [launch.app().on("/x", reply(200, name)) for name in (b"1", b"2")]
    front = launch.sidecar("front")
    first, second = (launch.sidecar("back", app=app) for app in apps)
    assert front.invoke("back", "x").body in (b"1", b"2")
    assert second.stop() == 0
    wait_until(lambda: front.invoke("back", "x").body == b"1", "the other instance", 30)


def test_a_callee_that_moves(launch):
    """A killed callee comes back on other ports: calls reach it without a restart of the caller."""
    app = launch.app().on("/x", reply(200, b"ok"))
    front, back, _ = launch.pair(app)
    assert front.invoke("back", "x").body == b"ok"
    back.kill()
    moved = launch.sidecar("back", app=app)
    assert moved.internal != back.internal
    wait_until(lambda: front.invoke("back", "x", timeout=20).status == 200, "the caller to find it", 60)


def test_an_unreachable_callee_is_tried_four_times(launch):
    """Its row in the database outlives it; the registry of a host knows who has died."""
    config = {"config": RESOLUTION.format(file=launch.folder / "names.db")}
    front, back, _ = launch.pair(launch.app(), caller=config, callee=config)
    back.kill()
    begun = time.monotonic()
    got = front.invoke("back", "x", body="x")
    spent = time.monotonic() - begun
    status, code, message = got.error()
    assert (status, code) == (500, "ERR_DIRECT_INVOKE")
    assert message.startswith("failed to invoke, id: back, err: failed to invoke target back after 3 retries. Error: rpc error: code = Unavailable desc = ")
    assert 2.5 < spent < 20


def test_a_name_is_looked_up(launch):
    name = socket.gethostname()
    try:
        address = socket.gethostbyname(name)
    except OSError:
        pytest.skip("the name of this machine has no address")
    one = launch.sidecar(flags=("--dapr-listen-addresses", name), ready="")
    wait_until(lambda: "HTTP server is running" in one.log(), "the server")
    assert listens(address, one.http) and listens(address, one.grpc) and "Failed to listen" not in one.log()


def test_a_name_that_is_none_ends_the_start_at_once(launch):
    """No attempt could help; a label of 64 letters is refused without a question to any server."""
    name, begun = "x" * 64 + ".invalid", time.monotonic()
    code, out, _ = run_daemon("--app-id", "a", "--dapr-http-port", free_port(), "--dapr-grpc-port", free_port(), "--metrics-port", free_port(), "--dapr-listen-addresses", name)
    assert code == 1 and f"Fatal error from runtime: failed to start API gRPC server: could not listen on any endpoint: listen tcp: lookup {name}: no such host" in out
    assert time.monotonic() - begun < 9.5  # attempts go on for ten seconds
