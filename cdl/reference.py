"""The meaning of every primitive of `ops.py`, in NumPy, in the same order.

Written from the definitions, for any float dtype, without checks and without thought of speed. Run a model on these
with `cdl.config.set_backend("reference")`, set a breakpoint, and watch the mathematics happen.
"""

from __future__ import annotations

import math

import numpy as np

# ---------------------------------------------------------------------------------------------------- matrix products


def linear(x, kernel, bias, activation_name):
    z = x @ kernel
    if bias is not None:
        z = z + bias
    return activation(z, activation_name)


def as_matrix(x):
    """All axes but the last become the rows."""
    return x.reshape(math.prod(x.shape[:-1]), x.shape[-1])


def linear_backward(x, kernel, y, dy, activation_name, need_dx, need_dkernel, need_dbias):
    dz = dy * derivative_from_output(y, activation_name)
    rows_of_x, rows_of_dz = as_matrix(x), as_matrix(dz)
    dx = dz @ kernel.T if need_dx else None
    dkernel = rows_of_x.T @ rows_of_dz if need_dkernel else None
    dbias = rows_of_dz.sum(axis=0) if need_dbias else None
    return dx, dkernel, dbias


def derivative_from_output(y, function):
    """f'(z) as a function of y = f(z), for the functions in `ops.FUSABLE`."""
    if function == "linear":
        return np.ones_like(y)
    if function == "relu":
        return (y > 0).astype(y.dtype)
    if function == "sigmoid":
        return y * (1 - y)
    return 1 - y * y  # tanh


def matmul(a, b, transpose_a, transpose_b):
    return (a.T if transpose_a else a) @ (b.T if transpose_b else b)


def column_sum(x):
    return as_matrix(x).sum(axis=0)


# ----------------------------------------------------------------------------------------------- windows over an image


def window_slices(tap, out, strides, dilation):
    """Where, in the padded image, all windows have their element number `tap`."""
    starts = [t * d for t, d in zip(tap, dilation, strict=True)]
    axes = zip(starts, out, strides, strict=True)
    return (slice(None), *(slice(start, start + count * stride, stride) for start, count, stride in axes))


def padded(x, padding, fill=0):
    return np.pad(x, ((0, 0), *padding, (0, 0)), constant_values=fill)


def unpadded(x, padding):
    axes = zip(x.shape[1:-1], padding, strict=True)
    return x[(slice(None), *(slice(before, size - after) for size, (before, after) in axes))].copy()


