"""Every example runs as a script and ends in the number that it promises."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parent.parent / "examples"
NEEDS_MNIST = {"02_mnist_course_script.py"}
# What to look for in the output, and the least that it must say.
ENDS = {
    "01_first_network.py": (r"reads ([\d.]+)% right", 93.0),
    "02_mnist_course_script.py": (r"Test accuracy: ([\d.]+)", 0.97),
    "03_training_loop_by_hand.py": (r"epoch 5: .*test accuracy ([\d.]+)%", 91.0),
}

pytestmark = pytest.mark.skipif(not EXAMPLES.is_dir(), reason="the examples are not there")


def examples():
    return sorted(path.name for path in EXAMPLES.glob("*.py"))


def test_every_example_is_tested():
    assert examples() == sorted(ENDS)


@pytest.mark.parametrize("name", sorted(ENDS))
def test_the_example_ends_in_the_number_it_promises(name, tmp_path):
    if name in NEEDS_MNIST and "CDL_DATA_DIR" not in os.environ:
        pytest.skip("needs MNIST in CDL_DATA_DIR")
    finished = subprocess.run(
        [sys.executable, "-W", "error", str(EXAMPLES / name)], cwd=tmp_path, capture_output=True, text=True, timeout=300
    )
    assert finished.returncode == 0, finished.stderr
    assert finished.stderr == ""
    pattern, least = ENDS[name]
    assert float(re.findall(pattern, finished.stdout)[-1]) >= least
