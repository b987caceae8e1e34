"""Wrong credentials and authorities that do not fit: what a start says, that no secret is told, and that mended settings are taken up while running."""
import importlib, json, os, subprocess, sys, uuid
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from application import reply
from backends import make_stream
from sidecar import ROOT, component, wait_until

RIGHT, WRONG = "a-password", "wr0ng-s3cret"


class Servers:
    """Addresses of the servers of a run, and of a few with a login that are started when a row asks for them."""

    def __init__(self, folder):
        sys.path.append(str(ROOT / "scripts"))
        self.own = importlib.import_module("servers").Servers(folder)
        self.ready = {}

    def of_run(self, name):
        value = os.environ.get("MECHA_TEST_" + name)
        if not value:
            pytest.skip(f"MECHA_TEST_{name} is not set; ./scripts/test starts the servers")
        return value

    def started(self, name, make):
        if name not in self.ready:
            try:
                self.ready[name] = make()
            except importlib.import_module("server_base").Unavailable as e:
                pytest.skip(str(e))
        return self.ready[name]

    def authority(self, good):
        """PEM of the authority of the servers, or of one that they do not know."""
        if good:
            return (Path(self.of_run("TLS_DIR")) / "ca.crt").read_text()
        return (self.started("other", lambda: make_authority(self.own.folder / "other")) / "ca.crt").read_text()


def make_authority(folder):
    """The certificates of an authority that no server knows."""
    folder.mkdir()
    importlib.import_module("servers").make_certificates(folder)
    return folder


@pytest.fixture(scope="module")
def servers(tmp_path_factory):
    all_ = Servers(tmp_path_factory.mktemp("servers"))
    yield all_
    all_.own.stop()


def secret(good):
    return RIGHT if good else WRONG


# Components by server and by whether the credentials are right.
def redis(kind, user="mecha", **more):
    def make(servers, good):
        login = {"redisUsername": user} if user else {}
        return component("c", kind, redisHost=servers.of_run("REDIS"), redisPassword=secret(good), **login, **more)
    return make


def redis_with_requirepass(servers, good):
    port = servers.started("redis", lambda: servers.own.redis_node("redis-guarded")[0])
    if "redis-closed" not in servers.ready:
        servers.ready["redis-closed"] = importlib.import_module("servers").redis_command(port, "CONFIG", "SET", "requirepass", RIGHT)
    return component("c", "state.redis", redisHost=f"127.0.0.1:{port}", redisPassword=secret(good))


def redis_tls(servers, good):
    return component("c", "state.redis", redisHost=servers.of_run("REDIS_TLS"), enableTLS="true", **({"insecureSkipTLSVerify": "true"} if good else {}))


def kafka(mechanism):
    return lambda servers, good: component("c", "pubsub.kafka", brokers=servers.of_run("KAFKA_SASL"), authType="password", disableTls="true", saslUsername="mecha",
                                           saslPassword=secret(good), saslMechanism=mechanism)


def kafka_tls(servers, good):
    """The server asks for no client certificate; this kind of login wants one."""
    client = {name: (Path(servers.of_run("TLS_DIR")) / file).read_text() for name, file in (("clientCert", "client.crt"), ("clientKey", "client.key"))}
    return component("c", "pubsub.kafka", brokers=servers.of_run("KAFKA_TLS"), authType="mtls", caCert=servers.authority(good), **client)


def with_login(url, good):
    return url.replace(RIGHT, secret(good))


def mqtt(kind, **more):
    return lambda servers, good: component("c", kind, url=with_login(servers.of_run("MOSQUITTO_LOGIN"), good), consumerID=uuid.uuid4().hex, **more)


def mqtt_tls(servers, good):
    return component("c", "pubsub.mqtt3", url=servers.of_run("MOSQUITTO_TLS"), consumerID=uuid.uuid4().hex, caCert=servers.authority(good))


def nats(servers, good, token):
    options = ("--auth", RIGHT) if token else ("--user", "mecha", "--pass", RIGHT)
    port = servers.started(f"nats-{token}", lambda: servers.own.nats_node(f"nats-{token}", *options))
    if f"stream-{token}" not in servers.ready:
        servers.ready[f"stream-{token}"] = make_stream(f"nats://127.0.0.1:{port}", {"auth_token": RIGHT} if token else {"user": "mecha", "pass": RIGHT})
    if token:
        return component("c", "pubsub.jetstream", natsURL=f"nats://127.0.0.1:{port}", token=secret(good))
    return component("c", "pubsub.jetstream", natsURL=f"nats://mecha:{secret(good)}@127.0.0.1:{port}")


