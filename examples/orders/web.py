"""What both applications stand on: a small HTTP server and a client of the sidecar. Standard library only.

The applications know localhost and names ("statestore", "orderbus", "warehouse"), never a backend or an address.
"""
import http.client
import http.server
import json
import os
import signal
import socket
import sys
import threading


class Sidecar:
    """Calls the sidecar on localhost; one kept-alive connection per thread."""

    def __init__(self, port=None):
        self.port, self.local = int(port or os.environ["DAPR_HTTP_PORT"]), threading.local()

    def call(self, method, path, body=None):
        """(status, parsed body). A connection that the sidecar closed is opened again once; raises OSError when it is away."""
        data = None if body is None else json.dumps(body).encode()
        for attempt in (1, 2):
            connection = getattr(self.local, "connection", None)
            fresh = connection is None
            if fresh:
                connection = self.local.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
            try:
                connection.request(method, path, data, {"Content-Type": "application/json"} if data is not None else {})
                answer = connection.getresponse()
                text = answer.read()
                return answer.status, json.loads(text) if text else None
            except (OSError, http.client.HTTPException) as e:
                connection.close()
                self.local.connection = None
                if fresh or attempt == 2:
                    raise ConnectionError(f"the sidecar does not answer: {e}") from e

    def invoke(self, app, method, body=None):
        return self.call("POST" if body is not None else "GET", f"/v1.0/invoke/{app}/method/{method}", body)

    def publish(self, broker, topic, event, key):
        """Events of one key are delivered one after another."""
        return self.expect(204, self.call("POST", f"/v1.0/publish/{broker}/{topic}?metadata.partitionKey={key}", event))

    def save(self, store, key, value):
        self.expect(204, self.call("POST", f"/v1.0/state/{store}", [{"key": key, "value": value}]))

    def get(self, store, *keys):
        """{key: (value or None, etag)}"""
        found = self.expect(200, self.call("POST", f"/v1.0/state/{store}/bulk", {"keys": list(keys), "parallelism": 4}))
        return {item["key"]: (item.get("data"), item.get("etag")) for item in found}

    def transact(self, store, *items):
        """Saves all (key, value, etag or None) or none of them."""
        operations = [{"operation": "upsert", "request": {"key": k, "value": v, **({"etag": e, "options": {"concurrency": "first-write"}} if e else {})}} for k, v, e in items]
        self.expect(204, self.call("POST", f"/v1.0/state/{store}/transaction", {"operations": operations}))

    def secret(self, store, name):
        return self.expect(200, self.call("GET", f"/v1.0/secrets/{store}/{name}"))[name]

    @staticmethod
    def expect(status, answer):
        if answer[0] != status:
            raise RuntimeError(f"the sidecar answered {answer[0]}: {answer[1]}")
        return answer[1]


class Locks:
    """One lock per name: what belongs together is handled one after another within this process."""

    def __init__(self):
        self.guard, self.locks = threading.Lock(), {}

    def __call__(self, name):
        with self.guard:
            return self.locks.setdefault(name, threading.Lock())


class Server(http.server.ThreadingHTTPServer):
    daemon_threads, request_queue_size, allow_reuse_address = True, 256, True

    def handle_error(self, *_):
        pass  # a client that went away is no event


def serve(routes):
    """Serves {(method, path): function(body) -> (status, answer)} on APP_PORT until SIGTERM."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version, wbufsize, disable_nagle_algorithm = "HTTP/1.1", -1, True

        def answer(self):
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            path = self.path.partition("?")[0]
            try:
                if self.command == "OPTIONS":  # the sidecar asks whether an input binding is wanted
                    status, result = (200 if ("POST", path) in routes else 404), None
                elif (self.command, path) in routes:
                    status, result = routes[self.command, path](json.loads(body) if body else None)
                else:
                    status, result = 404, None
            except Exception as e:  # whoever called tries again: every handler is idempotent
                status, result = 503, {"error": f"{type(e).__name__}: {e}"}
            text = json.dumps(result).encode() if result is not None else b""
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)
            self.wfile.flush()

        do_GET = do_POST = do_OPTIONS = do_PUT = do_DELETE = answer

        def log_message(self, *_):
            pass

    server = Server(("127.0.0.1", int(os.environ["APP_PORT"])), Handler)
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    print(f"listening on {socket.gethostname()} port {server.server_port}", file=sys.stderr, flush=True)
    server.serve_forever(0.1)
