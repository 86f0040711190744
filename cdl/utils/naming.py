"""Names derived from class names as in Keras: `Dense` becomes `dense`, then `dense_1`."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

_taken: Counter[str] = Counter()


def to_snake_case(name: str) -> str:
    """`Conv2D` -> `conv2d`, `MeanSquaredError` -> `mean_squared_error`.

    >>> to_snake_case("MeanSquaredError")
    'mean_squared_error'
    """
    name = re.sub(r"\W+", "", name)
    name = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()


def auto_name(class_name: str) -> str:
    """The snake-case name, with `_1`, `_2`, ... from the second use on in this process."""
    name = to_snake_case(class_name)
    number = _taken[name]
    _taken[name] += 1
    return f"{name}_{number}" if number else name


def told(thing: Any) -> str:
    """The repr of what is nothing but its arguments, such as `<L2 l2=0.01>`; of what has no config, its class alone."""
    try:
        arguments = thing.get_config()
    except Exception:  # of somebody's own, or in the middle of its __init__
        arguments = {}
    shown = ", ".join(f"{name}={value!r}" for name, value in arguments.items() if value is not None)
    return f"<{type(thing).__name__}{' ' * bool(shown)}{shown}>"


def clear_session(free_memory: bool = True) -> None:
    """Start counting anew, so that the next automatic name of every class carries no number.

    `free_memory` is accepted for Keras' sake: nothing else is kept between models.
    """
    _taken.clear()
