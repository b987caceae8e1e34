#!/usr/bin/env python3
"""Plays the recorded vectors of this folder against the built daemon, and keeps the list of what is not built yet honest.

    play.py --daemon build/release/bin/mechad [--only TEXT] [--jobs 2] [--lenient] [FILE ...]

`run.py` beside it is the player; this driver reads `later.yaml` and `times.yaml`, and fails when a scenario fails that
is not listed in the first, and when a listed one passes (unless --lenient). FILE is a name such as `state`.
"""
import argparse
import collections
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

HERE = Path(__file__).resolve().parent
FILES = "http grpc grpc-app invocation peer state secrets configuration lock crypto loading pubsub streaming-subscriptions delivery outbox bindings operations resiliency telemetry reload".split()


def without(step, words):
    """The step with the expected texts left out that hold one of the words."""
    expected = step.get("expect")  # of a redis step a plain value
    contains = expected.get("contains") if isinstance(expected, dict) else None
    if not words or not contains:
        return step
    return {**step, "expect": {**expected, "contains": [c for c in contains if not any(w in c for w in words)]}}


# What was recorded as there at once may take a moment on a busy machine.
PATIENCE_S = 20


def patient(step):
    """What the application has received, the log and the counters are waited for; what must never come, and answers to calls, are looked at as recorded."""
    if "app_received" in step:
        waits = step["app_received"].get("count") != 0
    else:
        waits = "log" in step or step.get("within_s", 0) >= 3 or step.get("http", {}).get("port", "").endswith("METRICS")
    return {**step, "within_s": max(step.get("within_s", 0), PATIENCE_S)} if waits else step


def is_left(entry):
    """Whether a scenario is left for later as a whole."""
    return bool(entry) and not entry.keys() & {"steps", "without"}


def recorded(name):
    """A file's scenarios with the times of `times.yaml`."""
    text = (HERE / f"{name}.yaml").read_text()
    for entry in yaml.safe_load((HERE / "times.yaml").read_text())["times"]:
        if entry["file"] == name:
            if text.count(entry["was"]) != 1:
                sys.exit(f"times.yaml: {name}.yaml does not hold {entry['was']!r} once")
            text = text.replace(entry["was"], entry["now"])
    return yaml.safe_load(text)


def prepare(name, later, folder):
    """Writes the file without the steps that are left for later."""
    document, kept = recorded(name), []
    for scenario in document["scenarios"]:
        entry = later.get((name, scenario["name"]), {})
        steps = [without(s, entry.get("without", [])) for i, s in enumerate(scenario["steps"], 1) if i not in entry.get("steps", [])]
        steps = steps if is_left(entry) else list(map(patient, steps))
        if not scenario.get("later"):
            kept.append({**scenario, "steps": steps})
    (folder / f"{name}.yaml").write_text(yaml.safe_dump({"scenarios": kept}, allow_unicode=True, sort_keys=False))


def read_later():
    entries = yaml.safe_load((HERE / "later.yaml").read_text())["later"]
    known = {(f, s["name"]): len(s["steps"]) for f in {e["file"] for e in entries} for s in yaml.safe_load((HERE / f"{f}.yaml").read_text())["scenarios"]}
    wrong = [e for e in entries if (e["file"], e["name"]) not in known or any(not 1 <= s <= known[(e["file"], e["name"])] for s in e.get("steps", []))]
    if wrong:
        sys.exit(f"later.yaml names scenarios or steps that do not exist: {wrong}")
    return {(e["file"], e["name"]): e for e in entries}


def play(arguments, folder):
    """Runs run.py and shows its progress; returns its report."""
    report = folder / "report.json"
    command = [sys.executable, str(HERE / "run.py"), "--daemon", arguments.daemon, "--jobs", str(arguments.jobs), "--json", str(report)]
    command += ["--only", arguments.only] if arguments.only else []
    process = subprocess.Popen(command + [str(folder / f"{f}.yaml") for f in arguments.files], stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"})
    done, shown = 0, time.monotonic()
    for line in process.stdout:
        done += line.startswith(("ok ", "FAIL"))
        if arguments.verbose:
            print(line, end="", flush=True)
        elif time.monotonic() - shown > 15:
            shown = time.monotonic()
            print(f"  {done} scenarios played", flush=True)
    process.wait()
    return json.loads(report.read_text()) if report.exists() else []


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--daemon", required=True)
    parser.add_argument("--only", default="", help="scenarios whose 'file: name' contains this")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--lenient", action="store_true", help="a listed scenario may pass")
    parser.add_argument("--verbose", action="store_true", help="show every scenario")
    parser.add_argument("--json", help="write the report of run.py here")
    parser.add_argument("files", nargs="*", default=FILES)
    arguments = parser.parse_args()
    arguments.files = [f.removesuffix(".yaml") for f in arguments.files or FILES]
    later = read_later()
    with tempfile.TemporaryDirectory(prefix="vectors") as folder:
        for name in arguments.files:
            prepare(name, later, Path(folder))
        report = play(arguments, Path(folder))
    if arguments.json:
        Path(arguments.json).write_text(json.dumps(report, indent=1))
    return judge(report, later, arguments.lenient)


def judge(report, later, lenient):
    reasons, failed, stale, passed, partly = collections.defaultdict(list), [], [], 0, 0
    for r in report:
        file = r["file"].removesuffix(".yaml")
        entry = later.get((file, r["name"]))
        listed = is_left(entry)
        if r["result"] == "skipped":
            reasons[entry["reason"] if entry else r["why"]].append(f"{file}: {r['name']}")
        elif r["result"] == "passed":
            passed += 1
            partly += entry is not None and not listed
            stale += [f"{file}: {r['name']}"] if listed else []
        elif listed:
            reasons[entry["reason"]].append(f"{file}: {r['name']}")
        else:
            failed.append((f"{file}: {r['name']}", r["why"]))
    print("left for later:" if reasons else "nothing is left for later")
    for reason, names in sorted(reasons.items()):
        print(f"  {reason} ({len(names)})")
        for name in names:
            print(f"    {name}")
    print(f"  and {partly} scenarios were played without single steps")
    for name, why in sorted(failed):
        print(f"FAIL {name}" + "".join(f"\n     {w}" for w in why))
    for name in stale:
        print(f"{'note' if lenient else 'FAIL'} {name}: passes although later.yaml lists it; take it off the list")
    bad = len(failed) + (0 if lenient else len(stale))
    print(f"passed {passed}, failed {bad}, left for later {sum(map(len, reasons.values()))}")
    return 1 if bad or not report else 0


if __name__ == "__main__":
    sys.exit(main())
