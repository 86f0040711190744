"""The logs of each epoch, sent to a server."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from cdl.callbacks.callback import Callback, Logs

TIMEOUT_SECONDS = 10


class RemoteMonitor(Callback):
    """Sends {"epoch": ..., "loss": ..., ...} to `root + path` after each epoch, by HTTP POST.

    Parameters: `root` and `path` of the URL; `field`, the name of the form's field that holds the JSON; `headers`, a
    dict of further headers; `send_as_json`, send the JSON itself instead of a form. Warns where the server cannot be
    reached, or refuses.

    >>> model.fit(x, y, callbacks=[RemoteMonitor(root="http://localhost:9000")])
    """

    def __init__(
        self,
        root: str = "http://localhost:9000",
        path: str = "/publish/epoch/end/",
        field: str = "data",
        headers: dict[str, str] | None = None,
        send_as_json: bool = False,
    ) -> None:
        super().__init__()
        self.root, self.path, self.field = root, path, field
        self.headers, self.send_as_json = headers, send_as_json

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        import json
        from http.client import HTTPException
        from urllib.parse import urlencode
        from urllib.request import Request, urlopen

        text = json.dumps({"epoch": epoch, **{name: plain(value) for name, value in (logs or {}).items()}})
        headers = {"Content-Type": "application/json", **(self.headers or {})} if self.send_as_json else self.headers
        body = text if self.send_as_json else urlencode({self.field: text})
        try:
            urlopen(Request(self.root + self.path, body.encode(), headers or {}), timeout=TIMEOUT_SECONDS).close()
        except (OSError, HTTPException) as error:
            warnings.warn(f"Could not reach RemoteMonitor root server at {self.root}: {error}", stacklevel=2)


def plain(value: Any) -> Any:
    """The number that a NumPy scalar or an array of one element holds; other values as they are."""
    return value.item() if isinstance(value, np.ndarray | np.generic) else value
