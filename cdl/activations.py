"""Activations: functions y = f(x) of arrays that know their derivative.

Each is called as in Keras, `relu(x, negative_slope=0.1)`. A layer uses `f.forward(x)` and `f.backward(x, y, dy)`, and
lets the matrix product apply `f.fused` where it can. `f.bind(negative_slope=0.1)` is the same function with other
parameters.
"""

from __future__ import annotations

import inspect
import math
import sys
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from cdl import ops
from cdl.utils import registry
from cdl.utils.numerical import as_float


class Activation:
    """A function and its derivative. As a decorator, it makes one of your own:

    >>> @Activation
    ... def square(x):
    ...     return x * x
    >>> @square.gradient
    ... def square_gradient(x, y, dy):
    ...     return 2 * x * dy

    Here y = square(x), and dy is the derivative of the loss with respect to y. Without a gradient, a model can predict
    but not train.
    """

    fused: str | None = None  # the name by which `ops.linear` can apply it, if it can

    def __init__(
        self,
        function: Callable[..., np.ndarray],
        gradient: Callable[..., np.ndarray] | None = None,
        parameters: dict[str, Any] | None = None,
    ) -> None:
        self.function, self._gradient, self.parameters = function, gradient, parameters or {}
        self.unbound = self  # the one without parameters, of which `bind` made this one
        self.__name__ = getattr(function, "__name__", type(function).__name__)
        self.__module__ = getattr(function, "__module__", type(function).__module__)
        self.__doc__ = function.__doc__
        self.__wrapped__ = function  # inspect.signature and help() look here

    def gradient(self, function: Callable[..., np.ndarray]) -> Callable[..., np.ndarray]:
        """Decorator: `function(x, y, dy)` (and the parameters) gives dx."""
        self._gradient = function
        return function

    def bind(self, **parameters: Any) -> Activation:
        """The same function with these parameters; TypeError if it has none of that name."""
        inspect.signature(self.function).bind_partial(None, **parameters)
        bound = type(self)(self.function, self._gradient, {**self.parameters, **parameters})
        bound.unbound = self.unbound
        return bound

    def __call__(self, x: Any, *args: Any, **parameters: Any) -> np.ndarray:
        x = as_float(x, f"{self.__name__}: x")
        return self.function(x, *args, **{**self.parameters, **parameters})

    def forward(self, x: np.ndarray) -> np.ndarray:
        return self.function(x, **self.parameters)

    def backward(self, x: np.ndarray, y: np.ndarray, dy: np.ndarray) -> np.ndarray:
        if self._gradient is None:
            raise NotImplementedError(
                f"Activation {self.__name__!r} has no derivative, so it cannot be trained with. Decorate the function "
                "with cdl.activations.Activation and give its gradient(x, y, dy), or pass an object with __call__(x) "
                "and backward(x, y, dy)."
            )
        return self._gradient(x, y, dy, **self.parameters)

    def __repr__(self) -> str:
        bound = "".join(f", {name}={value!r}" for name, value in self.parameters.items())
        return f"<activation {self.__name__}(x{bound})>"

    def __reduce__(self) -> Any:
        """What a module knows by its name, as it does all that decorators made, is pickled and copied by that name."""
        if self.parameters:
            return _bind, (self.unbound, self.parameters)
        if getattr(sys.modules.get(self.__module__), self.__name__, None) is self:
            return self.__name__
        return type(self), (self.function, self._gradient)


def _bind(function: Activation, parameters: dict[str, Any]) -> Activation:
    return function.bind(**parameters)


class Elementwise(Activation):
    """An activation of `ops.activation`. The decorated function returns the primitive's arguments."""

    def __init__(self, function: Any, gradient: None = None, parameters: dict[str, Any] | None = None) -> None:
        super().__init__(function, None, parameters)
        self.primitive = function(None, **self.parameters)
        self.fused = self.primitive[0] if self.primitive[0] in ops.FUSABLE else None

    def __call__(self, x: Any, *args: Any, **parameters: Any) -> np.ndarray:
        x = as_float(x, f"{self.__name__}: x")
        return ops.activation(x, *self.function(x, *args, **{**self.parameters, **parameters}))

    def forward(self, x: np.ndarray) -> np.ndarray:
        return ops.activation(x, *self.primitive)

    def backward(self, x: np.ndarray, y: np.ndarray, dy: np.ndarray) -> np.ndarray:
        return ops.activation_backward(x, y, dy, *self.primitive)


