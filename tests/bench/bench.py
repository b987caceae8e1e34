#!/usr/bin/env python3
"""Measures every figure of the design that applies, each against its floor in the same run, and prints a table.

    bench.py [--daemon build/release/bin/mechad] [--quick] [--only pair,redis,...] [--json build/bench.json] [--markdown docs/performance.md]

Nothing here fails because a machine is slow: a missed target is printed as missed. Needs wrk, nginx, redis-server, redis-benchmark;
the gRPC figures h2load and gRPC C++.
"""
import argparse
import json
import os
import platform
import shutil
import signal
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import grpc_figures
import sdk_figures
from measure import ROOT, Load, Processes, Sidecar, component
from servers import Servers

SAVE = 'wrk.method = "POST"\nwrk.headers["Content-Type"] = "application/json"\nwrk.body = \'[{"key":"k","value":"%s"}]\'\n' % ("v" * 128)
SAVE_MANY = """local n = 0
request = function()
  n = n + 1
  return wrk.format("POST", nil, {["Content-Type"] = "application/json"}, '[{"key":"k' .. n % 1000 .. '","value":"VALUE"}]')
end
""".replace("VALUE", "v" * 128)
PUBLISH = 'wrk.method = "POST"\nwrk.headers["Content-Type"] = "application/json"\nwrk.body = \'{"order":"%s"}\'\n' % ("v" * 128)


EMBEDDED = component("store", "state.sqlite", connectionString="bench.db") + component("bus", "pubsub.in-memory")


