"""A scripted HTTP application: answers by routes, remembers what it received; handlers may stream."""
import concurrent.futures, http.server, json, re, socket, threading
from dataclasses import dataclass, field

from sidecar import Message, wait_until


@dataclass
class Received(Message):
    method: str
    path: str
    query: str
    headers: list
    body: bytes = b""


@dataclass
class Reply:
    status: int = 200
    body: object = b""
    headers: list = field(default_factory=list)


def reply(status=200, body=b"", json_body=..., **headers):
    fields = [(k.replace("_", "-"), v) for k, v in headers.items()]
    if json_body is not ...:
        body = json.dumps(json_body)
        fields.append(("Content-Type", "application/json"))
    return Reply(status, body.encode() if isinstance(body, str) else body, fields)


class RawApp:
    """Listens on a port of its own and hands each connection to `talk` in a thread of its own; for applications that break rules."""

    def __init__(self, talk):
        self.talk, self.server = talk, socket.create_server(("127.0.0.1", 0))
        self.port = self.server.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                connection, _ = self.server.accept()
            except OSError:
                return
            threading.Thread(target=self._talk, args=(connection,), daemon=True).start()

    def _talk(self, connection):
        with connection:
            try:
                self.talk(connection)
            except OSError:
                pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """From here on connections are refused: a thread that waits for the next one would still take it after a mere close."""
        self.server.shutdown(socket.SHUT_RDWR)
        self.server.close()


class Call:
    """One request inside a handler. A handler returns a Reply, or None after it has written by itself."""

    def __init__(self, handler, received):
        self.handler, self.received = handler, received

    def pieces(self, size=1 << 16):
        """The body as it comes, without keeping it."""
        headers, file = self.handler.headers, self.handler.rfile

        def take(left):
            while left:
                piece = file.read(min(left, size))
                if not piece:
                    raise ConnectionError("the body broke off")
                left -= len(piece)
                yield piece
        if not headers.get("Transfer-Encoding"):
            yield from take(int(headers.get("Content-Length") or 0))
            return
        while length := int(file.readline().split(b";")[0], 16):
            yield from take(length)
            file.readline()
        file.readline()

    def start(self, status=200, headers=()):
        """Sends a head with chunked encoding; pieces follow by `send`."""
        self.handler.send_response_only(status)
        for name, value in headers:
            self.handler.send_header(name, value)
        self.handler.send_header("Transfer-Encoding", "chunked")
        self.handler.end_headers()
        self.handler.wfile.flush()

    def send(self, data):
        self.handler.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.handler.wfile.flush()

    def end(self):
        self.handler.wfile.write(b"0\r\n\r\n")
        self.handler.wfile.flush()

    def gone(self):
        """True once the other side has closed the connection."""
        s = self.handler.connection
        s.settimeout(0.0)
        try:
            return s.recv(1, socket.MSG_PEEK) == b""
        except BlockingIOError:
            return False
        except OSError:
            return True
        finally:
            s.settimeout(None)


class App:
    def __init__(self, port=0, tls=None):
        """`tls`: an ssl.SSLContext, for an application that speaks TLS."""
        self.received, self.routes, self.lock = [], [], threading.Lock()
        app = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version, disable_nagle_algorithm, wbufsize = "HTTP/1.1", True, 1 << 16

            def answer(self):
                path, _, query = self.path.partition("?")
                call = Call(self, Received(self.command, path, query, self.headers.items()))
                route = app.route(self.command, path)
                streaming = getattr(route, "streams", False)
                if not streaming:
                    call.received.body = b"".join(call.pieces())
                with app.lock:
                    app.received.append(call.received)
                out = route(call) if callable(route) else route
                if out is not None:
                    self.write(out)

            def write(self, out):
                names = {k.lower() for k, _ in out.headers}
                self.send_response_only(out.status)
                for name, value in out.headers:
                    self.send_header(name, value)
                if not names & {"content-length", "transfer-encoding"} and out.status not in (204, 304) and out.status >= 200:
                    self.send_header("Content-Length", str(len(out.body)))
                self.end_headers()
                if self.command != "HEAD" and out.status not in (204, 304):
                    self.wfile.write(out.body)

            def __getattr__(self, name):
                if name.startswith("do_"):
                    return self.answer
                raise AttributeError(name)

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads, request_queue_size, allow_reuse_address = True, 256, True

            def handle_error(self, *_):
                pass

        self.server = Server(("127.0.0.1", port), Handler)
        self.port = self.server.server_address[1]
        if tls:  # the handshake belongs to the thread of the connection
            self.server.socket = tls.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def on(self, path, answer, method=None, times=None):
        """`path` is a full regular expression; the newest matching route wins. `answer`: a Reply or a function of a Call."""
        with self.lock:
            self.routes.insert(0, [method, re.compile(path), answer, times])
        return self

    def route(self, method, path):
        with self.lock:
            for entry in self.routes:
                wanted, pattern, answer, times = entry
                if wanted in (None, method) and pattern.fullmatch(path) and times != 0:
                    if times is not None:
                        entry[3] -= 1
                    return answer
        return Reply(404)

    def calls(self, path=None, method=None):
        with self.lock:
            return [r for r in self.received if (path is None or re.fullmatch(path, r.path)) and method in (None, r.method)]

    def wait_for(self, path, count=1, method=None, limit_s=30):
        """At least `count` calls of this path."""
        wait_until(lambda: len(self.calls(path, method)) >= count, f"{count} calls of {path}", limit_s)
        return self.calls(path, method)

    def forget(self):
        with self.lock:
            self.received.clear()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def streams(handler):
    """Marks a handler that reads the body by itself."""
    handler.streams = True
    return handler


def echo(call):
    """Says what it got, as JSON."""
    r = call.received
    return reply(json_body={"method": r.method, "path": r.path, "query": r.query, "headers": [[k, v] for k, v in r.headers], "body": r.body.decode("utf-8", "replace")})


class RefusingApp:
    """A gRPC application that answers every call with INVALID_ARGUMENT, "refused" and `details`, each an Any."""

    def __init__(self, details):
        import grpc
        from google.rpc.status_pb2 import Status
        packed = Status(code=3, message="refused", details=details).SerializeToString()

        def refuse(_, context):
            context.set_trailing_metadata((("grpc-status-details-bin", packed),))
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "refused")

        class Any(grpc.GenericRpcHandler):
            def service(self, _):
                return grpc.unary_unary_rpc_method_handler(refuse)
        self.server = grpc.server(concurrent.futures.ThreadPoolExecutor(4), handlers=(Any(),))
        self.port = self.server.add_insecure_port("127.0.0.1:0")
        self.server.start()

    def close(self):
        self.server.stop(0)
