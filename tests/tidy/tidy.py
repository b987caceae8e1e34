#!/usr/bin/env python3
"""Checks the rules of the house over the source tree and prints `file:line: message` for each breach.

    tidy.py [ROOT]        exit code 1 when there is a breach; tidy_test.py proves that every rule can fail
"""
import re
import sys
from pathlib import Path

FILE_LINES, FUNCTION_LINES = 500, 70
SOURCE_FOLDERS = ("runtime", "components", "api", "cli", "sdk-cpp", "tests")

# A folder may include what has a lower rank; folders of one rank may not form a circle.
LAYERS = {
    "runtime/base": 0, "api/errors": 0, "api/proto": 1, "runtime/async": 1,
    "runtime/net": 2, "runtime/resources": 2, "runtime/telemetry": 2,
    "components": 3,
    "runtime/resilience": 4, "runtime/security": 4,
    "runtime/app": 5, "runtime/mesh": 5,
    "runtime/capabilities": 6,
    "api/http": 7, "api/grpc": 7,
    "runtime/daemon": 8,
    "cli": 9,
}
COMPONENT_TYPES = {"state", "pubsub", "bindings", "secretstores", "secrets", "configuration", "lock", "crypto", "middleware", "nameresolution"}
SEEN_BY_BACKENDS = ("runtime/base/", "runtime/async/", "runtime/net/", "runtime/resources/fields", "runtime/resources/yaml", "api/errors/")

VENDOR = re.compile(r"^(boost/beast|boost/asio/ssl|nghttp2/|openssl/|google/|hiredis/|librdkafka/|mongoc/|bson/|sqlite3\.h|expat\.h|yaml-cpp/|re2/|zlib\.h|CLI/)|\.pb\.h$")
BANNED = [
    (re.compile(r"\busing namespace std;"), "`using namespace std`"),
    (re.compile(r"\bstd::(future|promise|async)\b"), "futures: work is a coroutine"),
    (re.compile(r"\.then\("), "`.then`: work is a coroutine"),
    (re.compile(r"\b(class|struct)\s+\w*(Manager|Helper|Utils|Impl)\b"), "a type called Manager, Helper, Utils or Impl says nothing"),
    (re.compile(r"(?<![\w:.])s?rand\("), "`rand`: use <random>"),
]
BANNED_IN_TESTS = [(re.compile(r"\bthis_thread::sleep_|(?<![\w:.])u?sleep\("), "a unit test does not sleep: use the clock interface")]
TODO = re.compile(r"\b(TODO|FIXME|XXX)\b(?!\(#\d+\))")
LINK = re.compile(r"(?<!!)\[[^\]\n]*\]\(([^)\s]+)\)")
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
COROUTINE_LAMBDA = re.compile(r"\[[^\[\]\n]+\]\s*\([^()]*\)\s*(?:mutable\s*)?->\s*(?:\w+::)*(?:awaitable|Async)\b")


class Tree:
    """The files under a root, read once, and the breaches found in them."""

    def __init__(self, root):
        self.root, self.breaches, self.texts = Path(root), [], {}

    def files(self, *suffixes):
        for path in sorted(self.root.rglob("*")):
            name = path.relative_to(self.root).as_posix()
            if path.suffix in suffixes and path.is_file() and not re.search(r"(^|/)(build|\.git|__pycache__|node_modules)/", name):
                yield name

    def sources(self):
        return [f for f in self.files(".hpp", ".cpp", ".h", ".cc") if f.startswith(tuple(s + "/" for s in SOURCE_FOLDERS))]

    def text(self, name):
        if name not in self.texts:
            self.texts[name] = (self.root / name).read_text(errors="replace")
        return self.texts[name]

    def breach(self, name, line, message):
        self.breaches.append(f"{name}:{line}: {message}")


def without_comments(text):
    """The text with comments, strings and characters blanked out; line numbers stay."""
    pattern = re.compile(r'//[^\n]*|/\*.*?\*/|R"(\w*)\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|(?<![0-9a-fA-F])\'(?:\\.|[^\'\\\n])\'', re.S)
    return pattern.sub(lambda m: re.sub(r"[^\n]", " ", m.group(0)), text)


def line_of(text, offset):
    return text.count("\n", 0, offset) + 1


def layer_of(name):
    folder = next((f for f in LAYERS if name.startswith(f + "/")), None)
    return folder, LAYERS.get(folder)


