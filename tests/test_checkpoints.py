"""ModelCheckpoint and BackupAndRestore, and what is left of a training that is interrupted."""

import os

import numpy as np
import pytest

from cdl import Sequential, layers, losses, models, optimizers, utils
from cdl.callbacks import BackupAndRestore, Callback, CSVLogger, EarlyStopping, ModelCheckpoint

RNG = np.random.default_rng(0)
X = RNG.normal(size=(100, 6))
Y = (X[:, 0] * X[:, 1] > 0).astype(int)


def network(units=16):
    """With everything that has a state of its own: dropout, batch normalisation, Adam; and the order of samples."""
    utils.set_random_seed(3)
    model = Sequential(
        [
            layers.Input((6,)),
            layers.Dense(units, activation="relu"),
            layers.Dropout(0.3),
            layers.BatchNormalization(),
            layers.Dense(2),
        ]
    )
    loss = losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizers.Adam(1e-2), loss, metrics=["accuracy"])
    return model


def fit(model, *callbacks, epochs=6, **options):
    return model.fit(
        X, Y, epochs=epochs, batch_size=16, validation_split=0.2, callbacks=[*callbacks], verbose=0, **options
    )


def same_weights(a, b):
    return all(np.array_equal(u, v) for u, v in zip(a.get_weights(), b.get_weights(), strict=True))


class Interrupt(Callback):
    """What Ctrl-C does, after a batch; epoch and batch count from 0."""

    def __init__(self, epoch, batch, error=KeyboardInterrupt):
        super().__init__()
        self.at, self.error = (epoch, batch), error

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        if (self.epoch, batch) == self.at:
            raise self.error


# ---- ModelCheckpoint ----


def test_a_file_for_each_epoch(tmp_path):
    model = network()
    history = fit(model, ModelCheckpoint(tmp_path / "a" / "{epoch:02d}-{val_loss:.2f}.safetensors"), epochs=3).history
    expected = [f"{epoch:02d}-{loss:.2f}.safetensors" for epoch, loss in enumerate(history["val_loss"], 1)]
    assert sorted(os.listdir(tmp_path / "a")) == expected
    assert same_weights(models.load_model(tmp_path / "a" / expected[-1]), model)


@pytest.mark.parametrize("suffix", [".safetensors", ".keras", ".h5"])
def test_models_in_all_formats(tmp_path, suffix):
    model, path = network(), tmp_path / f"model{suffix}"
    fit(model, ModelCheckpoint(path), epochs=2)
    loaded = models.load_model(path)
    assert same_weights(loaded, model) and loaded.optimizer.iterations == 10
    loaded.fit(X, Y, verbose=0)


@pytest.mark.parametrize("suffix", [".safetensors", ".weights.h5"])
def test_weights_in_all_formats(tmp_path, suffix):
    model, path = network(), tmp_path / f"model{suffix}"
    fit(model, ModelCheckpoint(path, save_weights_only=True), epochs=1)
    other = network()
    other.load_weights(path)
    assert same_weights(model, other)


def test_only_the_best(tmp_path):
    model, path = network(), tmp_path / "best.safetensors"
    history = fit(model, ModelCheckpoint(path, save_best_only=True, monitor="val_accuracy"), epochs=8).history
    validation = X[80:], Y[80:]
    assert models.load_model(path).evaluate(*validation, verbose=0)[1] == pytest.approx(max(history["val_accuracy"]))


def test_the_threshold_has_to_be_beaten(tmp_path):
    fit(
        network(),
        ModelCheckpoint(tmp_path / "m.safetensors", save_best_only=True, initial_value_threshold=0.0),
        epochs=2,
    )
    assert not list(tmp_path.iterdir())


def test_after_so_many_batches(tmp_path):
    """Counted on from epoch to epoch: an epoch has 5 batches."""
    fit(network(), ModelCheckpoint(tmp_path / "{epoch}-{batch}.safetensors", save_freq=3), epochs=2)
    assert sorted(os.listdir(tmp_path)) == ["1-3.safetensors", "2-1.safetensors", "2-4.safetensors"]


def test_where_the_quantity_is_missing_it_saves_and_warns(tmp_path):
    checkpoint = ModelCheckpoint(tmp_path / "m.safetensors", "val_f1", save_best_only=True, mode="max")
    with pytest.warns(UserWarning, match="Can save best model only with val_f1 available"):
        fit(network(), checkpoint, epochs=1)
    assert (tmp_path / "m.safetensors").exists()


