"""The same model for both libraries that speak Keras' words: Keras and cdl."""

from __future__ import annotations

import inspect
from collections.abc import Callable

import numpy as np
from networks import Conv, Dense, Dropout, Embedding, Flatten, GlobalAverage, Layer, MaxPool, Network, Recurrent
from workloads import BETA_1, BETA_2, EPSILON, LEARNING_RATE


def trainer(library, network: Network, **compiled) -> tuple[object, Callable[[], None]]:
    """The compiled model, and what brings it back to the first weights."""
    library.config.set_floatx(network.dtype)
    last = len(network.layers) - 1
    layers = [layer_of(library.layers, layer, number == last) for number, layer in enumerate(network.layers)]
    model = library.Sequential([library.Input(network.input_shape, dtype=network.input_dtype), *layers])
    optimizer = library.optimizers.Adam(LEARNING_RATE, BETA_1, BETA_2, EPSILON)
    model.compile(optimizer, "sparse_categorical_crossentropy", **compiled)
    optimizer.build(model.trainable_variables)
    weights, first = network.weights(), [np.array(v) for v in optimizer.variables]

    def reset() -> None:
        # the seed of a Dropout layer is among the weights of a Keras model
        for variable, weight in zip(model.trainable_variables, weights, strict=True):
            variable.assign(weight)
        for variable, value in zip(optimizer.variables, first, strict=True):
            variable.assign(value)
        model.reset_metrics()

    reset()
    return model, reset


def rule_of(library, rule: str, options: tuple) -> object:
    """The optimizer of that name, with the constants of all contestants."""
    known = {"beta_1": BETA_1, "beta_2": BETA_2, "epsilon": EPSILON, "learning_rate": LEARNING_RATE, **dict(options)}
    wanted = inspect.signature(getattr(library.optimizers, rule)).parameters
    return getattr(library.optimizers, rule)(**{name: value for name, value in known.items() if name in wanted})


def perceptron(library, network: Network) -> tuple[object, Callable[[], None]]:
    """Dense layers that end in a sigmoid, and what brings them back to the first weights."""
    last = len(network.layers) - 1
    dense = [
        library.layers.Dense(layer.units, "sigmoid" if number == last else "relu")
        for number, layer in enumerate(network.layers)
    ]
    model, weights = library.Sequential([library.Input(network.input_shape), *dense]), network.weights()
    return model, lambda: model.set_weights(weights)


def layer_of(layers, layer: Layer, last: bool) -> object:
    match layer:
        case Conv(filters, size, padding):
            return getattr(layers, f"Conv{len(size)}D")(filters, size, padding=padding, activation="relu")
        case MaxPool(axes):
            return getattr(layers, f"MaxPooling{axes}D")(2)
        case Flatten():
            return layers.Flatten()
        case GlobalAverage():
            return layers.GlobalAveragePooling1D()
        case Dropout(rate):
            return layers.Dropout(rate)
        case Dense(units):
            return layers.Dense(units, "softmax" if last else "relu")
        case Embedding(words, units):
            return layers.Embedding(words, units)
        case Recurrent(kind, units):
            return getattr(layers, kind)(units)