def includes(tree, name):
    for number, line in enumerate(tree.text(name).splitlines(), 1):
        found = INCLUDE.match(line)
        if found:
            yield number, found.group(1), found.group(2)


def is_test(name):
    return name.startswith("tests/") or name.endswith("_test.cpp")


def component_breach(name, target):
    """Why a file of components/ may not include `target`, or None."""
    own = name.split("/")[1] if name.count("/") > 1 else ""
    if target.startswith("components/"):
        other = target.split("/")[1] if target.count("/") > 1 else ""
        if own and other in COMPONENT_TYPES and other != own:
            return f"components/{own} does not know components/{other}"
        return None
    if not own or is_test(name) or target.startswith(SEEN_BY_BACKENDS):
        return None
    return f"a backend sees base, async, net, resources/fields, resources/yaml and its contract, not {target}"


def check_layers(tree):
    edges = {}
    for name in tree.sources():
        folder, rank = layer_of(name)
        for number, _, target in includes(tree, name):
            other, other_rank = layer_of(target)
            if rank is None or other_rank is None or folder == other and folder != "components":
                continue
            why = component_breach(name, target) if folder == "components" else None
            if why:
                tree.breach(name, number, why)
            elif other_rank > rank:
                tree.breach(name, number, f"{folder} stands below {other} and may not include {target}")
            elif rank == other_rank and folder != other:
                edges.setdefault((folder, other), (name, number))
            elif folder == "runtime/capabilities" and other == "components" and target.count("/") > 1 and target.split("/")[1] not in COMPONENT_TYPES:
                tree.breach(name, number, f"a capability knows contracts, not the driver {target}")
    for (folder, other), (name, number) in edges.items():
        if (other, folder) in edges:
            tree.breach(name, number, f"{folder} and {other} include each other")


def reaches(tree, header, includers):
    """The first file outside the header's folder that gets the header, directly or through others."""
    folder, seen, todo = header.rsplit("/", 1)[0], {header}, [header]
    while todo:
        for name in includers.get(todo.pop(), ()):
            if name.rsplit("/", 1)[0] != folder:
                return name
            if name not in seen:
                seen.add(name)
                todo.append(name)
    return None


def check_includes(tree):
    includers = {}
    for name in tree.sources():
        for _, _, target in includes(tree, name):
            includers.setdefault(target, []).append(name)
    for name in tree.sources():
        for number, kind, target in includes(tree, name):
            if target.endswith((".cpp", ".cc")):
                tree.breach(name, number, f"includes the source file {target}")
            outside = reaches(tree, name, includers) if name.endswith((".hpp", ".h")) and VENDOR.search(target) else None
            if outside:
                tree.breach(name, number, f"vendor header {target} belongs into a .cpp file: this header brings it to {outside}")
            if kind == '"' and target.startswith("."):
                tree.breach(name, number, f"includes are absolute from the root, not {target}")


def check_sizes(tree):
    for name in tree.sources() + list(tree.files(".py", ".sh")):
        lines = tree.text(name).count("\n")
        if lines > FILE_LINES and not name.startswith("tests/api/vectors/"):
            tree.breach(name, FILE_LINES + 1, f"the file has {lines} lines, the limit is {FILE_LINES}")
    for name in tree.sources():
        for first, lines in bodies(without_comments(tree.text(name))):
            if lines > FUNCTION_LINES:
                tree.breach(name, first, f"the function has {lines} lines, the limit is {FUNCTION_LINES}")


def bodies(text):
    """(first line, lines) of every outermost body that is no namespace, class, enum or initialiser."""
    text = re.sub(r"^[ \t]*#(?:[^\n\\]|\\\n|\\.)*", lambda m: re.sub(r"[^\n]", " ", m.group(0)), text, flags=re.M)
    stack, begin = [], 0
    for found in re.finditer(r"[{};]", text):
        sign, at = found.group(0), found.start()
        if sign == "{":
            head = text[begin:at]
            scope = re.search(r"\b(namespace|class|struct|union|enum|extern)\b[^()=]*$", head) is not None
            kind = "scope" if scope else "table" if head.rstrip().endswith("=") else "function"
            stack.append((kind, line_of(text, begin + len(head) - len(head.lstrip()))))
        elif sign == "}" and stack:
            kind, first = stack.pop()
            if kind == "function" and all(k == "scope" for k, _ in stack):
                yield first, line_of(text, at) - first + 1
        begin = at + 1


