"""Detects that another package named `cdl` lies in our folder: pip lets two distributions write into one, silently."""

import os


def check(folder: str) -> None:
    """Raise `ImportError` if files of DataLab (up to 0.20, distribution `cdl`) lie in `folder`, where this package is.

    `plugins.py` is DataLab's and will never be ours. One look, because it is paid by every import; `python -m cdlearn`
    looks closer, and also where DataLab came last and this function is not reached.

    >>> check(os.path.dirname(__file__))
    """
    if os.path.exists(os.path.join(folder, "plugins.py")):
        from cdlearn import CURE

        raise ImportError(f"cdl: the files of another package, DataLab, are mixed with ours in {folder}.\n{CURE}")
