"""The table that `summary` prints: character for character as Keras prints it."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from cdl.layers.base import Layer, Shape
from cdl.layers.chain import Chain
from cdl.utils.text_width import columns
from cdl.variable import Variable

POSITIONS = (0.45, 0.80, 1.0)  # where columns end, as parts of a line
LINE_LENGTH = 88
TRAINABLE_LENGTH = 12  # what the fourth column adds to a line

Row = tuple[str, ...]


def print_summary(
    model: Any,
    line_length: int | None = None,
    positions: Sequence[float] | None = None,
    print_fn: Callable[[str], Any] | None = None,
    expand_nested: bool = False,
    show_trainable: bool = False,
    layer_range: Sequence[str] | None = None,
) -> None:
    """Print one row per layer, then the totals; or hand the whole text to `print_fn`."""
    import shutil  # not needed before, and slow to import

    titles, justify = ["Layer (type)", "Output Shape", "Param #"], "<<>"
    ends, longest = list(positions or POSITIONS), LINE_LENGTH
    if show_trainable:
        titles, justify = [*titles, "Trainable"], "<<>^"
        ends, longest = [*(0.9 * end for end in ends), 1.0], longest + TRAINABLE_LENGTH
    longest = min(longest, shutil.get_terminal_size().columns - 4)
    widths = column_widths(ends, line_length or longest)
    shown = shown_layers(model)
    rows = [
        row
        for layer, shape in shown[range_of([layer.name for layer, _ in shown], layer_range)]
        for row in rows_of(layer, shape, expand_nested)
    ]
    lines = [
        f'Model: "{model.name}"',
        *table(titles, [row[: len(titles)] for row in rows], widths, justify),
        *totals(model),
    ]
    if print_fn is None:
        print("\n".join(lines))
    else:
        print_fn("\n".join(lines) + "\n")


# ---- what is in it ----


def shown_layers(model: Any) -> list[tuple[Any, Shape | None]]:
    """The layers inside a model or a layer with branches, each with its output shape, None where it is not known.

    A `Functional` model begins with its input, as in Keras.
    """
    from cdl.models.functional import Functional

    branches = getattr(model, "branches", None)
    if branches is not None:
        return [shown for branch in branches for shown in shown_layers(branch)]
    if not isinstance(model, Chain):  # a model of the user's own, of which only the layers are known
        return [(layer, own_output_shape(layer)) for layer in model._sublayers]
    stack = model._stack
    shapes = model._shapes if model.built else [None, *map(own_output_shape, stack)]
    of_layers = list(zip(stack, shapes[1:], strict=True))
    return [(model._input_layer, shapes[0]), *of_layers] if isinstance(model, Functional) else of_layers


def own_output_shape(layer: Layer) -> Shape | None:
    """The output shape of a layer that was built by itself."""
    if not layer.built or layer._build_shape is None:
        return None
    try:
        return layer.compute_output_shape(layer._build_shape)
    except NotImplementedError:
        return None


def rows_of(layer: Layer, shape: Shape | None, expand_nested: bool, level: int = 0) -> Iterator[Row]:
    """The row of a layer, and of those inside it."""
    indent = "   " * level + "└ " if level else ""
    yield (
        f"{indent}{layer.name} ({type(layer).__name__})",
        "?" if shape is None else f"({', '.join(map(str, shape))})",
        f"{layer.count_params():,}" if layer.built else "0 (unbuilt)",
        "-" if not layer.weights else "Y" if layer.trainable else "N",
    )
    if expand_nested and (hasattr(layer, "layers") or hasattr(layer, "branches")):
        for inner, inner_shape in shown_layers(layer):
            yield from rows_of(inner, inner_shape, expand_nested, level + 1)


def range_of(names: Sequence[str], layer_range: Sequence[str] | None) -> slice:
    """From the first layer that matches the first expression to the last one that matches the second.

    Raises ValueError for what is no pair of strings, and where nothing matches.
    """
    if layer_range is None:
        return slice(None)
    if len(layer_range) != 2:
        raise ValueError(
            "layer_range must be a list or tuple of length 2. Received: "
            f"layer_range = {layer_range} of length {len(layer_range)}"
        )
    if not all(isinstance(end, str) for end in layer_range):
        raise ValueError(f"layer_range should contain string type only. Received: {layer_range}")
    first, last = ([at for at, name in enumerate(names) if re.match(end, name)] for end in layer_range)
    if not first or not last:
        raise ValueError(
            f"Passed layer_names do not match the layer names in the model. Received: {layer_range}. "
            f"The layers are {list(names)}."
        )
    if min(first) > max(last):
        first, last = last, first
    return slice(min(first), max(last) + 1)


def totals(model: Any) -> Iterator[str]:
    """How many numbers there are, and how much memory they take."""
    parts = {"Trainable": model.trainable_weights, "Non-trainable": model.non_trainable_weights}
    if model.optimizer is not None and model.optimizer.built:
        parts["Optimizer"] = model.optimizer.variables
    for label, variables in {"Total": [v for part in parts.values() for v in part], **parts}.items():
        yield f" {label} params: {sum(v.size for v in variables):,} ({readable_bytes(variables)})"


def readable_bytes(variables: Sequence[Variable]) -> str:
    """397.54 KB."""
    size = float(sum(variable.value.nbytes for variable in variables))
    for unit in ("B", "KB", "MB", "GB"):
        if size < 1024:
            return f"{size:.2f} {unit}"
        size /= 1024
    return f"{size:.2f} TB"


# ---- how it is laid out: as the library `rich` lays out Keras' table ----


def column_widths(ends: Sequence[float], line_length: int) -> list[int]:
    """The widths of the columns' texts, so that a line, with a margin of one on both sides of a text and the bars
    between them, is `line_length` long. Raises ValueError where that is too short.
    """
    stops = [int(end * line_length) for end in ends]
    widths = [stop - start for start, stop in itertools.pairwise([0, *stops])]
    if min(widths) < 4:
        raise ValueError(f"Insufficient console width to print summary. Received: line_length={line_length}")
    excess = sum(widths) + 3 * len(widths) + 1 - line_length
    for column, width in enumerate(widths):
        if excess > 0:  # the bars and margins have not been counted: each column gives the same
            share = round(excess / (len(widths) - column))
        else:  # the positions end before 1: a wide column takes more
            share = excess * (width + 2) // sum(later + 2 for later in widths[column:])
        widths[column] -= share
        excess -= share
    return widths


def table(titles: Sequence[str], rows: Sequence[Row], widths: list[int], justify: str) -> Iterator[str]:
    """The lines of the table; what is too long for its column is wrapped."""
    yield rule("┏━┳┓", widths)
    yield from printed(titles, widths, justify, "┃", at_bottom=True)
    yield rule("┡━╇┩", widths)
    for number, row in enumerate(rows):
        if number:
            yield rule("├─┼┤", widths)
        yield from printed(row, widths, justify, "│")
    yield rule("└─┴┘", widths)


def rule(corners: str, widths: list[int]) -> str:
    """A horizontal line; `corners`: its left end, its stroke, a crossing, its right end."""
    left, stroke, cross, right = tuple(corners)
    return left + cross.join(stroke * (width + 2) for width in widths) + right


def printed(row: Sequence[str], widths: list[int], justify: str, bar: str, at_bottom: bool = False) -> Iterator[str]:
    """The lines that a row takes; shorter cells stand at its top, or at the bottom."""
    cells = [wrapped(text, width) for text, width in zip(row, widths, strict=True)]
    if at_bottom:
        cells = [cell[::-1] for cell in cells]
    lines = [
        bar + bar.join(f" {padded(*part)} " for part in zip(line, widths, justify, strict=True)) + bar
        for line in itertools.zip_longest(*cells, fillvalue="")
    ]
    yield from reversed(lines) if at_bottom else lines


def wrapped(text: str, width: int) -> list[str]:
    """The text in lines broken between words; a word that is longer than a line is cut with an ellipsis."""
    lines = [""]
    for word in re.findall(r"\s*\S+\s*", text):
        if lines[-1] and columns(lines[-1]) + columns(word.rstrip()) > width:
            lines.append("")
        lines[-1] += word
    return [cut(line.rstrip(), width) for line in lines]


def cut(text: str, width: int) -> str:
    """The text, or as much of it as there is room for, and an ellipsis."""
    if columns(text) <= width:
        return text
    while columns(text) > width - 1:
        text = text[:-1]
    return padded(text, width - 1, "<") + "…"


def padded(text: str, width: int, justify: str) -> str:
    """The text with spaces around it: "<" at the left, ">" at the right, "^" in the middle."""
    spaces = width - columns(text)
    before = {"<": 0, ">": spaces, "^": spaces // 2}[justify]
    return before * " " + text + (spaces - before) * " "
