"""Redirects that the daemon follows: what it knows of one host is not told to another, nor without TLS."""
import json, ssl, subprocess

import pytest

from application import reply
from sidecar import component


OWN = {"authorization": "Bearer abc", "cookie": "a=b", "x-key": "of the endpoint"}


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """(context of a server, its certificate as text), for localhost."""
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=localhost",
                    "-addext", "subjectAltName=DNS:localhost", "-keyout", folder / "key.pem", "-out", folder / "cert.pem"], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return context, (folder / "cert.pem").read_text()


def endpoint_of(url, tls=""):
    return ("apiVersion: dapr.io/v1alpha1\nkind: HTTPEndpoint\nmetadata: {name: outside}\n"
            f"spec:\n  baseUrl: {url}\n  headers: [{{name: X-Key, value: of the endpoint}}]\n{tls}")


def arrived_with(one, there):
    got = one.invoke("outside", "from", "GET", headers=[("Authorization", OWN["authorization"]), ("Cookie", OWN["cookie"]), ("X-Other", "1")])
    assert (got.status, got.body) == (200, b"arrived"), got
    call, = there.calls("/to")
    assert (call.method, call.header("x-other")) == ("GET", "1")
    return {name: call.header(name) for name in OWN if call.header(name) is not None}


@pytest.mark.parametrize("host,kept", [("127.0.0.1", OWN), ("localhost", {})], ids=["the same host, another port", "another host"])
def test_secrets_stay_with_the_host_of_an_endpoint(launch, host, kept):
    there = launch.app().on("/to", reply(200, b"arrived"))
    here = launch.app().on("/from", reply(302, Location=f"http://{host}:{there.port}/to"))
    assert arrived_with(launch.sidecar(resources=endpoint_of(f"http://127.0.0.1:{here.port}"), app=here), there) == kept


@pytest.mark.parametrize("to_tls", [True, False], ids=["https to https", "https to http"])
def test_secrets_of_an_endpoint_never_leave_tls(launch, certificate, to_tls):
    context, pem = certificate
    there = launch.app(tls=context if to_tls else None).on("/to", reply(200, b"arrived"))
    here = launch.app(tls=context).on("/from", reply(302, Location=f"http{'s' if to_tls else ''}://localhost:{there.port}/to"))
    tls = f"  clientTLS:\n    rootCA:\n      value: {json.dumps(pem)}\n"
    one = launch.sidecar(resources=endpoint_of(f"https://localhost:{here.port}", tls), app=launch.app())
    assert arrived_with(one, there) == (OWN if to_tls else {})


@pytest.mark.parametrize("host,kept", [("127.0.0.1", True), ("localhost", False)], ids=["the same host", "another host"])
def test_the_token_of_an_http_binding_stays_with_its_host(launch, host, kept):
    there = launch.app().on("/to", reply(200, b"arrived"))
    here = launch.app().on("/from", reply(307, Location=f"http://{host}:{there.port}/to"))
    out = component("out", "bindings.http", url=f"http://127.0.0.1:{here.port}/from", securityToken="t0ken", securityTokenHeader="X-Token")
    one = launch.sidecar(resources=[out])
    got = one.post("/v1.0/bindings/out", {"operation": "post", "data": "body", "metadata": {"Authorization": "Bearer abc"}})
    assert (got.status, got.body) == (200, b"arrived"), got
    call, = there.calls("/to")
    assert (call.method, call.body) == ("POST", b'"body"')
    assert (call.header("x-token") == "t0ken", call.header("authorization") == "Bearer abc") == (kept, kept)


@pytest.mark.parametrize("status,answer", [(302, (200, "GET", b"")), (307, (307, None, None))], ids=["302 asks anew", "307 wants the body again, which is gone"])
def test_an_endpoint_repeats_no_body(launch, status, answer):
    app = launch.app().on("/from", reply(status, Location="/to")).on("/to", reply(200))
    got = launch.sidecar(resources=endpoint_of(f"http://127.0.0.1:{app.port}"), app=app).invoke("outside", "from", body=b"text")
    calls = app.calls("/to")
    assert (got.status, *((calls[0].method, calls[0].body) if calls else (None, None))) == answer
