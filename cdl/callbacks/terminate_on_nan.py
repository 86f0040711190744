"""Stop when the loss is lost."""

from __future__ import annotations

import math

from cdl.callbacks.callback import Callback, Logs


class TerminateOnNaN(Callback):
    """Stops training after a step whose running loss is NaN or infinite.

    `raise_error`: raises RuntimeError there, so that other callbacks do not see the end of training.

    >>> model.fit(x, y, callbacks=[TerminateOnNaN()])
    """

    def __init__(self, raise_error: bool = False) -> None:
        super().__init__()
        self.raise_error = raise_error

    def on_batch_end(self, batch: int, logs: Logs = None) -> None:
        loss = (logs or {}).get("loss", 0.0)
        if math.isfinite(loss):
            return
        if self.raise_error:
            raise RuntimeError(
                f"NaN or Inf loss encountered at batch {batch}. Loss value: {loss}. Terminating training immediately."
            )
        print(f"Batch {batch}: Invalid loss, terminating training")
        self.model.stop_training = True
