"""`mecha check`: each fault that the daemon refuses, drops or passes over is told, at its line, with what to do."""
import json
import re
import subprocess

import pytest

from conftest import DAEMON, DIES_WITH_PARENT, free_port

HEAD = "apiVersion: dapr.io/v1alpha1\nkind: {kind}\nmetadata: {{name: {name}}}\n"


def component(kind, *items, name="c", more="", version="v1"):
    """A component whose first item stands at line 8."""
    metadata = "".join(f"  - {item}\n" for item in items)
    return HEAD.format(kind="Component", name=name) + f"spec:\n  type: {kind}\n  version: {version}\n" + (f"  metadata:\n{metadata}" if items else "") + more


def item(name, value):
    return f'{{name: {name}, value: "{value}"}}'


def configuration(spec):
    return HEAD.format(kind="Configuration", name="c") + "spec:\n" + spec


def resiliency(spec):
    return HEAD.format(kind="Resiliency", name="r") + "spec:\n" + spec


def other(kind, spec, version="v1alpha1"):
    return HEAD.format(kind=kind, name="x").replace("v1alpha1", version) + f"spec:\n{spec}"


REDIS = item("redisHost", "localhost:6379")
BUS = component("pubsub.in-memory", name="bus")
POLICIES = "  policies:\n    timeouts: {t: 1s}\n    retries: {r: {duration: 1s}}\n    circuitBreakers: {b: {trip: consecutiveFailures > 3}}\n  targets:\n    "

