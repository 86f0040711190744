"""Files go both ways between cdl and Keras 3: models predict the same, and train on in the same way."""

import numpy as np
import pytest
from keras_peer import keras
from saving_models import CASES, IMAGES, STEPS, model_of

import cdl

pytestmark = pytest.mark.filterwarnings("ignore")

OURS = {"Lambda", "Parallel", "Residual"}  # which Keras has not, or with functions of other arrays
NEED_TENSORFLOW = {"Hashing", "IntegerLookup", "StringLookup", "TextVectorization"}
# Keras 3.15 itself cannot predict with a RandomCrop, nor load a RandomShear, nor write some to a legacy file.
CANNOT = {"RandomCrop", "RandomShear"}
CANNOT_H5 = {"RandomBrightness", "RandomContrast", "RandomErasing", "RandomInvert", "Solarization"}
SHARED = sorted(CASES.keys() - OURS - NEED_TENSORFLOW - CANNOT)
FORMATS = ["keras", "h5"]
Y = np.tile(np.eye(2, dtype="float32"), (4, 1))


def close(y, expected):
    return np.allclose(y, expected, rtol=2e-4, atol=1e-5)


@pytest.mark.parametrize(
    "name, suffix",
    [(name, suffix) for name in SHARED for suffix in FORMATS if suffix == "keras" or name not in CANNOT_H5],
)
def test_keras_reads_what_we_write_and_we_read_what_it_writes(name, suffix, tmp_path):
    model, (x, _) = model_of(name)
    # Keras cannot load a legacy file, not even its own, in which a loss has a short name such as "mse".
    model.compile("adam", "mean_squared_error", metrics=["mean_absolute_error", "accuracy"])
    model.save(tmp_path / f"ours.{suffix}")
    theirs = keras.models.load_model(tmp_path / f"ours.{suffix}")
    expected = model.predict(x)
    assert close(theirs.predict(x, verbose=0), expected)
    theirs.save(tmp_path / f"theirs.{suffix}")
    again = cdl.models.load_model(tmp_path / f"theirs.{suffix}")
    assert np.array_equal(again.predict(x), expected)
    assert [type(layer) for layer in again.layers] == [type(layer) for layer in model.layers]
    again.load_weights(tmp_path / f"ours.{suffix}")
    theirs.load_weights(tmp_path / f"ours.{suffix}")


@pytest.mark.parametrize("name", SHARED)
def test_weights_alone(name, tmp_path):
    model, (x, _) = model_of(name)
    model.save(tmp_path / "ours.keras")
    model.save_weights(tmp_path / "ours.weights.h5")
    theirs = keras.models.load_model(tmp_path / "ours.keras")
    theirs.set_weights([np.zeros_like(weight) for weight in theirs.get_weights()])
    theirs.load_weights(tmp_path / "ours.weights.h5")
    assert close(theirs.predict(x, verbose=0), model.predict(x))
    theirs.save_weights(tmp_path / "theirs.weights.h5")
    other, _ = model_of(name)
    other.load_weights(tmp_path / "theirs.weights.h5")
    assert np.array_equal(other.predict(x), model.predict(x))


OPTIMIZERS = {
    "SGD": {"learning_rate": 0.05, "momentum": 0.9, "nesterov": True},
    "RMSprop": {"centered": True, "momentum": 0.5},
    "Adam": {"amsgrad": True, "use_ema": True},
    "AdamW": {"weight_decay": 0.01, "clipnorm": 1.0},
    "Adamax": {},
    "Nadam": {},
    "Adagrad": {"learning_rate": 0.1},
    "Adadelta": {"learning_rate": 0.5},
    "Ftrl": {"learning_rate": 0.1},
    "Lion": {},
    "Adafactor": {"learning_rate": 0.01},
    "Lamb": {},
}


def twins(optimizer, arguments):
    """Two models of one architecture, untrained, with the optimizer: ours and Keras'."""
    models = []
    for library in (cdl, keras):
        make = library.layers
        stack = [make.Input((5, 4)), make.GRU(3), make.BatchNormalization(), make.Dense(2)]
        models.append(library.Sequential(stack))
        rule = getattr(library.optimizers, optimizer)(**arguments)
        models[-1].compile(rule, "mean_squared_error", metrics=["mean_absolute_error"])
    models[1].set_weights(models[0].get_weights())
    return models


def losses(model, steps=4):
    return [model.train_on_batch(STEPS, Y)[0] for _ in range(steps)]


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_training_goes_on_on_the_other_side(optimizer, tmp_path):
    ours, theirs = twins(optimizer, OPTIMIZERS[optimizer])
    assert np.allclose(losses(ours), losses(theirs), rtol=1e-3)
    ours.save(tmp_path / "ours.keras")
    theirs.save(tmp_path / "theirs.keras")
    there = keras.models.load_model(tmp_path / "ours.keras")
    here = cdl.models.load_model(tmp_path / "theirs.keras")
    assert here.optimizer.iterations == int(there.optimizer.iterations) == 4
    expected = losses(ours)
    assert np.allclose(losses(there), expected, rtol=1e-3)
    assert np.allclose(losses(here), expected, rtol=1e-3)


