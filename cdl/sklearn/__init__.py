"""Estimators for scikit-learn: `Classifier` and `Regressor` around any model of cdl.

>>> from cdl.sklearn import Classifier
"""

try:
    import sklearn as _sklearn  # noqa: F401
except ImportError as error:
    raise ImportError('cdl.sklearn needs scikit-learn: pip install "cdlearn[sklearn]"') from error

from cdl.sklearn.wrappers import Classifier, Regressor, Transformer

__all__ = ["Classifier", "Regressor", "Transformer"]
