"""cdl, through its public interface."""

from __future__ import annotations

import itertools

import numpy as np
from geometry import Convolution, Pooling
from networks import Adversaries, Network
from timing import Task
from workloads import BETA_1, BETA_2, BN_EPSILON, EPSILON, LEARNING_RATE, gradients, noise

import cdl
from cdl import ops
from cdl.variable import Variable
from peers.keras_words import perceptron, rule_of, trainer

PARAMETERS = {"elu": (1.0,)}


def adam() -> cdl.optimizers.Adam:
    return cdl.optimizers.Adam(LEARNING_RATE, BETA_1, BETA_2, EPSILON)


class Peer:
    def __init__(self, threads: int, variant: str):
        cdl.config.set_num_threads(threads)

    def train_step(self, network: Network) -> Task:
        model, reset = trainer(cdl, network)

        def step(x: np.ndarray, label: np.ndarray) -> float:
            model.reset_metrics()
            return model.train_step((x, label, None))["loss"]

        return Task.cycle(step, network.batches(), reset)

    def adversarial_step(self, work: Adversaries) -> Task:
        """As courses write it."""
        g, reset_g = perceptron(cdl, work.generator)
        d, reset_d = perceptron(cdl, work.discriminator)
        d.compile(adam(), "binary_crossentropy")
        d.trainable = False
        gan = cdl.Sequential([g, d])
        gan.compile(adam(), "binary_crossentropy")
        ones, zeros = np.ones((work.batch, 1), np.float32), np.zeros((work.batch, 1), np.float32)
        labels = np.concatenate([ones, zeros])

        def step(first: np.ndarray, real: np.ndarray, second: np.ndarray) -> tuple[float, float]:
            d_loss = d.train_on_batch(np.concatenate([real, g.predict_on_batch(first)]), labels)
            return d_loss, gan.train_on_batch(second, ones)

        def reset() -> None:
            reset_g()
            reset_d()
            for model in (d, gan):
                for variable in model.optimizer.variables[2:]:  # after the number of steps and the learning rate
                    variable.value.fill(0)
                model.optimizer.variables[0].value.fill(0)

        return Task.cycle(step, work.batches(), reset)

    def fit_epoch(self, network: Network) -> Task:
        (model, reset), (x, label) = trainer(cdl, network), network.samples(60_000)
        return Task(lambda: model.fit(x, label, network.batch, verbose=0).history["loss"][0], reset)

    def predict(self, network: Network, count: int) -> Task:
        (model, _), (x, _) = trainer(cdl, network), network.samples(count)
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
            ops.adam([value], [grad], [[m], [v]], [0.0], rate, BETA_1, BETA_2, EPSILON)
            return value

        return Task(step)

    def optimizer(self, rule: str, options: tuple, network: Network) -> Task:
        chosen = rule_of(cdl, rule, options)
        variables = [Variable(weight, dtype="float32", name=f"v{k}") for k, weight in enumerate(network.weights())]
        grads = [gradients(*variable.shape) for variable in variables]
        chosen.build(variables)
        return Task(lambda: chosen.apply(grads, variables), read=lambda _: flat([v.value for v in variables]))

    def convolution(self, case: Convolution, wanted: str) -> Task:
        x, kernel, dy = case.operands()
        rest = (case.stride,) * 2, ((case.pad, case.pad),) * 2, (1, 1), case.groups, "linear"
        if wanted == "forward":
            return Task(lambda: ops.convolution(x, kernel, None, *rest))
        y, need = ops.convolution(x, kernel, None, *rest), ("dx" in wanted, "dkernel" in wanted, False)
        return Task(lambda: ops.convolution_backward(x, kernel, y, dy, *rest, *need), read=flat)

    def pooling(self, case: Pooling, wanted: str) -> Task:
        (x, dy), rest = case.operands(), ((case.size,) * 2, (case.size,) * 2, ((0, 0),) * 2)
        if case.kind == "max":
            if wanted == "forward":
                return Task(lambda: ops.max_pool(x, *rest))
            y = ops.max_pool(x, *rest)
            return Task(lambda: ops.max_pool_backward(x, y, dy, *rest))
        if wanted == "forward":
            return Task(lambda: ops.average_pool(x, *rest))
        return Task(lambda: ops.average_pool_backward(dy, case.x[1:3], *rest))

    def batch_norm(self, shape: tuple) -> Task:
        x, dy = noise(*shape), noise(*shape, seed=1)
        gamma, beta = np.ones(shape[-1], np.float32), np.zeros(shape[-1], np.float32)

        def both() -> tuple:
            y, mean, variance = ops.batch_norm(x, gamma, beta, BN_EPSILON)
            return y, *ops.batch_norm_backward(x, gamma, mean, variance, dy, BN_EPSILON)

        return Task(both, read=flat)


def flat(values: tuple) -> np.ndarray:
    """Those that are not None, in one vector."""
    return np.concatenate([value.ravel() for value in values if value is not None])
