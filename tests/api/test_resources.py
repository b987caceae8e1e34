"""Resource files: what is read, what is refused, what only warns (contract 06, 3.1 to 3.4)."""
import socket

import pytest

from sidecar import component, free_port, wait_until

STORE = component("s", "state.in-memory")


def names(one):
    return sorted(c["name"] for c in one.get("/v1.0/metadata").json.get("components", []))


def with_namespace(name, namespace):
    return STORE.replace('{name: "s"}', f"{{name: {name}, namespace: {namespace}}}")


# files | environment | names of the components
LOADED = [
    ("one", {"a.yaml": STORE}, {}, ["s"]), ("yml and capitals", {"a.yml": STORE, "b.YAML": component("t", "state.in-memory")}, {}, ["s", "t"]), ("other endings", {"a.yaml": STORE, "b.json": component("t", "state.in-memory"), "README": "x"}, {}, ["s"]),
    ("several documents", {"a.yaml": "---\n" + STORE + "---\n" + component("t", "state.in-memory") + "---\n"}, {}, ["s", "t"]), ("an empty document", {"a.yaml": "---\n---\n" + STORE}, {}, ["s"]),
    ("a bad document beside a good one", {"a.yaml": STORE + "---\n{bad: [\n---\n" + component("t", "state.in-memory")}, {}, ["s", "t"]), ("unknown kind", {"a.yaml": STORE + "---\nkind: Deployment\napiVersion: apps/v1\nmetadata: {name: d}\n"}, {}, ["s"]),
    ("another version of the API", {"a.yaml": STORE + "---\n" + component("t", "state.in-memory").replace("v1alpha1", "v9")}, {}, ["s"]), ("in scope", {"a.yaml": STORE + "scopes: [x, app]\n"}, {}, ["s"]), ("out of scope", {"a.yaml": STORE + "scopes: [x]\n"}, {}, []),
    ("scopes are exact", {"a.yaml": STORE + "scopes: [APP]\n"}, {}, []), ("no namespace set", {"a.yaml": with_namespace("s", "other")}, {}, ["s"]), ("another namespace", {"a.yaml": with_namespace("s", "other") + "---\n" + with_namespace("t", "prod")}, {"NAMESPACE": "prod"}, ["t"]),
    ("no namespace in the document", {"a.yaml": STORE}, {"NAMESPACE": "prod"}, ["s"]), ("type in capitals after the prefix", {"a.yaml": component("s", "state.In-Memory")}, {}, ["s"]), ("no version", {"a.yaml": STORE.replace("  version: v1\n", "")}, {}, ["s"]), ("version v0", {"a.yaml": STORE.replace("version: v1", "version: v0")}, {}, ["s"]),
    ("an unknown field is a warning", {"a.yaml": STORE.replace("spec:\n", "spec:\n  unknownField: 1\n")}, {}, ["s"]), ("ignored errors", {"a.yaml": STORE + "---\n" + component("t", "state.sqlite").replace("  version: v1\n", "  version: v1\n  ignoreErrors: true\n")}, {}, ["s"]),
    ("nothing", {"a.yaml": ""}, {}, []),
]


@pytest.mark.parametrize("files,env,want", [row[1:] for row in LOADED], ids=[row[0] for row in LOADED])
def test_loaded(launch, files, env, want):
    assert names(launch.sidecar(resources=files, env=env)) == want


FATAL = [
    ("the same name twice", {"a.yaml": STORE, "b.yaml": STORE}, "failed to load components: duplicate definition of Component name s (state.in-memory/v1) with existing s (state.in-memory/v1)"),
    ("the same name of another type", {"a.yaml": STORE, "b.yaml": component("s", "pubsub.in-memory")}, "duplicate definition of Component name s (pubsub.in-memory/v1) with existing s (state.in-memory/v1)"),
    ("unknown category", {"a.yaml": component("s", "stat.in-memory")}, "process component s error: incorrect type stat.in-memory"),
    ("category in capitals", {"a.yaml": component("s", "State.in-memory")}, "process component s error: incorrect type State.in-memory"),
    ("unknown type", {"a.yaml": component("s", "state.nothing")}, "[CREATE_COMPONENT_FAILURE]: initialization error occurred for s (state.nothing/v1): couldn't find state store state.nothing/v1"),
    ("unknown version", {"a.yaml": STORE.replace("version: v1", "version: v7")}, "[CREATE_COMPONENT_FAILURE]: initialization error occurred for s (state.in-memory/v7): couldn't find state store state.in-memory/v7"),
    ("init fails", {"a.yaml": component("s", "state.sqlite")}, "[INIT_COMPONENT_FAILURE]: initialization error occurred for s (state.sqlite/v1): "),
]


