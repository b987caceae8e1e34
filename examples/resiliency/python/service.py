"""A service that has its bad moments: /flaky fails twice and then works, /slow takes a second."""
import http.server, json, os, time

tries = 0


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        global tries
        if self.path == "/flaky":
            tries += 1
            self.answer(200 if tries % 3 == 0 else 503, {"try": tries})
        elif self.path == "/slow":
            time.sleep(1)
            self.answer(200, {})
        else:  # /dapr/config and /dapr/subscribe, which this application does not have
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
