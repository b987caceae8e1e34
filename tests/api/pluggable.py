"""A pluggable component in a process of its own, for the tests that need one."""
import json, sqlite3, subprocess, sys, tempfile
from pathlib import Path

from sidecar import DIES_WITH_PARENT

HERE = Path(__file__).resolve().parent
STATE = ("StateStore", "TransactionalStateStore", "QueriableStateStore", "TransactionalStoreMultiMaxSize")


class Process:
    """A component on a socket of its own."""

    def __init__(self, sockets, name, *services):
        self.socket, self.services = sockets / f"{name}.sock", services
        self.folder = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=sockets.parent))
        self.process = None

    def start(self):
        with open(self.folder / "log.txt", "ab") as log:
            self.process = subprocess.Popen([*DIES_WITH_PARENT, sys.executable, str(HERE / "pluggable_component.py"), str(self.socket), str(self.folder), *self.services],
                                            stdout=subprocess.PIPE, stderr=log, stdin=subprocess.DEVNULL)
        assert self.process.stdout.readline() == b"serving\n", (self.folder / "log.txt").read_text()
        return self

    def kill(self):
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process.stdout.close()
            self.process = None

    def ask(self, sql, *values):
        with sqlite3.connect(self.folder / "component.db") as db:
            return db.execute(sql, values).fetchall()

    def calls(self, method, pid=None):
        rows = self.ask("select instance, pid, document from calls where method = ?", method)
        return [(instance, json.loads(document)) for instance, one, document in rows if pid in (None, one)]