# What a file says; the line, the level, a part of the text and of the fix.
FAULTS = {
    "a version that is none": (component("state.redis", REDIS, version="v9"), 6, "error", "couldn't find state store state.redis/v9", "of state.redis there is v1"),
    "a type that is none": (component("state.reddis", REDIS), 5, "error", "state.reddis", "did you mean state.redis?"),
    "no type": (HEAD.format(kind="Component", name="c") + "spec: {version: v1}\n", 4, "error", "has no type", "mecha components"),
    "no spec": (HEAD.format(kind="Component", name="c") + "sepc: {type: state.in-memory, version: v1}\n", 1, "error", "has no spec", "add spec"),
    "a field that is misspelled": (HEAD.format(kind="Component", name="c") + "spec: {type: state.in-memory, version: v1}\nscope: [a]\n", 5, "warning", "scope is not a field", "did you mean scopes?"),
    "scopes as a text": (component("state.in-memory", more="scopes: app1\n"), 7, "error", "scopes must be a list of texts", ""),
    "two wrong types": (component("state.redis", "redisHost", more="scopes: app1\n"), 9, "error", "scopes must be a list", ""),
    "a wrong type hides nothing": (component("state.redis", REDIS, item("poolSize", "many"), more="scopes: app1\n"), 9, "error", "poolSize must be a whole number", "mecha describe state.redis"),
    "metadata as a map": (HEAD.format(kind="Component", name="c") + "spec:\n  type: state.redis\n  version: v1\n  metadata: {redisHost: x}\n", 7, "error", "spec.metadata must be a list", ""),
    "a name that is no part of a path": (component("state.in-memory", name='"Bad Name/.."'), 3, "error", "may not contain '/'", "a name is part of a path"),
    "a name with a blank": (component("state.in-memory", name='"Bad Name"'), 3, "warning", "must escape", "letters, digits"),
    "no name": ("apiVersion: dapr.io/v1alpha1\nkind: Component\nspec: {type: state.in-memory, version: v1}\n", 1, "error", "without metadata.name", "add metadata"),
    "an apiVersion that is none": (component("state.in-memory").replace("v1alpha1", "v1alpha9"), 1, "error", "v1alpha9", "dapr.io/v1alpha1"),
    "a key twice": (component("state.in-memory", more="spec: {type: state.redis, version: v1}\n"), 7, "error", '"spec" stands in the same map as at line 5', "take one of the two out"),
    "an item twice": (component("state.redis", REDIS, item("redisHost", "other:1")), 9, "error", "redisHost is given twice, the one at line 8", "take one of the two out"),
    "a time limit that is none": (component("state.in-memory", more="  initTimeout: 5 minutes\n"), 7, "warning", 'initTimeout "5 minutes" is no duration, so 5s count', "30s or 5m"),
    "ignoreErrors that is no boolean": (component("state.in-memory", more="  ignoreErrors: perhaps\n"), 7, "error", "spec.ignoreErrors must be a boolean", ""),
    "a word that means something else": (component("state.redis", REDIS, item("redisType", "blob")), 9, "warning", 'redisType "blob" is none of node, cluster and means node', ""),
    "a list in the place of a text": (component("pubsub.kafka", "{name: brokers, value: [a, b]}", item("authType", "none")), 8, "error", "brokers is a list in YAML", 'write one text: "a,b"'),
    "a secret without a store": (component("state.redis", REDIS, "{name: redisPassword, secretKeyRef: {name: pw, key: pw}}"), 9, "error", "auth.secretStore names no store", "add auth"),
    "a store that is not here": (component("state.redis", REDIS, "{name: redisPassword, secretKeyRef: {name: pw}}", more="auth: {secretStore: novault}\n"), 10, "warning", "there is no secretstores of that name here", ""),
    "a value and a reference": (component("state.redis", "{name: redisHost, value: a, envRef: B}"), 8, "warning", "has value and envRef: the variable is not read", "take one"),
    "a value and a secret": (component("state.redis", "{name: redisHost, value: a, secretKeyRef: {name: s}}", more="auth: {secretStore: s}\n"), 8, "warning", "the secret takes the place of the value", "take one"),
    "an item without a value": (component("state.redis", REDIS, "{name: redisPassword}"), 9, "warning", "redisPassword has no value and is empty", "give it value"),
    "a setting that is missing": (component("pubsub.kafka", item("authType", "none")), 8, "error", "brokers", "mecha describe pubsub.kafka"),
    "two actor state stores": (component("state.in-memory", item("actorStateStore", "true"), name="a") + "---\n" + component("state.in-memory", item("actorStateStore", "true"), name="b"), 17, "error", "two actor state stores", "leave actorStateStore to one"),
    "two components of one name": (component("state.in-memory") + "---\n" + component("pubsub.in-memory"), 10, "error", "two components are called \"c\"", "rename"),
    "an outbox without a topic": (component("state.in-memory", item("outboxPublishPubsub", "bus")), 8, "error", "the outbox is off", "add outboxPublishTopic"),
    "an outbox without a broker": (component("state.in-memory", item("outboxPublishPubsub", "buss"), item("outboxPublishTopic", "t")) + "---\n" + BUS, 8, "warning", 'names the component "buss"', "did you mean bus?"),
    "a direction": (component("bindings.cron", item("schedule", "@hourly"), item("direction", "inputs")), 9, "warning", 'direction "inputs" is read as input', "write input"),
    "a direction that is none": (component("bindings.cron", item("schedule", "@hourly"), item("direction", "in")), 9, "warning", "neither input nor output", "write input"),
    # Settings that only the start of the component looks at.
    "a schedule": (component("bindings.cron", item("schedule", "@evry 1s")), 8, "error", "invalid schedule format '@evry 1s'", "mecha describe bindings.cron"),
    "a way to log in": (component("pubsub.kafka", item("brokers", "a:1"), item("authType", "nope")), 9, "error", "invalid value for 'authType'", "mecha describe pubsub.kafka"),
    "an address of PostgreSQL": (component("state.postgresql", item("connectionString", "postgres://%%%")), 8, "error", "", "mecha describe state.postgresql"),
    "an address of MySQL": (component("state.mysql", item("connectionString", "nonsense")), 8, "error", "", "mecha describe state.mysql"),
    "a file of secrets": (component("secretstores.local.file", item("secretsFile", "nowhere.json")), 8, "error", "no such file or directory", "make that file, or correct its path"),
    "a regular expression": (component("middleware.http.routerchecker", item("rule", "(")), 8, "error", "rule is no regular expression", "mecha describe"),
    "a rate": (component("middleware.http.ratelimit", item("maxRequestsPerSecond", "-1")), 8, "error", "maxRequestsPerSecond must be a positive value", "mecha describe"),
    "a port of Redis": (component("lock.redis", item("redisHost", "h:many")), 8, "error", "redisHost has no valid port", "mecha describe lock.redis"),
    "settings that exclude each other": (component("pubsub.redis", REDIS, item("maxLenApprox", "5"), item("streamTTL", "5s")), 9, "error", "exclude each other", "mecha describe pubsub.redis"),
    "a name of a table": (component("state.sqlite", item("connectionString", ":memory:"), item("tableName", "a b")), 9, "error", "a b", "mecha describe state.sqlite"),
    "a broker of MQTT": (component("pubsub.mqtt3", item("url", "nonsense")), 8, "error", "", "mecha describe pubsub.mqtt3"),
    "a URL of GraphQL": (component("bindings.graphql", item("endpoint", "ftp://x")), 8, "error", "unsupported protocol scheme", "mecha describe"),
    "a port of PostgreSQL": (component("configuration.postgresql", item("connectionString", "host=h port=many"), item("table", "t")), 8, "error", "port must be a number from 1 to 65535", "mecha describe"),
    "an address in words": (component("bindings.postgresql", item("hostaddr", "localhost")), 8, "error", "hostaddr must be an address in numbers", "mecha describe"),
    "an address in words with an interface": (component("bindings.postgresql", item("hostaddr", "localhost%eth0")), 8, "error", "hostaddr must be an address in numbers", "mecha describe"),
    "an interface of an address of IPv4": (component("bindings.postgresql", item("hostaddr", "127.0.0.1%lo")), 8, "error", "hostaddr must be an address in numbers", "mecha describe"),
    "a file of SQLite": (component("state.sqlite", item("connectionString", "data/x.db")), 8, "error", "there is no folder data", "correct the path"),
    "a file of SQLite that must be": (component("lock.sqlite", item("connectionString", "file:x.db?mode=ro")), 8, "error", "no such file or directory", "correct the path"),
    "a folder in the place of a file": (component("pubsub.sqlite", item("connectionString", ".")), 8, "error", "it is a folder", "correct the path"),
    "a folder of secrets": (component("secretstores.local.folder", item("folder", "nowhere")), 8, "error", "the folder nowhere cannot be read", "mecha describe"),
    "no token of Vault": (component("secretstores.hashicorp.vault", item("vaultAddr", "http://h")), 8, "error", "token mount path and token not set", "mecha describe"),
    "a token of Vault": (component("secretstores.hashicorp.vault", item("vaultTokenMountPath", "nowhere")), 8, "error", "couldn't read vault token", "correct its path"),
    "no key set": (component("crypto.dapr.jwks"), 5, "error", "empty metadata properties", "mecha describe"),
    "a key set": (component("crypto.dapr.jwks", item("jwks", "{}")), 8, "error", "failed to init cache", "mecha describe"),
    "a kubeconfig": (component("crypto.dapr.kubernetes.secrets", item("kubeconfigPath", "nowhere")), 8, "error", "no such file", "correct its path"),
    "an issuer": (component("middleware.http.bearer", item("issuer", "me"), item("audience", "you")), 8, "error", "unsupported protocol scheme", "mecha describe"),
    "half a certificate": (component("bindings.http", item("url", "http://h"), item("MTLSClientCert", "/x")), 9, "error", "need each other", "mecha describe"),
    "a key that encrypts nothing": (component("state.in-memory", item("primaryEncryptionKey", "00112233445566778899aabbccddeeff")), 8, "warning", "stores without encryption", "add auth"),
    "a prefix of keys": (component("state.in-memory", item("keyPrefix", "a||b")), 8, "error", "can't contain '||'", "mecha describe"),
    # Subscriptions and endpoints.
    "no pubsubname": (other("Subscription", "  topic: t\n  routes: {default: /x}\n", "v2alpha1"), 5, "error", "has no pubsubname", "add pubsubname"),
    "no topic": (BUS + "---\n" + other("Subscription", "  pubsubname: bus\n  route: /x\n"), 12, "error", "has no topic", "add topic"),
    "no route": (BUS + "---\n" + other("Subscription", "  pubsubname: bus\n  topic: t\n"), 12, "warning", "has no route", "add route"),
    "a rule that cannot be read": (BUS + "---\n" + other("Subscription", "  pubsubname: bus\n  topic: t\n  routes:\n    rules:\n    - match: event.type ==\n      path: /x\n", "v2alpha1"), 16, "error", "cannot be read", "event.type =="),
    "a broker that is not here": (BUS + "---\n" + other("Subscription", "  pubsubname: buss\n  topic: t\n  route: /x\n"), 12, "warning", "there is no pubsub of that name here", "did you mean bus?"),
    "a store in the place of a broker": (component("state.in-memory") + "---\n" + other("Subscription", "  pubsubname: c\n  topic: t\n  route: /x\n"), 12, "error", "which is of state, not of pubsub", ""),
    "no baseUrl": (other("HTTPEndpoint", "  headers: []\n"), 5, "error", "has no baseUrl", "add baseUrl"),
    "a baseUrl that is none": (other("HTTPEndpoint", "  baseUrl: not a url\n"), 5, "error", 'baseUrl "not a url" is no URL', "https://host:port"),
    "a header without a value": (other("HTTPEndpoint", "  baseUrl: http://h\n  headers:\n  - name: A\n"), 7, "warning", "header A has no value", "give it value"),
    # Resiliency.
    "a first duration": (resiliency("  policies:\n    timeouts:\n      good: 1s\n      fast: 5x\n    retries: {r: {policy: constantt}}\n"), 8, "error", 'invalid duration "5x"', "300ms or 1m30s"),
    "what stands behind a fault": (resiliency("  policies:\n    timeouts: {fast: 5x}\n    retries:\n      r:\n        policy: constantt\n"), 9, "error", "unexpected back off policy type: constantt", ""),
    "when a breaker opens": (resiliency('  policies:\n    circuitBreakers:\n      cb:\n        trip: "consecutiveFailures >"\n'), 8, "error", "cannot be read, and this policy and all behind it are dropped", "consecutiveFailures > 5"),
    "a breaker behind a fault": (resiliency("  policies:\n    timeouts: {t: 5x}\n    circuitBreakers: {cb: {trip: 'x >'}}\n"), 7, "error", "circuit breaker cb: trip", "consecutiveFailures > 5"),
    "a way to log in beside a fault": (component("pubsub.kafka", item("brokers", "a:1"), item("authType", "nope"), item("maxMessageBytes", "-3")), 9, "error", "invalid value for 'authType'", "mecha describe pubsub.kafka"),
    "a count that no breaker has": (resiliency("  policies:\n    circuitBreakers:\n      cb:\n        trip: failures > 5\n"), 8, "error", "never opens it", "consecutiveFailures > 5"),
    "an unknown retry": (resiliency(POLICIES + "apps:\n      a:\n        retry: rr\n"), 12, "error", 'names the retry "rr", which no Resiliency here defines', "did you mean r?"),
    "an unknown timeout": (BUS + "---\n" + resiliency(POLICIES + "components:\n      bus:\n        outbound:\n          timeout: slow\n"), 20, "error", 'names the timeout "slow"', ""),
    "an unknown breaker": (resiliency(POLICIES + "apps:\n      a: {circuitBreaker: nope}\n"), 11, "error", 'names the circuitBreaker "nope"', ""),
    "a component that is not here": (resiliency(POLICIES + "components:\n      zz: {outbound: {timeout: t}}\n") + "---\n" + BUS, 11, "warning", 'names the component "zz"', ""),
    "a Resiliency that is not the first": (BUS + "---\n" + resiliency(POLICIES + "apps: {a: {retry: r}}\n"), 8, "error", "only the first document of a file", "a file of its own"),
    # Configurations.
    "an action": (configuration("  accessControl:\n    defaultAction: denny\n"), 6, "error", 'defaultAction "denny" is neither allow nor deny', "did you mean deny?"),
    "a verb": (configuration("  accessControl:\n    policies:\n    - appId: a\n      trustDomain: public\n      namespace: default\n      operations:\n      - name: /x\n        action: allow\n        httpVerb:\n        - GETT\n"), 14, "error", 'httpVerb "GETT" is no method', "did you mean GET?"),
    "a verb in small letters": (configuration("  accessControl:\n    policies:\n    - {appId: a, trustDomain: public, namespace: default, operations: [{name: /x, action: allow, httpVerb: [post]}]}\n"), 7, "error", 'httpVerb "post"', "write it in capitals"),
    "a policy without a namespace": (configuration("  accessControl:\n    policies:\n    - {appId: a, trustDomain: public}\n"), 6, "error", "missing namespace for apps: [a]", "give each policy"),
    "a handler of no type": (configuration("  httpPipeline:\n    handlers:\n    - {name: m, type: middleware.http.nope}\n"), 7, "error", 'handler "m" is passed over', "mecha components middleware"),
    "a handler of no name": (configuration("  httpPipeline:\n    handlers:\n    - {name: uper, type: middleware.http.uppercase}\n") + "---\n" + component("middleware.http.uppercase", name="upper"), 7, "warning", "there is none here", "did you mean upper?"),
    "a handler of another type": (configuration("  httpPipeline:\n    handlers:\n    - {name: m, type: middleware.http.routeralias}\n") + "---\n" + component("middleware.http.uppercase", name="m"), 7, "error", "the component of that name is m (middleware.http.uppercase/v1)", ""),
    "a rate of traces": (configuration('  tracing:\n    samplingRate: "7"\n'), 6, "warning", 'samplingRate "7" is not between 0 and 1', '"1" samples all'),
    "a rate that is no number": (configuration("  tracing:\n    samplingRate: often\n"), 6, "warning", "is no number", "from 0 to 1"),
    "a field of a configuration": (configuration("  tracing:\n    zipkin:\n      endpointAddres: http://x\n"), 7, "warning", "endpointAddres is not a field", ""),
    "a rule of metrics": (configuration("  metric:\n    rules:\n    - {name: m, labels: [{name: l, regex: {a: '('}}]}\n"), 7, "error", "metric rule m, label l", "RE2"),
    "a name resolution": (configuration("  nameResolution:\n    component: consull\n"), 6, "error", 'there is no name resolution "consull"', "did you mean consul?"),
    "a part of the API": (configuration("  api:\n    allowed:\n    - {name: stat, version: v1, protocol: http}\n"), 7, "warning", '"stat" names no part of the API', "did you mean state?"),
    "a protocol of the API": (configuration("  api:\n    denied:\n    - {name: state, version: v1, protocol: gprc}\n"), 7, "warning", "is neither http nor grpc", "write protocol"),
    "a store of secrets twice": (configuration("  secrets:\n    scopes:\n    - {storeName: s}\n    - {storeName: s}\n"), 6, "error", "s storeName is repeated", ""),
    "mTLS": (configuration("  mtls:\n    enabled: true\n"), 6, "warning", "mTLS between sidecars is not in this build", ""),
    # Files that are something else.
    "no kind": ("a: 1\n", 1, "error", "the document has no kind", "one of Component"),
    "a list": ("- a\n- b\n", 1, "error", "this is a list", ""),
    "a kind of another build": (other("MCPServer", "  x: 1\n"), 2, "warning", "is not in this build", ""),
    "a quote that stays open": (component("state.in-memory", item("keyPrefix", "none"), more="scopes:\n- 'a\n"), 10, "error", "EOF in scalar", "closed nowhere"),
    "a comma in front": ("," + component("state.in-memory"), 1, "error", "did not find expected", "look at that line"),
    "a document behind three dots": (BUS + "...\n" + component("state.nope"), 8, "error", "behind a line of three dots", "---"),
    "an alias of nothing": (component("state.in-memory").replace("{name: c}", "&a {name: *b}"), 3, "error", "", ""),
}


