"""Calls all callbacks, in order, at each moment."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from cdl.callbacks.callback import Callback, Logs
from cdl.callbacks.history import History
from cdl.callbacks.progress import ProgbarLogger, resolve_verbose

if TYPE_CHECKING:
    from cdl.models.model import Model


class CallbackList:
    """Calls each moment on all callbacks that override it; the others cost nothing per batch.

    Parameters: `callbacks`, one or a list; `add_history`, `add_progbar`: add a `History` and, unless verbose is 0, a
    `ProgbarLogger`, where there is none; `model`; and what the callbacks shall find in their `params`: verbose, epochs,
    steps. `fit` makes such a list; one of your own is for a training loop of your own.
    Raises ValueError for what is not a callback.

    >>> watchers = CallbackList([EarlyStopping("loss", mode="min")], add_history=True, model=model, epochs=9)
    >>> watchers.on_train_begin()
    """

    def __init__(
        self,
        callbacks: Callback | Iterable[Callback] | None = None,
        add_history: bool = False,
        add_progbar: bool = False,
        model: Model | None = None,
        **params: Any,
    ) -> None:
        self.callbacks = [callbacks] if isinstance(callbacks, Callback | str) else list(callbacks or ())
        for callback in self.callbacks:
            if not isinstance(callback, Callback):
                raise ValueError(f"callbacks holds instances of cdl.callbacks.Callback. Received: {callback!r}")
        if "verbose" in params:
            params["verbose"] = resolve_verbose(params["verbose"])
        # After those of the user, so that what they write into an epoch's logs is recorded.
        if add_history and not self._has(History):
            self.callbacks.append(History())
        if add_progbar and params.get("verbose", 1) and not self._has(ProgbarLogger):
            self.callbacks.append(ProgbarLogger())
        for callback in self.callbacks:
            if params:
                callback.set_params(params)
            if model is not None:
                callback.set_model(model)
        self._train_batch_begin = self._overriding("on_train_batch_begin", "on_batch_begin")
        self._train_batch_end = self._overriding("on_train_batch_end", "on_batch_end")
        self._test_batch_begin = self._overriding("on_test_batch_begin")
        self._test_batch_end = self._overriding("on_test_batch_end")
        self._predict_batch_begin = self._overriding("on_predict_batch_begin")
        self._predict_batch_end = self._overriding("on_predict_batch_end")

    def _has(self, kind: type[Callback]) -> bool:
        return any(isinstance(callback, kind) for callback in self.callbacks)

    @property
    def history(self) -> History | None:
        """The `History` among the callbacks."""
        return next((callback for callback in self.callbacks if isinstance(callback, History)), None)

    def _overriding(self, *moments: str) -> list[Any]:
        """The method of each callback that overrides one of the moments, in its class or by itself."""
        found = []
        for callback in self.callbacks:
            for moment in moments:
                method = getattr(callback, moment)
                if getattr(method, "__func__", None) is not getattr(Callback, moment):
                    found.append(method)
                    break
        return found

    def on_train_batch_begin(self, batch: int, logs: Logs = None) -> None:
        if self._train_batch_begin:
            tell(self._train_batch_begin, logs, batch)

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        if self._train_batch_end:
            tell(self._train_batch_end, logs, batch)

    def on_test_batch_begin(self, batch: int, logs: Logs = None) -> None:
        if self._test_batch_begin:
            tell(self._test_batch_begin, logs, batch)

    def on_test_batch_end(self, batch: int, logs: Logs = None) -> None:
        if self._test_batch_end:
            tell(self._test_batch_end, logs, batch)

    def on_predict_batch_begin(self, batch: int, logs: Logs = None) -> None:
        if self._predict_batch_begin:
            tell(self._predict_batch_begin, logs, batch)

    def on_predict_batch_end(self, batch: int, logs: Logs = None) -> None:
        if self._predict_batch_end:
            tell(self._predict_batch_end, logs, batch)

    def on_train_begin(self, logs: Logs = None) -> None:
        tell([callback.on_train_begin for callback in self.callbacks], logs)

    def on_train_end(self, logs: Logs = None) -> None:
        tell([callback.on_train_end for callback in self.callbacks], logs)

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        tell([callback.on_epoch_begin for callback in self.callbacks], logs, epoch)

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        tell([callback.on_epoch_end for callback in self.callbacks], logs, epoch)

    def on_test_begin(self, logs: Logs = None) -> None:
        tell([callback.on_test_begin for callback in self.callbacks], logs)

    def on_test_end(self, logs: Logs = None) -> None:
        tell([callback.on_test_end for callback in self.callbacks], logs)

    def on_predict_begin(self, logs: Logs = None) -> None:
        tell([callback.on_predict_begin for callback in self.callbacks], logs)

    def on_predict_end(self, logs: Logs = None) -> None:
        tell([callback.on_predict_end for callback in self.callbacks], logs)


def tell(methods: list[Any], logs: Logs, *number: int) -> None:
    """Call each with the number of the batch or epoch, if there is one, and the same dictionary."""
    logs = logs or {}
    for method in methods:
        method(*number, logs)
