"""Matrix products and the fully connected layer."""

import math

import numpy as np

from cdl.reference.activations import activation


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
