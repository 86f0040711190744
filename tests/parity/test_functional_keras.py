"""Chains written as Keras' functional models: the same layers, tables, files and numbers."""

import numpy as np
import pytest
from keras_peer import keras

import cdl

pytestmark = pytest.mark.filterwarnings("ignore")

X = np.random.default_rng(5).normal(size=(20, 8, 8, 1)).astype("float32")


def autoencoder(lib):
    """An encoder, a decoder and the two in a model, as tutorials write them."""
    lib.utils.clear_session()
    Conv2D, Conv2DTranspose = lib.layers.Conv2D, lib.layers.Conv2DTranspose
    image = lib.Input((8, 8, 1), name="image")
    h = Conv2D(4, 3, activation="relu", padding="same", name="in")(image)
    h = lib.layers.MaxPooling2D(name="pool")(lib.layers.BatchNormalization(name="norm")(h))
    encoder = lib.Model(image, h, name="encoder")
    code = lib.Input(h.shape[1:], name="code")
    h = Conv2DTranspose(4, 3, strides=2, activation="relu", padding="same", name="up")(code)
    decoder = lib.Model(code, Conv2D(1, 3, activation="sigmoid", padding="same", name="back")(h), name="decoder")
    whole = lib.Input((8, 8, 1), name="whole")
    return lib.Model(whole, decoder(encoder(whole, training=False)), name="autoencoder"), encoder


def twice(lib):
    lib.utils.clear_session()
    shared = lib.layers.Dense(8, name="shared")
    x = lib.Input((8, 8, 1), name="x")
    h = shared(lib.layers.ReLU(name="between")(shared(lib.layers.Reshape((8, 8), name="square")(x))))
    return lib.Model(x, lib.layers.Dropout(0.0, name="end")(h, training=True), name="twice"), None


@pytest.mark.parametrize("make", [autoencoder, twice])
def test_the_same_model_and_the_same_training(make, tmp_path):
    (theirs, _), (ours, _) = make(keras), make(cdl)
    ours.set_weights(theirs.get_weights())
    assert [layer.name for layer in ours.layers] == [layer.name for layer in theirs.layers]
    assert [weight.path for weight in ours.weights] == [weight.path for weight in theirs.weights]
    target = X if make is autoencoder else X[..., 0]
    seen = []
    for model in (theirs, ours):
        model.compile("sgd", "mse", metrics=["mae"])
        seen.append(
            model.fit(X, target, epochs=3, batch_size=8, shuffle=False, validation_split=0.2, verbose=0).history
        )
    for name in seen[0]:
        np.testing.assert_allclose(seen[1][name], seen[0][name], rtol=1e-4)
    np.testing.assert_allclose(ours.predict(X, verbose=0), theirs.predict(X, verbose=0), rtol=1e-4, atol=1e-5)
    for one, other in ((theirs, cdl), (ours, keras)):
        for suffix in ("keras", "h5"):
            path = tmp_path / f"{other.__name__}.{suffix}"
            one.save(path)
            again = other.models.load_model(path, compile=False)
            np.testing.assert_allclose(again.predict(X, verbose=0), one.predict(X, verbose=0), rtol=1e-5, atol=1e-6)
            assert [layer.name for layer in again.layers] == [layer.name for layer in one.layers]


def test_the_same_table_and_feature_maps():
    (theirs, their_encoder), (ours, our_encoder) = autoencoder(keras), autoencoder(cdl)
    ours.set_weights(theirs.get_weights())
    printed = ([], [])
    for lines, model in zip(printed, (theirs, ours), strict=True):
        for options in ({}, {"expand_nested": True, "show_trainable": True}):
            model.summary(print_fn=lines.append, **options)
    assert printed[0] == printed[1]
    maps = [
        lib.Model(encoder.inputs, [layer.output for layer in encoder.layers]).predict(X, verbose=0)
        for lib, encoder in ((keras, their_encoder), (cdl, our_encoder))
    ]
    for one, other in zip(*maps, strict=True):
        np.testing.assert_allclose(other, one, rtol=1e-4, atol=1e-5)
