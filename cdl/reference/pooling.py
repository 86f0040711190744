"""The largest and the mean of each window."""

import numpy as np

from cdl.reference.windows import padded, unpadded, window_counts, window_slices


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
