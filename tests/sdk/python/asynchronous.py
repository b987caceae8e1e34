"""The client for asyncio, `dapr.aio.clients.DaprClient`: what it offers beside the other one, capability by capability."""
import asyncio, json

from dapr.aio.clients import DaprClient
from dapr.clients.exceptions import DaprGrpcError, DaprInternalError
from dapr.clients.grpc._crypto import DecryptOptions, EncryptOptions
from dapr.clients.grpc._request import TransactionalStateOperation, TransactionOperationType
from dapr.clients.grpc._response import TopicEventResponse, UnlockResponseStatus
from dapr.clients.grpc._state import Concurrency, StateItem, StateOptions

from app import await_event
from checks import same, set_item


async def fails(call, code, text):
    try:
        await call
    except DaprGrpcError as error:
        same((error.code().name, text in error.details()), (code, True))
    except DaprInternalError as error:  # some calls keep the text only
        same((str(error), text in str(error)), (str(error), True))
    else:
        raise AssertionError(f"no error, {code} expected")


def add(operation, face, run):
    def asynchronous(name):
        def with_client(body):
            async def call():
                async with DaprClient() as client:
                    await asyncio.wait_for(body(client), 30)
            operation("asyncio: " + name)(lambda d: asyncio.run(call()))
        return with_client

    @asynchronous("invoke")
    async def _(d):
        same((await d.invoke_method("back", "echo", b"1", content_type="application/json", http_verb="POST")).data, b"1")

    @asynchronous("state: all calls, entity tags, a transaction")
    async def _(d):
        await d.save_state("store", "aio-1", b"1")
        await d.save_bulk_state("store", [StateItem("aio-2", "2")])
        items = (await d.get_bulk_state("store", ["aio-1", "aio-2"])).items
        same(sorted((i.key, i.data) for i in items), [("aio-1", b"1"), ("aio-2", b"2")])
        stale = d.save_state("store", "aio-1", b"3", etag="4711", options=StateOptions(concurrency=Concurrency.first_write))
        await fails(stale, "ABORTED", "possible etag mismatch")
        await d.execute_state_transaction("store", [TransactionalStateOperation(operation_type=TransactionOperationType.delete, key="aio-1"),
                                                    TransactionalStateOperation(operation_type=TransactionOperationType.upsert, key="aio-2", data=b"4")])
        await d.delete_state("store", "aio-3")
        same([(await d.get_state("store", key)).data for key in ("aio-1", "aio-2")], [b"", b"4"])
        await fails(d.query_state("lite", "{}"), "INTERNAL", "does not support querying")

    @asynchronous("publish, also in bulk")
    async def _(d):
        await d.publish_event("pubsub", f"python-{face}", json.dumps({"aio": run}), data_content_type="application/json")
        await_event("topic", lambda e: e == {"aio": run})
        answer = await d.publish_events("pubsub", f"python-{face}-bulk", [json.dumps({"run": run, "aio": n}) for n in range(3)],
                                        data_content_type="application/json")
        same(list(answer.failed_entries), [])
        same(sorted(await_event("bulk", lambda e: e.get("run") == run and "aio" in e)["aio"] for _ in range(3)), [0, 1, 2])

    @asynchronous("subscribe as a stream, and with a handler")
    async def _(d):
        topic = f"python-{face}-aio"
        subscription = await d.subscribe("pubsub", topic)
        await d.publish_event("pubsub", topic, json.dumps({"aio": run}), data_content_type="application/json")
        message = await subscription.next_message()
        same(message.data(), {"aio": run})
        await subscription.respond_success(message)
        await subscription.close()
        seen, twice = [], asyncio.Event()

        async def handle(message):
            seen.append(message.data())
            if len(seen) == 2:
                twice.set()
            return TopicEventResponse("success" if len(seen) == 2 else "retry")

        close = await d.subscribe_with_handler("pubsub", topic + "-handler", handle)
        await d.publish_event("pubsub", topic + "-handler", json.dumps({"aio": run}), data_content_type="application/json")
        await twice.wait()
        same(seen, [{"aio": run}] * 2)
        await close()

    @asynchronous("binding and secrets")
    async def _(d):
        await d.invoke_binding("files", "create", b"some text", {"fileName": f"aio-{face}"})
        same((await d.invoke_binding("files", "get", b"", {"fileName": f"aio-{face}"})).data, b"some text")
        same((await d.get_secret("vault", "plain")).secret, {"plain": "open"})
        same((await d.get_bulk_secret("vault")).secrets["plain"], {"plain": "open"})

    @asynchronous("configuration: get")  # its subscription waits in the event loop's thread for what only this loop could read
    async def _(d):
        set_item("aio", "old||1")
        same((await d.get_configuration("config", ["aio"])).items["aio"].value, "old")

    @asynchronous("lock and crypto")
    async def _(d):
        name = f"aio-{face}-{run}"
        same((await d.try_lock("lock", name, "me", 30)).success, True)
        same((await d.try_lock("lock", name, "you", 30)).success, False)
        same((await d.unlock("lock", name, "me")).status, UnlockResponseStatus.success)
        data = bytes(range(256)) * 1000
        sealed = await (await d.encrypt(data, EncryptOptions("keys", "rsa", "RSA"))).read()
        same(await (await d.decrypt(sealed, DecryptOptions("keys", "rsa"))).read(), data)

    @asynchronous("metadata, wait for the sidecar")
    async def _(d):
        await d.wait(5)
        await d.set_metadata("aio", run)
        same((await d.get_metadata()).extended_metadata["aio"], run)
