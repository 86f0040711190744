"""Keras' older files, `.h5`: whole models in HDF5, as all of Keras 2 and, if asked to, Keras 3 write them.

    attributes keras_version, model_config and training_config (JSON)
    model_weights/                  attribute layer_names
        dense/                      attribute weight_names: the trainable weights, then the others
            sequential/dense/kernel
    optimizer_weights/              attribute weight_names

Layers are matched by their order, among those that have weights.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

from cdl.saving.atomic import replacing
from cdl.saving.construction import config_of, loading, model_from_config
from cdl.saving.hdf5_file import (
    HDF5Tensor,
    group_in,
    names_attribute,
    open_hdf5,
    require_h5py,
    tensors_in,
    text_attribute,
)
from cdl.saving.keras_archive import KERAS_VERSION
from cdl.saving.legacy_config import compile_config_of, major_version, modernized, with_modules
from cdl.saving.limits import FormatError, as_json, parse_json
from cdl.saving.state import Stored, give, holders, report, unfit
from cdl.variable import Variable

ATTRIBUTE_BYTES = 64_000  # HDF5 keeps at most so many in one


# ---- to a file ----


def save_model(model: Any, path: Any, include_optimizer: bool = True) -> None:
    """Write the whole model, as Keras 3 does."""
    h5py = require_h5py()
    who = str(path)
    require_chain(model)
    for holder in holders(model, optimizer=False):
        assets: dict[str, Any] = {}
        if hasattr(holder.of, "save_assets"):
            holder.of.save_assets(assets)
        if assets:
            raise ValueError(
                f'{holder}: a .h5 file cannot hold a vocabulary that was learned. Save to a ".keras" file.'
            )
    config, include_optimizer = config_of(model, include_optimizer)
    texts = {"keras_version": KERAS_VERSION, "backend": "cdl"}
    texts["model_config"] = as_json({key: config[key] for key in ("class_name", "config")}, who)
    if include_optimizer and model.compiled:
        compile_config = config["compile_config"]
        optimizer = compile_config.pop("optimizer")
        optimizer = {key: optimizer[key] for key in ("class_name", "config")}
        texts["training_config"] = as_json({**compile_config, "optimizer_config": optimizer}, who)
    with replacing(path) as file, h5py.File(file, "w") as hdf5:
        for key, text in texts.items():
            hdf5.attrs[key] = text
        weights = hdf5.create_group("model_weights")
        write_names(weights, "layer_names", [layer.name for layer in dict.fromkeys(model.layers)])
        weights.attrs["keras_version"], weights.attrs["backend"] = KERAS_VERSION, "cdl"
        for layer in dict.fromkeys(model.layers):
            write_variables(weights.create_group(layer.name), in_legacy_order(layer))
        write_variables(weights.create_group("top_level_model_weights"), model._own_variables())
        if "training_config" in texts:
            write_variables(hdf5.create_group("optimizer_weights"), model.optimizer.variables)


def require_chain(model: Any) -> None:
    """ValueError for a model that is no list of layers, as these files are."""
    if not hasattr(model, "_stack"):
        raise ValueError(f'{model.who}: .h5 files are for Sequential models. Take ".safetensors" or ".keras".')


def write_variables(group: Any, variables: list[Variable]) -> None:
    """An array for each, and the list of their names."""
    names: list[str] = []
    for variable in variables:
        names.append(f"{variable.path}_{len(names)}" if variable.path in names else variable.path)
        group.create_dataset(names[-1], data=variable.value)
    write_names(group, "weight_names", names)


def write_names(group: Any, key: str, names: list[str]) -> None:
    """A list of texts, in several attributes where it is too long for one."""
    encoded = np.array([name.encode() for name in names])
    parts = np.array_split(encoded, encoded.nbytes // ATTRIBUTE_BYTES + 1)
    for number, part in enumerate(parts):
        group.attrs[f"{key}{number}" if len(parts) > 1 else key] = part


def in_legacy_order(layer: Any) -> list[Variable]:
    """The weights as Keras 2 listed them: what no gradient moves comes last."""
    return [*layer.trainable_weights, *layer.non_trainable_weights]


# ---- from a file ----


def load_model(path: Any, custom_objects: Mapping[str, Any] | None = None, compile: bool = True) -> Any:
    """The model of a file that cdl or any Keras since 2.0 has written."""
    who = str(path)
    with open_hdf5(path, who) as file:
        tensors = tensors_in(file, who)
        text = text_attribute(file, "model_config", who)
        if text is None:
            raise FormatError(f"{who}: there is no model_config. If these are weights alone, use load_weights.")
        version = major_version(text_attribute(file, "keras_version", who))
        config = with_modules(modernized(parse_json(text, who), version))
        training = text_attribute(file, "training_config", who) if compile else None
        if training is not None and isinstance(config, dict):
            config = {**config, "compile_config": compile_config_of(parse_json(training, who), version)}
        with loading(sum(tensor.nbytes for tensor in tensors.values())):
            model = model_from_config(config, custom_objects, who)
            fill(model, file, tensors, skip_mismatch=False, who=who)
            if model.compiled and "optimizer_weights" in file:
                names = names_attribute(group_in(file, "optimizer_weights", who), "weight_names", who)
                found = [tensor_at(tensors, f"optimizer_weights/{name}", who) for name in names]
                fill_optimizer(model, found, version, who)
    return model


def load_weights(model: Any, path: Any, skip_mismatch: bool = False) -> None:
    """Give a model the weights of a file, of a whole model or of weights alone."""
    with open_hdf5(path, str(path)) as file:
        fill(model, file, tensors_in(file, str(path)), skip_mismatch, str(path))


def fill(model: Any, file: Any, tensors: Mapping[str, HDF5Tensor], skip_mismatch: bool, who: str) -> None:
    """Give the layers that have weights those of the file, in order."""
    require_chain(model)
    prefix = "model_weights" if "model_weights" in file and "layer_names" not in file.attrs else ""
    group = group_in(file, prefix, who) if prefix else file
    saved = [
        (name, names_attribute(group_in(group, name, who), "weight_names", who))
        for name in names_attribute(group, "layer_names", who)
    ]
    saved = [(name, weights) for name, weights in saved if weights]
    layers = [layer for layer in dict.fromkeys(model.layers) if layer.weights]
    if len(saved) != len(layers):
        raise FormatError(f"{who}: the model has {len(layers)} layers with weights, the file has {len(saved)}.")
    pairs = [
        (layer.who, in_legacy_order(layer), name, weights) for layer, (name, weights) in zip(layers, saved, strict=True)
    ]
    if "top_level_model_weights" in group:
        name = "top_level_model_weights"
        own = names_attribute(group_in(group, name, who), "weight_names", who)
        pairs.append((model.who, model._own_variables(), name, own))
    reasons: list[str] = []
    ready: list[tuple[Variable, Stored]] = []
    for of, variables, name, weights in pairs:
        found = [tensor_at(tensors, f"{prefix}/{name}/{weight}".removeprefix("/"), who) for weight in weights]
        reason = first_unfit(of, variables, found)
        if reason is None:
            ready += zip(variables, found, strict=True)
        else:
            reasons.append(reason)
    report(reasons, skip_mismatch)
    give(ready)


def first_unfit(who: str, variables: list[Variable], found: list[HDF5Tensor]) -> str | None:
    """Why these cannot be the variables' values; None if they can."""
    if len(variables) != len(found):
        return f"{who} has {len(variables)} variables, but the file has {len(found)} for it."
    reasons = (unfit(who, variable, tensor) for variable, tensor in zip(variables, found, strict=True))
    return next(filter(None, reasons), None)