@pytest.mark.parametrize("optimizer", sorted(OPTIMIZERS.keys() - {"Adafactor"}))
def test_training_goes_on_here_from_legacy_files(optimizer, tmp_path):
    """Keras itself cannot train on from such a file; nor write it with Adafactor."""
    ours, theirs = twins(optimizer, OPTIMIZERS[optimizer])
    losses(ours), losses(theirs)
    theirs.save(tmp_path / "theirs.h5")
    here = cdl.models.load_model(tmp_path / "theirs.h5")
    assert np.allclose(losses(here), losses(ours), rtol=1e-3)


def test_schedules_losses_and_metrics(tmp_path):
    for source, target in ((cdl, keras), (keras, cdl)):
        make = source.layers
        model = source.Sequential([make.Input((4,)), make.Dense(2, activation="softmax", kernel_regularizer="l2")])
        rate = source.optimizers.schedules.CosineDecay(0.1, 20, warmup_target=0.2, warmup_steps=3)
        model.compile(
            source.optimizers.Adam(rate),
            source.losses.CategoricalCrossentropy(label_smoothing=0.1),
            metrics=["accuracy", source.metrics.AUC(num_thresholds=20), source.losses.mean_squared_error],
            weighted_metrics=["mae"],
        )
        x, y = STEPS[:, 0], Y
        model.fit(x, y, epochs=2, shuffle=False, verbose=0)
        model.save(tmp_path / "model.keras")
        other = target.models.load_model(tmp_path / "model.keras")
        one, same = (m.evaluate(x, y, verbose=0, return_dict=True) for m in (model, other))
        assert one.keys() == same.keys()
        assert np.allclose(list(one.values()), list(same.values()), rtol=1e-4)
        one, same = (m.fit(x, y, epochs=3, shuffle=False, verbose=0).history["loss"] for m in (model, other))
        assert np.allclose(one, same, rtol=1e-3)


def test_frozen_layers_and_models_inside(tmp_path):
    for source, target in ((cdl, keras), (keras, cdl)):
        make = source.layers
        inner = source.Sequential([make.Input((6, 6, 3)), make.Conv2D(2, 3), make.BatchNormalization()])
        inner.trainable = False
        model = source.Sequential([make.Input((6, 6, 3)), inner, make.Flatten(), make.Dense(2)])
        model.compile("adam", "mean_squared_error")
        model.fit(IMAGES, Y, verbose=0)
        for suffix in FORMATS:
            model.save(tmp_path / f"model.{suffix}")
            other = target.models.load_model(tmp_path / f"model.{suffix}")
            assert close(other.predict(IMAGES, verbose=0), model.predict(IMAGES, verbose=0))
            assert len(other.trainable_weights) == len(model.trainable_weights) == 2


def test_functional_chains(tmp_path):
    make = keras.layers
    x = make.Input((6, 6, 3))
    y = make.Dense(2)(make.Flatten()(make.Conv2D(2, 3, activation="relu")(x)))
    theirs = keras.Model(x, y)
    for suffix in FORMATS:
        theirs.save(tmp_path / f"theirs.{suffix}")
        ours = cdl.models.load_model(tmp_path / f"theirs.{suffix}")
        assert close(ours.predict(IMAGES), theirs.predict(IMAGES, verbose=0))
        ours.save(tmp_path / f"ours.{suffix}")
        assert close(
            keras.models.load_model(tmp_path / f"ours.{suffix}").predict(IMAGES, verbose=0), ours.predict(IMAGES)
        )


@pytest.mark.parametrize("name", ["LeakyReLU", "ReLU", "ELU", "Softmax"])
@pytest.mark.parametrize("suffix", FORMATS)
def test_layers_as_activations(name, suffix, tmp_path):
    """Keras' way to bind parameters to a function."""
    parameters = {"LeakyReLU": {"negative_slope": 0.1}, "ReLU": {"max_value": 0.5}, "ELU": {"alpha": 0.3}}
    for source, target in ((cdl, keras), (keras, cdl)):
        make = source.layers
        activation = getattr(make, name)(**parameters.get(name, {"axis": 1}))
        model = source.Sequential([make.Input((5, 4)), make.Dense(6, activation=activation)])
        model.save(tmp_path / f"model.{suffix}")
        other = target.models.load_model(tmp_path / f"model.{suffix}")
        assert close(other.predict(STEPS, verbose=0), model.predict(STEPS, verbose=0))


def test_json(tmp_path):
    ours, theirs = twins("Adam", {})
    assert [layer.name for layer in cdl.models.model_from_json(theirs.to_json()).layers] == [
        layer.name for layer in theirs.layers
    ]
    assert [layer.name for layer in keras.models.model_from_json(ours.to_json()).layers] == [
        layer.name for layer in ours.layers
    ]


def test_graphs_are_refused_with_the_reason(tmp_path):
    make = keras.layers
    x = make.Input((4,))
    theirs = keras.Model(x, make.Add()([make.Dense(4)(x), x]))
    for suffix in FORMATS:
        theirs.save(tmp_path / f"graph.{suffix}")
        with pytest.raises(cdl.saving.FormatError):
            cdl.models.load_model(tmp_path / f"graph.{suffix}")


def test_names_of_the_module():
    for name in keras.saving.__all__ if hasattr(keras.saving, "__all__") else dir(keras.saving):
        if not name.startswith("_") and name != "KerasFileEditor":
            assert hasattr(cdl.saving, name), name
