"""Every example runs as a script, ends in the numbers that it promises, and draws the picture."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from cdl.datasets import mnist

EXAMPLES = Path(__file__).parent.parent / "examples"
# With the digits that come with cdl, or without data.
OFFLINE = {"01_first_network.py", "03_training_loop_by_hand.py", "15_gan_mixture.py", "18_overfitting.py"}
# The arguments (of a short run, where the example takes minutes), what to look for in the output, and the least that
# it must say.
ENDS = {
    "01_first_network.py": ("", {r"reads ([\d.]+)% right": 93.0}),
    "02_mnist_course_script.py": ("", {r"Test accuracy: ([\d.]+)": 0.97}),
    "03_training_loop_by_hand.py": ("", {r"epoch 5: .*test accuracy ([\d.]+)%": 91.0}),
    "04_convolutional_network.py": ("", {r"Test accuracy: ([\d.]+)": 0.94}),
    "05_tuned_convolutional_network.py": (
        "--epochs 2 --samples 4000",
        {r"\bmnist: test accuracy ([\d.]+)%": 95.0, r"\bfashion_mnist: test accuracy ([\d.]+)%": 76.0},
    ),
    "06_cifar10_augmentation.py": ("--epochs 4 --samples 2000", {r"([\d.]+)% with it": 30.0}),
    "07_segmentation.py": ("--epochs 2 --samples 1200", {r"mean IoU ([\d.]+)": 0.12}),
    "08_localisation.py": ("--epochs 2 --samples 4000", {r"IoU above one half ([\d.]+)%": 45.0}),
    "09_denoising_autoencoder.py": ("--epochs 1 --samples 3000", {r"removes ([\d.]+)% of the noise": 80.0}),
    "10_sentiment.py": ("--epochs 5 --samples 1200 --seeds 1", {r"The network: ([\d.]+)% on average": 65.0}),
    "11_language_model.py": (
        "--epochs 2 --samples 60000",
        {r"shakespeare: .* better than guessing by a factor of ([\d.]+)": 4.0, r"tang: .* factor of ([\d.]+)": 2.0},
    ),
    "12_spoken_digits.py": (
        "--epochs 3 --samples 900 --speakers theo",
        {r"speakers that it knows: ([\d.]+)%": 70.0, r"never heard: ([\d.]+)%": 35.0},
    ),
    "13_time_series.py": ("--epochs 3", {r"errs ([\d.]+)% less": 5.0}),
    "14_dates.py": ("--epochs 2 --samples 3000", {r"([\d.]+)% of the characters": 40.0}),
    "15_gan_mixture.py": ("--epochs 4 --steps 200", {r"(\d) of 8 modes": 5, r"modes, ([\d.]+)% good": 50.0}),
    "16_gan_digits.py": (
        "--epochs 2 --samples 12000",
        {r"judge reads ([\d.]+)%": 90.0, r"epoch 2: .*score ([\d.]+)": 1.3},
    ),
    "17_variational_autoencoder.py": ("--epochs 2 --samples 6000", {r"Two numbers save ([\d.]+)": 5.0}),
    "18_overfitting.py": ("--epochs 10 --seeds 1", {r"dropout  ([\d.]+)%": 85.0}),
    "19_transfer_learning.py": ("--seeds 1 --samples 3000 --labels 10", {r"frozen +([\d.]+)%": 75.0}),
    "20_compare_with_sklearn.py": ("--sets wine diabetes --seeds 1", {r"fitted ([\d.]+) times as fast": 0.0}),
    "21_mnist_compare_with_sklearn.py": (
        "--samples 2000 --seeds 1 --rounds 3",
        {r"fitted ([\d.]+) times as fast": 0.0, r"reads ([\d.]+)% right": 88.0},
    ),
}
# The course script takes all digits that there are: in its test there are so many.
DIGITS = {"04_convolutional_network.py": (6000, 2000)}

pytestmark = pytest.mark.skipif(not EXAMPLES.is_dir(), reason="the examples are not there")


def examples():
    return sorted(path.name for path in EXAMPLES.glob("*.py"))


def some_digits(folder, n_train, n_test):
    """A data folder with a part of MNIST."""
    (x_train, y_train), (x_test, y_test) = mnist.load_data()
    part = {"x_train": x_train[:n_train], "y_train": y_train[:n_train], "x_test": x_test[:n_test]}
    np.savez(folder / "mnist.npz", y_test=y_test[:n_test], **part)
    return folder


def test_every_example_is_tested():
    assert examples() == sorted(ENDS)


@pytest.mark.parametrize("name", sorted(ENDS))
def test_the_example_ends_in_the_numbers_it_promises(name, tmp_path):
    if name not in OFFLINE and "CDL_DATA_DIR" not in os.environ:
        pytest.skip("needs real data in CDL_DATA_DIR")
    draws = "savefig" in (EXAMPLES / name).read_text(encoding="utf-8")
    if draws:
        pytest.importorskip("matplotlib.font_manager")  # lists the fonts once, and says so on stderr
    environment = dict(os.environ)
    if name in DIGITS:
        environment["CDL_DATA_DIR"] = str(some_digits(tmp_path, *DIGITS[name]))
    arguments, promises = ENDS[name]
    finished = subprocess.run(
        [sys.executable, "-W", "error", str(EXAMPLES / name), *arguments.split()],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert finished.returncode == 0, finished.stderr
    assert finished.stderr == ""
    for pattern, least in promises.items():
        assert float(re.findall(pattern, finished.stdout)[-1]) >= least
    pictures = list(tmp_path.glob("*.png"))
    assert bool(pictures) == draws
    assert all(picture.stat().st_size > 20_000 for picture in pictures), "an empty picture?"
