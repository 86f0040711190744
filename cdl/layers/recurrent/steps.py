"""The general way through a sequence: a loop over the steps of any cell, and back."""

from __future__ import annotations

from typing import Any

import numpy as np

from cdl.layers.base import Layer
from cdl.layers.context import Context
from cdl.layers.recurrent.states import States, as_list, each
from cdl.layers.recurrent.step import Step
from cdl.utils.numerical import with_last_axes


class StepByStep:
    """y_s, states_s = cell(x_s, states_{s-1}), for a cell with one `forward` and one `backward` for each step.

    In a step that is masked the states stay, and the output repeats the one before it: zeros in the beginning.
    """

    def __init__(self, cell: Any) -> None:
        self.cell = cell

    def forward_sequence(
        self, ctx: Context, x: np.ndarray, states: States, every_step: bool
    ) -> tuple[np.ndarray, States]:
        """x (n, t, ...), the first states -> y (n, t, ...), or the last one unless `every_step`; the last states"""
        drawn: dict[int, Any] = {}
        inherited = ctx.losses, None, ctx.trained, ctx.frozen  # the mask is heeded here, not by the cell
        calls: list[Step] = []
        ys: list[np.ndarray] = []
        for s in range(x.shape[1]):
            call = Step(ctx.training, ctx.gradient, ctx.need_input_grad, *inherited, drawn=drawn)
            y, new_states = self.cell.forward(call, x[:, s], states)
            new_states = as_list(new_states)
            if ctx.mask is not None:
                present = ctx.mask[:, s]
                y = where(present, y, ys[-1] if ys else 0)
                new_states = each(lambda new, old, present=present: where(present, new, old), new_states, states)
            states = new_states
            calls.append(call)
            ys.append(y)
        ctx.save(calls, x, y, states)
        return np.stack(ys, axis=1) if every_step else np.array(y, order="C"), states

    def backward_sequence(
        self, ctx: Context, dy: np.ndarray | None, dstates: States
    ) -> tuple[np.ndarray | None, States]:
        """dy of all outputs, of the last alone, or None; a gradient for each last state, or None -> dx, dstates"""
        if getattr(type(self.cell), "backward", Layer.backward) is Layer.backward:
            raise NotImplementedError(
                f"The cell {type(self.cell).__name__} does not define backward(ctx, dy, dstates) -> (dx, dstates), so "
                f"nothing in it or before it can be trained. Write the derivative of its forward; cdl has no "
                f"automatic differentiation."
            )
        calls, x, y, states = ctx.saved
        of_each_step = dy is not None and dy.ndim > y.ndim
        dlater = np.zeros_like(y) if dy is None or of_each_step else dy  # from later steps that repeat this output
        dstates = each(lambda state, d: np.zeros_like(state) if d is None else d, states, dstates)
        dx = np.empty_like(x) if ctx.need_input_grad else None
        for s in reversed(range(x.shape[1])):
            dy_s = dlater + dy[:, s] if of_each_step else dlater  # type: ignore[index]
            if ctx.mask is None:
                dlater = np.zeros_like(y)
                dx_s, dstates = self.cell.backward(calls[s], dy_s, dstates)
                dstates = as_list(dstates)
            else:
                present = ctx.mask[:, s]
                dlater = where(present, 0, dy_s)
                dhere, dpast = split(present, dstates)
                dx_s, dbefore = self.cell.backward(calls[s], where(present, dy_s, 0), dhere)
                dstates = each(np.add, as_list(dbefore), dpast)
            if dx is not None:
                dx[:, s] = dx_s
        return dx, dstates


def where(present: np.ndarray, a: Any, b: Any) -> np.ndarray:
    """a for the samples that are present, b for the others."""
    return np.where(with_last_axes(present, max(np.ndim(a), np.ndim(b))), a, b)


def split(present: np.ndarray, dstates: States) -> tuple[States, States]:
    """The gradients of the samples that are present, and those of the others."""
    return each(lambda d: where(present, d, 0), dstates), each(lambda d: where(present, 0, d), dstates)
