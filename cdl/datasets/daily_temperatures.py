"""The coldest temperature of each day in Melbourne, from 1981 to 1990."""

import numpy as np

from cdl.datasets import _files, _series

FILE = _files.File(
    "timeseries",
    "daily-min-temperatures.csv",
    "8b9de63ed6789492bf497625e7f9beb96a63d367b4b0a21754006f749fa5e5da",
    _series.MIRRORS,
)


def load_data() -> tuple[np.ndarray, np.ndarray]:
    """The daily minimum temperatures of ten years, 3,650 days: the series leaves out 31 December of leap years.

    A series has no split of its own: train with what lies before a day, and test with what lies after it.

    Returns:
        `(dates, temperatures)`: datetime64[D] `(3650,)`, and float32 `(3650,)`, degrees Celsius, 0.0 to 26.3.

    Raises:
        OSError: the file is not on this machine and cannot be downloaded.
        ValueError: the file is damaged.

    Measured by the Australian Bureau of Meteorology; from the Time Series Data Library through
    https://github.com/jbrownlee/Datasets, which states no licence.

    Example:
        >>> dates, temperatures = cdl.datasets.daily_temperatures.load_data()
        >>> str(dates[0]), float(temperatures[1])
        ('1981-01-01', 17.899999618530273)
    """
    return _series.load(FILE)