def by_group(x, groups):
    """(..., d) -> (..., groups, d / groups)"""
    return x.reshape(*x.shape[:-1], groups, x.shape[-1] // groups)


def window_counts(x, size, strides, dilation):
    """The number of windows along each axis of a padded image."""
    axes = zip(x.shape[1:-1], size, strides, dilation, strict=True)
    return [(points - d * (s - 1) - 1) // stride + 1 for points, s, stride, d in axes]


def convolution(x, kernel, bias, strides, padding, dilation, groups, activation_name):
    size = kernel.shape[:-2]
    x = padded(x, padding)
    out = window_counts(x, size, strides, dilation)
    z = np.zeros((x.shape[0], *out, kernel.shape[-1]), x.dtype)
    for tap in np.ndindex(*size):
        x_tap = by_group(x[window_slices(tap, out, strides, dilation)], groups)
        z += np.einsum("...gi,igo->...go", x_tap, by_group(kernel[tap], groups)).reshape(z.shape)
    if bias is not None:
        z = z + bias
    return activation(z, activation_name)


def convolution_backward(
    x, kernel, y, dy, strides, padding, dilation, groups, activation_name, need_dx, need_dkernel, need_dbias
):
    dz = dy * derivative_from_output(y, activation_name)
    x = padded(x, padding)
    dx, dkernel = np.zeros_like(x), np.zeros_like(kernel)
    dz_groups, dx_groups = by_group(dz, groups), by_group(dx, groups)
    for tap in np.ndindex(*kernel.shape[:-2]):
        here = window_slices(tap, y.shape[1:-1], strides, dilation)
        kernel_tap = by_group(kernel[tap], groups)
        dx_groups[here] += np.einsum("...go,igo->...gi", dz_groups, kernel_tap)
        x_rows, dz_rows = by_group(as_matrix(x[here]), groups), by_group(as_matrix(dz), groups)
        dkernel[tap] = np.einsum("rgi,rgo->igo", x_rows, dz_rows).reshape(kernel[tap].shape)
    dbias = as_matrix(dz).sum(axis=0)
    return unpadded(dx, padding) if need_dx else None, dkernel if need_dkernel else None, dbias if need_dbias else None


def convolution_transpose(x, kernel, bias, output_size, strides, padding, dilation, activation_name):
    image = np.zeros((x.shape[0], *output_size, kernel.shape[-2]), x.dtype)  # only its shape matters
    z, _, _ = convolution_backward(
        image, kernel, x, x, strides, padding, dilation, 1, "linear", need_dx=True, need_dkernel=False, need_dbias=False
    )
    if bias is not None:
        z = z + bias
    return activation(z, activation_name)


def convolution_transpose_backward(
    x, kernel, y, dy, strides, padding, dilation, activation_name, need_dx, need_dkernel, need_dbias
):
    dz = dy * derivative_from_output(y, activation_name)
    dx = convolution(dz, kernel, None, strides, padding, dilation, 1, "linear")
    _, dkernel, _ = convolution_backward(
        dz, kernel, x, x, strides, padding, dilation, 1, "linear", need_dx=False, need_dkernel=True, need_dbias=False
    )
    dbias = as_matrix(dz).sum(axis=0)
    return dx if need_dx else None, dkernel if need_dkernel else None, dbias if need_dbias else None


def max_pool(x, size, strides, padding):
    dilation = (1,) * len(size)
    x = padded(x, padding, -np.inf)
    out = window_counts(x, size, strides, dilation)
    return np.max([x[window_slices(tap, out, strides, dilation)] for tap in np.ndindex(*size)], axis=0)


def max_pool_backward(x, y, dy, size, strides, padding):
    inside = padded(np.ones(x.shape, bool), padding)
    x = padded(x, padding)
    dx, given = np.zeros_like(x), np.zeros(y.shape, bool)
    for tap in np.ndindex(*size):
        here = window_slices(tap, y.shape[1:-1], strides, (1,) * len(size))
        first_largest = inside[here] & ~(x[here] < y) & ~given  # where y is NaN, the first of all
        dx[here] += np.where(first_largest, dy, 0)
        given |= first_largest
    return unpadded(dx, padding)


def window_sums(x, size, strides, padding):
    dilation = (1,) * len(size)
    x = padded(x, padding)
    out = window_counts(x, size, strides, dilation)
    return np.sum([x[window_slices(tap, out, strides, dilation)] for tap in np.ndindex(*size)], axis=0)


def average_pool(x, size, strides, padding):
    inside = window_sums(np.ones((1, *x.shape[1:-1], 1), x.dtype), size, strides, padding)
    return window_sums(x, size, strides, padding) / inside


def average_pool_backward(dy, input_size, size, strides, padding):
    inside = window_sums(np.ones((1, *input_size, 1), dy.dtype), size, strides, padding)
    dx = padded(np.zeros((dy.shape[0], *input_size, dy.shape[-1]), dy.dtype), padding)
    for tap in np.ndindex(*size):
        dx[window_slices(tap, dy.shape[1:-1], strides, (1,) * len(size))] += dy / inside
    return unpadded(dx, padding)


# ----------------------------------------------------------------------------------------------------- normalisation


def scaled_shifted(x_hat, gamma, beta):
    return x_hat * (1 if gamma is None else gamma) + (0 if beta is None else beta)


def batch_norm(x, gamma, beta, epsilon):
    mean, variance = as_matrix(x).mean(axis=0), as_matrix(x).var(axis=0)
    return scaled_shifted((x - mean) / np.sqrt(variance + epsilon), gamma, beta), mean, variance


def batch_norm_backward(x, gamma, mean, variance, dy, epsilon, need_dx):
    deviation = np.sqrt(variance + epsilon)
    x_hat = (x - mean) / deviation
    dbeta, dgamma = as_matrix(dy).sum(axis=0), as_matrix(dy * x_hat).sum(axis=0)
    n = len(as_matrix(x))
    dx = scaled_shifted(dy - dbeta / n - x_hat * dgamma / n, gamma, None) / deviation
    return dx if need_dx else None, dgamma, dbeta


def scale_shift(x, scale, shift):
    return x * scale + shift


def layer_norm(x, gamma, beta, epsilon):
    mean, variance = x.mean(axis=-1, keepdims=True), x.var(axis=-1, keepdims=True)
    return scaled_shifted((x - mean) / np.sqrt(variance + epsilon), gamma, beta)


def layer_norm_backward(x, gamma, dy, epsilon, need_dgamma, need_dbeta):
    deviation = np.sqrt(x.var(axis=-1, keepdims=True) + epsilon)
    x_hat = (x - x.mean(axis=-1, keepdims=True)) / deviation
    g = scaled_shifted(dy, gamma, None)
    along_x_hat = (g * x_hat).mean(axis=-1, keepdims=True)
    dx = (g - g.mean(axis=-1, keepdims=True) - x_hat * along_x_hat) / deviation
    dgamma, dbeta = as_matrix(dy * x_hat).sum(axis=0), as_matrix(dy).sum(axis=0)
    return dx, dgamma if need_dgamma else None, dbeta if need_dbeta else None


def rms_norm(x, gamma, epsilon):
    return gamma * x / np.sqrt((x * x).mean(axis=-1, keepdims=True) + epsilon)


def rms_norm_backward(x, gamma, dy, epsilon):
    size = np.sqrt((x * x).mean(axis=-1, keepdims=True) + epsilon)
    x_hat, g = x / size, gamma * dy
    dx = (g - x_hat * (g * x_hat).mean(axis=-1, keepdims=True)) / size
    return dx, as_matrix(dy * x_hat).sum(axis=0)


# ------------------------------------------------------------------------------------------------------- activations

SELU_ALPHA = 1.6732632423543772
SELU_SCALE = 1.0507009873554805
GELU_RATE = math.sqrt(2 / math.pi)


def sigmoid(x):
    e = np.exp(-np.abs(x))  # never overflows
    return np.where(x >= 0, 1, e) / (1 + e)


def softplus(x):
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


def elu(x, alpha):
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))


