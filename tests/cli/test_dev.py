"""`mecha dev`: an application of a folder without any configuration."""
import json, socket
from pathlib import Path

import pexpect
import pytest

from conftest import free_port, name_of, request, wait_until

STORE = "apiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata: {name: mystore}\nspec: {type: state.in-memory, version: v1}\n"
LISTENS = "import os, runpy\nos.environ['APP_PORT'] = os.environ.get('OWN_PORT') or os.environ['APP_PORT']\nrunpy.run_path('app.py')\n"


class Folder:
    """A folder with an application; its name is the application's id."""

    def __init__(self, tool, tmp_path, part="a"):
        self.tool, self.id = tool, f"{name_of(tmp_path)}-{part}"
        self.path = tmp_path / self.id
        self.path.mkdir()
        (self.path / "app.py").write_text((tmp_path / "app.py").read_text())
        (self.path / "listens.py").write_text(LISTENS)

    def write(self, name, text):
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def _there(self, call, *words, **more):
        before, self.tool.folder = self.tool.folder, self.path
        try:
            return call(*words, **more)
        finally:
            self.tool.folder = before

    def __call__(self, *words, **more):
        return self._there(self.tool, *words, **more)

    def start(self, *words, env=None, until="You're up and running!"):
        self.process = self._there(self.tool.start, "dev", *words, env=env, until=until)
        return self.process

    def terminal(self, *words):
        return self._there(self.tool.terminal, "dev", *words)

    def listed(self):
        return next(i for i in self.tool.json("list") if i["appId"] == self.id)

    def ask(self, verb, path, body=None):
        return request(self.listed()["httpPort"], verb, path, body=None if body is None else json.dumps(body), headers={"content-type": "application/json"})

    def ready(self):
        wait_until(lambda: self.tool("status", "-a", self.id)[0] == 0, "the application")

    def stop(self):
        self.process.terminate()
        assert self.process.wait(30) == 0, self.process.output()


@pytest.fixture
def folder(tool, tmp_path):
    return Folder(tool, tmp_path)


def test_a_folder_with_an_application_is_enough(folder):
    process = folder.start("--", "python3", "app.py")
    folder.ready()
    out = process.output()
    assert out.startswith(f"{folder.id} in {folder.path}") and "mecha dev --write resources" in out
    for name, type_ in {"statestore": "state.sqlite", "pubsub": "pubsub.sqlite", "lockstore": "lock.sqlite", "secretstore": "secretstores.local.file", "configstore": "configuration.local.file", "envstore": "secretstores.local.env"}.items():
        assert any(line.split()[:2] == [name, type_] for line in out.splitlines()), out
    assert {c.split()[0] for c in folder.tool.json("status", "-a", folder.id)[0]["components"]} == {"statestore", "pubsub", "lockstore", "secretstore", "configstore", "envstore"}
    assert folder.tool("check", folder.path / ".mecha/components" / folder.id)[0] == 0
    assert json.loads(folder.tool("invoke", "-a", folder.id, "-m", "hello")[1])["path"] == "/hello"
    given_away = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])  # by the kernel, to connections and to who asks for any
    if given_away > 11000:  # else those of applications, from 10000 on, are of that range themselves
        assert folder.listed()["appPort"] < given_away


def test_data_survive_a_restart(folder):
    folder.write(".mecha/secrets.json", '{"word": "hush"}')
    folder.start("--", "python3", "app.py")
    folder.ready()
    assert folder.ask("POST", "/v1.0/state/statestore", [{"key": "k", "value": 7}]).status == 204
    assert folder.ask("POST", "/v1.0/publish/pubsub/later", {"n": 1}).status == 204
    assert folder.ask("POST", "/v1.0-alpha1/lock/lockstore", {"resourceId": "r", "lockOwner": "me", "expiryInSeconds": 60}).json == {"success": True}
    folder.stop()
    subscribe = json.dumps([{"pubsubname": "pubsub", "topic": "later", "route": "/later"}])
    process = folder.start("--", "python3", "app.py", env={"SUBSCRIBE": subscribe})
    folder.ready()
    assert folder.ask("GET", "/v1.0/state/statestore/k").json == 7
    assert folder.ask("GET", "/v1.0/secrets/secretstore/word").json == {"word": "hush"}
    assert folder.ask("POST", "/v1.0-alpha1/lock/lockstore", {"resourceId": "r", "lockOwner": "you", "expiryInSeconds": 60}).json == {"success": False}
    assert folder.ask("POST", "/v1.0-alpha1/unlock/lockstore", {"resourceId": "r", "lockOwner": "me"}).json == {"status": 0}
    wait_until(lambda: '"data":{"n":1}' in process.output(), "the message from before the restart")


