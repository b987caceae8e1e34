"""A gRPC application whose methods are what `service` says: the server that the applications of several tests are."""
import concurrent.futures

import grpc

from sidecar import free_port


class GenericApp(grpc.GenericRpcHandler):
    """Subclasses have `service`, and set what it uses before they call this: the server answers from here on."""

    def __init__(self, threads=8, options=()):
        self.port = free_port()
        self.server = grpc.server(concurrent.futures.ThreadPoolExecutor(threads), handlers=(self,), options=options)
        self.server.add_insecure_port(f"127.0.0.1:{self.port}")
        self.server.start()

    def close(self):
        self.server.stop(0)
