"""NumPy by hand: what a careful person writes without a framework."""

from __future__ import annotations

import numpy as np
from networks import Network
from timing import Task
from workloads import BETA_1, BETA_2, EPSILON, LEARNING_RATE, noise


class Net:
    """Dense-ReLU layers.  Parameters, gradients and moments are one flat array each, so Adam is one pass over all."""

    def __init__(self, network: Network):
        weights = network.weights()
        self.initial = np.concatenate([w.ravel() for w in weights])
        self.parameters, self.gradients, self.m, self.v, self.work = (np.empty_like(self.initial) for _ in range(5))
        ends = np.cumsum([w.size for w in weights])
        self.layers, self.dlayers = (
            self._pairs([flat[end - w.size : end].reshape(w.shape) for w, end in zip(weights, ends, strict=True)])
            for flat in (self.parameters, self.gradients)
        )
        self.reset()

    @staticmethod
    def _pairs(arrays: list[np.ndarray]) -> list[tuple[np.ndarray, np.ndarray]]:
        return list(zip(arrays[::2], arrays[1::2], strict=True))

    def reset(self) -> None:
        self.parameters[:] = self.initial
        self.m[:] = self.v[:] = 0
        self.steps = 0

    def forward(self, x: np.ndarray) -> list[np.ndarray]:
        """The input of every layer, and last the probabilities."""
        values = [x]
        for kernel, bias in self.layers:
            if len(values) > 1:
                np.maximum(values[-1], 0, out=values[-1])
            z = values[-1] @ kernel
            z += bias
            values.append(z)
        p = values[-1]
        p -= p.max(axis=1, keepdims=True)
        np.exp(p, out=p)
        p /= p.sum(axis=1, keepdims=True)
        return values

    def step(self, x: np.ndarray, label: np.ndarray) -> float:
        *inputs, p = self.forward(x)
        rows = np.arange(len(x))
        loss = -np.log(p[rows, label]).mean()
        p[rows, label] -= 1
        p /= p.dtype.type(len(x))
        self.backward(inputs, p)
        self.adam()
        return loss

    def backward(self, inputs: list[np.ndarray], dz: np.ndarray) -> None:
        for layer in reversed(range(len(inputs))):
            x, (dkernel, dbias) = inputs[layer], self.dlayers[layer]
            np.matmul(x.T, dz, out=dkernel)
            dz.sum(axis=0, out=dbias)
            if layer:
                dz = dz @ self.layers[layer][0].T
                dz *= x > 0

    def adam(self) -> None:
        g, m, v, work = self.gradients, self.m, self.v, self.work
        self.steps += 1
        rate = LEARNING_RATE * (1 - BETA_2**self.steps) ** 0.5 / (1 - BETA_1**self.steps)
        np.subtract(g, m, out=work)
        work *= 1 - BETA_1
        m += work
        np.multiply(g, g, out=work)
        work -= v
        work *= 1 - BETA_2
        v += work
        np.sqrt(v, out=work)
        work += EPSILON
        np.divide(m, work, out=work)
        work *= rate
        self.parameters -= work


class Peer:
    def __init__(self, threads: int, variant: str):
        pass

    def train_step(self, network: Network) -> Task | None:
        if not network.dense:
            return None
        net = Net(network)
        return Task.cycle(net.step, network.batches(), net.reset)

    def fit_epoch(self, network: Network) -> Task:
        net, (x, label) = Net(network), network.samples(60_000)
        random = np.random.default_rng(0)

        def epoch() -> float:
            order = random.permutation(len(x))
            parts = (order[n : n + network.batch] for n in range(0, len(x), network.batch))
            return sum(net.step(x[part], label[part]) * len(part) for part in parts) / len(x)

        return Task(epoch, net.reset)

    def predict(self, network: Network, count: int) -> Task | None:
        if not network.dense:
            return None
        net, (x, _) = Net(network), network.samples(count)
        return Task(lambda: net.forward(x)[-1])

    def matmul(self, a: tuple, b: tuple, transpose_a: bool, transpose_b: bool, dtype: str) -> Task:
        a, b = noise(*a, dtype=dtype, seed=1), noise(*b, dtype=dtype, seed=2)
        a, b = a.T if transpose_a else a, b.T if transpose_b else b
        out = np.empty((len(a), b.shape[1]), dtype)
        return Task(lambda: np.matmul(a, b, out=out))
