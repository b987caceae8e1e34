"""State over HTTP on every store (contract 02, 1.3 to 1.13), one case per row."""
import json, re

import pytest

from sidecar import component, wait_until

STORES = ["memory", "sqlite", "redis"]


@pytest.fixture(scope="module", params=STORES)
def world(request, launch_module):
    """(sidecar, name of the kind, URL of the store)."""
    kind = request.param
    if kind == "redis":
        part = component("s", "state.redis", redisHost=request.getfixturevalue("redis_address"), keyPrefix=f"t{launch_module.folder.name}")
    elif kind == "sqlite":
        part = component("s", "state.sqlite", connectionString=str(launch_module.folder / "s.db"))
    else:
        part = component("s", "state.in-memory")
    return launch_module.sidecar(f"st-{kind}", resources=[part]), kind, "/v1.0/state/s"


@pytest.fixture
def key(request):
    """A key of its own for each case."""
    return re.sub(r"[^a-z0-9]", "-", request.node.name.lower())


def save(world, *items, status=204, query=""):
    got = world[0].post(world[2] + query, list(items))
    assert got.status == status, got.body
    return got


# value as sent -> bytes as read
VALUES = [("text", '"hello"', b'"hello"'), ("empty text", '""', b'""'), ("number", "5", b"5"), ("fraction", "1.5", b"1.5"), ("negative", "-3", b"-3"), ("true", "true", b"true"), ("list", "[1, 2 ,3]", b"[1,2,3]"),
          ("object", '{ "a" : 1 }', b'{"a":1}'), ("empty list", "[]", b"[]"), ("empty object", "{}", b"{}"), ("nested", '{"a":{"b":[{"c":null}]}}', b'{"a":{"b":[{"c":null}]}}'),
          ("last of repeated members", '{"a":1,"a":2}', b'{"a":2}'), ("escaped letter", '"\\u00e4"', '"ä"'.encode()), ("line end", '"a\\nb"', b'"a\\nb"'), ("emoji", '"\\ud83d\\ude00"', '"😀"'.encode()),
          ("large number", "12345678901", b"12345678901")]


@pytest.mark.parametrize("sent,read", [row[1:] for row in VALUES], ids=[row[0] for row in VALUES])
def test_a_value_is_compact_json(world, key, sent, read):
    one, _, url = world
    assert one.request("POST", url, body=f'[{{"key":"{key}","value":{sent}}}]').status == 204
    got = one.get(f"{url}/{key}")
    assert (got.status, got.header("content-type"), got.body) == (200, "application/json", read)


def test_markup_is_escaped_by_the_standard_dialect_only(world, key):
    save(world, {"key": key, "value": "<&>"})
    assert world[0].get(f"{world[2]}/{key}").body == (b'"<&>"' if world[1] == "redis" else b'"\\u003c\\u0026\\u003e"')


# body of a save -> (status, error code, message or None)
MALFORMED = [("empty", b"", None), ("no JSON", b"{bad", None), ("an object", b'{"key":"a"}', None), ("a text", b'"x"', None), ("a number as etag", b'[{"key":"a","value":1,"etag":5}]', None),
             ("a number as metadata", b'[{"key":"a","value":1,"metadata":{"x":5}}]', None), ("no key", b'[{"value":1}]', '"key" is a required field'), ("empty key", b'[{"key":"","value":1}]', '"key" is a required field'),
             ("byte order mark", b"\xef\xbb\xbf[]", None), ("number beyond a double", b'[{"key":"a","value":1e999}]', None)]


@pytest.mark.parametrize("verb", ["POST", "PUT"])
@pytest.mark.parametrize("body,message", [row[1:] for row in MALFORMED], ids=[row[0] for row in MALFORMED])
def test_a_malformed_save(world, body, message, verb):
    status, code, said = world[0].request(verb, world[2], body=body).error()
    assert (status, code) == (400, "ERR_MALFORMED_REQUEST")
    assert said and (message is None or said == message)


LENIENT = [("null", b"null"), ("empty list", b"[]"), ("bytes after the value", b"[] trailing"), ("names without case", b'[{"KEY":"lenient","Value":1}]'), ("unknown members", b'[{"key":"lenient","value":1,"other":{}}]'),
           ("null members", b'[{"key":"lenient","value":null,"etag":null,"metadata":null,"options":null}]'), ("contentType is ignored", b'[{"key":"lenient","value":1,"contentType":"x"}]')]


