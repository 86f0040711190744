"""Files that Keras has written since 2017, and others in circulation: they load, and give their known outputs."""

import json
import os
from pathlib import Path

import h5py
import numpy as np
import pytest

import cdl
from cdl import Sequential, layers, saving

DATA = Path(os.environ.get("CDL_DATA_DIR", "absent")) / "models"
needs_files = pytest.mark.skipif(not DATA.exists(), reason="needs model files: set CDL_DATA_DIR")


def known(name):
    """Inputs and outputs that came with the file."""
    folder = DATA / ("keras-h5" if name.endswith(".h5") else "keras-v3")
    stem = name.rpartition(".")[0]
    if (folder / f"{stem}.io.npz").exists():
        arrays = np.load(folder / f"{stem}.io.npz")
        return folder / name, arrays["x"], arrays["y"]
    if (folder / f"{stem}_input.npy").exists():
        x, y = (np.load(folder / f"{stem}_{what}.npy") for what in ("input", "predictions"))
        return folder / name, x, y
    with h5py.File(folder / f"{stem.removesuffix('_model')}_inputs_and_outputs.h5") as file:
        x, y = (np.array(next(iter(file[what].values()))) for what in ("inputs", "predictions"))
    return folder / name, x, y


CHAINS = [
    "simple_sparse_xent_mlp_keras_2_model.h5",
    "simple_rnn_tf_keras_2_model.h5",
    "simple_flatten_rnn_tf_keras_2_model.h5",
    "simple_lstm_tf_keras_2_model.h5",
    "conv1d_k3_s1_d1_cl_same_model.h5",
    "conv1d_k3_s2_d1_cl_valid_model.h5",
    "causal_conv1d_k2_s1_d2_cl_model.h5",
    "cnn_batch_norm.h5",
    "bidirectional_lstm_tensorflow_2.h5",
    "embedding_lstm_tensorflow_2.h5",
    "mnist_cnn_keras3.1.1.h5",
    "mnist_cnn_keras3.1.1.keras",
    "kyiv_deep_nn_model_keras2.15.keras",
    "kyiv_gru_keras2.15.keras",
]


@needs_files
@pytest.mark.parametrize("name", CHAINS)
def test_real_files_give_their_known_outputs(name, tmp_path):
    path, x, y = known(name)
    model = cdl.models.load_model(path)
    assert np.allclose(model.predict(x), y, rtol=1e-4, atol=2e-6)
    for suffix in ("safetensors", "keras", "h5"):
        model.save(tmp_path / f"again.{suffix}")
        again = cdl.models.load_model(tmp_path / f"again.{suffix}")
        assert np.array_equal(again.predict(x), model.predict(x))


@needs_files
@pytest.mark.parametrize("name", CHAINS)
def test_weights_of_real_files(name):
    path, x, y = known(name)
    model = cdl.models.load_model(path, compile=False)
    model.set_weights([np.zeros_like(weight) for weight in model.get_weights()])
    model.load_weights(path)
    assert np.allclose(model.predict(x), y, rtol=1e-4, atol=2e-6)


@needs_files
@pytest.mark.parametrize("name", ["12net.h5", "cifar10_resnet8_keras2.4.h5"])
def test_graphs_are_refused_with_the_reason(name):
    with pytest.raises(saving.FormatError, match="a chain of layers from one input"):
        cdl.models.load_model(DATA / "keras-h5" / name)


@needs_files
@pytest.mark.parametrize("name", [name for name in CHAINS if "rnn" in name or "lstm_tf" in name or "mnist" in name])
def test_the_optimizers_state_is_loaded(name):
    path = known(name)[0]
    model = cdl.models.load_model(path)
    if name.endswith(".keras"):
        assert all(np.any(variable.value) for variable in model.optimizer.variables)
        return
    with h5py.File(path) as file:
        group = file["optimizer_weights"]
        saved = [group[weight][()] for weight in group.attrs["weight_names"]]
    state = [variable.value for variable in model.optimizer.variables]
    assert all(map(np.array_equal, state if "3.1.1" in name else state[2:], saved))


@needs_files
def test_a_file_that_rust_has_written():
    tensors = saving.load_safetensors(DATA / "safetensors" / "mnist_mlp.safetensors")
    arrays = np.load(DATA / "safetensors" / "mnist_mlp.io.npz")
    units = (512, 128, 32)
    model = Sequential([layers.Input((784,)), *(layers.Dense(n, "relu") for n in units), layers.Dense(10)])
    names = [name.removesuffix(".weight") for name in sorted(tensors) if name.endswith(".weight")]
    model.set_weights([tensor for name in names for tensor in (tensors[f"{name}.weight"].T, tensors[f"{name}.bias"])])
    assert np.allclose(model.predict(arrays["x"].reshape(8, 784)), arrays["y"], rtol=1e-4, atol=1e-4)


# ---- what changed since Keras 2, in small files of our own ----


def keras_2_file(path, model_layers, weights, training=None, version=b"2.3.1"):
    """A file as Keras 2 wrote it: `weights` are the arrays of each layer, by the layer's name."""
    with h5py.File(path, "w") as file:
        file.attrs["keras_version"], file.attrs["backend"] = version, b"tensorflow"
        config = {"class_name": "Sequential", "config": {"name": "old", "layers": model_layers}}
        file.attrs["model_config"] = json.dumps(config).encode()
        if training:
            file.attrs["training_config"] = json.dumps(training).encode()
        group = file.create_group("model_weights")
        group.attrs["layer_names"] = [name.encode() for name in weights]
        for name, arrays in weights.items():
            inner = group.create_group(name)
            inner.attrs["weight_names"] = [f"{name}/{number}:0".encode() for number in range(len(arrays))]
            for number, array in enumerate(arrays):
                inner.create_dataset(f"{name}/{number}:0", data=array)


