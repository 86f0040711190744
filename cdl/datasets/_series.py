"""Reads time series: a CSV file with a header, a quoted date, and a value in each row."""

import re

import numpy as np

from cdl.datasets import _files, _text

MIRRORS = ("https://raw.githubusercontent.com/jbrownlee/Datasets/d20fcb6402ae34e653d4513b00f39257bb37ed7f/",)
ROW = re.compile(r'"([\d-]+)",([\d.]+)')


def load(file: _files.File) -> tuple[np.ndarray, np.ndarray]:
    """Dates, datetime64 in the unit that the file writes them in, and values, float32."""
    path, text = _text.read(file)
    rows = []
    for line in text.splitlines()[1:]:
        if (match := ROW.fullmatch(line)) is None:
            raise ValueError(f"""{path} has a line that is not '"date",value': {line!r}. {_text.CURE}""")
        rows.append(match.groups())
    if not rows:
        raise ValueError(f"{path} has no values. {_text.CURE}")
    dates, values = zip(*rows, strict=True)
    return np.array(dates, "datetime64"), np.array(values, np.float32)
