"""One step of each optimizer, on all the tensors of a network at once, beside the other libraries.

`python benchmarks/optimizers.py [--threads 1 2] [--only NAME] [--peers torch torch-tuned] [--seconds S] [--save FILE]`

PyTorch's are `foreach` ones (torch) or `fused` where there is one (torch-tuned). Keras' run jitted on JAX.
"""

from __future__ import annotations

from contest import Workload, options, run
from networks import perceptron

NETWORKS = [perceptron((784, 128, 10), 32), perceptron((784, 512, 512, 512, 10), 128)]
RULES = [
    ("SGD", {}),
    ("SGD", {"momentum": 0.9}),
    ("SGD", {"momentum": 0.9, "nesterov": True}),
    ("RMSprop", {}),
    ("RMSprop", {"momentum": 0.9, "centered": True}),
    ("Adam", {}),
    ("Adam", {"amsgrad": True}),
    ("AdamW", {"weight_decay": 0.004}),
    ("Adamax", {}),
    ("Nadam", {}),
    ("Adagrad", {}),
    ("Adadelta", {}),
    ("Lion", {}),
    ("Ftrl", {}),
    ("Lamb", {}),
    ("Adam", {"global_clipnorm": 100.0}),
    ("Adam", {"use_ema": True}),
]


def steps(network) -> list[Workload]:
    """The first values agree to a ten-thousandth only: PyTorch has its epsilons elsewhere."""
    return [
        Workload(" ".join([rule, *(f"{name}={value}" for name, value in chosen.items())]), "optimizer", details, 1.2)
        for rule, chosen in RULES
        for details in [(rule, tuple(chosen.items()), network)]
    ]


def title(network) -> str:
    arrays = network.weights()
    return f"{sum(array.size for array in arrays):,} parameters in {len(arrays)} tensors"


SECTIONS = {title(network): steps(network) for network in NETWORKS}

if __name__ == "__main__":
    chosen = options(__doc__.splitlines()[0], ["torch", "torch-tuned", "keras"], seconds=1).parse_args()
    run("Optimizers beside PyTorch's and Keras'", SECTIONS, chosen)
