"""A pluggable component of all four kinds, written against our protos with grpcio alone. What it holds is on disk, so it can be killed.

    pluggable_component.py SOCKET FOLDER SERVICE...     services by their short names, e.g. StateStore PubSub

Keys and operations that begin with `fail:` are answered with the status of that name.
"""
import contextlib, json, os, queue, sqlite3, subprocess, sys, threading, time
from concurrent import futures
from pathlib import Path

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.rpc import error_details_pb2, status_pb2
from grpc_reflection.v1alpha import reflection
from grpc_status import rpc_status

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = "dapr.proto.components.v1"
FILES = ("state", "pubsub", "bindings", "secretstore")
FEATURES = {"StateStore": ["ETAG", "TRANSACTIONAL", "QUERY_API", "TTL"], "PubSub": ["BULK_PUBSUB"], "SecretStore": ["MULTIPLE_KEY_VALUES_PER_SECRET"]}
SECRETS = {"plain": {"plain": "open"}, "many": {"user": "u", "password": "p"}}


def descriptors():
    protos = ROOT / "api/proto"
    command = ["protoc", "-I", protos, "--include_imports", "--descriptor_set_out=/dev/stdout", *(f"dapr/proto/components/v1/{f}.proto" for f in FILES)]
    files = descriptor_pb2.FileDescriptorSet.FromString(subprocess.run(command, check=True, capture_output=True, cwd=protos).stdout)
    pool = descriptor_pool.DescriptorPool()
    for file in files.file:
        pool.Add(file)
    return pool


POOL = descriptors()


def make(name, **fields):
    return message_factory.GetMessageClass(POOL.FindMessageTypeByName(f"{PACKAGE}.{name}"))(**fields)


class Refused(Exception):
    def __init__(self, code, text, *details):
        self.status = status_pb2.Status(code=code.value[0], message=text)
        for detail in details:
            self.status.details.add().Pack(detail)


def etag_refused(code, text):
    violation = error_details_pb2.BadRequest.FieldViolation(field="etag", description=text)
    return Refused(code, "the etag", error_details_pb2.BadRequest(field_violations=[violation]))


def check_failure(name):
    if "fail:rows" in name:
        raise Refused(grpc.StatusCode.INTERNAL, "rows", error_details_pb2.ErrorInfo(metadata={"expected": "3", "affected": "1"}))
    if "fail:kit" in name:
        info = error_details_pb2.ErrorInfo(reason="DAPR_KIT", domain="dapr.io", metadata={"kit_error": "true", "http_code": "418", "tag": "ERR_TEAPOT"})
        raise Refused(grpc.StatusCode.OUT_OF_RANGE, "short and stout", info)
    if "fail:plain" in name:
        raise Refused(grpc.StatusCode.RESOURCE_EXHAUSTED, "no room")
    if "fail:slow" in name:
        time.sleep(20)
    if "fail:die" in name:
        os.kill(os.getpid(), 9)


class Store:
    """Everything on disk; one connection, one lock."""

    def __init__(self, folder):
        self.db, self.lock = sqlite3.connect(folder / "component.db", check_same_thread=False, isolation_level=None), threading.RLock()
        for table in ("calls(method, instance, pid, document)", "items(key primary key, value, etag integer)", "done(id)",
                      "messages(id integer primary key, topic, data, metadata, content_type, acked default 0)", "acks(id, error, data)"):
            self("create table if not exists " + table)

    def __call__(self, sql, *values):
        with self.lock:
            return self.db.execute(sql, values).fetchall()


