"""Any model of cdl as an estimator of scikit-learn."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
from sklearn.base import (
    BaseEstimator,
    ClassifierMixin,
    ClassNamePrefixFeaturesOutMixin,
    RegressorMixin,
    TransformerMixin,
)
from sklearn.utils import check_consistent_length
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from cdl import config
from cdl.layers.preprocessing.adaptive_layer import AdaptiveLayer
from cdl.models import Model, Sequential, clone_model
from cdl.sklearn.labels import OF_MARGINS, Labels
from cdl.sklearn.peer import check_sample_weight, validate_data
from cdl.sklearn.seeding import seeded
from cdl.sklearn.shortcut import would_pass
from cdl.utils.strings import holds_strings, string_array

INTEGERS = tuple(np.dtype(code) for code in "?bBhHiIlLqQ")
DICTIONARIES = ("model_kwargs", "fit_kwargs")


class Wrapper(BaseEstimator):
    """What `Classifier`, `Regressor` and `Transformer` share: how a model comes about, and is trained."""

    model_: Any
    history_: dict[str, list[Any]]

    def __init__(
        self,
        model: Any,
        warm_start: bool = False,
        model_kwargs: dict[str, Any] | None = None,
        fit_kwargs: dict[str, Any] | None = None,
        random_state: Any = None,
    ) -> None:
        self.model = model
        self.warm_start = warm_start
        self.model_kwargs = model_kwargs
        self.fit_kwargs = fit_kwargs
        self.random_state = random_state

    # ---- parameters: those inside the two dictionaries have names of their own, as model_kwargs__units ----

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The parameters by name; if `deep`, also those inside the two dictionaries, as `fit_kwargs__epochs`."""
        params = super().get_params(deep)
        if deep:
            for name in DICTIONARIES:
                inside = params[name] if isinstance(params[name], dict) else {}
                params.update({f"{name}__{key}": value for key, value in inside.items()})
        return params

    def set_params(self, **params: Any) -> Wrapper:
        """Set parameters by name; `fit_kwargs__epochs=20` sets one inside `fit_kwargs`, and leaves the others.

        Raises ValueError for names that nobody knows.
        """
        inner = {key: params.pop(key) for key in list(params) if key.partition("__")[0] in DICTIONARIES and "__" in key}
        super().set_params(**params)
        for key, value in inner.items():
            name, _, argument = key.partition("__")
            setattr(self, name, {**(getattr(self, name) or {}), argument: value})
        return self

    # ---- fit ----

    def _rows(self, X: Any, **options: Any) -> Any:
        """X (and y) checked as scikit-learn does. Floats become `config.floatx()`; integers, as of pixels, stay.

        One text per sample stays, too, and has no features to count.
        """
        if holds_strings(X) and np.ndim(X) == 1:
            X = string_array(X)
            if "y" not in options:
                return X
            y = validate_data(self, "no_validation", **options)
            check_consistent_length(X, y)
            return X, y
        return validate_data(self, X, dtype=(np.dtype(config.floatx()), *INTEGERS), allow_nd=True, **options)

    def _weight(self, sample_weight: Any, X: np.ndarray) -> np.ndarray | None:
        return None if sample_weight is None else check_sample_weight(sample_weight, X, dtype=config.floatx())

    def _train(self, X: np.ndarray, columns: np.ndarray, weight: Any, settings: dict[str, Any]) -> None:
        """Fit a model to `columns`, which are y (n, k) in numbers."""
        with seeded(self.random_state):
            last = self.__dict__.pop("model_", None)  # a fit that fails leaves nothing fitted
            model = last if self.warm_start and last is not None else self._new_model(X, columns)
            targets = self._targets(columns, model, self._units(model, X))
            if isinstance(pair := settings.get("validation_data"), list | tuple):
                settings["validation_data"] = self._validation(pair, model)
            try:
                model.fit(X, targets, sample_weight=weight, **{"verbose": 0, **settings})
            except KeyboardInterrupt:  # who interrupts a fit may use what was learned until then
                if model.history is not None:
                    self.model_, self.history_ = model, model.history.history
                raise
        self.model_, self.history_ = model, model.history.history

    def _new_model(self, X: np.ndarray, columns: np.ndarray) -> Any:
        who = type(self).__name__
        if isinstance(self.model, Model):
            if self.model_kwargs:
                raise ValueError(
                    f"{who}: model_kwargs={self.model_kwargs!r} are for a function that makes a model, but `model` is "
                    f"one: {self.model.who}. Give a function model(X, y, **model_kwargs) instead, or no model_kwargs."
                )
            check_compiled(self.model, who)
            return copy.deepcopy(self.model) if self.warm_start and self.model.built else fresh_copy(self.model)
        if not callable(self.model):
            raise TypeError(
                f"{who}: `model` is {self.model!r} (of type {type(self.model).__name__}). Give a compiled Sequential, "
                "or a function model(X, y, **model_kwargs) that returns one."
            )
        model = self.model(X=X, y=columns, **(self.model_kwargs or {}))
        if not isinstance(model, Model):
            raise TypeError(
                f"{who}: {self.model!r} returned {model!r} (of type {type(model).__name__}), which is not a model. "
                "End it with `return model`."
            )
        check_compiled(model, who)
        return model

    def _units(self, model: Model, X: np.ndarray) -> int:
        """The width of the model's output for X. Raises ValueError unless that is a row of numbers per sample."""
        shape = (None, *X.shape[1:])
        if not model.built:
            model.build(shape)
        model.check_input(X.shape)
        output = model.compute_output_shape(shape)
        if len(output) != 2 or not isinstance(output[1], int):
            raise ValueError(
                f"{type(self).__name__}: {model.who} has outputs of shape {tuple(output)}, but (None, units) is "
                "needed, one row per sample. End the model with Flatten or global pooling, and Dense."
            )
        return output[1]

    def _targets(self, columns: np.ndarray, model: Any, units: int) -> np.ndarray:
        """What the loss compares with the outputs. Raises ValueError where their widths differ."""
        if units != columns.shape[1]:
            raise ValueError(
                f"{type(self).__name__}: the model has {units} output{'s' * (units != 1)}, and y has "
                f"{columns.shape[1]} column{'s' * (columns.shape[1] != 1)}. Give the last layer as many units."
            )
        return columns

    def _validation(self, pair: Any, model: Model) -> tuple[Any, ...]:
        """(X, y) or (X, y, sample_weight) of the user's own, as the model sees it."""
        X, y, *weight = pair
        X = self._rows(X, reset=False)
        return X, self._targets(self._columns(y), model, self._units(model, X)), *weight

    def _outputs(self, X: Any) -> np.ndarray:
        check_is_fitted(self, "model_")
        if not would_pass(self, X):
            X = self._rows(X, reset=False)
        return self.model_.predict(X, verbose=0)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.non_deterministic = self.random_state is None
        return tags


