"""Layers, under Keras' names."""

from typing import Any

from cdl.layers.activation import ELU, Activation, LeakyReLU, PReLU, ReLU, Softmax
from cdl.layers.base import Layer
from cdl.layers.context import Context
from cdl.layers.dense import Dense
from cdl.layers.dropout import Dropout
from cdl.layers.global_pooling import (
    GlobalAveragePooling1D,
    GlobalAveragePooling2D,
    GlobalAveragePooling3D,
    GlobalMaxPooling1D,
    GlobalMaxPooling2D,
    GlobalMaxPooling3D,
)
from cdl.layers.input import Input, InputLayer, KerasTensor
from cdl.layers.normalization import (
    BatchNormalization,
    GroupNormalization,
    LayerNormalization,
    RMSNormalization,
    UnitNormalization,
)
from cdl.layers.pooling import (
    AveragePooling1D,
    AveragePooling2D,
    AveragePooling3D,
    MaxPooling1D,
    MaxPooling2D,
    MaxPooling3D,
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
    "AveragePooling1D",
    "AveragePooling2D",
    "AveragePooling3D",
    "AvgPool1D",
    "AvgPool2D",
    "AvgPool3D",
    "BatchNormalization",
    "Context",
    "Dense",
    "Dropout",
    "Flatten",
    "GlobalAveragePooling1D",
    "GlobalAveragePooling2D",
    "GlobalAveragePooling3D",
    "GlobalAvgPool1D",
    "GlobalAvgPool2D",
    "GlobalAvgPool3D",
    "GlobalMaxPool1D",
    "GlobalMaxPool2D",
    "GlobalMaxPool3D",
    "GlobalMaxPooling1D",
    "GlobalMaxPooling2D",
    "GlobalMaxPooling3D",
    "GroupNormalization",
    "Input",
    "InputLayer",
    "KerasTensor",
    "Layer",
    "LayerNormalization",
    "LeakyReLU",
    "MaxPool1D",
    "MaxPool2D",
    "MaxPool3D",
    "MaxPooling1D",
    "MaxPooling2D",
    "MaxPooling3D",
    "PReLU",
    "RMSNormalization",
    "ReLU",
    "Reshape",
    "Softmax",
    "UnitNormalization",
    "deserialize",
    "serialize",
]

# Keras' other names.
AvgPool1D = AveragePooling1D
AvgPool2D = AveragePooling2D
AvgPool3D = AveragePooling3D
GlobalAvgPool1D = GlobalAveragePooling1D
GlobalAvgPool2D = GlobalAveragePooling2D
GlobalAvgPool3D = GlobalAveragePooling3D
GlobalMaxPool1D = GlobalMaxPooling1D
GlobalMaxPool2D = GlobalMaxPooling2D
GlobalMaxPool3D = GlobalMaxPooling3D
MaxPool1D = MaxPooling1D
MaxPool2D = MaxPooling2D
MaxPool3D = MaxPooling3D

registry = Registry(
    "layer",
    "keras.layers",
    [
        Activation,
        ActivityRegularization,
        AveragePooling1D,
        AveragePooling2D,
        AveragePooling3D,
        BatchNormalization,
        Dense,
        Dropout,
        ELU,
        Flatten,
        GlobalAveragePooling1D,
        GlobalAveragePooling2D,
        GlobalAveragePooling3D,
        GlobalMaxPooling1D,
        GlobalMaxPooling2D,
        GlobalMaxPooling3D,
        GroupNormalization,
        InputLayer,
        LayerNormalization,
        LeakyReLU,
        MaxPooling1D,
        MaxPooling2D,
        MaxPooling3D,
        PReLU,
        ReLU,
        Reshape,
        RMSNormalization,
        Softmax,
        UnitNormalization,
    ],
    snake_case=False,
    accepts=lambda found: isinstance(found, Layer),
)


def get(identifier: Any) -> Layer:
    """A layer from its configuration, or the layer itself."""
    return registry.get(identifier)
