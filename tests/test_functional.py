"""Layers called one on the other, and the models made of such chains: Keras' functional way of writing."""

import numpy as np
import pytest

import cdl
from cdl import Model, Sequential, layers
from cdl.layers import BatchNormalization, Dense, Dropout, Input

rng = np.random.default_rng(8)
X = rng.normal(size=(24, 4)).astype("float32")
LABELS = rng.integers(0, 3, 24)


def written_both_ways():
    """The same network, with the same weights, as a chain of calls and as a Sequential model."""
    x = Input((4,), name="features")
    h = Dense(8, activation="relu", name="hidden")(x)
    h = BatchNormalization(name="norm")(h)
    chain = Model(inputs=x, outputs=Dense(3, activation="softmax", name="out")(h), name="chain")
    stack = Sequential(
        [
            Input((4,)),
            Dense(8, activation="relu"),
            BatchNormalization(),
            Dense(3, activation="softmax"),
        ]
    )
    stack.set_weights(chain.get_weights())
    return chain, stack


def test_a_chain_learns_as_a_sequential_model_does():
    chain, stack = written_both_ways()
    for model in (chain, stack):
        model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    seen, expected = (
        model.fit(X, LABELS, epochs=3, batch_size=8, shuffle=False, validation_split=0.25, verbose=0).history
        for model in (chain, stack)
    )
    assert seen == expected
    np.testing.assert_array_equal(chain.predict(X, verbose=0), stack.predict(X, verbose=0))


def test_a_chain_knows_its_layers_the_input_first():
    chain, _ = written_both_ways()
    assert [layer.name for layer in chain.layers] == ["features", "hidden", "norm", "out"]
    assert chain.get_layer(index=1) is chain.get_layer("hidden") is chain.layers[1]
    assert chain.input is chain.inputs[0] is chain.layers[0].output and chain.output is chain.layers[-1].output
    assert chain.input_shape == (None, 4) and chain.output_shape == (None, 3)
    assert [weight.path for weight in chain.weights[:2]] == ["hidden/kernel", "hidden/bias"]
    chain.trainable = False
    assert not any(layer.trainable for layer in chain.layers) and chain.trainable_weights == []
    chain.trainable = True
    features = Model(chain.input, chain.get_layer("hidden").output)
    np.testing.assert_array_equal(features.predict(X, verbose=0), chain.get_layer("hidden")(X))


@pytest.mark.parametrize("suffix", ["safetensors", "keras", "h5"])
def test_a_chain_comes_back_from_a_file(suffix, tmp_path):
    chain, _ = written_both_ways()
    chain.compile("adam", "sparse_categorical_crossentropy")
    chain.fit(X, LABELS, verbose=0)
    chain.save(tmp_path / f"chain.{suffix}")
    again = cdl.models.load_model(tmp_path / f"chain.{suffix}")
    assert again.get_config() == chain.get_config()
    np.testing.assert_array_equal(again.predict(X, verbose=0), chain.predict(X, verbose=0))
    assert again.evaluate(X, LABELS, verbose=0) == chain.evaluate(X, LABELS, verbose=0)


def test_an_autoencoder_of_two_models():
    x = Input((4,))
    encoder = Model(x, Dense(2, activation="tanh")(x), name="encoder")
    code = Input((2,))
    decoder = Model(code, Dense(4)(code), name="decoder")
    x = Input((4,))
    both = Model(x, decoder(encoder(x)))
    assert [layer.name for layer in both.layers[1:]] == ["encoder", "decoder"]
    both.compile(cdl.optimizers.Adam(0.05), "mse")
    losses = both.fit(X, X, epochs=20, verbose=0).history["loss"]
    assert losses[-1] < 0.8 * losses[0]
    inside = decoder.predict(encoder.predict(X, verbose=0), verbose=0)
    np.testing.assert_array_equal(both.predict(X, verbose=0), inside)
    alone = Model(code, both.layers[-1](code))  # as the Keras blog cuts the decoder out
    np.testing.assert_array_equal(alone.predict(X[:, :2], verbose=0), decoder.predict(X[:, :2], verbose=0))


