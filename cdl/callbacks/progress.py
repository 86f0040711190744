"""What one sees while a model trains: a progress bar, or a line per epoch."""

from __future__ import annotations

import sys
import time
from typing import Any

import numpy as np

from cdl.callbacks.callback import Callback, Logs

REFRESH_SECONDS = 0.1
WIDTH, STROKE = 20, "━"


def resolve_verbose(verbose: Any) -> int:
    """0, 1 (bar) or 2 (a line per epoch); "auto" is a bar where one can be shown.

    Raises ValueError for anything else.
    """
    if verbose == "auto":
        return 1 if shows_bars() else 2
    if verbose not in (0, 1, 2):
        raise ValueError(f"verbose is 'auto', 0, 1 or 2. Received: {verbose!r}")
    return int(verbose)


def shows_bars() -> bool:
    """Whether the output is a terminal or a notebook."""
    return bool(getattr(sys.stdout, "isatty", bool)()) or "ipykernel" in sys.modules


class ProgbarLogger(Callback):
    """Shows training and evaluation as Keras does: `1875/1875 ━━━━━━━━━━ 2s 1ms/step - accuracy: 0.98 - loss: 0.07`.

    The bar is tqdm's; without that package (the extra `progress`) there is a line per epoch.
    """

    def __init__(self) -> None:
        super().__init__()
        self.params = {"verbose": 1, "epochs": 1, "steps": None}
        self._bar: Any = None
        self._next_refresh = 0.0
        self._started = 0.0
        self._steps = 0
        self._training = False

    def on_train_begin(self, logs: Logs = None) -> None:
        self._training = True

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        if self.params["epochs"] > 1:
            print(f"Epoch {epoch + 1}/{self.params['epochs']}")
        self._begin()

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        self._steps = batch + 1
        if time.perf_counter() >= self._next_refresh:
            self._refresh(logs)

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        self._end(logs)

    def on_train_end(self, logs: Logs = None) -> None:
        self._training = False

    # Validation inside fit has no bar of its own.

    def on_test_begin(self, logs: Logs = None) -> None:
        if not self._training:
            self._begin()

    def on_test_batch_end(self, batch: int, logs: Logs = None) -> None:
        if not self._training:
            self.on_train_batch_end(batch, logs)

    def on_test_end(self, logs: Logs = None) -> None:
        if not self._training:
            self._end(logs)

    def on_predict_begin(self, logs: Logs = None) -> None:
        self._begin()

    def on_predict_batch_end(self, batch: int, logs: Logs = None) -> None:
        self.on_train_batch_end(batch)

    def on_predict_end(self, logs: Logs = None) -> None:
        self._end(None)

    def _begin(self) -> None:
        self._started, self._steps = time.perf_counter(), 0
        self._bar = new_bar(self.params["steps"]) if self.params["verbose"] == 1 else None
        self._next_refresh = self._started + REFRESH_SECONDS if self._bar is not None else float("inf")

    def _refresh(self, logs: Logs) -> None:
        now = time.perf_counter()
        per_step = (now - self._started) / self._steps
        seconds_left = per_step * ((self.params["steps"] or self._steps) - self._steps)  # None: nobody knows
        self._bar.n = self._steps
        by_name = dict(sorted((logs or {}).items()))
        self._bar.set_description_str(f"{readable(seconds_left)} {readable_step(per_step)}{readable_logs(by_name)}")
        self._next_refresh = now + REFRESH_SECONDS

    def _end(self, logs: Logs) -> None:
        """The bar, which the terminal's width cuts, gives way to a line with all values."""
        elapsed = time.perf_counter() - self._started
        filled, dash = " - ", " - "
        if self._bar is not None:
            self._bar.close()
            self._bar, filled, dash = None, f" {WIDTH * STROKE} ", " "
        step = readable_step(elapsed / max(1, self._steps))
        done = f"{self._steps}/{self.params['steps'] or self._steps}"
        print(f"{done}{filled}{readable(elapsed)}{dash}{step}{readable_logs(logs)}", flush=True)


def new_bar(steps: int | None) -> Any:
    """A bar for so many steps (None: not known), or None where tqdm is not installed."""
    try:
        from tqdm import tqdm
    except ImportError:
        return None
    sys.stdout.flush()
    shape = f"{{n_fmt}}/{{total_fmt}} {{bar:{WIDTH}}} {{desc}}"
    return tqdm(total=steps, bar_format=shape, ascii=f" {STROKE}", file=sys.stdout, dynamic_ncols=True, leave=False)


def readable(seconds: float) -> str:
    """12s, 3:05 or 1:02:03."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole}s"
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def readable_step(seconds: float) -> str:
    """The time of one step: 85us/step, 12ms/step or 3s/step."""
    if seconds >= 1:
        return f"{seconds:.0f}s/step"
    return f"{seconds * 1e3:.0f}ms/step" if seconds >= 1e-3 else f"{seconds * 1e6:.0f}us/step"


def readable_logs(logs: Logs) -> str:
    """` - accuracy: 0.9800 - loss: 0.0700`; of several numbers their mean."""
    known = {name: float(np.mean(value)) for name, value in (logs or {}).items() if not isinstance(value, str)}
    return "".join(
        f" - {name}: {value:.4f}" if abs(value) > 1e-3 else f" - {name}: {value:.4e}" for name, value in known.items()
    )
