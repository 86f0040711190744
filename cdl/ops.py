"""The contract: every primitive's formula, shapes and checks, in one place.

A primitive takes arrays and returns new arrays; it changes none of its arguments, except that the optimizer rules at
the end update variables in place, which is their purpose. What these functions let pass is sound: below them
(`reference` for the meaning, `_native` for the speed) nothing is checked again, but that `_native` refuses dtypes that
differ.

Letters: `x` input, `y` output, `z` before the activation; `dx` is the gradient of the final loss with respect to `x`,
and so on. Sizes: `n` rows, `i` input features, `o` output features, `d` features of a row. Where a shape begins with
`...`, any number of leading axes counts as rows.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import NoReturn

import numpy as np

from cdl import backend, config

# In the order of `cdl_function` in src/cdl.h. Parameters in parentheses.
FUNCTIONS = (
    "linear",
    "relu",
    "sigmoid",
    "tanh",
    "clipped_relu",  # (slope, max_value, threshold)
    "elu",  # (alpha)
    "selu",
    "celu",  # (alpha)
    "gelu",
    "gelu_tanh",
    "hard_sigmoid",
    "log_sigmoid",
    "silu",
    "hard_silu",
    "hard_tanh",
    "tanh_shrink",
    "softplus",
    "softsign",
    "squareplus",  # (b)
    "exponential",
    "mish",
    "hard_shrink",  # (threshold)
    "soft_shrink",  # (threshold)
    "threshold",  # (threshold, default)
    "sparse_plus",
    "sparse_sigmoid",
)
FUNCTION = {name: code for code, name in enumerate(FUNCTIONS)}

# The functions whose derivative follows from y alone: `linear` can apply them as it stores its result.
FUSABLE = frozenset(FUNCTIONS[: FUNCTION["tanh"] + 1])

Sizes = tuple[int, ...]  # of something along each axis
Pairs = tuple[tuple[int, int], ...]  # before and after, along each axis


def _refuse(who: str, what: str) -> NoReturn:
    raise ValueError(f"{who}: {what}")


# ---------------------------------------------------------------------------------------------------- matrix products


def linear(x: np.ndarray, kernel: np.ndarray, bias: np.ndarray | None = None, activation: str = "linear") -> np.ndarray:
    """y = f(x @ kernel + bias)

    x (..., i), kernel (i, o), bias (o,) or None -> y (..., o). `activation` f is one of `FUSABLE`.
    """
    features, sizes = x.shape[-1:], kernel.shape
    if len(sizes) != 2 or features != sizes[:1]:
        _refuse("linear", f"x has {features} features, the kernel expects {sizes[:1]} (x {x.shape}, kernel {sizes})")
    if bias is not None and bias.shape != sizes[1:]:
        _refuse("linear", f"bias has shape {bias.shape}, the kernel gives {sizes[1:]}")
    return backend.active.linear(x, kernel, bias, activation)


def linear_backward(
    x: np.ndarray,
    kernel: np.ndarray,
    y: np.ndarray,
    dy: np.ndarray,
    activation: str = "linear",
    need_dx: bool = True,
    need_dkernel: bool = True,
    need_dbias: bool = True,
) -> tuple[np.ndarray | None, np.ndarray | None, np.ndarray | None]:
    """dz = dy * f'(z);  dx = dz @ kernel.T,  dkernel = x.T @ dz,  dbias = sum of dz over the rows

    Shapes as in `linear`, dy like y. Returns (dx, dkernel, dbias); what is not needed is None and costs nothing.
    """
    rows_in, rows_out = x.shape, y.shape
    if dy.shape != rows_out or rows_in[:-1] != rows_out[:-1] or kernel.shape != rows_in[-1:] + rows_out[-1:]:
        _refuse("linear_backward", f"shapes disagree: x {x.shape}, kernel {kernel.shape}, y {y.shape}, dy {dy.shape}")
    return backend.active.linear_backward(x, kernel, y, dy, activation, need_dx, need_dkernel, need_dbias)


def matmul(a: np.ndarray, b: np.ndarray, transpose_a: bool = False, transpose_b: bool = False) -> np.ndarray:
    """c = a @ b, with a or b (or both) read as their transpose.

    a (m, k) or (k, m), b (k, n) or (n, k) -> c (m, n).
    """
    if a.ndim != 2 or b.ndim != 2:
        _refuse("matmul", f"a and b have two axes each. Received shapes {a.shape} and {b.shape}")
    if a.shape[0 if transpose_a else 1] != b.shape[1 if transpose_b else 0]:
        how = f"transpose_a={transpose_a}, transpose_b={transpose_b}"
        _refuse("matmul", f"inner sizes differ: a {a.shape}, b {b.shape}, {how}")
    return backend.active.matmul(a, b, transpose_a, transpose_b)


def column_sum(x: np.ndarray) -> np.ndarray:
    """total[d] = sum over rows of x[..., d].    x (..., d) -> (d,)"""
    return backend.active.column_sum(x)


# ----------------------------------------------------------------------------------------------- windows over an image
#
# Convolution and pooling look at an image (1, 2 or 3 spatial axes, channels last) through windows. Along each axis,
# window number p covers the positions  p * stride - before + t * dilation,  t = 0 .. size - 1,  of x; positions outside
# of x are padding. `padding` holds a pair (before, after) for each axis; there are
#     out = (in + before + after - dilation * (size - 1) - 1) // stride + 1     windows along an axis.


# The checks are made once for each shape: a step of a small network would feel them.


@functools.lru_cache
def _window_counts(
    who: str,
    x_shape: Sizes,
    size: Sizes,
    strides: Sizes,
    padding: Pairs,
    dilation: Sizes | None = None,
) -> Sizes:
    """`out` for each spatial axis of an image of that shape."""
    rank = len(x_shape) - 2
    dilation = (1,) * rank if dilation is None else dilation
    if rank not in (1, 2, 3) or not rank == len(size) == len(strides) == len(padding) == len(dilation):
        _refuse(
            who,
            f"x {x_shape} has {rank} spatial axes (1 to 3 are possible), but size is {tuple(size)}, strides "
            f"{tuple(strides)}, padding {tuple(padding)}, dilation {tuple(dilation)}",
        )
    if min(*size, *strides, *dilation) < 1 or min(min(pair) for pair in padding) < 0:
        _refuse(
            who, f"size {size}, strides {strides}, dilation {dilation} are positive, padding {padding} is not negative"
        )
    counts = []
    for axis, (points, pair) in enumerate(zip(x_shape[1:-1], padding, strict=True)):
        extent = dilation[axis] * (size[axis] - 1) + 1
        if extent > points + sum(pair):
            _refuse(who, f"a window of {extent} does not fit into axis {axis + 1} of x {x_shape} with padding {pair}")
        counts.append((points + sum(pair) - extent) // strides[axis] + 1)
    return tuple(counts)


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
        _refuse("convolution", f"bias has shape {bias.shape}, the kernel {kernel.shape} gives {out[-1]} channels")
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
        _refuse("convolution_backward", f"y {y.shape} and dy {dy.shape} should have the shape {out}")
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
        _refuse(
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
        _refuse("convolution_transpose_backward", f"shapes differ: y {y.shape}, dy {dy.shape}")
    _transposed("convolution_transpose_backward", x.shape, y.shape, kernel.shape, strides, padding, dilation)
    return backend.active.convolution_transpose_backward(
        x, kernel, y, dy, strides, padding, dilation, activation, need_dx, need_dkernel, need_dbias
    )


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
    counts = _window_counts(who, x_shape, kernel_shape[:-2], strides, padding, dilation)
    channels, outputs = kernel_shape[-2:]
    if groups < 1 or channels * groups != x_shape[-1] or outputs % groups:
        _refuse(
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
        _refuse(who, f"the convolution of an output of shape {y_shape} has the shape {back}, not that of x, {x_shape}")


def max_pool(x: np.ndarray, size: Sizes, strides: Sizes, padding: Pairs) -> np.ndarray:
    """y[n, p, c] = the largest x[n, q, c] of the positions q in window p that lie inside x.    -> (n, *out, c)"""
    _pooled("max_pool", x.shape, size, strides, padding)
    return backend.active.max_pool(x, size, strides, padding)


def max_pool_backward(
    x: np.ndarray,
    y: np.ndarray,
    dy: np.ndarray,
    size: Sizes,
    strides: Sizes,
    padding: Pairs,
) -> np.ndarray:
    """dx[n, q, c] = the sum of dy[n, p, c] over the windows p whose largest element (the first, of several) is q."""
    out = _pooled("max_pool_backward", x.shape, size, strides, padding)
    if y.shape != out or dy.shape != out:
        _refuse("max_pool_backward", f"y {y.shape} and dy {dy.shape} should have the shape {out}")
    return backend.active.max_pool_backward(x, y, dy, size, strides, padding)


def average_pool(x: np.ndarray, size: Sizes, strides: Sizes, padding: Pairs) -> np.ndarray:
    """y[n, p, c] = the mean of x[n, q, c] over the positions q in window p that lie inside x.    -> (n, *out, c)"""
    _pooled("average_pool", x.shape, size, strides, padding)
    return backend.active.average_pool(x, size, strides, padding)


def average_pool_backward(
    dy: np.ndarray,
    input_size: Sizes,
    size: Sizes,
    strides: Sizes,
    padding: Pairs,
) -> np.ndarray:
    """dx[n, q, c] = the sum over the windows p that look at q of dy[n, p, c] / their number of positions inside x.

    dy (n, *out, c), input_size: the spatial sizes of x -> (n, *input_size, c)
    """
    shape = (dy.shape[0], *input_size, dy.shape[-1])
    out = _pooled("average_pool_backward", shape, size, strides, padding)
    if dy.shape != out:
        _refuse("average_pool_backward", f"dy {dy.shape} should have the shape {out}")
    return backend.active.average_pool_backward(dy, input_size, size, strides, padding)


@functools.lru_cache
def _pooled(
    who: str,
    x_shape: Sizes,
    size: Sizes,
    strides: Sizes,
    padding: Pairs,
) -> Sizes:
    """The shape of the pooled image. A window that saw nothing but padding would have no maximum and no mean."""
    counts = _window_counts(who, x_shape, size, strides, padding)
    for axis, count in enumerate(counts):
        last = (count - 1) * strides[axis] - padding[axis][0]
        if padding[axis][0] >= size[axis] or last >= x_shape[1 + axis]:
            _refuse(
                who, f"padding {padding[axis]} of axis {axis + 1} leaves windows of {size[axis]} outside x {x_shape}"
            )
    return (x_shape[0], *counts, x_shape[-1])


# ----------------------------------------------------------------------------------------------------- normalisation
#
# gamma, beta: one number per channel or feature; None for ones and zeros. The backward functions return the gradients
# with respect to x, gamma and beta; x_hat is y before gamma and beta.


def batch_norm(
    x: np.ndarray, gamma: np.ndarray | None, beta: np.ndarray | None, epsilon: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """y = gamma * (x - mean) / sqrt(variance + epsilon) + beta, with the mean and variance of each channel

    x (..., c) with at least one row -> (y, mean (c,), variance (c,)). The variance is the mean of (x - mean)^2.
    """
    _per_channel("batch_norm", x, gamma=gamma, beta=beta)
    _some_rows("batch_norm", x)
    return backend.active.batch_norm(x, gamma, beta, epsilon)


def batch_norm_backward(
    x: np.ndarray,
    gamma: np.ndarray | None,
    mean: np.ndarray,
    variance: np.ndarray,
    dy: np.ndarray,
    epsilon: float,
    need_dx: bool = True,
) -> tuple[np.ndarray | None, np.ndarray, np.ndarray]:
    """dbeta = sum of dy,  dgamma = sum of dy * x_hat,
    dx = gamma / sqrt(variance + epsilon) * (dy - mean of dy - x_hat * mean of (dy * x_hat))

    Sums and means over the rows. mean and variance are those that `batch_norm` returned. -> (dx or None, dgamma, dbeta)
    """
    _per_channel("batch_norm_backward", x, gamma=gamma, mean=mean, variance=variance)
    _like("batch_norm_backward", x, dy)
    _some_rows("batch_norm_backward", x)
    return backend.active.batch_norm_backward(x, gamma, mean, variance, dy, epsilon, need_dx)


def scale_shift(x: np.ndarray, scale: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """y = x * scale + shift, for each channel.    x (..., c), scale (c,), shift (c,)"""
    _per_channel("scale_shift", x, scale=scale, shift=shift)
    return backend.active.scale_shift(x, scale, shift)


def layer_norm(x: np.ndarray, gamma: np.ndarray | None, beta: np.ndarray | None, epsilon: float) -> np.ndarray:
    """y = gamma * (x - mean) / sqrt(variance + epsilon) + beta, with the mean and variance of each row

    x (..., d), d > 0; gamma (d,), beta (d,)
    """
    _per_channel("layer_norm", x, gamma=gamma, beta=beta)
    return backend.active.layer_norm(x, gamma, beta, epsilon)


def layer_norm_backward(
    x: np.ndarray,
    gamma: np.ndarray | None,
    dy: np.ndarray,
    epsilon: float,
    need_dgamma: bool = True,
    need_dbeta: bool = True,
) -> tuple[np.ndarray, np.ndarray | None, np.ndarray | None]:
    """g = gamma * dy;  dx = (g - mean of g - x_hat * mean of (g * x_hat)) / sqrt(variance + epsilon)
    dgamma = sum of dy * x_hat,  dbeta = sum of dy

    Means over each row, sums over the rows. -> (dx, dgamma or None, dbeta or None)
    """
    _per_channel("layer_norm_backward", x, gamma=gamma)
    _like("layer_norm_backward", x, dy)
    return backend.active.layer_norm_backward(x, gamma, dy, epsilon, need_dgamma, need_dbeta)


def rms_norm(x: np.ndarray, gamma: np.ndarray, epsilon: float) -> np.ndarray:
    """y = gamma * x / sqrt(mean of x^2 + epsilon), with the mean of each row.    x (..., d), d > 0; gamma (d,)"""
    _per_channel("rms_norm", x, gamma=gamma)
    return backend.active.rms_norm(x, gamma, epsilon)


def rms_norm_backward(
    x: np.ndarray, gamma: np.ndarray, dy: np.ndarray, epsilon: float
) -> tuple[np.ndarray, np.ndarray]:
    """g = gamma * dy;  dx = (g - x_hat * mean of (g * x_hat)) / sqrt(mean of x^2 + epsilon)
    dgamma = sum of dy * x_hat

    -> (dx, dgamma)
    """
    _per_channel("rms_norm_backward", x, gamma=gamma)
    _like("rms_norm_backward", x, dy)
    return backend.active.rms_norm_backward(x, gamma, dy, epsilon)


def _per_channel(who: str, x: np.ndarray, **vectors: np.ndarray | None) -> None:
    channels = x.shape[-1:]
    if channels == (0,):
        _refuse(who, f"the last axis is empty (x {x.shape})")
    for name, vector in vectors.items():
        if vector is not None and vector.shape != channels:
            _refuse(who, f"{name} has shape {vector.shape}, x {x.shape} has {channels} channels")


def _like(who: str, x: np.ndarray, dy: np.ndarray) -> None:
    if x.shape != dy.shape:
        _refuse(who, f"shapes differ: x {x.shape}, dy {dy.shape}")


def _some_rows(who: str, x: np.ndarray) -> None:
    if x.size == 0:
        _refuse(who, f"there is no mean of no rows (x {x.shape})")


# ------------------------------------------------------------------------------------------------------- activations


def activation(x: np.ndarray, function: str, *parameters: float) -> np.ndarray:
    """y = f(x), element by element; f is one of `FUNCTIONS`, with its parameters."""
    return backend.active.activation(x, function, *parameters)


def activation_backward(x: np.ndarray, y: np.ndarray, dy: np.ndarray, function: str, *parameters: float) -> np.ndarray:
    """dx = dy * f'(x), where y = f(x). All arrays have one shape."""
    if not x.shape == y.shape == dy.shape:
        _refuse("activation_backward", f"shapes differ: x {x.shape}, y {y.shape}, dy {dy.shape}")
    return backend.active.activation_backward(x, y, dy, function, *parameters)