class Component:
    def __init__(self, folder):
        self.store = Store(folder)
        self.subscribers = []

    # State.
    def get(self, request):
        check_failure(request.key)
        rows = self.store("select value, etag from items where key = ?", request.key)
        if not rows:
            return make("GetResponse")
        return make("GetResponse", data=rows[0][0], etag=make("Etag", value=str(rows[0][1])), metadata={"from": "component"})

    def check_etag(self, request):
        if not request.HasField("etag"):
            return
        if not request.etag.value.isdigit():
            raise etag_refused(grpc.StatusCode.INVALID_ARGUMENT, "an etag is a number")
        if [int(request.etag.value)] != [row[0] for row in self.store("select etag from items where key = ?", request.key)]:
            raise etag_refused(grpc.StatusCode.FAILED_PRECONDITION, "it was changed")

    def set(self, request):
        check_failure(request.key)
        with self.store.lock:
            self.check_etag(request)
            self.store("insert into items values (?, ?, 1) on conflict(key) do update set value = excluded.value, etag = etag + 1", request.key, request.value)
        return make("SetResponse")

    def delete(self, request):
        check_failure(request.key)
        with self.store.lock:
            self.check_etag(request)
            self.store("delete from items where key = ?", request.key)
        return make("DeleteResponse")

    def bulk_get(self, request):
        answer = make("BulkGetResponse")
        for one in request.items:
            if "whole" in one.key:  # not this item alone fails
                check_failure(one.key)
            try:
                got = self.get(one)
            except Refused as refused:
                answer.items.add(key=one.key, error=refused.status.message)
                continue
            answer.items.add(key=one.key, data=got.data, etag=got.etag if got.HasField("etag") else None)
        return answer

    def bulk_set(self, request):
        for one in request.items:
            self.set(one)
        return make("BulkSetResponse")

    def bulk_delete(self, request):
        for one in request.items:
            self.delete(one)
        return make("BulkDeleteResponse")

    def transact(self, request):
        with self.store.lock:
            self.store("begin")
            try:
                for operation in request.operations:
                    self.set(operation.set) if operation.WhichOneof("request") == "set" else self.delete(getattr(operation, "delete"))
            except Refused:
                self.store("rollback")
                raise
            self.store("commit")
        return make("TransactionalStateResponse")

    def query(self, request):
        (path, wanted), = json.loads(request.query.filter["EQ"].value).items()
        answer = make("QueryResponse", token="next")
        order = "desc" if request.query.sort and request.query.sort[0].order == 1 else "asc"
        for key, value, etag in self.store(f"select key, value, etag from items order by key {order}"):
            with contextlib.suppress(ValueError, AttributeError):
                if json.loads(value).get(path) == wanted and len(answer.items) < (request.query.pagination.limit or 100):
                    answer.items.add(key=key, data=value, etag=make("Etag", value=str(etag)))
        return answer

    def max_size(self, _):
        return make("MultiMaxSizeResponse", max_size=3)

    # Messages: each goes to the open stream of its topic until it is acknowledged; after a failure it comes again.
    def publish(self, request):
        check_failure(request.topic)
        self.store("insert into messages(topic, data, metadata, content_type) values (?, ?, ?, ?)",
                   request.topic, request.data, json.dumps(dict(request.metadata)), request.content_type)
        self.wake()
        return make("PublishResponse")

    def bulk_publish(self, request):
        answer = make("BulkPublishResponse")
        for entry in request.entries:
            if b"refuse" in entry.event:
                answer.failed_entries.add(entry_id=entry.entry_id, error="refused by the component")
                continue
            self.store("insert into messages(topic, data, metadata, content_type) values (?, ?, ?, ?)",
                       request.topic, entry.event, json.dumps(dict(entry.metadata)), entry.content_type)
        self.wake()
        return answer

    def wake(self):
        for one in list(self.subscribers):
            one.put(None)

    def pull(self, requests, context):
        topic = next(requests).topic.name
        sent, wakeup = set(), queue.Queue()

        def take_answers():
            with contextlib.suppress(grpc.RpcError, StopIteration):
                for answer in requests:
                    self.store("insert into acks values (?, ?, '')", answer.ack_message_id, answer.ack_error.message)
                    if answer.HasField("ack_error"):
                        sent.discard(int(answer.ack_message_id))
                    else:
                        self.store("update messages set acked = 1 where id = ?", int(answer.ack_message_id))
                    wakeup.put(None)
            wakeup.put("end")

        self.subscribers.append(wakeup)
        threading.Thread(target=take_answers, daemon=True).start()
        try:
            while context.is_active():
                for row in self.store("select id, data, metadata, content_type from messages where topic = ? and not acked order by id", topic):
                    if row[0] in sent:
                        continue
                    sent.add(row[0])
                    yield make("PullMessagesResponse", id=str(row[0]), topic_name=topic, data=row[1], metadata=json.loads(row[2]), content_type=row[3])
                if wakeup.get() == "end":
                    return
        finally:
            self.subscribers.remove(wakeup)

    # Bindings: what `emit` puts down comes out of the input side.
    def invoke(self, request):
        check_failure(request.operation)
        if request.operation == "emit":
            self.store("insert into messages(topic, data, metadata, content_type) values ('events', ?, ?, '')", request.data, json.dumps(dict(request.metadata)))
            self.wake()
        return make("InvokeResponse", data=b"<" + request.data + b">", metadata={"operation": request.operation})

    def read(self, requests, context):
        wakeup = queue.Queue()

        def take_answers():
            with contextlib.suppress(grpc.RpcError):
                for answer in requests:
                    self.store("insert into acks values (?, ?, ?)", answer.message_id, answer.response_error.message, answer.response_data)
                    if not answer.HasField("response_error"):
                        self.store("update messages set acked = 1 where id = ?", int(answer.message_id))
            wakeup.put("end")

        sent = set()
        self.subscribers.append(wakeup)
        threading.Thread(target=take_answers, daemon=True).start()
        try:
            while True:
                for row in self.store("select id, data, metadata from messages where topic = 'events' and not acked order by id"):
                    if row[0] not in sent:
                        sent.add(row[0])
                        yield make("ReadResponse", message_id=str(row[0]), data=row[1], metadata=json.loads(row[2]))
                if wakeup.get() == "end":
                    return
        finally:
            self.subscribers.remove(wakeup)

    # Secrets.
    def secret(self, request):
        check_failure(request.key)
        if request.key not in SECRETS:
            raise Refused(grpc.StatusCode.NOT_FOUND, f"secret {request.key} not found")
        return make("GetSecretResponse", data=SECRETS[request.key])

    def secrets(self, _):
        answer = make("BulkGetSecretResponse")
        for name, entries in SECRETS.items():
            answer.data[name].secrets.update(entries)
        return answer


