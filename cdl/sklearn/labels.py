"""Between the labels of a classifier, which may be anything, and the numbers of a model."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.sparse import issparse
from sklearn.preprocessing import LabelEncoder
from sklearn.utils import column_or_1d
from sklearn.utils.multiclass import check_classification_targets, type_of_target

from cdl import config, losses

# What a loss compares with the outputs: the number of the label, or a column of 0 and 1 for each.
OF_NUMBERS = (losses.SparseCategoricalCrossentropy, losses.CategoricalGeneralizedCrossEntropy)
ONE_OF_MANY = (
    *OF_NUMBERS,
    losses.CategoricalCrossentropy,
    losses.CategoricalFocalCrossentropy,
    losses.CategoricalHinge,
    losses.KLDivergence,
)
OF_MARGINS = (losses.Hinge, losses.SquaredHinge, losses.CategoricalHinge)


class Labels:
    """The classes in y, and the ways between them and the targets and outputs of a model.

    y: one label per sample, of any type that can be sorted, or rows of 0 and 1 with a column for each label, any number
    of which may be true (`multilabel`). `classes`: the labels in order; the numbers of the columns. Raises ValueError,
    in the name of `who`, for other targets and for a single class.
    """

    def __init__(self, y: Any, who: str) -> None:
        check_classification_targets(y)
        kind = type_of_target(y, input_name="y")
        if kind == "multiclass-multioutput":
            raise ValueError(
                f"{who}: y has {y.shape[1]} columns with classes of their own, and a model has one output. Fit one "
                "classifier per column, as sklearn.multioutput.MultiOutputClassifier does."
            )
        self.who, self.multilabel = who, kind == "multilabel-indicator"
        self._encoder = None if self.multilabel else LabelEncoder().fit(column_or_1d(y, warn=True))
        self.classes = np.arange(y.shape[1]) if self._encoder is None else self._encoder.classes_
        if len(self.classes) < 2:
            raise ValueError(f"{who}: y has one class, {_some(self.classes)}, and there is nothing to tell apart.")

    # ---- to the model ----

    def columns(self, y: Any) -> np.ndarray:
        """(n, classes): 1 for the labels of a sample, else 0."""
        if self._encoder is None:
            y = np.asarray(y.toarray() if issparse(y) else y, config.floatx())
            if y.ndim != 2 or y.shape[1] != len(self.classes):
                raise ValueError(f"{self.who}: y has shape {y.shape}, and {len(self.classes)} columns were learned.")
            return y
        return np.eye(len(self.classes), dtype=config.floatx())[self._encoder.transform(column_or_1d(y))]

    def targets(self, columns: np.ndarray, units: int, loss: Any) -> np.ndarray:
        """What the loss of a model with so many outputs compares them with. ValueError if they do not go together."""
        count = len(self.classes)
        single = isinstance(loss, ONE_OF_MANY)
        if single and self.multilabel and (wrong := np.flatnonzero(columns.sum(axis=1) != 1)).size:
            raise ValueError(
                f"{self.who}: row {wrong[0]} of y has {int(columns[wrong[0]].sum())} labels, but the loss "
                f"{loss.name!r} is for one of many. For any number of labels, end the model with "
                "activation='sigmoid' and compile it with loss='binary_crossentropy'."
            )
        if units == 1 and count == 2 and not self.multilabel and not single:
            return columns[:, 1:]
        if units != count:
            alternative = " (or one, with a loss for two classes, as 'binary_crossentropy')" if count == 2 else ""
            raise ValueError(
                f"{self.who}: the model has {units} output{'s' * (units != 1)}, and y has {count} classes: "
                f"{_some(self.classes)}. Give the last layer {count} units{alternative}."
            )
        return columns.argmax(axis=1) if isinstance(loss, OF_NUMBERS) else columns

    # ---- from the model: outputs (n, classes), or (n, 1) for the second of two ----

    def predicted(self, outputs: np.ndarray, loss: Any) -> np.ndarray:
        """The labels in the form of y: the likeliest, or all that are likelier than not."""
        if self.multilabel and not isinstance(loss, ONE_OF_MANY):
            return (outputs > _threshold(loss)).astype(int)
        likeliest = outputs.argmax(axis=1) if outputs.shape[1] > 1 else (outputs[:, 0] > _threshold(loss)).astype(int)
        if self.multilabel:
            return np.eye(len(self.classes), dtype=int)[likeliest]
        return self.classes[likeliest]

    def probabilities(self, outputs: np.ndarray, loss: Any) -> np.ndarray:
        """(n, classes). Each row adds up to 1, unless a sample may have any number of labels."""
        single = isinstance(loss, ONE_OF_MANY)
        p = outputs
        if getattr(loss, "from_logits", False):
            z = outputs - outputs.max(axis=1, keepdims=True) if single else outputs
            p = np.exp(z) if single else 0.5 + 0.5 * np.tanh(0.5 * z)
        if p.shape[1] == 1:
            return np.hstack([1 - p, p])
        if self.multilabel and not single:
            return p
        p = np.clip(p, np.finfo(p.dtype).tiny, None)
        return p / p.sum(axis=1, keepdims=True)

    def decisions(self, outputs: np.ndarray, loss: Any) -> np.ndarray:
        """Scores on a scale without ends, the greater the surer: (n,) for the second of two classes, else (n, classes).

        The outputs themselves for a loss of logits or margins; else log p, or log(p / (1 - p)) where each class is
        decided by itself.
        """
        if _threshold(loss) == 0:
            scores = outputs
        else:
            p = np.clip(outputs.astype(np.float64), np.finfo(np.float32).tiny, 1)
            by_itself = p.shape[1] == 1 or (self.multilabel and not isinstance(loss, ONE_OF_MANY))
            scores = np.log(p) - np.log(np.maximum(1 - p, 2.0**-25)) if by_itself else np.log(p)
        if len(self.classes) > 2 or self.multilabel:
            return scores
        return scores[:, 0] if scores.shape[1] == 1 else scores[:, 1] - scores[:, 0]


def _threshold(loss: Any) -> float:
    """Above which an output says yes: 0 for logits and margins, else a probability of one half."""
    return 0.0 if isinstance(loss, OF_MARGINS) or getattr(loss, "from_logits", False) else 0.5


def _some(classes: np.ndarray) -> str:
    shown = ", ".join(repr(label) for label in classes[:8].tolist())
    return shown if len(classes) <= 8 else f"{shown}, ..."
