"""The epochs of one fit with a stochastic solver: scikit-learn's rules, our steps."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from cdl.sklearn.data import Order, Rows
from cdl.sklearn.heads import head
from cdl.sklearn.network import Network, loss_and_gradients
from cdl.sklearn.validation import Validation
from cdl.sklearn.watching import Training, watchers


class Epochs:
    """Trains the estimator `mlp` on `rows`, step by step, and keeps its books.

    From here on `coefs_` and `intercepts_` are arrays that the solver changes in place.
    """

    def __init__(self, mlp: Any, rows: Rows, validation: Validation, incremental: bool) -> None:
        self.mlp, self.rows, self.validation, self.incremental = mlp, rows, validation, incremental
        self.solver = mlp._optimizer
        self.size = rows_of_a_batch(mlp.batch_size, rows.count)
        self.order = Order(rows.count, mlp._random_state) if mlp.shuffle else None
        self.layers = [layer for between in mlp._between for layer in between]
        between = [variable for layer in self.layers for variable in layer.trainable_weights]
        warm = getattr(mlp, "_best_coefs", None) is mlp.coefs_
        arrays = self.solver.bind([*mlp.coefs_, *mlp.intercepts_], between)
        mlp.coefs_, mlp.intercepts_ = arrays[: len(mlp.coefs_)], arrays[len(mlp.coefs_) :]
        if warm and not incremental:  # scikit-learn then trains the best weights of the last fit themselves
            mlp._best_coefs, mlp._best_intercepts = mlp.coefs_, mlp.intercepts_
        self.network: Network = mlp._network()
        self.head = head(mlp.out_activation_, mlp.loss)
        self.training = Training(mlp, [*arrays, *(variable.value for variable in between)])
        self.callbacks = None
        if mlp.callbacks:
            self.callbacks = watchers(mlp.callbacks, self.training, mlp.max_iter, -(-rows.count // self.size))

    def run(self) -> None:
        """Epoch after epoch until scikit-learn's rules, a callback or the user end it; if `incremental`, one."""
        mlp, callbacks, incremental = self.mlp, self.callbacks, self.incremental
        mlp.n_iter_ = 0
        if callbacks:
            callbacks.on_train_begin()
        try:
            while mlp.n_iter_ < mlp.max_iter:
                self.epoch()
                over = self.is_over()
                if incremental and mlp.early_stopping:
                    mlp.stopped_ = over
                if over or incremental or self.training.stop_training:
                    break
                if mlp.n_iter_ == mlp.max_iter:
                    warnings.warn(
                        f"Stochastic Optimizer: Maximum iterations ({mlp.max_iter}) "
                        "reached and the optimization hasn't converged yet.",
                        ConvergenceWarning,
                        stacklevel=2,
                    )
        except KeyboardInterrupt:
            warnings.warn("Training interrupted by user.", stacklevel=2)
        if callbacks:
            callbacks.on_train_end({})
            for callback in callbacks.callbacks:
                callback.set_model(None)  # type: ignore[arg-type]  # else a copy of the callback would copy the estimator
        if mlp.early_stopping and (not incremental or mlp.stopped_):
            self.restore_best()
            if incremental:
                mlp._no_improvement_count = 0

    def epoch(self) -> None:
        """Train on every row once, then judge."""
        mlp, callbacks = self.mlp, self.callbacks
        if callbacks:
            callbacks.on_epoch_begin(mlp.n_iter_)
        total = self.steps()
        mlp.n_iter_ += 1
        mlp.loss_ = np.float64(total / self.rows.count)  # as scikit-learn's, it can be rounded
        mlp.t_ += self.rows.count
        mlp.loss_curve_.append(mlp.loss_)
        if mlp.verbose:
            print(f"Iteration {mlp.n_iter_}, loss = {mlp.loss_:.8f}")
        if self.validation.rows is not None:
            mlp.validation_loss_curve_.append(self.loss_on(self.validation.rows))
        best = getattr(mlp, "best_validation_score_", None)
        mlp._update_no_improvement_count(mlp.early_stopping, *self.validation.to_score)
        if mlp.early_stopping and mlp.best_validation_score_ != best:
            mlp._best_between = [layer.get_weights() for layer in self.layers]
        if callbacks:
            callbacks.on_epoch_end(mlp.n_iter_ - 1, self.logs())
        self.solver.iteration_ends(mlp.t_)

    def steps(self) -> float:
        """The steps of an epoch; the sum of the losses of all rows."""
        network, loss_head, alpha = self.network, self.head, self.mlp.alpha
        update, callbacks, total = self.solver.update_params, self.callbacks, 0.0
        order = self.order.shuffled() if self.order else None
        for step, (x, t, weight) in enumerate(self.rows.batches(self.size, order)):
            if callbacks:
                callbacks.on_train_batch_begin(step)
            loss, gradients = loss_and_gradients(network, loss_head, alpha, x, t, weight)
            update(gradients)
            total += loss * len(t)
            if callbacks:
                callbacks.on_train_batch_end(step, {"loss": loss})
        return total

    def loss_on(self, rows: Rows) -> float:
        """The loss of these rows, without the penalty."""
        total = rows.count if rows.weight is None else float(rows.weight.sum())
        return self.head.compare(rows.t, self.network.predict(rows.x), rows.weight, total)[0]

    def logs(self) -> dict[str, float]:
        """What callbacks get after an epoch."""
        mlp = self.mlp
        logs = {"loss": mlp.loss_}
        if self.validation.rows is not None:
            logs["val_loss"] = mlp.validation_loss_curve_[-1]
        if mlp.early_stopping:
            logs["val_score"] = mlp.validation_scores_[-1]
        return logs

    def is_over(self) -> bool:
        """Whether nothing has improved for so long that the solver stops; instead it may go on with smaller steps."""
        mlp = self.mlp
        if not mlp._no_improvement_count > mlp.n_iter_no_change:
            return False
        what = "Validation score" if mlp.early_stopping else "Training loss"
        message = f"{what} did not improve more than tol={mlp.tol:f} for {mlp.n_iter_no_change:d} consecutive epochs."
        if self.solver.trigger_stopping(message, mlp.verbose):
            return True
        mlp._no_improvement_count = 0
        return False

    def restore_best(self) -> None:
        """The weights of the best score come back."""
        mlp = self.mlp
        mlp.coefs_, mlp.intercepts_ = mlp._best_coefs, mlp._best_intercepts
        for layer, weights in zip(self.layers, getattr(mlp, "_best_between", ()), strict=False):
            layer.set_weights(weights)


def rows_of_a_batch(batch_size: Any, count: int) -> int:
    """The size of the batches of so many rows."""
    if isinstance(batch_size, str):  # "auto"
        return min(200, count)
    if batch_size > count:
        warnings.warn(
            "Got `batch_size` less than 1 or larger than sample size. It is going to be clipped", stacklevel=2
        )
    return min(int(batch_size), count)
