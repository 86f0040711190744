"""The context of one step through time."""

from __future__ import annotations

from typing import Any

from cdl.layers.context import Context


class Step(Context):
    """What a cell remembers of one step, and, in `drawn`, what all steps of its sequence have in common.

    Dropout in a recurrent layer leaves out the same numbers in every step (Gal & Ghahramani 2016): a cell draws them
    once and puts them into `drawn` under its own identity.
    """

    __slots__ = ("drawn",)

    def __init__(self, *arguments: Any, drawn: dict[int, Any] | None = None) -> None:
        super().__init__(*arguments)
        self.drawn: dict[int, Any] = {} if drawn is None else drawn

    def child(self, need_input_grad: bool = True) -> Step:
        inherited = self.losses, self.mask, self.trained, self.frozen
        return Step(self.training, self.gradient, need_input_grad, *inherited, drawn=self.drawn)
