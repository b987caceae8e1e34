"""The interop cases of gRPC: the official client against our server, ours against the official server."""
import subprocess

import pytest
from conftest import free_port

CASES = ["empty_unary", "large_unary", "client_streaming", "server_streaming", "ping_pong", "empty_stream", "timeout_on_sleeping_server", "cancel_after_begin",
         "cancel_after_first_response", "status_code_and_message", "special_status_message", "custom_metadata", "unimplemented_method", "unimplemented_service"]


def judge(command):
    got = subprocess.run([str(c) for c in command], capture_output=True, text=True, timeout=60)
    assert got.returncode == 0, (got.stdout + got.stderr)[-2000:]


@pytest.mark.parametrize("case", CASES)
def test_the_official_client_is_content_with_our_server(case, run, go_program, our_program):
    port = free_port()
    run("server", port, our_program("interop_server"), "--port", port)
    judge([go_program("client"), "--server_host=127.0.0.1", f"--server_port={port}", "--use_tls=false", f"--test_case={case}"])


@pytest.mark.parametrize("case", CASES)
def test_our_client_is_content_with_the_official_server(case, run, go_program, our_program):
    client, port = our_program("interop_client"), free_port()
    run("server", port, go_program("server"), f"--port={port}", "--use_tls=false")
    judge([client, "--host", "127.0.0.1", "--port", port, "--case", case])
