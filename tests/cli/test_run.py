"""`mecha run` with one application, and the commands that look at it and talk to it."""
import json, os, signal, tempfile, time
from pathlib import Path

import pytest

from conftest import DAEMON, MECHA, alive, free_port, name_of, request, wait_until

PUBSUB = "apiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata: {name: bus}\nspec: {type: pubsub.in-memory, version: v1}\n"


@pytest.fixture
def one(tool, tmp_path):
    """An application that runs: (tool, id, process)."""
    name, port = name_of(tmp_path), free_port()
    tool.write("resources/bus.yaml", PUBSUB)
    subscribe = json.dumps([{"pubsubname": "bus", "topic": "news", "route": "/news"}])
    process = tool.start("run", "-a", name, "-p", port, "--resources-path", "resources", "--", "python3", "app.py", env={"SUBSCRIBE": subscribe})
    wait_until(lambda: subscribed(tool, name), "the application and its subscription")
    return tool, name, process


def subscribed(tool, name):
    """The sidecar is ready, and has subscribed for its application, which comes a moment later."""
    status, out, _ = tool("status", "-a", name, "-o", "json")
    return status == 0 and json.loads(out)[0]["subscriptions"]


def test_the_application_finds_its_sidecar_and_the_terminal(one):
    tool, name, process = one
    wait_until(lambda: "app is up" in process.output(), "the application's line")
    line = next(l for l in process.output().splitlines() if "app is up" in l)
    assert line.startswith("app is up"), "a single application writes where we do, without a prefix"
    seen = json.loads(line.removeprefix("app is up"))
    listed = next(i for i in tool.json("list") if i["appId"] == name)
    assert seen["APP_ID"] == name and seen["APP_PROTOCOL"] == "http" and seen["APP_CHANNEL_ADDRESS"] == "127.0.0.1"
    assert (int(seen["DAPR_HTTP_PORT"]), int(seen["DAPR_GRPC_PORT"]), int(seen["APP_PORT"])) == (listed["httpPort"], listed["grpcPort"], listed["appPort"])
    assert int(seen["DAPR_METRICS_PORT"]) > 0


def test_list_tells_who_runs(one):
    tool, name, process = one
    listed = next(i for i in tool.json("list") if i["appId"] == name)
    assert set(listed) == {"appId", "httpPort", "grpcPort", "appPort", "metricsEnabled", "command", "age", "created", "daprdPid", "cliPid", "appPid", "maxRequestBodySize",
                           "httpReadBufferSize", "runTemplatePath", "appLogPath", "daprdLogPath", "runTemplateName"}
    assert listed["cliPid"] == process.pid and listed["command"] == "python3 app.py" and listed["maxRequestBodySize"] == 4 << 20
    assert alive(listed["appPid"]) and alive(listed["daprdPid"])
    metadata = request(listed["httpPort"], "GET", "/v1.0/metadata").json["extended"]
    assert metadata["cliPID"] == str(process.pid) and metadata["appCommand"] == "python3 app.py"
    status, table, _ = tool("list")
    assert status == 0 and table.splitlines()[0].split() == "APP ID HTTP PORT GRPC PORT APP PORT COMMAND AGE CREATED DAPRD PID CLI PID APP PID TEMPLATE".split()
    assert f"appId: {name}" in tool("list", "-o", "yaml")[1]


def test_invoke_prints_the_answer(one):
    tool, name, _ = one
    status, out, _ = tool("invoke", "-a", name, "-m", "/hello?x=1", "-d", '{"a":1}')
    assert (status, json.loads(out)) == (0, {"path": "/hello?x=1", "method": "POST", "body": '{"a":1}', "type": "application/json"})
    tool.write("body.txt", "plain")
    answer = tool.json("invoke", "-a", name, "-m", "hello", "-v", "put", "-f", "body.txt")
    assert answer["status"] == 200 and answer["body"]["method"] == "PUT" and answer["body"]["type"].startswith("text/plain")
    assert tool.json("invoke", "-a", name, "-m", "hello", "-f", "-", stdin="from a pipe")["body"]["body"] == "from a pipe"
    assert tool("invoke", "-a", name, "-m", "fail")[0] == 1


