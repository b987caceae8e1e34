"""Delivery of messages: what the application gets, verdicts, dead letters, bulk (contract 03, 3.1 to 3.7)."""
import base64, json, re

import pytest

from application import Reply, reply
from sidecar import component, inbound_retry, wait_until

RETRY = inbound_retry("retried", 2, "10ms")


def subscription(pubsub, topic, **more):
    return {"pubsubname": pubsub, "topic": topic, "route": f"/{pubsub}/{topic}", **more}


@pytest.fixture(scope="module")
def world(launch_module):
    said = [subscription("ps", "plain"), subscription("ps", "dying", deadLetterTopic="dead"), subscription("ps", "dead"), subscription("ps", "late", deadLetterTopic="ashes"), subscription("ps", "ashes", metadata={"rawPayload": "true"}), subscription("ps", "raw", metadata={"rawPayload": "true"}), subscription("retried", "plain"),
            subscription("retried", "dying", deadLetterTopic="dead"), subscription("retried", "dead"), {"pubsubname": "ps", "topic": "query", "route": "a//b/../c?x=1"},
            {"pubsubname": "ps", "topic": "nowhere", "routes": {"rules": [{"match": "event.type == 'never'", "path": "/never"}]}, "deadLetterTopic": "dead"},
            {"pubsubname": "ps", "topic": "failing", "routes": {"rules": [{"match": "event.data.missing.x == 1", "path": "/never"}], "default": "/failing"}, "deadLetterTopic": "dead"}]
    app = launch_module.app().on("/dapr/subscribe", reply(json_body=said)).on("/.*/dead|/ps/ashes|/a/c", reply(200))
    parts = [component("ps", "pubsub.in-memory"), component("retried", "pubsub.in-memory")]
    return launch_module.sidecar(app=app, resources={"parts.yaml": "\n---\n".join(parts), "resiliency.yaml": RETRY}, env={"APP_API_TOKEN": "open"}), app


def send(world, pubsub, topic, answer, data="x", query=""):
    """Publishes one message and returns its id; the application gives `answer`."""
    one, app = world
    app.forget()
    app.on(f"/{pubsub}/{topic}", answer)
    number = f"id-{send.count}"
    send.count += 1
    assert one.request("POST", f"/v1.0/publish/{pubsub}/{topic}?metadata.cloudevent.id={number}{query}", body=data).status == 204
    return number


send.count = 0


def test_request_of_a_delivery(world):
    send(world, "ps", "plain", reply(200), query="&metadata.MyKey=v")
    (got,) = world[1].wait_for("/ps/plain")
    assert (got.method, got.header("content-type"), got.header("pubsubname"), got.all("dapr-api-token")) == ("POST", "application/cloudevents+json", "ps", ["open"])
    assert got.header("mykey") == "v"
    assert got.json["topic"] == "plain"


def test_a_path_is_cleaned_and_keeps_its_query(world):
    world[0].request("POST", "/v1.0/publish/ps/query", body=b"x")
    (got,) = world[1].wait_for("/a/c")
    assert got.query == "x=1"


def test_a_raw_message_is_wrapped(world):
    one, app = world
    app.on("/ps/raw", reply(200))
    one.request("POST", "/v1.0/publish/ps/raw?metadata.rawPayload=true", body=b"\x00raw")
    event = app.wait_for("/ps/raw")[0].json
    assert re.fullmatch(r"[0-9a-f-]{36}", event.pop("id"))
    for name in ("traceid", "traceparent", "tracestate"):
        event.pop(name, None)
    assert event == {"specversion": "1.0", "datacontenttype": "application/octet-stream", "source": "Dapr", "type": "com.dapr.event.sent", "topic": "raw", "pubsubname": "ps", "data_base64": base64.b64encode(b"\x00raw").decode()}


SUCCESS, DROP, AGAIN = "success", "drop", "retry"
VERDICTS = [
    ("empty", Reply(200), SUCCESS), ("201", Reply(201), SUCCESS), ("204", Reply(204), SUCCESS), ("text", Reply(200, b"OK"), SUCCESS), ("JSON text", Reply(200, b'"OK"'), SUCCESS), ("list", Reply(200, b"[]"), SUCCESS),
    ("no status", Reply(200, b"{}"), SUCCESS), ("empty status", Reply(200, b'{"status":""}'), SUCCESS), ("status of another type", Reply(200, b'{"status":1}'), SUCCESS), ("SUCCESS", Reply(200, b'{"status":"SUCCESS"}'), SUCCESS),
    ("member without case", Reply(200, b'{"STATUS":"DROP"}'), DROP), ("DROP", Reply(200, b'{"status":"DROP"}'), DROP), ("404", Reply(404), DROP), ("RETRY", Reply(200, b'{"status":"RETRY"}'), AGAIN), ("lower case", Reply(200, b'{"status":"success"}'), AGAIN),
    ("unknown", Reply(200, b'{"status":"MAYBE"}'), AGAIN), ("302", Reply(302, b"", [("Location", "/ps/dead")]), AGAIN), ("400", Reply(400), AGAIN), ("500", Reply(500), AGAIN), ("503", Reply(503, b'{"status":"SUCCESS"}'), AGAIN),
]