@pytest.mark.parametrize("body", [row[1] for row in LENIENT], ids=[row[0] for row in LENIENT])
def test_a_lenient_save(world, body):
    got = world[0].request("POST", world[2], body=body)
    assert (got.status, got.body, got.header("content-type")) == (204, b"", None)


def test_get_of_what_is_not_there(world, key):
    got = world[0].get(f"{world[2]}/{key}")
    assert (got.status, got.body, got.header("etag"), got.header("content-type")) == (204, b"", None, None)


def test_etag_is_opaque_and_unquoted(world, key):
    save(world, {"key": key, "value": 1})
    first = world[0].get(f"{world[2]}/{key}").header("etag")
    save(world, {"key": key, "value": 2})
    second = world[0].get(f"{world[2]}/{key}").header("etag")
    assert first and second and first != second and '"' not in first
    assert re.fullmatch(r"\d+" if world[1] == "redis" else r"[0-9a-f-]{36}", first)


CURRENT, STALE, NONE = "current", "stale", None
# etag | concurrency | key exists | status for memory and sqlite | status for redis
SETS = [
    ("current etag", CURRENT, None, True, 204, 204), ("stale etag", STALE, None, True, 409, 409), ("stale etag, first-write", STALE, "first-write", True, 409, 409),
    ("stale etag, last-write", STALE, "last-write", True, 409, 204), ("current etag, first-write", CURRENT, "first-write", True, 204, 204), ("etag of a missing key", STALE, None, False, 409, 204),
    ("empty etag", "", None, True, 204, 204), ("first-write on a missing key", NONE, "first-write", False, 204, 204), ("first-write without etag", NONE, "first-write", True, 409, 204),
    ("malformed etag", "no etag", None, True, 409, 400), ("unknown concurrency", NONE, "sometimes", True, 500, 500), ("last-write", NONE, "last-write", True, 204, 204),
]


@pytest.mark.parametrize("etag,concurrency,exists,native,redis", [row[1:] for row in SETS], ids=[row[0] for row in SETS])
def test_concurrency_of_a_save(world, key, etag, concurrency, exists, native, redis):
    one, kind, url = world
    stale = "999" if kind == "redis" else "00000000-0000-4000-8000-000000000000"
    if exists:
        save(world, {"key": key, "value": "old"})
    etag = one.get(f"{url}/{key}").header("etag") if etag == CURRENT else stale if etag == STALE else etag
    item = {"key": key, "value": "new"} | ({} if etag is None else {"etag": etag}) | ({"options": {"concurrency": concurrency}} if concurrency else {})
    want = redis if kind == "redis" else native
    got = one.post(url, [item])
    assert got.status == want, got.body
    if want >= 400:
        _, code, message = got.error()
        assert code == "ERR_STATE_SAVE" and message.startswith("failed saving state in state store s: ")
        if want == 409:
            assert message.startswith("failed saving state in state store s: possible etag mismatch. error from state store")
        assert one.get(f"{url}/{key}").body == (b'"old"' if exists else b"")
    else:
        assert one.get(f"{url}/{key}").body == b'"new"'


# If-Match | concurrency | exists | memory | sqlite | redis
DELETES = [("none", NONE, None, True, 204, 204, 204), ("current", CURRENT, None, True, 204, 204, 204), ("stale", STALE, None, True, 409, 409, 409), ("empty", "", None, True, 204, 204, 204),
           ("missing key", NONE, None, False, 204, 204, 204), ("etag of a missing key", STALE, None, False, 409, 409, 204), ("first-write without etag", NONE, "first-write", True, 409, 204, 204)]


@pytest.mark.parametrize("etag,concurrency,exists,memory,sqlite,redis", [row[1:] for row in DELETES], ids=[row[0] for row in DELETES])
def test_delete(world, key, etag, concurrency, exists, memory, sqlite, redis):
    one, kind, url = world
    if exists:
        save(world, {"key": key, "value": 1})
    etag = one.get(f"{url}/{key}").header("etag") if etag == CURRENT else ("999" if kind == "redis" else "x") if etag == STALE else etag
    got = one.request("DELETE", f"{url}/{key}" + (f"?concurrency={concurrency}" if concurrency else ""), [] if etag is None else [("If-Match", etag)])
    want = {"memory": memory, "sqlite": sqlite, "redis": redis}[kind]
    assert got.status == want, got.body
    if want == 409:
        assert got.error()[1] == "ERR_STATE_DELETE" and got.error()[2].startswith(f"failed deleting state with key {key}: possible etag mismatch. error from state store")
    assert one.get(f"{url}/{key}").status == (200 if exists and want != 204 else 204)