def elu_slope(x, alpha):
    return np.where(x > 0, 1, alpha * np.exp(np.minimum(x, 0)))


def erf(x):
    return np.vectorize(math.erf, otypes=[np.float64])(x)


def normal_cdf(x):
    return (1 + erf(x / math.sqrt(2))) / 2


def gelu_tanh_inner(x):
    return GELU_RATE * (x + 0.044715 * x**3)


# name: (f(x, *parameters), f'(x, *parameters)).  Where f has a kink, f' takes the value that Keras' backends take.
ACTIVATIONS = {
    "linear": (lambda x: x, lambda x: np.ones_like(x)),
    "relu": (lambda x: np.maximum(x, 0), lambda x: x > 0),
    "sigmoid": (sigmoid, lambda x: sigmoid(x) * (1 - sigmoid(x))),
    "tanh": (np.tanh, lambda x: 1 - np.tanh(x) ** 2),
    "clipped_relu": (
        lambda x, slope, top, threshold: np.where(x > threshold, np.minimum(x, top), slope * (x - threshold)),
        lambda x, slope, top, threshold: np.where(x > threshold, x < top, slope),
    ),
    "elu": (elu, elu_slope),
    "selu": (lambda x: SELU_SCALE * elu(x, SELU_ALPHA), lambda x: SELU_SCALE * elu_slope(x, SELU_ALPHA)),
    "celu": (
        lambda x, alpha: np.maximum(x, 0) + alpha * np.expm1(np.minimum(x, 0) / alpha),
        lambda x, alpha: np.exp(np.minimum(x, 0) / alpha),
    ),
    "gelu": (
        lambda x: x * normal_cdf(x),
        lambda x: normal_cdf(x) + x * np.exp(-x * x / 2) / math.sqrt(2 * math.pi),
    ),
    "gelu_tanh": (
        lambda x: x / 2 * (1 + np.tanh(gelu_tanh_inner(x))),
        lambda x: (
            (1 + np.tanh(gelu_tanh_inner(x))) / 2
            + x / 2 * (1 - np.tanh(gelu_tanh_inner(x)) ** 2) * GELU_RATE * (1 + 3 * 0.044715 * x * x)
        ),
    ),
    "hard_sigmoid": (lambda x: np.clip(x / 6 + 0.5, 0, 1), lambda x: (np.abs(x) < 3) / 6),
    "log_sigmoid": (lambda x: -softplus(-x), lambda x: sigmoid(-x)),
    "silu": (lambda x: x * sigmoid(x), lambda x: sigmoid(x) * (1 + x * (1 - sigmoid(x)))),
    "hard_silu": (
        lambda x: x * np.clip(x / 6 + 0.5, 0, 1),
        lambda x: np.clip(x / 6 + 0.5, 0, 1) + x * (np.abs(x) < 3) / 6,
    ),
    "hard_tanh": (lambda x: np.clip(x, -1, 1), lambda x: np.abs(x) < 1),
    "tanh_shrink": (lambda x: x - np.tanh(x), lambda x: np.tanh(x) ** 2),
    "softplus": (softplus, sigmoid),
    "softsign": (lambda x: x / (1 + np.abs(x)), lambda x: 1 / (1 + np.abs(x)) ** 2),
    "squareplus": (
        lambda x, b: (x + np.sqrt(x * x + b)) / 2,
        lambda x, b: (1 + x / np.sqrt(x * x + b)) / 2,
    ),
    "exponential": (np.exp, np.exp),
    "mish": (
        lambda x: x * np.tanh(softplus(x)),
        lambda x: np.tanh(softplus(x)) + x * (1 - np.tanh(softplus(x)) ** 2) * sigmoid(x),
    ),
    "hard_shrink": (
        lambda x, threshold: np.where(np.abs(x) <= threshold, 0, x),
        lambda x, threshold: np.abs(x) > threshold,
    ),
    "soft_shrink": (
        lambda x, threshold: np.sign(x) * np.maximum(np.abs(x) - threshold, 0),
        lambda x, threshold: np.abs(x) > threshold,
    ),
    "threshold": (
        lambda x, threshold, default: np.where(x <= threshold, default, x),
        lambda x, threshold, default: x > threshold,
    ),
    "sparse_plus": (
        lambda x: np.where(x <= -1, 0, np.where(x < 1, (x + 1) ** 2 / 4, x)),
        lambda x: np.clip((x + 1) / 2, 0, 1),
    ),
    "sparse_sigmoid": (lambda x: np.clip((x + 1) / 2, 0, 1), lambda x: (np.abs(x) < 1) / 2),
}


