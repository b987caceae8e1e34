"""The installed SDK: a project that knows nothing but the prefix builds on it, by CMake and by pkg-config, and nothing of the runtime comes along."""
import os, re, shutil, subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PREFIX = Path(os.environ.get("MECHA_SDK_PREFIX", ROOT / "build/sdk-prefix"))
COMPILER = os.environ.get("MECHA_SDK_CXX", "clang++-16")
# What an application must not get for using the SDK: brokers, databases, and what only the daemon needs.
NOT_WANTED = re.compile(r"rdkafka|hiredis|libpq|mariadb|mysql|sqlite|nghttp2|yaml|rabbitmq|boost", re.I)
STRICT = ["-std=c++20", "-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Wconversion", "-Werror"]


def run(*words, **more):
    done = subprocess.run([str(w) for w in words], capture_output=True, text=True, timeout=300, **more)
    assert done.returncode == 0, f"{words}: {done.stdout[-3000:]}{done.stderr[-3000:]}"
    return done.stdout


def needed(program):
    return re.findall(r"\(NEEDED\).*\[(.*)\]", run("readelf", "-d", program))


@pytest.fixture(scope="module")
def consumer(tmp_path_factory):
    """The example of state, copied to where nothing else of the project is."""
    folder = tmp_path_factory.mktemp("consumer")
    for name in ("CMakeLists.txt", "main.cpp"):
        (folder / name).write_text((ROOT / "examples/state/cpp" / name).read_text())
    run("cmake", "-S", folder, "-B", folder / "build", f"-DCMAKE_PREFIX_PATH={PREFIX}", f"-DCMAKE_CXX_COMPILER={COMPILER}",
        "-DCMAKE_FIND_USE_PACKAGE_REGISTRY=OFF", f"-DCMAKE_CXX_FLAGS={' '.join(STRICT)}")
    run("cmake", "--build", folder / "build")
    return folder / "build/example"


def test_a_consumer_builds_by_cmake_without_a_warning(consumer):
    assert consumer.exists()


def test_the_link_table_holds_grpc_and_protobuf_and_nothing_of_the_runtime(consumer):
    direct = needed(consumer)
    assert any("grpc++" in name for name in direct) and any("protobuf" in name for name in direct)
    assert [name for name in direct if NOT_WANTED.search(name)] == []
    all_of_it = run("ldd", consumer)
    assert [line for line in all_of_it.splitlines() if NOT_WANTED.search(line)] == []


def test_a_consumer_builds_by_pkg_config(tmp_path):
    where = {**os.environ, "PKG_CONFIG_PATH": f"{PREFIX}/lib/pkgconfig:{PREFIX}/lib/x86_64-linux-gnu/pkgconfig"}
    flags = run("pkg-config", "--cflags", "--libs", "mecha", env=where).split()
    run(COMPILER, ROOT / "examples/locks/cpp/main.cpp", "-o", tmp_path / "locks", *STRICT, *flags)
    assert run("pkg-config", "--modversion", "mecha", env=where).strip() == re.search(r"project\(mecha-sdk VERSION (\S+)", (ROOT / "sdk-cpp/CMakeLists.txt").read_text())[1]


def test_a_compiler_that_breaks_coroutines_is_refused(tmp_path):
    """The one of Debian 12, which CMake finds first."""
    compiler = shutil.which("g++") or pytest.skip("no g++")
    if int(run(compiler, "-dumpversion").split(".")[0]) >= 13:
        pytest.skip("this g++ is good")
    done = subprocess.run(["cmake", "-S", ROOT / "examples/state/cpp", "-B", tmp_path, f"-DCMAKE_PREFIX_PATH={PREFIX}", f"-DCMAKE_CXX_COMPILER={compiler}"], capture_output=True, text=True, timeout=300)
    assert done.returncode and "mecha needs GCC 13 or Clang 16" in " ".join(done.stderr.split()) and "CXX=clang++-16" in done.stderr
    done = subprocess.run([compiler, "-std=c++20", "-fsyntax-only", "-I", PREFIX / "include", ROOT / "examples/locks/cpp/main.cpp"], capture_output=True, text=True, timeout=300)
    assert done.returncode and "mecha needs GCC 13 or Clang 16" in done.stderr


def test_an_application_is_tested_with_the_installed_fake(tmp_path):
    """The test of the guide, by CMake and by pkg-config."""
    for name in ("sdk-cpp/tests/guide_test.cpp", "sdk-cpp/tests/catch_main.cpp", "tests/catch.hpp"):
        (tmp_path / Path(name).name).write_text((ROOT / name).read_text())
    (tmp_path / "CMakeLists.txt").write_text("""cmake_minimum_required(VERSION 3.22)
project(x LANGUAGES CXX)
find_package(mecha CONFIG REQUIRED)
add_executable(app_test guide_test.cpp catch_main.cpp)
target_link_libraries(app_test PRIVATE mecha::testing)
""")
    run("cmake", "-S", tmp_path, "-B", tmp_path / "build", f"-DCMAKE_PREFIX_PATH={PREFIX}", f"-DCMAKE_CXX_COMPILER={COMPILER}",
        "-DCMAKE_FIND_USE_PACKAGE_REGISTRY=OFF", "-DCMAKE_CXX_FLAGS=-O0")
    run("cmake", "--build", tmp_path / "build")
    assert "All tests passed" in run(tmp_path / "build/app_test")
    where = {**os.environ, "PKG_CONFIG_PATH": f"{PREFIX}/lib/pkgconfig:{PREFIX}/lib/x86_64-linux-gnu/pkgconfig"}
    assert "-lmecha-testing" in run("pkg-config", "--static", "--libs", "mecha-testing", env=where).split()


def test_another_version_is_refused(tmp_path):
    (tmp_path / "CMakeLists.txt").write_text("cmake_minimum_required(VERSION 3.22)\nproject(x LANGUAGES CXX)\nfind_package(mecha 99 CONFIG REQUIRED)\n")
    done = subprocess.run(["cmake", "-S", tmp_path, "-B", tmp_path / "build", f"-DCMAKE_PREFIX_PATH={PREFIX}", f"-DCMAKE_CXX_COMPILER={COMPILER}"],
                          capture_output=True, text=True, timeout=120)
    assert done.returncode != 0 and 'compatible with requested version "99"' in re.sub(r"\s+", " ", done.stderr)


def test_public_headers_show_neither_grpc_nor_protobuf():
    """But for the two that are for it."""
    for header in sorted((PREFIX / "include/mecha").rglob("*.h")):
        if header.name not in ("grpc.h", "protobuf.h"):
            assert not re.search(r"#include [<\"](grpc|google/protobuf|dapr/)", header.read_text()), header.name
