"""What a user relies on before the first line of code: the right files, few imports, a clash that explains itself."""

import os
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

import cdl
import cdlearn
from cdl import _clash

PACKAGE = Path(cdl.__file__).parent
ROOT = Path(__file__).parents[1]

try:
    DISTRIBUTION = metadata.distribution("cdlearn")
except metadata.PackageNotFoundError:
    DISTRIBUTION = None
FILES = {file.as_posix() for file in (DISTRIBUTION.files or ())} if DISTRIBUTION else set()

installed = pytest.mark.skipif(DISTRIBUTION is None, reason="cdlearn is not installed")
from_wheel = pytest.mark.skipif("cdl/__init__.py" not in FILES, reason="cdlearn is not installed from a wheel")
in_git = pytest.mark.skipif(
    not (ROOT / ".git").exists() or shutil.which("git") is None, reason="the tests are not in a git clone"
)


TESTED = [PACKAGE.parent, Path(cdlearn.__file__).parent]


def python(*args, path=TESTED):
    """Runs Python with the folders `path` before the usual ones of its search path, and without the current folder."""
    env = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, path)), "PYTHONSAFEPATH": "1"}
    return subprocess.run([sys.executable, *args], env=env, capture_output=True, text=True, timeout=60)


@from_wheel
def test_the_installed_package_is_the_one_under_test():
    """Else the source folder, on sys.path by accident, hides what users get (run `pytest`, not `python -m pytest`)."""
    assert Path(cdl.__file__) == Path(DISTRIBUTION.locate_file("cdl/__init__.py"))


@from_wheel
@pytest.mark.parametrize(
    "name",
    ["cdlearn.py", "cdl/py.typed", "cdl/datasets/digits.npz", "cdl/datasets/digits.LICENSE.txt"],
)
def test_the_wheel_holds(name):
    assert name in FILES
    assert Path(DISTRIBUTION.locate_file(name)).exists()


@from_wheel
def test_the_wheel_holds_the_licences():
    texts = {Path(file).name for file in FILES if "/licenses/" in file}
    assert {"LICENSE", "MNIST.txt", "libgomp.txt", "GPL-3.0.txt"} <= texts


@from_wheel
def test_the_wheel_holds_nothing_else():
    folders = {file.split("/")[0] for file in FILES if not file.startswith("..")}
    stem = f"cdlearn-{DISTRIBUTION.version}.dist-info"
    assert folders <= {"cdl", "cdlearn.py", "cdlearn.libs", "__pycache__", stem}
    ours = {file for file in FILES if file.startswith("cdl/") and "__pycache__" not in file}
    assert {Path(file).suffix for file in ours} <= {".py", ".pyi", ".so", ".pyd", ".npz", ".txt", ".typed"}
    assert len([file for file in ours if file.endswith((".so", ".pyd"))]) == 1


@installed
def test_metadata():
    assert DISTRIBUTION.version == cdl.__version__
    assert DISTRIBUTION.metadata["License-Expression"] == "MIT"
    assert DISTRIBUTION.metadata["Requires-Python"] == ">=3.11"
    needed = [requirement for requirement in DISTRIBUTION.requires if "extra ==" not in requirement]
    assert len(needed) == 1 and needed[0].startswith("numpy")


def test_the_notice_of_the_digits_is_among_the_licences():
    if not (ROOT / "licenses").exists():
        pytest.skip("the source tree is not here")
    notice = PACKAGE / "datasets" / "digits.LICENSE.txt"
    assert (ROOT / "licenses" / "MNIST.txt").read_text() == notice.read_text()


def test_import_brings_numpy_and_the_standard_library_only():
    script = (
        "import sys; before = set(sys.modules); import cdl;"
        "print(*sorted({name.split('.')[0] for name in set(sys.modules) - before} - sys.stdlib_module_names))"
    )
    result = python("-c", script)
    assert result.stderr == ""
    others = set(result.stdout.split()) - {"cdl", "numpy"}
    assert not {name for name in others if not name.startswith(("cython_runtime", "_cython_"))}


def test_completion_shows_all_names_also_without_optional_packages():
    script = """
import sys
for name in ("sklearn", "matplotlib", "h5py"):
    sys.modules[name] = None
import rlcompleter, cdl
completer = rlcompleter.Completer({"cdl": cdl})
for package in ("cdl", *(f"cdl.{name}" for name in cdl.__all__), "cdl.saving", "cdl.plotting"):
    found = {name.rpartition(".")[2].rstrip("()") for name in completer.attr_matches(package + ".")}
    wanted = getattr(eval(package), "__all__", ())
    assert found >= set(wanted), (package, set(wanted) - found)
assert completer.attr_matches("cdl.pl") == ["cdl.plotting"]
"""
    result = python("-c", script)
    assert (result.returncode, result.stderr) == (0, "")


@in_git
def test_no_generated_file_is_tracked():
    command = ["git", "-c", "safe.directory=*", "ls-files"]
    names = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split()
    generated = (".so", ".pyd", ".o", ".a", ".pyc", ".whl", ".tar.gz", ".html", "_native.c")
    assert [name for name in names if name.endswith(generated)] == []


# ----------------------------------------------------------------------------- the doctor, and the clash with DataLab


def test_the_doctor_reports_health():
    result = python("-m", "cdlearn")
    assert result.returncode == 0, result.stdout + result.stderr
    for part in (sys.executable, str(PACKAGE), cdl.__version__, cdl.config.isa(), "All is well."):
        assert part in result.stdout


def test_import_cdlearn_says_nothing():
    result = python("-c", "import cdlearn")
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def install_datalab(folder):
    """The traces that pip leaves of DataLab's distribution `cdl`, in `folder`."""
    files = ["cdl/__init__.py", "cdl/plugins.py", "cdl/core/__init__.py", "cdl-0.20.1.dist-info/METADATA"]
    for name in files:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    (folder / files[-1]).write_text("Metadata-Version: 2.1\nName: cdl\nVersion: 0.20.1\n")
    (folder / "cdl-0.20.1.dist-info" / "RECORD").write_text("".join(f"{name},,\n" for name in files))


def test_the_doctor_finds_datalab_that_came_last(tmp_path):
    install_datalab(tmp_path)
    result = python("-m", "cdlearn", path=[tmp_path, *TESTED])
    assert result.returncode == 1
    assert "cdl 0.20.1" in result.stdout and str(tmp_path) in result.stdout
    assert "pip uninstall --yes cdl cdlearn" in result.stdout
    assert "Traceback" not in result.stderr


def test_the_doctor_finds_what_an_uninstall_of_datalab_leaves(tmp_path):
    (tmp_path / "cdl" / "layers").mkdir(parents=True)  # its __init__.py was DataLab's, and went with it
    shutil.copy(cdlearn.__file__, tmp_path)
    result = python("-S", "-m", "cdlearn", path=[tmp_path])  # -S: without the installed cdl
    assert result.returncode == 1
    assert "pip install --force-reinstall cdlearn" in result.stdout
    assert "Traceback" not in result.stderr


def test_import_beside_datalabs_files_explains_the_cure(tmp_path):
    shutil.copytree(PACKAGE, tmp_path / "cdl", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "cdl" / "plugins.py").touch()
    result = python("-c", "import cdl", path=[tmp_path, *TESTED])
    assert result.returncode == 1
    assert "ImportError: cdl: the files of another package, DataLab, are mixed with ours" in result.stderr
    assert str(tmp_path / "cdl") in result.stderr
    assert "pip uninstall --yes cdl cdlearn" in result.stderr


def test_the_clash_check_passes_our_own_folder():
    _clash.check(str(PACKAGE))
