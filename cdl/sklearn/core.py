"""What the drop-in estimators compute themselves, in the place of scikit-learn's methods of the same names."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.utils import check_random_state
from sklearn.utils.class_weight import compute_sample_weight

from cdl.sklearn import validation
from cdl.sklearn.blas import one_blas_thread
from cdl.sklearn.data import Rows, dense_rows
from cdl.sklearn.epochs import Epochs
from cdl.sklearn.heads import head
from cdl.sklearn.network import Between, Network, fused, loss_and_gradients, make_between
from cdl.sklearn.peer import check_sample_weight, validate_data
from cdl.sklearn.shortcut import FLOATS, would_pass
from cdl.sklearn.solvers import SOLVERS, Solver, make_optimizer
from cdl.sklearn.validation import Validation

# Of the options that scikit-learn does not have, those that a deterministic solver has no place for.
STOCHASTIC_OPTIONS = ("batch_norm", "callbacks", "clipnorm", "clipvalue", "dropout", "global_clipnorm")


class Core:
    """Mixed into scikit-learn's classes: it is before them in the order of inheritance."""

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            """The parameters, attributes and methods that scikit-learn's class has."""

    # ---- what the parameters mean ----

    def _check_solver(self) -> bool:
        if isinstance(self.solver, str) and self.solver == "lbfgs":
            raise AttributeError("partial_fit is only available for stochastic optimizers. lbfgs is not stochastic.")
        return True

    def _hidden_activations(self) -> list[Any]:
        """The activation of each hidden layer."""
        count, given = self.n_layers_ - 2, self.activation
        if not isinstance(given, list | tuple):
            return [given] * count
        if len(given) != count:
            raise ValueError(
                f"activation has {len(given)} entries, but there are {count} hidden layers. Give one for each."
            )
        return list(given)

    def _dropout_rates(self) -> list[float]:
        """The dropout behind each hidden layer."""
        count, given = self.n_layers_ - 2, self.dropout
        if not isinstance(given, list | tuple | np.ndarray):
            return [float(given)] * count
        if len(given) != count:
            raise ValueError(
                f"dropout has {len(given)} entries, but there are {count} hidden layers. Give one for each."
            )
        return [float(rate) for rate in given]

    def _network(self, dtype: Any = None) -> Network:
        """The network of the present arrays; in another dtype, of copies."""
        kernels, biases = self.coefs_, self.intercepts_
        if dtype is not None and dtype != kernels[0].dtype:
            kernels, biases = ([np.asarray(array, dtype) for array in arrays] for arrays in (kernels, biases))
        functions = [fused(activation, self.batch_norm) for activation in self._hidden_activations()]
        between = getattr(self, "_between", None) or ((),) * len(kernels)
        return Network(kernels, biases, [*functions, "linear"], between)

    # ---- beginning ----

    def _init_coef(self, fan_in: int, fan_out: int, dtype: Any) -> tuple[np.ndarray, np.ndarray]:
        """Glorot's uniform weights, as scikit-learn draws them."""
        given = self.activation if isinstance(self.activation, list | tuple) else [self.activation]
        logistic = set(map(str, given)) == {"logistic"}
        bound = np.sqrt((2.0 if logistic else 6.0) / (fan_in + fan_out))
        kernel = self._random_state.uniform(-bound, bound, (fan_in, fan_out))
        bias = self._random_state.uniform(-bound, bound, fan_out)
        return kernel.astype(dtype, copy=False), bias.astype(dtype, copy=False)

    def _initialize(self, y: np.ndarray, layer_units: list[int], dtype: Any) -> None:
        super()._initialize(y, layer_units, dtype)  # type: ignore[misc]
        between: list[Between] = []
        for activation, rate, units in zip(
            self._hidden_activations(), self._dropout_rates(), layer_units[1:-1], strict=True
        ):
            seed = self._random_state.randint(2**31 - 1) if rate else 0
            between.append(make_between(activation, self.batch_norm, rate, units, dtype, seed))
        self._between: tuple[Between, ...] = (*between, ())
        if self.solver not in ("lbfgs", *SOLVERS):  # for those, scikit-learn has begun to keep the books
            self.loss_curve_: list[float] = []
            self._no_improvement_count = 0
            early = self.early_stopping
            self.best_loss_ = None if early else np.inf
            self.validation_scores_: list[float] | None = [] if early else None
            self.best_validation_score_ = -np.inf if early else None
        if hasattr(self, "validation_loss_curve_"):
            del self.validation_loss_curve_

    @contextmanager
    def _validating_on(self, X_val: Any, y_val: Any, sample_weight_val: Any) -> Iterator[None]:
        """For the time of a fit, the user's own validation data; ValueError if only a part of them is there."""
        if (X_val is None) != (y_val is None):
            missing = "y_val" if y_val is None else "X_val"
            raise ValueError(f"X_val and y_val belong together, and {missing} is missing.")
        self._validation: Any = None if X_val is None else (X_val, y_val, sample_weight_val)
        try:
            yield
        finally:
            del self._validation

    def _weights(self, y: np.ndarray, sample_weight: Any, incremental: bool) -> Any:
        """The weights of the samples times those of their classes."""
        class_weight = getattr(self, "class_weight", None)
        if class_weight is None:
            return sample_weight
        if incremental and isinstance(class_weight, str):
            raise ValueError(
                f"class_weight={class_weight!r} is not supported for partial_fit, which does not see all samples. "
                "Estimate the weights with sklearn.utils.class_weight.compute_class_weight on a part of them that is "
                "large enough, and pass them as a dictionary."
            )
        labels = self._label_binarizer.inverse_transform(y)
        of_classes = compute_sample_weight(class_weight, labels)
        return of_classes if sample_weight is None else of_classes * sample_weight

    # ---- training ----

    def _fit(self, X: Any, y: Any, sample_weight: Any = None, incremental: bool = False) -> Any:
        sizes = self.hidden_layer_sizes
        sizes = list(sizes) if hasattr(sizes, "__iter__") else [sizes]
        if np.any(np.array(sizes) <= 0):
            raise ValueError(f"hidden_layer_sizes must be > 0, got {sizes}.")
        first_pass = not hasattr(self, "coefs_") or (not self.warm_start and not incremental)
        X, y = self._validate_input(X, y, incremental, reset=first_pass)
        if sample_weight is not None:
            sample_weight = check_sample_weight(sample_weight, X)
        sample_weight = self._weights(y, sample_weight, incremental)
        if y.ndim == 1:
            y = y.reshape((-1, 1))
        self.n_outputs_ = y.shape[1]
        layer_units = [X.shape[1], *sizes, self.n_outputs_]
        self._random_state = check_random_state(self.random_state)
        if first_pass:
            self._initialize(y, layer_units, X.dtype)
        if isinstance(self.solver, str) and self.solver == "lbfgs":
            self._refuse_stochastic_options()
            rows = Rows(X, y, sample_weight, X.dtype)
            with one_blas_thread():
                self._fit_lbfgs(rows.x, rows.t, rows.weight, None, None, None, None, layer_units)
        else:
            self._fit_in_batches(X, y, sample_weight, incremental)
        if not all(np.isfinite(array).all() for array in (*self.coefs_, *self.intercepts_)):
            raise ValueError(
                "Solver produced non-finite parameter weights. The input data may"
                " contain large values and need to be preprocessed."
            )
        return self

    def _refuse_stochastic_options(self) -> None:
        given = [name for name in STOCHASTIC_OPTIONS if np.any(getattr(self, name))]
        given += ["X_val"] if getattr(self, "_validation", None) is not None else []
        if given:
            raise ValueError(
                f"solver='lbfgs' minimizes one function of all samples, without epochs or batches, so that it has no "
                f"use for {', '.join(given)}. Leave it out, or choose a stochastic solver such as 'adam'."
            )

    def _loss_grad_lbfgs(
        self,
        packed_coef_inter: np.ndarray,
        X: Any,
        y: Any,
        sample_weight: Any,
        activations: Any,
        deltas: Any,
        coef_grads: Any,
        intercept_grads: Any,
    ) -> tuple[float, np.ndarray]:
        self._unpack(packed_coef_inter)
        rows = Rows(X, y, sample_weight, packed_coef_inter.dtype)  # usually those that came
        network, loss_head = self._network(), head(self.out_activation_, self.loss)
        loss, gradients = loss_and_gradients(network, loss_head, self.alpha, rows.x, rows.t, rows.weight)
        return np.float64(loss), np.concatenate([gradient.ravel() for gradient in gradients])

    def _fit_in_batches(self, X: Any, y: np.ndarray, sample_weight: Any, incremental: bool) -> None:
        own: Any = getattr(self, "_validation", None)
        if not incremental or not hasattr(self, "_optimizer"):
            schedule = self.learning_rate if isinstance(self.solver, str) and self.solver == "sgd" else "constant"
            self._optimizer = Solver(make_optimizer(self), schedule, self.power_t)
        if self.early_stopping and incremental and own is None:
            raise ValueError("partial_fit does not support early_stopping=True")
        dtype, validated = self.coefs_[0].dtype, Validation()
        if own is not None:
            X_val, y_val, sample_weight_val = own
            validated = validation.given(self, X_val, y_val, sample_weight_val, dtype)
            self.validation_loss_curve_: list[float] = getattr(self, "validation_loss_curve_", [])
        elif self.early_stopping:
            X, y, sample_weight, validated = validation.split(self, X, y, sample_weight)
        if not hasattr(self, "_between"):
            self._between = ((),) * len(self.coefs_)
        Epochs(self, Rows(X, y, sample_weight, dtype), validated, incremental).run()

    # ---- prediction ----

    def _forward_pass_fast(self, X: Any, check_input: bool = True) -> np.ndarray:
        if check_input and not (would_pass(self, X) and X.ndim == 2):
            X = validate_data(self, X, accept_sparse=["csr", "csc"], reset=False)
        dtype = self.coefs_[0].dtype
        if X.dtype != dtype and not any(getattr(self, "_between", ())):  # whose layers keep to their dtype
            dtype = np.result_type(X.dtype, dtype)
            dtype = dtype if dtype in FLOATS else np.dtype("float64")
        z = self._network(dtype).predict(dense_rows(X, dtype))
        return head(self.out_activation_, self.loss).output(z)