@pytest.mark.parametrize("pubsub", ["ps", "retried"])
@pytest.mark.parametrize("answer,verdict", [row[1:] for row in VERDICTS], ids=[row[0] for row in VERDICTS])
def test_verdict(world, answer, verdict, pubsub):
    """With a dead letter topic: what is dropped or exhausted goes there as it came; `retried` has two retries, `ps` none."""
    one, app = world
    number = send(world, pubsub, "dying", answer)
    attempts = 3 if verdict is AGAIN and pubsub == "retried" else 1
    if verdict is not SUCCESS:
        (letter,) = app.wait_for(f"/{pubsub}/dead")
        assert (letter.json["id"], letter.json["topic"]) == (number, "dying")
        assert letter.body == app.calls(f"/{pubsub}/dying")[0].body
    else:  # the next message arrives only after this one is done
        app.wait_for(f"/{pubsub}/dying")
        one.request("POST", f"/v1.0/publish/{pubsub}/dying?metadata.cloudevent.id=next", body=b"x")
        wait_until(lambda: [r for r in app.calls(f"/{pubsub}/dying") if r.json["id"] == "next"], "the next message")
        assert app.calls(f"/{pubsub}/dead") == []
    assert len([r for r in app.calls(f"/{pubsub}/dying") if r.json["id"] == number]) == attempts


WORDS = [
    ("DROP", Reply(200, b'{"status":"DROP"}'), "x", ["DROP status returned from app while processing pub/sub event ID"]),
    ("404", Reply(404, b"gone"), "x", ["non-retriable error returned from app while processing pub/sub event ID: gone. status code returned: 404"]),
    ("RETRY", Reply(200, b'{"status":"RETRY"}'), "x", ["encountered a retriable error while publishing a subscribed message to topic plain, err: <nil>", "RETRY status returned from app while processing pub/sub event ID: retriable error occurred"]),
    ("unknown", Reply(200, b'{"status":"MAYBE"}'), "x", ["unknown status returned from app while processing pub/sub event ID, status: MAYBE, err: retriable error occurred"]),
    ("500", Reply(500, b"boom"), "x", ["retriable error occurred: retriable error returned from app while processing pub/sub event ID, topic: plain, body: boom. status code returned: 500", "encountered a retriable error while publishing a subscribed message to topic plain, err: retriable error returned from app while processing pub/sub event ID, topic: plain, body: boom. status code returned: 500"]),
]


@pytest.mark.parametrize("answer,data,words", [row[1:] for row in WORDS], ids=[row[0] for row in WORDS])
def test_the_log_tells_of_a_failed_delivery_in_the_words_of_the_reference(world, answer, data, words):
    number = send(world, "ps", "plain", answer, data)
    for text in words:
        world[0].says(text.replace("ID", number))


def hang_up(call):
    call.handler.close_connection = True


def test_of_an_application_that_does_not_answer_it_tells_the_error_alone(world):
    one, app = world
    send(world, "ps", "plain", hang_up)
    failed = f'Post \\"http://127.0.0.1:{app.port}/ps/plain\\": EOF'  # as the log writes it
    one.says(f"encountered a retriable error while publishing a subscribed message to topic plain, err: {failed}")
    one.says(f"error returned from app channel while sending pub/sub event to app: retriable error occurred: {failed}")


@pytest.mark.parametrize("body,words", [
    (b"[1]", "error deserializing cloud event in pubsub ps and topic plain: json: cannot unmarshal array into Go value of type map[string]interface {}"),
    (b'{"id":"old","expiration":"2000-01-01T00:00:00Z"}', "dropping expired pub/sub event old as of 2000-01-01T00:00:00Z")], ids=["no object", "expired"])
def test_so_it_does_of_an_event_that_is_not_delivered(world, body, words):
    assert world[0].request("POST", "/v1.0/publish/ps/plain?metadata.rawPayload=true", body=body).status == 204
    world[0].says(words)


def test_an_expired_message_is_not_delivered(world):
    """It goes to the dead letters, where only a raw subscription sees it: it has expired there too."""
    one, app = world
    app.forget()
    body = b'{"id":"old","expiration":"2000-01-01T00:00:00Z"}'
    one.request("POST", "/v1.0/publish/ps/late?metadata.rawPayload=true", body=body)
    assert base64.b64decode(app.wait_for("/ps/ashes")[0].json["data_base64"]) == body
    assert app.calls("/ps/late") == []