def test_configuration_is_a_file_whose_changes_are_told(folder):
    folder.write(".mecha/configuration.json", '{"colour": "red"}')
    process = folder.start("--", "python3", "app.py")
    folder.ready()
    assert folder.ask("GET", "/v1.0/configuration/configstore?key=colour").json["colour"]["value"] == "red"
    assert folder.ask("GET", "/v1.0/configuration/configstore/subscribe?key=colour").status == 200
    folder.write(".mecha/configuration.json", '{"colour": "green"}')
    wait_until(lambda: '"value":"green"' in process.output(), "the change")


def test_two_folders_call_each_other_and_exchange_messages(tool, tmp_path):
    one, two = Folder(tool, tmp_path, "one"), Folder(tool, tmp_path, "two")
    subscribe = json.dumps([{"pubsubname": "pubsub", "topic": "news", "route": "/news"}])
    for each in (one, two):
        each.start("--", "python3", "app.py", env={"SUBSCRIBE": subscribe})
        each.ready()
    for here, there in ((one, two), (two, one)):
        assert here.ask("POST", f"/v1.0/invoke/{there.id}/method/from-{here.id}", {}).json["path"] == f"/from-{here.id}"
    assert one.ask("POST", "/v1.0/publish/pubsub/news", {"by": "one"}).status == 204
    for each in (one, two):
        wait_until(lambda: '"data":{"by":"one"}' in each.process.output(), f"the message at {each.id}")
    assert one.ask("POST", "/v1.0/state/statestore", [{"key": "mine", "value": 1}]).status == 204
    assert two.ask("GET", "/v1.0/state/statestore/mine").status == 204, "keys are each application's own"


def test_ctrl_c_in_a_terminal(folder):
    child = folder.terminal("--", "python3", "app.py")
    child.expect("app is up")
    child.expect(r"The application listens on port \d+")
    child.sendintr()
    child.expect("Stopping. A second signal kills.")
    child.expect("app asked to stop")
    child.expect("Stopped.")
    child.expect(pexpect.EOF)
    child.wait()
    assert child.exitstatus == 0 and not [i for i in folder.tool.json("list") if i["appId"] == folder.id]


def test_an_application_with_a_port_of_its_own_is_found(folder):
    port = free_port()
    process = folder.start("--", "python3", "listens.py", env={"OWN_PORT": str(port)})
    folder.ready()
    assert f"The application listens on port {port}." in process.output() and folder.listed()["appPort"] != port
    body = "x" * 300_000
    answer = folder.tool.json("invoke", "-a", folder.id, "-m", "big", "-f", "-", stdin=body)
    assert answer["body"]["body"] == body


def test_an_application_without_a_port(folder):
    process = folder.start("--no-app-port", "--", "sleep", "1000")
    folder.ready()
    assert "has no port: nothing calls it" in process.output() and folder.listed()["appPort"] == 0


def test_resources_of_the_folder_win(folder):
    folder.write("components/store.yaml", STORE)
    process = folder.start("--", "python3", "app.py")
    folder.ready()
    assert {c for c in folder.tool.json("status", "-a", folder.id)[0]["components"] if "(state." in c} == {"mystore (state.in-memory)"}
    assert str(folder.path / "components") in process.output() and "statestore " not in process.output()
    folder.stop()
    (folder.path / "components/store.yaml").unlink()
    folder.start("--", "python3", "app.py")
    folder.ready()
    assert "statestore (state.sqlite)" in folder.tool.json("status", "-a", folder.id)[0]["components"], "the embedded one is back"