def softmax(x: np.ndarray) -> np.ndarray:
    """y = exp(x - max x) / sum exp(x - max x), over the last axis."""
    return backend.active.softmax(x)


def softmax_backward(y: np.ndarray, dy: np.ndarray) -> np.ndarray:
    """dx = y * (dy - sum(dy * y)), over the last axis; y is the softmax."""
    if y.shape != dy.shape:
        _refuse("softmax_backward", f"shapes differ: y {y.shape}, dy {dy.shape}")
    return backend.active.softmax_backward(y, dy)


def log_softmax(x: np.ndarray) -> np.ndarray:
    """y = x - max x - log(sum exp(x - max x)), over the last axis."""
    return backend.active.log_softmax(x)


def log_softmax_backward(y: np.ndarray, dy: np.ndarray) -> np.ndarray:
    """dx = dy - exp(y) * sum(dy), over the last axis; y is the log-softmax."""
    if y.shape != dy.shape:
        _refuse("log_softmax_backward", f"shapes differ: y {y.shape}, dy {dy.shape}")
    return backend.active.log_softmax_backward(y, dy)


# ------------------------------------------------------------------------------------------------------------ losses
#
# Each loss is a pair. The value, one number per row of y_pred (..., d); and `_gradient`, which returns
#     total = scale * sum(weight * value)      and      dy = d total / d y_pred
# in one pass. `weight` holds one number per row, or is None for ones.


