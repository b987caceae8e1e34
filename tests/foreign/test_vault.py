"""secretstores.hashicorp.vault on a real server: MECHA_TEST_VAULT=token@http://host:port, with an engine KV 2 at `secret`."""
import json
import os
import urllib.request
import uuid

import pytest

from sidecar import component

pytestmark = pytest.mark.skipif("MECHA_TEST_VAULT" not in os.environ, reason="needs MECHA_TEST_VAULT")
TOKEN, _, ADDRESS = os.environ.get("MECHA_TEST_VAULT", "").partition("@")


def ask(method, path, document=None, token=TOKEN):
    request = urllib.request.Request(f"{ADDRESS}/v1/{path}", method=method, headers={"X-Vault-Token": token},
                                     data=None if document is None else json.dumps(document).encode())
    with urllib.request.urlopen(request) as got:
        return json.loads(got.read() or b"null")


@pytest.fixture
def prefix():
    return f"t-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def keep(prefix):
    return lambda name, pairs, under=prefix: ask("POST", f"secret/data/{under}/{name}", {"data": pairs})


@pytest.fixture
def store(launch, prefix):
    def start(**settings):
        settings = {"vaultAddr": ADDRESS, "vaultToken": TOKEN, "vaultKVPrefix": prefix, **settings}
        one = launch.sidecar("app", resources=[component("vault", "secretstores.hashicorp.vault", **settings)])
        return lambda path: one.get(f"/v1.0/secrets/vault/{path}")
    return start


def test_secrets_and_their_versions(store, keep):
    keep("db", {"user": "joe", "password": "first"})
    keep("db", {"user": "joe", "password": "p<ä>"})
    get = store()
    assert (get("db").status, get("db").json) == (200, {"user": "joe", "password": "p<ä>"})
    assert get("db?metadata.version_id=1").json == {"user": "joe", "password": "first"}
    status, code, message = get("none").error()
    assert (status, code) == (500, "ERR_SECRET_GET") and message.endswith("getSecret none failed secret key or version not exist")
    assert get("db?metadata.version_id=9").error()[0] == 500


def test_a_deleted_version_is_not_there(store, keep, prefix):
    keep("db", {"user": "joe"})
    ask("DELETE", f"secret/data/{prefix}/db")
    get = store()
    assert "secret key or version not exist" in get("db").error()[2]
    assert (get("bulk").status, get("bulk").json) == (200, {})


def test_bulk_goes_into_folders(store, keep):
    for name in ("a", "b c", "deep/er/ä", "deep"):
        keep(name.replace(" ", "%20").replace("ä", "%C3%A4"), {"name": name})
    assert store()("bulk").json == {name: {"name": name} for name in ("a", "b c", "deep/er/ä", "deep")}


def test_text_mode_and_no_prefix(store, keep, prefix):
    keep("doc", {"n": 1, "list": [1.5, "}"], "text": "x"}, under=f"{prefix}/inner")
    assert json.loads(store(vaultValueType="text", vaultKVPrefix=f"{prefix}/inner")("doc").json["doc"]) == {"n": 1, "list": [1.5, "}"], "text": "x"}
    assert list(store(vaultValueType="text", vaultKVUsePrefix="false")(f"{prefix}%2Finner%2Fdoc").json) == [f"{prefix}/inner/doc"]


def test_numbers_are_refused_in_map_mode(store, keep):
    keep("odd", {"n": 5})
    assert "couldn't decode response body" in store()("odd").error()[2]


def test_rights_and_a_wrong_token(store, keep, prefix):
    keep("open/a", {"x": "1"})
    keep("shut", {"x": "2"})
    ask("PUT", f"sys/policies/acl/{prefix}", {"policy": f'path "secret/data/{prefix}/open/*" {{ capabilities = ["read"] }}'})
    token = ask("POST", "auth/token/create", {"policies": [prefix]})["auth"]["client_token"]
    get = store(vaultToken=token)
    assert get("open%2Fa").json == {"x": "1"}
    assert "couldn't get successful response, status code 403, body " in get("shut").error()[2]
    assert "list keys couldn't get successful response, status code: 403, status: 403 Forbidden, response " in get("bulk").error()[2]
    assert "status code 403" in store(vaultToken="wrong")("open%2Fa").error()[2]


def test_another_engine(store, prefix):
    ask("POST", f"sys/mounts/{prefix}-kv", {"type": "kv", "options": {"version": "2"}})
    ask("POST", f"{prefix}-kv/data/dapr/one", {"data": {"k": "v"}})
    assert store(enginePath=f"{prefix}-kv", vaultKVPrefix="dapr")("one").json == {"k": "v"}
    ask("DELETE", f"sys/mounts/{prefix}-kv")


def test_the_token_of_a_file(store, keep, tmp_path):
    keep("a", {"x": "1"})
    (tmp_path / "token").write_text(TOKEN + "\n")
    assert store(vaultToken="", vaultTokenMountPath=str(tmp_path / "token"))("a").json == {"x": "1"}
