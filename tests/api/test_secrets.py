"""Secrets over HTTP (contract 02, section 3; 06, 5.7)."""
import json

import pytest

from sidecar import component

TREE = {"top": "t", "db": {"user": "u", "inner": {"deep": "d"}}, "list": ["a", {"b": "c"}], "nothing": {}, "empty": "", "markup": "<&>", "bulk": "b"}
SCOPES = """spec:
  secrets:
    scopes:
    - {storeName: allowed, allowedSecrets: [top], deniedSecrets: [top], defaultAccess: deny}
    - {storeName: denied, deniedSecrets: [top]}
    - {storeName: closed, defaultAccess: DENY}
"""


def mounted(folder):
    """A folder of mounts, with one as the kubelet makes it."""
    there = folder / "mounts" / "creds"
    (there / "..1").mkdir(parents=True)
    (there / "..1/user").write_text("joe\n")
    (there / "..data").symlink_to("..1")
    (there / "user").symlink_to("..data/user")
    return folder / "mounts"


@pytest.fixture(scope="module")
def one(launch_module):
    file = launch_module.folder / "secrets.json"
    file.write_text(json.dumps(TREE))
    local = {"secretsFile": str(file)}
    parts = [component("flat", "secretstores.local.file", local), component("dots", "secretstores.local.file", {**local, "nestedSeparator": "."}), component("multi", "secretstores.local.file", {**local, "multiValued": "true"}),
             component("mounts", "secretstores.local.folder", folder=str(mounted(launch_module.folder)), multiValued="true"), component("env", "secretstores.local.env"), component("prefixed", "secretstores.local.env", prefix="MINE_")] + [component(n, "secretstores.local.file", local) for n in ("allowed", "denied", "closed")]
    return launch_module.sidecar(resources=parts, config=SCOPES, env={"MINE_A": "1", "MINE_": "self", "APP_API_TOKEN": "hidden", "OTHER": "2"})


FOUND = [("flat", "top", {"top": "t"}), ("flat", "db:user", {"db:user": "u"}), ("flat", "db:inner:deep", {"db:inner:deep": "d"}), ("flat", "list:0", {"list:0": "a"}), ("flat", "list:1:b", {"list:1:b": "c"}),
         ("flat", "empty", {"empty": ""}), ("flat", "markup", {"markup": "<&>"}), ("dots", "db.user", {"db.user": "u"}), ("multi", "top", {"top": "t"}), ("multi", "db", {"user": "u", "inner:deep": "d"}), ("multi", "nothing", {}), ("mounts", "creds", {"user": "joe\n"}),
         ("env", "OTHER", {"OTHER": "2"}), ("env", "NOT_SET_AT_ALL", {"NOT_SET_AT_ALL": ""}), ("env", "APP_API_TOKEN", {"APP_API_TOKEN": ""}), ("env", "DAPR_HTTP_PORT", {"DAPR_HTTP_PORT": ""}), ("env", "dapr_http_port", {"dapr_http_port": ""}),
         ("prefixed", "A", {"A": "1"}), ("prefixed", "OTHER", {"OTHER": ""}), ("allowed", "top", {"top": "t"}), ("denied", "db:user", {"db:user": "u"})]


@pytest.mark.parametrize("store,key,want", FOUND)
def test_found(one, store, key, want):
    got = one.get(f"/v1.0/secrets/{store}/{key}")
    assert (got.status, got.header("content-type"), got.json) == (200, "application/json", want)
    assert got.body.endswith(b"\n")


def test_markup_is_escaped(one):
    assert b"\\u003c\\u0026\\u003e" in one.get("/v1.0/secrets/flat/markup").body


REFUSED = [
    ("missing", "flat", "nope", 500, "ERR_SECRET_GET", "failed getting secret with key nope from secret store flat: secret nope not found"),
    ("an inner node", "flat", "db", 500, "ERR_SECRET_GET", "failed getting secret with key db from secret store flat: secret db not found"),
    ("an empty object", "flat", "nothing", 500, "ERR_SECRET_GET", "failed getting secret with key nothing from secret store flat: secret nothing not found"),
    ("another case", "flat", "Top", 500, "ERR_SECRET_GET", "failed getting secret with key Top from secret store flat: secret Top not found"),
    ("a list in multi", "multi", "list", 500, "ERR_SECRET_GET", "failed getting secret with key list from secret store multi: secret list not found"),
    ("unknown store", "nope", "top", 401, "ERR_SECRET_STORE_NOT_FOUND", "failed finding secret store with key nope"),
    ("store in another case", "Flat", "top", 401, "ERR_SECRET_STORE_NOT_FOUND", "failed finding secret store with key Flat"),
    ("not in the allowed list", "allowed", "db:user", 403, "ERR_PERMISSION_DENIED", 'access denied by policy to get "db:user" from "allowed"'),
    ("in the denied list", "denied", "top", 403, "ERR_PERMISSION_DENIED", 'access denied by policy to get "top" from "denied"'),
    ("denied by default", "closed", "top", 403, "ERR_PERMISSION_DENIED", 'access denied by policy to get "top" from "closed"'),
    ("denied before it is missing", "closed", "nope", 403, "ERR_PERMISSION_DENIED", 'access denied by policy to get "nope" from "closed"'),
]