def activation(x, function, *parameters):
    return np.asarray(ACTIVATIONS[function][0](x, *parameters), dtype=x.dtype)


def activation_backward(x, y, dy, function, *parameters):
    return np.asarray(dy * ACTIVATIONS[function][1](x, *parameters), dtype=dy.dtype)


def softmax(x):
    e = np.exp(x - x.max(axis=-1, keepdims=True, initial=-np.inf))
    return e / e.sum(axis=-1, keepdims=True)


def softmax_backward(y, dy):
    return y * (dy - (dy * y).sum(axis=-1, keepdims=True))


def log_softmax(x):
    shifted = x - x.max(axis=-1, keepdims=True, initial=-np.inf)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def log_softmax_backward(y, dy):
    return dy - np.exp(y) * dy.sum(axis=-1, keepdims=True)


# ------------------------------------------------------------------------------------------------------------ losses


def total_and_gradient(values, gradient, weight, scale):
    """The total of the weighted values, and its gradient from the gradient of each row's value."""
    weight = np.ones_like(values) if weight is None else weight
    return float(scale * (weight * values).sum()), (scale * weight[..., None] * gradient).astype(gradient.dtype)


def mean_squared_error(y_true, y_pred):
    return ((y_pred - y_true) ** 2).mean(axis=-1)


