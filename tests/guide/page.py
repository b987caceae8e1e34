"""Plays a page of Markdown as a reader would: writes the files that it shows, types its commands, and looks for the output that it promises.

```sh title="first terminal"`   typed into a shell of that name (without a title: the one shell of the page)
```text                         lines that the block before must print, in this order; `...` stands for anything
```text title="first terminal"` lines that what runs in that shell prints next
```cpp title="main.cpp"         (any other language with a title that is a path) a file of that text, beside the page's other files
A block below `<!-- not played: why -->` is only shown. A block below `<!-- cut: path#name -->` must be what the file holds between the
comments `[name]` and `[/name]`, or the whole file when no name is given; see snippets.py.
`<!-- ports: 3500 6000 -->` anywhere on a page: its players take free ports in the place of these, so that pages can be played side by side; in the
YAML files of the folder, too.
"""
import os, re, sys, tempfile, textwrap, time
from dataclasses import dataclass, replace
from pathlib import Path

import pexpect

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "api"))
from sidecar import free_port  # noqa: E402

FENCE = re.compile(r'^(?P<indent> *)```(?P<language>[\w+-]*)(?: +title="(?P<title>[^"]*)")? *$')
PORTS = re.compile(r"^<!-- *ports:([\d ]+)-->$", re.M)
COMMENT = re.compile(r"^ *<!-- *(?P<kind>not played|cut): *(?P<text>.*?) *-->$")
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\r")
OUTPUT_S, COMMAND_S, BUSY_S, BECOMES_S, STOP_S = 60, 600, 10, 2, 20


@dataclass
class Block:
    language: str
    title: str
    text: str
    line: int
    cut: str = ""
    shown_only: str = ""


def blocks(path):
    """The fenced blocks of a page, in order."""
    found, comment, open_block = [], None, None
    for number, line in enumerate(Path(path).read_text().splitlines(), 1):
        if open_block is not None:
            if line.strip() == "```":
                open_block.text = textwrap.dedent(open_block.text)
                found.append(open_block)
                open_block = None
            else:
                open_block.text += line + "\n"
            continue
        if fence := FENCE.match(line):
            open_block = Block(fence["language"], fence["title"] or "", "", number)
            if comment:
                setattr(open_block, "cut" if comment["kind"] == "cut" else "shown_only", comment["text"])
        if line.strip():
            comment = COMMENT.match(line)
    assert open_block is None, f"{path}:{open_block.line}: the block is never closed"
    return found


def inside(path, root):
    """How a path is called by who has `root` for the root of all."""
    return f"/{Path(path).relative_to(root)}" if root else str(path)


class Terminal:
    """A bash on a terminal. `text` is all that it has printed."""

    def __init__(self, folder, environment, root=None):
        # Tests that run in the background ignore Ctrl-C, and what they start would too.
        words = ["env", "--default-signal=INT", "-C", inside(folder, root), "bash", "--norc", "--noprofile", "--noediting"]
        if root:
            words = ["chroot", str(root), *words]
        self.child = pexpect.spawn(words[0], words[1:], echo=False, encoding="utf-8", codec_errors="replace",
                                   env={**environment, "PS1": "", "PS2": "", "TERM": "xterm"}, dimensions=(50, 200), timeout=5)
        self.text, self.seen, self.commands, self.busy, self.root = "", 0, 0, False, root
        self.scripts = tempfile.TemporaryDirectory(prefix="mecha-page-", dir=root and Path(root, "tmp"))

    def read(self, seconds=0.05):
        try:
            self.text += ESCAPES.sub("", self.child.read_nonblocking(65536, timeout=seconds))
        except pexpect.TIMEOUT:
            pass

    def start(self, text):
        """Begins a block; `busy` until it has ended."""
        self.read()
        self.commands += 1
        script = Path(self.scripts.name, f"{self.commands}.sh")
        script.write_text(text)
        self.seen, self.busy = len(self.text), True
        self.child.sendline(f"source {inside(script, self.root)}; printf '\\n=ended %d %d=\\n' {self.commands} $?")

    def ended(self):
        """The exit code of the block that was begun last, None while it runs."""
        done = re.search(rf"=ended {self.commands} (\d+)=", self.text)
        if done:
            self.busy = False
            return int(done[1])
        return None

    def wait(self, seconds):
        limit = time.monotonic() + seconds
        while self.ended() is None:
            assert time.monotonic() < limit, f"not ended in {seconds} s; it printed:\n{self.text[self.seen:][-3000:]}"
            self.read()
        return self.ended()

    def expect(self, lines, seconds):
        """Until the lines have come, in this order."""
        limit = time.monotonic() + seconds
        patterns = [re.compile(".*".join(map(re.escape, line.strip().split("...")))) for line in lines if line.strip() not in ("", "...")]
        at = self.seen
        for pattern in patterns:
            while not (found := pattern.search(self.text, at)):
                code = self.ended()
                assert time.monotonic() < limit and not code, f"no line {pattern.pattern!r}; it printed:\n{self.text[self.seen:][-3000:]}"
                if code == 0 and not self._more():
                    raise AssertionError(f"no line {pattern.pattern!r}; it ended, and had printed:\n{self.text[self.seen:][-3000:]}")
                self.read(0.1)
            at = self.seen = found.end()

    def _more(self):
        before = len(self.text)
        self.read(1)
        return len(self.text) > before

    def close(self):
        """Ctrl-C, as a reader ends what still runs. Returns what did not end by it."""
        stuck = ""
        if self.busy and self.ended() is None:
            # A command that is just being started does not have the terminal yet: Ctrl-C would go to the shell alone, and be lost. It would be
            # lost in the copy of the shell, too, that becomes the command; a script of the shell stays one.
            self._until(lambda: self._runs() or self.ended() is not None, BUSY_S)
            self._until(lambda: not self._runs() or self._is_command(os.tcgetpgrp(self.child.child_fd)), BECOMES_S)
            self.child.sendintr()
            if not self._until(lambda: not self._runs(), STOP_S):
                stuck = f"not ended {STOP_S} s after Ctrl-C; the last it printed:\n{self.text[-2000:]}"
        self.child.close(force=True)
        return stuck

    # Whether a command has the terminal, and not the shell.
    def _runs(self):
        return os.tcgetpgrp(self.child.child_fd) != self.child.pid

    def _is_command(self, process):
        try:
            return os.readlink(f"/proc/{process}/exe") != os.readlink(f"/proc/{self.child.pid}/exe")
        except OSError:  # the first of a pipe has ended
            return True

    def _until(self, condition, seconds):
        limit = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > limit:
                return False
            self.read()
        return True