def fresh_copy(model: Any) -> Any:
    """A model of the same layers with weights of its own, compiled alike: nothing trained comes along."""
    arguments = {**model._compile_arguments, "optimizer": model.optimizer.from_config(model.optimizer.get_config())}
    fresh = fresh_layer(model)
    fresh.compile(**copy.deepcopy(arguments))
    return fresh


def fresh_layer(layer: Any) -> Any:
    """The layer, or model, with new weights. What `adapt` found was no training, and stays."""
    if isinstance(layer, AdaptiveLayer):
        return copy.deepcopy(layer)
    if type(layer) is Sequential:
        return clone_model(layer, clone_function=fresh_layer)
    return type(layer).from_config(layer.get_config())


def check_compiled(model: Model, who: str) -> None:
    """Raises RuntimeError, as Keras does, for a model that does not know how to learn."""
    if not model.compiled or model.loss is None:
        lacks = "a loss" if model.compiled else "an optimizer and a loss"
        raise RuntimeError(
            f"{who}: {model.who} lacks {lacks}. Given model needs to be compiled: model.compile('adam', loss=...)."
        )


class Classifier(ClassifierMixin, Wrapper):
    """A model as a classifier of scikit-learn, for labels of any type (Keras: `SKLearnClassifier`).

    The last layer has one unit per class, or a single one (sigmoid) for two classes. Labels are encoded as the loss
    wants it: numbers for "sparse_categorical_crossentropy", else columns of 0 and 1. With rows of 0 and 1 as y, any
    number of labels may be true ("binary_crossentropy"), or just one ("categorical_crossentropy"). Losses with
    from_logits=True and the hinge losses are understood.

    Args:
        model: a compiled model, which stays as it is: each `fit` trains a fresh copy, with weights of its own (but what
            `adapt` found). Or a function `model(X, y, **model_kwargs)` that returns one; its y has a column of 0 and 1
            for each class.
        warm_start: True: the first fit starts from the weights of the model given, later ones go on where the last
            ended.
        model_kwargs: further arguments of the function.
        fit_kwargs: arguments of `Model.fit`, as {"epochs": 20}. `class_weight` is "balanced" or a dictionary by labels
            as they are in y; `validation_data` has such labels, too; `verbose` is 0 by default.
        random_state: None, an integer or a `RandomState`: weights, order of the samples and dropout follow from it,
            and the program's own random numbers are not touched.

    Single entries of the dictionaries are parameters, too: `model_kwargs__units`, `fit_kwargs__epochs`.

    Attributes:
        model_: the fitted model. history_: {name: one value per epoch}. classes_: the labels in order.
        n_features_in_, feature_names_in_: as everywhere in scikit-learn.

    Raises:
        TypeError: `model` is neither; RuntimeError: the model is not compiled; ValueError: the model's outputs do not
        go with the classes, or its loss with the labels.

    >>> def network(X, y, units=32):
    ...     model = Sequential([Input(X.shape[1:]), Dense(units, "relu"), Dense(y.shape[1], "softmax")])
    ...     model.compile("adam", "categorical_crossentropy")
    ...     return model
    >>> grid = GridSearchCV(Classifier(network, fit_kwargs={"epochs": 20}), {"model_kwargs__units": [16, 64]})
    >>> grid.fit(X, y).predict(X[:3]).tolist()
    ['setosa', 'setosa', 'setosa']
    """

    classes_: np.ndarray

    def fit(self, X: Any, y: Any, sample_weight: Any = None, **fit_kwargs: Any) -> Classifier:
        """Train on X, (n, features), (n, ...) or n texts, and n labels or rows of 0 and 1.

        `fit_kwargs` come before those of the constructor. Returns self.
        """
        settings = {**(self.fit_kwargs or {}), **fit_kwargs}
        X, y = self._rows(X, y=y, multi_output=True)
        labels = Labels(y, type(self).__name__)
        if self.warm_start and hasattr(self, "model_") and not np.array_equal(self.classes_, labels.classes):
            raise ValueError(
                f"{type(self).__name__}: with warm_start=True, y has the classes of the last fit, {self.classes_}. "
                f"Received: {labels.classes}. Clone the estimator to begin anew."
            )
        self._labels, self.classes_ = labels, labels.classes
        columns = labels.columns(y)
        weight = self._weight(sample_weight, X)
        if (class_weight := settings.pop("class_weight", None)) is not None:
            of_class = compute_sample_weight(class_weight, columns if labels.multilabel else y)
            weight = of_class if weight is None else weight * of_class
        self._train(X, columns, weight, settings)
        return self

    def predict(self, X: Any) -> np.ndarray:
        """The likeliest labels, in the form in which y came."""
        outputs = self._outputs(X)
        return self._labels.predicted(outputs, self.model_.objective.loss)

    def _has_probabilities(self) -> bool:
        model: Any = getattr(self, "model_", self.model)
        loss = model.objective.loss if isinstance(model, Model) and model.objective else None
        if isinstance(loss, OF_MARGINS):
            raise AttributeError(
                f"{type(self).__name__}: a model trained with the loss {loss.name!r} gives margins, not probabilities; "
                "ask for decision_function, or put CalibratedClassifierCV around it."
            )
        return True

    @available_if(_has_probabilities)
    def predict_proba(self, X: Any) -> np.ndarray:
        """The probabilities of the classes, (n, classes), rows that add up to 1; of each label where there are several.

        Softmax or sigmoid are applied if the loss has from_logits=True. AttributeError for the hinge losses.
        """
        outputs = self._outputs(X)
        return self._labels.probabilities(outputs, self.model_.objective.loss)

    def decision_function(self, X: Any) -> np.ndarray:
        """Scores, greater for what is surer: (n,) for the second of two classes, else (n, classes).

        Logarithms of probabilities or of their ratio; logits and margins as they are.
        """
        outputs = self._outputs(X)
        return self._labels.decisions(outputs, self.model_.objective.loss)

    def _columns(self, y: Any) -> np.ndarray:
        return self._labels.columns(y)

    def _targets(self, columns: np.ndarray, model: Any, units: int) -> np.ndarray:
        return self._labels.targets(columns, units, model.objective.loss)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags


