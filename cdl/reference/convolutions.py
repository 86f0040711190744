"""Convolution and its transpose: a loop over the elements of a window."""

import numpy as np

from cdl.reference.activations import activation
from cdl.reference.products import as_matrix, derivative_from_output
from cdl.reference.windows import padded, unpadded, window_counts, window_slices


def by_group(x, groups):
    """(..., d) -> (..., groups, d / groups)"""
    return x.reshape(*x.shape[:-1], groups, x.shape[-1] // groups)


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
