"""Flags and their values: empty ones, impossible ones, where they may stand, and errors that programs can read."""
import ctypes
import json
import os
import signal
import socket
import subprocess
import time

import pytest

from conftest import MECHA, free_port, name_of, wait_until


def refused(tool, *words, code=1, **more):
    status, out, err = tool(*words, **more)
    assert status == code, (out, err)
    return err


def arguments_of(pid):
    return open(f"/proc/{pid}/cmdline").read().split("\0")


def state_of(pid):
    return open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()[0]


def test_an_empty_value_turns_a_service_off(tool, tmp_path):
    name = name_of(tmp_path)
    tool.start("run", "--scheduler-host-address=", "--placement-host-address=", "-a", name, "--", "sleep", "1000")
    listed = next(i for i in tool.json("list") if i["appId"] == name)
    words = arguments_of(listed["daprdPid"])
    assert "--scheduler-host-address" not in words and "--placement-host-address" not in words and words[words.index("--app-id") + 1] == name


IMPOSSIBLE = {
    "--app-port": ["-5", "70000"], "--app-max-concurrency": ["-7"], "--app-health-probe-interval": ["-1"], "--app-health-probe-timeout": ["-1"], "--app-health-threshold": ["-1"],
    "--dapr-http-port": ["-2", "70000"], "--metrics-port": ["-9"], "--max-body-size": ["zzz", "-5"], "--read-buffer-size": ["-5", "0", "many"], "--app-id": [""],
    "--dapr-listen-addresses": ["foo,,bar", "127.0.0.1,", "no-such-host.invalid"], "--unix-domain-socket": ["/nope", "/dev/null"],
}


@pytest.mark.parametrize("flag, value", [(flag, value) for flag, values in IMPOSSIBLE.items() for value in values])
def test_an_impossible_value(tool, flag, value):
    before = time.monotonic()
    of_flags = flag == "--app-id"
    err = refused(tool, "run", *([] if of_flags else ["-a", "x"]), f"{flag}={value}", "--", "true", code=2 if of_flags else 1)
    assert flag in err and "remedy:" in err, err
    assert time.monotonic() - before < 5, "nothing was waited for"


def test_values_that_mean_the_default(tool):
    assert tool("run", "-a", "x", "-p", "-1", "--app-max-concurrency=-1", "--max-body-size=-1", "--read-buffer-size=-1", "--dapr-listen-addresses", "localhost,127.0.0.2", "--", "true")[0] == 0


def test_two_applications_that_want_one_port(tool):
    port = free_port()
    tool.write("dapr.yaml", f"version: 1\napps:\n- {{appDirPath: ., appID: a, daprHTTPPort: {port}, command: ['true']}}\n- {{appDirPath: ., appID: b, daprGRPCPort: {port}, command: ['true']}}\n")
    err = refused(tool, "run", "-f", "dapr.yaml")
    assert f"two applications want port {port}: a (HTTP API) and b (gRPC API)" in err and "remedy: give each its own port" in err
    assert f"x wants port {port} twice" in refused(tool, "run", "-a", "x", "-H", port, "-M", port, "--", "true")


def test_a_template_of_another_version(tool):
    tool.write("dapr.yaml", "version: 2\napps:\n- {appDirPath: ., appID: a, command: ['true']}\n")
    status, out, err = tool("run", "-f", "dapr.yaml")
    assert status == 0 and "version 2 is not known and is read as version 1" in err and "remedy: write version: 1" in err


def test_what_this_build_has_not(tool):
    assert "--kubernetes is not in this build" in refused(tool, "run", "-k", "-f", ".", code=2)
    tool.write("config.yaml", "apiVersion: dapr.io/v1alpha1\nkind: Configuration\nmetadata: {name: c}\nspec:\n  mtls:\n    enabled: true\n")
    err = refused(tool, "run", "-a", "x", "-c", "config.yaml", "--", "true")
    assert "config.yaml:6: spec.mtls.enabled is true, but mTLS between sidecars is not in this build" in err and "remedy:" in err


