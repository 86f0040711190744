"""Models: layers that can be trained."""

from cdl.layers import Layer
from cdl.models.functional import Functional
from cdl.models.model import Model
from cdl.models.sequential import Sequential
from cdl.utils.registry import Registry

__all__ = ["Model", "Sequential"]

Registry("model", "keras.src.models.functional", [Functional], snake_case=False)
Registry("model", "keras", [Sequential], snake_case=False, accepts=lambda found: isinstance(found, Layer))
