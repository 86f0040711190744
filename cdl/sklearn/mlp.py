"""scikit-learn's multi-layer perceptrons, trained by cdl's core."""

from __future__ import annotations

from numbers import Real
from typing import Any

import numpy as np
import sklearn.neural_network
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from cdl import activations
from cdl.callbacks import Callback
from cdl.losses import Loss
from cdl.optimizers import Optimizer
from cdl.sklearn import exchange, peer
from cdl.sklearn.core import Core
from cdl.sklearn.peer import Interval, StrOptions
from cdl.sklearn.solvers import BY_NAME, SOLVERS

peer.check()

# Activations that have no parameters of their own and keep the number of units.
ACTIVATIONS = {name for name, f in vars(activations).items() if isinstance(f, activations.Activation)} - {
    "glu",
    "threshold",
}
LOSSES = {"huber", "log_cosh", "mae", "mape", "mean_absolute_error", "mean_absolute_percentage_error", "msle"}

POSITIVE_OR_NONE = [Interval(Real, 0, None, closed="neither"), None]
SHARED_CONSTRAINTS = {
    "activation": [StrOptions({"identity", "logistic", *ACTIVATIONS}), activations.Activation, list, tuple],
    "solver": [StrOptions({"lbfgs", *SOLVERS, *BY_NAME}), Optimizer],
    "dropout": [Interval(Real, 0, 1, closed="left"), "array-like"],
    "batch_norm": ["boolean"],
    "clipnorm": POSITIVE_OR_NONE,
    "clipvalue": POSITIVE_OR_NONE,
    "global_clipnorm": POSITIVE_OR_NONE,
    "callbacks": [Callback, callable, list, tuple, None],
}


