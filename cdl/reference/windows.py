"""Windows over an image: what convolution and pooling have in common."""

import numpy as np


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


def window_counts(x, size, strides, dilation):
    """The number of windows along each axis of a padded image."""
    axes = zip(x.shape[1:-1], size, strides, dilation, strict=True)
    return [(points - d * (s - 1) - 1) // stride + 1 for points, s, stride, d in axes]