def test_publish_reaches_the_application(one):
    tool, name, process = one
    assert tool.json("publish", "-i", name, "-p", "bus", "-t", "news", "-d", '{"n":1}')["contentType"] == "application/json"
    wait_until(lambda: '"data":{"n":1}' in process.output(), "the event")
    event = {"specversion": "1.0", "id": "mine-7", "source": "test", "type": "x", "data": "hello"}
    assert tool.json("publish", "-i", name, "-p", "bus", "-t", "news", "-d", json.dumps(event))["contentType"] == "application/cloudevents+json"
    wait_until(lambda: "mine-7" in process.output(), "the event with its envelope")
    status, _, err = tool("publish", "-i", name, "-p", "nobus", "-t", "news", "-d", "x")
    assert status == 1 and "ERR_PUBSUB_NOT_FOUND" in err and "remedy:" in err and "pubsub.*" in err
    status, _, err = tool("publish", "-i", name, "-p", "bus", "-t", "news", "-m", "[1]")
    assert status == 1 and "--metadata must be a JSON object" in err


def test_status_shows_components_and_subscriptions(one):
    tool, name, _ = one
    state = tool.json("status", "-a", name)[0]
    assert state["status"] == "ready" and state["components"] == ["bus (pubsub.in-memory)"] and state["memoryKb"] > 0
    assert state["subscriptions"] == ["news (bus)"]


def test_stop_ends_application_and_sidecar(one):
    tool, name, process = one
    listed = next(i for i in tool.json("list") if i["appId"] == name)
    assert [s["appId"] for s in tool.json("stop", "-a", name)] == [name]
    assert process.wait(30) == 0
    assert not alive(listed["appPid"]) and not alive(listed["daprdPid"])
    out = process.output()
    assert out.index("app asked to stop") < out.index("Daprd shutdown gracefully"), "the application ends before its sidecar"
    status, _, err = tool("stop", name)
    assert status == 1 and f'no application "{name}" runs on this host' in err


def test_a_sidecar_that_answers_nothing_is_stopped_by_who_started_it(tool, tmp_path):
    name = name_of(tmp_path)
    process = tool.start("run", "-a", name, "--stop-timeout", "1", "--", "sh", "-c", "trap 'exit 0' TERM; while :; do sleep 0.05; done")
    os.kill(next(i for i in tool.json("list") if i["appId"] == name)["daprdPid"], signal.SIGSTOP)
    assert tool.json("stop", "-a", name)[0]["pid"] == process.pid
    assert process.wait(30) == 0


def answers(port):
    try:
        return request(port, "GET", "/v1.0/healthz/outbound").status == 204
    except OSError:  # it does not listen yet
        return False


def test_a_sidecar_that_is_the_application_is_its_own(tool, tmp_path):
    name, inner = name_of(tmp_path), name_of(tmp_path) + "-inner"
    ports = {f"--{of}-port": free_port() for of in ("dapr-http", "dapr-grpc", "dapr-internal-grpc", "dapr-public", "metrics")}
    process = tool.start("run", "-a", name, "--", DAEMON, "--app-id", inner, *[word for item in ports.items() for word in item])
    wait_until(lambda: answers(ports["--dapr-http-port"]), "the inner sidecar")
    outer_pid, inner_pid = process.pid, next(i for i in tool.json("list") if i["appId"] == inner)["daprdPid"]
    of_tool = lambda: {i["appId"]: i["cliPid"] for i in tool.json("list") if i["appId"] in (name, inner)}
    assert of_tool() == {name: outer_pid, inner: 0}
    os.kill(inner_pid, signal.SIGSTOP)
    assert of_tool() == {name: outer_pid, inner: 0}, "nor if it answers nothing"
    os.kill(inner_pid, signal.SIGCONT)
    assert tool.json("stop", "-a", inner)[0]["pid"] == inner_pid
    assert process.wait(30) == 0, process.output()  # with its application the run ends


# Says that it is ready, and never answers what it is told.
HANGS = r"""#!/usr/bin/env python3
import signal, socket, sys
from pathlib import Path
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
server = socket.create_server(("127.0.0.1", int(sys.argv[sys.argv.index("--dapr-http-port") + 1])))
open_ones = []
while True:
    connection, _ = server.accept()
    if connection.recv(65536).startswith(b"GET"):
        connection.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")
        connection.close()
    else:
        open_ones.append(connection)
        Path("told").write_text("yes")
"""


def test_a_stop_does_not_wait_for_a_sidecar_that_hangs(tool, tmp_path):
    tool.write("mechad", HANGS).chmod(0o755)
    process = tool.start("run", "-a", name_of(tmp_path), "--", "sleep", "1000", until="Starting", env={"MECHA_DAEMON": str(tool.folder / "mechad")})
    wait_until(lambda: (tool.folder / "told").exists(), "what the tool tells of itself")
    before = time.monotonic()
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0, process.output()
    assert time.monotonic() - before < 4.5, "a request ends after 5 s"


