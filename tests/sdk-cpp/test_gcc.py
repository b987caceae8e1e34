"""No code for one compiler only: every source of the SDK, and all public headers at once, are read by a GCC without a warning."""
import re, shutil, subprocess

import pytest

from conftest import PROGRAMS, ROOT

BUILD = PROGRAMS.parent
SDK = ROOT / "sdk-cpp"
# No code is made of them, which takes far longer; the warnings that come from the optimizer are other ones in each version.
STRICT = ["-std=c++20", "-fsyntax-only", "-pthread", "-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Wconversion", "-Werror"]
SOURCES = sorted([*SDK.glob("src/*.cpp"), *SDK.glob("testing/*.cpp"), SDK / "tests/service_app.cpp"])


@pytest.fixture(scope="module")
def words(tmp_path_factory):
    """Of the newest GCC. Older ones than 12 have no C++20 to speak of; 12 cannot be trusted to run coroutines, but to read them."""
    version = next((version for version in range(20, 11, -1) if shutil.which(f"g++-{version}")), None)
    if version is None:
        pytest.skip("there is no g++ 12 or later")
    if not (BUILD / "src/made").exists():
        pytest.skip(f"the messages are not made in {BUILD}")
    include = SDK / "include"
    if version < 13:  # it is refused, for what it makes of coroutines
        include = shutil.copytree(include, tmp_path_factory.mktemp("gcc") / "include")
        refusing = include / "mecha/error.h"
        refusing.write_text(re.sub(r"^#error .*", "", refusing.read_text(), flags=re.M))
    return [f"g++-{version}", *STRICT, f"-I{SDK}", f"-I{include}", f"-I{BUILD}/include", "-isystem", str(BUILD / "src/made")]


def read(words, source):
    done = subprocess.run([*words, str(source)], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[:2000]


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_source_has_no_warning_of_gcc(words, source):
    read(words, source)


def test_all_public_headers_together_have_no_warning_of_gcc(words, tmp_path):
    headers = sorted(path.relative_to(SDK / "include") for path in (SDK / "include").rglob("*.h"))
    assert len(headers) > 20
    source = tmp_path / "headers.cpp"
    source.write_text("".join(f'#include "{header}"\n' for header in headers))
    read(words, source)
