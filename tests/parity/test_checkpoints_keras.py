"""ModelCheckpoint saves when Keras' does, under the same names, and says the same."""

import numpy as np
import pytest

import cdl

keras = pytest.importorskip("keras")

X = np.random.default_rng(4).normal(size=(40, 4)).astype("float32")
Y = np.random.default_rng(5).integers(0, 3, 40)


def network(kit):
    layers = kit.layers
    model = kit.Sequential([layers.Input((4,)), layers.Dense(3, activation="softmax", name="out")], name="net")
    model.set_weights([np.linspace(-1, 1, 12).reshape(4, 3), np.zeros(3)])
    model.compile(kit.optimizers.SGD(2.0), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def checkpoints(kit, capsys, path, **options):
    """What is saved how and after which batches, and what is printed."""
    saved = []
    model = network(kit)
    model.save = lambda path, **_: saved.append(("model", path, int(model.optimizer.iterations)))
    model.save_weights = lambda path, **_: saved.append(("weights", path, int(model.optimizer.iterations)))
    callback = kit.callbacks.ModelCheckpoint(path, verbose=1, **options)
    model.fit(X, Y, batch_size=8, epochs=5, shuffle=False, validation_data=(X, Y), callbacks=[callback], verbose=0)
    return saved, capsys.readouterr().out


@pytest.mark.parametrize(
    ("path", "options"),
    [
        ("m.keras", {}),
        ("{epoch:02d}-{val_loss:.2f}-{accuracy:.3f}.keras", {}),
        ("w{epoch}.weights.h5", {"save_weights_only": True}),
        ("best.keras", {"save_best_only": True}),
        ("best-{epoch}.keras", {"save_best_only": True, "monitor": "val_accuracy"}),
        ("best.keras", {"save_best_only": True, "monitor": "accuracy", "mode": "min"}),
        ("best.keras", {"save_best_only": True, "monitor": "loss", "initial_value_threshold": 1.0}),
        ("{epoch}-{batch}.keras", {"save_freq": 3}),
        ("{epoch}-{batch}.keras", {"save_freq": 7}),
        ("{epoch}.h5", {"save_freq": 1}),
    ],
)
def test_same_files_at_the_same_time_with_the_same_words(path, options, capsys):
    theirs = checkpoints(keras, capsys, path, **options)
    assert checkpoints(cdl, capsys, path, **options) == theirs
    assert theirs[1]


@pytest.mark.parametrize(
    ("path", "options"),
    [("m", {}), ("m.keras", {"save_weights_only": True}), ("m.keras", {"save_freq": "batch"}), ("m.pb", {})],
)
def test_same_errors(path, options):
    for kit in (keras, cdl):
        with pytest.raises(ValueError):
            kit.callbacks.ModelCheckpoint(path, **options)


@pytest.mark.filterwarnings("ignore:__array__:DeprecationWarning")
def test_backup_and_restore_goes_on_with_the_same_epoch(tmp_path):
    epochs = {}
    for kit in (keras, cdl):

        class Stop(kit.callbacks.Callback):
            def on_epoch_begin(self, epoch, logs=None):
                if epoch == 2:
                    raise KeyboardInterrupt

        backup = tmp_path / kit.__name__
        with pytest.raises(KeyboardInterrupt):
            callbacks = [kit.callbacks.BackupAndRestore(str(backup)), Stop()]
            network(kit).fit(X, Y, epochs=4, callbacks=callbacks, verbose=0)
        again = kit.callbacks.BackupAndRestore(str(backup))
        epochs[kit] = network(kit).fit(X, Y, epochs=4, callbacks=[again], verbose=0).epoch
    assert epochs[cdl] == epochs[keras] == [2, 3]
