"""The estimators of `cdl.sklearn` by the names that they have in Keras."""

from cdl.sklearn import Classifier as SKLearnClassifier
from cdl.sklearn import Regressor as SKLearnRegressor
from cdl.sklearn import Transformer as SKLearnTransformer

__all__ = ["SKLearnClassifier", "SKLearnRegressor", "SKLearnTransformer"]
