"""h2spec, built once with Go into build/tools, against the real daemon; without Go its tests are skipped."""
import http.client
import http.server
import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))
from servers import free_port  # noqa: E402

GO_PROGRAMS = {
    "h2spec": "github.com/summerwind/h2spec/cmd/h2spec@v2.2.1+incompatible",
}


@pytest.fixture(scope="session")
def go_program():
    """The path of a program by its name above."""
    def get(name):
        folder = ROOT / "build" / "tools"
        if not (folder / name).exists():
            if not shutil.which("go"):
                pytest.skip("Go is not installed")
            got = subprocess.run(["go", "install", GO_PROGRAMS[name]], env={**os.environ, "GOBIN": str(folder)}, capture_output=True, text=True, timeout=600)
            if got.returncode:
                pytest.skip(f"Go could not build {name}: {got.stderr[-300:]}")
        return folder / name
    return get


class Running:
    """A started program that listens on `port`."""

    def __init__(self, command, port, log):
        self.port = port
        self.process = subprocess.Popen([str(c) for c in command], stdout=open(log, "wb"), stderr=subprocess.STDOUT)
        end = time.monotonic() + 60
        while True:
            try:
                http.client.HTTPConnection("127.0.0.1", port, timeout=1).connect()
                return
            except OSError:
                if self.process.poll() is not None or time.monotonic() > end:
                    self.stop()
                    pytest.fail(f"{command[0]} does not listen: {Path(log).read_text(errors='replace')[-800:]}")
                time.sleep(0.02)

    def stop(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


@pytest.fixture
def run(tmp_path):
    started = []

    def start(name, port, *command):
        started.append(Running(command, port, tmp_path / f"{name}.log"))
        return started[-1]
    yield start
    for program in reversed(started):
        program.stop()


class SlowApp(http.server.BaseHTTPRequestHandler):
    """Reads the body and takes its time: a stream that is still open when its client misbehaves."""

    protocol_version = "HTTP/1.1"

    def answer(self):
        self.read_body()
        time.sleep(0.3)
        self.send_response(200)
        self.send_header("Content-Length", "10")
        self.end_headers()
        self.wfile.write(b"0123456789")

    do_GET = do_POST = do_HEAD = answer

    def read_body(self):
        if self.headers.get("Transfer-Encoding") != "chunked":
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            return
        while size := int(self.rfile.readline() or b"0", 16):
            self.rfile.read(size + 2)
        self.rfile.readline()

    def log_message(self, *_):
        pass


class SlowServer(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_):
        pass  # a caller that went away is what these tests are about


@pytest.fixture
def slow_app():
    server = SlowServer(("127.0.0.1", 0), SlowApp)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port
    server.shutdown()
    server.server_close()


@pytest.fixture
def mechad(run, slow_app):
    """A sidecar beside a slow application; `.port` is the HTTP port, which also speaks cleartext HTTP/2."""
    daemon = os.environ.get("MECHAD", str(ROOT / "build/release/bin/mechad"))
    port = free_port()
    return run("mechad", port, daemon, "--app-id", "interop", "--app-port", slow_app, "--dapr-http-port", port, "--dapr-grpc-port", free_port(),
               "--dapr-internal-grpc-port", free_port(), "--metrics-port", free_port(), "--dapr-listen-addresses", "127.0.0.1")
