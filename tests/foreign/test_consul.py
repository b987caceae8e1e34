"""Name resolution `hashicorp.consul` with a real agent: MECHA_TEST_CONSUL=host:port."""
import json
import os
import urllib.request
import uuid

import pytest

from application import reply
from sidecar import wait_until

pytestmark = pytest.mark.skipif("MECHA_TEST_CONSUL" not in os.environ, reason="needs MECHA_TEST_CONSUL")
AGENT = os.environ.get("MECHA_TEST_CONSUL", "")


def ask(path, method="GET", document=None):
    request = urllib.request.Request(f"http://{AGENT}/v1/{path}", method=method, data=None if document is None else json.dumps(document).encode())
    with urllib.request.urlopen(request) as got:
        return json.loads(got.read() or b"null")


def services(name):
    return ask(f"health/service/{name}")


def config(**settings):
    settings = {"client": {"address": AGENT}, "selfRegister": True, "selfDeregister": True, **settings}
    return ("apiVersion: dapr.io/v1alpha1\nkind: Configuration\nmetadata: {name: c}\n"
            f"spec: {{nameResolution: {{component: consul, configuration: {json.dumps(settings)}}}}}\n")


@pytest.fixture
def name():
    return f"app-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def callee(launch, name):
    """Starts a sidecar of `name` whose application says `answer`, and whose health the agent looks at five times a second."""
    def start(answer, **settings):
        app = launch.app()
        app.on("/hello", reply(200, answer))
        one = launch.sidecar(name, app=app, start=False)
        check = {"Name": "health", "HTTP": f"http://127.0.0.1:{one.http}/v1.0/healthz", "Interval": "200ms"}
        one.config = config(checks=[check], **settings)
        return one.start()
    return start


@pytest.fixture
def caller(launch):
    return launch.sidecar("caller", config=config(selfRegister=False))


def hello(caller, target):
    got = caller.invoke(target, "hello")
    return got.text if got.status == 200 else f"{got.status} {got.text}"


def test_what_is_registered(launch, name):
    app = launch.app()
    one = launch.sidecar(name, app=app, config=config(tags=["a", "b"], meta={"k": "v"}))
    found, = services(name)
    assert found["Service"]["ID"] == f"{name}-127.0.0.1-{one.http}"
    assert (found["Service"]["Address"], found["Service"]["Port"], found["Service"]["Tags"]) == ("127.0.0.1", app.port, ["a", "b"])
    assert found["Service"]["Meta"] == {"DAPR_PORT": str(one.internal), "k": "v"}
    check, = [c for c in found["Checks"] if c["ServiceName"] == name]
    assert (check["CheckID"], check["Name"]) == (f"daprHealth:{name}-127.0.0.1-{one.http}", "Dapr Health Status")
    definition = ask("agent/checks")[check["CheckID"]]
    assert (definition["Interval"], definition["Type"]) == ("15s", "http")
    wait_until(lambda: services(name)[0]["Checks"][-1]["Status"] == "passing", "the agent's check of the sidecar", 20)
    assert one.stop() == 0
    assert services(name) == []


def test_healthy_ones_take_turns_and_the_ill_are_left_out(caller, callee, name):
    assert f"no healthy services found with AppID '{name}'" in hello(caller, name)
    first, _ = callee("first"), callee("second")
    wait_until(lambda: {hello(caller, name) for _ in range(8)} == {"first", "second"}, "both")
    first.kill()  # stays registered, and fails its check
    wait_until(lambda: len(ask(f"health/service/{name}?passing=1")) == 1, "the agent's check")
    wait_until(lambda: {hello(caller, name) for _ in range(8)} == {"second"}, "the healthy one")
    assert len(services(name)) == 2


def test_without_its_own_deregistration_a_sidecar_stays(callee, name):
    one = callee("x", selfDeregister=False)
    one.stop()
    assert len(services(name)) == 1


def test_an_advanced_registration(launch, caller, name):
    app = launch.app()
    app.on("/hello", reply(200, "advanced"))
    registration = {"id": f"{name}-1", "name": name, "port": app.port, "address": "127.0.0.1", "tags": ["t"], "meta": {"x": "1"}, "enableTagOverride": True,
                    "checks": [{"name": "up", "checkID": f"up-{name}", "tcp": f"127.0.0.1:{app.port}", "interval": "200ms"}],
                    "weights": {"passing": 3, "warning": 1}}
    one = launch.sidecar(name, app=app, config=config(advancedRegistration=registration, daprPortMetaKey="MY_PORT"))
    found = services(name)[0]["Service"]
    assert (found["ID"], found["Meta"], found["Weights"]) == (f"{name}-1", {"MY_PORT": str(one.internal), "x": "1"}, {"Passing": 3, "Warning": 1})
    assert found["EnableTagOverride"] is True
    other = launch.sidecar("other", config=config(selfRegister=False, daprPortMetaKey="MY_PORT"))
    wait_until(lambda: hello(other, name) == "advanced", "the check")
    assert "found but DAPR_PORT missing from meta" in hello(caller, name)
    one.stop()
    assert services(name) == []


@pytest.mark.parametrize("options", [{"requireConsistent": True}, {"allowStale": True}, {"useCache": True}, {"datacenter": "dc1"},
                                     {"filter": "\"good\" in Service.Tags"}, {"near": "_agent"}])
def test_options_of_queries(launch, callee, name, options):
    callee("good", tags=["good"])
    caller = launch.sidecar("caller", config=config(selfRegister=False, queryOptions=options))
    wait_until(lambda: hello(caller, name) == "good", "the check")


def test_an_agent_that_is_not_there_or_refuses(launch):
    one = launch.sidecar("caller", config=config(selfRegister=False, client={"address": "127.0.0.1:1"}))
    assert "failed to query healthy consul services" in hello(one, "any")
    one = launch.sidecar("odd", config=config(selfRegister=False, queryOptions={"datacenter": "nowhere"}))
    assert "Unexpected response code: 500 (No path to datacenter" in hello(one, "any")
