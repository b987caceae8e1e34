"""One user's day on every state store: the same calls against the real servers, with each store's own words where it has some (contract 02, 1.3 to 1.15)."""
import time, uuid

import pytest

from backends import STORES
from sidecar import component, wait_until
from test_error_rows import ask_grpc

pytestmark = pytest.mark.timeout(120)


def address_of(store, server_address, folder):
    return server_address(store.server) if store.server else folder


@pytest.fixture(scope="module", params=STORES, ids=str)
def world(request, launch_module, server_address, tmp_path_factory):
    """(store, sidecar): the component is `s`; keys of this sidecar are nobody else's."""
    store = request.param
    part = store.make("s", address_of(store, server_address, tmp_path_factory.mktemp("store")))
    return store, launch_module.sidecar(f"a{uuid.uuid4().hex}", resources=[part])


def save(one, *items):
    return one.post("/v1.0/state/s", list(items))


def test_capabilities(world):
    store, one = world
    (told,) = one.get("/v1.0/metadata").json["components"]
    assert (told["name"], told["capabilities"]) == ("s", store.features)


def test_save_get_and_delete(world):
    store, one = world
    assert save(one, {"key": "a", "value": {"n": 1}}, {"key": "b", "value": "text"}).status == 204
    got = one.get("/v1.0/state/s/a")
    assert (got.status, got.json, bool(got.header("etag"))) == (200, {"n": 1}, store.etags)
    items = {item["key"]: item for item in one.post("/v1.0/state/s/bulk", {"keys": ["a", "b", "none"]}).json}
    assert {key: item.get("data") for key, item in items.items()} == {"a": {"n": 1}, "b": "text", "none": None}
    assert [key for key, item in items.items() if "etag" in item] == ([key for key in items if key != "none"] if store.etags else [])
    bulk = {"store_name": "s", "states": [{"key": "a"}, {"key": "none"}]}
    assert ask_grpc(one, "DeleteBulkState", bulk) is None
    assert one.request("DELETE", "/v1.0/state/s/b").status == 204
    assert [one.get(f"/v1.0/state/s/{key}").status for key in "ab"] == [204, 204]
    assert one.request("DELETE", "/v1.0/state/s/b").status == 204


def test_entity_tags(world):
    store, one = world
    save(one, {"key": "tag", "value": 1})
    before = one.get("/v1.0/state/s/tag").header("etag")
    if not store.etags:
        assert before is None
        assert save(one, {"key": "tag", "value": 2, "etag": "4711"}).status == 204
        return
    assert save(one, {"key": "tag", "value": 2, "etag": before}).status == 204
    prefix = "failed saving state in state store s: "
    for item, (status, words) in (({"etag": before}, (409, store.stale)), ({"etag": "bad"}, store.malformed), ({"options": {"concurrency": "first-write"}}, store.first_write)):
        got = save(one, {"key": "tag", "value": 3, **item})
        assert got.status == status, got.text
        if status != 204:
            assert got.json["errorCode"] == "ERR_STATE_SAVE" and got.json["message"].startswith(prefix + words), got.text
    current = one.get("/v1.0/state/s/tag")
    assert current.json == (3 if store.first_write[0] == 204 else 2)
    error = ask_grpc(one, "SaveState", {"store_name": "s", "states": [{"key": "tag", "value": "Mw==", "etag": {"value": before}}]})
    assert (error.code().name, error.details().startswith(prefix + store.stale)) == ("ABORTED", True)
    error = ask_grpc(one, "SaveState", {"store_name": "s", "states": [{"key": "tag", "value": "Mw==", "etag": {"value": "bad"}}]})
    assert error.code().name == ("INVALID_ARGUMENT" if store.malformed[0] == 400 else "ABORTED")
    gone = one.request("DELETE", "/v1.0/state/s/tag", {"If-Match": before})
    assert gone.error()[:2] == (409, "ERR_STATE_DELETE") and gone.json["message"].startswith("failed deleting state with key tag: possible etag mismatch. error from state store")
    assert one.request("DELETE", "/v1.0/state/s/tag", {"If-Match": current.header("etag")}).status == 204


def test_time_to_live(world):
    store, one = world
    assert save(one, {"key": "long", "value": 1, "metadata": {"ttlInSeconds": "100"}}).status == 204
    got = one.get("/v1.0/state/s/long")
    assert (got.status, got.header("metadata.ttlExpireTime") is not None) == (200, store.expiry_told)
    assert save(one, {"key": "brief", "value": 1, "metadata": {"ttlInSeconds": "2"}}, {"key": "kept", "value": 1, "metadata": {"ttlInSeconds": "2"}}).status == 204
    assert save(one, {"key": "kept", "value": 2}).status == 204
    wait_until(lambda: one.get("/v1.0/state/s/brief").status == 204, "the item to go", 30)
    if store.overwrite_clears_ttl:
        time.sleep(0.5)
        assert one.get("/v1.0/state/s/kept").json == 2
    else:
        wait_until(lambda: one.get("/v1.0/state/s/kept").status == 204, "the time of the first write to hold", 30)
    wrong = save(one, {"key": "brief", "value": 1, "metadata": {"ttlInSeconds": "x"}})
    assert wrong.error()[:2] == (500, "ERR_STATE_SAVE") and wrong.json["message"].endswith(store.bad_ttl), wrong.text


