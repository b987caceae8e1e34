"""A master behind sentinels that is killed, or demoted while it lives, under load: nothing that was acknowledged is lost."""
import signal, sys, time, uuid

import pytest

from application import reply
from load import Load, lost, publishing, saving
from sidecar import ROOT, component, wait_until

sys.path.insert(0, str(ROOT / "scripts"))
from servers import Servers, Unavailable, redis_command  # noqa: E402

pytestmark = pytest.mark.timeout(240)  # an election without a winner is held again after twelve seconds


class Watched:
    """A master, two replicas and three sentinels of this test alone."""

    def __init__(self, folder):
        self.servers = Servers(folder)
        try:
            self.nodes = self.servers.redis_sentinel(replicas=2)
        except Unavailable as e:
            pytest.skip(str(e))
        environment = self.servers.environment
        self.password, self.name = environment["MECHA_TEST_REDIS_SENTINEL_PASSWORD"], environment["MECHA_TEST_REDIS_SENTINEL_MASTER"]
        self.settings = {"redisHost": environment["MECHA_TEST_REDIS_SENTINEL"], "failover": "true", "sentinelMasterName": self.name, "sentinelPassword": self.password}
        self.data, self.sentinels = self.nodes[:3], self.nodes[3:]

    def ask(self, *words):
        return redis_command(self.sentinels[0][0], "SENTINEL", *words, self.name, password=self.password)

    def master(self):
        return int(self.ask("GET-MASTER-ADDR-BY-NAME")[1])


@pytest.fixture
def watched(tmp_path):
    made = Watched(tmp_path / "redis")
    try:
        yield made
    finally:
        for _, process in made.nodes:
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
        made.servers.stop()


def both(launch, watched, topic):
    app = launch.app().on("/dapr/subscribe", reply(json_body=[{"pubsubname": "ps", "topic": topic, "route": "/in"}])).on("/in", reply(200))
    parts = [component("s", "state.redis", watched.settings), component("ps", "pubsub.redis", watched.settings, processingTimeout="2s", redeliverInterval="500")]
    return app, launch.sidecar(app=app, resources=parts)


def fail_over(watched, how):
    port = watched.master()
    process = dict(watched.data)[port]
    if how == "demoted":
        watched.ask("FAILOVER")
    else:
        process.send_signal(signal.SIGKILL if how == "killed" else signal.SIGSTOP)
    return port


def strong_saves(one):
    """Both replicas have what is acknowledged, so that no acknowledged save can be lost with the master."""
    return Load(one.http, saving("s", options={"consistency": "strong"}), threads=4)


@pytest.mark.parametrize("how", ["killed", "paused", "demoted"])
def test_another_master_takes_over_under_load(launch, watched, how):
    topic = uuid.uuid4().hex
    app, one = both(launch, watched, topic)
    with strong_saves(one) as saves, Load(one.http, publishing(topic), threads=2) as publishes:
        saves.reach(300), publishes.reach(50)
        old, begun = fail_over(watched, how), time.monotonic()
        wait_until(lambda: watched.master() != old, "another master", 90)
        decided = time.monotonic()
        wait_until(lambda: one.post("/v1.0/state/s", [{"key": "after", "value": 1}]).status == 204, "a write", 30)
        print(f"{how}: another master after {decided - begun:.1f} s, writes {time.monotonic() - decided:.1f} s after that")
        if how == "demoted":  # until it is told, it goes on to acknowledge
            wait_until(lambda: redis_command(old, "ROLE")[0] == "slave", "the old master to follow", 30)
        before = len(publishes.acknowledged)
        publishes.reach(before + 50, 30)
        saved = saves.stop()
        publishes.stop()
    assert saves.errors == []  # every call was answered
    assert lost(one, "s", saved) == []
    # What the old master acknowledged alone may be gone with it.
    after = publishes.acknowledged[before:]
    wait_until(lambda: {r.json["data"] for r in app.calls("/in")} >= set(after), "every message since", 30)
    if how == "paused":  # it comes back as a replica, and gets no write
        dict(watched.data)[old].send_signal(signal.SIGCONT)
        wait_until(lambda: redis_command(old, "ROLE")[0] == "slave", "the old master to follow", 30)
        assert one.post("/v1.0/state/s", [{"key": "again", "value": 1}]).status == 204
        wait_until(lambda: redis_command(old, "EXISTS", f"{one.app_id}||again") == 1, "the old master to have the write from the new one", 10)
