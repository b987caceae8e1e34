"""What a newcomer does wrong, and whether the answer says what to do."""
import shutil, socket, subprocess

import pytest

from conftest import MECHA, free_port, name_of, wait_until


GOOD = "apiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata: {name: bus}\nspec: {type: pubsub.in-memory, version: v1}\n"


def refused(tool, *words, code=1, **more):
    status, out, err = tool(*words, **more)
    assert status == code, (out, err)
    return err


def test_words_that_are_not_understood(tool):
    assert "unknown command: lsit; did you mean list?" in refused(tool, "lsit", code=2)
    assert "unknown flag: --app-prot; did you mean --app-port?" in refused(tool, "run", "--app-prot", "3", code=2)
    assert "--app-port" in refused(tool, "run", "--app-port", "many", code=2)
    assert "--app-protocol" in refused(tool, "run", "--app-protocol", "htp", code=2)
    assert "mecha invoke --help" in refused(tool, "invoke", "-a", "x", code=2)
    assert "say what to stop" in refused(tool, "stop", code=2)


@pytest.mark.parametrize("words,text", [(["run", "-a", "x", "--env-file", ".", "--", "true"], "the file of variables"),
                                        (["publish", "--publish-app-id", "x", "--pubsub", "b", "--topic", "t", "--data-file", "."], "the file . of --data-file cannot be read")])
def test_a_folder_in_the_place_of_a_file(tool, words, text):
    assert text in refused(tool, *words)


@pytest.mark.parametrize("words", [[], ["--help"], ["run", "--help"], ["list", "-h"]])
def test_help_is_no_mistake(tool, words):
    status, out, err = tool(*words)
    assert status == 0 and "Usage: mecha" in out and not err


