"""The same commands as main.go, by the independent library `zeroconf` of Python: serve and browse."""
import json
import os
import queue
import signal
import socket
import sys

from zeroconf import DNSOutgoing, DNSPointer, DNSQuestion, IPVersion, RecordUpdateListener, ServiceInfo, Zeroconf
from zeroconf.const import _CLASS_IN as CLASS_IN, _FLAGS_QR_QUERY as FLAGS_QUERY, _TYPE_PTR as TYPE_PTR


def packed(address):
    return socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address)


def serve(net, app_id, addresses, port):
    host = socket.gethostname()
    text = app_id.encode()
    info = ServiceInfo(f"{app_id}.local.", f"{host}:{os.getpid()}.{app_id}.local.", port, server=f"{host}.local.",
                                addresses=[packed(a) for a in addresses], properties=bytes([len(text)]) + text)
    net.register_service(info, strict=False)
    print("ready", flush=True)
    signal.sigwait({signal.SIGTERM})
    net.unregister_service(info)


class Records(RecordUpdateListener):
    """Names of instances as they come and go; the library's own browser wants types with an underscore."""

    def __init__(self):
        self.changes = queue.Queue()

    def async_update_records(self, _, now, updates):
        for update in updates:
            if isinstance(update.new, DNSPointer) and update.old is None:
                self.changes.put(("Added", update.new.alias))
            elif isinstance(update.new, DNSPointer) and update.new.is_expired(now):
                self.changes.put(("Removed", update.new.alias))


def browse(net, app_id):
    kind, records = f"{app_id}.local.", Records()
    question = DNSQuestion(kind, TYPE_PTR, CLASS_IN)
    net.add_listener(records, question)
    query = DNSOutgoing(FLAGS_QUERY)
    query.add_question(question)
    net.send(query)
    while True:
        change, name = records.changes.get()
        line = {"change": change, "instance": name.removesuffix("." + kind)}
        if change == "Added":
            info = ServiceInfo(kind, name)
            assert info.request(net, 3000), name
            line |= {"host": info.server, "port": info.port, "text": [k.decode() for k in info.properties],
                     "ip4": info.parsed_addresses(IPVersion.V4Only), "ip6": info.parsed_addresses(IPVersion.V6Only)}
        print(json.dumps(line), flush=True)


signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
network = Zeroconf(ip_version=IPVersion.All)
if sys.argv[1] == "serve":
    serve(network, sys.argv[2], sys.argv[3].split(","), int(sys.argv[4]))
else:
    browse(network, sys.argv[2])
network.close()
