"""JAX: everything inside jit, the state donated."""

from __future__ import annotations

import itertools
from functools import partial, reduce

import jax
import jax.numpy as jnp
import numpy as np
from geometry import Convolution, Pooling
from networks import Adversaries, Conv, Dense, Dropout, Embedding, Flatten, GlobalAverage, MaxPool, Network, Recurrent
from timing import Task
from workloads import BETA_1, BETA_2, BN_EPSILON, EPSILON, LEARNING_RATE, noise


def logits(network: Network, weights, x, key=None):
    """With a key the units of Dropout are drawn, without one they all pass."""
    weights = iter(weights)
    for layer in network.layers:
        match layer:
            case Conv(_, size, padding):
                kernel, bias = next(weights), next(weights)
                axes = "XYZ"[: len(size)]
                layout = (f"N{axes}C", f"{axes}IO", f"N{axes}C")
                x = jax.lax.conv_general_dilated(x, kernel, [1] * len(size), padding.upper(), dimension_numbers=layout)
                x = jax.nn.relu(x + bias)
            case MaxPool(axes):
                x = max_pool(x, 2, axes)
            case Flatten():
                x = x.reshape(len(x), -1)
            case GlobalAverage():
                x = x.mean(range(1, x.ndim - 1))
            case Dropout(rate):
                if key is not None and rate:
                    x = jnp.where(jax.random.bernoulli(key, 1 - rate, x.shape), x / (1 - rate), 0)
            case Dense():
                kernel, bias = next(weights), next(weights)
                x = x @ kernel + bias
                if layer is not network.layers[-1]:
                    x = jax.nn.relu(x)
            case Embedding():
                x = next(weights)[x]
            case Recurrent(kind):
                x = recurrent(kind, x, next(weights), next(weights), next(weights))
    return x


def recurrent(kind, x, kernel, recurrent_kernel, bias):
    """The last state.  One product for the inputs of all steps, then a scan."""
    first, second = bias if kind == "GRU" else (bias, 0)
    inputs = jnp.swapaxes(x @ kernel + first, 0, 1)
    h = jnp.zeros((len(x), len(recurrent_kernel)), x.dtype)

    def lstm(state, z):
        h, c = state
        i, f, g, o = jnp.split(z + h @ recurrent_kernel, 4, axis=1)
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        return (jax.nn.sigmoid(o) * jnp.tanh(c), c), None

    def gru(h, z):
        (z, r, g), (hz, hr, hg) = jnp.split(z, 3, axis=1), jnp.split(h @ recurrent_kernel + second, 3, axis=1)
        z, r = jax.nn.sigmoid(z + hz), jax.nn.sigmoid(r + hr)
        return z * h + (1 - z) * jnp.tanh(g + r * hg), None

    if kind == "LSTM":
        return jax.lax.scan(lstm, (h, h), inputs)[0][0]
    plain = lambda h, z: (jnp.tanh(z + h @ recurrent_kernel), None)  # noqa: E731
    return jax.lax.scan(gru if kind == "GRU" else plain, h, inputs)[0]


