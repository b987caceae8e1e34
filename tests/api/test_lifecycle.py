"""Readiness, stopping, and what is answered meanwhile (contract 06, 2.1 to 2.5; 01, sections 3 and 4)."""
import http.client, signal, threading, time

import pytest

from application import Reply, reply
from sidecar import component, free_port, wait_until

FALLBACK = "failed getting app id either from the URL path or the header dapr-app-id"


def test_not_ready_until_the_application_listens(launch):
    port = free_port()
    one = launch.sidecar(app=port, ready="/v1.0/healthz/outbound", resources=[component("s", "state.in-memory")])
    status, code, message = one.get("/v1.0/healthz").error()
    assert (status, code) == (500, "ERR_HEALTH_NOT_READY") and message == "dapr is not ready: [runtime]"
    assert one.get("/v1.0/healthz?appid=other").error()[1] == "ERR_HEALTH_NOT_READY"  # readiness comes first
    assert one.post("/v1.0/state/s", [{"key": "a", "value": 1}]).status == 204
    launch.app(port)
    one.wait_ready()


@pytest.mark.parametrize("query,status", [("", 204), ("?appid=app", 204), ("?appid=x", 500), ("?appid=", 500), ("?appid=APP", 500), ("?other=x", 204)])
def test_health_with_an_id(launch, query, status):
    got = launch.sidecar().get("/v1.0/healthz" + query)
    assert got.status == status
    if status == 500:
        assert got.error() == (500, "ERR_HEALTH_APPID_NOT_MATCH", "dapr app-id does not match")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
@pytest.mark.parametrize("path", ["/v1.0/healthz", "/v1.0/healthz/outbound"])
def test_health_is_a_get(launch, method, path):
    assert launch.sidecar().request(method, path).error() == (404, "ERR_DIRECT_INVOKE", FALLBACK)


@pytest.mark.parametrize("headers,code", [([], 0), ([("dapr-force-shutdown", "true")], 1), ([("dapr-force-shutdown", "TRUE")], 1), ([("dapr-force-shutdown", "1")], 0), ([("dapr-force-shutdown", "yes")], 0)], ids=str)
def test_shutdown_over_the_api(launch, headers, code):
    one = launch.sidecar()
    got = one.request("POST", "/v1.0/shutdown", headers, body=b"ignored")
    assert (got.status, got.body) == (204, b"")
    assert one.wait() == code
    assert ("Shutdown requested via API" in one.log()) == (code == 0) or "Force shutdown requested" in one.log()


def held(launch, **settings):
    """(sidecar, application, event that lets the answer of /slow go)."""
    go = threading.Event()

    def slow(call):
        go.wait(60)
        return reply(200, b"done")

    app = launch.app().on("/.*", reply(200)).on("/slow", slow).on("/dapr/subscribe", reply(json_body=[]))
    return launch.sidecar(app=app, **settings), app, go


def in_background(work):
    box = []

    def run():
        try:
            box.append(work())
        except (OSError, http.client.HTTPException) as e:
            box.append(e)
    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread, box


def test_a_request_in_flight_is_answered(launch):
    one, app, go = held(launch)
    thread, box = in_background(lambda: one.invoke("app", "slow", body="x"))
    app.wait_for("/slow")
    one.signal(signal.SIGTERM)
    one.says("beginning shutdown")

    def refused():
        try:
            one.connect(1).close()
            return False
        except OSError:
            return True
    wait_until(refused, "new connections to be refused")
    go.set()
    thread.join(30)
    assert (box[0].status, box[0].body) == (200, b"done")
    assert box[0].header("connection") == "close"
    assert one.wait() == 0


def test_the_grace_period_ends_what_does_not_end(launch):
    one, app, go = held(launch, flags=("--dapr-graceful-shutdown-seconds", 1))
    in_background(lambda: one.invoke("app", "slow", body="x"))
    app.wait_for("/slow")
    one.signal(signal.SIGTERM)
    assert one.wait() == 1
    assert "Graceful shutdown timeout exceeded, forcing shutdown" in one.log()
    go.set()


