"""The player of pages can fail: each wrong page is refused for its reason."""
import pytest

import snippets
from page import Page

PAGES = [
    ("a command fails", "```sh\nfalse\n```\n", "exit code 1"),
    ("output that does not come", "```sh\necho one\n```\n```text\ntwo\n```\n", "no line"),
    ("output in another order", "```sh\necho one; echo two\n```\n```text\ntwo\none\n```\n", "no line"),
    ("a server that ends", "```sh\necho up; exit 3\n```\n```text\nup\nmore\n```\n", "no line|EOF|End Of File"),
    ("output without a command", "```text\none\n```\n", "no command before it"),
    ("output of no shell", '```sh\ntrue\n```\n```text title="other"\none\n```\n', "no shell 'other'"),
    ("never closed", "```sh\ntrue\n", "never closed"),
]


@pytest.mark.parametrize("text,why", [row[1:] for row in PAGES], ids=[row[0] for row in PAGES])
def test_a_wrong_page(tmp_path, text, why):
    (tmp_path / "page.md").write_text(text)
    with pytest.raises(Exception, match=why):
        Page(tmp_path / "page.md", tmp_path).play()


def test_a_right_page(tmp_path):
    (tmp_path / "page.md").write_text(
        '```yaml title="a/b.yaml"\nx: 1\n```\n```sh title="one"\necho serving 80; sleep 1; echo more; sleep 100\n```\n```text\nserving ...\n```\n'
        '```sh title="two"\ncat a/b.yaml\n```\n```text\nx: 1\n```\n```text title="one"\nmore\n```\n<!-- not played: it would end everything -->\n```sh\nfalse\n```\n')
    Page(tmp_path / "page.md", tmp_path).play()


def test_ports_of_a_page(tmp_path):
    (tmp_path / "page.md").write_text('<!-- ports: 3500 -->\n```yaml title="a.yaml"\nport: 3500, not 35000 or 3501\n```\n```sh\ncat a.yaml; echo 3500 > b\n```\n```text\nport: 3500, not 35000 or 3501\n```\n')
    (tmp_path / "there.yaml").write_text("port: 3500\n")
    Page(tmp_path / "page.md", tmp_path).play()
    port = (tmp_path / "b").read_text().strip()
    assert port != "3500" and (tmp_path / "a.yaml").read_text() == f"port: {port}, not 35000 or 3501\n"
    assert (tmp_path / "there.yaml").read_text() == f"port: {port}\n"


def test_a_server_that_ignores_the_reader(tmp_path, monkeypatch):
    monkeypatch.setattr("page.STOP_S", 0.5)
    (tmp_path / "page.md").write_text("```sh\ntrap '' INT; echo up; python3 -c 'import signal, time; signal.signal(2, signal.SIG_IGN); time.sleep(60)'\n```\n```text\nup\n```\n")
    with pytest.raises(AssertionError, match="after Ctrl-C"):
        Page(tmp_path / "page.md", tmp_path).play()


def test_parts_of_files(tmp_path):
    (tmp_path / "a.cpp").write_text("int a;\n// [part]\n  int b;\n// [/part]\nint c;\n")
    assert snippets.cut("a.cpp", "part", tmp_path) == "int b;\n"
    assert snippets.cut("a.cpp", None, tmp_path) == "int a;\n  int b;\nint c;\n"
    page = "<!-- cut: a.cpp#part -->\n```cpp\nstale\n```\n"
    assert snippets.fresh(page, tmp_path) == "<!-- cut: a.cpp#part -->\n```cpp\nint b;\n```\n"
    with pytest.raises(ValueError, match="no one part"):
        snippets.cut("a.cpp", "gone", tmp_path)
