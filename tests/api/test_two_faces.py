"""Two faces, one truth: locks, configuration, secrets, publishing, bindings and cryptography through HTTP and gRPC, against models."""
import base64, itertools, json, os, subprocess

import grpc
import pytest
import redis

from application import reply
from sidecar import component, wait_until
from truth.calls import Grpc, Http
from truth.check import check, same

RUNS = itertools.count()
FACES = ["http", "grpc"]


def fresh():
    """A prefix nobody used before."""
    return f"{os.urandom(4).hex()}{next(RUNS)}"


@pytest.fixture
def faces(launch):
    """Starts a sidecar: {face: calls}."""
    channels = []

    def start(*parts, **more):
        side = launch.sidecar(resources=list(parts), **more)
        channels.append(grpc.insecure_channel(f"127.0.0.1:{side.grpc}"))
        return {"http": Http(side), "grpc": Grpc(channels[-1])}
    yield start
    for channel in channels:
        channel.close()


def test_locks(faces, redis_address):
    both = faces(component("lock", "lock.redis", redisHost=redis_address))

    def make():
        prefix, held = fresh(), {}

        def run(operation):
            what, face, resource, owner, expiry = operation
            holder = held.get(resource)
            if what == "lock" and expiry <= 0:
                expected = "ExpiryInSeconds is not positive in lock store lock"
            elif not owner:
                expected = "LockOwner is empty in lock store lock"
            elif what == "lock":
                expected = holder is None
                held.setdefault(resource, owner)
            else:
                expected = 1 if holder is None else 2 if holder != owner else 0
                if expected == 0:
                    del held[resource]
            name = prefix + resource
            same(both[face].lock("lock", name, owner, expiry) if what == "lock" else both[face].unlock("lock", name, owner), expected, "answer")
        return run
    check(make, lambda c: (c.choice(["lock", "lock", "unlock"]), c.choice(FACES), c.choice("ab"), c.choice(["x", "y", "y", ""]), c.choice([100, 100, 100, 0, -5])), 200)


def test_configuration(faces, redis_address):
    both = faces(component("conf", "configuration.redis", redisHost=redis_address))
    host, _, port = redis_address.partition(":")
    server = redis.Redis(host, int(port))

    def make():
        prefix, model = fresh(), {}

        def run(operation):
            what, key, value = operation
            if what == "set":
                model[key] = value
                server.set(prefix + key, value)
            elif what == "delete":
                model.pop(key, None)
                server.delete(prefix + key)
            else:
                parts = {k: (model[k].split("||") + [""])[:2] for k in value if k in model}
                expected = {prefix + k: tuple(part) for k, part in parts.items() if part[0]}
                for face in FACES:
                    same(both[face].configuration("conf", [prefix + k for k in value]), expected, face)
        return run

    def generate(c):
        what = c.choice(["set", "set", "delete", "get", "get"])
        return what, c.choice("abcä"), c.choice(["v", "v||1", "||2", "", "ä <&>||x||y", "a|b", "\"q\""]) if what == "set" else c.sample("abcä", c.randint(1, 3))
    check(make, generate, 200)


def test_secrets(faces, launch):
    secrets = {"plain": "a", "ä/b c": "x", "n": {"m": "1", "o": {"p": "2"}}, "list": ["q", "r"], "hidden": "h", "e": {}, "num": 5}
    (launch.folder / "secrets.json").write_text(json.dumps(secrets))
    scopes = "spec:\n  secrets:\n    scopes:\n    - {storeName: single, deniedSecrets: [hidden]}\n    - {storeName: allowed, allowedSecrets: [plain]}\n"
    file = {"secretsFile": str(launch.folder / "secrets.json")}
    both = faces(component("single", "secretstores.local.file", **file), component("allowed", "secretstores.local.file", **file),
                 component("multi", "secretstores.local.file", multiValued="true", **file), component("env", "secretstores.local.env", prefix="T_"),
                 config=scopes, env={"T_A": "1", "T_DAPR_X": "2"})

    def run(operation):
        store, key = operation
        name, asked = ("secrets", (store,)) if key is None else ("secret", operation)
        same(getattr(both["http"], name)(*asked), getattr(both["grpc"], name)(*asked), "HTTP against gRPC")
    same(both["http"].secret("single", "n:o:p"), {"n:o:p": "2"}, "one that is there")
    keys = ["plain", "ä/b c", "n", "n:m", "n:o:p", "list:0", "list:5", "hidden", "e", "num", "nothing", "A", "DAPR_X", "B", None, None]
    check(lambda: run, lambda c: (c.choice(["single", "allowed", "multi", "env", "no-store"]), c.choice(keys)), 150)