class Regressor(RegressorMixin, Wrapper):
    """A model as a regressor of scikit-learn, for one or several targets (Keras: `SKLearnRegressor`).

    The last layer has one unit per target. Args, attributes and errors as `Classifier`; the function gets y with two
    axes, (n, targets), and `class_weight` has no meaning.

    >>> model = Sequential([Dense(64, "relu"), Dropout(0.1), Dense(1)])
    >>> model.compile("adam", "mae")
    >>> cross_val_score(make_pipeline(StandardScaler(), Regressor(model, fit_kwargs={"epochs": 50})), X, y)
    """

    def fit(self, X: Any, y: Any, sample_weight: Any = None, **fit_kwargs: Any) -> Regressor:
        """Train on X, (n, features), (n, ...) or n texts, and y (n,) or (n, targets).

        `fit_kwargs` come before those of the constructor. Returns self.
        """
        X, y = self._rows(X, y=y, multi_output=True, y_numeric=True)
        weight = self._weight(sample_weight, X)
        self._flat, self._dtype = y.ndim == 1, np.result_type(y, np.float32)
        self._train(X, self._columns(y), weight, {**(self.fit_kwargs or {}), **fit_kwargs})
        return self

    def predict(self, X: Any) -> np.ndarray:
        """The predicted targets, (n,) or (n, targets) as y came, and of its type (float64 for integers)."""
        outputs = self._outputs(X).astype(self._dtype, copy=False)
        return outputs[:, 0] if self._flat else outputs

    def _columns(self, y: Any) -> np.ndarray:
        y = np.asarray(y, config.floatx())
        return y.reshape(len(y), -1)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags


