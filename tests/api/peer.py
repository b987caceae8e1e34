"""The other sidecar, played frame by frame over HTTP/2: as the one that is called (`Peer`) and as the one that calls (`Caller`)."""
import queue, socket, struct, sys, threading
from pathlib import Path

import h2.config, h2.connection, h2.errors, h2.events, h2.exceptions
from google.protobuf import message_factory

sys.path.insert(0, str(Path(__file__).parent / "vectors"))
import protos  # noqa: E402,F401  the messages of the peer protocol
from google.protobuf import descriptor_pool  # noqa: E402

SERVICE = "/dapr.proto.internals.v1.ServiceInvocation/"


def kind(name):
    return message_factory.GetMessageClass(descriptor_pool.Default().FindMessageTypeByName("dapr.proto.internals.v1." + name))


RequestStream, ResponseStream = kind("InternalInvokeRequestStream"), kind("InternalInvokeResponseStream")
Request, Response = kind("InternalInvokeRequest"), kind("InternalInvokeResponse")


def framed(message):
    data = message if isinstance(message, bytes) else message.SerializeToString()
    return struct.pack(">BI", 0, len(data)) + data


def request_message(method, verb=3, payload=None, **more):
    """The first message of a stream."""
    out = RequestStream()
    out.request.ver = 1
    out.request.message.method = method
    out.request.message.http_extension.verb = verb
    out.request.metadata["X-From"].values.append("peer")
    if payload is not None:
        out.payload.data = payload
    return out


def answer_message(code=200, payload=None, **headers):
    out = ResponseStream()
    out.response.status.code = code
    for name, value in headers.items():
        out.response.headers[name.replace("_", "-")].values.append(value)
    if payload is not None:
        out.payload.data = payload
    return out


def chunk(kind_, data, seq):
    out = kind_()
    out.payload.data, out.payload.seq = data, seq
    return out


class Stream:
    """One stream of a connection. `reads` False keeps the window shut."""

    def __init__(self, link, number, headers):
        self.link, self.number, self.headers = link, number, dict(headers)
        self.events, self.buffer, self.reset_code, self.ended, self.trailers = queue.Queue(), b"", None, False, {}
        self.reads, self.taken, self.held, self.gone = True, 0, 0, False

    def open_window(self):
        with self.link.lock:
            self.reads = True
            if self.held:
                self.link.h2.acknowledge_received_data(self.held, self.number)
                self.held = 0
            self.link.flush()

    def step(self, timeout=30):
        """Waits for one event of this stream."""
        event = self.events.get(timeout=timeout)
        if isinstance(event, h2.events.DataReceived):
            self.buffer += event.data
        elif isinstance(event, h2.events.StreamEnded):
            self.ended = True
        elif isinstance(event, h2.events.StreamReset):
            self.reset_code, self.ended = event.error_code, True
        elif isinstance(event, (h2.events.ResponseReceived, h2.events.TrailersReceived)):
            self.trailers |= dict(event.headers)
        elif event is None:
            self.reset_code, self.ended = "closed", True

    def message(self, form, timeout=30):
        """The next message, None at the end."""
        while True:
            if len(self.buffer) >= 5:
                size = struct.unpack(">I", self.buffer[1:5])[0]
                if len(self.buffer) >= 5 + size:
                    data, self.buffer = self.buffer[5:5 + size], self.buffer[5 + size:]
                    return form.FromString(data)
            if self.ended:
                return None
            self.step(timeout)

    def messages(self, form):
        out = []
        while (one := self.message(form)) is not None:
            out.append(one)
        return out

    def until_ended(self, timeout=30):
        while not self.ended:
            self.step(timeout)
        return self

    def send_headers(self, *pairs, end=False):
        self.link.send(lambda c: c.send_headers(self.number, [(":status", "200"), ("content-type", "application/grpc"), *pairs], end_stream=end))

    def send(self, message, end=False):
        """As fast as the other side's window allows; raises when the stream is gone."""
        self.send_raw(framed(message), end)

    def send_raw(self, data, end=False, limit_s=30):
        at = 0
        while at < len(data) or (end and at == 0 and not data):
            with self.link.lock:
                if self.gone:
                    raise ConnectionError("the stream was reset")
                room = min(self.link.h2.local_flow_control_window(self.number), self.link.h2.max_outbound_frame_size, len(data) - at)
                if room > 0 or not data:
                    last = at + room >= len(data)
                    self.link.h2.send_data(self.number, data[at:at + room], end_stream=end and last)
                    at += room
                    self.link.flush()
                    if not data:
                        return
                    continue
                self.link.window.clear()
            if not self.link.window.wait(limit_s):
                raise TimeoutError(f"the window stays shut after {at} bytes")

    def end(self):
        self.link.send(lambda c: c.end_stream(self.number))

    def finish(self, status="0", *pairs):
        self.link.send(lambda c: c.send_headers(self.number, [("grpc-status", status), *pairs], end_stream=True))

    def reset(self, code=h2.errors.ErrorCodes.CANCEL):
        self.link.send(lambda c: c.reset_stream(self.number, code))


