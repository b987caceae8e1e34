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