def mean_squared_error_gradient(y_true, y_pred, weight, scale):
    gradient = 2 * (y_pred - y_true) / y_pred.shape[-1]
    return total_and_gradient(mean_squared_error(y_true, y_pred), gradient, weight, scale)


def mean_absolute_error(y_true, y_pred):
    return np.abs(y_pred - y_true).mean(axis=-1)


def mean_absolute_error_gradient(y_true, y_pred, weight, scale):
    gradient = np.sign(y_pred - y_true) / y_pred.shape[-1]
    return total_and_gradient(mean_absolute_error(y_true, y_pred), gradient, weight, scale)


def smooth_binary(y_true, label_smoothing):
    return y_true * (1 - label_smoothing) + label_smoothing / 2


def smooth_categorical(y_true, label_smoothing):
    return y_true * (1 - label_smoothing) + label_smoothing / y_true.shape[-1]


def binary_crossentropy(y_true, y_pred, from_logits, epsilon, label_smoothing):
    t = smooth_binary(y_true, label_smoothing)
    if from_logits:
        return (np.maximum(y_pred, 0) - y_pred * t + np.log1p(np.exp(-np.abs(y_pred)))).mean(axis=-1)
    p = np.clip(y_pred, epsilon, 1 - epsilon)
    return -(t * np.log(p) + (1 - t) * np.log(1 - p)).mean(axis=-1)


def binary_crossentropy_gradient(y_true, y_pred, from_logits, epsilon, label_smoothing, weight, scale):
    values = binary_crossentropy(y_true, y_pred, from_logits, epsilon, label_smoothing)
    t = smooth_binary(y_true, label_smoothing)
    if from_logits:
        gradient = sigmoid(y_pred) - t
    else:
        p = np.clip(y_pred, epsilon, 1 - epsilon)
        gradient = (p - t) / (p * (1 - p)) * (p == y_pred)
    return total_and_gradient(values, gradient / y_pred.shape[-1], weight, scale)


def categorical_crossentropy(y_true, y_pred, from_logits, epsilon, label_smoothing):
    t = smooth_categorical(y_true, label_smoothing)
    if from_logits:
        return -np.where(t == 0, 0, t * log_softmax(y_pred)).sum(axis=-1)  # 0 log 0 = 0
    p = np.clip(y_pred / y_pred.sum(axis=-1, keepdims=True), epsilon, 1 - epsilon)
    return -(t * np.log(p)).sum(axis=-1)


def categorical_crossentropy_gradient(y_true, y_pred, from_logits, epsilon, label_smoothing, weight, scale):
    values = categorical_crossentropy(y_true, y_pred, from_logits, epsilon, label_smoothing)
    t = smooth_categorical(y_true, label_smoothing)
    if from_logits:
        gradient = softmax(y_pred) * t.sum(axis=-1, keepdims=True) - t
    else:
        s = y_pred.sum(axis=-1, keepdims=True)
        q = y_pred / s
        p = np.clip(q, epsilon, 1 - epsilon)
        u = -t / p * (p == q)
        gradient = (u - (u * q).sum(axis=-1, keepdims=True)) / s
    return total_and_gradient(values, gradient, weight, scale)


def one_hot(labels, y_pred):
    return (labels[..., None] == np.arange(y_pred.shape[-1])).astype(y_pred.dtype)


def sparse_categorical_crossentropy(labels, y_pred, from_logits, epsilon):
    return categorical_crossentropy(one_hot(labels, y_pred), y_pred, from_logits, epsilon, 0.0)


def sparse_categorical_crossentropy_gradient(labels, y_pred, from_logits, epsilon, weight, scale):
    t = one_hot(labels, y_pred)
    return categorical_crossentropy_gradient(t, y_pred, from_logits, epsilon, 0.0, weight, scale)


