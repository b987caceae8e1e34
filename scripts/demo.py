#!/usr/bin/env python3
"""The story that ./scripts/demo tells: a shop, a warehouse and payments in C++, each beside its sidecar, and one sidecar killed in the middle.

    demo.py --daemon build/release/bin/mechad [--payments build/payments/payments] [--orders 3000] [--backends redis-kafka,embedded]

For every folder of YAML the same applications run unchanged; at the end every order is looked up and counted.
"""
import argparse
import http.client
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from servers import Servers, Unavailable, free_port  # noqa: E402

ROOT = Path(__file__).resolve().parents[1]
EXAMPLE = ROOT / "examples" / "orders"
sys.path.insert(0, str(EXAMPLE))
from web import Sidecar  # noqa: E402

BACKENDS = {"redis-kafka": "Redis state, Kafka broker", "redis": "Redis state, Redis broker", "embedded": "SQLite state, in-memory broker"}
# Redis Streams keeps what a killed sidecar held for the processing timeout and hands it out again after newer events.
UNORDERED_AFTER_KILL = {"redis"}
# All applications hear what is published.
SHARED = {"redis", "redis-kafka"}
CUSTOMERS, WORKERS = 120, 12
BEGAN = time.monotonic()


def say(text):
    passed = int(time.monotonic() - BEGAN)
    print(f"[{passed // 60}:{passed % 60:02d}] {text}", flush=True)


def health(port, path="/v1.0/healthz"):
    try:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
        connection.request("GET", path)
        return connection.getresponse().status
    except OSError:
        return None


def wait_for(what, condition, limit_s):
    end = time.monotonic() + limit_s
    while not condition():
        if time.monotonic() > end:
            raise RuntimeError(f"{what} did not happen within {limit_s} s")
        time.sleep(0.05)


