"""Models as a user uses them: build, compile, train, evaluate, predict, copy."""

import copy
import fcntl
import os
import pickle
import pty
import re
import struct
import subprocess
import sys
import termios

import numpy as np
import pytest

import cdl
from cdl import Sequential, config, layers, losses, metrics, optimizers

rng = np.random.default_rng(3)
X = rng.normal(size=(50, 6)).astype("float32")
Y = (X @ rng.normal(size=(6, 2))).astype("float32")
LABELS = rng.integers(0, 3, 50)
WEIGHT = rng.uniform(0, 2, 50).astype("float32")


def regressor(*stack, optimizer="sgd", **arguments):
    model = Sequential([layers.Input((6,)), *(stack or (layers.Dense(8, activation="tanh"), layers.Dense(2)))])
    model.compile(optimizer, "mse", **arguments)
    return model


def classifier(units=3, activation="softmax", loss="sparse_categorical_crossentropy", **arguments):
    model = Sequential(
        [layers.Input((6,)), layers.Dense(8, activation="relu"), layers.Dense(units, activation=activation)]
    )
    model.compile("adam", loss, **arguments)
    return model


def trained(seed=1, **arguments):
    """A model with dropout, trained from that seed, and its history."""
    cdl.utils.set_random_seed(seed)
    model = Sequential([layers.Dense(300, activation="relu"), layers.Dropout(0.4), layers.Dense(2)])
    model.compile("adam", "mse", metrics=["mae"])
    history = model.fit(X, Y, epochs=3, batch_size=16, verbose=0, **arguments)
    return model, history.history


def assert_same_weights(first, second):
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one, other)


# ---- fit: what is recorded ----


def test_fit_returns_the_history_of_loss_and_metrics_per_epoch():
    history = regressor(metrics=["mae", "mse"]).fit(X, Y, epochs=4, validation_split=0.2, verbose=0)
    assert list(history.history) == ["loss", "mae", "mse", "val_loss", "val_mae", "val_mse"]
    assert all(len(values) == 4 for values in history.history.values())
    assert history.epoch == [0, 1, 2, 3]
    assert all(type(value) is float for values in history.history.values() for value in values)


def test_the_history_is_also_the_models():
    model = regressor()
    assert model.fit(X, Y, verbose=0) is model.history
    assert model.history.model is model


def test_the_loss_of_an_epoch_is_the_mean_over_samples_also_with_a_smaller_last_batch():
    model = regressor(optimizer=optimizers.SGD(0.0))  # nothing moves, so the epoch's loss can be computed afterwards
    history = model.fit(X, Y, batch_size=16, verbose=0).history
    expected = np.mean((model.predict(X, verbose=0) - Y) ** 2)
    assert history["loss"][0] == pytest.approx(expected, rel=1e-5)


def test_the_loss_includes_the_penalties_of_regularizers():
    dense = layers.Dense(2, kernel_regularizer=cdl.regularizers.L2(0.5), bias_initializer="ones", bias_regularizer="l1")
    model = regressor(dense, optimizer=optimizers.SGD(0.0))
    penalty = 0.5 * np.sum(dense.kernel.value**2) + 0.01 * 2
    expected = np.mean((model.predict(X, verbose=0) - Y) ** 2) + penalty
    assert model.fit(X, Y, batch_size=7, verbose=0).history["loss"][0] == pytest.approx(expected, rel=1e-5)
    assert model.evaluate(X, Y, verbose=0) == pytest.approx(expected, rel=1e-5)


def test_the_loss_includes_the_penalties_on_activity_as_a_mean_over_samples():
    model = regressor(layers.Dense(2, activity_regularizer=cdl.regularizers.L1(0.5)), optimizer=optimizers.SGD(0.0))
    y = model.predict(X, verbose=0)
    expected = np.mean((y - Y) ** 2) + 0.5 * np.abs(y).sum() / len(X)
    assert model.evaluate(X, Y, batch_size=25, verbose=0) == pytest.approx(expected, rel=1e-5)


