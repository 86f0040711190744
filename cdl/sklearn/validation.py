"""Validation data: a part that scikit-learn would split off, or the user's own."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from sklearn.base import is_classifier
from sklearn.model_selection import train_test_split
from sklearn.utils import check_array, check_consistent_length, column_or_1d
from sklearn.utils.multiclass import unique_labels

from cdl.sklearn.data import Rows
from cdl.sklearn.peer import check_sample_weight, validate_data


class Validation(NamedTuple):
    """`to_score`: (X, labels or values, weights or None), if there are any; `rows`: the same to compute the loss on."""

    to_score: tuple[Any, Any, Any] = (None, None, None)
    rows: Rows | None = None


def split(mlp: Any, X: Any, y: np.ndarray, sample_weight: Any) -> tuple[Any, Any, Any, Validation]:
    """(X, y, weights) to train on, and what is scored, as scikit-learn splits them for early stopping."""
    given = [X, y] if sample_weight is None else [X, y, sample_weight]
    parts = train_test_split(
        *given,
        random_state=mlp._random_state,
        test_size=mlp.validation_fraction,
        stratify=y if is_classifier(mlp) and mlp.n_outputs_ == 1 else None,
    )
    X, y, sample_weight = [*parts[0::2], None][:3]
    X_val, y_val, sample_weight_val = [*parts[1::2], None][:3]
    if X_val.shape[0] < 2:
        raise ValueError("The validation set is too small. Increase 'validation_fraction' or the size of your dataset.")
    if is_classifier(mlp):
        y_val = mlp._label_binarizer.inverse_transform(y_val)
    return X, y, sample_weight, Validation((X_val, y_val, sample_weight_val))


def given(mlp: Any, X: Any, y: Any, sample_weight: Any, dtype: Any) -> Validation:
    """The user's own validation data. Raises ValueError where they do not fit the training data."""
    X = validate_data(mlp, X, accept_sparse=["csr", "csc"], dtype=dtype, reset=False)
    if is_classifier(mlp):
        y = check_array(y, ensure_2d=False, dtype=None)
        y = column_or_1d(y) if y.ndim == 1 or y.shape[1] == 1 else y
        unknown = np.setdiff1d(unique_labels(y), mlp.classes_)
        if len(unknown):
            raise ValueError(f"`y_val` has classes not in `self.classes_`: {unknown}.")
        t = mlp._label_binarizer.transform(y)
    else:
        y = t = check_array(y, ensure_2d=False, dtype=dtype)
    check_consistent_length(X, y)
    if sample_weight is not None:
        sample_weight = check_sample_weight(sample_weight, X)
    t = t.reshape(len(t), -1)
    if t.shape[1] != mlp.n_outputs_:
        raise ValueError(f"y_val has {t.shape[1]} outputs, but y has {mlp.n_outputs_}.")
    return Validation((X, y, sample_weight), Rows(X, t, sample_weight, dtype))
