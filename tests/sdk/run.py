#!/usr/bin/env python3
"""Runs the published SDKs, unpatched, against the daemon and real servers, and compares the outcome with docs/compatibility.md.

    tests/sdk/run.py [--write] [--daemon MECHAD] [LANGUAGE...]

Per language and face two sidecars: `front`, which the client of the SDK calls, and `back`, whose application is the server of the same
program. The program gets its face as argument and prints one JSON line per operation: language, version, face, operation, result
(`ok` or what went wrong). Its environment: DAPR_HTTP_PORT and DAPR_GRPC_PORT of `front`, SDK_BACK_HTTP_PORT and SDK_BACK_GRPC_PORT,
APP_PORT to serve on, SDK_REDIS_PORT. --write puts the table into the page.
"""
import argparse, base64, json, os, re, subprocess, sys, tempfile
from contextlib import ExitStack
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(ROOT / "tests/api"), str(ROOT / "scripts")]
PAGE = ROOT / "docs/compatibility.md"
BEGIN, END = "<!-- sdk: written by tests/sdk/run.py --write -->", "<!-- sdk: end -->"
LIMIT_S = 120  # one program

# What differs from the reference on purpose, by (language, operation): none so far.
DELIBERATE = {}


def redis_of(stack):
    """host:port of the run's server, or of one that is started for us."""
    if os.environ.get("MECHA_TEST_REDIS"):
        return os.environ["MECHA_TEST_REDIS"]
    from servers import Servers
    folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="mecha-sdk-redis-"))
    return stack.enter_context(Servers(Path(folder))).redis()


def resources(folder, redis):
    from sidecar import component, inbound_retry
    keys = folder / "keys"
    keys.mkdir()
    subprocess.run(["openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", str(keys / "rsa")],
                   check=True, capture_output=True)
    (keys / "aes").write_text(base64.b64encode(os.urandom(32)).decode())
    (folder / "secrets.json").write_text(json.dumps({"plain": "open", "nested": {"deep": "hidden"}}))
    (folder / "files").mkdir()
    only_back = "scopes: [back]\n"
    return [
        inbound_retry("pubsub", 3, "200ms"),
        component("store", "state.redis", redisHost=redis),
        component("lite", "state.sqlite", connectionString=str(folder / "lite.db")),
        component("pubsub", "pubsub.redis", redisHost=redis),
        component("files", "bindings.localstorage", rootPath=str(folder / "files")),
        component("tick", "bindings.cron", extra=only_back, schedule="@every 1s"),
        component("vault", "secretstores.local.file", secretsFile=str(folder / "secrets.json")),
        component("config", "configuration.redis", redisHost=redis),
        component("lock", "lock.redis", redisHost=redis),
        component("keys", "crypto.dapr.localstorage", path=str(keys)),
    ]


def run_program(language, command, face, redis, folder):
    """The rows of one program; a program that ends early or hangs has a row that says so."""
    from sidecar import Sidecar, free_port
    parts, registry, port = resources(folder, redis), folder / "registry", free_port()
    front = Sidecar(folder / "front", "front", resources=parts, registry=registry)
    back = Sidecar(folder / "back", "back", resources=parts, registry=registry, app=port, ready="",
                   flags=("--app-protocol", face))
    log = open(folder / "program.log", "w+")
    program = None
    try:
        front.start()
        environment = {**os.environ, "DAPR_HTTP_PORT": str(front.http), "DAPR_GRPC_PORT": str(front.grpc), "APP_PORT": str(port),
                       "SDK_BACK_HTTP_PORT": str(back.http), "SDK_BACK_GRPC_PORT": str(back.grpc), "SDK_REDIS_PORT": redis.split(":")[1]}
        back.start()
        program = subprocess.Popen([*map(str, command), face], stdout=subprocess.PIPE, stderr=log, text=True, env=environment, cwd=folder)
        out, _ = program.communicate(timeout=LIMIT_S)
        ended = f"the program ended with {program.returncode}" if program.returncode else ""
    except subprocess.TimeoutExpired:
        program.kill()
        out, _ = program.communicate()
        ended = f"the program did not end within {LIMIT_S} s"
    finally:
        for sidecar in (front, back):
            sidecar.kill()
    rows = [json.loads(line) for line in out.splitlines() if line.startswith('{"language"')]
    if ended or not rows:
        log.seek(0)
        rows.append({"language": language.name, "version": rows[0]["version"] if rows else "", "face": face, "operation": "the program runs to its end",
                     "result": f"{ended or 'no operation was done'}: {log.read()[-2000:]}"})
    log.close()
    if any(row["result"] != "ok" for row in rows):
        for sidecar in (front, back):
            warnings = [line[:300] for line in sidecar.log().splitlines() if "level=info" not in line][-12:]
            print(f"-- log of {sidecar.app_id} ({language.name}, {face})", *warnings, sep="\n")
    return rows


