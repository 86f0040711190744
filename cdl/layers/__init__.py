"""Layers, under Keras' names."""

from typing import Any

from cdl.layers.activation import ELU, Activation, LeakyReLU, PReLU, ReLU, Softmax
from cdl.layers.base import Layer
from cdl.layers.context import Context
from cdl.layers.dense import Dense
from cdl.layers.dropout import AlphaDropout, Dropout, SpatialDropout1D, SpatialDropout2D, SpatialDropout3D
from cdl.layers.input import Input, InputLayer, KerasTensor
from cdl.layers.margins import Cropping1D, Cropping2D, Cropping3D, ZeroPadding1D, ZeroPadding2D, ZeroPadding3D
from cdl.layers.merging import Parallel, Residual
from cdl.layers.noise import GaussianDropout, GaussianNoise
from cdl.layers.regularization import ActivityRegularization
from cdl.layers.reshaping import Flatten, Identity, Permute, RepeatVector, Reshape
from cdl.layers.upsampling import UpSampling1D, UpSampling2D, UpSampling3D
from cdl.utils.registry import Registry
from cdl.utils.registry import deserialize as deserialize
from cdl.utils.registry import serialize as serialize

__all__ = [
    "ELU",
    "Activation",
    "ActivityRegularization",
    "AlphaDropout",
    "Context",
    "Cropping1D",
    "Cropping2D",
    "Cropping3D",
    "Dense",
    "Dropout",
    "Flatten",
    "GaussianDropout",
    "GaussianNoise",
    "Identity",
    "Input",
    "InputLayer",
    "KerasTensor",
    "Layer",
    "LeakyReLU",
    "PReLU",
    "Parallel",
    "Permute",
    "ReLU",
    "RepeatVector",
    "Reshape",
    "Residual",
    "Softmax",
    "SpatialDropout1D",
    "SpatialDropout2D",
    "SpatialDropout3D",
    "UpSampling1D",
    "UpSampling2D",
    "UpSampling3D",
    "ZeroPadding1D",
    "ZeroPadding2D",
    "ZeroPadding3D",
    "deserialize",
    "serialize",
]

registry = Registry(
    "layer",
    "keras.layers",
    [
        Activation,
        ActivityRegularization,
        AlphaDropout,
        Cropping1D,
        Cropping2D,
        Cropping3D,
        Dense,
        Dropout,
        ELU,
        Flatten,
        GaussianDropout,
        GaussianNoise,
        Identity,
        InputLayer,
        LeakyReLU,
        PReLU,
        Parallel,
        Permute,
        ReLU,
        RepeatVector,
        Reshape,
        Residual,
        Softmax,
        SpatialDropout1D,
        SpatialDropout2D,
        SpatialDropout3D,
        UpSampling1D,
        UpSampling2D,
        UpSampling3D,
        ZeroPadding1D,
        ZeroPadding2D,
        ZeroPadding3D,
    ],
    snake_case=False,
    accepts=lambda found: isinstance(found, Layer),
)


def get(identifier: Any) -> Layer:
    """A layer from its configuration, or the layer itself."""
    return registry.get(identifier)