def rabbitmq(servers, good):
    return component("c", "pubsub.rabbitmq", connectionString=servers.of_run("RABBITMQ").replace("guest:guest", f"guest:{'guest' if good else WRONG}"), consumerID=uuid.uuid4().hex, reconnectWaitSeconds="0")


def rabbitmq_tls(servers, good):
    return component("c", "pubsub.rabbitmq", connectionString=servers.of_run("RABBITMQ_TLS"), consumerID=uuid.uuid4().hex, caCert=servers.authority(good), reconnectWaitSeconds="0")


def etcd(servers, good):
    address = servers.started("etcd", lambda: servers.own.etcd(tls=True))
    folder = servers.own.certificates()
    known = folder if good else servers.started("other", lambda: make_authority(servers.own.folder / "other"))
    pem = {name: (known / file).read_text() for name, file in (("ca", "ca.crt"), ("cert", "client.crt"), ("key", "client.key"))}
    return component("c", "state.etcd", endpoints=address, keyPrefixPath="guarded", tlsEnable="true", **pem)


def etcd_client(servers, good):
    """The authority is right, the client certificate is of another one."""
    made, folder = etcd(servers, False), servers.own.certificates()
    other = servers.ready["other"]
    return etcd(servers, True) if good else made.replace(json.dumps((other / "ca.crt").read_text()), json.dumps((folder / "ca.crt").read_text()))


def mongodb(servers, good):
    url = urlsplit(servers.of_run("MONGODB"))
    return component("c", "state.mongodb", host=f"{url.hostname}:{url.port}", username="mecha", password=secret(good), params="?authSource=admin&serverSelectionTimeoutMS=3000", databaseName="guarded")


def postgres(kind, **more):
    return lambda servers, good: component("c", kind, connectionString=with_login(servers.of_run("POSTGRES"), good), **more)


def postgres_configuration(servers, good):
    address = servers.of_run("POSTGRES")
    servers.started("table", lambda: subprocess.run(["psql", address, "-qc", "create table if not exists guarded_items (key varchar not null, value varchar not null, version varchar not null, metadata json)"], check=True))
    return component("c", "configuration.postgresql", connectionString=with_login(address, good), table="guarded_items")


def postgres_tls(servers, good):
    folder = Path(servers.of_run("TLS_DIR")) if good else servers.started("other", lambda: make_authority(servers.own.folder / "other"))
    return component("c", "state.postgresql", connectionString=f"{servers.of_run('POSTGRES')}?sslmode=verify-ca&sslrootcert={folder}/ca.crt", tableName="guarded")


def mysql(servers, good):
    return component("c", "state.mysql", connectionString=with_login(servers.of_run("MYSQL"), good), schemaName="guarded")


def mysql_tls(servers, good):
    folder = Path(servers.of_run("TLS_DIR")) if good else servers.started("other", lambda: make_authority(servers.own.folder / "other"))
    return component("c", "state.mysql", connectionString=servers.of_run("MYSQL") + "?tls=custom", pemPath=str(folder / "ca.crt"), schemaName="guarded")


def s3(servers, good):
    """The server of the tests looks at the id of a key only; wrong secrets are in test_s3.py."""
    login, _, address = servers.of_run("S3").rpartition("@")
    key, secret = login.split(":")
    return component("c", "bindings.aws.s3", endpoint=f"http://{address}", region="us-east-1", bucket="mecha", accessKey=key if good else WRONG, secretKey=secret, forcePathStyle="true")


def vault(servers, good):
    return component("c", "secretstores.hashicorp.vault", vaultAddr=f"http://127.0.0.1:{servers.vault.port}", vaultToken=secret(good))


# Calls: the answer, and whether all is well.
def call_state(one):
    got = one.post("/v1.0/state/c", [{"key": "k", "value": 1}])
    return got.status == 204, got


def call_publish(one):
    got = one.post("/v1.0/publish/c/t", {"a": 1})
    return got.status == 204, got


def call_lock(one):
    got = one.post("/v1.0-alpha1/lock/c", {"resourceId": uuid.uuid4().hex, "lockOwner": "me", "expiryInSeconds": 5})
    return got.json.get("success") is True, got


def call_configuration(one):
    got = one.get("/v1.0/configuration/c?key=absent")
    return got.status == 204, got


def call_secret(one):
    got = one.get("/v1.0/secrets/c/k")
    return got.status == 200 and got.json == {"open": "sesame"}, got


def call_binding(operation="create", **metadata):
    def call(one):
        got = one.post("/v1.0/bindings/c", {"operation": operation, "data": "x", "metadata": metadata})
        return got.status in (200, 204), got
    return call


def dies(*words):
    """The process ends, or lives on without the component where errors are to be ignored."""
    return "dies", words


def waits(*words):
    """The component tries on in the background and says so."""
    return "waits", words


def answers(*words):
    """Nothing is asked at start: a call shows it."""
    return "answers", words


