"""The layers that prepare images: where each pixel comes from, what is drawn, and when."""

import numpy as np
import pytest
from layer_checks import check_gradients

import cdl
from cdl import layers, ops
from cdl.layers import Context

X = np.random.default_rng(3).integers(0, 256, (4, 6, 7, 3)).astype("uint8")

# One of each, with the size that it gives to 6 x 7.
LAYERS = {
    "CenterCrop": (lambda: layers.CenterCrop(3, 4), (3, 4)),
    "CenterCrop, larger": (lambda: layers.CenterCrop(8, 4), (8, 4)),
    "Normalization": (lambda: layers.Normalization(mean=[100.0, 120.0, 90.0], variance=[4.0, 9.0, 16.0]), (6, 7)),
    "RandomBrightness": (lambda: layers.RandomBrightness(0.3, seed=1), (6, 7)),
    "RandomContrast": (lambda: layers.RandomContrast((0.3, 0.4), seed=1), (6, 7)),
    "RandomCrop": (lambda: layers.RandomCrop(3, 4, seed=1), (3, 4)),
    "RandomFlip": (lambda: layers.RandomFlip(seed=1), (6, 7)),
    "RandomRotation": (lambda: layers.RandomRotation(0.2, seed=1), (6, 7)),
    "RandomTranslation": (lambda: layers.RandomTranslation(0.3, (0.1, 0.2), seed=1), (6, 7)),
    "RandomZoom": (lambda: layers.RandomZoom(0.3, seed=1), (6, 7)),
    "Rescaling": (lambda: layers.Rescaling(1 / 127.5, offset=-1), (6, 7)),
    "Resizing": (lambda: layers.Resizing(9, 5), (9, 5)),
    "Resizing, nearest": (lambda: layers.Resizing(9, 5, "nearest"), (9, 5)),
    "Resizing, padded": (lambda: layers.Resizing(9, 5, pad_to_aspect_ratio=True), (9, 5)),
    "Resizing, cut": (lambda: layers.Resizing(9, 5, crop_to_aspect_ratio=True), (9, 5)),
}
RANDOM = [name for name in LAYERS if "Random" in name]
each = pytest.mark.parametrize("name", LAYERS)


# ------------------------------------------------------------------------------------------------------- all of them


@each
def test_images_are_taken_as_bytes_and_given_as_floats(name):
    make, size = LAYERS[name]
    y = make()(X)
    assert y.dtype == np.float32 and y.flags.c_contiguous
    assert y.shape == make().compute_output_shape(X.shape) == (4, *size, 3)
    assert make().compute_output_shape((None, 6, 7, 3)) == (None, *size, 3)
    np.testing.assert_array_equal(y, make()(X.astype("float32")))
    assert make()(X[:0]).shape == (0, *size, 3)


@pytest.mark.parametrize("name", [name for name in LAYERS if name not in ("Normalization", "Rescaling")])
def test_one_image_is_a_batch_of_one(name):
    make, size = LAYERS[name]
    np.testing.assert_array_equal(make()(X[0]), make()(X[:1])[0])
    assert make().compute_output_shape((6, 7, 3)) == (*size, 3)
    with pytest.raises(ValueError, match=r"batch, height, width, channels.*Received shape \(4, 6\)"):
        make()(X[:, :, 0, 0])


@each
def test_the_reference_gives_the_same(name):
    make, _ = LAYERS[name]
    y = make()(X)
    with cdl.config.set_backend("reference"):
        np.testing.assert_allclose(make()(X), y, rtol=1e-5, atol=1e-3)


@each
def test_double_precision_gives_the_same(name):
    make, _ = LAYERS[name]
    y = make()(X)
    with cdl.config.set_floatx("float64"):
        z = make()(X)
    assert z.dtype == np.float64
    np.testing.assert_allclose(y, z, rtol=1e-4, atol=1e-3)


@each
def test_a_layer_and_a_model_come_back_from_their_configuration(name):
    make, _ = LAYERS[name]
    layer = make()
    assert type(layer).from_config(layer.get_config()).get_config() == layer.get_config()
    model = cdl.Sequential([layers.Input((6, 7, 3)), layer])
    again = cdl.Sequential.from_config(model.get_config())
    np.testing.assert_array_equal(again(X, training=True), make()(X))


