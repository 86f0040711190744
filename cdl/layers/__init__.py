"""Layers, under Keras' names."""

from typing import Any

from cdl.layers.activation import ELU, Activation, LeakyReLU, PReLU, ReLU, Softmax
from cdl.layers.base import Layer
from cdl.layers.context import Context
from cdl.layers.dense import Dense
from cdl.layers.dropout import Dropout
from cdl.layers.input import Input, InputLayer, KerasTensor
from cdl.layers.regularization import ActivityRegularization
from cdl.layers.reshaping import Flatten, Reshape
from cdl.utils.registry import Registry
from cdl.utils.registry import deserialize as deserialize
from cdl.utils.registry import serialize as serialize

__all__ = [
    "ELU",
    "Activation",
    "ActivityRegularization",
    "Context",
    "Dense",
    "Dropout",
    "Flatten",
    "Input",
    "InputLayer",
    "KerasTensor",
    "Layer",
    "LeakyReLU",
    "PReLU",
    "ReLU",
    "Reshape",
    "Softmax",
    "deserialize",
    "serialize",
]

registry = Registry(
    "layer",
    "keras.layers",
    [
        Activation,
        ActivityRegularization,
        Dense,
        Dropout,
        ELU,
        Flatten,
        InputLayer,
        LeakyReLU,
        PReLU,
        ReLU,
        Reshape,
        Softmax,
    ],
    snake_case=False,
    accepts=lambda found: isinstance(found, Layer),
)


def get(identifier: Any) -> Layer:
    """A layer from its configuration, or the layer itself."""
    return registry.get(identifier)
