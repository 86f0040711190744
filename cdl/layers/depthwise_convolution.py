"""Convolution of each channel by itself."""

from __future__ import annotations

from typing import Any

import numpy as np

from cdl import ops
from cdl.layers import geometry
from cdl.layers.convolution_base import ConvolutionLayer
from cdl.layers.kernel_layer import Gradients


class DepthwiseLayer(ConvolutionLayer):
    """A convolution in which every channel has `depth_multiplier` filters of its own: as many groups as channels."""

    def __init__(self, *, depth_multiplier: int, **kwargs: Any) -> None:
        self.depth_multiplier = geometry.as_count(depth_multiplier, type(self).__name__, "depth_multiplier")
        super().__init__(**kwargs)

    # To the core, the kernel has the shape (*size, channels of a group = 1, filters): the same numbers in one order.

    def depthwise(self, x: np.ndarray, kernel: np.ndarray, bias: np.ndarray | None, activation: str) -> np.ndarray:
        _, padding = self.fit_windows(x.shape[1:-1])
        grouped = kernel.reshape(*self.kernel_size, 1, -1)
        return ops.convolution(x, grouped, bias, self.strides, padding, self.dilation_rate, x.shape[-1], activation)

    def depthwise_backward(
        self, x: np.ndarray, kernel: np.ndarray, z: np.ndarray, dz: np.ndarray, activation: str, *needed: bool
    ) -> Gradients:
        _, padding = self.fit_windows(x.shape[1:-1])
        grouped = kernel.reshape(*self.kernel_size, 1, -1)
        dx, dgrouped, dbias = ops.convolution_backward(
            x, grouped, z, dz, self.strides, padding, self.dilation_rate, x.shape[-1], activation, *needed
        )
        return dx, None if dgrouped is None else dgrouped.reshape(kernel.shape), dbias

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "depth_multiplier": self.depth_multiplier}


class BaseDepthwiseConv(DepthwiseLayer):
    """The depthwise convolution; DepthwiseConv1D and DepthwiseConv2D fix its number of axes."""

    roles = ("depthwise", "bias")

    def __init__(
        self,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        depth_multiplier: int = 1,
        data_format: Any = None,
        dilation_rate: Any = 1,
        activation: Any = None,
        use_bias: bool = True,
        depthwise_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        depthwise_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        depthwise_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            kernel_size=kernel_size,
            strides=strides,
            padding=padding,
            depth_multiplier=depth_multiplier,
            data_format=data_format,
            dilation_rate=dilation_rate,
            activation=activation,
            use_bias=use_bias,
            depthwise_initializer=depthwise_initializer,
            bias_initializer=bias_initializer,
            depthwise_regularizer=depthwise_regularizer,
            bias_regularizer=bias_regularizer,
            activity_regularizer=activity_regularizer,
            depthwise_constraint=depthwise_constraint,
            bias_constraint=bias_constraint,
            **kwargs,
        )

    def add_variables(self, channels: int) -> None:
        self.kernel = self.add_variable("depthwise", (*self.kernel_size, channels, self.depth_multiplier), "kernel")
        self.bias = self.add_bias(channels * self.depth_multiplier)

    def output_channels(self, channels: int | None) -> int | None:
        return None if channels is None else channels * self.depth_multiplier

    product = DepthwiseLayer.depthwise
    product_backward = DepthwiseLayer.depthwise_backward


class DepthwiseConv1D(BaseDepthwiseConv):
    """Depthwise convolution over time: `DepthwiseConv2D` with one axis less.

    Shapes: x (batch, steps, i) -> y (batch, new steps, i * depth_multiplier); kernel (kernel_size, i,
    depth_multiplier), bias (i * depth_multiplier,). Parameters and errors as in `DepthwiseConv2D`.

    >>> layer = DepthwiseConv1D(3, padding="same")
    >>> layer(np.zeros((32, 100, 4))).shape
    (32, 100, 4)
    """

    rank = 1


class DepthwiseConv2D(BaseDepthwiseConv):
    """Convolution of each channel by itself, with `depth_multiplier` filters; the channels are not mixed.

    y[n, p, q, i * depth_multiplier + m] = activation(bias[...] + sum over s, t of
    x[n, p * stride + s, q * stride + t, i] * kernel[s, t, i, m])

    Shapes: x (batch, height, width, i) -> y (batch, new height, new width, i * depth_multiplier), with the heights of
    `Conv2D`; kernel (*kernel_size, i, depth_multiplier), bias (i * depth_multiplier,).

    Parameters: `depth_multiplier` >= 1; the others as in `Conv2D`, with the kernel's initializer, regularizer and
    constraint called depthwise_initializer and so on. Raises ValueError for arguments out of range and images that the
    kernel does not fit into.

    >>> layer = DepthwiseConv2D(3, depth_multiplier=2)
    >>> layer(np.zeros((16, 28, 28, 8))).shape
    (16, 26, 26, 16)
    """

    rank = 2
