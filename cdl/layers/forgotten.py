"""What a layer has only after `super().__init__()`."""

from __future__ import annotations

from typing import Any


class Forgotten:
    """An attribute that says, where it is not set yet, whose `__init__` forgot to call that of its base."""

    def __get__(self, layer: Any, cls: type) -> Any:
        if layer is None:
            return self
        raise RuntimeError(
            f"In layer {cls.__name__!r}, you forgot to call `super().__init__()` as the first statement in the "
            f"`__init__()` method. Go add it!"
        )


FORGOTTEN: Any = Forgotten()
