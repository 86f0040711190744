"""The preprocessing layers beside Keras': configurations, statistics, and images, on the same random draws."""

import numpy as np
import pytest
from keras_peer import assert_same_mistake, keras, plain

import cdl

pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.usefixtures("names_begin_anew")]

# With torch, Keras knows neither "reflect" nor "wrap". With TensorFlow, "wrap" is not the image again, which Keras
# documents: TensorFlow's op has SciPy's former formula. Outside, it subtracts the size s of an axis as often as s - 1
# fits into the coordinate, and clips what remains, so that seams and most of the further copies show an edge pixel.
FILL_MODES = {"torch": ("constant", "nearest"), "tensorflow": ("constant", "nearest", "reflect")}.get(
    keras.backend.backend(), cdl.ops.FILL_MODES
)
X = np.random.default_rng(3).integers(0, 256, (4, 13, 18, 3)).astype("float32")


def sampling(name, factors, interpolation, fill_mode):
    options = {"interpolation": interpolation, "fill_mode": fill_mode, "fill_value": 50.0}
    return lambda lib: getattr(lib.layers, name)(*factors, **options)


LAYERS = {
    "Rescaling": lambda lib: lib.layers.Rescaling(1 / 255),
    "Rescaling, offset": lambda lib: lib.layers.Rescaling(1 / 127.5, offset=-1),
    "Rescaling, channels": lambda lib: lib.layers.Rescaling([1.0, 2.0, 3.0], offset=np.array([1.0, 0.0, 4.0])),
    "Normalization": lambda lib: lib.layers.Normalization(),
    "Normalization, given": lambda lib: lib.layers.Normalization(mean=[1.0, 2.0, 3.0], variance=[4.0, 9.0, 0.0]),
    "Normalization, one": lambda lib: lib.layers.Normalization(axis=None, mean=3, variance=2.0),
    "Normalization, one for all": lambda lib: lib.layers.Normalization(axis=(1, -1), mean=3.0, variance=2.0),
    "Normalization, two axes": lambda lib: lib.layers.Normalization(
        axis=(1, -1), mean=[3.0, 1, 2], variance=[2.0, 1, 1]
    ),
    "Normalization, inverse": lambda lib: lib.layers.Normalization(mean=3.0, variance=2.0, invert=True),
    "Resizing": lambda lib: lib.layers.Resizing(7, 9),
    "Resizing, same": lambda lib: lib.layers.Resizing(13, 18),
    "Resizing, larger": lambda lib: lib.layers.Resizing(31, 19),
    "Resizing, nearest": lambda lib: lib.layers.Resizing(26, 9, interpolation="nearest"),
    "Resizing, nearest, odd": lambda lib: lib.layers.Resizing(5, 27, "nearest"),
    "Resizing, one pixel": lambda lib: lib.layers.Resizing(1, 1),
    "Resizing, crop": lambda lib: lib.layers.Resizing(20, 21, crop_to_aspect_ratio=True),
    "Resizing, crop wide": lambda lib: lib.layers.Resizing(5, 21, crop_to_aspect_ratio=True),
    "Resizing, pad": lambda lib: lib.layers.Resizing(20, 21, pad_to_aspect_ratio=True, fill_value=7.0),
    "Resizing, pad wide": lambda lib: lib.layers.Resizing(5, 21, pad_to_aspect_ratio=True),
    "CenterCrop": lambda lib: lib.layers.CenterCrop(6, 7),
    "CenterCrop, same": lambda lib: lib.layers.CenterCrop(13, 18),
    "CenterCrop, larger": lambda lib: lib.layers.CenterCrop(16, 11),
    "RandomCrop": lambda lib: lib.layers.RandomCrop(7, 10, seed=1),
    "RandomCrop, as high": lambda lib: lib.layers.RandomCrop(13, 10, seed=1),
    "RandomFlip": lambda lib: lib.layers.RandomFlip(seed=3),
    "RandomFlip, horizontal": lambda lib: lib.layers.RandomFlip("horizontal"),
    "RandomFlip, vertical": lambda lib: lib.layers.RandomFlip("vertical"),
    "RandomContrast": lambda lib: lib.layers.RandomContrast(0.3),
    "RandomContrast, pair": lambda lib: lib.layers.RandomContrast((0.9, 0.2), value_range=(10, 200), seed=4),
    "RandomBrightness": lambda lib: lib.layers.RandomBrightness(0.3),
    "RandomBrightness, pair": lambda lib: lib.layers.RandomBrightness((0.5, -0.2), value_range=(200, 10), seed=4),
    "RandomErasing": lambda lib: lib.layers.RandomErasing(0.9, fill_value=7.0),
    "RandomErasing, clipped": lambda lib: lib.layers.RandomErasing(1.0, (0.1, 0.9), 300.0, seed=5),
    "RandomGrayscale": lambda lib: lib.layers.RandomGrayscale(0.4),
    "RandomInvert": lambda lib: lib.layers.RandomInvert((0.9, 0.4), (10, 200), seed=3),
    "RandomShear": lambda lib: lib.layers.RandomShear((0.1, 0.9), (0.2, 0.3), "bilinear", "nearest"),
    "RandomShear, nothing": lambda lib: lib.layers.RandomShear(fill_mode="constant", seed=1),
    "Solarization": lambda lib: lib.layers.Solarization(),
    "Solarization, pairs": lambda lib: lib.layers.Solarization((0.3, 0.1), (0.2, 0.9), (255, 0), seed=2),
    "RandomZoom, one pixel": lambda lib: lib.layers.RandomZoom((-0.9, -0.8), 1.0, fill_mode="nearest"),
    "RandomRotation, a quarter": lambda lib: lib.layers.RandomRotation((0.25, 0.25)),
    **{
        f"{name}{factors}, {interpolation}, {fill_mode}": sampling(name, factors, interpolation, fill_mode)
        for name, *factors in [
            ("RandomTranslation", 0.3, (-0.1, 1.0)),
            ("RandomRotation", 0.4),
            ("RandomRotation", (-0.15, 0.9)),
            ("RandomZoom", 0.5),
            ("RandomZoom", (0.2, 0.9), (-0.7, 0.1)),
        ]
        for interpolation in ("nearest", "bilinear")
        for fill_mode in FILL_MODES
    },
}