class Server(grpc.GenericRpcHandler):
    """Calls by full method; each is noted with its instance."""

    def __init__(self, component, services):
        self.component = component
        c = component
        self.handlers = {
            "StateStore/Get": c.get, "StateStore/Set": c.set, "StateStore/Delete": c.delete, "StateStore/BulkGet": c.bulk_get, "StateStore/BulkSet": c.bulk_set,
            "StateStore/BulkDelete": c.bulk_delete, "TransactionalStateStore/Transact": c.transact, "QueriableStateStore/Query": c.query,
            "TransactionalStoreMultiMaxSize/MultiMaxSize": c.max_size, "PubSub/Publish": c.publish, "PubSub/BulkPublish": c.bulk_publish,
            "PubSub/PullMessages": c.pull, "OutputBinding/Invoke": c.invoke, "InputBinding/Read": c.read, "SecretStore/Get": c.secret, "SecretStore/BulkGet": c.secrets,
            "OutputBinding/ListOperations": lambda _: make("ListOperationsResponse", operations=["create", "emit", "fail:plain", "fail:kit"]),
        }
        if not os.environ.get("MECHA_TEST_NO_PAUSE"):
            self.handlers["PubSub/Pause"] = lambda _: (time.sleep(float(os.environ.get("MECHA_TEST_PAUSE_TAKES", 0))), make("PauseResponse"))[1]
        for service, features in FEATURES.items():
            self.handlers[service + "/Features"] = lambda _, list_=features: make("FeaturesResponse", features=list_)
        self.types = {}
        for service in services:
            descriptor = POOL.FindServiceByName(f"{PACKAGE}.{service}")
            for method in descriptor.methods:
                self.types[f"{service}/{method.name}"] = method
                if method.name == "Init":
                    answer = method.output_type.name
                    self.handlers[f"{service}/Init"] = lambda request, name=answer: self.init(request, name)

    def init(self, request, answer):
        if request.metadata.properties.get("refuse"):
            raise Refused(grpc.StatusCode.INVALID_ARGUMENT, request.metadata.properties["refuse"])
        return make(answer)

    def service(self, details):
        name = details.method.rsplit(".", 1)[-1]
        handler, method = self.handlers.get(name), self.types.get(name)
        if handler is None or method is None:
            return None
        parse = message_factory.GetMessageClass(method.input_type).FromString
        instance = dict(details.invocation_metadata).get("x-component-instance")
        if name in ("PubSub/PullMessages", "InputBinding/Read"):
            self.note(name, instance, {})
            return grpc.stream_stream_rpc_method_handler(handler, parse, lambda m: m.SerializeToString())

        def run(request, context):
            properties = dict(request.metadata.properties) if name.endswith("/Init") else {}
            self.note(name, instance, {"properties": properties, "text": str(request)[:2000], "deadline": context.time_remaining()})
            try:
                return handler(request)
            except Refused as refused:
                context.abort_with_status(rpc_status.to_status(refused.status))
        return grpc.unary_unary_rpc_method_handler(run, parse, lambda m: m.SerializeToString())

    def note(self, name, instance, document):
        self.component.store("insert into calls values (?, ?, ?, ?)", name, instance, os.getpid(), json.dumps(document))


def main():
    path, folder, services = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:]
    server = grpc.server(futures.ThreadPoolExecutor(64))
    server.add_generic_rpc_handlers((Server(Component(folder), services),))
    reflection.enable_server_reflection([f"{PACKAGE}.{s}" for s in services] + [reflection.SERVICE_NAME], server)
    with contextlib.suppress(FileNotFoundError):
        path.unlink()
    if not server.add_insecure_port(f"unix:{path}"):
        sys.exit("the socket cannot be had")
    server.start()
    print("serving", flush=True)
    server.wait_for_termination()


if __name__ == "__main__":
    main()
