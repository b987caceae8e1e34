#!/usr/bin/env python3
"""Starts real Redis (one server, a cluster, sentinels), Kafka, RabbitMQ, Mosquitto, NATS and the others on free loopback ports for demos, tests and benchmarks, and stops them.

    servers.py start --dir DIR redis kafka    prints `export NAME=value` lines; the servers stay
    servers.py stop --dir DIR                 stops what `start` left in DIR
    servers.py fetch-kafka                    puts Kafka's jars into the cache

As a module: `with Servers(folder) as servers: port = servers.redis()`. Standard library only.
"""
import argparse
import contextlib
import os
import shutil
import signal
import socket
import ssl
import struct
import subprocess
import sys
import time
from pathlib import Path

from fetched_servers import FetchedServers
from redis_servers import RedisServers, redis_command  # noqa: F401: both are for users of this module too
from server_base import Unavailable, fetch, free_port

KAFKA_VERSION = "3.9.1"
CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "mecha" / f"kafka-{KAFKA_VERSION}"
MYSQL_TABLES = [Path("/usr/share/mysql") / name for name in ("mysql_system_tables.sql", "mysql_system_tables_data.sql")]

POM = f"""<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>mecha</groupId><artifactId>kafka</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>{KAFKA_VERSION}</version></dependency>
    <dependency><groupId>org.slf4j</groupId><artifactId>slf4j-simple</artifactId><version>1.7.36</version></dependency>
  </dependencies>
</project>
"""

KAFKA_PROPERTIES = """process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller},SASL://127.0.0.1:{sasl},TLS://127.0.0.1:{tls}
advertised.listeners=PLAINTEXT://127.0.0.1:{port},SASL://127.0.0.1:{sasl},TLS://127.0.0.1:{tls}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL:SASL_PLAINTEXT,TLS:SSL
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512
listener.name.sasl.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_mecha="a-password";
listener.name.sasl.scram-sha-256.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.sasl.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
ssl.keystore.type=PEM
ssl.keystore.location={keys}
log.dirs={data}
num.partitions=4
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
auto.create.topics.enable=true
"""


RABBITMQ_CONF = """listeners.tcp.1 = 127.0.0.1:{port}
listeners.ssl.1 = 127.0.0.1:{tls}
ssl_options.cacertfile = {certificates}/ca.crt
ssl_options.certfile = {certificates}/server.crt
ssl_options.keyfile = {certificates}/server.key
ssl_options.verify = verify_peer
ssl_options.fail_if_no_peer_cert = false
log.console = true
log.console.level = warning
log.file = false
vm_memory_high_watermark.absolute = 512MB
disk_free_limit.absolute = 16MB
"""

MOSQUITTO_CONF = """user root
per_listener_settings true
listener {guarded} 127.0.0.1
allow_anonymous false
password_file {data}/passwords
listener {port} 127.0.0.1
allow_anonymous true
listener {tls} 127.0.0.1
allow_anonymous true
cafile {certificates}/ca.crt
certfile {certificates}/server.crt
keyfile {certificates}/server.key
persistence true
persistence_location {data}/
autosave_interval 1
autosave_on_changes true
max_queued_messages 100000
"""


