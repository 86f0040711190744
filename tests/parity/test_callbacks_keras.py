"""Callbacks beside Keras itself: the same trainings give the same rates, rows, messages and weights."""

import inspect

import numpy as np
import pytest
from keras_peer import assert_same_mistake, keras

import cdl

pytestmark = pytest.mark.filterwarnings("ignore")  # Keras' own

rng = np.random.default_rng(7)
X = rng.normal(size=(24, 3)).astype(np.float32)
Y = rng.normal(size=(24, 1)).astype(np.float32)
KERNEL = rng.normal(size=(3, 1)).astype(np.float32)
LOSSES = [1.0, 0.9, 0.9, 0.95, 0.90005, 0.9, 0.9, 0.5, 0.5, 0.5]


def train(library, make_callbacks, epochs=6, **optimizer):
    """The history of a training without chance, and the model."""
    model = library.Sequential([library.layers.Input((3,)), library.layers.Dense(1)])
    model.compile(library.optimizers.SGD(**{"learning_rate": 0.125, **optimizer}), "mse")
    model.set_weights([KERNEL, np.zeros(1)])
    history = model.fit(
        *(X, Y),
        batch_size=8,
        epochs=epochs,
        shuffle=False,
        verbose=0,
        validation_data=(X[:7], Y[:7]),
        callbacks=make_callbacks(library),
    )
    return history.history, model


def prescribe(library):
    class Prescribe(library.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            logs["loss"] = LOSSES[epoch]

    return Prescribe()


def assert_same_training(make_callbacks, **arguments):
    ours, mine = train(cdl, make_callbacks, **arguments)
    theirs, other = train(keras, make_callbacks, **arguments)
    assert list(ours) == list(theirs)
    for name in ours:
        np.testing.assert_allclose(ours[name], theirs[name], rtol=1e-4, err_msg=name)
    for a, b in zip(mine.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    "arguments",
    [
        {"patience": 2, "factor": 0.5},
        {"patience": 2, "factor": 0.5, "cooldown": 2},
        {"patience": 1, "factor": 0.25, "min_lr": 0.01, "cooldown": 1},
        {"patience": 1, "min_delta": 0.2, "mode": "min"},
        {"patience": 4, "mode": "max", "factor": 0.5},
    ],
    ids=str,
)
def test_plateaus(arguments):
    def make(library):
        return [prescribe(library), library.callbacks.ReduceLROnPlateau(monitor="loss", **arguments)]

    assert_same_training(make, epochs=10)


def test_what_reducing_says(capsys):
    said = []
    for library in (cdl, keras):
        reduce = library.callbacks.ReduceLROnPlateau(monitor="loss", patience=1, factor=0.5, verbose=1)
        train(library, lambda library, reduce=reduce: [prescribe(library), reduce], epochs=4)
        said.append(capsys.readouterr().out)
    assert said[0] == said[1] != ""


def test_rates_of_epochs(capsys):
    for schedule in (lambda epoch, rate: rate * 0.5 if epoch > 2 else rate, lambda epoch: 0.5 / (1 + epoch)):
        assert_same_training(lambda library, s=schedule: [library.callbacks.LearningRateScheduler(s)])
    said = []
    for library in (cdl, keras):
        scheduler = library.callbacks.LearningRateScheduler(lambda epoch: 0.25, verbose=1)
        train(library, lambda library, scheduler=scheduler: [scheduler], epochs=2)
        said.append(capsys.readouterr().out)
    assert said[0] == said[1] != ""


def test_csv_files(tmp_path):
    texts = []
    for library in (cdl, keras):
        path = tmp_path / f"{library.__name__}.csv"

        def make(library, path=path):
            class Note(library.callbacks.Callback):
                def on_epoch_end(self, epoch, logs=None):
                    logs.update(loss=0.5, val_loss=0.25, norms=np.array([1.5, 2.5]), word="a,b")

            return [Note(), library.callbacks.CSVLogger(path, separator=";", append=True)]

        train(library, make, epochs=2)
        train(library, make, epochs=1)
        texts.append(path.read_bytes())
    assert texts[0] == texts[1]


@pytest.mark.parametrize("arguments", [{}, {"swap_on_epoch": True}], ids=str)
def test_averages(arguments):
    def make(library):
        return [library.callbacks.SwapEMAWeights(**arguments)]

    assert_same_training(make, epochs=3, use_ema=True, ema_momentum=0.7)


def test_functions_and_lost_losses(capsys):
    seen = []
    for library in (cdl, keras):
        calls = []

        def make(library, calls=calls):
            callback = library.callbacks.LambdaCallback(
                on_train_begin=lambda logs: calls.append("train"),
                on_epoch_begin=lambda epoch, logs: calls.append(epoch),
                on_batch_end=lambda batch, logs: calls.append(("older", batch)),
                on_train_batch_end=lambda batch, logs: calls.append(("newer", batch)),
                on_test_begin=lambda logs: calls.append("test"),
            )
            return [callback, library.callbacks.TerminateOnNaN()]

        train(library, make, epochs=2, learning_rate=float("inf"))
        seen.append((calls, capsys.readouterr().out))
    assert seen[0] == seen[1]


@pytest.mark.parametrize(
    "name",
    [
        "CSVLogger",
        "CallbackList",
        "EarlyStopping",
        "LambdaCallback",
        "LearningRateScheduler",
        "ProgbarLogger",
        "ReduceLROnPlateau",
        "RemoteMonitor",
        "SwapEMAWeights",
        "TerminateOnNaN",
    ],
)
def test_signatures(name):
    ours, theirs = (inspect.signature(getattr(library.callbacks, name)).parameters for library in (cdl, keras))
    expected = [(p.name, p.default) for p in theirs.values() if (name, p.name) != ("ReduceLROnPlateau", "kwargs")]
    assert [(p.name, p.default) for p in ours.values()] == expected


@pytest.mark.parametrize(
    "mistake",
    [
        lambda library: library.callbacks.ReduceLROnPlateau(factor=1.5),
        lambda library: train(library, lambda lib: [lib.callbacks.ReduceLROnPlateau(monitor="speed")]),
        lambda library: train(library, lambda lib: [lib.callbacks.LearningRateScheduler(lambda epoch: "fast")]),
        lambda library: train(library, lambda lib: [lib.callbacks.SwapEMAWeights()]),
        lambda library: train(library, lambda lib: [lib.callbacks.CSVLogger("/nowhere/log.csv")]),
        lambda library: train(library, lambda lib: [lib.callbacks.TerminateOnNaN(True)], learning_rate=float("nan")),
    ],
)
def test_mistakes(mistake):
    assert_same_mistake(mistake)
