"""Windows for Fourier transforms of short pieces of a signal."""

from __future__ import annotations

import numpy as np

# w[n] = sum over k of (-1)^k a[k] cos(2 pi k n / N) (Harris 1978; flattop: D'Antona & Ferrero 2006)
COSINE_SUMS = {
    "boxcar": (1.0,),
    "hann": (0.5, 0.5),
    "hamming": (0.54, 0.46),
    "blackman": (0.42, 0.5, 0.08),
    "nuttall": (0.3635819, 0.4891775, 0.1365995, 0.0106411),
    "blackmanharris": (0.35875, 0.48829, 0.14128, 0.01168),
    "flattop": (0.21557895, 0.41663158, 0.277263158, 0.083578947, 0.006947368),
}


def window(name: str, length: int, periodic: bool) -> np.ndarray:
    """The window of that name, float64 (length,): N is `length` if it is periodic, else length - 1, so both ends agree.

    ValueError for an unknown name.

    >>> window("hann", 4, periodic=True)
    array([0. , 0.5, 1. , 0.5])
    """
    check_window(name)
    angle = 2 * np.pi * np.arange(length) / max(1, length if periodic else length - 1)
    if length == 1:
        return np.ones(1)
    return sum((-1) ** k * a * np.cos(k * angle) for k, a in enumerate(COSINE_SUMS[name]))  # type: ignore[return-value]


def check_window(name: str) -> None:
    """ValueError for an unknown name."""
    if name not in COSINE_SUMS:
        raise ValueError(
            f"Unknown window type {name!r}. There are {list(COSINE_SUMS)}; others can be passed as arrays, such as "
            f"scipy.signal.get_window({name!r}, length)."
        )
