"""What cdl.sklearn uses of scikit-learn beyond its public interface: all of it is named here, and nowhere else.

The drop-in estimators inherit from scikit-learn's, so that signatures, checks, messages, tags and labels are its own.
Their training and prediction hang on the methods in `METHODS`, of which a version may change the names or arguments:
`check` says so at import.
"""

from __future__ import annotations

import inspect
from typing import Any

import sklearn
from sklearn.neural_network import MLPClassifier, MLPRegressor

try:
    from sklearn.neural_network._stochastic_optimizers import SGDOptimizer
    from sklearn.utils._param_validation import Interval, StrOptions
    from sklearn.utils.validation import _check_sample_weight as check_sample_weight
    from sklearn.utils.validation import validate_data
except ImportError as error:
    raise ImportError(
        f"cdl.sklearn was made for scikit-learn 1.9, and version {sklearn.__version__} lacks a part of it: {error}. "
        'Run pip install "scikit-learn>=1.9,<1.10".'
    ) from error

__all__ = ["Interval", "SGDOptimizer", "StrOptions", "check", "check_sample_weight", "validate_data"]

# Overridden: what does the work.
REPLACED = {
    "_check_solver": ("self",),
    "_fit": ("self", "X", "y", "sample_weight", "incremental"),
    "_forward_pass_fast": ("self", "X", "check_input"),
    "_init_coef": ("self", "fan_in", "fan_out", "dtype"),
    "_initialize": ("self", "y", "layer_units", "dtype"),
    "_loss_grad_lbfgs": (
        "self", "packed_coef_inter",
        "X", "y", "sample_weight", "activations", "deltas", "coef_grads", "intercept_grads",
    ),
    "_predict": ("self", "X", "check_input"),
}  # fmt: skip

# Called: what stays scikit-learn's.
CALLED = {
    "_fit_lbfgs": (
        "self", "X", "y", "sample_weight", "activations", "deltas", "coef_grads", "intercept_grads", "layer_units",
    ),
    "_score": ("self", "X", "y", "sample_weight"),
    "_unpack": ("self", "packed_parameters"),
    "_update_no_improvement_count": ("self", "early_stopping", "X", "y", "sample_weight"),
    "_validate_input": ("self", "X", "y", "incremental", "reset"),
}  # fmt: skip

# And these attributes of a fitted one: _best_coefs, _best_intercepts, _label_binarizer, _no_improvement_count,
# _optimizer, _parameter_constraints, _random_state.


def check(*estimators: Any) -> None:
    """RuntimeError unless scikit-learn's MLPs have the methods that ours replace and call."""
    for estimator in estimators or (MLPClassifier, MLPRegressor):
        for name, wanted in (REPLACED | CALLED).items():
            method = getattr(estimator, name, None)
            found = tuple(inspect.signature(method).parameters) if method is not None else None
            if found != wanted:
                raise RuntimeError(
                    f"cdl.sklearn was made for scikit-learn 1.9. In version {sklearn.__version__}, "
                    f"{estimator.__name__}.{name} "
                    + ("does not exist" if found is None else f"takes {found}, not {wanted}")
                    + '. Run pip install "scikit-learn>=1.9,<1.10", or a newer cdlearn.'
                )