def test_a_quoted_if_match_is_not_unquoted(world, key):
    one, _, url = world
    save(world, {"key": key, "value": 1})
    etag = one.get(f"{url}/{key}").header("etag")
    assert one.request("DELETE", f"{url}/{key}", [("If-Match", f'"{etag}"')]).status in (409, 400)
    assert one.get(f"{url}/{key}").status == 200


def test_a_body_of_a_delete_is_not_read(world, key):
    save(world, {"key": key, "value": 1})
    assert world[0].request("DELETE", f"{world[2]}/{key}", body=b"{bad").status == 204


BAD_TTL = [("text", "soon"), ("blank", " 5"), ("fraction", "1.5")]


@pytest.mark.parametrize("ttl", [row[1] for row in BAD_TTL], ids=[row[0] for row in BAD_TTL])
def test_a_malformed_ttl(world, key, ttl):
    got = world[0].post(world[2], [{"key": key, "value": 1, "metadata": {"ttlInSeconds": ttl}}])
    assert got.error()[:2] == (500, "ERR_STATE_SAVE")


@pytest.mark.parametrize("name", ["metadata.ttlInSeconds", "%6detadata.ttlInSeconds", "metadata%2EttlInSeconds", "metadata.ttlIn%53econds"])
def test_names_of_metadata_may_be_escaped(world, key, name):
    assert world[0].post(f"{world[2]}?{name}=soon", [{"key": key, "value": 1}]).error()[:2] == (500, "ERR_STATE_SAVE")


@pytest.mark.parametrize("by_query", [False, True], ids=["item", "query"])
def test_ttl(world, key, by_query):
    one, kind, url = world
    item = {"key": key, "value": 1, "metadata": {"ttlInSeconds": "100"}}
    save(world, item)
    expires = one.get(f"{url}/{key}").header("metadata.ttlExpireTime")
    assert expires is None if kind == "redis" else re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", expires)
    item["metadata"] = {"ttlInSeconds": "100" if by_query else "1"}
    save(world, item, query="?metadata.ttlInSeconds=1" if by_query else "")
    wait_until(lambda: one.get(f"{url}/{key}").status == 204, "the key to expire", 20)


@pytest.mark.parametrize("ttl", ["0", "-1"])
def test_a_ttl_of_nothing_is_none(world, key, ttl):
    save(world, {"key": key, "value": 1, "metadata": {"ttlInSeconds": ttl}})
    got = world[0].get(f"{world[2]}/{key}")
    assert (got.status, got.header("metadata.ttlExpireTime")) == (200, None)


def bulk(world, body, **more):
    return world[0].post(world[2] + "/bulk", body, **more)


def test_bulk_get(world, key):
    save(world, {"key": key + "1", "value": {"a": 1}}, {"key": key + "2", "value": None})
    got = bulk(world, {"keys": [key + "1", key + "2", key + "none"], "parallelism": 1})
    assert (got.status, got.header("content-type"), got.body[-1:]) == (200, "application/json", b"\n")
    items = {i["key"]: i for i in got.json}
    assert items[key + "1"]["data"] == {"a": 1} and items[key + "1"]["etag"]
    assert items[key + "2"]["data"] is None and items[key + "2"]["etag"]
    assert items[key + "none"] == {"key": key + "none"}


@pytest.mark.parametrize("body", [{}, {"keys": []}, None, {"keys": None}], ids=json.dumps)
def test_bulk_get_of_nothing(world, body):
    assert bulk(world, body).json == []


@pytest.mark.parametrize("body", [b"", b"{bad", b"[]", b'{"keys":"a"}', b'{"keys":[1]}', b'{"parallelism":"x"}'], ids=str)
def test_a_malformed_bulk_get(world, body):
    status, code, message = world[0].request("POST", world[2] + "/bulk", body=body).error()
    assert (status, code) == (400, "ERR_MALFORMED_REQUEST") and message.startswith("failed deserializing HTTP body: ")


def transact(world, *operations, **more):
    return world[0].post(world[2] + "/transaction", {"operations": list(operations), **more})


