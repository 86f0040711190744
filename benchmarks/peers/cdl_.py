"""cdl, through its public interface."""

from __future__ import annotations

import itertools

import numpy as np
from timing import Task
from workloads import BETA_1, BETA_2, EPSILON, LEARNING_RATE, Network, gradients, noise

import cdl
from cdl import layers, ops

PARAMETERS = {"elu": (1.0,)}


class Peer:
    def __init__(self, threads: int, variant: str):
        cdl.config.set_num_threads(threads)

    def _model(self, network: Network):
        cdl.config.set_floatx(network.dtype)
        *hidden, classes = network.sizes[1:]
        model = cdl.Sequential(
            [cdl.Input((network.sizes[0],))]
            + [layers.Dense(u, "relu") for u in hidden]
            + [layers.Dense(classes, "softmax")]
        )
        optimizer = cdl.optimizers.Adam(LEARNING_RATE, BETA_1, BETA_2, EPSILON)
        model.compile(optimizer, "sparse_categorical_crossentropy")
        optimizer.build(model.trainable_variables)
        weights, first = network.weights(), [np.array(v) for v in optimizer.variables]

        def reset() -> None:
            model.set_weights(weights)
            for variable, value in zip(optimizer.variables, first, strict=True):
                variable.assign(value)
            model.reset_metrics()

        reset()
        return model, reset

    def train_step(self, network: Network) -> Task:
        model, reset = self._model(network)

        def step(x: np.ndarray, label: np.ndarray) -> float:
            model.reset_metrics()
            return model.train_step((x, label, None))["loss"]

        return Task.cycle(step, network.batches(), reset)

    def fit_epoch(self, network: Network) -> Task:
        (model, reset), (x, label) = self._model(network), network.samples(60_000)
        return Task(lambda: model.fit(x, label, network.batch, verbose=0).history["loss"][0], reset)

    def predict(self, network: Network, count: int) -> Task:
        (model, _), (x, _) = self._model(network), network.samples(count)
        return Task(lambda: model.predict(x, verbose=0))

    def matmul(self, a: tuple, b: tuple, transpose_a: bool, transpose_b: bool, dtype: str) -> Task:
        a, b = noise(*a, dtype=dtype, seed=1), noise(*b, dtype=dtype, seed=2)
        return Task(lambda: ops.matmul(a, b, transpose_a, transpose_b))

    def activation(self, name: str, size: int, backward: bool) -> Task:
        x, dy, parameters = noise(size), noise(size, seed=1), PARAMETERS.get(name, ())
        if not backward:
            return Task(lambda: ops.activation(x, name, *parameters))
        y = ops.activation(x, name, *parameters)
        return Task(lambda: ops.activation_backward(x, y, dy, name, *parameters))

    def softmax(self, n: int, d: int) -> Task:
        x = noise(n, d)
        return Task(lambda: ops.softmax(x))

    def crossentropy(self, n: int, d: int) -> Task:
        z, label = noise(n, d), np.arange(n, dtype=np.int32) % d
        return Task(lambda: ops.sparse_categorical_crossentropy_gradient(label, z, True, None, 1 / n)[1])

    def adam(self, size: int) -> Task:
        value, grad, m, v = noise(size), gradients(size), np.zeros(size, np.float32), np.zeros(size, np.float32)
        steps = itertools.count(1)

        def step() -> np.ndarray:
            t = next(steps)
            rate = LEARNING_RATE * (1 - BETA_2**t) ** 0.5 / (1 - BETA_1**t)
            ops.adam([value], [grad], [[m], [v]], [0.0], rate, BETA_1, BETA_2, EPSILON, False)
            return value

        return Task(step)
