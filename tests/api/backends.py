"""The backends of the wire tests that are the same for all: how each is configured on its real server, and where it differs from the others (contract 02, 1.10 and 03, 4)."""
import sys, uuid
from dataclasses import dataclass, field

from sidecar import ROOT, component

sys.path.append(str(ROOT / "tests/faults"))
from brokers import make_stream  # noqa: E402


RUN = uuid.uuid4().hex[:8]  # tables and folders of this process


def version(text, number):
    return text.replace("version: v1", f"version: {number}")


MISMATCH = "possible etag mismatch. error from state store"


@dataclass
class Store:
    """`make(name, address)` is the component. Messages leave out what stands before the store's own words."""
    id: str
    make: object
    features: list
    server: str = ""  # in scripts/servers.py; empty: none
    etags: bool = True
    stale: str = MISMATCH
    malformed: tuple = (409, MISMATCH)
    first_write: tuple = (409, MISMATCH)  # an item that is there, no entity tag
    transactions: bool = True
    atomic: bool = True
    query: bool = False
    expiry_told: bool = True
    bad_ttl: str = "error parsing TTL: incorrect value for metadata 'ttlInSeconds': strconv.ParseInt: parsing \"x\": invalid syntax"
    overwrite_clears_ttl: bool = True
    wrong: list = field(default_factory=list)  # (what, setting of `make` as a function of the address, words of the failure)

    def __str__(self):
        return self.id


SQL = ["ETAG", "TRANSACTIONAL", "TTL", "KEYS_LIKE", "ACTOR"]
ETCD_TTL = "incorrect value for metadata 'ttlInSeconds': strconv.ParseInt: parsing \"x\": invalid syntax"
ETCD = {"stale": f"{MISMATCH}: state etag not match for key={RUN}v", "malformed": (409, f"{MISMATCH}: state etag not match for key={RUN}v"),
        "first_write": (409, f"{MISMATCH}: item already exists and no etag was passed")}
ROWS = f"{MISMATCH}: rows affected error: no rows match given key and eTag"
GONE = "127.0.0.1:1"


def postgres(name, url, number="v1", **more):
    place = {"tableName": f"wire_{RUN}"} if number == "v1" else {"tablePrefix": f"wire_{RUN}_"}
    return version(component(name, "state.postgresql", connectionString=url, metadataTableName=f"wire_{RUN}_{number}", **place, **more), number)


def etcd(name, address, number="v1"):
    return version(component(name, "state.etcd", endpoints=address, keyPrefixPath=f"{RUN}{number}", tlsEnable="false"), number)


def wrong_password(url):
    return url.replace("a-password", "wrong")


NO_POSTGRES = [("gone", lambda url: url.split("@")[0] + "@127.0.0.1:1/postgres", "failed to ping the database: failed to connect to `user="),
               ("wrong password", wrong_password, 'password authentication failed for user')]