# ------------------------------------------------------------------------------------------------ element by element


@Activation
def linear(x):
    """x itself."""
    return x


@linear.gradient
def linear_gradient(x, y, dy):
    """dx = dy"""
    return dy


linear.fused = "linear"


@Elementwise
def relu(x, negative_slope=0.0, max_value=None, threshold=0.0):
    """max(x, 0). In general: negative_slope * (x - threshold) up to the threshold, then x, but at most `max_value`."""
    if negative_slope == 0 and max_value is None and threshold == 0:
        return ("relu",)
    return "clipped_relu", negative_slope, math.inf if max_value is None else max_value, threshold


@Elementwise
def leaky_relu(x, negative_slope=0.2):
    """x if x > 0, else negative_slope * x (Maas et al. 2013)."""
    return "clipped_relu", negative_slope, math.inf, 0.0


@Elementwise
def relu6(x):
    """min(max(x, 0), 6) (Krizhevsky 2010)."""
    return "clipped_relu", 0.0, 6.0, 0.0


@Elementwise
def elu(x, alpha=1.0):
    """x if x > 0, else alpha * (exp(x) - 1) (Clevert et al. 2016)."""
    return "elu", alpha


@Elementwise
def selu(x):
    """1.0507 * elu(x, alpha=1.6733): keeps mean 0 and variance 1, with `lecun_normal` (Klambauer et al. 2017)."""
    return ("selu",)


@Elementwise
def celu(x, alpha=1.0):
    """max(x, 0) + min(alpha * (exp(x / alpha) - 1), 0) (Barron 2017)."""
    return "celu", alpha


@Elementwise
def gelu(x, approximate=False):
    """x * P(Z <= x) for a standard normal Z; `approximate`: by a tanh (Hendrycks & Gimpel 2016)."""
    return ("gelu_tanh",) if approximate else ("gelu",)


@Elementwise
def sigmoid(x):
    """1 / (1 + exp(-x))."""
    return ("sigmoid",)


@Elementwise
def tanh(x):
    """(exp(x) - exp(-x)) / (exp(x) + exp(-x))."""
    return ("tanh",)


@Elementwise
def silu(x):
    """x * sigmoid(x), also known as swish (Ramachandran et al. 2017)."""
    return ("silu",)


@Elementwise
def mish(x):
    """x * tanh(softplus(x)) (Misra 2019)."""
    return ("mish",)


@Elementwise
def softplus(x):
    """log(1 + exp(x))."""
    return ("softplus",)


@Elementwise
def softsign(x):
    """x / (1 + |x|)."""
    return ("softsign",)


@Elementwise
def exponential(x):
    """exp(x)."""
    return ("exponential",)


@Elementwise
def log_sigmoid(x):
    """log(sigmoid(x)) = -softplus(-x)."""
    return ("log_sigmoid",)


@Elementwise
def hard_sigmoid(x):
    """clip(x / 6 + 1/2, 0, 1)."""
    return ("hard_sigmoid",)


@Elementwise
def hard_silu(x):
    """x * hard_sigmoid(x), also known as hard_swish (Howard et al. 2019)."""
    return ("hard_silu",)


@Elementwise
def hard_tanh(x):
    """clip(x, -1, 1)."""
    return ("hard_tanh",)


@Elementwise
def hard_shrink(x, threshold=0.5):
    """x if |x| > threshold, else 0."""
    return "hard_shrink", threshold


@Elementwise
def soft_shrink(x, threshold=0.5):
    """sign(x) * max(|x| - threshold, 0)."""
    return "soft_shrink", threshold


@Elementwise
def tanh_shrink(x):
    """x - tanh(x)."""
    return ("tanh_shrink",)


@Elementwise
def squareplus(x, b=4):
    """(x + sqrt(x^2 + b)) / 2 (Barron 2021)."""
    return "squareplus", b


@Elementwise
def sparse_plus(x):
    """0 up to -1, (x + 1)^2 / 4 up to 1, then x (Martins & Astudillo 2016)."""
    return ("sparse_plus",)


