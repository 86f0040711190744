"""Picking rows and pixels."""

import numpy as np


def argmax(x):
    return x.argmax(axis=-1)


def count_argmax(x, labels):
    return int(np.count_nonzero(x.argmax(axis=-1) == labels))


def first_outside(index, limit):
    """The position of the first index outside 0 .. limit - 1, or -1."""
    outside = np.flatnonzero((index.ravel() < 0) | (index.ravel() >= limit))
    return int(outside[0]) if outside.size else -1


def take_rows(source, index):
    return source[index]


def sum_rows(x, index):
    used, group = np.unique(index, return_inverse=True)
    sums = np.zeros((len(used), x.shape[1]), x.dtype)
    np.add.at(sums, group, x)
    return used, sums


def put_rows(target, index, rows):
    target[index] = rows


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