@pytest.mark.parametrize("files,text", [row[1:] for row in FATAL], ids=[row[0] for row in FATAL])
def test_fatal(launch, files, text):
    one = launch.sidecar(resources=files, ready="")
    assert one.wait() == 1
    assert text in one.log().replace('\\"', '"')
    assert "level=fatal" in one.log()


SEVERAL = {"a.yaml": component("a", "state.sqlite", timeout="soon", cleanupInterval="never"), "b.yaml": "{bad: [\n"}


def test_every_problem_of_a_component_is_reported_at_once(launch):
    one = launch.sidecar(resources=SEVERAL, ready="")
    assert one.wait() == 1
    for text in ("missing connection string", 'timeout must be a duration, got "soon"', 'cleanupInterval must be a duration, got "never"', "a.yaml:8", "a.yaml:9", "b.yaml"):
        assert text in one.log().replace('\\"', '"'), text


def test_every_problem_of_every_component_is_reported_at_once(launch):
    one = launch.sidecar(resources=SEVERAL | {"c.yaml": component("c", "state.sqlite", connectionString="c.db", timeout="tomorrow")}, ready="")
    assert one.wait() == 1
    log = one.log().replace('\\"', '"')
    for text in (
        """a.yaml:8: component a (state.sqlite/v1): error decoding 'timeout': timeout must be a duration, got "soon\"""", "a.yaml:9: component a (state.sqlite/v1): error decoding 'cleanupInterval'",
        "component a (state.sqlite/v1): connectionString: missing connection string", """c.yaml:9: component c (state.sqlite/v1): error decoding 'timeout': timeout must be a duration, got "tomorrow\"""",
    ):
        assert text in log, text
    assert "Failed to init component a" in log and "Failed to init component c" not in log


def test_secrets_never_show_in_the_log(launch):
    (launch.folder / "secrets.json").write_text('{"pw": "top-secret-word"}')
    local = component("local", "secretstores.local.file", secretsFile=str(launch.folder / "secrets.json"))
    away = component("away", "state.redis", redisHost="127.0.0.1:1").replace("  metadata:\n", "  ignoreErrors: true\n  metadata:\n  - name: redisPassword\n    secretKeyRef: {name: pw, key: pw}\n") + "auth: {secretStore: local}\n"
    one = launch.sidecar(resources={"a.yaml": local, "b.yaml": away}, log_level="debug")
    assert "top-secret-word" not in one.log() and "away" in one.log()
    assert "top-secret-word" not in one.get("/v1.0/metadata").text


def test_several_directories_in_the_order_of_the_flag(launch):
    for n in "ab":
        (launch.folder / n).mkdir()
        (launch.folder / n / "x.yaml").write_text(component(n, "state.in-memory"))
    (launch.folder / "a" / "inner").mkdir()
    (launch.folder / "a" / "inner" / "y.yaml").write_text(component("inner", "state.in-memory"))
    one = launch.sidecar(flags=("--resources-path", f"{launch.folder}/b,{launch.folder}/a"))
    assert [c["name"] for c in one.get("/v1.0/metadata").json["components"]] == ["b", "a"]


# configuration | environment | features listed in the metadata
CONFIGURATIONS = [
    ("defaults", "spec: {}\n", {}, {"HotReload", "WorkflowsRemoteActivityReminder"}), ("off", "spec: {features: [{name: HotReload, enabled: false}]}\n", {}, {"WorkflowsRemoteActivityReminder"}),
    ("unknown ones are kept", "spec: {features: [{name: Mine, enabled: true}]}\n", {}, {"HotReload", "WorkflowsRemoteActivityReminder", "Mine"}), ("from the environment", "spec: {features: [{name: $MINE, enabled: true}]}\n", {"MINE": "FromEnv"}, {"HotReload", "WorkflowsRemoteActivityReminder", "FromEnv"}),
    ("kind is not checked", "kind: Other\nspec: {features: [{name: Mine, enabled: true}]}\n", {}, {"HotReload", "WorkflowsRemoteActivityReminder", "Mine"}), ("only the first document", "spec: {}\n---\nspec: {features: [{name: Mine, enabled: true}]}\n", {}, {"HotReload", "WorkflowsRemoteActivityReminder"}),
]


