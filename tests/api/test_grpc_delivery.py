"""Events for a scripted gRPC application, where the vectors have no row: odd data, binary metadata, one bad entry of a batch (contract 03, 3.4 and 3.5)."""
import concurrent.futures, json

import grpc
import pytest
from dapr.proto.runtime.v1 import appcallback_pb2 as messages

from sidecar import component, wait_until

EVENT, RAW = "application/cloudevents+json", {"rawPayload": "true"}
SERVED = {"OnTopicEvent": (messages.TopicEventRequest, messages.TopicEventResponse), "OnBulkTopicEvent": (messages.TopicEventBulkRequest, None),
          "ListTopicSubscriptions": (None, None), "ListInputBindings": (None, messages.ListInputBindingsResponse)}


class CallbackApp(grpc.GenericRpcHandler):
    """Acknowledges everything and remembers it: (method, message, request metadata)."""

    def __init__(self, *subscriptions):
        self.subscriptions, self.got = messages.ListTopicSubscriptionsResponse(subscriptions=subscriptions), []
        self.server = grpc.server(concurrent.futures.ThreadPoolExecutor(8), handlers=(self,))
        self.port = self.server.add_insecure_port("127.0.0.1:0")
        self.server.start()

    def service(self, details):
        name = details.method.rsplit("/", 1)[1]
        if name not in SERVED:
            return None
        asked, answer = SERVED[name]

        def serve(message, context):
            if name == "ListTopicSubscriptions":
                return self.subscriptions
            if asked is not None:
                self.got.append((name, message, dict(context.invocation_metadata())))
            if name == "OnBulkTopicEvent":
                return messages.TopicEventBulkResponse(statuses=[messages.TopicEventBulkResponseEntry(entry_id=e.entry_id) for e in message.entries])
            return answer()
        return grpc.unary_unary_rpc_method_handler(serve, asked.FromString if asked else None, lambda reply: reply.SerializeToString())

    def wait_for(self, name, count=1):
        wait_until(lambda: len([g for g in self.got if g[0] == name]) >= count, f"{count} calls of {name}")
        return [g for g in self.got if g[0] == name]


def subscription(topic, **more):
    return messages.TopicSubscription(pubsub_name="ps", topic=topic, **more)


@pytest.fixture(scope="module")
def world(launch_module):
    app = CallbackApp(subscription("t", dead_letter_topic="dead"), subscription("dead", metadata=RAW),
                      subscription("many", dead_letter_topic="dead", bulk_subscribe=messages.BulkSubscribeConfig(enabled=True, max_messages_count=2, max_await_duration_ms=20000)))
    one = launch_module.sidecar(app=app, flags=("--app-protocol", "grpc"), resources=component("ps", "pubsub.in-memory"))
    wait_until(lambda: len(one.get("/v1.0/metadata").json.get("subscriptions", [])) == 3, "the subscriptions")
    yield one, app
    app.server.stop(0)


# what the envelope says | the data that arrives; None: a failure, so a dead letter
DATA = [
    ("JSON null", {"datacontenttype": "application/json", "data": None}, b""),
    ("no text for text", {"datacontenttype": "text/plain", "data": None}, b""),
    ("an object for text", {"datacontenttype": "text/plain", "data": {"a": 1}}, None),
    ("both, base64 wins", {"datacontenttype": "text/plain", "data": "x", "data_base64": "AAE="}, b"\x00\x01"),
    ("base64 null is absent", {"datacontenttype": "text/plain", "data": "x", "data_base64": None}, b"x"),
    ("base64 that is no text", {"datacontenttype": "text/plain", "data": "x", "data_base64": 5}, None),
    ("base64 that is none", {"datacontenttype": "text/plain", "data": "x", "data_base64": "*"}, None),
]


@pytest.mark.parametrize("event,want", [row[1:] for row in DATA], ids=[row[0] for row in DATA])
def test_data_of_an_event(world, event, want):
    one, app = world
    app.got.clear()
    assert one.request("POST", "/v1.0/publish/ps/t", [("Content-Type", EVENT)], json.dumps({"id": "1", **event})).status == 204
    _, message, _ = app.wait_for("OnTopicEvent")[0]
    assert (message.topic, message.data) == ("t", want) if want is not None else message.topic == "dead"


def test_binary_metadata_of_a_message_are_base64_on_the_wire(world):
    one, app = world
    app.got.clear()
    assert one.request("POST", "/v1.0/publish/ps/t?metadata.Key-Bin=a%2Bb&metadata.plain=p", body=b"x").status == 204
    _, _, metadata = app.wait_for("OnTopicEvent")[0]
    assert (metadata["key-bin"], metadata["plain"]) == (b"a+b", "p")


def test_an_entry_whose_data_cannot_be_written_fails_alone(world):
    one, app = world
    app.got.clear()
    for event in ({"id": "bad", "datacontenttype": "text/plain", "data": {"a": 1}}, {"id": "good", "datacontenttype": "text/plain", "data": "x"}):
        assert one.request("POST", "/v1.0/publish/ps/many", [("Content-Type", EVENT)], json.dumps(event)).status == 204
    _, batch, _ = app.wait_for("OnBulkTopicEvent")[0]
    assert [(e.cloud_event.id, e.cloud_event.data) for e in batch.entries] == [("good", b"x")]
    _, dead, _ = app.wait_for("OnTopicEvent")[0]
    assert (dead.topic, json.loads(dead.data)["id"]) == ("dead", "bad")


class OddApp(CallbackApp):
    """Answers an event by its data: with that status, or with an error; serves no bulk."""

    def service(self, details):
        name = details.method.rsplit("/", 1)[1]
        if name != "OnTopicEvent":
            return None if "Bulk" in name else super().service(details)

        def serve(message, context):
            if message.data == b"fail":
                context.abort(grpc.StatusCode.INTERNAL, "broken")
            return messages.TopicEventResponse(status=int(message.data))
        return grpc.unary_unary_rpc_method_handler(serve, messages.TopicEventRequest.FromString, messages.TopicEventResponse.SerializeToString)


def test_the_log_tells_of_a_failed_delivery_in_the_words_of_the_reference(launch):
    app = OddApp(subscription("t"), subscription("many", bulk_subscribe=messages.BulkSubscribeConfig(enabled=True, max_messages_count=1, max_await_duration_ms=50)))
    try:
        one = launch.sidecar(app=app, flags=("--app-protocol", "grpc"), resources=component("ps", "pubsub.in-memory"))
        wait_until(lambda: len(one.get("/v1.0/metadata").json.get("subscriptions", [])) == 2, "the subscriptions")

        def publish(topic, number, data):
            event = {"id": number, "datacontenttype": "text/plain", "data": data}
            assert one.request("POST", f"/v1.0/publish/ps/{topic}", [("Content-Type", EVENT)], json.dumps(event)).status == 204
        publish("t", "first", "fail")
        one.says("topic t, err: rpc error: code = Internal desc = broken")
        one.says("error returned from app while processing pub/sub event first: retriable error occurred: rpc error: code = Internal desc = broken")
        publish("t", "second", "9")
        one.says("unknown status returned from app while processing pub/sub event second, status: 9, err: retriable error occurred")
        publish("many", "third", "0")
        one.says("non-retriable error returned from app while processing bulk pub/sub event: rpc error: code = Unimplemented")
    finally:
        app.server.stop(0)
