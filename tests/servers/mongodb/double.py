#!/usr/bin/env python3
"""A double of a MongoDB replica set of one, for what the free servers of its protocol lack: transactions. In memory.

    double.py PORT

Knows the commands that state.mongodb sends, with the rules of the real server: a write in a transaction is seen by others after the
commit; one that meets a change of others since the transaction began is a conflict, which the driver may try again; a duplicate key ends
the transaction.
"""
import copy
import re
import socketserver
import struct
import sys
import threading
import time

from bson import Date, Long, decode, encode

TRANSIENT = ["TransientTransactionError"]


class Refused(Exception):
    def __init__(self, code, message, labels=()):
        super().__init__(message)
        self.answer = {"ok": 0.0, "code": code, "errmsg": message, **({"errorLabels": list(labels)} if labels else {})}


def kind_of(value):
    return "null" if value is None else "bool" if isinstance(value, bool) else "date" if isinstance(value, Date) else "number" if isinstance(value, (int, float)) else type(value).__name__


def field(document, path):
    for part in path.split("."):
        document = document.get(part) if isinstance(document, dict) else None
    return document


COMPARE = {"$lt": lambda a, b: a < b, "$lte": lambda a, b: a <= b, "$gt": lambda a, b: a > b, "$gte": lambda a, b: a >= b}


def holds(value, test):
    if not (isinstance(test, dict) and any(name.startswith("$") for name in test)):
        return value == test and kind_of(value) == kind_of(test)
    for name, wanted in test.items():
        if name in COMPARE:
            if kind_of(value) != kind_of(wanted) or not COMPARE[name](value, wanted):
                return False
        elif name == "$in":
            if value not in wanted:
                return False
        elif name in ("$eq", "$ne"):
            if holds(value, wanted) != (name == "$eq"):
                return False
        elif name == "$regex":
            if not isinstance(value, str) or not re.search(wanted, value):
                return False
        else:
            raise Refused(2, f"unknown operator: {name}")
    return True


def matches(document, query):
    for name, test in query.items():
        if name in ("$and", "$or"):
            if not (all if name == "$and" else any)(matches(document, one) for one in test):
                return False
        elif not holds(field(document, name), test):
            return False
    return True


class Transaction:
    def __init__(self, number, records):
        self.number, self.records, self.before, self.ended = number, copy.deepcopy(records), copy.deepcopy(records), False


