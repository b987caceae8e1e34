"""The internal port, played by the recorded peer scenarios: what another sidecar asks and is answered (contract 01, 9; 04b)."""
import subprocess, sys

import pytest

from sidecar import DAEMON, ROOT

VECTORS = ROOT / "tests/api/vectors"


@pytest.mark.parametrize("scenario", ["CallLocalStream to an HTTP application", "the internal port without an application", "the internal port of a gRPC application"])
def test_a_recorded_peer_is_answered_exactly(scenario):
    pytest.importorskip("grpc")
    done = subprocess.run([sys.executable, VECTORS / "run.py", "--daemon", DAEMON, "--jobs", "1", "--only", scenario, VECTORS / "peer.yaml"], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0 and "1 passed, 0 failed" in done.stdout, done.stdout + done.stderr
