"""Load from several threads, each with its own connection; remembers what was acknowledged."""
import http.client, json, threading

from sidecar import wait_until


class Load:
    """Calls `work(connection, number)` until stopped. A true result is an acknowledgement of that number; a broken connection is none."""

    def __init__(self, port, work, threads=4, limit=1 << 30, timeout=30):
        self.port, self.work, self.limit, self.timeout = port, work, limit, timeout
        self.acknowledged, self.errors, self.lock, self.stopped, self.next = [], [], threading.Lock(), threading.Event(), 0
        self.threads = [threading.Thread(target=self.run, daemon=True) for _ in range(threads)]

    def __enter__(self):
        for t in self.threads:
            t.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def take(self):
        with self.lock:
            self.next += 1
            return self.next - 1

    def run(self):
        connection = None
        while not self.stopped.is_set():
            number = self.take()
            if number >= self.limit:
                return
            try:
                connection = connection or http.client.HTTPConnection("127.0.0.1", self.port, timeout=self.timeout)
                if self.work(connection, number):
                    with self.lock:
                        self.acknowledged.append(number)
            except (OSError, http.client.HTTPException) as e:
                with self.lock:
                    self.errors.append((number, repr(e)))
                connection = None
                self.stopped.wait(0.01)

    def reach(self, count, limit_s=20):
        wait_until(lambda: len(self.acknowledged) >= count, f"{count} acknowledgements ({len(self.acknowledged)}, errors {self.errors[-3:]})", limit_s)

    def stop(self):
        self.stopped.set()
        for t in self.threads:
            t.join(40)
        return list(self.acknowledged)


def call(connection, method, path, body=None, headers=None):
    connection.request(method, path, body, headers or {})
    got = connection.getresponse()
    return got.status, got.read()


def saving(store, statuses=None, options=None):
    """Saves key k<number> = number."""
    def work(connection, number):
        status, body = call(connection, "POST", f"/v1.0/state/{store}", json.dumps([{"key": f"k{number}", "value": number, "options": options or {}}]))
        if statuses is not None:
            statuses.append((status, body))
        return status == 204
    return work


def publishing(topic, pubsub="ps", query=""):
    def work(connection, number):
        status, body = call(connection, "POST", f"/v1.0/publish/{pubsub}/{topic}?metadata.cloudevent.id=m{number}{query}", str(number), {"Content-Type": "application/json"})
        return status == 204
    return work


def lost(one, store, numbers):
    """The acknowledged numbers that cannot be read back."""
    missing = []
    for start in range(0, len(numbers), 500):
        part = numbers[start:start + 500]
        got = {i["key"]: i.get("data") for i in one.post(f"/v1.0/state/{store}/bulk", {"keys": [f"k{n}" for n in part], "parallelism": 16}).json}
        missing += [n for n in part if got.get(f"k{n}") != n]
    return missing
