"""Pooling layers: what they mean, their gradients, their configurations, and what they refuse."""

import numpy as np
import pytest
from layer_checks import check_configuration, check_gradients

import cdl
from cdl import layers, ops
from cdl.layers import Context

LAYERS = {
    "MaxPooling1D": (lambda: layers.MaxPooling1D(), (2, 7, 3)),
    "MaxPooling1D overlapping": (lambda: layers.MaxPooling1D(3, strides=1, padding="same"), (2, 7, 3)),
    "MaxPooling2D": (lambda: layers.MaxPooling2D(), (2, 5, 4, 3)),
    "MaxPooling2D overlapping": (lambda: layers.MaxPooling2D(3, strides=2, padding="same"), (2, 6, 7, 2)),
    "MaxPooling2D with gaps": (lambda: layers.MaxPooling2D((1, 2), strides=(2, 3)), (2, 5, 6, 9)),
    "MaxPooling3D": (lambda: layers.MaxPooling3D((2, 1, 2), padding="same"), (2, 3, 2, 4, 2)),
    "AveragePooling1D": (lambda: layers.AveragePooling1D(3, padding="same"), (2, 7, 3)),
    "AveragePooling2D": (lambda: layers.AveragePooling2D(), (2, 5, 4, 9)),
    "AveragePooling2D overlapping": (lambda: layers.AveragePooling2D((3, 2), 1, padding="same"), (2, 4, 5, 2)),
    "AveragePooling3D": (lambda: layers.AveragePooling3D(2, strides=1), (2, 3, 2, 4, 2)),
    "GlobalMaxPooling1D": (lambda: layers.GlobalMaxPooling1D(), (2, 5, 3)),
    "GlobalMaxPooling2D": (lambda: layers.GlobalMaxPooling2D(keepdims=True), (2, 3, 4, 2)),
    "GlobalMaxPooling3D": (lambda: layers.GlobalMaxPooling3D(), (2, 3, 2, 2, 2)),
    "GlobalAveragePooling1D": (lambda: layers.GlobalAveragePooling1D(keepdims=True), (2, 5, 3)),
    "GlobalAveragePooling2D": (lambda: layers.GlobalAveragePooling2D(), (2, 3, 4, 2)),
    "GlobalAveragePooling3D": (lambda: layers.GlobalAveragePooling3D(), (2, 3, 2, 2, 2)),
}


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("backend", ["native", "reference"])
def test_backward_is_the_derivative_of_forward(name, backend):
    make, shape = LAYERS[name]
    with cdl.config.set_backend(backend):
        check_gradients(make, shape)


@pytest.mark.parametrize("name", LAYERS)
def test_shape_configuration_and_empty_batch(name):
    make, shape = LAYERS[name]
    layer = make()
    x = np.random.default_rng(0).normal(size=shape).astype("float32")
    y = layer(x)
    assert y.dtype == np.float32
    assert layer.compute_output_shape((None, *shape[1:])) == (None, *y.shape[1:])
    open_sizes = layer.compute_output_shape((None, *(None for _ in shape[2:]), shape[-1]))
    assert len(open_sizes) == y.ndim
    assert open_sizes[-1] == shape[-1]
    check_configuration(layer, x)
    assert layer(x[:0]).shape == (0, *y.shape[1:])