class Side:
    """One application with its sidecar: the pair that a user deploys."""

    def __init__(self, name, daemon, resources, folder, environment, program=None):
        self.name, self.daemon, self.resources, self.folder, self.program = name, daemon, resources, folder, program
        self.ports = {k: free_port() for k in ("app", "http", "grpc", "internal", "metrics")}
        self.environment = {**os.environ, **environment, "APP_PORT": str(self.ports["app"]), "DAPR_HTTP_PORT": str(self.ports["http"]),
                            "DAPR_GRPC_PORT": str(self.ports["grpc"])}
        self.app = self.sidecar = None

    def start_app(self):
        log = open(self.folder / f"{self.name}.app.log", "ab")
        command = [self.program] if self.program else [sys.executable, str(EXAMPLE / f"{self.name}.py")]
        self.app = subprocess.Popen(command, env=self.environment, stdout=log, stderr=log)

    def start_sidecar(self):
        log = open(self.folder / f"{self.name}.mechad.log", "ab")
        flags = {"app-id": self.name, "app-port": self.ports["app"], "dapr-http-port": self.ports["http"], "dapr-grpc-port": self.ports["grpc"],
                 "dapr-internal-grpc-port": self.ports["internal"], "metrics-port": self.ports["metrics"], "dapr-listen-addresses": "127.0.0.1",
                 "resources-path": self.resources, **({"app-protocol": "grpc"} if self.program else {})}
        words = [str(w) for k, v in flags.items() for w in (f"--{k}", v)]
        self.sidecar = subprocess.Popen([self.daemon, *words], cwd=self.folder, env=self.environment, stdout=log, stderr=log)

    def wait_ready(self):
        def ready():
            if self.sidecar.poll() is not None:
                tail = (self.folder / f"{self.name}.mechad.log").read_text(errors="replace")[-1500:]
                raise RuntimeError(f"the sidecar of {self.name} ended with {self.sidecar.returncode}:\n{tail}")
            return health(self.ports["http"]) == 204
        wait_for(f"the sidecar of {self.name} becoming ready", ready, 30)

    def kill_sidecar(self):
        self.sidecar.send_signal(signal.SIGKILL)
        self.sidecar.wait()

    def resident_mb(self):
        status = Path(f"/proc/{self.sidecar.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) / 1024

    def stop(self):
        for process in (self.sidecar, self.app):
            if process and process.poll() is None:
                process.terminate()
        for process in (self.sidecar, self.app):
            try:
                process and process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


class Customers:
    """Places orders through the shop's sidecar; the orders of one customer come one after another."""

    def __init__(self, port, total, seed):
        self.port, self.total, self.lock = port, total, threading.Lock()
        self.orders, self.latencies, self.retried, self.failures = {}, [], 0, []
        chance = random.Random(seed)
        self.plans = [[] for _ in range(WORKERS)]
        numbers = [0] * CUSTOMERS
        for n in range(total):
            customer = chance.randrange(CUSTOMERS)
            numbers[customer] += 1
            self.plans[customer % WORKERS].append({
                "id": f"o{n}", "customer": f"customer-{customer}", "number": numbers[customer], "item": f"item-{chance.randrange(8)}",
                "quantity": chance.randrange(1, 4), "price": chance.randrange(5, 50)})

    def start(self):
        self.threads = [threading.Thread(target=self.work, args=(plan,), daemon=True) for plan in self.plans]
        self.began = time.monotonic()
        for thread in self.threads:
            thread.start()

    def work(self, plan):
        sidecar = Sidecar(self.port)
        for order in plan:
            began, tries = time.monotonic(), 0
            while not self.place(sidecar, order):
                tries += 1
                if time.monotonic() - began > 90:
                    self.failures.append(order["id"])
                    return
                time.sleep(0.1)
            with self.lock:
                self.orders[order["id"]] = order
                self.retried += tries > 0
                if not tries:
                    self.latencies.append(time.monotonic() - began)

    def place(self, sidecar, order):
        try:
            return sidecar.invoke("shop", "orders", order)[0] == 201
        except (OSError, ValueError):
            return False

    def join(self):
        for thread in self.threads:
            thread.join()
        self.took = time.monotonic() - self.began

    def percentile(self, share):
        times = sorted(self.latencies)
        return times[min(len(times) - 1, int(len(times) * share))] * 1000


def check(customers, shop, warehouse, payments, report, ordered, shared):
    """Every fact that must hold when all is done, as a list of (what, good)."""
    orders, store = customers.orders, "statestore"
    at_warehouse, at_shop, at_payments = (Sidecar(side.ports["http"]) for side in (warehouse, shop, payments))

    def read(sidecar, keys):
        found = {}
        for i in range(0, len(keys), 200):
            found.update({k: v for k, (v, _) in sidecar.get(store, *keys[i:i + 200]).items()})
        return found

    shipments = read(at_warehouse, [f"shipment-{i}" for i in orders])
    remembered = read(at_shop, [f"order-{i}" for i in orders])
    right = sum({**o, "in_order": True} == {**(shipments[f"shipment-{i}"] or {}), **({} if ordered else {"in_order": True})} for i, o in orders.items())
    shipped = sum(v is not None for v in shipments.values())
    expected, reserved = {}, {}
    for o in orders.values():
        account = expected.setdefault(o["customer"], {"orders": 0, "total": 0})
        account["orders"] += 1
        account["total"] += o["quantity"] * o["price"]
        reserved[o["item"]] = reserved.get(o["item"], 0) + o["quantity"]
    accounts = read(at_warehouse, [f"customer-{c}" for c in expected])
    stocks = read(at_warehouse, [f"stock-{i}" for i in reserved])
    paid = read(at_payments, [f"payment-{i}" for i in orders])
    charged = sum((paid[f"payment-{i}"] or {}).get("amount") == o["quantity"] * o["price"] for i, o in orders.items())
    billed = read(at_payments, [f"account-{c}" for c in expected])
    heard = at_payments.invoke("payments", "report")[1]["announced"]
    return [
        (f"all {customers.total} orders were placed", len(orders) == customers.total and not customers.failures),
        (f"all of them are remembered by the shop ({sum(v is not None for v in remembered.values())})", all(v and v["status"] == "placed" for v in remembered.values())),
        (f"all of them were shipped ({shipped}), each once and with the right goods ({right})", shipped == len(orders) == right),
        (f"the C++ service charged for each of them once ({charged})",
         charged == len(orders) and all((billed[f"account-{c}"] or {}) == {"payments": a["orders"], "total": a["total"]} for c, a in expected.items())),
        (f"it heard of every order that was announced ({heard})" if shared else "this broker is the shop's alone: the C++ service heard nothing", heard == (len(orders) if shared else 0)),
        (f"the accounts of {len(expected)} customers agree to the cent", all(accounts[f"customer-{c}"] == a for c, a in expected.items())),
        ("the stock of every item adds up", all(s and s["reserved"] == reserved[i[6:]] and s["left"] == 1000 + s["restocked"] - s["reserved"] for i, s in stocks.items())),
        (f"no customer's order overtook another ({report['out of order']}{'' if ordered else '; this broker may hand out late what a killed sidecar held'})",
         report["out of order"] == 0 or not ordered),
        (f"the timer called the warehouse ({report['timer ticks']} times, restocked {report['restocked']})", report["timer ticks"] > 0),
        (f"both applications read the same secret (bad signatures: {report['bad signatures']})", report["bad signatures"] == 0),
    ]


def run(backend, daemon, payments_program, total, folder, environment):
    """One act: start, place orders, kill and restart a sidecar, wait, check. True when everything held."""
    say(f"--- {backend}: {BACKENDS[backend]} (examples/orders/resources/{backend})")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    environment = {**environment, "ORDERS_SECRETS": str(EXAMPLE / "secrets.json")}
    sides = [Side(n, daemon, EXAMPLE / "resources" / backend, folder, environment, program)
             for n, program in (("shop", None), ("warehouse", None), ("payments", payments_program))]
    shop, warehouse, _ = sides
    try:
        for side in sides:
            side.start_app()
            side.start_sidecar()
        for side in sides:
            side.wait_ready()
        say(f"three applications, one of them in C++, and three sidecars run; {CUSTOMERS} customers place {total} orders")
        customers = Customers(shop.ports["http"], total, seed=backend)
        customers.start()
        kill_in_the_middle(customers, warehouse, total)
        while any(t.is_alive() for t in customers.threads):
            for t in customers.threads:
                t.join(1)
            say(f"{len(customers.orders)} of {total} orders placed")
        customers.join()
        report = wait_until_shipped(warehouse, len(customers.orders))
        if backend in SHARED:
            wait_for_payments(sides[2], len(customers.orders))
        return show(customers, sides, report, backend not in UNORDERED_AFTER_KILL, backend in SHARED)
    finally:
        for side in sides:
            side.stop()


def kill_in_the_middle(customers, warehouse, total):
    wait_for("half of the orders", lambda: len(customers.orders) >= total // 2 or not any(t.is_alive() for t in customers.threads), 300)
    say(f"{len(customers.orders)} orders placed: kill -9 for the warehouse's sidecar")
    warehouse.kill_sidecar()
    time.sleep(1)
    warehouse.start_sidecar()
    began = time.monotonic()
    warehouse.wait_ready()
    say(f"it is back and ready after {(time.monotonic() - began) * 1000:.0f} ms; the orders go on")


def wait_until_shipped(warehouse, total):
    sidecar, shown, end = Sidecar(warehouse.ports["http"]), 0, time.monotonic() + 180
    while True:
        try:
            status, report = sidecar.invoke("warehouse", "report")
        except OSError:
            status, report = None, {"settled": 0}
        # Few orders may be done before the timer, which begins with its sidecar, has called for the first time.
        if status == 200 and report["settled"] >= total and report["timer ticks"] > 0 or time.monotonic() > end:
            time.sleep(0.5)
            return sidecar.invoke("warehouse", "report")[1]
        if time.monotonic() - shown > 5:
            shown = time.monotonic()
            say(f"{report['settled']} of {total} orders shipped")
        time.sleep(0.1)


def wait_for_payments(payments, total):
    """Its events come by a consumer of its own; what is missing after a while, the checks say."""
    sidecar, end = Sidecar(payments.ports["http"]), time.monotonic() + 60
    while sidecar.invoke("payments", "report")[1]["announced"] < total and time.monotonic() < end:
        time.sleep(0.1)


def show(customers, sides, report, ordered, shared):
    held = True
    for what, good in check(customers, *sides, report, ordered, shared):
        held &= good
        print(f"      {'ok  ' if good else 'FAIL'} {what}")
    print(f"      {report['duplicates']} events arrived again after the kill and were recognised; {customers.retried} orders needed another try")
    print(f"      {len(customers.orders) / customers.took:.0f} orders/s through {customers.took:.1f} s (the outage included); an order took "
          f"p50 {customers.percentile(.5):.1f} ms, p90 {customers.percentile(.9):.1f} ms, p99 {customers.percentile(.99):.1f} ms")
    print("      memory: " + ", ".join(f"{s.name}'s sidecar {s.resident_mb():.1f} MB" for s in sides), flush=True)
    return held


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--daemon", default=str(ROOT / "build/release/bin/mechad"))
    parser.add_argument("--payments", default=str(ROOT / "build/payments/payments"), help="the C++ application; ./scripts/demo builds it")
    parser.add_argument("--orders", type=int, default=3000)
    parser.add_argument("--backends", help="comma list of " + ", ".join(BACKENDS) + "; default: redis-kafka (redis without Java), then embedded")
    parser.add_argument("--dir", default=str(ROOT / "build/demo"))
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    folder, daemon, environment = Path(arguments.dir), os.path.abspath(arguments.daemon), {}
    chosen = (arguments.backends or "redis-kafka,embedded").split(",")
    with Servers(folder / "servers") as servers:
        if any(b.startswith("redis") for b in chosen):
            say("starting Redis")
            environment["ORDERS_REDIS"] = servers.redis()
        if "redis-kafka" in chosen:
            try:
                say("starting Kafka")
                environment["ORDERS_KAFKA"] = servers.kafka()
            except Unavailable as e:
                say(f"Kafka is left out: {e}. The broker is Redis instead.")
                chosen = ["redis" if b == "redis-kafka" else b for b in chosen]
        results = {b: run(b, daemon, os.path.abspath(arguments.payments), arguments.orders, folder / b, environment) for b in chosen}
    for backend, good in results.items():
        say(f"{backend}: {'every order was handled exactly as expected' if good else 'NOT as expected'}; the applications were the same")
    return 0 if all(results.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