KINDS = {"": [b"text", "ä".encode()], "text/plain": [b"text", b""], "application/json": [b'{"a":[1,"x"],"n":1.5}', b"5", b'"t"', b"null"],
         "application/octet-stream": [b"\x00\x01\xff", b""], "text/html; charset=utf-8": [b"<b>"], "application/xml": [b"<a/>"]}
METADATA = {"cloudevent.source": "me", "cloudevent.type": "my.type", "cloudevent.subject": "s", "CloudEvent.Source": "up", "ttlInSeconds": "1000", "some": "thing"}


def expected_event(data, kind, metadata):
    """The parts of an envelope that the publisher decides."""
    lower = {k.lower(): v for k, v in metadata.items()}
    out = {"datacontenttype": kind or "text/plain", "source": lower.get("cloudevent.source", "app"), "type": lower.get("cloudevent.type", "com.dapr.event.sent"),
           "specversion": "1.0", "topic": "t", "pubsubname": "bus"}
    if "cloudevent.subject" in lower:
        out["subject"] = lower["cloudevent.subject"]
    if kind == "application/octet-stream":
        out["data_base64"] = base64.b64encode(data).decode()
    else:
        out["data"] = json.loads(data) if kind == "application/json" else data.decode()
    return out


@pytest.mark.parametrize("broker", ["in-memory", "redis"])
def test_publishing(faces, launch, request, broker):
    settings = {"redisHost": request.getfixturevalue("redis_address"), "consumerID": fresh()} if broker == "redis" else {}
    app = launch.app().on("/dapr/subscribe", reply(json_body=[{"pubsubname": "bus", "topic": "t", "route": "/in"}])).on("/in", reply(200))
    both = faces(component("bus", f"pubsub.{broker}", **settings), app=app)
    kinds = {kind: values for kind, values in KINDS.items()}

    def received(ids):
        def all_there():
            got = {call.json["id"]: call.json for call in app.calls("/in")}
            return [got[i] for i in ids] if all(i in got for i in ids) else None
        events = wait_until(all_there, f"the events {ids}")
        expiry = ["expiration" in event for event in events]
        for event in events:
            assert event["traceid"] == event["traceparent"] and event["time"]
            for name in ("id", "time", "traceid", "traceparent", "tracestate", "expiration"):
                event.pop(name, None)
        return events, expiry

    def run(operation):
        what, face, rows, metadata = operation
        ids = [fresh() for _ in rows]
        if what == "single":
            (data, kind, _), = rows
            same(both[face].publish("bus", "t", data, kind, {**metadata, "cloudevent.id": ids[0]}), None, "answer")
        else:
            entries = [(str(n), data, kind, {**own, "cloudevent.id": id_}) for n, ((data, kind, own), id_) in enumerate(zip(rows, ids))]
            same(both[face].publish_bulk("bus", "t", entries, metadata), None, "answer")
        events, expiry = received(ids)
        whole = [{**metadata, **own} for _, _, own in rows]
        same(events, [expected_event(data, kind, meta) for (data, kind, _), meta in zip(rows, whole)], "events")
        same(expiry, ["ttlInSeconds" in meta for meta in whole], "expiration")
        app.forget()

    def some(c):
        names = c.sample(list(METADATA), c.choice([0, 0, 1, 2]))
        return {} if {"cloudevent.source", "CloudEvent.Source"} <= set(names) else {name: METADATA[name] for name in names}

    def generate(c):
        what = c.choice(["single", "single", "bulk"])
        rows = []
        for _ in range(1 if what == "single" else c.randint(1, 4)):
            kind = c.choice([k for k in kinds if what == "single" or k])
            rows.append((c.choice(kinds[kind]), kind, some(c) if what == "bulk" else {}))
        metadata = some(c)
        if any("source" in k.lower() for k in metadata):
            rows = [(data, kind, {k: v for k, v in own.items() if "source" not in k.lower()}) for data, kind, own in rows]
        return what, c.choice(FACES), rows, metadata
    check(lambda: run, generate, 80)


