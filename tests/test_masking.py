"""Masks: made by Masking and Embedding, carried by chains and branches, heeded by layers, the loss and the metrics."""

import warnings

import numpy as np
import pytest
from layer_checks import check_gradients

import cdl
from cdl import layers, losses, metrics
from cdl.layers import Context

RNG = np.random.default_rng(5)


def sequences(n=3, t=4, d=2):
    """Sequences of one to t steps, filled up with zeros; and the mask of the steps that count."""
    x = RNG.normal(size=(n, t, d)).astype("float32")
    counted = np.arange(t) < RNG.integers(1, t, size=(n, 1))
    return np.where(counted[..., None], x, 0).astype("float32"), counted


class Doubled(layers.Layer):
    """Knows nothing of masks."""

    def forward(self, ctx, x):
        return 2 * x

    def backward(self, ctx, dy):
        return 2 * dy


class Seen(layers.Identity):
    """Notes the mask that comes to it."""

    def forward(self, ctx, x):
        self.mask = ctx.mask
        return x


class EverySecond(layers.Layer):
    """A layer of one's own with another number of steps, and so another mask."""

    def forward(self, ctx, x):
        return x[:, ::2]

    def compute_mask(self, inputs, previous_mask):
        return None if previous_mask is None else previous_mask[:, ::2]


# ------------------------------------------------------------------------------------------------------------- Masking


def test_masking_is_where_all_features_equal_the_value():
    x = np.array([[[1.0, -1.0], [-1.0, -1.0], [2.0, 3.0]]], "float32")
    layer = layers.Masking(mask_value=-1.0)
    np.testing.assert_array_equal(layer(x), [[[1, -1], [0, 0], [2, 3]]])
    np.testing.assert_array_equal(layer.compute_mask(x), [[True, False, True]])
    assert layers.Masking.from_config(layer.get_config()).mask_value == -1.0


def test_gradient_of_masking():
    x = np.where(np.arange(5)[:, None] < 3, RNG.normal(size=(2, 5, 3)), 7.0)
    ctx = Context()
    with cdl.config.set_floatx("float64"):
        layer = layers.Masking(mask_value=7.0)
        layer(x, ctx=ctx)
        dx = layer.backward(ctx, np.ones_like(x))
    np.testing.assert_array_equal(dx, np.broadcast_to(np.arange(5)[:, None] < 3, x.shape))


# ------------------------------------------------------------------------------------------------- from layer to layer


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("gradient", [False, True])
def test_chain_carries_the_mask_to_its_end(training, gradient):
    x, counted = sequences()
    seen = Seen()
    model = cdl.Sequential([layers.Masking(), cdl.Sequential([layers.Dense(3), layers.Dropout(0.5)]), seen])
    model.build(x.shape)
    ctx = Context(training, gradient)
    model.forward(ctx, x)
    np.testing.assert_array_equal(seen.mask, counted)
    np.testing.assert_array_equal(ctx.mask, counted)


def test_mask_is_destroyed_with_a_warning():
    x, _ = sequences()
    seen = Seen()
    model = cdl.Sequential([layers.Masking(), Doubled(name="doubled"), seen])
    with pytest.warns(UserWarning, match=r"Layer 'doubled' \(of type Doubled\) was passed an input with a mask"):
        model(x)
    assert seen.mask is None


def test_network_without_masks_does_not_warn():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        cdl.Sequential([layers.Dense(3), Doubled(), layers.Flatten()])(sequences()[0])


def test_mask_can_be_given():
    x, counted = sequences()
    seen = Seen()
    cdl.Sequential([layers.Dense(3), seen])(x, mask=counted.tolist())
    np.testing.assert_array_equal(seen.mask, counted)


def test_layer_of_ones_own_makes_its_mask():
    x, counted = sequences()
    seen = Seen()
    assert EverySecond().supports_masking and not Doubled().supports_masking
    cdl.Sequential([layers.Masking(), EverySecond(), seen])(x)
    np.testing.assert_array_equal(seen.mask, counted[:, ::2])


def test_supports_masking_can_be_set():
    x, counted = sequences()
    seen, layer = Seen(), Doubled()
    layer.supports_masking = True
    cdl.Sequential([layers.Masking(), layer, seen])(x)
    np.testing.assert_array_equal(seen.mask, counted)


def test_feature_maps_of_a_masked_model():
    x, counted = sequences()
    seen = Seen()
    model = cdl.Sequential([layers.Masking(), layers.Dense(3), seen])
    model(x)
    maps = cdl.Model(model.inputs, [layer.output for layer in model.layers])
    maps.predict(x)
    np.testing.assert_array_equal(seen.mask, counted)


MASK_A, MASK_B = np.array([[True, False, False]]), np.array([[True, True, False]])


class Masked(layers.Identity):
    """Puts a fixed mask on what passes."""

    def __init__(self, mask, **kwargs):
        super().__init__(**kwargs)
        self.own = mask

    def compute_mask(self, inputs, previous_mask):
        return self.own


