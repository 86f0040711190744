"""Single primitives beside the same ones of NumPy and PyTorch.

`python benchmarks/ops.py [--threads 1 2] [--only NAME] [--peers numpy torch-tuned] [--seconds S] [--save FILE.md]`

Matrix products are named by the layer that asks for them: with x (m, k), kernel (k, n) and dy (m, n),

    NN  y       = x kernel
    TN  dkernel = x' dy
    NT  dx      = dy kernel'
"""

from __future__ import annotations

from contest import Workload, options, run

SHAPES = [
    *[(size, size, size) for size in (64, 128, 256, 512, 1024, 2048)],
    *[(128, 784, 128), (128, 128, 10), (32, 784, 32), (32, 784, 128)],
    *[(12544, 9, 32), (5408, 288, 64), (32, 256, 1024)],
]
TOLERANCE = {"float32": 2e-5, "float64": 1e-12}


def products(dtype: str) -> list[Workload]:
    workloads = []
    for m, k, n in SHAPES:
        x, kernel, dy = (m, k), (k, n), (m, n)
        for form, (a, b) in {"NN": (x, kernel), "TN": (x, dy), "NT": (dy, kernel)}.items():
            details = (a, b, form[0] == "T", form[1] == "T", dtype)
            workloads.append(Workload(f"{form} {m}, {k}, {n}", "matmul", details, 0.95, tolerance=TOLERANCE[dtype]))
    return workloads


def primitive(name: str, kind: str, *details) -> Workload:
    return Workload(name, kind, details, 1.0, tolerance=2e-5)


SIZE = 65_536
SECTIONS = {
    "Matrix products, float32": products("float32"),
    "Matrix products, float64": products("float64"),
    "Activations": [
        primitive(f"{name}, {SIZE:,}{' backward' * backward}", "activation", name, SIZE, backward)
        for name in ("relu", "sigmoid", "tanh", "elu", "gelu", "silu", "softplus")
        for backward in (False, True)
    ],
    "Rows": [
        primitive(f"{name}, {n} x {d}", kind, n, d)
        for n, d in ((128, 10), (1024, 1000))
        for name, kind in (("softmax", "softmax"), ("cross-entropy of logits and its gradient", "crossentropy"))
    ],
    "Adam": [primitive(f"Adam, {size:,} parameters", "adam", size) for size in (101_770, 1_000_000)],
}

if __name__ == "__main__":
    chosen = options(__doc__.splitlines()[0], ["numpy", "torch-tuned"], seconds=0.5).parse_args()
    run("Primitives beside NumPy's and PyTorch's", SECTIONS, chosen)
