"""Keras (on the backend that KERAS_BACKEND names), compiled, through its public interface."""

from __future__ import annotations

import jax
import keras
import numpy as np
from keras import layers
from timing import Task
from workloads import BETA_1, BETA_2, EPSILON, LEARNING_RATE, Network


class Peer:
    def __init__(self, threads: int, variant: str):
        pass

    def _model(self, network: Network):
        jax.config.update("jax_enable_x64", network.dtype == "float64")
        keras.config.set_floatx(network.dtype)
        *hidden, classes = network.sizes[1:]
        model = keras.Sequential(
            [keras.Input((network.sizes[0],))]
            + [layers.Dense(u, "relu") for u in hidden]
            + [layers.Dense(classes, "softmax")]
        )
        optimizer = keras.optimizers.Adam(LEARNING_RATE, BETA_1, BETA_2, EPSILON)
        model.compile(optimizer, "sparse_categorical_crossentropy", jit_compile=True)
        optimizer.build(model.trainable_variables)
        weights, first = network.weights(), [v.numpy().copy() for v in optimizer.variables]

        def reset() -> None:
            model.set_weights(weights)
            for variable, value in zip(optimizer.variables, first, strict=True):
                variable.assign(value)
            model.reset_metrics()

        reset()
        return model, reset

    def train_step(self, network: Network) -> Task:
        model, reset = self._model(network)
        return Task.cycle(model.train_on_batch, network.batches(), reset)

    def fit_epoch(self, network: Network) -> Task:
        (model, reset), (x, label) = self._model(network), network.samples(60_000)
        return Task(lambda: model.fit(x, label, network.batch, verbose=0).history["loss"][0], reset)

    def predict(self, network: Network, count: int) -> Task:
        (model, _), (x, _) = self._model(network), network.samples(count)
        return Task(lambda: np.asarray(model.predict_on_batch(x)))
