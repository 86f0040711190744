"""Layers, under Keras' names."""

from typing import Any

from cdl.layers.activation import ELU, Activation, LeakyReLU, PReLU, ReLU, Softmax
from cdl.layers.base import Layer
from cdl.layers.context import Context
from cdl.layers.convolution import Conv1D, Conv2D, Conv3D, Convolution1D, Convolution2D, Convolution3D
from cdl.layers.convolution_transpose import (
    Conv1DTranspose,
    Conv2DTranspose,
    Conv3DTranspose,
    Convolution1DTranspose,
    Convolution2DTranspose,
    Convolution3DTranspose,
)
from cdl.layers.dense import Dense
from cdl.layers.depthwise_convolution import DepthwiseConv1D, DepthwiseConv2D
from cdl.layers.dropout import Dropout
from cdl.layers.input import Input, InputLayer, KerasTensor
from cdl.layers.regularization import ActivityRegularization
from cdl.layers.reshaping import Flatten, Reshape
from cdl.layers.separable_convolution import (
    SeparableConv1D,
    SeparableConv2D,
    SeparableConvolution1D,
    SeparableConvolution2D,
)
from cdl.utils.registry import Registry
from cdl.utils.registry import deserialize as deserialize
from cdl.utils.registry import serialize as serialize

__all__ = [
    "ELU",
    "Activation",
    "ActivityRegularization",
    "Context",
    "Conv1D",
    "Conv1DTranspose",
    "Conv2D",
    "Conv2DTranspose",
    "Conv3D",
    "Conv3DTranspose",
    "Convolution1D",
    "Convolution1DTranspose",
    "Convolution2D",
    "Convolution2DTranspose",
    "Convolution3D",
    "Convolution3DTranspose",
    "Dense",
    "DepthwiseConv1D",
    "DepthwiseConv2D",
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
    "SeparableConv1D",
    "SeparableConv2D",
    "SeparableConvolution1D",
    "SeparableConvolution2D",
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
        Conv1D,
        Conv1DTranspose,
        Conv2D,
        Conv2DTranspose,
        Conv3D,
        Conv3DTranspose,
        Dense,
        DepthwiseConv1D,
        DepthwiseConv2D,
        Dropout,
        ELU,
        Flatten,
        InputLayer,
        LeakyReLU,
        PReLU,
        ReLU,
        Reshape,
        SeparableConv1D,
        SeparableConv2D,
        Softmax,
    ],
    aliases={
        "Convolution1D": Convolution1D,
        "Convolution1DTranspose": Convolution1DTranspose,
        "Convolution2D": Convolution2D,
        "Convolution2DTranspose": Convolution2DTranspose,
        "Convolution3D": Convolution3D,
        "Convolution3DTranspose": Convolution3DTranspose,
        "SeparableConvolution1D": SeparableConvolution1D,
        "SeparableConvolution2D": SeparableConvolution2D,
    },
    snake_case=False,
    accepts=lambda found: isinstance(found, Layer),
)


def get(identifier: Any) -> Layer:
    """A layer from its configuration, or the layer itself."""
    return registry.get(identifier)
