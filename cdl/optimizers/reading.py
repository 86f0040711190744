"""What one reads off an optimizer: numbers that know the variables that they came from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


class Reading:
    """A number of an optimizer at this moment, with what Keras' variables have: `value`, `numpy()` and `assign(new)`.

    It is a float or an int in all else, and stays what it is when the optimizer goes on.

    >>> model.optimizer.learning_rate.assign(1e-4)
    >>> model.optimizer.learning_rate          # 0.0001
    """

    set: Callable[[Any], None]

    @property
    def value(self) -> Reading:
        return self

    def numpy(self) -> np.ndarray:
        return np.asarray(self)

    def assign(self, value: Any) -> None:
        """Give the optimizer this value."""
        self.set(value)


class FloatReading(Reading, float):
    """A learning rate."""

    def __new__(cls, number: float, set: Callable[[Any], None]) -> FloatReading:
        reading = float.__new__(cls, number)
        reading.set = set
        return reading

    def __reduce__(self) -> tuple:  # a copy, or what is stored, is a number and no more
        return float, (float(self),)


class IntReading(Reading, int):
    """A number of steps."""

    def __new__(cls, number: int, set: Callable[[Any], None]) -> IntReading:
        reading = int.__new__(cls, number)
        reading.set = set
        return reading

    def __reduce__(self) -> tuple:
        return int, (int(self),)