def check(tool, *paths):
    status, out, err = tool("check", *paths, "-o", "json")
    assert not err, err
    found = json.loads(out)
    assert status == (1 if any(f["level"] == "error" for f in found) else 0)
    return found


@pytest.mark.parametrize("text, line, level, what, fix", FAULTS.values(), ids=FAULTS)
def test_a_fault_is_told_at_its_line(tool, text, line, level, what, fix):
    tool.write("resources/a.yaml", text)
    found = check(tool, "resources")
    assert [f for f in found if (f["line"], f["level"]) == (line, level) and what in f["text"] and fix in f["fix"]], found


# What the process brings along and this one has not: a sidecar that is started from here would fail.
ELSEWHERE = {
    "a region": (component("bindings.aws.s3", item("bucket", "b")), 8, "no region"),
    "credentials": (component("bindings.aws.s3", item("bucket", "b"), item("region", "r")), 8, "no credentials"),
    "a kubeconfig of one's own": (component("secretstores.kubernetes"), 5, "config"),
    "a kubeconfig with an absolute path": (component("crypto.dapr.kubernetes.secrets", item("kubeconfigPath", "/nowhere/config")), 8, "no such file"),
    "a token that is mounted": (component("secretstores.hashicorp.vault", item("vaultTokenMountPath", "/var/run/no-such-secrets/token")), 8, "couldn't read vault token"),
    "authorities that are mounted": (component("secretstores.hashicorp.vault", item("vaultToken", "t"), item("caCert", "/nowhere/ca.pem")), 9, "couldn't read CA file"),
    "a folder of secrets that is mounted": (component("secretstores.local.folder", item("folder", "/nowhere/secrets")), 8, "cannot be read"),
    "a key that is mounted": (component("bindings.http", item("url", "http://h"), item("MTLSClientCert", "-----BEGIN CERTIFICATE-----"), item("MTLSClientKey", "/nowhere/key.pem")), 10, "MTLSClientKey"),
    "a file of secrets that is mounted": (component("secretstores.local.file", item("secretsFile", "/nowhere/s.json")), 8, "no such file"),
    "a volume": (component("state.sqlite", item("connectionString", "file:/nowhere/data.db?_txlock=immediate")), 8, "there is no folder /nowhere"),
}


