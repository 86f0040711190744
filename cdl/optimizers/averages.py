"""Running averages of variables."""

from __future__ import annotations

from collections.abc import Sequence

from cdl import ops
from cdl.variable import Variable


class Averages:
    """The average of each variable over the steps, older ones counting less and less (Polyak & Juditsky 1992)."""

    def __init__(self, variables: list[Variable], averages: list[Variable]) -> None:
        self.variables = variables
        self.averages = averages
        self.swapped = False  # whether the variables hold the averages, and these the values
        self._of_each_dtype = [
            [
                (average, variable)
                for average, variable in zip(averages, variables, strict=True)
                if average.dtype == dtype
            ]
            for dtype in dict.fromkeys(variable.dtype for variable in variables)
        ]

    def update(self, momentum: float) -> None:
        """average = momentum * average + (1 - momentum) * value"""
        for pairs in self._of_each_dtype:
            averages, values = ([pair[k].value for pair in pairs] for k in (0, 1))
            ops.sgd(averages, values, [1 - momentum] * len(pairs), momentum - 1)

    def overwrite(self, variables: Sequence[Variable]) -> None:
        """Copy the averages into these variables."""
        for variable, average in zip(variables, self.averages, strict=True):
            if self.swapped:
                average.assign(variable)
            else:
                variable.assign(average)
        self.swapped = False

    def swap(self) -> None:
        """Let the variables and their averages change places."""
        for variable, average in zip(self.variables, self.averages, strict=True):
            value = variable.numpy()
            variable.assign(average)
            average.assign(value)
        self.swapped = not self.swapped
