"""What the benchmark stands on: load by wrk, plain nginx floors, sidecars under measurement, and what /proc says about them."""
import http.client
import os
import re
import socket
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))
from servers import free_port  # noqa: E402

NGINX = """worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log warn;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  keepalive_requests 100000000;
  client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder}; uwsgi_temp_path {folder}; scgi_temp_path {folder};
  {upstream}
  server {{ listen 127.0.0.1:{port}{protocol}; client_max_body_size 0; location / {{ {location} }} }}
}}
"""
COMPONENT = """apiVersion: dapr.io/v1alpha1
kind: Component
metadata: {{name: {name}}}
spec:
  type: {type}
  version: v1
  metadata: [{metadata}]
---
"""
UNITS = {"us": 1, "ms": 1000, "s": 1_000_000, "m": 60_000_000}


def component(name, type_, **metadata):
    return COMPONENT.format(name=name, type=type_, metadata=", ".join(f'{{name: {k}, value: "{v}"}}' for k, v in metadata.items()))


class Processes:
    """Everything that was started; ends it in reverse order."""

    def __init__(self, folder):
        self.folder, self.running = Path(folder), []
        self.folder.mkdir(parents=True, exist_ok=True)

    def start(self, name, command, port, path="/", environment=None, cwd=None):
        """Returns when `path` is answered well; without a path when `port` takes connections."""
        log = open(self.folder / f"{name}.log", "ab")
        process = subprocess.Popen([str(c) for c in command], stdout=log, stderr=log, cwd=cwd or self.folder, env={**os.environ, **(environment or {})})
        self.running.append(process)
        end = time.monotonic() + 20
        while answer(port, path) not in (200, 204):
            if process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"{name} is not ready (exit {process.poll()}): " + (self.folder / f"{name}.log").read_text(errors="replace")[-800:])
            time.sleep(0.001)
        return process

    def nginx(self, name, upstream=None, grpc=False):
        """The port of a one-worker nginx: a constant of 1 KiB, or a kept-alive proxy hop to `upstream`; over HTTP/2 if `grpc`."""
        folder, port = self.folder / name, free_port()
        folder.mkdir(exist_ok=True)
        location, group = f'return 200 "{"x" * 1024}";', ""
        if upstream:
            group = f"upstream next {{ server 127.0.0.1:{upstream}; keepalive 64; keepalive_requests 100000000; }}"
            location = "grpc_pass grpc://next;" if grpc else 'proxy_pass http://next; proxy_http_version 1.1; proxy_set_header Connection "";'
        (folder / "nginx.conf").write_text(NGINX.format(folder=folder, port=port, protocol=" http2" if grpc else "", upstream=group, location=location))
        program = next((p for p in ("/usr/sbin/nginx", "/usr/bin/nginx") if os.path.exists(p)), "nginx")
        self.start(name, [program, "-p", folder, "-c", folder / "nginx.conf", "-g", "daemon off;"], port, None if grpc else "/")
        return port

    def stop(self, process=None):
        for p in [process] if process else reversed(self.running):
            if p.poll() is None:
                p.terminate()
                try:
                    p.wait(10)
                except subprocess.TimeoutExpired:
                    p.kill()
                    p.wait()
            if process:
                self.running.remove(p)
        if not process:
            self.running = []


class Sidecar:
    """One mechad with its ports; `resources` is YAML text."""

    def __init__(self, processes, daemon, app_id, resources="", app_port=None, flags=(), environment=None):
        self.processes, self.app_id = processes, app_id
        self.folder = processes.folder / app_id
        (self.folder / "resources").mkdir(parents=True, exist_ok=True)
        (self.folder / "resources" / "all.yaml").write_text(resources)
        self.port, self.grpc_port = free_port(), free_port()
        command = [daemon, "--app-id", app_id, "--dapr-http-port", self.port, "--dapr-grpc-port", self.grpc_port, "--dapr-internal-grpc-port", free_port(),
                   "--metrics-port", free_port(), "--dapr-listen-addresses", "127.0.0.1", "--resources-path", self.folder / "resources", "--log-level", "warn"]
        command += ["--app-port", app_port] if app_port else []
        began = time.monotonic()
        self.process = processes.start(app_id, command + list(flags), self.port, "/v1.0/healthz", environment, self.folder)
        self.ready_ms = (time.monotonic() - began) * 1000

    def url(self, path):
        return f"http://127.0.0.1:{self.port}{path}"

    def stop(self):
        self.processes.stop(self.process)

    def resident_mb(self):
        """(resident, anonymous)"""
        text = Path(f"/proc/{self.process.pid}/smaps_rollup").read_text()
        return tuple(int(re.search(rf"^{k}:\s+(\d+)", text, re.M).group(1)) / 1024 for k in ("Rss", "Anonymous"))

    def cpu_s(self):
        return cpu_s(self.process)

    def wakeups(self):
        total = 0
        for task in Path(f"/proc/{self.process.pid}/task").iterdir():
            total += int(re.search(r"^voluntary_ctxt_switches:\s+(\d+)", (task / "status").read_text(), re.M).group(1))
        return total


def cpu_s(process):
    """CPU seconds of a process and its children: nginx works in one."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    return sum(sum(map(int, Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[11:13])) for pid in [process.pid, *children]) / os.sysconf("SC_CLK_TCK")


def answer(port, path):
    try:
        if path is None:
            socket.create_connection(("127.0.0.1", int(port)), 2).close()
            return 200
        connection = http.client.HTTPConnection("127.0.0.1", int(port), timeout=2)
        connection.request("GET", path)
        status = connection.getresponse().status
        connection.close()
        return status
    except OSError:
        return None


class Load:
    """What one run of wrk measured."""

    def __init__(self, url, connections, seconds, script=None):
        for length in (seconds, seconds * 20):  # a disk may stand still for a second
            self.run(url, connections, length, script)
            if self.requests:
                return
        raise RuntimeError(f"{url}: no answer at all")

    def run(self, url, connections, seconds, script):
        # A disk or a machine that stands still for two seconds, which is the limit of wrk, makes a figure worse and no error.
        command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "60s", "--latency", *(["-s", str(script)] if script else []), url]
        text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        self.rate = float(re.search(r"Requests/sec:\s+([\d.]+)", text).group(1))
        self.requests = int(re.search(r"(\d+) requests in", text).group(1))
        half = re.search(r"50%\s+([\d.]+)(us|ms|s|m)\b", text)
        self.p50_us = float(half.group(1)) * UNITS[half.group(2)]
        wrong = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
        broken = re.search(r"Socket errors: (.*)", text)
        self.errors = int(wrong.group(1)) if wrong else 0
        if self.errors or broken:
            raise RuntimeError(f"{url}: {self.errors} error answers of {self.requests}{'; ' + broken.group(0) if broken else ''}")