@Elementwise
def sparse_sigmoid(x):
    """clip((x + 1) / 2, 0, 1) (Martins & Astudillo 2016)."""
    return ("sparse_sigmoid",)


@Activation
def threshold(x, threshold, default_value):
    """x if x > threshold, else default_value."""
    return ops.activation(x, "threshold", threshold, default_value)


@threshold.gradient
def threshold_gradient(x, y, dy, threshold, default_value):
    """dx = dy where x > threshold, else 0"""
    return ops.activation_backward(x, y, dy, "threshold", threshold, default_value)


# -------------------------------------------------------------------------------------------------------- along axes


def _along(axis: int | tuple[int, ...], primitive: Callable[..., np.ndarray], *arrays: np.ndarray) -> np.ndarray:
    """A primitive that works on the last axis, along another one, or along several as if they were one."""
    if axis == -1:
        return primitive(*arrays)
    axes = tuple(axis) if isinstance(axis, (tuple, list)) else (axis,)
    last = tuple(range(-len(axes), 0))
    arrays = tuple(np.moveaxis(array, axes, last) for array in arrays)
    shape = arrays[0].shape
    joined = (*shape[: -len(axes)], math.prod(shape[-len(axes) :]))
    y = primitive(*(np.reshape(array, joined) for array in arrays))
    return np.ascontiguousarray(np.moveaxis(y.reshape(shape), last, axes))


@Activation
def softmax(x, axis=-1):
    """exp(x) / sum(exp(x)) along `axis` (an axis or several): positive numbers that add up to 1."""
    if axis == -1 and x.shape[-1] == 1:
        warnings.warn(
            f"softmax over an axis of size 1 (x has shape {x.shape}) is always 1. Did you mean sigmoid?", stacklevel=2
        )
    return _along(axis, ops.softmax, x)


@softmax.gradient
def softmax_gradient(x, y, dy, axis=-1):
    """dx = y (dy - sum(y dy))"""
    return _along(axis, ops.softmax_backward, y, dy)


@Activation
def log_softmax(x, axis=-1):
    """x - log(sum(exp(x))) along `axis`, without overflow."""
    return _along(axis, ops.log_softmax, x)


@log_softmax.gradient
def log_softmax_gradient(x, y, dy, axis=-1):
    """dx = dy - exp(y) sum(dy)"""
    return _along(axis, ops.log_softmax_backward, y, dy)


@Activation
def sparsemax(x, axis=-1):
    """The probability vector nearest to x along `axis`: max(x - tau, 0), tau such that it adds up to 1.

    Unlike softmax, most of its entries can be zero (Martins & Astudillo 2016, algorithm 1).
    """
    x = np.moveaxis(x, axis, -1)
    sorted_x = -np.sort(-x, axis=-1)
    excess = np.cumsum(sorted_x, axis=-1) - 1
    k = np.arange(1, x.shape[-1] + 1, dtype=x.dtype)
    size = np.sum(sorted_x * k > excess, axis=-1, keepdims=True)  # of the support: the largest `size` entries
    tau = np.take_along_axis(excess, size - 1, axis=-1) / size.astype(x.dtype)
    return np.ascontiguousarray(np.moveaxis(np.maximum(x - tau, 0), -1, axis))


@sparsemax.gradient
def sparsemax_gradient(x, y, dy, axis=-1):
    """dx = dy - mean(dy) over the support, where y > 0; 0 elsewhere"""
    support = y > 0
    mean = np.sum(dy * support, axis=axis, keepdims=True) / np.sum(support, axis=axis, keepdims=True, dtype=y.dtype)
    return (dy - mean) * support


@Activation
def glu(x, axis=-1):
    """a * sigmoid(b), a and b the halves of x along `axis` (Dauphin et al. 2017). ValueError for an odd size."""
    a, b = _halves(x, axis)
    return a * ops.activation(b, "sigmoid")


@glu.gradient
def glu_gradient(x, y, dy, axis=-1):
    """da = dy s, db = dy a s (1 - s) of the halves a and b of x, s = sigmoid(b)"""
    a, b = _halves(x, axis)
    s = ops.activation(b, "sigmoid")
    return np.concatenate([dy * s, dy * a * s * (1 - s)], axis=axis)