class Database:
    def __init__(self):
        self.lock, self.records, self.open = threading.Lock(), {}, {}  # {(database, collection): {_id: document}}, {session: Transaction}

    def transaction(self, command):
        if "autocommit" not in command:
            return None
        session, number = command["lsid"]["id"], command["txnNumber"]
        if command.get("startTransaction"):
            self.open[session] = Transaction(number, self.records)
        mine = self.open.get(session)
        if mine is None or mine.number != number or mine.ended:
            raise Refused(251, "the transaction has ended", TRANSIENT)
        return mine

    def run(self, command):
        with self.lock:
            name = next(iter(command))
            if name.lower() in ("hello", "ismaster"):
                return self.hello()
            handler = getattr(self, "on_" + name, None)
            if handler is None:
                raise Refused(59, f"no such command: '{name}'")
            if name in ("commitTransaction", "abortTransaction"):
                return handler(self.open.get(command["lsid"]["id"]))
            mine = self.transaction(command)
            return handler(command, mine.records if mine else self.records, mine)

    def hello(self):
        return {"isWritablePrimary": True, "ismaster": True, "helloOk": True, "setName": "rs0", "hosts": [ADDRESS], "me": ADDRESS, "primary": ADDRESS, "setVersion": 1,
                "maxBsonObjectSize": 16 << 20, "maxMessageSizeBytes": 48000000, "maxWriteBatchSize": 100000, "localTime": Date(time.time() * 1000),
                "logicalSessionTimeoutMinutes": 30, "minWireVersion": 0, "maxWireVersion": 17, "ok": 1.0}

    def on_ping(self, *_):
        return {"ok": 1.0}

    on_endSessions = on_createIndexes = on_ping

    def on_dropDatabase(self, command, records, _):
        for place in [place for place in records if place[0] == command["$db"]]:
            del records[place]
        return {"ok": 1.0}

    def write(self, mine, place, key):
        """A change of others since the transaction began, or one that waits in another transaction, is a conflict."""
        if mine is None:
            return
        now, then = self.records.get(place, {}).get(key), mine.before.get(place, {}).get(key)
        others = (one for one in self.open.values() if one is not mine and not one.ended)
        if now != then or any(one.records.get(place, {}).get(key) != one.before.get(place, {}).get(key) for one in others):
            mine.ended = True
            raise Refused(112, "WriteConflict error: this operation conflicted with another operation", TRANSIENT)

    def on_update(self, command, records, mine):
        place, change = (command["$db"], command["update"]), command["updates"][0]
        of = records.setdefault(place, {})
        found = next((one for one in of.values() if matches(one, change["q"])), None)
        values, key = change["u"]["$set"], change["q"]["_id"]
        if found is None and key in of:
            if mine:
                mine.ended = True
            return {"ok": 1.0, "n": 0, "writeErrors": [{"index": 0, "code": 11000, "errmsg": f"E11000 duplicate key error collection: {'.'.join(place)}"}]}
        self.write(mine, place, key)
        if found is None:
            plain = {name: value for name, value in change["q"].items() if not isinstance(value, dict)}
            of[key] = {**plain, **values}
            return {"ok": 1.0, "n": 1, "nModified": 0, "upserted": [{"index": 0, "_id": key}]}
        of[key] = {**found, **values}
        return {"ok": 1.0, "n": 1, "nModified": 1}

    def on_delete(self, command, records, mine):
        place, change = (command["$db"], command["delete"]), command["deletes"][0]
        of = records.setdefault(place, {})
        keys = [key for key, one in of.items() if matches(one, change["q"])]
        for key in keys[:1] if change["limit"] else keys:
            self.write(mine, place, key)
            del of[key]
        return {"ok": 1.0, "n": min(len(keys), change["limit"] or len(keys))}

    def on_find(self, command, records, _):
        found = [one for one in records.get((command["$db"], command["find"]), {}).values() if matches(one, command["filter"])]
        for name, way in reversed(command.get("sort", {}).items()):
            found.sort(key=lambda one: field(one, name), reverse=way < 0)
        found = found[command.get("skip", 0):]
        return {"ok": 1.0, "cursor": {"id": Long(0), "ns": f"{command['$db']}.{command['find']}", "firstBatch": found[:command.get("limit") or None]}}

    def on_commitTransaction(self, mine):
        if mine is None or mine.ended:
            raise Refused(251, "the transaction has ended", TRANSIENT)
        mine.ended = True
        for place, of in mine.records.items():
            before = mine.before.get(place, {})
            for key in {*of, *before}:
                if of.get(key) != before.get(key):
                    target = self.records.setdefault(place, {})
                    if key in of:
                        target[key] = of[key]
                    else:
                        target.pop(key, None)
        return {"ok": 1.0}

    def on_abortTransaction(self, mine):
        if mine is not None:
            mine.ended = True
        return {"ok": 1.0}


class Connection(socketserver.BaseRequestHandler):
    def receive(self, count):
        data = b""
        while len(data) < count:
            piece = self.request.recv(count - len(data))
            if not piece:
                raise EOFError
            data += piece
        return data

    def message(self, body):
        """A section of kind 0, and sequences of documents of kind 1."""
        command, at = {}, 4
        while at < len(body):
            size, = struct.unpack_from("<i", body, at + 1)
            if body[at] == 0:
                command = {**decode(body, at + 1), **command}
            else:
                name, start = body[at + 5:body.index(b"\0", at + 5)].decode(), body.index(b"\0", at + 5) + 1
                documents = command.setdefault(name, [])
                while start < at + 1 + size:
                    documents.append(decode(body, start))
                    start += struct.unpack_from("<i", body, start)[0]
            at += 1 + size
        return command

    def handle(self):
        try:
            while True:
                size, number, _, kind = struct.unpack("<iiii", self.receive(16))
                body = self.receive(size - 16)
                old = kind == 2004  # the first hello of a driver comes as OP_QUERY
                command = decode(body, body.index(b"\0", 4) + 9) if old else self.message(body)
                try:
                    answer = encode(DATABASE.run(command))
                except Refused as e:
                    answer = encode(e.answer)
                head = struct.pack("<iqii", 8, 0, 0, 1) if old else b"\0\0\0\0\0"
                self.request.sendall(struct.pack("<iiii", 16 + len(head) + len(answer), 0, number, 1 if old else 2013) + head + answer)
        except (EOFError, ConnectionError):
            pass


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address, daemon_threads = True, True


ADDRESS = f"127.0.0.1:{sys.argv[1]}"
DATABASE = Database()
with Server(("127.0.0.1", int(sys.argv[1])), Connection) as server:
    server.serve_forever()
