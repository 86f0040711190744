"""Training: the step, and what repeats it: fit, evaluate, predict."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from itertools import islice
from typing import Any

import numpy as np

from cdl.callbacks import Callback, CallbackList, History
from cdl.layers.base import Layer, with_open_batch
from cdl.layers.context import Context
from cdl.models.compilable import Compilable
from cdl.models.data import (
    Batches,
    check_batch_size,
    check_epochs,
    check_steps,
    is_dataset,
    split_off_validation,
    to_rows,
    to_samples,
    validates_after,
    weights_of_classes,
)
from cdl.models.dataset import Dataset, batches_of, validation_batches
from cdl.models.storable import Storable
from cdl.models.summary import print_summary
from cdl.utils.packing import pack_x_y_sample_weight, unpack_x_y_sample_weight

# Rows per forward pass in `predict` when the user does not say: at most so many, which is enough for the threads, and
# so few that the largest array between two layers stays in the cache. A row's output does not depend on it.
PREDICT_ROWS = 256
PREDICT_NUMBERS = 1_500_000


class Model(Compilable, Storable):
    """A layer that can be trained: what `Sequential` adds layers to.

    Subclasses define `forward` and `backward` like any layer. `Model(inputs, outputs)` is a `Functional` model: the
    layers between two tensors.
    """

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        if cls is Model and (args or "inputs" in kwargs or "outputs" in kwargs):
            from cdl.models.functional import Functional

            cls = Functional
        return super().__new__(cls)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if args or "inputs" in kwargs or "outputs" in kwargs:
            raise TypeError(
                f"{type(self).__name__}: a class whose models lie between tensors, (inputs, outputs), derives from "
                f"cdl.models.Functional in the place of Model."
            )
        super().__init__(*args, **kwargs)
        self.history: History | None = None
        self.stop_training = False

    _initial_epoch = 0  # where fit begins

    # ---- one step ----

    def train_step(self, data: Any) -> dict[str, float]:
        """Learn from one batch, x, (x, y) or (x, y, sample_weight); returns the running loss and metrics.

        Forward, loss, backward, update; z is the output, or its logits where the loss takes these (`Ending`). Override
        it to train in another way: `fit` calls it with each batch, and logs what it returns. Metrics that are
        attributes of the model begin anew with each epoch.

        >>> class Mine(Sequential):
        ...     def train_step(self, data):
        ...         x, y = data
        ...         ctx = Context(training=True, need_input_grad=False)
        ...         y_pred = self(x, ctx=ctx)
        ...         loss, dy = self.objective.value_and_gradient(y, y_pred)
        ...         self.optimizer.apply(self.gradients(ctx, dy), self.trainable_variables)
        ...         return {"loss": loss}
        """
        x, y, sample_weight = unpack_x_y_sample_weight(data)
        objective, trained = self._compiled(), self._trained()
        ending = trained.ending
        for variable in trained.variables:
            variable.grad = None
        ctx = Context(True, True, False, trained=trained.set, frozen=trained.frozen, logits_of=ending.logits_of)
        z = self.forward(ctx, self.convert(x))
        loss, dz = objective.value_and_gradient(y, z, sample_weight, ctx.mask, ending.loss)
        self.backward(ctx, dz)
        if trained.regularized:
            loss += trained.add_penalties()
        if ctx.losses:
            loss += sum(ctx.losses)
        if not trained.variables:
            warnings.warn("The model does not have any trainable weights.", stacklevel=2)
        grads = [variable.grad for variable in trained.variables]
        self.optimizer.apply(grads, trained.variables)  # type: ignore[union-attr]
        objective.update(loss, y, z, ending.outputs, sample_weight, ctx.mask)
        return objective.results()

    def test_step(self, data: Any) -> dict[str, float]:
        """Measure loss and metrics on one batch, as `train_step` takes it; returns their running values."""
        x, y, sample_weight = unpack_x_y_sample_weight(data)
        objective, trained = self._compiled(), self._trained()
        ending = trained.ending
        ctx = Context(gradient=False, logits_of=ending.logits_of)
        z = self.forward(ctx, self.convert(x))
        loss = objective.value(y, z, sample_weight, ctx.mask, ending.loss) + sum(ctx.losses)
        loss += trained.penalties()
        objective.update(loss, y, z, ending.outputs, sample_weight, ctx.mask)
        return objective.results()

    def predict_step(self, x: np.ndarray) -> Any:
        """The output for one batch."""
        return self.forward(Context(gradient=False), self.convert(x))

    def _build_for(self, x: np.ndarray) -> None:
        """Build the model for this input, or check that it fits."""
        if x.dtype.kind not in "fiub":
            self.convert(x[:1])  # layers that take no texts say so, before they look at shapes
        if not self.built:
            self.build(with_open_batch(x.shape))
        self.check_input(x.shape)

    # ---- fit ----

    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: str | int = "auto",
        callbacks: Callback | list[Callback] | None = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: bool | str = True,
        class_weight: dict[int, float] | None = None,
        sample_weight: Any = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: int | list[int] = 1,
    ) -> History:
        """Train on x and y for some epochs; returns the `History` of loss and metrics.

        `x` may be a data set that yields batches (x, y) or (x, y, sample_weight): a `utils.PyDataset`, another object
        with `__len__` and `__getitem__`, or with `__iter__`, or a generator; then `y` is left out.
        `batch_size`: samples per step, 32 by default. `verbose`: 0 silent, 1 a progress bar, 2 a line per epoch, "auto"
        a bar where one can be shown. `validation_split`: the last part of the data, kept for validation; or
        `validation_data`: (x, y) or (x, y, sample_weight). `shuffle`: a new order each epoch. `class_weight`: {class:
        weight}. `steps_per_epoch`: an epoch is so many batches, and the next goes on from there. `validation_steps`:
        validate on so many batches. `validation_freq`: after every so many epochs, or after those listed (from 1 on).
        Raises ValueError before `compile`, for no data, and for data that do not fit together or to the model.
        """
        self._compiled()
        if validation_split and validation_data is None:
            (x, y, sample_weight), validation_data = split_off_validation(x, y, sample_weight, validation_split)
        batches = batches_of(x, y, sample_weight, batch_size, shuffle, class_weight)
        self._require_targets(batches, "fit")
        self._build_for(batches.x)
        validation = None
        if validation_data is not None:
            validation = validation_batches(validation_data, validation_batch_size or batch_size)
            self._require_targets(validation, "fit: validation_data")
            self._build_for(validation.x)
            steps_to_validate = check_steps("validation_steps", validation_steps, validation.steps)
        steps = check_steps("steps_per_epoch", steps_per_epoch, batches.steps)
        epochs, initial_epoch = check_epochs("epochs", epochs), check_epochs("initial_epoch", initial_epoch)
        watchers = self._watchers(callbacks, verbose, epochs, steps)
        self.history = watchers.history or History()
        self.stop_training = False
        self._initial_epoch = initial_epoch
        watchers.on_train_begin()
        initial_epoch = self._initial_epoch  # a callback may have restored a training that had come further
        logs: dict[str, float] = {}
        for epoch, portion in zip(range(initial_epoch, epochs), batches.portions(steps), strict=False):
            self.reset_metrics()
            watchers.on_epoch_begin(epoch)
            for step, batch in enumerate(portion):
                watchers.on_train_batch_begin(step)
                logs = self.train_step(pack_x_y_sample_weight(*batch))
                watchers.on_train_batch_end(step, logs)
                if self.stop_training:
                    break
            if validation is not None and validates_after(epoch, validation_freq):
                measured = self._evaluate(validation, watchers, steps_to_validate)
                logs = {**logs, **{f"val_{name}": value for name, value in measured.items()}}
            logs = in_keras_order(logs)
            watchers.on_epoch_end(epoch, logs)
            if self.stop_training:
                break
        if epochs > initial_epoch:
            self.optimizer.finalize_variable_values(self._trained().variables)  # type: ignore[union-attr]
        watchers.on_train_end(logs)
        return self.history

    def evaluate(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        verbose: str | int = "auto",
        sample_weight: Any = None,
        steps: int | None = None,
        callbacks: Callback | list[Callback] | None = None,
        return_dict: bool = False,
    ) -> Any:
        """Loss and metrics on x and y: a list (the loss first), one number if there is only the loss, or a dictionary.

        `x` may be a data set, and the method raises, as `fit`.
        """
        self._compiled()
        batches = batches_of(x, y, sample_weight, batch_size)
        self._require_targets(batches, "evaluate")
        self._build_for(batches.x)
        steps = check_steps("steps", steps, batches.steps)
        watchers = self._watchers(callbacks, verbose, 1, steps)
        return self._reported(self._evaluate(batches, watchers, steps), return_dict)

    def _watchers(self, callbacks: Any, verbose: str | int, epochs: int, steps: int | None) -> CallbackList:
        if isinstance(callbacks, CallbackList):
            return callbacks
        params = {"verbose": verbose, "epochs": epochs, "steps": steps}
        return CallbackList(callbacks, add_history=True, add_progbar=True, model=self, **params)

    def _evaluate(self, batches: Batches | Dataset, watchers: CallbackList, steps: int | None) -> dict[str, float]:
        self.reset_metrics()
        watchers.on_test_begin()
        logs: dict[str, float] = {}
        for step, batch in enumerate(islice(batches, steps)):
            watchers.on_test_batch_begin(step)
            logs = self.test_step(pack_x_y_sample_weight(*batch))
            watchers.on_test_batch_end(step, logs)
        watchers.on_test_end(in_keras_order(logs))
        return logs

    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: str | int = "auto",
        steps: int | None = None,
        callbacks: Callback | list[Callback] | None = None,
    ) -> Any:
        """The outputs for x, computed `batch_size` samples at a time (the result does not depend on it), or for the
        batches of a data set.

        An array, or a list of them from a model with several outputs. Raises ValueError for input that does not fit the
        model.
        """
        batches: Batches | Dataset
        if is_dataset(x):
            batches = Dataset(x)
            self._build_for(batches.x)
        else:
            x = to_rows(x, "x", strings=True)
            self._build_for(x)
            if batch_size is not None:
                rows = check_batch_size(batch_size)
            else:
                rows = self._rows_in_cache() if len(x) > 1 else 1
            if len(x) <= rows and callbacks is None and verbose in ("auto", 0):
                return in_memory_of_its_own(self.predict_step(x), x)
            batches = Batches(x, None, None, rows, shuffle=False)
        steps = check_steps("steps", steps, batches.steps)
        watchers = self._watchers(callbacks, verbose, 1, steps)
        watchers.on_predict_begin()
        outputs = []
        for step, (batch, _, _) in enumerate(islice(batches, steps)):
            watchers.on_predict_batch_begin(step)
            outputs.append(self.predict_step(batch))
            watchers.on_predict_batch_end(step, {"outputs": outputs[-1]})
        watchers.on_predict_end()
        if isinstance(outputs[0], list):
            return [np.concatenate(parts) for parts in zip(*outputs, strict=True)]
        return np.concatenate(outputs)

    def _rows_in_cache(self) -> int:
        sizes = [math.prod(size or 1 for size in shape[1:]) for shape in self._shapes]
        return max(1, min(PREDICT_ROWS, PREDICT_NUMBERS // max([1, *sizes])))

    _shapes: Any = ()  # of the data before, between and after the layers of a chain

    # ---- single batches ----

    def train_on_batch(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        class_weight: dict[int, float] | None = None,
        return_dict: bool = False,
    ) -> Any:
        """One training step. Returns the loss and metrics of this batch, as `evaluate` does.

        Raises as `fit`.
        """
        self._compiled()
        if class_weight is not None:
            if sample_weight is not None:
                raise ValueError("Arguments `sample_weight` and `class_weight` cannot be specified at the same time.")
            x, y, _ = to_samples(x, y)
            sample_weight = weights_of_classes(y, class_weight)
        return self._on_batch(self.train_step, x, y, sample_weight, return_dict, "train_on_batch")

    def test_on_batch(self, x: Any, y: Any = None, sample_weight: Any = None, return_dict: bool = False) -> Any:
        """Loss and metrics on one batch, returned as by `train_on_batch`."""
        self._compiled()
        return self._on_batch(self.test_step, x, y, sample_weight, return_dict, "test_on_batch")

    def predict_on_batch(self, x: Any) -> Any:
        """The outputs for one batch."""
        x = to_rows(x, "x", strings=True)
        self._build_for(x)
        return in_memory_of_its_own(self.predict_step(x), x)

    def _on_batch(
        self, run: Callable[[Any], dict[str, float]], x: Any, y: Any, sample_weight: Any, return_dict: bool, who: str
    ) -> Any:
        batch = Batches(x, y, sample_weight, batch_size=None, shuffle=False)
        self._require_targets(batch, who)
        self._build_for(batch.x)
        self.reset_metrics()
        return self._reported(run(pack_x_y_sample_weight(batch.x, batch.y, batch.sample_weight)), return_dict)

    def _require_targets(self, batches: Batches | Dataset, who: str) -> None:
        """Refuse what no loss could be computed from."""
        loss = self._compiled().loss
        if batches.samples == 0:
            raise ValueError(f"{who}: x holds no samples (shape {batches.x.shape}).")
        if batches.y is None and loss is not None:
            raise ValueError(f"{who}: y is None, but the loss {loss.name!r} compares with it. Pass y.")

    def _reported(self, logs: dict[str, float], return_dict: bool) -> Any:
        if return_dict:
            return in_keras_order(logs)
        values = (
            list(logs.values()) if "loss" not in logs else [logs["loss"], *(v for k, v in logs.items() if k != "loss")]
        )
        return values[0] if len(values) == 1 else values

    # ---- what there is ----

    @property
    def layers(self) -> list[Layer]:
        """The layers that are attributes of the model, in the order in which they were set."""
        return list(self._sublayers)

    def get_layer(self, name: str | None = None, index: int | None = None) -> Layer:
        """The layer of that name or position. Raises ValueError where there is none."""
        if index is not None and name is not None:
            raise ValueError(f"Provide only a layer name or a layer index. Received: index={index}, name={name}.")
        if index is not None:
            if not -len(self.layers) <= index < len(self.layers):
                raise ValueError(
                    f"Was asked to retrieve layer at index {index} but model only has {len(self.layers)} layers."
                )
            return self.layers[index]
        if name is None:
            raise ValueError("Provide either a layer name or layer index at `get_layer`.")
        for layer in self.layers:
            if layer.name == name:
                return layer
        raise ValueError(f"No such layer: {name}. Existing layers are: {[layer.name for layer in self.layers]}.")

    def summary(
        self,
        line_length: int | None = None,
        positions: Sequence[float] | None = None,
        print_fn: Callable[[str], Any] | None = None,
        expand_nested: bool = False,
        show_trainable: bool = False,
        layer_range: Sequence[str] | None = None,
    ) -> None:
        """Print the layers, their output shapes and numbers of parameters, as Keras does.

        `line_length`: by default 88, or what fits in the terminal; `positions`: where columns end, as parts of a line;
        `print_fn`: gets the whole text instead; `expand_nested`: show layers of models and branches inside, too;
        `show_trainable`: say which layers are trained; `layer_range`: two regular expressions, for the names of the
        first and the last layer to show. Raises ValueError where these match nothing, and for a line that is too short.
        """
        print_summary(self, line_length, positions, print_fn, expand_nested, show_trainable, layer_range)


def in_memory_of_its_own(y: Any, x: np.ndarray) -> Any:
    """y, copied if it is x or a view of it, as where layers only rearrange: changing it must not change x.

    Of several outputs, one may be a view of another: they are all copied.
    """
    if isinstance(y, list):
        return [output.copy() for output in y]
    may_be_view = y is x or type(y.base) is np.ndarray  # what the core makes is neither
    return y.copy() if may_be_view and np.may_share_memory(x, y) else y


def in_keras_order(logs: dict[str, float]) -> dict[str, float]:
    """By name, as in Keras' histories."""
    return dict(sorted(logs.items()))