@pytest.mark.parametrize("topic", ["nowhere", "failing"])
def test_a_message_that_no_route_takes_goes_to_the_dead_letters(world, topic):
    one, app = world
    app.forget()
    one.request("POST", f"/v1.0/publish/ps/{topic}", body=b"x")
    assert app.wait_for("/ps/dead")[0].json["topic"] == topic
    assert app.calls("/failing|/never") == []


def test_a_retried_message_carries_the_same_body(world):
    send(world, "retried", "plain", Reply(500))
    got = world[1].wait_for("/retried/plain", 3)
    assert len(got) == 3 and len({r.body for r in got}) == 1


def bulk_world(launch, more=None, answer=None):
    said = [{"pubsubname": "ps", "topic": "t", "route": "/bulk", "bulkSubscribe": {"enabled": True, "maxMessagesCount": 10, "maxAwaitDurationMs": 50}, **(more or {})}, {"pubsubname": "ps", "topic": "dead", "route": "/dead"}]
    app = launch.app().on("/dapr/subscribe", reply(json_body=said)).on("/dead", reply(200)).on("/bulk", answer)
    return launch.sidecar(app=app, resources=[component("ps", "pubsub.in-memory")]), app


def statuses(status):
    return lambda call: reply(json_body={"statuses": [{"entryId": e["entryId"], "status": status} for e in call.received.json["entries"]]})


def test_bulk_delivery(launch):
    one, app = bulk_world(launch, answer=statuses("SUCCESS"))
    one.post("/v1.0/publish/ps/t", {"n": 1})
    (got,) = app.wait_for("/bulk")
    body = got.json
    assert got.header("content-type") == "application/json" and re.fullmatch(r"[0-9a-f-]{36}", body["id"])
    assert (body["type"], body["topic"], body["pubsubname"], body["metadata"]["pubsubName"]) == ("com.dapr.event.sent.bulk", "t", "ps", "ps")
    (item,) = body["entries"]
    assert (item["contentType"], item["event"]["data"]) == ("application/cloudevents+json", {"n": 1})


BULK_VERDICTS = [("SUCCESS", statuses("SUCCESS"), False), ("DROP", statuses("DROP"), True), ("RETRY", statuses("RETRY"), True), ("unknown", statuses("MAYBE"), True), ("empty status", statuses(""), True), ("entry is missing", reply(json_body={"statuses": []}), True),
                 ("another entry has a status that is no text", lambda call: reply(json_body={"statuses": [{"entryId": "?", "status": 1}, *json.loads(statuses("SUCCESS")(call).body)["statuses"]]}), True), ("keys in other case", lambda call: Reply(200, statuses("SUCCESS")(call).body.replace(b"entryId", b"ENTRYID").replace(b"status", b"Status")), False),
                 ("null", Reply(200, b"null"), True), ("no JSON", Reply(200, b"OK"), True), ("empty", Reply(200), True), ("500", Reply(500), True), ("404", Reply(404), False)]


@pytest.mark.parametrize("answer,dies", [row[1:] for row in BULK_VERDICTS], ids=[row[0] for row in BULK_VERDICTS])
def test_bulk_verdict(launch, answer, dies):
    one, app = bulk_world(launch, {"deadLetterTopic": "dead"}, answer)
    one.post("/v1.0/publish/ps/t", {"n": 1})
    app.wait_for("/bulk")
    if dies:
        assert app.wait_for("/dead")[0].json["data"] == {"n": 1}
    else:
        one.post("/v1.0/publish/ps/t", {"n": 2})
        app.wait_for("/bulk", 2)
        assert app.calls("/dead") == []
        if answer == Reply(404):
            one.says("Non-retriable error returned from app while processing bulk pub/sub event. status code returned: 404")


def test_an_unhealthy_application_gets_no_messages(launch):
    app = launch.app().on("/dapr/subscribe", reply(json_body=[{"pubsubname": "ps", "topic": "t", "route": "/in"}])).on("/in", reply(200)).on("/healthz", Reply(200))
    one = launch.sidecar(app=app, resources=[component("ps", "pubsub.in-memory")], flags=("--enable-app-health-check", "--app-health-probe-interval", 1, "--app-health-threshold", 1))
    app.wait_for("/dapr/subscribe")
    wait_until(lambda: one.post("/v1.0/publish/ps/t", {"n": 0}).status == 204 and app.calls("/in"), "the first message")
    app.on("/healthz", Reply(500))
    wait_until(lambda: one.invoke("app", "in", body="x").status == 500, "the sidecar to notice")
    app.forget()
    one.post("/v1.0/publish/ps/t", {"n": 1})
    app.on("/healthz", Reply(200))
    wait_until(lambda: one.post("/v1.0/publish/ps/t", {"n": 2}).status == 204 and app.calls("/in"), "messages to come again")
    assert {r.json["data"]["n"] for r in app.calls("/in")} == {2}
    assert app.calls("/dapr/subscribe") == []
