"""A service: it listens on APP_PORT, and its sidecar brings the calls of others."""
import http.server, json, os

STOCK = {"apples": 12}


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        asked = json.loads(self.body())
        left = STOCK.get(asked["item"], 0) - asked["quantity"]
        self.answer(200 if left >= 0 else 409, {"left": max(left, 0)})

    def body(self):  # of a known length, or in chunks
        if length := self.headers["content-length"]:
            return self.rfile.read(int(length))
        whole = b""
        while size := int(self.rfile.readline(), 16):
            whole += self.rfile.read(size)
            self.rfile.readline()
        return whole

    def do_GET(self):  # the sidecar asks for /dapr/config and /dapr/subscribe: this service has neither
        self.answer(404, {})

    def answer(self, status, value):
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["APP_PORT"])), Handler).serve_forever()
