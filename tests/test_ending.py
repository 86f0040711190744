"""A crossentropy behind its softmax or sigmoid goes by the logits; everything else by the outputs."""

import numpy as np
import pytest

import cdl
from cdl import Model, Sequential, layers, losses, metrics
from cdl.layers import Context

X = np.array([[1.0, 0.0, 2.0], [0.0, 1.0, -1.0]], "float32")
FAR = 60.0  # logits so far apart that float32 knows no probability between 0 and 1


def far_off(*last, units=2):
    """A model whose logits are FAR apart, with wrong answers."""
    model = Sequential([layers.Input((3,)), *(last or [layers.Dense(units, activation="softmax")])])
    kernel = np.zeros((3, units), "float32")
    kernel[0, 0], kernel[1, -1] = FAR, -FAR if units == 1 else FAR
    model.set_weights([kernel, np.zeros(units, "float32")])
    return model


def between(model):
    return Model(model.inputs, model.outputs[0])


def softmax(z):
    e = np.exp(z - z.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


CASES = {
    "sparse": (lambda: far_off(), "sparse_categorical_crossentropy", np.array([1, 0])),
    "categorical": (lambda: far_off(), "categorical_crossentropy", np.eye(2)[[1, 0]]),
    "activation layer": (
        lambda: far_off(layers.Dense(2), layers.Activation("softmax")),
        "sparse_categorical_crossentropy",
        np.array([1, 0]),
    ),
    "inside": (
        lambda: far_off(Sequential([layers.Dense(2), Sequential([layers.Activation("softmax")])])),
        "sparse_categorical_crossentropy",
        np.array([1, 0]),
    ),
    "softmax layer": (
        lambda: far_off(layers.Dense(2), layers.Softmax()),
        "sparse_categorical_crossentropy",
        np.array([1, 0]),
    ),
    "softmax layer as activation": (
        lambda: far_off(layers.Dense(2, activation=layers.Softmax())),
        "categorical_crossentropy",
        np.eye(2)[[1, 0]],
    ),
    "functional": (
        lambda: between(far_off(layers.Dense(2), layers.Softmax())),
        "sparse_categorical_crossentropy",
        np.array([1, 0]),
    ),
    "functional inside": (
        lambda: Sequential([between(far_off(layers.Dense(2), layers.Activation("softmax")))]),
        "sparse_categorical_crossentropy",
        np.array([1, 0]),
    ),
    "binary": (
        lambda: far_off(layers.Dense(1, activation="sigmoid"), units=1),
        "binary_crossentropy",
        np.array([[0.0], [1.0]]),
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_what_is_certainly_wrong_is_learned(case):
    make, loss, y = CASES[case]
    model = make()
    model.compile(cdl.optimizers.SGD(1.0), loss, metrics=["accuracy"])
    assert model.evaluate(X, y, verbose=0) == [pytest.approx(FAR), 0.0]  # not cut off at -log(1e-7), and no accuracy
    kernel = model.get_weights()[0].copy()
    value, accuracy = model.train_on_batch(X, y)
    assert (value, accuracy) == (pytest.approx(FAR), 0.0)
    z, t = X @ kernel, y
    p = 1 / (1 + np.exp(-z)) if case == "binary" else softmax(z)
    if t.ndim == 1:
        t = np.eye(2)[t]
    np.testing.assert_allclose(model.get_weights()[0], kernel - X.T @ (p - t) / 2, rtol=1e-6, atol=1e-5)
    assert model.predict(X, verbose=0).max() <= 1  # predictions are probabilities


def test_label_smoothing_and_weights_stay():
    model = far_off()
    y, weight = np.eye(2)[[1, 0]], np.array([3.0, 1.0])
    model.compile("sgd", losses.CategoricalCrossentropy(label_smoothing=0.1), weighted_metrics=["accuracy"])
    wanted = losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1)
    logits = X @ model.get_weights()[0]
    assert model.test_on_batch(X, y, weight)[0] == pytest.approx(wanted(y, logits, weight))
    assert model.loss.from_logits is False, "the loss of compile stays as it is"


def test_metrics_get_probabilities():
    model = far_off()
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=[metrics.SparseCategoricalCrossentropy(name="ce")])
    value, of_metric = model.test_on_batch(X, np.array([1, 0]))
    assert value == pytest.approx(FAR)
    assert of_metric == pytest.approx(-np.log(1e-7), rel=1e-5)


class Own(layers.Dense):
    def forward(self, ctx, x):
        return super().forward(ctx, x)


class OwnLoss(losses.SparseCategoricalCrossentropy):
    pass


AS_BEFORE = {
    "another loss": lambda: (far_off(), losses.MeanSquaredError(), np.eye(2)[[1, 0]]),
    "a loss of one's own": lambda: (far_off(), OwnLoss(), np.array([1, 0])),
    "a layer of one's own": lambda: (far_off(Own(2, activation="softmax")), None, None),
    "a penalty on the output": lambda: (
        far_off(layers.Dense(2, activation="softmax", activity_regularizer="l2")),
        None,
        None,
    ),
    "another activation": lambda: (far_off(layers.Dense(2, activation="sigmoid")), None, None),
    "a layer behind": lambda: (
        far_off(layers.Dense(2, activation="softmax"), layers.Dropout(0.0)),
        None,
        None,
    ),
}


@pytest.mark.parametrize("case", AS_BEFORE)
def test_everything_else_goes_by_the_outputs(case):
    model, loss, y = AS_BEFORE[case]()
    loss, y = loss or losses.SparseCategoricalCrossentropy(), np.array([1, 0]) if y is None else y
    model.compile(cdl.optimizers.SGD(0.0), loss)
    penalty = 0.01 * float(np.sum(model.predict(X, verbose=0) ** 2)) / len(X) if "penalty" in case else 0.0
    assert model.test_on_batch(X, y) == pytest.approx(loss(y, model.predict(X, verbose=0)) + penalty, rel=1e-5)
    assert model.train_on_batch(X, y) == pytest.approx(loss(y, model.predict(X, verbose=0)) + penalty, rel=1e-5)


@pytest.mark.parametrize("within", [False, True], ids=["itself", "within a model"])
def test_a_layer_that_is_in_the_middle_as_well_keeps_its_activation(within):
    layer = layers.Dense(3, activation="softmax")
    twice = Sequential([layers.Input((3,)), layer]) if within else layer
    model = Sequential([layers.Input((3,)), twice, twice])
    model.compile("sgd", "sparse_categorical_crossentropy")
    y = np.array([1, 0])
    wanted = losses.SparseCategoricalCrossentropy()(y, model.predict(X, verbose=0))
    assert model.test_on_batch(X, y) == pytest.approx(wanted, rel=1e-6)


def test_logits_that_are_none_are_told():
    model = far_off()
    model.compile("sgd", losses.SparseCategoricalCrossentropy(from_logits=True))
    with pytest.warns(UserWarning, match=r"`from_logits=True`, but Dense .* ends in 'softmax'"):
        assert model.test_on_batch(X, np.array([1, 0])) == pytest.approx(FAR)


def test_a_step_of_ones_own_sees_outputs():
    class Mine(Sequential):
        def train_step(self, data):
            x, y = data
            ctx = Context(training=True, need_input_grad=False)
            y_pred = self(x, ctx=ctx)
            np.testing.assert_allclose(y_pred.sum(-1), 1.0, rtol=1e-6)
            loss, dy = self.objective.value_and_gradient(y, y_pred)
            self.optimizer.apply(self.gradients(ctx, dy), self.trainable_variables)
            return {"loss": loss}

    model = Mine([layers.Input((3,)), layers.Dense(2, activation="softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    assert model.train_on_batch(X, np.array([1, 0])) < 16


def test_layers_that_join_later_are_seen():
    model = Sequential([layers.Input((3,)), layers.Dense(2)])
    model.compile("sgd", losses.SparseCategoricalCrossentropy())
    model.add(layers.Activation("softmax"))
    model.set_weights(far_off().get_weights())
    assert model.test_on_batch(X, np.array([1, 0])) == pytest.approx(FAR)


def test_pieces_of_a_model_end_by_themselves():
    model = far_off(layers.Dense(2), layers.Activation("softmax"))
    part = Model(model.inputs, model.layers[0].output)
    part.compile("sgd", losses.SparseCategoricalCrossentropy(from_logits=True))
    assert part.test_on_batch(X, np.array([1, 0])) == pytest.approx(FAR)
