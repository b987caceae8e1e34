"""The API reference of the C++ SDK is made without a warning."""
import os, shutil, subprocess

from sidecar import ROOT


def doxygen(folder, out):
    return subprocess.run(["doxygen"], cwd=folder, capture_output=True, text=True, timeout=120, env={**os.environ, "MECHA_DOC_OUT": str(out)})


def test_the_reference_is_made_without_a_warning(tmp_path):
    made = doxygen(ROOT / "sdk-cpp", tmp_path)
    assert made.returncode == 0 and made.stderr == "", made.stderr[-3000:]
    assert "StateStore" in (tmp_path / "annotated.html").read_text() and "Fake" in (tmp_path / "annotated.html").read_text()


def spoilt(tmp_path, old, new):
    shutil.copytree(ROOT / "sdk-cpp/include", tmp_path / "include")
    shutil.copy(ROOT / "sdk-cpp/Doxyfile", tmp_path)
    header = tmp_path / "include/mecha/lock.h"
    assert old in header.read_text()
    header.write_text(header.read_text().replace(old, new))
    return doxygen(tmp_path, tmp_path / "out")


def test_a_comment_that_is_wrong_fails(tmp_path):
    made = spoilt(tmp_path, "/// Gives a lock back.", "/// Gives a lock back.\n  /// \\param nothing There is none.")
    assert made.returncode != 0 and "nothing" in made.stderr


def test_a_member_without_a_comment_fails(tmp_path):
    made = spoilt(tmp_path, "  ///< What is locked.", "")
    assert made.returncode != 0 and "resource" in made.stderr and "not documented" in made.stderr