@pytest.mark.parametrize("text, line, what", ELSEWHERE.values(), ids=ELSEWHERE)
def test_what_may_be_there_elsewhere_is_a_warning(tool, text, line, what):
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "KUBECONFIG", "KUBERNETES_SERVICE_HOST"):
        tool.env.pop(name, None)
    tool.write("resources/a.yaml", text)
    found = check(tool, "resources")
    assert [f for f in found if f["level"] == "warning" and f["line"] == line and what in f["text"] and "started from here fails" in f["fix"]] and len(found) == 1, found


def test_a_pod_without_a_service_account_is_a_warning(tool):
    tool.write("resources/a.yaml", component("secretstores.kubernetes"))
    tool.env |= {"KUBERNETES_SERVICE_HOST": "10.0.0.1", "KUBERNETES_SERVICE_PORT": "443"}
    found = check(tool, "resources")
    assert [(f["level"], f["line"]) for f in found] == [("warning", 5)] and "serviceaccount/token" in found[0]["text"], found


@pytest.mark.parametrize("kind", ["Component", "Subscription", "HTTPEndpoint", "Resiliency", "Configuration"])
@pytest.mark.parametrize("rest", ["", "metadata: '}\nspec:\n  a: b\n", "spec':\n  metadata: 1\n", "spec: text\n", "spec: [1]\n", "spec:\n", "metadata: [x]\nspec: {metadata: x}\n"])
def test_a_document_that_is_cut_short_is_looked_at(tool, kind, rest):
    tool.write("resources/a.yaml", f"apiVersion: dapr.io/v1alpha1\nkind: {kind}\n{rest}")
    check(tool, "resources")


