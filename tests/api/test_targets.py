"""Finding the target and the method of an invocation (contract 01, 5.1 and 5.2), one case per row."""
import base64, json, ssl, subprocess

import pytest

from application import echo, reply

NO_APP_ID = (404, "ERR_DIRECT_INVOKE", "failed getting app id either from the URL path or the header dapr-app-id")


def basic(text):
    return ("Authorization", "Basic " + base64.b64encode(text.encode()).decode())


@pytest.fixture(scope="module")
def world(launch_module):
    app = launch_module.app().on(".*", echo)
    endpoint = f"apiVersion: dapr.io/v1alpha1\nkind: HTTPEndpoint\nmetadata: {{name: outside}}\nspec:\n  baseUrl: http://127.0.0.1:{app.port}/base\n  headers:\n  - {{name: X-Key, value: secret}}\n"
    front, back, _ = launch_module.pair(app, caller={"resources": endpoint, "app": launch_module.app().on(".*", echo)})
    return front, back, app


# source of the target | method | request path | headers | (path, query) that the application gets
FOUND = [
    ("header", "GET", "/hello", [("dapr-app-id", "back")], ("/hello", "")),
    ("header with a query", "GET", "/a/b?x=1&y=%20z", [("dapr-app-id", "back")], ("/a/b", "x=1&y=%20z")),
    ("header, path is cleaned", "POST", "/a//b/../c/", [("dapr-app-id", "back")], ("/a/c", "")),
    ("header at the root", "GET", "/", [("dapr-app-id", "back")], ("/", "")),
    ("header wins over the path", "GET", "/v1.0/invoke/front/method/x", [("dapr-app-id", "back")], ("/v1.0/invoke/front/method/x", "")),
    ("header wins over basic", "GET", "/x", [("dapr-app-id", "back"), basic("dapr-app-id:front")], ("/x", "")),
    ("basic", "GET", "/x", [basic("dapr-app-id:back")], ("/x", "")),
    ("basic, user in capitals", "GET", "/x", [basic("DAPR-App-Id:back")], ("/x", "")),
    ("path", "PUT", "/v1.0/invoke/back/method/a/b", [], ("/a/b", "")),
    ("path, method with slashes to clean", "GET", "/v1.0/invoke/back/method//a//b/./c/../d/", [], ("/a/b/d", "")),
    ("path, repeated slashes in the prefix", "GET", "//v1.0//invoke//back/method/x", [], ("/x", "")),
    ("path, escaped target", "GET", "/v1.0/invoke/%62ack/method/x", [], ("/x", "")),
    ("path, own namespace", "GET", "/v1.0/invoke/back.default/method/x", [], ("/x", "")),
    ("path, root of the app", "GET", "/v1.0/invoke/back/method/", [], ("/", "")),
    ("path, `/method/` inside the method", "GET", "/v1.0/invoke/back/method/a/method/b", [], ("/a/method/b", "")),
    ("space survives escaped", "GET", "/v1.0/invoke/back/method/a%20b", [], ("/a%20b", "")),
    ("escaped slash arrives as slash", "GET", "/v1.0/invoke/back/method/a%2Fb", [], ("/a/b", "")),
    ("escaped percent loses one level", "GET", "/v1.0/invoke/back/method/a%252Fb", [], ("/a%2Fb", "")),
    ("escaped dots are resolved", "GET", "/v1.0/invoke/back/method/a/%2e%2e/b", [], ("/b", "")),
    ("leading dots are stripped", "GET", "/v1.0/invoke/back/method/../../b", [], ("/b", "")),
    ("query byte for byte", "GET", "/v1.0/invoke/back/method/x?a=%zz&&b=+&c", [], ("/x", "a=%zz&&b=+&c")),
    ("URL in the path", "GET", "/v1.0/invoke/{url}/method/x?q=1", [], ("/x", "q=1")),
    ("URL escaped", "GET", "/v1.0/invoke/{escaped}/method/x", [], ("/x", "")),
    ("HTTPEndpoint", "GET", "/v1.0/invoke/outside/method/x", [], ("/base/x", "")),
    ("HTTPEndpoint by header", "GET", "/x", [("dapr-app-id", "outside")], ("/base/x", "")),
]


