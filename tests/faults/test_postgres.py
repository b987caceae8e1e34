"""A PostgreSQL that pauses, dies and comes back: errors of the contract in time, and recovery without a restart."""
import contextlib, http.client, json, os, signal, subprocess, sys, tempfile, threading, time
from pathlib import Path

import pytest

from load import Load
from sidecar import ROOT, component, wait_until

sys.path.insert(0, str(ROOT / "scripts"))
from servers import Servers, Unavailable  # noqa: E402

pytestmark = pytest.mark.timeout(120)
ITEM = [{"key": "a", "value": 1}]


def state(pid):
    """The letter that the system has for it; empty when it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return ""


class Postgres:
    """A server of this test alone."""

    def __init__(self, folder):
        self.servers = Servers(folder)
        self.url = self.servers.postgres()
        self.port = int(self.url.split(":")[3].split("/")[0])

    @property
    def process(self):
        return self.servers.processes[-1][1]

    def family(self):
        """The process that forks, stopped, so that these are all, and its children."""
        pid = self.process.pid
        os.kill(pid, signal.SIGSTOP)
        wait_until(lambda: state(pid) == "T", "it to stand still")
        return [pid] + [int(p) for p in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]

    def signal(self, number):
        for pid in reversed(self.family()):  # none is reaped meanwhile
            os.kill(pid, number)

    def kill(self):
        family = self.family()
        self.signal(signal.SIGKILL)
        self.process.wait(10)
        wait_until(lambda: all(state(p) in ("", "Z") for p in family), "its processes to end")
        (self.servers.folder / "postgres-data/db/postmaster.pid").unlink(missing_ok=True)

    def again(self):
        self.servers.postgres(port=self.port)

    def stop(self):
        if self.process.poll() is None:
            self.signal(signal.SIGCONT)
        self.servers.stop()


@pytest.fixture
def postgres():
    with tempfile.TemporaryDirectory(prefix="mecha-test-") as folder:
        Path(folder).chmod(0o755)  # the server runs as somebody else, who must be able to come here
        try:
            one = Postgres(folder)
        except Unavailable as e:
            pytest.skip(str(e))
        yield one
        one.stop()


def stores(postgres):
    first = component("first", "state.postgresql", connectionString=postgres.url, timeout="2s", tableName="one")
    second = component("second", "state.postgresql", connectionString=postgres.url, timeout="2s").replace("version: v1", "version: v2")
    return [first, second, component("m", "state.in-memory")]


def timed(work):
    begun = time.monotonic()
    answer = work()
    return answer, time.monotonic() - begun


def test_paused(launch, postgres):
    one = launch.sidecar(resources=stores(postgres))
    for store in ("first", "second"):
        assert one.post(f"/v1.0/state/{store}", ITEM).status == 204
    postgres.signal(signal.SIGSTOP)
    transaction = {"operations": [{"operation": "upsert", "request": item} for item in (ITEM[0], {"key": "b", "value": 2})]}
    for store in ("first", "second"):
        calls = [(lambda: one.post(f"/v1.0/state/{store}", ITEM), "ERR_STATE_SAVE", f"failed saving state in state store {store}: context deadline exceeded"),
                 (lambda: one.get(f"/v1.0/state/{store}/a"), "ERR_STATE_GET", f"fail to get a from state store {store}: "),
                 (lambda: one.post(f"/v1.0/state/{store}/transaction", transaction), "ERR_STATE_TRANSACTION", "error while executing state transaction: ")]
        for work, code, text in calls:
            answer, spent = timed(work)
            got = answer.error()
            assert got[:2] == (500, code) and got[2].startswith(text), got
            assert spent < 4, (code, spent)
            assert timed(lambda: one.post("/v1.0/state/m", ITEM))[1] < 1
    postgres.signal(signal.SIGCONT)
    for store in ("first", "second"):
        wait_until(lambda: one.post(f"/v1.0/state/{store}", ITEM).status == 204, f"{store} to recover", 10)
        assert one.get(f"/v1.0/state/{store}/a").body == b"1"


@pytest.mark.parametrize("how", ["stopped", "killed"])
def test_gone_and_back(launch, postgres, how):
    one = launch.sidecar(resources=stores(postgres))
    for store in ("first", "second"):
        assert one.post(f"/v1.0/state/{store}", ITEM).status == 204
    if how == "killed":
        postgres.kill()
    else:
        postgres.process.send_signal(signal.SIGINT)
        postgres.process.wait(10)
    for store in ("first", "second"):
        answer, spent = timed(lambda: one.post(f"/v1.0/state/{store}", ITEM))
        assert answer.error()[:2] == (500, "ERR_STATE_SAVE") and spent < 3
    postgres.again()
    for store in ("first", "second"):
        # Lost connections are seen before they are used: nothing is left to fail.
        assert one.post(f"/v1.0/state/{store}", ITEM).status == 204
        assert one.get(f"/v1.0/state/{store}/a").body == b"1"


def test_the_sidecar_stops_while_the_server_is_paused(launch, postgres):
    one = launch.sidecar(resources=[component("s", "state.postgresql", connectionString=postgres.url)])
    assert one.post("/v1.0/state/s", ITEM).status == 204
    postgres.signal(signal.SIGSTOP)

    def call():
        with contextlib.suppress(OSError, http.client.HTTPException):  # it may be cut off
            one.post("/v1.0/state/s", ITEM)
    caller = threading.Thread(target=call)
    caller.start()
    time.sleep(0.3)
    _, spent = timed(one.stop)
    assert spent < 8
    caller.join(5)


def test_load_across_a_crash_loses_nothing_that_was_answered(launch, postgres):
    """Synchronous commits: the server of the tests does not flush to the disk, but only its processes die here."""
    one = launch.sidecar(resources=stores(postgres))
    statuses = []

    def work(connection, number):
        connection.request("POST", "/v1.0/state/second", json.dumps([{"key": f"k{number}", "value": number}]))
        got = connection.getresponse()
        got.read()
        statuses.append(got.status)
        return got.status == 204
    with Load(one.http, work, threads=8) as load:
        wait_until(lambda: len(load.acknowledged) > 200, "writes", 30)
        postgres.kill()
        wait_until(lambda: 500 in statuses, "an error", 30)
        postgres.again()
        before = len(load.acknowledged)
        wait_until(lambda: len(load.acknowledged) > before + 200, "writes after the return", 30)
        load.stop()
    assert load.errors == [] and set(statuses) == {204, 500}
    for number in load.acknowledged:
        assert one.get(f"/v1.0/state/second/k{number}").json == number


def test_a_configuration_subscription_outlives_the_server(launch, postgres):
    def sql(text):
        return subprocess.run(["psql", postgres.url, "-XAtqc", text], check=True, capture_output=True, text=True, timeout=20).stdout.strip()
    sql("CREATE TABLE config (KEY varchar NOT NULL, VALUE varchar NOT NULL, VERSION varchar NOT NULL, METADATA json)")
    app = launch.app()
    one = launch.sidecar(app=app, resources=[component("c", "configuration.postgresql", connectionString=postgres.url, table="config", notifyChannel="told", timeout="2s")])
    assert one.get("/v1.0/configuration/c/subscribe?key=a").status == 200
    postgres.kill()
    assert one.get("/v1.0/configuration/c?key=a").error()[:2] == (500, "ERR_CONFIGURATION_GET")
    postgres.again()
    wait_until(lambda: sql("SELECT count(*) FROM pg_stat_activity WHERE query = 'LISTEN told'") == "1", "the subscription to come back", 20)
    sql("""SELECT pg_notify('told', '{"data":{"key":"a","value":"v","version":"1"}}')""")
    app.wait_for("/configuration/c/a")
    assert one.get("/v1.0/configuration/c?key=a").status == 204


def test_a_binding_outlives_the_server(launch, postgres):
    one = launch.sidecar(resources=[component("b", "bindings.postgresql", url=postgres.url, timeout="2s"), component("m", "state.in-memory")])
    query = {"operation": "query", "metadata": {"sql": "SELECT 1"}}
    assert one.post("/v1.0/bindings/b", query).body == b"[[1]]"
    postgres.signal(signal.SIGSTOP)
    answer, spent = timed(lambda: one.post("/v1.0/bindings/b", query))
    assert answer.error() == (500, "ERR_INVOKE_OUTPUT_BINDING", "error invoking output binding b: error executing query: context deadline exceeded") and spent < 4
    postgres.signal(signal.SIGCONT)
    wait_until(lambda: one.post("/v1.0/bindings/b", query).status == 200, "recovery", 10)
    postgres.kill()
    assert one.post("/v1.0/bindings/b", query).error()[:2] == (500, "ERR_INVOKE_OUTPUT_BINDING")
    postgres.again()
    assert one.post("/v1.0/bindings/b", query).body == b"[[1]]"
