"""The API reference of the C++ SDK is made without a warning."""
import os, shutil, subprocess

from sidecar import ROOT


def doxygen(folder, out):
    return subprocess.run(["doxygen"], cwd=folder, capture_output=True, text=True, timeout=120, env={**os.environ, "MECHA_DOC_OUT": str(out)})


def test_the_reference_is_made_without_a_warning(tmp_path):
    made = doxygen(ROOT / "sdk-cpp", tmp_path)
    assert made.returncode == 0 and made.stderr == "", made.stderr[-3000:]
    assert "StateStore" in (tmp_path / "annotated.html").read_text() and "Fake" in (tmp_path / "annotated.html").read_text()


def test_a_comment_that_is_wrong_fails(tmp_path):
    shutil.copytree(ROOT / "sdk-cpp/include", tmp_path / "include")
    shutil.copy(ROOT / "sdk-cpp/Doxyfile", tmp_path)
    header = tmp_path / "include/mecha/lock.h"
    header.write_text(header.read_text().replace("/// Gives a lock back.", "/// Gives a lock back.\n  /// \\param nothing There is none."))
    made = doxygen(tmp_path, tmp_path / "out")
    assert made.returncode != 0 and "nothing" in made.stderr
