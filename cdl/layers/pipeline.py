"""Layers one after the other as one layer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cdl.layers.base import Layer
from cdl.layers.chain import Chain
from cdl.utils import registry


class Pipeline(Chain):
    """y = layer_k(... layer_1(x)): the steps of an augmentation as one layer.

    Parameters: `layers`, `name`. Called directly, it augments, unless `training=False`, as each of the random layers in
    it does. Raises ValueError for what is no list of layers.

    >>> augment = Pipeline([RandomFlip("horizontal"), RandomRotation(0.1)])
    >>> augment(np.zeros((8, 32, 32, 3))).shape
    (8, 32, 32, 3)
    """

    def __init__(self, layers: Sequence[Layer], name: str | None = None) -> None:
        if not isinstance(layers, list | tuple) or not all(isinstance(layer, Layer) for layer in layers):
            raise ValueError(f"Pipeline: `layers` is a list of layers. Received: layers={layers!r}")
        super().__init__(layers, name=name)

    def get_config(self) -> dict[str, Any]:
        return {"layers": [registry.serialize(layer) for layer in self._stack], "name": self.name}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Pipeline:
        return cls(**{**config, "layers": registry.deserialize(config["layers"])})
