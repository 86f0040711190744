"""Windows over an image.


Convolution and pooling look at an image (1, 2 or 3 spatial axes, channels last) through windows. Along each axis,
window number p covers the positions  p * stride - before + t * dilation,  t = 0 .. size - 1,  of x; positions outside
of x are padding. `padding` holds a pair (before, after) for each axis; there are
    out = (in + before + after - dilation * (size - 1) - 1) // stride + 1     windows along an axis.
"""

from __future__ import annotations

from cdl.ops.checks import refuse

Sizes = tuple[int, ...]  # of something along each axis
Pairs = tuple[tuple[int, int], ...]  # before and after, along each axis


def window_counts(
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
        refuse(
            who,
            f"x {x_shape} has {rank} spatial axes (1 to 3 are possible), but size is {tuple(size)}, strides "
            f"{tuple(strides)}, padding {tuple(padding)}, dilation {tuple(dilation)}",
        )
    if min(*size, *strides, *dilation) < 1 or min(min(pair) for pair in padding) < 0:
        refuse(
            who, f"size {size}, strides {strides}, dilation {dilation} are positive, padding {padding} is not negative"
        )
    counts = []
    for axis, (points, pair) in enumerate(zip(x_shape[1:-1], padding, strict=True)):
        extent = dilation[axis] * (size[axis] - 1) + 1
        if extent > points + sum(pair):
            refuse(who, f"a window of {extent} does not fit into axis {axis + 1} of x {x_shape} with padding {pair}")
        counts.append((points + sum(pair) - extent) // strides[axis] + 1)
    return tuple(counts)
