"""What layers that learn from data before training share: `adapt`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, ClassVar

import numpy as np

from cdl.layers.base import Layer


class AdaptiveLayer(Layer):
    """Base of layers whose `adapt(data)` gathers what they need to know: statistics, a vocabulary, boundaries.

    A layer defines `reset_state()`, `update_state(batch)` and `finalize_state()`. Data that are of the types in `WHOLE`
    are one batch; of tuples (x, y, ...), the first counts.
    """

    WHOLE: ClassVar[tuple[type, ...]] = (np.ndarray,)

    def adapt(self, data: Any, steps: int | None = None) -> None:
        """Learn from `data`, an array or an iterable of batches (of the first `steps` batches, if that is given).

        What was learned before is forgotten. Raises TypeError for data that are neither.
        """
        self.reset_state()
        for batch in self.batches(data, steps):
            self.update_state(batch)
        self.finalize_state()

    def batches(self, data: Any, steps: int | None) -> Iterator[Any]:
        """The batches that `data` holds."""
        if isinstance(data, self.WHOLE) or hasattr(data, "__array__"):
            return iter([data])
        if not isinstance(data, Iterable) or isinstance(data, str | dict):
            raise TypeError(
                f"{type(self).__name__}.adapt takes an array or an iterable of batches. Received: {type(data)}"
            )
        return (batch[0] if isinstance(batch, tuple) else batch for batch in islice(data, steps))

    def reset_state(self) -> None:
        """Forget what `adapt` learned."""
        raise NotImplementedError(f"{type(self).__name__} does not define reset_state()")

    def update_state(self, data: Any) -> None:
        """Take one more batch into account."""
        raise NotImplementedError(f"{type(self).__name__} does not define update_state(data)")

    def finalize_state(self) -> None:
        """Make of what was gathered what the layer works with."""
        raise NotImplementedError(f"{type(self).__name__} does not define finalize_state()")
