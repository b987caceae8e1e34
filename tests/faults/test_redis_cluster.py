"""A cluster of Redis servers whose slots move under load, and one that loses a server: nothing that was acknowledged is lost."""
import re, signal, sys, time, uuid

import pytest

from application import reply
from load import Load, lost, publishing, saving
from sidecar import ROOT, component, wait_until

sys.path.insert(0, str(ROOT / "scripts"))
from servers import Servers, Unavailable, redis_command  # noqa: E402

pytestmark = pytest.mark.timeout(180)


@pytest.fixture
def own_cluster(tmp_path):
    """Makes a cluster of this test alone: (the setting redisHost, [(port, process)])."""
    servers = Servers(tmp_path / "redis")

    def make(**shape):
        try:
            nodes = servers.redis_cluster(**shape)
        except Unavailable as e:
            pytest.skip(str(e))
        return servers.environment["MECHA_TEST_REDIS_CLUSTER"], nodes
    yield make
    servers.stop()


def on_cluster(name, kind, host, **settings):
    return component(name, kind, redisHost=host, redisType="cluster", **settings)


def owner(port, key):
    """(slot, port of the master that has it) as the server at `port` sees it."""
    slot = redis_command(port, "CLUSTER", "KEYSLOT", key)
    return slot, next(at[2][1] for at in redis_command(port, "CLUSTER", "SLOTS") if at[0] <= slot <= at[1])


def errors_of(ports, word):
    """How often servers answered with that error."""
    return sum(int(n) for port in ports for n in re.findall(rf"errorstat_{word}:count=(\d+)", redis_command(port, "INFO", "errorstats")))


def migrate(slot, source, target, ports, pause_s):
    """The whole slot, in the order that the servers' manual gives; other calls come in between."""
    names = {port: redis_command(port, "CLUSTER", "MYID") for port in (source, target)}
    redis_command(target, "CLUSTER", "SETSLOT", slot, "IMPORTING", names[source])
    redis_command(source, "CLUSTER", "SETSLOT", slot, "MIGRATING", names[target])
    time.sleep(pause_s)
    while keys := redis_command(source, "CLUSTER", "GETKEYSINSLOT", slot, 100):
        redis_command(source, "MIGRATE", "127.0.0.1", target, "", 0, 5000, "KEYS", *keys)
    time.sleep(pause_s)
    for port in (target, source, *ports):
        redis_command(port, "CLUSTER", "SETSLOT", slot, "NODE", names[target])


def test_slots_that_move_under_load(launch, own_cluster):
    host, nodes = own_cluster()
    ports = [port for port, _ in nodes]
    topic = "{moving}topic"
    app = launch.app().on("/dapr/subscribe", reply(json_body=[{"pubsubname": "ps", "topic": topic, "route": "/in"}])).on("/in", reply(200))
    # One tag in all keys: they share the slot that moves.
    one = launch.sidecar(app=app, resources=[on_cluster("s", "state.redis", host, keyPrefix="{moving}"), on_cluster("ps", "pubsub.redis", host, processingTimeout="2s", redeliverInterval="500")])
    statuses = []
    with Load(one.http, saving("s", statuses), threads=4) as saves, Load(one.http, publishing(topic), threads=2) as publishes:
        saves.reach(200), publishes.reach(50)
        for _ in range(6):
            slot, source = owner(ports[0], "{moving}")
            migrate(slot, source, next(p for p in ports if p != source), ports, 0.1)
            saves.reach(len(saves.acknowledged) + 50)
        saved, published = saves.stop(), publishes.stop()
    moved, asked = errors_of(ports, "MOVED"), errors_of(ports, "ASK")
    print(f"{len(saved)} saves, {len(published)} messages; MOVED {moved}, ASK {asked} times")
    assert moved > 0 and asked > 0
    assert {status for status, _ in statuses} == {204} and saves.errors == publishes.errors == []
    assert len(published) == publishes.next
    assert lost(one, "s", saved) == []
    wait_until(lambda: {r.json["data"] for r in app.calls("/in")} >= set(published), "every message", 20)


def test_a_configuration_key_that_moves_is_still_heard(launch, own_cluster):
    host, nodes = own_cluster()
    ports = [port for port, _ in nodes]
    app = launch.app()
    one = launch.sidecar(app=app, resources=[on_cluster("c", "configuration.redis", host)])
    app.on("/configuration/c/colour", reply(200))
    assert one.get("/v1.0/configuration/c/subscribe?key=colour").status == 200
    slot, source = owner(ports[0], "colour")
    values = iter(range(1000))

    def heard_at(port):
        value = f"v{next(values)}"
        redis_command(port, "SET", "colour", value)
        time.sleep(0.2)
        return any(value in r.body.decode() for r in app.calls("/configuration/c/colour"))
    wait_until(lambda: heard_at(source), "a change at the first server", 10)
    target = next(p for p in ports if p != source)
    migrate(slot, source, target, ports, 0)
    wait_until(lambda: heard_at(target), "a change at the other server", 10)


def test_a_cluster_loses_a_master(launch, own_cluster):
    host, nodes = own_cluster(replicas=1)
    processes, first = dict(nodes), nodes[0][0]
    topic = uuid.uuid4().hex
    app = launch.app().on("/dapr/subscribe", reply(json_body=[{"pubsubname": "ps", "topic": topic, "route": "/in"}])).on("/in", reply(200))
    one = launch.sidecar(app=app, resources=[on_cluster("s", "state.redis", host, keyPrefix="{doomed}"), on_cluster("ps", "pubsub.redis", host, processingTimeout="2s", redeliverInterval="500")])
    _, doomed = owner(first, "{doomed}||k")
    # Strong: a save is acknowledged when the replica has it too, so that no acknowledged one can be lost with its master.
    with Load(one.http, saving("s", options={"consistency": "strong"}), threads=4) as saves, Load(one.http, publishing(topic), threads=2) as publishes:
        saves.reach(300), publishes.reach(50)
        processes[doomed].send_signal(signal.SIGKILL)
        killed = time.monotonic()
        processes[doomed].wait(10)
        wait_until(lambda: one.post("/v1.0/state/s", [{"key": "after", "value": 1}]).status == 204, "the replica to take over", 80)
        print(f"writes to the lost server's keys succeed {time.monotonic() - killed:.1f} s after its end (the servers notice after 2 s)")
        before = len(publishes.acknowledged)
        publishes.reach(before + 50, 30)
        saved = saves.stop()
        publishes.stop()
    assert saves.errors == []  # every call was answered
    assert lost(one, "s", saved) == []
    after = publishes.acknowledged[before:]  # what the old master acknowledged alone may be gone with it
    wait_until(lambda: {r.json["data"] for r in app.calls("/in")} >= set(after), "every message since", 30)
