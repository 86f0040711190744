"""Estimators for scikit-learn: its own networks with our core, and wrappers around any model of cdl.

>>> from cdl.sklearn import MLPClassifier
>>> from cdl.sklearn import Classifier
"""

try:
    import sklearn  # noqa: F401
except ImportError as error:
    raise ImportError('cdl.sklearn needs scikit-learn: pip install "cdlearn[sklearn]"') from error

from cdl.sklearn.mlp import MLPClassifier, MLPRegressor
from cdl.sklearn.wrappers import Classifier, Regressor, Transformer

__all__ = ["Classifier", "MLPClassifier", "MLPRegressor", "Regressor", "Transformer"]