def test_metrics_begin_anew_in_each_epoch():
    model = regressor(optimizer=optimizers.SGD(0.0), metrics=["mae"])
    history = model.fit(X, Y, epochs=3, shuffle=False, verbose=0).history
    assert len(set(history["mae"])) == 1 and len(set(history["loss"])) == 1


def test_a_metric_can_be_given_by_name_by_object_by_class_and_as_a_function():
    def largest_error(y_true, y_pred):
        return np.abs(y_true - y_pred).max(axis=-1)

    model = regressor(metrics=["mae", metrics.MeanSquaredError(), metrics.RootMeanSquaredError, largest_error])
    found = model.evaluate(X, Y, verbose=0, return_dict=True)
    error = np.abs(model.predict(X, verbose=0) - Y)
    assert found == {
        "loss": pytest.approx(np.mean(error**2), rel=1e-5),
        "mae": pytest.approx(np.mean(error), rel=1e-5),
        "mean_squared_error": pytest.approx(np.mean(error**2), rel=1e-5),
        "root_mean_squared_error": pytest.approx(np.sqrt(np.mean(error**2)), rel=1e-5),
        "largest_error": pytest.approx(error.max(axis=1).mean(), rel=1e-5),
    }


@pytest.mark.parametrize(
    ("model", "y"),
    [
        (lambda: classifier(metrics=["accuracy"]), LABELS),
        (lambda: classifier(metrics=["acc"]), LABELS[:, None]),
        (lambda: classifier(loss="categorical_crossentropy", metrics=["accuracy"]), np.eye(3)[LABELS]),
        (lambda: classifier(1, "sigmoid", "binary_crossentropy", metrics=["accuracy"]), LABELS > 0),
        (lambda: classifier(1, "sigmoid", "binary_crossentropy", metrics=["accuracy"]), (LABELS > 0)[:, None]),
    ],
)
def test_accuracy_means_what_targets_and_outputs_call_for(model, y):
    model = model()
    p = model.predict(X, verbose=0)
    if p.shape[1] == 1:
        right = (p[:, 0] > 0.5) == y.reshape(-1)
    else:
        right = p.argmax(axis=1) == (y.argmax(axis=1) if y.ndim == 2 and y.shape[1] > 1 else y.reshape(-1))
    assert model.evaluate(X, y, verbose=0)[1] == pytest.approx(right.mean())


def test_weighted_metrics_count_samples_by_weight_and_metrics_do_not():
    model = regressor(metrics=["mae"], weighted_metrics=["mae"])
    found = model.evaluate(X, Y, sample_weight=WEIGHT, batch_size=9, verbose=0, return_dict=True)
    error = np.abs(model.predict(X, verbose=0) - Y).mean(axis=1)
    assert found["mae"] == pytest.approx(error.mean(), rel=1e-5)
    assert found["weighted_mae"] == pytest.approx(np.average(error, weights=WEIGHT), rel=1e-5)


def test_metrics_of_one_name_are_told_apart():
    model = regressor(metrics=["mae", "mae"], weighted_metrics=["mae", "mae", "mse"])
    assert list(model.evaluate(X, Y, verbose=0, return_dict=True)) == [
        "loss",
        "mae",
        "mae_1",
        "mse",
        "weighted_mae",
        "weighted_mae_1",
    ]


# ---- fit: arguments ----


def test_validation_split_takes_the_last_samples_and_does_not_train_on_them():
    model, twin = regressor(), regressor()
    twin.set_weights(model.get_weights())
    split = model.fit(X, Y, validation_split=0.3, epochs=2, shuffle=False, verbose=0).history
    given = twin.fit(X[:35], Y[:35], validation_data=(X[35:], Y[35:]), epochs=2, shuffle=False, verbose=0).history
    assert split == given
    assert_same_weights(model.get_weights(), twin.get_weights())


def test_validation_data_may_carry_weights():
    model = regressor(optimizer=optimizers.SGD(0.0))
    history = model.fit(X, Y, validation_data=(X, Y, WEIGHT), verbose=0).history
    assert history["val_loss"][0] == pytest.approx(model.evaluate(X, Y, sample_weight=WEIGHT, verbose=0), rel=1e-6)


