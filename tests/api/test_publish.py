"""Publishing: envelopes, caller's CloudEvents, bulk, errors, scopes, namespaces (contract 03, 1.1 to 1.8)."""
import base64, json, re

import pytest

from application import reply
from sidecar import component

INFO, RESOURCE = "type.googleapis.com/google.rpc.ErrorInfo", "type.googleapis.com/google.rpc.ResourceInfo"
UUID, TIME = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d)"
SCOPED = {"publishingScopes": "app= open , shut ; mute=", "protectedTopics": "guarded,shut", "allowedTopics": "open,shut,guarded,other"}


@pytest.fixture(scope="module")
def world(launch_module):
    topics = ["t", "a/b c", "raw"]
    app = launch_module.app().on("/dapr/subscribe", reply(json_body=[{"pubsubname": "ps", "topic": t, "route": "/in"} for t in topics] + [{"pubsubname": "named", "topic": "t", "route": "/in"}])).on("/in", reply(200))
    parts = [component("ps", "pubsub.in-memory"), component("scoped", "pubsub.in-memory", SCOPED), component("named", "pubsub.in-memory", anything="x-{namespace}")]
    return launch_module.sidecar(app=app, resources=parts, env={"NAMESPACE": "prod"}), app


def publish(world, body, headers=(), topic="t", query="", verb="POST", pubsub="ps"):
    """The event that the application got."""
    one, app = world
    app.forget()
    got = one.request(verb, f"/v1.0/publish/{pubsub}/{topic}{query}", headers, body)
    assert (got.status, got.body) == (204, b""), got.body
    return app.wait_for("/in")[0].json


# content type | body | what the envelope holds
TYPES = [
    ("none", None, b"text", {"data": "text", "datacontenttype": "text/plain"}),
    ("text", "text/plain", b"text", {"data": "text", "datacontenttype": "text/plain"}),
    ("text with a charset", "text/plain; charset=utf-8", b"text", {"data": "text", "datacontenttype": "text/plain; charset=utf-8"}),
    ("json", "application/json", b'{"a": [1, "x"]}', {"data": {"a": [1, "x"]}, "datacontenttype": "application/json"}),
    ("json with a charset", "application/json; charset=utf-8", b"5", {"data": 5, "datacontenttype": "application/json; charset=utf-8"}),
    ("json in capitals", "Application/JSON", b"true", {"data": True, "datacontenttype": "Application/JSON"}),
    ("json, bytes after the value", "application/json", b"{} trailing", {"data": {}, "datacontenttype": "application/json"}),
    ("json that is none", "application/json", b"{bad", {"data": "{bad", "datacontenttype": "application/json"}),
    ("json, empty", "application/json", b"", {"data": "", "datacontenttype": "application/json"}),
    ("json, large number", "application/json", b"12345678901234567890", {"data": 12345678901234567890, "datacontenttype": "application/json"}),
    ("binary", "application/octet-stream", b"\x00\x01", {"data_base64": "AAE=", "datacontenttype": "application/octet-stream"}),
    ("event protobuf", "application/cloudevents+protobuf", b"\x00\x01", {"data_base64": "AAE=", "datacontenttype": "application/cloudevents+protobuf"}),
    ("xml", "application/xml", b"<a/>", {"data": "<a/>", "datacontenttype": "application/xml"}),
    ("vendor json is text", "application/vnd.x+json", b'{"a":1}', {"data": '{"a":1}', "datacontenttype": "application/vnd.x+json"}),
    ("bad UTF-8", "text/plain", b"a\xff", {"data": "a\ufffd", "datacontenttype": "text/plain"}),
]


@pytest.mark.parametrize("verb", ["POST", "PUT"])
@pytest.mark.parametrize("kind,body,want", [row[1:] for row in TYPES], ids=[row[0] for row in TYPES])
def test_envelope(world, kind, body, want, verb):
    event = publish(world, body, [("Content-Type", kind)] if kind else [], verb=verb)
    assert re.fullmatch(UUID, event.pop("id")) and re.fullmatch(TIME, event.pop("time"))
    traces = {n: event.pop(n) for n in ("traceid", "traceparent", "tracestate")}
    assert traces["traceid"] == traces["traceparent"]
    assert event == {"source": "app", "specversion": "1.0", "type": "com.dapr.event.sent", "topic": "t", "pubsubname": "ps", **want}


