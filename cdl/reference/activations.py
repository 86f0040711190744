"""Element-wise functions, softmax, and their derivatives."""

import math

import numpy as np

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
