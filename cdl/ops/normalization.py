"""Normalisation over the batch, and row by row."""

from __future__ import annotations

import numpy as np

from cdl import backend
from cdl.ops.checks import refuse

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
        refuse(who, f"the last axis is empty (x {x.shape})")
    for name, vector in vectors.items():
        if vector is not None and vector.shape != channels:
            refuse(who, f"{name} has shape {vector.shape}, x {x.shape} has {channels} channels")


def _like(who: str, x: np.ndarray, dy: np.ndarray) -> None:
    if x.shape != dy.shape:
        refuse(who, f"shapes differ: x {x.shape}, dy {dy.shape}")


def _some_rows(who: str, x: np.ndarray) -> None:
    if x.size == 0:
        refuse(who, f"there is no mean of no rows (x {x.shape})")
