"""Judge a model by the averages of its weights."""

from __future__ import annotations

from cdl.callbacks.callback import Callback, Logs


class SwapEMAWeights(Callback):
    """Evaluates and predicts with the averages of the weights that an optimizer with `use_ema=True` keeps.

    Weights and averages change places before evaluation, validation or prediction, and again after it.
    `swap_on_epoch`: also from the end of an epoch to the beginning of the next, for callbacks that come later in the
    list and save or show the weights. Raises ValueError where the optimizer has no averages: without `use_ema`, or
    before its first step.

    >>> model.compile(SGD(use_ema=True), "mse")
    >>> model.fit(x, y, validation_split=0.2, callbacks=[SwapEMAWeights()])
    """

    def __init__(self, swap_on_epoch: bool = False) -> None:
        super().__init__()
        self.swap_on_epoch = swap_on_epoch

    def _use_averages(self, wanted: bool) -> None:
        self.model.optimizer.use_averages(wanted)  # type: ignore[union-attr]

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        if self.swap_on_epoch:
            self._use_averages(False)

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        if self.swap_on_epoch:
            self._use_averages(True)

    def on_test_begin(self, logs: Logs = None) -> None:
        self._use_averages(True)

    def on_test_end(self, logs: Logs = None) -> None:
        self._use_averages(False)

    def on_predict_begin(self, logs: Logs = None) -> None:
        self._use_averages(True)

    def on_predict_end(self, logs: Logs = None) -> None:
        self._use_averages(False)
