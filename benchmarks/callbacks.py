"""What do callbacks and metrics cost in an epoch of MNIST?

`python benchmarks/callbacks.py [--rounds N] [--batch N] [--threads N]`

A fifth of an epoch of 784-128-10 with the loss alone, silent, in turn with the same and: metrics; the callbacks of a
careful user, all of which have something to do at its end; a callback of one's own that is called in each batch; the
progress bar. Goal: less than 3 % for a metric and the callbacks together.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import random
import statistics
import tempfile
import time
from pathlib import Path

from networks import perceptron

import cdl
from cdl import callbacks, layers, utils

SAMPLES = 12_000


class Largest(callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        self.largest = max(getattr(self, "largest", 0.0), logs["loss"])


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def careful(folder: Path) -> list[callbacks.Callback]:
    return [
        callbacks.EarlyStopping("loss", patience=99),
        callbacks.ReduceLROnPlateau("loss", patience=99),
        callbacks.LearningRateScheduler(lambda epoch, rate: rate),
        callbacks.CSVLogger(folder / "log.csv"),
        callbacks.TerminateOnNaN(),
        callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: None),
    ]


def fitted(batch: int, metrics: list[str]) -> cdl.Sequential:
    utils.set_random_seed(1)
    model = cdl.Sequential([layers.Input((784,)), layers.Dense(128, "relu"), layers.Dense(10, "softmax")])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=metrics)
    return model


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--threads", type=int, default=2)
    chosen = parser.parse_args()
    cdl.config.set_num_threads(chosen.threads)
    x, y = perceptron((784, 128, 10), chosen.batch).samples(SAMPLES)
    with tempfile.TemporaryDirectory() as folder:
        # metrics, callbacks, verbose
        variants = {
            "the loss alone": ([], [], 0),
            "accuracy": (["accuracy"], [], 0),
            "six callbacks": ([], careful(Path(folder)), 0),
            "accuracy and six callbacks": (["accuracy"], careful(Path(folder)), 0),
            "a callback in each batch": ([], [Largest()], 0),
            "the progress bar": ([], [], 1),
        }
        models = {name: fitted(chosen.batch, metrics) for name, (metrics, _, _) in variants.items()}
        seconds: dict[str, list[float]] = {name: [] for name in variants}
        for _ in range(chosen.rounds):
            for name in random.sample(list(variants), len(variants)):
                _, watching, verbose = variants[name]
                with contextlib.redirect_stdout(Terminal()):
                    start = time.perf_counter()
                    models[name].fit(x, y, chosen.batch, callbacks=watching, verbose=verbose)
                    seconds[name].append(time.perf_counter() - start)
    base = seconds["the loss alone"]
    for name, measured in seconds.items():
        more = statistics.median(one / other - 1 for one, other in zip(measured, base, strict=True))
        least = min(measured) / min(base) - 1
        print(f"{name:26} {statistics.median(measured) * 1e3:.0f} ms   {more:+.1%} (of the best times {least:+.1%})")


if __name__ == "__main__":
    main()
