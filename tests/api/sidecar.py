"""Starts the daemon under test, talks to it byte-exactly and always stops it by its pid."""
import collections, http.client, json, os, signal, socket, subprocess, threading, time
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

ROOT = Path(__file__).resolve().parents[2]
DAEMON = Path(os.environ.get("MECHAD", ROOT / "build/release/bin/mechad")).resolve()
SLOW = bool(os.environ.get("MECHA_SLOW_DAEMON"))  # a sanitizer build: memory and time say nothing there
READY_S = 60
RUNNING = []  # every sidecar that is alive, for the report of a failed test
_ports, _lock = iter(()), threading.Lock()
_held = collections.deque(maxlen=200)  # the sockets that keep the newest ports


def free_port():
    """A port nobody listens on, and none but the one who was told of it will: it stays bound here. Whoever listens reuses addresses, as servers do."""
    global _ports
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:] or 0)
    while True:
        with _lock:
            port = next(_ports, None)
            if port is None:
                begin = 20000 + 1500 * (worker % 8)
                _ports = iter(range(begin + os.getpid() % 700, begin + 1500))
                continue
            s = socket.socket()
            try:
                s.bind(("127.0.0.1", port))  # without reuse: fails where anybody has it, be it another process of the tests
            except OSError:
                s.close()
                continue
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # from here on one who listens may have it too
            _held.append(s)
            return port


def wait_until(condition, what="the condition", limit_s=30.0, step_s=0.01):
    """The first true value of `condition()`; fails when it does not come in time."""
    end = time.monotonic() + limit_s * (4 if SLOW else 1)
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"waited {limit_s} s in vain for {what}")
        time.sleep(step_s)
        step_s = min(step_s * 1.3, 0.1)


class Message:
    """What requests and answers share: `headers`, pairs in order, and `body`."""

    def all(self, name):
        return [v for k, v in self.headers if k.lower() == name.lower()]

    def header(self, name):
        """Repeated headers joined with `, `; None if there is none."""
        return ", ".join(self.all(name)) if self.all(name) else None

    @property
    def json(self):
        return json.loads(self.body)


@dataclass
class Answer(Message):
    status: int
    headers: list
    body: bytes
    reason: str = ""

    @property
    def text(self):
        return self.body.decode("utf-8", "replace")

    def error(self):
        """(status, error code, message), what most rows of the contract state."""
        try:
            document = self.json
        except ValueError:
            raise AssertionError(f"no JSON error: {self.status} {self.body[:300]!r}") from None
        return self.status, document.get("errorCode"), document.get("message")


def request(port, method, path, headers=(), body=None, json_body=..., host="127.0.0.1", timeout=30, sock=None):
    """One request with the path exactly as given. `headers` may repeat a name; a body gets a Content-Length unless chunked is asked for."""
    connection = http.client.HTTPConnection(host, port, timeout=timeout)
    if sock:
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.settimeout(timeout)
        connection.sock.connect(str(sock))
    try:
        headers = list(headers.items()) if isinstance(headers, dict) else list(headers)
        if json_body is not ...:
            body = json.dumps(json_body).encode()
            headers.append(("Content-Type", "application/json"))
        body = body.encode() if isinstance(body, str) else body
        names = {k.lower() for k, _ in headers}
        connection.putrequest(method, path, skip_host="host" in names, skip_accept_encoding=True)
        for name, value in headers:
            connection.putheader(name, value)
        if "transfer-encoding" in names:
            body = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body) if body else b"0\r\n\r\n"
        elif body is not None and "content-length" not in names:
            connection.putheader("Content-Length", str(len(body)))
        try:
            connection.endheaders(body if body else None)
        except (BrokenPipeError, ConnectionResetError):
            pass  # it was answered, or dropped, before it was whole
        got = connection.getresponse()
        return Answer(got.status, got.getheaders(), got.read(), got.reason)
    finally:
        connection.close()


# Ends with the tests, however they end. Never a `preexec_fn`: it makes Python fork, and the fork handlers of gRPC, which some tests load, may abort the child.
DIES_WITH_PARENT = ("setpriv", "--pdeathsig", "KILL", "--")


def documents(resources):
    """A text of YAML documents, a list of them, or a map of file names."""
    if isinstance(resources, dict):
        return resources
    return {"resources.yaml": resources if isinstance(resources, str) else "\n---\n".join(resources)}


def inbound_retry(component, retries=3, pause="50ms"):
    """A Resiliency document: messages for the application come again from `component`, a constant pause apart."""
    return (f"apiVersion: dapr.io/v1alpha1\nkind: Resiliency\nmetadata: {{name: again}}\nspec:\n"
            f"  policies: {{retries: {{again: {{policy: constant, duration: {pause}, maxRetries: {retries}}}}}}}\n"
            f"  targets: {{components: {{{component}: {{inbound: {{retry: again}}}}}}}}\n")


def component(name, kind, metadata=None, extra="", **settings):
    """One Component document. Metadata values are written as JSON, which YAML reads."""
    items = {**(metadata or {}), **settings}
    rows = "".join(f"  - {{name: {json.dumps(k)}, value: {json.dumps(v)}}}\n" for k, v in items.items())
    return (f"apiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata: {{name: {json.dumps(name)}}}\n"
            f"spec:\n  type: {kind}\n  version: v1\n" + (f"  metadata:\n{rows}" if rows else "") + extra)