class Link:
    """One connection, read by a thread of its own."""

    def __init__(self, sock, client, on_stream=None):
        self.sock, self.lock, self.window, self.on_stream = sock, threading.RLock(), threading.Event(), on_stream
        self.h2 = h2.connection.H2Connection(h2.config.H2Configuration(client_side=client, header_encoding="utf-8", validate_inbound_headers=False))
        self.streams, self.open, self.closed, self.pings = {}, set(), False, 0
        with self.lock:
            self.h2.initiate_connection()
            self.h2.increment_flow_control_window(1 << 30)  # streams hold back, not the connection
            self.flush()
        threading.Thread(target=self.read, daemon=True).start()

    def flush(self):
        data = self.h2.data_to_send()
        if data:
            self.sock.sendall(data)

    def send(self, what):
        with self.lock:
            what(self.h2)
            self.flush()

    def read(self):
        try:
            while data := self.sock.recv(1 << 16):
                with self.lock:
                    for event in self.h2.receive_data(data):
                        self.take(event)
                    self.flush()
        except (OSError, h2.exceptions.ProtocolError):
            pass
        self.closed = True
        self.open.clear()
        for stream in list(self.streams.values()):
            stream.events.put(None)

    def take(self, event):
        number = getattr(event, "stream_id", None)
        if isinstance(event, h2.events.RequestReceived):
            self.streams[number] = Stream(self, number, event.headers)
            self.open.add(number)
            threading.Thread(target=self.on_stream, args=(self.streams[number],), daemon=True).start()
            return
        if isinstance(event, (h2.events.WindowUpdated, h2.events.RemoteSettingsChanged)):
            self.window.set()
        if isinstance(event, h2.events.PingReceived):
            self.pings += 1
        stream = self.streams.get(number)
        if stream is None:
            return
        if isinstance(event, h2.events.DataReceived):
            stream.taken += len(event.data)
            if stream.reads:
                self.h2.acknowledge_received_data(event.flow_controlled_length, number)
            else:
                stream.held += event.flow_controlled_length
        if isinstance(event, (h2.events.StreamEnded, h2.events.StreamReset)):
            self.open.discard(number)
            stream.gone = stream.gone or isinstance(event, h2.events.StreamReset)
            self.window.set()
        stream.events.put(event)

    def close(self):
        try:
            self.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.sock.close()


class Peer:
    """Listens as a sidecar does; `script(stream)` plays each call in a thread of its own."""

    def __init__(self):
        self.links, self.script, self.calls, self.failures = [], None, [], []
        self.server = socket.create_server(("127.0.0.1", 0))
        self.port = self.server.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                sock, _ = self.server.accept()
            except OSError:
                return
            try:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self.links.append(Link(sock, False, self.play))
            except OSError:  # gone already: the sidecar asks by a connection whether the port is there
                sock.close()

    def play(self, stream):
        self.calls.append(stream)
        try:
            self.script(stream)
        except (h2.exceptions.ProtocolError, OSError, queue.Empty, TimeoutError) as e:
            self.failures.append(e)

    @property
    def open(self):
        """Streams that the caller has not ended."""
        return sum(len(link.open) for link in self.links if not link.closed)

    def close(self):
        self.server.shutdown(socket.SHUT_RDWR)
        self.server.close()
        for link in self.links:
            link.close()


class Caller:
    """Connects to a sidecar's internal port."""

    def __init__(self, port):
        sock = socket.create_connection(("127.0.0.1", port))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.link, self.next = Link(sock, True), 1

    def start(self, method="CallLocalStream", *pairs, reads=True):
        with self.link.lock:
            number, self.next = self.next, self.next + 2
            stream = self.link.streams[number] = Stream(self.link, number, ())
            stream.reads = reads
            self.link.h2.send_headers(number, [(":method", "POST"), (":scheme", "http"), (":path", method if method.startswith("/") else SERVICE + method), (":authority", "peer"),
                                               ("content-type", "application/grpc"), ("te", "trailers"), *pairs])
            self.link.flush()
        return stream

    def close(self):
        self.link.close()