class MLPClassifier(Core, sklearn.neural_network.MLPClassifier):
    """scikit-learn's `MLPClassifier`, several times faster, with the options that it lacks.

    All parameters, methods and attributes of scikit-learn's are here, and mean the same: with the same `random_state`
    weights, batches, losses and predictions agree to rounding. float32 data are trained in float32, float64 in
    float64. See scikit-learn's documentation for them; these keywords are new, and by default do nothing:

    `loss`: "log_loss", or a loss of `cdl.losses` (an object or a function) of the targets, one column per class with 0
    and 1, and the probabilities. `class_weight`: {class: weight} or "balanced", as in scikit-learn's linear models; it
    multiplies `sample_weight`. `activation` may also be any name or object of `cdl.activations`, or a list with one for
    each hidden layer. `solver` may also be the name of an optimizer of cdl ("adamw", "rmsprop", "lion" ...), which gets
    `learning_rate_init`, or a `cdl.optimizers.Optimizer`. `dropout`: the part of each hidden layer's outputs that is
    set to 0 in training, one number or one for each hidden layer. `batch_norm`: normalise the hidden layers' sums by
    batch, before the activation. `clipnorm`, `clipvalue`, `global_clipnorm` (at most one): limits for the gradients, as
    in cdl's optimizers. `callbacks`: one or a list, of `cdl.callbacks` or functions of (epoch, logs); logs has "loss",
    with `X_val` "val_loss" and with `early_stopping` "val_score". A function that returns True ends training.

    Fitted attributes, besides scikit-learn's: `validation_loss_curve_`, the loss on `X_val` after each epoch, without
    the penalty; `stopped_`, after `partial_fit` with `early_stopping`.

    Raises as scikit-learn's; ValueError for lists that do not have one entry for each hidden layer, for more than one
    limit, and for options that solver="lbfgs" has no use for.

    >>> MLPClassifier(dropout=0.2, class_weight="balanced", random_state=0).fit(X, y).score(X_test, y_test)
    """

    _parameter_constraints: dict = {
        **sklearn.neural_network.MLPClassifier._parameter_constraints,
        **SHARED_CONSTRAINTS,
        "loss": [StrOptions({"log_loss"}), Loss, callable],
        "class_weight": [dict, list, StrOptions({"balanced"}), None],
    }

    def __init__(
        self,
        hidden_layer_sizes: Any = (100,),
        activation: Any = "relu",
        *,
        solver: Any = "adam",
        alpha: float = 0.0001,
        batch_size: int | str = "auto",
        learning_rate: str = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: Any = None,
        tol: float = 1e-4,
        verbose: bool | int = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: float = 10,
        max_fun: int = 15000,
        loss: Any = "log_loss",
        class_weight: Any = None,
        dropout: Any = 0.0,
        batch_norm: bool = False,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        callbacks: Any = None,
    ) -> None:
        super().__init__(
            hidden_layer_sizes,
            activation,
            solver=solver,
            alpha=alpha,
            batch_size=batch_size,
            learning_rate=learning_rate,
            learning_rate_init=learning_rate_init,
            power_t=power_t,
            max_iter=max_iter,
            shuffle=shuffle,
            random_state=random_state,
            tol=tol,
            verbose=verbose,
            warm_start=warm_start,
            momentum=momentum,
            nesterovs_momentum=nesterovs_momentum,
            early_stopping=early_stopping,
            validation_fraction=validation_fraction,
            beta_1=beta_1,
            beta_2=beta_2,
            epsilon=epsilon,
            n_iter_no_change=n_iter_no_change,
            max_fun=max_fun,
        )
        self.loss = loss
        self.class_weight = class_weight
        self.dropout = dropout
        self.batch_norm = batch_norm
        self.clipnorm = clipnorm
        self.clipvalue = clipvalue
        self.global_clipnorm = global_clipnorm
        self.callbacks = callbacks

    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        X_val: Any = None,
        y_val: Any = None,
        sample_weight_val: Any = None,
    ) -> Any:
        """Fit the model to data matrix X and labels y. Returns self.

        X (n, features), an array, a sparse matrix or a data frame; y (n,), or (n, labels) of 0 and 1. `sample_weight`
        (n,). `X_val`, `y_val`, `sample_weight_val`: validation data of your own. Their loss after each epoch is in
        `validation_loss_curve_`, and with `early_stopping` they are scored, in the place of a part of X.
        Raises ValueError as scikit-learn's, and for validation data that do not fit.
        """
        with self._validating_on(X_val, y_val, sample_weight_val):
            return super().fit(X, y, sample_weight)

    @available_if(lambda self: self._check_solver())
    def partial_fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        classes: Any = None,
        *,
        X_val: Any = None,
        y_val: Any = None,
        sample_weight_val: Any = None,
    ) -> Any:
        """Update the model with one pass over the data; `classes`, all that there are, in the first call. Returns self.

        With `early_stopping`, which needs `X_val` and `y_val` here, each call is scored on them. When the score has not
        improved by `tol` for `n_iter_no_change` calls, the best weights come back, `stopped_` becomes True, and
        further calls begin to count anew. Otherwise as `fit`.
        """
        with self._validating_on(X_val, y_val, sample_weight_val):
            return super().partial_fit(X, y, sample_weight, classes)

    def predict(self, X: Any) -> np.ndarray:
        """The classes of the rows of X: (n,), or (n, labels) of 0 and 1. NotFittedError before `fit`."""
        if not hasattr(self, "coefs_"):
            check_is_fitted(self, "coefs_")
        return self._predict(X)

    def _predict(self, X: Any, check_input: bool = True) -> np.ndarray:
        labels = self._label_binarizer
        if labels.y_type_ == "multiclass":
            return labels.classes_[self._forward_pass_fast(X, check_input).argmax(axis=1)]
        if labels.y_type_ == "binary" and len(labels.classes_) == 2:
            return labels.classes_[(self._forward_pass_fast(X, check_input).ravel() > 0.5).astype(int)]
        return super()._predict(X, check_input)

    def predict_proba(self, X: Any) -> np.ndarray:
        """The probabilities (n, classes), in the order of `classes_`. NotFittedError before `fit`."""
        if not hasattr(self, "coefs_"):
            check_is_fitted(self, "coefs_")
        y = self._forward_pass_fast(X)
        return np.hstack([1 - y, y]) if self.n_outputs_ == 1 else y

    def to_sklearn(self) -> Any:
        """A fitted `sklearn.neural_network.MLPClassifier` that predicts the same.

        Batch normalisation is folded into the weights. Raises NotFittedError before `fit`, and ValueError where the
        hidden layers' activations are not one of scikit-learn's four.
        """
        return exchange.to_sklearn(self, sklearn.neural_network.MLPClassifier)

    @classmethod
    def from_sklearn(cls, mlp: Any) -> Any:
        """The estimator with the parameters and weights of a fitted `sklearn.neural_network.MLPClassifier`.

        Raises TypeError for anything else, and NotFittedError before its `fit`.
        """
        return exchange.from_sklearn(cls, mlp, sklearn.neural_network.MLPClassifier)