def tensor_at(tensors: Mapping[str, HDF5Tensor], path: str, who: str) -> HDF5Tensor:
    """The array of that name, in which old files on Windows have backslashes. FormatError if there is none."""
    path = path.replace("\\", "/")
    if path not in tensors:
        raise FormatError(f"{who}: the file names an array {path!r}, which it does not have.")
    return tensors[path]


def fill_optimizer(model: Any, found: list[HDF5Tensor], version: int, who: str) -> None:
    """Give the optimizer its state, if it is that of this optimizer; else it begins anew, with a warning."""
    optimizer = model.optimizer
    if not optimizer.built and (version < 3 or len(found) > len(optimizer.variables)):
        optimizer.build(model._trained().variables)
    variables = optimizer.variables if version >= 3 else in_keras_2_order(optimizer, bool(found and not found[0].shape))
    reason = first_unfit(f"Optimizer {optimizer.name!r}", variables, found)
    if reason is None:
        give(list(zip(variables, found, strict=True)))
    else:
        warnings.warn(f"{who}: {reason} The optimizer begins anew.", stacklevel=5)


def in_keras_2_order(optimizer: Any, counts: bool) -> list[Variable]:
    """The number of steps, if it is there, then the state: all variables' first slots, then all second ones."""
    slots = [state for of_one_name in optimizer._slots for state in of_one_name if state is not None]
    return [optimizer.variables[0], *slots] if counts else slots
