"""Training, fitting and predicting beside the other libraries.

`python benchmarks/training.py [--threads 1 2] [--only NAME] [--peers numpy torch ...] [--seconds S] [--save FILE.md]`
"""

from __future__ import annotations

import peers
from contest import Workload, options, run
from workloads import Network


def step(goal: float, *arguments) -> Workload:
    """The first losses agree to a hundredth only: rounding grows, and PyTorch's Adam has its epsilon elsewhere."""
    network = Network(*arguments)
    return Workload(str(network), "train_step", (network,), goal, compared=30, tolerance=1e-2)


NETWORK = Network((784, 128, 10), 32)
SECTIONS = {
    "One training step": [
        step(3, (784, 128, 10), 32),
        step(2, (784, 128, 10), 128),
        step(2.5, (784, 32, 10), 32),
        step(1.3, (784, 512, 512, 512, 10), 128),
        step(4, (4, 16, 3), 16),
        step(1, (784, 128, 10), 32, "float64"),
        step(1, (784, 128, 10), 128, "float64"),
    ],
    "One epoch of 60,000 samples, shuffled": [
        Workload(f"fit {NETWORK}", "fit_epoch", (NETWORK,), goal=2, tolerance=0.05),  # everyone shuffles differently
    ],
    "Inference": [
        Workload("predict 784-128-10, 1 sample", "predict", (NETWORK, 1), goal=1),
        Workload("predict 784-128-10, 10,000 samples", "predict", (NETWORK, 10_000), goal=1),
    ],
}

if __name__ == "__main__":
    chosen = options(__doc__.splitlines()[0], peers.DEFAULT, seconds=5).parse_args()
    run("Training beside the other libraries", SECTIONS, chosen)
