"""Subscriptions: what the application says and what documents say (contract 03, 2.1 to 2.3; 01, 6.3 and 6.4)."""
import json

import pytest

from application import Reply, reply
from sidecar import component, wait_until

PS = component("ps", "pubsub.in-memory")


def document(name, topic, route=None, rules=(), version="v2alpha1", scopes=(), pubsub="ps", **spec):
    text = f"apiVersion: dapr.io/{version}\nkind: Subscription\nmetadata: {{name: {name}}}\nspec:\n  pubsubname: {pubsub}\n  topic: {topic}\n"
    if version == "v1alpha1":
        text += f"  route: {route}\n"
    else:
        text += f"  routes: {json.dumps({'rules': list(rules), **({'default': route} if route else {})})}\n"
    text += "".join(f"  {k}: {json.dumps(v)}\n" for k, v in spec.items())
    return text + (f"scopes: {json.dumps(list(scopes))}\n" if scopes else "")


def listed(one):
    return [(s["topic"], s["type"], [r["path"] for r in s.get("rules", [])]) for s in one.get("/v1.0/metadata").json.get("subscriptions", [])]


# answer of GET /dapr/subscribe -> (topic, paths) that are subscribed
ANSWERS = [
    ("a list", reply(json_body=[{"pubsubname": "ps", "topic": "t", "route": "/in"}]), [("t", ["/in"])]),
    ("names without case", reply(json_body=[{"pubsubName": "ps", "Topic": "t", "ROUTE": "in"}]), [("t", ["in"])]),
    ("unknown members", reply(json_body=[{"pubsubname": "ps", "topic": "t", "route": "/in", "other": {}}]), [("t", ["/in"])]),
    ("default of routes wins", reply(json_body=[{"pubsubname": "ps", "topic": "t", "route": "/a", "routes": {"default": "/b"}}]), [("t", ["/b"])]),
    ("rules, then the default", reply(json_body=[{"pubsubname": "ps", "topic": "t", "route": "/c", "routes": {"rules": [{"match": "event.type == 'x'", "path": "/a"}]}}]), [("t", ["/a", "/c"])]),
    ("no route at all", reply(json_body=[{"pubsubname": "ps", "topic": "t"}]), []),
    ("the last of two", reply(json_body=[{"pubsubname": "ps", "topic": "t", "route": "/a"}, {"pubsubname": "ps", "topic": "t", "route": "/b"}]), [("t", ["/b"])]),
    ("bytes after the list", Reply(200, b'[{"pubsubname":"ps","topic":"t","route":"/in"}] x'), [("t", ["/in"])]),
    ("empty body", Reply(200, b""), []), ("null", Reply(200, b"null"), []), ("empty list", Reply(200, b"[]"), []), ("404", Reply(404, b'[{"pubsubname":"ps","topic":"t","route":"/in"}]'), []), ("500", Reply(500, b"no"), []), ("204", Reply(204), []),
    ("no JSON", Reply(200, b"{bad"), []), ("another type", Reply(200, b'{"topic":"t"}'), []), ("metadata that is no text", Reply(200, b'[{"pubsubname":"ps","topic":"t","route":"/in","metadata":{"rawPayload":true}}]'), []),
]


@pytest.mark.parametrize("answer,want", [row[1:] for row in ANSWERS], ids=[row[0] for row in ANSWERS])
def test_answer_of_the_application(launch, answer, want):
    app = launch.app().on("/dapr/subscribe", answer)
    one = launch.sidecar(app=app, resources=[PS])
    (asked,) = app.calls("/dapr/subscribe")
    assert (asked.method, asked.header("dapr-app-id"), asked.header("content-type")) == ("GET", "app", "application/json")
    wait_until(lambda: listed(one) == [(t, "PROGRAMMATIC", p) for t, p in want], f"{want}, not {listed(one)}")
    assert one.get("/v1.0/healthz").status == 204


@pytest.mark.parametrize("flags,asked", [((), ["/dapr/config", "/dapr/subscribe"]), (("--disable-init-endpoints", "subscribe"), ["/dapr/config"]), (("--disable-init-endpoints", "config, Subscribe"), []),
                                         (("--disable-init-endpoints", "config"), ["/dapr/subscribe"])], ids=["all", "no subscribe", "none", "no config"])
def test_questions_at_the_start(launch, flags, asked):
    app = launch.app()
    launch.sidecar(app=app, resources=[PS], flags=flags)
    assert [r.path for r in app.calls() if r.path.startswith("/dapr/")] == asked


def test_nothing_is_asked_without_a_broker(launch):
    app = launch.app()
    launch.sidecar(app=app)
    assert [r.path for r in app.calls()] == ["/dapr/config"]


