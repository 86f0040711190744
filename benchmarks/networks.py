"""The networks that are trained: layers, first weights and batches, the same for every contestant."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from workloads import samples, sentences

STEP_BATCHES = 64  # the step benchmarks go round this many batches


class Conv(NamedTuple):
    """A convolution with bias and ReLU, stride 1, over as many axes as `size` has entries."""

    filters: int
    size: tuple[int, ...]
    padding: str = "valid"


class MaxPool(NamedTuple):
    """Windows of two along each of `axes` axes, side by side."""

    axes: int


class Flatten(NamedTuple):
    """(n, ..., c) -> (n, features); the channel varies fastest."""


class GlobalAverage(NamedTuple):
    """(n, ..., c) -> (n, c)"""


class Dropout(NamedTuple):
    rate: float


class Dense(NamedTuple):
    """With bias, and ReLU unless it is the network's last layer."""

    units: int


class Embedding(NamedTuple):
    """Numbers of words (n, t) -> vectors (n, t, units)."""

    words: int
    units: int


class Recurrent(NamedTuple):
    """(n, t, i) -> the last state (n, units); with Keras' defaults, so GRU resets after the product."""

    kind: str  # LSTM, GRU or SimpleRNN
    units: int

    @property
    def gates(self) -> int:
        return {"LSTM": 4, "GRU": 3, "SimpleRNN": 1}[self.kind]


Layer = Conv | MaxPool | Flatten | GlobalAverage | Dropout | Dense | Embedding | Recurrent


def count_arrays(layer: Layer) -> int:
    """How many weights it has."""
    return {Conv: 2, Dense: 2, Recurrent: 3, Embedding: 1}.get(type(layer), 0)