def test_a_port_in_use(tool, tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        err = refused(tool, "run", "-a", "x", "-H", port, "--", "true")
        assert f"port {port} of --dapr-http-port is in use by another program" in err and "remedy: choose another port" in err
    name, port = name_of(tmp_path), free_port()
    tool.start("run", "-a", name, "-G", port, "--", "sleep", "1000")
    assert f'in use by the sidecar of "{name}"' in refused(tool, "run", "-a", "x", "-G", port, "--", "true")


def test_the_port_of_the_application_given_to_the_sidecar(tool):
    assert "cannot listen on one port" in refused(tool, "run", "-a", "x", "-H", 18080, "-p", 18080, "--", "true")


def test_an_application_that_is_not_up(tool, tmp_path):
    name = name_of(tmp_path)
    tool.start("run", "-a", name, "-p", free_port(), "--", "sleep", "1000")
    err = refused(tool, "invoke", "-a", name, "-m", "x")
    assert "remedy:" in err and "--app-port" in err, err
    status, out, _ = tool("status", "-a", name)
    assert status == 1 and "waiting" in out and "does not accept connections on port" in out


def test_an_application_without_a_port(tool, tmp_path):
    name = name_of(tmp_path)
    tool.start("run", "-a", name, "--", "sleep", "1000")
    err = refused(tool, "invoke", "-a", name, "-m", "x")
    assert "remedy:" in err and "--app-port" in err, err


@pytest.mark.parametrize("words", [["dev", "--", "true"], ["doctor"], ["run", "--", "true"]], ids=lambda words: words[0])
def test_a_folder_that_was_removed(tool, words):
    gone = tool.folder / "gone"
    gone.mkdir()
    script = 'cd "$1" && rmdir "$1" && shift && exec "$@"'
    done = subprocess.run(["sh", "-c", script, "sh", str(gone), str(MECHA), *words], env=tool.env, capture_output=True, text=True, timeout=60)
    assert done.returncode >= 0 and "terminate called" not in done.stderr, done.stderr
    if words[0] == "dev":
        assert done.returncode == 1 and "the folder of the application cannot be found" in done.stderr and "remedy:" in done.stderr, done.stderr


def test_no_folder_for_temporary_files(tool):
    nowhere = {"TMPDIR": str(tool.folder / "nowhere")}
    status, out, err = tool("doctor", env=nowhere)
    assert status == 1 and f"temporary files {nowhere['TMPDIR']} does not exist" in out and not err, out + err
    status, out, err = tool("dev", "--", "true", env={**nowhere, "HOME": "", "XDG_DATA_HOME": ""})
    assert status == 0, out + err


def component(kind, **metadata):
    items = "".join(f"  - {{name: {k}, value: {v!r}}}\n" for k, v in metadata.items())
    return f"apiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata: {{name: bus}}\nspec:\n  type: {kind}\n  version: v1\n  metadata:\n{items}"


# What a resource file says, what the answer must say of it, and the remedy.
RESOURCES = {
    "no Redis": (component("pubsub.redis", redisHost="127.0.0.1:1"), "component bus (pubsub.redis/v1): ", "connection refused", "the backend of that component does not run or runs elsewhere"),
    "no PostgreSQL": (component("state.postgresql", connectionString="host=127.0.0.1 port=1 user=x"), "component bus (state.postgresql/v1): ", "Connection refused", "start it or correct its address"),
    "no NATS": (component("pubsub.jetstream", natsURL="nats://127.0.0.1:1"), "component bus (pubsub.jetstream/v1): ", "connection refused", "start it or correct its address"),
    "no memcached": (component("state.memcached", hosts="127.0.0.1:1"), "component bus (state.memcached/v1): ", "connection refused", "start it or correct its address"),
    "no such host": (component("pubsub.redis", redisHost="no-such-host.invalid:6379"), "component bus (pubsub.redis/v1): ", "no-such-host.invalid", "is it spelled right, and does DNS work?"),
    "no such folder": (component("state.sqlite", connectionString="/nowhere/x.db"), "component bus (state.sqlite/v1): ", "unable to open database file", "make it, or correct the path"),
    "no such file": (component("secretstores.local.file", secretsFile="nope.json"), "component bus (secretstores.local.file/v1): ", "no such file or directory", "make that file, or correct its path"),
    "no such type": (component("pubsub.rediss"), "component bus (pubsub.rediss/v1): ", "couldn't find message bus pubsub.rediss", "`mecha components` lists what is"),
    "no category": (component("redis"), "", "incorrect type", "`mecha components` lists all of them"),
    "a setting is missing": (component("pubsub.kafka", authType="none"), "component bus (pubsub.kafka/v1): ", "brokers", "`mecha describe TYPE` shows the settings"),
    "a setting is no number": (component("pubsub.redis", redisHost="127.0.0.1:1", poolSize="many"), "component bus (pubsub.redis/v1): ", "poolSize", "`mecha describe TYPE` shows the settings"),
    "no token of a vault": (component("secretstores.hashicorp.vault", vaultAddr="http://127.0.0.1:1"), "component bus (secretstores.hashicorp.vault/v1): ", "token", "`mecha describe TYPE` shows the settings"),
}


@pytest.mark.parametrize("manifest, title, what, advice", RESOURCES.values(), ids=RESOURCES)
def test_a_component_that_cannot_start(tool, manifest, title, what, advice):
    tool.write("resources/a.yaml", manifest)
    err = refused(tool, "run", "-a", "x", "--resources-path", "resources", "--", "true")
    assert "the sidecar did not start" in err and what in err and "time=" not in err, err
    assert err.count(title) == 1 if title else True, err
    assert "remedy: " in err and advice in err.split("remedy: ", 1)[1], err


# Slips in YAML, and where they are found.
SLIPS = {
    "a bracket": ("apiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata: {name: x\nspec: 3\n", 4, "a bracket"),
    "a tab": ("apiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata:\n  name: x\nspec:\n\ttype: a\n", 6, "line 6 is indented by a tab; YAML takes only blanks"),
    "a quote": ("apiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata: {name: 'x}\n", None, "a quote"),
    "an indentation": ("apiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata:\n  name: x\n spec:\n", 5, "the indentation"),
}


@pytest.mark.parametrize("text, line, fix", SLIPS.values(), ids=SLIPS)
def test_a_slip_in_yaml(tool, text, line, fix):
    tool.write("resources/a.yaml", text)
    err = refused(tool, "run", "-a", "x", "--resources-path", "resources", "--", "true")
    assert "a.yaml" in err and "remedy: `mecha check" in err, err
    status, out, _ = tool("check", "resources")
    assert status == 1 and fix in out and (line is None or f"a.yaml:{line}: " in out), out


def test_the_wrong_port_of_an_application(tool, tmp_path):
    told, own = free_port(), free_port()
    tool.write("own.py", f"import os\nos.environ['APP_PORT'] = '{own}'\nexec(open('app.py').read())\n")
    process = tool.start("run", "-a", name_of(tmp_path), "-p", told, "--", "python3", "own.py")
    wait_until(lambda: "warning:" in process.output(), "the warning")
    assert f"listens on port {own}, but --app-port says {told}" in process.output() and f"remedy: --app-port {own}" in process.output()


def test_the_port_of_an_application_held_by_another(tool):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        status, _, err = tool("run", "-a", "x", "-p", port, "--", "true")
        assert f"port {port} of --app-port of x is in use by " in err and "remedy: stop that program" in err


def test_folders_and_files_that_are_not_there(tool):
    assert "the resources folder nope does not exist" in refused(tool, "run", "-a", "x", "--resources-path", "nope", "--", "true")
    assert "the configuration file nope.yaml does not exist" in refused(tool, "run", "-a", "x", "-c", "nope.yaml", "--", "true")
    assert "a folder with a dapr.yaml" in refused(tool, "run", "-f", "nope")
    assert "vars of variables" not in refused(tool, "run", "-a", "x", "--env-file", "nope.env", "--", "true")


@pytest.mark.parametrize("words", [["-app-id", "x"], ["-p", "1", "-app-id=x"], ["--log-level", "info", "-app-port", "3"]])
def test_a_long_flag_with_one_dash(tool, words):
    status, _, err = tool("run", *words, "--", "true")
    assert status == 2 and "has one dash; did you mean --app-" in err


def test_flags_of_the_program_are_its_own(tool):
    status, out, _ = tool("run", "--log-level", "error", "-ax1", "echo", "-app-id", "x")
    assert status == 0 and "-app-id x" in out and "Starting x1" in out


def test_a_word_in_the_place_of_a_number(tool):
    status, _, err = tool("run", "--app-port", "abc", "--", "true")
    assert status == 2 and '--app-port must be a number, got "abc"' in err
    status, _, err = tool("run", "--enable-api-logging=maybe", "--", "true")
    assert status == 2 and '--enable-api-logging must be true or false, got "maybe"' in err


def test_a_folder_with_nothing_for_the_application(tool):
    tool.write("resources/a.yaml", GOOD.replace("kind: Component", "kind: component"))
    status, _, err = tool("run", "-a", "x", "--resources-path", "resources", "--", "true")
    assert status == 0 and "the resources folder resources has nothing for x" in err and "mecha check resources" in err


def test_a_file_for_a_folder_and_a_folder_for_a_file(tool):
    tool.write("resources/a.yaml", GOOD)
    assert "is a file\n  remedy: name its folder: --resources-path resources" in refused(tool, "run", "-a", "x", "--resources-path", "resources/a.yaml", "--", "true")
    assert "--config resources is a folder" in refused(tool, "run", "-a", "x", "--config", "resources", "--", "true")


def test_a_program_that_is_not_there(tool):
    err = refused(tool, "run", "-a", "x", "--", "no-such-program")
    assert "the program no-such-program cannot be started" in err and "A program of this folder is written ./no-such-program" in err
    err = refused(tool, "run", "-a", "x", "--", "./build/app")
    assert "has it been built" in err and str(tool.folder) in err


@pytest.mark.parametrize("words", [["app.py"], ["--", "./app.py"]])
def test_a_source_file_in_the_place_of_a_program(tool, words):
    err = refused(tool, "run", "-a", "x", *words)
    assert "app.py cannot be started" in err and "name what runs it: -- python3 " in err, err


def test_a_daemon_that_is_not_there(tool):
    alone = shutil.copy(MECHA, tool.folder / "mecha")
    import subprocess
    done = subprocess.run([alone, "run", "-a", "x", "--", "true"], env={**tool.env, "PATH": "/usr/bin:/bin"}, capture_output=True, text=True)
    assert done.returncode == 1 and "the daemon mechad is not found" in done.stderr and "export MECHA_DAEMON" in done.stderr
    assert "MECHA_DAEMON names /nowhere" in refused(tool, "run", "-a", "x", "--", "true", env={"MECHA_DAEMON": "/nowhere"})


def test_an_id_that_cannot_be(tool):
    assert "cannot contain dots" in refused(tool, "run", "-a", "a.b", "--", "true")


def test_a_token_that_is_wrong(tool, tmp_path):
    name = name_of(tmp_path)
    tool.start("run", "-a", name, "--", "sleep", "1000", env={"DAPR_API_TOKEN": "right"})
    err = refused(tool, "publish", "-i", name, "-p", "b", "-t", "t", env={"DAPR_API_TOKEN": "wrong"})
    assert "401" in err and "remedy: the sidecar demands a token" in err
    assert wait_until(lambda: tool("status", "-a", name, env={"DAPR_API_TOKEN": "right"})[0] == 0, "the sidecar")


def test_an_answer_that_cannot_be_written(tool):
    with open("/dev/full", "w") as full:
        done = subprocess.run([MECHA, "components"], stdout=full, stderr=subprocess.PIPE, text=True, env=tool.env)
    assert done.returncode == 1 and "the answer cannot be written: no space left on device" in done.stderr and "remedy:" in done.stderr
