"""How fast models go to the disk and back: our files and Keras', beside what the disk does with plain bytes.

`python benchmarks/saving.py [--megabytes N] [--rounds N] [--folder PATH]`

A round writes and reads once in each of the ways, in random order; what is printed are medians, and in parentheses the
best. Every way brings its file to the disk (fsync), and all of them read from the page cache. ".keras" and ".h5" need
h5py.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import tempfile
import time
from collections.abc import Callable

import numpy as np

import cdl
from cdl import Sequential, layers, saving


def model_of(megabytes: float) -> Sequential:
    """Four square kernels and a small one."""
    units = int((megabytes * 2**20 / 16) ** 0.5)
    model = Sequential([layers.Input((units,)), *(layers.Dense(units) for _ in range(4)), layers.Dense(10)])
    model.compile("sgd", "mse")
    return model


def write_raw(path: str, content: bytes) -> None:
    with open(path, "wb", buffering=0) as file:
        file.write(content)
        os.fsync(file.fileno())


def read_raw(path: str, size: int) -> None:
    room = np.empty(size, np.uint8)
    with open(path, "rb", buffering=0) as file:
        file.readinto(room.data)


def write_npy(path: str, arrays: list[np.ndarray]) -> None:
    with open(path, "wb") as file:
        for array in arrays:
            np.save(file, array)
        file.flush()
        os.fsync(file.fileno())


def read_npy(path: str, count: int) -> None:
    with open(path, "rb") as file:
        for _ in range(count):
            np.load(file)


def ways(model: Sequential, folder: str) -> dict[str, tuple[Callable[[], object], Callable[[], object]]]:
    """Name: (write, read)."""
    arrays = [weight.value for weight in model.weights]
    content = b"".join(array.tobytes() for array in arrays)
    at = {name: os.path.join(folder, f"model.{name}") for name in ("raw", "npy", "safetensors", "keras", "h5")}
    alone = os.path.join(folder, "alone.safetensors")
    return {
        "plain bytes": (lambda: write_raw(at["raw"], content), lambda: read_raw(at["raw"], len(content))),
        "np.save, np.load": (lambda: write_npy(at["npy"], arrays), lambda: read_npy(at["npy"], len(arrays))),
        ".safetensors": (lambda: model.save(at["safetensors"]), lambda: cdl.models.load_model(at["safetensors"])),
        ".safetensors, weights": (lambda: model.save_weights(alone), lambda: model.load_weights(alone)),
        ".safetensors, arrays": (
            lambda: saving.save_safetensors(dict(zip("abcdefghij", arrays, strict=True)), alone + "2"),
            lambda: saving.load_safetensors(alone + "2"),
        ),
        ".keras": (lambda: model.save(at["keras"]), lambda: cdl.models.load_model(at["keras"])),
        ".h5": (lambda: model.save(at["h5"]), lambda: cdl.models.load_model(at["h5"])),
    }


def seconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--megabytes", type=float, default=100)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--folder", help="on the disk to be measured; by default where temporary files are")
    arguments = parser.parse_args()
    model = model_of(arguments.megabytes)
    size = sum(weight.value.nbytes for weight in model.weights) / 1e6
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        contestants = ways(model, folder)
        times: dict[str, tuple[list[float], list[float]]] = {name: ([], []) for name in contestants}
        for turn in range(arguments.rounds + 1):  # the first makes the files
            for name, (write, read) in random.sample(list(contestants.items()), len(contestants)):
                measured = seconds(write), seconds(read)
                if turn:
                    for kept, one in zip(times[name], measured, strict=True):
                        kept.append(one)
    print(f"{size:.0f} MB of weights, MB/s: median (best) of {arguments.rounds}")
    for name, pair in times.items():
        written, read = (f"{size / statistics.median(of):6.0f} ({size / min(of):5.0f})" for of in pair)
        print(f"{name:24} write {written}   read {read}")


if __name__ == "__main__":
    main()