@pytest.mark.parametrize("path,topic", [("a/b+c", "a/b c"), ("a%2Fb%20c", "a/b c"), ("a//b%20c/", "a/b c"), ("x/../t", "t")])
def test_topic_is_the_rest_of_the_path(world, path, topic):
    assert publish(world, b"x", topic=path)["topic"] == topic


OVERRIDES = [("cloudevent.id", "mine", {"id": "mine"}), ("CLOUDEVENT.ID", "mine", {"id": "mine"}), ("cloudevent.source", "s", {"source": "s"}), ("cloudevent.source", "", {"source": "Dapr"}), ("cloudevent.type", "x.y", {"type": "x.y"}),
             ("cloudevent.subject", "sub", {"subject": "sub"}), ("cloudevent.traceparent", "tp", {"traceid": "tp", "traceparent": "tp"}), ("cloudevent.traceid", "ti", {"traceid": "ti", "traceparent": "ti"}),
             ("cloudevent.tracestate", "a=b", {"tracestate": "a=b"}), ("cloudevent.id", "", {}), ("cloudevent.topic", "other", {"topic": "t"}), ("cloudevent.extra", "x", {})]


@pytest.mark.parametrize("name,value,want", OVERRIDES)
def test_overrides(world, name, value, want):
    event = publish(world, b"x", query=f"?metadata.{name}={value}")
    assert {k: event.get(k) for k in want} == want
    assert "extra" not in event and event["id"]


@pytest.mark.parametrize("query", ["metadata.ttlInSeconds=60", "metadata.ttl=1m", "metadata.TTLINSECONDS=60", "metadata.ttlInSeconds=5&metadata.ttl=60s"])
def test_ttl_becomes_an_expiration(world, query):
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", publish(world, b"x", query="?" + query)["expiration"])


@pytest.mark.parametrize("query,year", [("metadata.ttlInSeconds=8000000000", 2280), ("metadata.ttlInSeconds=9223372036854775807", 2318), ("metadata.ttl=2562047h47m16s", 2318)])
def test_the_longest_ttl_is_no_past(world, query, year):
    assert int(publish(world, b"x", query="?" + query)["expiration"][:4]) >= year


@pytest.mark.parametrize("query", ["metadata.ttlInSeconds=soon", "metadata.ttlInSeconds=-5", "metadata.TTL2=5", "Metadata.ttl=5"])
def test_no_expiration(world, query):
    assert "expiration" not in publish(world, b"x", query="?" + query)


CALLERS = [
    ("as it is", {"id": "1", "source": "s", "type": "t", "specversion": "1.0", "data": 5, "traceid": "x"}, {"id": "1", "source": "s", "type": "t", "specversion": "1.0", "data": 5, "traceid": "x", "topic": "t", "pubsubname": "ps"}),
    ("topic is overwritten", {"id": "1", "topic": "other", "pubsubname": "other"}, {"topic": "t", "pubsubname": "ps"}),
    ("what is absent is filled", {"id": "1"}, {"source": "Dapr", "type": "com.dapr.event.sent", "specversion": "1.0"}),
    ("extensions stay", {"id": "1", "mine": {"a": [1]}}, {"mine": {"a": [1]}}),
    ("no type is added", {"id": "1", "data": "x"}, {"datacontenttype": None}),
    ("no id is made", {"source": "s"}, {"id": None}),
]


@pytest.mark.parametrize("body,want", [row[1:] for row in CALLERS], ids=[row[0] for row in CALLERS])
def test_event_of_the_caller(world, body, want):
    event = publish(world, json.dumps(body), [("Content-Type", "application/cloudevents+json")], query="?metadata.cloudevent.type=ignored" if "type" in body else "")
    assert {k: event.get(k) for k in want} == want


@pytest.mark.parametrize("body", [b"", b"[]", b"5", b"null", b"{bad"], ids=str)
def test_an_event_that_is_no_object(world, body):
    got = world[0].request("POST", "/v1.0/publish/ps/t", [("Content-Type", "application/cloudevents+json")], body)
    assert got.error() == (500, "ERR_PUBSUB_CLOUD_EVENTS_SER", "cannot create cloudevent")
    assert got.json["details"][-1]["reason"] == "DAPR_PUBSUB_CLOUD_EVENT_CREATION"