class Bench(grpc_figures.GrpcFigures, sdk_figures.SdkFigures):
    """One run: the processes, the rows of the table, and how long each measurement takes."""

    def __init__(self, daemon, folder, quick):
        self.daemon, self.quick, self.rows = os.path.abspath(daemon), quick, []
        self.skipped = []
        self.processes = Processes(folder)
        self.seconds, self.repeats = (1, 1) if quick else (4, 3)

    def say(self, text):
        print(f"  {text}", file=sys.stderr, flush=True)

    def skip(self, why):
        self.skipped.append(why)
        self.say(f"skipped: {why}")

    def rate(self, url, script=None, connections=32):
        return statistics.median(Load(url, connections, self.seconds, script).rate for _ in range(self.repeats))

    def p50(self, url, script=None):
        return statistics.median(Load(url, 1, self.seconds, script).p50_us for _ in range(self.repeats))

    def script(self, name, text):
        path = self.processes.folder / f"{name}.lua"
        path.write_text(text)
        return path

    def row(self, figure, value, unit, floor=None, floor_name="", target=None, better="less", of="ratio"):
        """`target` bounds the ratio to the floor, or the value itself when there is none."""
        ratio = value / floor if floor else None
        measured = ratio if floor else value
        met = None if target is None else measured <= target if better == "less" else measured >= target
        self.rows.append({"figure": figure, "value": value, "unit": unit, "floor": floor, "floor_name": floor_name, "ratio": ratio,
                          "target": target, "better": better, "met": met})
        self.say(f"{figure}: {value:,.1f} {unit}" + (f" = {ratio:.2f} x {floor_name}" if floor else ""))

    def sidecar(self, app_id, resources="", **options):
        return Sidecar(self.processes, self.daemon, app_id, resources, **options)

    # --- the groups of figures ---

    def pair(self):
        app = self.processes.nginx("app")
        hop = self.processes.nginx("hop", app)
        second = self.processes.nginx("second", hop)
        callee = self.sidecar("callee", app_port=app)
        caller = self.sidecar("caller")
        urls = {"direct": f"http://127.0.0.1:{app}/", "hop": f"http://127.0.0.1:{hop}/", "two hops": f"http://127.0.0.1:{second}/"}
        mecha = caller.url("/v1.0/invoke/callee/method/x")
        p50 = {name: self.p50(url) for name, url in urls.items()}
        rate = {name: self.rate(url) for name, url in urls.items()}
        for name in urls:
            self.row(f"floor: {name}, p50 at 1 connection", p50[name], "us")
            self.row(f"floor: {name}, at 32 connections", rate[name], "requests/s")
        self.row("invocation through two sidecars, p50 at 1 connection", self.p50(mecha), "us", p50["two hops"], "two hops", 1.5)
        before, began = callee.cpu_s() + caller.cpu_s(), time.monotonic()
        pair_rate = self.rate(mecha)
        used = (callee.cpu_s() + caller.cpu_s() - before) / (time.monotonic() - began)
        self.row("invocation through two sidecars, at 32 connections", pair_rate, "requests/s", rate["two hops"], "two hops", 0.9, "more")
        self.row("CPU of both sidecars per invocation", used / pair_rate * 1e6, "us")

    def single(self):
        constant = self.processes.nginx("constant")
        floor = self.rate(f"http://127.0.0.1:{constant}/")
        side = self.sidecar("single", component("store", "state.in-memory") + component("bus", "pubsub.in-memory"))
        save, publish = self.script("save", SAVE), self.script("publish", PUBLISH)
        Load(side.url("/v1.0/state/store"), 1, 1, save)
        self.row("health check, at 32 connections", self.rate(side.url("/v1.0/healthz")), "requests/s", floor, "nginx constant", 0.6, "more")
        get = side.url("/v1.0/state/store/k")
        self.row("state get in memory, at 32 connections", self.rate(get), "requests/s", floor, "nginx constant", 0.6, "more")
        self.row("state get in memory, p50 at 1 connection", self.p50(get), "us")
        self.row("state save in memory, at 32 connections", self.rate(side.url("/v1.0/state/store"), save), "requests/s")
        self.row("publish in memory, at 32 connections", self.rate(side.url("/v1.0/publish/bus/topic"), publish), "requests/s")
        side.stop()

    def redis(self):
        with Servers(self.processes.folder / "servers") as servers:
            address = servers.redis()
            floor = self.redis_floor(address)
            side = self.sidecar("redis", component("store", "state.redis", redisHost=address))
            save = self.script("save-many", SAVE_MANY)
            Load(side.url("/v1.0/state/store"), 1, 1, save)
            self.row("state get on Redis, at 32 connections", self.rate(side.url("/v1.0/state/store/k1")), "requests/s", floor["get"], "redis-benchmark get", 0.6, "more")
            self.row("state save on Redis, at 32 connections", self.rate(side.url("/v1.0/state/store"), save), "requests/s", floor["set"], "redis-benchmark set", 0.6, "more")
            self.row("state get on Redis, p50 at 1 connection", self.p50(side.url("/v1.0/state/store/k1")), "us")
            side.stop()

    def redis_floor(self, address):
        host, port = address.split(":")
        out = subprocess.run(["redis-benchmark", "-h", host, "-p", port, "-c", "32", "-n", "20000" if self.quick else "300000", "-d", "128", "-t", "get,set", "-q", "--csv"],
                             capture_output=True, text=True, check=True).stdout
        return {line.split(",")[0].strip('"').lower(): float(line.split(",")[1].strip('"')) for line in out.splitlines() if line.startswith(('"GET', '"SET'))}

    def sqlite(self):
        floor = self.one_commit_per_call(self.processes.folder / "floor.db")
        side = self.sidecar("sqlite", EMBEDDED)
        rate = self.rate(side.url("/v1.0/state/store"), self.script("save-many", SAVE_MANY))
        self.row("durable save on SQLite, at 32 connections", rate, "requests/s", floor, "one commit per call", 10, "more")
        self.row("state get on SQLite, at 32 connections", self.rate(side.url("/v1.0/state/store/k1")), "requests/s")
        side.stop()

    def one_commit_per_call(self, file):
        """Commits per second of a program that waits for the disk at each call, on the same disk."""
        file.unlink(missing_ok=True)
        db = sqlite3.connect(file, isolation_level=None)
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=FULL")
        db.execute("CREATE TABLE t (k TEXT PRIMARY KEY, v TEXT)")
        count, began = 0, time.monotonic()
        while time.monotonic() - began < self.seconds:
            db.execute("INSERT OR REPLACE INTO t VALUES (?, ?)", (f"k{count % 1000}", "v" * 128))
            count += 1
        rate = count / (time.monotonic() - began)
        db.close()
        return rate

    def size(self):
        starts = []
        for _ in range(3 if self.quick else 10):
            side = self.sidecar("start", EMBEDDED)
            starts.append(side.ready_ms)
            side.stop()
        self.row("start to ready, SQLite state and in-memory broker", statistics.median(starts), "ms", target=30)
        side = self.sidecar("idle", EMBEDDED)
        time.sleep(2)
        resident, anonymous = side.resident_mb()
        self.row("resident memory, idle", resident, "MB", target=12)
        self.row("of it anonymous", anonymous, "MB", target=5)
        seconds = 3 if self.quick else 15
        before = side.wakeups()
        time.sleep(seconds)
        self.row("idle wake-ups", (side.wakeups() - before) / seconds, "per second", target=1)
        self.after_load(side)
        side.stop()
        with tempfile.TemporaryDirectory() as folder:
            strip = shutil.which("llvm-strip-19") or "strip"
            files = [shutil.copy(file, folder) for file in [self.daemon, *Path(self.daemon).parent.glob("*.so")]]
            subprocess.run([strip, *files], check=True)
            self.row("binary, stripped, with modules", sum(map(os.path.getsize, files)) / (1 << 20), "MB", target=20)

    def after_load(self, side):
        total, wanted, halfway = 0, 20_000 if self.quick else 1_000_000, None
        save = self.script("save-many", SAVE_MANY)
        Load(side.url("/v1.0/state/store"), 1, 1, save)
        while total < wanted:
            total += Load(side.url("/v1.0/state/store/k1"), 32, 1 if self.quick else 5).requests
            total += Load(side.url("/v1.0/state/store"), 32, 1, save).requests
            if halfway is None and total >= wanted / 2:
                halfway = side.resident_mb()[0]
        self.row(f"resident memory after {wanted:,} requests", side.resident_mb()[0], "MB", target=20)
        self.row("growth over the second half of them", side.resident_mb()[0] - halfway, "MB", target=0.5)


