"""What the drop-in estimators compute themselves, in the place of scikit-learn's methods of the same names."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from sklearn.base import is_classifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.utils import check_array, check_consistent_length, check_random_state, column_or_1d
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.multiclass import unique_labels

from cdl import ops
from cdl.sklearn.data import Order, Rows, dense_rows
from cdl.sklearn.heads import head
from cdl.sklearn.network import Network, fused, make_between
from cdl.sklearn.peer import check_sample_weight, validate_data
from cdl.sklearn.solvers import SOLVERS, Solver, make_optimizer
from cdl.sklearn.watching import Training, watchers

FLOATS = (np.dtype("float32"), np.dtype("float64"))
SMALL = 20_000  # numbers in an input whose checks, and not its products, are what prediction would wait for

# Of the options that scikit-learn does not have, those that a deterministic solver has no place for.
STOCHASTIC_OPTIONS = ("batch_norm", "callbacks", "clipnorm", "clipvalue", "dropout", "global_clipnorm")


class Core:
    """Mixed into scikit-learn's classes: it is before them in the order of inheritance."""

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
            raise ValueError(f"dropout has {len(given)} entries, but there are {count} hidden layers. Give one for each.")
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
        logistic = all(isinstance(a, str) and a == "logistic" for a in self._hidden_activations())
        bound = np.sqrt((2.0 if logistic else 6.0) / (fan_in + fan_out))
        kernel = self._random_state.uniform(-bound, bound, (fan_in, fan_out))
        bias = self._random_state.uniform(-bound, bound, fan_out)
        return kernel.astype(dtype, copy=False), bias.astype(dtype, copy=False)

    def _initialize(self, y: np.ndarray, layer_units: list[int], dtype: Any) -> None:
        super()._initialize(y, layer_units, dtype)  # type: ignore[misc]
        between: list[Any] = []
        for activation, rate, units in zip(
            self._hidden_activations(), self._dropout_rates(), layer_units[1:-1], strict=True
        ):
            seed = self._random_state.randint(2**31 - 1) if rate else 0
            between.append(make_between(activation, self.batch_norm, rate, units, dtype, seed))
        self._between = (*between, ())
        if self.solver not in ("lbfgs", *SOLVERS):  # for those, scikit-learn has begun to keep the books
            self.loss_curve_: list[float] = []
            self._no_improvement_count = 0
            early = self.early_stopping
            self.best_loss_ = None if early else np.inf
            self.validation_scores_ = [] if early else None
            self.best_validation_score_ = -np.inf if early else None
        self._forget_validation()

    def _forget_validation(self) -> None:
        for name in ("validation_loss_curve_", "stopped_"):
            if hasattr(self, name):
                delattr(self, name)

    @contextmanager
    def _validating_on(self, X_val: Any, y_val: Any, sample_weight_val: Any) -> Iterator[None]:
        """For the time of a fit, the user's own validation data; ValueError if only a part of them is there."""
        if (X_val is None) != (y_val is None):
            missing = "y_val" if y_val is None else "X_val"
            raise ValueError(f"X_val and y_val belong together, and {missing} is missing.")
        self._validation = None if X_val is None else (X_val, y_val, sample_weight_val)
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
        given = [name for name in STOCHASTIC_OPTIONS if np.any(getattr(self, name) not in (None, False, 0))]
        given += ["X_val"] if getattr(self, "_validation", None) is not None else []
        if given:
            raise ValueError(
                f"solver='lbfgs' minimizes one function of all samples, without epochs or batches, so that it has no "
                f"use for {', '.join(given)}. Leave it out, or choose a stochastic solver such as 'adam'."
            )

    def _loss_and_gradients(
        self, network: Network, loss_head: Any, x: Any, t: np.ndarray, weight: np.ndarray | None
    ) -> tuple[float, list[np.ndarray]]:
        """The loss of a batch with its penalty, alpha / 2 |coefs|^2 / (sum of the weights), and all gradients."""
        total = len(t) if weight is None else float(weight.sum())
        if total == 0:
            raise ZeroDivisionError("Weights sum to zero, can't be normalized")
        z, tape = network.forward(x)
        loss, dz = loss_head.compare(t, z, weight, total)
        gradients = network.backward(tape, dz)
        if self.alpha:
            kernels, share = network.kernels, self.alpha / total
            ops.sgd(gradients[: len(kernels)], kernels, [0.0] * len(kernels), -share)  # gradient += share * kernel
            loss += 0.5 * share * sum(sum_of_squares(kernel) for kernel in kernels)
        return loss, gradients

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
        loss, gradients = self._loss_and_gradients(network, loss_head, rows.x, rows.t, rows.weight)
        return loss, np.concatenate([gradient.ravel() for gradient in gradients])

    def _fit_in_batches(self, X: Any, y: np.ndarray, sample_weight: Any, incremental: bool) -> None:
        """Train by steps on batches, epoch by epoch, until scikit-learn's rules end it."""
        validation = getattr(self, "_validation", None)
        early = self.early_stopping
        if not incremental or not hasattr(self, "_optimizer"):
            schedule = self.learning_rate if isinstance(self.solver, str) and self.solver == "sgd" else "constant"
            self._optimizer = Solver(make_optimizer(self), schedule, self.power_t)
        solver = self._optimizer
        if early and incremental and validation is None:
            raise ValueError("partial_fit does not support early_stopping=True")

        dtype = self.coefs_[0].dtype
        X_score = y_score = weight_score = held_out = None
        if validation is not None:
            X_score, y_score, weight_score, held_out = self._validation_rows(*validation, dtype)
        elif early:
            X, y, sample_weight, X_score, y_score, weight_score = self._split(X, y, sample_weight)
        rows = Rows(X, y, sample_weight, dtype)
        size = self._rows_of_a_batch(rows.count)
        order = Order(rows.count, self._random_state) if self.shuffle else None

        between = [variable for layers in self._between_layers() for variable in layers.trainable_weights]
        arrays = solver.bind([*self.coefs_, *self.intercepts_], between)
        count = len(self.coefs_)
        self.coefs_, self.intercepts_ = arrays[:count], arrays[count:]
        network, loss_head = self._network(), head(self.out_activation_, self.loss)
        training = Training(self, [*arrays, *(variable.value for variable in between)])
        callbacks = None
        if self.callbacks:
            callbacks = watchers(self.callbacks, training, self.max_iter, -(-rows.count // size))
            callbacks.on_train_begin()

        logs: dict[str, float] = {}
        self.n_iter_ = 0
        try:
            for _ in range(self.max_iter):
                if callbacks:
                    callbacks.on_epoch_begin(self.n_iter_)
                accumulated = 0.0
                for step, (x, t, weight) in enumerate(rows.batches(size, order.shuffled() if order else None)):
                    if callbacks:
                        callbacks.on_train_batch_begin(step)
                    loss, gradients = self._loss_and_gradients(network, loss_head, x, t, weight)
                    accumulated += loss * len(t)
                    solver.update_params(gradients)
                    if callbacks:
                        callbacks.on_train_batch_end(step, {"loss": loss})

                self.n_iter_ += 1
                self.loss_ = accumulated / rows.count
                self.t_ += rows.count
                self.loss_curve_.append(self.loss_)
                if self.verbose:
                    print(f"Iteration {self.n_iter_}, loss = {self.loss_:.8f}")
                if held_out is not None:
                    self.validation_loss_curve_.append(self._loss_on(network, loss_head, held_out))
                best = self.best_validation_score_ if early else None
                self._update_no_improvement_count(early, X_score, y_score, weight_score)
                if early and self.best_validation_score_ != best:
                    self._best_between = [layer.get_weights() for layer in self._between_layers()]
                if callbacks:
                    logs = self._logs(early, held_out is not None)
                    callbacks.on_epoch_end(self.n_iter_ - 1, logs)
                solver.iteration_ends(self.t_)

                over = self._no_improvement_count > self.n_iter_no_change and self._is_over(early)
                if early and incremental:
                    self.stopped_ = over
                if over:
                    break
                if training.stop_training or incremental:
                    break
                if self.n_iter_ == self.max_iter:
                    warnings.warn(
                        f"Stochastic Optimizer: Maximum iterations ({self.max_iter}) "
                        "reached and the optimization hasn't converged yet.",
                        ConvergenceWarning,
                        stacklevel=2,
                    )
        except KeyboardInterrupt:
            warnings.warn("Training interrupted by user.", stacklevel=2)
        if callbacks:
            callbacks.on_train_end(logs)
            for callback in callbacks.callbacks:
                callback.set_model(None)  # else a copy of the callback would copy the estimator
        if early and (not incremental or self.stopped_):
            self._no_improvement_count = 0 if incremental else self._no_improvement_count
            self.coefs_, self.intercepts_ = self._best_coefs, self._best_intercepts
            for layer, weights in zip(self._between_layers(), getattr(self, "_best_between", ()), strict=False):
                layer.set_weights(weights)

    def _between_layers(self) -> list[Any]:
        return [layer for layers in getattr(self, "_between", ()) for layer in layers]

    def _rows_of_a_batch(self, count: int) -> int:
        if isinstance(self.batch_size, str):  # "auto"
            return min(200, count)
        if self.batch_size > count:
            warnings.warn(
                "Got `batch_size` less than 1 or larger than sample size. It is going to be clipped", stacklevel=2
            )
        return min(max(int(self.batch_size), 1), count)

    def _is_over(self, early: bool) -> bool:
        """Whether the solver stops, now that nothing improved for long enough, or goes on with smaller steps."""
        what = "Validation score" if early else "Training loss"
        message = (
            f"{what} did not improve more than tol={self.tol:f} for {self.n_iter_no_change:d} consecutive epochs."
        )
        stops = self._optimizer.trigger_stopping(message, self.verbose)
        if not stops:
            self._no_improvement_count = 0
        return stops

    def _logs(self, early: bool, validated: bool) -> dict[str, float]:
        """What callbacks get after an epoch."""
        logs = {"loss": self.loss_}
        if validated:
            logs["val_loss"] = self.validation_loss_curve_[-1]
        if early:
            logs["val_score"] = self.validation_scores_[-1]
        return logs

    # ---- validation ----

    def _split(self, X: Any, y: np.ndarray, sample_weight: Any) -> tuple[Any, ...]:
        """(X, y, weights) to train on, and (X, labels or values, weights) to score, as scikit-learn splits them."""
        given = [X, y] if sample_weight is None else [X, y, sample_weight]
        parts = train_test_split(
            *given,
            random_state=self._random_state,
            test_size=self.validation_fraction,
            stratify=y if is_classifier(self) and self.n_outputs_ == 1 else None,
        )
        train, held_out = [*parts[0::2], None][:3], [*parts[1::2], None][:3]
        if held_out[0].shape[0] < 2:
            raise ValueError(
                "The validation set is too small. Increase 'validation_fraction' or the size of your dataset."
            )
        if is_classifier(self):
            held_out[1] = self._label_binarizer.inverse_transform(held_out[1])
        return (*train, *held_out)

    def _validation_rows(self, X: Any, y: Any, sample_weight: Any, dtype: Any) -> tuple[Any, Any, Any, Rows]:
        """The user's own validation data, checked: (X, labels or values, weights) to score, and rows for the loss."""
        X = validate_data(self, X, accept_sparse=["csr", "csc"], dtype=dtype, reset=False)
        if is_classifier(self):
            y = check_array(y, ensure_2d=False, dtype=None)
            y = column_or_1d(y) if y.ndim == 1 or y.shape[1] == 1 else y
            unknown = np.setdiff1d(unique_labels(y), self.classes_)
            if len(unknown):
                raise ValueError(f"`y_val` has classes not in `self.classes_`: {unknown}.")
            t = self._label_binarizer.transform(y)
        else:
            y = t = check_array(y, ensure_2d=False, dtype=dtype)
        check_consistent_length(X, y)
        if sample_weight is not None:
            sample_weight = check_sample_weight(sample_weight, X)
        t = t.reshape(len(t), -1)
        if t.shape[1] != self.n_outputs_:
            raise ValueError(f"y_val has {t.shape[1]} outputs, but y has {self.n_outputs_}.")
        if not hasattr(self, "validation_loss_curve_"):
            self.validation_loss_curve_: list[float] = []
        return X, y, sample_weight, Rows(X, t, sample_weight, dtype)

    def _loss_on(self, network: Network, loss_head: Any, rows: Rows) -> float:
        """The loss without the penalty."""
        total = rows.count if rows.weight is None else float(rows.weight.sum())
        return loss_head.compare(rows.t, network.predict(rows.x), rows.weight, total)[0]

    # ---- prediction ----

    def _passes(self, X: Any) -> bool:
        """Whether X is a small array that scikit-learn's checks would let pass unchanged."""
        return (
            type(X) is np.ndarray
            and X.ndim == 2
            and X.dtype in FLOATS
            and 0 < X.size <= SMALL
            and X.shape[1] == getattr(self, "n_features_in_", -1)
            and not hasattr(self, "feature_names_in_")
            and bool(np.isfinite(X).all())
        )

    def _forward_pass_fast(self, X: Any, check_input: bool = True) -> np.ndarray:
        if check_input and not self._passes(X):
            X = validate_data(self, X, accept_sparse=["csr", "csc"], reset=False)
        dtype = np.result_type(X.dtype, self.coefs_[0].dtype)
        if dtype not in FLOATS:
            dtype = np.dtype("float64")
        z = self._network(dtype).predict(dense_rows(X, dtype))
        return head(self.out_activation_, self.loss).output(z)


def sum_of_squares(x: np.ndarray) -> float:
    x = x.ravel()
    return float(np.einsum("i,i->", x, x))
