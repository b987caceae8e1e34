"""Hosts on a network of their own: network namespaces joined by a wire. What they send reaches nobody else."""
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "api"))
from sidecar import DIES_WITH_PARENT, Sidecar, request, wait_until  # noqa: E402

# All that hosts need of the machine: namespaces, wires, addresses of IPv6, names.
NEEDS = "hostname x; ip link add lan type veth peer name b; echo 0 >/proc/sys/net/ipv6/conf/lan/accept_dad"


def missing():
    """Why there can be no hosts on this machine; empty where there can."""
    try:
        done = subprocess.run(["unshare", "--net", "--uts", "sh", "-ec", NEEDS], capture_output=True, text=True, timeout=20)
    except FileNotFoundError as error:
        return str(error)
    return "" if done.returncode == 0 else done.stderr.strip()[-300:] or f"unshare ended with {done.returncode}"


APP = """
import http.server, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(sys.argv[2].encode())
    do_POST = do_GET
    log_message = lambda *_: None
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


def shell(words, command):
    done = subprocess.run([*words, "sh", "-ec", command], capture_output=True, text=True, timeout=90)
    assert done.returncode == 0, done.stderr


class Program:
    """A program on a host, with its lines as they come."""

    def __init__(self, words):
        self.process = subprocess.Popen([*DIES_WITH_PARENT, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.lines, self.errors = [], []
        for stream, into in ((self.process.stdout, self.lines), (self.process.stderr, self.errors)):
            threading.Thread(target=lambda stream=stream, into=into: into.extend(iter(stream.readline, "")), daemon=True).start()

    def line(self, number, limit_s=60):
        try:
            wait_until(lambda: len(self.lines) > number, f"line {number} of {self.process.args[-4:]}", limit_s)
        except AssertionError as error:
            raise AssertionError(f"{error}: {''.join(self.errors)[-800:]}") from None
        return self.lines[number].strip()

    def ask(self, text):
        count = len(self.lines)
        self.process.stdin.write(text + "\n")
        self.process.stdin.flush()
        return self.line(count)

    def end(self):
        """The exit code after a polite request."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(15)

    def kill(self):
        self.process.kill()
        self.process.wait()


class LanSidecar(Sidecar):
    """Called through its Unix socket, which is reached from every network."""

    def request(self, method, path, headers=(), body=None, **more):
        return request(0, method, path, headers, body, sock=self.folder / f"dapr-{self.app_id}-http.socket", **more)


class Host:
    """One host: `ip4` and `ip6` on the wire `lan`, and a name of its own."""

    def __init__(self, number, name):
        self.ip4, self.ip6 = f"10.77.0.{number}", f"fd77::{number}"
        self.started = []
        self.process = subprocess.Popen([*DIES_WITH_PARENT, "unshare", "--net", "--uts", "sh", "-ec", f"hostname {name}; echo ready; exec sleep 900"],
                                        stdout=subprocess.PIPE, text=True)
        try:
            assert self.process.stdout.readline() == "ready\n"
        except BaseException:
            self.close()
            raise
        self.words = ("nsenter", "--target", str(self.process.pid), "--net", "--uts", "--")

    def set_up(self):
        # without looking for duplicates, which would take two seconds
        shell(self.words, f"echo 0 >/proc/sys/net/ipv6/conf/lan/accept_dad; ip address add {self.ip4}/24 dev lan; ip address add {self.ip6}/64 dev lan nodad; "
                          "ip link set lo up; ip link set lan up")

    def run(self, *words):
        self.started.append(Program([*self.words, *map(str, words)]))
        return self.started[-1]

    def app(self, port, answer):
        """An application on this host's loopback interface that says `answer`."""
        self.run(sys.executable, "-c", APP, port, answer)
        shell(self.words, f"i=0; until (exec 3<>/dev/tcp/127.0.0.1/{port}) 2>/dev/null; do i=$((i+1)); [ $i -lt 1000 ]; sleep 0.05; done".join(("bash -c '", "'")))
        return port

    def sidecar(self, folder, app_id, host_ip=None, resolver="mdns", **settings):
        config = f"apiVersion: dapr.io/v1alpha1\nkind: Configuration\nmetadata: {{name: c}}\nspec: {{nameResolution: {{component: {resolver}}}}}\n" if resolver else ""
        environment = {"DAPR_HOST_IP": host_ip or self.ip4, **settings.pop("env", {})}
        one = LanSidecar(folder, app_id, config=config, env=environment, before=self.words, **settings)
        one.flags = (*one.flags, "--unix-domain-socket", str(one.folder))
        self.started.append(one)
        return one.start()

    def close(self):
        for one in reversed(self.started):
            one.kill()
        self.process.kill()
        self.process.wait()


class Lan:
    """Two hosts and the wire between them."""

    def __init__(self):
        self.hosts = []
        try:
            for number, name in ((1, "left.example"), (2, "right")):
                self.hosts.append(Host(number, name))
            left, right = self.hosts
            shell(left.words, f"ip link add lan type veth peer name lan netns {right.process.pid}")
            for host in self.hosts:
                host.set_up()
        except BaseException:
            self.close()
            raise

    def close(self):
        for host in self.hosts:
            host.close()


def entries(program):
    return [json.loads(line) for line in program.lines]
