"""No code for one compiler only: every source of the SDK, and all public headers at once, are compiled by a GCC without a warning."""
import os, re, shutil, subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest

from conftest import PROGRAMS, ROOT

BUILD = PROGRAMS.parent
SDK = ROOT / "sdk-cpp"
STRICT = ["-std=c++20", "-O0", "-pthread", "-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Wconversion", "-Werror"]
# GCC 12 says this of values that are there; it is not said by those that the SDK is for.
STRICT_12 = ["-Wno-maybe-uninitialized"]


def newest():
    """Older ones than 12 have no C++20 to speak of; 12 cannot be trusted to run coroutines, but to read them."""
    for version in range(20, 11, -1):
        if compiler := shutil.which(f"g++-{version}"):
            return compiler, version
    pytest.skip("there is no g++ 12 or later")


def test_every_source_compiles_by_gcc_without_a_warning(tmp_path):
    compiler, version = newest()
    if not (BUILD / "src/made").exists():
        pytest.skip(f"the messages are not made in {BUILD}")
    include = SDK / "include"
    if version < 13:  # it is refused, for what it makes of coroutines
        include = shutil.copytree(include, tmp_path / "include")
        refusing = include / "mecha/error.h"
        refusing.write_text(re.sub(r"^#error .*", "", refusing.read_text(), flags=re.M))
    words = [compiler, *STRICT, *(STRICT_12 if version < 13 else [])]
    words += [f"-I{SDK}", f"-I{include}", f"-I{BUILD}/include", "-isystem", str(BUILD / "src/made")]
    if ccache := shutil.which("ccache"):
        words.insert(0, ccache)
    headers = sorted(path.relative_to(SDK / "include") for path in (SDK / "include").rglob("*.h"))
    assert len(headers) > 20
    (tmp_path / "headers.cpp").write_text("".join(f'#include "{header}"\n' for header in headers))
    sources = [tmp_path / "headers.cpp", SDK / "tests/service_app.cpp", *SDK.glob("src/*.cpp"), *SDK.glob("testing/*.cpp")]

    def said(source):
        done = subprocess.run([*words, "-c", str(source), "-o", str(tmp_path / f"{source.parent.name}-{source.stem}.o")], capture_output=True, text=True, timeout=240)
        return "" if done.returncode == 0 else done.stderr[:2000]

    with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
        assert [words for words in pool.map(said, sources) if words] == []