@pytest.mark.parametrize(
    ("merge", "axis", "masks", "expected"),
    [
        ("add", -1, (MASK_A, MASK_B), MASK_B),
        ("maximum", -1, (MASK_A, None), None),
        ("concatenate", -1, (MASK_A, MASK_B), MASK_B),
        ("concatenate", -1, (MASK_A, None), [[True, True, True]]),
        ("concatenate", 1, (MASK_A, MASK_B), [[True, False, False, True, True, False]]),
        ("concatenate", 1, (MASK_A, None), [[True, False, False, True, True, True]]),
        ("concatenate", 1, (None, None), None),
    ],
)
@pytest.mark.parametrize("gradient", [False, True])
def test_branches_merge_their_masks(merge, axis, masks, expected, gradient):
    branches = [Masked(masks[0]), [layers.Dense(2), Masked(masks[1])]]
    block = cdl.Sequential([layers.Parallel(branches, merge=merge, axis=axis)])
    block.build((None, 3, 2))
    ctx = Context(gradient=gradient)
    block.forward(ctx, np.ones((1, 3, 2), "float32"))
    if expected is None:
        assert ctx.mask is None
    else:
        np.testing.assert_array_equal(ctx.mask, expected)


def test_residual_passes_the_mask_on():
    x, counted = sequences()
    seen = Seen()
    cdl.Sequential([layers.Masking(), layers.Residual([layers.Dense(2)], activation="relu"), seen])(x)
    np.testing.assert_array_equal(seen.mask, counted)


# -------------------------------------------------------------------------------------------------- layers that heed it


def with_mask(make, counted):
    """The layer behind one that puts a mask on its input."""
    return lambda: cdl.Sequential([Masked(counted), make()])


@pytest.mark.parametrize("keepdims", [False, True])
def test_global_average_is_that_of_the_steps_that_count(keepdims):
    counted = np.array([[True, True, False], [False, True, True], [False, False, False]])
    x = RNG.normal(size=(3, 3, 2)).astype("float32")
    x[0, 2] = np.nan
    y = layers.GlobalAveragePooling1D(keepdims=keepdims)(x, mask=counted)
    expected = [x[0, :2].mean(axis=0), x[1, 1:].mean(axis=0), [0, 0]]
    np.testing.assert_allclose(y, np.reshape(expected, (3, 1, 2) if keepdims else (3, 2)), rtol=1e-6)
    check_gradients(with_mask(lambda: layers.GlobalAveragePooling1D(keepdims=keepdims), counted), (3, 3, 2))


def test_softmax_shares_among_what_counts():
    x = RNG.normal(size=(2, 3)).astype("float32")
    for counted in ([[True, False, True], [True, True, True]], [[True, False, False], [False, False, False]]):
        y = layers.Softmax()(x, mask=counted)
        e = np.where(counted, np.exp(x), 0)
        np.testing.assert_allclose(y, e / np.maximum(e.sum(axis=1, keepdims=True), 1e-30), rtol=1e-6)
        check_gradients(with_mask(layers.Softmax, np.array(counted)), (2, 3))
    counted = np.ones((2, 3), bool)
    with pytest.raises(ValueError, match=r"mask has shape \(2, 3\) and x has shape \(2, 3, 5\)"):
        layers.Softmax()(np.zeros((2, 3, 5)), mask=counted)


@pytest.mark.parametrize("axis", [-1, 1])
def test_batch_normalization_by_the_steps_that_count(axis):
    counted = np.array([[True, True, False, False], [True, True, True, True]])
    x = RNG.normal(3.0, 2.0, size=(2, 4, 3)).astype("float32")
    layer = layers.BatchNormalization(axis=axis, momentum=0.0, epsilon=1e-3)
    y = layer(x, training=True, mask=counted)
    spread = np.broadcast_to(counted[..., None], x.shape)
    channels = [(np.take(x, c, axis), np.take(spread, c, axis)) for c in range(x.shape[axis])]
    mean = np.array([values[use].mean() for values, use in channels])
    variance = np.array([values[use].var() for values, use in channels])
    np.testing.assert_allclose(layer.moving_mean.value, mean, rtol=1e-5)
    np.testing.assert_allclose(layer.moving_variance.value, variance, rtol=1e-5)
    shape = (-1, 1) if axis == 1 else (-1,)
    normalized = (x - mean.reshape(shape)) / np.sqrt(variance.reshape(shape) + 1e-3)
    np.testing.assert_allclose(y, normalized, rtol=1e-4, atol=1e-5)
    check_gradients(
        with_mask(lambda: layers.BatchNormalization(axis=axis), counted), (2, 4, 3), training=True, tolerance=1e-6
    )


def test_batch_normalization_refuses_a_mask_of_another_shape():
    with pytest.raises(ValueError, match="one dimension less"):
        layers.BatchNormalization()(np.zeros((2, 3, 4)), mask=np.ones((2,), bool))


# --------------------------------------------------------------------------------------------------- loss and metrics


REDUCED = [
    ("sum_over_batch_size", lambda v, w, m: (v * w * m).sum() / m.sum()),
    ("mean", lambda v, w, m: (v * w * m).sum() / m.sum()),
    ("mean_with_sample_weight", lambda v, w, m: (v * w * m).sum() / (w * m).sum()),
    ("sum", lambda v, w, m: (v * w * m).sum()),
    ("none", lambda v, w, m: v * w * m),
]