@pytest.mark.parametrize("name", LAYERS)
def test_the_configuration_is_that_of_keras(name):
    ours, theirs = LAYERS[name](cdl), LAYERS[name](keras)
    forgotten = ("seed", "data_format") if name == "RandomGrayscale" else ()  # by Keras
    expected = plain(theirs.get_config(), *forgotten)
    assert plain(ours.get_config(), *forgotten) == expected
    again = cdl.layers.deserialize(keras.layers.serialize(theirs))
    assert plain(again.get_config(), *forgotten) == expected


def on_the_same_draws(monkeypatch, name, places):
    """The two layers, whose draws lie at `places` between their bounds: one place for each image, or for all."""
    ours, theirs = LAYERS[name](cdl), LAYERS[name](keras)

    def uniform(shape, minval=0.0, maxval=1.0, dtype=None, seed=None):
        fits = places.size == np.prod(shape, dtype=int)
        drawn = places.reshape(shape) if fits else np.broadcast_to(places[:, None], shape)
        return keras.ops.convert_to_tensor(minval + (maxval - minval) * drawn)

    monkeypatch.setattr(theirs.backend.random, "uniform", uniform)
    ours.draw = lambda count, low, high: low + (high - low) * np.broadcast_to(places, count).astype(float)
    return ours, theirs


def assert_equal_images(name, found, expected):
    assert found.dtype == np.float32
    assert found.shape == expected.shape
    if "nearest," in name:  # half-way between two pixels, a rounding decides
        assert (found != expected).any(axis=-1).mean() < 0.01
    else:
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=2e-3)