# Files without a fault: what looks odd, but is well.
GOOD = {
    "no version": HEAD.format(kind="Component", name="c") + "spec:\n  type: state.in-memory\n",
    "version 0": component("state.in-memory", version="v0"),
    "stores of actors in scopes apart": component("state.in-memory", item("actorStateStore", "true"), name="a", more="scopes: [x]\n") + "---\n" + component("state.in-memory", item("actorStateStore", "true"), name="b", more="scopes: [y]\n"),
    "a list of words": component("pubsub.kafka", item("brokers", "a:1,b:2"), item("authType", "none")),
    "JSON as a value": component("middleware.http.routeralias", "{name: routes, value: '{\"/a\": \"/b\"}'}"),
    "spelled otherwise": component("state.redis", item("REDISHOST", "h:1"), item("redistype", "CLUSTER")),
    "a schedule": component("bindings.cron", item("schedule", "@every 1m30s"), item("direction", "input")),
    "a breaker by shares": resiliency("  policies:\n    circuitBreakers: {b: {trip: requests > 10 && totalFailures * 2 > requests}}\n"),
    "built-in and default policies": resiliency("  policies:\n    retries: {DefaultRetryPolicy: {duration: 1s}}\n  targets:\n    apps: {a: {retry: DaprBuiltInServiceRetries}}\n"),
    "an endpoint": other("HTTPEndpoint", "  baseUrl: https://h:1/p\n  headers: [{name: A, value: b}]\n"),
    "a configuration": configuration("  tracing: {samplingRate: '1', zipkin: {endpointAddress: http://h:9411/api/v2/spans}}\n  api: {allowed: [{name: v1.0/state, version: v1.0, protocol: HTTP}]}\n  features: [{name: Own, enabled: true}]\n"),
    "an empty file": "# nothing\n---\n",
}


