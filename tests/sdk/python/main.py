"""Every operation of the Python SDK, one JSON line each. Usage: main.py http|grpc; see tests/sdk/run.py for the environment."""
import asyncio, json, os, sys, threading, time, uuid, warnings
from importlib.metadata import version

FACE = sys.argv[1]
os.environ["DAPR_API_METHOD_INVOCATION_PROTOCOL"] = FACE

import asynchronous  # noqa: E402
import proxying  # noqa: E402
import reflective  # noqa: E402
from app import await_event, serve  # noqa: E402
from checks import fails, same, set_item  # noqa: E402
from dapr.clients import DaprClient  # noqa: E402
from dapr.clients.exceptions import DaprInternalError  # noqa: E402
from dapr.clients.grpc._crypto import DecryptOptions, EncryptOptions  # noqa: E402
from dapr.clients.grpc._request import TransactionalStateOperation, TransactionOperationType  # noqa: E402
from dapr.clients.grpc._response import TopicEventResponse, UnlockResponseStatus  # noqa: E402
from dapr.clients.grpc._state import Concurrency, Consistency, StateItem, StateOptions  # noqa: E402

warnings.simplefilter("ignore")
OPERATIONS = []
RUN = uuid.uuid4().hex[:8]


def operation(name, faces=("http", "grpc")):
    def add(call):
        if FACE in faces:
            OPERATIONS.append((name, call))
    return add


# --- invocation -------------------------------------------------------------------------------------------------------------

@operation("invoke: a method of another application")
def _(d):
    answer = d.invoke_method("back", "echo", b'{"n":1}', content_type="application/json", http_verb="POST", metadata=(("x-said", "hello"),))
    same(answer.data, b'{"n":1}')
    same(answer.content_type.split(";")[0], "application/json")
    heard = {k.lower(): v for k, v in answer.headers.items()}["x-heard"]
    same(heard[0] if isinstance(heard, list) else heard, "hello")


@operation("invoke: 1 MB there and back")
def _(d):
    data = os.urandom(1 << 20)
    same(d.invoke_method("back", "echo", data, content_type="application/octet-stream", http_verb="POST").data, data)


@operation("invoke: an error of the application")
def _(d):
    try:
        d.invoke_method("back", "refuse", b"", http_verb="POST")
    except DaprInternalError as error:  # over HTTP
        same(error.message, "not today")
    except Exception as error:
        if FACE == "http":
            raise
        same((error.code().name, "not today" in error.details()), ("UNKNOWN", True))
    else:
        raise AssertionError("no error")


@operation("invoke: without waiting", faces=("http",))
def _(d):
    answer = asyncio.run(d.invoke_method_async("back", "echo", b"later", content_type="text/plain", http_verb="POST"))
    same(answer.data, b"later")


@operation("invoke: no such application")
def _(d):
    try:
        d.invoke_method("nobody", "echo", b"", http_verb="POST")
    except DaprInternalError as error:
        same(error.error_code, "ERR_DIRECT_INVOKE")
    except Exception as error:
        same(error.code().name, "INTERNAL")
    else:
        raise AssertionError("no error")


# --- state ------------------------------------------------------------------------------------------------------------------

@operation("state: save and get")
def _(d):
    d.save_state("store", "one", json.dumps({"a": 1}), state_metadata={"contentType": "application/json"})
    answer = d.get_state("store", "one")
    same(answer.json(), {"a": 1})
    same(bool(answer.etag), True)


@operation("state: get what is not there")
def _(d):
    answer = d.get_state("store", f"missing-{RUN}")
    same((answer.data, answer.etag), (b"", ""))


@operation("state: save under an entity tag")
def _(d):
    key = f"tag-{RUN}"
    d.save_state("store", key, b"1")
    first = d.get_state("store", key).etag
    options = StateOptions(concurrency=Concurrency.first_write, consistency=Consistency.strong)
    d.save_state("store", key, b"2", etag=first, options=options)
    same(d.get_state("store", key).data, b"2")


@operation("state: a stale entity tag is refused")
def _(d):
    d.save_state("store", "stale", b"1")
    options = StateOptions(concurrency=Concurrency.first_write, consistency=Consistency.strong)
    fails(lambda: d.save_state("store", "stale", b"2", etag="4711", options=options), "ABORTED", "possible etag mismatch")
    fails(lambda: d.delete_state("store", "stale", etag="4711", options=options), "ABORTED", "possible etag mismatch")
    fails(lambda: d.save_state("store", "stale", b"2", etag="bad", options=options), "INVALID_ARGUMENT", "invalid etag")
    same(d.get_state("store", "stale").data, b"1")


@operation("state: save and get in bulk")
def _(d):
    d.save_bulk_state("store", [StateItem("b1", "1"), StateItem("b2", "2")])
    items = d.get_bulk_state("store", ["b1", "b2", f"none-{RUN}"], parallelism=2).items
    same(sorted((i.key, i.data) for i in items), sorted([("b1", b"1"), ("b2", b"2"), (f"none-{RUN}", b"")]))


