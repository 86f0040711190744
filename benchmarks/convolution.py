"""Single convolutions, poolings and batch normalisations beside those of the other libraries.

`python benchmarks/convolution.py [--threads 1 2] [--only NAME] [--peers torch jax ...] [--seconds S] [--save FILE.md]`

A convolution is named by its input (n, height, width, channels) and its kernel (height, width, outputs); it has neither
bias nor activation here. dx is the gradient of the input, dkernel that of the kernel. `torch` computes on contiguous
(channels first) images, `torch-tuned` on channels-last ones, which is how they lie in memory for all the others.
"""

from __future__ import annotations

from contest import Workload, options, run
from geometry import Convolution, Pooling, shape

FIRST = [
    Convolution((32, 28, 28, 1), 3, 32),
    Convolution((128, 28, 28, 1), 3, 32),
    Convolution((32, 32, 32, 3), 3, 32, pad=1),
]
MIDDLE = [
    Convolution((32, 13, 13, 32), 3, 64),
    Convolution((128, 13, 13, 32), 3, 64),
    Convolution((32, 32, 32, 32), 3, 64, pad=1),
    Convolution((32, 16, 16, 64), 3, 128, pad=1),
    Convolution((32, 32, 32, 32), 3, 64, pad=1, stride=2),
    Convolution((32, 16, 16, 64), 1, 128),
    Convolution((32, 16, 16, 32), 5, 64, pad=2),
    Convolution((32, 16, 16, 64), 3, 64, pad=1, groups=4),
    Convolution((32, 32, 32, 64), 3, 64, pad=1, groups=64),
]
POOLED = [(128, 26, 26, 32), (128, 11, 11, 64)]
NORMALISED = [(128, 26, 26, 32), (64, 32, 32, 32)]


def convolutions(cases: list[Convolution], wanted: list[str], goal: float) -> list[Workload]:
    """float32 sums of up to 100,000 products, in every library's own order, agree to a ten-thousandth."""
    return [Workload(f"{case} {what}", "convolution", (case, what), goal) for case in cases for what in wanted]


def poolings(kind: str) -> list[Workload]:
    return [
        Workload(f"{case} {what}", "pooling", (case, what), goal)
        for case in (Pooling(kind, x) for x in POOLED)
        for what, goal in (("forward", 1.7), ("dx", 1.3))
    ]


SECTIONS = {
    "Convolutions of first layers": convolutions(FIRST, ["forward", "dkernel", "dx and dkernel"], goal=1.5),
    "Convolutions of middle layers": convolutions(MIDDLE, ["forward", "dx", "dkernel"], goal=1),
    "Max pooling": poolings("max"),
    "Average pooling": poolings("average"),
    "Batch normalisation in training, forward and backward": [
        Workload(f"batch normalisation of {shape(x)}", "batch_norm", (x,), goal=1.5) for x in NORMALISED
    ],
}

if __name__ == "__main__":
    chosen = options(__doc__.splitlines()[0], ["torch", "torch-tuned", "jax", "tensorflow"], seconds=1).parse_args()
    run("Convolution, pooling and normalisation beside the other libraries", SECTIONS, chosen)
