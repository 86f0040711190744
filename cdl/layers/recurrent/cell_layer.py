"""What SimpleRNN, LSTM and GRU have in common: an RNN whose arguments are those of its cell."""

from __future__ import annotations

import inspect
import operator
from typing import Any, ClassVar

from cdl.layers.base import Layer, Shape
from cdl.layers.recurrent.cell import RecurrentCell
from cdl.layers.recurrent.rnn import RNN


class CellLayer(RNN):
    """Base of the layers with a cell of their own, `cell_class`; they have its attributes `units`, `activation`, ..."""

    cell_class: ClassVar[type[RecurrentCell]]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for argument in list(inspect.signature(cls.cell_class).parameters)[:-1]:
            setattr(cls, argument, property(operator.attrgetter(f"cell.{argument}")))

    @staticmethod
    def for_cell(kwargs: dict[str, Any]) -> dict[str, Any]:
        """What of a layer's further arguments concerns its cell."""
        kwargs.pop("implementation", None)  # Keras' choice between two orders of the same computation
        if kwargs.pop("use_cudnn", "auto") not in ("auto", False):
            raise ValueError("use_cudnn=True was specified, but cdl computes on CPUs. Pass use_cudnn='auto'.")
        return {"dtype": kwargs.get("dtype"), "trainable": kwargs.get("trainable", True)}

    def check_input(self, shape: Shape) -> None:
        if len(shape) != 3:
            raise ValueError(
                f"{self.who}: input has {len(shape)} axes (shape {tuple(shape)}), but 3 are needed: (batch, steps, "
                f"features). Reshape the input; between recurrent layers, the first needs return_sequences=True."
            )
        super().check_input(shape)

    def get_config(self) -> dict[str, Any]:
        of_cell = self.cell.get_config()
        of_layer = super().get_config()
        del of_layer["cell"]
        return {**of_cell, **of_layer, "activity_regularizer": of_layer.get("activity_regularizer")}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Layer:
        return cls(**config)
