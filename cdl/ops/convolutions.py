"""Convolution and its transpose, over one, two or three spatial axes. Windows: see `cdl.ops.windows`."""

from __future__ import annotations

import functools

import numpy as np

from cdl import backend
from cdl.ops.checks import refuse
from cdl.ops.windows import Pairs, Sizes, window_counts


def convolution(
    x: np.ndarray,
    kernel: np.ndarray,
    bias: np.ndarray | None,
    strides: Sizes,
    padding: Pairs,
    dilation: Sizes,
    groups: int = 1,
    activation: str = "linear",
) -> np.ndarray:
    """y[n, p, o] = f(bias[o] + sum over t, i of x[n, p * stride - before + t * dilation, i] * kernel[t, i, o])

    p and t stand for one index along each spatial axis. x (n, *in, i), kernel (*size, i / groups, o), bias (o,) or None
    -> y (n, *out, o). `activation` f is one of `FUSABLE`. With groups > 1, channels and outputs are cut into so many
    parts of equal size, and each part of the outputs sees its own part of the channels.
    """
    out = _convolved("convolution", x.shape, kernel.shape, strides, padding, dilation, groups)
    if bias is not None and bias.shape != out[-1:]:
        refuse("convolution", f"bias has shape {bias.shape}, the kernel {kernel.shape} gives {out[-1]} channels")
    return backend.active.convolution(x, kernel, bias, strides, padding, dilation, groups, activation)


def convolution_backward(
    x: np.ndarray,
    kernel: np.ndarray,
    y: np.ndarray,
    dy: np.ndarray,
    strides: Sizes,
    padding: Pairs,
    dilation: Sizes,
    groups: int = 1,
    activation: str = "linear",
    need_dx: bool = True,
    need_dkernel: bool = True,
    need_dbias: bool = True,
) -> tuple[np.ndarray | None, np.ndarray | None, np.ndarray | None]:
    """dz = dy * f'(z);  dkernel[t, i, o] = sum over n, p of x[n, window p at t, i] * dz[n, p, o];  dbias = sum of dz;
    dx[n, q, i] = sum over the p, t that look at q, and o, of dz[n, p, o] * kernel[t, i, o]

    Shapes as in `convolution`, dy like y. Returns (dx, dkernel, dbias); what is not needed is None and costs nothing.
    """
    out = _convolved("convolution_backward", x.shape, kernel.shape, strides, padding, dilation, groups)
    if y.shape != out or dy.shape != out:
        refuse("convolution_backward", f"y {y.shape} and dy {dy.shape} should have the shape {out}")
    return backend.active.convolution_backward(
        x, kernel, y, dy, strides, padding, dilation, groups, activation, need_dx, need_dkernel, need_dbias
    )


def convolution_transpose(
    x: np.ndarray,
    kernel: np.ndarray,
    bias: np.ndarray | None,
    output_size: Sizes,
    strides: Sizes,
    padding: Pairs,
    dilation: Sizes,
    activation: str = "linear",
) -> np.ndarray:
    """y = f(bias + dx of `convolution_backward` for dz = x):  x[n, p, i] * kernel is added to window p of y.

    x (n, *in, i), kernel (*size, o, i), bias (o,) or None -> y (n, *output_size, o). strides, padding and dilation are
    those of the convolution that leads from y's shape back to x's.
    """
    shape = (x.shape[0], *output_size, kernel.shape[-2])
    _transposed("convolution_transpose", x.shape, shape, kernel.shape, strides, padding, dilation)
    if bias is not None and bias.shape != shape[-1:]:
        refuse(
            "convolution_transpose",
            f"bias has shape {bias.shape}, the kernel {kernel.shape} gives {shape[-1]} channels",
        )
    return backend.active.convolution_transpose(x, kernel, bias, output_size, strides, padding, dilation, activation)


def convolution_transpose_backward(
    x: np.ndarray,
    kernel: np.ndarray,
    y: np.ndarray,
    dy: np.ndarray,
    strides: Sizes,
    padding: Pairs,
    dilation: Sizes,
    activation: str = "linear",
    need_dx: bool = True,
    need_dkernel: bool = True,
    need_dbias: bool = True,
) -> tuple[np.ndarray | None, np.ndarray | None, np.ndarray | None]:
    """dz = dy * f'(z);  dx = convolution of dz;  dkernel[t, o, i] = sum of dz[n, window p at t, o] * x[n, p, i]

    Shapes as in `convolution_transpose`, dy like y. Returns (dx, dkernel, dbias); what is not needed is None.
    """
    if y.shape != dy.shape:
        refuse("convolution_transpose_backward", f"shapes differ: y {y.shape}, dy {dy.shape}")
    _transposed("convolution_transpose_backward", x.shape, y.shape, kernel.shape, strides, padding, dilation)
    return backend.active.convolution_transpose_backward(
        x, kernel, y, dy, strides, padding, dilation, activation, need_dx, need_dkernel, need_dbias
    )


# The checks are made once for each shape: a step of a small network would feel them.


@functools.lru_cache
def _convolved(
    who: str,
    x_shape: Sizes,
    kernel_shape: Sizes,
    strides: Sizes,
    padding: Pairs,
    dilation: Sizes,
    groups: int,
) -> Sizes:
    """The shape of the convolution."""
    counts = window_counts(who, x_shape, kernel_shape[:-2], strides, padding, dilation)
    channels, outputs = kernel_shape[-2:]
    if groups < 1 or channels * groups != x_shape[-1] or outputs % groups:
        refuse(
            who, f"x {x_shape} has {x_shape[-1]} channels; the kernel {kernel_shape} in {groups} groups does not fit"
        )
    return (x_shape[0], *counts, outputs)


@functools.lru_cache
def _transposed(
    who: str,
    x_shape: Sizes,
    y_shape: Sizes,
    kernel_shape: Sizes,
    strides: Sizes,
    padding: Pairs,
    dilation: Sizes,
) -> None:
    back = _convolved(who, y_shape, kernel_shape, strides, padding, dilation, 1)
    if back != x_shape:
        refuse(who, f"the convolution of an output of shape {y_shape} has the shape {back}, not that of x, {x_shape}")
