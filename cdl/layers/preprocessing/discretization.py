"""Numbers to the ranges in which they lie."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cdl.layers.base import Shape
from cdl.layers.context import Context
from cdl.layers.preprocessing.adaptive_layer import AdaptiveLayer
from cdl.layers.preprocessing.categorical_layer import CategoricalLayer, encode


class Discretization(CategoricalLayer, AdaptiveLayer):
    """y = the number of boundaries b <= x: bin 0 is (-inf, b_0), bin 1 is [b_0, b_1), and so on.

    x (...), numbers -> int32 (...), or what `output_mode` makes of it, "one_hot", "multi_hot" or "count" as in
    `CategoryEncoding`. `bin_boundaries` are given, or `adapt` finds those of `num_bins` bins with about equally many of
    the data in each: quantiles, from a summary of 1 / `epsilon` numbers that is kept up to date over the batches, as in
    Keras. Raises ValueError unless exactly one of the two is given, for boundaries that do not increase, and for use
    before `adapt`.

    >>> Discretization(bin_boundaries=[0.0, 1.0, 2.0])([[-1.5, 1.0, 3.4, 0.5]])
    array([[0, 2, 3, 1]], dtype=int32)
    """

    index_dtype = "int32"

    def __init__(
        self,
        bin_boundaries: Sequence[float] | None = None,
        num_bins: int | None = None,
        epsilon: float = 0.01,
        output_mode: str = "int",
        sparse: bool = False,
        dtype: Any = None,
        name: str | None = None,
    ) -> None:
        super().__init__(output_mode, sparse, dtype=dtype, name=name)
        if (num_bins is None) == (bin_boundaries is None):
            raise ValueError(
                f"Discretization: set either `num_bins` or `bin_boundaries`. "
                f"Received: num_bins={num_bins}, bin_boundaries={bin_boundaries}"
            )
        if num_bins is not None and num_bins < 1:
            raise ValueError(f"Discretization: `num_bins` must be at least 1. Received: num_bins={num_bins}")
        if not 0 < epsilon <= 1:
            raise ValueError(f"Discretization: epsilon is in (0, 1]. Received: epsilon={epsilon}")
        self.num_bins, self.epsilon = num_bins, epsilon
        self.bin_boundaries = None if bin_boundaries is None else np.asarray(bin_boundaries, np.float64).tolist()
        if self.bin_boundaries and np.any(np.diff(self.bin_boundaries) < 0):
            raise ValueError(f"Discretization: boundaries increase. Received: bin_boundaries={bin_boundaries}")

    # ---- adapt: a summary (2, m) of values, in order, and of how many numbers each stands for ----

    def reset_state(self) -> None:
        if self.num_bins is None:
            raise ValueError(
                f"{self.who}: Cannot adapt a layer that was given `bin_boundaries`; use `num_bins` instead."
            )
        self._summary = np.zeros((2, 0), np.float32)

    def update_state(self, data: Any) -> None:
        """Take one more batch into the summary."""
        values = np.sort(np.asarray(data, np.float32), axis=None)
        if not np.isfinite(values).all():
            raise ValueError(f"{self.who}: adapt takes finite numbers. Received NaN or infinity.")
        step = max(values.size * self.epsilon, 1.0)
        picked = values[int(step - 1) :: int(step)]
        fresh = np.stack([picked, np.full_like(picked, step)])
        both = np.concatenate([fresh, self._summary], axis=1)
        self._summary = thinned(both[:, both[0].argsort()], self.epsilon)

    def finalize_state(self) -> None:
        """Make the boundaries. ValueError if there were no numbers."""
        if not self._summary.size:
            raise ValueError(f"{self.who}: adapt received no numbers; at least one is needed.")
        self.bin_boundaries = thinned(self._summary, 1.0 / self.num_bins)[0, :-1].tolist()  # type: ignore[operator]

    # ---- the layer ----

    def forward(self, ctx: Context, x: np.ndarray) -> np.ndarray:
        if self.bin_boundaries is None:
            raise ValueError(f"{self.who} has no boundaries yet: pass `bin_boundaries`, or call `adapt` first.")
        indices = np.searchsorted(np.asarray(self.bin_boundaries, x.dtype), x, side="right")
        if self.output_mode == "int":
            return indices.astype(self.index_dtype)
        return encode(indices, self.output_mode, len(self.bin_boundaries) + 1, self.dtype)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        depth = self.num_bins if self.bin_boundaries is None else len(self.bin_boundaries) + 1
        return self.encoded_shape(tuple(input_shape), depth)

    def get_config(self) -> dict[str, Any]:
        return {
            "bin_boundaries": self.bin_boundaries,
            "num_bins": self.num_bins,
            "epsilon": self.epsilon,
            "output_mode": self.output_mode,
            "sparse": self.sparse,
            "name": self.name,
            "dtype": self.dtype,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Discretization:
        learned = config["bin_boundaries"] if config.get("num_bins") is not None else None
        layer = cls(**{**config, "bin_boundaries": None if learned is not None else config["bin_boundaries"]})
        if learned is not None:
            layer.bin_boundaries = list(learned)
        return layer


def thinned(summary: np.ndarray, epsilon: float) -> np.ndarray:
    """A summary of about 1 / epsilon values at equal distances in the count, interpolated from a longer one."""
    if summary.shape[1] * epsilon < 1:
        return summary
    shares = epsilon + np.arange(0.0, 1.0, epsilon)
    total = summary[1].cumsum()
    positions = total / total[-1]
    values, counts = np.interp(shares, positions, summary[0]), np.interp(shares, positions, total)
    return np.stack([values, np.diff(counts, prepend=0)]).astype(np.float32)