@dataclass
class Sidecar:
    folder: Path
    app_id: str = "app"
    resources: object = ""
    config: str = ""
    flags: tuple = ()
    env: dict = field(default_factory=dict)
    app: object = None
    registry: Path = None
    ready: str = "/v1.0/healthz"  # what must answer 204 before `start` returns; "" waits for nothing
    before: tuple = ()  # words before the command: a program that sets something and becomes the daemon
    log_level: str = "info"

    def __post_init__(self):
        self.http, self.grpc, self.internal, self.metrics = (free_port() for _ in range(4))
        self.process = None
        self.folder.mkdir(parents=True, exist_ok=True)
        self.log_file = self.folder / "log.txt"

    def command(self):
        words = [str(DAEMON), "--app-id", self.app_id, "--dapr-http-port", str(self.http), "--dapr-grpc-port", str(self.grpc),
                 "--dapr-internal-grpc-port", str(self.internal), "--metrics-port", str(self.metrics), "--dapr-listen-addresses", "127.0.0.1",
                 "--log-level", self.log_level]
        if self.resources:
            where = self.folder / "resources"
            where.mkdir(exist_ok=True)
            for name, text in documents(self.resources).items():
                (where / name).write_text(text)
            words += ["--resources-path", str(where)]
        if self.config:
            (self.folder / "config.yaml").write_text(self.config)
            words += ["--config", str(self.folder / "config.yaml")]
        if self.app is not None:
            words += ["--app-port", str(getattr(self.app, "port", self.app))]
        # MECHA_TEST_FLAGS: further flags for every sidecar of a run, such as `--mecha-shards 3`
        return words + os.environ.get("MECHA_TEST_FLAGS", "").split() + [str(f) for f in self.flags]

    def start(self):
        registry = self.registry or self.folder / "registry"
        registry.mkdir(parents=True, exist_ok=True)
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("DAPR_", "APP_API", "NAMESPACE", "OTEL_"))}
        environment |= {"MECHA_REGISTRY_DIR": str(registry), "DAPR_HOST_IP": "127.0.0.1", **{k: str(v) for k, v in self.env.items()}}

        with open(self.log_file, "ab") as log:
            self.process = subprocess.Popen([*DIES_WITH_PARENT, *self.before, *self.command()], stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                                            cwd=self.folder, env=environment)
        RUNNING.append(self)
        if self.ready:
            self.wait_ready(self.ready)
        return self

    def wait_ready(self, path="/v1.0/healthz"):
        def answers():
            if self.process.poll() is not None:
                raise AssertionError(f"the daemon ended with {self.process.returncode}: {self.log()[-1500:]}")
            try:
                return self.request("GET", path, timeout=5).status == 204
            except (OSError, http.client.HTTPException):
                return False
        wait_until(answers, f"{path} of {self.app_id}", READY_S)

    def request(self, method, path, headers=(), body=None, **more):
        return request(more.pop("port", self.http), method, path, headers, body, **more)

    def get(self, path, headers=(), **more):
        return self.request("GET", path, headers, **more)

    def post(self, path, json_body=..., headers=(), body=None, **more):
        return self.request("POST", path, headers, body, json_body=json_body, **more)

    def invoke(self, target, method, verb="POST", **more):
        return self.request(verb, f"/v1.0/invoke/{quote(target, safe='')}/method/{method}", **more)

    def connect(self, timeout=10):
        s = socket.create_connection(("127.0.0.1", self.http), timeout)
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return s

    def log(self):
        """What it has said so far: of a line that is being written, nothing."""
        text = self.log_file.read_text(errors="replace") if self.log_file.exists() else ""
        return text[:text.rfind("\n") + 1] if self.alive else text

    def says(self, text, limit_s=30):
        wait_until(lambda: text in self.log(), f"{text!r} in the log", limit_s)

    def memory_kb(self, field="VmHWM"):
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith(field + ":"):
                return int(line.split()[1])
        raise AssertionError(f"no {field}")

    @property
    def alive(self):
        return self.process is not None and self.process.poll() is None

    def signal(self, sign):
        self.process.send_signal(sign)

    def wait(self, limit_s=60):
        """The exit code."""
        try:
            return self.process.wait(limit_s * (4 if SLOW else 1))
        except subprocess.TimeoutExpired:
            raise AssertionError(f"the daemon did not end within {limit_s} s") from None
        finally:
            if self in RUNNING and not self.alive:
                RUNNING.remove(self)

    def stop(self, limit_s=60):
        self.signal(signal.SIGTERM)
        return self.wait(limit_s)

    def kill(self):
        """kill -9."""
        if self.alive:
            self.process.kill()
        if self.process is not None:
            self.process.wait()
        if self in RUNNING:
            RUNNING.remove(self)


def run_daemon(*flags, env=None, folder="/", timeout=30):
    """Runs the daemon to its end: (exit code, stdout, stderr)."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("DAPR_", "APP_API", "NAMESPACE"))} | {"MECHA_REGISTRY_DIR": "/dev/null/registry"} | (env or {})
    done = subprocess.run([*DIES_WITH_PARENT, str(DAEMON), *map(str, flags)], capture_output=True, text=True, cwd=folder, env=environment, timeout=timeout)
    return done.returncode, done.stdout, done.stderr
