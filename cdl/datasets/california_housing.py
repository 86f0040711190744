"""California housing: prices in 20,640 districts in 1990, for regression."""

from os import PathLike

import numpy as np

from cdl.datasets import _files
from cdl.datasets._idx import Split

ARCHIVE = _files.File(
    "california-housing",
    "california_housing.npz",
    "1a2e3a52e0398de6463aebe6f4a8da34fb21fbb6b934cf88c3425e766f2a1a6f",
    ("https://storage.googleapis.com/tensorflow/tf-keras-datasets/",),
)
TABLE = "california-housing/housing.csv"
FEATURES = (
    "longitude",
    "latitude",
    "housing_median_age",
    "total_rooms",
    "total_bedrooms",
    "population",
    "households",
    "median_income",
)
DISTRICTS, SMALL = 20640, 600
CURE = "Delete the file to have it downloaded again, or replace it by a good copy."


def load_data(
    version: str = "large",
    path: str | PathLike[str] = "california_housing.npz",
    test_split: float = 0.2,
    seed: int = 113,
) -> Split:
    """The districts and the median values of their houses, shuffled and split as in Keras.

    The columns of x are those of the census, named in `FEATURES`: longitude, latitude, the median age of the houses,
    the numbers of rooms, bedrooms, people and households, and the median income in 10,000 dollars. (Keras' page names
    the averages per household that scikit-learn computes from them; its file holds these totals.)

    Args:
        version: "large", or "small" for the first 600 districts.
        path: a `.npz` file with `x` and `y`, as Keras stores the set. It is used where it exists: absolute, or below
            `CDL_DATA_DIR` or the cache folder. Else the table `california-housing/housing.csv` is, if it is there; it
            lacks 207 numbers of bedrooms, for which the median of the others stands. Else Keras' file is downloaded.
        test_split: the part of the districts to test with, in [0, 1).
        seed: of the order of the districts.

    Returns:
        `((x_train, y_train), (x_test, y_test))`: float32 `(16512, 8)`, `(16512,)`, `(4128, 8)` and `(4128,)`; small:
        480 and 120 rows. y is in dollars, 14,999 to 500,001, which stands for all that is more.

    Raises:
        ValueError: another version or test_split; a file is damaged.
        OSError: no file is on this machine, and Keras' cannot be downloaded.

    R. K. Pace, R. Barry, "Sparse Spatial Autoregressions", Statistics & Probability Letters 33, 1997; figures of the US
    census.

    Example:
        >>> (x_train, y_train), (x_test, y_test) = cdl.datasets.california_housing.load_data()
        >>> x_train.shape, y_train[:3]
        ((16512, 8), array([252300., 146900., 290900.], dtype=float32))
    """
    if not 0 <= test_split < 1:
        raise ValueError(f"`test_split` lies between 0 and 1 (excluded). Received: test_split={test_split}")
    if version not in ("small", "large"):
        raise ValueError(f"Argument `version` must be one of 'small', 'large'. Received: version={version!r}")
    x, y = _read(path)
    rows = np.arange(SMALL if version == "small" else DISTRICTS)
    np.random.RandomState(seed).shuffle(rows)
    x, y = x[rows], y[rows]
    at = int(len(rows) * (1 - test_split))
    return (x[:at], y[:at]), (x[at:], y[at:])


def _read(path: str | PathLike[str]) -> tuple[np.ndarray, np.ndarray]:
    npz = _files.find(path) or _files.find(ARCHIVE.path)
    if npz is None and (table := _files.find(TABLE)) is not None:
        return _read_table(table)
    npz = npz or _files.locate(ARCHIVE)
    try:
        with open(npz, "rb") as file, np.load(file, allow_pickle=False) as arrays:
            x, y = arrays["x"], arrays["y"]
    except Exception as error:  # zip, zlib and header errors have no common class
        raise ValueError(f"{npz} is not California housing as Keras stores it ({error}). {CURE}") from error
    return _checked(x, y, npz)


def _read_table(path: str) -> tuple[np.ndarray, np.ndarray]:
    try:
        with open(path, encoding="utf-8") as file:
            if not file.readline().startswith(",".join((*FEATURES, "median_house_value"))):
                raise ValueError("its first line does not name the columns")
            table = np.genfromtxt(file, delimiter=",", usecols=range(len(FEATURES) + 1))
    except ValueError as error:  # also UnicodeDecodeError
        raise ValueError(f"{path} is not the table of the districts ({error}). {CURE}") from error
    x, y = table[..., :-1], table[..., -1]
    if len(x) != DISTRICTS:
        raise ValueError(f"{path} holds {len(x)} districts, not {DISTRICTS}. {CURE}")
    bedrooms = x[:, FEATURES.index("total_bedrooms")]
    bedrooms[np.isnan(bedrooms)] = np.nanmedian(bedrooms)
    return _checked(x, y, path)


def _checked(x: np.ndarray, y: np.ndarray, path: str) -> tuple[np.ndarray, np.ndarray]:
    if x.shape != (DISTRICTS, len(FEATURES)) or y.shape != (DISTRICTS,):
        raise ValueError(
            f"{path} has {x.shape} features and {y.shape} prices, not {(DISTRICTS, len(FEATURES))} and "
            f"{(DISTRICTS,)}. {CURE}"
        )
    x, y = x.astype(np.float32), y.astype(np.float32)
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise ValueError(f"{path} has numbers that are not finite. {CURE}")
    return x, y