@pytest.mark.parametrize("name", LAYERS)
def test_images_come_out_as_in_keras(name, monkeypatch):
    places = np.array([0.3] if "Crop" in name else [0.0, 0.3, 0.5, 0.97], "float32")
    ours, theirs = on_the_same_draws(monkeypatch, name, places)
    assert_equal_images(name, ours(X), keras.ops.convert_to_numpy(theirs(X)))
    for shape in (X.shape, (None, *X.shape[1:])):
        assert tuple(ours.compute_output_shape(shape)) == tuple(theirs.compute_output_shape(shape))


@pytest.mark.parametrize("name", [name for name in LAYERS if "Normalization" not in name])
def test_one_image_comes_out_as_in_keras(name, monkeypatch):
    ours, theirs = on_the_same_draws(monkeypatch, name, np.array([0.3], "float32"))
    if "RandomRotation" in name:  # Keras with jax fails on one image
        expected = keras.ops.convert_to_numpy(theirs(X[1:2]))[0]
    else:
        expected = keras.ops.convert_to_numpy(theirs(X[1]))
    assert_equal_images(name, ours(X[1]), expected)


@pytest.mark.parametrize("name", [name for name in LAYERS if "Random" in name and "Crop" not in name])
def test_nothing_happens_out_of_training_as_in_keras(name):
    ours, theirs = LAYERS[name](cdl), LAYERS[name](keras)
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(theirs(X, training=False)), X)
    np.testing.assert_array_equal(ours(X, training=False), X)


@pytest.mark.parametrize("axis", [-1, (1, 3), None, (1, 2, 3), 0])
@pytest.mark.parametrize("form", ["array", "integers", "batches", "tuples"])
@pytest.mark.parametrize("invert", [False, True])
def test_adapt_finds_what_keras_finds(axis, form, invert):
    if axis == 0 and form in ("batches", "tuples"):
        pytest.skip("the batches have other sizes")
    data = {
        "array": X,
        "integers": X.astype("uint8"),
        "batches": [X[:3], X[3:]],
        "tuples": [(X[:3], 0), (X[3:], 1)],
    }[form]
    ours, theirs = (lib.layers.Normalization(axis, invert=invert) for lib in (cdl, keras))
    ours.adapt(data)
    theirs.adapt(data if isinstance(data, np.ndarray) else X)  # Keras needs TensorFlow to look at an iterable
    assert [w.path.split("/")[1] for w in ours.weights] == [w.path.split("/")[1] for w in theirs.weights]
    for mine, wanted in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        assert mine.shape == wanted.shape
        np.testing.assert_allclose(mine, wanted, rtol=2e-5)
    expected = keras.ops.convert_to_numpy(theirs(X))
    np.testing.assert_allclose(ours(X), expected, rtol=1e-4, atol=1e-3 * np.abs(expected).max())
    ours.set_weights(theirs.get_weights())
    np.testing.assert_allclose(ours(X), expected, rtol=1e-5, atol=1e-6 * np.abs(expected).max())


def test_wrap_is_left_out_with_tensorflow_for_its_formula():
    if keras.backend.backend() != "tensorflow":
        pytest.skip("TensorFlow's way")
    x = X[:1, :1]
    size = x.shape[2]

    def coordinate(at):
        if at < 0:
            at += size * (int(-at / (size - 1)) + 1)
        elif at > size - 1:
            at -= size * int(at / (size - 1))
        return min(max(at, 0.0), size - 1.0)

    for shift in np.arange(-3 * size, 3 * size, 0.75):
        found = keras.ops.image.affine_transform(
            x, np.array([[1, 0, shift, 0, 1, 0, 0, 0]], "float32"), fill_mode="wrap"
        )
        at = np.array([coordinate(place + shift) for place in range(size)])
        low, part = np.floor(at).astype(int), (at % 1)[:, None]
        expected = (1 - part) * x[0, 0, low] + part * x[0, 0, np.minimum(low + 1, size - 1)]
        np.testing.assert_allclose(found[0, 0], expected, rtol=1e-4, atol=1e-3)