@pytest.mark.parametrize("store,key,status,code,message", [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_refused(one, store, key, status, code, message):
    got = one.get(f"/v1.0/secrets/{store}/{key}")
    assert got.error() == (status, code, message)
    assert "details" not in got.json


BULK = [("flat", {"top": {"top": "t"}, "db:user": {"db:user": "u"}, "db:inner:deep": {"db:inner:deep": "d"}, "list:0": {"list:0": "a"}, "list:1:b": {"list:1:b": "c"}, "empty": {"empty": ""}, "markup": {"markup": "<&>"}, "bulk": {"bulk": "b"}}),
        ("multi", {"top": {"top": "t"}, "db": {"user": "u", "inner:deep": "d"}, "nothing": {}, "empty": {"empty": ""}, "markup": {"markup": "<&>"}, "bulk": {"bulk": "b"}}),
        ("prefixed", {"A": {"A": "1"}}), ("allowed", {"top": {"top": "t"}}), ("closed", {})]


@pytest.mark.parametrize("store,want", BULK, ids=[row[0] for row in BULK])
def test_bulk(one, store, want):
    got = one.get(f"/v1.0/secrets/{store}/bulk")
    assert (got.status, got.json) == (200, want)


def test_bulk_of_the_environment_hides_its_own(one):
    got = one.get("/v1.0/secrets/env/bulk").json
    assert got["OTHER"] == {"OTHER": "2"} and not [k for k in got if k.startswith("DAPR_") or k == "APP_API_TOKEN"]


@pytest.mark.parametrize("path", ["x/y", "x/bulk"])
def test_no_secret_store(launch, path):
    assert launch.sidecar().get(f"/v1.0/secrets/{path}").error() == (500, "ERR_SECRET_STORES_NOT_CONFIGURED", "secret store is not configured")


def test_a_body_of_a_get_is_read(one):
    status, code, message = one.request("GET", "/v1.0/secrets/flat/top", body=b"{bad").error()
    assert (status, code) == (400, "ERR_MALFORMED_REQUEST") and message.startswith("failed deserializing HTTP body: ")
    for body in (b'{"key":5}', b'{"store_name":[]}', b'{"metadata":{"a":1}}', b'{"key":"a","key":"b"}', b'{"x":"\\udc00"}'):
        assert one.request("GET", "/v1.0/secrets/flat/bulk", body=body).error()[:2] == (400, "ERR_MALFORMED_REQUEST"), body
    assert one.request("GET", "/v1.0/secrets/flat/top", body=b'{"key":"nope","unknown":1}').json == {"top": "t"}


BAD_SCOPES = [("repeated store", "    - {storeName: s}\n    - {storeName: s}\n", "s storeName is repeated in secrets configuration"),
              ("unknown access", "    - {storeName: s, defaultAccess: maybe}\n", "defaultAccess maybe can be either allow or deny")]


@pytest.mark.parametrize("scopes,text", [row[1:] for row in BAD_SCOPES], ids=[row[0] for row in BAD_SCOPES])
def test_malformed_scopes_end_the_start(launch, scopes, text):
    bad = launch.sidecar(config="spec:\n  secrets:\n    scopes:\n" + scopes, ready="")
    assert bad.wait() == 1
    assert text in bad.log()


BAD_FILES = [("no file named", {}, "missing local secrets file in metadata"), ("not there", {"secretsFile": "/nonexistent/x.json"}, None), ("a list", {"secretsFile": "list.json"}, None)]


@pytest.mark.parametrize("settings,text", [row[1:] for row in BAD_FILES], ids=[row[0] for row in BAD_FILES])
def test_a_store_that_cannot_start(launch, settings, text):
    bad = launch.sidecar(resources=[component("s", "secretstores.local.file", settings)], start=False, ready="")
    (bad.folder / "list.json").write_text("[]")
    bad.start()
    assert bad.wait() == 1
    assert "[INIT_COMPONENT_FAILURE]: initialization error occurred for s (secretstores.local.file/v1): " in bad.log()
    assert text is None or text in bad.log()