def test_embedded_components_become_files(folder):
    status, out, _ = folder("dev", "--write", "resources")
    assert status == 0 and "wrote resources/statestore.yaml" in out and "mecha dev takes them from there" in out
    assert "type: state.redis" in (folder.path / "resources/statestore.yaml").read_text()
    assert folder.tool("check", folder.path / "resources")[0] == 0
    status, _, err = folder("dev", "--write", "resources")
    assert status == 0 and not err, "nothing is embedded any more"
    (folder.path / "resources/pubsub.yaml").unlink()
    status, _, err = folder("dev", "--write", "resources")
    assert status == 0 and (folder.path / "resources/pubsub.yaml").exists()
    folder.start("--", "python3", "app.py")
    folder.ready()
    assert folder.ask("POST", "/v1.0/state/statestore", [{"key": "k", "value": 1}]).status == 204
    assert not list((folder.path / ".mecha/components").rglob("*.yaml"))


def test_a_file_that_is_there_is_not_written_over(folder):
    folder.write("made/statestore.yaml", "# mine\n")
    status, _, err = folder("dev", "--write", "made")
    assert status == 1 and "is there already" in err and "remedy:" in err
    assert (folder.path / "made/statestore.yaml").read_text() == "# mine\n"


def test_a_port_in_use(folder):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        status, _, err = folder("dev", "-H", port, "--", "python3", "app.py")
        assert status == 1 and f"port {port} of --dapr-http-port is in use" in err and "remedy:" in err
        status, _, err = folder("dev", "-p", port, "--", "python3", "app.py")
        assert status == 1 and f"port {port} of --app-port is in use by " in err and "(pid " in err and "remedy: stop that program" in err


def test_a_folder_that_cannot_be_written(folder):
    folder.write(".mecha", "a file in the place of the folder")
    status, _, err = folder("dev", "--", "true")
    assert status == 1 and "cannot make the folder" in err and "remedy:" in err


def test_the_same_name_twice_is_told(folder):
    folder.start("--", "python3", "app.py")
    status, _, err = folder("dev", "--", "true")
    assert "runs already" in err and "--app-id" in err


def test_two_applications_of_one_folder_keep_their_components_apart(folder, tmp_path):
    folder.start("--", "python3", "app.py")
    folder.ready()
    made = folder.path / ".mecha/components" / folder.id / "statestore.yaml"
    before = made.read_text()
    other = folder._there(folder.tool.start, "dev", "-a", f"{folder.id}-2", "--data", tmp_path / "elsewhere", "--", "python3", "app.py")
    wait_until(lambda: folder.tool("status", "-a", f"{folder.id}-2")[0] == 0, "the second")
    assert made.read_text() == before and str(tmp_path / "elsewhere/state.db") in other.output()
    assert folder.ask("POST", "/v1.0/state/statestore", [{"key": "k", "value": 1}]).status == 204 and (tmp_path / "data/mecha/dev/state.db").exists()
    assert folder.ask("POST", f"/v1.0/invoke/{folder.id}-2/method/hello", {}).json["path"] == "/hello"


def test_the_same_name_with_other_components_is_refused(folder, tmp_path):
    folder.start("--", "python3", "app.py")
    status, _, err = folder("dev", "--data", tmp_path / "elsewhere", "--", "true")
    assert status == 1 and f"an application {folder.id} runs from this folder already (pid " in err and f"mecha stop --app-id {folder.id}" in err
    assert not (tmp_path / "elsewhere").exists()


def test_an_application_that_crashed_is_started_again_and_found_again(folder):
    """It takes another port at each start; the sidecar stays."""
    folder.write("other.py", "import os, pathlib, runpy, socket\nwith socket.socket() as s:\n    s.bind(('127.0.0.1', 0))\n    os.environ['APP_PORT'] = str(s.getsockname()[1])\nrunpy.run_path('app.py')\n")
    process = folder.start("--restart", "on-failure", "--", "python3", "other.py", until="The application listens on port")
    folder.ready()
    before = folder.listed()
    folder.tool("invoke", "-a", folder.id, "-m", "die")
    wait_until(lambda: process.output().count("The application listens on port") >= 2, "the restart")
    out = process.output()
    assert f"{folder.id}: the application ended with exit code 3" in out and f"{folder.id}: starting it again in 200ms" in out
    assert "cannot reach it" not in out and folder.tool.json("invoke", "-a", folder.id, "-m", "hello")["body"]["path"] == "/hello"
    assert folder.listed()["daprdPid"] == before["daprdPid"]


