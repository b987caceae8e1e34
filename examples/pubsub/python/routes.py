"""An application that is told of messages over HTTP: asked what it wants, it names topics and paths; each path answers with a verdict."""
import http.server, json, os

# [subscriptions]
SUBSCRIPTIONS = [
    {"pubsubname": "bus", "topic": "orders", "deadLetterTopic": "dead-orders",
     "routes": {"rules": [{"match": "event.data.quantity > 100", "path": "/large"}], "default": "/orders"}},
    {"pubsubname": "bus", "topic": "dead-orders", "route": "/dead"},
    {"pubsubname": "bus", "topic": "clicks", "route": "/clicks", "bulkSubscribe": {"enabled": True, "maxMessagesCount": 50, "maxAwaitDurationMs": 200}},
]
# [/subscriptions]


# [verdicts]
def handle(path, event):
    if path == "/clicks":  # many at once: a verdict for each
        print(f"clicks: {' '.join(entry['event']['data'] for entry in event['entries'])}", flush=True)
        return {"statuses": [{"entryId": entry["entryId"], "status": "SUCCESS"} for entry in event["entries"]]}
    order = event["data"]
    print(f"{path[1:]}: {json.dumps(order)}", flush=True)
    if path == "/dead":
        return {"status": "SUCCESS"}
    if order["quantity"] < 0:  # something that we hope to be able to do later
        return {"status": "RETRY"}
    return {"status": "SUCCESS" if order["quantity"] > 0 else "DROP"}
# [/verdicts]


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.answer(200, SUBSCRIPTIONS) if self.path == "/dapr/subscribe" else self.answer(404, {})

    def do_POST(self):
        self.answer(200, handle(self.path, json.loads(self.rfile.read(int(self.headers["content-length"])))))

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
