"""A fresh Debian 12 in a folder, with the packages of this build installed in it by apt."""
import os, shutil, subprocess, sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path += [str(ROOT / "tests/api"), str(ROOT / "tests/guide")]
from sidecar import free_port  # noqa: E402,F401

PACKAGES = ROOT / "build/packages"


def run(*words, timeout=600, **more):
    done = subprocess.run([str(w) for w in words], capture_output=True, text=True, timeout=timeout, **more)
    assert done.returncode == 0, f"{words}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
    return done.stdout


def package(name):
    found = list(PACKAGES.glob(f"{name}_*.deb"))
    assert len(found) == 1, f"{name}: {found or 'not built'}; scripts/packages makes it"
    return found[0]


class Debian:
    """Programs run in it by chroot; it shares the network of the machine."""

    def __init__(self, root, user="0:0"):
        self.root, self.user = root, user

    def command(self, *words):
        return ["chroot", f"--userspec={self.user}", str(self.root), *map(str, words)]

    def run(self, *words, timeout=300):
        return run(*self.command(*words), timeout=timeout, env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "DEBIAN_FRONTEND": "noninteractive"})

    def path(self, name):
        return self.root / str(name).lstrip("/")


@pytest.fixture(scope="session")
def debian(tmp_path_factory):
    if os.getuid() != 0:
        pytest.skip("a fresh Debian is made by root only")
    root = tmp_path_factory.mktemp("debian") / "root"
    sources = [p for p in (Path("/etc/apt/sources.list"), *sorted(Path("/etc/apt/sources.list.d").glob("*.sources"))) if p.exists()]
    run("mmdebstrap", "--mode=root", "--variant=minbase", '--aptopt=APT::Install-Recommends "false"', "bookworm", root, *sources)
    shutil.copy("/etc/resolv.conf", root / "etc/resolv.conf")
    (root / "packages").mkdir()
    for file in PACKAGES.glob("*.deb"):
        shutil.copy(file, root / "packages")
    run("mount", "-t", "proc", "proc", root / "proc")  # a program finds its own place there, and so its modules
    try:
        Debian(root).run("apt-get", "update", "-q")
        yield Debian(root)
    finally:
        run("umount", "-l", root / "proc")
    shutil.rmtree(root, ignore_errors=True)
