"""The fixtures of tests/api, for the tests that need a daemon; those of the installed package need none."""
import os, sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "api"))
from fixtures import *  # noqa: E402,F401,F403
from sidecar import DAEMON, ROOT  # noqa: E402

PROGRAMS = Path(os.environ.get("MECHA_SDK_BUILD", ROOT / "build/sdk")) / "tests"


def pytest_collection_modifyitems(items):
    for item in items:
        if {"launch", "launch_module"} & set(item.fixturenames) and not DAEMON.exists():
            item.add_marker(pytest.mark.skip(reason=f"there is no daemon at {DAEMON}; build it or set MECHAD"))