def _halves(x: np.ndarray, axis: int) -> tuple[np.ndarray, np.ndarray]:
    if x.shape[axis] % 2:
        raise ValueError(f"glu: axis {axis} has size {x.shape[axis]}, which is odd (x has shape {x.shape})")
    a, b = np.split(x, 2, axis)
    return a, np.ascontiguousarray(b)


# ---------------------------------------------------------------------------------------------------------- by name

_registry = registry.Registry(
    "activation function",
    "keras.activations",
    [
        celu,
        elu,
        exponential,
        gelu,
        glu,
        hard_shrink,
        hard_sigmoid,
        hard_silu,
        hard_tanh,
        leaky_relu,
        linear,
        log_sigmoid,
        log_softmax,
        mish,
        relu,
        relu6,
        selu,
        sigmoid,
        silu,
        soft_shrink,
        softmax,
        softplus,
        softsign,
        sparse_plus,
        sparse_sigmoid,
        sparsemax,
        squareplus,
        tanh,
        tanh_shrink,
        threshold,
    ],
    aliases={"swish": silu, "hard_swish": hard_silu},
)
swish, hard_swish = silu, hard_silu


# Keras has no functions with bound parameters: it takes layers in their place. These are the same function.
_LAYERS = {"relu": "ReLU", "leaky_relu": "LeakyReLU", "elu": "ELU", "softmax": "Softmax"}


def get(identifier: Any) -> Activation:
    """An activation from a name, a config, a callable, or None (which means `linear`). ValueError for anything else.

    A callable that has no `backward(x, y, dy)` serves for prediction only. Of a layer that is an activation, such as
    `layers.LeakyReLU(0.1)`, it is the function; ValueError for other layers.

    >>> get("relu")(np.float32([-1.0, 2.0]))
    array([0., 2.], dtype=float32)
    """
    found = function_or_layer(identifier)
    if not isinstance(found, Activation):
        raise ValueError(
            f"{found!r} is a layer, not an activation function: an activation has no variables and keeps the shape of "
            f"its input. Put the layer behind this one."
        )
    return found


def function_or_layer(identifier: Any) -> Any:
    """As `get`; a layer that is no mere function is returned itself."""
    if identifier is None:
        return linear
    found = _rebuilt(identifier) if isinstance(identifier, dict) else _registry.get(identifier)
    if hasattr(found, "as_function"):
        return found.as_function()
    if isinstance(found, Activation) or hasattr(found, "compute_output_shape"):
        return found
    return Activation(found, getattr(found, "backward", None))


def serialize(activation: Any) -> Any:
    """The name of a built-in activation, else a config: of the layer that is this function, where Keras has one."""
    if hasattr(activation, "as_function"):
        activation = activation.as_function()
    name = getattr(activation, "__name__", "")
    if _registry.objects.get(name) is activation:
        return name
    if isinstance(activation, Activation) and activation.parameters:
        return _serialize_bound(activation)
    # Registered is either the activation or the function that `get` made an activation of.
    is_wrapper = isinstance(activation, Activation) and registry.get_registered_name(activation) == activation.__name__
    return registry.serialize(activation.function if is_wrapper else activation)


def _serialize_bound(activation: Activation) -> dict[str, Any]:
    name, parameters = activation.__name__, registry.serialize(activation.parameters)
    described = {"config": parameters, "registered_name": None}
    if _registry.objects.get(name) is not activation.unbound:  # one of the user's
        registered = registry.get_registered_name(activation.unbound)
        return {"module": activation.__module__, "class_name": name, **described, "registered_name": registered}
    known_to_keras = name == "softmax" or all(value is None or value >= 0 for value in parameters.values())
    if name in _LAYERS and known_to_keras:
        return {"module": "keras.layers", "class_name": _LAYERS[name], **described}
    return {"module": _registry.module, "class_name": name, **described}


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> Any:
    """The activation that a name or a config describes."""
    return get(_rebuilt(config, custom_objects))


def _rebuilt(config: Any, custom_objects: dict[str, Any] | None = None) -> Any:
    of_layer = isinstance(config, dict) and config.get("module") == "keras.layers"
    return (registry if of_layer else _registry).deserialize(config, custom_objects)