@pytest.mark.parametrize("text", GOOD.values(), ids=GOOD)
def test_a_good_file_has_no_findings(tool, text):
    tool.write("resources/a.yaml", text)
    assert check(tool, "resources") == []


def test_references_over_several_paths(tool):
    tool.write("config.yaml", configuration("  httpPipeline:\n    handlers:\n    - {name: m, type: middleware.http.uppercase}\n"))
    tool.write("resources/m.yaml", component("middleware.http.uppercase", name="m"))
    assert check(tool, "config.yaml", "resources") == []
    assert [f["line"] for f in check(tool, "config.yaml")] == [7]


def test_a_folder_without_resources(tool):
    tool.write("empty/below/a.yaml", BUS)
    found = check(tool, "empty")
    assert [f["level"] for f in found] == ["error"] and "no resource file" in found[0]["text"] and "the folder below" in found[0]["fix"]


def test_files_that_the_daemon_passes_over(tool):
    tool.write("resources/a.YAML", BUS)
    tool.write("resources/b.json", "{}")
    found = check(tool, "resources")
    assert [(f["file"], f["level"]) for f in found] == [("resources/b.json", "warning")] and "is passed over" in found[0]["text"]


def test_a_run_template_is_known_as_one(tool):
    tool.write("dapr.yaml", "version: 1\napps:\n- appDirPath: .\n  appPrt: 3\n")
    found = check(tool, "dapr.yaml")
    assert any("this is a run template" in f["text"] and f["fix"] == "start it with mecha run -f dapr.yaml" for f in found), found
    assert any("appPrt" in f["text"] for f in found) and not any("no kind" in f["text"] for f in found), found


