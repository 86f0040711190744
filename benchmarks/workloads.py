"""The data, the same for every contestant.

The data must be learnable.  With random labels ReLU units die, Adam's moments decay into denormal numbers, and the
benchmark measures who flushes them.
"""

from __future__ import annotations

import gzip
import math
import os
from functools import lru_cache
from pathlib import Path

import numpy as np

LEARNING_RATE, BETA_1, BETA_2, EPSILON = 0.001, 0.9, 0.999, 1e-7
BN_EPSILON = 1e-3  # of batch normalisation


def samples(shape: tuple[int, ...], classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Samples of as many numbers as `shape` has, and their labels."""
    if math.prod(shape) == 784:
        return digits()
    if shape == (32, 32, 3):
        return colours()
    return signals(*shape, classes) if len(shape) == 2 else flowers(*shape, classes)


def unzip(path: Path) -> bytes:
    return gzip.decompress(path.read_bytes())


@lru_cache(maxsize=1)
def digits() -> tuple[np.ndarray, np.ndarray]:
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
def colours() -> tuple[np.ndarray, np.ndarray]:
    """10,000 images, 32 x 32 x 3 in [0, 1]: CIFAR-10's first batch if CDL_DATA_DIR has it, else blurred prototypes."""
    file = Path(os.environ.get("CDL_DATA_DIR", "")) / "cifar10-subset" / "data_batch_1.bin.gz"
    if file.exists():
        records = np.frombuffer(unzip(file), np.uint8).reshape(-1, 1 + 3 * 32 * 32)
        pixels = records[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
        return np.ascontiguousarray(pixels, np.float32) / 255, records[:, 0].astype(np.int32)
    random = np.random.default_rng(4)
    label = random.integers(0, 10, 10_000, dtype=np.int32)
    prototypes = random.random((10, 32, 32, 3), dtype=np.float32)
    for _ in range(3):
        prototypes = (prototypes + np.roll(prototypes, 1, 1) + np.roll(prototypes, 1, 2)) / 3
    return np.clip(prototypes[label] + random.normal(0, 0.3, (10_000, 32, 32, 3)).astype(np.float32), 0, 1), label


@lru_cache(maxsize=1)
def signals(steps: int, channels: int, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """2,048 sequences: each class has its own frequency, phases and noise differ."""
    random = np.random.default_rng(6)
    label = random.integers(0, classes, 2048, dtype=np.int32)
    phase = random.uniform(0, 2 * np.pi, (2048, 1, channels))
    wave = np.sin((0.2 + 0.1 * label[:, None, None]) * np.arange(steps)[:, None] + phase)
    return (wave + random.normal(size=wave.shape)).astype(np.float32), label


@lru_cache(maxsize=1)
def sentences(steps: int, words: int, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """2,048 texts of numbered words, frequent ones first (Zipf's law); one word in ten comes from its class's own."""
    random = np.random.default_rng(8)
    label = random.integers(0, classes, 2048, dtype=np.int32)
    text = np.minimum(random.zipf(1.3, (2048, steps)), words) - 1
    own = random.integers(0, words // classes, text.shape) * classes + label[:, None]
    return np.where(random.random(text.shape) < 0.1, own, text).astype(np.int32), label


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


def gradients(*shape: int) -> np.ndarray:
    """Noise without small numbers, for which it would matter where an optimizer adds its epsilon."""
    g = noise(*shape, seed=1)
    return g + np.copysign(np.float32(0.1), g)
