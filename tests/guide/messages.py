"""Messages that pages quote, against those that the program has: the first column of a table headed "message", "answer" or "you see".

A message of the program holds places for names, so it is looked for in pieces: two words or more that follow each other in one text of the
code, or one that is a text for itself. What no such piece covers are names, and may be two fifths of the words.
"""
import errno, os, re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("runtime", "api", "components", "cli")
LITERAL = re.compile(r'"((?:[^"\\\n]|\\.)*)"')
HEADS = ("message", "answer", "you see")
SYSTEM = [os.strerror(getattr(errno, name)) for name in ("EADDRINUSE", "ECONNREFUSED", "EACCES", "ENOENT", "EMFILE")]


def words(text):
    return [word for found in re.findall(r"[\w'./-]+", text.lower()) if (word := found.strip("./-'"))]


def literals(source):
    """The texts of a file; what stands side by side is one text, as the compiler has it."""
    joined = re.sub(r'"\s*\n\s*"', "", source)
    return [found.replace('\\"', '"') for found in LITERAL.findall(joined) if " " in found or len(found) > 7]


def texts(root=ROOT):
    files = [f for folder in FOLDERS for f in (root / folder).rglob("*.[ch]pp") if not f.name.endswith("_test.cpp")]
    return [literal for f in files for literal in literals(f.read_text())] + SYSTEM


class Messages:
    def __init__(self, known):
        self.pairs, self.single = set(), set()
        for text in known:
            found = words(text)
            self.pairs.update(zip(found, found[1:]))
            self.single.update(found if len(found) == 1 else ())

    def has(self, message):
        found = words(message)
        if len(found) == 1:
            return found[0] in self.single
        covered = {i for i, pair in enumerate(zip(found, found[1:])) if pair in self.pairs for i in (i, i + 1)}
        covered.update(i for i, word in enumerate(found) if word in self.single)
        return len(covered) * 5 >= len(found) * 3


def quoted(page):
    """(line, message) of the tables of a page."""
    head = None
    for number, line in enumerate(page.splitlines(), 1):
        if not line.startswith("|"):
            head = None
            continue
        first = line.split(" | ")[0].lstrip("| ").strip()
        if head is None:
            head = first
        elif head in HEADS:
            for message in re.findall(r"`([^`]+)`", first):
                yield number, message
