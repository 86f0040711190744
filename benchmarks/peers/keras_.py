"""Keras (on the backend that KERAS_BACKEND names), compiled as it chooses by itself, through its public interface."""

from __future__ import annotations

import keras
import numpy as np
from networks import Network
from timing import Task

from peers.keras_words import trainer


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
