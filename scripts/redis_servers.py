"""The Redis part of Servers: one server, a cluster, sentinels with their servers."""
import shutil
import socket

from server_base import Unavailable, free_port, wait_until

REDIS_USER, REDIS_PASSWORD = "mecha", "a-password"
SENTINEL_MASTER, SENTINEL_PASSWORD = "orders-master", "a-sentinel-password"
SENTINEL_CONF = f"""bind 127.0.0.1
port {{port}}
dir {{data}}
requirepass {{password}}
sentinel sentinel-pass {{password}}
sentinel monitor {SENTINEL_MASTER} 127.0.0.1 {{master}} {{quorum}}
sentinel down-after-milliseconds {SENTINEL_MASTER} 1000
sentinel failover-timeout {SENTINEL_MASTER} 6000
"""


def redis_answers(port):
    with socket.create_connection(("127.0.0.1", port), 1) as s:
        s.sendall(b"PING\r\n")
        return s.recv(64).startswith(b"+PONG")


def redis_refuses(port):
    """It answers, but wants a password first."""
    with socket.create_connection(("127.0.0.1", port), 1) as s:
        s.sendall(b"PING\r\n")
        return s.recv(64).startswith(b"-NOAUTH")


def redis_command(port, *words, limit_s=5, password=None):
    """One command on a connection of its own; the reply as Python values, an error as RuntimeError."""
    def read(stream):
        line = stream.readline()[:-2]
        kind, rest = line[:1], line[1:].decode()
        if kind == b"-":
            raise RuntimeError(rest)
        if kind == b":":
            return int(rest)
        if kind == b"$":
            return None if rest == "-1" else stream.read(int(rest) + 2)[:-2].decode(errors="replace")
        if kind == b"*":
            return None if rest == "-1" else [read(stream) for _ in range(int(rest))]
        if kind == b"+":
            return rest
        raise OSError("the server closed the connection")

    def write(*arguments):
        encoded = [str(word).encode() for word in arguments]
        return b"*%d\r\n" % len(encoded) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in encoded)

    with socket.create_connection(("127.0.0.1", port), limit_s) as s, s.makefile("rb") as stream:
        if password:
            s.sendall(write("AUTH", password))
            read(stream)
        s.sendall(write(*words))
        return read(stream)