@dataclass(frozen=True)
class Network:
    """Images, sequences or vectors of `input_shape`, channels last -> layers -> softmax cross-entropy with integer
    labels, Adam.  The last layer is Dense and gives one logit for each class."""

    name: str
    input_shape: tuple[int, ...]
    layers: tuple[Layer, ...]
    batch: int
    dtype: str = "float32"

    def __str__(self) -> str:
        width = "" if self.dtype == "float32" else f", {self.dtype}"
        return f"{self.name}, batch {self.batch}{width}"

    @property
    def classes(self) -> int:
        return self.layers[-1].units

    @property
    def part(self) -> int:
        """As many samples as a peer should predict at once: with more, the layers' results leave the caches."""
        return 1000 if self.dense else 250

    @property
    def dense(self) -> bool:
        """Nothing but Dense layers: what is written by hand for these alone can do it."""
        return all(isinstance(layer, Dense) for layer in self.layers)

    @property
    def convolutional(self) -> bool:
        """Some libraries want the channels first."""
        return any(isinstance(layer, Conv) for layer in self.layers)

    @property
    def words(self) -> int | None:
        """The input are numbers below this; None: real numbers."""
        return self.layers[0].words if isinstance(self.layers[0], Embedding) else None

    @property
    def input_dtype(self) -> str:
        return "int32" if self.words else self.dtype

    def shapes(self) -> list[tuple[int, ...]]:
        """The shape of a sample before each layer, and last the output's."""
        shapes = [self.input_shape]
        for layer in self.layers:
            *image, channels = shapes[-1]
            match layer:
                case Conv(filters, size, padding):
                    lost = [k - 1 if padding == "valid" else 0 for k in size]
                    shapes.append((*(points - less for points, less in zip(image, lost, strict=True)), filters))
                case MaxPool():
                    shapes.append((*(points // 2 for points in image), channels))
                case Flatten():
                    shapes.append((math.prod(shapes[-1]),))
                case GlobalAverage():
                    shapes.append((channels,))
                case Dropout():
                    shapes.append(shapes[-1])
                case Dense(units) | Recurrent(_, units):
                    shapes.append((units,))
                case Embedding(_, units):
                    shapes.append((*shapes[-1], units))
        return shapes

    def weights(self) -> list[np.ndarray]:
        """Of the layers that have them, one after the other: Glorot uniform and zeros.  Conv, Dense: kernel (*size, i,
        o), bias (o,); Recurrent: kernel (i, g u), recurrent kernel (u, g u), bias (g u,), for GRU (2, 3u); Embedding
        (words, units)."""
        random = np.random.default_rng(7)

        def glorot(*shape: int) -> np.ndarray:
            limit = np.sqrt(6 / (math.prod(shape[:-2]) * (shape[-2] + shape[-1])))
            return random.uniform(-limit, limit, shape)

        weights = []
        for layer, (*_, i) in zip(self.layers, self.shapes(), strict=False):
            match layer:
                case Conv(o, size):
                    weights += [glorot(*size, i, o), np.zeros(o)]
                case Dense(o):
                    weights += [glorot(i, o), np.zeros(o)]
                case Recurrent(kind, u):
                    g = layer.gates
                    weights += [glorot(i, g * u), glorot(u, g * u), np.zeros((2, g * u) if kind == "GRU" else g * u)]
                case Embedding(words, units):
                    weights.append(random.uniform(-0.05, 0.05, (words, units)))
        return [weight.astype(self.dtype) for weight in weights]

    def weights_channels_first(self) -> list[np.ndarray]:
        """The same with kernels (o, i, *size); a Dense layer below Flatten meets the features channel by channel."""
        weights = iter(self.weights())
        moved = []
        for below, layer, shape in zip((None, *self.layers), self.layers, self.shapes(), strict=False):
            if isinstance(layer, Flatten):
                image = shape
            if isinstance(layer, Conv | Dense):
                kernel, bias = next(weights), next(weights)
                if isinstance(below, Flatten):
                    kernel = np.moveaxis(kernel.reshape(*image, -1), -2, 0).reshape(kernel.shape)
                order = (-1, -2, *range(kernel.ndim - 2))
                moved += [np.ascontiguousarray(kernel.transpose(order)), bias]
            else:
                moved += [next(weights) for _ in range(count_arrays(layer))]
        return moved

    def samples(self, count: int) -> tuple[np.ndarray, np.ndarray]:
        """The first `count` samples (repeated if there are fewer) and their labels, int32."""
        if self.words:
            x, label = sentences(*self.input_shape, self.words, self.classes)
        else:
            x, label = samples(self.input_shape, self.classes)
        index = np.arange(count) % len(x)
        return np.ascontiguousarray(x[index], self.input_dtype).reshape(-1, *self.input_shape), label[index]

    def batches(self) -> list[tuple[np.ndarray, np.ndarray]]:
        x, label = self.samples(STEP_BATCHES * self.batch)
        return [(x[n : n + self.batch], label[n : n + self.batch]) for n in range(0, len(x), self.batch)]


def perceptron(sizes: tuple[int, ...], batch: int, dtype: str = "float32") -> Network:
    name = "-".join(map(str, sizes))
    return Network(name, sizes[:1], tuple(Dense(units) for units in sizes[1:]), batch, dtype)


def digits(batch: int) -> Network:
    """The convolutional network that courses begin with."""
    layers = Conv(32, (3, 3)), MaxPool(2), Conv(64, (3, 3)), MaxPool(2), Flatten(), Dense(10)
    return Network("MNIST CNN", (28, 28, 1), layers, batch)


def colours(batch: int, dropout: float = 0.5) -> Network:
    """The layout of Keras' cifar10_cnn example, narrower at the end."""
    layers = (
        *(Conv(32, (3, 3), "same"), Conv(32, (3, 3)), MaxPool(2)),
        *(Conv(64, (3, 3), "same"), Conv(64, (3, 3)), MaxPool(2)),
        *(Flatten(), Dense(256), Dropout(dropout), Dense(10)),
    )
    return Network("CIFAR CNN", (32, 32, 3), layers, batch)


def signals(batch: int) -> Network:
    """1,000 time steps of 8 channels."""
    layers = Conv(32, (5,)), MaxPool(1), Conv(64, (5,)), MaxPool(1), GlobalAverage(), Dense(10)
    return Network("Conv1D, 1,000 time steps", (1000, 8), layers, batch)


def lines(kind: str, batch: int) -> Network:
    """Reads a digit from top to bottom: 28 steps of 28 pixels."""
    return Network(f"{kind}(128)", (28, 28), (Recurrent(kind, 128), Dense(10)), batch)


def reviews(batch: int) -> Network:
    """100 of 10,000 words, and whether the text is friendly."""
    return Network("Embedding-LSTM(64)", (100,), (Embedding(10_000, 64), Recurrent("LSTM", 64), Dense(2)), batch)


@dataclass(frozen=True)
class Adversaries:
    """A generator, whose last layer ends in a sigmoid, and a discriminator, likewise, with binary cross-entropy.

    A step: the discriminator learns from `batch` real samples and as many of the generator's, then the generator from
    as many new ones, which are to be taken for real.  Adam twice.  The value are both losses.
    """

    generator: Network
    discriminator: Network

    def __str__(self) -> str:
        return f"GAN {self.generator.name} and {self.discriminator.name}, batch {self.batch}"

    @property
    def batch(self) -> int:
        return self.generator.batch

    def batches(self) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """(noise for the discriminator's step, real samples, noise for the generator's)"""
        random = np.random.default_rng(9)
        shape = (STEP_BATCHES, self.batch, *self.generator.input_shape)
        first, second = random.standard_normal((2, *shape), dtype=np.float32)
        real = samples(self.discriminator.input_shape, 10)[0][: STEP_BATCHES * self.batch]
        return list(zip(first, real.reshape(STEP_BATCHES, self.batch, -1), second, strict=True))


def adversaries(latent: int, hidden: int, pixels: int, batch: int) -> Adversaries:
    return Adversaries(perceptron((latent, hidden, pixels), batch), perceptron((pixels, hidden, 1), batch))
