"""etcd, memcached and MariaDB that are killed and come back in the middle of load: calls fail and end meanwhile, nothing that was answered is lost, and the sidecar needs no restart.
Servers of drivers that block, which fall silent or are away."""
import json, re, signal, sys, tempfile, threading, time, uuid
from pathlib import Path

import pytest

from load import Load
from sidecar import ROOT, SLOW, wait_until

sys.path[:0] = [str(ROOT / "scripts"), str(ROOT / "tests/api")]
from backends import STORES  # noqa: E402
from servers import Servers, Unavailable  # noqa: E402
from test_cancellation import LATE, SHORT, rpc  # noqa: E402

pytestmark = pytest.mark.timeout(180)
KINDS = [one for one in STORES if one.id in ("etcd-v1", "etcd-v2", "memcached", "mysql")]


@pytest.fixture
def own_server():
    """Starts a server of this test alone: (address, process, a function that starts it again)."""
    with tempfile.TemporaryDirectory(prefix="mecha-test-") as folder:
        Path(folder).chmod(0o755)  # a server runs as somebody else, who must be able to come here
        servers = Servers(Path(folder))

        def start(name):
            try:
                address = getattr(servers, name.replace("-", "_"))()
            except Unavailable as e:
                pytest.skip(str(e))
            port = int(re.search(r"127\.0\.0\.1:(\d+)", address).group(1))
            return address, servers.processes[-1][1], lambda: getattr(servers, name.replace("-", "_"))(port=port)
        yield start
        servers.stop()


def spent(work):
    begun = time.monotonic()
    return work(), time.monotonic() - begun


@pytest.mark.parametrize("store", KINDS, ids=str)
def test_killed_and_back_under_load(launch, own_server, store):
    address, process, again = own_server(store.server)
    one = launch.sidecar(f"a{uuid.uuid4().hex}", resources=[store.make("s", address)])
    statuses, lock = [], threading.Lock()

    def work(connection, number):
        connection.request("POST", "/v1.0/state/s", json.dumps([{"key": f"k{number}", "value": number}]))
        got = connection.getresponse()
        got.read()
        with lock:
            statuses.append(got.status)
        return got.status == 204
    with Load(one.http, work, threads=4) as load:
        load.reach(100, 40)
        process.kill()
        process.wait(20)
        wait_until(lambda: 500 in statuses, "an error", 30)
        answer, seconds = spent(lambda: one.post("/v1.0/state/s", [{"key": "gone", "value": 1}]))
        assert answer.error()[:2] == (500, "ERR_STATE_SAVE") and seconds < 12, (answer.text, seconds)
        got, seconds = spent(lambda: one.get("/v1.0/state/s/gone"))
        assert got.error()[:2] == (500, "ERR_STATE_GET") and seconds < 12, (got.text, seconds)
        assert one.get("/v1.0/healthz").status == 204
        again()
        before = len(load.acknowledged)
        wait_until(lambda: len(load.acknowledged) > before + 100, "writes after the return", 60)
        acknowledged = sorted(load.stop())
    assert load.errors == [] and set(statuses) == {204, 500}
    if store.id == "memcached":  # it keeps nothing; what was written since is there
        acknowledged = acknowledged[-50:]
    lost = [number for number in acknowledged if one.get(f"/v1.0/state/s/k{number}").body != str(number).encode()]
    assert lost == [], f"{len(lost)} of {len(acknowledged)}"


BY_ID = {one.id: one for one in STORES}


def test_a_write_that_was_given_up_is_not_sent_to_the_next_primary(launch, own_server):
    """Of MongoDB, whose driver waits for a primary: here until the server is back."""
    address, process, again = own_server("mongodb-set")
    one = launch.sidecar(resources=[SHORT, BY_ID["mongodb"].make("s", address)])

    def write(key):
        return one.post("/v1.0/state/s", [{"key": key, "value": 1}])
    wait_until(lambda: write("before").status == 204, "a write", 10)  # the policy is a short one
    process.kill()
    process.wait(20)
    for _ in range(2):
        assert one.get("/v1.0/state/s/before").status == 500
    for i in range(6):
        assert write(f"k{i}").error()[2].endswith(LATE)
    again()
    wait_until(lambda: write("after").status == 204, "the store to come back", 20)
    time.sleep(5 if SLOW else 1)  # those that waited have found it too
    assert [one.get(f"/v1.0/state/s/k{i}").body for i in range(6)] == [b""] * 6
    assert one.get("/v1.0/state/s/after").body == b"1"


@pytest.mark.parametrize("call", ["given up", "grpc", "http"])
@pytest.mark.parametrize("store", [BY_ID["mysql"], BY_ID["mongodb"]], ids=str)
def test_a_stop_while_the_server_is_silent(launch, own_server, store, call):
    """A call that its caller has given up holds nothing up. One in flight over gRPC may take ten seconds, before the grace; one over HTTP has the grace, which
    counts as exceeded then (contract 06, 2.5)."""
    address, process, _ = own_server(store.id)
    one = launch.sidecar(resources=[*([SHORT] if call == "given up" else []), store.make("s", address)])
    wait_until(lambda: one.post("/v1.0/state/s", [{"key": "a", "value": 1}]).status == 204, "a write", 10)
    process.send_signal(signal.SIGSTOP)
    wait_until(lambda: all(task.read_text().rsplit(")", 1)[1].split()[0] == "T" for task in Path(f"/proc/{process.pid}/task").glob("*/stat")), "silence")
    try:
        if call == "given up":
            for _ in range(3):
                assert one.get("/v1.0/state/s/a").error()[2].endswith(LATE)
        elif call == "grpc":
            in_flight = rpc(one, ("GetState", {"storeName": "s", "key": "a"}))
        else:
            in_flight = one.connect()
            in_flight.sendall(b"GET /v1.0/state/s/a HTTP/1.1\r\nHost: x\r\n\r\n")
        time.sleep(0.3)
        begun = time.monotonic()
        code = one.stop(40)
        seconds = time.monotonic() - begun
    finally:
        process.send_signal(signal.SIGCONT)
    limit = {"given up": 4, "grpc": 14, "http": 9}[call]  # well below what comes next: 5, 15 and 10
    assert code == (1 if call == "http" else 0)
    assert seconds < limit or SLOW, seconds
    print(f"{store}, {call}: {seconds:.2f} s")