def upsert(key, value, **more):
    return {"operation": "upsert", "request": {"key": key, "value": value, **more}}


def test_a_transaction_in_order(world, key):
    save(world, {"key": key + "gone", "value": 1})
    got = transact(world, upsert(key, 1), upsert(key, 2), {"operation": "delete", "request": {"key": key + "gone"}})
    assert (got.status, got.body) == (204, b"")
    assert world[0].get(f"{world[2]}/{key}").body == b"2"
    assert world[0].get(f"{world[2]}/{key}gone").status == 204


def test_an_etag_mismatch_undoes_a_transaction(world, key):
    got = transact(world, upsert(key + "a", 1), upsert(key + "b", 1, etag="999"))
    if world[1] == "redis":  # creates a missing key whatever the etag is
        assert got.status == 204
        return
    status, code, message = got.error()
    assert (status, code) == (500, "ERR_STATE_TRANSACTION") and message.startswith("error while executing state transaction: ")
    assert world[0].get(f"{world[2]}/{key}a").status == 204


@pytest.mark.parametrize("body", [{"operations": []}, {}, {"operations": None}], ids=json.dumps)
def test_an_empty_transaction(world, body):
    assert world[0].post(world[2] + "/transaction", body).status == 204


BAD_TRANSACTIONS = [
    ("no JSON", b"{bad", "ERR_MALFORMED_REQUEST", None), ("empty", b"", "ERR_MALFORMED_REQUEST", None), ("operations of another type", b'{"operations":{}}', "ERR_MALFORMED_REQUEST", None),
    ("unknown operation", b'{"operations":[{"operation":"get","request":{"key":"a"}}]}', "ERR_NOT_SUPPORTED_STATE_OPERATION", "operation type get not supported"),
    ("capitals", b'{"operations":[{"operation":"Upsert","request":{"key":"a","value":1}}]}', "ERR_NOT_SUPPORTED_STATE_OPERATION", "operation type Upsert not supported"),
    ("a number as etag", b'{"operations":[{"operation":"upsert","request":{"key":"a","value":1,"etag":1}}]}', "ERR_MALFORMED_REQUEST", None),
    ("separator in a key", b'{"operations":[{"operation":"upsert","request":{"key":"a||b","value":1}}]}', "ERR_MALFORMED_REQUEST", "api error: code = InvalidArgument desc = input key/keyPrefix 'a||b' can't contain '||'"),
]


@pytest.mark.parametrize("body,code,message", [row[1:] for row in BAD_TRANSACTIONS], ids=[row[0] for row in BAD_TRANSACTIONS])
def test_a_refused_transaction(world, body, code, message):
    got = world[0].request("POST", world[2] + "/transaction", body=body).error()
    assert got[:2] == (400, code)
    assert message is None or got[2] == message


INFO, RESOURCE, VIOLATION = "type.googleapis.com/google.rpc.ErrorInfo", "type.googleapis.com/google.rpc.ResourceInfo", "type.googleapis.com/google.rpc.BadRequest"


@pytest.mark.parametrize("how", ["save", "get", "delete"])
def test_a_key_with_the_separator(world, how):
    one, _, url = world
    got = one.post(url, [{"key": "a||b", "value": 1}]) if how == "save" else one.request(how.upper(), f"{url}/a%7C%7Cb")
    message = "api error: code = InvalidArgument desc = input key/keyPrefix 'a||b' can't contain '||'"
    assert got.error() == (400, "ERR_MALFORMED_REQUEST", message)
    details = got.json["details"]
    assert [d["@type"] for d in details] == [VIOLATION, RESOURCE, INFO]
    assert details[0]["field_violations"] == [{"field": "a||b", "description": message}]
    assert (details[1]["resource_type"], details[1]["resource_name"], details[2]["reason"]) == ("state", "s", "DAPR_STATE_ILLEGAL_KEY")


def test_query_is_not_supported(world):
    got = world[0].post("/v1.0-alpha1/state/s/query", {})
    if world[1] == "redis":
        assert got.status == 500  # the server has no JSON module
        return
    assert got.error() == (500, "ERR_STATE_STORE_NOT_SUPPORTED", "state store does not support querying")
    assert [d["@type"] for d in got.json["details"]] == [RESOURCE, INFO]
    assert got.json["details"][1]["reason"] == "DAPR_STATE_QUERYING_NOT_SUPPORTED"
