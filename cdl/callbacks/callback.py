"""Something that happens between the steps of training."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cdl.models.model import Model

Logs = dict[str, Any] | None


class Callback:
    """Something to do during training, evaluation or prediction: override the moments that matter.

    `self.model` is the model, `self.params` has "epochs", "steps" and "verbose". `logs` holds the running loss and
    metrics. Setting `self.model.stop_training = True` ends training.

    >>> class Tell(Callback):
    ...     def on_epoch_end(self, epoch, logs=None):
    ...         print(epoch, logs["loss"])
    """

    def __init__(self) -> None:
        self.params: dict[str, Any] = {}
        self._model: Any = None

    @property
    def model(self) -> Model:
        return self._model

    def set_params(self, params: dict[str, Any]) -> None:
        self.params = params

    def set_model(self, model: Model) -> None:
        self._model = model

    def on_train_begin(self, logs: Logs = None) -> None:
        """Before the first epoch."""

    def on_train_end(self, logs: Logs = None) -> None:
        """After the last epoch."""

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        """Before an epoch, counted from 0."""

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """After an epoch and its validation; logs has "val_..." entries too."""

    def on_train_batch_begin(self, batch: int, logs: Logs = None) -> None:
        """Before a training step."""
        self.on_batch_begin(batch, logs)

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        """After a training step."""
        self.on_batch_end(batch, logs)

    def on_batch_begin(self, batch: int, logs: Logs = None) -> None:
        """The older name of `on_train_batch_begin`."""

    def on_batch_end(self, batch: int, logs: Logs = None) -> None:
        """The older name of `on_train_batch_end`."""

    def on_test_begin(self, logs: Logs = None) -> None:
        """Before evaluation or validation."""

    def on_test_end(self, logs: Logs = None) -> None:
        """After evaluation or validation."""

    def on_test_batch_begin(self, batch: int, logs: Logs = None) -> None:
        """Before a batch of evaluation or validation."""

    def on_test_batch_end(self, batch: int, logs: Logs = None) -> None:
        """After a batch of evaluation or validation."""

    def on_predict_begin(self, logs: Logs = None) -> None:
        """Before prediction."""

    def on_predict_end(self, logs: Logs = None) -> None:
        """After prediction."""

    def on_predict_batch_begin(self, batch: int, logs: Logs = None) -> None:
        """Before a batch of prediction."""

    def on_predict_batch_end(self, batch: int, logs: Logs = None) -> None:
        """After a batch of prediction; logs["outputs"] is its result."""
