"""Layers, under Keras' names."""

from typing import Any

from cdl.layers.activation import ELU, Activation, LeakyReLU, PReLU, ReLU, Softmax
from cdl.layers.base import Layer
from cdl.layers.context import Context
from cdl.layers.dense import Dense
from cdl.layers.dropout import Dropout
from cdl.layers.input import Input, InputLayer, KerasTensor
from cdl.layers.preprocessing import (
    CenterCrop,
    Normalization,
    RandomBrightness,
    RandomContrast,
    RandomCrop,
    RandomFlip,
    RandomRotation,
    RandomTranslation,
    RandomZoom,
    Rescaling,
    Resizing,
)
from cdl.layers.regularization import ActivityRegularization
from cdl.layers.reshaping import Flatten, Reshape
from cdl.utils.registry import Registry
from cdl.utils.registry import deserialize as deserialize
from cdl.utils.registry import serialize as serialize

__all__ = [
    "ELU",
    "Activation",
    "ActivityRegularization",
    "CenterCrop",
    "Context",
    "Dense",
    "Dropout",
    "Flatten",
    "Input",
    "InputLayer",
    "KerasTensor",
    "Layer",
    "LeakyReLU",
    "Normalization",
    "PReLU",
    "RandomBrightness",
    "RandomContrast",
    "RandomCrop",
    "RandomFlip",
    "RandomRotation",
    "RandomTranslation",
    "RandomZoom",
    "ReLU",
    "Rescaling",
    "Reshape",
    "Resizing",
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
        CenterCrop,
        Dense,
        Dropout,
        ELU,
        Flatten,
        InputLayer,
        LeakyReLU,
        Normalization,
        PReLU,
        RandomBrightness,
        RandomContrast,
        RandomCrop,
        RandomFlip,
        RandomRotation,
        RandomTranslation,
        RandomZoom,
        ReLU,
        Rescaling,
        Reshape,
        Resizing,
        Softmax,
    ],
    snake_case=False,
    accepts=lambda found: isinstance(found, Layer),
)


def get(identifier: Any) -> Layer:
    """A layer from its configuration, or the layer itself."""
    return registry.get(identifier)
