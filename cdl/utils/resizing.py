"""Images of another size."""

from __future__ import annotations

import numpy as np

from cdl import ops


def resize(x: np.ndarray, height: int, width: int, interpolation: str = "bilinear") -> np.ndarray:
    """The images x (n, h, w, c) stretched to (n, height, width, c)."""
    n, h, w, _ = x.shape
    if (h, w) == (height, width):
        return x
    if interpolation == "nearest":  # in integers: the middle of an output pixel may lie between two of the input
        rows = (2 * np.arange(height) + 1) * h // (2 * height)
        columns = (2 * np.arange(width) + 1) * w // (2 * width)
        return x.take(rows, axis=1).take(columns, axis=2)
    down, right = h / height, w / width
    maps = np.tile(np.array([down, 0, (down - 1) / 2, 0, right, (right - 1) / 2], x.dtype), (n, 1))
    return ops.affine_sample(x, maps, (height, width), interpolation, "nearest")


def resize_window(x: np.ndarray, height: int, width: int, interpolation: str = "bilinear") -> np.ndarray:
    """The largest central window of the aspect ratio height : width, resized to height x width."""
    _, h, w, _ = x.shape
    rows = max(min(h, int(w * height / width)), 1)
    columns = max(min(w, int(h * width / height)), 1)
    top, left = (h - rows) // 2, (w - columns) // 2
    return resize(x[:, top : top + rows, left : left + columns], height, width, interpolation)


def pad_to_ratio(x: np.ndarray, height: int, width: int, fill_value: float) -> np.ndarray:
    """x with `fill_value` on two opposite sides, so that it comes closest to the aspect ratio height : width."""
    n, h, w, c = x.shape
    above = (max(h, int(w * height / width)) - h) // 2
    left = (max(w, int(h * width / height)) - w) // 2 if above == 0 else 0
    padded = np.full((n, h + 2 * above, w + 2 * left, c), fill_value, x.dtype)
    padded[:, above : above + h, left : left + w] = x
    return padded
