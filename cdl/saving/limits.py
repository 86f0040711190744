"""What a file from a stranger may not have: JSON that means two things, or more of it than a model can need."""

from __future__ import annotations

import json
import math
from typing import Any

CONFIG_BYTES = 16 * 2**20  # of JSON in one file
CONFIG_DEPTH = 100  # of lists and dictionaries in each other; a model in a model takes four
SPARE_BYTES = 16 * 2**20  # for variables that no file holds, such as those of metrics
METRIC_SIZE = 10**6  # the largest number in the config of a metric: of thresholds, of classes


class FormatError(ValueError):
    """A file that is damaged, or is not what it should be."""


def parse_json(text: bytes | str, who: str, limit: int = CONFIG_BYTES) -> Any:
    """The value of a JSON text. FormatError, in the name of `who`, for what no writer of models writes.

    That is: more than `limit` bytes or CONFIG_DEPTH, a key that is there twice, NaN, and numbers that are not finite.
    """
    if len(text) > limit:
        raise FormatError(f"{who}: {len(text)} bytes of JSON; {limit} are allowed.")

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in pairs:
            if key in found:
                raise FormatError(f"{who}: the key {key[:100]!r} is there twice.")
            found[key] = value
        return found

    def finite(number: str) -> float:
        if not math.isfinite(float(number)):
            raise FormatError(f"{who}: {number[:40]} is not a finite number.")
        return float(number)

    try:
        value = json.loads(text, object_pairs_hook=once, parse_float=finite, parse_constant=finite)
    except RecursionError:
        raise FormatError(f"{who}: too many lists or dictionaries in each other.") from None
    except FormatError:
        raise
    except ValueError as error:
        raise FormatError(f"{who}: this is no JSON: {error}") from None
    level = [value]
    for _ in range(CONFIG_DEPTH):
        level = [inner for outer in level for inner in inside(outer)]
        if not level:
            return value
    raise FormatError(f"{who}: more than {CONFIG_DEPTH} lists or dictionaries in each other.")


def inside(value: Any) -> list[Any]:
    """What a list or a dictionary holds."""
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def as_json(value: Any, who: str) -> str:
    """The JSON text of a config. ValueError, in the name of `who`, for what JSON has no words for."""
    try:
        return json.dumps(value, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{who}: the config cannot be written as JSON: {error}") from error


def check_metrics(config: Any, who: str) -> None:
    """FormatError where a metric, anywhere in the config, asks for more thresholds or classes than METRIC_SIZE."""
    level = [(config, False)]
    while level:
        for value, in_metric in level:
            if in_metric and isinstance(value, int | float) and abs(value) > METRIC_SIZE:
                raise FormatError(f"{who}: a metric with {value} thresholds or classes; {METRIC_SIZE} are allowed.")
        level = [
            (inner, in_metric or key in ("metrics", "weighted_metrics"))
            for outer, in_metric in level
            for key, inner in (outer.items() if isinstance(outer, dict) else ((None, inner) for inner in inside(outer)))
        ]
