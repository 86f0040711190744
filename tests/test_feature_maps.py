"""What each layer makes of its input, read out through `Model(inputs, outputs)`; and networks to build upon."""

import copy
import pickle

import numpy as np
import pytest

import cdl
from cdl import Model, Sequential, layers

rng = np.random.default_rng(4)
X = rng.normal(size=(20, 6, 6, 2)).astype("float32")


def network():
    return Sequential(
        [
            layers.Input((6, 6, 2)),
            layers.ZeroPadding2D(1, name="pad"),
            layers.Dense(4, activation="relu", name="mix"),
            layers.Flatten(name="flat"),
            layers.Dropout(0.5, name="drop"),
            layers.Dense(3, activation="softmax", name="out"),
        ]
    )


def by_hand(model, x=X):
    maps = []
    for layer in model.layers:
        x = layer(x)
        maps.append(x)
    return maps


def test_a_model_of_all_outputs_predicts_what_every_layer_puts_out():
    model = network()
    maps = Model(inputs=model.inputs, outputs=[layer.output for layer in model.layers])
    for batch_size in (None, 7):
        found = maps.predict(X, batch_size=batch_size, verbose=0)
        assert isinstance(found, list)
        for y, expected in zip(found, by_hand(model), strict=True):
            np.testing.assert_array_equal(y, expected)
    for y, expected in zip(maps(X), by_hand(model), strict=True):
        np.testing.assert_array_equal(y, expected)
    assert maps.output_shape == [(None, *y.shape[1:]) for y in found]


def test_the_arrays_of_several_outputs_are_independent():
    model = network()
    flat, dropped = Model(model.inputs, [model.get_layer("flat").output, model.get_layer("drop").output]).predict(X)
    kept = dropped.copy()
    flat[:] = 0
    np.testing.assert_array_equal(dropped, kept)


@pytest.mark.parametrize("outputs", [lambda model: model.layers[1].output, lambda model: [model.layers[1].output]])
def test_one_output_is_an_array(outputs):
    model = network()
    found = Model(model.inputs, outputs(model)).predict(X, verbose=0)
    np.testing.assert_array_equal(found, by_hand(model)[1])


def test_outputs_may_come_in_any_order_twice_and_with_the_input():
    model = network()
    maps = Model(model.input, [model.layers[2].output, model.inputs[0], model.layers[2].output, model.layers[0].output])
    found, expected = maps.predict(X, verbose=0), by_hand(model)
    for y, wanted in zip(found, [expected[2], X, expected[2], expected[0]], strict=True):
        np.testing.assert_array_equal(y, wanted)


def test_a_model_may_begin_between_layers():
    model = network()
    tail = Model(model.get_layer("flat").output, model.outputs)
    expected = by_hand(model)
    np.testing.assert_array_equal(tail.predict(expected[2], verbose=0), expected[-1])
    assert tail.input_shape == (None, 256) and [layer.name for layer in tail.layers[1:]] == ["drop", "out"]


def test_tensors_know_their_shape_layer_and_source():
    model = network()
    assert model.inputs[0].shape == (None, 6, 6, 2)
    assert model.inputs[0] is model.layers[0].input is model.input
    assert model.outputs[0] is model.layers[-1].output is model.output
    mix = model.get_layer("mix")
    assert mix.input.shape == (None, 8, 8, 2) and mix.output.shape == (None, 8, 8, 4)
    assert mix.output.layer is mix and mix.output.source is mix.input is model.get_layer("pad").output


def test_a_model_grows_and_its_tensors_with_it():
    model = network()
    model.add(layers.Dense(2, name="more"))
    assert model.get_layer("more").output is model.outputs[0]
    assert Model(model.inputs, model.get_layer("mix").output).predict(X, verbose=0).shape == (20, 8, 8, 4)


def test_a_model_of_a_model_of_outputs():
    model = network()
    first = Model(model.inputs, model.get_layer("flat").output)
    again = Model(first.inputs, [layer.output for layer in first.layers])
    assert [y.shape[1:] for y in again.predict(X, verbose=0)] == [(6, 6, 2), (8, 8, 2), (8, 8, 4), (256,)]
    assert first.outputs == [model.get_layer("flat").output]