# pubsub | topic | query | error with its details
REFUSED = [
    ("unknown", "nope", "t", "", 404, "ERR_PUBSUB_NOT_FOUND", "pubsub nope is not found", [(INFO, "DAPR_PUBSUB_NOT_FOUND", {})]),
    ("unknown, with metadata", "nope", "t", "?metadata.a=b", 404, "ERR_PUBSUB_NOT_FOUND", "pubsub nope is not found", [(INFO, "DAPR_PUBSUB_NOT_FOUND", {"a": "b"})]),
    ("names have case", "PS", "t", "", 404, "ERR_PUBSUB_NOT_FOUND", "pubsub PS is not found", [(INFO, "DAPR_PUBSUB_NOT_FOUND", {})]),
    ("bad rawPayload", "ps", "t", "?metadata.rawPayload=x", 400, "ERR_PUBSUB_REQUEST_METADATA", "failed deserializing metadata. Error: rawPayload value must be a valid boolean: actual is 'x'", [(RESOURCE, None, None), (INFO, "DAPR_PUBSUB_METADATA_DESERIALIZATION", {"rawPayload": "x"})]),
    ("rawPayload is strict", "ps", "t", "?metadata.rawPayload=yes", 400, "ERR_PUBSUB_REQUEST_METADATA", "failed deserializing metadata. Error: rawPayload value must be a valid boolean: actual is 'yes'", [(RESOURCE, None, None), (INFO, "DAPR_PUBSUB_METADATA_DESERIALIZATION", {"rawPayload": "yes"})]),
    ("forbidden", "scoped", "other", "", 403, "ERR_PUBSUB_FORBIDDEN", "topic other is not allowed for app id app", None),
]


