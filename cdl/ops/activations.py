"""Element-wise functions, softmax, and their derivatives."""

from __future__ import annotations

import numpy as np

from cdl import backend
from cdl.ops.checks import refuse

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


def activation(x: np.ndarray, function: str, *parameters: float) -> np.ndarray:
    """y = f(x), element by element; f is one of `FUNCTIONS`, with its parameters."""
    return backend.active.activation(x, function, *parameters)


def activation_backward(x: np.ndarray, y: np.ndarray, dy: np.ndarray, function: str, *parameters: float) -> np.ndarray:
    """dx = dy * f'(x), where y = f(x). All arrays have one shape."""
    if not x.shape == y.shape == dy.shape:
        refuse("activation_backward", f"shapes differ: x {x.shape}, y {y.shape}, dy {dy.shape}")
    return backend.active.activation_backward(x, y, dy, function, *parameters)


def softmax(x: np.ndarray) -> np.ndarray:
    """y = exp(x - max x) / sum exp(x - max x), over the last axis."""
    return backend.active.softmax(x)


def softmax_backward(y: np.ndarray, dy: np.ndarray) -> np.ndarray:
    """dx = y * (dy - sum(dy * y)), over the last axis; y is the softmax."""
    if y.shape != dy.shape:
        refuse("softmax_backward", f"shapes differ: y {y.shape}, dy {dy.shape}")
    return backend.active.softmax_backward(y, dy)


def log_softmax(x: np.ndarray) -> np.ndarray:
    """y = x - max x - log(sum exp(x - max x)), over the last axis."""
    return backend.active.log_softmax(x)


def log_softmax_backward(y: np.ndarray, dy: np.ndarray) -> np.ndarray:
    """dx = dy - exp(y) * sum(dy), over the last axis; y is the log-softmax."""
    if y.shape != dy.shape:
        refuse("log_softmax_backward", f"shapes differ: y {y.shape}, dy {dy.shape}")
    return backend.active.log_softmax_backward(y, dy)
