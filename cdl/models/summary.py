"""The table that `summary` prints, laid out as Keras prints it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

MIN_WIDTHS = (33, 24, 15)


def print_summary(model: Any, line_length: int | None, print_fn: Callable[[str], Any], show_trainable: bool) -> None:
    """Print one row per layer, then the totals."""
    rows = [
        (
            f"{layer.name} ({type(layer).__name__})",
            output_shape_of(model, layer, index),
            f"{layer.count_params():,}" if layer.built else "0 (unbuilt)",
            *(["Y" if layer.trainable_weights else "N" if layer.weights else "-"] if show_trainable else []),
        )
        for index, layer in enumerate(model.layers)
    ]
    titles = ("Layer (type)", "Output Shape", "Param #", *(["Trainable"] if show_trainable else []))
    widths = [
        max(len(title) + 2, minimum, *(len(row[column]) + 2 for row in rows)) if rows else max(len(title) + 2, minimum)
        for column, (title, minimum) in enumerate(zip(titles, (*MIN_WIDTHS, 11), strict=False))
    ]
    if line_length is not None:
        widths[0] = max(len(titles[0]) + 2, widths[0] + line_length - sum(widths) - len(widths) - 1)
    print_fn(f'Model: "{model.name}"')
    print_fn(rule("┏━┳┓", widths))
    print_fn(line(titles, widths, "┃"))
    print_fn(rule("┡━╇┩", widths))
    for number, row in enumerate(rows):
        if number:
            print_fn(rule("├─┼┤", widths))
        print_fn(line(row, widths, "│"))
    print_fn(rule("└─┴┘", widths))
    trainable, frozen = model.trainable_weights, model.non_trainable_weights
    totals = [("Trainable", trainable), ("Non-trainable", frozen)]
    if model.optimizer is not None and model.optimizer.built:
        totals.append(("Optimizer", model.optimizer.variables))
    for label, variables in (("Total", [v for _, counted in totals for v in counted]), *totals):
        size = sum(variable.size for variable in variables)
        print_fn(f" {label} params: {size:,} ({readable_bytes(sum(v.value.nbytes for v in variables))})")


def output_shape_of(model: Any, layer: Any, index: int) -> str:
    """The shape behind the layer, "?" before the model is built."""
    if not model.built:
        return "?"
    return str(tuple(model._shapes[index + 1]))


def rule(corners: str, widths: list[int]) -> str:
    """A horizontal line; `corners`: its left end, its stroke, a crossing, its right end."""
    left, stroke, cross, right = tuple(corners)
    return left + cross.join(stroke * width for width in widths) + right


def line(cells: tuple[str, ...], widths: list[int], bar: str) -> str:
    """Text to the left, numbers (the third column) to the right; what does not fit is cut with an ellipsis."""
    parts = []
    for column, (cell, width) in enumerate(zip(cells, widths, strict=True)):
        cell = cell if len(cell) <= width - 2 else cell[: width - 3] + "…"
        parts.append(f" {cell:>{width - 2}} " if column == 2 else f" {cell:<{width - 2}} ")
    return bar + bar.join(parts) + bar


def readable_bytes(size: float) -> str:
    """397.54 KB."""
    for unit in ("B", "KB", "MB", "GB"):
        if size < 1024 or unit == "GB":
            return f"{size:.2f} {unit}"
        size /= 1024
    raise AssertionError
