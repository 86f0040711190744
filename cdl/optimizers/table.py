"""What a rule works on."""

from __future__ import annotations

from typing import Any

import numpy as np

from cdl import ops
from cdl.variable import Variable


class Table:
    """Variables of one dtype with their state, as the lists that a rule takes."""

    def __init__(
        self, positions: list[int], variables: list[Variable], slots: list[list[Any]], decayed: list[bool]
    ) -> None:
        self.positions = positions  # in the list of all gradients
        self.variables = variables
        self.values = [variable.value for variable in variables]
        self.slots: list[list[Any]] = [
            [None if slot is None else slot.value for slot in of_one_name] for of_one_name in slots
        ]
        self.constrained = [(v, v.constraint) for v in variables if v.constraint is not None]
        self.decayed = decayed
        self.no_decay = [0.0] * len(variables)

    # Where only some rows of a variable are to change, `used` maps its position to the rows' numbers. `arrays` are the
    # values, or the slots of one name.

    def rows(self, arrays: list[np.ndarray], used: dict[int, np.ndarray]) -> list[np.ndarray]:
        """The arrays, or copies of the rows in use."""
        return [
            ops.take_rows(array, used[position]) if position in used else array
            for position, array in zip(self.positions, arrays, strict=True)
        ]

    def put_rows(self, arrays: list[np.ndarray], used: dict[int, np.ndarray], rows: list[np.ndarray]) -> None:
        """Copy what `rows` gave, and a rule has changed, to where it came from."""
        for position, array, changed in zip(self.positions, arrays, rows, strict=True):
            if position in used:
                ops.put_rows(array, used[position], changed)

    def decays(self, decay: float) -> list[float]:
        return [decay if decayed else 0.0 for decayed in self.decayed]
