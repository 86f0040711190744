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
    """Calls each moment on all callbacks that override it; the others cost nothing per batch."""

    def __init__(
        self,
        callbacks: Callback | Iterable[Callback] | None,
        model: Model,
        *,
        verbose: Any,
        epochs: int,
        steps: int | None,
    ) -> None:
        given = [callbacks] if isinstance(callbacks, Callback | str) else list(callbacks or ())
        for callback in given:
            if not isinstance(callback, Callback):
                raise ValueError(f"callbacks holds instances of cdl.callbacks.Callback. Received: {callback!r}")
        self.history = next((callback for callback in given if isinstance(callback, History)), None) or History()
        # After those of the user, so that what they write into an epoch's logs is recorded.
        self.callbacks = given if self.history in given else [*given, self.history]
        verbose = resolve_verbose(verbose)
        if verbose and not any(isinstance(callback, ProgbarLogger) for callback in given):
            self.callbacks.append(ProgbarLogger())
        params = {"verbose": verbose, "epochs": epochs, "steps": steps}
        for callback in self.callbacks:
            callback.set_params(params)
            callback.set_model(model)
        self._train_batch_begin = self._overriding("on_train_batch_begin", "on_batch_begin")
        self._train_batch_end = self._overriding("on_train_batch_end", "on_batch_end")
        self._test_batch_begin = self._overriding("on_test_batch_begin")
        self._test_batch_end = self._overriding("on_test_batch_end")
        self._predict_batch_begin = self._overriding("on_predict_batch_begin")
        self._predict_batch_end = self._overriding("on_predict_batch_end")

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

    def on_train_batch_begin(self, batch: int) -> None:
        for call in self._train_batch_begin:
            call(batch, None)

    def on_train_batch_end(self, batch: int, logs: Logs) -> None:
        for call in self._train_batch_end:
            call(batch, logs)

    def on_test_batch_begin(self, batch: int) -> None:
        for call in self._test_batch_begin:
            call(batch, None)

    def on_test_batch_end(self, batch: int, logs: Logs) -> None:
        for call in self._test_batch_end:
            call(batch, logs)

    def on_predict_batch_begin(self, batch: int) -> None:
        for call in self._predict_batch_begin:
            call(batch, None)

    def on_predict_batch_end(self, batch: int, logs: Logs) -> None:
        for call in self._predict_batch_end:
            call(batch, logs)

    def on_train_begin(self) -> None:
        for callback in self.callbacks:
            callback.on_train_begin({})

    def on_train_end(self, logs: Logs) -> None:
        for callback in self.callbacks:
            callback.on_train_end(logs)

    def on_epoch_begin(self, epoch: int) -> None:
        for callback in self.callbacks:
            callback.on_epoch_begin(epoch, {})

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        for callback in self.callbacks:
            callback.on_epoch_end(epoch, logs)

    def on_test_begin(self) -> None:
        for callback in self.callbacks:
            callback.on_test_begin({})

    def on_test_end(self, logs: Logs) -> None:
        for callback in self.callbacks:
            callback.on_test_end(logs)

    def on_predict_begin(self) -> None:
        for callback in self.callbacks:
            callback.on_predict_begin({})

    def on_predict_end(self) -> None:
        for callback in self.callbacks:
            callback.on_predict_end({})
