"""Components on the API server of Kubernetes, against a scripted one over HTTPS that wants the token of its account."""
import base64, json, ssl, subprocess, threading
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
        if self.headers.get("Authorization") != "Bearer a-token":
            return 401, {"kind": "Status", "message": "Unauthorized", "code": 401}
        root = "/api/v1/namespaces/ns1/secrets"
        shown = {name: {"kind": "Secret", "metadata": {"name": name}, "type": "Opaque", "data": {k: base64.b64encode(v.encode()).decode() for k, v in items.items()}}
                 for name, items in SECRETS.items()}
        if self.path == root:
            return 200, {"items": list(shown.values())}
        name = self.path.removeprefix(root + "/")
        return (200, shown[name]) if name in shown else (404, {"kind": "Status", "message": f'secrets "{name}" not found', "code": 404})


@pytest.fixture
def cluster(tmp_path):
    """A kubeconfig of the server, and the server."""
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=cluster", "-addext", "subjectAltName=IP:127.0.0.1",
                    "-keyout", tmp_path / "key.pem", "-out", tmp_path / "cert.pem"], check=True, capture_output=True)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Api)
    server.seen = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    server.socket = context.wrap_socket(server.socket, server_side=True)
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
