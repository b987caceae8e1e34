"""Hot reload (contract 06, 3.8): what runs follows the files, and nothing else moves."""
import os, shutil, signal, threading, time

import pytest

from application import reply
from sidecar import component, request, wait_until

RETRY = "apiVersion: dapr.io/v1alpha1\nkind: Resiliency\nmetadata: {name: r}\nspec: {policies: {retries: {p: {duration: 1ms, maxRetries: %d}}}, targets: {apps: {app: {retry: p}}}}\n"


def subscription(name, route, topic="t", pubsub="bus", match=""):
    rules = f"rules: [{{match: '{match}', path: /matched}}], " if match else ""
    return f"apiVersion: dapr.io/v2alpha1\nkind: Subscription\nmetadata: {{name: {name}}}\nspec: {{pubsubname: {pubsub}, topic: {topic}, routes: {{{rules}default: {route}}}}}\n"


def folder(one):
    return one.folder / "resources"


def write(one, name, text):
    (folder(one) / name).write_text(text)


def names(one):
    return [c["name"] for c in one.get("/v1.0/metadata").json.get("components", [])]


def save(one, store, value, key="k"):
    return one.post(f"/v1.0/state/{store}", [{"key": key, "value": value}]).status


def test_the_targets_of_readiness_are_there_only_with_hot_reload(launch):
    one = launch.sidecar(resources=[component("a", "state.in-memory")])
    assert one.get("/v1.0/healthz").status == 204
    write(one, "b.yaml", component("b", "state.in-memory"))
    wait_until(lambda: names(one) == ["a", "b"], "the second component")
    off = launch.sidecar("off", resources=[component("a", "state.in-memory")], config="spec: {features: [{name: HotReload, enabled: false}]}")
    write(off, "b.yaml", component("b", "state.in-memory"))
    time.sleep(0.5)
    assert names(off) == ["a"]


def test_a_request_in_flight_keeps_what_it_began_with(launch):
    go = threading.Event()

    def slow(call):
        go.wait(20)
        return reply(200, b"done")

    app = launch.app().on("/.*", reply(200)).on("/slow", slow)
    one = launch.sidecar(app=app, resources={"a.yaml": component("a", "state.in-memory")})
    box = []
    thread = threading.Thread(target=lambda: box.append(one.invoke("app", "slow")))
    thread.start()
    app.wait_for("/slow")
    (folder(one) / "a.yaml").unlink()
    wait_until(lambda: names(one) == [], "the component to go")
    time.sleep(0.3)
    assert "Shutting down component a" not in one.log()  # a request that began with it is still there
    go.set()
    thread.join(20)
    assert (box[0].status, box[0].body) == (200, b"done")
    one.says("Shutting down component a (state.in-memory/v1)")


