"""`mecha completion`: the scripts complete, in the shell that they are for."""
import subprocess
from pathlib import Path

import pexpect
import pytest

from conftest import MECHA


def completed(script, *words):
    asked = f"COMP_WORDS=({' '.join(words)}); COMP_CWORD={len(words) - 1}; _mecha; printf '%s\\n' \"${{COMPREPLY[@]}}\""
    return subprocess.run(["bash", "-c", script + asked], capture_output=True, text=True, check=True).stdout.split()


def test_bash_completes_commands_and_flags(tool):
    script = tool("completion", "bash")[1]
    assert completed(script, "mecha", "st") == ["stop", "status"]
    assert completed(script, "mecha", "run", "--dapr-h") == ["--dapr-http-port"]
    assert tool.json("completion", "bash")["script"] == script
    assert completed(script, "mecha", "list", "--output=j") == ["--output=json"], "also where a word is not cut at ="


def on_path(tool):
    return {**tool.env, "PATH": f"{MECHA.parent}:{tool.env['PATH']}"}


def in_fish(tool, words):
    """What fish offers for a line."""
    asked = f"mecha completion fish | source; complete -C '{words}'"
    lines = subprocess.run(["fish", "--no-config", "-c", asked], env=on_path(tool), capture_output=True, text=True, check=True).stdout.splitlines()
    return [line.split("\t")[0] for line in lines]


@pytest.fixture(params=["autoload -Uz compinit && compinit -u -D", "autoload -Uz compinit && compinit -u -D; source <(mecha completion zsh)"], ids=["fpath", "sourced"])
def zsh(tool, request):
    """zsh in a terminal, with the script where its users put it: what it makes of a line when Tab is typed, with a list if there are several ways to go on."""
    tool.write("functions/_mecha" if "source" not in request.param else "functions/unused", tool("completion", "zsh")[1])
    tool.write(".zshrc", f"PS1='> '\nfpath=($ZDOTDIR/functions $fpath)\n{request.param}\nbindkey '^I' complete-word\nunsetopt zle_bracketed_paste\n")
    started = []

    def typed(words, until):
        child = pexpect.spawn("zsh", ["-i"], cwd=str(tool.folder), env={**on_path(tool), "ZDOTDIR": str(tool.folder), "TERM": "dumb"}, encoding="utf-8", dimensions=(50, 160), timeout=60)
        started.append(child)
        child.expect("> ")
        child.send(words + "\t")
        child.expect(until)
        return True

    yield typed
    for child in started:
        child.close(force=True)


def test_fish_completes_commands_flags_and_values(tool):
    assert in_fish(tool, "mecha st") == ["status", "stop"]
    assert in_fish(tool, "mecha run --dapr-h") == ["--dapr-http-port"]
    assert in_fish(tool, "mecha run -P ht") == ["http", "https"] and sorted(in_fish(tool, "mecha list -o ")) == ["json", "table", "yaml"]
    assert in_fish(tool, "mecha list --output=j") == ["--output=json"]
    assert sorted(in_fish(tool, "mecha completion ")) == ["bash", "fish", "zsh"] and in_fish(tool, "mecha describe state.red") == ["state.redis"]


@pytest.mark.parametrize("typed, seen", [
    ("mecha sta", "mecha status "), ("mecha comp", r"completion +components"), ("mecha run --dapr-h", "mecha run --dapr-http-port "), ("mecha list -o ", "json +table +yaml"),
    ("mecha list --output=j", "mecha list --output=json"), ("mecha completion z", "mecha completion zsh"), ("mecha describe state.red", "mecha describe state.redis"), ("mecha check fun", "mecha check functions/")])
def test_zsh_completes_commands_flags_and_values(zsh, typed, seen):
    assert zsh(typed, seen)


def test_a_shell_that_nobody_knows(tool):
    status, _, err = tool("completion", "ksh")
    assert status == 2 and "ksh" in err


def test_the_page_of_the_guide_is_what_help_says(tool):
    import sys
    script = Path(__file__).resolve().parents[2] / "scripts/cli-reference"
    done = subprocess.run([sys.executable, script, "--check", MECHA], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_bash_completes_values(tool, tmp_path):
    from conftest import name_of
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
