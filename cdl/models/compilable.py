"""What `compile` chooses and the steps go by: the optimizer, the loss, the metrics, and what is trained."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from typing import Any

from cdl import optimizers
from cdl.layers.base import Layer
from cdl.metrics import Metric
from cdl.models.objective import Objective
from cdl.models.trained import Trained
from cdl.utils import registry


class Compilable(Layer):
    """A layer that knows how it is to learn: what every `Model` is, before there are steps.

    Attributes: `optimizer` and `objective` (the loss and the metrics), None before `compile` was called.
    """

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        model = super().__new__(cls)
        object.__setattr__(model, "_own_metrics", {})
        return model

    def __setattr__(self, attribute: str, value: Any) -> None:
        if isinstance(value, Metric):
            self._own_metrics[attribute] = value
        super().__setattr__(attribute, value)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.optimizer: optimizers.Optimizer | None = None
        self.objective: Objective | None = None
        self.run_eagerly, self.jit_compile, self.steps_per_execution = False, False, 1  # scripts read them
        self._compile_arguments: dict[str, Any] = {}
        self._flags: dict[Layer, bool] = {}  # what `trainable` was when the model was compiled

    _own_metrics: dict[str, Metric]  # those that are attributes of the model

    # ---- compile ----

    def compile(
        self,
        optimizer: Any = "rmsprop",
        loss: Any = None,
        loss_weights: Any = None,
        metrics: Any = None,
        weighted_metrics: Any = None,
        run_eagerly: bool = False,
        steps_per_execution: int = 1,
        jit_compile: str | bool = "auto",
        auto_scale_loss: bool = True,
    ) -> None:
        """Choose how the model learns.

        `optimizer`, `loss`: names or objects; `metrics`, `weighted_metrics`: lists of names, functions or objects.
        `run_eagerly`, `steps_per_execution`, `jit_compile` and `auto_scale_loss` are accepted for Keras' sake: nothing
        is traced or compiled here. What is trained is what is `trainable` now, also if that changes later: so a
        discriminator, frozen after it was compiled and before the GAN around it is, learns in its own steps only.
        Raises ValueError for unknown names and for `loss_weights`, which only several outputs need.
        """
        if loss_weights is not None:
            raise ValueError(
                f"compile: loss_weights are for models with several outputs; this model has one. Metrics go by name: "
                f"metrics=[...]. Received: loss_weights={loss_weights!r}"
            )
        self.run_eagerly, self.jit_compile, self.steps_per_execution = (
            run_eagerly,
            jit_compile is True,
            steps_per_execution,
        )
        self.optimizer = optimizers.get(optimizer)
        self.objective = Objective(loss, metrics, weighted_metrics)
        self._flags = {layer: layer.trainable for layer in self._flatten_layers()}
        self._trained_version = -1
        self._compile_arguments = {
            "optimizer": optimizer,
            "loss": loss,
            "loss_weights": None,
            "metrics": metrics,
            "weighted_metrics": weighted_metrics,
            "run_eagerly": run_eagerly,
            "steps_per_execution": steps_per_execution,
            "jit_compile": jit_compile,
        }

    def get_compile_config(self) -> dict[str, Any]:
        """The arguments of `compile` as a dictionary of plain values; empty before it was called.

        Also empty, with a warning, where one of them has no name, such as a lambda: better a file without a loss than
        no file after a long training.
        """
        if not self.compiled:
            return {}
        try:
            return registry.serialize({**self._compile_arguments, "optimizer": self.optimizer})
        except TypeError as error:
            warnings.warn(
                f"{self.who} is written down as if it was not compiled: without optimizer, loss and metrics. {error}",
                stacklevel=2,
            )
            return {}

    def compile_from_config(self, config: dict[str, Any]) -> None:
        """`compile` as `get_compile_config` described it; a `compile` of your own needs one of these, too."""
        if not type(self).compile.__module__.startswith("cdl."):
            warnings.warn(
                "`compile()` was not called as part of model loading because the model's `compile()` method is custom. "
                "Override `get_compile_config()` and `compile_from_config(config)` as well, or call `compile()` after "
                "loading.",
                stacklevel=2,
            )
            return
        self.compile(**registry.deserialize(config))

    @property
    def compiled(self) -> bool:
        return self.objective is not None

    @property
    def loss(self) -> Any:
        return self._compile_arguments.get("loss")

    def _compiled(self) -> Objective:
        if self.objective is None:
            raise ValueError("You must call `compile()` before using the model.")
        return self.objective

    # ---- what is trained ----

    def _trained(self) -> Trained:
        """What the steps change; kept until the model is compiled, or the structure of some layer changes."""
        if self._trained_version != Layer.structure_version:
            self._trained_now = Trained(self, self._flags, self.objective.loss if self.objective else None)
            self._trained_version = Layer.structure_version
        return self._trained_now

    _trained_version = -1
    _trained_now: Trained

    def trained_flags(self, flags: dict[Layer, bool] | None = None) -> dict[Layer, bool]:
        """For each layer, also inside others, whether it was trainable when the model was compiled; sets it."""
        if flags is not None:
            self._flags = dict(flags)
            Layer.structure_version += 1
        return {layer: self._flags.get(layer, layer.trainable) for layer in self._flatten_layers()}

    # ---- metrics ----

    @property
    def metrics(self) -> list[Any]:
        """The tracker of the loss, then the metrics of `compile` (known after the first batch), then those that are
        attributes of the model.

        A model with a training step of its own may define it: as the list of what the step reports.
        """
        of_compile = [] if self.objective is None else self.objective.all()
        return [*of_compile, *self._own_metrics.values()]

    @property
    def metrics_names(self) -> list[str]:
        """The names that go with the list from `evaluate`."""
        return [metric.name for metric in self.metrics]

    def reset_metrics(self) -> None:
        """Begin counting anew."""
        self._compiled().reset()
        for metric in self._beyond_compile():
            metric.reset_state()

    def get_metrics_result(self) -> dict[str, float]:
        """The running loss and metrics."""
        results = self._compiled().results() if type(self).metrics is Compilable.metrics else {}
        return results | {metric.name: metric.result() for metric in self._beyond_compile()}

    def _beyond_compile(self) -> Iterable[Metric]:
        """The metrics that `compile` does not know: the model's attributes, or what a `metrics` of its own lists."""
        return self._own_metrics.values() if type(self).metrics is Compilable.metrics else self.metrics