def test_what_it_says(tmp_path, capsys):
    path = tmp_path / "m.safetensors"
    fit(network(), ModelCheckpoint(path, "loss", save_best_only=True, verbose=1, initial_value_threshold=9.0), epochs=1)
    assert capsys.readouterr().out.startswith("\nEpoch 1: loss improved from 9.00000 to ")
    fit(network(), ModelCheckpoint(path, verbose=1), epochs=1)
    assert capsys.readouterr().out == (
        f"\nEpoch 1: saving model to {path}\n\nEpoch 1: finished saving model to {path}\n"
    )
    fit(network(), ModelCheckpoint(path, "loss", save_best_only=True, verbose=1, initial_value_threshold=0.0), epochs=1)
    assert capsys.readouterr().out == "\nEpoch 1: loss did not improve from 0.00000\n"


@pytest.mark.parametrize(
    ("path", "options", "message"),
    [
        ("m.pickle", {}, r"ends with one of \.safetensors, \.keras, \.h5\. Received: filepath='m\.pickle'"),
        ("m.weights.h5", {}, r"ends with one of \.safetensors, \.keras, \.h5"),
        ("m.keras", {"save_weights_only": True}, r"ends with one of \.safetensors, \.weights\.h5"),
        ("m.keras", {"save_freq": "batch"}, "save_freq is 'epoch' or a number of batches"),
        ("m.keras", {"save_freq": 0}, "save_freq is 'epoch' or a number of batches"),
        ("m.keras", {"mode": "best"}, "mode is 'auto'"),
    ],
)
def test_checkpoint_refuses(path, options, message):
    with pytest.raises(ValueError, match=message):
        ModelCheckpoint(path, **options)


def test_a_name_that_is_not_in_the_logs(tmp_path):
    with pytest.raises(KeyError, match=r"Failed to format this callback filepath.*val_auc.*val_loss"):
        fit(network(), ModelCheckpoint(tmp_path / "{val_auc}.keras"), epochs=1)


def test_a_folder_is_no_file(tmp_path):
    (tmp_path / "m.safetensors").mkdir()
    with pytest.raises(OSError, match="Please specify a non-directory filepath"):
        fit(network(), ModelCheckpoint(tmp_path / "m.safetensors"), epochs=1)


def test_a_quantity_of_unknown_direction(tmp_path):
    with pytest.raises(ValueError, match="Pass mode='max' or mode='min'"):
        fit(network(), ModelCheckpoint(tmp_path / "m.safetensors", "own", save_best_only=True), epochs=1)


# ---- BackupAndRestore ----


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError])
def test_a_training_that_was_cut_off_ends_as_if_it_had_not(tmp_path, error):
    straight = network()
    history = fit(straight).history
    with pytest.raises(error):
        fit(network(), BackupAndRestore(tmp_path / "b"), Interrupt(3, 2, error))
    again = network()  # as the same script makes it
    resumed = fit(again, BackupAndRestore(tmp_path / "b"))
    assert resumed.epoch == [3, 4, 5]
    assert resumed.history == {name: values[3:] for name, values in history.items()}
    assert same_weights(again, straight)
    assert not (tmp_path / "b").exists()


def test_cut_off_twice(tmp_path):
    straight = network()
    fit(straight)
    for epoch in (1, 4):
        with pytest.raises(KeyboardInterrupt):
            fit(network(), BackupAndRestore(tmp_path), Interrupt(epoch, 0))
    again = network()
    assert fit(again, BackupAndRestore(tmp_path)).epoch == [4, 5]
    assert same_weights(again, straight)


