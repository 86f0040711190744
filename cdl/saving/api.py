"""Saving and loading, under Keras' names: the suffix of a file says which format it has."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from importlib import import_module
from typing import Any

from cdl.saving.construction import blaming, model_from_config
from cdl.saving.limits import parse_json

# What files with a suffix hold, and who reads and writes them; the first that fits.
NATIVE, ARCHIVE, WEIGHTS, LEGACY = "model_file", "keras_archive", "hdf5_weights", "legacy_hdf5"
OF_MODELS = {".safetensors": NATIVE, ".keras": ARCHIVE, ".weights.h5": None, ".h5": LEGACY, ".hdf5": LEGACY}
OF_WEIGHTS = {".safetensors": NATIVE, ".keras": ARCHIVE, ".weights.h5": WEIGHTS, ".h5": LEGACY, ".hdf5": LEGACY}


def format_of(path: Any, formats: Mapping[str, str | None], who: str, but: tuple[str, ...] = ()) -> Any:
    """The module for a file of that name. ValueError for an unknown suffix."""
    suffix = next((suffix for suffix in formats if os.fspath(path).endswith(suffix)), None)
    module = formats.get(suffix) if suffix else None
    if module is None or module in but:
        known = ", ".join(suffix for suffix, module in formats.items() if module not in (None, *but))
        raise ValueError(f"{who}: the name of the file ends with one of {known}. Received: {os.fspath(path)!r}")
    return import_module(f"cdl.saving.{module}")


def save_model(model: Any, filepath: Any, overwrite: bool = True, zipped: bool | None = None, **kwargs: Any) -> None:
    """Write a whole model: what it is, its weights, how it was compiled, and the state of its optimizer.

    The suffix of `filepath` is the format: ".safetensors", cdl's own, needs nothing else; ".keras" and ".h5" are read
    by Keras as well, and need h5py. The file is replaced at once when all is written, so that a failure leaves the old
    one whole. `overwrite=False` asks, as Keras does, before a file is replaced. `include_optimizer=False` leaves out
    the optimizer and the arguments of `compile`, and so does, with a warning, a lambda among them; `save_format` of
    Keras 2 has no effect. Raises ValueError for another suffix, TypeError for a lambda in a layer, which no file can
    hold, ImportError where h5py is missing.

    >>> model.save("model.safetensors")
    >>> model = cdl.models.load_model("model.safetensors")
    """
    include_optimizer = kwargs.pop("include_optimizer", True)
    if save_format := kwargs.pop("save_format", None):
        warnings.warn(
            f"save: the format is that of the file's name, here {os.path.basename(os.fspath(filepath))!r}. Leave out "
            f"save_format={save_format!r}.",
            stacklevel=3,
        )
    refuse("save", kwargs)
    if zipped is False:
        raise ValueError("save: cdl writes a model to one file. Received: zipped=False. Leave it out.")
    to = format_of(filepath, OF_MODELS, "save")
    if not overwrite and os.path.exists(filepath) and not may_replace(filepath):
        return
    if not model.built:
        warnings.warn(
            "You are saving a model that has not yet been built. It might not contain any weights yet. Consider "
            "building the model first by calling it on some data.",
            stacklevel=3,
        )
    to.save_model(model, filepath, include_optimizer)


def load_model(
    filepath: Any, custom_objects: Mapping[str, Any] | None = None, compile: bool = True, safe_mode: bool = True
) -> Any:
    """The model that a file holds, compiled as it was, with the state of its optimizer.

    `filepath` ends with ".safetensors", ".keras", ".h5" or ".hdf5"; the latter two may also be of Keras 2.
    `custom_objects`: classes and functions of yours by the names in the file, where they are not registered.
    `compile=False` leaves out optimizer, loss and metrics. Nothing in a file is ever run, and no module is imported
    because a file names it; `safe_mode=False` does not change that.

    Raises FormatError, a ValueError, for a file that is damaged, holds what cdl has not, or asks for more memory than
    its weights fill; ImportError where h5py is missing; OSError where there is no file.

    >>> model = load_model("model.keras", custom_objects={"swish_twice": swish_twice})
    """
    of = format_of(filepath, OF_MODELS, "load_model")
    with blaming(str(filepath)):
        return of.load_model(filepath, custom_objects, compile)


def save_weights(
    model: Any, filepath: Any, overwrite: bool = True, max_shard_size: float | None = None, **kwargs: Any
) -> None:
    """Write the weights of a model, and nothing else, to a ".safetensors" or a ".weights.h5" file.

    The rest as `save_model`. Raises ValueError for another suffix, and for a model that is not built.
    """
    refuse("save_weights", kwargs)
    if max_shard_size is not None:
        raise ValueError("save_weights: cdl writes weights to one file. Received: max_shard_size. Leave it out.")
    to = format_of(filepath, OF_WEIGHTS, "save_weights", but=(ARCHIVE, LEGACY))
    require_built(model, "saving")
    if not overwrite and os.path.exists(filepath) and not may_replace(filepath):
        return
    to.save_weights(model, filepath)


def load_weights(model: Any, filepath: Any, skip_mismatch: bool = False, **kwargs: Any) -> None:
    """Give a model the weights from a file: of weights alone or of a whole model, in any format.

    Layers are found by their class and order, not by name. `skip_mismatch`: leave layers as they are that the file has
    nothing for, or other shapes, with a warning. Otherwise the model is changed only when everything fits. Raises
    FormatError, a ValueError, where it does not, and as `load_model`.
    """
    refuse("load_weights", kwargs)
    of = format_of(filepath, OF_WEIGHTS, "load_weights")
    require_built(model, "loading weights into")
    with blaming(str(filepath)):
        of.load_weights(model, filepath, skip_mismatch)


def model_from_json(json_string: str, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """The model that `to_json` described, with new weights. FormatError for a text that describes none.

    >>> copy = model_from_json(model.to_json())
    """
    with blaming("model_from_json"):
        return model_from_config(parse_json(json_string, "model_from_json"), custom_objects, "model_from_json")


def refuse(who: str, arguments: Mapping[str, Any]) -> None:
    """ValueError for arguments that nobody takes."""
    if arguments:
        raise ValueError(f"{who}: Invalid keyword arguments: {dict(arguments)}")


def require_built(model: Any, doing: str) -> None:
    """ValueError for a model without weights."""
    if not model.built:
        raise ValueError(
            f"You are {doing} a model that has not yet been built. Try building the model first by calling it on some "
            f"data or by using `build()`."
        )


def may_replace(path: Any) -> bool:
    """Ask whether a file may be replaced."""
    answer = input(f"[WARNING] {path} already exists - overwrite? [y/n]").strip().lower()
    while answer not in ("y", "n"):
        answer = input('Enter "y" (overwrite) or "n" (cancel).').strip().lower()
    return answer == "y"