@pytest.mark.parametrize("config,env,want", [row[1:] for row in CONFIGURATIONS], ids=[row[0] for row in CONFIGURATIONS])
def test_configuration(launch, config, env, want):
    assert set(launch.sidecar(config=config, env=env).get("/v1.0/metadata").json["enabledFeatures"]) == want


@pytest.mark.parametrize("deny,want", [('["state.in-memory"]', ["p"]), ('["state.in-memory/v1"]', ["p"]), ('["state.in-memory/v2"]', ["p", "s"]), ('["State.In-Memory"]', ["p", "s"]), ("[]", ["p", "s"])])
def test_denied_components(launch, deny, want):
    assert names(launch.sidecar(resources=[STORE, component("p", "pubsub.in-memory")], config=f"spec: {{components: {{deny: {deny}}}}}\n")) == want


ACCESS = [("no app id", "{trustDomain: public, namespace: default}", "missing app name on at least one of the app policies: true"), ("no trust domain", "{appId: x, namespace: default}", "missing trustdomain for apps: [x]"), ("no namespace", "{appId: x, trustDomain: public}", "missing namespace for apps: [x]")]


@pytest.mark.parametrize("policy,text", [row[1:] for row in ACCESS], ids=[row[0] for row in ACCESS])
def test_an_incomplete_access_control_ends_the_start(launch, policy, text):
    one = launch.sidecar(config=f"spec: {{accessControl: {{policies: [{policy}]}}}}\n", ready="")
    assert one.wait() == 1
    assert "invalid access control spec. " in one.log() and text in one.log()


# metadata of a component -> what the store is asked for: a secret, an environment variable, templates
def test_references(launch):
    import sqlite3
    (launch.folder / "secrets.json").write_text('{"file": "by-secret.db"}')
    local = component("local", "secretstores.local.file", secretsFile=str(launch.folder / "secrets.json"))
    secret = component("a", "state.sqlite").replace("  version: v1\n", "  version: v1\n  metadata:\n  - name: connectionString\n    secretKeyRef: {name: file}\n") + "auth: {secretStore: local}\n"
    environment = component("b", "state.sqlite").replace("  version: v1\n", "  version: v1\n  metadata:\n  - name: connectionString\n    envRef: MY_FILE\n")
    template = component("c", "state.sqlite", connectionString="{appID}-file.db")
    one = launch.sidecar(resources={"1.yaml": secret, "2.yaml": environment, "3.yaml": template, "4.yaml": local}, env={"MY_FILE": "by-env.db"})
    for name, file in (("a", "by-secret.db"), ("b", "by-env.db"), ("c", "app-file.db")):
        assert one.post(f"/v1.0/state/{name}", [{"key": "k", "value": name}]).status == 204
        assert sqlite3.connect(one.folder / file).execute("select value from state").fetchall() == [(f'"{name}"',)]


SUBSCRIBED = "apiVersion: dapr.io/v2alpha1\nkind: Subscription\nmetadata: {{name: {name}}}\nspec: {{pubsubname: ps, topic: {topic}, routes: {{default: /in}}}}\n"


@pytest.mark.parametrize("application", [False, True], ids=["no application", "an application that does not listen yet"])
def test_declared_subscriptions_show_before_anything_is_subscribed(launch, application):
    declared = [SUBSCRIBED.format(name="a", topic="t"), SUBSCRIBED.format(name="b", topic="t"), SUBSCRIBED.format(name="c", topic="u")]
    one = launch.sidecar(resources=[component("ps", "pubsub.in-memory"), *declared], app=free_port() if application else None, ready="/v1.0/healthz/outbound")
    shown = [(s["topic"], s["rules"], s["type"]) for s in one.get("/v1.0/metadata").json["subscriptions"]]
    assert shown == [("t", [{"path": "/in"}], "DECLARATIVE"), ("u", [{"path": "/in"}], "DECLARATIVE")]


def test_a_database_that_says_nothing_holds_up_neither_the_start_nor_the_end(launch):
    """Its driver waits for 20 s, whatever `initTimeout` says."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        database = component("d", "state.mysql", connectionString=f"u:p@tcp(127.0.0.1:{silent.getsockname()[1]})/").replace("  version: v1\n", "  version: v1\n  ignoreErrors: true\n  initTimeout: 100ms\n")
        one = launch.sidecar(resources={"a.yaml": database + "---\n" + STORE})
        wait_until(lambda: names(one) == ["s"], "the other component")
        assert "component d (state.mysql/v1) is left behind" in one.log()
        assert one.stop() == 0