def test_within_an_epoch_it_begins_the_epoch_again(tmp_path):
    model = network()
    with pytest.raises(KeyboardInterrupt):
        fit(model, BackupAndRestore(tmp_path, save_freq=2), Interrupt(2, 1))
    backed_up = model.get_weights()
    again = network()

    class First(Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 2:
                self.weights = self.model.get_weights()

    first = First()
    assert fit(again, BackupAndRestore(tmp_path, save_freq=2), first).epoch == [2, 3, 4, 5]
    assert all(np.array_equal(a, b) for a, b in zip(first.weights, backed_up, strict=True))


def test_a_backup_can_be_kept_and_then_nothing_is_left_to_do(tmp_path):
    model = network()
    fit(model, BackupAndRestore(tmp_path, delete_checkpoint=False), epochs=2)
    again = network()
    assert fit(again, BackupAndRestore(tmp_path, delete_checkpoint=False), epochs=2).epoch == []
    assert same_weights(again, model)
    assert fit(again, BackupAndRestore(tmp_path), epochs=3).epoch == [2]
    assert fit(again, epochs=2).epoch == [0, 1]  # the next training begins where it is told to


def test_of_two_backups_the_earlier_one_is_taken_where_the_last_one_is_damaged(tmp_path):
    for damage in (lambda path: path.write_bytes(path.read_bytes()[:100]), lambda path: path.unlink()):
        with pytest.raises(KeyboardInterrupt):
            fit(network(), BackupAndRestore(tmp_path, double_checkpoint=True), Interrupt(3, 2))
        damage(tmp_path / "latest.safetensors")
        assert fit(network(), BackupAndRestore(tmp_path, double_checkpoint=True)).epoch == [2, 3, 4, 5]


def test_a_damaged_backup_alone_is_an_error(tmp_path):
    (tmp_path / "latest.safetensors").write_bytes(b"nothing of the kind")
    with pytest.raises(ValueError, match=r"latest\.safetensors"):
        fit(network(), BackupAndRestore(tmp_path))


@pytest.mark.filterwarnings("ignore:Adam")
def test_a_backup_of_another_model_is_an_error_and_changes_nothing(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        fit(network(), BackupAndRestore(tmp_path), Interrupt(1, 0))
    other = network(units=5)
    before = other.get_weights()
    with pytest.raises(ValueError, match="shape"):
        fit(other, BackupAndRestore(tmp_path))
    assert all(np.array_equal(a, b) for a, b in zip(other.get_weights(), before, strict=True))


def test_what_others_have_put_into_the_folder_stays(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    fit(network(), BackupAndRestore(tmp_path), epochs=1)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"backup_dir": ""}, "Empty `backup_dir`"),
        ({"backup_dir": "b", "save_freq": False}, "save_freq is 'epoch' or a number of batches"),
        ({"backup_dir": "b", "save_freq": "batch"}, "save_freq is 'epoch' or a number of batches"),
    ],
)
def test_backup_refuses(arguments, message):
    with pytest.raises(ValueError, match=message):
        BackupAndRestore(**arguments)


# ---- interrupted ----


def test_an_interrupted_model_is_usable(tmp_path):
    """Ctrl-C after some batches of the third epoch: the model predicts, is saved, and learns on."""
    model = network()
    callbacks = [
        CSVLogger(tmp_path / "log.csv"),
        ModelCheckpoint(tmp_path / "m.safetensors"),
        EarlyStopping(restore_best_weights=True, patience=9),
    ]
    with pytest.raises(KeyboardInterrupt):
        fit(model, *callbacks, Interrupt(2, 3))
    assert model.history.epoch == [0, 1]
    assert [len(values) for values in model.history.history.values()] == [2, 2, 2, 2]
    assert len((tmp_path / "log.csv").read_text().splitlines()) == 3
    assert np.isfinite(model.predict(X, verbose=0)).all()
    model.save(tmp_path / "interrupted.safetensors")
    assert same_weights(models.load_model(tmp_path / "interrupted.safetensors"), model)
    at_epoch_2 = models.load_model(tmp_path / "m.safetensors")
    assert at_epoch_2.optimizer.iterations == 10 and model.optimizer.iterations == 14
    assert fit(model, *callbacks, epochs=2).epoch == [0, 1]
    assert model.optimizer.iterations == 24


def test_interrupted_while_it_saves_the_file_before_is_whole(tmp_path, monkeypatch):
    model, path = network(), tmp_path / "m.safetensors"
    renamed, replace = [], os.replace

    def interrupted(source, target):
        renamed.append(target)
        if len(renamed) == 3:
            raise KeyboardInterrupt
        replace(source, target)

    monkeypatch.setattr(os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        fit(model, ModelCheckpoint(path))
    assert models.load_model(path).optimizer.iterations == 10  # that of the second epoch
    assert [file.name for file in tmp_path.iterdir()] == ["m.safetensors"]