def test_bindings(faces, launch):
    root = launch.folder / "files"
    root.mkdir()
    both = faces(component("files", "bindings.localstorage", rootPath=str(root)))

    def make():
        prefix, model = fresh(), {}

        def run(operation):
            what, face, name, data = operation
            path = f"{prefix}/{name}"
            got = both[face].binding("files", what, data, {"fileName": path})
            failed = lambda: got is not None and (isinstance(got, str) and got.startswith("error invoking output binding files: "))
            if what == "create":
                same(json.loads(got), {"fileName": path}, "answer")
                model[name] = json.loads(data).encode() if data.startswith(b'"') else data
                same((root / path).read_bytes(), model[name], "content of the file")
            elif name in model:
                same(got or b"", model[name] if what == "get" else b"", "answer")
                if what == "delete":
                    del model[name]
            else:
                same(failed(), True, f"a failure, in {got!r}")
                other = both["grpc" if face == "http" else "http"].binding("files", what, data, {"fileName": path})
                same(other, got, "the other face says of the same failure")
        return run
    values = [b'"some text"', b'{"a":[1,"<&>"]}'.replace(b"<&>", b"x"), b"12.5", b'"!"']
    check(make, lambda c: (c.choice(["create", "get", "get", "delete"]), c.choice(FACES), c.choice(["a", "b", "d/c"]), c.choice(values)), 150)


def test_cryptography(faces, launch):
    keys = launch.folder / "keys"
    keys.mkdir()
    (keys / "oct").write_text("YGFiY2RlZmdoaWprbG1ub3BxcnN0dXZ3eHl6e3x9fn8")
    (keys / "rsa.pem").write_bytes(subprocess.run(["openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-quiet"], capture_output=True, check=True).stdout)
    both = faces(component("keys", "crypto.dapr.localstorage", path=str(keys)))

    def run(operation):
        size, writer, reader, (key, algorithm), cipher, spoil = operation
        data = bytes(i * 7 % 251 for i in range(256)) * (size // 256 + 1)
        data = data[:size]
        document = both[writer].encrypt("keys", data, key, algorithm, cipher)
        same(isinstance(document, bytes) and document.startswith(b"dapr.io/enc/v1\n"), True, f"a document, in {document!r:.80}")
        if spoil is None:
            same(both[reader].decrypt("keys", document) or b"", data, "what was opened")
            return
        at = int(spoil * len(document))
        broken = document[:at] + bytes([document[at] ^ 1]) + document[at + 1:]
        http, rpc = both["http"].decrypt("keys", broken), both["grpc"].decrypt("keys", broken)
        same(isinstance(http, str) and isinstance(rpc, str), True, f"two failures, in {http!r:.80} and {rpc!r:.80}")
        same(rpc.removeprefix("failed to perform operation: "), http.removeprefix("failed to perform operation: "), "gRPC against HTTP")
    sizes = [0, 1, 100, 65535, 65536, 65537, 131072, 200000]
    check(lambda: run, lambda c: (c.choice(sizes), c.choice(FACES), c.choice(FACES), c.choice([("oct", "A256KW"), ("rsa.pem", "RSA"), ("rsa.pem", "RSA-OAEP-256")]),
                                  c.choice(["aes-gcm", "chacha20-poly1305"]), c.choice([None, None, c.random()])), 80)
