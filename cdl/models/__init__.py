"""Models: layers that can be trained."""

from cdl.models.model import Model
from cdl.models.sequential import Sequential

__all__ = ["Model", "Sequential"]
