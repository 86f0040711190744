"""Convolution over one, two and three axes."""

from __future__ import annotations

from typing import Any

import numpy as np

from cdl import ops
from cdl.layers import geometry
from cdl.layers.convolution_base import ConvolutionLayer
from cdl.layers.kernel_layer import Gradients


class BaseConv(ConvolutionLayer):
    """The convolution; Conv1D, Conv2D and Conv3D fix its number of axes."""

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: Any = None,
        dilation_rate: Any = 1,
        groups: int = 1,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            kernel_size=kernel_size,
            strides=strides,
            padding=padding,
            data_format=data_format,
            dilation_rate=dilation_rate,
            activation=activation,
            use_bias=use_bias,
            kernel_initializer=kernel_initializer,
            bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer,
            bias_regularizer=bias_regularizer,
            activity_regularizer=activity_regularizer,
            kernel_constraint=kernel_constraint,
            bias_constraint=bias_constraint,
            **kwargs,
        )
        self.filters = geometry.as_count(filters, type(self).__name__, "filters")
        self.groups = geometry.as_count(groups, type(self).__name__, "groups")
        self.refuse_strides_with_dilation()
        if self.filters % self.groups:
            raise ValueError(
                f"{type(self).__name__}: `filters` is a multiple of `groups`. Received: filters={filters}, "
                f"groups={groups}"
            )

    def add_variables(self, channels: int) -> None:
        if channels % self.groups:
            raise ValueError(
                f"{self.who}: {channels} input channels cannot be divided into {self.groups} groups. Choose `groups` "
                f"among the divisors of {channels}."
            )
        self.kernel = self.add_variable("kernel", (*self.kernel_size, channels // self.groups, self.filters))
        self.bias = self.add_bias(self.filters)

    def output_channels(self, channels: int | None) -> int | None:
        return self.filters

    def product(self, x: np.ndarray, kernel: np.ndarray, bias: np.ndarray | None, activation: str) -> np.ndarray:
        _, padding = self.fit_windows(x.shape[1:-1])
        return ops.convolution(x, kernel, bias, self.strides, padding, self.dilation_rate, self.groups, activation)

    def product_backward(
        self, x: np.ndarray, kernel: np.ndarray, z: np.ndarray, dz: np.ndarray, activation: str, *needed: bool
    ) -> Gradients:
        _, padding = self.fit_windows(x.shape[1:-1])
        return ops.convolution_backward(
            x, kernel, z, dz, self.strides, padding, self.dilation_rate, self.groups, activation, *needed
        )

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "filters": self.filters, "groups": self.groups}


class Conv1D(BaseConv):
    """Convolution over time: each of the `filters` is the same weighted sum over every window of steps.

    y[n, p, o] = activation(bias[o] + sum over t, i of x[n, p * stride + t * dilation, i] * kernel[t, i, o])

    Shapes: x (batch, steps, i) -> y (batch, new steps, filters); kernel (kernel_size, i / groups, filters), bias
    (filters,). The new steps are (steps - dilation * (kernel_size - 1) - 1) // strides + 1 with padding "valid", and
    ceil(steps / strides) with "same" (zeros at both ends) and "causal" (zeros before the first step, so that no output
    depends on later steps).

    Parameters: as in `Conv2D`, with one number for each of `kernel_size`, `strides` and `dilation_rate`. Raises
    ValueError as `Conv2D` does.

    >>> layer = Conv1D(8, 3, padding="causal", activation="relu")
    >>> layer(np.zeros((32, 100, 4))).shape
    (32, 100, 8)
    """

    rank = 1
    paddings = ("valid", "same", "causal")


class Conv2D(BaseConv):
    """Convolution of images: each of the `filters` is the same weighted sum over every window.

    y[n, p, q, o] = activation(bias[o] + sum over s, t, i of
    x[n, p * stride + s * dilation, q * stride + t * dilation, i] * kernel[s, t, i, o])

    Shapes: x (batch, height, width, i) -> y (batch, new height, new width, filters); kernel (*kernel_size, i / groups,
    filters), bias (filters,). With padding "valid", the new height is (height - size) // stride + 1, where size is
    dilation * (kernel_size - 1) + 1; with "same", zeros around the image make it ceil(height / stride).

    Parameters: `filters` >= 1; `kernel_size`, `strides`, `dilation_rate` (distance of neighbours in a window), each a
    number or a pair; `padding`; `groups`, into which channels and filters are cut, each part of the filters seeing its
    own part of the channels; `activation`, a name or function, by default none; `use_bias`; an initializer, regularizer
    and constraint each for kernel (by default Glorot's uniform) and bias (zeros). Raises ValueError for arguments out
    of range, strides together with a dilation, images that the kernel does not fit into, and channels that cannot be
    divided into the groups.

    >>> layer = Conv2D(32, (3, 3), activation="relu")
    >>> layer(np.zeros((16, 28, 28, 1))).shape
    (16, 26, 26, 32)
    """

    rank = 2


class Conv3D(BaseConv):
    """Convolution of volumes or films: `Conv2D` with one axis more.

    Shapes: x (batch, depth, height, width, i) -> y (batch, new depth, new height, new width, filters); kernel
    (*kernel_size, i / groups, filters), bias (filters,). Parameters and errors as in `Conv2D`, with numbers or triples.

    >>> layer = Conv3D(4, 3, strides=2, padding="same")
    >>> layer(np.zeros((2, 9, 16, 16, 1))).shape
    (2, 5, 8, 8, 4)
    """

    rank = 3


Convolution1D, Convolution2D, Convolution3D = Conv1D, Conv2D, Conv3D
