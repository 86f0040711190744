"""Several cells as if they were one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cdl.layers.base import Layer, Shape
from cdl.layers.context import Context
from cdl.layers.inside import build_inside
from cdl.layers.recurrent.states import States, as_list, zeros
from cdl.utils import registry


class StackedRNNCells(Layer):
    """Cells on top of each other: the output of each is the input of the next; the states are a list of those of each.

    Parameters: `cells`, a list. Raises ValueError for what is no cell.

    >>> layer = RNN(StackedRNNCells([LSTMCell(32), LSTMCell(16)]))
    >>> layer(np.zeros((8, 10, 4))).shape
    (8, 16)
    """

    def __init__(self, cells: Sequence[Any], **kwargs: Any) -> None:
        for cell in cells:
            require_cell(cell, "Every one of the stacked cells")
        super().__init__(**kwargs)
        self.cells = list(cells)
        self._sublayers[:] = [cell for cell in self.cells if isinstance(cell, Layer)]
        if not self._trainable:
            self.trainable = False  # of the cells as well

    @property
    def state_size(self) -> list[Any]:
        return [cell.state_size for cell in self.cells]

    @property
    def output_size(self) -> int:
        return output_size(self.cells[-1])

    def get_initial_state(self, batch_size: int) -> States:
        """What the `get_initial_state` of each cell says, else zeros."""
        return [
            as_list(
                cell.get_initial_state(batch_size=batch_size)
                if hasattr(cell, "get_initial_state")
                else zeros(cell.state_size, batch_size, self.dtype)
            )
            for cell in self.cells
        ]

    def build(self, input_shape: Shape) -> None:
        for cell in self.cells:
            if isinstance(cell, Layer):
                build_inside(self, cell, input_shape)
            input_shape = (input_shape[0], output_size(cell))

    def check_input(self, shape: Shape) -> None:
        if isinstance(self.cells[0], Layer):
            self.cells[0].check_input(shape)

    # ---- one step ----

    def forward(self, ctx: Context, x: np.ndarray, states: States) -> tuple[np.ndarray, States]:  # type: ignore[override]
        calls, new_states = [], []
        for cell, state in zip(self.cells, states, strict=True):
            calls.append(ctx.child())
            x, new_state = cell.forward(calls[-1], x, as_list(state))
            new_states.append(as_list(new_state))
        ctx.save(calls)
        return x, new_states

    def backward(self, ctx: Context, dy: np.ndarray, dstates: States) -> tuple[np.ndarray, States]:  # type: ignore[override]
        (calls,) = ctx.saved
        dbefore = []
        for cell, call, dstate in reversed(list(zip(self.cells, calls, dstates, strict=True))):
            dy, dstate_before = cell.backward(call, dy, as_list(dstate))
            dbefore.append(as_list(dstate_before))
        return dy, dbefore[::-1]

    # ---- all steps: of one cell after the other ----

    def fuses(self, training: bool | None) -> bool:
        """Whether a primitive computes all steps of each cell."""
        return all(hasattr(cell, "fuses") and cell.fuses(training) for cell in self.cells)

    def forward_sequence(
        self, ctx: Context, x: np.ndarray, states: States, every_step: bool
    ) -> tuple[np.ndarray, States]:
        calls, last_states = [], []
        for number, (cell, state) in enumerate(zip(self.cells, states, strict=True)):
            calls.append(ctx.child(ctx.need_input_grad or number > 0))
            is_last = number == len(self.cells) - 1
            x, last = cell.forward_sequence(calls[-1], x, as_list(state), every_step or not is_last)
            last_states.append(last)
        ctx.save(calls)
        return x, last_states

    def backward_sequence(
        self, ctx: Context, dh: np.ndarray | None, dstates: States
    ) -> tuple[np.ndarray | None, States]:
        (calls,) = ctx.saved
        dfirst = []
        for cell, call, dstate in reversed(list(zip(self.cells, calls, dstates, strict=True))):
            dh, dstate_first = cell.backward_sequence(call, dh, as_list(dstate))
            dfirst.append(dstate_first)
        return dh, dfirst[::-1]

    # ---- configuration ----

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "cells": [registry.serialize(cell) for cell in self.cells]}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> StackedRNNCells:
        return cls(**{**config, "cells": [registry.deserialize(cell) for cell in config["cells"]]})


def require_cell(cell: Any, what: str) -> None:
    """ValueError for an object that is not a cell."""
    for attribute, meaning in (
        ("forward", "a `forward(ctx, x, states)` method"),
        ("state_size", "a `state_size` attribute (single integer or list of integers, one integer per RNN state)"),
    ):
        if attribute not in dir(cell):
            raise ValueError(f"{what} should have {meaning}. Received: cell={cell}")


def output_size(cell: Any) -> int:
    """How many numbers the cell gives for a sample: `output_size`, else the size of the first state."""
    size = getattr(cell, "output_size", None)
    return as_list(cell.state_size)[0] if size is None else size