@pytest.mark.parametrize("name", RANDOM)
def test_random_layers_rest_outside_of_training(name):
    make, _ = LAYERS[name]
    layer, model = make(), cdl.Sequential([make()])
    assert not np.array_equal(model(X, training=True)[:, :3, :4], X[:, :3, :4])
    if name != "RandomCrop":  # which has to come to the same size
        np.testing.assert_array_equal(layer(X, training=False), X)
        np.testing.assert_array_equal(model.predict(X, verbose=0), X)


@pytest.mark.parametrize("name", RANDOM)
def test_random_layers_draw_anew_and_repeat_with_their_seed(name):
    make, _ = LAYERS[name]
    layer, again = make(), make()
    batches = [layer(X) for _ in range(8)]
    for batch in batches:
        np.testing.assert_array_equal(again(X), batch)
    assert len({batch.tobytes() for batch in batches}) > 2
    for threads in (1, 3):
        with cdl.config.set_num_threads(threads):
            np.testing.assert_array_equal(make()(X), batches[0])


@pytest.mark.parametrize("name", [name for name in RANDOM if name != "RandomCrop"])
def test_each_image_has_its_own_draw(name):
    make, _ = LAYERS[name]
    same = np.repeat(X[:1], 64, axis=0)
    assert len({image.tobytes() for image in make()(same)}) >= (2 if name == "RandomFlip" else 60)


def fixed(layer, *places):
    """The layer, with draws at these places between their bounds, one for each image, at every call."""
    layer.draw = lambda count, low, high: low + (high - low) * np.resize(places, count)
    return layer


@pytest.mark.parametrize(
    "make",
    [
        lambda: layers.CenterCrop(3, 4),
        lambda: layers.Normalization(axis=(1, 3), mean=[1.0, 2.0, 3.0], variance=[0.5, 2.0, 3.0]),
        lambda: layers.Normalization(mean=1.0, variance=3.0, invert=True),
        lambda: fixed(layers.RandomBrightness(0.3, value_range=(-1, 1)), 0.1, 0.9),
        lambda: fixed(layers.RandomContrast((0.3, 0.9), value_range=(-1, 1)), 0.1, 0.9),
        lambda: fixed(layers.RandomCrop(3, 4), 0.5),
        lambda: fixed(layers.RandomFlip(), 0.1, 0.9),
        lambda: fixed(layers.RandomFlip("horizontal"), 0.1, 0.9),
        lambda: fixed(layers.RandomFlip("vertical"), 0.1, 0.9),
        lambda: layers.Rescaling([2.0, 3.0, 0.5], offset=1),
    ],
)
def test_backward_is_the_derivative_of_forward(make):
    check_gradients(make, (2, 5, 6, 3), training=True)


@pytest.mark.parametrize("name", [name for name in RANDOM if name != "RandomCrop"])
def test_backward_of_a_resting_layer_passes_on(name):
    layer, ctx = LAYERS[name][0](), Context()
    layer(X, ctx=ctx, training=False)
    dy = np.ones(X.shape, "float32")
    assert layer.backward(ctx, dy) is dy


@pytest.mark.parametrize(
    "name", ["RandomRotation", "RandomTranslation", "RandomZoom", "Resizing", "Resizing, nearest", "CenterCrop, larger"]
)
def test_a_missing_gradient_is_named_where_it_is_wanted(name):
    layer = LAYERS[name][0]()
    first, later = Context(training=True, need_input_grad=False), Context(training=True)
    for ctx in (first, later):
        dy = np.ones_like(layer(X, ctx=ctx))
    assert layer.backward(first, dy) is None
    with pytest.raises(NotImplementedError, match=f"{layer.name}.*Put it first in the model"):
        layer.backward(later, dy)