def filled(path, app):
    return path.replace("{url}", f"http://127.0.0.1:{app.port}").replace("{escaped}", f"http%3A%2F%2F127.0.0.1:{app.port}")


@pytest.mark.parametrize("method,path,headers,want", [row[1:] for row in FOUND], ids=[row[0] for row in FOUND])
def test_finds_the_target_and_the_method(world, method, path, headers, want):
    front, _, app = world
    app.forget()
    got = front.request(method, filled(path, app), headers, body="x" if method in ("POST", "PUT") else None)
    assert got.status == 200, got.body
    (received,) = app.calls()
    assert (received.method, received.path, received.query) == (method, *want)
    assert received.header("dapr-app-id") is None


# no target in it
LOST = [
    ("no method part", "GET", "/v1.0/invoke/back", []),
    ("no slash after method", "GET", "/v1.0/invoke/back/method", []),
    ("another word", "GET", "/v1.0/invoke/back/methods/x", []),
    ("another version", "GET", "/v1.0-alpha1/invoke/back/method/x", []),
    ("basic with another user", "GET", "/x", [basic("someone:back")]),
    ("basic without a colon", "GET", "/x", [basic("dapr-app-id")]),
    ("basic with two colons", "GET", "/x", [basic("dapr-app-id:back:x")]),
    ("basic that is no base64", "GET", "/x", [("Authorization", "Basic !!!")]),
    ("bearer", "GET", "/x", [("Authorization", "Bearer dapr-app-id:back")]),
    ("empty header", "GET", "/x", [("dapr-app-id", "")]),
]


@pytest.mark.parametrize("method,path,headers", [row[1:] for row in LOST], ids=[row[0] for row in LOST])
def test_no_target(world, method, path, headers):
    assert world[0].request(method, path, headers).error() == NO_APP_ID


@pytest.mark.parametrize("verb,arrives", [("GET", "GET"), ("POST", "POST"), ("PUT", "PUT"), ("DELETE", "DELETE"), ("OPTIONS", "OPTIONS"), ("TRACE", "TRACE"),
                                          ("PATCH", "PATCH"), ("PROPFIND", "POST"), ("FROB", "POST")])
@pytest.mark.parametrize("target", ["back", "front"])
def test_verbs(world, verb, arrives, target):
    assert world[0].invoke(target, "x", verb).json["method"] == arrives


def test_head_has_no_body(world):
    front, _, app = world
    app.forget()
    got = front.invoke("back", "x", "HEAD")
    assert (got.status, got.body) == (200, b"")
    assert [r.method for r in app.calls()] == ["HEAD"]


def test_the_authorization_that_named_the_target_is_forwarded(world):
    front, _, app = world
    app.forget()
    front.get("/x", [basic("dapr-app-id:back")])
    assert app.calls()[0].header("authorization") == basic("dapr-app-id:back")[1]


def test_an_endpoint_gets_its_headers_and_no_caller(world):
    front, _, app = world
    app.forget()
    front.invoke("outside", "x", headers=[("X-Key", "of the client"), ("X-Other", "1")])
    (got,) = app.calls()
    assert (got.all("x-key"), got.header("x-other")) == (["secret"], "1")
    assert [n for n in ("dapr-caller-app-id", "dapr-callee-app-id", "x-forwarded-for", "forwarded") if got.header(n)] == []


def test_endpoints_follow_redirects_and_urls_do_not(launch):
    app = launch.app().on("/from", reply(302, Location="/to")).on("/to", reply(200, b"arrived"))
    endpoint = f"apiVersion: dapr.io/v1alpha1\nkind: HTTPEndpoint\nmetadata: {{name: outside}}\nspec: {{baseUrl: 'http://127.0.0.1:{app.port}'}}\n"
    one = launch.sidecar(resources=endpoint, app=app)
    assert one.invoke("outside", "from", "GET").body == b"arrived"
    by_url = one.get(f"/v1.0/invoke/http://127.0.0.1:{app.port}/method/from")
    assert (by_url.status, by_url.header("location")) == (302, "/to")
    assert one.invoke("app", "from", "GET").status == 302


def endpoint(name, url, *headers):
    return f"apiVersion: dapr.io/v1alpha1\nkind: HTTPEndpoint\nmetadata: {{name: {name}}}\nspec: {json.dumps({'baseUrl': url, 'headers': [{'name': k, 'value': v} for k, v in headers]})}\n"