def max_pool(x, size, axes):
    """The maximum of strided slices: 15 times as fast backwards as reduce_window, whose gradient is serial."""
    whole = [points // size * size for points in x.shape[1:-1]]
    starts = itertools.product(range(size), repeat=axes)
    windows = ([slice(i, n, size) for i, n in zip(start, whole, strict=True)] for start in starts)
    return reduce(jnp.maximum, (x[:, *window] for window in windows))


def crossentropy(network, weights, x, label, key):
    log_p = jax.nn.log_softmax(logits(network, weights, x, key))
    return -jnp.mean(jnp.take_along_axis(log_p, label[:, None], axis=1))


def adam_step(network, state, x, label):
    key = jax.random.fold_in(jax.random.key(0, impl="rbg"), state[-1].astype(int))
    return adam(state, *jax.value_and_grad(crossentropy, 1)(network, state[0], x, label, key))


def adam(state, loss, g):
    """The state after a step with gradients g, and the loss."""
    weights, m, v, steps = state
    steps += 1
    rate = LEARNING_RATE * jnp.sqrt(1 - BETA_2**steps) / (1 - BETA_1**steps)
    m = jax.tree.map(lambda m, g: m + (1 - BETA_1) * (g - m), m, g)
    v = jax.tree.map(lambda v, g: v + (1 - BETA_2) * (g * g - v), v, g)
    weights = jax.tree.map(lambda w, m, v: w - rate * m / (jnp.sqrt(v) + EPSILON), weights, m, v)
    return (weights, m, v, steps), loss


def binary_crossentropy(z, label):
    """Of logits."""
    return jnp.mean(jnp.maximum(z, 0) - z * label + jnp.log1p(jnp.exp(-jnp.abs(z))))


def adversarial_step(work, labels, states, first, real, second):
    """Both steps in one compiled function."""
    of_g, of_d = states

    def generated(weights, noise):
        return jax.nn.sigmoid(logits(work.generator, weights, noise))

    def discriminator_loss(weights, x):
        return binary_crossentropy(logits(work.discriminator, weights, x), labels)

    def generator_loss(weights, weights_d, noise):
        return binary_crossentropy(logits(work.discriminator, weights_d, generated(weights, noise)), 1)

    both = jnp.concatenate([real, generated(of_g[0], first)])
    of_d, d_loss = adam(of_d, *jax.value_and_grad(discriminator_loss)(of_d[0], both))
    of_g, g_loss = adam(of_g, *jax.value_and_grad(generator_loss)(of_g[0], of_d[0], second))
    return (of_g, of_d), jnp.stack([d_loss, g_loss])


class Trainer:
    """The state that a jitted function consumes and replaces."""

    def __init__(self, network: Network):
        jax.config.update("jax_enable_x64", network.dtype == "float64")
        self.weights, self.dtype = network.weights(), network.dtype
        self.reset()

    def reset(self) -> None:
        weights, m, v = (jax.tree.map(make, self.weights) for make in (jnp.array, jnp.zeros_like, jnp.zeros_like))
        self.state = weights, m, v, jnp.zeros((), self.dtype)

    def run(self, function, *arguments):
        self.state, value = function(self.state, *arguments)
        return value

    def wait(self) -> None:
        jax.block_until_ready(self.state)


class Peer:
    def __init__(self, threads: int, variant: str):
        pass

    def train_step(self, network: Network) -> Task:
        trainer = Trainer(network)
        step = jax.jit(partial(adam_step, network), donate_argnums=0)
        batches = [(jnp.array(x), jnp.array(label)) for x, label in network.batches()]
        return Task.cycle(partial(trainer.run, step), batches, trainer.reset, trainer.wait)

    def adversarial_step(self, work: Adversaries) -> Task:
        g, d = trainers = Trainer(work.generator), Trainer(work.discriminator)
        labels = jnp.concatenate([jnp.ones((work.batch, 1)), jnp.zeros((work.batch, 1))])
        function = jax.jit(partial(adversarial_step, work, labels), donate_argnums=0)

        def step(*batch):
            (g.state, d.state), losses = function((g.state, d.state), *batch)
            return losses

        batches = [tuple(map(jnp.array, batch)) for batch in work.batches()]
        return Task.cycle(step, batches, lambda: [one.reset() for one in trainers], g.wait)

    def fit_epoch(self, network: Network) -> Task:
        """A Python loop over one jitted step that gathers its own batch."""
        trainer, x, label, orders = epoch_data(network)

        @partial(jax.jit, donate_argnums=0)
        def step(state, x, label, order, batch):
            part = order[batch]
            return adam_step(network, state, x[part], label[part])

        def epoch() -> float:
            order = next(orders)
            losses = [trainer.run(step, x, label, order, batch) for batch in range(len(order))]
            return float(jnp.mean(jnp.stack(losses)))

        return Task(epoch, trainer.reset, trainer.wait)

    def predict(self, network: Network, count: int) -> Task:
        weights = Trainer(network).state[0]
        apply = jax.jit(lambda weights, x: jax.nn.softmax(logits(network, weights, x)))
        x = network.samples(count)[0]
        return Task(lambda: np.asarray(apply(weights, x)))

    def convolution(self, case: Convolution, wanted: str) -> Task:
        x, kernel, dy = map(jnp.array, case.operands())
        layout = ("NHWC", "HWIO", "NHWC")

        def forward(x, kernel):
            strides, pads = [case.stride] * 2, [(case.pad, case.pad)] * 2
            return jax.lax.conv_general_dilated(
                x, kernel, strides, pads, dimension_numbers=layout, feature_group_count=case.groups
            )

        if wanted == "forward":
            return timed(forward, x, kernel)
        if wanted == "dx":
            return timed(lambda kernel, dy: jax.vjp(lambda x: forward(x, kernel), jnp.zeros(case.x))[1](dy), kernel, dy)
        if wanted == "dkernel":
            return timed(lambda x, dy: jax.vjp(partial(forward, x), jnp.zeros(case.kernel))[1](dy), x, dy)
        return timed(lambda x, kernel, dy: jax.vjp(forward, x, kernel)[1](dy), x, kernel, dy)

    def pooling(self, case: Pooling, wanted: str) -> Task:
        x, dy = map(jnp.array, case.operands())
        window = (1, case.size, case.size, 1)

        def forward(x):
            if case.kind == "max":
                return max_pool(x, case.size, 2)
            return jax.lax.reduce_window(x, 0.0, jax.lax.add, window, window, "VALID") / case.size**2

        if wanted == "forward":
            return timed(forward, x)
        return timed(lambda x, dy: jax.vjp(forward, x)[1](dy), x, dy)

    def batch_norm(self, shape: tuple) -> Task:
        x, dy = jnp.array(noise(*shape)), jnp.array(noise(*shape, seed=1))
        gamma, beta = jnp.ones(shape[-1]), jnp.zeros(shape[-1])

        def forward(x, gamma, beta):
            mean = x.mean((0, 1, 2))
            variance = (x * x).mean((0, 1, 2)) - mean * mean
            return (x - mean) * (gamma / jnp.sqrt(variance + BN_EPSILON)) + beta

        def both(x, gamma, beta, dy):
            y, backward = jax.vjp(forward, x, gamma, beta)
            return y, *backward(dy)

        return timed(both, x, gamma, beta, dy)


def timed(function, *arguments) -> Task:
    """The jitted function; several results are one flat vector to whoever compares them."""
    compiled = jax.jit(function)

    def read(values) -> np.ndarray:
        return np.concatenate([np.ravel(value) for value in values]) if isinstance(values, tuple) else values

    def call():
        return jax.block_until_ready(compiled(*arguments))

    return Task(call, read=read)


class Scan:
    """The epoch as one compiled call."""

    def __init__(self, threads: int, variant: str):
        pass

    def fit_epoch(self, network: Network) -> Task:
        trainer, x, label, orders = epoch_data(network)

        @partial(jax.jit, donate_argnums=0)
        def epoch(state, x, label, order):
            step = partial(adam_step, network)
            state, losses = jax.lax.scan(lambda state, part: step(state, x[part], label[part]), state, order)
            return state, losses.mean()

        return Task(lambda: float(trainer.run(epoch, x, label, next(orders))), trainer.reset, trainer.wait)


def epoch_data(network: Network):
    """A trainer, 60,000 samples and their labels, and shuffled indices (batches, batch) without end."""
    trainer, (x, label) = Trainer(network), network.samples(60_000)
    random = np.random.default_rng(0)
    orders = (
        jnp.array(random.permutation(len(x)).astype(np.int32).reshape(-1, network.batch)) for _ in itertools.count()
    )
    return trainer, jnp.array(x), jnp.array(label), orders
