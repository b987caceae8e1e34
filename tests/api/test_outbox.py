"""What an outbox tells of values, by their content type (contract 03, 6.2)."""
import pytest

from application import reply
from sidecar import component


@pytest.fixture(scope="module")
def world(launch_module):
    app = launch_module.app().on("/dapr/subscribe", reply(json_body=[{"pubsubname": "inner", "topic": "defaultapptoldoutbox", "route": "/inner"}])).on("/inner", reply(200))
    store = component("store", "state.in-memory", outboxPublishPubsub="ps", outboxPublishTopic="told", outboxPubsub="inner")
    return launch_module.sidecar(app=app, resources=[component("ps", "pubsub.in-memory"), component("inner", "pubsub.in-memory"), store]), app


# content type | value | attribute | what it holds
VALUES = [
    ("application/json", {"a": 1}, "data", {"a": 1}),
    ("Application/JSON", {"a": 1}, "data", {"a": 1}),
    ("application/json; charset=utf-8", {"a": 1}, "data", "map[a:1]"),
    ("application/cloudevents+json", {"id": "mine"}, "data", "map[id:mine]"),
    ("application/octet-stream", "hi", "data_base64", "aGk="),
    ("image/png", "hi", "data", "hi"),
]


@pytest.mark.parametrize("kind,value,attribute,want", VALUES, ids=[row[0] for row in VALUES])
def test_the_content_type_of_a_value(world, kind, value, attribute, want):
    one, app = world
    app.forget()
    got = one.post("/v1.0/state/store/transaction", {"operations": [{"operation": "upsert", "request": {"key": "k", "value": value, "contentType": kind}}]})
    assert got.status == 204, got.body
    event = app.wait_for("/inner")[0].json
    assert (event[attribute], event["datacontenttype"]) == (want, kind)
    assert event["id"].startswith("outbox-") and event["source"] == "app"
