"""HTTP middleware in both directions (contract 01, section 7)."""
import json

import pytest

from application import reply, streams
from sidecar import component, free_port, run_daemon, wait_until


def pipeline(http=(), app=()):
    def handlers(names):
        return "[" + ", ".join(f"{{name: {name}, type: middleware.http.{kind}}}" for name, kind in names) + "]"
    return f"spec:\n  httpPipeline: {{handlers: {handlers(http)}}}\n  appHttpPipeline: {{handlers: {handlers(app)}}}\n"


def middleware(name, kind, **settings):
    return component(name, f"middleware.http.{kind}", settings)


def test_bodies_stream_through_a_middleware_both_ways(launch):
    app = launch.app()

    @streams
    def shout(call):
        call.start(200, [("Content-Type", "text/x")])
        for piece in call.pieces():
            call.send(b"got " + str(len(piece)).encode() + b" ")
            call.send(piece[:4] + b" " + piece[-4:])
        call.end()
    app.on("/shout", shout, "POST")
    one = launch.sidecar(app=app, resources=[middleware("up", "uppercase", direction="both")], config=pipeline([("up", "uppercase")]))
    size = 3 << 20
    got = one.post("/v1.0/invoke/app/method/shout", body=b"abcd" * (size // 4))
    assert got.status == 200
    assert b"GOT" in got.body and b"ABCD" in got.body and b"got" not in got.body and b"abcd" not in got.body


def test_an_empty_body_and_a_head_request_pass(launch):
    app = launch.app()
    app.on("/x", reply(200, b"abc"))
    one = launch.sidecar(app=app, resources=[middleware("up", "uppercase", direction="both")], config=pipeline([("up", "uppercase")], [("up", "uppercase")]))
    assert one.get("/v1.0/invoke/app/method/x").body == b"ABC"
    head = one.request("HEAD", "/v1.0/invoke/app/method/x")
    assert (head.status, head.body) == (200, b"")
    assert one.request("PUT", "/v1.0/metadata/k", body=b"").status == 204


@pytest.mark.parametrize("where", ["api", "application"])
def test_a_body_that_changes_its_length_is_an_error_not_a_hang(launch, where):
    app = launch.app()
    app.on("/x", reply(200, b"ok"))
    stage = [("up", "uppercase")]
    one = launch.sidecar(app=app, resources=[middleware("up", "uppercase")], config=pipeline(stage) if where == "api" else pipeline((), stage))
    for body in ("\u0131", "\u0250"):  # one becomes shorter, the other longer
        got = one.post("/v1.0/invoke/app/method/x", body=body.encode())
        assert got.status == 500
        assert f"http: ContentLength={len(body.encode())} with Body length {len(body.upper().encode())}" in got.error()[2]
    assert one.post("/v1.0/invoke/app/method/x", body=b"fits").status == 200


def test_the_token_is_asked_for_before_the_pipeline_and_refusals_are_not_logged(launch):
    one = launch.sidecar(resources=[middleware("check", "routerchecker", rule="^/v1")], config=pipeline([("check", "routerchecker")]),
                         env={"DAPR_API_TOKEN": "t"}, flags=("--enable-api-logging",))
    assert one.get("/nope").status == 401
    refused = one.get("/nope", [("dapr-api-token", "t")])
    assert (refused.status, refused.body, refused.header("content-type")) == (400, b"invalid router", "text/plain; charset=utf-8")
    assert one.get("/v1.0/nope", [("dapr-api-token", "t")]).status == 404
    one.says("GET /v1.0/nope")
    assert "GET /nope" not in one.log()


def test_cors_headers_stand_on_a_refusal(launch):
    one = launch.sidecar(resources=[middleware("check", "routerchecker", rule="^/v1")], config=pipeline([("check", "routerchecker")]), flags=("--allowed-origins", "*"))
    got = one.get("/nope", [("Origin", "http://a.example")])
    assert (got.status, got.header("access-control-allow-origin")) == (400, "*")


def test_the_public_port_has_no_pipeline(launch):
    public = free_port()
    one = launch.sidecar(resources=[middleware("check", "routerchecker", rule="never")], config=pipeline([("check", "routerchecker")]), ready="",
                         flags=("--dapr-public-port", public, "--dapr-public-listen-address", "127.0.0.1"))
    one.says("dapr initialized")
    assert one.get("/v1.0/healthz").status == 400
    assert one.get("/v1.0/healthz", port=public).status == 204


def test_a_reply_in_the_application_pipeline_is_the_applications_answer(launch):
    app = launch.app()
    app.on("/fine", reply(200, b"ok"))
    endpoint = f"apiVersion: dapr.io/v1alpha1\nkind: HTTPEndpoint\nmetadata: {{name: outside}}\nspec: {{baseUrl: 'http://127.0.0.1:{app.port}'}}\n"
    front, back, _ = launch.pair(app, callee={"resources": [middleware("check", "routerchecker", rule="fine|dapr"), endpoint], "config": pipeline((), [("check", "routerchecker")])})
    for sidecar, target in ((front, "back"), (back, "back"), (back, "outside")):
        assert sidecar.post(f"/v1.0/invoke/{target}/method/fine", body=b"x").body == b"ok"
        got = sidecar.post(f"/v1.0/invoke/{target}/method/other", body=b"x")
        assert (got.status, got.body, got.header("content-type")) == (400, b"invalid router", "text/plain; charset=utf-8")
    assert app.calls("/other") == []


def test_redirects_of_an_endpoint_are_followed_behind_the_pipeline(launch):
    app = launch.app()
    app.on("/from", reply(302, location="/to"))
    app.on("/to", reply(200, b"there"))
    endpoint = f"apiVersion: dapr.io/v1alpha1\nkind: HTTPEndpoint\nmetadata: {{name: outside}}\nspec: {{baseUrl: 'http://127.0.0.1:{app.port}'}}\n"
    one = launch.sidecar(resources=[middleware("up", "uppercase", direction="response"), endpoint], config=pipeline((), [("up", "uppercase")]))
    assert one.get("/v1.0/invoke/outside/method/from").body == b"THERE"


def test_events_to_the_application_pass_the_pipeline_and_probes_do_not(launch):
    app = launch.app()
    app.on("/health", reply(200))
    app.on("/dapr/subscribe", reply(200, json_body=[{"pubsubname": "bus", "topic": "t", "route": "/t"}]))
    app.on("/t", reply(200))
    rule = "^/(t|dapr/.*)$"
    one = launch.sidecar(app=app, resources=[middleware("check", "routerchecker", rule=rule), middleware("up", "uppercase"), component("bus", "pubsub.in-memory")],
                         config=pipeline((), [("check", "routerchecker"), ("up", "uppercase")]),
                         flags=("--enable-app-health-check", "--app-health-check-path", "/health", "--app-health-probe-interval", "1"))
    app.wait_for("/dapr/subscribe")

    def delivered():  # the first ones may come before the subscription stands
        assert one.post("/v1.0/publish/bus/t", json_body={"a": "b"}).status == 204
        return app.calls("/t")
    wait_until(delivered, "a delivery", step_s=0.1)
    assert b'"DATA":{"A":"B"}' in app.calls("/t")[0].body
    assert app.calls("/health")


def test_sentinel_blocks_by_its_rules(launch):
    rules = json.dumps([{"resource": "GET:/v1.0/metadata", "threshold": 2, "statIntervalInMs": 10000}])  # its parts slide, while a longer time begins anew at once
    one = launch.sidecar(resources=[middleware("s", "sentinel", appName="a", flowRules=rules)], config=pipeline([("s", "sentinel")]))
    answers = [one.get("/v1.0/metadata") for _ in range(3)]
    assert [a.status for a in answers] == [200, 200, 429]
    assert answers[2].body == b"Too Many Requests"
    assert one.get("/v1.0/healthz").status == 204


@pytest.mark.parametrize("kind", ["opa", "wasm", "nosuch"])
def test_a_type_that_is_not_here_is_refused_with_the_list_of_what_is(kind, tmp_path):
    (tmp_path / "m.yaml").write_text(middleware("m", kind))
    code, out, err = run_daemon("--app-id", "a", "--resources-path", tmp_path, "--dapr-http-port", free_port(), "--dapr-grpc-port", free_port(), "--metrics-port", free_port())
    assert code == 1
    text = f"HTTP middleware middleware.http.{kind}/v1 has not been registered; there are middleware.http."
    assert text in out + err
    assert "middleware.http.uppercase" in (out + err).split(text, 1)[1]


def test_a_login_ends_in_requests_with_a_token(launch):
    server = launch.app()
    server.on("/token", reply(200, json_body={"access_token": "tok", "token_type": "bearer"}))
    app = launch.app()
    app.on("/x", reply(200, b"ok"))
    login = middleware("o", "oauth2", clientID="id", clientSecret="s", scopes="a", authURL="http://login/auth", tokenURL=f"http://127.0.0.1:{server.port}/token",
                       redirectURL="http://here/back", authHeaderName="x-auth", pathFilter="/x")
    one = launch.sidecar(app=app, resources=[login], config=pipeline([("o", "oauth2")]))
    path = "/v1.0/invoke/app/method/x"
    sent = one.get(path + "?a=b")
    state, cookie = sent.header("location").split("state=")[1], sent.header("set-cookie").split(";")[0]
    assert (sent.status, sent.header("location").split("?")[0]) == (302, "http://login/auth")
    back = one.get(f"{path}?state={state}&code=c", [("Cookie", cookie)])
    assert (back.status, back.header("location"), back.body) == (302, path + "?a=b", b"")
    assert app.calls("/x") == []
    assert one.get(path, [("Cookie", cookie)]).body == b"ok"
    assert app.calls("/x")[0].header("x-auth") == "Bearer tok"
    assert server.calls("/token")[0].header("authorization") == "Basic aWQ6cw=="


def test_two_rate_limits_on_one_way_both_tell_their_own(launch):
    limits = [middleware("one", "ratelimit", maxRequestsPerSecond="5"), middleware("two", "ratelimit", maxRequestsPerSecond="7")]
    app = launch.app().on("/x", reply(200, b"ok", X_Rate_Limit_Limit="mine"))
    front, _, _ = launch.pair(app, caller={"resources": limits, "config": pipeline([("one", "ratelimit"), ("two", "ratelimit")])},
                              callee={"resources": limits, "config": pipeline(app=[("one", "ratelimit")])})
    assert front.invoke("back", "x", "GET").all("x-rate-limit-limit") == ["5.00", "7.00", "5.00", "mine"]
