"""scikit-learn's MLP beside `cdl.sklearn`'s: the same data, parameters, batches and dtype, in one interleaved run.

`python benchmarks/sklearn_mlp.py [--threads 2] [--only NAME] [--seconds S] [--save FILE.md]`

Losses and predictions must agree before anything is timed. With MNIST in CDL_DATA_DIR the digits are real.
"""

from __future__ import annotations

import argparse
import os
from typing import Any

import peers
import workloads
from contest import Workload, time_section
from report import Report
from timing import Task, contestants

PEERS = (peers.OURS, "scikit-learn")
ONE_EPOCH = {"max_iter": 1, "random_state": 0}
GRID = {  # 24 candidates
    "hidden_layer_sizes": [(20,), (50,), (100,), (50, 20)],
    "alpha": [1e-5, 1e-3, 1e-1],
    "learning_rate_init": [1e-3, 1e-2],
}


class Peer:
    """Both have the same classes; only where they come from differs."""

    def __init__(self, name: str) -> None:
        if name == peers.OURS:
            from cdl.sklearn import MLPClassifier
        else:
            from sklearn.neural_network import MLPClassifier
        self.kind: Any = MLPClassifier

    def fit(self, data: str, dtype: str, parameters: dict) -> Task:
        x, y = samples(data, dtype)
        return Task(lambda: self.kind(**parameters).fit(x, y), read=lambda mlp: mlp.loss_)

    def predict(self, data: str, dtype: str, method: str) -> Task:
        x, y = samples(data, dtype)
        mlp = self.kind((128,), **ONE_EPOCH).fit(x, y + 1)  # no class is 0, of which no share could be off
        call, one = getattr(mlp, method), x[:1].copy()
        return Task(lambda: call(one))

    def search(self, data: str, dtype: str, jobs: int) -> Task:
        from sklearn.model_selection import GridSearchCV

        x, y = samples(data, dtype)
        search = GridSearchCV(self.kind(max_iter=20, random_state=0), GRID, cv=2, n_jobs=jobs)
        return Task(lambda: search.fit(x, y), read=lambda done: done.cv_results_["mean_test_score"])


def create(name: str, threads: int) -> Peer:
    """The cores set the number of threads, not OMP_NUM_THREADS, which each of joblib's workers would take over."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
    return Peer(name)


def samples(data: str, dtype: str) -> tuple:
    if data == "mnist":
        x, y = workloads.digits()
        return x.astype(dtype), y
    from sklearn.datasets import load_digits, load_iris

    x, y = {"iris": load_iris, "digits": load_digits}[data](return_X_y=True)
    return x.astype(dtype), y


def fit(name: str, goal: float, data: str, dtype: str, tolerance: float = 1e-3, **parameters) -> Workload:
    return Workload(f"{name}, {dtype}", "fit", (data, dtype, parameters), goal, tolerance=tolerance)


def one_sample(data: str, dtype: str, method: str) -> Workload:
    return Workload(f"{method}, one sample of {data}, {dtype}", "predict", (data, dtype, method), 10, tolerance=1e-2)


HIDDEN = {"hidden_layer_sizes": (128,), **ONE_EPOCH}
DEEP = {"hidden_layer_sizes": (512, 512, 512), **ONE_EPOCH}
LBFGS = {"solver": "lbfgs", "random_state": 0}
SHALLOW = {"hidden_layer_sizes": (50,), "max_iter": 5}
SECTIONS = {
    "Fit, one epoch of 60,000 x 784": [
        fit("128 hidden, batch 32", 8, "mnist", "float32", **HIDDEN, batch_size=32),
        fit("128 hidden, batch 32", 5, "mnist", "float64", **HIDDEN, batch_size=32),
        fit("128 hidden, batch 200", 4, "mnist", "float32", **HIDDEN),
        fit("128 hidden, batch 200", 4, "mnist", "float64", **HIDDEN),
        fit("3 x 512 hidden, batch 200", 4, "mnist", "float32", 1e-2, **DEEP),
    ],
    "Fit, iris": [
        fit("all defaults", 10, "iris", "float64", random_state=0),
        fit("10 hidden, batch 32", 10, "iris", "float64", hidden_layer_sizes=(10,), batch_size=32, random_state=0),
    ],
    "Fit, lbfgs": [
        fit("iris", 1, "iris", "float64", 1, **LBFGS),
        fit("digits, 100 hidden", 1, "digits", "float64", 1, **LBFGS, max_iter=30),
        fit("mnist, 50 hidden, 5 iterations", 1, "mnist", "float32", 0.1, **LBFGS, **SHALLOW),
    ],
    "Predict": [one_sample(*which) for which in (
        ("iris", "float64", "predict"), ("mnist", "float32", "predict"), ("mnist", "float32", "predict_proba"),
    )],
    "Grid search": [
        Workload("24 candidates, digits, n_jobs=2", "search", ("digits", "float64", 2), 4, tolerance=0.05),
    ],
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--only", default="", help="workloads whose name or section contains this")
    parser.add_argument("--seconds", type=float, default=10, help="for each workload (%(default)s)")
    parser.add_argument("--save", metavar="FILE.md")
    chosen = parser.parse_args()
    with (
        Report("scikit-learn's MLP beside ours", chosen.save) as page,
        contestants(PEERS, create, chosen.threads, {"PYTHONWARNINGS": "ignore"}) as (present, missing),
    ):
        page.say("ratio: scikit-learn's median time / ours (of the best times). Times: median (best).")
        for name, reason in missing.items():
            page.note(f"{name} is missing: {reason}")
        for section, listed in SECTIONS.items():
            wanted = [workload for workload in listed if chosen.only in f"{section}: {workload.name}"]
            if wanted:
                page.say(f"\n### {section}\n")
                time_section(page, wanted, present, chosen.seconds)


if __name__ == "__main__":
    main()
