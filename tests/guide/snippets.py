"""Code blocks that are cut from files: `python3 tests/guide/snippets.py` writes them anew, `--check` names those that are stale.

A block below `<!-- cut: path#name -->` is what the file holds between the lines that contain `[name]` and `[/name]` in a comment, moved to
the left margin; without `#name` it is the whole file.
"""
import re, sys, textwrap
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CUT = re.compile(r"^(?P<comment>(?P<indent> *)<!-- *cut: *(?P<path>[^#\s]+)(?:#(?P<name>[\w-]+))? *-->\n)(?P<fence> *```[^\n]*\n)(?P<text>.*?)(?P<end>^ *```$)", re.M | re.S)
MARK = re.compile(r"^\s*(//|#|<!--|--)\s*\[/?[\w-]+\]\s*(-->)?\s*$")


def cut(path, name, root=ROOT):
    lines = (root / path).read_text().splitlines()
    if name:
        begins = [i for i, line in enumerate(lines) if MARK.match(line) and f"[{name}]" in line]
        ends = [i for i, line in enumerate(lines) if MARK.match(line) and f"[/{name}]" in line]
        if len(begins) != 1 or len(ends) != 1 or ends[0] < begins[0]:
            raise ValueError(f"{path} has no one part [{name}] ... [/{name}]")
        lines = lines[begins[0] + 1:ends[0]]
    return textwrap.dedent("\n".join(line for line in lines if not MARK.match(line)).strip("\n") + "\n")


def fresh(page, root=ROOT):
    """The text of a page with every cut block as its file says."""
    def write(found):
        text = textwrap.indent(cut(found["path"], found["name"], root), found["indent"])
        return found["comment"] + found["fence"] + text + found["end"]
    return CUT.sub(write, page)


def pages(root=ROOT):
    return [p for folder in ("docs", "examples") for p in sorted((root / folder).rglob("*.md"))] + [root / "README.md"]


def main():
    stale = [p for p in pages() if fresh(p.read_text()) != p.read_text()]
    for page in stale:
        print(f"{page.relative_to(ROOT)}: {'stale' if '--check' in sys.argv else 'written'}")
        if "--check" not in sys.argv:
            page.write_text(fresh(page.read_text()))
    return 1 if stale and "--check" in sys.argv else 0


if __name__ == "__main__":
    sys.exit(main())
