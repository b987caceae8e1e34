"""Errors of publishing: contract 01, 2.4; contract 03, 1.6."""
import base64

from error_rows.row import Row, Unprovoked, info, resource

BASE, BULK = "/v1.0/publish/", "/v1.0/publish/bulk/"
META = {"metadata.some": "thing"}


def event(body="x", kind="text/plain", entry="1", **more):
    return {"entryId": entry, "event": body, "contentType": kind, **more}


def rpc_event(data=b"x", kind="text/plain", entry="1"):
    return {"entryId": entry, "event": base64.b64encode(data).decode(), "contentType": kind}


def single(name, code, status, rpc, reason, message, pubsub, topic, query="", metadata=None, details=None, **more):
    """Through publish; `metadata` of the request stands in the query of HTTP."""
    return Row(name, code, status, rpc, message, ("POST", f"{BASE}{pubsub}/{topic}{query}", b"x") if topic and pubsub else None,
               ("PublishEvent", {"pubsubName": pubsub, "topic": topic, "data": "eA==", "metadata": metadata or {}}),
               details=details or [resource("pubsub", pubsub, message), info(reason, metadata or {})], **more)


def bulk(name, code, status, rpc, reason, message, pubsub, topic, entries=None, rpc_entries=None, query="", metadata=None, details=None, face="both", **more):
    """Through bulk publish, stable over HTTP and gRPC."""
    return Row(f"bulk: {name}", code, status, rpc, message,
               ("POST", f"{BULK}{pubsub}/{topic}{query}", [event()] if entries is None else entries) if topic and pubsub and face != "rpc" else None,
               ("BulkPublishEvent", {"pubsubName": pubsub, "topic": topic, "entries": rpc_entries or [rpc_event()], "metadata": metadata or {}}) if face != "http" else None,
               details=details or [resource("pubsub", pubsub, message), info(reason, metadata or {})], **more)


def alpha(row):
    """The same through the alpha names."""
    http = row.http and (row.http[0], row.http[1].replace("/v1.0/", "/v1.0-alpha1/"), *row.http[2:])
    return Row(**{**row.__dict__, "name": row.name + ", alpha", "http": http, "grpc": row.grpc and ("BulkPublishEventAlpha1", row.grpc[1])})


NOT_FOUND = ("ERR_PUBSUB_NOT_FOUND", 404, "INVALID_ARGUMENT", "DAPR_PUBSUB_NOT_FOUND", "pubsub nope is not found", "nope", "t")
EMPTY = ("ERR_PUBSUB_EMPTY", 404, "INVALID_ARGUMENT", "DAPR_PUBSUB_NAME_EMPTY", "pubsub name is empty", "", "t")
NO_TOPIC = ("ERR_TOPIC_NAME_EMPTY", 404, "INVALID_ARGUMENT", "DAPR_PUBSUB_TOPIC_NAME_EMPTY", "topic is empty in pubsub bus", "bus", "")
RAW = ("ERR_PUBSUB_REQUEST_METADATA", 400, "INVALID_ARGUMENT", "DAPR_PUBSUB_METADATA_DESERIALIZATION",
       "failed deserializing metadata. Error: rawPayload value must be a valid boolean: actual is 'x'", "bus", "t")
RAW_META = {"query": "?metadata.rawPayload=x", "metadata": {"rawPayload": "x"}}
DENIED = "topic closed is not allowed for app id app"
FORBIDDEN = ("ERR_PUBSUB_FORBIDDEN", 403, "PERMISSION_DENIED", "DAPR_PUBSUB_FORBIDDEN", DENIED, "bus", "closed")
DENIED_DETAILS = [resource("pubsub", "bus", DENIED), info("DAPR_PUBSUB_FORBIDDEN", {"error": DENIED, "topic": "closed"})]
FAILED = ("ERR_PUBSUB_PUBLISH_MESSAGE", 500, "INTERNAL", "DAPR_PUBSUB_PUBLISH_MESSAGE", "error when publishing to topic t in pubsub redbus: ...", "redbus", "t")
FAILED_DETAILS = [resource("pubsub", "redbus", FAILED[4]), info(FAILED[3], {"error": "...", "topic": "t"})]


def of_app(reason, message, cause=None):
    return [resource("pubsub", "bus", message), info(reason, {"appID": "app", **({"error": cause} if cause else {})})]


ID = "error marshaling events to bytes for topic t pubsub bus. error: entryId is duplicated or not present for entry"
ID_ROW = ("ERR_PUBSUB_EVENTS_SER", 400, "INVALID_ARGUMENT", "DAPR_PUBSUB_MARSHAL_EVENTS", ID, "bus", "t")
ID_DETAILS = of_app("DAPR_PUBSUB_MARSHAL_EVENTS", ID, "entryId is duplicated or not present for entry")
ENVELOPE = "error when marshalling cloud event envelope for topic t pubsub bus: "
MISMATCH, BASE64 = "error: mismatch between contentType and event", "error: unable to decode base64 application/octect-stream data: ..."


def mismatch(name, kind, body, cause=MISMATCH):
    return bulk(name, "ERR_PUBSUB_EVENTS_SER", 400, "INVALID_ARGUMENT", "", ENVELOPE + cause, "bus", "t", entries=[event(body, kind)],
                details=of_app("DAPR_PUBSUB_MARSHAL_ENVELOPE", ENVELOPE + cause, cause), face="http")