MISTAKES = {
    "one of two": lambda lib: lib.layers.Normalization(mean=1.0),
    "two shapes": lambda lib: lib.layers.Normalization(mean=[1.0, 2.0], variance=1.0),
    "more axes than kept": lambda lib: lib.layers.Normalization(axis=None, mean=[1.0], variance=[1.0]),
    "axis beyond": lambda lib: lib.layers.Normalization(axis=4).build((None, 2, 3)),
    "unknown size": lambda lib: lib.layers.Normalization(axis=1).build((None, None, 3)),
    "adapt to a number": lambda lib: lib.layers.Normalization().adapt(3),
    "adapt to numbers": lambda lib: lib.layers.Normalization().adapt([1.0, 2.0]),
    "adapt to nothing": lambda lib: lib.layers.Normalization().adapt([]),
    "adapt to others": lambda lib: (lambda layer: (layer.adapt(X), layer.adapt(X[..., :2])))(
        lib.layers.Normalization()
    ),
    "adapt to two sizes": lambda lib: lib.layers.Normalization().adapt([X, X[..., :2]]),
    "translation": lambda lib: lib.layers.RandomTranslation(1.5, 0),
    "translation of three": lambda lib: lib.layers.RandomTranslation((1, 2, 3), 0),
    "translation text": lambda lib: lib.layers.RandomTranslation(0, "1"),
    "fill_mode": lambda lib: lib.layers.RandomRotation(0.1, fill_mode="nope"),
    "interpolation": lambda lib: lib.layers.RandomZoom(0.1, interpolation="bicubic"),
    "rotation": lambda lib: lib.layers.RandomRotation(30),
    "zoom": lambda lib: lib.layers.RandomZoom(-1.0),
    "zoom width": lambda lib: lib.layers.RandomZoom(0.1, (0, 2)),
    "contrast": lambda lib: lib.layers.RandomContrast(-0.1),
    "brightness": lambda lib: lib.layers.RandomBrightness(1.1),
    "value range": lambda lib: lib.layers.RandomBrightness(0.1, value_range=255),
    "value range of three": lambda lib: lib.layers.RandomBrightness(0.1, value_range=(0, 1, 2)),
    "rank of flip": lambda lib: lib.layers.RandomFlip()(X[0, 0]),
    "rank of contrast": lambda lib: lib.layers.RandomContrast(0.1)(X[0, 0]),
    "crop and pad": lambda lib: lib.layers.Resizing(3, 3, crop_to_aspect_ratio=True, pad_to_aspect_ratio=True)(X),
    "resizing": lambda lib: lib.layers.Resizing(3, 3, interpolation="nope")(X),
    "fill of resizing": lambda lib: lib.layers.Resizing(3, 3, pad_to_aspect_ratio=True, fill_mode="reflect")(X),
    "erasing": lambda lib: lib.layers.RandomErasing(2.0),
    "erasing of three": lambda lib: lib.layers.RandomErasing(scale=(0.1, 0.2, 0.3)),
    "erasing with two": lambda lib: lib.layers.RandomErasing(fill_value=(1.0, 2.0))(X, training=True),
    "grayscale": lambda lib: lib.layers.RandomGrayscale(1.5),
    "invert": lambda lib: lib.layers.RandomInvert("1"),
    "shear": lambda lib: lib.layers.RandomShear(-0.1),
    "shear of three": lambda lib: lib.layers.RandomShear((0.1, 0.2, 0.3)),
    "shear too far": lambda lib: lib.layers.RandomShear(0.1, (0.1, 1.2)),
    "shear fill_mode": lambda lib: lib.layers.RandomShear(0.1, fill_mode="nope"),
    "solarization": lambda lib: lib.layers.Solarization(1.1),
    "solarization of three": lambda lib: lib.layers.Solarization(threshold_factor=(0.1, 0.2, 0.3)),
    "solarization range": lambda lib: lib.layers.Solarization(value_range=(0, 1, 2)),
    "keyword": lambda lib: lib.layers.RandomFlip(factor=0.1),
    "data_format": lambda lib: lib.layers.RandomFlip(data_format="nope"),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_a_mistake_raises_an_error_of_the_class_that_keras_raises(case):
    assert_same_mistake(MISTAKES[case])
