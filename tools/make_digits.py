"""Makes cdl/datasets/digits.npz from MNIST: `python tools/make_digits.py [output]`, the same bytes on every run."""

import sys
from pathlib import Path

import numpy as np

from cdl.datasets import digits, mnist


def choose(labels: np.ndarray, count: int) -> np.ndarray:
    """The indices, ascending, of `count` images of each digit, evenly spaced over the images of that digit.

    Evenly spaced, because MNIST is sorted by where its writers come from: the first half of the test set is easier.
    """
    chosen = []
    for digit in range(10):
        (places,) = np.nonzero(labels == digit)
        chosen.append(places[np.arange(count) * len(places) // count])
    return np.sort(np.concatenate(chosen))


def main(output: Path) -> None:
    (x_train, y_train), (x_test, y_test) = mnist.load_data()
    train, test = choose(y_train, 500), choose(y_test, 100)
    np.savez_compressed(
        output, x_train=x_train[train], y_train=y_train[train], x_test=x_test[test], y_test=y_test[test]
    )
    print(f"{output}: {len(train)} + {len(test)} images, {output.stat().st_size:,} bytes")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(digits.PATH))
