"""Models: layers that can be trained."""

from typing import Any

from cdl._left_out import no_attribute
from cdl.layers import Layer
from cdl.models.cloning import clone_model
from cdl.models.functional import Functional
from cdl.models.model import Model
from cdl.models.sequential import Sequential
from cdl.utils.registry import Registry

__all__ = ["Model", "Sequential", "clone_model", "load_model", "model_from_json", "save_model"]

Registry("model", "keras.src.models.functional", [Functional], snake_case=False)
Registry("model", "keras", [Sequential], snake_case=False, accepts=lambda found: isinstance(found, Layer))


def __getattr__(name: str) -> Any:
    """Files are not always needed: their names are looked up when they are asked for."""
    if name in ("load_model", "model_from_json", "save_model"):
        from cdl import saving

        return getattr(saving, name)
    raise no_attribute(__name__, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
