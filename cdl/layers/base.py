"""The layer: variables made by `build`, and a pair of functions, `forward` and `backward`."""

from __future__ import annotations

import functools
import math
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from cdl import config, constraints, initializers, regularizers
from cdl.layers.context import Context
from cdl.layers.forgotten import FORGOTTEN
from cdl.layers.keras_tensor import KerasTensor, Shape, behind, why_no_array
from cdl.utils.naming import auto_name
from cdl.utils.strings import no_numbers, numbers_in
from cdl.variable import UNSET, RowGradient, Variable, is_loading, require_room

Gradient = np.ndarray | RowGradient | None


def _recording_build(build: Any) -> Any:
    """`build` that afterwards marks the layer as built: subclasses need not think of it."""

    @functools.wraps(build)
    def build_and_record(self: Layer, input_shape: Shape) -> None:
        if self.built and self._variables:
            raise ValueError(
                f"{self.who} is built already, for inputs of shape {self._build_shape}; another build({input_shape}) "
                f"would make its variables twice. Make a new layer."
            )
        build(self, tuple(input_shape))
        if not self.built:
            self.built = True
            self._build_shape = tuple(input_shape)
            Layer.structure_version += 1

    return build_and_record


class Layer:
    """Base of all layers, also of your own.

    A layer of your own defines `forward(ctx, x)` and, to be trained or trained through, `backward(ctx, dy)`; if it has
    variables, `build(input_shape)` makes them with `add_weight`; if its output has another shape than its input,
    `compute_output_shape(input_shape)` says which. Shapes have the batch axis first, None where any size will do.
    `supports_masking = True` lets a mask pass (`ctx.mask`), and `compute_mask(inputs, previous_mask)` makes another.

    Parameters: `activity_regularizer`, a penalty on the output; `trainable`; `dtype`, "float32" or "float64", by
    default `cdl.config.floatx()`; `name`; `input_shape` or `input_dim`, for the first layer of a model. Raises
    ValueError for an unknown keyword or float type.

    >>> class Scale(Layer):
    ...     def build(self, input_shape):
    ...         self.scale = self.add_weight(shape=(input_shape[-1],), initializer="ones", name="scale")
    ...
    ...     def forward(self, ctx, x):
    ...         ctx.save(x)
    ...         return x * self.scale.value
    ...
    ...     def backward(self, ctx, dy):
    ...         (x,) = ctx.saved
    ...         self.scale.add_gradient((dy * x).sum(axis=0))
    ...         return dy * self.scale.value
    """

    # They count the changes of what is built or contained, and of `trainable`; lists are kept until they move.
    structure_version: ClassVar[int] = 0
    flags_version: ClassVar[int] = 0

    _variables: list[Variable]
    _sublayers: list[Layer]
    name = _float = FORGOTTEN

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "build" in cls.__dict__:
            cls.build = _recording_build(cls.__dict__["build"])  # type: ignore[method-assign]
        if "compute_mask" in cls.__dict__ and "supports_masking" not in cls.__dict__:
            cls.supports_masking = True

    def __new__(cls, *args: Any, **kwargs: Any) -> Layer:
        layer = super().__new__(cls)
        # Here and not in __init__, so that attributes can be set before super().__init__() is called.
        object.__setattr__(layer, "_variables", [])
        object.__setattr__(layer, "_sublayers", [])
        return layer

    def __init__(
        self,
        *,
        activity_regularizer: Any = None,
        trainable: bool = True,
        dtype: Any = None,
        autocast: bool = True,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        if "input_dim" in kwargs:
            kwargs["input_shape"] = (kwargs.pop("input_dim"),)
        input_shape = kwargs.pop("input_shape", None)
        # What the first layer says about the model's input, with the batch axis.
        self._input_shape_argument = None if input_shape is None else (None, *np.atleast_1d(input_shape).tolist())
        if "batch_input_shape" in kwargs:
            self._input_shape_argument = tuple(kwargs.pop("batch_input_shape"))
        if kwargs:
            raise ValueError(f"Unrecognized keyword arguments passed to {type(self).__name__}: {kwargs}")
        if name is not None and (not isinstance(name, str) or "/" in name):
            raise ValueError(f"{type(self).__name__}: name is a string without '/'. Received: {name!r}")
        self.name = name or auto_name(type(self).__name__)
        self.dtype = float_type(dtype, type(self).__name__)
        self._float = np.dtype(self.dtype)
        self.autocast = autocast
        self.activity_regularizer = regularizers.get(activity_regularizer)
        self.built = False
        self._build_shape: Shape | None = None
        self._trainable = bool(trainable)

    def __setattr__(self, attribute: str, value: Any) -> None:
        """Layers and variables that are set as attributes belong to this layer."""
        if isinstance(value, Layer):
            self._track(self._sublayers, [value])
        elif isinstance(value, Variable):
            self._track(self._variables, [value])
        elif isinstance(value, list) and value and all(isinstance(item, Layer) for item in value):
            self._track(self._sublayers, value)
        object.__setattr__(self, attribute, value)

    @staticmethod
    def _track(tracked: list[Any], items: Sequence[Any]) -> None:
        for item in items:
            if all(item is not other for other in tracked):
                tracked.append(item)
                Layer.structure_version += 1

    # ---- the mathematics ----

    def build(self, input_shape: Shape) -> None:
        """Make the variables for inputs of this shape. Called once, before the first forward pass."""
        self.built = True
        self._build_shape = tuple(input_shape)
        Layer.structure_version += 1

    def forward(self, ctx: Context, x: np.ndarray) -> np.ndarray:
        """The output for `x`; keeps in `ctx` what `backward` needs."""
        instead = " in the place of `call`: see docs/keras.md, Different" if hasattr(self, "call") else ""
        raise NotImplementedError(f"{type(self).__name__} does not define forward(ctx, x){instead}")

    def backward(self, ctx: Context, dy: np.ndarray) -> np.ndarray | None:
        """The gradient of the loss with respect to the input, from that with respect to the output.

        Adds the gradients of the layer's variables to them on the way.
        """
        raise NotImplementedError(
            f"{self.who} does not define backward(ctx, dy), so nothing in it or before it can be trained. Write the "
            f"derivative of its forward; cdl has no automatic differentiation."
        )

    def gradients(self, ctx: Context, dy: np.ndarray) -> list[Gradient]:
        """Goes back, and returns the gradients of the trainable variables, in their order: for a step of one's own.

        Nothing is left of gradients from before. None for a variable that has none.

        >>> optimizer.apply(model.gradients(ctx, dy), model.trainable_variables)
        """
        variables = self.trainable_variables
        for variable in variables:
            variable.grad = None
        self.backward(ctx, dy)
        return [variable.grad for variable in variables]

    # ---- masks ----

    supports_masking: bool = False  # whether the output has a mask if the input has; True where compute_mask is defined

    def compute_mask(self, inputs: np.ndarray, previous_mask: np.ndarray | None = None) -> np.ndarray | None:
        """The mask of the output, from the input and its mask: bool, False for steps that do not count; None if all do.

        By default that of the input.
        """
        return previous_mask

    @property
    def makes_masks(self) -> bool:
        """Whether the output may have a mask where the input has none."""
        return self.supports_masking and type(self).compute_mask is not Layer.compute_mask

    def output_mask(self, ctx: Context, x: np.ndarray) -> np.ndarray | None:
        """The mask of what `forward(ctx, x)` has put out. Warns where the layer destroys the mask of its input."""
        if self.supports_masking:
            return self.compute_mask(x, ctx.mask)
        if ctx.mask is not None:
            warnings.warn(
                f"Layer '{self.name}' (of type {type(self).__name__}) was passed an input with a mask attached to it. "
                "However, this layer does not support masking and will therefore destroy the mask information. "
                "Downstream layers will not see the mask.",
                stacklevel=2,
            )
        return None

    # ---- shapes ----

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """The shape of the output for an input of this shape."""
        if (type(self).build is Layer.build and not self._sublayers) or type(self).forward is Layer.forward:
            # No variables depend on the shape, so a forward pass over zeros is free of side effects.
            rows = [2 if size is None else size for size in input_shape]
            require_room(math.prod(rows) * self._float.itemsize, self.who)
            output = self.forward(Context(gradient=False), np.zeros(rows, self.dtype))
            return (None, *output.shape[1:])
        raise NotImplementedError(f"{self.who} does not define compute_output_shape(input_shape)")

    def compute_output_dtype(self, input_dtype: str) -> str:
        """The type of the output, as a name, for an input of this type: "string", or a number type of NumPy."""
        return self.dtype

    # ---- the public call ----

    def __call__(self, x: Any, *, training: bool | None = None, mask: Any = None, ctx: Context | None = None) -> Any:
        """The layer's output for `x`: builds the layer if needed, converts and checks `x`, then runs `forward`.

        `mask`: for each step of `x` whether it counts, for layers that heed it. Give a `ctx` to be able to go back:
        `layer.backward(ctx, dy)`. For a `KerasTensor`, that of the output: `Model(inputs, outputs)` joins such layers.
        """
        if isinstance(x, KerasTensor):
            return behind(x, self, training, mask)
        x = self.take_in(x)
        ctx = ctx or Context(training, gradient=False)
        if mask is not None:
            ctx.mask = np.asarray(mask, bool)
        return self.forward(ctx, x)

    def take_in(self, x: Any) -> np.ndarray:
        """`x` as `forward` may have it: converted and checked; builds the layer if needed."""
        x = self.convert(x)
        if x.ndim == 0:
            raise ValueError(f"{self.who}: input is a single number; a batch axis is needed.")
        if not self.built:
            self.build(with_open_batch(x.shape))
        self.check_input(x.shape)
        return x

    def convert(self, x: Any) -> np.ndarray:
        """`x` as an array of the layer's float type. Raises ValueError for what is not numeric."""
        if type(x) is np.ndarray and x.dtype is self._float:
            return x
        return to_array(x, self._float, f"{self.who}: input")

    def check_input(self, shape: Shape) -> None:
        """Raises ValueError where the layer, as built, cannot take an input of this shape."""

    # ---- its place in a model ----

    _place: tuple[KerasTensor, KerasTensor] | None = None  # its input and output in the first model built of it

    @property
    def input(self) -> KerasTensor:
        """Stands for what goes into the layer, in the first model that was built of it. AttributeError before that."""
        return self._in_model("input")[0]

    @property
    def output(self) -> KerasTensor:
        """Stands for what comes out of the layer, in the first model that was built of it. AttributeError before that.

        `Model(inputs, layer.output)` computes it.
        """
        return self._in_model("output")[1]

    def _in_model(self, what: str) -> tuple[KerasTensor, KerasTensor]:
        if self._place is None:
            raise AttributeError(
                f"The layer {self.name} has never been called and thus has no defined {what}. Put it in a Sequential "
                f"model with an Input, or build the model that it is in."
            )
        return self._place

    # ---- variables ----

    def add_weight(
        self,
        shape: Sequence[int] = (),
        initializer: Any = None,
        dtype: Any = None,
        trainable: bool = True,
        regularizer: Any = None,
        constraint: Any = None,
        name: str | None = None,
    ) -> Variable:
        """Make a variable that belongs to the layer. `initializer` defaults to "glorot_uniform"."""
        initializer = initializers.get("glorot_uniform" if initializer is None else initializer)
        variable = Variable(
            UNSET if is_loading() else initializer,
            shape=tuple(shape),
            dtype=dtype or self.dtype,
            trainable=trainable and self._trainable,
            name=name,
        )
        variable.path = f"{self.name}/{variable.name}"
        variable.regularizer = regularizers.get(regularizer)
        variable.constraint = constraints.get(constraint)
        variable.is_state = not trainable
        self._track(self._variables, [variable])
        return variable

    def _flatten_layers(self) -> Iterator[Layer]:
        yield self
        for layer in self._sublayers:
            yield from layer._flatten_layers()

    @property
    def weights(self) -> list[Variable]:
        """All variables: of each layer first the trainable ones, then its state; then those of the layers inside."""
        found = self._own_variables()
        for layer in self._sublayers:
            found += [w for w in layer.weights if all(w is not other for other in found)]
        return found

    def _own_variables(self) -> list[Variable]:
        return sorted(self._variables, key=lambda variable: variable.is_state)

    @property
    def variables(self) -> list[Variable]:
        return self.weights

    @property
    def trainable_weights(self) -> list[Variable]:
        return [variable for variable in self.weights if variable.trainable] if self._trainable else []

    @property
    def trainable_variables(self) -> list[Variable]:
        return self.trainable_weights

    @property
    def non_trainable_weights(self) -> list[Variable]:
        return [variable for variable in self.weights if not (variable.trainable and self._trainable)]

    @property
    def non_trainable_variables(self) -> list[Variable]:
        return self.non_trainable_weights

    @property
    def trainable(self) -> bool:
        """Whether training changes the layer's variables. Setting it sets it for all layers inside as well.

        A compiled model goes by what it was when `compile` was called, as Keras documents it: compile again.
        """
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        value = bool(value)
        for layer in self._flatten_layers():
            vars(layer)["_trainable"] = value  # not through __setattr__: some scripts freeze and thaw in every step
            for variable in layer._variables:
                variable.trainable = value and not variable.is_state
        Layer.flags_version += 1

    @property
    def losses(self) -> list[float]:
        """The penalties of the regularized variables that are trained, at their present values."""
        regularized = [variable for variable in self.trainable_weights if variable.regularizer is not None]
        return [float(variable.regularizer(variable.value)) for variable in regularized]

    def get_weights(self) -> list[np.ndarray]:
        """Copies of all variables, in the order of `weights`."""
        return [variable.numpy() for variable in self.weights]

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Copy arrays into the variables, in the order of `weights`.

        Raises ValueError where number or shapes differ.
        """
        variables = self.weights
        if len(variables) != len(weights):
            raise ValueError(
                f"You called `set_weights(weights)` on layer '{self.name}' with a weight list of length "
                f"{len(weights)}, but the layer was expecting {len(variables)} weights."
            )
        for variable, value in zip(variables, weights, strict=True):
            if np.shape(value) != variable.shape:
                raise ValueError(
                    f"Layer {self.name} weight shape {variable.shape} is not compatible with provided weight shape "
                    f"{np.shape(value)}."
                )
        for variable, value in zip(variables, weights, strict=True):
            variable.assign(value)

    def count_params(self) -> int:
        """The number of elements of all variables. Raises ValueError before the layer is built."""
        if not self.built:
            raise ValueError(
                f"You tried to call `count_params` on layer '{self.name}', but the layer isn't built. "
                f"Build it with build(input_shape) or call it on data."
            )
        return sum(variable.size for variable in self.weights)

    # ---- configuration ----

    def get_config(self) -> dict[str, Any]:
        """What `from_config` needs to make an equal layer, as Keras lays it out; variables are not included."""
        policy = {
            "module": "keras",
            "class_name": "DTypePolicy",
            "config": {"name": self.dtype},
            "registered_name": None,
        }
        layer_config: dict[str, Any] = {"name": self.name, "trainable": self.trainable, "dtype": policy}
        if self.activity_regularizer is not None:
            layer_config["activity_regularizer"] = regularizers.serialize(self.activity_regularizer)
        return layer_config

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Layer:
        """A new layer from `get_config`'s dictionary."""
        return cls(**config)

    # ---- files ----

    def get_build_config(self) -> dict[str, Any] | None:
        """What `build_from_config` needs to build an equal layer; None before the layer is built."""
        return None if self._build_shape is None else {"input_shape": self._build_shape}

    def build_from_config(self, config: dict[str, Any]) -> None:
        """Build the layer as `get_build_config` described it."""
        if config.get("input_shape") is not None:
            self.build(tuple(config["input_shape"]))

    def save_own_variables(self, store: dict[str, Any]) -> None:
        """Put the layer's own variables, not those of layers inside, into `store`: under "0", "1", ... as in Keras."""
        for number, variable in enumerate(self._own_variables()):
            store[str(number)] = variable

    def load_own_variables(self, store: Mapping[str, Any]) -> None:
        """Take what `save_own_variables` has put there. ValueError where number or shapes differ."""
        variables = self._own_variables()
        if len(store) != len(variables):
            raise ValueError(
                f"Layer '{self.name}' expected {len(variables)} variables, but received {len(store)} variables during "
                f"loading. Expected: {[variable.name for variable in variables]}"
            )
        for number, variable in enumerate(variables):
            variable.assign(store[str(number)])

    # Pickles and copies hold all there is. Lists that are kept until the structure changes are out of date afterwards.

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_pickled_version": Layer.structure_version}

    def __setstate__(self, state: dict[str, Any]) -> None:
        Layer.structure_version = max(Layer.structure_version, state.pop("_pickled_version")) + 1
        vars(self).update(state)

    @property
    def who(self) -> str:
        """The layer, in messages."""
        return f"{type(self).__name__} {self.name!r}"

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}, built={self.built}>"