def mean_squared_error(y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
    """mean over d of (y_pred - y_true)^2.    (..., d), (..., d) -> (...)"""
    _same_shape("mean_squared_error", y_true, y_pred)
    return backend.active.mean_squared_error(y_true, y_pred)


def mean_squared_error_gradient(
    y_true: np.ndarray, y_pred: np.ndarray, weight: np.ndarray | None = None, scale: float = 1.0
) -> tuple[float, np.ndarray]:
    """dy = scale * weight * 2 (y_pred - y_true) / d"""
    _same_shape("mean_squared_error", y_true, y_pred, weight)
    return backend.active.mean_squared_error_gradient(y_true, y_pred, weight, scale)


def mean_absolute_error(y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
    """mean over d of |y_pred - y_true|.    (..., d), (..., d) -> (...)"""
    _same_shape("mean_absolute_error", y_true, y_pred)
    return backend.active.mean_absolute_error(y_true, y_pred)


def mean_absolute_error_gradient(
    y_true: np.ndarray, y_pred: np.ndarray, weight: np.ndarray | None = None, scale: float = 1.0
) -> tuple[float, np.ndarray]:
    """dy = scale * weight * sign(y_pred - y_true) / d, with sign(0) = 0"""
    _same_shape("mean_absolute_error", y_true, y_pred, weight)
    return backend.active.mean_absolute_error_gradient(y_true, y_pred, weight, scale)


def binary_crossentropy(
    y_true: np.ndarray, y_pred: np.ndarray, from_logits: bool = False, label_smoothing: float = 0.0
) -> np.ndarray:
    """mean over d of -t log(p) - (1 - t) log(1 - p).    (..., d), (..., d) -> (...)

    t = y_true * (1 - label_smoothing) + label_smoothing / 2. p is y_pred clipped to [e, 1 - e], e = config.epsilon();
    with `from_logits`, p = sigmoid(y_pred), computed as max(z, 0) - z t + log(1 + exp(-|z|)) so that nothing overflows.
    """
    _same_shape("binary_crossentropy", y_true, y_pred)
    return backend.active.binary_crossentropy(y_true, y_pred, from_logits, config.epsilon(), label_smoothing)


def binary_crossentropy_gradient(
    y_true: np.ndarray,
    y_pred: np.ndarray,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    weight: np.ndarray | None = None,
    scale: float = 1.0,
) -> tuple[float, np.ndarray]:
    """dy = scale * weight * (p - t) / (p (1 - p)) / d, zero where p was clipped; from_logits: (p - t) / d"""
    _same_shape("binary_crossentropy", y_true, y_pred, weight)
    return backend.active.binary_crossentropy_gradient(
        y_true, y_pred, from_logits, config.epsilon(), label_smoothing, weight, scale
    )


def categorical_crossentropy(
    y_true: np.ndarray, y_pred: np.ndarray, from_logits: bool = False, label_smoothing: float = 0.0
) -> np.ndarray:
    """-sum over d of t log(p).    (..., d), (..., d) -> (...)

    t = y_true * (1 - label_smoothing) + label_smoothing / d. p = y_pred / sum(y_pred), clipped to [e, 1 - e], e =
    config.epsilon(); with `from_logits`, log(p) = log_softmax(y_pred).
    """
    _same_shape("categorical_crossentropy", y_true, y_pred)
    return backend.active.categorical_crossentropy(y_true, y_pred, from_logits, config.epsilon(), label_smoothing)


def categorical_crossentropy_gradient(
    y_true: np.ndarray,
    y_pred: np.ndarray,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    weight: np.ndarray | None = None,
    scale: float = 1.0,
) -> tuple[float, np.ndarray]:
    """dy = scale * weight * g.  With s = sum(y_pred) and u = -t / p (zero where p was clipped): g = (u - sum(u p)) / s.

    from_logits: g = p sum(t) - t.
    """
    _same_shape("categorical_crossentropy", y_true, y_pred, weight)
    return backend.active.categorical_crossentropy_gradient(
        y_true, y_pred, from_logits, config.epsilon(), label_smoothing, weight, scale
    )


def sparse_categorical_crossentropy(labels: np.ndarray, y_pred: np.ndarray, from_logits: bool = False) -> np.ndarray:
    """-log(p[label]), p as in `categorical_crossentropy`.    labels int32 (...), y_pred (..., d) -> (...)

    Raises ValueError for a label outside 0 .. d - 1.
    """
    _labels_in_range(labels, y_pred)
    return backend.active.sparse_categorical_crossentropy(labels, y_pred, from_logits, config.epsilon())


def sparse_categorical_crossentropy_gradient(
    labels: np.ndarray,
    y_pred: np.ndarray,
    from_logits: bool = False,
    weight: np.ndarray | None = None,
    scale: float = 1.0,
) -> tuple[float, np.ndarray]:
    """As `categorical_crossentropy_gradient` with t = 1 at the label, else 0."""
    _labels_in_range(labels, y_pred)
    if weight is not None and weight.shape != labels.shape:
        _refuse("sparse_categorical_crossentropy", f"weight {weight.shape} does not fit labels {labels.shape}")
    return backend.active.sparse_categorical_crossentropy_gradient(
        labels, y_pred, from_logits, config.epsilon(), weight, scale
    )


def _same_shape(who: str, y_true: np.ndarray, y_pred: np.ndarray, weight: np.ndarray | None = None) -> None:
    if y_true.shape != y_pred.shape:
        _refuse(who, f"y_true has shape {y_true.shape}, y_pred has shape {y_pred.shape}; they must be equal")
    if weight is not None and weight.shape != y_pred.shape[:-1]:
        _refuse(who, f"weight has shape {weight.shape}, y_pred has rows {y_pred.shape[:-1]}; they must be equal")


def _labels_in_range(labels: np.ndarray, y_pred: np.ndarray) -> None:
    classes = y_pred.shape[-1]
    if labels.shape != y_pred.shape[:-1]:
        _refuse(
            "sparse_categorical_crossentropy",
            f"labels have shape {labels.shape}, y_pred has rows {y_pred.shape[:-1]}; they must be equal",
        )
    at = backend.active.first_outside(labels, classes)
    if at >= 0:
        _refuse(
            "sparse_categorical_crossentropy",
            f"label {labels.ravel()[at]} at position {at} is outside 0..{classes - 1} "
            f"(y_pred has {classes} classes). Give the output layer more units or renumber the labels.",
        )


# -------------------------------------------------------------------------------------------------------------- rows


def argmax(x: np.ndarray) -> np.ndarray:
    """The first position of the largest element along the last axis.    x (..., d), d > 0 -> int64 (...)"""
    if x.shape[-1] == 0:
        _refuse("argmax", f"the last axis is empty (x {x.shape})")
    return backend.active.argmax(x)


def take_rows(source: np.ndarray, index: np.ndarray) -> np.ndarray:
    """out[r] = source[index[r]], for an array of any dtype.    source (n, ...), index int64 (m,) -> (m, ...)

    Raises IndexError for an index outside 0 .. n - 1.
    """
    at = backend.active.first_outside(index, source.shape[0])
    if at >= 0:
        raise IndexError(f"take_rows: index {index[at]} at position {at} is outside 0..{source.shape[0] - 1}")
    return backend.active.take_rows(source, index)


INTERPOLATIONS = ("nearest", "bilinear")
FILL_MODES = ("constant", "nearest", "reflect", "wrap")


def affine_sample(
    x: np.ndarray,
    transforms: np.ndarray,
    size: tuple[int, int],
    interpolation: str = "bilinear",
    fill_mode: str = "constant",
    fill_value: float = 0.0,
) -> np.ndarray:
    """y[r, i, j] = what lies in x[r] at row t0 i + t1 j + t2, column t3 i + t4 j + t5;  t = transforms[r], in pixels

    x (n, h, w, c), transforms (n, 6), size (H, W) -> y (n, H, W, c). Between pixels, `interpolation` is "nearest" (a
    half goes away from zero) or "bilinear". Beyond the edges, `fill_mode` goes on with `fill_value` ("constant"), the
    last pixel ("nearest"), the mirrored image c b a | a b c | c b a ("reflect") or the image again ("wrap"). It holds
    for each of the four pixels that "bilinear" needs, as in SciPy's "grid-constant" and "grid-wrap".
    """
    if x.ndim != 4 or transforms.shape != (x.shape[0], 6):
        _refuse("affine_sample", f"x is (n, h, w, c), transforms (n, 6). Received: {x.shape}, {transforms.shape}")
    if interpolation not in INTERPOLATIONS or fill_mode not in FILL_MODES:
        wanted = f"interpolation is one of {INTERPOLATIONS}, fill_mode one of {FILL_MODES}"
        _refuse("affine_sample", f"{wanted}. Received: {interpolation!r}, {fill_mode!r}")
    if max(*x.shape, *size) > 2**30 or min(size) < 0:
        _refuse("affine_sample", f"sizes lie in 0 .. 2^30. Received: x {x.shape}, size {size}")
    if fill_mode != "constant" and 0 in x.shape[1:3]:
        _refuse("affine_sample", f"an image without pixels has no {fill_mode} pixel (x {x.shape})")
    return backend.active.affine_sample(x, transforms, size, interpolation, fill_mode, fill_value)


# ---------------------------------------------------------------------------------------------------- random numbers
#
# Philox4x32-10 (Salmon et al. 2011): element j is a function of (seed, stream, j) and of nothing else, so every
# machine, thread count and backend draws the same numbers, and a mask can be drawn again instead of being kept.


def random_uniform(
    shape: tuple[int, ...], seed: int, stream: int, low: float = 0.0, high: float = 1.0, dtype: str = "float32"
) -> np.ndarray:
    """Uniform numbers, low <= y < high (up to rounding). seed, stream: 0 .. 2^64 - 1."""
    return backend.active.random_uniform(shape, seed, stream, low, high, dtype)


def random_normal(
    shape: tuple[int, ...], seed: int, stream: int, mean: float = 0.0, deviation: float = 1.0, dtype: str = "float32"
) -> np.ndarray:
    """Normal numbers by Box and Muller's method. seed, stream: 0 .. 2^64 - 1."""
    return backend.active.random_normal(shape, seed, stream, mean, deviation, dtype)


def dropout(x: np.ndarray, rate: float, seed: int, stream: int) -> np.ndarray:
    """y = 0 with probability `rate`, else x / (1 - rate).    0 <= rate < 1

    Its gradient is the same function of dy with the same seed and stream (Srivastava et al. 2014).
    """
    if not 0 <= rate < 1:
        _refuse("dropout", f"rate lies in [0, 1). Received: {rate}")
    return backend.active.dropout(x, rate, seed, stream)


# --------------------------------------------------------------------------------------------------- optimizer rules
#
# Each updates a list of variables in place. values, grads: lists of arrays of equal shapes; further lists hold the
# rule's state, likewise; `decays` holds one number per variable: before the rule, value -= value * decay.


def sgd(
    values: Sequence[np.ndarray], grads: Sequence[np.ndarray], decays: Sequence[float], learning_rate: float
) -> None:
    """value -= learning_rate * grad"""
    backend.active.sgd(values, grads, decays, learning_rate)


def momentum(
    values: Sequence[np.ndarray],
    grads: Sequence[np.ndarray],
    velocities: Sequence[np.ndarray],
    decays: Sequence[float],
    learning_rate: float,
    momentum: float,
    nesterov: bool,
) -> None:
    """velocity = momentum * velocity - learning_rate * grad;  value += velocity  (Polyak 1964)

    nesterov: value += momentum * velocity - learning_rate * grad, with the new velocity (Sutskever et al. 2013).
    """
    backend.active.momentum(values, grads, velocities, decays, learning_rate, momentum, nesterov)


def rmsprop(
    values: Sequence[np.ndarray],
    grads: Sequence[np.ndarray],
    slots: Sequence[Sequence[np.ndarray]],
    decays: Sequence[float],
    learning_rate: float,
    rho: float,
    momentum: float,
    epsilon: float,
    centered: bool,
) -> None:
    """s = rho s + (1 - rho) grad^2;  value -= learning_rate * grad / sqrt(s + epsilon)  (Tieleman & Hinton 2012)

    centered: a = rho a + (1 - rho) grad, and s - a^2 + epsilon under the root. momentum > 0: the step goes through
    v = momentum v + step. slots: (s,), then (v,) if momentum > 0, then (a,) if centered.
    """
    _slots("rmsprop", slots, 1 + (momentum > 0) + bool(centered))
    backend.active.rmsprop(values, grads, slots, decays, learning_rate, rho, momentum, epsilon, centered)


def adam(
    values: Sequence[np.ndarray],
    grads: Sequence[np.ndarray],
    slots: Sequence[Sequence[np.ndarray]],
    decays: Sequence[float],
    rate: float,
    beta_1: float,
    beta_2: float,
    epsilon: float,
    amsgrad: bool,
) -> None:
    """m += (grad - m) (1 - beta_1);  v += (grad^2 - v) (1 - beta_2);  value -= rate * m / (sqrt(v) + epsilon)

    Kingma & Ba 2015, the form before section 2.1: rate = learning_rate * sqrt(1 - beta_2^t) / (1 - beta_1^t).
    amsgrad (Reddi et al. 2018): the largest v so far takes the place of v. slots: (m, v), or (m, v, largest).
    """
    _slots("adam", slots, 3 if amsgrad else 2)
    backend.active.adam(values, grads, slots, decays, rate, beta_1, beta_2, epsilon, amsgrad)


def _slots(who: str, slots: Sequence[Sequence[np.ndarray]], expected: int) -> None:
    if len(slots) != expected:
        _refuse(who, f"slots holds {expected} lists, one for each part of the state. Received: {len(slots)}")