def test_a_kill_of_the_tool_takes_everything_with_it(one):
    tool, name, process = one
    listed = next(i for i in tool.json("list") if i["appId"] == name)
    os.kill(listed["cliPid"], signal.SIGKILL)
    wait_until(lambda: not alive(listed["appPid"]) and not alive(listed["daprdPid"]), "the end of both")


@pytest.mark.parametrize("command, code", [("exit 0", 0), ("exit 3", 1), ("kill -9 $$", 1)])
def test_the_end_of_the_application_ends_the_run(tool, tmp_path, command, code):
    name = name_of(tmp_path)
    status, out, _ = tool("run", "-a", name, "--", "sh", "-c", command)
    assert status == code
    assert "Stopped" in out and not [i for i in tool.json("list") if i["appId"] == name]


def test_an_application_that_fails_is_started_again(tool, tmp_path):
    tool.write("count.sh", "echo run >> runs; [ $(wc -l < runs) -ge 3 ]")
    status, out, _ = tool("run", "-a", name_of(tmp_path), "--restart", "on-failure", "--", "sh", "count.sh")
    assert status == 0 and (tool.folder / "runs").read_text().count("run") == 3 and out.count("starting it again") == 2


def test_restarts_have_an_end(tool, tmp_path):
    status, out, _ = tool("run", "-a", name_of(tmp_path), "--restart", "always", "--restart-max", "2", "--", "sh", "-c", "echo again; exit 1")
    assert status == 1 and out.count("again\n") >= 3 and "not started again after 2 restarts in a row" in out


def test_a_sidecar_that_is_killed_is_started_again_on_its_ports(tool, tmp_path):
    name = name_of(tmp_path)
    process = tool.start("run", "-a", name, "-p", free_port(), "--restart", "always", "--", "python3", "app.py")
    before = next(i for i in tool.json("list") if i["appId"] == name)
    os.kill(before["daprdPid"], signal.SIGKILL)
    after = wait_until(lambda: next((i for i in tool.json("list") if i["appId"] == name and i["daprdPid"] != before["daprdPid"] and i["appPid"]), None), "another sidecar")
    assert (after["httpPort"], after["appPid"]) == (before["httpPort"], before["appPid"])
    assert process.poll() is None


SLOW_DAEMON = """#!/usr/bin/env python3
import os, socket, sys
for flag, port in zip(sys.argv, sys.argv[1:]):
    if flag.endswith("-port"):
        with socket.socket() as other:
            try:
                other.bind(("127.0.0.1", int(port)))
            except OSError:
                continue
        sys.exit(f"{flag}: somebody else could take it")
os.execv(os.environ["DAEMON"], sys.argv)
"""


def test_ports_are_kept_for_a_sidecar_that_is_slow_to_start(tool, tmp_path):
    daemon = tool.write("slow/mechad", SLOW_DAEMON)
    daemon.chmod(0o755)
    process = tool.start("run", "-a", name_of(tmp_path), "--", "sleep", "1000", env={"MECHA_DAEMON": str(daemon), "DAEMON": str(DAEMON)})
    assert "HTTP server is running on port" in process.output()


def test_what_an_application_leaves_in_its_group_ends_too(tool, tmp_path):
    name = name_of(tmp_path)
    process = tool.start("run", "-a", name, "--stop-timeout", "2", "--", "sh", "-c", "trap '' TERM; sleep 1000 & echo $! > child; wait; sleep 1000")
    child = int(wait_until(lambda: (tool.folder / "child").exists() and (tool.folder / "child").read_text(), "the child"))
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0
    assert not alive(child) and "did not end within 2s and is killed" in process.output()


GRANDCHILD = "{trap} python3 app.py & echo $! > child; wait; wait"


@pytest.mark.parametrize("trap, signals_group", [("", False), ("", True), ("trap '' TERM;", False)], ids=["the tool", "its group", "one that ignores SIGTERM"])
def test_a_kill_of_the_tool_ends_what_the_application_started(tool, tmp_path, trap, signals_group):
    name = name_of(tmp_path)
    tool.write("app.py", "import time\ntime.sleep(1000)\n")
    child = tool.terminal("run", "-a", name, "--", "sh", "-c", GRANDCHILD.format(trap=trap))  # a session of its own
    child.expect("You're up and running!")
    grandchild = int(wait_until(lambda: (tool.folder / "child").exists() and (tool.folder / "child").read_text(), "the grandchild"))
    listed = next(i for i in tool.json("list") if i["appId"] == name)
    (os.killpg if signals_group else os.kill)(child.pid, signal.SIGKILL)
    wait_until(lambda: not any(map(alive, (grandchild, listed["appPid"], listed["daprdPid"]))), "the end of all")
    assert not [i for i in tool.json("list") if i["appId"] == name]


