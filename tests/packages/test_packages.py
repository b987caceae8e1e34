"""The packages on a fresh Debian 12: they install by apt, run, and go without a trace; the unit and the tree of the container hold."""
import configparser, json, os, signal, subprocess, sys, time, urllib.request
from contextlib import contextmanager
from pathlib import Path

from conftest import ROOT, Debian, free_port, package, run
from page import Page, blocks

RESOURCES = """apiVersion: dapr.io/v1alpha1
kind: Component
metadata: {name: store}
spec: {type: state.sqlite, version: v1, metadata: [{name: connectionString, value: /var/lib/mecha/s.db}]}
"""


@contextmanager
def daemon(debian, *more, user=()):
    """The installed daemon with a store, ready to serve: the port of its API."""
    http = free_port()
    words = debian.command(*user, "/usr/bin/mechad", "--app-id", "orders", "--dapr-http-port", http, "--dapr-grpc-port", free_port(),
                           "--dapr-internal-grpc-port", free_port(), "--enable-metrics=false", *more)
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        limit = time.monotonic() + 60
        while True:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{http}/v1.0/healthz", timeout=2) as got:
                    assert got.status == 204
                break
            except OSError:
                assert process.poll() is None and time.monotonic() < limit, process.stdout.read() if process.poll() is not None else "not ready"
                time.sleep(0.02)
        yield http
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def save_and_get(http):
    body = json.dumps([{"key": "a", "value": 1}]).encode()
    urllib.request.urlopen(urllib.request.Request(f"http://127.0.0.1:{http}/v1.0/state/store", body, {"content-type": "application/json"}), timeout=5)
    return urllib.request.urlopen(f"http://127.0.0.1:{http}/v1.0/state/store/a", timeout=5).read()


def test_the_daemon_installs_runs_and_goes(debian):
    debian.run("apt-get", "install", "-y", "-q", "--no-install-recommends", f"/packages/{package('mechad').name}")
    assert not debian.path("/usr/lib/mecha/mecha_kafka.so").exists()
    assert "librdkafka" not in debian.run("dpkg-query", "-W", "-f", "${Package}\n"), "the daemon alone brings no library of a vendor"
    resources = debian.path("/etc/mecha/orders/resources")
    resources.mkdir(parents=True)
    (resources / "store.yaml").write_text(RESOURCES)
    debian.run("install", "-d", "-o", "mecha", "-g", "mecha", "/var/lib/mecha")
    with daemon(debian, "--resources-path", "/etc/mecha/orders/resources", user=("setpriv", "--reuid", "mecha", "--regid", "mecha", "--init-groups")) as http:
        assert save_and_get(http) == b"1"
    debian.run("apt-get", "purge", "-y", "-q", "mechad")
    assert not debian.path("/usr/bin/mechad").exists()
    assert (resources / "store.yaml").exists() and debian.path("/var/lib/mecha/s.db").exists(), "what belongs to the applications stays"


def test_the_modules_are_found_where_they_are_installed(debian):
    debian.run("apt-get", "install", "-y", "-q", "--no-install-recommends", *(f"/packages/{package(name).name}" for name in ("mechad", "mechad-modules")))
    modules = sorted(p.stem.removeprefix("mecha_") for p in debian.path("/usr/lib/mecha").glob("*.so"))
    assert "kafka" in modules and "mysql" in modules
    listed = json.loads(debian.run("mechad", "--describe", "json"))
    assert {"pubsub.kafka", "state.mysql", "state.redis"} <= {row["type"] for row in listed}


def test_the_tree_of_the_container_needs_nothing_else(debian, tmp_path):
    debian.run("apt-get", "install", "-y", "-q", "--no-install-recommends", "ca-certificates",
               *(f"/packages/{package(name).name}" for name in ("mechad", "mechad-modules")))
    (debian.path("/packages") / "collect").write_bytes((ROOT / "packaging/container/collect").read_bytes())
    debian.run("sh", "/packages/collect", "/tree")
    tree = Debian(debian.path("/tree"), user="65532:65532")
    assert not tree.path("/bin").exists() and not list(tree.path("/usr/bin").glob("*sh")), "no shell"
    (tree.path("/etc/mecha/resources") / "store.yaml").write_text(RESOURCES)
    with daemon(tree, "--resources-path", "/etc/mecha/resources") as http:
        assert save_and_get(http) == b"1"


def test_get_started_on_a_fresh_machine(debian):
    """What `docs/guide` promises to a C++ developer: the page and nothing else, from the packages to a service, in ten minutes."""
    page = ROOT / "docs/guide/get-started.md"
    install = next(b for b in blocks(page) if b.language == "sh")
    assert install.text.startswith("apt-get install"), "the page begins with what is needed"
    began = time.monotonic()
    debian.run("sh", "-ec", f"cd /packages && {install.text}", timeout=600)
    installed = time.monotonic() - began
    folder = debian.path("/root/orders")
    folder.mkdir()
    Page(page, folder, {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root"}, root=debian.root).play()
    print(f"from nothing to a running service: {time.monotonic() - began:.0f} s, {installed:.0f} s of them for packages")
    assert time.monotonic() - began < 600


def test_the_unit_is_valid_and_hard(debian, tmp_path):
    unit = ROOT / "packaging/systemd/mechad@.service"
    asked = subprocess.run(["systemd-analyze", "verify", "--man=no", str(unit)], capture_output=True, text=True, timeout=60)
    complaints = [line for line in asked.stderr.splitlines() if "/usr/bin/mechad is not executable" not in line]
    assert complaints == []
    table = run("systemd-analyze", "security", "--offline=yes", "--no-pager", "--json=short", unit)
    exposed = sum(float(row["exposure"]) for row in json.loads(table) if row.get("exposure"))
    print(f"exposure of the unit: {exposed:.1f}")
    assert exposed < 2.0
    read = configparser.ConfigParser(strict=False, interpolation=None)
    read.optionxform = str
    read.read(unit)
    flags = run(os.environ.get("MECHA_DAEMON", ROOT / "build/release/bin/mechad"), "--help")
    for word in read["Service"]["ExecStart"].split():
        if word.startswith("--"):
            assert word in flags, f"the daemon has no flag {word}"


def test_the_container_file_is_clean():
    linter = Path(sys.executable).parent / "hadolint"
    run(linter, ROOT / "packaging/container/Containerfile")
