"""API token, application token and the lists of allowed and denied APIs (contract 01, 1.8; 06, 3.4 and 5.6)."""
import pytest

from application import echo, reply
from sidecar import component

TOKEN = {"dapr-api-token": "sesame"}


@pytest.fixture(scope="module")
def guarded(launch_module):
    app = launch_module.app().on(".*", echo)
    return launch_module.sidecar("guarded", app=app, resources=[component("store", "state.in-memory")], env={"DAPR_API_TOKEN": "sesame"}), app


REFUSED = [("GET", "/v1.0/metadata"), ("GET", "/v1.0/state/store/a"), ("POST", "/v1.0/state/store"), ("POST", "/v1.0/publish/x/y"), ("POST", "/v1.0/shutdown"), ("GET", "/nope"), ("GET", "/"),
           ("POST", "/v1.0/invoke/guarded/method/x"), ("POST", "/v1.0/healthz"), ("HEAD", "/v1.0/healthz"), ("GET", "/v1.0//healthz"), ("GET", "/v1.0/x/../healthz"), ("GET", "/v1.0/healthz/x")]


@pytest.mark.parametrize("headers", [[], [("dapr-api-token", "wrong")], [("dapr-api-token", "")], [("dapr-api-token", "Sesame")], [("dapr-api-token", "wrong"), ("dapr-api-token", "sesame")]],
                         ids=["none", "wrong", "empty", "case", "second of two"])
@pytest.mark.parametrize("method,path", REFUSED)
def test_refused(guarded, method, path, headers):
    got = guarded[0].request(method, path, headers)
    assert (got.status, got.header("content-type"), got.header("x-content-type-options")) == (401, "text/plain; charset=utf-8", "nosniff")
    assert got.body == (b"" if method == "HEAD" else b"invalid api token\n")


@pytest.mark.parametrize("path", ["/v1.0/healthz", "/v1.0/healthz/", "//v1.0/healthz", "/v1.0/healthz/outbound", "/v1.0/healthz?appid=guarded"])
def test_health_is_exempt(guarded, path):
    assert guarded[0].get(path).status == 204


def test_admitted_and_not_forwarded(guarded):
    one, app = guarded
    assert one.get("/v1.0/metadata", TOKEN).status == 200
    assert one.get("/v1.0/metadata", [("dapr-api-token", "sesame"), ("dapr-api-token", "wrong")]).status == 200
    app.forget()
    assert one.invoke("guarded", "x", headers=TOKEN).status == 200
    assert app.calls("/x")[0].header("dapr-api-token") is None


def test_a_token_nobody_asked_for_is_forwarded(launch):
    app = launch.app().on(".*", reply(200))
    launch.sidecar(app=app).invoke("app", "x", headers=TOKEN)
    assert app.calls("/x")[0].all("dapr-api-token") == ["sesame"]


def test_metrics_and_the_public_port_ask_for_no_token(launch):
    from sidecar import free_port
    public = free_port()
    one = launch.sidecar(env={"DAPR_API_TOKEN": "sesame"}, flags=("--dapr-public-port", public, "--dapr-public-listen-address", "127.0.0.1"))
    assert one.get("/v1.0/metadata", port=public).status == 200
    assert one.get("/v1.0/healthz", port=public).status == 204
    assert one.get("/v1.0/state/x/y", port=public).status == 404
    assert one.get("/", port=one.metrics).status == 200


def test_the_token_of_the_application_on_calls_but_not_on_probes(launch):
    app = launch.app().on(".*", reply(200, json_body=[])).on("/healthz", reply(200))
    one = launch.sidecar(app=app, resources=[component("ps", "pubsub.in-memory")], env={"APP_API_TOKEN": "open"}, flags=("--enable-app-health-check", "--app-health-probe-interval", 1, "--app-health-probe-timeout", 900))
    app.wait_for("/healthz")
    app.wait_for("/dapr/subscribe")
    one.invoke("app", "x")
    seen = {r.path: r.all("dapr-api-token") for r in app.calls()}
    assert seen["/healthz"] == []
    assert (seen["/dapr/config"], seen["/dapr/subscribe"], seen["/x"]) == (["open"], ["open"], ["open"])


def rules(**lists):
    text = "spec:\n  api:\n"
    for name, items in lists.items():
        text += f"    {name}:\n" + "".join(f"    - {{name: {n}, version: {v}, protocol: {p}}}\n" for n, v, p in items)
    return text


PROBES = {"state": ("GET", "/v1.0/state/store/a"), "query": ("POST", "/v1.0-alpha1/state/store/query"), "publish": ("POST", "/v1.0/publish/nope/t"), "bulk": ("POST", "/v1.0-alpha1/publish/bulk/nope/t"),
          "bindings": ("POST", "/v1.0/bindings/nope"), "secrets": ("GET", "/v1.0/secrets/nope/a"), "metadata": ("GET", "/v1.0/metadata"), "invoke": ("GET", "/v1.0/invoke/app/method/x"), "health": ("GET", "/v1.0/healthz")}

# lists -> the probes that are still there
ACCESS = [
    ("allow state v1", {"allowed": [("state", "v1", "http")]}, {"state"}),
    ("allow state v1.0", {"allowed": [("state", "v1.0", "http")]}, {"state"}),
    ("allow alpha state", {"allowed": [("state", "v1alpha1", "http")]}, {"query"}),
    ("allow by path prefix", {"allowed": [("s", "v1.0", "http")]}, {"state", "secrets"}),
    ("allow two", {"allowed": [("publish", "v1", "http"), ("invoke", "v1", "http")]}, {"publish", "invoke"}),
    ("protocol without case", {"allowed": [("metadata", "v1", "HTTP")]}, {"metadata"}),
    ("grpc rules do not count", {"allowed": [("state", "v1", "grpc")]}, set(PROBES) - {"health"}),
    ("unknown rule shuts everything", {"allowed": [("nothing", "v1", "http")]}, set()),
    ("deny state", {"denied": [("state", "v1", "http")]}, set(PROBES) - {"health", "state"}),
    ("deny alpha publish", {"denied": [("publish", "v1alpha1", "http")]}, set(PROBES) - {"health", "bulk"}),
    ("denied wins", {"allowed": [("state", "v1", "http"), ("metadata", "v1", "http")], "denied": [("state", "v1.0", "http")]}, {"metadata"}),
    ("health cannot be denied", {"denied": [("healthz", "v1", "http")]}, set(PROBES) - {"health"}),
]


@pytest.mark.parametrize("lists,there", [row[1:] for row in ACCESS], ids=[row[0] for row in ACCESS])
def test_lists_of_apis(launch, lists, there):
    one = launch.sidecar(app=launch.app().on(".*", reply(200, b"app")), resources=[component("store", "state.in-memory")], config=rules(**lists))
    got = {name: one.request(method, path, body=b"{}" if method == "POST" else None) for name, (method, path) in PROBES.items()}
    if "invoke" in there:
        gone = {name for name, a in got.items() if a.status == 404 and b"failed getting app id" in a.body}
    else:
        gone = {name for name, a in got.items() if (a.status == 404 and a.body == b"404 page not found\n" and a.header("content-type") == "text/plain; charset=utf-8") or (a.status == 405 and a.header("allow"))}
    assert set(PROBES) - gone == there | {"health"}
