"""Passengers of international airlines in each month from 1949 to 1960."""

import numpy as np

from cdl.datasets import _files, _series

FILE = _files.File(
    "timeseries",
    "monthly-airline-passengers.csv",
    "8cb51be753a718d9be5d76d7e238cc224792754676adc21faa59e954b0201621",
    _series.MIRRORS,
)


def load_data() -> tuple[np.ndarray, np.ndarray]:
    """The monthly totals of twelve years, 144 months: a trend, and a season that grows with it.

    A series has no split of its own: train with what lies before a month, and test with what lies after it.

    Returns:
        `(months, passengers)`: datetime64[M] `(144,)`, and float32 `(144,)`, thousands, 104 to 622.

    Raises:
        OSError: the file is not on this machine and cannot be downloaded.
        ValueError: the file is damaged.

    G. Box, G. Jenkins, "Time Series Analysis: Forecasting and Control", 1976, series G; from the Time Series Data
    Library through https://github.com/jbrownlee/Datasets, which states no licence.

    Example:
        >>> months, passengers = cdl.datasets.airline_passengers.load_data()
        >>> str(months[0]), float(passengers[0])
        ('1949-01', 112.0)
    """
    return _series.load(FILE)
