"""Keras (on the backend that KERAS_BACKEND names), compiled as it chooses by itself, through its public interface."""

from __future__ import annotations

from functools import partial

import keras
import numpy as np
from networks import Adversaries, Network
from timing import Task
from workloads import BETA_1, BETA_2, EPSILON, LEARNING_RATE, gradients

from peers.keras_words import perceptron, rule_of, trainer


class Peer:
    def __init__(self, threads: int, variant: str):
        if keras.backend.backend() == "tensorflow":
            import tensorflow as tf

            tf.config.threading.set_intra_op_parallelism_threads(threads)
            tf.config.threading.set_inter_op_parallelism_threads(threads)

    def _model(self, network: Network):
        if keras.backend.backend() == "jax":
            import jax

            jax.config.update("jax_enable_x64", network.dtype == "float64")
        return trainer(keras, network)

    def train_step(self, network: Network) -> Task:
        model, reset = self._model(network)
        return Task.cycle(model.train_on_batch, network.batches(), reset)

    def adversarial_step(self, work: Adversaries) -> Task | None:
        """A loop of one's own, compiled: with train_on_batch Keras 3 does not train a discriminator that was frozen."""
        if keras.backend.backend() != "jax":
            return None
        import jax
        import jax.numpy as jnp

        (g, reset_g), (d, reset_d) = perceptron(keras, work.generator), perceptron(keras, work.discriminator)
        optimizers = [keras.optimizers.Adam(LEARNING_RATE, BETA_1, BETA_2, EPSILON) for _ in (g, d)]
        for optimizer, model in zip(optimizers, (g, d), strict=True):
            optimizer.build(model.trainable_variables)
        first_of = [[np.array(v) for v in optimizer.variables] for optimizer in optimizers]
        ones, zeros = jnp.ones((work.batch, 1)), jnp.zeros((work.batch, 1))
        labels, loss_of = jnp.concatenate([ones, zeros]), keras.losses.BinaryCrossentropy()

        def output(model, weights, x):
            return model.stateless_call(weights, [], x)[0]

        def d_loss(of_d, x):
            return loss_of(labels, output(d, of_d, x))

        def g_loss(of_g, of_d, noise):
            return loss_of(ones, output(d, of_d, output(g, of_g, noise)))

        @partial(jax.jit, donate_argnums=0)
        def both(state, first, real, second):
            of_g, of_d, slots_g, slots_d = state
            x = jnp.concatenate([real, output(g, of_g, first)])
            loss_d, slopes = jax.value_and_grad(d_loss)(of_d, x)
            of_d, slots_d = optimizers[1].stateless_apply(slots_d, slopes, of_d)
            loss_g, slopes = jax.value_and_grad(g_loss)(of_g, of_d, second)
            of_g, slots_g = optimizers[0].stateless_apply(slots_g, slopes, of_g)
            return (of_g, of_d, slots_g, slots_d), jnp.stack([loss_d, loss_g])

        state = None

        def reset() -> None:
            nonlocal state
            reset_g()
            reset_d()
            weights = ([jnp.array(v) for v in model.trainable_variables] for model in (g, d))
            state = (*weights, *([jnp.array(v) for v in slots] for slots in first_of))

        def step(*batch):
            nonlocal state
            state, losses = both(state, *batch)
            return losses

        batches = [tuple(map(jnp.array, batch)) for batch in work.batches()]
        return Task.cycle(step, batches, reset, lambda: jax.block_until_ready(state))

    def fit_epoch(self, network: Network) -> Task:
        (model, reset), (x, label) = self._model(network), network.samples(60_000)
        return Task(lambda: model.fit(x, label, network.batch, verbose=0).history["loss"][0], reset)

    def predict(self, network: Network, count: int) -> Task:
        (model, _), (x, _) = self._model(network), network.samples(count)
        return Task(lambda: np.asarray(model.predict_on_batch(x)))

    def optimizer(self, rule: str, options: tuple, network: Network) -> Task | None:
        if keras.backend.backend() != "jax":
            return None
        import jax

        chosen = rule_of(keras, rule, options)
        variables = [keras.Variable(weight, name=f"v{k}") for k, weight in enumerate(network.weights())]
        grads = [jax.numpy.array(gradients(*variable.shape)) for variable in variables]
        chosen.build(variables)
        update = jax.jit(chosen.stateless_apply, donate_argnums=(0, 2))
        values, state = [v.value for v in variables], [v.value for v in chosen.variables]

        def step() -> None:
            nonlocal values, state
            values, state = update(state, grads, values)

        return Task(
            step, wait=lambda: jax.block_until_ready(values), read=lambda _: np.concatenate([*map(np.ravel, values)])
        )
