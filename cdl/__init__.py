"""cdl: deep learning with Keras' vocabulary and a C core that you can read.

>>> from cdl import Sequential, layers
>>> model = Sequential([layers.Input((784,)), layers.Dense(10, activation="softmax")])
"""

import importlib
import os
from typing import TYPE_CHECKING, Any

from cdl import _clash, _left_out

_clash.check(os.path.dirname(__file__))

from cdl import (  # type: ignore[attr-defined]  # noqa: E402 - after the check: are the other modules ours?
    _native,
    activations,
    callbacks,
    config,
    constraints,
    datasets,
    initializers,
    layers,
    losses,
    metrics,
    models,
    ops,
    optimizers,
    random,
    regularizers,
    utils,
)
from cdl._version import __version__ as __version__  # noqa: E402
from cdl.callbacks import Callback  # noqa: E402
from cdl.initializers import Initializer  # noqa: E402
from cdl.layers import Context, Input, KerasTensor, Layer  # noqa: E402
from cdl.losses import Loss  # noqa: E402
from cdl.metrics import Metric  # noqa: E402
from cdl.models import Model, Sequential  # noqa: E402
from cdl.optimizers import Optimizer  # noqa: E402
from cdl.regularizers import Regularizer  # noqa: E402
from cdl.variable import Variable  # noqa: E402

if TYPE_CHECKING:
    from cdl import preprocessing

__all__ = [
    "Callback",
    "Context",
    "Initializer",
    "Input",
    "KerasTensor",
    "Layer",
    "Loss",
    "Metric",
    "Model",
    "Optimizer",
    "Regularizer",
    "Sequential",
    "Variable",
    "activations",
    "callbacks",
    "config",
    "constraints",
    "datasets",
    "initializers",
    "layers",
    "losses",
    "metrics",
    "models",
    "ops",
    "optimizers",
    "preprocessing",
    "random",
    "regularizers",
    "utils",
]

_native.name_functions(ops.FUNCTIONS)


def __getattr__(name: str) -> Any:
    """Parts that few programs need are imported when they are first named."""
    if name not in ("plotting", "preprocessing", "saving", "sklearn", "wrappers"):
        raise _left_out.no_attribute(__name__, name)
    return importlib.import_module(f"cdl.{name}")


def __dir__() -> list[str]:
    """Completion imports what it shows: scikit-learn, which may be missing, and is slow, is left out."""
    return sorted({*globals(), *__all__, "plotting", "saving"})
