"""Normalization with statistics of the whole data set, known before training."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from cdl import config
from cdl.layers.base import Shape
from cdl.layers.context import Context
from cdl.layers.preprocessing.adaptive_layer import AdaptiveLayer
from cdl.layers.preprocessing.rescaling import for_sample


class Normalization(AdaptiveLayer):
    """y = (x - mean) / max(sqrt(variance), epsilon), in training and out of it; `adapt` finds both from data.

    `axis` (an integer, several, or None for none) names the axes whose entries have statistics of their own: the last
    one by default, so that each feature or channel has. `mean` and `variance`, given together, take the place of
    `adapt`. `invert=True` goes the other way, y = mean + x max(sqrt(variance), epsilon). epsilon is
    `cdl.config.epsilon()`. Raises ValueError for one of mean and variance without the other, for shapes that differ or
    do not fit, and for an axis that the input does not have or whose size is not known.

    >>> layer = Normalization()
    >>> layer.adapt(np.array([[0.0, 7.0], [2.0, 9.0]]))
    >>> layer(np.array([[0.0, 9.0]]))
    array([[-1.,  1.]], dtype=float32)
    """

    supports_masking = True

    def __init__(
        self,
        axis: int | Sequence[int] | None = -1,
        mean: Any = None,
        variance: Any = None,
        invert: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.axis = () if axis is None else (axis,) if isinstance(axis, int | np.integer) else tuple(axis)
        self.input_mean = mean
        self.input_variance = variance
        self.invert = invert
        if (mean is None) != (variance is None):
            raise ValueError(
                "Normalization: when setting values directly, both `mean` and `variance` must be set. "
                f"Received: mean={mean} and variance={variance}"
            )
        if np.shape(mean) != np.shape(variance) or np.ndim(mean) > len(self.axis):
            raise ValueError(
                f"Normalization: `mean` and `variance` have one shape, with at most {len(self.axis)} axes (axis="
                f"{self.axis}). Received: mean of shape {np.shape(mean)}, variance of shape {np.shape(variance)}"
            )

    def build(self, input_shape: Shape) -> None:
        rank = len(input_shape)
        if any(not -rank <= axis < rank for axis in self.axis):
            raise ValueError(
                f"{self.who}: all `axis` values must be in the range [-ndim, ndim). Received inputs "
                f"with ndim={rank}, while axis={self.axis}"
            )
        self._kept = sorted(axis % rank for axis in self.axis)
        if any(input_shape[axis] is None for axis in self._kept):
            raise ValueError(
                f"{self.who}: all `axis` values to be kept must have a known size. Received axis="
                f"{self.axis}, input shape {input_shape}. Pass axis=None for one mean and variance of all values."
            )
        sizes = [int(input_shape[axis]) for axis in self._kept]  # type: ignore[arg-type]
        self._broadcast = [1] * rank
        for axis, size in zip(self._kept, sizes, strict=True):
            self._broadcast[axis] = size
        if self.input_mean is None:
            self.adapt_mean = self.add_weight(sizes, "zeros", trainable=False, name="mean")
            self.adapt_variance = self.add_weight(sizes, "ones", trainable=False, name="variance")
            # Unused, as in Keras, whose files have it.
            self.count = self.add_weight((), "zeros", dtype="int32", trainable=False, name="count")
        else:
            try:
                self._mean, self._variance = (
                    np.broadcast_to(np.asarray(given, self.dtype), sizes).reshape(self._broadcast)
                    for given in (self.input_mean, self.input_variance)
                )
            except ValueError:
                raise ValueError(
                    f"{self.who}: mean and variance of shape {np.shape(self.input_mean)} do not fit "
                    f"the sizes {tuple(sizes)} of axis={self.axis} of inputs {input_shape}"
                ) from None

    @property
    def mean(self) -> np.ndarray:
        """In the shape in which it is broadcast to the input. Once the layer is built."""
        return self.adapt_mean.value.reshape(self._broadcast) if self.input_mean is None else self._mean

    @property
    def variance(self) -> np.ndarray:
        return self.adapt_variance.value.reshape(self._broadcast) if self.input_mean is None else self._variance

    # ---- adapt ----

    def adapt(self, data: Any, steps: int | None = None) -> None:
        """Set mean and variance to those of `data`, an array or an iterable of batches (or of tuples (batch, ...)).

        They are gathered in double precision. Raises TypeError for what is neither, ValueError for no batches, for
        shapes that disagree, and for a layer that was given its mean and variance.
        """
        if self.input_mean is not None:
            raise ValueError(f"{self.who} was given its mean and variance; there is nothing to adapt.")
        super().adapt(data, steps)

    def batches(self, data: Any, steps: int | None) -> Iterator[Any]:
        for batch in super().batches(data, steps):
            if not hasattr(batch, "shape"):
                raise TypeError(
                    f"{self.who}: adapt takes an array or an iterable of arrays. It yielded "
                    f"{type(batch).__name__}; convert the data with np.asarray."
                )
            x = np.asarray(batch)
            if not self.built:
                self.build(x.shape)
            yield from [x] if 0 in self._kept else _portions(x)

    def reset_state(self) -> None:
        self._count, self._running_mean, self._running_variance = 0.0, np.zeros(()), np.zeros(())

    def update_state(self, data: np.ndarray) -> None:
        """Take one more batch into account."""
        self.check_input(data.shape)
        reduced = tuple(axis for axis in range(data.ndim) if axis not in self._kept)
        # Chan, Golub & LeVeque 1979: the statistics of two parts make those of the whole.
        count = float(np.prod([data.shape[axis] for axis in reduced]))
        mean, variance = data.mean(axis=reduced, dtype=np.float64), data.var(axis=reduced, dtype=np.float64)
        self._count += count
        part, away = count / self._count, mean - self._running_mean
        self._running_variance = (
            self._running_variance + part * (variance - self._running_variance) + part * (1 - part) * away**2
        )
        self._running_mean = self._running_mean + part * away

    def finalize_state(self) -> None:
        if not self._count:
            raise ValueError(f"{self.who}: adapt received an empty iterable; at least one batch is needed.")
        self.adapt_mean.assign(self._running_mean)
        self.adapt_variance.assign(self._running_variance)

    def check_input(self, shape: Shape) -> None:
        if not self._kept:  # one number fits all shapes
            return
        if len(shape) != len(self._broadcast) or any(shape[axis] != self._broadcast[axis] for axis in self._kept):
            wanted = tuple(size if axis in self._kept else None for axis, size in enumerate(self._broadcast))
            hint = ". Axis 0 holds the samples: pass axis=None for one mean of all values" if 0 in self._kept else ""
            raise ValueError(f"{self.who}: input has shape {tuple(shape)}, but the layer was built for {wanted}{hint}")

    def deviation(self) -> np.ndarray:
        """max(sqrt(variance), epsilon)"""
        return np.maximum(np.sqrt(self.variance), np.asarray(config.epsilon(), self.dtype))

    def forward(self, ctx: Context, x: np.ndarray) -> np.ndarray:
        mean, deviation = self._for(self.mean, x), self._for(self.deviation(), x)
        return x * deviation + mean if self.invert else (x - mean) / deviation

    def backward(self, ctx: Context, dy: np.ndarray) -> np.ndarray:
        deviation = self._for(self.deviation(), dy)
        return dy * deviation if self.invert else dy / deviation

    def _for(self, statistics: np.ndarray, x: np.ndarray) -> np.ndarray:
        return for_sample(statistics, x) if self._kept else statistics.reshape(())

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "axis": self.axis,
            "invert": self.invert,
            "mean": np.array(self.input_mean).tolist(),
            "variance": np.array(self.input_variance).tolist(),
        }


def _portions(data: np.ndarray) -> Iterator[np.ndarray]:
    """The rows of `data`, about a million numbers at a time: more would be doubled in memory, as float64."""
    rows = max(1, 2**20 // max(1, data[:1].size))
    return (data[start : start + rows] for start in range(0, len(data), rows))