def first_outside(index, limit):
    """The position of the first index outside 0 .. limit - 1, or -1."""
    outside = np.flatnonzero((index.ravel() < 0) | (index.ravel() >= limit))
    return int(outside[0]) if outside.size else -1


# -------------------------------------------------------------------------------------------------------------- rows


def argmax(x):
    return x.argmax(axis=-1)


def take_rows(source, index):
    return source[index]


FARTHEST = 2.0**30  # pixels from an image; a position beyond is taken there, and NaN to the left or the top


def affine_sample(x, transforms, size, interpolation, fill_mode, fill_value):
    i, j = np.arange(size[0])[:, None], np.arange(size[1])
    images = []
    for image, (t0, t1, t2, t3, t4, t5) in zip(x, transforms, strict=True):
        row, column = (np.nan_to_num(p, nan=-FARTHEST) for p in (t0 * i + t1 * j + t2, t3 * i + t4 * j + t5))
        row, column = np.clip(row, -FARTHEST, FARTHEST), np.clip(column, -FARTHEST, FARTHEST)
        if interpolation == "nearest":
            images.append(pixels(image, half_away(row), half_away(column), fill_mode, fill_value))
            continue
        top, left = np.floor(row), np.floor(column)
        below, right = (row - top)[..., None], (column - left)[..., None]
        p00, p01, p10, p11 = (
            pixels(image, r, c, fill_mode, fill_value) for r in (top, top + 1) for c in (left, left + 1)
        )
        images.append((1 - below) * ((1 - right) * p00 + right * p01) + below * ((1 - right) * p10 + right * p11))
    return np.reshape(images, (len(x), *size, x.shape[-1])).astype(x.dtype)


def half_away(position):
    """The nearest integer; a half goes away from zero."""
    magnitude = np.abs(position)
    whole = np.floor(magnitude)
    return np.copysign(whole + (magnitude - whole >= 0.5), position)


def pixels(image, row, column, fill_mode, fill_value):
    """image[row, column], for whole numbers of any size: the image goes on beyond its edges as `fill_mode` says."""
    indices, outside = [], np.zeros(row.shape, bool)
    for index, points in zip((row, column), image.shape[:2], strict=True):
        index = index.astype(np.int64)
        if fill_mode == "constant":
            outside |= (index < 0) | (index >= points)
        if fill_mode == "wrap":
            index = index % points
        if fill_mode == "reflect":
            index = np.minimum(index % (2 * points), 2 * points - 1 - index % (2 * points))
        indices.append(np.clip(index, 0, points - 1))
    if 0 in image.shape[:2]:
        return np.full((*row.shape, image.shape[2]), fill_value, image.dtype)
    return np.where(outside[..., None], fill_value, image[tuple(indices)])


# ---------------------------------------------------------------------------------------------------- random numbers

PHILOX_MULTIPLIER = np.array([0xD2511F53, 0xCD9E8D57], dtype=np.uint64)
PHILOX_WEYL = (0x9E3779B9, 0xBB67AE85)
LOW32 = np.uint64(0xFFFFFFFF)


def philox(seed, stream, blocks):
    """Philox4x32-10: four words of 32 bits for each counter (block, stream) under the key `seed`. -> (blocks, 4)"""
    counter = np.arange(blocks, dtype=np.uint64)
    c = [counter & LOW32, counter >> np.uint64(32)]
    c += [np.full(blocks, stream & 0xFFFFFFFF, np.uint64), np.full(blocks, stream >> 32, np.uint64)]
    key = [seed & 0xFFFFFFFF, seed >> 32]
    for _ in range(10):
        a, b = c[0] * PHILOX_MULTIPLIER[0], c[2] * PHILOX_MULTIPLIER[1]
        c = [
            (b >> np.uint64(32)) ^ c[1] ^ np.uint64(key[0]),
            b & LOW32,
            (a >> np.uint64(32)) ^ c[3] ^ np.uint64(key[1]),
            a & LOW32,
        ]
        key = [(k + w) & 0xFFFFFFFF for k, w in zip(key, PHILOX_WEYL, strict=True)]
    return np.stack(c, axis=1)


