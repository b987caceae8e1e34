"""`mecha run -f`: several applications on one terminal."""
import json, re, signal

import pexpect
import pytest

from conftest import alive, free_port, name_of, wait_until


@pytest.fixture
def shop(tool, tmp_path):
    """A template of two applications: (tool, the two ids)."""
    name = name_of(tmp_path)
    ids = [f"{name}-a", f"{name}-b"]
    for folder in ("a", "b"):
        tool.write(f"{folder}/app.py", (tool.folder / "app.py").read_text())
    tool.write("a/.env", "T_DOTENV=yes\n")
    tool.write("dapr.yaml", f"""version: 1
name: shop
common:
  env: {{T_ONE: common, T_TWO: common}}
apps:
- appDirPath: ./a
  appID: {ids[0]}
  appPort: {free_port()}
  command: [python3, app.py]
- appDirPath: ./b
  appID: {ids[1]}
  appPort: {free_port()}
  env: {{T_TWO: own}}
  command: [python3, app.py]
""")
    return tool, ids


def variables(output, name):
    line = next(l for l in output.splitlines() if l.startswith(f"== APP - {name} == app is up"))
    return json.loads(line.split("app is up", 1)[1])


def test_all_applications_with_prefixes_and_log_files(shop):
    tool, ids = shop
    process = tool.start("run", "-f", ".")
    wait_until(lambda: process.output().count("app is up") == 2, "both applications")
    out = process.output()
    first, second = (variables(out, i) for i in ids)
    assert (first["T_DOTENV"], first["T_ONE"], first["T_TWO"], first["APP_ID"]) == ("yes", "common", "common", ids[0])
    assert (second.get("T_DOTENV"), second["T_TWO"]) == (None, "own")
    assert f"== DAPR - {ids[0]} ==" not in out, "logs of sidecars go to files unless the template says otherwise"
    listed = {i["appId"]: i for i in tool.json("list") if i["appId"] in ids}
    assert {i["runTemplateName"] for i in listed.values()} == {"shop"} and {i["cliPid"] for i in listed.values()} == {process.pid}
    for name, folder in zip(ids, "ab"):
        app_log, daemon_log = (listed[name][k] for k in ("appLogPath", "daprdLogPath"))
        assert re.fullmatch(rf"{tool.folder}/{folder}/\.dapr/logs/{name}_app_\d{{14}}\.log", app_log)
        assert "app is up" in open(app_log).read()
        wait_until(lambda: "Status: Running" in open(daemon_log).read(), "the sidecar's log")
    assert tool.json("invoke", "-a", ids[1], "-m", "x")["body"]["path"] == "/x"


def test_applications_end_before_sidecars_the_last_first(shop):
    tool, ids = shop
    template = tool.folder / "dapr.yaml"
    template.write_text(template.read_text().replace("common:\n", "common:\n  daprdLogDestination: console\n"))
    process = tool.start("run", "-f", "dapr.yaml")
    wait_until(lambda: process.output().count("app is up") == 2 and process.output().count("dapr initialized") == 2, "both applications and their sidecars")
    stopped = tool.json("stop", "-f", ".")
    assert sorted(s["appId"] for s in stopped) == ids and process.wait(30) == 0
    lines = process.output().splitlines()
    where = [next(n for n, line in enumerate(lines) if text in line) for text in (f"APP - {ids[1]} == app asked", f"APP - {ids[0]} == app asked", "beginning shutdown")]
    assert where == sorted(where)


def test_a_terminal_shows_whole_lines_in_two_colours(shop):
    tool, ids = shop
    for folder in ("a", "b"):
        tool.write(f"{folder}/app.py", "import time\nfor n in range(200):\n    print('line', n, 'x' * 500, flush=True)\ntime.sleep(1000)\n")
    child = tool.terminal("run", "-f", ".")
    seen, last = "", "line 199 " + "x" * 500 + "\r\n"
    while seen.count(last) < 2:  # a read may end within a line
        seen += child.read_nonblocking(65536, timeout=30)
    child.sendintr()
    child.expect(pexpect.EOF)
    child.wait()
    lines = [line for line in seen.split("\r\n") if "xxx" in line and line.endswith("x")]
    pattern = re.compile(r"(\x1b\[\d+m)== APP - (\S+) == \x1b\[0mline \d+ x{500}")
    found = [pattern.fullmatch(line) for line in lines]
    assert len(lines) == 400 and all(found), [l for l, f in zip(lines, found) if not f][:2]
    assert len({(m[1], m[2]) for m in found}) == 2 and len({m[1] for m in found}) == 2
    assert child.exitstatus == 0


def test_an_application_that_cannot_start_stops_all(shop):
    tool, ids = shop
    template = tool.folder / "dapr.yaml"
    template.write_text(template.read_text()[::-1].replace("command: [python3, app.py]"[::-1], "command: [no-such-program]"[::-1], 1)[::-1])
    status, out, err = tool("run", "-f", ".")
    assert status == 1 and f"{ids[1]}: the program no-such-program cannot be started" in err and "remedy:" in err
    assert not [i for i in tool.json("list") if i["appId"] in ids]


def test_one_application_restarts_and_the_other_goes_on(shop):
    tool, ids = shop
    template = tool.folder / "dapr.yaml"
    template.write_text(template.read_text().replace("common:\n", "common:\n  restart: on-failure\n"))
    process = tool.start("run", "-f", ".")
    wait_until(lambda: process.output().count("app is up") == 2, "both applications")
    before = {i["appId"]: i for i in tool.json("list")}
    tool("invoke", "-a", ids[0], "-m", "die")
    wait_until(lambda: process.output().count(f"APP - {ids[0]} == app is up") == 2, "the restart")
    after = wait_until(lambda: (lambda all: all if all[ids[0]]["appPid"] != before[ids[0]]["appPid"] else None)({i["appId"]: i for i in tool.json("list")}), "the new process id")
    assert after[ids[1]]["appPid"] == before[ids[1]]["appPid"] and alive(after[ids[0]]["appPid"])


def test_a_template_on_standard_input(tool, tmp_path):
    name = name_of(tmp_path)
    status, out, _ = tool("run", "-f", "-", stdin=f"version: 1\napps:\n- appDirPath: .\n  appID: {name}\n  command: [echo, hello]\n  appLogDestination: console\n")
    assert status == 0 and f"== APP - {name} == hello" in out


def test_stopping_what_ignores_it_has_a_bound(shop):
    tool, ids = shop
    tool.write("b/app.py", "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('stubborn', flush=True)\ntime.sleep(1000)\n")
    process = tool.start("run", "-f", ".", "--stop-timeout", "1", until="stubborn")
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 0
    assert f"the application of {ids[1]} did not end within 1s and is killed" in process.output()
