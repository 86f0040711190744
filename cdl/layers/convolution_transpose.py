"""Transposed convolution over one, two and three axes."""

from __future__ import annotations

from typing import Any

import numpy as np

from cdl import ops
from cdl.layers import geometry
from cdl.layers.convolution_base import ConvolutionLayer
from cdl.layers.kernel_layer import Gradients


class BaseConvTranspose(ConvolutionLayer):
    """The transposed convolution; Conv1DTranspose, Conv2DTranspose and Conv3DTranspose fix its number of axes."""

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        output_padding: Any = None,
        data_format: Any = None,
        dilation_rate: Any = 1,
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
        who = type(self).__name__
        self.filters = geometry.as_count(filters, who, "filters")
        self.refuse_strides_with_dilation()
        self.output_padding = None
        if output_padding is not None:
            self.output_padding = geometry.as_tuple(output_padding, self.rank, who, "output_padding", least=0)
            if any(extra >= stride for extra, stride in zip(self.output_padding, self.strides, strict=True)):
                raise ValueError(
                    f"{who}: `output_padding` is smaller than `strides` along every axis. Received: "
                    f"output_padding={self.output_padding}, strides={self.strides}"
                )

    def add_variables(self, channels: int) -> None:
        self.kernel = self.add_variable("kernel", (*self.kernel_size, self.filters, channels))
        self.bias = self.add_bias(self.filters)

    def output_channels(self, channels: int | None) -> int | None:
        return self.filters

    def place_windows(self, sizes: geometry.Sizes) -> tuple[geometry.Sizes, geometry.Pairs]:
        return geometry.transposed(
            sizes, self.kernel_size, self.strides, self.dilation_rate, self.padding, self.output_padding
        )

    def misfit(self, sizes: geometry.Sizes) -> str:
        if 0 in sizes:
            return super().misfit(sizes)
        out, _ = self.place_windows(sizes)
        return (
            f"an image of {sizes} would become one of {out}, which has no points. Use a larger output_padding, or none."
        )

    def product(self, x: np.ndarray, kernel: np.ndarray, bias: np.ndarray | None, activation: str) -> np.ndarray:
        out, padding = self.fit_windows(x.shape[1:-1])
        return ops.convolution_transpose(x, kernel, bias, out, self.strides, padding, self.dilation_rate, activation)  # type: ignore[arg-type]

    def product_backward(
        self, x: np.ndarray, kernel: np.ndarray, z: np.ndarray, dz: np.ndarray, activation: str, *needed: bool
    ) -> Gradients:
        _, padding = self.fit_windows(x.shape[1:-1])
        return ops.convolution_transpose_backward(
            x, kernel, z, dz, self.strides, padding, self.dilation_rate, activation, *needed
        )

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "filters": self.filters, "output_padding": self.output_padding}


class Conv1DTranspose(BaseConvTranspose):
    """Transposed convolution over time: `Conv2DTranspose` with one axis less.

    Shapes: x (batch, steps, i) -> y (batch, new steps, filters); kernel (kernel_size, filters, i), bias (filters,).
    Parameters and errors as in `Conv2DTranspose`.

    >>> layer = Conv1DTranspose(8, 4, strides=2, padding="same")
    >>> layer(np.zeros((32, 50, 3))).shape
    (32, 100, 8)
    """

    rank = 1


class Conv2DTranspose(BaseConvTranspose):
    """Transposed convolution, which makes images larger: every point of x lays its multiple of the kernel onto y.

    y[n, p * stride + s - cut, q * stride + t - cut, o] is the sum of x[n, p, q, i] * kernel[s, t, o, i] over all p, q,
    s, t and i that lead there, plus bias[o]; then the activation. It is the gradient of a `Conv2D` from y's shape to
    x's with respect to that convolution's input.

    Shapes: x (batch, height, width, i) -> y (batch, new height, new width, filters); kernel (*kernel_size, filters, i),
    bias (filters,). With size = dilation * (kernel_size - 1) + 1, the new height is (height - 1) * stride + size +
    output_padding with padding "valid" (nothing is cut off; `output_padding` by default what a stride beyond the size
    leaves open). With "same", it is height * stride without an `output_padding`, and (height - 1) * stride + size % 2 +
    output_padding with one; the surplus is cut off at both sides, an odd one at the end.

    Parameters: as in `Conv2D`, but without groups; `output_padding`, a number or a pair below the strides. Raises
    ValueError for arguments out of range and strides together with a dilation.

    >>> layer = Conv2DTranspose(16, 3, strides=2, padding="same", activation="relu")
    >>> layer(np.zeros((8, 7, 7, 32))).shape
    (8, 14, 14, 16)
    """

    rank = 2


class Conv3DTranspose(BaseConvTranspose):
    """Transposed convolution of volumes: `Conv2DTranspose` with one axis more.

    Shapes: x (batch, depth, height, width, i) -> y (batch, new depth, new height, new width, filters); kernel
    (*kernel_size, filters, i), bias (filters,). Parameters and errors as in `Conv2DTranspose`, but that `data_format`
    comes before `output_padding`, as in Keras.

    >>> layer = Conv3DTranspose(4, 2, strides=2)
    >>> layer(np.zeros((2, 4, 5, 6, 1))).shape
    (2, 8, 10, 12, 4)
    """

    rank = 3

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: Any = None,
        output_padding: Any = None,
        *args: Any,
        **kwargs: Any,
    ) -> None:
        super().__init__(filters, kernel_size, strides, padding, output_padding, data_format, *args, **kwargs)


Convolution1DTranspose = Conv1DTranspose
Convolution2DTranspose = Conv2DTranspose
Convolution3DTranspose = Conv3DTranspose
