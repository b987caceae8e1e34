"""Servers that fall silent: what stands before one and stops to pass on, and what never says a word."""
import os, re, socket, threading

from application import RawApp


class Relay:
    """Stands before a server and passes everything on, until it falls silent: then both sides wait."""

    def __init__(self, port):
        self.upstream, self.speaks = port, threading.Event()
        self.speaks.set()
        self.app = RawApp(self.talk)
        self.port = self.app.port

    def talk(self, near):
        with socket.create_connection(("127.0.0.1", self.upstream)) as far:
            back = threading.Thread(target=self.pump, args=(far, near), daemon=True)
            back.start()
            self.pump(near, far)
            back.join()

    def pump(self, source, sink):
        try:
            while data := source.recv(65536):
                self.speaks.wait()
                sink.sendall(data)
        except OSError:
            pass
        for each in (source, sink):
            try:
                each.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


class Silent:
    """Takes connections and requests, and never answers."""

    def __init__(self):
        self.app = RawApp(self.talk)
        self.port = self.app.port

    def talk(self, connection):
        while connection.recv(65536):
            pass


def relayed(relays, name):
    """The address of a server of the test run, by way of a relay; None without the server."""
    address = os.environ.get("MECHA_TEST_" + name.upper())
    if address is None:
        return None
    port = re.search(r"127\.0\.0\.1:(\d+)", address).group(1)
    if port not in relays:
        relays[port] = Relay(int(port))
    return address.replace(f":{port}", f":{relays[port].port}", 1)


class Relayed:
    """Servers behind relays, which fall silent together."""

    def __init__(self, relays):
        self.relays = relays

    def fall_silent(self):
        for relay in self.relays.values():
            relay.speaks.clear()

    def speak(self):
        for relay in self.relays.values():
            relay.speaks.set()