# what | component | call | what the daemon does about wrong credentials
ROWS = {
    "redis state": (redis("state.redis"), call_state, dies("WRONGPASS")),
    "redis publish": (redis("pubsub.redis", consumerID="g"), call_publish, dies("WRONGPASS")),
    "redis lock": (redis("lock.redis"), call_lock, dies("WRONGPASS")),
    "redis configuration": (redis("configuration.redis"), call_configuration, dies("WRONGPASS")),
    "redis binding": (redis("bindings.redis"), call_binding(key="k"), dies("WRONGPASS")),
    "redis without a user": (redis_with_requirepass, call_state, dies("WRONGPASS")),
    "redis TLS": (redis_tls, call_state, dies("certificate")),
    "kafka PLAIN": (kafka("PLAIN"), call_publish, dies("Invalid username or password")),
    "kafka SHA-256": (kafka("SHA-256"), call_publish, dies("SASL authentication error")),
    "kafka SHA-512": (kafka("SHA-512"), call_publish, dies("SASL authentication error")),
    "kafka TLS": (kafka_tls, call_publish, dies("certificate verify failed")),
    "mqtt": (mqtt("pubsub.mqtt3"), call_publish, dies("not authorized")),
    "mqtt binding": (mqtt("bindings.mqtt3", topic="t"), call_binding(), dies("not authorized")),
    "mqtt TLS": (mqtt_tls, call_publish, dies("certificate")),
    "nats user": (lambda servers, good: nats(servers, good, False), call_publish, dies("Authorization Violation")),
    "nats token": (lambda servers, good: nats(servers, good, True), call_publish, dies("Authorization Violation")),
    "rabbitmq": (rabbitmq, call_publish, waits("cannot be reached yet", "component=c", "ACCESS_REFUSED")),
    "rabbitmq TLS": (rabbitmq_tls, call_publish, waits("cannot be reached yet", "component=c", "certificate signed by unknown authority")),
    "etcd authority": (etcd, call_state, answers("certificate signed by unknown authority")),
    "etcd client": (etcd_client, call_state, answers("bad certificate")),
    "mongodb": (mongodb, call_state, dies("Authentication failed")),
    "postgres state": (postgres("state.postgresql", tableName="guarded"), call_state, dies("password authentication failed")),
    "postgres configuration": (postgres_configuration, call_configuration, dies("password authentication failed")),
    "postgres binding": (postgres("bindings.postgresql"), call_binding("query", sql="select 1"), dies("password authentication failed")),
    "postgres TLS": (postgres_tls, call_state, dies("certificate")),
    "mysql": (mysql, call_state, dies("Access denied")),
    "mysql TLS": (mysql_tls, call_state, dies("certificate")),
    "s3": (s3, call_binding(key="k"), answers("InvalidAccessKeyId")),
    "vault": (vault, call_secret, answers("permission denied")),
}


@pytest.fixture
def prepared(launch, servers):
    servers.vault = launch.app().on("/v1/secret/data/dapr/k", lambda call: reply(json_body={"data": {"data": {"open": "sesame"}}}) if call.received.header("x-vault-token") == RIGHT
                                    else reply(403, json_body={"errors": ["permission denied"]}))
    return servers


@pytest.mark.parametrize("name", ROWS)
def test_wrong_credentials(launch, prepared, name):
    make, call, (does, words) = ROWS[name]
    bad, good = make(prepared, False), make(prepared, True)
    kind = bad.split("type: ")[1].split()[0]
    one = launch.sidecar(resources=[bad], ready="" if does == "dies" else "/v1.0/healthz")
    if does == "dies":
        assert one.wait() == 1
        fatal = [line for line in one.log().splitlines() if "level=fatal" in line]
        said = f"Fatal error from runtime: process component c error: [INIT_COMPONENT_FAILURE]: initialization error occurred for c ({kind}/v1): "
        assert len(fatal) == 1 and said in fatal[0] and all(word in fatal[0] for word in words), one.log()
        assert WRONG not in one.log() and RIGHT not in one.log()
        one = launch.sidecar(resources=[bad + "  ignoreErrors: true\n"])
        one.says("Ignoring error processing component: ", 60)
    elif does == "waits":
        wait_until(lambda: all(word in one.log() for word in words), words, 60)
    went, got = call(one)
    assert not went and (does != "answers" or all(word in got.text for word in words)), got
    (one.folder / "resources/resources.yaml").write_text(good)
    wait_until(lambda: call(one)[0], "calls that go through once the credentials are right", 60, 0.1)
    assert one.stop() == 0
    assert WRONG not in one.log() and RIGHT not in one.log(), [line for line in one.log().splitlines() if WRONG in line or RIGHT in line]
