"""What a state store must do, by the matrix of contract 02, 1.10."""
from dataclasses import dataclass


def shown(outcomes):
    """Of several failures: if all are about etags an invalid one counts most, else the first that is about an etag (contract 02, 1.6)."""
    bad = [one for one in outcomes if one != "ok"]
    about_etags = [one for one in bad if one != "failed"]
    if len(about_etags) == len(bad):
        return "invalid" if "invalid" in bad else bad[0] if bad else "ok"
    return about_etags[0] if about_etags else "failed"


@dataclass(frozen=True)
class Rules:
    etags: bool = True
    transactions: bool = True
    numeric: bool = False             # an etag that is no number is invalid on a set
    creates: bool = False             # a set with an etag on a missing key creates it
    missing_deletes: bool = False     # a delete with an etag on a missing key succeeds
    last_write_ignores: bool = False  # last-write makes the store ignore an etag
    first_write: str = "conflict"     # a first-write without etag on a key that is there
    first_delete: str = "ok"          # the same of a delete
    ttl_shown: str = "set"            # when reads show the expiry: set (a time to live was given), never
    transaction_etags: bool = True


RULES = {
    "in-memory": Rules(first_delete="conflict"),
    "sqlite": Rules(),
    "mysql": Rules(),
    "mongodb": Rules(transactions=False, creates=True),  # this server knows none
    "mongodb-set": Rules(creates=True),
    "postgresql-v1": Rules(numeric=True, first_write="failed"),
    "postgresql-v2": Rules(first_write="failed"),
    "etcd-v1": Rules(first_delete="conflict", ttl_shown="never"),
    "etcd-v2": Rules(first_delete="conflict"),
    "redis": Rules(numeric=True, creates=True, missing_deletes=True, last_write_ignores=True, first_write="sticky", ttl_shown="never", transaction_etags=False),
    "memcached": Rules(etags=False, transactions=False, ttl_shown="never"),
}


@dataclass
class Entry:
    value: object
    ttl: bool
    sticky: bool = False
    etag: str = ""


class Model:
    def __init__(self, rules):
        self.rules, self.entries, self.stale = rules, {}, {}

    def etag(self, key, kind):
        """`kind`: what the operation says of it; a stale one needs a change before."""
        entry = self.entries.get(key)
        if kind == "current":
            return entry.etag if entry else ""
        return {"": "", "stale": self.stale.get(key, ""), "wrong": "987654321", "text": "no-number"}[kind]

    def judge_set(self, it):
        rules, entry = self.rules, self.entries.get(it["key"])
        etag, concurrency = it.get("etag"), it.get("concurrency")
        if not rules.etags:
            return "ok"
        ignored = rules.last_write_ignores and concurrency == "last-write"
        if etag and not ignored and rules.numeric and not etag.isdigit():
            return "invalid"
        if etag and not ignored:
            if entry is None:
                return "ok" if rules.creates else "conflict"
            return "ok" if etag == entry.etag else "conflict"
        if entry is not None and entry.sticky:  # only who shows the etag, and is not last-write, writes
            return "conflict" if etag else "failed"
        if entry is not None and concurrency == "first-write" and rules.first_write != "sticky":
            return rules.first_write
        return "ok"

    def judge_delete(self, it):
        rules, entry = self.rules, self.entries.get(it["key"])
        if not rules.etags:
            return "ok"
        if it.get("etag"):
            if entry is None:
                return "ok" if rules.missing_deletes else "conflict"
            return "ok" if it["etag"] == entry.etag else "conflict"
        return rules.first_delete if entry is not None and it.get("concurrency") == "first-write" else "ok"

    def set(self, it):
        old = self.entries.get(it["key"])
        if old:
            self.stale[it["key"]] = old.etag
        sticky = self.rules.first_write == "sticky" and ((old is not None and old.sticky) or it.get("concurrency") == "first-write")
        self.entries[it["key"]] = Entry(it.get("value"), bool(it.get("ttl")), sticky)

    def delete(self, it):
        old = self.entries.pop(it["key"], None)
        if old:
            self.stale[it["key"]] = old.etag

    def apply_each(self, items, judge, change):
        """Several at once: what is good is done, of the failures one is shown."""
        judged = [judge(it) for it in items]
        for it, verdict in zip(items, judged):
            if verdict == "ok":
                change(it)
        return shown(judged)

    def transact(self, items):
        """All or nothing, and every failure is a plain one."""
        steps = [(it, *((self.judge_set, self.set) if it["kind"] == "upsert" else (self.judge_delete, self.delete))) for it in items]
        if any(judge(it) != "ok" for it, judge, _ in steps):
            return "failed"
        for it, _, change in steps:
            change(it)
        return "ok"
