"""What the daemon says of its components: JSON for programs, and the pages of docs/components."""
import json, re, subprocess, sys

import pytest

from sidecar import DAEMON, ROOT, run_daemon

MIDDLEWARE = "bearer", "oauth2", "oauth2clientcredentials", "ratelimit", "routeralias", "routerchecker", "sentinel", "uppercase"
TYPES = {
    *(f"middleware.http.{kind}" for kind in MIDDLEWARE),
    "bindings.aws.s3", "bindings.cron", "bindings.graphql", "bindings.http", "bindings.kafka", "bindings.localstorage", "bindings.mqtt3", "bindings.mysql", "bindings.postgresql", "bindings.rabbitmq", "bindings.redis", "bindings.smtp", "crypto.dapr.jwks", "crypto.dapr.kubernetes.secrets", "crypto.dapr.localstorage", "pubsub.in-memory", "pubsub.jetstream", "pubsub.kafka", "pubsub.mqtt3", "pubsub.rabbitmq", "pubsub.redis", "pubsub.sqlite", "secretstores.hashicorp.vault", "secretstores.kubernetes", "secretstores.local.env", "secretstores.local.file", "secretstores.local.folder",
    "configuration.local.file", "configuration.postgresql", "configuration.redis", "lock.redis", "lock.sqlite",
    "state.cockroachdb", "state.etcd", "state.in-memory", "state.memcached", "state.mongodb", "state.mysql", "state.postgresql", "state.redis", "state.sqlite", "state.yugabytedb",
}
KINDS = {"text", "secret", "bool", "integer", "number", "duration", "list", "map"}


@pytest.fixture(scope="module")
def described():
    code, out, err = run_daemon("--describe", "json")
    assert code == 0 and not err
    return {c["type"]: c for c in json.loads(out)}


def test_every_component_is_described(described):
    assert set(described) == TYPES
    for one in described.values():
        assert one["version"] in ("v1", "v2") and one["help"].endswith(".")


def test_every_field_has_type_default_and_required(described):
    for name, one in described.items():
        for field in one["fields"]:
            where = f"{name} {field}"
            assert field["name"] and field["type"] in KINDS and isinstance(field["required"], bool) and field["help"].endswith("."), where
            assert field["default"] is None or isinstance(field["default"], str), where
            assert not (field["required"] and field["default"]), where
            if field["type"] == "secret":
                assert field["secret"] is True and field["default"] is None, where
        names = [x.lower() for f in one["fields"] for x in [f["name"], *f.get("aliases", [])]]
        assert len(names) == len(set(names)), f"{name} names a setting twice"


# component | field | what is said of it
FIELDS = [
    ("state.sqlite", "connectionString", {"type": "text", "required": True, "default": None, "aliases": ["url"]}), ("state.sqlite", "timeout", {"type": "duration", "required": False, "default": "20s"}),
    ("state.redis", "redisPassword", {"type": "secret", "secret": True, "default": None}), ("pubsub.kafka", "initialOffset", {"default": "newest", "choices": ["newest", "oldest"]}),
    ("pubsub.kafka", "maxMessageBytes", {"type": "integer", "bounds": "1000 to 1000000000"}), ("bindings.kafka", "brokers", {"required": True}), ("bindings.cron", "schedule", {"required": True}),
]


@pytest.mark.parametrize("component,name,want", FIELDS, ids=[f"{c} {n}" for c, n, _ in FIELDS])
def test_a_field(described, component, name, want):
    (field,) = [f for f in described[component]["fields"] if f["name"] == name]
    assert {k: field.get(k) for k in want} == want


def test_the_pages_are_those_of_this_build():
    done = subprocess.run([sys.executable, ROOT / "scripts/describe", "--check", DAEMON], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_index_names_what_is_there():
    index = (ROOT / "docs/components/README.md").read_text()
    here = index[: index.index("## What the reference has")]
    assert set(re.findall(r"`((?:state|pubsub|bindings|secretstores|lock|configuration|crypto|middleware)\.[a-z0-9.-]+)`", here)) == TYPES
    for page in ("state", "pubsub", "bindings", "secretstores", "lock", "configuration", "crypto", "middleware"):
        assert f"({page}.md)" in index


def test_another_form_is_an_error():
    code, out, err = run_daemon("--describe", "xml")
    assert code == 2 and not out and err == "--describe must be json or markdown, got xml\n"
