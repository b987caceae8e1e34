"""Components on PostgreSQL over the wire: what stands in the tables, and what the shared mechanisms make of it."""
import base64, re, subprocess, urllib.parse, uuid

import pytest

from application import reply
from sidecar import component, wait_until

KEY = bytes(range(32)).hex()


class Database:
    """A schema of one test, and SQL beside the daemon."""

    def __init__(self, url):
        self.url, self.schema = url, "mecha_" + uuid.uuid4().hex
        self.sql(f"CREATE SCHEMA {self.schema}")

    def sql(self, text):
        return subprocess.run(["psql", self.url, "-XAtqc", text], check=True, capture_output=True, text=True, timeout=20).stdout.strip()

    def state(self, name, version, **settings):
        place = {"tableName": f"{self.schema}.state"} if version == "v1" else {"tablePrefix": f"{self.schema}."}
        made = component(name, "state.postgresql", {"connectionString": self.url, "metadataTableName": f"{self.schema}.meta", **place, **settings})
        return made.replace("version: v1", f"version: {version}")


@pytest.fixture
def database(server_address):
    one = Database(server_address("postgres"))
    yield one
    one.sql(f"DROP SCHEMA {one.schema} CASCADE")


@pytest.mark.parametrize("version,document", [("v1", b'{"a": "x", "b": 1}'), ("v2", b'{"a":"x","b":1}')])
def test_state(launch, database, version, document):
    one = launch.sidecar("pgapp", resources=[database.state("s", version)])
    assert one.post("/v1.0/state/s", [{"key": "k", "value": {"b": 1, "a": "x"}, "metadata": {"ttlInSeconds": "100"}}]).status == 204
    got = one.get("/v1.0/state/s/k")
    assert (got.status, got.body) == (200, document)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", got.header("metadata.ttlExpireTime"))
    assert database.sql(f"SELECT key FROM {database.schema}.state") == "pgapp||k"
    etag = got.header("etag")
    assert one.post("/v1.0/state/s", [{"key": "k", "value": 2, "etag": etag}]).status == 204
    assert one.post("/v1.0/state/s", [{"key": "k", "value": 3, "etag": etag}]).error()[:2] == (409, "ERR_STATE_SAVE")
    wrong = one.post("/v1.0/state/s", [{"key": "k", "value": 3, "etag": "x"}]).error()
    assert wrong[0] == (400 if version == "v1" else 409), wrong
    first = one.post("/v1.0/state/s", [{"key": "k", "value": 3, "options": {"concurrency": "first-write"}}])
    assert first.error() == (500, "ERR_STATE_SAVE", "failed saving state in state store s: no item was updated")
    bulk = one.post("/v1.0/state/s/bulk", {"keys": ["none", "k"]}).json
    assert [item["key"] for item in bulk] == ["k", "none"] and bulk[0]["data"] == 2
    operations = [{"operation": "upsert", "request": {"key": "t", "value": 1}}, {"operation": "delete", "request": {"key": "k", "etag": etag}}]
    assert one.post("/v1.0/state/s/transaction", {"operations": operations}).error()[:2] == (500, "ERR_STATE_TRANSACTION")
    assert one.get("/v1.0/state/s/t").status == 204
    del operations[1]["request"]["etag"]
    assert one.post("/v1.0/state/s/transaction", {"operations": operations}).status == 204
    assert (one.get("/v1.0/state/s/t").body, one.get("/v1.0/state/s/k").status) == (b"1", 204)
    query = one.post("/v1.0-alpha1/state/s/query", {"filter": {"EQ": {"n": 1}}})
    if version == "v2":
        assert query.error()[:2] == (500, "ERR_STATE_STORE_NOT_SUPPORTED")
    else:
        assert query.status == 204
        one.post("/v1.0/state/s", [{"key": "q", "value": {"n": 1}}])
        assert [r["key"] for r in one.post("/v1.0-alpha1/state/s/query", {"filter": {"EQ": {"n": 1}}}).json["results"]] == ["q"]


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_prefix_and_encryption(launch, database, version):
    keys = launch.folder / "keys.json"
    keys.write_text('{"statekeys": "%s"}' % KEY)
    sealed = "  - {name: primaryEncryptionKey, secretKeyRef: {name: statekeys, key: statekeys}}\nauth: {secretStore: sec}\n"
    one = launch.sidecar("pgapp", resources=[component("sec", "secretstores.local.file", secretsFile=str(keys)), database.state("s", version, keyPrefix="name") + sealed])
    assert one.post("/v1.0/state/s", [{"key": "k", "value": "hello"}]).status == 204
    assert one.get("/v1.0/state/s/k").body == b"hello"
    column = "value #>> '{}'" if version == "v1" else "encode(value, 'escape')"
    key, stored = (database.sql(f"SELECT {what} FROM {database.schema}.state") for what in ("key", column))
    if version == "v1":
        stored = base64.b64decode(stored).decode()
    assert key == "s||k" and stored.endswith("||statekeys") and len(base64.b64decode(stored.split("||")[0])) == 12 + 5 + 16


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_outbox(launch, database, version):
    store = database.state("s", version, outboxPublishPubsub="ps", outboxPublishTopic="told")
    app = launch.app().on("/dapr/subscribe", reply(json_body=[{"pubsubname": "ps", "topic": "told", "route": "/in"}])).on("/in", reply(200))
    one = launch.sidecar("pgapp", app=app, resources=[component("ps", "pubsub.in-memory"), store])
    good = [{"operation": "upsert", "request": {"key": "good", "value": "good"}}]
    bad = [{"operation": "upsert", "request": {"key": "bad", "value": "bad", "etag": "7"}}]
    assert one.post("/v1.0/state/s/transaction", {"operations": bad}).error()[:2] == (500, "ERR_STATE_TRANSACTION")
    assert one.post("/v1.0/state/s/transaction", {"operations": good}).status == 204
    app.wait_for("/in")
    wait_until(lambda: database.sql(f"SELECT string_agg(key, ',') FROM {database.schema}.state") == "pgapp||good", "the marker to go")
    assert [call.json["data"] for call in app.calls("/in")] == ["good"]


