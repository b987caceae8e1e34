"""What stands in Redis and SQLite, so that another daemon reads it (contract 02, 2.2 and 2.3)."""
import json, re, sqlite3, uuid

import pytest

from sidecar import component, wait_until


@pytest.fixture(scope="module")
def on_redis(launch_module, redis_address):
    import redis
    prefix = f"layout{uuid.uuid4().hex}"
    one = launch_module.sidecar("red", resources=[component("s", "state.redis", redisHost=redis_address, keyPrefix=prefix), component("d", "state.redis", redisHost=redis_address, keyPrefix=prefix + "d", ttlInSeconds="50")])
    return one, redis.Redis(*redis_address.split(":")), prefix + "||", prefix + "d||"


def save(one, *items, store="s", status=204):
    got = one.post(f"/v1.0/state/{store}", list(items))
    assert got.status == status, got.body


def test_redis_hash(on_redis):
    one, client, prefix, _ = on_redis
    save(one, {"key": "h", "value": {"a": "<"}})
    assert client.hgetall(prefix + "h") == {b"data": b'{"a":"<"}', b"version": b"1"}
    save(one, {"key": "h", "value": 2})
    assert client.hgetall(prefix + "h") == {b"data": b"2", b"version": b"2"}
    assert client.ttl(prefix + "h") == -1


def test_redis_first_write_flag_stays(on_redis):
    one, client, prefix, _ = on_redis
    save(one, {"key": "f", "value": 1, "options": {"concurrency": "first-write"}})
    assert client.hgetall(prefix + "f") == {b"data": b"1", b"version": b"1", b"first-write": b"0"}
    save(one, {"key": "f", "value": 2}, status=500)
    save(one, {"key": "f", "value": 2, "etag": "1"})
    assert client.hgetall(prefix + "f") == {b"data": b"2", b"version": b"2", b"first-write": b"0"}
    save(one, {"key": "f", "value": 3, "etag": "1"}, status=409)


# ttl of the first save | of the second | does it expire after both
TTL = [("kept by a plain overwrite", "100", None, True), ("taken away", "100", "0", False), ("renewed", "100", "200", True), ("added", None, "100", True)]


@pytest.mark.parametrize("first,second,expires", [row[1:] for row in TTL], ids=[row[0] for row in TTL])
def test_redis_ttl(on_redis, first, second, expires):
    one, client, prefix, _ = on_redis
    key = uuid.uuid4().hex
    for ttl in (first, second):
        save(one, {"key": key, "value": 1, "metadata": {} if ttl is None else {"ttlInSeconds": ttl}})
    assert (client.ttl(prefix + key) > 0) == expires
    if second == "200":
        assert client.ttl(prefix + key) > 100


@pytest.mark.parametrize("ttl,low,high", [(None, 40, 50), ("500", 490, 500), ("-1", -1, -1)])
def test_redis_ttl_of_the_component(on_redis, ttl, low, high):
    one, client, _, prefix = on_redis
    key = uuid.uuid4().hex
    save(one, {"key": key, "value": 1, "metadata": {} if ttl is None else {"ttlInSeconds": ttl}}, store="d")
    assert low <= client.ttl(prefix + key) <= high


# what another program left there -> what a get says
FOREIGN = [("plain text", lambda c, k: c.set(k, "raw"), 200, b"raw", None), ("hash of another daemon", lambda c, k: c.hset(k, mapping={"data": "5", "version": "7"}), 200, b"5", "7"), ("more fields", lambda c, k: c.hset(k, mapping={"data": "5", "version": "7", "other": "x"}), 200, b"5", "7"),
           ("hash without data", lambda c, k: c.hset(k, mapping={"version": "7"}), 500, None, None), ("hash without version", lambda c, k: c.hset(k, mapping={"data": "7"}), 500, None, None), ("a list", lambda c, k: c.rpush(k, "x"), 500, None, None)]


@pytest.mark.parametrize("write,status,body,etag", [row[1:] for row in FOREIGN], ids=[row[0] for row in FOREIGN])
def test_redis_data_of_others(on_redis, write, status, body, etag):
    one, client, prefix, _ = on_redis
    key = uuid.uuid4().hex
    write(client, prefix + key)
    got = one.get(f"/v1.0/state/s/{key}")
    assert (got.status, got.header("etag")) == (status, etag)
    if status == 500:
        assert got.error()[1] == "ERR_STATE_GET" and got.error()[2].startswith(f"fail to get {key} from state store s: ")
    else:
        assert got.body == body
    save(one, {"key": key, "value": "new"})
    assert one.get(f"/v1.0/state/s/{key}").body == b'"new"'


@pytest.fixture(scope="module")
def on_sqlite(launch_module):
    file = launch_module.folder / "l.db"
    return launch_module.sidecar("lite", resources=[component("s", "state.sqlite", connectionString=str(file), cleanupInterval="1s", tableName="own_state", metadataTableName="own_meta")]), file


def rows(file, query, *values):
    connection = sqlite3.connect(file, timeout=5)
    try:
        return connection.execute(query, values).fetchall()
    finally:
        connection.close()


