"""Every rule of tidy.py can fail, and a clean tree passes."""
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
import tidy  # noqa: E402

CLEAN = {
    "CMakeLists.txt": "add_library(x runtime/base/a.cpp)\n",
    "README.md": "See [the code](runtime/base/a.cpp), [us](https://example.org) and [below](#below).\n\n## Below\n",
    "runtime/base/a.hpp": "// A thing.\n#pragma once\n",
    "runtime/base/a.cpp": '// A thing.\n#include "runtime/base/a.hpp"\nnamespace mecha {\nint f() {\n  return 1;\n}\n}\n',
}


def breaches(folder, files):
    for name, text in {**CLEAN, **files}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tidy.check(folder)


def test_a_clean_tree_has_no_breach(tmp_path):
    assert breaches(tmp_path, {}) == []


LONG = "// Long.\nint f(int a) {\n" + "  a++;\n" * 70 + "}\n"
HPP = "// A thing.\n#pragma once\n"

CASES = [
    ("a lower layer includes a higher one", {"runtime/base/b.hpp": HPP + '#include "runtime/net/http.hpp"\n'},
     "runtime/base/b.hpp:3: runtime/base stands below runtime/net"),
    ("a backend knows the snapshot", {"components/state/b.hpp": HPP + '#include "runtime/resources/snapshot.hpp"\n'}, "a backend sees base"),
    ("a backend knows another type", {"components/state/b.hpp": HPP + '#include "components/pubsub/pubsub.hpp"\n'}, "does not know components/pubsub"),
    ("a capability knows a driver", {"runtime/capabilities/state/b.hpp": HPP + '#include "components/redis/client.hpp"\n'}, "not the driver"),
    ("two folders of one layer include each other",
     {"runtime/app/b.hpp": HPP + '#include "runtime/mesh/b.hpp"\n', "runtime/mesh/b.hpp": HPP + '#include "runtime/app/b.hpp"\n'}, "include each other"),
    ("a vendor header in a header that others include",
     {"runtime/net/b.hpp": HPP + "#include <boost/beast/http.hpp>\n", "runtime/app/b.hpp": HPP + '#include "runtime/net/b.hpp"\n'}, "brings it to runtime/app/b.hpp"),
    ("a vendor header that reaches others through a second header",
     {"runtime/net/b.hpp": HPP + "#include <boost/beast/http.hpp>\n", "runtime/net/c.hpp": HPP + '#include "runtime/net/b.hpp"\n',
      "runtime/app/b.hpp": HPP + '#include "runtime/net/c.hpp"\n'}, "runtime/net/b.hpp:3: vendor header"),
    ("a source is included", {"runtime/net/b.hpp": HPP + '#include "runtime/base/a.cpp"\n'}, "includes the source file"),
    ("a relative include", {"runtime/net/b.hpp": HPP + '#include "../base/a.hpp"\n'}, "absolute from the root"),
    ("a file that is too long", {"runtime/base/b.hpp": HPP + "\n" * 500}, "the limit is 500"),
    ("a function that is too long", {"runtime/base/a.cpp": LONG}, "runtime/base/a.cpp:2: the function has 72 lines"),
    ("a method that is too long", {"runtime/base/b.hpp": HPP + "struct S {\n" + LONG[9:] + "};\n"}, "the function has 72 lines"),
    ("a TODO without an issue", {"runtime/base/b.hpp": HPP + "// TODO: later\n"}, "runtime/base/b.hpp:3: a TODO carries its issue"),
    ("a future", {"runtime/base/b.hpp": HPP + "std::future<int> f();\n"}, "work is a coroutine"),
    ("a vague type name", {"runtime/base/b.hpp": HPP + "class ThingManager {};\n"}, "says nothing"),
    ("a sleeping unit test", {"runtime/base/a_test.cpp": "// T.\nvoid t() { std::this_thread::sleep_for(1s); }\n", "CMakeLists.txt": "a.cpp a_test.cpp"},
     "a unit test does not sleep"),
    ("a lambda coroutine called in place", {"runtime/base/b.hpp": HPP + "auto x = [y]() -> asio::awaitable<int> { co_return y; }();\n"}, "dangles"),
    ("no comment at the top", {"runtime/base/b.hpp": "#pragma once\n"}, "opens with a comment"),
    ("no comment in a source without header", {"runtime/base/b.cpp": "int x;\n"}, "runtime/base/b.cpp:1: a file opens with a comment"),
    ("no pragma once", {"runtime/base/b.hpp": "// A thing.\n"}, "#pragma once"),
    ("a folder without a subject", {"runtime/base/utils/b.hpp": HPP}, "called utils has no subject"),
    ("globbed sources", {"CMakeLists.txt": "file(GLOB x a.cpp)\n"}, "listed, not globbed"),
    ("a source that nothing builds", {"runtime/base/c.cpp": "// C.\n"}, "runtime/base/c.cpp:1: no CMakeLists.txt names this file"),
    ("a dead link", {"docs/a.md": "[x](gone.md)\n"}, "docs/a.md:1: the link gone.md leads nowhere"),
    ("a dead anchor", {"docs/a.md": "# Here, there\n\n[x](#here-there) [y](a.md#gone)\n```sh\n# gone\n```\n"}, "docs/a.md:3: the link a.md#gone leads nowhere"),
]


@pytest.mark.parametrize("files, message", [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_a_breach_is_found(tmp_path, files, message):
    found = breaches(tmp_path, files)
    assert any(message in f for f in found), found


@pytest.mark.parametrize("text", [
    HPP + '#include "runtime/base/a.hpp"\n// .then( in a comment, "std::future" in a string\nauto s = ".then(";\n',
    HPP + "// TODO(#12): later\n",
    HPP + "auto x = [y]() -> asio::awaitable<int> { co_return y; };\n",
    HPP + "#include <boost/beast/http.hpp>\n",
    HPP + "constexpr int table[] = {\n" + "  1,\n" * 100 + "};\n",
    HPP + "struct S {\n" + "  int f() { return 1; }\n" * 100 + "};\n",
])
def test_what_is_allowed_is_no_breach(tmp_path, text):
    assert breaches(tmp_path, {"runtime/async/b.hpp": text}) == []