STORES = [
    Store("redis", lambda name, address: component(name, "state.redis", redisHost=address, maxRetries="0"), SQL, "redis",
          stale="possible etag mismatch. error from state store: ERR user_script:14: failed to set key ", malformed=(400, 'invalid etag value: strconv.Atoi: parsing "bad": invalid syntax'),
          first_write=(204, ""), atomic=False, expiry_told=False, bad_ttl='failed to parse ttl from metadata: strconv.ParseInt: parsing "x": invalid syntax', overwrite_clears_ttl=False,
          wrong=[("gone", lambda address: GONE, "redis store: error connecting to redis at 127.0.0.1:1: dial tcp 127.0.0.1:1: connect: connection refused")]),
    Store("etcd-v1", etcd, SQL, "etcd", expiry_told=False, bad_ttl=ETCD_TTL, **ETCD),
    Store("etcd-v2", lambda name, address: etcd(name, address, "v2"), SQL, "etcd", bad_ttl=ETCD_TTL, **ETCD),
    Store("memcached", lambda name, address: component(name, "state.memcached", hosts=address), ["TTL"], "memcached", etags=False, transactions=False, expiry_told=False,
          bad_ttl='strconv.ParseInt: parsing "x": invalid syntax',
          wrong=[("gone", lambda address: GONE, "dial tcp 127.0.0.1:1: connect: connection refused")]),
    Store("mysql", lambda name, address: component(name, "state.mysql", connectionString=address, schemaName="wire", tableName=f"wire_{RUN}", metadataTableName=f"wire_{RUN}_meta"), SQL, "mysql",
          stale=ROWS, malformed=(409, ROWS), first_write=(409, ROWS),
          wrong=[("gone", lambda address: "u:p@tcp(127.0.0.1:1)/", "Can't connect to server on '127.0.0.1'"), ("wrong password", wrong_password, "Access denied for user 'mecha'@'127.0.0.1' (using password: YES)")]),
    Store("mongodb", lambda name, address: component(name, "state.mongodb", connectionString=address, databaseName=f"wire_{RUN}"), ["ETAG", "TRANSACTIONAL", "QUERY_API", "TTL", "KEYS_LIKE", "ACTOR"],
          "mongodb-set", query=True, wrong=[("gone", lambda address: "mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=300", "error in connecting to mongodb, host:  error: No suitable servers found")]),
    Store("postgresql-v1", postgres, SQL[:4] + ["QUERY_API", "ACTOR"], "postgres", malformed=(400, 'invalid etag value: strconv.ParseUint: parsing "bad": invalid syntax'),
          first_write=(500, "no item was updated"), query=True, wrong=NO_POSTGRES),
    Store("postgresql-v2", lambda name, address: postgres(name, address, "v2"), SQL, "postgres", first_write=(500, "no item was updated"), malformed=(409, f"{MISMATCH}: invalid UUID length: 3"), wrong=NO_POSTGRES),
    Store("sqlite", lambda name, folder: component(name, "state.sqlite", connectionString=f"{folder}/state.db"), SQL,
          wrong=[("no folder", lambda folder: "/nowhere", "failed to ping: unable to open database file")]),
    Store("in-memory", lambda name, _: component(name, "state.in-memory"), ["ETAG", "TRANSACTIONAL", "TTL", "DELETE_WITH_PREFIX", "KEYS_LIKE", "ACTOR"],
          bad_ttl='strconv.Atoi: parsing "x": invalid syntax'),
]


@dataclass
class Broker:
    id: str
    make: object
    features: list
    server: str = ""
    prepare: object = lambda address, topics: None
    wrong: list = field(default_factory=list)

    def __str__(self):
        return self.id


def kafka_topics(address, topics):
    from confluent_kafka.admin import AdminClient, NewTopic
    admin = AdminClient({"bootstrap.servers": address})
    for made in admin.create_topics([NewTopic(topic, 1, 1) for topic in topics]).values():
        made.result(30)


def unique():
    return f"c{uuid.uuid4().hex}"


BROKERS = [
    Broker("redis", lambda name, address: component(name, "pubsub.redis", redisHost=address, consumerID=unique(), redeliverInterval="1s", processingTimeout="1s"), [], "redis",
           wrong=[("gone", lambda address: GONE, "redis streams: error connecting to redis at 127.0.0.1:1: dial tcp 127.0.0.1:1: connect: connection refused")]),
    Broker("kafka", lambda name, address: component(name, "pubsub.kafka", brokers=address, authType="none", consumerGroup=unique(), initialOffset="oldest"), ["BULK_PUBSUB"], "kafka", kafka_topics),
    Broker("rabbitmq", lambda name, address: component(name, "pubsub.rabbitmq", connectionString=address, consumerID=unique(), durable="false", requeueInFailure="true"), ["MESSAGE_TTL"], "rabbitmq"),
    Broker("mqtt", lambda name, address: component(name, "pubsub.mqtt3", url=address, consumerID=unique(), qos="1"), ["SUBSCRIBE_WILDCARDS"], "mosquitto",
           wrong=[("gone", lambda address: "tcp://127.0.0.1:1", "failed to establish connection to broker: dial tcp 127.0.0.1:1: connect: connection refused")]),
    Broker("jetstream", lambda name, address: component(name, "pubsub.jetstream", natsURL=address, deliverPolicy="new", ackWait="1s"), [], "nats", lambda address, topics: make_stream(address),
           wrong=[("gone", lambda address: "nats://127.0.0.1:1", "jetstream error: connecting to nats at 127.0.0.1: dial tcp 127.0.0.1:1: connect: connection refused")]),
    Broker("in-memory", lambda name, _: component(name, "pubsub.in-memory"), ["SUBSCRIBE_WILDCARDS"]),
]