GROUPS = ("pair", "single", "redis", "sqlite", *grpc_figures.GROUPS, "sdk", "size")


def machine():
    cpu = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), platform.machine())
    memory = next(int(line.split()[1]) for line in open("/proc/meminfo") if line.startswith("MemTotal")) / (1 << 20)
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True).stdout.strip()
    return {"cpu": cpu, "cores": os.cpu_count(), "memory_gb": round(memory, 1), "kernel": platform.release(), "commit": commit, "date": time.strftime("%Y-%m-%d")}


def cells(row):
    number = lambda v: f"{v:,.0f}" if abs(v) >= 100 else f"{v:.2f}"
    sign = "<=" if row["better"] == "less" else ">="
    return [row["figure"], f"{number(row['value'])} {row['unit']}", f"{number(row['floor'])} ({row['floor_name']})" if row["floor"] else "",
            f"{row['ratio']:.2f}" if row["ratio"] else "", f"{sign} {row['target']}{' x' if row['floor'] else ' ' + row['unit']}" if row["target"] is not None else "",
            {True: "met", False: "missed", None: ""}[row["met"]]]


def table(rows):
    lines = [["figure", "measured", "floor", "ratio", "target", ""]] + [cells(r) for r in rows]
    widths = [max(len(line[i]) for line in lines) for i in range(6)]
    return "\n".join("  ".join(c.ljust(w) for c, w in zip(line, widths)).rstrip() for line in lines)


def markdown(rows, about):
    lines = ["# Performance", "", "Every figure is measured in one run against its floor on the same machine; the ratio is what counts. Made by", "",
             "    python3 tests/bench/bench.py --json build/bench.json --markdown docs/performance.md", "",
             f"on {about['date']} at commit {about['commit']}: {about['cpu']}, {about['cores']} cores, {about['memory_gb']} GB, Linux {about['kernel']}.", "",
             "*Two hops* are two plain nginx proxies in a row with kept-alive connections and one worker each, the least that a pair of sidecars can cost.", "",
             "| figure | measured | floor | ratio | target | |", "|---|---|---|---|---|---|"]
    return "\n".join(lines + ["| " + " | ".join(cells(r)) + " |" for r in rows]) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--daemon", default=str(ROOT / "build/release/bin/mechad"))
    parser.add_argument("--quick", action="store_true", help="one second each: does it run, not how fast")
    parser.add_argument("--only", default=",".join(GROUPS), help="comma list of " + ", ".join(GROUPS))
    parser.add_argument("--dir", default=str(ROOT / "build/bench"))
    parser.add_argument("--json", default=str(ROOT / "build/bench.json"))
    parser.add_argument("--markdown", help="write the table as a page; what stands behind `<!-- notes -->` in it is kept")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    shutil.rmtree(arguments.dir, ignore_errors=True)
    os.environ.setdefault("MECHA_REGISTRY_DIR", os.path.join(arguments.dir, "registry"))
    os.makedirs(os.environ["MECHA_REGISTRY_DIR"], exist_ok=True)
    bench, failed = Bench(arguments.daemon, arguments.dir, arguments.quick), []
    for group in arguments.only.split(","):
        print(f"{group} ...", file=sys.stderr, flush=True)
        try:
            getattr(bench, group)()
        except (RuntimeError, OSError, subprocess.CalledProcessError, KeyError, ValueError) as e:
            failed.append(group)
            print(f"FAIL {group}: {type(e).__name__}: {e}", flush=True)
        finally:
            bench.processes.stop()
    print(table(bench.rows))
    Path(arguments.json).parent.mkdir(parents=True, exist_ok=True)
    Path(arguments.json).write_text(json.dumps({"machine": machine(), "quick": arguments.quick, "rows": bench.rows, "skipped": bench.skipped}, indent=1))
    if arguments.markdown:
        page = Path(arguments.markdown)
        notes = page.read_text().partition("<!-- notes -->")[2] if page.exists() else ""
        page.write_text(markdown(bench.rows, machine()) + ("\n<!-- notes -->" + notes if notes else ""))
    for why in bench.skipped:
        print(f"1 skipped: {why}")
    missed = sum(r["met"] is False for r in bench.rows)
    print(f"{len(bench.rows)} passed" + (f", {len(failed)} failed" if failed else "") + f" ({missed} targets missed)")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