def test_two_sidecars_make_the_tables_at_once(launch, database):
    starts = [launch.sidecar(f"pgapp{i}", resources=[database.state("s", "v2"), database.state("t", "v1", tableName=f"{database.schema}.first")], ready=None) for i in range(4)]
    for one in starts:
        one.wait_ready()
        assert one.get("/v1.0/state/s/none").status == 204 and one.get("/v1.0/state/t/none").status == 204
    assert database.sql(f"SELECT count(*) FROM {database.schema}.meta") == "3"


# What a server answers to the slower of two that make a table at the same moment: by how far the other one was.
COLLISION = """CREATE SEQUENCE makes;
CREATE FUNCTION collide() RETURNS event_trigger AS $$ BEGIN
  IF nextval('makes') = 1 THEN RAISE EXCEPTION 'already exists' USING ERRCODE = '{code}'; END IF; END $$ LANGUAGE plpgsql;
CREATE EVENT TRIGGER collide ON ddl_command_start WHEN TAG IN ('CREATE TABLE') EXECUTE FUNCTION collide()"""


@pytest.mark.parametrize("code", ["23505", "42P07", "42710"])
def test_the_slower_of_two_that_make_a_table_looks_again(launch, database, code):
    name = "mecha_" + uuid.uuid4().hex
    database.sql(f"CREATE DATABASE {name}")
    own = Database(urllib.parse.urlsplit(database.url)._replace(path="/" + name).geturl())
    try:
        own.sql(COLLISION.format(code=code))
        one = launch.sidecar("pgapp", resources=[own.state("s", "v2")])
        assert one.get("/v1.0/state/s/none").status == 204
        assert own.sql("SELECT last_value > 1 FROM makes") == "t"
    finally:
        database.sql(f"DROP DATABASE {name} WITH (FORCE)")


TRIGGER = """CREATE TABLE {t} (KEY varchar NOT NULL, VALUE varchar NOT NULL, VERSION varchar NOT NULL, METADATA json);
CREATE FUNCTION {t}_tell() RETURNS trigger AS $$ BEGIN
  PERFORM pg_notify('{t}', json_build_object('table', TG_TABLE_NAME, 'action', TG_OP, 'data', row_to_json(NEW))::text); RETURN NULL; END $$ LANGUAGE plpgsql;
CREATE TRIGGER tell AFTER INSERT OR UPDATE ON {t} FOR EACH ROW EXECUTE PROCEDURE {t}_tell()"""


@pytest.fixture
def table(database):
    name = "config_" + uuid.uuid4().hex
    database.sql(TRIGGER.format(t=name))
    yield name
    database.sql(f"DROP TABLE {name}; DROP FUNCTION {name}_tell")