@operation("state: time to live")
def _(d):
    d.save_state("store", "brief", b"x", state_metadata={"ttlInSeconds": "2"})
    same(d.get_state("store", "brief").data, b"x")
    end = time.monotonic() + 30
    while d.get_state("store", "brief").data and time.monotonic() < end:
        time.sleep(0.1)
    same(d.get_state("store", "brief").data, b"")


@operation("state: transaction")
def _(d):
    d.save_state("store", "t1", b"0")
    kinds = TransactionOperationType
    d.execute_state_transaction("store", [TransactionalStateOperation(operation_type=kinds.delete, key="t1"),
                                          TransactionalStateOperation(operation_type=kinds.upsert, key="t2", data=b"2")])
    same((d.get_state("store", "t1").data, d.get_state("store", "t2").data), (b"", b"2"))


@operation("state: delete")
def _(d):
    d.save_state("store", "gone", b"x")
    d.delete_state("store", "gone")
    same(d.get_state("store", "gone").data, b"")


@operation("state: no such store")
def _(d):
    fails(lambda: d.get_state("nostore", "k"), "INVALID_ARGUMENT", "state store nostore is not found", "DAPR_STATE_NOT_FOUND")


@operation("state: a query that the store cannot answer")
def _(d):
    fails(lambda: d.query_state("lite", "{}"), "INTERNAL", "does not support querying")


# --- publish and subscribe --------------------------------------------------------------------------------------------------

@operation("publish: an event comes to the application")
def _(d):
    d.publish_event("pubsub", f"python-{FACE}", json.dumps({"run": RUN}), data_content_type="application/json")
    await_event("topic", lambda e: e == {"run": RUN})


@operation("publish: in bulk")
def _(d):
    events = [json.dumps({"run": RUN, "n": n}) for n in range(5)]
    answer = d.publish_events("pubsub", f"python-{FACE}-bulk", events, data_content_type="application/json")
    same(list(answer.failed_entries), [])
    same(sorted(await_event("bulk", lambda e: e["run"] == RUN)["n"] for _ in range(5)), [0, 1, 2, 3, 4])


@operation("publish: no such broker")
def _(d):
    fails(lambda: d.publish_event("nobroker", "t", b"x"), "INVALID_ARGUMENT", "pubsub nobroker is not found", "DAPR_PUBSUB_NOT_FOUND")


@operation("subscribe: routing by rules", faces=("grpc",))
def _(d):
    d.publish_event("pubsub", "python-grpc-route", json.dumps({"run": RUN}), data_content_type="application/json",
                    publish_metadata={"cloudevent.type": "special"})
    await_event("route", lambda e: e == {"run": RUN})


@operation("subscribe: a dropped event goes to the dead letter topic")
def _(d):
    d.publish_event("pubsub", f"python-{FACE}-refused", json.dumps({"run": RUN}), data_content_type="application/json")
    await_event("dead", lambda e: e == {"run": RUN})


@operation("subscribe: as a stream")
def _(d):
    topic = f"python-{FACE}-stream"
    subscription = d.subscribe("pubsub", topic, dead_letter_topic="")
    try:
        d.publish_event("pubsub", topic, json.dumps({"run": RUN}), data_content_type="application/json")
        message = subscription.next_message()
        same(message.data(), {"run": RUN})
        subscription.respond_success(message)
    finally:
        subscription.close()


@operation("subscribe: as a stream with a handler; what it wants again comes again")
def _(d):
    topic, seen, twice = f"python-{FACE}-handler", [], threading.Event()

    def handle(message):
        seen.append(message.data())
        if len(seen) == 2:
            twice.set()
        return TopicEventResponse("success" if len(seen) == 2 else "retry")

    close = d.subscribe_with_handler("pubsub", topic, handle)
    try:
        d.publish_event("pubsub", topic, json.dumps({"run": RUN}), data_content_type="application/json")
        same(twice.wait(20), True)
        same(seen, [{"run": RUN}] * 2)
    finally:
        close()


# --- bindings, secrets ------------------------------------------------------------------------------------------------------

@operation("binding: output")
def _(d):
    d.invoke_binding("files", "create", b"some text", {"fileName": f"python-{FACE}"})
    same(d.invoke_binding("files", "get", b"", {"fileName": f"python-{FACE}"}).data, b"some text")


@operation("binding: an operation that it does not have")
def _(d):
    fails(lambda: d.invoke_binding("files", "dance", b""), "INTERNAL", "binding files does not support operation dance")


@operation("binding: no such binding")
def _(d):
    fails(lambda: d.invoke_binding("nobinding", "create", b""), "INTERNAL", "couldn't find output binding nobinding")


@operation("binding: input")
def _(d):
    await_event("binding", lambda stamp: True)