def test_a_model_inside_another_has_its_place_there():
    inner = Sequential([layers.Input((4,)), layers.Dense(3, name="deep")])
    outer = Sequential([layers.Input((4,)), inner, layers.Dense(2)])
    x = X.reshape(-1, 4)
    maps = Model(outer.inputs, [layer.output for layer in outer.layers])
    np.testing.assert_array_equal(maps.predict(x, verbose=0)[0], inner(x))
    np.testing.assert_array_equal(Model(inner.inputs, inner.layers[0].output).predict(x, verbose=0), inner(x))
    with pytest.raises(ValueError, match=r"not connected.*chain of layers"):
        Model(outer.inputs, inner.layers[0].output)


def test_layers_are_shared_and_may_be_trained_in_either_model():
    cdl.utils.set_random_seed(3)
    model = network()
    features = Model(model.inputs, model.get_layer("mix").output)
    before = features.predict(X, verbose=0)
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(X, rng.integers(0, 3, 20), epochs=2, verbose=0)
    assert not np.array_equal(features.predict(X, verbose=0), before)
    features.compile("sgd", "mse")
    kernel = model.get_layer("mix").kernel.numpy()
    features.fit(X, np.ones((20, 8, 8, 4)), verbose=0)
    assert not np.array_equal(model.get_layer("mix").kernel.numpy(), kernel)
    assert [weight.path for weight in features.weights] == [weight.path for weight in model.weights[:2]]


