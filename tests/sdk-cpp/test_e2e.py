"""The C++ client against a daemon: every capability, over TCP, a Unix socket and with a token, Redis behind them."""
import os, subprocess, time
from concurrent import futures
from urllib.parse import urlsplit

import grpc
import pytest

from application import reply
from conftest import PROGRAMS
from sidecar import component, inbound_retry

OCTETS = "YGFiY2RlZmdoaWprbG1ub3BxcnN0dXZ3eHl6e3x9fn8"
SCOPES = "spec:\n  secrets:\n    scopes:\n    - {storeName: vault, deniedSecrets: [hidden]}\n"
# What an application answers by `retry` comes again where a policy says so.
AGAIN = inbound_retry("bus")


class EchoService(grpc.GenericRpcHandler):
    def __init__(self):
        self.server = grpc.server(futures.ThreadPoolExecutor(4), handlers=(self,))
        self.port = self.server.add_insecure_port("127.0.0.1:0")
        self.server.start()

    def service(self, call):
        return grpc.unary_unary_rpc_method_handler(lambda message, _: message) if call.method == "/test.Echo/Unary" else None


@pytest.fixture(scope="module")
def world(launch_module, redis_address):
    """What all sidecars of this module see: other applications, and their resources."""
    other = launch_module.app()
    other.on("/echo", lambda call: reply(200, call.received.body, Content_Type="application/json"))
    other.on("/query", lambda call: reply(200, call.received.query))
    other.on("/refuse", reply(418, b"a teapot"))
    other.on("/trace", lambda call: reply(200, call.received.header("traceparent") or ""))
    other.on("/page", reply(200, b"a page"))
    other.on("/slow", lambda call: time.sleep(1) or reply(200))
    launch_module.sidecar("other", app=other)
    service = EchoService()
    launch_module.sidecar("grpc-app", app=service.port, flags=("--app-protocol", "grpc"))
    folder = launch_module.folder
    (folder / "secrets.json").write_text('{"password": "secret", "hidden": "x"}')
    (folder / "keys").mkdir()
    (folder / "keys/k1").write_text(OCTETS)
    resources = [
        component("store", "state.redis", redisHost=redis_address), component("redis", "bindings.redis", redisHost=redis_address, redisDB="14"),
        component("bus", "pubsub.redis", redisHost=redis_address),
        component("conf", "configuration.redis", redisHost=redis_address, redisDB="14"), component("locks", "lock.redis", redisHost=redis_address),
        component("vault", "secretstores.local.file", secretsFile=str(folder / "secrets.json")),
        component("crypto", "crypto.dapr.localstorage", path=str(folder / "keys")),
        component("files", "bindings.localstorage", rootPath=str(folder / "files")),
        component("web", "bindings.http", url=f"http://127.0.0.1:{other.port}")]
    yield {"components.yaml": "\n---\n".join(resources), "resiliency.yaml": AGAIN}
    service.server.stop(0)


def play(what, **environment):
    command = ["timeout", "90", PROGRAMS / "mecha_sdk_e2e", what, "--durations", "yes"]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", env={"PATH": os.environ["PATH"], **environment})
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert "All tests passed" in done.stdout


def without(*tags):
    return "[e2e]~[last]" + "".join(f"~[{tag}]" for tag in tags)


def test_over_tcp(launch_module, world):
    daemon = launch_module.sidecar(resources=world, config=SCOPES)
    play(without("query", "token"), DAPR_GRPC_PORT=str(daemon.grpc))
    play("[last]", DAPR_GRPC_ENDPOINT=f"http://127.0.0.1:{daemon.grpc}")
    assert daemon.wait() == 0


def test_over_a_unix_socket(launch_module, world, tmp_path):
    launch_module.sidecar(resources=world, config=SCOPES, flags=("--unix-domain-socket", str(tmp_path)), ready="")
    daemon = launch_module.sidecars[-1]
    daemon.says("dapr initialized. Status: Running")
    play(without("query", "token"), DAPR_GRPC_ENDPOINT=f"unix:{tmp_path}/dapr-app-grpc.socket")


def test_with_a_token(launch_module, world):
    daemon = launch_module.sidecar(resources=world, config=SCOPES, env={"DAPR_API_TOKEN": "right"})
    play(without("query"), DAPR_GRPC_PORT=str(daemon.grpc), DAPR_API_TOKEN="right")


def test_queries(launch_module, server_address):
    url = urlsplit(server_address("postgres")) if "://" in server_address("postgres") else None
    connection = server_address("postgres") if url is None else url.geturl()
    daemon = launch_module.sidecar(resources=[component("documents", "state.postgresql", connectionString=connection), component("store", "state.in-memory")])
    play("[query]", DAPR_GRPC_PORT=str(daemon.grpc))


def test_over_tls(tmp_path):
    for name in ("server", "other"):
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=sidecar",
                        "-addext", "subjectAltName=IP:127.0.0.1,DNS:sidecar.test", "-keyout", tmp_path / f"{name}.key", "-out", tmp_path / f"{name}.pem"],
                       check=True, capture_output=True)
    play("[tls]", E2E_CERTIFICATES=str(tmp_path))