def test_a_connection_stays_open_through_every_kind_of_change(launch):
    app = launch.app().on("/.*", reply(200)).on("/dapr/subscribe", reply(json_body=[]))
    one = launch.sidecar(app=app, resources={"a.yaml": component("a", "state.in-memory")}, config="spec: {}")
    with one.connect() as kept:
        def ask():
            kept.sendall(b"GET /v1.0/healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            return kept.recv(4096).startswith(b"HTTP/1.1 204")
        assert ask()
        write(one, "r.yaml", RETRY % 1)
        one.says("Loading Resiliency configuration: r")
        assert ask()
        write(one, "e.yaml", f"apiVersion: dapr.io/v1alpha1\nkind: HTTPEndpoint\nmetadata: {{name: ep}}\nspec: {{baseUrl: 'http://127.0.0.1:{app.port}'}}\n")
        wait_until(lambda: one.invoke("ep", "x").status == 200, "the endpoint")
        assert ask()
        one.signal(signal.SIGHUP)
        wait_until(lambda: len(app.calls("/dapr/config")) == 4, "the question for the configuration")
        assert ask()
    assert save(one, "a", 1) == 204


@pytest.mark.parametrize("broken", ["{a", "a: [", "apiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata: {name: a}\nspec: 7\n", "apiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata: {name: 'a/b'}\nspec: {type: state.in-memory, version: v1}\n"], ids=["syntax", "open list", "shape", "name"])
def test_a_broken_file_leaves_what_it_held_and_says_so(launch, broken):
    one = launch.sidecar(resources={"a.yaml": component("a", "state.in-memory"), "b.yaml": component("b", "state.in-memory")})
    assert save(one, "a", 1) == 204
    write(one, "a.yaml", broken)
    one.says("held before stays as it is until the file can be read")
    (folder(one) / "b.yaml").unlink()  # other changes go on
    wait_until(lambda: names(one) == ["a"], "the other change")
    assert one.get("/v1.0/state/a/k").body == b"1"
    write(one, "a.yaml", component("c", "state.in-memory"))
    wait_until(lambda: names(one) == ["c"], "the file to count again")
    assert one.log().count("held before stays as it is") == 1


def test_two_components_of_one_name_leave_all_as_it_is(launch):
    one = launch.sidecar(resources={"a.yaml": component("a", "state.in-memory")})
    assert save(one, "a", 1) == 204
    write(one, "b.yaml", component("a", "state.in-memory", extra="  initTimeout: 9s\n"))
    one.says("resources are not reloaded, what runs goes on: failed to load components: duplicate definition of Component name a")
    assert one.get("/v1.0/state/a/k").body == b"1"
    (folder(one) / "b.yaml").unlink()
    write(one, "c.yaml", component("c", "state.in-memory"))
    wait_until(lambda: names(one) == ["a", "c"], "the next change")


def test_a_subscription_with_a_broken_rule_stays_as_it_was(launch):
    app = launch.app().on("/.*", reply(200)).on("/dapr/subscribe", reply(json_body=[]))
    one = launch.sidecar(app=app, resources={"bus.yaml": component("bus", "pubsub.in-memory"), "s.yaml": subscription("s", "/one")})
    write(one, "s.yaml", subscription("s", "/two", match="event.type =="))
    one.says("subscription s stays as it was: ")
    assert one.request("POST", "/v1.0/publish/bus/t", body="x").status == 204
    app.wait_for("/one")
    write(one, "s.yaml", subscription("s", "/two", match="event.type == \"x\""))
    wait_until(lambda: one.request("POST", "/v1.0/publish/bus/t", body="x").status == 204 and app.calls("/two"), "the new route")


def test_a_failing_change_ends_the_process_and_an_ignored_one_does_not(launch):
    one = launch.sidecar(resources={"a.yaml": component("a", "state.in-memory"), "b.yaml": component("b", "state.in-memory")})
    write(one, "b.yaml", component("b", "state.nosuch", extra="  ignoreErrors: true\n"))
    one.says("Ignoring error processing component: process component b error: [INIT_COMPONENT_FAILURE]")
    wait_until(lambda: names(one) == ["a"], "the failed component to be absent")
    write(one, "b.yaml", component("b", "state.nosuch"))
    assert one.wait() == 1
    assert "process component b error: [INIT_COMPONENT_FAILURE]" in one.log()


def test_a_secret_that_changed_makes_another_component(launch, tmp_path):
    secrets = tmp_path / "secrets.json"
    secrets.write_text('{"path": "one.db"}')
    store = component("s", "state.sqlite", extra="  - name: connectionString\n    secretKeyRef: {name: path, key: path}\n").replace("  version: v1\n", "  version: v1\n  metadata:\n") + "auth: {secretStore: vault}\n"
    one = launch.sidecar(resources={"v.yaml": component("vault", "secretstores.local.file", secretsFile=str(secrets), multiValued="false"), "s.yaml": store})
    assert save(one, "s", 1) == 204
    secrets.write_text('{"path": "two.db"}')
    write(one, "v.yaml", component("vault", "secretstores.local.file", secretsFile=str(secrets), multiValued="false", nestedSeparator="."))
    wait_until(lambda: one.get("/v1.0/state/s/k").status == 204, "the other database")
    assert save(one, "s", 2) == 204
    assert one.get("/v1.0/state/s/k").body == b"2"


def test_a_breaker_that_is_open_stays_open_when_another_policy_changes(launch):
    app = launch.app().on("/.*", reply(500))
    policy = "apiVersion: dapr.io/v1alpha1\nkind: Resiliency\nmetadata: {name: r}\nspec: {policies: {retries: {p: {duration: 1ms, maxRetries: %d}}, circuitBreakers: {b: {timeout: %s, trip: consecutiveFailures >= 2}}}, targets: {apps: {app: {circuitBreaker: b}, other: {retry: p}}}}\n"
    one = launch.sidecar(app=app, resources={"r.yaml": policy % (1, "60s")})
    for _ in range(3):
        one.invoke("app", "a")
    assert "circuit breaker is open" in one.invoke("app", "a").text
    before = len(app.calls("/a"))
    write(one, "r.yaml", policy % (2, "60s"))
    app.wait_for("/dapr/config", 2)
    assert "circuit breaker is open" in one.invoke("app", "a").text and len(app.calls("/a")) == before
    write(one, "r.yaml", policy % (2, "50s"))  # its own policy changed: a new breaker, closed
    app.wait_for("/dapr/config", 3)
    assert one.invoke("app", "a").status == 500 and len(app.calls("/a")) == before + 1


def test_input_bindings_come_and_go(launch):
    app = launch.app().on("/.*", reply(200))
    cron = component("tick", "bindings.cron", schedule="@every 1s", direction="input", route="/%s")
    one = launch.sidecar(app=app, resources={"x.yaml": component("x", "state.in-memory")})
    write(one, "tick.yaml", cron % "one")
    app.wait_for("/one")
    write(one, "tick.yaml", cron % "two")
    app.wait_for("/two")
    app.forget()
    app.wait_for("/two")
    assert not app.calls("/one")
    (folder(one) / "tick.yaml").unlink()
    wait_until(lambda: names(one) == ["x"], "the binding to go")
    one.says("Shutting down component tick")
    app.forget()
    time.sleep(1.3)
    assert not app.calls("/two")


def test_only_the_subscription_that_changed_moves(launch, redis_address):
    app = launch.app().on("/.*", reply(200)).on("/dapr/subscribe", reply(json_body=[]))
    bus = component("bus", "pubsub.redis", redisHost=redis_address, consumerID=f"g{os.getpid()}")
    topic = f"reload-{os.getpid()}-{time.monotonic_ns()}"
    one = launch.sidecar(app=app, resources={"bus.yaml": bus, "s.yaml": subscription("s", "/one", topic)})

    def publish(n):
        assert one.request("POST", f"/v1.0/publish/bus/{topic}?metadata.cloudevent.id={n}", body="x").status == 204
    publish(1)
    app.wait_for("/one")
    write(one, "s.yaml", subscription("s", "/two", topic))
    wait_until(lambda: b'"/two"' in one.get("/v1.0/metadata").body, "the route")
    publish(2)
    app.wait_for("/two")
    write(one, "bus.yaml", bus + "  initTimeout: 9s\n")
    one.says("Shutting down component bus")
    publish(3)
    app.wait_for("/two", 2)
    assert [c.json["id"] for c in app.calls("/one") + app.calls("/two")] == ["1", "2", "3"]


def test_an_outbox_comes_moves_to_another_broker_and_goes(launch):
    app = launch.app().on("/.*", reply(200)).on("/dapr/subscribe", reply(json_body=[{"pubsubname": "out", "topic": "t", "route": "/in"}]))
    plain, outbox = ({"connectionString": "o.db", **more} for more in ({}, {"outboxPublishPubsub": "out", "outboxPublishTopic": "t", "outboxPubsub": "bus"}))
    one = launch.sidecar(app=app, resources={"out.yaml": component("out", "pubsub.in-memory"), "bus.yaml": component("bus", "pubsub.in-memory"), "s.yaml": component("s", "state.sqlite", **plain)})

    def transact(key):
        assert one.post("/v1.0/state/s/transaction", {"operations": [{"operation": "upsert", "request": {"key": key, "value": key}}]}).status == 204
        return key

    def told():
        return [call.json["data"] for call in app.calls("/in")]
    transact("before")
    write(one, "s.yaml", component("s", "state.sqlite", **outbox))
    one.says("Shutting down component s")
    keys = [transact("first")]
    wait_until(lambda: told() == keys, "the event of the new outbox")
    for n in range(3):  # in memory an event that finds nobody would be lost
        write(one, "bus.yaml", component("bus", "pubsub.in-memory", extra=f"  initTimeout: {n + 6}s\n"))
        wait_until(lambda: keys.append(transact(f"{n}-{len(keys)}")) or one.log().count("Component loaded: bus") > n + 1, "the other broker")
        keys += [transact(f"{n}-{len(keys)}-{i}") for i in range(20)]
    wait_until(lambda: len(told()) >= len(keys), "all events", 30)
    assert sorted(told()) == sorted(keys)
    write(one, "s.yaml", component("s", "state.sqlite", **plain))
    wait_until(lambda: one.log().count("Shutting down component s") == 2, "the outbox to go")
    transact("after")
    time.sleep(1.5)
    assert len(told()) == len(keys)


def test_sighup_takes_what_can_change_and_names_what_cannot(launch):
    app = launch.app().on("/.*", reply(200)).on("/dapr/subscribe", reply(json_body=[]))
    one = launch.sidecar(app=app, config="spec: {}", resources={"v.yaml": component("v", "secretstores.local.env"), "bus.yaml": component("bus", "pubsub.in-memory")}, env={"WORD": "w"})
    assert one.get("/v1.0/secrets/v/WORD").status == 200
    (one.folder / "config.yaml").write_text("spec: {secrets: {scopes: [{storeName: v, defaultAccess: deny}]}, features: [{name: Mine, enabled: true}], tracing: {samplingRate: '1'}, accessControl: {defaultAction: deny}}")
    time.sleep(0.3)
    assert one.get("/v1.0/secrets/v/WORD").status == 200  # the file is not watched
    one.signal(signal.SIGHUP)
    wait_until(lambda: one.get("/v1.0/secrets/v/WORD").status == 403, "the scope")
    assert "Mine" in one.get("/v1.0/metadata").json["enabledFeatures"]
    one.says("the configuration changed in what is fixed until a restart of the process: tracing")
    app.wait_for("/dapr/config", 2)
    app.wait_for("/dapr/subscribe", 2)
    (one.folder / "config.yaml").write_text("{a")
    one.signal(signal.SIGHUP)
    one.says("the configuration is not reloaded, the old one stays: ")
    assert one.get("/v1.0/secrets/v/WORD").status == 403


def test_denied_types_leave_on_sighup(launch):
    one = launch.sidecar(config="spec: {}", resources={"a.yaml": component("a", "state.in-memory"), "v.yaml": component("v", "secretstores.local.env")})
    (one.folder / "config.yaml").write_text("spec: {components: {deny: [state.in-memory]}}")
    one.signal(signal.SIGHUP)
    wait_until(lambda: names(one) == ["v"], "the component to leave")


def test_a_directory_that_goes_and_a_link_that_is_swapped(launch):
    one = launch.sidecar(resources={"a.yaml": component("a", "state.in-memory")})
    where = folder(one)
    os.rename(where, one.folder / "away")
    one.says("resources are not reloaded, what runs goes on: failed to create watcher: stat ")
    assert names(one) == ["a"]
    where.mkdir()
    (where / "..v1").mkdir()
    (where / "..v1" / "m.yaml").write_text(component("b", "state.in-memory"))
    (where / "..data").symlink_to("..v1")
    (where / "m.yaml").symlink_to("..data/m.yaml")
    wait_until(lambda: names(one) == ["b"], "the directory that came back")
    (where / "..v2").mkdir()
    (where / "..v2" / "m.yaml").write_text(component("c", "state.in-memory"))
    (where / "..tmp").symlink_to("..v2")
    os.rename(where / "..tmp", where / "..data")
    wait_until(lambda: names(one) == ["c"], "the link that was swapped")
    shutil.rmtree(one.folder / "away")


def test_a_full_look_comes_now_and_then(launch, tmp_path):
    secrets = tmp_path / "secrets.json"
    secrets.write_text('{"path": "one.db"}')
    store = component("s", "state.sqlite", extra="  metadata:\n  - name: connectionString\n    secretKeyRef: {name: WHERE, key: WHERE}\n") + "auth: {secretStore: v}\n"
    one = launch.sidecar(resources={"v.yaml": component("v", "secretstores.local.env"), "s.yaml": store}, env={"WHERE": "a.db"}, flags=["--hot-reload-reconcile-interval", "200ms"])
    assert save(one, "s", 1) == 204
    time.sleep(0.7)
    assert one.get("/v1.0/state/s/k").body == b"1" and one.log().count("Component loaded: s") == 1


def test_the_end_comes_in_the_middle_of_changes(launch):
    one = launch.sidecar(resources={"a.yaml": component("a", "state.in-memory")})
    for n in range(20):
        write(one, f"{n}.yaml", component(f"c{n}", "state.in-memory"))
    assert one.stop() == 0
    assert "panic" not in one.log() and "background work failed" not in one.log()