def check_words(tree):
    for name in tree.sources():
        code = without_comments(tree.text(name))
        rules = BANNED + (BANNED_IN_TESTS if name.endswith("_test.cpp") else [])
        for number, line in enumerate(code.splitlines(), 1):
            for pattern, message in rules:
                if pattern.search(line):
                    tree.breach(name, number, message)
        for found in COROUTINE_LAMBDA.finditer(code):
            end = end_of_block(code, code.find("{", found.end()))
            if code[end:end + 20].lstrip().startswith("("):
                tree.breach(name, line_of(code, found.start()), "a capturing lambda coroutine that is called in place dangles")
    for name in tree.sources() + list(tree.files(".py", ".sh", ".cmake", ".txt", ".yaml")):
        if name.startswith("tests/tidy/"):
            continue
        for number, line in enumerate(tree.text(name).splitlines(), 1):
            if TODO.search(line):
                tree.breach(name, number, "a TODO carries its issue: TODO(#12)")


def end_of_block(text, at):
    """The offset behind the block that opens at `at`."""
    depth = 0
    for i in range(at, len(text) if at >= 0 else 0):
        depth += (text[i] == "{") - (text[i] == "}")
        if depth == 0:
            return i + 1
    return len(text)


def told_by_header(tree, name):
    """Whether a header beside the source says what it is: a.hpp for a.cpp, a_test.cpp and a_part.cpp."""
    words = Path(name).stem.removesuffix("_test").split("_")
    return name.endswith(".cpp") and any((tree.root / name).with_name("_".join(words[:n]) + ".hpp").exists() for n in range(1, len(words) + 1))


def check_headers(tree):
    for name in tree.sources():
        if not tree.text(name).lstrip().startswith(("//", "/*")) and not told_by_header(tree, name):
            tree.breach(name, 1, "a file opens with a comment that says what it is")
        if name.endswith(".hpp") and "#pragma once" not in tree.text(name):
            tree.breach(name, 1, "a header has #pragma once")
        for folder in name.split("/")[:-1]:
            if folder in ("common", "util", "utils", "helpers", "misc"):
                tree.breach(name, 1, f"a folder called {folder} has no subject")


def check_cmake(tree):
    lists = [f for f in tree.files(".txt", ".cmake") if f.endswith(("CMakeLists.txt", ".cmake"))]
    for name in lists:
        for number, line in enumerate(tree.text(name).splitlines(), 1):
            if re.search(r"\bGLOB(_RECURSE)?\b", line.split("#")[0]):
                tree.breach(name, number, "sources are listed, not globbed")
    listed = "\n".join(tree.text(f) for f in lists)
    for name in tree.sources():
        path = Path(name)
        if path.suffix == ".cpp" and not re.search(rf"(?<![\w.]){re.escape(path.name)}\b|(?<![\w.]){re.escape(path.stem)}(?![\w.])", listed):
            tree.breach(name, 1, "no CMakeLists.txt names this file: it is never built")


def anchors(text):
    """The headings of a page as links name them."""
    outside = re.sub(r"^ *```.*?^ *``` *$", "", text, flags=re.S | re.M)
    return {re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", heading.lower())).strip("-") for heading in re.findall(r"^#+ +(.+?) *$", outside, re.M)}


def check_links(tree):
    for name in tree.files(".md"):
        for number, line in enumerate(tree.text(name).splitlines(), 1):
            for target in LINK.findall(line):
                if re.match(r"[a-z]+:", target):
                    continue
                path, _, anchor = target.partition("#")
                page = (tree.root / name).parent / path if path else tree.root / name
                if not page.exists() or (anchor and page.suffix == ".md" and anchor not in anchors(page.read_text())):
                    tree.breach(name, number, f"the link {target} leads nowhere")


RULES = (check_layers, check_includes, check_sizes, check_words, check_headers, check_cmake, check_links)


def check(root):
    tree = Tree(root)
    for rule in RULES:
        rule(tree)
    return tree.breaches


def main():
    root = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).resolve().parents[2])
    breaches = check(root)
    print("\n".join(breaches))
    print(f"tidy: {len(Tree(root).sources())} source files, {len(breaches)} breaches")
    return 1 if breaches else 0


if __name__ == "__main__":
    sys.exit(main())