UNREAD = "error when unmarshaling the request for topic t pubsub bus: ..."
CLOUD = [resource("pubsub", "bus", "cannot create cloudevent"), info("DAPR_PUBSUB_CLOUD_EVENT_CREATION", {"appID": "app", "error": "..."})]
SER = ("ERR_PUBSUB_CLOUD_EVENTS_SER", 500, "INVALID_ARGUMENT")
TYPE = {"content-type": "application/cloudevents+json"}
BULK_ROWS = [
    bulk("unknown", *NOT_FOUND, details=[info("DAPR_PUBSUB_NOT_FOUND")]),
    bulk("empty name", *EMPTY),
    bulk("empty topic", *NO_TOPIC),
    bulk("bad rawPayload", *RAW, **RAW_META),
    bulk("topic not allowed", *FORBIDDEN, details=DENIED_DETAILS),
    bulk("a broker that fails", *FAILED, face="rpc", details=FAILED_DETAILS, stage="dying"),
    bulk("entry id twice", *ID_ROW, entries=[event(), event()], rpc_entries=[rpc_event(), rpc_event()], details=ID_DETAILS),
    bulk("no entry id", *ID_ROW, entries=[event(entry="")], rpc_entries=[rpc_event(entry="")], details=ID_DETAILS),
    mismatch("text that is none", "text/plain", {"a": 1}),
    mismatch("bytes that are none", "application/octet-stream", 5),
    mismatch("bytes that are no base64", "application/octet-stream", "%%%", BASE64),
    mismatch("no content type", "", "x"),
    mismatch("another content type", "image/png", "x"),
    bulk("no JSON", "ERR_PUBSUB_EVENTS_SER", 400, "", "DAPR_PUBSUB_UNMARSHAL_EVENTS", UNREAD, "bus", "t", entries=b"{", face="http",
         details=of_app("DAPR_PUBSUB_UNMARSHAL_EVENTS", UNREAD)),
    bulk("cloud event that is none", *SER, "", "cannot create cloudevent", "bus", "t", entries=[event("x", "application/cloudevents+json")],
         rpc_entries=[rpc_event(b"x", "application/cloudevents+json")], details=CLOUD),
]
ROWS = [
    single("unknown", *NOT_FOUND, details=[info("DAPR_PUBSUB_NOT_FOUND")]),
    single("unknown, with metadata", *NOT_FOUND, query="?metadata.some=thing", metadata={"some": "thing"},
           details=[info("DAPR_PUBSUB_NOT_FOUND", {"some": "thing"})], rpc_details=[info("DAPR_PUBSUB_NOT_FOUND")]),
    single("none at all", *NOT_FOUND, details=[info("DAPR_PUBSUB_NOT_FOUND")], stage="bare"),
    Row("unknown, stream", "ERR_PUBSUB_NOT_FOUND", 0, "INVALID_ARGUMENT", "pubsub nope is not found", None,
        ("SubscribeTopicEventsAlpha1", [{"initialRequest": {"pubsubName": "nope", "topic": "t"}}]), details=[info("DAPR_PUBSUB_NOT_FOUND")]),
    single("empty name", *EMPTY),
    single("empty topic", *NO_TOPIC),
    single("empty topic, with metadata", *NO_TOPIC, metadata={"some": "thing"}),
    single("bad rawPayload", *RAW, **RAW_META),
    single("topic not allowed", *FORBIDDEN, details=DENIED_DETAILS),
    single("a broker that fails", *FAILED, details=FAILED_DETAILS, stage="dying"),
    Row("a body over the limit", "ERR_PUBSUB_PUBLISH_MESSAGE", 500, "RESOURCE_EXHAUSTED", "error when publishing to topic t in pubsub bus: stream too large",
        ("POST", BASE + "bus/t", b"x" * 70000), ("PublishEvent", {"pubsubName": "bus", "topic": "t", "data": base64.b64encode(b"x" * 70000).decode()}),
        details=[resource("pubsub", "bus", "error when publishing to topic t in pubsub bus: stream too large"),
                 info("DAPR_PUBSUB_PUBLISH_MESSAGE", {"error": "stream too large", "topic": "t"})], rpc_message="...", rpc_details=[], stage="small"),
    Row("cloud event that is none", *SER, "cannot create cloudevent", ("POST", BASE + "bus/t", b"x", TYPE),
        ("PublishEvent", {"pubsubName": "bus", "topic": "t", "data": "eA==", "dataContentType": "application/cloudevents+json"}), details=CLOUD),
    *BULK_ROWS, *map(alpha, BULK_ROWS),
    Row("bulk: a broker that fails, HTTP", "ERR_PUBSUB_PUBLISH_MESSAGE", 500, "", "...", ("POST", BULK + "redbus/t", [event()]), stage="dying",
        body={"failedEntries": [{"entryId": "1", "error": "..."}], "errorCode": "ERR_PUBSUB_PUBLISH_MESSAGE"}),
]
UNPROVOKED = [
    Unprovoked("ERR_PUBSUB_NOT_FOUND", "pubsub '%s' not found", "a component that goes between look-up and call: a request holds the snapshot it began with"),
    Unprovoked("ERR_PUBSUB_NOT_CONFIGURED", "pubsub %s is not configured", "there always is a pub/sub subsystem; without components the answer is `is not found` (04a)"),
    Unprovoked("ERR_PUBSUB_EVENTS_SER", "error when marshalling cloud event envelope, single publish", "an envelope made of parsed JSON can always be written"),
]
