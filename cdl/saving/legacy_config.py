"""Configs of Keras 2 (and of its last versions in TensorFlow) in the words of Keras 3."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np

from cdl.activations import Activation
from cdl.saving.limits import FormatError
from cdl.utils.registry import register_keras_serializable

Config = dict[str, Any]


def major_version(version: Any) -> int:
    """The 2 of "2.15.0"; 1 where there is none, as in the oldest files."""
    found = re.match(r"\d{1,3}", version) if isinstance(version, str) else None
    return int(found[0]) if found else 1


def modernized(config: Any, version: int) -> Any:
    """The config of a model as Keras 3 has it, from that of another major version."""
    return config if version >= 3 else rewritten(config)


def rewritten(config: Any) -> Any:
    """Every config of an object inside, in the words of Keras 3."""
    if isinstance(config, list):
        return [rewritten(item) for item in config]
    if not isinstance(config, dict):
        return config
    config = {key: rewritten(value) for key, value in config.items()}
    name, arguments = config.get("class_name"), config.get("config")
    if not isinstance(name, str):
        return config
    config["class_name"] = name = RENAMED.get(name, name)
    if name == "Sequential" and isinstance(arguments, list):  # before Keras 2.2.3
        config["config"] = arguments = {"layers": arguments}
    if name in MODULES and "module" in config:
        config["module"] = MODULES[name]
    if isinstance(arguments, dict):
        for rewrite in (of_layers, REWRITES.get(name)):
            if rewrite is not None:
                rewrite(arguments)
    if isinstance(config.get("inbound_nodes"), list):
        config["inbound_nodes"] = [node_of(node, name) for node in config["inbound_nodes"]]
    return config


RENAMED = {
    "Model": "Functional",
    "BatchNormalizationV1": "BatchNormalization",
    "BatchNormalizationV2": "BatchNormalization",
    "GRUV2": "GRU",
    "LSTMV2": "LSTM",
}


# ---- layers ----


def of_layers(arguments: Config) -> None:
    """What has changed for all layers: words that are gone, and the meaning of "hard_sigmoid"."""
    if arguments.pop("time_major", False):
        raise FormatError("time_major=True is not offered by cdl: sequences are (batch, steps, features).")
    for gone in ("implementation", "input_length", "_keras_shape"):
        arguments.pop(gone, None)
    for key in ("activation", "recurrent_activation"):
        if arguments.get(key) == "hard_sigmoid":
            arguments[key] = {"class_name": "function", "config": "cdl>keras_2_hard_sigmoid"}
    dtype = arguments.get("dtype")
    if isinstance(dtype, dict) and isinstance(dtype.get("config"), dict):
        arguments["dtype"] = dtype["config"].get("name")


def of_input(arguments: Config) -> None:
    """The shape has another name."""
    if "batch_input_shape" in arguments:
        arguments["batch_shape"] = arguments.pop("batch_input_shape")


def of_batch_normalization(arguments: Config) -> None:
    """The axis stood in a list; what was about speed is gone."""
    if isinstance(arguments.get("axis"), list) and len(arguments["axis"]) == 1:
        arguments["axis"] = arguments["axis"][0]
    for gone in ("fused", "virtual_batch_size", "adjustment"):
        arguments.pop(gone, None)


def of_gru(arguments: Config) -> None:
    """The reset came before the product, where nothing is said."""
    arguments.setdefault("reset_after", False)


def of_leaky_relu(arguments: Config) -> None:
    """The slope has another name."""
    if "alpha" in arguments:
        arguments["negative_slope"] = arguments.pop("alpha")


@register_keras_serializable("cdl", "keras_2_hard_sigmoid")
@Activation
def hard_sigmoid(x: np.ndarray) -> np.ndarray:
    """What Keras 2 calls "hard_sigmoid": 0.2 x + 0.5, but at least 0 and at most 1. In Keras 3 it is x / 6 + 0.5."""
    return np.clip(x.dtype.type(0.2) * x + x.dtype.type(0.5), 0, 1)


@hard_sigmoid.gradient
def hard_sigmoid_gradient(x: np.ndarray, y: np.ndarray, dy: np.ndarray) -> np.ndarray:
    """dx = 0.2 dy where 0 < y < 1, else 0"""
    return np.where((y > 0) & (y < 1), dy * dy.dtype.type(0.2), dy.dtype.type(0))


# ---- graphs ----


def node_of(node: Any, name: str) -> Any:
    """[["conv1", 0, 0, {}]] as Keras 3 writes it."""
    if isinstance(node, dict):
        return node
    sources = node if node and isinstance(node[0], list) else [node]
    tensors = [
        {"class_name": "__keras_tensor__", "config": {"keras_history": list(source[:3])}}
        for source in sources
        if isinstance(source, list) and len(source) >= 3
    ]
    if len(tensors) != len(sources):
        raise FormatError(f"The way into layer {name!r} cannot be read: {str(node)[:200]}")
    return {"args": tensors, "kwargs": {}}


# ---- what compile is told ----


def of_optimizer(arguments: Config) -> None:
    """`lr` is `learning_rate`; `decay` makes it lr / (1 + decay * step)."""
    if "lr" in arguments:
        arguments["learning_rate"] = arguments.pop("lr")
    decay = arguments.pop("decay", 0.0)
    if decay:
        rate = {"initial_learning_rate": arguments.get("learning_rate"), "decay_steps": 1, "decay_rate": decay}
        arguments["learning_rate"] = {
            "module": "keras.optimizers.schedules",
            "class_name": "InverseTimeDecay",
            "config": rate,
        }
    for gone in ("is_legacy_optimizer", "jit_compile", "schedule_decay", "initial_accumulator_value"):
        if gone != "initial_accumulator_value" or arguments.get(gone) is None:
            arguments.pop(gone, None)


OPTIMIZERS = ("SGD", "RMSprop", "Adam", "AdamW", "Adamax", "Nadam", "Adagrad", "Adadelta", "Ftrl")
REWRITES: dict[str, Callable[[Config], None]] = {
    "InputLayer": of_input,
    "BatchNormalization": of_batch_normalization,
    "GRU": of_gru,
    "GRUCell": of_gru,
    "LeakyReLU": of_leaky_relu,
    **dict.fromkeys(OPTIMIZERS, of_optimizer),
}


def compile_config_of(training: Any, version: int) -> Config:
    """The arguments of `compile` from the "training_config" of a legacy file."""
    training = modernized(training, version)
    if not isinstance(training, dict) or not isinstance(training.get("optimizer_config"), dict):
        raise FormatError("The training_config has no optimizer_config.")
    arguments = {"optimizer": {"module": "keras.optimizers", **training["optimizer_config"]}}
    for key, module in (("loss", "losses"), ("metrics", "metrics"), ("weighted_metrics", "metrics")):
        arguments[key] = named(training.get(key), f"keras.{module}")
    return arguments


def named(value: Any, module: str) -> Any:
    """Losses and metrics; by their names, where Keras 2 in TensorFlow wraps their functions."""
    if isinstance(value, list):
        flat = [item for part in value for item in (part if isinstance(part, list) else [part])]
        return [named(item, module) for item in flat]
    if not isinstance(value, dict) or not isinstance(value.get("config"), dict):
        return value
    if value.get("class_name") in ("MeanMetricWrapper", "LossFunctionWrapper"):
        return value["config"].get("name")
    arguments = {key: item for key, item in value["config"].items() if (key, item) != ("reduction", "auto")}
    return {"module": module, **value, "config": arguments}


# ---- modules, which legacy files leave out ----

LAYER_KEYS = {"layers", "layer", "backward_layer", "cell", "cells"}
MODULES = {"Sequential": "keras", "Functional": "keras.src.models.functional"}


def with_modules(config: Any) -> Any:
    """The config of a model or layer, with the modules of it and of the layers inside."""
    if isinstance(config, list):
        return [with_modules(item) for item in config]
    if not isinstance(config, dict) or not isinstance(config.get("config"), dict):
        return config
    arguments = {key: with_modules(item) if key in LAYER_KEYS else item for key, item in config["config"].items()}
    return {"module": MODULES.get(str(config.get("class_name")), "keras.layers"), **config, "config": arguments}