class RedisServers:
    """Adds Redis to a class that has start(), certificates(), data_of(), folder and environment."""

    def redis(self, name="redis", persist=False, port=None):
        """Plain and TLS port, an ACL user beside the default one; `persist` writes every command to disk."""
        if not shutil.which("redis-server"):
            raise Unavailable("redis-server is not installed")
        certificates, data = self.certificates(), self.data_of(name)
        port, tls = port or free_port(), free_port()
        self.start(name, ["redis-server", "--bind", "127.0.0.1", "--port", str(port), "--tls-port", str(tls), "--dir", str(data),
                          "--save", "", "--appendonly", "yes" if persist else "no", "--appendfsync", "always",
                          "--tls-cert-file", f"{certificates}/server.crt", "--tls-key-file", f"{certificates}/server.key",
                          "--tls-ca-cert-file", f"{certificates}/ca.crt", "--tls-auth-clients", "optional",
                          "--user", REDIS_USER, "on", f">{REDIS_PASSWORD}", "~*", "&*", "+@all"], redis_answers, port)
        self.environment.update({
            "MECHA_TEST_REDIS": f"127.0.0.1:{port}", "MECHA_TEST_REDIS_TLS": f"127.0.0.1:{tls}",
            "MECHA_TEST_REDIS_USER": REDIS_USER, "MECHA_TEST_REDIS_PASSWORD": REDIS_PASSWORD,
            "VECTORS_REDIS": f"127.0.0.1:{port}"})
        return f"127.0.0.1:{port}"

    def redis_node(self, name, *options, port=None):
        """One server with its own folder and further words of its command line: (port, process)."""
        if not shutil.which("redis-server"):
            raise Unavailable("redis-server is not installed")
        port, data = port or free_port(), self.data_of(name, fresh=True)
        process = self.start(name, ["redis-server", "--bind", "127.0.0.1", "--port", str(port), "--dir", str(data), "--save", "",
                                    "--appendonly", "no", *map(str, options)], redis_answers, port)
        return port, process

    def redis_cluster(self, name="redis-cluster", masters=3, replicas=0):
        """A cluster whose masters share the slots evenly, each with so many replicas: [(port, process)], masters first."""
        # Where nobody can take over, a server that the machine held up for seconds is not given up either.
        patience_ms = 2000 if replicas else 15000
        nodes = [self.redis_node(f"{name}-{n}", "--cluster-enabled", "yes", "--cluster-port", free_port(), "--cluster-node-timeout", patience_ms)
                 for n in range(masters * (1 + replicas))]
        ports = [port for port, _ in nodes]
        for n, port in enumerate(ports[:masters]):
            redis_command(port, "CLUSTER", "ADDSLOTSRANGE", 16384 * n // masters, 16384 * (n + 1) // masters - 1)
            redis_command(port, "CLUSTER", "SET-CONFIG-EPOCH", n + 1)
        bus = int(redis_command(ports[0], "CONFIG", "GET", "cluster-port")[1])
        for port in ports[1:]:
            redis_command(port, "CLUSTER", "MEET", "127.0.0.1", ports[0], bus)
        wait_until("a whole cluster", lambda: all("cluster_state:ok" in (info := redis_command(p, "CLUSTER", "INFO")) and
                                                  f"cluster_known_nodes:{len(ports)}\r" in info for p in ports))
        for n, port in enumerate(ports[masters:]):
            redis_command(port, "CLUSTER", "REPLICATE", redis_command(ports[n % masters], "CLUSTER", "MYID"))
        for port in ports[masters:]:
            wait_until("a replica", lambda: "master_link_status:up" in redis_command(port, "INFO", "replication"))
        self.environment["MECHA_TEST_REDIS_CLUSTER"] = ",".join(f"127.0.0.1:{p}" for p in ports[:masters])
        return nodes

    def redis_sentinel(self, name="redis-sentinel", replicas=1, sentinels=3):
        """A master with replicas, and sentinels that want a password: [(port, process)], the master first, the sentinels last."""
        nodes = [self.redis_node(f"{name}-0", "--repl-diskless-sync-delay", 0)]
        master = nodes[0][0]
        for n in range(1, replicas + 1):
            nodes.append(self.redis_node(f"{name}-{n}", "--replicaof", "127.0.0.1", master))
        for port, _ in nodes[1:]:
            wait_until("a replica", lambda: "master_link_status:up" in redis_command(port, "INFO", "replication"))
        watchers = []
        for n in range(sentinels):
            port, data = free_port(), self.data_of(f"{name}-sentinel-{n}", fresh=True)
            (data / "sentinel.conf").write_text(SENTINEL_CONF.format(port=port, data=data, master=master, quorum=sentinels // 2 + 1, password=SENTINEL_PASSWORD))
            process = self.start(f"{name}-sentinel-{n}", ["redis-server", str(data / "sentinel.conf"), "--sentinel"], redis_refuses, port)
            watchers.append((port, process))

        def acquainted(port):
            """It knows all, and the replicas well enough to choose one of them."""
            ask = lambda what: redis_command(port, "SENTINEL", what, SENTINEL_MASTER, password=SENTINEL_PASSWORD)
            pairs = lambda fields: dict(zip(fields[::2], fields[1::2]))
            known, ready = pairs(ask("MASTER")), [pairs(one).get("master-link-status") == "ok" for one in ask("REPLICAS")]
            return (int(known["num-slaves"]), int(known["num-other-sentinels"]), ready) == (replicas, sentinels - 1, [True] * replicas)
        wait_until("sentinels that know each other", lambda: all(acquainted(port) for port, _ in watchers))
        self.environment.update({
            "MECHA_TEST_REDIS_SENTINEL": ",".join(f"127.0.0.1:{port}" for port, _ in watchers),
            "MECHA_TEST_REDIS_SENTINEL_MASTER": SENTINEL_MASTER, "MECHA_TEST_REDIS_SENTINEL_PASSWORD": SENTINEL_PASSWORD})
        return nodes + watchers
