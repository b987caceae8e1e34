"""A backend that pauses, goes away, or whose disk is full: errors of the contract in time, and recovery without a restart."""
import json, resource, signal, sqlite3, subprocess, sys, time
from pathlib import Path

import pytest

from application import reply
from load import Load, lost, saving
from sidecar import ROOT, SLOW, component, wait_until

sys.path.insert(0, str(ROOT / "scripts"))
from servers import Servers, Unavailable  # noqa: E402

pytestmark = pytest.mark.timeout(120)
LIMIT = "apiVersion: dapr.io/v1alpha1\nkind: Resiliency\nmetadata: {name: r}\nspec:\n  policies: {timeouts: {t: 700ms}}\n  targets: {components: {limited: {outbound: {timeout: t}}}}\n"


@pytest.fixture
def own_redis(tmp_path):
    """A Redis of this test alone: (address, process, a function that starts it again)."""
    servers = Servers(tmp_path / "redis")
    try:
        servers.redis()
    except Unavailable as e:
        pytest.skip(str(e))
    port = int(servers.environment["MECHA_TEST_REDIS"].split(":")[1])
    process = servers.processes[0][1]
    try:
        yield f"127.0.0.1:{port}", process, lambda: servers.redis(port=port)
    finally:
        for _, one in servers.processes:
            if one.poll() is None:
                one.send_signal(signal.SIGCONT)
        servers.stop()


def timed(work):
    begun = time.monotonic()
    answer = work()
    return answer, time.monotonic() - begun


def test_paused_redis(launch, own_redis):
    address, process, _ = own_redis
    quick = {"redisHost": address, "readTimeout": "500ms", "writeTimeout": "500ms", "dialTimeout": "500ms", "redisMaxRetries": "1"}
    parts = [component("s", "state.redis", quick), component("limited", "state.redis", redisHost=address), component("ps", "pubsub.redis", quick), component("b", "bindings.redis", quick), component("m", "state.in-memory")]
    one = launch.sidecar(resources={"parts.yaml": "\n---\n".join(parts), "r.yaml": LIMIT})
    item = [{"key": "a", "value": 1}]
    for store in ("s", "limited"):
        assert one.post(f"/v1.0/state/{store}", item).status == 204
    process.send_signal(signal.SIGSTOP)
    calls = [
        ("save", lambda: one.post("/v1.0/state/s", item), 500, "ERR_STATE_SAVE", "failed saving state in state store s: ", 6),
        ("get", lambda: one.get("/v1.0/state/s/a"), 500, "ERR_STATE_GET", "fail to get a from state store s: ", 6),
        ("publish", lambda: one.request("POST", "/v1.0/publish/ps/t", body="x"), 500, "ERR_PUBSUB_PUBLISH_MESSAGE", "error when publishing to topic t in pubsub ps: ", 6),
        ("binding", lambda: one.post("/v1.0/bindings/b", {"operation": "get", "metadata": {"key": "k"}}), 500, "ERR_INVOKE_OUTPUT_BINDING", "error invoking output binding b: ", 6),
        ("transaction", lambda: one.post("/v1.0/state/s/transaction", {"operations": [{"operation": "upsert", "request": {"key": "a", "value": 1}}]}), 500, "ERR_STATE_TRANSACTION", "error while executing state transaction: ", 6),
        ("a policy with a limit", lambda: one.post("/v1.0/state/limited", item), 500, "ERR_STATE_SAVE", "failed saving state in state store limited: context deadline exceeded", 2.5),
    ]
    for name, work, status, code, message, limit in calls:
        answer, spent = timed(work)
        got = answer.error()
        assert (got[0], got[1]) == (status, code), (name, got)
        assert got[2].startswith(message), (name, got)
        assert spent < limit, (name, spent)
        assert timed(lambda: one.post("/v1.0/state/m", item))[1] < 1  # others do not wait
    process.send_signal(signal.SIGCONT)
    for store in ("s", "limited"):
        wait_until(lambda: one.post(f"/v1.0/state/{store}", item).status == 204, f"{store} to recover", 10)
    assert one.get("/v1.0/state/s/a").body == b"1"
    assert one.request("POST", "/v1.0/publish/ps/t", body="x").status == 204


