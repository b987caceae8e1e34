"""Encryption at rest of state (contract 02, 1.14): the stored records, and records that others wrote."""
import base64, json, re, sqlite3

import pytest

from sidecar import component

KEYS = {"new": {"k": "00112233445566778899aabbccddeeff"}, "statekeys": {"k": bytes(range(32)).hex()}}
RECORD = "AAECAwQFBgcICQoLL2e6d6onl/81O4oEbSgjbc2dBXu7||statekeys"  # hello, under the key of 32 bytes


def sealed(name, kind, *keys, auth="auth: {secretStore: sec}\n", **settings):
    document = component(name, kind, **settings)
    items = "".join(f"  - {{name: {item}, secretKeyRef: {{name: {secret}, key: k}}}}\n" for item, secret in zip(("primaryEncryptionKey", "secondaryEncryptionKey"), keys))
    return document + items + auth


@pytest.fixture(scope="module")
def world(launch_module):
    secrets, file = launch_module.folder / "keys.json", launch_module.folder / "enc.db"
    secrets.write_text(json.dumps(KEYS))
    where = {"connectionString": str(file), "keyPrefix": "none"}
    one = launch_module.sidecar("enc", resources=[
        component("sec", "secretstores.local.file", secretsFile=str(secrets), multiValued="true"),
        sealed("s", "state.sqlite", "statekeys", **where), sealed("rotated", "state.sqlite", "new", "statekeys", **where),
        component("clear", "state.sqlite", **where, primaryEncryptionKey=KEYS["new"]["k"])])
    return one, file


def record(file, key):
    with sqlite3.connect(file, timeout=5) as connection:
        ((value, binary),) = connection.execute("select value, is_binary from state where key = ?", (key,)).fetchall()
    return base64.b64decode(value).decode() if binary else value


def plant(file, key, text):
    with sqlite3.connect(file, timeout=5) as connection:
        connection.execute("insert or replace into state (key, value, is_binary, etag) values (?, ?, 1, 'e')", (key, base64.b64encode(text.encode()).decode()))


@pytest.mark.parametrize("value,read", [("text", b"text"), (True, b"true"), (None, b"null"), (1000000, b"1000000"), ([1, "a"], b'[1,"a"]'), ({"b": 1, "a": "<"}, b'{"a":"\\u003c","b":1}'), ("", b"")])
def test_values(world, value, read):
    one, file = world
    assert one.post("/v1.0/state/s", [{"key": "v", "value": value}]).status == 204
    stored = record(file, "v")
    assert re.fullmatch(r"[A-Za-z0-9+/]+=*\|\|statekeys", stored) and len(base64.b64decode(stored.split("||")[0])) == 12 + len(read) + 16
    got = one.get("/v1.0/state/s/v")
    assert (got.status, got.body) == (200, read)


def test_every_write_has_a_nonce_of_its_own(world):
    one, file = world
    seen = set()
    for _ in range(5):
        one.post("/v1.0/state/s", [{"key": "n", "value": "same"}])
        seen.add(base64.b64decode(record(file, "n").split("||")[0])[:12])
    assert len(seen) == 5


def test_records_of_others(world):
    one, file = world
    plant(file, "o", RECORD)
    assert one.get("/v1.0/state/s/o").body == b"hello"
    assert one.get("/v1.0/state/rotated/o").body == b"hello"
    one.post("/v1.0/state/rotated/transaction", {"operations": [{"operation": "upsert", "request": {"key": "o", "value": "again"}}]})
    assert record(file, "o").endswith("||new") and one.get("/v1.0/state/rotated/o").body == b"again"


UNKNOWN = "could not decrypt data for state store s: "


@pytest.mark.parametrize("text,cause", [
    ("AAAA||", f"{UNKNOWN}encryption key name not found on record"), ("plain", f"{UNKNOWN}the record was not written encrypted"), (RECORD.replace("statekeys", "gone"), f'{UNKNOWN}the store has no key of the name "gone"'),
    ("AAA!||statekeys", "illegal base64 data at input byte 3"), (RECORD.replace("Xu7", "Xu8"), "cipher: message authentication failed")])
def test_what_cannot_be_opened(world, text, cause):
    one, file = world
    plant(file, "bad", text)
    one.post("/v1.0/state/s", [{"key": "good", "value": 1}])
    assert one.get("/v1.0/state/s/bad").error() == (500, "ERR_STATE_GET", f"fail to get bad from state store s: {cause}")
    items = {item["key"]: item for item in one.post("/v1.0/state/s/bulk", {"keys": ["bad", "good"]}).json}
    assert items["bad"] == {"key": "bad", "etag": "e", "error": cause} and items["good"]["data"] == 1


def test_without_a_secret_store_it_is_off_and_says_so(world):
    one, file = world
    one.post("/v1.0/state/clear", [{"key": "c", "value": "open"}])
    assert record(file, "c") == '"open"'
    assert "Component clear has an encryption key but no secret store: it stores without encryption" in one.log()
