"""Keys as stored, and stores that are not there (contract 02, 1.3 and 1.13; 01, 2.4)."""
import sqlite3

import pytest

from sidecar import component

# keyPrefix | app id | NAMESPACE | stored key of `k`
PREFIXES = [("default", None, "app", None, "app||k"), ("appid", "appid", "app", None, "app||k"), ("APPID", "APPID", "app", None, "app||k"), ("name", "name", "app", None, "Store||k"), ("none", "none", "app", None, "k"),
            ("namespace", "namespace", "app", "prod", "prod.app||k"), ("namespace without one", "namespace", "app", None, "app||k"), ("custom", "Custom", "app", None, "custom||k"), ("empty", "", "app", None, "||k")]


@pytest.mark.parametrize("spelling", ["keyPrefix", "KEYPREFIX"])
@pytest.mark.parametrize("prefix,app_id,namespace,stored", [row[1:] for row in PREFIXES], ids=[row[0] for row in PREFIXES])
def test_stored_key(launch, prefix, app_id, namespace, stored, spelling):
    file = launch.folder / "s.db"
    settings = {"connectionString": str(file)} | ({} if prefix is None else {spelling: prefix})
    one = launch.sidecar(app_id, resources=[component("Store", "state.sqlite", settings)], env={"NAMESPACE": namespace} if namespace else {})
    assert one.post("/v1.0/state/Store", [{"key": "k", "value": 1}]).status == 204
    assert sqlite3.connect(file).execute("select key from state").fetchall() == [(stored,)]
    assert one.get("/v1.0/state/Store/k").body == b"1"
    assert [i["key"] for i in one.post("/v1.0/state/Store/bulk", {"keys": ["k"]}).json] == ["k"]


def test_a_prefix_with_the_separator_ends_the_start(launch):
    one = launch.sidecar(resources=[component("s", "state.in-memory", keyPrefix="a||b")], ready="")
    assert one.wait() == 1
    assert "failed to save lock keyprefix: api error: code = InvalidArgument desc = input key/keyPrefix 'a||b' can't contain '||'" in one.log()


OPERATIONS = [("get", "GET", "/v1.0/state/{s}/k", None), ("save", "POST", "/v1.0/state/{s}", b'[{"key":"k","value":1}]'), ("save, bad body", "POST", "/v1.0/state/{s}", b"{bad"), ("delete", "DELETE", "/v1.0/state/{s}/k", None),
              ("bulk", "POST", "/v1.0/state/{s}/bulk", b'{"keys":["k"]}'), ("transaction", "POST", "/v1.0/state/{s}/transaction", b'{"operations":[]}'), ("query", "POST", "/v1.0-alpha1/state/{s}/query", b"{}")]


@pytest.fixture(scope="module")
def stores(launch_module):
    return {"none": launch_module.sidecar("none"), "one": launch_module.sidecar("one", resources=[component("Store", "state.in-memory")])}


@pytest.mark.parametrize("method,path,body", [row[1:] for row in OPERATIONS], ids=[row[0] for row in OPERATIONS])
@pytest.mark.parametrize("which,name,status,code,message,reason", [
    ("none", "s", 500, "ERR_STATE_STORE_NOT_CONFIGURED", "state store s is not configured", "DAPR_STATE_NOT_CONFIGURED"),
    ("one", "s", 400, "ERR_STATE_STORE_NOT_FOUND", "state store s is not found", "DAPR_STATE_NOT_FOUND"),
    ("one", "store", 400, "ERR_STATE_STORE_NOT_FOUND", "state store store is not found", "DAPR_STATE_NOT_FOUND"),
], ids=["no store at all", "unknown store", "names have case"])
def test_store_look_up(stores, which, name, status, code, message, reason, method, path, body):
    got = stores[which].request(method, path.format(s=name), body=body)
    assert got.header("content-type") == "application/json"
    info = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "domain": "dapr.io", "metadata": None if "query" in path else {"appID": which}, "reason": reason}
    assert got.status == status and got.json == {"errorCode": code, "message": message, "details": [info]}


def test_an_out_of_scope_store_does_not_exist(launch):
    parts = [component("Store", "state.in-memory"), component("other", "state.in-memory", extra="scopes: [someone]\n")]
    assert launch.sidecar(resources=parts).get("/v1.0/state/other/k").error()[:2] == (400, "ERR_STATE_STORE_NOT_FOUND")


def test_a_store_whose_server_is_away(launch):
    """Redis that refuses connections: with ignoreErrors the sidecar runs without it."""
    text = component("away", "state.redis", redisHost="127.0.0.1:1").replace("  version: v1\n", "  version: v1\n  ignoreErrors: true\n")
    one = launch.sidecar(resources=[component("Store", "state.in-memory"), text])
    assert one.get("/v1.0/state/away/k").status in (400, 500)
    assert one.get("/v1.0/state/Store/k").status == 204