@pytest.fixture(scope="module")
def odd(launch_module):
    """HTTPEndpoints whose URLs have parts beside host and path; {at} of a target is the application's address."""
    app = launch_module.app().on(".*", echo)
    at = f"127.0.0.1:{app.port}"
    resources = [endpoint("user", f"http://al%20i:s%40c@{at}/p"), endpoint("query", f"http://{at}?code=1"), endpoint("capitals", f"HTTP://{at}"),
                 endpoint("headers", f"http://{at}", ("Host", "elsewhere"), ("Authorization", "stated")), endpoint("nothing", ""), endpoint("other", "ftp://127.0.0.1:1"), endpoint("bare", at)]
    return launch_module.sidecar(app=app, resources=resources), app, at


# target | headers of the client | (path, query, Authorization) that the other side gets
URLS = [
    ("user", [], ("/p/x", "q=1", basic("al i:s@c")[1])),
    ("user", [("Authorization", "mine")], ("/p/x", "q=1", "mine")),
    ("http://u@{at}", [], ("/x", "q=1", basic("u:")[1])),
    ("query", [], ("/", "code=1/x?q=1", None)),
    ("capitals", [], ("/x", "q=1", None)),
    ("headers", [("Authorization", "mine")], ("/x", "q=1", "stated")),
]


@pytest.mark.parametrize("target,headers,want", URLS, ids=[f"{row[0]} {len(row[1])}" for row in URLS])
def test_parts_of_a_url(odd, target, headers, want):
    one, app, at = odd
    app.forget()
    assert one.get("/x?q=1", [("dapr-app-id", target.format(at=at)), *headers]).status == 200
    (got,) = app.calls()
    assert (got.path, got.query, got.header("authorization")) == want
    assert got.all("host") == [at]


@pytest.mark.parametrize("target,cause", [
    ("nothing", 'unsupported protocol scheme ""'),
    ("bare", 'unsupported protocol scheme ""'),
    ("other", 'unsupported protocol scheme "ftp"'),
    ("http://", "http: no Host in request URL"),
    ("http:///x", "http: no Host in request URL"),
    ("http://a b", 'parse "http://a b/x": invalid character in host name'),
])
def test_a_url_that_is_none(odd, target, cause):
    assert odd[0].get("/x", [("dapr-app-id", target)]).error() == (500, "ERR_DIRECT_INVOKE", f"failed to invoke, id: {target}, err: {cause}")


def own_certificate(folder, name):
    """(certificate, key) as files: its own authority, for localhost."""
    files = folder / f"{name}.pem", folder / f"{name}.key"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", f"/CN={name}",
                    "-addext", "subjectAltName=DNS:localhost", "-keyout", files[1], "-out", files[0]], check=True, capture_output=True)
    return files


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["TLS 1.2", "TLS 1.3"])
def test_a_client_certificate(launch, tmp_path, version):
    """What a server says of the certificate is passed on in the reference's words."""
    server, good, bad = (own_certificate(tmp_path, name) for name in ("server", "good", "bad"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*server)
    context.load_verify_locations(good[0])
    context.verify_mode, context.minimum_version, context.maximum_version = ssl.CERT_REQUIRED, version, version
    there = launch.app(tls=context).on("/x", reply(200, b"admitted"))

    def resource(name, own):
        values = {"rootCA": server[0], **({"certificate": own[0], "privateKey": own[1]} if own else {})}
        spec = {"baseUrl": f"https://localhost:{there.port}", "clientTLS": {k: {"value": v.read_text()} for k, v in values.items()}}
        return f"apiVersion: dapr.io/v1alpha1\nkind: HTTPEndpoint\nmetadata: {{name: {name}}}\nspec: {json.dumps(spec)}\n"

    one = launch.sidecar(resources=[resource("good", good), resource("bad", bad), resource("none", None)])
    assert one.invoke("good", "x", "GET").body == b"admitted"
    missing = "certificate required" if version == ssl.TLSVersion.TLSv1_3 else "handshake failure"
    for name, cause in (("bad", "unknown certificate authority"), ("none", missing)):
        assert one.invoke(name, "x", "GET").error() == (500, "ERR_DIRECT_INVOKE", f'failed to invoke, id: {name}, err: Get "https://localhost:{there.port}/x": remote error: tls: {cause}')