def test_configuration(launch, database, table):
    app = launch.app()
    one = launch.sidecar("pgapp", app=app, resources=[component("c", "configuration.postgres", url=database.url, table=table)])
    database.sql(f"INSERT INTO {table} VALUES ('a', 'one', '1', '{{\"m\":\"x\"}}'), ('b', 'two', '2', NULL)")
    path = "/v1.0/configuration/c"
    assert one.get(f"{path}?key=a&key=none").json == {"a": {"value": "one", "version": "1", "metadata": {"m": "x"}}}
    assert set(one.get(path).json) == {"a", "b"}
    assert one.get(f"{path}?key=a%27b").error() == (500, "ERR_CONFIGURATION_GET", "failed to get [a'b] from Configuration store c: invalid key : 'a'b'")
    silent = one.get(f"{path}/subscribe?key=a").error()
    assert silent[:2] == (500, "ERR_CONFIGURATION_SUBSCRIBE") and silent[2].endswith("pgNotifyChannel attribute cannot be empty")
    subscription = one.get(f"{path}/subscribe?key=a&metadata.pgNotifyChannel={table}").json["id"]
    database.sql(f"UPDATE {table} SET value = 'zwei' WHERE key = 'b'; UPDATE {table} SET value = 'eins', version = '2' WHERE key = 'a'")
    app.wait_for("/configuration/c/a")
    assert [call.json for call in app.calls("/configuration/c/a")] == [{"id": subscription, "items": {"a": {"value": "eins", "version": "2", "metadata": {"m": "x"}}}}]
    assert not app.calls("/configuration/c/b")
    assert one.get(f"{path}/{subscription}/unsubscribe").json == {"ok": True}
    wait_until(lambda: database.sql(f"SELECT count(*) FROM pg_stat_activity WHERE query = 'LISTEN {table}'") == "0", "the connection to go")


def test_a_configuration_subscription_that_is_not_there(launch, database, table):
    one = launch.sidecar("pgapp", resources=[component("c", "configuration.postgres", url=database.url, table=table)])
    gone = one.get("/v1.0/configuration/c/x/unsubscribe")
    assert (gone.status, gone.json) == (500, {"message": "failed to unsubscribe to configuration request x: unable to find subscription with ID : x"})


def test_a_configuration_table_must_be_there(launch, database):
    one = launch.sidecar("pgapp", resources=[component("c", "configuration.postgresql", connectionString=database.url, table="absent")], ready=None)
    one.says("postgreSQL configuration table 'absent' does not exist")
    assert one.wait() == 1


def test_binding(launch, database):
    one = launch.sidecar("pgapp", resources=[component("b", "bindings.postgres", url=database.url)])

    def call(operation, **metadata):
        return one.post("/v1.0/bindings/b", {"operation": operation, "metadata": metadata})
    made = call("exec", sql=f"CREATE TABLE {database.schema}.t (n int, t text)")
    assert (made.status, made.body) == (200, b"")
    made = call("exec", sql=f"INSERT INTO {database.schema}.t VALUES ($1, $2), (2, NULL)", params='[1, "x"]')
    assert made.header("metadata.rows-affected") == "2" and made.header("metadata.operation") == "exec" and made.header("metadata.duration")
    got = call("query", sql=f"SELECT * FROM {database.schema}.t ORDER BY n")
    assert (got.status, got.body, got.header("content-type")) == (200, b'[[1,"x"],[2,null]]', "application/json")
    assert got.header("metadata.sql") == f"SELECT * FROM {database.schema}.t ORDER BY n"
    assert call("query").error() == (500, "ERR_INVOKE_OUTPUT_BINDING", "error invoking output binding b: required metadata not set: sql")
    assert call("create").error()[2] == "error invoking output binding b: binding b does not support operation create. supported operations:exec query close"
    assert call("close").status == 204
    assert call("query", sql="SELECT 1").error()[2] == "error invoking output binding b: binding is closed"


def test_a_binding_of_mysql(launch, server_address):
    one = launch.sidecar("myapp", resources=[component("b", "bindings.mysql", url=server_address("mysql"))])

    def call(operation, **metadata):
        return one.post("/v1.0/bindings/b", {"operation": operation, "metadata": metadata})
    got = call("query", sql="SELECT ? AS a, NULL AS b", params='["x"]')
    assert (got.status, got.body, got.header("metadata.operation")) == (200, b'[{"a":"x"}]', "query")
    assert call("query", sql="SELECT 1 FROM DUAL WHERE 1 = 0").body == b"null"
    made = call("exec", sql="SET @a = 1")
    assert (made.status, made.body, made.header("metadata.rows-affected")) == (200, b"", "0")
    assert call("query", sql="SELEC").error()[:2] == (500, "ERR_INVOKE_OUTPUT_BINDING")
    assert call("close").status == 204
    assert call("query", sql="SELECT 1").error()[2] == "error invoking output binding b: binding is closed"
