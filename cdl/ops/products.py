"""Matrix products and the fully connected layer."""

from __future__ import annotations

import numpy as np

from cdl import backend
from cdl.ops.checks import refuse


def linear(x: np.ndarray, kernel: np.ndarray, bias: np.ndarray | None = None, activation: str = "linear") -> np.ndarray:
    """y = f(x @ kernel + bias)

    x (..., i), kernel (i, o), bias (o,) or None -> y (..., o). `activation` f is one of `FUSABLE`.
    """
    features, sizes = x.shape[-1:], kernel.shape
    if len(sizes) != 2 or features != sizes[:1]:
        refuse("linear", f"x has {features} features, the kernel expects {sizes[:1]} (x {x.shape}, kernel {sizes})")
    if bias is not None and bias.shape != sizes[1:]:
        refuse("linear", f"bias has shape {bias.shape}, the kernel gives {sizes[1:]}")
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
        refuse("linear_backward", f"shapes disagree: x {x.shape}, kernel {kernel.shape}, y {y.shape}, dy {dy.shape}")
    return backend.active.linear_backward(x, kernel, y, dy, activation, need_dx, need_dkernel, need_dbias)


def matmul(a: np.ndarray, b: np.ndarray, transpose_a: bool = False, transpose_b: bool = False) -> np.ndarray:
    """c = a @ b, with a or b (or both) read as their transpose.

    a (m, k) or (k, m), b (k, n) or (n, k) -> c (m, n).
    """
    if a.ndim != 2 or b.ndim != 2:
        refuse("matmul", f"a and b have two axes each. Received shapes {a.shape} and {b.shape}")
    if a.shape[0 if transpose_a else 1] != b.shape[1 if transpose_b else 0]:
        how = f"transpose_a={transpose_a}, transpose_b={transpose_b}"
        refuse("matmul", f"inner sizes differ: a {a.shape}, b {b.shape}, {how}")
    return backend.active.matmul(a, b, transpose_a, transpose_b)


def column_sum(x: np.ndarray) -> np.ndarray:
    """total[d] = sum over rows of x[..., d].    x (..., d) -> (d,)"""
    return backend.active.column_sum(x)
