"""kill -9 of a broker in the middle of load: what it had acknowledged is delivered once it is back, without a restart of the sidecar."""
import sys, uuid

import pytest

from application import reply
from brokers import SERVERS, durable_broker
from load import Load, publishing
from sidecar import ROOT, wait_until

sys.path.insert(0, str(ROOT / "scripts"))
from servers import Servers, Unavailable  # noqa: E402

pytestmark = pytest.mark.timeout(180)


@pytest.fixture
def own_server(tmp_path):
    """Starts a server of this test alone: (address, process, a function that starts it again)."""
    servers = Servers(tmp_path / "servers")

    def start(name):
        try:
            address = getattr(servers, name)()
        except Unavailable as e:
            pytest.skip(str(e))
        port = int(address.rsplit(":", 1)[1])
        return address, servers.processes[-1][1], lambda: getattr(servers, name)(port=port)
    yield start
    servers.stop()


@pytest.mark.parametrize("kind", SERVERS)
def test_acknowledged_messages_outlive_a_killed_broker(launch, own_server, kind):
    address, process, again = own_server(SERVERS[kind])
    topic = f"broker-{uuid.uuid4().hex}"
    app = launch.app().on("/dapr/subscribe", reply(json_body=[{"pubsubname": "ps", "topic": topic, "route": "/in"}])).on("/in", reply(200))
    one = launch.sidecar(app=app, resources=[durable_broker(kind, address)])
    got = lambda: {r.json["data"] for r in app.calls("/in")}
    with Load(one.http, publishing(topic), threads=4, limit=50) as load:
        load.reach(50)
    wait_until(lambda: len(got()) >= 50, "the first messages", 40)
    work = publishing(topic)
    with Load(one.http, lambda connection, number: work(connection, 1000 + number), threads=4) as load:
        load.reach(300)
        if kind == "mqtt":  # Mosquitto acknowledges before it writes: only its own end keeps everything
            process.terminate()
        else:
            process.kill()
        process.wait(20)
        again()
        acknowledged = {1000 + n for n in load.stop()}
    assert len(acknowledged) >= 300
    wait_until(lambda: acknowledged <= got(), f"all of {len(acknowledged)} messages", 60)
    wait_until(lambda: one.request("POST", f"/v1.0/publish/ps/{topic}", body='{"last": 1}', headers={"content-type": "application/json"}).status == 204, "publishing", 30)
    wait_until(lambda: any(isinstance(d, dict) and d.get("last") == 1 for d in [r.json["data"] for r in app.calls("/in")]), "delivery", 30)
