"""What `fit` returns."""

from __future__ import annotations

from numbers import Real

from cdl.callbacks.callback import Callback, Logs


class History(Callback):
    """The record of a training: `history["loss"][k]` is the loss of epoch k, likewise metrics and "val_..." values."""

    def __init__(self) -> None:
        super().__init__()
        self.history: dict[str, list[float]] = {}
        self.epoch: list[int] = []

    def on_train_begin(self, logs: Logs = None) -> None:
        self.epoch = []

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        self.epoch.append(epoch)
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(value)
        self.model.history = self

    def __repr__(self) -> str:
        last = {name: values[-1] for name, values in self.history.items() if values}
        numbers = "".join(f", {name}={value:.4g}" for name, value in last.items() if isinstance(value, Real))
        return f"<History epochs={len(self.epoch)}{numbers}>"
