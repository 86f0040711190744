"""Keras (on the backend that KERAS_BACKEND names), compiled as it chooses by itself, through its public interface."""

from __future__ import annotations

import keras
import numpy as np
from networks import Network
from timing import Task
from workloads import gradients

from peers.keras_words import optimizer, trainer


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

        chosen = optimizer(keras, rule, options)
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