def test_load_on_a_paused_redis_uses_no_memory_without_end(launch, own_redis):
    address, process, _ = own_redis
    one = launch.sidecar(resources=[component("s", "state.redis", redisHost=address, readTimeout="300ms", redisMaxRetries="-1")])
    assert one.post("/v1.0/state/s", [{"key": "a", "value": 1}]).status == 204
    process.send_signal(signal.SIGSTOP)
    statuses, value = [], "x" * 20_000
    body = json.dumps([{"key": "a", "value": value}])

    def work(connection, number):
        connection.request("POST", "/v1.0/state/s", body)
        got = connection.getresponse()
        got.read()
        statuses.append(got.status)
    before = one.memory_kb("VmRSS")
    with Load(one.http, work, threads=24) as load:
        wait_until(lambda: len(statuses) > 120, "answers", 30)
        load.stop()
    assert set(statuses) == {500} and load.errors == []
    assert SLOW or one.memory_kb("VmRSS") - before < 30_000
    process.send_signal(signal.SIGCONT)
    wait_until(lambda: one.post("/v1.0/state/s", [{"key": "a", "value": 2}]).status == 204, "recovery", 10)


def test_redis_that_goes_away_and_comes_back(launch, own_redis):
    address, process, again = own_redis
    topic_app = launch.app().on("/dapr/subscribe", reply(json_body=[{"pubsubname": "ps", "topic": "t", "route": "/in"}])).on("/in", reply(200))
    parts = [component("s", "state.redis", redisHost=address, redisMaxRetries="1"), component("ps", "pubsub.redis", redisHost=address, redisMaxRetries="1")]
    one = launch.sidecar(app=topic_app, resources=parts)
    item = [{"key": "a", "value": 1}]
    assert one.post("/v1.0/state/s", item).status == 204
    process.terminate()
    process.wait(10)
    answer, spent = timed(lambda: one.post("/v1.0/state/s", item))
    assert answer.error()[:2] == (500, "ERR_STATE_SAVE") and spent < 10
    assert one.request("POST", "/v1.0/publish/ps/t", body="x").error()[:2] == (500, "ERR_PUBSUB_PUBLISH_MESSAGE")
    again()
    wait_until(lambda: one.post("/v1.0/state/s", item).status == 204, "the store to come back", 10)
    wait_until(lambda: one.request("POST", "/v1.0/publish/ps/t", body="x").status == 204, "publishing to come back", 10)
    topic_app.wait_for("/in", limit_s=20)  # the subscription made its group again


class Disk:
    """A place that is full after a megabyte: a small file system of its own where mounting is allowed, else a limit on file size."""

    def __init__(self, kind, folder):
        self.kind, self.folder = kind, Path(folder)
        self.folder.mkdir()
        if kind == "mount" and subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", self.folder], stderr=subprocess.DEVNULL).returncode:
            pytest.skip("mounting is not allowed here")

    @property
    def before(self):
        return ("env", "--ignore-signal=XFSZ", "prlimit", f"--fsize={1 << 20}:unlimited") if self.kind == "limit" else ()

    def grow(self, one):
        if self.kind == "mount":
            subprocess.run(["mount", "-o", "remount,size=64m", self.folder], check=True)
        else:
            resource.prlimit(one.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))

    def close(self):
        if self.kind == "mount":
            subprocess.run(["umount", "-l", self.folder], check=True)


@pytest.fixture(params=["mount", "limit"])
def disk(request, tmp_path):
    one = Disk(request.param, tmp_path / "disk")
    yield one
    one.close()


