"""What may be handed over as data: anything that NumPy reads, in any layout, and it comes back as it was."""

import numpy as np
import pytest

import cdl
from cdl import Sequential, layers

rng = np.random.default_rng(11)
WHOLE = rng.integers(0, 2, size=(40, 6))
Y = rng.normal(size=(40, 2)).astype("float32")


def twins():
    """Two equal models, ready to train."""
    models = []
    for _ in range(2):
        model = Sequential([layers.Input((6,)), layers.Dense(5, activation="relu"), layers.Dense(2)])
        model.compile("sgd", "mse", metrics=["mae"])
        models.append(model)
    models[1].set_weights(models[0].get_weights())
    return models


def read_only(x):
    x = np.array(x)
    x.flags.writeable = False
    return x


def strided(x):
    wide = np.zeros((2 * x.shape[0], 3 * x.shape[1]), x.dtype)
    wide[::2, ::3] = x
    return wide[::2, ::3]


def unaligned(x):
    raw = np.zeros(x.nbytes + 1, "uint8")
    view = raw[1:].view(x.dtype).reshape(x.shape)
    view[...] = x
    return view


class Protocol:
    """An object that only knows how to become an array, as those of pandas and PyTorch do."""

    def __init__(self, x):
        self.x = x

    def __array__(self, dtype=None, copy=None):
        return np.array(self.x, dtype=dtype)

    def __len__(self):
        return len(self.x)


def frame(x):
    return pytest.importorskip("pandas").DataFrame(x)


FORMS = {
    **{dtype: lambda x, dtype=dtype: x.astype(dtype) for dtype in ("float64", "float16", "int64", "int32", "int8")},
    **{
        dtype: lambda x, dtype=dtype: x.astype(dtype)
        for dtype in ("uint8", "uint64", "bool", ">f4", ">i2", "longdouble")
    },
    "list": lambda x: x.tolist(),
    "tuple": lambda x: tuple(map(tuple, x.tolist())),
    "array interface": Protocol,
    "pandas": frame,
    "Fortran order": np.asfortranarray,
    "read-only": read_only,
    "strided": strided,
    "unaligned": unaligned,
    "backwards": lambda x: np.ascontiguousarray(x[::-1, ::-1])[::-1, ::-1],
    "transposed": lambda x: np.ascontiguousarray(x.T).T,
    "subclass": lambda x: np.ma.masked_array(x),
}


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("form", FORMS)
def test_inputs_of_this_form_train_as_plain_float32_arrays(form, shuffle):
    # Zeros and ones, so that every type holds them exactly.
    plain, other = twins()
    x = WHOLE.astype("float32")
    histories = []
    for model, data in ((plain, x), (other, FORMS[form](x))):
        cdl.utils.set_random_seed(2)
        histories.append(model.fit(data, Y, epochs=2, batch_size=7, shuffle=shuffle, verbose=0).history)
    assert histories[0] == histories[1]
    for one, two in zip(plain.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)
    data = FORMS[form](x)
    assert plain.evaluate(x, Y, verbose=0) == plain.evaluate(data, Y, verbose=0)
    np.testing.assert_array_equal(plain.predict(x, verbose=0), plain.predict(data, verbose=0))
    np.testing.assert_array_equal(plain(x), plain(data))


@pytest.mark.parametrize("form", [form for form in FORMS if form not in ("bool", "uint8", "uint64")])
def test_targets_of_this_form_train_as_plain_float32_arrays(form):
    plain, other = twins()
    y = WHOLE[:, :2].astype("float32")
    one = plain.fit(WHOLE, y, epochs=2, shuffle=False, verbose=0).history
    two = other.fit(WHOLE, FORMS[form](y), epochs=2, shuffle=False, verbose=0).history
    assert one == two


@pytest.mark.parametrize(
    "form", ["int64", "int8", "uint8", "uint64", "float32", "float64", "list", "read-only", "strided"]
)
def test_labels_of_this_form_are_the_same_labels(form):
    labels = rng.integers(0, 4, size=(40, 1)).astype("int32")
    model = Sequential([layers.Input((6,)), layers.Dense(4, activation="softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    changed = FORMS[form](labels) if form in FORMS else labels.astype(form)
    assert model.evaluate(WHOLE, changed, verbose=0) == model.evaluate(WHOLE, labels, verbose=0)


@pytest.mark.parametrize("form", ["float64", "int64", "list", "read-only", "strided"])
def test_sample_weights_of_this_form_are_the_same_weights(form):
    model, _ = twins()
    weight = WHOLE[:, :1].astype("float32")
    changed = FORMS[form](weight)
    found = model.evaluate(WHOLE, Y, sample_weight=changed, verbose=0)
    assert found == model.evaluate(WHOLE, Y, sample_weight=weight[:, 0], verbose=0)


@pytest.mark.parametrize("dtype", ["float32", "float64", "uint8"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_nothing_handed_over_is_changed(dtype, order):
    model = Sequential([layers.Activation("relu"), layers.Flatten(), layers.Dropout(0.5), layers.Dense(2)])
    model.compile("adam", "mse", metrics=["mae"])
    given = [
        np.asarray(rng.integers(0, 9, size=(40, 3, 2)), dtype, order=order),
        np.asarray(Y, order=order),
        rng.uniform(size=40),
    ]
    before = [np.array(array) for array in given]
    x, y, weight = given
    model.fit(x, y, sample_weight=weight, validation_split=0.2, verbose=0)
    model.fit(x, y, sample_weight=weight, shuffle="batch", batch_size=40, verbose=0)
    model.train_on_batch(x, y, sample_weight=weight)
    model.evaluate(x, y, sample_weight=weight, verbose=0)
    model.predict(x, verbose=0)
    for array, kept in zip(given, before, strict=True):
        np.testing.assert_array_equal(array, kept)


def test_the_output_of_predict_is_not_a_view_of_the_input():
    model = Sequential([layers.Input((6,)), layers.Flatten()])
    x = WHOLE.astype("float32")
    y = model.predict(x, verbose=0)
    assert not np.shares_memory(x, y)


def test_images_of_bytes_are_used_as_they_are():
    x = rng.integers(0, 256, size=(20, 4, 4), dtype="uint8")
    model = Sequential([layers.Flatten()])
    np.testing.assert_array_equal(model.predict(x, verbose=0), x.reshape(20, 16).astype("float32"))


def test_a_last_axis_of_one_may_be_missing_or_be_there_in_vain():
    model = Sequential([layers.Input((1,)), layers.Dense(2)])
    np.testing.assert_array_equal(model.predict(Y[:, 0], verbose=0), model.predict(Y[:, :1], verbose=0))
    model = Sequential([layers.Input((2,)), layers.Dense(2)])
    np.testing.assert_array_equal(model.predict(Y[:, :, None], verbose=0), model.predict(Y, verbose=0))


def test_float64_data_lose_nothing_in_a_float64_model():
    with cdl.config.set_floatx("float64"):
        model = Sequential([layers.Input((1,)), layers.Activation("linear")])
        np.testing.assert_array_equal(model.predict([[1 + 2**-40]], verbose=0), [[1 + 2**-40]])