def test_verbs_topics_and_sockets(tool):
    assert '--verb "BOGUS" is no verb of HTTP' in refused(tool, "invoke", "-a", "x", "-m", "y", "-v", "BOGUS")
    assert "did you mean POST?" in refused(tool, "invoke", "-a", "x", "-m", "y", "-v", "posst")
    assert "--topic is empty" in refused(tool, "publish", "-i", "x", "-p", "b", "-t", "")
    assert "the folder /nope of --unix-domain-socket does not exist" in refused(tool, "invoke", "-a", "x", "-m", "y", "-u", "/nope")
    assert "there is no socket" in refused(tool, "publish", "-i", "x", "-p", "b", "-t", "t", "-u", str(tool.folder))
    assert "--write names no folder" in refused(tool, "dev", "--write", "")


def test_a_daemon_that_is_something_else(tool):
    garbage = tool.write("mechad", "no program\n")
    garbage.chmod(0o755)
    err = refused(tool, "run", "-a", "x", "--", "true", env={"MECHA_DAEMON": str(garbage)})
    assert f"is {garbage} a mechad?" in err and "export MECHA_DAEMON" in err, err


def test_a_body_that_is_too_large(tool, tmp_path):
    name = name_of(tmp_path)
    tool.start("run", "-a", name, "-p", free_port(), "--", "python3", "app.py", until="app is up")
    tool.write("big", "x" * (5 << 20))
    err = refused(tool, "invoke", "-a", name, "-m", "x", "-f", "big")
    assert "remedy:" in err and "--max-body-size" in err, err


def test_the_output_flag_before_the_command(tool):
    for words in (["--output", "json", "list"], ["-o", "json", "list"], ["--output=json", "list"], ["-ojson", "list"]):
        status, out, err = tool(*words)
        assert status == 0 and isinstance(json.loads(out), list), err
    assert "unknown flag: --outptu" in refused(tool, "--outptu", "json", "list", code=2)


@pytest.mark.parametrize("words, code", [(["run", "-o", "json", "--bad"], 2), (["check", "-o", "json"], 2), (["-o", "json", "lsit"], 2), (["list", "--output=json", "x"], 2), (["check", "loop", "-o", "json"], 1),
                                         (["invoke", "-o", "json", "-a", "nobody", "-m", "x"], 1), (["run", "-o", "json", "-a", "a.b", "--", "true"], 1), (["describe", "state.reddis", "-o", "json"], 1)], ids=lambda v: " ".join(v) if isinstance(v, list) else "")
def test_errors_are_json_where_asked(tool, words, code):
    (tool.folder / "loop").symlink_to("loop")
    error = json.loads(refused(tool, *words, code=code))
    assert error["error"] and "remedy:" not in error["error"] and error["remedy"], error


def test_warnings_are_json_where_asked(tool):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        _, out, err = tool("run", "-o", "json", "-a", "x", "-p", taken.getsockname()[1], "--", "true")
    warnings = [json.loads(line) for line in err.splitlines()]
    assert "is in use by" in warnings[0]["warning"] and warnings[0]["remedy"]
    assert all(json.loads(line) for line in out.splitlines())


def to_its_thread(pid, number):
    """Two signals of one kind that a process has not taken yet are one in the kernel, but not if one is for the process and one for a thread of it."""
    assert ctypes.CDLL(None, use_errno=True).tgkill(pid, pid, int(number)) == 0, os.strerror(ctypes.get_errno())


@pytest.mark.parametrize("send, second", [(to_its_thread, signal.SIGTERM), (os.kill, signal.SIGHUP)], ids=["of one kind", "of two kinds"])
def test_two_signals_at_once_are_one(tool, tmp_path, send, second):
    """As timeout(1) sends them: to the process, then to its group."""
    process = tool.start("run", "-a", name_of(tmp_path), "--", "sh", "-c", "trap 'sleep 0.6; echo ended well; exit 0' TERM; echo ready; while true; do sleep 0.1; done", until="ready")
    wait_until(lambda: "up and running" in process.output(), "the start")
    os.kill(process.pid, signal.SIGSTOP)
    wait_until(lambda: state_of(process.pid) == "T", "its halt")
    os.kill(process.pid, signal.SIGTERM)
    send(process.pid, second)
    os.kill(process.pid, signal.SIGCONT)  # it finds both when it goes on
    assert process.wait(30) == 0
    assert "ended well" in process.output() and "Killing" not in process.output(), process.output()


def test_an_application_of_another_protocol(tool, tmp_path):
    name = name_of(tmp_path)
    process = tool.start("run", "-a", name, "-p", free_port(), "-P", "grpc", "--", "python3", "app.py")
    wait_until(lambda: "app is up" in process.output(), "the application")
    # The sidecar looks a few times a second whether the application has opened its port; until then it says that it waits.
    wait_until(lambda: "does not speak gRPC" in tool("status", "-a", name)[1], "what status says of the application")
    assert tool("status", "-a", name)[0] == 1
    assert "--app-protocol" in refused(tool, "invoke", "-a", name, "-m", "x")