def test_a_second_signal_ends_it_at_once(launch):
    one, app, go = held(launch, flags=("--dapr-graceful-shutdown-seconds", 60))
    in_background(lambda: one.invoke("app", "slow", body="x"))
    app.wait_for("/slow")
    one.signal(signal.SIGTERM)
    one.says("beginning shutdown")
    one.signal(signal.SIGTERM)
    assert one.wait() == 1
    assert "Received signal 'terminated' during shutdown; exiting immediately" in one.log()
    go.set()


def test_the_block_phase_ends_after_its_time(launch):
    one, app, go = held(launch, flags=("--dapr-block-shutdown-duration", "1s"), resources=[component("s", "state.in-memory")])
    go.set()
    begun = time.monotonic()
    one.signal(signal.SIGTERM)
    assert one.wait() == 0
    assert time.monotonic() - begun > 0.9
    assert "Blocking graceful shutdown for 1s or until app reports unhealthy..." in one.log()
    lines = ["Blocking graceful shutdown", "Block shutdown period expired, entering shutdown...", "Dapr is shutting down", "Shutting down component", "Dapr runtime stopped"]
    assert sorted(lines, key=one.log().index) == lines


def test_the_block_phase_stops_input_and_keeps_serving_until_the_application_is_unhealthy(launch):
    flags = ("--dapr-block-shutdown-duration", "60s", "--enable-app-health-check", "--app-health-probe-interval", 2, "--app-health-probe-timeout", 1900, "--app-health-threshold", 1)
    one, app, go = held(launch, flags=flags, resources=[component("tick", "bindings.cron", schedule="@every 100ms", direction="input"), component("s", "state.in-memory")])
    go.set()
    app.wait_for("/tick", 2, "POST")
    one.signal(signal.SIGTERM)
    one.says("Blocking graceful shutdown for 1m0s or until app reports unhealthy...")
    wait_until(lambda: one.get("/v1.0/healthz").status == 500, "healthz to say so")
    assert one.get("/v1.0/healthz").error()[:2] == (500, "ERR_HEALTH_NOT_READY")
    assert one.post("/v1.0/state/s", [{"key": "a", "value": 1}]).status == 204
    app.forget()
    time.sleep(0.5)
    assert len(app.calls("/tick", "POST")) <= 1
    app.on("/healthz", Reply(500))
    assert one.wait() == 0
    assert "App reported unhealthy, entering shutdown..." in one.log()


def test_the_api_skips_the_block_phase(launch):
    one, _, go = held(launch, flags=("--dapr-block-shutdown-duration", "60s"))
    go.set()
    one.request("POST", "/v1.0/shutdown")
    assert one.wait() == 0


def test_it_starts_again_on_the_same_ports_at_once(launch):
    one = launch.sidecar()
    for _ in range(3):
        assert one.stop() == 0
        one.start()
    one.kill()
    one.start()
    assert one.get("/v1.0/healthz").status == 204


@pytest.mark.parametrize("key,value", [("a", b"v"), ("a%20b", b"v w"), ("a", b""), ("a+b", b"v")])
def test_metadata_is_set_and_read(launch, key, value):
    one = launch.sidecar()
    assert one.request("PUT", f"/v1.0/metadata/{key}", body=value).status == 204
    assert one.get("/v1.0/metadata").json["extended"][key.replace("%20", " ").replace("+", " ")] == value.decode()


def test_metadata_of_a_plain_sidecar(launch):
    got = launch.sidecar(resources=[component("s", "state.in-memory")]).get("/v1.0/metadata")
    assert got.body.endswith(b"\n") and got.header("content-type") == "application/json"
    document = got.json
    assert (document["id"], document["runtimeVersion"], document["extended"]) == ("app", "1.18.3", {"daprRuntimeVersion": "1.18.3"})
    assert document["components"] == [{"name": "s", "type": "state.in-memory", "version": "v1", "capabilities": ["ETAG", "TRANSACTIONAL", "TTL", "DELETE_WITH_PREFIX", "KEYS_LIKE", "ACTOR"]}]
    assert document["appConnectionProperties"]["protocol"] == "http" and "port" not in document["appConnectionProperties"]