def test_transactions(world):
    store, one = world
    work = {"operations": [{"operation": "upsert", "request": {"key": "t1", "value": 1}}, {"operation": "delete", "request": {"key": "t2"}}]}
    if not store.transactions:
        assert one.post("/v1.0/state/s/transaction", work).error() == (500, "ERR_STATE_STORE_NOT_SUPPORTED", "state store s doesn't support transactions")
        error = ask_grpc(one, "ExecuteStateTransaction", {"storeName": "s", "operations": [{"operationType": "delete", "request": {"key": "t2"}}]})
        assert (error.code().name, error.details()) == ("UNIMPLEMENTED", "state store s doesn't support transactions")
        return
    save(one, {"key": "t2", "value": 2})
    assert one.post("/v1.0/state/s/transaction", work).status == 204
    assert (one.get("/v1.0/state/s/t1").json, one.get("/v1.0/state/s/t2").status) == (1, 204)
    work = {"operations": [{"operation": "upsert", "request": {"key": "t2", "value": 7}}, {"operation": "upsert", "request": {"key": "t1", "value": 7, "etag": "4711"}}]}
    failed = one.post("/v1.0/state/s/transaction", work)
    assert failed.error()[:2] == (500, "ERR_STATE_TRANSACTION") and failed.json["message"].startswith("error while executing state transaction: ")
    assert one.get("/v1.0/state/s/t1").json == 1
    assert one.get("/v1.0/state/s/t2").status == (204 if store.atomic else 200)


def test_queries(world):
    store, one = world
    got = one.post("/v1.0-alpha1/state/s/query", {"filter": {"EQ": {"nothing": "like it"}}})
    if store.query:
        assert got.status == 204
    elif store.id == "redis":  # with its modules it could
        assert got.error() == (500, "ERR_STATE_QUERY", "state store s query failed: redis-json server support is required for query capability")
    else:
        assert got.error() == (500, "ERR_STATE_STORE_NOT_SUPPORTED", "state store does not support querying")


WRONG = [pytest.param(store, change, words, id=f"{store}: {what}") for store in STORES for what, change, words in store.wrong]


@pytest.mark.parametrize("store,change,words", WRONG)
def test_a_start_that_fails(launch, server_address, tmp_path, store, change, words):
    """The process ends with the store's words, unless errors are to be ignored: then calls say them."""
    part = store.make("s", change(address_of(store, server_address, tmp_path)))
    said = f"[INIT_COMPONENT_FAILURE]: initialization error occurred for s ({part.split('type: ')[1].split()[0]}/{part.split('version: ')[1].split()[0]}): "
    dies = launch.sidecar(resources=[part], ready="", start=False)
    dies.start()
    assert dies.wait(60) == 1
    fatal = [line for line in dies.log().splitlines() if "level=fatal" in line]
    assert len(fatal) == 1 and f"Fatal error from runtime: process component s error: {said}" in fatal[0] and words in fatal[0].replace('\\"', '"'), dies.log()
    assert "a-password" not in dies.log()

    lives = launch.sidecar(resources=[part + "  ignoreErrors: true\n", component("other", "state.in-memory")])
    lives.says("Ignoring error processing component: ")
    got = save(lives, {"key": "a", "value": 1})
    assert got.error() == (400, "ERR_STATE_STORE_NOT_FOUND", "state store s is not found")
    assert words in got.header("mecha-component-state"), got.headers
    assert lives.post("/v1.0/state/other", [{"key": "a", "value": 1}]).status == 204


HOT = """apiVersion: dapr.io/v1alpha1
kind: Configuration
metadata: {name: c}
spec: {features: [{name: HotReload, enabled: true}]}
"""


@pytest.mark.parametrize("store", [one for one in STORES if one.server], ids=str)
def test_a_change_that_fails_ends_the_process_in_order(launch, server_address, tmp_path, store):
    """The store that worked is closed to its end, although the process is about to leave."""
    one = launch.sidecar(resources={"s.yaml": store.make("s", server_address(store.server))}, config=HOT)
    assert save(one, {"key": f"a{uuid.uuid4().hex}", "value": 1}).status == 204
    (one.folder / "resources/s.yaml").write_text(component("s", "state.sqlite", connectionString="/nowhere/state.db"))
    assert one.wait(60) == 1
    assert "check failed" not in one.log() and "failed to close component" not in one.log(), one.log()[-2000:]


def test_one_store_after_another_in_the_same_place(launch, server_address, tmp_path):
    """Each backend takes the name of the one before, while clients go on; none sees an error but `not found` between two."""
    one = launch.sidecar(f"a{uuid.uuid4().hex}", resources={"s.yaml": STORES[-1].make("s", "")}, config=HOT)
    assert save(one, {"key": "where", "value": "in-memory"}).status == 204
    for store in STORES[:-1]:
        (one.folder / "resources/s.yaml").write_text(store.make("s", address_of(store, server_address, tmp_path)))
        kind, number = (store.make("s", "").split(word)[1].split()[0] for word in ("type: ", "version: "))

        def here():
            told = one.get("/v1.0/metadata").json["components"]
            return told and (told[0]["type"], told[0]["version"], told[0]["capabilities"]) == (kind, number, store.features)
        wait_until(here, f"{store} to be there", 40)
        assert one.get("/v1.0/state/s/where").status == 204
        assert save(one, {"key": "where", "value": str(store)}).status == 204
        wait_until(lambda: one.get("/v1.0/state/s/where").json == str(store), "the new store to answer", 20)
        assert one.request("DELETE", "/v1.0/state/s/where").status == 204
