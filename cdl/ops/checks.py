"""How a primitive says no."""

from __future__ import annotations

from typing import NoReturn


def refuse(who: str, what: str) -> NoReturn:
    """ValueError, in the name of a primitive."""
    raise ValueError(f"{who}: {what}")