def dense(units, **config):
    config = {"name": "dense", "units": units, "batch_input_shape": [None, 3], **config}
    return {"class_name": "Dense", "config": config}


WEIGHTS = {"dense": [np.ones((3, 2), "float32"), np.zeros(2, "float32")]}


def test_hard_sigmoid_of_keras_2(tmp_path):
    keras_2_file(tmp_path / "old.h5", [dense(2, activation="hard_sigmoid")], WEIGHTS)
    model = cdl.models.load_model(tmp_path / "old.h5")
    x = np.array([[1, 0, 0], [5, 0, 0], [-5, 0, 0]], "float32")
    assert np.allclose(model.predict(x)[:, 0], [0.7, 1, 0])
    model.compile("sgd", "mse")
    assert np.isfinite(model.fit(x, np.zeros((3, 2)), verbose=0).history["loss"]).all()
    model.save(tmp_path / "new.safetensors")
    assert np.array_equal(cdl.models.load_model(tmp_path / "new.safetensors").predict(x), model.predict(x))


def test_gru_of_keras_2_had_one_bias(tmp_path):
    arrays = [np.full((2, 9), 0.1), np.full((3, 9), 0.2), np.zeros(9)]
    gru = {"class_name": "GRU", "config": {"name": "gru", "units": 3, "batch_input_shape": [None, 4, 2]}}
    keras_2_file(tmp_path / "old.h5", [gru], {"gru": [array.astype("float32") for array in arrays]})
    assert cdl.models.load_model(tmp_path / "old.h5").layers[0].reset_after is False


def test_learning_rates_of_keras_2(tmp_path):
    optimizer = {"class_name": "SGD", "config": {"lr": 0.1, "decay": 0.01, "momentum": 0.9, "nesterov": False}}
    training = {"optimizer_config": optimizer, "loss": "mse", "metrics": ["acc"], "loss_weights": None}
    keras_2_file(tmp_path / "old.h5", [dense(2)], WEIGHTS, training)
    model = cdl.models.load_model(tmp_path / "old.h5")
    assert model.optimizer.learning_rate == pytest.approx(0.1)
    model.optimizer.variables[0].assign(100)
    assert model.optimizer.learning_rate == pytest.approx(0.05)


def test_wrapped_functions_of_keras_2_in_tensorflow(tmp_path):
    metric = {"class_name": "MeanMetricWrapper", "config": {"name": "accuracy", "fn": "categorical_accuracy"}}
    loss = {"class_name": "CategoricalCrossentropy", "config": {"reduction": "auto", "from_logits": True}}
    optimizer = {"class_name": "Adam", "config": {"name": "Adam", "learning_rate": 0.1, "decay": 0.0}}
    training = {"optimizer_config": optimizer, "loss": loss, "metrics": [[metric]], "weighted_metrics": None}
    keras_2_file(tmp_path / "old.h5", [dense(2)], WEIGHTS, training)
    model = cdl.models.load_model(tmp_path / "old.h5")
    assert model.objective.loss.from_logits
    assert list(model.fit(np.ones((4, 3)), np.eye(2)[[0, 1, 0, 1]], verbose=0).history) == ["accuracy", "loss"]


def test_inner_modules_of_keras():
    """Which it names where its backend is PyTorch, and in version 2."""
    for module in ("keras.src.backend.torch.optimizers.torch_adam", "keras.src.optimizers.adam"):
        config = {"module": module, "class_name": "Adam", "config": {"learning_rate": 0.5}, "registered_name": "Adam"}
        assert saving.deserialize_keras_object(config).learning_rate == 0.5
    for module in ("keras.src.optimizers.schedules.learning_rate_schedule", "keras.optimizers.schedules"):
        rate = {"module": module, "class_name": "CosineDecay", "config": {"initial_learning_rate": 1, "decay_steps": 9}}
        assert saving.deserialize_keras_object(rate)(0) == 1
    with pytest.raises(ValueError, match="locate"):
        saving.deserialize_keras_object({"module": "keras.src.utils.io_utils", "class_name": "Adam", "config": {}})


def test_what_keras_2_had_and_nobody_has_now(tmp_path):
    lambda_layer = {"class_name": "Lambda", "config": {"name": "lambda", "function": ["4wEAAAA=", None, None]}}
    keras_2_file(tmp_path / "old.h5", [dense(2), lambda_layer], WEIGHTS)
    with pytest.raises(saving.FormatError, match="Lambda"):
        cdl.models.load_model(tmp_path / "old.h5", safe_mode=False)


def test_names_that_are_too_long_for_one_attribute(tmp_path):
    stack = [layers.Dense(2, name=f"a_layer_with_a_name_of_{number:0>180}") for number in range(400)]
    model = Sequential([layers.Input((2,)), *stack])
    model.save(tmp_path / "model.h5")
    with h5py.File(tmp_path / "model.h5") as file:
        assert "layer_names1" in file["model_weights"].attrs
    x = np.ones((1, 2), "float32")
    assert np.array_equal(cdl.models.load_model(tmp_path / "model.h5").predict(x), model.predict(x))


@pytest.mark.parametrize("suffix", ["keras", "h5", "weights.h5"])
def test_without_h5py_the_extra_is_named(suffix, tmp_path, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "h5py", None)
    model = Sequential([layers.Input((2,)), layers.Dense(2)])
    save = model.save_weights if suffix == "weights.h5" else model.save
    with pytest.raises(ImportError, match=r"cdlearn\[keras\]"):
        save(tmp_path / f"model.{suffix}")
    assert os.listdir(tmp_path) == []
    model.save(tmp_path / "model.safetensors")
    cdl.models.load_model(tmp_path / "model.safetensors")
