"""`mecha completion`: the scripts complete, in the shell that they are for."""
import subprocess
from pathlib import Path


def completed(script, *words):
    asked = f"COMP_WORDS=({' '.join(words)}); COMP_CWORD={len(words) - 1}; _mecha; printf '%s\\n' \"${{COMPREPLY[@]}}\""
    return subprocess.run(["bash", "-c", script + asked], capture_output=True, text=True, check=True).stdout.split()


def test_bash_completes_commands_and_flags(tool):
    script = tool("completion", "bash")[1]
    assert completed(script, "mecha", "st") == ["stop", "status"]
    assert completed(script, "mecha", "run", "--dapr-h") == ["--dapr-http-port"]
    assert tool.json("completion", "bash")["script"] == script


def test_the_other_shells_name_every_command(tool):
    for shell in ("zsh", "fish"):
        script = tool("completion", shell)[1]
        assert all(command in script for command in ("run", "list", "stop", "invoke", "publish", "status", "components", "describe", "check", "completion"))
    status, _, err = tool("completion", "ksh")
    assert status == 2 and "ksh" in err


def test_the_page_of_the_guide_is_what_help_says(tool):
    import sys
    from conftest import MECHA
    script = Path(__file__).resolve().parents[2] / "scripts/cli-reference"
    done = subprocess.run([sys.executable, script, "--check", MECHA], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_bash_completes_values(tool, tmp_path):
    from conftest import MECHA, name_of
    script = tool("completion", "bash")[1]
    name = name_of(tmp_path)
    tool.start("run", "-a", name, "--", "sleep", "1000")

    def values(*words):
        asked = f"COMP_WORDS=({' '.join(words)}); COMP_CWORD={len(words) - 1}; _mecha; printf '%s\\n' \"${{COMPREPLY[@]}}\""
        return subprocess.run(["bash", "-c", script + asked], env=tool.env, capture_output=True, text=True, check=True).stdout.split()

    assert values("mecha", "run", "-P", "ht") == ["http", "https"] and values("mecha", "run", "--app-protocol", "grpc") == ["grpc", "grpcs"]
    assert values("mecha", "list", "-o", "''") == ["table", "json", "yaml"] and values("mecha", "list", "--output", "=", "j") == ["json"]
    assert values("mecha", "completion", "''") == ["bash", "zsh", "fish"]
    assert name in values(str(MECHA), "invoke", "-a", "''") and values(str(MECHA), "stop", "--app-id", name[:-1]) == [name]
    assert values(str(MECHA), "describe", "state.red") == ["state.redis"] and "pubsub" in values(str(MECHA), "components", "''")
    for words in (("run", "--app-port"), ("run", "--config"), ("run", "--", "python3")):
        assert values("mecha", *words, "''") == [], "no flag where a value is due"
    assert "__words" not in script.split("case")[-1] and "__words" not in tool("--help")[1]