def fetch_kafka():
    """Kafka's jars from Maven Central through mvn, once per machine."""
    if (CACHE / "complete").exists():
        return CACHE
    if not shutil.which("java"):
        raise Unavailable("Java is not installed")
    if not shutil.which("mvn"):
        raise Unavailable("mvn is not installed (Debian package maven)")
    CACHE.mkdir(parents=True, exist_ok=True)
    (CACHE / "pom.xml").write_text(POM)
    print(f"fetching Kafka {KAFKA_VERSION} from Maven Central (about 60 MB, once)", file=sys.stderr, flush=True)
    got = fetch(["mvn", "-B", "-q", "dependency:copy-dependencies", f"-DoutputDirectory={CACHE}/libs"], 600,
                cwd=CACHE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if got.returncode:
        raise Unavailable("mvn could not fetch Kafka: " + got.stdout[-400:])
    (CACHE / "complete").write_text("")
    return CACHE


def make_certificates(folder):
    """A throw-away CA, a server certificate for 127.0.0.1 and localhost, and a client certificate."""
    def openssl(*words):
        subprocess.run(["openssl", *words], cwd=folder, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-keyout", "ca.key", "-out", "ca.crt", "-subj", "/CN=mecha test CA")
    (folder / "san.ext").write_text("subjectAltName=IP:127.0.0.1,DNS:localhost\n")
    for name in ("server", "client"):
        openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
        openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-days", "30", "-out", f"{name}.crt", "-extfile", "san.ext")


def kafka_answers(port):
    """A metadata request (version 1, no topics) that names at least one broker."""
    body = struct.pack(">hhihi", 3, 1, 7, -1, 0)
    with socket.create_connection(("127.0.0.1", port), 2) as s:
        s.settimeout(5)
        s.sendall(struct.pack(">i", len(body)) + body)
        answer = s.recv(4096)
        return len(answer) >= 12 and struct.unpack(">i", answer[8:12])[0] > 0


def amqp_answers(port):
    """RabbitMQ speaks first once it has seen the header of the protocol."""
    with socket.create_connection(("127.0.0.1", port), 2) as s:
        s.settimeout(5)
        s.sendall(b"AMQP\0\0\x09\x01")
        return s.recv(64).startswith(b"\x01\0\0")


def mqtt_answers(port):
    """CONNECT of MQTT 3.1.1 with an empty client id."""
    with socket.create_connection(("127.0.0.1", port), 2) as s:
        s.settimeout(5)
        s.sendall(b"\x10\x0c\0\x04MQTT\x04\x02\0\x3c\0\0")
        return s.recv(4) == b"\x20\x02\0\0"


def nats_answers(port):
    with socket.create_connection(("127.0.0.1", port), 2) as s:
        s.settimeout(5)
        return s.recv(4096).startswith(b"INFO ")


def memcached_answers(port):
    with socket.create_connection(("127.0.0.1", port), 2) as s:
        s.settimeout(5)
        s.sendall(b"version\r\n")
        return s.recv(64).startswith(b"VERSION ")


def mysql_answers(port):
    """The server speaks first: a packet with version 10 of the protocol."""
    with socket.create_connection(("127.0.0.1", port), 2) as s:
        s.settimeout(5)
        return s.recv(256)[4:5] == b"\x0a"


def postgres_answers(port):
    """An answer to a login: a request for a password or, while the server starts, an error."""
    words = b"user\0mecha\0database\0postgres\0\0"
    with socket.create_connection(("127.0.0.1", port), 2) as s:
        s.settimeout(5)
        s.sendall(struct.pack(">ii", 8 + len(words), 196608) + words)
        return s.recv(64)[:1] == b"R"


def stop_signal(name):
    """PostgreSQL takes SIGTERM for "when the last client has gone"."""
    return signal.SIGINT if name.startswith("postgres") else signal.SIGTERM


def etcd_answers(port, certificates=""):
    """It listens before it has read its log and is its own leader."""
    with contextlib.ExitStack() as stack:
        s = stack.enter_context(socket.create_connection(("127.0.0.1", port), 2))
        s.settimeout(5)
        if certificates:
            context = ssl.create_default_context(cafile=f"{certificates}/ca.crt")
            context.load_cert_chain(f"{certificates}/client.crt", f"{certificates}/client.key")
            s = stack.enter_context(context.wrap_socket(s, server_hostname="127.0.0.1"))
        s.sendall(b"GET /health HTTP/1.0\r\nHost: etcd\r\n\r\n")
        answer = b""
        while piece := s.recv(4096):
            answer += piece
        return b'"health":"true"' in answer


def accepts(port):
    with socket.create_connection(("127.0.0.1", port), 1):
        return True


class Servers(RedisServers, FetchedServers):
    """Owns every process that it starts; `stop` ends them in reverse order. `keep` leaves them to a later `stop`."""

    def __init__(self, folder, keep=False):
        self.folder, self.keep = Path(folder).resolve(), keep
        self.folder.mkdir(parents=True, exist_ok=True)
        self.processes, self.environment = [], {}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def start(self, name, command, answers, port, limit_s=180, environment=None):
        log = open(self.folder / f"{name}.log", "ab")
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, cwd=self.folder,
                                   env={**os.environ, **(environment or {})}, start_new_session=self.keep)
        self.processes.append((name, process))
        (self.folder / f"{name}.pid").write_text(str(process.pid))
        end = time.monotonic() + limit_s
        while time.monotonic() < end:
            if process.poll() is not None:
                break
            try:
                if answers(port):
                    return process
            except OSError:
                pass
            time.sleep(0.05)
        tail = (self.folder / f"{name}.log").read_text(errors="replace")[-800:]
        raise RuntimeError(f"{name} did not become ready (exit {process.poll()}): {tail}")

    def certificates(self):
        folder = self.folder / "certificates"
        if not (folder / "client.crt").exists():
            folder.mkdir(exist_ok=True)
            make_certificates(folder)
        self.environment["MECHA_TEST_TLS_DIR"] = str(folder)
        return folder

    def data_of(self, name, fresh=False):
        folder = self.folder / f"{name}-data"
        if fresh:
            shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(exist_ok=True)
        return folder

    def kafka(self, name="kafka", port=None):
        """One Kafka node in KRaft mode with a small heap: plain, with a login, and under TLS. `port` starts it again."""
        classes = f"{fetch_kafka()}/libs/*"
        properties, again = self.folder / f"{name}.properties", port is not None
        if not again:
            port, data = free_port(), self.folder / f"{name}-data"
            shutil.rmtree(data, ignore_errors=True)
            certificates, keys, sasl, tls = self.certificates(), self.folder / f"{name}-keys.pem", free_port(), free_port()
            keys.write_text("".join((certificates / part).read_text() for part in ("server.key", "server.crt")))
            properties.write_text(KAFKA_PROPERTIES.format(port=port, controller=free_port(), data=data, sasl=sasl, tls=tls, keys=keys))
            self.environment.update({"MECHA_TEST_KAFKA_SASL": f"127.0.0.1:{sasl}", "MECHA_TEST_KAFKA_TLS": f"127.0.0.1:{tls}"})
        java = ["java", "-Xmx384m", "-Xms128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
                "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", classes]
        if not again:
            formatted = subprocess.run([*java, "kafka.tools.StorageTool", "format", "-t", "MkU3OEVBNTcwNTJENDM2Qg", "-c", str(properties),
                                        *(word for n in (256, 512) for word in ("--add-scram", f"SCRAM-SHA-{n}=[name=mecha,password=a-password]"))],
                                       stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            if formatted.returncode:
                raise RuntimeError("Kafka storage could not be formatted: " + formatted.stdout[-600:])
        self.start(name, [*java, "kafka.Kafka", str(properties)], kafka_answers, port)
        self.environment.update({"MECHA_TEST_KAFKA": f"127.0.0.1:{port}", "VECTORS_KAFKA": f"127.0.0.1:{port}"})
        return f"127.0.0.1:{port}"

    def rabbitmq(self, name="rabbitmq", port=None):
        """One node with a name, data and port mapper of its own; plain and TLS port, user guest. `port` starts it again."""
        program = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
        if not program.exists() or not shutil.which("epmd"):
            raise Unavailable("rabbitmq-server is not installed")
        data, certificates = self.data_of(name, fresh=not port), self.certificates()
        port, tls, mapper, peers = port or free_port(), free_port(), free_port(), free_port()
        (data / "rabbitmq.conf").write_text(RABBITMQ_CONF.format(port=port, tls=tls, certificates=certificates))
        (data / "enabled_plugins").write_text("[].\n")
        environment = {"HOME": str(data), "ERL_EPMD_PORT": str(mapper), "ERL_EPMD_ADDRESS": "127.0.0.1",
                       "RABBITMQ_NODENAME": f"mecha-{name}@localhost", "RABBITMQ_MNESIA_BASE": str(data / "mnesia"),
                       "RABBITMQ_LOG_BASE": str(data / "log"), "RABBITMQ_CONFIG_FILE": str(data / "rabbitmq.conf"),
                       "RABBITMQ_ENABLED_PLUGINS_FILE": str(data / "enabled_plugins"), "RABBITMQ_DIST_PORT": str(peers),
                       "RABBITMQ_CONF_ENV_FILE": str(data / "absent"), "RABBITMQ_ADVANCED_CONFIG_FILE": str(data / "absent"),
                       "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 1:1 -kernel inet_dist_use_interface {127,0,0,1}",
                       "NOTIFY_SOCKET": "/dev/null"}  # makes the script give its place to the broker, so that the pid is the broker's
        if not any(n == f"{name}-mapper" and p.poll() is None for n, p in self.processes):
            self.start(f"{name}-mapper", ["epmd", "-port", str(mapper), "-address", "127.0.0.1"], accepts, mapper, environment=environment)
            self.mapper = mapper
        environment["ERL_EPMD_PORT"] = str(self.mapper)
        self.start(name, [str(program)], amqp_answers, port, environment=environment)
        self.environment.update({"MECHA_TEST_RABBITMQ": f"amqp://guest:guest@127.0.0.1:{port}",
                                 "MECHA_TEST_RABBITMQ_TLS": f"amqps://guest:guest@127.0.0.1:{tls}"})
        return self.environment["MECHA_TEST_RABBITMQ"]

    def etcd(self, name="etcd", port=None, tls=False):
        """One node, in the clear, or for clients with a certificate. `port` starts it again."""
        if not shutil.which("etcd"):
            raise Unavailable("etcd is not installed (Debian package etcd-server)")
        data = self.data_of(name, fresh=not port)
        port, peers = port or free_port(), free_port()
        url, peer = f"http{'s' if tls else ''}://127.0.0.1:{port}", f"http://127.0.0.1:{peers}"
        certificates = self.certificates() if tls else ""
        guard = [f"--cert-file={certificates}/server.crt", f"--key-file={certificates}/server.key", f"--trusted-ca-file={certificates}/ca.crt", "--client-cert-auth"]
        self.start(name, ["etcd", *(guard if tls else ()), "--name", "mecha", "--data-dir", str(data), "--listen-client-urls", url, "--advertise-client-urls", url,
                          "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", f"mecha={peer}",
                          "--max-txn-ops", "1024"], lambda at: etcd_answers(at, certificates), port)
        self.environment["MECHA_TEST_ETCD"] = f"127.0.0.1:{port}"
        return self.environment["MECHA_TEST_ETCD"]

    def memcached(self, name="memcached", port=None):
        """One server of 64 MB. `port` starts it again, empty."""
        if not shutil.which("memcached"):
            raise Unavailable("memcached is not installed")
        port = port or free_port()
        user = ["-u", "nobody"] if os.geteuid() == 0 else []
        self.start(name, ["memcached", "-l", "127.0.0.1", "-p", str(port), "-U", "0", "-m", "64", *user], memcached_answers, port)
        self.environment.update({"MECHA_TEST_MEMCACHED": f"127.0.0.1:{port}", "VECTORS_MEMCACHED": f"127.0.0.1:{port}"})
        return self.environment["MECHA_TEST_MEMCACHED"]

    def mysql(self, name="mysql", port=None):
        """MariaDB with a user of its own, plain and TLS on one port; as nobody when root starts it. `port` starts it again."""
        program = shutil.which("mariadbd", path=os.environ.get("PATH", "") + ":/usr/sbin")
        if not program or not all(f.exists() for f in MYSQL_TABLES):
            raise Unavailable("MariaDB is not installed (Debian package mariadb-server-core)")
        data, certificates = self.data_of(name, fresh=not port), self.certificates()
        user = ["--user=nobody"] if os.geteuid() == 0 else []
        common = [program, "--no-defaults", *user, f"--datadir={data}", "--innodb-log-file-size=8M", "--innodb-buffer-pool-size=32M"]
        if not port:
            for file in ("ca.crt", "server.crt", "server.key"):
                shutil.copy(certificates / file, data / file)
            if os.geteuid() == 0:
                for path in (data, *data.iterdir()):
                    shutil.chown(path, "nobody")
            script = "CREATE DATABASE mysql;\nUSE mysql;\nSET @auth_root_socket=NULL;\n" + "".join(f.read_text() for f in MYSQL_TABLES)
            script += "FLUSH PRIVILEGES;\nCREATE USER mecha@'%' IDENTIFIED BY 'a-password';\nGRANT ALL ON *.* TO mecha@'%';\n"
            made = subprocess.run([*common, "--bootstrap"], input=script, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300)
            if made.returncode:
                raise RuntimeError("the system tables of MariaDB could not be made: " + made.stdout[-600:])
        port = port or free_port()
        self.start(name, [*common, f"--port={port}", "--bind-address=127.0.0.1", "--skip-name-resolve", f"--socket={data}/s",
                          f"--pid-file={data}/pid", f"--ssl-ca={data}/ca.crt", f"--ssl-cert={data}/server.crt", f"--ssl-key={data}/server.key"],
                   mysql_answers, port)
        self.environment["MECHA_TEST_MYSQL"] = f"mecha:a-password@tcp(127.0.0.1:{port})/"
        return self.environment["MECHA_TEST_MYSQL"]

    def postgres(self, name="postgres", port=None):
        """PostgreSQL with a user and a password, plain and TLS on one port; as nobody when root starts it. `port` starts it again."""
        programs = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda p: int(p.parts[-3]))
        if not programs:
            raise Unavailable("PostgreSQL is not installed (Debian package postgresql-15)")
        program, data, certificates = programs[-1], self.data_of(name, fresh=not port), self.certificates()
        as_user = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"] if os.geteuid() == 0 else []
        if not port:
            for file in ("ca.crt", "server.crt", "server.key"):
                shutil.copy(certificates / file, data / file)
            (data / "password").write_text("a-password\n")
            if os.geteuid() == 0:
                for path in (data, *data.iterdir()):
                    shutil.chown(path, "nobody", "nogroup")
            (data / "server.key").chmod(0o600)
            made = subprocess.run([*as_user, str(program.with_name("initdb")), "-D", f"{data}/db", "-U", "mecha", f"--pwfile={data}/password", "-A", "scram-sha-256",
                                   "-E", "UTF8", "--locale=C", "--no-sync"], cwd="/", stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300)
            if made.returncode:
                raise RuntimeError("the database cluster of PostgreSQL could not be made: " + made.stdout[-600:])
        port = port or free_port()
        settings = {"listen_addresses": "127.0.0.1", "port": port, "unix_socket_directories": "", "shared_buffers": "32MB", "max_connections": 200,
                    "fsync": "off", "timezone": "UTC", "ssl": "on", "ssl_ca_file": f"{data}/ca.crt", "ssl_cert_file": f"{data}/server.crt", "ssl_key_file": f"{data}/server.key"}
        self.start(name, [*as_user, str(program), "-D", f"{data}/db", *[word for item in settings.items() for word in ("-c", "{}={}".format(*item))]],
                   postgres_answers, port)
        self.environment["MECHA_TEST_POSTGRES"] = f"postgres://mecha:a-password@127.0.0.1:{port}/postgres"
        return self.environment["MECHA_TEST_POSTGRES"]

    def mosquitto(self, name="mosquitto", port=None):
        """Plain port, one with a login and one with TLS, sessions kept on disk. `port` starts it again."""
        program = shutil.which("mosquitto", path=os.environ.get("PATH", "") + ":/usr/sbin")
        if not program:
            raise Unavailable("mosquitto is not installed")
        data, certificates = self.data_of(name, fresh=not port), self.certificates()
        port, tls, guarded = port or free_port(), free_port(), free_port()
        subprocess.run(["mosquitto_passwd", "-b", "-c", str(data / "passwords"), "mecha", "a-password"], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        (data / "mosquitto.conf").write_text(MOSQUITTO_CONF.format(port=port, tls=tls, guarded=guarded, certificates=certificates, data=data))
        self.start(name, [program, "-c", str(data / "mosquitto.conf")], mqtt_answers, port)
        self.environment.update({"MECHA_TEST_MOSQUITTO": f"tcp://127.0.0.1:{port}", "MECHA_TEST_MOSQUITTO_TLS": f"ssl://127.0.0.1:{tls}",
                                 "MECHA_TEST_MOSQUITTO_LOGIN": f"tcp://mecha:a-password@127.0.0.1:{guarded}"})
        return self.environment["MECHA_TEST_MOSQUITTO"]

    def nats(self, name="nats", port=None):
        """One NATS server with JetStream on disk. `port` starts it again."""
        port = self.nats_node(name, port=port)
        self.environment["MECHA_TEST_NATS"] = f"nats://127.0.0.1:{port}"
        return self.environment["MECHA_TEST_NATS"]

    def nats_node(self, name, *options, port=None):
        """One server with its own folder and further words of its command line: its port."""
        if not shutil.which("nats-server"):
            raise Unavailable("nats-server is not installed")
        data, port = self.data_of(name, fresh=not port), port or free_port()
        self.start(name, ["nats-server", "-a", "127.0.0.1", "-p", str(port), "-js", "-sd", str(data), *options], nats_answers, port)
        return port

    def stop(self):
        for name, process in reversed(self.processes):
            if process.poll() is None:
                process.send_signal(stop_signal(name))
                try:
                    process.wait(10)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
            (self.folder / f"{name}.pid").unlink(missing_ok=True)
        self.processes = []


def stop_left(folder):
    """Ends the servers of an earlier `start`: only a process that still runs below this folder is ours."""
    for file in sorted(Path(folder).glob("*.pid")):
        pid = int(file.read_text() or 0)
        try:
            ours = Path(os.readlink(f"/proc/{pid}/cwd")).is_relative_to(Path(folder).resolve())
        except OSError:
            ours = False
        for sign in (stop_signal(file.stem), signal.SIGKILL) if ours else ():
            try:
                os.kill(pid, sign)
                for _ in range(100):
                    os.kill(pid, 0)
                    if Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z":
                        break
                    time.sleep(0.1)
                else:
                    continue
            except OSError:
                pass
            break
        file.unlink(missing_ok=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("action", choices=["start", "stop", "fetch-kafka"])
    parser.add_argument("servers", nargs="*", help="redis, redis-cluster, redis-sentinel, kafka, rabbitmq, mosquitto, nats, etcd, memcached, mysql, postgres, mongodb, mongodb-set, s3, s3-versity, redis-stack, vault, consul")
    parser.add_argument("--dir", default="build/servers")
    parser.add_argument("--persist", action="store_true", help="Redis writes every command to disk")
    arguments = parser.parse_intermixed_args()
    if arguments.action == "stop":
        return stop_left(arguments.dir)
    try:
        if arguments.action == "fetch-kafka":
            fetch_kafka()
            return 0
    except Unavailable as e:
        print(f"Kafka is left out: {e}", file=sys.stderr)
        return 1
    if Path(arguments.dir).exists():
        stop_left(arguments.dir)
    servers = Servers(arguments.dir, keep=True)
    for name in arguments.servers:
        try:
            getattr(servers, name.replace("-", "_"))(**({"persist": True} if name == "redis" and arguments.persist else {}))
        except Unavailable as e:
            print(f"{name} is left out: {e}", file=sys.stderr)
        except BaseException:
            servers.stop()
            raise
    for name, value in servers.environment.items():
        print(f"export {name}='{value}'")
    return 0


if __name__ == "__main__":
    sys.exit(main())
