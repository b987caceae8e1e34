"""The manual and the examples hold what they say: pages are played as a reader would, code on them is what the files hold, the site builds."""
import json, os, shutil, subprocess, sys, tempfile
from pathlib import Path

import pytest

import messages
import snippets
from page import Page, blocks

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(os.environ.get("MECHA_BIN", ROOT / "build/release/bin"))
PAGES = [ROOT / "README.md", *(ROOT / "docs/guide").rglob("*.md"), *(ROOT / "examples").rglob("*.md")]
PLAYED = sorted(p for p in PAGES if any(b.language == "sh" and not b.shown_only for b in blocks(p)))


def name_of(path):
    return str(path.relative_to(ROOT))


@pytest.fixture
def short_path():
    """A folder of its own: pages open Unix sockets, whose paths have 107 characters at most."""
    with tempfile.TemporaryDirectory(prefix="mecha-guide-") as folder:
        yield Path(folder)


@pytest.mark.parametrize("page", PLAYED, ids=name_of)
def test_a_page_does_what_it_says(page, short_path):
    """In a copy of the folder of an example, or in an empty folder for a page of the guide."""
    folder = short_path / "work"
    if page.is_relative_to(ROOT / "examples"):
        shutil.copytree(page.parent, folder)
    else:
        folder.mkdir()
    environment = {"PATH": f"{BIN}:{Path(sys.executable).parent}:{os.environ['PATH']}", "MECHA_REGISTRY_DIR": str(short_path / "registry"), "HOME": str(short_path),
                   "PYTHONDONTWRITEBYTECODE": "1", "MECHA_SOURCE": str(ROOT)}
    Page(page, folder, environment).play()


@pytest.mark.parametrize("page", snippets.pages(), ids=name_of)
def test_code_on_a_page_is_what_the_file_holds(page):
    text = page.read_text()
    assert snippets.fresh(text) == text, "stale; python3 tests/guide/snippets.py writes it anew"


@pytest.mark.parametrize("page", sorted((ROOT / "examples").glob("*/README.md")), ids=name_of)
def test_the_page_of_an_example_is_one_screen(page):
    assert len(page.read_text().splitlines()) <= 60


def test_no_yaml_of_a_page_is_without_proof():
    """It is played, or cut from a file that is run or checked, or the page says why not."""
    loose = [f"{name_of(page)}:{b.line}" for page in [ROOT / "docs/pluggable.md", *PAGES] for b in blocks(page) if b.language == "yaml" and not (b.title or b.cut or b.shown_only)]
    assert not loose, f"give it a title, or cut it from a file: {loose}"


def test_what_only_stands_on_a_page_is_right(tmp_path):
    """Resources that a page shows and does not play go through the code that the daemon runs at its start."""
    shutil.copytree(ROOT / "tests/guide/files", tmp_path, dirs_exist_ok=True)
    (tmp_path / "secrets.json").write_text('{"database": {"password": "x"}}')
    for file in sorted(tmp_path.glob("*.yaml")):
        done = subprocess.run([BIN / "mecha", "check", file], cwd=tmp_path, capture_output=True, text=True, timeout=30)
        assert done.returncode == 0 and "0 errors, 0 warnings" in done.stdout, done.stdout + done.stderr


def test_the_site_builds_and_is_searchable(tmp_path):
    mkdocs = Path(sys.executable).parent / "mkdocs"
    done = subprocess.run([mkdocs, "build", "--strict", "--quiet", "-d", tmp_path], cwd=ROOT, capture_output=True, text=True, timeout=120,
                          env={**os.environ, "NO_MKDOCS_2_WARNING": "1"})
    assert done.returncode == 0, done.stdout + done.stderr
    index = json.loads((tmp_path / "search/search_index.json").read_text())
    assert any(row["location"].startswith("components/") and "redisHost" in row["text"] for row in index["docs"])


KNOWN = messages.Messages(messages.texts())


@pytest.mark.parametrize("page", sorted((ROOT / "docs/guide").glob("*.md")), ids=name_of)
def test_a_quoted_message_is_one_of_the_program(page):
    strange = [f"{name_of(page)}:{line}: no text of the program has {message!r}" for line, message in messages.quoted(page.read_text()) if not KNOWN.has(message)]
    assert not strange, "\n".join(strange)


def test_an_invented_message_is_found_out():
    page = "| you see | it means |\n|---|---|\n| `the moon refused to rise for shop` | nothing |\n\n| other |\n|---|\n| `not a message at all` |\n"
    assert [message for _, message in messages.quoted(page)] == ["the moon refused to rise for shop"]
    assert not KNOWN.has("the moon refused to rise for shop") and KNOWN.has("state store nobody is not found")
