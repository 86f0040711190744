"""A callback out of functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cdl.callbacks.callback import Callback

Moment = Callable[..., Any] | None


class LambdaCallback(Callback):
    """Calls the functions that it is given at the moments of their names, with the arguments of `Callback`'s methods.

    Raises TypeError for a name that is no moment.

    >>> LambdaCallback(on_epoch_end=lambda epoch, logs: print(epoch, logs["loss"]))
    """

    def __init__(
        self,
        on_epoch_begin: Moment = None,
        on_epoch_end: Moment = None,
        on_train_begin: Moment = None,
        on_train_end: Moment = None,
        on_train_batch_begin: Moment = None,
        on_train_batch_end: Moment = None,
        **kwargs: Moment,
    ) -> None:
        super().__init__()
        moments = {
            "on_epoch_begin": on_epoch_begin,
            "on_epoch_end": on_epoch_end,
            "on_train_begin": on_train_begin,
            "on_train_end": on_train_end,
            "on_train_batch_begin": on_train_batch_begin,
            "on_train_batch_end": on_train_batch_end,
            **kwargs,
        }
        for moment, function in moments.items():
            if not moment.startswith("on_") or not hasattr(Callback, moment):
                known = ", ".join(name for name in dir(Callback) if name.startswith("on_"))
                raise TypeError(f"LambdaCallback: {moment!r} is not a moment of training. There are {known}.")
            if function is not None:
                setattr(self, moment, function)