def fill(one, path, body, what):
    """Posts body(number) until the disk is full: the numbers that were acknowledged, and what a refused request was told."""
    statuses = []

    def work(connection, number):
        connection.request("POST", path, json.dumps(body(number)), {"Content-Type": "application/json"})
        got = connection.getresponse()
        statuses.append((got.status, got.read()))
        return got.status == 204
    with Load(one.http, work, threads=4, limit=3000) as load:
        wait_until(lambda: sum(s[0] == 500 for s in statuses) > 20, f"the disk to be full ({len(statuses)} {what})", 30)
        acknowledged = load.stop()
    assert len(acknowledged) > 20 and {s[0] for s in statuses} == {204, 500} and load.errors == []
    return acknowledged, json.loads(next(told for status, told in statuses if status == 500))


def test_full_disk(launch, disk):
    file = disk.folder / "s.db"
    one = launch.sidecar(resources=[component("s", "state.sqlite", connectionString=str(file)), component("m", "state.in-memory")], before=disk.before)
    text = "x" * 2000
    acknowledged, error = fill(one, "/v1.0/state/s", lambda number: [{"key": f"k{number}", "value": number}, {"key": f"text{number}", "value": text}], "saves")
    assert error["errorCode"] == "ERR_STATE_SAVE" and error["message"].startswith("failed saving state in state store s: ")
    assert one.alive and one.get("/v1.0/healthz").status == 204
    assert one.post("/v1.0/state/m", [{"key": "a", "value": 1}]).status == 204
    assert lost(one, "s", acknowledged) == []  # reading goes on
    disk.grow(one)
    wait_until(lambda: one.post("/v1.0/state/s", [{"key": "after", "value": 1}]).status == 204, "room again", 10)
    assert one.stop() == 0
    assert sqlite3.connect(file).execute("pragma integrity_check").fetchall() == [("ok",)]
    one.before = ()
    one.start()
    assert lost(one, "s", acknowledged) == [] and one.get("/v1.0/state/s/after").body == b"1"


def test_full_disk_of_messages(launch, disk):
    """What was taken is delivered once there is room, what was not is an error; a subscriber that comes meanwhile lives on."""
    file = disk.folder / "m.db"
    parts = [component("ps", "pubsub.sqlite", connectionString=str(file), consumerID="group", retryInterval="100ms", visibilityTimeout="1s"), component("m", "state.in-memory")]
    app = launch.app().on("/dapr/subscribe", reply(json_body=[{"pubsubname": "ps", "topic": "t", "route": "/heard"}])).on("/heard", reply(200))
    subscriber = launch.sidecar("subscriber", app=app, resources=parts)
    wait_until(lambda: subscriber.get("/v1.0/metadata").json.get("subscriptions"), "the subscription", 10)
    assert subscriber.stop() == 0  # its group stays

    front = launch.sidecar("front", resources=parts, before=disk.before)
    text = "x" * 2000
    acknowledged, error = fill(front, "/v1.0/publish/ps/t", lambda number: {"number": number, "text": text}, "messages")
    assert error["errorCode"] == "ERR_PUBSUB_PUBLISH_MESSAGE" and "sqlite pubsub: publishing: " in error["message"], error
    assert front.get("/v1.0/healthz").status == 204 and front.post("/v1.0/state/m", [{"key": "a", "value": 1}]).status == 204

    subscriber = launch.sidecar("subscriber", app=app, resources=parts)
    time.sleep(1)
    assert subscriber.alive and subscriber.get("/v1.0/healthz").status == 204
    disk.grow(front)
    wait_until(lambda: front.post("/v1.0/publish/ps/t", {"number": "after"}).status == 204, "room again", 10)
    wanted = {*acknowledged, "after"}
    wait_until(lambda: wanted <= {call.json["data"]["number"] for call in app.calls("/heard")}, "every message that was taken", 30)

    def left():
        with sqlite3.connect(file) as db:
            return db.execute("select count(*) from pubsub_messages").fetchone()[0]
    # One that could not be settled while the disk was full comes once more.
    wait_until(lambda: left() == 0, "every message to be settled", 30)
    assert subscriber.stop() == 0 and front.stop() == 0
    with sqlite3.connect(file) as db:
        assert db.execute("pragma integrity_check").fetchall() == [("ok",)]