# documents | answer of the application | what is subscribed
SOURCES = [
    ("a document", [document("a", "t", "/in")], [], [("t", "DECLARATIVE", ["/in"])]),
    ("the old form", [document("a", "t", "/in", version="v1alpha1")], [], [("t", "DECLARATIVE", ["/in"])]),
    ("rules", [document("a", "t", "/in", [{"match": "event.type == 'x'", "path": "/x"}])], [], [("t", "DECLARATIVE", ["/x", "/in"])]),
    ("the first document wins", [document("a", "t", "/1"), document("b", "t", "/2")], [], [("t", "DECLARATIVE", ["/1"])]),
    ("a later one of the same name replaces", [document("a", "t", "/1"), document("a", "u", "/2")], [], [("u", "DECLARATIVE", ["/2"])]),
    ("the application replaces a document", [document("a", "t", "/doc")], [{"pubsubname": "ps", "topic": "t", "route": "/app"}], [("t", "PROGRAMMATIC", ["/app"])]),
    ("both", [document("a", "t", "/doc")], [{"pubsubname": "ps", "topic": "u", "route": "/app"}], [("t", "DECLARATIVE", ["/doc"]), ("u", "PROGRAMMATIC", ["/app"])]),
    ("in scope", [document("a", "t", "/in", scopes=["x", "app"])], [], [("t", "DECLARATIVE", ["/in"])]),
    ("out of scope", [document("a", "t", "/in", scopes=["x"])], [], []),
]


@pytest.mark.parametrize("documents,said,want", [row[1:] for row in SOURCES], ids=[row[0] for row in SOURCES])
def test_documents(launch, documents, said, want):
    app = launch.app().on("/.*", reply(200)).on("/dapr/subscribe", reply(json_body=said))
    one = launch.sidecar(app=app, resources=[PS] + documents)
    wait_until(lambda: listed(one) == want, f"{want}, not {listed(one)}")
    for topic, _, paths in want:
        assert one.post(f"/v1.0/publish/ps/{topic}", {"x": 1}).status == 204
        app.wait_for(paths[-1])


def test_a_rule_that_does_not_compile_ends_the_start(launch):
    one = launch.sidecar(app=launch.app(), resources=[PS, document("a", "t", "/in", [{"match": "event.type ==", "path": "/x"}])], ready="")
    assert one.wait() == 1


def test_a_denied_topic_leaves_the_sidecar_running(launch):
    app = launch.app().on("/dapr/subscribe", reply(json_body=[{"pubsubname": "ps", "topic": t, "route": "/" + t} for t in ("no", "yes")])).on("/yes", reply(200))
    one = launch.sidecar(app=app, resources=[component("ps", "pubsub.in-memory", subscriptionScopes="app=yes")])
    one.says("subscription to topic 'no' on pubsub 'ps' is not allowed")
    one.post("/v1.0/publish/ps/yes", {})
    app.wait_for("/yes")


# match | event | does it go to /rule
RULES = [("equal", "event.type == 'a'", {"type": "a"}, True), ("not equal", "event.type == 'a'", {"type": "b"}, False), ("data", "event.data.n > 5", {"data": {"n": 6}}, True), ("data, smaller", "event.data.n > 5", {"data": {"n": 5}}, False),
         ("nested", "event.data.a.b == 'c'", {"data": {"a": {"b": "c"}}}, True), ("has", "has(event.data.x)", {"data": {"y": 1}}, False), ("index", "event['my-ext'] == 'e'", {"my-ext": "e"}, True), ("and", "event.type == 'a' && event.data.n == 1.0", {"type": "a", "data": {"n": 1}}, True),
         ("or", "event.type == 'b' || size(event.source) == 1", {"type": "a", "source": "s"}, True), ("starts", "event.type.startsWith('or')", {"type": "order"}, True), ("in", "event.type in ['a', 'b']", {"type": "b"}, True), ("matches", "event.type.matches('^o.*r$')", {"type": "order"}, True),
         ("ternary", "event.data.n > 1 ? true : false", {"data": {"n": 2}}, True), ("empty rule matches", "", {"type": "z"}, True), ("int", "int(event.data.n) == 3", {"data": {"n": 3}}, True), ("exists", "event.data.l.exists(x, x == 'b')", {"data": {"l": ["a", "b"]}}, True)]


@pytest.fixture(scope="module")
def routed(launch_module):
    said = [{"pubsubname": "ps", "topic": f"t{i}", "routes": {"rules": [{"match": row[1], "path": "/rule"}], "default": "/default"}} for i, row in enumerate(RULES)]
    app = launch_module.app().on("/dapr/subscribe", reply(json_body=said)).on("/rule|/default", reply(200))
    return launch_module.sidecar("routed", app=app, resources=[PS]), app


@pytest.mark.parametrize("number", range(len(RULES)), ids=[row[0] for row in RULES])
def test_routing_rule(routed, number):
    one, app = routed
    app.forget()
    event = {"id": "1", "source": "s", "type": "t", **RULES[number][2]}
    assert one.request("POST", f"/v1.0/publish/ps/t{number}", [("Content-Type", "application/cloudevents+json")], json.dumps(event)).status == 204
    app.wait_for("/rule|/default")
    assert [r.path for r in app.calls("/rule|/default")] == ["/rule" if RULES[number][3] else "/default"]