def test_what_a_crashed_application_left_behind_does_not_hold_its_port(folder):
    folder.write("leaves.sh", "python3 app.py & while ! grep -q \":$(printf %04X $APP_PORT) 00000000:0000 0A\" /proc/net/tcp; do sleep 0.05; done; [ -e once ] && wait; touch once; exit 3\n")
    process = folder.start("--restart", "on-failure", "--app-port", free_port(), "--", "sh", "leaves.sh")
    wait_until(lambda: process.output().count("app is up") >= 2, "the second")
    assert "Address already in use" not in process.output()
    assert folder.tool.json("invoke", "-a", folder.id, "-m", "hello")["body"]["path"] == "/hello"


@pytest.fixture
def pair(tool, tmp_path):
    """A template of two applications, the second with a store of its own: (tool, the two ids)."""
    name = name_of(tmp_path)
    ids = [f"{name}-{end}" for end in "ab"]
    for place in ("a", "b"):
        tool.write(f"{place}/app.py", (tool.folder / "app.py").read_text())
    tool.write("b/resources/store.yaml", STORE)
    subscribe = json.dumps([{"pubsubname": "pubsub", "topic": "news", "route": "/news"}])
    tool.write("dapr.yaml", "version: 1\ncommon:\n  env: {SUBSCRIBE: '" + subscribe + "'}\napps:\n" + "".join(
        f"- {{appDirPath: ./{place}, appID: {name}, command: [python3, app.py], appLogDestination: console}}\n" for place, name in zip("ab", ids)))
    return tool, ids


def test_a_template_gives_each_application_what_its_folder_lacks(pair):
    tool, ids = pair
    tool.write("home/.dapr/components/nobody.yaml", STORE.replace("mystore", "nobody"))
    process = tool.start("dev", "-f", ".")
    for name in ids:
        wait_until(lambda: tool("status", "-a", name)[0] == 0, name)
    stores = [sorted(c for c in tool.json("status", "-a", name)[0]["components"] if "(state." in c) for name in ids]
    assert stores == [["statestore (state.sqlite)"], ["mystore (state.in-memory)"]], "and nothing of ~/.dapr"
    assert f"{ids[0]} in {tool.folder}/a" in process.output() and f"== APP - {ids[0]} == app is up" in process.output()
    port = {i["appId"]: i["httpPort"] for i in tool.json("list")}
    assert request(port[ids[0]], "POST", f"/v1.0/invoke/{ids[1]}/method/hello", body="{}").json["path"] == "/hello", "its port was found"
    assert request(port[ids[1]], "POST", "/v1.0/publish/pubsub/news", body='{"n":1}', headers={"content-type": "application/json"}).status == 204
    for name in ids:
        wait_until(lambda: any(f"APP - {name} == called /news" in line for line in process.output().splitlines()), f"the message at {name}")
    assert sorted(s["appId"] for s in tool.json("stop", "-f", ".")) == ids and process.wait(30) == 0


@pytest.mark.parametrize("command", ["dev", "run"])
def test_beside_a_template_there_is_nothing_to_say(pair, command):
    tool, _ = pair
    status, _, err = tool(command, "-f", ".", "--app-id", "x")
    assert status == 2 and "beside --run-file there can be no --app-id" in err and "remedy:" in err
    status, _, err = tool(command, "-f", ".", "--", "python3", "app.py")
    assert status == 2 and "there can be no command, but there is python3 app.py" in err and "remedy:" in err


def test_what_was_chosen_as_json(folder):
    status, out, _ = folder("dev", "-o", "json", "--no-app-port", "--", "true")
    first = json.loads(out.splitlines()[0])
    assert status == 0 and first["event"] == "chosen" and first["app"] == folder.id and first["data"].endswith("/mecha/dev")
    assert {"name": "statestore", "type": "state.sqlite", "file": first["data"] + "/state.db"} in first["components"]


def test_variables_of_the_folder(folder):
    folder.write(".env", "T_FILE=from-the-folder\n")
    process = folder.start("--", "python3", "app.py", until="app is up")
    assert '"T_FILE": "from-the-folder"' in process.output()
