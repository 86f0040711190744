"""Estimators for scikit-learn: `MLPClassifier` and `MLPRegressor` in place of its own.

>>> from cdl.sklearn import MLPClassifier
"""

try:
    import sklearn as _sklearn  # noqa: F401
except ImportError as error:
    raise ImportError('cdl.sklearn needs scikit-learn: pip install "cdlearn[sklearn]"') from error

from cdl.sklearn.mlp import MLPClassifier, MLPRegressor

__all__ = ["MLPClassifier", "MLPRegressor"]
