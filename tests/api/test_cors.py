"""CORS by --allowed-origins (contract 01, 1.7)."""
import pytest

ORIGIN = "http://one.example"
PREFLIGHT_VARY = "Origin, Access-Control-Request-Method, Access-Control-Request-Headers"


@pytest.fixture(scope="module", params=["none", "any", "list"])
def world(request, launch_module):
    origins = {"none": (), "any": ("--allowed-origins", "*"), "list": ("--allowed-origins", "http://one.example,https://*.two.example, http://three.example")}[request.param]
    return request.param, launch_module.sidecar(f"cors-{request.param}", flags=origins, env={"DAPR_API_TOKEN": "t"})


# origin -> what Access-Control-Allow-Origin is with `any` and with the list
ORIGINS = [(ORIGIN, "*", ORIGIN), ("HTTP://ONE.example", "*", "HTTP://ONE.example"), ("https://a.two.example", "*", "https://a.two.example"), ("https://two.example", "*", None),
           ("http://three.example", "*", None), ("http://one.example.evil", "*", None), (None, None, None)]


@pytest.mark.parametrize("origin,any_,listed", ORIGINS, ids=[str(row[0]) for row in ORIGINS])
def test_an_actual_request(world, origin, any_, listed):
    kind, one = world
    got = one.get("/v1.0/healthz", [("Origin", origin)] if origin else [])
    want = {"none": None, "any": any_, "list": listed}[kind]
    assert got.status == 204
    assert got.header("access-control-allow-origin") == want
    assert got.header("vary") == (None if kind == "none" else "Origin")
    assert got.header("access-control-allow-credentials") is None


@pytest.mark.parametrize("origin,any_,listed", ORIGINS, ids=[str(row[0]) for row in ORIGINS])
def test_a_preflight_is_answered_before_the_token_is_asked_for(world, origin, any_, listed):
    kind, one = world
    headers = [("Access-Control-Request-Method", "PUT"), ("Access-Control-Request-Headers", "x-a, content-type")] + ([("Origin", origin)] if origin else [])
    got = one.request("OPTIONS", "/v1.0/state/any/path", headers)
    if kind == "none":
        assert got.status == 401  # an ordinary request
        return
    want = {"any": any_, "list": listed}[kind]
    assert (got.status, got.body, got.header("content-length")) == (200, b"", "0")
    assert got.header("vary") == PREFLIGHT_VARY
    assert got.header("access-control-allow-origin") == want
    assert got.header("access-control-allow-methods") == ("PUT" if want else None)
    assert got.header("access-control-allow-headers") == ("X-A, Content-Type" if want else None)
    assert got.header("access-control-max-age") is None


METHODS = [("GET", True), ("HEAD", True), ("POST", True), ("PUT", True), ("PATCH", True), ("DELETE", True), ("OPTIONS", True), ("CONNECT", False), ("FROB", False)]


@pytest.mark.parametrize("method,allowed", METHODS)
def test_methods_of_a_preflight(world, method, allowed):
    kind, one = world
    if kind == "none":
        return
    got = one.request("OPTIONS", "/x", [("Access-Control-Request-Method", method), ("Origin", ORIGIN)])
    assert (got.status, got.header("access-control-allow-methods")) == (200, method if allowed else None)
    assert (got.header("access-control-allow-origin") is not None) == allowed
    assert got.header("access-control-allow-headers") is None


def test_a_refused_request_has_the_headers_too(world):
    kind, one = world
    got = one.get("/v1.0/metadata", [("Origin", ORIGIN)])
    assert (got.status, got.header("access-control-allow-origin")) == (401, {"none": None, "any": "*", "list": ORIGIN}[kind])


def test_options_without_a_requested_method_is_no_preflight(world):
    kind, one = world
    assert one.request("OPTIONS", "/v1.0/metadata", [("Origin", ORIGIN), ("dapr-api-token", "t")]).status == 404