def float_type(dtype: Any, who: str) -> str:
    """The name of a float type that cdl computes in, from a name, a NumPy dtype, a Keras policy's config, or None."""
    if dtype is None:
        return config.floatx()
    if isinstance(dtype, dict):
        dtype = dtype.get("config", dtype).get("name")
    name = getattr(dtype, "name", dtype)
    name = name if isinstance(name, str) else np.dtype(name).name
    if name not in ("float32", "float64"):
        raise ValueError(f"{who}: dtype is 'float32' or 'float64' (cdl computes on CPUs). Received: {dtype!r}")
    return name


def to_array(x: Any, dtype: np.dtype | None, who: str) -> np.ndarray:
    """`x` as a numeric array, of `dtype` if one is given; numbers as objects, as in a frame with bool columns, too.

    Raises ValueError for what is not numeric or not rectangular.
    """
    try:
        x = numbers_in(np.asarray(x))
    except ValueError as error:
        raise ValueError(
            f"{who}: cannot be made an array ({error}). Give every sample the same shape; utils.pad_sequences does so "
            f"with sequences."
        ) from None
    if x.dtype.kind not in "fiub":
        if x.size and isinstance(x.flat[0], KerasTensor):
            raise ValueError(f"{who} {why_no_array(x)}")
        raise ValueError(f"{who}: Invalid dtype: {x.dtype}. Numbers are needed; {no_numbers(x)}")
    return x if dtype is None or x.dtype == dtype else x.astype(dtype)


def with_open_batch(shape: Sequence[int | None]) -> Shape:
    """The shape with None for the size of the batch."""
    return (None, *shape[1:])