def philox_words(seed, stream, size):
    """32-bit words in the order in which elements use them.

    Sixteen blocks make a group of 64 words: first the sixteen first words, then the sixteen second words, and so on, so
    that vector registers of any width fill from neighbouring blocks.
    """
    groups = -(-size // 64)
    return philox(seed, stream, 16 * groups).reshape(groups, 16, 4).transpose(0, 2, 1)


def unit_interval(seed, stream, size, dtype):
    """Numbers in [0, 1): 24 bits of one word for float32, 53 bits of two words for float64 (groups of 32 elements)."""
    if dtype == "float32":
        words = philox_words(seed, stream, size).reshape(-1)[:size]
        return (words >> np.uint64(8)).astype(np.float64) / 2**24
    w = philox_words(seed, stream, 2 * size)
    high, low = w[:, 0::2] >> np.uint64(5), w[:, 1::2] >> np.uint64(6)  # 27 and 26 bits
    return ((high * np.uint64(2**26) + low).astype(np.float64) / 2**53).reshape(-1)[:size]


def random_uniform(shape, seed, stream, low, high, dtype):
    real = np.dtype(dtype).type
    u = unit_interval(seed, stream, math.prod(shape), dtype).astype(dtype)
    return (real(low) + real(high - low) * u).reshape(shape)


def random_normal(shape, seed, stream, mean, deviation, dtype):
    """Box & Muller: sqrt(-2 log u) cos(2 pi v) and ... sin(2 pi v) are normal; u and v are neighbouring sixteens."""
    size = math.prod(shape)
    groups = -(-size // 32)
    unit = unit_interval(seed, stream, 32 * groups, dtype).reshape(groups, 2, 16)
    step = 2.0**-24 if dtype == "float32" else 2.0**-53
    radius = np.sqrt(-2 * np.log(unit[:, 0] + step))  # u in (0, 1]
    angle = 2 * math.pi * unit[:, 1]
    normal = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1).reshape(-1)[:size]
    return (mean + deviation * normal).astype(dtype).reshape(shape)


def dropout(x, rate, seed, stream):
    """An element is dropped where its word is below rate * 2^32: the same mask for every dtype."""
    words = philox_words(seed, stream, x.size).reshape(-1)[: x.size].reshape(x.shape)
    return np.where(words < np.uint64(rate * 2**32), 0, x / (1 - rate)).astype(x.dtype)


# --------------------------------------------------------------------------------------------------- optimizer rules


def sgd(values, grads, decays, learning_rate):
    for value, grad, decay in zip(values, grads, decays, strict=True):
        value -= value * decay
        value -= learning_rate * grad


def momentum(values, grads, velocities, decays, learning_rate, momentum, nesterov):
    for value, grad, velocity, decay in zip(values, grads, velocities, decays, strict=True):
        value -= value * decay
        velocity[...] = momentum * velocity - learning_rate * grad
        value += momentum * velocity - learning_rate * grad if nesterov else velocity


def rmsprop(values, grads, slots, decays, learning_rate, rho, momentum, epsilon, centered):
    for value, grad, decay, s, *rest in zip(values, grads, decays, *slots, strict=True):
        value -= value * decay
        s[...] = rho * s + (1 - rho) * grad**2
        denominator = s + epsilon
        if centered:
            a = rest[-1]
            a[...] = rho * a + (1 - rho) * grad
            denominator = np.maximum(s - a**2, 0) + epsilon  # a variance, below 0 by rounding only
        step = learning_rate * grad / np.sqrt(denominator)
        if momentum > 0:
            rest[0][...] = momentum * rest[0] + step
            step = rest[0]
        value -= step


def adam(values, grads, slots, decays, rate, beta_1, beta_2, epsilon, amsgrad):
    for value, grad, decay, m, v, *largest in zip(values, grads, decays, *slots, strict=True):
        value -= value * decay
        m += (grad - m) * (1 - beta_1)
        v += (grad**2 - v) * (1 - beta_2)
        if amsgrad:
            np.maximum(largest[0], v, out=largest[0])
        value -= rate * m / (np.sqrt(largest[0] if amsgrad else v) + epsilon)