class Quartic(losses.Loss):
    def call(self, y_true, y_pred):
        return np.mean((y_pred - y_true) ** 4, axis=-1)

    def gradient(self, y_true, y_pred):
        return 4 * (y_pred - y_true) ** 3 / y_pred.shape[-1]


@pytest.mark.parametrize("make", [losses.MeanSquaredError, Quartic])
@pytest.mark.parametrize(("reduction", "reduced"), REDUCED)
@pytest.mark.parametrize("weights", [None, (3,), (3, 4)])
def test_loss_of_what_counts(make, reduction, reduced, weights):
    _, counted = sequences()
    t, p = RNG.normal(size=(2, 3, 4, 5))
    weight = None if weights is None else RNG.uniform(1, 2, size=weights)
    w = np.ones((3, 4)) if weight is None else np.broadcast_to(weight.reshape(3, -1), (3, 4))
    loss = make(reduction=reduction)
    expected = reduced(loss.call(t, p), w, counted)
    np.testing.assert_allclose(loss(t, p, weight, counted), expected, rtol=1e-12)
    if reduction != "none":
        value, gradient = loss.value_and_gradient(t, p, weight, counted)
        np.testing.assert_allclose(value, expected, rtol=1e-12)
        step = 1e-6 * np.eye(60).reshape(60, 3, 4, 5)
        slopes = [(loss(t, p + s, weight, counted) - loss(t, p - s, weight, counted)) / 2e-6 for s in step]
        np.testing.assert_allclose(gradient.ravel(), slopes, rtol=1e-6, atol=1e-8)
        assert not gradient[~counted].any()


def test_loss_where_nothing_counts():
    value, gradient = losses.MeanSquaredError().value_and_gradient(
        np.ones((2, 3, 1)), np.zeros((2, 3, 1)), None, np.zeros((2, 3))
    )
    assert value == 0.0 and not gradient.any()


def test_ignored_class_and_mask_together():
    counted = np.array([[True, True, False]])
    y_pred = np.log([[[0.5, 0.5], [0.25, 0.75], [0.5, 0.5]]])
    loss = losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=0)
    assert loss(np.array([[0, 1, 1]]), y_pred, None, counted) == pytest.approx(-np.log(0.75))


def test_mask_that_does_not_fit_the_loss():
    with pytest.raises(ValueError, match=r"the mask has shape \(2, 3\), but the loss has values of shape \(2,\)"):
        losses.MeanSquaredError()(np.zeros((2, 3)), np.zeros((2, 3)), None, np.ones((2, 3), bool))


@pytest.mark.parametrize("weights", [None, (3,), (3, 4)])
def test_model_counts_unmasked_steps_only(weights):
    x, counted = sequences()
    y = RNG.normal(size=(3, 4, 1)).astype("float32")
    weight = None if weights is None else RNG.uniform(1, 2, size=weights).astype("float32")
    w = np.ones((3, 4)) if weight is None else np.broadcast_to(weight.reshape(3, -1), (3, 4))
    model = cdl.Sequential([layers.Masking(), layers.Dense(1)])
    model.compile("sgd", "mse", metrics=["mae", metrics.RootMeanSquaredError()], weighted_metrics=["mse"])
    logs = model.evaluate(x, y, sample_weight=weight, return_dict=True, verbose=0)
    error = (model.predict(x) - y)[..., 0]
    square = error**2
    assert logs["loss"] == pytest.approx((square * w * counted).sum() / counted.sum(), rel=1e-5)
    assert logs["mae"] == pytest.approx(np.abs(error[counted]).mean(), rel=1e-5)
    assert logs["root_mean_squared_error"] == pytest.approx(np.sqrt(square[counted].mean()), rel=1e-5)
    assert logs["mse"] == pytest.approx((square * w * counted).sum() / (w * counted).sum(), rel=1e-5)


def test_training_does_not_see_masked_targets():
    x, counted = sequences()
    y = RNG.normal(size=(3, 4, 1)).astype("float32")
    weights = []
    for spoilt in (y, np.where(counted[..., None], y, 1e3)):
        cdl.utils.set_random_seed(3)
        model = cdl.Sequential([layers.Masking(), layers.Dense(1)])
        model.compile("sgd", "mse", metrics=["mse"])
        history = model.fit(x, spoilt, epochs=2, verbose=0)
        weights.append((model.get_weights(), history.history))
    np.testing.assert_array_equal(weights[0][0][0], weights[1][0][0])
    assert weights[0][1] == weights[1][1]


def test_metric_of_ones_own_is_left_alone():
    class Shape(metrics.Metric):
        def update_state(self, y_true, y_pred):
            self.shape = y_pred.shape

        def result(self):
            return float(self.shape[1])

    x, _ = sequences()
    model = cdl.Sequential([layers.Masking(), layers.Dense(1)])
    model.compile("sgd", "mse", metrics=[Shape(name="steps")])
    assert model.evaluate(x, np.zeros((3, 4, 1)), return_dict=True, verbose=0)["steps"] == 4.0