def by_hand(x, size, strides, padding, function):
    """Window by window, as the definition says."""
    _, height, width, _ = x.shape
    if padding == "valid":
        counts, before = [(n - s) // t + 1 for n, s, t in zip((height, width), size, strides, strict=True)], (0, 0)
    else:
        counts = [-(-n // t) for n, t in zip((height, width), strides, strict=True)]
        before = [
            max((count - 1) * t + s - n, 0) // 2
            for count, n, s, t in zip(counts, (height, width), size, strides, strict=True)
        ]
    y = np.empty((x.shape[0], *counts, x.shape[-1]), x.dtype)
    for p in range(counts[0]):
        for q in range(counts[1]):
            top, left = p * strides[0] - before[0], q * strides[1] - before[1]
            window = x[:, max(top, 0) : top + size[0], max(left, 0) : left + size[1]]
            y[:, p, q] = function(window, axis=(1, 2))
    return y


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("strides", [None, (1, 1), (2, 3), (4, 5)])
@pytest.mark.parametrize("size", [(2, 2), (3, 2), (1, 4)])
def test_windows_are_those_of_the_definition(size, strides, padding):
    x = np.random.default_rng(0).normal(size=(2, 7, 9, 5)).astype("float32")
    arguments = {"pool_size": size, "strides": strides, "padding": padding}
    expected = by_hand(x, size, strides or size, padding, np.max)
    np.testing.assert_array_equal(layers.MaxPooling2D(**arguments)(x), expected)
    expected = by_hand(x, size, strides or size, padding, np.mean)
    np.testing.assert_allclose(layers.AveragePooling2D(**arguments)(x), expected, rtol=1e-5, atol=1e-6)


def test_one_two_and_three_axes_agree():
    x = np.random.default_rng(0).normal(size=(2, 6, 7, 3)).astype("float32")
    plane = layers.MaxPooling2D((2, 3), padding="same")(x)
    np.testing.assert_array_equal(layers.MaxPooling3D((1, 2, 3), padding="same")(x[:, None])[:, 0], plane)
    line = layers.MaxPooling1D(3, padding="same")(x[:, 0])
    np.testing.assert_array_equal(layers.MaxPooling2D((1, 3), padding="same")(x[:, :1])[:, 0], line)


def test_global_pooling_reduces_the_whole_image():
    x = np.random.default_rng(0).normal(size=(2, 6, 7, 3))
    np.testing.assert_array_equal(layers.GlobalMaxPooling2D(dtype="float64")(x), x.max(axis=(1, 2)))
    np.testing.assert_allclose(layers.GlobalAveragePooling2D(dtype="float64")(x), x.mean(axis=(1, 2)), rtol=1e-13)


def test_the_first_of_several_largest_elements_takes_the_gradient():
    x = np.ones((1, 2, 4, 1), "float32")
    layer, ctx = layers.MaxPooling2D(), Context()
    layer(x, ctx=ctx)
    dx = layer.backward(ctx, np.array([[[[5.0], [7.0]]]], "float32"))
    np.testing.assert_array_equal(dx[0, :, :, 0], [[5, 0, 7, 0], [0, 0, 0, 0]])


@pytest.mark.parametrize("backend", ["native", "reference"])
@pytest.mark.parametrize("channels", [1, 3, 8, 37])
def test_nan_comes_out_as_nan_and_no_gradient_is_lost(channels, backend):
    windows = ((3, 3), (1, 1), ((1, 0), (0, 1)))
    for place in np.ndindex(3, 3):
        x = np.zeros((1, 3, 3, channels), "float32")
        x[0, place[0], place[1]] = np.nan
        with cdl.config.set_backend(backend):
            y = ops.max_pool(x, *windows)
            dx = ops.max_pool_backward(x, y, np.ones_like(y), *windows)
        seen = np.array([[place[0] < p + 2 and place[1] >= q for q in range(2)] for p in range(2)])
        np.testing.assert_array_equal(np.isnan(y[0, :, :, 0]), seen)
        np.testing.assert_array_equal(np.isnan(y), np.isnan(y[..., :1]) & np.ones(y.shape, bool))
        np.testing.assert_array_equal(dx.sum(axis=(0, 1, 2)), np.full(channels, 4))


@pytest.mark.parametrize("backend", ["native", "reference"])
def test_minus_infinity_is_a_number_like_others(backend):
    x = np.full((1, 2, 2, 1), -np.inf, "float32")
    layer, ctx = layers.MaxPooling2D(3, padding="same"), Context()
    with cdl.config.set_backend(backend):
        y = layer(x, ctx=ctx)
        dx = layer.backward(ctx, np.ones_like(y))
    np.testing.assert_array_equal(y, [[[[-np.inf]]]])
    np.testing.assert_array_equal(dx[0, :, :, 0], [[1, 0], [0, 0]])


def test_input_gradient_that_nobody_wants_is_not_computed():
    for layer in (layers.MaxPooling2D(), layers.AveragePooling2D(), layers.GlobalMaxPooling2D()):
        ctx = Context(need_input_grad=False)
        assert layer.backward(ctx, layer(np.ones((1, 4, 4, 1)), ctx=ctx)) is None


def test_the_other_names_are_the_same_classes():
    for name in layers.__all__:
        if "Pool" in name and "Pooling" not in name:
            full = name.replace("AvgPool", "AveragePooling").replace("MaxPool", "MaxPooling")
            assert getattr(layers, name) is getattr(layers, full)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: layers.MaxPooling2D(0), "`pool_size` is a positive integer.*pool_size=0"),
        (lambda: layers.MaxPooling2D((2, 2, 2)), "tuple of 2.*pool_size="),
        (lambda: layers.MaxPooling1D(2, strides=-1), "`strides`.*strides=-1"),
        (lambda: layers.AveragePooling2D(padding="full"), "'valid' or 'same'.*'full'"),
        (lambda: layers.AveragePooling3D(data_format="channels_first"), "channels_last.*moveaxis"),
        (lambda: layers.GlobalMaxPooling2D(data_format="channels_first"), "channels_last.*moveaxis"),
        (
            lambda: layers.MaxPooling2D(name="p")(np.ones((2, 28, 28))),
            r"MaxPooling2D 'p' expects \(batch, height, width, channels\), received \(None, 28, 28\)\. Add a channel",
        ),
        (lambda: layers.GlobalAveragePooling1D(name="g")(np.ones((2, 0, 3))), "GlobalAveragePooling1D 'g'.*empty"),
    ],
)
def test_mistakes_are_named_at_once(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_an_image_that_became_too_small_is_seen_when_the_model_is_built():
    with pytest.raises(
        ValueError,
        match=r"MaxPooling2D 'pool_3': a window of \(2, 2\) does not fit into an image of \(1, 5\). "
        r"Use padding='same' or fewer pooling layers.",
    ):
        cdl.Sequential([layers.Input((2, 10, 3)), layers.MaxPooling2D(), layers.MaxPooling2D(name="pool_3")])
