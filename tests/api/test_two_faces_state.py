"""Two faces, one truth, for every state store: random operations through HTTP and gRPC, against a model of the contract."""
import itertools, json, os

import grpc
import pytest
from dapr.proto.runtime.v1 import dapr_pb2_grpc

from sidecar import SLOW, component
from truth.check import check, same
from truth.state_faces import GrpcState, HttpState
from truth.state_model import RULES, Model

# Stores of one prefix share their keys; the in-memory ones share nothing.
PREFIXES = {"own": None, "named": "name", "bare": "none", "one": "Shared", "two": "shared"}
KEYS = "abcde/+%ä"
VALUES = [1, -7, 1.5, True, "text", "", "ä<&>\"\\", [1, None, "x"], {"b": {"c": []}, "a": "1"}, {}]
BACKENDS = {
    "in-memory": lambda address, folder: ("state.in-memory", {}),
    "sqlite": lambda address, folder: ("state.sqlite", {"connectionString": str(folder / "truth.db")}),
    "redis": lambda address, folder: ("state.redis", {"redisHost": address("redis")}),
    "mysql": lambda address, folder: ("state.mysql", {"connectionString": address("mysql"), "schemaName": "truth"}),
    "mongodb": lambda address, folder: ("state.mongodb", {"connectionString": address("mongodb"), "databaseName": "truth"}),
    "mongodb-set": lambda address, folder: ("state.mongodb", {"connectionString": address("mongodb-set"), "databaseName": "truth"}),
    "postgresql-v1": lambda address, folder: ("state.postgresql", {"connectionString": address("postgres"), "tableName": "truth"}),
    "postgresql-v2": lambda address, folder: ("state.postgresql/v2", {"connectionString": address("postgres"), "tablePrefix": "truth_"}),
    "etcd-v1": lambda address, folder: ("state.etcd", {"endpoints": address("etcd"), "keyPrefixPath": "truth1"}),
    "etcd-v2": lambda address, folder: ("state.etcd/v2", {"endpoints": address("etcd"), "keyPrefixPath": "truth2"}),
    "memcached": lambda address, folder: ("state.memcached", {"hosts": address("memcached")}),
}


def generator(rules, stores):
    etags = ["", "", "", "current", "current", "stale", "wrong"] + (["text"] if rules.numeric else [])

    def item(chance, key, deletes=False, plain=False):
        out = {"key": key}
        if not deletes:
            out |= {"value": chance.choice(VALUES), "ttl": chance.choice([0, 0, 0, 1000]), "parsed": chance.random() < 0.3}
        if rules.etags and not plain:
            out |= {"kind_of_etag": chance.choice([e for e in etags if not (deletes and e == "text")]), "concurrency": chance.choice(["", "", "", "first-write", "last-write"])}
        return out

    def one(chance):
        store, face = chance.choice(stores), chance.choice(["http", "grpc"])
        what = chance.choice(["save", "save", "save", "delete", "saves", "deletes"] + (["transact"] * 2 if rules.transactions else []))
        keys = chance.sample(KEYS, chance.randint(2, 4)) if what in ("saves", "deletes", "transact") else [chance.choice(KEYS)]
        if what == "transact":
            kinds = [chance.choice(["upsert", "upsert", "delete"]) for _ in keys]
            items = [{**item(chance, key, kind == "delete", not rules.transaction_etags), "kind": kind, "parsed": False} for key, kind in zip(keys, kinds)]
        else:
            items = [item(chance, key, what.startswith("delete")) for key in keys]
        return what, "grpc" if what == "deletes" else face, store, items
    return one


class Run:
    """One run from nothing: keys of its own, a model for each prefix."""
    process, numbers = os.urandom(4).hex() + "x", itertools.count()

    def __init__(self, faces, rules, kind):
        self.faces, self.rules, self.number = faces, rules, f"{self.process}{next(self.numbers)}"
        self.models = {store: Model(rules) for store in PREFIXES}
        if kind != "in-memory":
            self.models["two"] = self.models["one"]

    def ready(self, model, it):
        out = {**it, "key": f"{self.number}-{it['key']}"}
        out["etag"] = model.etag(out["key"], out.pop("kind_of_etag", ""))
        return out

    def __call__(self, operation):
        what, face, store, raw = operation
        model, via = self.models[store], self.faces[face]
        items = [self.ready(model, it) for it in raw]
        if what == "transact" and any(model.entries.get(it["key"]) and model.entries[it["key"]].sticky for it in items):
            return  # of Redis: its script is called in another way there
        if what in ("save", "saves"):
            expected, got = model.apply_each(items, model.judge_set, model.set), via.save(store, items)
        elif what == "delete":
            expected, got = model.apply_each(items, model.judge_delete, model.delete), via.delete(store, items[0])
        elif what == "deletes":
            expected, got = model.apply_each(items, model.judge_delete, model.delete), via.delete_bulk(store, items)
        else:
            expected, got = model.transact(items), via.transact(store, items)
        same(got[0], expected, f"outcome ({got[1]})")
        if expected != "ok" and what in ("save", "delete", "transact"):
            other = self.faces["grpc" if face == "http" else "http"]
            same(getattr(other, what)(store, items if what != "delete" else items[0]), got, "the other face says of the same failure")
        for it in items:
            self.look(model, store, it["key"])
        self.look_at_all(model, store)

    def look(self, model, store, key):
        http, rpc = self.faces["http"].get(store, key), self.faces["grpc"].get(store, key)
        same(http, rpc, f"{key} through HTTP, against gRPC")
        data, etag, expires = rpc
        entry = model.entries.get(key)
        same(json.loads(data) if data else None, entry.value if entry else None, f"value of {key}")
        same(bool(etag), bool(entry) and self.rules.etags, f"etag of {key}")
        if entry:
            shown = {"set": entry.ttl, "never": False}[self.rules.ttl_shown]
            same(bool(expires), shown, f"expiry of {key}")
            if entry.etag and etag != entry.etag:
                same(etag, entry.etag, f"etag of {key}, which nobody wrote")
            entry.etag = etag

    def look_at_all(self, model, store):
        keys = [f"{self.number}-{c}" for c in KEYS]
        expected = {key: (model.entries[key].value, model.entries[key].etag) if key in model.entries else (None, "") for key in keys}
        same(self.faces["http"].bulk(store, keys), expected, "bulk get through HTTP")
        same(self.faces["grpc"].bulk(store, keys), expected, "bulk get through gRPC")


@pytest.mark.parametrize("kind", BACKENDS)
def test_both_faces_tell_one_truth(launch, server_address, kind):
    type_, settings = BACKENDS[kind](server_address, launch.folder)
    type_, _, version = type_.partition("/")
    parts = [component(name, type_, **settings, **({"keyPrefix": prefix} if prefix else {})) for name, prefix in PREFIXES.items()]
    side = launch.sidecar(resources=[part.replace("version: v1", f"version: {version or 'v1'}") for part in parts], app_id=f"truth-{kind}")
    with grpc.insecure_channel(f"127.0.0.1:{side.grpc}") as channel:
        faces = {"http": HttpState(side), "grpc": GrpcState(dapr_pb2_grpc.DaprStub(channel))}
        check(lambda: Run(faces, RULES[kind], kind), generator(RULES[kind], list(PREFIXES)), count=60 if SLOW else 200, seed=11)
