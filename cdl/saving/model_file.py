"""cdl's own files: one safetensors file holds a model, its weights alone, or the state of its training.

The tensors have the names of Keras' paths and of the variables: `layers/dense/kernel`, `optimizer/3`. A vocabulary is a
JSON list, in bytes. The metadata say the rest, in JSON:

    cdl.config     what the model is and how it was compiled
    cdl.flags      which layers were trainable when it was
    cdl.trained    for which of the weights the optimizer has state
    cdl.seeds      where the random numbers of the layers go on
    cdl.state      in the state of a training, the notes of who saved it
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from cdl._version import __version__
from cdl.optimizers import Optimizer
from cdl.saving.atomic import replacing
from cdl.saving.construction import blaming, config_of, loading, model_from_config
from cdl.saving.limits import FormatError, as_json, parse_json
from cdl.saving.safetensors_file import SafetensorsFile, StoredTensor, write_safetensors
from cdl.saving.state import Holder, holders, numbers_of_trained, report, restore, values
from cdl.utils.seeds import SeedGenerator, global_generator
from cdl.variable import Variable

VERSION = "1"
VOCABULARY = ".json"
GLOBAL = "global"  # the generator of whoever has none


# ---- to a file ----


def save_model(model: Any, path: Any, include_optimizer: bool = True) -> None:
    """Write the whole model: what it is, its weights, how it was compiled, and the state of the optimizer."""
    config, include_optimizer = config_of(model, include_optimizer)
    found = holders(model, include_optimizer)
    write(path, tensors_of(found), {"config": config, **texts_of(found)})


def save_weights(model: Any, path: Any) -> None:
    """Write the weights."""
    write(path, tensors_of(holders(model, optimizer=False), vocabularies=False), {})


def save_state(model: Any, path: Any, notes: Any = None) -> None:
    """Write all that training needs to go on exactly: weights, optimizer, random numbers, and `notes` of the caller.

    `notes` are anything that JSON can say, such as the number of the epoch.
    """
    found = holders(model)
    texts = texts_of(found)
    texts["seeds"][GLOBAL] = pair(global_generator())
    write(path, tensors_of(found), {"state": notes, **texts})


def write(path: Any, tensors: Mapping[str, np.ndarray], texts: Mapping[str, Any]) -> None:
    """Write the file; the texts are what the metadata say, as values for JSON."""
    metadata = {"cdl.format": VERSION, "cdl.version": __version__}
    metadata |= {f"cdl.{key}": as_json(value, str(path)) for key, value in texts.items()}
    with replacing(path) as file:
        write_safetensors(file, tensors, metadata)


def tensors_of(found: list[Holder], vocabularies: bool = True) -> dict[str, np.ndarray]:
    """What these objects hold, by the names in the file; their vocabularies too, if wanted."""
    tensors: dict[str, np.ndarray] = {}
    for holder in found:
        variables = holder.variables()
        names = names_of(holder, variables)
        tensors |= {names[key]: array for key, array in values(variables).items()}
        if vocabularies and hasattr(holder.of, "save_assets"):
            assets: dict[str, Any] = {}
            holder.of.save_assets(assets)
            for key, tokens in assets.items():
                text = as_json(tokens, str(holder)).encode()
                tensors[f"{prefix_of(holder)}{key}{VOCABULARY}"] = np.frombuffer(text, np.uint8)
    return tensors


def prefix_of(holder: Holder) -> str:
    """What the names of its tensors begin with."""
    return f"{holder.path}/" if holder.path else ""


def names_of(holder: Holder, variables: Mapping[str, Any]) -> dict[str, str]:
    """The tensors' names for the variables of a holder: the variables' own names, where these cannot be mistaken."""
    prefix = prefix_of(holder)
    if isinstance(holder.of, Optimizer):
        return {key: f"{prefix}{key}" for key in variables}
    names = {key: one.name if isinstance(one, Variable) else key for key, one in variables.items()}
    if len(set(names.values())) < len(names) or any("/" in name for name in names.values()):
        return {key: f"{prefix}{key}" for key in variables}
    return {key: f"{prefix}{name}" for key, name in names.items()}


def texts_of(found: list[Holder]) -> dict[str, dict[str, Any]]:
    """What the metadata say about the state of these objects."""
    seeds = {f"{holder.path}/{name}": pair(one) for holder in found for name, one in generators(holder.of)}
    flags = {holder.path: list(holder.of.trained_flags().values()) for holder in compiled(found)}
    return {"flags": flags, "trained": numbers_of_trained(found), "seeds": seeds}


def compiled(found: list[Holder]) -> list[Holder]:
    """The models among them that have an optimizer."""
    return [holder for holder in found if getattr(holder.of, "compiled", False)]


def pair(generator: SeedGenerator) -> list[int]:
    """All that there is to a generator."""
    return [generator.seed, generator.stream]


def generators(layer: Any) -> list[tuple[str, SeedGenerator]]:
    """Those that are attributes of the layer, and their names."""
    return [(name, value) for name, value in vars(layer).items() if isinstance(value, SeedGenerator)]


# ---- from a file ----


def load_model(path: Any, custom_objects: Mapping[str, Any] | None = None, compile: bool = True) -> Any:
    """The model that `save_model` wrote."""
    with open_file(path) as file:
        if "cdl.config" not in file.metadata:
            raise FormatError(
                f"{path}: the file holds tensors, but no model. Build the model and call load_weights, or use "
                f"cdl.saving.load_safetensors."
            )
        with loading(file.nbytes):
            model = model_from_config(text_of(file, "config"), custom_objects, str(path), compile)
            fill(model, file, whole=True)
    return model


def load_weights(model: Any, path: Any, skip_mismatch: bool = False) -> None:
    """Give a model the weights of a file: one of weights alone, or of a whole model, or of a state of training."""
    with open_file(path) as file:
        fill(model, file, whole=False, skip_mismatch=skip_mismatch)


def load_state(model: Any, path: Any) -> Any:
    """Let the training of a compiled model go on from where `save_state` was called; returns the notes.

    Raises FormatError where the file is of another model.
    """
    with open_file(path) as file, blaming(str(path)):
        if "cdl.state" not in file.metadata:
            raise FormatError(f"{path}: the file holds no state of training, as cdl.saving.save_state writes it.")
        fill(model, file, whole=True)
        set_seed(global_generator(), as_dictionary(text_of(file, "seeds"), file).get(GLOBAL), file)
        return text_of(file, "state")


def open_file(path: Any) -> SafetensorsFile:
    """The file, unless a later version of cdl has written it in another way."""
    file = SafetensorsFile(path)
    version = file.metadata.get("cdl.format", VERSION)
    if version != VERSION:
        file.close()
        raise FormatError(f"{path}: the file has format {version[:20]!r}, this version of cdl reads {VERSION!r}.")
    return file


def text_of(file: SafetensorsFile, key: str) -> Any:
    """The value of one of our metadata; an empty dictionary where it is missing."""
    return parse_json(file.metadata.get(f"cdl.{key}", "{}"), f"{file.path}: cdl.{key}")


def fill(model: Any, file: SafetensorsFile, whole: bool, skip_mismatch: bool = False) -> None:
    """Give the model what the file has for it: its weights, or all that makes it what it was."""
    found = holders(model, optimizer=whole)
    trained, seeds, flags = (as_dictionary(text_of(file, key), file) for key in ("trained", "seeds", "flags"))
    to_train = {holder: checked_flags(holder, flags.get(holder.path), file) for holder in compiled(found) if whole}
    names = {holder.path: names_for(holder, file) for holder in found}
    known = {name for of_one in names.values() for name in of_one.values()}
    # Of a whole model, its weights may be wanted alone, or the model without the arguments of `compile`.
    known |= {name for name in file.tensors if name.rpartition("/")[0] in trained or name.endswith(VOCABULARY)}
    rest = sorted(file.tensors.keys() - known)
    report([f"{file.path}: the model has no place for {rest[:5]}."] if rest else [], skip_mismatch)

    def stored_for(holder: Holder) -> dict[str, StoredTensor]:
        return {key: file.tensors[name] for key, name in names[holder.path].items() if name in file.tensors}

    restore(found, stored_for, skip_mismatch, trained)
    for holder, checked in to_train.items():
        holder.of.trained_flags(checked)
    for holder in found if whole else ():
        load_vocabularies(holder, file)
        for name, generator in generators(holder.of):
            set_seed(generator, seeds.get(f"{holder.path}/{name}"), file)


def names_for(holder: Holder, file: SafetensorsFile) -> dict[str, str]:
    """The names of the tensors that are for the variables of a holder."""
    if holder.has_own_way or isinstance(holder.of, Optimizer):
        keys = directly_in(holder.path, file)
        return {key: f"{prefix_of(holder)}{key}" for key in keys if not key.endswith(VOCABULARY)}
    return names_of(holder, holder.variables())


def directly_in(path: str, file: SafetensorsFile) -> list[str]:
    """The last parts of the names of the tensors of this path."""
    return [name.rpartition("/")[2] for name in file.tensors if name.rpartition("/")[0] == path]


def load_vocabularies(holder: Holder, file: SafetensorsFile) -> None:
    """Give a layer the vocabularies that the file has for it, if it is one that takes them."""
    if hasattr(holder.of, "load_assets"):
        keys = [key for key in directly_in(holder.path, file) if key.endswith(VOCABULARY)]
        texts = {key: file.tensors[f"{prefix_of(holder)}{key}"].read().tobytes() for key in keys}
        vocabularies = {key: parse_json(text, f"{file.path}: {key}") for key, text in texts.items()}
        holder.of.load_assets({key.removesuffix(VOCABULARY): tokens for key, tokens in vocabularies.items()})


def checked_flags(holder: Holder, flags: Any, file: SafetensorsFile) -> dict[Any, bool]:
    """What a compiled model is to train: what it trained, if the file says so."""
    now = holder.of.trained_flags()
    if flags is None:
        return now
    if not isinstance(flags, list) or len(flags) != len(now) or not all(type(flag) is bool for flag in flags):
        raise FormatError(f"{file.path}: {holder} has {len(now)} layers, the flags for them are {str(flags)[:100]}")
    return dict(zip(now, flags, strict=True))


def set_seed(generator: SeedGenerator, state: Any, file: SafetensorsFile) -> None:
    """Let a generator go on from a state, if there is one."""
    if state is None:
        return
    if not isinstance(state, list) or len(state) != 2 or not all(type(number) is int for number in state):
        raise FormatError(
            f"{file.path}: the state of random numbers is a pair of integers. Received: {str(state)[:100]}"
        )
    generator.seed, generator.stream = state


def as_dictionary(value: Any, file: SafetensorsFile) -> dict[str, Any]:
    """One of our metadata, which has to be a dictionary."""
    if not isinstance(value, dict):
        raise FormatError(f"{file.path}: the metadata hold no dictionary, but {str(value)[:100]}")
    return value