def test_a_binary_file(tool):
    (tool.folder / "a.yaml").write_bytes(bytes(range(256)) * 50)
    found = check(tool, "a.yaml")
    assert [f["text"] for f in found] == ["this is no text file"]
    (tool.folder / "a.yaml").write_bytes(bytes(range(1, 256)) * 50)
    assert all(len(f["text"]) < 600 and "\x1b" not in f["text"] for f in check(tool, "a.yaml"))


# The contract has the daemon take these.
TAKEN = {"an apiVersion that is none", "a document behind three dots", "a key twice", "an item twice", "an outbox without a topic", "a list in the place of a text", "no spec", "no type"}
REFUSED = [name for name, fault in FAULTS.items() if "kind: Component" in fault[0] and "---" not in fault[0] and fault[2] == "error" and name not in TAKEN]


@pytest.mark.parametrize("name", REFUSED)
def test_the_daemon_says_so_too(tool, name):
    tool.write("resources/a.yaml", FAULTS[name][0])
    command = [DAEMON, "--app-id", "x", "--resources-path", "resources", "--dapr-http-port", free_port(), "--dapr-grpc-port", free_port(), "--dapr-internal-grpc-port", free_port(), "--enable-metrics=false"]
    with subprocess.Popen([*DIES_WITH_PARENT, *map(str, command)], cwd=tool.folder, env=tool.env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as daemon:
        seen = ""
        for line in daemon.stdout:
            seen += line
            if re.search(r"level=(warning|error|fatal).*(a\.yaml|[Cc]omponent|secret store)", line) or "dapr initialized" in line:
                break
        daemon.kill()
    assert re.search(r"level=(warning|error|fatal).*(a\.yaml|[Cc]omponent|secret store)", seen), seen
