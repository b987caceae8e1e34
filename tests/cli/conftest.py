"""What tests of the command line share: a home of their own, programs to run, and the tool in a pipe or in a terminal."""
import json, os, signal, subprocess, sys, time
from pathlib import Path

import pexpect
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "api"))
from sidecar import DAEMON, DIES_WITH_PARENT, free_port, request, wait_until  # noqa: E402,F401

MECHA = DAEMON.parent / "mecha"
APP = '''
import http.server, json, os, signal, sys
port = int(os.environ["APP_PORT"])
class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        if self.path == "/dapr/subscribe": out = os.environ.get("SUBSCRIBE", "[]").encode()
        else:
            out = json.dumps({"path": self.path, "method": self.command, "body": body.decode(), "type": self.headers.get("content-type")}).encode()
            print("called", self.path, body.decode(), flush=True)
        self.send_response(500 if self.path == "/fail" else 200)
        self.send_header("content-length", str(len(out))); self.end_headers(); self.wfile.write(out)
        if self.path == "/die": os._exit(3)
    do_GET = do_PUT = do_POST
    def log_message(self, *a): pass
def stop(*a):
    print("app asked to stop", flush=True); os._exit(0)
signal.signal(signal.SIGTERM, stop)
print("app is up", json.dumps({k: v for k, v in os.environ.items() if k.startswith(("APP_", "DAPR_", "T_"))}, sort_keys=True), flush=True)
http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()
'''


class Tool:
    """The command line tool with its own home, folder and registry; everything that it starts ends with the test."""

    def __init__(self, folder):
        self.folder, self.running = folder, []
        (folder / "home").mkdir()
        (folder / "app.py").write_text(APP)
        self.env = {**os.environ, "HOME": str(folder / "home"), "MECHA_REGISTRY_DIR": str(folder / "registry"), "NO_COLOR": "1", "TERM": "xterm", "XDG_DATA_HOME": str(folder / "data"),
                    "RES_OPTIONS": "timeout:1 attempts:3"}  # names that are not there are asked for: a lost packet must not cost 5 s
        for name in ("DAPR_API_TOKEN", "DAPR_RUNTIME_PATH", "MECHA_DAEMON", "NAMESPACE"):
            self.env.pop(name, None)

    def write(self, name, text):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def __call__(self, *words, env=None, stdin="", timeout=60):
        """Runs it to its end: (exit code, standard output, standard error)."""
        done = subprocess.run([MECHA, *map(str, words)], cwd=self.folder, env={**self.env, **(env or {})}, input=stdin, capture_output=True, text=True, timeout=timeout)
        return done.returncode, done.stdout, done.stderr

    def json(self, *words, **more):
        status, out, err = self(*words, "--output", "json", **more)
        assert status == 0, err
        return json.loads(out)

    def start(self, *words, until="You're up and running!", env=None):
        """Starts it with its output in a file; returns when `until` has been printed."""
        path = self.folder / f"out-{len(self.running)}.txt"
        with path.open("wb") as out:
            process = subprocess.Popen([*DIES_WITH_PARENT, str(MECHA), *map(str, words)], cwd=self.folder, env={**self.env, **(env or {})}, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT)
        process.output = lambda: path.read_text(errors="replace")
        self.running.append(process)
        wait_until(lambda: until in process.output() or process.poll() is not None, f"{until!r} in {path}", limit_s=30)
        assert until in process.output(), process.output()
        return process

    def terminal(self, *words, colours=True):
        env = {k: v for k, v in self.env.items() if k != "NO_COLOR" or not colours}
        child = pexpect.spawn(str(MECHA), [str(w) for w in words], cwd=str(self.folder), env=env, encoding="utf-8", timeout=60, dimensions=(40, 200))
        self.running.append(child)
        return child

    def stop_all(self):
        for process in self.running:
            if isinstance(process, pexpect.spawn):
                process.close(force=True)
            elif process.poll() is None:
                process.send_signal(signal.SIGTERM)
                try:
                    process.wait(15)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()


@pytest.fixture
def tool(tmp_path):
    made = Tool(tmp_path)
    yield made
    made.stop_all()


def alive(pid):
    """The process runs (one that has ended and waits for its parent does not)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def name_of(tmp_path):
    """An id that no other test uses: they all see the same processes."""
    return f"t{os.getpid()}-{tmp_path.name[-20:].strip('0123456789').replace('_', '-').strip('-')[:12]}-{time.monotonic_ns() % 100000}"
