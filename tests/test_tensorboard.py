"""The callback TensorBoard: which files it writes, and what is in them."""

import sys

import numpy as np
import pytest
from events import scalars_in, values_in

from cdl import Sequential, layers
from cdl.callbacks import TensorBoard

RNG = np.random.default_rng(3)
X, Y = RNG.normal(size=(40, 4)), RNG.integers(0, 3, 40)


@pytest.fixture
def model():
    model = Sequential([layers.Input((4,)), layers.Dense(3, activation="softmax", name="out")], name="net")
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def quiet(folder, **options):
    return TensorBoard(folder, **{"write_graph": False, **options})


def fit(model, callback, **options):
    return model.fit(X, Y, epochs=2, callbacks=[callback], verbose=0, **options).history


def test_epochs_of_training_and_validation_are_in_two_folders(model, tmp_path):
    history = fit(model, quiet(tmp_path), validation_data=(X, Y))
    train, validation = scalars_in(tmp_path / "train"), scalars_in(tmp_path / "validation")
    assert [(tag, step) for tag, step, _ in train] == [
        (f"epoch_{name}", epoch) for epoch in (0, 1) for name in ("accuracy", "loss", "learning_rate")
    ]
    np.testing.assert_allclose([value for tag, _, value in train if tag == "epoch_loss"], history["loss"], rtol=1e-6)
    of_epochs = [value for tag, _, value in validation if tag == "epoch_loss"]
    np.testing.assert_allclose(of_epochs, history["val_loss"], rtol=1e-6)
    assert [step for tag, step, _ in validation if tag == "evaluation_loss_vs_iterations"] == [2, 4]


def test_without_validation_there_is_no_folder_for_it(model, tmp_path):
    fit(model, quiet(tmp_path / "a" / "b"))
    assert [folder.name for folder in (tmp_path / "a" / "b").iterdir()] == ["train"]


@pytest.mark.parametrize(("update_freq", "steps"), [("batch", [1, 2, 3, 4, 5, 6]), (2, [2, 4, 6]), ("epoch", [])])
def test_batches_are_written_after_so_many_steps(model, tmp_path, update_freq, steps):
    fit(model, quiet(tmp_path, update_freq=update_freq), batch_size=16)
    assert [step for tag, step, _ in scalars_in(tmp_path / "train") if tag == "batch_loss"] == steps


def test_steps_per_second(model, tmp_path):
    fit(model, quiet(tmp_path, write_steps_per_second=True, update_freq=1))
    rates = {(tag, step): value for tag, step, value in scalars_in(tmp_path / "train") if "per_second" in tag}
    assert [tag for tag, _ in rates].count("batch_steps_per_second") == 4
    assert {("epoch_steps_per_second", 0), ("epoch_steps_per_second", 1)} < set(rates)
    assert min(rates.values()) > 0


def test_histograms_of_weights_at_the_end_of_epochs(model, tmp_path):
    model.fit(X, Y, epochs=3, callbacks=[quiet(tmp_path, histogram_freq=2)], verbose=0)
    found = [(step, value) for step, value in values_in(tmp_path / "train") if value.HasField("histo")]
    names = ("net/out/kernel/histogram", "net/out/bias/histogram")
    assert [(step, value.tag) for step, value in found] == [(step, name) for step in (0, 2) for name in names]
    last, kernel = found[2][1].histo, model.get_weights()[0]
    assert last.num == kernel.size and sum(last.bucket) == kernel.size
    assert last.min == pytest.approx(kernel.min()) and last.sum == pytest.approx(kernel.sum(), abs=1e-5)


def test_the_layers_are_written_for_the_conceptual_graph(model, tmp_path):
    fit(model, TensorBoard(tmp_path))
    step, value = values_in(tmp_path / "train")[0]
    assert (step, value.tag, value.metadata.plugin_data.plugin_name) == (0, "keras", "graph_keras_model")
    (text,) = value.tensor.string_val
    assert text.decode() == model.to_json()


def test_a_layer_that_cannot_say_what_it_is_is_no_obstacle(tmp_path):
    model = Sequential([layers.Input((4,)), layers.Dense(3, activation=lambda x: x)])
    model.compile("sgd", "sparse_categorical_crossentropy")
    with pytest.warns(UserWarning, match="the model's layers are left out"):
        model.evaluate(X, Y, callbacks=[TensorBoard(tmp_path)], verbose=0)
    assert scalars_in(tmp_path / "validation")


def test_evaluate_writes_at_once_and_trainings_follow_each_other(model, tmp_path):
    callback = quiet(tmp_path)
    fit(model, callback)
    model.evaluate(X, Y, callbacks=[callback], verbose=0)
    assert [step for _, step, _ in scalars_in(tmp_path / "validation")] == [4, 4]
    fit(model, callback)
    assert len([tag for tag, _, _ in scalars_in(tmp_path / "train") if tag == "epoch_loss"]) == 4


def test_a_training_after_an_interrupted_one_leaves_what_that_has_written(model, tmp_path):
    class Interrupted(TensorBoard):
        def on_epoch_begin(self, epoch, logs=None):
            super().on_epoch_begin(epoch, logs)
            if epoch == 1 and not (tmp_path / "interrupted").exists():
                (tmp_path / "interrupted").touch()
                raise KeyboardInterrupt

    callback = Interrupted(tmp_path, write_graph=False)
    with pytest.raises(KeyboardInterrupt):
        fit(model, callback)
    fit(model, callback)
    assert [step for tag, step, _ in scalars_in(tmp_path / "train") if tag == "epoch_loss"] == [0, 0, 1]


def test_weights_that_are_not_finite_do_not_end_the_training(model, tmp_path):
    model.set_weights([np.full((4, 3), np.nan), np.zeros(3)])
    fit(model, quiet(tmp_path, histogram_freq=1))
    assert [step for tag, step, _ in scalars_in(tmp_path / "train") if tag == "epoch_loss"] == [0, 1]
    assert not any(value.HasField("histo") for _, value in values_in(tmp_path / "train"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"write_images": True}, "write_images is not supported"),
        ({"profile_batch": (2, 4)}, "profile_batch is not supported"),
        ({"embeddings_freq": 1}, "embeddings_freq is not supported"),
        ({"embeddings_metadata": {"a": "b"}}, "embeddings_metadata is not supported"),
        ({"update_freq": 0}, "update_freq is 'batch', 'epoch' or a number"),
        ({"update_freq": "step"}, "update_freq is 'batch', 'epoch' or a number"),
    ],
)
def test_arguments_that_make_no_sense_here_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        TensorBoard(**options)


def test_without_tensorboardx_the_error_says_what_to_install(model, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    with pytest.raises(ImportError, match=r'pip install "cdlearn\[tensorboard\]"'):
        fit(model, quiet("logs"))