class MLPRegressor(Core, sklearn.neural_network.MLPRegressor):
    """scikit-learn's `MLPRegressor`, several times faster, with the options that it lacks.

    See `MLPClassifier`: the parameters are those, without `class_weight`. `loss` may also be "mae", "huber", "mape",
    "msle" or "log_cosh", or a loss of `cdl.losses` (an object or a function).

    >>> MLPRegressor(loss="huber", random_state=0).fit(X, y).predict(X_test)
    """

    _parameter_constraints: dict = {
        **sklearn.neural_network.MLPRegressor._parameter_constraints,
        **SHARED_CONSTRAINTS,
        "loss": [StrOptions({"squared_error", "poisson", *LOSSES}), Loss, callable],
    }

    def __init__(
        self,
        loss: Any = "squared_error",
        hidden_layer_sizes: Any = (100,),
        activation: Any = "relu",
        *,
        solver: Any = "adam",
        alpha: float = 0.0001,
        batch_size: int | str = "auto",
        learning_rate: str = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: Any = None,
        tol: float = 1e-4,
        verbose: bool | int = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: float = 10,
        max_fun: int = 15000,
        dropout: Any = 0.0,
        batch_norm: bool = False,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        callbacks: Any = None,
    ) -> None:
        super().__init__(
            loss,
            hidden_layer_sizes,
            activation,
            solver=solver,
            alpha=alpha,
            batch_size=batch_size,
            learning_rate=learning_rate,
            learning_rate_init=learning_rate_init,
            power_t=power_t,
            max_iter=max_iter,
            shuffle=shuffle,
            random_state=random_state,
            tol=tol,
            verbose=verbose,
            warm_start=warm_start,
            momentum=momentum,
            nesterovs_momentum=nesterovs_momentum,
            early_stopping=early_stopping,
            validation_fraction=validation_fraction,
            beta_1=beta_1,
            beta_2=beta_2,
            epsilon=epsilon,
            n_iter_no_change=n_iter_no_change,
            max_fun=max_fun,
        )
        self.dropout = dropout
        self.batch_norm = batch_norm
        self.clipnorm = clipnorm
        self.clipvalue = clipvalue
        self.global_clipnorm = global_clipnorm
        self.callbacks = callbacks

    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        X_val: Any = None,
        y_val: Any = None,
        sample_weight_val: Any = None,
    ) -> Any:
        """Fit the model to data matrix X and values y, (n,) or (n, outputs). Otherwise as `MLPClassifier.fit`."""
        with self._validating_on(X_val, y_val, sample_weight_val):
            return super().fit(X, y, sample_weight)

    @available_if(lambda self: self._check_solver)  # as scikit-learn's: here "lbfgs" has a partial_fit, too
    def partial_fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        X_val: Any = None,
        y_val: Any = None,
        sample_weight_val: Any = None,
    ) -> Any:
        """Update the model with one pass over the data. Otherwise as `MLPClassifier.partial_fit`."""
        with self._validating_on(X_val, y_val, sample_weight_val):
            return super().partial_fit(X, y, sample_weight)

    def predict(self, X: Any) -> np.ndarray:
        """The values (n,) or (n, outputs) for the rows of X. NotFittedError before `fit`."""
        if not hasattr(self, "coefs_"):
            check_is_fitted(self, "coefs_")
        return self._predict(X)

    def to_sklearn(self) -> Any:
        """A fitted `sklearn.neural_network.MLPRegressor` that predicts the same; see `MLPClassifier.to_sklearn`."""
        return exchange.to_sklearn(self, sklearn.neural_network.MLPRegressor)

    @classmethod
    def from_sklearn(cls, mlp: Any) -> Any:
        """The estimator with the parameters and weights of a fitted `sklearn.neural_network.MLPRegressor`.

        Raises TypeError for anything else, and NotFittedError before its `fit`.
        """
        return exchange.from_sklearn(cls, mlp, sklearn.neural_network.MLPRegressor)
