"""mDNS between hosts: mechad, the resolver of the reference as published (built once with Go into build/tools), and the library of Python."""
import shutil
import subprocess
import sys

import pytest

import lan as network
from lan import entries, wait_until

FOLDER = network.Path(__file__).resolve().parent / "mdns"
TOOLS = FOLDER.parents[2] / "build" / "tools"
PEER = (sys.executable, FOLDER / "peer.py")


@pytest.fixture(scope="session")
def reference():
    program = TOOLS / "mdns"
    newest = max(f.stat().st_mtime for f in FOLDER.iterdir())
    if not program.exists() or program.stat().st_mtime < newest:
        if not shutil.which("go"):
            pytest.skip("Go is not installed")
        try:  # below the limit of a test
            got = subprocess.run(["go", "build", "-buildvcs=false", "-o", program, "."], cwd=FOLDER, capture_output=True, text=True, timeout=240)
        except subprocess.TimeoutExpired:
            pytest.skip("go build took more than four minutes")
        if got.returncode != 0:  # modules that cannot be fetched, too old a Go
            pytest.skip(f"go build failed: {got.stderr[-1000:]}")
    return (program,)


@pytest.fixture(params=["reference", "python"])
def peer(request):
    return PEER if request.param == "python" else request.getfixturevalue("reference")


@pytest.fixture(scope="session")
def hosts_are_possible():
    if why := network.missing():
        pytest.skip(f"hosts in network namespaces cannot be had here: {why}")


@pytest.fixture
def lan(hosts_are_possible):
    one = network.Lan()
    yield one
    one.close()


@pytest.fixture
def left(lan):
    return lan.hosts[0]


@pytest.fixture
def right(lan):
    return lan.hosts[1]


@pytest.fixture
def silent(right, tmp_path):
    """Starts sidecars of `target` on the right that say nothing of themselves; their application answers with `name`."""
    def start(name):
        port = right.app(8000 + len(right.started), name)
        return right.sidecar(tmp_path / name, "target", resolver="", app=port, flags=("--dapr-internal-grpc-listen-address", "::"))
    return start


def hello(sidecar, target="target"):
    got = sidecar.post(f"/v1.0/invoke/{target}/method/hello")
    return got.text if got.status == 200 else f"{got.status} {got.text}"


@pytest.mark.parametrize("family", ["4", "6", "both"])
def test_we_find_who_registers(left, right, silent, peer, tmp_path, family):
    addresses = {"4": right.ip4, "6": right.ip6, "both": f"{right.ip4},{right.ip6}"}[family]
    target = silent("one")
    asker = left.sidecar(tmp_path / "asker", "asker")
    assert "couldn't find service: target" in hello(asker)
    right.run(*peer, "serve", "target", addresses, target.internal).line(0)
    assert hello(asker) == "one"


def test_several_take_turns_and_who_leaves_is_not_asked_again(left, right, silent, peer, tmp_path):
    first, second, third = (silent(name) for name in ("first", "second", "third"))
    served = [right.run(*peer, "serve", "target", right.ip4, one.internal) for one in (first, second)]
    for one in served:
        one.line(0)
    asker = left.sidecar(tmp_path / "asker", "asker")
    wait_until(lambda: {hello(asker) for _ in range(2)} == {"first", "second"}, "both in turn")
    assert [hello(asker) == hello(asker) for _ in range(4)] == [False] * 4
    assert served[0].end() == 0
    wait_until(lambda: {hello(asker) for _ in range(4)} == {"second"}, "the one that is left")
    right.run(*peer, "serve", "target", right.ip4, third.internal).line(0)  # heard of without asking
    wait_until(lambda: {hello(asker) for _ in range(2)} == {"second", "third"}, "both in turn")


@pytest.mark.parametrize("family", ["4", "6"])
def test_they_find_us(left, right, peer, tmp_path, family):
    ours = right.sidecar(tmp_path / "ours", "ours", host_ip=right.ip4 if family == "4" else right.ip6)
    program = left.run(*peer, "browse", "ours", 60)
    program.line(0)
    found = entries(program)[0]
    assert found["instance"] == f"right:{ours.process.pid}"
    assert (found["host"], found["port"], found["text"]) == ("right.local.", ours.internal, ["ours"])
    assert (found["ip4"] or [], found["ip6"] or []) == (([right.ip4], []) if family == "4" else ([], [right.ip6]))


def test_they_hear_us_leave(left, right, tmp_path):
    ours = right.sidecar(tmp_path / "ours", "ours")
    program = left.run(*PEER, "browse", "ours", 60)
    program.line(0)
    assert ours.stop() == 0
    program.line(1)
    assert [e["change"] for e in entries(program)] == ["Added", "Removed"]


def test_they_hear_us_come(left, right, peer, tmp_path):
    program = left.run(*peer, "browse", "ours", 60)
    ours = right.sidecar(tmp_path / "ours", "ours")
    program.line(0)
    assert entries(program)[0]["port"] == ours.internal


@pytest.mark.parametrize("family", ["4", "6"])
def test_the_resolver_of_the_reference_resolves_us(left, right, reference, tmp_path, family):
    asker = left.run(*reference, "resolve", left.ip4)
    asker.line(0)
    assert asker.ask("nobody") == "error couldn't find service: nobody"
    address = right.ip4 if family == "4" else right.ip6
    ours = [right.sidecar(tmp_path / name, "ours", host_ip=address) for name in ("a", "b")]
    expected = {f"ok {address}:{one.internal}" for one in ours}
    wait_until(lambda: {asker.ask("ours") for _ in range(4)} == expected, "both in turn")


def test_sidecars_of_one_host_share_the_port(right, silent, reference, tmp_path):
    target = silent("one")
    ours = right.sidecar(tmp_path / "ours", "My-Shop_1")
    right.run(*reference, "serve", "target", right.ip4, target.internal).line(0)
    asker = right.run(*reference, "resolve", right.ip4)
    asker.line(0)
    assert hello(ours) == "one"
    assert asker.ask("My-Shop_1") == f"ok {right.ip4}:{ours.internal}"


def test_sidecars_without_configuration_find_each_other(left, right, tmp_path):
    port = right.app(8000, "far")

    def start(host, name, **more):
        folder = tmp_path / name
        return host.sidecar(folder, name, resolver="", env={"MECHA_REGISTRY_DIR": "", "XDG_RUNTIME_DIR": str(folder)}, **more)
    far, near = start(right, "far", app=port), start(left, "near")
    assert hello(near, "far") == "far"
    far.stop()
    wait_until(lambda: "couldn't find service: far" in hello(near, "far"), "the goodbye")