def test_a_frozen_trunk_carries_a_new_head():
    base = network()
    trunk = Model(inputs=base.inputs, outputs=base.layers[-2].output)
    trunk.trainable = False
    model = Sequential([trunk, layers.Dense(5, activation="relu"), layers.Dense(1)])
    assert model.input_shape == (None, 6, 6, 2) and model.output_shape == (None, 1)
    assert len(model.trainable_weights) == 4 and len(model.weights) == 6
    kept = base.get_weights()
    model.compile(cdl.optimizers.Adam(0.01), "mse")
    losses = model.fit(X, X.mean(axis=(1, 2, 3)), epochs=30, verbose=0).history["loss"]
    assert losses[-1] < losses[0] / 2
    for one, other in zip(base.get_weights(), kept, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_frozen_layer_at_the_bottom_remembers_nothing():
    class Watched(layers.Layer):
        def forward(self, ctx, x):
            self.gradient = ctx.gradient
            return x

    bottom = Watched()
    model = Sequential([layers.Input((4,)), bottom, layers.Dense(2)])
    model.compile("sgd", "mse")
    model.fit(np.ones((4, 4)), np.ones((4, 2)), verbose=0)
    assert bottom.gradient is False


@pytest.mark.parametrize("several", [False, True])
def test_a_model_comes_back_from_its_configuration(several):
    model = network()
    ends = [model.layers[0].output, model.layers[3].output] if several else model.layers[3].output
    made = Model(model.inputs, ends, name="maps")
    again = cdl.utils.deserialize_keras_object(cdl.utils.serialize_keras_object(made))
    assert again.name == "maps" and again.get_config() == made.get_config()
    again.set_weights(made.get_weights())
    for one, other in zip(again(X), made(X), strict=True):
        np.testing.assert_array_equal(one, other)
    assert again.layers[1] is not made.layers[1]


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_a_copy_has_tensors_of_its_own(duplicate):
    model = network()
    other = duplicate(model)
    maps = Model(other.inputs, [layer.output for layer in other.layers])
    np.testing.assert_array_equal(maps.predict(X, verbose=0)[-1], model.predict(X, verbose=0))
    with pytest.raises(ValueError, match="not connected"):
        Model(model.inputs, other.outputs)
    again = duplicate(maps)
    np.testing.assert_array_equal(again.predict(X, verbose=0)[1], maps.predict(X, verbose=0)[1])


def test_feature_maps_and_filters_of_a_convolutional_network():
    model = Sequential(
        [
            layers.Input((28, 28, 1)),
            layers.Conv2D(32, (3, 3), activation="relu"),
            layers.MaxPooling2D((2, 2)),
            layers.Conv2D(64, (3, 3), activation="relu"),
            layers.Flatten(),
            layers.Dense(10, activation="softmax"),
        ]
    )
    images = rng.uniform(size=(3, 28, 28, 1)).astype("float32")
    maps = Model(inputs=model.inputs, outputs=[layer.output for layer in model.layers[:3]]).predict(images, verbose=0)
    assert [y.shape for y in maps] == [(3, 26, 26, 32), (3, 13, 13, 32), (3, 11, 11, 64)]
    filters, biases = model.layers[0].get_weights()
    assert filters.shape == (3, 3, 1, 32) and biases.shape == (32,)
    by_definition = sum(images[:, i : i + 26, j : j + 26] * filters[i, j, 0] for i in range(3) for j in range(3))
    np.testing.assert_allclose(maps[0], np.maximum(by_definition + biases, 0), rtol=1e-4, atol=1e-5)


def test_the_summary_shows_the_layers_on_the_way():
    lines = []
    model = network()
    Model(model.inputs, model.get_layer("flat").output, name="part").summary(print_fn=lines.append)
    text = "\n".join(lines)
    assert 'Model: "part"' in text and "mix (Dense)" in text and "(None, 256)" in text and "out (Dense)" not in text


def test_what_was_never_built_has_no_tensors():
    lonely, model = layers.Dense(3, name="lonely"), Sequential([layers.Dense(3, name="inside")], name="open")
    for read in (
        lambda: lonely.output,
        lambda: lonely.input,
        lambda: model.layers[0].output,
        lambda: model.input,
        lambda: model.output,
    ):
        with pytest.raises(AttributeError, match="never been called"):
            read()
    for name in ("inputs", "outputs"):
        with pytest.raises(AttributeError, match=f"'open' has no defined {name}"):
            getattr(model, name)
    model.predict(np.ones((2, 5)), verbose=0)
    assert model.layers[0].output.shape == (None, 3) and model.inputs[0].shape == (None, 5)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda m, o: Model(m.inputs, o.outputs), "not connected.*chain of layers"),
        (lambda m, o: Model(m.layers[2].output, m.layers[0].output), "not connected"),
        (lambda m, o: Model(m.inputs, [m.layers[0].output, o.layers[0].output]), "not connected"),
        (lambda m, o: Model([m.inputs[0], o.inputs[0]], m.outputs), "one input. Received 2"),
        (lambda m, o: Model(m.inputs, m.inputs), "from behind `inputs`"),
        (lambda m, o: Model(m.inputs, []), "`outputs` is empty"),
        (lambda m, o: Model(m.inputs, m.layers[0]), "`outputs` values must be KerasTensors.*of type ZeroPadding2D"),
        (lambda m, o: Model(X, m.outputs), "`inputs` values must be KerasTensors"),
        (lambda m, o: Model(m.inputs, [m.outputs[0], m.layers[0].output]).compile("sgd", "mse"), "2 outputs"),
        (lambda m, o: Sequential([Model(m.inputs, [m.outputs[0], m.layers[0].output])]), "2 outputs.*inside another"),
        (lambda m, o: Model(m.inputs, [m.inputs[0], m.outputs[0]])(X, ctx=cdl.Context()), "2 outputs; it can predict"),
        (lambda m, o: Model(m.inputs, m.outputs).add(layers.Dense(2)), "new Sequential"),
        (lambda m, o: Model(m.inputs, m.outputs).pop(), "earlier output"),
        (lambda m, o: Model(m.inputs, m.outputs).predict(X[:, :3]), r"shape \(20, 3, 6, 2\)"),
    ],
)
def test_what_is_no_stretch_of_one_sequential_model_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make(network(), network())


def test_a_keras_graph_with_branches_is_refused():
    config = Model(*(lambda m: (m.inputs, m.layers[3].output))(network())).get_config()
    source = config["layers"][3]["inbound_nodes"][0]["args"][0]["config"]["keras_history"]
    source[0] = "pad"
    with pytest.raises(ValueError, match=r"Model: cdl's Model is a chain of layers.*outputs=\["):
        cdl.models.functional.Functional.from_config({**config, "output_layers": [["mix", 0, 0], ["flat", 0, 0]]})
    source[0] = "elsewhere"
    with pytest.raises(ValueError, match="no way from an input to layer 'flat'"):
        cdl.models.functional.Functional.from_config(config)
    config["layers"][3]["inbound_nodes"][0]["args"] = [[{}, {}]]
    with pytest.raises(ValueError, match="'flat' has several inputs"):
        cdl.models.functional.Functional.from_config(config)


def test_a_model_may_begin_with_an_unbuilt_one():
    model = Sequential([Sequential([layers.Dense(3)]), layers.Dense(2)])
    assert model.predict(np.ones((4, 5)), verbose=0).shape == (4, 2)
