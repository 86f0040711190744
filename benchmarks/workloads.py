"""What is trained: networks, data and first weights, the same for every contestant.

The data must be learnable.  With random labels ReLU units die, Adam's moments decay into denormal numbers, and the
benchmark measures who flushes them.
"""

from __future__ import annotations

import gzip
import os
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

import numpy as np

LEARNING_RATE, BETA_1, BETA_2, EPSILON = 0.001, 0.9, 0.999, 1e-7
BN_EPSILON = 1e-3  # of batch normalisation
STEP_BATCHES = 64  # the step benchmarks go round this many batches


@dataclass(frozen=True)
class Network:
    """Dense layers of `sizes`, ReLU between them, softmax cross-entropy with integer labels, Adam."""

    sizes: tuple[int, ...]
    batch: int
    dtype: str = "float32"

    def __str__(self) -> str:
        width = "" if self.dtype == "float32" else f", {self.dtype}"
        return f"{'-'.join(map(str, self.sizes))}, batch {self.batch}{width}"

    def weights(self) -> list[np.ndarray]:
        """[kernel (i, o), bias (o,), ...]: Glorot uniform and zeros."""
        random = np.random.default_rng(7)
        weights = []
        for i, o in pairwise(self.sizes):
            limit = np.sqrt(6 / (i + o))
            weights += [random.uniform(-limit, limit, (i, o)).astype(self.dtype), np.zeros(o, self.dtype)]
        return weights

    def samples(self, count: int) -> tuple[np.ndarray, np.ndarray]:
        """The first `count` samples (repeated if there are fewer) and their labels, int32."""
        x, label = images() if self.sizes[0] == 784 else flowers(self.sizes[0], self.sizes[-1])
        index = np.arange(count) % len(x)
        return np.ascontiguousarray(x[index], dtype=self.dtype), label[index]

    def batches(self) -> list[tuple[np.ndarray, np.ndarray]]:
        x, label = self.samples(STEP_BATCHES * self.batch)
        return [(x[n : n + self.batch], label[n : n + self.batch]) for n in range(0, len(x), self.batch)]


def unzip(path: Path) -> bytes:
    return gzip.decompress(path.read_bytes())


@lru_cache(maxsize=1)
def images() -> tuple[np.ndarray, np.ndarray]:
    """60,000 digits of 784 pixels in [0, 1]: MNIST if CDL_DATA_DIR has it, else blurred prototypes under noise."""
    folder = Path(os.environ.get("CDL_DATA_DIR", "")) / "mnist"
    if (folder / "train-images-idx3-ubyte.gz").exists():
        pixels = np.frombuffer(unzip(folder / "train-images-idx3-ubyte.gz"), np.uint8, offset=16)
        label = np.frombuffer(unzip(folder / "train-labels-idx1-ubyte.gz"), np.uint8, offset=8)
        return pixels.reshape(-1, 784).astype(np.float32) / 255, label.astype(np.int32)
    random = np.random.default_rng(3)
    label = random.integers(0, 10, 60_000, dtype=np.int32)
    prototypes = random.normal(size=(10, 32, 32)).astype(np.float32)
    for _ in range(4):
        prototypes += np.roll(prototypes, 1, 1) + np.roll(prototypes, 1, 2)
    ink = prototypes[:, 2:30, 2:30].reshape(10, 784)
    ink = (ink - np.quantile(ink, 0.8, axis=1, keepdims=True)) / ink.std(axis=1, keepdims=True)  # 80 % is paper
    noise = random.normal(0, 0.7, (60_000, 784)).astype(np.float32) * (ink[label] > -0.5)
    label_seen = np.where(random.random(60_000) < 0.05, random.integers(0, 10, 60_000, dtype=np.int32), label)
    return np.clip(ink[label] + noise, 0, 1), label_seen  # wrong labels: the loss must not vanish


@lru_cache(maxsize=1)
def flowers(features: int, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """150 samples of overlapping classes, as many of each."""
    random = np.random.default_rng(5)
    label = random.permutation(np.arange(150, dtype=np.int32) % classes)
    centres = random.normal(size=(classes, features))
    return (centres[label] + random.normal(0, 0.7, (150, features))).astype(np.float32), label


def noise(*shape: int, dtype: str = "float32", seed: int = 0) -> np.ndarray:
    """Standard normal numbers: the operands of single primitives."""
    return np.random.default_rng(seed).standard_normal(shape, dtype=dtype)


def gradients(size: int) -> np.ndarray:
    """Noise without small numbers, for which it would matter where an optimizer adds its epsilon."""
    g = noise(size, seed=1)
    return g + np.copysign(np.float32(0.1), g)
