"""Training, fitting and predicting beside the other libraries.

`python benchmarks/training.py [--threads 1 2] [--only NAME] [--peers numpy torch ...] [--seconds S] [--save FILE.md]`
"""

from __future__ import annotations

import peers
from contest import Workload, options, run
from networks import Network, adversaries, colours, digits, lines, perceptron, reviews, signals


def step(goal: float, network: Network, **details) -> Workload:
    """The first losses agree to a hundredth only: rounding grows, and PyTorch's Adam has its epsilon elsewhere."""
    return Workload(str(network), "train_step", (network,), goal, **{"compared": 30, "tolerance": 1e-2} | details)


def predict(network: Network, count: int, goal: float = 1) -> Workload:
    return Workload(f"predict {network.name}, {count:,} sample{'s' * (count > 1)}", "predict", (network, count), goal)


# Everyone drops other units; hence the losses must agree without dropout. Only the first ones do: many gradients are as
# small as Adam's epsilon, which PyTorch has elsewhere.
WITHOUT_DROPOUT = step(1.4, colours(64, dropout=0), compared=10, tolerance=3e-3)
MLP, CNN, RNN = perceptron((784, 128, 10), 32), digits(32), lines("LSTM", 64)
GAN = adversaries(64, 128, 784, batch=128)
SECTIONS = {
    "One training step": [
        step(3, MLP),
        step(2, perceptron((784, 128, 10), 128)),
        step(2.5, perceptron((784, 32, 10), 32)),
        step(1.3, perceptron((784, 512, 512, 512, 10), 128)),
        step(4, perceptron((4, 16, 3), 16)),
        step(1, perceptron((784, 128, 10), 32, "float64")),
        step(1, perceptron((784, 128, 10), 128, "float64")),
    ],
    "One training step of a convolutional network": [
        step(1.9, digits(32)),
        step(1.9, digits(128)),
        step(1.4, colours(64), tolerance=0.2, rehearsal=WITHOUT_DROPOUT),
        step(2, signals(32)),
    ],
    "One training step of a recurrent network": [
        step(1.6, lines("LSTM", 64)),
        step(2, reviews(32)),
        step(3, lines("GRU", 64)),
        step(2.5, lines("SimpleRNN", 64)),
    ],
    "One step of two networks": [
        Workload(str(GAN), "adversarial_step", (GAN,), goal=1.8, compared=10, tolerance=1e-2),
    ],
    "One epoch of 60,000 samples, shuffled": [
        Workload(f"fit {MLP}", "fit_epoch", (MLP,), goal=2, tolerance=0.05),  # everyone shuffles differently
    ],
    "Inference": [predict(MLP, 1), predict(MLP, 10_000), predict(CNN, 1), predict(CNN, 10_000)],
    "Inference of a recurrent network": [predict(RNN, 1), predict(RNN, 10_000, goal=1.2)],
}

if __name__ == "__main__":
    chosen = options(__doc__.splitlines()[0], peers.DEFAULT, seconds=5).parse_args()
    run("Training beside the other libraries", SECTIONS, chosen)
