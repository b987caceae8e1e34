"""Fixtures of the wire tests: sidecars, applications, servers. Everything started is stopped; logs are shown when a test fails."""
import os, tempfile
from pathlib import Path

import pytest

import sidecar as sidecar_module
from application import App
from sidecar import DAEMON, RUNNING, SLOW, Sidecar


def pytest_configure(config):
    config.addinivalue_line("markers", "slow: takes longer than twenty seconds")
    config.addinivalue_line("markers", "release_only: says something about a release build only (memory, speed)")


def pytest_collection_modifyitems(items):
    for item in items:
        if not DAEMON.exists():
            item.add_marker(pytest.mark.skip(reason=f"there is no daemon at {DAEMON}; build it or set MECHAD"))
        elif SLOW and item.get_closest_marker("release_only"):
            item.add_marker(pytest.mark.skip(reason="a sanitizer build says nothing about memory or speed"))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    if report.failed:
        for one in RUNNING + getattr(item, "ended_sidecars", []):
            report.sections.append((f"log of {one.app_id} ({one.folder})", one.log()[-3000:]))


class Launcher:
    """Starts sidecars and applications that live as long as the fixture."""

    def __init__(self, folder):
        self.folder, self.sidecars, self.apps = Path(folder), [], []
        self.registry = self.folder / "registry"

    def app(self, port=0, tls=None):
        self.apps.append(App(port, tls))
        return self.apps[-1]

    def sidecar(self, app_id="app", **settings):
        settings.setdefault("registry", self.registry)
        start = settings.pop("start", True)
        one = Sidecar(self.folder / f"{app_id}-{len(self.sidecars)}", app_id, **settings)
        self.sidecars.append(one)
        return one.start() if start else one

    def pair(self, callee_app=None, caller=None, callee=None):
        """Two sidecars that find each other: (caller `front`, callee `back`, the callee's application)."""
        app = callee_app or self.app()
        back = self.sidecar("back", app=app, **(callee or {}))
        return self.sidecar("front", **(caller or {})), back, app

    def close(self):
        for one in reversed(self.sidecars):
            one.kill()
        for app in self.apps:
            app.close()


def _launcher():
    with tempfile.TemporaryDirectory(prefix="mecha-test-") as folder:
        launcher = Launcher(folder)
        try:
            yield launcher
        finally:
            launcher.close()


@pytest.fixture
def launch():
    yield from _launcher()


@pytest.fixture(scope="module")
def launch_module():
    yield from _launcher()


def _server(variable):
    address = os.environ.get(variable)
    if not address:
        pytest.skip(f"{variable} is not set; ./scripts/test starts the servers")
    return address


@pytest.fixture(scope="session")
def redis_address():
    return _server("MECHA_TEST_REDIS")


@pytest.fixture(scope="session")
def server_address():
    """The address of a server by its name in scripts/servers.py."""
    return lambda name: _server("MECHA_TEST_" + name.upper().replace("-", "_"))


@pytest.fixture(scope="session")
def kafka_address():
    return _server("MECHA_TEST_KAFKA")
