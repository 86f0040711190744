"""Convolution in two cheaper steps: each channel by itself, then the channels of each point."""

from __future__ import annotations

from typing import Any

import numpy as np

from cdl import ops
from cdl.layers import geometry
from cdl.layers.context import Context
from cdl.layers.depthwise_convolution import DepthwiseLayer
from cdl.layers.kernel_layer import Gradients
from cdl.variable import Variable


class BaseSeparableConv(DepthwiseLayer):
    """The separable convolution; SeparableConv1D and SeparableConv2D fix its number of axes."""

    roles = ("depthwise", "pointwise", "bias")

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: Any = None,
        dilation_rate: Any = 1,
        depth_multiplier: int = 1,
        activation: Any = None,
        use_bias: bool = True,
        depthwise_initializer: Any = "glorot_uniform",
        pointwise_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        depthwise_regularizer: Any = None,
        pointwise_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        depthwise_constraint: Any = None,
        pointwise_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            kernel_size=kernel_size,
            strides=strides,
            padding=padding,
            data_format=data_format,
            dilation_rate=dilation_rate,
            depth_multiplier=depth_multiplier,
            activation=activation,
            use_bias=use_bias,
            depthwise_initializer=depthwise_initializer,
            pointwise_initializer=pointwise_initializer,
            bias_initializer=bias_initializer,
            depthwise_regularizer=depthwise_regularizer,
            pointwise_regularizer=pointwise_regularizer,
            bias_regularizer=bias_regularizer,
            activity_regularizer=activity_regularizer,
            depthwise_constraint=depthwise_constraint,
            pointwise_constraint=pointwise_constraint,
            bias_constraint=bias_constraint,
            **kwargs,
        )
        self.filters = geometry.as_count(filters, type(self).__name__, "filters")

    def add_variables(self, channels: int) -> None:
        depth = self.depth_multiplier
        self.depthwise_kernel = self.add_variable("depthwise", (*self.kernel_size, channels, depth), "depthwise_kernel")
        self.pointwise_kernel = self.add_variable(
            "pointwise", ((1,) * self.rank + (channels * depth, self.filters)), "pointwise_kernel"
        )
        self.bias = self.add_bias(self.filters)

    def output_channels(self, channels: int | None) -> int | None:
        return self.filters

    # u is the depthwise result. The second step is a Dense layer over the channels of u, and all that KernelLayer does.

    def forward(self, ctx: Context, x: np.ndarray) -> np.ndarray:
        u = self.depthwise(x, self.depthwise_kernel.value, None, "linear")
        second = ctx.child(need_input_grad=ctx.need_input_grad or ctx.trains(self.depthwise_kernel))
        y = super().forward(second, u)
        ctx.save(x, u, second)
        return y

    def backward(self, ctx: Context, dy: np.ndarray) -> np.ndarray | None:
        x, u, second = ctx.saved
        du = super().backward(second, dy)
        if du is None:
            return None
        kernel = self.depthwise_kernel
        needed = ctx.need_input_grad, ctx.trains(kernel), False
        dx, dkernel, _ = self.depthwise_backward(x, kernel.value, u, du, "linear", *needed)
        if dkernel is not None:
            kernel.add_gradient(dkernel)
        return dx

    @property
    def kernel(self) -> Variable:  # type: ignore[override]
        return self.pointwise_kernel

    def product(self, u: np.ndarray, kernel: np.ndarray, bias: np.ndarray | None, activation: str) -> np.ndarray:
        return ops.linear(u, kernel.reshape(-1, self.filters), bias, activation)

    def product_backward(
        self, u: np.ndarray, kernel: np.ndarray, z: np.ndarray, dz: np.ndarray, activation: str, *needed: bool
    ) -> Gradients:
        du, dkernel, dbias = ops.linear_backward(u, kernel.reshape(-1, self.filters), z, dz, activation, *needed)
        return du, None if dkernel is None else dkernel.reshape(kernel.shape), dbias

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "filters": self.filters}


class SeparableConv1D(BaseSeparableConv):
    """Separable convolution over time: `SeparableConv2D` with one axis less.

    Shapes: x (batch, steps, i) -> y (batch, new steps, filters); depthwise_kernel (kernel_size, i, depth_multiplier),
    pointwise_kernel (1, i * depth_multiplier, filters), bias (filters,). Parameters and errors as in `SeparableConv2D`.

    >>> layer = SeparableConv1D(8, 3)
    >>> layer(np.zeros((32, 100, 4))).shape
    (32, 98, 8)
    """

    rank = 1


class SeparableConv2D(BaseSeparableConv):
    """A `DepthwiseConv2D` without a bias, then a convolution with windows of one point, which mixes the channels.

    y = activation(depthwise(x, depthwise_kernel) @ pointwise_kernel + bias): about as expressive as a `Conv2D`, for
    i * (k * k + filters) multiplications at each point in place of i * k * k * filters. (Chollet 2017)

    Shapes: x (batch, height, width, i) -> y (batch, new height, new width, filters), with the heights of `Conv2D`;
    depthwise_kernel (*kernel_size, i, depth_multiplier), pointwise_kernel (1, 1, i * depth_multiplier, filters), bias
    (filters,).

    Parameters: `filters` and `depth_multiplier` >= 1; the others as in `Conv2D`, with an initializer, regularizer and
    constraint each for depthwise, pointwise and bias. Raises ValueError for arguments out of range and images that the
    kernel does not fit into.

    >>> layer = SeparableConv2D(32, 3, activation="relu")
    >>> layer(np.zeros((16, 28, 28, 8))).shape
    (16, 26, 26, 32)
    """

    rank = 2


SeparableConvolution1D, SeparableConvolution2D = SeparableConv1D, SeparableConv2D