def test_sqlite_tables(on_sqlite):
    one, file = on_sqlite
    assert [(r[1], r[2], r[3], r[5]) for r in rows(file, "pragma table_info(own_state)")] == [("key", "TEXT", 1, 1), ("value", "TEXT", 1, 0), ("is_binary", "BOOLEAN", 1, 0), ("etag", "TEXT", 1, 0), ("expiration_time", "TIMESTAMP", 0, 0), ("update_time", "TIMESTAMP", 1, 0)]
    assert rows(file, "select value from own_meta where key = 'migrations'") == [("1",)]
    assert rows(file, "pragma journal_mode") == [("wal",)]


def test_sqlite_row(on_sqlite):
    one, file = on_sqlite
    save(one, {"key": "r", "value": {"b": 1, "a": "<"}, "metadata": {"ttlInSeconds": "100"}})
    ((value, binary, etag, expires, updated),) = rows(file, "select value, is_binary, etag, expiration_time, update_time from own_state where key = 'lite||r'")
    assert (json.loads(value), binary) == ({"a": "<", "b": 1}, 0) and value == '{"a":"\\u003c","b":1}'
    assert re.fullmatch(r"[0-9a-f-]{36}", etag)
    for moment in (expires, updated):
        assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", moment)


def test_sqlite_binary_of_others(on_sqlite):
    one, file = on_sqlite
    connection = sqlite3.connect(file, timeout=5)
    with connection:
        connection.execute("insert into own_state (key, value, is_binary, etag) values ('lite||bin', 'AAEC', 1, 'e')")
    connection.close()
    got = one.get("/v1.0/state/s/bin")
    assert (got.status, got.body, got.header("etag")) == (200, b"\x00\x01\x02", "e")


def test_sqlite_rows_that_others_write_otherwise(on_sqlite):
    one, file = on_sqlite
    connection = sqlite3.connect(file, timeout=5)
    with connection:
        connection.execute("insert into own_state (key, value, is_binary, etag) values ('lite||broken', 'AA!', 1, 'e')")
        connection.execute("insert into own_state (key, value, is_binary, etag, expiration_time) values ('lite||zone', '1', 0, 'e', '2099-01-02T03:04:05Z')")
    connection.close()
    why = "failed to decode binary data: illegal base64 data at input byte 2"
    assert one.get("/v1.0/state/s/broken").error() == (500, "ERR_STATE_GET", f"fail to get broken from state store s: {why}")
    assert one.post("/v1.0/state/s/bulk", {"keys": ["broken"]}).json == [{"key": "broken", "error": why}]
    assert one.get("/v1.0/state/s/zone").header("metadata.ttlExpireTime") == "2099-01-02T03:04:05Z"


def test_sqlite_expired_rows_are_cleaned(on_sqlite):
    one, file = on_sqlite
    save(one, {"key": "gone", "value": 1, "metadata": {"ttlInSeconds": "1"}})
    wait_until(lambda: one.get("/v1.0/state/s/gone").status == 204, "the key to expire", 20)
    wait_until(lambda: rows(file, "select count(*) from own_state where key = 'lite||gone'") == [(0,)], "the row to go", 20)
    assert rows(file, "select count(*) from own_meta where key = 'last-cleanup'") == [(1,)]


REFUSED = [("no connection string", {}, "missing connection string"), ("short timeout", {"connectionString": "x.db", "timeout": "10ms"}, "invalid value for 'timeout': must be greater than 1s"), ("bad table", {"connectionString": "x.db", "tableName": "a-b"}, "invalid identifier: a-b"),
           ("forbidden pragma", {"connectionString": "file:x.db?_pragma=busy_timeout(1)"}, "found forbidden option '_pragma=busy_timeout' in the connection string")]


@pytest.mark.parametrize("settings,text", [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_sqlite_settings_that_end_the_start(launch, settings, text):
    one = launch.sidecar(resources=[component("s", "state.sqlite", settings)], ready="")
    assert one.wait() == 1 and text in one.log()


@pytest.mark.parametrize("settings,mode", [({"connectionString": "a.db"}, "wal"), ({"url": "a.db"}, "wal"), ({"connectionString": "file:a.db"}, "wal"), ({"connectionString": "a.db", "disableWAL": "true"}, "delete"), ({"connectionString": "a.db", "DISABLEWAL": "yes"}, "delete")], ids=str)
def test_sqlite_connection(launch, settings, mode):
    one = launch.sidecar(resources=[component("s", "state.sqlite", settings)])
    save(one, {"key": "a", "value": 1})
    assert rows(one.folder / "a.db", "pragma journal_mode") == [(mode,)]


def test_sqlite_in_memory(launch):
    one = launch.sidecar(resources=[component("s", "state.sqlite", connectionString=":memory:")])
    save(one, {"key": "a", "value": 1}, {"key": "b", "value": 2})
    assert (one.get("/v1.0/state/s/a").body, one.get("/v1.0/state/s/b").body) == (b"1", b"2")


def test_two_sidecars_on_one_file(launch):
    """Writers of two processes do not lose each other's rows."""
    from concurrent.futures import ThreadPoolExecutor
    part = component("s", "state.sqlite", connectionString=str(launch.folder / "shared.db"), keyPrefix="none", busyTimeout="20s")
    both = [launch.sidecar(n, resources=[part]) for n in ("a", "b")]

    def work(i):
        return both[i % 2].post("/v1.0/state/s", [{"key": f"k{i}", "value": i}]).status
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(work, range(200))) == {204}
    assert rows(launch.folder / "shared.db", "select count(*) from state") == [(200,)]
    assert both[0].get("/v1.0/state/s/k199").body == b"199"
