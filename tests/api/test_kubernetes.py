"""Components on the API server of Kubernetes, against a scripted one over HTTPS that wants the token of its account."""
import base64, json, socket, ssl, subprocess, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from sidecar import component

SECRETS = {"db": {"user": "joe", "password": "ä"}, "keys": {"wrap": "a key of 32 bytes, and no base64!"[:32]}}


class Api(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        self.server.seen.append(self.path)
        status, body = self.answer()
        body = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def answer(self):
        if self.headers.get("Authorization") != f"Bearer {self.server.token}":
            return 401, {"kind": "Status", "message": "Unauthorized", "code": 401}
        root = "/api/v1/namespaces/ns1/secrets"
        shown = {name: {"kind": "Secret", "metadata": {"name": name}, "type": "Opaque", "data": {k: base64.b64encode(v.encode()).decode() for k, v in items.items()}}
                 for name, items in SECRETS.items()}
        if self.path == root:
            return 200, {"items": list(shown.values())}
        name = self.path.removeprefix(root + "/")
        return (200, shown[name]) if name in shown else (404, {"kind": "Status", "message": f'secrets "{name}" not found', "code": 404})


def make_certificate(folder):
    """Of the server, its own authority."""
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=cluster", "-addext", "subjectAltName=IP:127.0.0.1",
                    "-keyout", folder / "key.pem", "-out", folder / "cert.pem"], check=True, capture_output=True)


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, *arguments):
        self.connections = []
        super().__init__(*arguments)

    def get_request(self):
        got = super().get_request()
        self.connections.append(got[0])
        return got

    def handle_error(self, *_):  # handshakes that the client breaks off
        pass

    def close_connections(self):
        for one in self.connections:
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


@pytest.fixture
def cluster(tmp_path):
    """A kubeconfig of the server, and the server."""
    make_certificate(tmp_path)
    server = Server(("127.0.0.1", 0), Api)
    server.seen, server.token = [], "a-token"
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    server.context = context
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    (tmp_path / "token").write_text("a-token\n")
    (tmp_path / "config").write_text(json.dumps({
        "apiVersion": "v1", "kind": "Config", "current-context": "c",
        "clusters": [{"name": "k", "cluster": {"server": f"https://127.0.0.1:{server.server_port}", "certificate-authority": "cert.pem"}}],
        "users": [{"name": "u", "user": {"tokenFile": "token"}}], "contexts": [{"name": "c", "context": {"cluster": "k", "user": "u"}}]}))
    yield tmp_path / "config", server
    server.shutdown()
    server.server_close()


def test_secrets_come_over_https_with_the_token_of_the_account(launch, cluster):
    config, _ = cluster
    one = launch.sidecar("myapp", resources=[component("k", "secretstores.kubernetes", kubeconfigPath=str(config), defaultNamespace="ns1")])
    assert one.get("/v1.0/secrets/k/db").json == SECRETS["db"]
    assert one.get("/v1.0/secrets/k/bulk").json == SECRETS
    assert one.get("/v1.0/secrets/k/none").error() == (500, "ERR_SECRET_GET", 'failed getting secret with key none from secret store k: secrets "none" not found')


def test_documents_are_encrypted_with_keys_of_a_cluster(launch, cluster):
    config, server = cluster
    one = launch.sidecar("myapp", resources=[component("k", "crypto.dapr.kubernetes.secrets", kubeconfigPath=str(config))])
    names = {"dapr-key-name": "ns1/keys/wrap", "dapr-key-wrap-algorithm": "A256KW"}
    sealed = one.request("PUT", "/v1.0-alpha1/crypto/k/encrypt", names, b"a document")
    assert sealed.status == 200 and b"a document" not in sealed.body
    opened = one.request("PUT", "/v1.0-alpha1/crypto/k/decrypt", {}, sealed.body)
    assert (opened.status, opened.body) == (200, b"a document")
    assert server.seen == ["/api/v1/namespaces/ns1/secrets/keys"] * 2
    refused = one.request("PUT", "/v1.0-alpha1/crypto/k/encrypt", {**names, "dapr-key-name": "ns1/none/wrap"}, b"x")
    assert refused.status == 500 and b"not found" in refused.body


def kubernetes_store(launch, config, **settings):
    return launch.sidecar("myapp", resources=[component("k", "secretstores.kubernetes", kubeconfigPath=str(config), defaultNamespace="ns1", **settings)])


def test_a_token_that_was_changed_is_read_again_when_the_old_one_is_refused(launch, cluster):
    config, server = cluster
    one = kubernetes_store(launch, config)
    assert one.get("/v1.0/secrets/k/db").status == 200
    server.token = "b-token"
    refused = one.get("/v1.0/secrets/k/db")
    assert refused.status == 500 and "Unauthorized" in refused.text and len(server.seen) == 2, "the same token is not tried twice"
    (config.parent / "token").write_text("b-token\n")
    assert one.get("/v1.0/secrets/k/db").json == SECRETS["db"]
    assert len(server.seen) == 4
    (config.parent / "token").unlink()
    assert one.get("/v1.0/secrets/k/db").status == 200
    assert "-token" not in one.log()


def test_an_authority_that_was_changed_is_read_again_when_the_server_is_not_believed(launch, cluster):
    config, server = cluster
    one = kubernetes_store(launch, config)
    assert one.get("/v1.0/secrets/k/db").status == 200
    old = (config.parent / "cert.pem").read_text()
    make_certificate(config.parent)
    server.context.load_cert_chain(config.parent / "cert.pem", config.parent / "key.pem")
    server.close_connections()
    new = (config.parent / "cert.pem").read_text()
    (config.parent / "cert.pem").write_text(old)
    refused = one.get("/v1.0/secrets/k/db")
    assert refused.status == 500 and "certificate" in refused.text, refused
    (config.parent / "cert.pem").write_text(new)
    assert one.get("/v1.0/secrets/k/db").json == SECRETS["db"]


@pytest.mark.parametrize("kind", ["secretstores.kubernetes", "crypto.dapr.kubernetes.secrets"])
def test_a_proxy_is_refused_by_name(launch, cluster, kind):
    config, _ = cluster
    text = json.loads(config.read_text())
    text["clusters"][0]["cluster"]["proxy-url"] = "http://127.0.0.1:1"
    config.write_text(json.dumps(text))
    one = launch.sidecar("myapp", resources=[component("k", kind, kubeconfigPath=str(config))], ready="")
    assert one.wait() == 1
    assert f'kubeconfig: a proxy-url, as of cluster \\"k\\" in {config}, is not in this build' in one.log()