def test_a_new_head_on_the_output_of_a_model():
    base = Sequential([Input((4,)), Dense(6, activation="relu"), Dense(5)])
    kept = base.get_weights()
    h = Dense(7, activation="relu")(base.layers[0].output)
    model = Model(inputs=base.inputs, outputs=Dense(1)(h))
    base.trainable = False
    model.compile("adam", "mse")
    model.fit(X, X[:, 0], epochs=2, verbose=0)
    assert model.layers[1] is base.layers[0] and len(model.trainable_weights) == 4
    for one, other in zip(base.get_weights(), kept, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_layer_may_be_called_twice_in_a_chain(tmp_path):
    shared = Dense(4, name="shared")
    x = Input((4,))
    model = Model(x, shared(layers.ReLU(name="re_lu")(shared(x))))
    assert len(model.weights) == 2 and [layer.name for layer in model.layers[1:]] == ["shared", "re_lu"]
    np.testing.assert_array_equal(model.predict(X, verbose=0), shared(np.maximum(shared(X), 0)))
    model.save(tmp_path / "twice.keras")
    again = cdl.models.load_model(tmp_path / "twice.keras")
    assert len(again.weights) == 2
    np.testing.assert_array_equal(again.predict(X, verbose=0), model.predict(X, verbose=0))


def test_training_as_a_layer_was_called_counts_where_nobody_says_it():
    """Keras 3: `model(x)` leaves it to the call in the graph; fit, evaluate and predict say it themselves."""
    x = Input((100,))
    noisy = Model(x, Dropout(0.5)(x, training=True))
    ones = np.ones((2, 100), "float32")
    for model in (noisy, type(noisy).from_config(noisy.get_config())):
        assert model(ones).min() == 0 and not np.array_equal(model(ones), model(ones))
        assert model(ones, training=False).min() == model.predict(ones, verbose=0).min() == 1
    quiet = Model(x, Dropout(0.5)(x, training=False))
    assert quiet(ones).min() == 1 and quiet(ones, training=True).min() == 0


def test_masks_and_integers_go_through_a_chain():
    x = Input((None,), dtype="int64")
    chain = Model(x, Dense(1)(layers.LSTM(3)(layers.Embedding(9, 4, mask_zero=True)(x))))
    stack = Sequential([layers.Embedding(9, 4, mask_zero=True), layers.LSTM(3), Dense(1)])
    tokens = np.array([[3, 4, 0, 0], [5, 6, 7, 8]])
    stack(tokens)
    stack.set_weights(chain.get_weights())
    np.testing.assert_array_equal(chain.predict(tokens, verbose=0), stack.predict(tokens, verbose=0))
    np.testing.assert_allclose(chain(tokens[:1]), chain(tokens[:1, :2]), rtol=1e-6)


def test_a_class_of_ones_own_between_tensors():
    class Counting(cdl.models.Functional):
        steps = 0

        def train_step(self, data):
            self.steps += 1
            return super().train_step(data)

    x = Input((4,))
    model = Counting(x, Dense(3)(x))
    model.compile("sgd", "mse")
    model.fit(X, X[:, :3], batch_size=8, epochs=2, verbose=0)
    assert model.steps == 6

    class Mine(Model):
        pass

    with pytest.raises(TypeError, match=r"Mine: .*derives from cdl.models.Functional"):
        Mine(inputs=x, outputs=Dense(3)(x))


@pytest.mark.parametrize(
    ("error", "make", "message"),
    [
        (ValueError, lambda x, y: Dense(3)([x, y]), "list of 2 tensors, and a layer takes one"),
        (ValueError, lambda x, y: Model(y, Dense(3)(x)), "not connected to input"),
        (ValueError, lambda x, y: Model([x, y], Dense(3)(x)), "one input. Received 2"),
        (ValueError, lambda x, y: Model(x, [Dense(3)(x), Dense(2)(x)]), "is a chain of layers from one input"),
        (ValueError, lambda x, y: layers.Conv2D(3, 3)(x), r"Conv2D 'conv2d\w*' expects"),
        (ValueError, lambda x, y: Dense(3)(x, mask=np.ones((2, 4))), "masks travel along a chain of layers by them"),
        (ValueError, lambda x, y: layers.LSTM(3, return_state=True)(Input((5, 2))), "LSTM .* has 3 outputs"),
        (ValueError, lambda x, y: layers.LSTM(3)(Input((5, 2)), initial_state=[x]), "begin with states of zero"),
        (TypeError, lambda x, y: x + y, r"<KerasTensor shape=\(None, 4\).* only layers compute with it.*Residual"),
        (TypeError, lambda x, y: x / 255, "Rescaling"),
        (TypeError, lambda x, y: x[:, 0], "Lambda"),
        (TypeError, lambda x, y: np.exp(x), "does not support ufuncs"),
        (TypeError, lambda x, y: list(x), "not iterable"),
    ],
)
def test_what_is_no_chain_is_refused(error, make, message):
    with pytest.raises(error, match=message):
        make(Input((4,)), Input((4,)))