def test_a_model_learns_behind_augmentation():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 64)
    x = rng.integers(0, 60, (64, 8, 8, 1)).astype("uint8")
    for image, lower in zip(x, y, strict=True):
        image[4 * lower : 4 * lower + 4] += 100  # the brighter half
    model = cdl.Sequential(
        [
            layers.Input((8, 8, 1)),
            layers.Rescaling(1 / 255),
            layers.RandomFlip("horizontal"),
            layers.RandomTranslation(0.1, 0.1, fill_mode="nearest"),
            layers.RandomRotation(0.05),
            layers.RandomContrast(0.2, value_range=(0, 1)),
            layers.Flatten(),
            layers.Dense(2, activation="softmax"),
        ]
    )
    model.compile(cdl.optimizers.Adam(0.01), "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x, y, epochs=30, batch_size=16, verbose=0)
    assert model.evaluate(x, y, verbose=0)[1] > 0.95


# ------------------------------------------------------------------------------------------------------ where pixels go


def moved(image, down, right, mode, value=0.0):
    """The image shifted by whole pixels, by way of a padded one."""
    pad = {"constant": "constant", "nearest": "edge", "reflect": "symmetric", "wrap": "wrap"}[mode]
    h, w, _ = image.shape
    options = {"constant_values": value} if mode == "constant" else {}
    padded = np.pad(image, ((20, 20), (20, 20), (0, 0)), pad, **options)
    return padded[20 - down : 20 - down + h, 20 - right : 20 - right + w]


@pytest.mark.parametrize("mode", ops.FILL_MODES)
@pytest.mark.parametrize("interpolation", ops.INTERPOLATIONS)
@pytest.mark.parametrize(("down", "right"), [(1, 0), (0, 2), (-3, 4), (6, -8), (-6, 8), (0, 0)])
def test_translation_by_whole_pixels(mode, interpolation, down, right):
    x = np.random.default_rng(0).normal(size=(2, 6, 8, 3)).astype("float32")
    height, width = down / 6, right / 8
    layer = layers.RandomTranslation((height, height), (width, width), mode, interpolation, fill_value=7.0)
    expected = [moved(image, down, right, mode, 7.0) for image in x]
    np.testing.assert_allclose(layer(x), expected, rtol=1e-5, atol=1e-5)


def test_translation_by_half_a_pixel_mixes_two():
    x = np.array([0.0, 10, 20, 40]).reshape(1, 1, 4, 1)
    layer = layers.RandomTranslation(0, (0.125, 0.125), fill_mode="constant", fill_value=100.0)
    np.testing.assert_allclose(layer(x).ravel(), [50, 5, 15, 30])


@pytest.mark.parametrize("quarters", [-3, -2, -1, 1, 2])
def test_rotation_by_quarter_turns_is_counter_clockwise(quarters):
    x = np.random.default_rng(0).normal(size=(2, 6, 6, 3)).astype("float32")
    layer = layers.RandomRotation((quarters / 4, quarters / 4), fill_mode="nearest")
    np.testing.assert_allclose(layer(x), np.rot90(x, quarters, axes=(1, 2)), atol=1e-5)


def test_rotation_is_about_the_middle_of_the_image():
    x = np.zeros((1, 5, 9, 1))
    x[0, 2, 4] = 1
    y = layers.RandomRotation(1.0, fill_mode="constant", seed=1)(np.repeat(x, 9, axis=0))
    np.testing.assert_allclose(y[:, 2, 4], 1, rtol=1e-5)


def test_zoom_is_about_the_middle_and_positive_is_out():
    x = np.zeros((1, 9, 9, 1))
    x[0, 2:7, 2:7] = 1
    out = layers.RandomZoom((1.0, 1.0), fill_mode="constant", interpolation="nearest")(x)[0, :, :, 0]
    assert out.sum() == 9 and out[3:6, 3:6].all()
    into = layers.RandomZoom((-0.5, -0.5), (0.0, 0.0), fill_mode="constant", interpolation="nearest")(x)[0, :, :, 0]
    assert into[:, 2:7].all() and into.sum() == 45


def test_flips_are_mirror_images():
    for mode, flipped in {
        "horizontal": X[:, :, ::-1],
        "vertical": X[:, ::-1],
        "horizontal_and_vertical": X[:, ::-1, ::-1],
    }.items():
        np.testing.assert_array_equal(fixed(layers.RandomFlip(mode), 0.3)(X), flipped)
        np.testing.assert_array_equal(fixed(layers.RandomFlip(mode), 0.6)(X), X)
    y = layers.RandomFlip("horizontal", seed=1)(np.repeat(X[:1], 2000, axis=0))
    assert 0.46 < np.mean([np.array_equal(image, X[0]) for image in y]) < 0.54


def test_crops():
    np.testing.assert_array_equal(layers.CenterCrop(3, 4)(X), X[:, 1:4, 1:5])
    layer, found = layers.RandomCrop(4, 5, seed=1), set()
    windows = {X[:, i : i + 4, j : j + 5].astype("float32").tobytes() for i in range(3) for j in range(3)}
    for _ in range(200):
        found.add(layer(X).tobytes())
    assert found == windows  # every place, and the same one for all images of a batch
    np.testing.assert_array_equal(layers.RandomCrop(6, 3)(X), X[:, :, 2:5])  # as high as the images
    rest = layers.RandomCrop(3, 3)(X, training=False)  # the largest square, made smaller
    np.testing.assert_allclose(rest, layers.Resizing(3, 3)(X[:, :, 0:6]), rtol=1e-6)


def test_resizing_by_two():
    x = np.random.default_rng(0).normal(size=(3, 4, 6, 2)).astype("float32")
    halves = x.reshape(3, 2, 2, 3, 2, 2).mean(axis=(2, 4))
    np.testing.assert_allclose(layers.Resizing(2, 3)(x), halves, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(layers.Resizing(8, 12, "nearest")(x), x.repeat(2, axis=1).repeat(2, axis=2))
    ramp = np.arange(4.0).reshape(1, 1, 4, 1)
    up = layers.Resizing(1, 8)(ramp).ravel()
    np.testing.assert_allclose(up, [0, 0.25, 0.75, 1.25, 1.75, 2.25, 2.75, 3])
    np.testing.assert_array_equal(layers.Resizing(4, 6)(x), x)


def test_resizing_keeps_the_aspect_ratio_where_it_is_told_to():
    x = np.ones((2, 4, 8, 1))
    x[:, :, :2] = x[:, :, 6:] = 5
    np.testing.assert_array_equal(layers.Resizing(4, 4, crop_to_aspect_ratio=True)(x), 1)
    padded = layers.Resizing(8, 8, pad_to_aspect_ratio=True, fill_value=9.0)(x)
    assert (padded[:, :2] == 9).all() and (padded[:, 6:] == 9).all() and (padded[:, 2:6, 2:6] == 1).all()


@pytest.mark.parametrize("backend", ["native", "reference"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("interpolation", ops.INTERPOLATIONS)
def test_positions_beyond_all_bounds_read_nothing_beyond(backend, dtype, interpolation):
    """An infinite position, or none at all, stands for a far one; the result is a pixel or the fill value."""
    x = np.arange(1.0, 13).reshape(1, 3, 4, 1).astype(dtype)
    for value in (np.nan, np.inf, -np.inf, 1e30, -1e30, 2.0**31, -(2.0**31), 2.0**63):
        far = np.full((1, 6), value, dtype)
        with cdl.config.set_backend(backend), np.errstate(invalid="ignore"):
            constant = ops.affine_sample(x, far, (2, 3), interpolation, "constant", 7.0)
            nearest = ops.affine_sample(x, far, (2, 3), interpolation, "nearest")
            others = [ops.affine_sample(x, far, (2, 3), interpolation, mode) for mode in ("reflect", "wrap")]
        assert (constant == 7).all()
        assert (nearest.ravel()[-1] == (12 if value > 0 else 1)).all()
        assert np.isin(others, x).all()


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ((np.zeros((2, 3, 3)), np.zeros((2, 6)), (1, 1)), r"\(n, h, w, c\).*\(2, 3, 3\)"),
        ((np.zeros((2, 3, 3, 1)), np.zeros((1, 6)), (1, 1)), r"\(1, 6\)"),
        ((np.zeros((2, 3, 3, 1)), np.zeros((2, 6)), (1, -1)), r"\(1, -1\)"),
        ((np.zeros((2, 3, 3, 1)), np.zeros((2, 6)), (1, 1), "cubic"), "'cubic'"),
        ((np.zeros((2, 3, 3, 1)), np.zeros((2, 6)), (1, 1), "nearest", "mirror"), "'mirror'"),
        ((np.zeros((2, 0, 3, 1)), np.zeros((2, 6)), (1, 1), "nearest", "wrap"), "no wrap pixel"),
    ],
)
def test_samples_that_make_no_sense_are_refused(arguments, text):
    with pytest.raises(ValueError, match=text):
        ops.affine_sample(*arguments)


# ----------------------------------------------------------------------------------------------------------- the values


def test_contrast_is_about_the_mean_of_each_channel():
    x = X.astype("float64")
    y = fixed(layers.RandomContrast((0.5, 0.5), dtype="float64"), 0.0, 0.5, 0.75, 1.0)(x)
    mean = x.mean(axis=(1, 2), keepdims=True)
    factor = np.array([0.5, 1, 1.25, 1.5]).reshape(4, 1, 1, 1)
    np.testing.assert_allclose(y, np.clip((x - mean) * factor + mean, 0, 255), atol=1e-10)
    assert layers.RandomContrast(0.3).factor == (0, 0.3)  # as in Keras 3


def test_brightness_is_a_part_of_the_range():
    x = np.linspace(0, 1, 4 * 5).reshape(4, 1, 5, 1)
    y = fixed(layers.RandomBrightness((-0.5, 1), value_range=(0, 1)), 0.0, 1 / 3, 0.5, 1.0)(x)
    shift = np.array([-0.5, 0, 0.25, 1]).reshape(4, 1, 1, 1)
    np.testing.assert_allclose(y, np.clip(x + shift, 0, 1), atol=1e-6)
    np.testing.assert_array_equal(y[3], 1)


def test_rescaling():
    np.testing.assert_allclose(layers.Rescaling(1 / 127.5, offset=-1)(np.array([0, 255, 51], "uint8")), [-1, 1, -0.6])
    channels = layers.Rescaling(np.array([1.0, 2.0, 3.0]), offset=[1.0, 0.0, 0.0])
    np.testing.assert_array_equal(channels(X), X * np.array([1.0, 2, 3]) + np.array([1.0, 0, 0]))
    again = layers.deserialize(layers.serialize(channels))
    np.testing.assert_array_equal(again(X), channels(X))


@pytest.mark.parametrize("axis", [-1, None, (1, 3), (1, 2, 3)])
def test_normalization_adapts_to_arrays_and_batches(axis):
    x = np.random.default_rng(0).integers(0, 256, (700, 9, 10, 20)).astype("uint8")  # more than one portion
    kept = () if axis is None else axis if isinstance(axis, tuple) else (3,)
    reduced = tuple(a for a in range(4) if a not in kept)
    mean, variance = x.mean(axis=reduced, keepdims=True), x.var(axis=reduced, keepdims=True)
    for data in (x, [x[:100], x[100:101], x[101:]], ((part, None) for part in (x[:300], x[300:]))):
        layer = layers.Normalization(axis)
        layer.adapt(data)
        np.testing.assert_allclose(layer.mean, mean, rtol=1e-6)
        np.testing.assert_allclose(layer.variance, variance, rtol=1e-6)
        np.testing.assert_allclose(layer(x[:5]), (x[:5] - mean) / np.sqrt(variance), rtol=1e-4, atol=1e-5)
        inverse = layers.Normalization(
            axis, mean=layer.adapt_mean.value, variance=layer.adapt_variance.value, invert=True
        )
        np.testing.assert_allclose(inverse(layer(x[:5])), x[:5], rtol=1e-4, atol=1e-3)


def test_normalization_with_one_mean_fits_any_shape():
    horsepower = np.array([130.0, 165, 150, 70])
    normalizer = layers.Normalization(input_shape=[1], axis=None)
    normalizer.adapt(horsepower)
    model = cdl.Sequential([normalizer, layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(horsepower, horsepower, verbose=0)
    expected = (horsepower - horsepower.mean()) / horsepower.std()
    for x in (horsepower, horsepower[:, None], horsepower.reshape(2, 2, 1)):
        np.testing.assert_allclose(normalizer(x), expected.reshape(x.shape), rtol=1e-5)
    normalizer.adapt(horsepower[:, None])
    np.testing.assert_allclose(normalizer(horsepower), expected, rtol=1e-5)

    of_samples = layers.Normalization()
    of_samples.adapt(horsepower)
    with pytest.raises(ValueError, match=r"input has shape \(2,\), .* built for \(4,\)\. Axis 0 .* axis=None"):
        of_samples(horsepower[:2])


def test_normalization_keeps_its_statistics_as_weights_that_are_not_trained():
    layer = layers.Normalization()
    model = cdl.Sequential([layers.Input((3,)), layer, layers.Dense(1)])
    layer.adapt(np.array([[0.0, 7, 4], [2, 9, 4]]))  # after the model was built
    np.testing.assert_array_equal(layer.get_weights()[0], [1, 8, 4])
    assert [w.name for w in layer.weights] == ["mean", "variance", "count"] and not layer.trainable_weights
    np.testing.assert_array_equal(layer([[0.0, 9.0, 4.0]]), [[-1, 1, 0]])  # a variance of 0 is no division by it
    before = layer.get_weights()
    model.compile("sgd", "mse")
    model.fit(np.ones((8, 3)), np.ones((8, 1)), verbose=0)
    for found, expected in zip(layer.get_weights(), before, strict=True):
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    ("mistake", "error", "text"),
    [
        (lambda: layers.Normalization(mean=1.0), ValueError, "both `mean` and `variance`"),
        (lambda: layers.Normalization(mean=[1.0], variance=1.0), ValueError, "have one shape"),
        (lambda: layers.Normalization(mean=[1.0, 2], variance=[1.0, 2])(X), ValueError, r"shape \(2,\) do not fit"),
        (lambda: layers.Normalization()(np.ones(3)), ValueError, "axis=None"),
        (lambda: layers.Normalization(axis=5)(X), ValueError, "range"),
        (lambda: layers.Normalization(mean=1.0, variance=1.0).adapt(X), ValueError, "nothing to adapt"),
        (lambda: layers.Normalization().adapt([]), ValueError, "empty iterable"),
        (lambda: layers.Normalization().adapt([1.0]), TypeError, "yielded float"),
        (lambda: layers.Normalization().adapt("x"), TypeError, "str"),
        (lambda: layers.Normalization().adapt([X, X[..., :2]]), ValueError, r"\(4, 6, 7, 2\).*built for"),
        (lambda: layers.RandomTranslation(0, 2), ValueError, "`width_factor`.*Received: width_factor=2"),
        (lambda: layers.RandomRotation((-30, 30)), ValueError, r"\[-1, 1\]"),
        (lambda: layers.RandomRotation((0.1, 0.2, 0.3)), ValueError, "list of two numbers"),
        (lambda: layers.RandomRotation(None), ValueError, "number"),
        (lambda: layers.RandomZoom((-1, 0)), ValueError, "without -1"),
        (lambda: layers.RandomZoom(0.1, fill_mode="mirror"), NotImplementedError, "mirror"),
        (lambda: layers.RandomZoom(0.1, interpolation="cubic"), NotImplementedError, "cubic"),
        (lambda: layers.RandomContrast(-0.1), ValueError, r"\[0, 1\]"),
        (lambda: layers.RandomBrightness(0.1, value_range=1), ValueError, "value_range=1"),
        (lambda: layers.RandomFlip("both"), ValueError, "mode='both'"),
        (lambda: layers.RandomFlip(data_format="channels_first"), ValueError, "channels_last"),
        (lambda: layers.RandomCrop(0, 3), ValueError, "height=0"),
        (lambda: layers.CenterCrop(3, 2.5), ValueError, "width=2.5"),
        (lambda: layers.Resizing(3, 3, "bicubic"), ValueError, "bicubic"),
        (lambda: layers.Resizing(3, 3, antialias=True), ValueError, "antialias"),
        (lambda: layers.Resizing(3, 3, fill_mode="wrap"), ValueError, "wrap"),
        (lambda: layers.Resizing(3, 3, crop_to_aspect_ratio=True, pad_to_aspect_ratio=True), ValueError, "only one"),
    ],
)
def test_mistakes_are_refused(mistake, error, text):
    with pytest.raises(error, match=text):
        mistake()


def test_a_model_of_augmentation_that_is_called_directly_is_active():
    """As in the tutorials: augment = Sequential([RandomFlip(), ...]); augment(images)."""
    images = np.random.default_rng(0).random((32, 4, 4, 3), dtype=np.float32)
    augment = cdl.Sequential([layers.RandomFlip("horizontal", seed=1), layers.Dropout(0.5)])
    seen = augment(images)
    mirrored = (seen == images[:, :, ::-1]).all((1, 2, 3))
    same = (seen == images).all((1, 2, 3))
    assert (mirrored ^ same).all() and 0 < mirrored.sum() < 32  # and dropout, unlike it, rests
    np.testing.assert_array_equal(augment(images, training=False), images)
    np.testing.assert_array_equal(augment.predict(images), images)
