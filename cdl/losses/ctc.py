"""Connectionist temporal classification: a sequence of labels of which nobody knows the times."""

from __future__ import annotations

from typing import Any

import numpy as np

from cdl.losses.base import Loss, values_of
from cdl.losses.crossentropy import check_labels
from cdl.utils.numerical import as_float, as_int32

BLANK = 0


class CTC(Loss):
    """-log of the probability that the steps of y_pred, without repetitions and then without blanks, spell y_true.

    y_pred (n, steps, classes) holds logits. Class 0 is the blank; y_true (n, length) holds whole numbers
    1 .. classes - 1, filled up with 0 at the end, so that samples may have different lengths. The sum over all
    alignments is made forward and backward through time, in logarithms and in double precision (Graves and others 2006,
    "Connectionist temporal classification: labelling unsegmented sequence data with recurrent neural networks").
    ValueError for other labels and shapes, and where the steps are too few for the labels: each needs one, and a blank
    between two that are equal.

    >>> round(CTC()([[1, 0]], np.zeros((1, 2, 2))), 6)  # three of the four paths spell 1
    0.287682
    """

    def __init__(
        self, reduction: str | None = "sum_over_batch_size", name: str | None = "ctc", dtype: Any = None
    ) -> None:
        super().__init__(name, reduction, dtype)

    def _prepare(self, y_true, y_pred):
        y_pred = as_float(y_pred, "y_pred", self._dtype)
        labels = as_int32(y_true, "y_true")
        if labels.ndim != 2:
            raise ValueError(f"{self.name}: y_true holds labels, shape (batch, length). Received: {labels.shape}")
        if y_pred.ndim != 3 or len(y_pred) != len(labels):
            raise ValueError(
                f"{self.name}: y_pred holds logits, shape (batch, steps, classes), for as many samples as y_true, "
                f"{labels.shape}. Received: {y_pred.shape}"
            )
        check_labels(self.name, labels, y_pred.shape[2])
        gap = np.flatnonzero(np.any((labels[:, :-1] == BLANK) & (labels[:, 1:] != BLANK), axis=1))
        if gap.size:
            raise ValueError(
                f"{self.name}: label 0 is the blank and only fills up the end of y_true, but sample {gap[0]} is "
                f"{labels[gap[0]].tolist()}. Number the classes from 1."
            )
        repeated = (labels[:, 1:] == labels[:, :-1]) & (labels[:, 1:] != BLANK)
        needed = np.count_nonzero(labels, axis=1) + np.count_nonzero(repeated, axis=1)
        short = np.flatnonzero(np.maximum(needed, 1) > y_pred.shape[1])
        if short.size:
            raise ValueError(
                f"{self.name}: y_pred has {y_pred.shape[1]} steps, but the labels of sample {short[0]} need "
                f"{needed[short[0]]}: one each, and a blank between two that are equal. Leave out the sample or reduce "
                "the number of steps less."
            )
        return labels, y_pred, None

    def call(self, labels, y_pred):
        trellis = Trellis(labels, y_pred)
        return -trellis.total(trellis.forward()[-1]).astype(y_pred.dtype)

    def gradient(self, labels, y_pred):
        trellis = Trellis(labels, y_pred)
        alpha, beta = trellis.forward(), trellis.backward()
        total = trellis.total(alpha[-1])
        visits = np.exp(alpha + beta - total[:, None]).transpose(1, 0, 2)  # (n, steps, states): at that time in it
        classes = trellis.states[:, :, None] == np.arange(y_pred.shape[2])
        return (np.exp(trellis.log_p) - visits @ classes).astype(y_pred.dtype)


class Trellis:
    """The states of each sample, blank, label 1, blank, label 2, ..., blank, and the ways through them in time.

    A step stays in its state, goes to the next, or skips a blank between two different labels. log_p (n, steps,
    classes); states (n, s) the classes of the states; emitted (steps, n, s) their log-probabilities; last (n, s) where
    a way may end: in the last label or the blank behind it.
    """

    def __init__(self, labels: np.ndarray, logits: np.ndarray) -> None:
        z = logits.astype(np.float64) - np.max(logits, axis=2, keepdims=True)
        self.log_p = z - np.log(np.sum(np.exp(z), axis=2, keepdims=True))
        self.states = np.full((len(labels), 2 * labels.shape[1] + 1), BLANK)
        self.states[:, 1::2] = labels
        self.emitted = np.take_along_axis(self.log_p, self.states[:, None], axis=2).transpose(1, 0, 2)
        self.skip = np.where((self.states[:, 2:] != BLANK) & (self.states[:, 2:] != self.states[:, :-2]), 0, -np.inf)
        ends = 2 * np.count_nonzero(labels, axis=1)[:, None] - np.arange(self.states.shape[1])
        self.last = np.where((ends == 0) | (ends == 1), 0, -np.inf)

    def forward(self) -> np.ndarray:
        """alpha (steps, n, s): log of the probability of all ways up to a state, with what it emits."""
        alpha = np.full(self.emitted.shape, -np.inf)
        alpha[0, :, :2] = self.emitted[0, :, :2]
        for t in range(1, len(alpha)):
            before, now = alpha[t - 1], alpha[t]
            now[:] = before
            now[:, 1:] = np.logaddexp(now[:, 1:], before[:, :-1])
            now[:, 2:] = np.logaddexp(now[:, 2:], before[:, :-2] + self.skip)
            now += self.emitted[t]
        return alpha

    def backward(self) -> np.ndarray:
        """beta (steps, n, s): log of the probability of all ways from a state to an end, without what it emits."""
        beta = np.empty(self.emitted.shape)
        beta[-1] = self.last
        for t in range(len(beta) - 2, -1, -1):
            after, now = beta[t + 1] + self.emitted[t + 1], beta[t]
            now[:] = after
            now[:, :-1] = np.logaddexp(now[:, :-1], after[:, 1:])
            now[:, :-2] = np.logaddexp(now[:, :-2], after[:, 2:] + self.skip)
        return beta

    def total(self, alpha: np.ndarray) -> np.ndarray:
        """log of the probability of all ways, (n,), from the last step's alpha."""
        return np.logaddexp.reduce(alpha + self.last, axis=1)


@values_of(CTC)
def ctc(y_true: Any, y_pred: Any) -> np.ndarray:
    """The values of `CTC`, one per sample."""
    return CTC(reduction=None)(y_true, y_pred)