@operation("secret: get")
def _(d):
    same(d.get_secret("vault", "plain").secret, {"plain": "open"})


@operation("secret: get in bulk")
def _(d):
    same(d.get_bulk_secret("vault").secrets["plain"], {"plain": "open"})


@operation("secret: no such store, no such secret")
def _(d):
    fails(lambda: d.get_secret("novault", "k"), "INVALID_ARGUMENT", "failed finding secret store with key novault")
    fails(lambda: d.get_secret("vault", "nokey"), "INTERNAL", "failed getting secret with key nokey from secret store vault")


# --- configuration, lock, cryptography --------------------------------------------------------------------------------------

@operation("configuration: get")
def _(d):
    set_item("color", "red||7")
    item = d.get_configuration("config", ["color"]).items["color"]
    same((item.value, item.version), ("red", "7"))


@operation("configuration: subscribe and unsubscribe")
def _(d):
    key, heard = f"watched-{FACE}", []
    changed = threading.Condition()

    def handle(id, answer):
        with changed:
            heard.append(answer.items[key].value)
            changed.notify_all()

    set_item(key, "old||1")
    id = d.subscribe_configuration("config", [key], handle)
    end = time.monotonic() + 10
    while "new" not in heard and time.monotonic() < end:  # the stream says nothing when it begins to watch
        set_item(key, "new||2")
        with changed:
            changed.wait(0.3)
    same(heard[-1:], ["new"])
    same(bool(d.unsubscribe_configuration("config", id)), True)


@operation("configuration: no such store")
def _(d):
    fails(lambda: d.get_configuration("noconfig", ["k"]), "INVALID_ARGUMENT", "configuration store noconfig not found")


@operation("lock: take, wait, give back")
def _(d):
    name = f"lock-{FACE}-{RUN}"
    same(d.try_lock("lock", name, "me", 30).success, True)
    same(d.try_lock("lock", name, "you", 30).success, False)
    same(d.unlock("lock", name, "you").status, UnlockResponseStatus.lock_belongs_to_others)
    same(d.unlock("lock", name, "me").status, UnlockResponseStatus.success)
    same(d.unlock("lock", name, "me").status, UnlockResponseStatus.lock_does_not_exist)


@operation("lock: no such store")
def _(d):
    fails(lambda: d.try_lock("nolock", "r", "me", 5), "INVALID_ARGUMENT", "lock store nolock not found")


@operation("crypto: encrypt and decrypt")
def _(d):
    for key, wrap, cipher in (("rsa", "RSA", "aes-gcm"), ("aes", "AES", "chacha20-poly1305")):
        data = os.urandom(300_000)
        sealed = d.encrypt(data, EncryptOptions("keys", key, wrap, data_encryption_cipher=cipher)).read()
        same(sealed.startswith(b"dapr.io/enc/v1\n"), True)
        same(d.decrypt(sealed, DecryptOptions("keys", key)).read(), data)


@operation("crypto: a broken document, no such key")
def _(d):
    fails(lambda: d.decrypt(b"no document", DecryptOptions("keys")).read(), "INTERNAL")
    fails(lambda: d.encrypt(b"x", EncryptOptions("keys", "nokey", "AES")).read(), "INTERNAL")


# --- metadata and the life of the sidecar -----------------------------------------------------------------------------------

@operation("metadata: get and set")
def _(d):
    d.set_metadata("color", RUN)
    answer = d.get_metadata()
    same((answer.application_id, answer.extended_metadata["color"]), ("front", RUN))
    same("store" in [c.name for c in answer.registered_components], True)


@operation("health: wait for the sidecar")
def _(d):
    d.wait(5)


@operation("jobs: refused as not configured")
def _(d):
    from dapr.clients.grpc._jobs import Job
    fails(lambda: d.schedule_job_alpha1(Job(name="j", schedule="@every 1s")), "INTERNAL")


asynchronous.add(operation, FACE, RUN)
proxying.add(operation)
reflective.add(operation, RUN)


@operation("shutdown")
def _(d):
    d.shutdown()


def ready():
    """Waits until `back` is healthy, which it is when it has reached our server."""
    from urllib.request import urlopen
    end = time.monotonic() + 30
    while time.monotonic() < end:
        try:
            return urlopen(f"http://127.0.0.1:{os.environ['SDK_BACK_HTTP_PORT']}/v1.0/healthz", timeout=2)
        except OSError:
            time.sleep(0.05)
    raise SystemExit("the sidecar of the application is not ready")


def main():
    serve(FACE, int(os.environ["APP_PORT"]))
    ready()
    with DaprClient() as client:
        for name, call in OPERATIONS:
            try:
                call(client)
                result = "ok"
            except BaseException as error:  # noqa: BLE001: every failure is a row
                result = f"{type(error).__name__}: {str(error)[:300]}"
            print(json.dumps({"language": "Python", "version": version("dapr"), "face": FACE, "operation": name, "result": result}), flush=True)
    os._exit(0)


main()