def guards_of(pid):
    """Processes that watch over what a tool started."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            name, rest = stat.read_text().split("(", 1)[1].rsplit(")", 1)
        except OSError:
            continue
        if name == "mecha-guard" and int(rest.split()[1]) == pid:
            found.append(int(stat.parent.name))
    return found


def test_nobody_watches_any_more_after_the_end(tool, tmp_path):
    process = tool.start("run", "-a", name_of(tmp_path), "--", "sh", "-c", "(setsid sleep 1000 & echo $! > child); sleep 1000")
    guard, = guards_of(process.pid)
    child = int(wait_until(lambda: (tool.folder / "child").exists() and (tool.folder / "child").read_text(), "the child"))
    wait_until(lambda: os.getsid(child) == child, "the child's own session")
    assert tool.json("stop", "-a", next(i["appId"] for i in tool.json("list") if i["cliPid"] == process.pid)) and process.wait(30) == 0
    assert not alive(guard)
    os.kill(child, signal.SIGKILL)  # what leaves the group on purpose is left alone


def test_variables_from_a_file(tool, tmp_path):
    tool.write("vars.env", 'T_FILE="from a file"\nT_SET=file\n')
    process = tool.start("run", "-a", name_of(tmp_path), "-p", free_port(), "--env-file", "vars.env", "--", "python3", "app.py", env={"T_SET": "environment"}, until="app is up")
    assert '"T_FILE": "from a file"' in process.output() and '"T_SET": "environment"' in process.output()


def test_every_line_of_a_run_can_be_json(tool, tmp_path):
    name = name_of(tmp_path)
    process = tool.start("run", "-a", name, "-o", "json", "--", "sh", "-c", "echo to-out; echo to-err >&2; while [ ! -e enough ]; do sleep 0.05; done", until='"event":"up"')
    tool.write("enough", "")
    assert process.wait(30) == 0
    lines = [json.loads(line) for line in process.output().splitlines()]
    assert {"app": name, "source": "app", "line": "to-out"} in lines and {"app": name, "source": "app", "line": "to-err"} in lines
    assert [line["event"] for line in lines if "event" in line] == ["starting", "up", "ended", "stopped"]


def test_ctrl_c_in_a_terminal(tool, tmp_path):
    name = name_of(tmp_path)
    child = tool.terminal("run", "-a", name, "-p", free_port(), "--", "python3", "app.py")
    child.expect("app is up")
    child.expect_exact("You're up and running!") if "up and running" not in (child.before or "") else None
    child.sendintr()
    child.expect("Stopping. A second signal kills.")
    child.expect("app asked to stop")
    child.expect("Stopped.")
    child.expect(__import__("pexpect").EOF)
    child.wait()
    assert child.exitstatus == 0 and not [i for i in tool.json("list") if i["appId"] == name]


def test_a_second_ctrl_c_kills(tool, tmp_path):
    name = name_of(tmp_path)
    child = tool.terminal("run", "-a", name, "--", "sh", "-c", "trap '' TERM; echo stubborn; while true; do sleep 1; done")
    child.expect("stubborn")
    child.sendintr()
    child.expect("Stopping. A second signal kills.")
    time.sleep(0.4)  # what comes at once counts as the same
    child.sendintr()
    child.expect("Killing what still runs.")
    child.expect("Stopped.")
    child.expect(__import__("pexpect").EOF)
    child.wait()
    assert child.exitstatus == 0 and not [i for i in tool.json("list") if i["appId"] == name]


@pytest.fixture
def sockets():
    """A folder with a short path, as sockets need."""
    with tempfile.TemporaryDirectory(prefix="mecha-cli-") as folder:
        yield folder


def test_through_unix_sockets(sockets, tool, tmp_path):
    name, folder = name_of(tmp_path), sockets
    tool.start("run", "-a", name, "-p", free_port(), "-u", folder, "--", "python3", "app.py", until="app is up")
    wait_until(lambda: tool("status", "-a", name)[0] == 0, "the application")
    assert tool.json("invoke", "-a", name, "-m", "x", "-u", folder)["body"]["path"] == "/x"
    assert tool.json("invoke", "-a", name, "-m", "y")["body"]["path"] == "/y"


def test_the_tool_and_the_daemon_are_of_one_build():
    import subprocess
    said = subprocess.run([MECHA, "--version"], capture_output=True, text=True).stdout
    info = subprocess.run([MECHA.parent / "mechad", "--build-info"], capture_output=True, text=True).stdout
    commit = next(line.split(": ")[1] for line in info.splitlines() if line.startswith("Git Commit"))
    assert said.startswith("mecha ") and commit in said