def cell(row):
    if row is None:
        return "-"
    return DELIBERATE.get((row["language"], row["operation"]), "ok") if row["result"] == "ok" else "fails"


def table(language, rows):
    """Markdown of one language."""
    version = rows[0]["version"]
    lines = [f"### {language.name} {version}", "", f"Packages: {language.packages}.", "", "| operation | HTTP | gRPC |", "|---|---|---|"]
    for name in dict.fromkeys(row["operation"] for row in rows):
        found = {row["face"]: row for row in rows if row["operation"] == name}
        lines.append(f"| {name} | {cell(found.get('http'))} | {cell(found.get('grpc'))} |")
    return "\n".join(lines) + "\n"


def page_tables(text):
    """The tables of the page by language."""
    section = text.split(BEGIN)[1].split(END)[0] if BEGIN in text else ""
    return {part.split()[0]: f"### {part.strip()}\n" for part in re.split(r"^### ", section, flags=re.M)[1:]}


def write(tables):
    text = PAGE.read_text()
    kept = page_tables(text) | tables
    section = BEGIN + "\n\n" + "\n".join(kept.values()) + "\n" + END
    head, rest = text.split(BEGIN)
    PAGE.write_text(head + section + rest.split(END)[1])


def main():
    from languages import LANGUAGES, Missing
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("languages", nargs="*", help=", ".join(one.folder for one in LANGUAGES))
    parser.add_argument("--daemon", default=str(ROOT / "build/release/bin/mechad"))
    parser.add_argument("--write", action="store_true", help="write the tables of the languages that ran into docs/compatibility.md")
    arguments = parser.parse_args()
    os.environ["MECHAD"] = str(Path(arguments.daemon).resolve())
    passed = failed = skipped = 0
    tables, recorded = {}, page_tables(PAGE.read_text())
    with ExitStack() as stack:
        redis = redis_of(stack)
        for language in LANGUAGES:
            if arguments.languages and language.folder not in arguments.languages:
                continue
            try:
                command = language.command()
                language.filled()
            except Missing as e:
                print(f"{language.name} is left out: {e}")
                skipped += 1
                continue
            rows = []
            for face in language.faces:
                folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mecha-sdk-")))
                rows += run_program(language, command, face, redis, folder)
            for row in rows:
                if row["result"] != "ok":
                    print(f"FAILED {row['language']} {row['face']} {row['operation']}: {row['result']}")
            wrong = sum(row["result"] != "ok" for row in rows)
            passed, failed = passed + len(rows) - wrong, failed + wrong
            print(f"{language.name} {rows[0]['version']}: {len(rows) - wrong} of {len(rows)} operations")
            tables[language.name] = table(language, rows)
            if not arguments.write and recorded.get(language.name) != tables[language.name]:
                print(f"FAILED docs/compatibility.md: the table of {language.name} is not what this run did; write it with tests/sdk/run.py --write")
                failed += 1
    if arguments.write:
        write(tables)
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
