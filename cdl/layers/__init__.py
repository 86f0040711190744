"""Layers, under Keras' names."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from cdl._left_out import no_attribute
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
from cdl.layers.dropout import AlphaDropout, Dropout, SpatialDropout1D, SpatialDropout2D, SpatialDropout3D
from cdl.layers.embedding import Embedding
from cdl.layers.global_pooling import (
    GlobalAveragePooling1D,
    GlobalAveragePooling2D,
    GlobalAveragePooling3D,
    GlobalMaxPooling1D,
    GlobalMaxPooling2D,
    GlobalMaxPooling3D,
)
from cdl.layers.input import Input, InputLayer
from cdl.layers.keras_tensor import KerasTensor
from cdl.layers.lambda_layer import Lambda
from cdl.layers.margins import Cropping1D, Cropping2D, Cropping3D, ZeroPadding1D, ZeroPadding2D, ZeroPadding3D
from cdl.layers.masking import Masking
from cdl.layers.merging import Parallel, Residual
from cdl.layers.noise import GaussianDropout, GaussianNoise
from cdl.layers.normalization import (
    BatchNormalization,
    GroupNormalization,
    LayerNormalization,
    RMSNormalization,
    SpectralNormalization,
    UnitNormalization,
)
from cdl.layers.pipeline import Pipeline
from cdl.layers.pooling import (
    AveragePooling1D,
    AveragePooling2D,
    AveragePooling3D,
    MaxPooling1D,
    MaxPooling2D,
    MaxPooling3D,
)
from cdl.layers.recurrent import (
    GRU,
    LSTM,
    RNN,
    Bidirectional,
    GRUCell,
    LSTMCell,
    SimpleRNN,
    SimpleRNNCell,
    StackedRNNCells,
)
from cdl.layers.regularization import ActivityRegularization
from cdl.layers.reshaping import Flatten, Identity, Permute, RepeatVector, Reshape
from cdl.layers.separable_convolution import (
    SeparableConv1D,
    SeparableConv2D,
    SeparableConvolution1D,
    SeparableConvolution2D,
)
from cdl.layers.time_distributed import TimeDistributed
from cdl.layers.upsampling import UpSampling1D, UpSampling2D, UpSampling3D
from cdl.utils.registry import Registry
from cdl.utils.registry import deserialize as deserialize
from cdl.utils.registry import serialize as serialize

if TYPE_CHECKING:
    from cdl.layers.preprocessing import (
        CategoryEncoding,
        CenterCrop,
        Discretization,
        Hashing,
        IntegerLookup,
        Normalization,
        RandomBrightness,
        RandomContrast,
        RandomCrop,
        RandomErasing,
        RandomFlip,
        RandomGrayscale,
        RandomInvert,
        RandomRotation,
        RandomShear,
        RandomTranslation,
        RandomZoom,
        Rescaling,
        Resizing,
        Solarization,
        StringLookup,
        TextVectorization,
    )

__all__ = [
    "ELU",
    "GRU",
    "LSTM",
    "RNN",
    "Activation",
    "ActivityRegularization",
    "AlphaDropout",
    "AveragePooling1D",
    "AveragePooling2D",
    "AveragePooling3D",
    "AvgPool1D",
    "AvgPool2D",
    "AvgPool3D",
    "BatchNormalization",
    "Bidirectional",
    "CategoryEncoding",
    "CenterCrop",
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
    "Cropping1D",
    "Cropping2D",
    "Cropping3D",
    "Dense",
    "DepthwiseConv1D",
    "DepthwiseConv2D",
    "Discretization",
    "Dropout",
    "Embedding",
    "Flatten",
    "GRUCell",
    "GaussianDropout",
    "GaussianNoise",
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
    "Hashing",
    "Identity",
    "Input",
    "InputLayer",
    "IntegerLookup",
    "KerasTensor",
    "LSTMCell",
    "Lambda",
    "Layer",
    "LayerNormalization",
    "LeakyReLU",
    "Masking",
    "MaxPool1D",
    "MaxPool2D",
    "MaxPool3D",
    "MaxPooling1D",
    "MaxPooling2D",
    "MaxPooling3D",
    "Normalization",
    "PReLU",
    "Parallel",
    "Permute",
    "Pipeline",
    "RMSNormalization",
    "RandomBrightness",
    "RandomContrast",
    "RandomCrop",
    "RandomErasing",
    "RandomFlip",
    "RandomGrayscale",
    "RandomInvert",
    "RandomRotation",
    "RandomShear",
    "RandomTranslation",
    "RandomZoom",
    "ReLU",
    "RepeatVector",
    "Rescaling",
    "Reshape",
    "Residual",
    "Resizing",
    "SeparableConv1D",
    "SeparableConv2D",
    "SeparableConvolution1D",
    "SeparableConvolution2D",
    "SimpleRNN",
    "SimpleRNNCell",
    "Softmax",
    "Solarization",
    "SpatialDropout1D",
    "SpatialDropout2D",
    "SpatialDropout3D",
    "SpectralNormalization",
    "StackedRNNCells",
    "StringLookup",
    "TextVectorization",
    "TimeDistributed",
    "UnitNormalization",
    "UpSampling1D",
    "UpSampling2D",
    "UpSampling3D",
    "ZeroPadding1D",
    "ZeroPadding2D",
    "ZeroPadding3D",
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


def __getattr__(name: str) -> Any:
    """The layers that prepare data are imported when one of them is named."""
    if name not in __all__:
        raise no_attribute(__name__, name)
    return getattr(import_module("cdl.layers.preprocessing"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def named_layers() -> dict[str, type[Layer]]:
    """All layers, by Keras' names."""
    named = {name: globals()[name] if name in globals() else __getattr__(name) for name in __all__ if name != "Layer"}
    return {name: found for name, found in named.items() if isinstance(found, type) and issubclass(found, Layer)}


registry = Registry(
    "layer", "keras.layers", named_layers, snake_case=False, accepts=lambda found: isinstance(found, Layer)
)


def get(identifier: Any) -> Layer:
    """A layer from its configuration, or the layer itself."""
    return registry.get(identifier)
