"""Layers that move, repeat or cut: their meaning in NumPy, gradients, configurations and errors."""

import numpy as np
import pytest
from layer_checks import check_configuration, check_gradients

import cdl
from cdl import layers
from cdl.layers import Context

rng = np.random.default_rng(11)


def pad(x, *margins):
    return np.pad(x, ((0, 0), *margins, (0, 0)))


def line_between(x, axis, size):
    """Bilinear upsampling along one axis, from its definition: half-pixel centres, clamped to the first and last."""
    n = x.shape[axis]
    at = np.clip((np.arange(n * size) + 0.5) / size - 0.5, 0, n - 1)
    below = np.floor(at).astype(int)
    above = np.minimum(below + 1, n - 1)
    weight = (at - below).reshape(-1, *[1] * (x.ndim - axis - 1))
    return np.take(x, below, axis) * (1 - weight) + np.take(x, above, axis) * weight


# One line per case: how to make the layer, the shape of its input, and the same in NumPy.
CASES = {
    "Permute": (lambda: layers.Permute((2, 1)), (2, 3, 4), lambda x: x.transpose(0, 2, 1)),
    "Permute, a cycle": (lambda: layers.Permute((3, 1, 2)), (2, 3, 4, 5), lambda x: x.transpose(0, 3, 1, 2)),
    "Permute, nothing to do": (lambda: layers.Permute((1, 2)), (2, 3, 4), lambda x: x),
    "RepeatVector": (lambda: layers.RepeatVector(3), (4, 5), lambda x: np.stack([x] * 3, axis=1)),
    "Identity": (lambda: layers.Identity(), (4, 5), lambda x: x),
    "ZeroPadding1D": (lambda: layers.ZeroPadding1D(2), (2, 3, 4), lambda x: pad(x, (2, 2))),
    "ZeroPadding1D, one side": (lambda: layers.ZeroPadding1D((0, 3)), (2, 3, 4), lambda x: pad(x, (0, 3))),
    "ZeroPadding2D": (lambda: layers.ZeroPadding2D(), (2, 3, 4, 2), lambda x: pad(x, (1, 1), (1, 1))),
    "ZeroPadding2D, per axis": (lambda: layers.ZeroPadding2D((0, 2)), (2, 3, 4, 2), lambda x: pad(x, (0, 0), (2, 2))),
    "ZeroPadding2D, per side": (
        lambda: layers.ZeroPadding2D(((1, 0), [0, 2])),
        (2, 3, 1, 2),
        lambda x: pad(x, (1, 0), (0, 2)),
    ),
    "ZeroPadding3D": (
        lambda: layers.ZeroPadding3D((1, (0, 2), 0)),
        (2, 3, 2, 1, 2),
        lambda x: pad(x, (1, 1), (0, 2), (0, 0)),
    ),
    "Cropping1D": (lambda: layers.Cropping1D(), (2, 5, 4), lambda x: x[:, 1:-1]),
    "Cropping1D, one side": (lambda: layers.Cropping1D((2, 0)), (2, 5, 4), lambda x: x[:, 2:]),
    "Cropping2D": (lambda: layers.Cropping2D(1), (2, 5, 3, 2), lambda x: x[:, 1:-1, 1:-1]),
    "Cropping2D, nothing": (lambda: layers.Cropping2D(), (2, 5, 3, 2), lambda x: x),
    "Cropping2D, per side": (
        lambda: layers.Cropping2D(((1, 2), (0, 1))),
        (2, 5, 3, 2),
        lambda x: x[:, 1:3, :2],
    ),
    "Cropping3D": (
        lambda: layers.Cropping3D((1, (0, 1), 0)),
        (2, 3, 3, 2, 2),
        lambda x: x[:, 1:2, :2],
    ),
    "UpSampling1D": (lambda: layers.UpSampling1D(3), (2, 3, 4), lambda x: x.repeat(3, 1)),
    "UpSampling2D": (lambda: layers.UpSampling2D(), (2, 3, 4, 2), lambda x: x.repeat(2, 1).repeat(2, 2)),
    "UpSampling2D, per axis": (lambda: layers.UpSampling2D((3, 1)), (2, 1, 3, 2), lambda x: x.repeat(3, 1)),
    "UpSampling2D bilinear": (
        lambda: layers.UpSampling2D(2, interpolation="bilinear"),
        (2, 3, 5, 2),
        lambda x: line_between(line_between(x, 1, 2), 2, 2),
    ),
    "UpSampling2D bilinear, odd": (
        lambda: layers.UpSampling2D((3, 4), interpolation="bilinear"),
        (2, 2, 3, 1),
        lambda x: line_between(line_between(x, 1, 3), 2, 4),
    ),
    "UpSampling2D bilinear, one pixel": (
        lambda: layers.UpSampling2D((3, 2), interpolation="bilinear"),
        (2, 1, 1, 3),
        lambda x: x.repeat(3, 1).repeat(2, 2),
    ),
    "UpSampling3D": (
        lambda: layers.UpSampling3D((1, 2, 3)),
        (2, 2, 1, 2, 2),
        lambda x: x.repeat(2, 2).repeat(3, 3),
    ),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_output_is_what_numpy_gives(name, dtype):
    make, shape, expected = CASES[name]
    with cdl.config.set_floatx(dtype):
        layer = make()
        x = rng.normal(size=shape).astype(dtype)
        y = layer(x)
        np.testing.assert_allclose(y, expected(x), rtol=1e-6, atol=1e-6)
        assert y.dtype == dtype
        assert y.flags.c_contiguous
        assert layer.compute_output_shape((None, *shape[1:])) == (None, *y.shape[1:])
        dx = layer.backward(Context(), np.ones_like(y))
        assert dx.flags.c_contiguous and dx.dtype == dtype


@pytest.mark.parametrize("name", CASES)
def test_backward_is_the_derivative_of_forward(name):
    make, shape, _ = CASES[name]
    check_gradients(make, shape)


@pytest.mark.parametrize("name", CASES)
def test_an_empty_batch_goes_there_and_back(name):
    make, shape, _ = CASES[name]
    layer = make()
    ctx = Context()
    y = layer(np.ones((0, *shape[1:]), "float32"), ctx=ctx)
    assert y.shape == layer.compute_output_shape((0, *shape[1:]))
    assert layer.backward(ctx, y).shape == (0, *shape[1:])


@pytest.mark.parametrize("name", CASES)
def test_a_layer_comes_back_from_its_configuration(name):
    make, shape, _ = CASES[name]
    check_configuration(make(), rng.normal(size=shape))


@pytest.mark.parametrize("name", [name for name in CASES if "Permute" not in name and "Repeat" not in name])
def test_open_sizes_stay_open(name):
    make, shape, _ = CASES[name]
    open_shape = (None,) * (len(shape) - 1) + (3,)
    assert make().compute_output_shape(open_shape) == open_shape


def test_one_layer_takes_images_of_several_sizes():
    model = cdl.Sequential([layers.Input((None, None, 1)), layers.ZeroPadding2D(1), layers.UpSampling2D(2)])
    assert model.output_shape == (None, None, None, 1)
    for size in (3, 8):
        assert model.predict(np.ones((2, size, size, 1)), verbose=0).shape == (2, 2 * size + 4, 2 * size + 4, 1)


def test_bilinear_upsampling_keeps_a_plane_inside_the_first_and_last_centres():
    x = np.add.outer(2.0 * np.arange(5), 3.0 * np.arange(4))[None, :, :, None]
    y = layers.UpSampling2D((2, 4), interpolation="bilinear", dtype="float64")(x)[0, :, :, 0]
    rows, columns = (np.arange(10) + 0.5) / 2 - 0.5, (np.arange(16) + 0.5) / 4 - 0.5
    plane = np.add.outer(2 * np.clip(rows, 0, 4), 3 * np.clip(columns, 0, 3))
    np.testing.assert_allclose(y, plane, rtol=1e-12)


IMAGE = np.ones((2, 4, 4, 3), "float32")


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: layers.Permute((0, 1)), ValueError, r"start from 1.*\(0, 1\)"),
        (lambda: layers.Permute((1, 3)), ValueError, "consecutive"),
        (lambda: layers.Permute((2, 1))(IMAGE), ValueError, r"Permute .*4 axes.*\(None, 4, 4, 3\).*3 are needed"),
        (lambda: layers.RepeatVector(2.0), TypeError, "integer value for `n`.*float"),
        (lambda: layers.RepeatVector(True), TypeError, "integer value for `n`.*bool"),
        (lambda: layers.RepeatVector(0), ValueError, "positive.*n=0"),
        (lambda: layers.RepeatVector(2)(IMAGE), ValueError, "4 axes"),
        (lambda: layers.ZeroPadding1D(-1), ValueError, "ZeroPadding1D.*`padding`.*non-negative.*padding=-1"),
        (lambda: layers.ZeroPadding1D((1, 2, 3)), ValueError, "tuple of 2 such"),
        (lambda: layers.ZeroPadding2D((1, 2, 3)), ValueError, r"pair for each of 2 axes.*\(1, 2, 3\)"),
        (lambda: layers.ZeroPadding2D(((1, 2), (3, -4))), ValueError, r"padding=\(3, -4\)"),
        (lambda: layers.ZeroPadding2D(1.5), ValueError, "padding=1.5"),
        (lambda: layers.ZeroPadding2D(1, "channels_first"), ValueError, "channels_first.*moveaxis"),
        (lambda: layers.ZeroPadding2D(1)(IMAGE[0]), ValueError, r"ZeroPadding2D '.*' expects.*Add a channel axis"),
        (lambda: layers.ZeroPadding3D((1, 2)), ValueError, "each of 3 axes"),
        (lambda: layers.Cropping1D(2)(IMAGE[0]), ValueError, r"cropping \(2, 2\) leaves nothing.*\(None, 4, 3\)"),
        (lambda: layers.Cropping2D(((1, 3), 0))(IMAGE), ValueError, r"Cropping2D '.*': cropping .* leaves nothing"),
        (lambda: layers.Cropping2D(-1), ValueError, "cropping=-1"),
        (lambda: layers.Cropping3D(1, "channels_first"), ValueError, "channels_last"),
        (lambda: layers.UpSampling1D(2.0), TypeError, "integer value for `size`"),
        (lambda: layers.UpSampling1D(0), ValueError, "positive integer.*size=0"),
        (lambda: layers.UpSampling2D((2, 0)), ValueError, r"tuple of 2 such.*\(2, 0\)"),
        (lambda: layers.UpSampling2D((2, 2, 2)), ValueError, "tuple of 2"),
        (lambda: layers.UpSampling2D(interpolation="bicubic"), ValueError, "'nearest' or 'bilinear'.*bicubic"),
        (lambda: layers.UpSampling2D(2, "channels_first"), ValueError, "channels_last"),
        (lambda: layers.UpSampling3D()(IMAGE), ValueError, r"UpSampling3D '.*' expects .batch, depth, height"),
    ],
)  # fmt: skip
def test_bad_arguments_and_shapes_are_refused(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_a_model_refuses_images_too_small_for_its_cropping():
    model = cdl.Sequential([layers.Input((None, None, 1)), layers.Cropping2D(3, name="cut")])
    with pytest.raises(ValueError, match=r"'cut'.*leaves nothing.*\(2, 6, 9, 1\)"):
        model.predict(np.ones((2, 6, 9, 1)), verbose=0)