class Transformer(ClassNamePrefixFeaturesOutMixin, TransformerMixin, Wrapper):
    """A model as a transformer of scikit-learn: X becomes the model's outputs (Keras: `SKLearnTransformer`).

    Args, attributes and errors as `Regressor`. A model that has learned before and shall not change is put into a
    pipeline as `FrozenEstimator(Transformer(model, warm_start=True).fit(X, epochs=0))`. Columns are called
    transformer0, transformer1 ... (`set_output`).

    >>> denoised = Transformer(autoencoder, fit_kwargs={"epochs": 10}).fit_transform(X)
    """

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None, **fit_kwargs: Any) -> Transformer:
        """Train on X and the targets y, as a `Regressor`; without y, the model learns to give X back.

        `fit_kwargs` come before those of the constructor. Returns self.
        """
        X, y = (self._rows(X), None) if y is None else self._rows(X, y=y, multi_output=True, y_numeric=True)
        weight = self._weight(sample_weight, X)
        self._train(X, self._columns(X if y is None else y), weight, {**(self.fit_kwargs or {}), **fit_kwargs})
        self._n_features_out = self._units(self.model_, X)
        return self

    def transform(self, X: Any) -> np.ndarray:
        """The model's outputs, (n, units)."""
        return self._outputs(X)

    _columns = Regressor._columns

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = []
        return tags
