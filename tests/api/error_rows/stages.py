"""What stands behind the rows: sidecars with the components that a row needs."""
import importlib, json, os, socket, sqlite3, subprocess, sys

import pytest
from google.protobuf.any_pb2 import Any

from application import RefusingApp
from pluggable import STATE, Process
from sidecar import ROOT, SLOW, component, free_port, request, wait_until

SCOPES = ("spec:\n  secrets:\n    scopes:\n    - {storeName: secrets, deniedSecrets: [hidden, nothing]}\n" "  features:\n  - {name: SubtleCrypto, enabled: %s}\n")
LISTED = "spec:\n  api:\n    allowed:\n    - {name: invoke, version: v1, protocol: http}\n    - {name: metadata, version: v1, protocol: grpc}\n"
DENY = "spec:\n  accessControl:\n    defaultAction: deny\n    trustDomain: public\n"


def servers():
    """scripts/servers.py as a module: starts a server of our own, to be stopped in the middle."""
    if str(ROOT / "scripts") not in sys.path:
        sys.path.append(str(ROOT / "scripts"))
    return importlib.import_module("servers")


def address(name):
    value = os.environ.get(f"MECHA_TEST_{name.upper()}")
    if not value:
        pytest.skip(f"MECHA_TEST_{name.upper()} is not set; ./scripts/test starts the servers")
    return value


class Stages:
    """Each stage starts when its first row asks for it and lives as long as the module."""

    def __init__(self, launch):
        self.launch, self.ready, self.closing = launch, {}, []

    def get(self, name):
        if name not in self.ready:
            self.ready[name] = getattr(self, name)()
        return self.ready[name]

    def close(self):
        for end in self.closing:
            end()

    def embedded(self, suffix):
        """Components that need no server."""
        folder = self.launch.folder / f"stage-{suffix}"
        (folder / "keys").mkdir(parents=True)
        (folder / "files").mkdir()
        (folder / "secrets.json").write_text(json.dumps({"open": "a", "hidden": "b"}))
        pem = subprocess.run(["openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-quiet"], capture_output=True, check=True).stdout
        (folder / "keys/rsa.pem").write_bytes(pem)
        (folder / "keys/oct").write_text("YGFiY2RlZmdoaWprbG1ub3BxcnN0dXZ3eHl6e3x9fn8")
        return [component("mem", "state.in-memory"), component("sql", "state.sqlite", connectionString=str(folder / "sql.db")),
                component("broken", "state.sqlite", connectionString=str(folder / "broken.db")),
                component("outbox", "state.in-memory", outboxPublishPubsub="nope", outboxPublishTopic="t"),
                component("bus", "pubsub.in-memory", protectedTopics="closed"), component("secrets", "secretstores.local.file", secretsFile=str(folder / "secrets.json")),
                component("vault", "secretstores.hashicorp.vault", vaultAddr=f"http://127.0.0.1:{free_port()}", vaultToken="t"),
                component("files", "bindings.localstorage", rootPath=str(folder / "files")), component("tick", "bindings.cron", schedule="@every 24h"),
                component("keys", "crypto.dapr.localstorage", path=str(folder / "keys"))]

    def bare(self):
        return self.launch.sidecar()

    def token(self):
        return self.launch.sidecar(env={"DAPR_API_TOKEN": "s3cret"})

    def listed(self):
        return self.launch.sidecar(resources=self.embedded("listed"), config=LISTED)

    def plain(self):
        side = self.launch.sidecar(resources=self.embedded("plain"), config=SCOPES % "false")
        assert side.post("/v1.0/state/broken", [{"key": "k", "value": 1}]).status == 204
        with sqlite3.connect(self.launch.folder / "stage-plain/broken.db") as db:
            db.execute("DROP TABLE state")
        return side

    def subtle(self):
        return self.launch.sidecar(resources=self.embedded("subtle"), config=SCOPES % "true")

    def small(self):
        return self.launch.sidecar(resources=self.embedded("small"), flags=["--max-body-size", "64Ki"])

    def unsampled(self):
        return self.launch.sidecar(resources=self.embedded("unsampled"), config='spec:\n  tracing:\n    samplingRate: "0"\n')

    def redis(self):
        at = address("redis")
        secrets = self.launch.folder / "state-keys.json"
        secrets.write_text(json.dumps({"key": "b01dc01d" * 4}))
        sealed = component("sealed", "state.redis", redisHost=at, extra="  - {name: primaryEncryptionKey, secretKeyRef: {name: key, key: key}}\nauth: {secretStore: keys}\n")
        return self.launch.sidecar(resources=[component("keys", "secretstores.local.file", secretsFile=str(secrets)), component("red", "state.redis", redisHost=at), sealed,
                                              component("lock", "lock.redis", redisHost=at), component("conf", "configuration.redis", redisHost=at)])

    def dying(self):
        """A Redis that is there at the start and gone afterwards."""
        module = servers()
        group = module.Servers(self.launch.folder / "dying-servers")
        self.closing.append(group.stop)
        host = group.redis()
        short = {"redisMaxRetries": "0"}
        side = self.launch.sidecar(resources=[component("lock", "lock.redis", redisHost=host, **short), component("conf", "configuration.redis", redisHost=host, **short),
                                              component("redbus", "pubsub.redis", redisHost=host, **short)], app=self.launch.app())
        group.stop()
        return side

    def memcached(self):
        return self.launch.sidecar(resources=[component("cache", "state.memcached", hosts=address("memcached"))])

    def pluggable(self):
        sockets = self.launch.folder / "sockets"
        sockets.mkdir()
        process = Process(sockets, "all", *STATE)
        self.closing.append(process.kill)
        process.start()
        return self.launch.sidecar(resources=[component("plug", "state.all")], env={"DAPR_COMPONENTS_SOCKETS_FOLDER": sockets})

    def etcd(self):
        return self.launch.sidecar(resources=[component("etc", "state.etcd", endpoints=address("etcd"), keyPrefixPath="rows")])

    def peers(self):
        self.launch.sidecar("silent")
        self.launch.sidecar("strict", app=self.launch.app(), config=DENY)
        return self.launch.sidecar("app")

    def refusing(self):
        """A gRPC application whose errors have details of a type that nobody knows."""
        app = RefusingApp([Any(type_url="type.googleapis.com/odd.Thing", value=b"x")])
        self.closing.append(app.close)
        return self.launch.sidecar(app=app.port, flags=["--app-protocol", "grpc"])

    def waiting(self):
        return self.launch.sidecar(app=free_port(), ready="/v1.0/healthz/outbound")

    def starting(self):
        """A component that waits for a server that accepts and says nothing."""
        mute = socket.create_server(("127.0.0.1", 0))
        self.closing.append(mute.close)
        side = self.launch.sidecar(resources=[component("s", "state.redis", redisHost=f"127.0.0.1:{mute.getsockname()[1]}")], ready="")

        def answers():
            try:
                return request(side.http, "GET", "/v1.0/metadata").status
            except OSError:
                return False
        wait_until(answers, "the port", 60 if SLOW else 20)
        return side