@pytest.mark.parametrize("pubsub,topic,query,status,code,message,details", [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_refused(world, pubsub, topic, query, status, code, message, details):
    got = world[0].request("POST", f"/v1.0/publish/{pubsub}/{topic}{query}", body=b"x")
    assert got.error() == (status, code, message)
    for want, detail in zip(details or [], got.json["details"], strict=bool(details)):
        assert detail["@type"] == want[0]
        if want[0] == INFO:
            assert (detail["domain"], detail["reason"], detail["metadata"]) == ("dapr.io", want[1], want[2])
        else:
            assert (detail["resource_type"], detail["resource_name"], detail["owner"], detail["description"]) == ("pubsub", pubsub, "", message)


@pytest.mark.parametrize("topic,status", [("open", 204), ("shut", 204), ("guarded", 403), ("other", 403), ("elsewhere", 403)])
def test_publishing_scopes(world, topic, status):
    got = world[0].request("POST", f"/v1.0/publish/scoped/{topic}", body=b"x")
    assert got.status == status
    if status == 403:
        assert [d["@type"] for d in got.json["details"]] == [RESOURCE, INFO]
        assert got.json["details"][1]["reason"] == "DAPR_PUBSUB_FORBIDDEN" and got.json["details"][1]["metadata"]["topic"] == topic


@pytest.mark.parametrize("app_id,topic,status", [("free", "open", 204), ("free", "other", 204), ("free", "guarded", 403), ("free", "elsewhere", 403), ("mute", "open", 403), ("mute", "", 404)])
def test_scopes_of_another_application(launch, app_id, topic, status):
    one = launch.sidecar(app_id, resources=[component("scoped", "pubsub.in-memory", SCOPED)])
    assert one.request("POST", f"/v1.0/publish/scoped/{topic}", body=b"x").status == status


def test_a_topic_of_a_namespace_shows_without_it(world):
    assert publish(world, b"x", pubsub="named")["topic"] == "t"


def test_a_namespace_prefixes_the_stream(launch, redis_address):
    import redis
    client = redis.Redis(*redis_address.split(":"))
    topic = f"t{launch.folder.name}"
    one = launch.sidecar(resources=[component("ps", "pubsub.redis", redisHost=redis_address, consumerID="{namespace}")], env={"NAMESPACE": "prod"})
    assert one.request("POST", f"/v1.0/publish/ps/{topic}", body=b"x").status == 204
    try:
        assert client.xlen("prod" + topic) == 1 and not client.exists(topic)
        (_, fields), = client.xrange("prod" + topic)
        assert json.loads(fields[b"data"])["topic"] == topic
        assert json.loads(fields[b"metadata"]) is not None
    finally:
        client.delete("prod" + topic)


def test_raw_payload_goes_as_it_is(launch, redis_address):
    import redis
    client = redis.Redis(*redis_address.split(":"))
    topic = f"r{launch.folder.name}"
    one = launch.sidecar(resources=[component("ps", "pubsub.redis", redisHost=redis_address)])
    assert one.request("POST", f"/v1.0/publish/ps/{topic}?metadata.rawPayload=true", [("Content-Type", "application/json")], b"\x00 raw").status == 204
    try:
        (_, fields), = client.xrange(topic)
        assert fields[b"data"] == b"\x00 raw"
    finally:
        client.delete(topic)


def entry(i, event, kind, **more):
    return {"entryId": i, "event": event, "contentType": kind, **more}


@pytest.mark.parametrize("path", ["/v1.0/publish/bulk/ps/t", "/v1.0-alpha1/publish/bulk/ps/t"])
@pytest.mark.parametrize("verb", ["POST", "PUT"])
def test_bulk(world, path, verb):
    one, app = world
    app.forget()
    body = [entry("1", {"a": 1}, "application/json"), entry("2", "text", "text/plain"), entry("3", base64.b64encode(b"\x00").decode(), "application/octet-stream"), {"entryID": "4", "event": 5, "contenttype": "application/json"}]
    got = one.request(verb, path, json_body=body)
    assert (got.status, got.body) == (204, b"")
    events = [r.json for r in app.wait_for("/in", 4)]
    assert sorted(json.dumps(e.get("data", e.get("data_base64"))) for e in events) == sorted(['{"a": 1}', '"text"', '"AA=="', "5"])


def test_metadata_of_a_bulk_request_reaches_entries_that_have_some(world):
    one, app = world
    app.forget()
    one.post("/v1.0/publish/bulk/ps/t?metadata.cloudevent.type=request", [entry("1", "with", "text/plain", metadata={}), entry("2", "own", "text/plain", metadata={"cloudevent.type": "own"}), entry("3", "without", "text/plain")])
    assert {r.json["data"]: r.json["type"] for r in app.wait_for("/in", 3)} == {"with": "request", "own": "own", "without": "com.dapr.event.sent"}


ENTRIES = "error marshaling events to bytes for topic t pubsub ps. error: entryId is duplicated or not present for entry"
MISMATCH = "error when marshalling cloud event envelope for topic t pubsub ps: error: mismatch between contentType and event"
BULK_REFUSED = [
    ("no JSON", b"{bad", "DAPR_PUBSUB_UNMARSHAL_EVENTS", "error when unmarshaling the request for topic t pubsub ps: "), ("an object", b"{}", "DAPR_PUBSUB_UNMARSHAL_EVENTS", "error when unmarshaling the request for topic t pubsub ps: "),
    ("no entryId", [{"event": "a", "contentType": "text/plain"}], "DAPR_PUBSUB_MARSHAL_EVENTS", ENTRIES), ("repeated entryId", [entry("1", "a", "text/plain"), entry("1", "b", "text/plain")], "DAPR_PUBSUB_MARSHAL_EVENTS", ENTRIES),
    ("text that is a number", [entry("1", 5, "text/plain")], "DAPR_PUBSUB_MARSHAL_ENVELOPE", MISMATCH), ("unknown type", [entry("1", "a", "image/png")], "DAPR_PUBSUB_MARSHAL_ENVELOPE", MISMATCH), ("no type", [{"entryId": "1", "event": "a"}], "DAPR_PUBSUB_MARSHAL_ENVELOPE", MISMATCH),
    ("no base64", [entry("1", "QU!=", "application/octet-stream")], "DAPR_PUBSUB_MARSHAL_ENVELOPE", "error when marshalling cloud event envelope for topic t pubsub ps: error: unable to decode base64 application/octect-stream data: illegal base64 data at input byte 2"),
]


@pytest.mark.parametrize("body,reason,message", [row[1:] for row in BULK_REFUSED], ids=[row[0] for row in BULK_REFUSED])
def test_refused_bulk(world, body, reason, message):
    got = world[0].request("POST", "/v1.0/publish/bulk/ps/t", body=body if isinstance(body, bytes) else json.dumps(body))
    status, code, said = got.error()
    assert (status, code) == (400, "ERR_PUBSUB_EVENTS_SER") and said.startswith(message)
    assert got.json["details"][-1]["reason"] == reason and got.json["details"][-1]["metadata"]["appID"] == "app"