def test_a_file_of_variables_in_other_clothes(tool):
    (tool.folder / "bom.env").write_bytes(b"\xef\xbb\xbfT_BOM=1\n")
    assert '"T_BOM": "1"' in tool.start("run", "-a", "x-bom", "-p", free_port(), "--env-file", "bom.env", "--", "python3", "app.py", until="app is up").output()
    tool.write("quote.env", 'N="x"y\n')
    assert "has text behind its closing quote" in refused(tool, "run", "-a", "x", "--env-file", "quote.env", "--", "true")
    (tool.folder / "binary.env").write_bytes(bytes(range(256)) * 100)
    assert len(refused(tool, "run", "-a", "x", "--env-file", "binary.env", "--", "true")) < 500


@pytest.mark.parametrize("more, coloured", [({"NO_COLOR": "1"}, False), ({"NO_COLOR": ""}, True), ({"NO_COLOR": "", "TERM": "dumb"}, False)])
def test_colours_of_a_terminal(tool, more, coloured):
    import pexpect
    child = pexpect.spawn(str(MECHA), ["check", "nowhere"], cwd=str(tool.folder), env={**tool.env, **more}, encoding="utf-8", timeout=60)
    child.expect(pexpect.EOF)
    assert ("\x1b[31m" in child.before) == coloured and "nowhere does not exist" in child.before


@pytest.mark.parametrize("command", [["python3", "-i", "-q"], ["sh", "-c", "python3 -i -q"]], ids=["itself", "below a shell"])
def test_an_application_reads_from_the_terminal(tool, tmp_path, command):
    import pexpect
    child = tool.terminal("run", "-a", name_of(tmp_path), "--", *command)
    child.expect("up and running")
    child.sendline("print(1234567 * 8)")  # no line of the sidecar's log holds that by chance
    child.expect("9876536")
    child.expect(">>> ")
    child.sendintr()
    for _ in range(10):
        if child.expect(["KeyboardInterrupt", pexpect.TIMEOUT, "Stopping"], timeout=3) != 1:
            break
        child.sendintr()  # between its prompt and its reading, Python forgets one
    assert child.after == "KeyboardInterrupt"
    child.sendline("exit(0)")
    child.expect("Stopped.")
    child.expect(pexpect.EOF)
    child.wait()
    assert child.exitstatus == 0


@pytest.fixture
def shell(tool):
    """An interactive shell with job control, and what to call."""
    import pexpect
    child = pexpect.spawn("bash", ["--norc", "-i"], cwd=str(tool.folder), env={**tool.env, "PS1": "$ "}, encoding="utf-8", timeout=60, dimensions=(40, 200))
    yield child
    child.close(force=True)


def test_a_shell_takes_the_terminal_and_gives_it_back(shell, tool, tmp_path):
    shell.sendline(f"{MECHA} run -a {name_of(tmp_path)} --log-level error -- python3 -i -q")
    shell.expect("up and running")
    shell.sendline("print(1234567 * 8)")
    shell.expect("9876536")
    shell.expect(">>> ")
    shell.send("\x1a")  # Ctrl-Z
    shell.expect("Stopped")
    shell.sendline("echo shell $((40 + 3))")
    shell.expect("shell 43")
    shell.sendline("fg")
    shell.sendline("print(2345678 * 4)")  # in no id of an application, which the shell repeats
    shell.expect("9382712")
    shell.sendline("exit()")
    shell.expect("Stopped\\.")
    shell.sendline("echo back $((50 + 5))")
    shell.expect("back 55")


def test_a_run_in_the_background_leaves_the_terminal_alone(shell, tool, tmp_path):
    shell.sendline(f"{MECHA} run -a {name_of(tmp_path)} --log-level error -- sleep 1000 > out.txt 2>&1 &")
    wait_until(lambda: (tool.folder / "out.txt").exists() and "up and running" in (tool.folder / "out.txt").read_text(), "the start")
    shell.sendline("kill %1; wait; echo ended $((70 + 7))")
    shell.expect("ended 77")
    shell.sendline("echo alive $((80 + 8))")
    shell.expect("alive 88")