def test_validation_every_second_epoch_is_recorded_every_second_epoch():
    history = regressor().fit(X, Y, validation_data=(X, Y), validation_freq=2, epochs=5, verbose=0).history
    assert (len(history["loss"]), len(history["val_loss"])) == (5, 2)


def test_validation_leaves_training_as_it_is():
    with_validation = trained(validation_data=(X[:9], Y[:9]))
    without = trained()
    assert with_validation[1]["loss"] == without[1]["loss"]
    assert_same_weights(with_validation[0].get_weights(), without[0].get_weights())


def test_a_weight_of_zero_is_as_good_as_leaving_the_sample_out():
    weight = np.ones(50, "float32")
    weight[30:] = 0
    model, twin = regressor(optimizer=optimizers.SGD(0.1)), regressor(optimizer=optimizers.SGD(0.1))
    twin.set_weights(model.get_weights())
    model.fit(X, Y, sample_weight=weight * 50 / 30, batch_size=50, verbose=0)
    twin.fit(X[:30], Y[:30], batch_size=50, verbose=0)
    for one, other in zip(model.get_weights(), twin.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("y", [LABELS, LABELS[:, None], np.eye(3, dtype="float32")[LABELS]], ids=["n", "n1", "onehot"])
def test_class_weights_are_sample_weights_by_class(y):
    loss = "sparse_categorical_crossentropy" if y.shape[-1] != 3 else "categorical_crossentropy"
    model, twin = classifier(loss=loss), classifier(loss=loss)
    twin.set_weights(model.get_weights())
    by_class = model.fit(X, y, class_weight={0: 0.5, 2: 3.0}, shuffle=False, verbose=0).history
    weight = np.choose(LABELS, [0.5, 1.0, 3.0]).astype("float32")
    by_sample = twin.fit(X, y, sample_weight=weight, shuffle=False, verbose=0).history
    assert by_class == by_sample
    assert_same_weights(model.get_weights(), twin.get_weights())


def test_class_weights_take_labels_in_a_list_of_one_array():
    model, twin = classifier(), classifier()
    twin.set_weights(model.get_weights())
    one = model.train_on_batch(X, [LABELS], class_weight={0: 0.5, 2: 3.0})
    assert one == twin.train_on_batch(X, LABELS, class_weight={0: 0.5, 2: 3.0})


def test_initial_epoch_is_where_counting_begins():
    history = regressor().fit(X, Y, initial_epoch=3, epochs=5, verbose=0)
    assert history.epoch == [3, 4] and len(history.history["loss"]) == 2


def test_no_epochs_train_nothing():
    model = regressor()
    before = model.get_weights()
    assert model.fit(X, Y, epochs=0, verbose=0).history == {}
    assert_same_weights(before, model.get_weights())


def test_a_batch_larger_than_the_data_is_one_batch():
    model, twin = regressor(), regressor()
    twin.set_weights(model.get_weights())
    model.fit(X, Y, batch_size=10**9, shuffle=False, verbose=0)
    twin.train_on_batch(X, Y)
    assert_same_weights(model.get_weights(), twin.get_weights())


def batches_seen(**arguments):
    """The first feature of every sample, batch by batch, as a layer sees it in training."""
    seen = []

    class Watch(layers.Layer):
        def forward(self, ctx, x):
            if ctx.training:
                seen.append(x[:, 0].tolist())
            return x

        def backward(self, ctx, dy):
            return dy

    cdl.utils.set_random_seed(0)
    model = Sequential([layers.Input((1,)), Watch(), layers.Dense(1)])
    model.compile("sgd", "mse")
    x = np.arange(10.0)[:, None]
    model.fit(x, x, verbose=0, **{"batch_size": 4, "epochs": 2, **arguments})
    return seen


def test_without_shuffling_batches_come_in_order():
    assert batches_seen(shuffle=False) == 2 * [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]


def test_shuffling_gives_every_sample_once_per_epoch_in_a_new_order():
    seen = batches_seen(shuffle=True)
    first, second = ([sample for batch in epoch for sample in batch] for epoch in (seen[:3], seen[3:]))
    assert [len(batch) for batch in seen] == [4, 4, 2, 4, 4, 2]
    assert sorted(first) == sorted(second) == list(range(10))
    assert first != second and first != list(range(10))


def test_shuffling_batches_keeps_the_samples_of_a_batch_together():
    seen = batches_seen(shuffle="batch", batch_size=2, epochs=3)
    assert all(batch[1] == batch[0] + 1 for batch in seen)
    assert seen[:5] != seen[5:10] or seen[5:10] != seen[10:]
    assert sorted(seen[:5]) == [[0, 1], [2, 3], [4, 5], [6, 7], [8, 9]]


def test_steps_per_epoch_end_an_epoch_early_and_the_next_goes_on_from_there():
    assert batches_seen(shuffle=False, batch_size=2, steps_per_epoch=3) == [[0, 1], [2, 3], [4, 5], [6, 7], [8, 9]]


def test_training_goes_on_where_it_stopped():
    model, twin = regressor(optimizer="adam"), regressor(optimizer="adam")
    twin.set_weights(model.get_weights())
    for _ in range(3):
        model.fit(X, Y, shuffle=False, verbose=0)
    twin.fit(X, Y, epochs=3, shuffle=False, verbose=0)
    assert_same_weights(model.get_weights(), twin.get_weights())


# ---- one layer in two places ----


def test_a_layer_may_be_in_a_model_twice(tmp_path):
    tied = layers.Dense(6, activation="tanh", name="tied")
    model = Sequential([layers.Input((6,)), tied, layers.Dense(6), tied])
    model.compile(optimizers.SGD(0.5), "mse")
    assert model.layers[0] is model.layers[2]
    assert len(model.weights) == 4 and model.count_params() == 2 * 42
    target = np.tanh(X[:, ::-1])
    weights = model.get_weights()

    def loss_at(step):
        model.set_weights([weights[0] + step, *weights[1:]])
        return model.test_on_batch(X, target)

    direction = rng.normal(size=(6, 6)).astype("float32")
    slope = (loss_at(1e-2 * direction) - loss_at(-1e-2 * direction)) / 2e-2
    model.set_weights(weights)
    model.train_on_batch(X, target)
    gradient = (weights[0] - model.get_weights()[0]) / 0.5
    assert np.sum(gradient * direction) == pytest.approx(slope, rel=1e-2)
    for name in ("m.safetensors", "m.keras", "m.h5"):
        model.save(tmp_path / name)
        other = cdl.models.load_model(tmp_path / name)
        assert other.layers[0] is other.layers[2]
        np.testing.assert_array_equal(other.predict(X), model.predict(X))


def test_an_input_is_the_first():
    with pytest.raises(ValueError, match=r"'late' has layers already.*before all other layers"):
        Sequential([layers.Dense(2), layers.Input((6,))], name="late")
    with pytest.raises(ValueError, match=r"'two' has input shape \(None, 6\) already"):
        Sequential([layers.Input((6,)), layers.Input((6,))], name="two")


# ---- evaluate, predict, single batches ----


def test_evaluate_is_a_number_without_metrics_a_list_with_them_and_a_dictionary_on_request():
    assert isinstance(regressor().evaluate(X, Y, verbose=0), float)
    model = regressor(metrics=["mae"])
    as_list = model.evaluate(X, Y, verbose=0)
    as_dict = model.evaluate(X, Y, verbose=0, return_dict=True)
    assert as_list == [as_dict["loss"], as_dict["mae"]]


def test_evaluate_lists_metrics_in_the_order_of_compile():
    model = regressor(metrics=["mse", "mae", metrics.R2Score(name="best")], weighted_metrics=["mape"])
    as_list = model.evaluate(X, Y, batch_size=50, verbose=0)
    as_dict = model.evaluate(X, Y, batch_size=50, verbose=0, return_dict=True)
    assert as_list == [as_dict[name] for name in ("loss", "mse", "mae", "best", "mape")] == model.test_on_batch(X, Y)
    assert list(as_dict) == sorted(as_dict)


def test_evaluation_does_not_depend_on_the_batch_size():
    model = regressor(metrics=["mae"])
    one, other = (model.evaluate(X, Y, batch_size=size, verbose=0) for size in (50, 7))
    np.testing.assert_allclose(one, other, rtol=1e-6)


def test_evaluate_and_predict_change_nothing():
    model, _ = trained()
    before = model.get_weights()
    model.evaluate(X, Y, verbose=0)
    model.predict(X, verbose=0)
    assert_same_weights(before, model.get_weights())


@pytest.mark.parametrize("size", [None, 1, 7, 50, 1000])
def test_predictions_are_the_same_bits_for_every_batch_size(size):
    model = classifier()
    np.testing.assert_array_equal(model.predict(X, batch_size=size, verbose=0), model(X))


def test_predict_of_no_samples_has_no_rows():
    assert regressor().predict(X[:0], verbose=0).shape == (0, 2)


def test_predict_works_without_compile():
    assert Sequential([layers.Dense(4)]).predict(X, verbose=0).shape == (50, 4)


def test_dropout_drops_in_training_only():
    model = Sequential([layers.Dropout(0.5)])
    np.testing.assert_array_equal(model.predict(X, verbose=0), X)
    np.testing.assert_array_equal(model(X), X)
    assert 0.3 < np.mean(model(X, training=True) == 0) < 0.7


def test_train_on_batch_is_one_step_of_fit():
    model, twin = regressor(metrics=["mae"]), regressor(metrics=["mae"])
    twin.set_weights(model.get_weights())
    stepped = model.train_on_batch(X, Y, return_dict=True)
    fitted = twin.fit(X, Y, batch_size=50, shuffle=False, verbose=0).history
    assert stepped == {key: values[0] for key, values in fitted.items()}
    assert_same_weights(model.get_weights(), twin.get_weights())


def test_test_on_batch_measures_this_batch_alone():
    model = regressor(metrics=["mae"])
    model.train_on_batch(X[:10], Y[:10])
    np.testing.assert_allclose(model.test_on_batch(X, Y), model.evaluate(X, Y, verbose=0), rtol=1e-6)


def test_predict_on_batch_is_predict():
    model = regressor()
    np.testing.assert_array_equal(model.predict_on_batch(X), model.predict(X, verbose=0))


def test_targets_without_their_last_axis_are_those_of_one_output():
    model = regressor(layers.Dense(1))
    assert model.evaluate(X, Y[:, 0], verbose=0) == model.evaluate(X, Y[:, :1], verbose=0)


# ---- determinism ----


def test_one_seed_one_history_bit_for_bit():
    (first, first_history), (second, second_history) = trained(), trained()
    assert first_history == second_history
    assert_same_weights(first.get_weights(), second.get_weights())


def test_another_seed_another_history():
    assert trained(1)[1] != trained(2)[1]


@pytest.mark.parametrize("threads", [2, 3])
def test_threads_do_not_change_a_bit(threads):
    with config.set_num_threads(1):
        one, one_history = trained()
    with config.set_num_threads(threads):
        more, more_history = trained()
    assert one_history == more_history
    assert_same_weights(one.get_weights(), more.get_weights())


def test_the_backends_agree_to_rounding():
    native, native_history = trained()
    with config.set_backend("reference"):
        reference, reference_history = trained()
    for key, values in native_history.items():
        np.testing.assert_allclose(values, reference_history[key], rtol=1e-4)
    for one, other in zip(native.get_weights(), reference.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-4)


def test_the_backends_agree_closely_in_double_precision():
    with config.set_floatx("float64"):
        native, _ = trained()
        with config.set_backend("reference"):
            reference, _ = trained()
    for one, other in zip(native.get_weights(), reference.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-11)


def test_a_float64_model_is_float64_throughout():
    with config.set_floatx("float64"):
        model = regressor(optimizer="adam")
        model.fit(X, Y, verbose=0)
        assert {weight.dtype.name for weight in model.get_weights()} == {"float64"}
        assert model.predict(X, verbose=0).dtype == np.float64


# ---- building ----


STARTS = {
    "Input": lambda: [layers.Input((6,)), layers.Dense(4)],
    "Input(shape=...)": lambda: [layers.Input(shape=(6,)), layers.Dense(4)],
    "InputLayer": lambda: [layers.InputLayer(shape=(6,)), layers.Dense(4)],
    "input_shape": lambda: [layers.Dense(4, input_shape=(6,))],
    "input_dim": lambda: [layers.Dense(4, input_dim=6)],
}


@pytest.mark.parametrize("start", STARTS)
def test_a_model_that_knows_its_input_is_built_at_once(start):
    model = Sequential(STARTS[start]())
    assert model.built and model.input_shape == (None, 6) and model.output_shape == (None, 4)
    assert model.count_params() == 28


def test_a_model_that_does_not_is_built_by_the_first_data():
    model = Sequential([layers.Dense(4)])
    assert not model.built and model.weights == []
    model(X)
    assert model.built and model.output_shape == (None, 4)


def test_build_builds():
    model = Sequential([layers.Flatten(), layers.Dense(4)])
    model.build((None, 2, 3))
    assert model.count_params() == 28


def test_a_model_grows_by_add_and_shrinks_by_pop():
    model = Sequential([layers.Input((6,)), layers.Dense(5), layers.Dense(4)])
    kernel = model.layers[0].kernel.numpy()
    assert isinstance(model.pop(), layers.Dense)
    assert model.output_shape == (None, 5) and len(model.weights) == 2
    model.add(layers.Dense(2))
    assert model.output_shape == (None, 2)
    np.testing.assert_array_equal(model.layers[0].kernel.value, kernel)
    model.compile("adam", "mse")
    model.fit(X, Y, verbose=0)


def test_the_layer_added_last_is_trained_too():
    model = regressor(layers.Dense(4))
    model.fit(X, np.zeros((50, 4)), verbose=0)
    model.add(layers.Dense(2))
    model.compile("sgd", "mse")
    before = model.layers[1].kernel.numpy()
    model.fit(X, Y, verbose=0)
    assert np.any(model.layers[1].kernel.value != before)


def test_a_model_in_a_model_trains_as_the_flat_one():
    def stack():
        return [layers.Dense(5, activation="relu"), layers.Dense(4, activation="tanh"), layers.Dense(2)]

    flat = regressor(*stack())
    one, two, three = stack()
    nested = regressor(Sequential([layers.Input((6,)), one, two]), Sequential([three]))
    nested.set_weights(flat.get_weights())
    histories = [model.fit(X, Y, epochs=3, shuffle=False, verbose=0).history for model in (flat, nested)]
    assert histories[0] == histories[1]
    assert_same_weights(flat.get_weights(), nested.get_weights())


def test_layers_are_found_by_name_and_by_position():
    model = Sequential([layers.Input((6,)), layers.Dense(4, name="hidden"), layers.Dense(2, name="out")])
    assert model.get_layer("out") is model.get_layer(index=1) is model.layers[-1]


# ---- freezing, sharing ----


def test_a_frozen_layer_stays_bit_for_bit_while_others_train():
    model = regressor(layers.Dense(5), layers.Dense(4), layers.Dense(2), optimizer="adam")
    model.layers[1].trainable = False
    model.compile("adam", "mse")
    before = model.get_weights()
    model.fit(X, Y, epochs=2, verbose=0)
    after = model.get_weights()
    assert [np.array_equal(one, other) for one, other in zip(before, after, strict=True)] == [
        False,
        False,
        True,
        True,
        False,
        False,
    ]


def test_a_thawed_layer_trains_again_after_compile():
    model = regressor()
    model.trainable = False
    assert model.trainable_weights == [] and len(model.non_trainable_weights) == 4
    model.trainable = True
    model.compile("sgd", "mse")
    before = model.get_weights()
    model.fit(X, Y, verbose=0)
    assert all(np.any(one != other) for one, other in zip(before, model.get_weights(), strict=True))


def test_a_layer_shared_by_two_models_is_trained_by_both():
    shared = layers.Dense(4, activation="relu")
    one, other = regressor(shared, layers.Dense(2)), regressor(shared, layers.Dense(2))
    before = shared.kernel.numpy()
    one.fit(X, Y, verbose=0)
    between = shared.kernel.numpy()
    other.fit(X, Y, verbose=0)
    assert np.any(before != between) and np.any(between != shared.kernel.value)
    np.testing.assert_array_equal(one.layers[0].kernel.value, other.layers[0].kernel.value)


# ---- compile ----


def test_compile_takes_names_objects_and_classes():
    histories = []
    for optimizer, loss in (("sgd", "mse"), (optimizers.SGD(), losses.MeanSquaredError()), (optimizers.SGD, "MSE")):
        cdl.utils.set_random_seed(4)
        model = regressor()
        model.compile(optimizer, loss)
        histories.append(model.fit(X, Y, epochs=2, verbose=0).history)
    assert histories[0] == histories[1] == histories[2]


def test_compile_again_changes_how_the_model_learns_and_not_what_it_knows():
    model = regressor()
    model.fit(X, Y, verbose=0)
    before = model.get_weights()
    model.compile(optimizers.Adam(0.5), "mae", metrics=["mse"])
    assert_same_weights(before, model.get_weights())
    assert list(model.fit(X, Y, verbose=0).history) == ["loss", "mse"]
    assert type(model.optimizer) is optimizers.Adam


# ---- weights, configuration, copies ----


def test_weights_come_and_go_as_copies():
    model = regressor()
    weights = model.get_weights()
    weights[0][...] = 7
    assert not np.any(model.get_weights()[0] == 7)
    model.set_weights(weights)
    weights[0][...] = 8
    assert np.all(model.get_weights()[0] == 7)


def test_a_model_from_the_configuration_has_the_layers_and_with_the_weights_the_outputs():
    model = Sequential(
        [
            layers.Input((2, 3)),
            layers.Flatten(),
            layers.Dense(4, activation="elu", kernel_regularizer="l2", bias_constraint="non_neg"),
            layers.Dropout(0.2, seed=3),
            Sequential([layers.Dense(3, name="inner"), layers.LeakyReLU(0.2)], name="nested"),
            layers.PReLU(),
            layers.Softmax(),
        ]
    )
    twin = Sequential.from_config(model.get_config())
    assert twin.get_config() == model.get_config()
    twin.set_weights(model.get_weights())
    x = X.reshape(50, 2, 3)
    np.testing.assert_array_equal(twin.predict(x, verbose=0), model.predict(x, verbose=0))


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
@pytest.mark.parametrize("compiled", [True, False])
def test_a_copied_or_pickled_model_is_equal_and_independent(duplicate, compiled):
    model, _ = trained()
    if not compiled:
        model = Sequential([layers.Dense(3)])
        model(X)
    twin = duplicate(model)
    np.testing.assert_array_equal(twin.predict(X, verbose=0), model.predict(X, verbose=0))
    twin.set_weights([weight + 1 for weight in twin.get_weights()])
    assert np.any(twin.predict(X, verbose=0) != model.predict(X, verbose=0))


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_a_copy_of_a_trained_model_goes_on_training_as_the_original(duplicate):
    model = regressor(optimizer="adam", metrics=["mae"])
    model.fit(X, Y, verbose=0)
    twin = duplicate(model)
    histories = [each.fit(X, Y, epochs=2, shuffle=False, verbose=0).history for each in (model, twin)]
    assert histories[0] == histories[1]
    assert_same_weights(model.get_weights(), twin.get_weights())


# ---- what is shown ----


def test_verbose_0_is_silent(capsys):
    model = regressor()
    model.fit(X, Y, epochs=2, validation_split=0.2, verbose=0)
    model.evaluate(X, Y, verbose=0)
    model.predict(X, verbose=0)
    assert capsys.readouterr() == ("", "")


def test_verbose_2_is_a_line_per_epoch(capsys):
    model = regressor(metrics=["mae"])
    history = model.fit(X, Y, epochs=2, validation_split=0.2, batch_size=10, verbose=2).history
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "Epoch 1/2" and lines[2] == "Epoch 2/2" and len(lines) == 4
    logs = " - ".join(f"{name}: {values[1]:.4f}" for name, values in history.items())
    assert re.fullmatch(rf"4/4 - \d+s - \d+(us|ms|s)/step - {re.escape(logs)}", lines[3])


def test_what_callbacks_add_to_the_logs_comes_last(capsys):
    model = regressor(metrics=["mae"])
    scheduler = cdl.callbacks.LearningRateScheduler(lambda epoch: 0.125)
    history = model.fit(X, Y, validation_split=0.2, verbose=2, callbacks=[scheduler]).history
    assert list(history) == ["loss", "mae", "val_loss", "val_mae", "learning_rate"]
    assert re.findall(r" - (\w+):", capsys.readouterr().out) == list(history)


def test_verbose_2_of_evaluate_is_a_line(capsys):
    loss = regressor().evaluate(X, Y, verbose=2)
    assert re.fullmatch(rf"2/2 - \d+s - \d+(us|ms|s)/step - loss: {loss:.4f}\n", capsys.readouterr().out)


def test_auto_is_a_line_per_epoch_where_no_bar_can_be_shown(capsys):
    regressor().fit(X, Y, epochs=1)
    assert re.match(r"2/2 - ", capsys.readouterr().out)


SCRIPT = """
import numpy as np, cdl
model = cdl.Sequential([cdl.layers.Dense(2)])
model.compile("sgd", "mse", metrics=["mae"])
x = np.zeros((50, 6))
model.fit(x, np.zeros((50, 2)), epochs=2, batch_size=10, validation_split=0.2)
model.evaluate(x, np.zeros((50, 2)))
model.predict(x, verbose=1)
"""


@pytest.mark.parametrize("columns", [0, 40, 120])
def test_in_a_terminal_a_bar_grows_and_ends_in_a_whole_line_whatever_the_width(columns):
    pytest.importorskip("tqdm")
    main, worker = pty.openpty()
    fcntl.ioctl(worker, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    process = subprocess.Popen([sys.executable, "-c", SCRIPT], stdout=worker, stderr=worker, close_fds=True)
    os.close(worker)
    shown = b""
    while True:
        try:
            piece = os.read(main, 65536)
        except OSError:  # Linux: the other end is closed
            break
        if not piece:
            break
        shown += piece
    os.close(main)
    assert process.wait() == 0
    text = shown.decode()
    assert "Epoch 1/2" in text and "Epoch 2/2" in text
    ends = re.findall(r"4/4 ━{20} \d+s \d+(?:us|ms|s)/step - loss: \S+ - mae: \S+ - val_loss: \S+ - val_mae: \S+", text)
    assert len(ends) == 2
    assert re.search(r"2/2 ━{20} \d+s \d+(us|ms|s)/step - loss: \S+ - mae: ", text)
    assert "0/4" in text or columns == 0  # while it runs


def test_a_metric_may_have_a_number_for_each_class(capsys):
    x = np.random.default_rng(0).normal(size=(60, 4))
    y = np.eye(3)[x[:, :3].argmax(axis=1)]
    model = Sequential([layers.Input((4,)), layers.Dense(3, activation="softmax")])
    model.compile("adam", "categorical_crossentropy", metrics=[metrics.F1Score()])
    history = model.fit(x, y, epochs=1, verbose=2).history
    assert history["f1_score"][0].shape == (3,)
    assert f"f1_score: {history['f1_score'][0].mean():.4f}" in capsys.readouterr().out
    assert model.evaluate(x, y, verbose=0)[1].shape == (3,)


def test_how_a_model_is_run_can_be_read():
    model = regressor()
    assert (model.run_eagerly, model.jit_compile, model.steps_per_execution) == (False, False, 1)
    model.compile("sgd", "mse", run_eagerly=True, jit_compile=True, steps_per_execution=4)
    assert (model.run_eagerly, model.jit_compile, model.steps_per_execution) == (True, True, 4)