class Page:
    """Plays the blocks of one page in a folder. With `root` its shells see that folder only, and of the environment what is given."""

    def __init__(self, path, folder, environment=None, root=None):
        self.path, self.folder, self.root = Path(path), Path(folder), root
        self.environment = {**({} if root else os.environ), **(environment or {})}
        self.terminals = {}
        named = PORTS.search(self.path.read_text())
        self.ports = {port: str(free_port()) for port in named[1].split()} if named else {}
        for file in self.folder.rglob("*.yaml") if named else ():
            file.write_text(self._with_free_ports(file.read_text()))
        self.blocks = [replace(block, text=self._with_free_ports(block.text)) for block in blocks(self.path)]

    def _with_free_ports(self, text):
        return re.sub(r"\b\d{4,5}\b", lambda found: self.ports.get(found[0], found[0]), text)

    def play(self):
        stuck = []
        try:
            last = None
            for block in self.blocks:
                try:
                    last = self._play(block, last)
                except AssertionError as error:
                    raise AssertionError(f"{self.path}:{block.line}: {error}\n{self._others(last)}") from None
            self._finish(last)
        finally:
            stuck = [text for text in (terminal.close() for terminal in self.terminals.values()) if text]
        assert not stuck, f"{self.path}: {stuck}"

    def _play(self, block, last):
        if block.shown_only:
            return last
        if block.language == "text" and block.title:
            assert block.title in self.terminals, f"there is no shell {block.title!r}"
            self.terminals[block.title].expect(block.text.splitlines(), OUTPUT_S)
            return last
        if block.language == "text":
            assert last is not None, "output, but no command before it"
            last.expect(block.text.splitlines(), OUTPUT_S)
            return last
        if block.language == "sh":
            terminal = self.terminals.get(block.title)
            if terminal is None:
                terminal = self.terminals[block.title] = Terminal(self.folder, self.environment, self.root)
            if terminal.busy:
                code = terminal.wait(BUSY_S)
                assert code == 0, f"the command before it: exit code {code}; it printed:\n{terminal.text[terminal.seen:][-3000:]}"
            terminal.start(block.text)
            if not self._promises_output(block):
                code = terminal.wait(COMMAND_S)
                assert code == 0, f"exit code {code}; it printed:\n{terminal.text[terminal.seen:][-3000:]}"
            return terminal
        if block.title and re.fullmatch(r"[\w./@-]+", block.title):
            file = self.folder / block.title
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(block.text)
        return last

    # A block that is followed by its output may go on running, as a server does.
    def _promises_output(self, block):
        after = [b for b in self.blocks if not b.shown_only and b.line > block.line]
        return bool(after) and after[0].language == "text" and not after[0].title

    # What has shown its output and ends by itself ends well.
    def _finish(self, terminal):
        if terminal is not None and terminal.busy:
            terminal.read(0.2)
            code = terminal.ended()
            assert code in (None, 0), f"exit code {code}; it printed:\n{terminal.text[terminal.seen:][-3000:]}"

    def _others(self, last):
        for terminal in self.terminals.values():
            terminal.read()
        return "".join(f"--- shell {name!r} ---\n{t.text[-1500:]}\n" for name, t in self.terminals.items() if t is not last)
