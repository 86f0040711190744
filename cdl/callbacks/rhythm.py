"""After which batches something is due."""

from __future__ import annotations

from typing import Any


class Rhythm:
    """Falls on every so many batches, counted on from epoch to epoch, or, for "epoch", on none.

    Raises ValueError for anything but "epoch" and a number from 1 on.
    """

    def __init__(self, frequency: int | str, who: str) -> None:
        if frequency != "epoch" and (isinstance(frequency, bool) or not isinstance(frequency, int) or frequency < 1):
            raise ValueError(f"{who}: save_freq is 'epoch' or a number of batches >= 1. Received: {frequency!r}")
        self.frequency: Any = frequency
        self._since = 0

    def falls_on(self, batch: int) -> bool:
        """Asked after each batch."""
        if self.frequency == "epoch":
            return False
        self._since += 1
        if self._since < self.frequency:
            return False
        self._since = 0
        return True
