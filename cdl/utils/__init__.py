"""Helpers under Keras' names: seeds, one-hot rows, sequences, images, folders, and the registry of custom objects."""

import importlib
from typing import TYPE_CHECKING, Any

from cdl._left_out import no_attribute
from cdl.utils.dataset import PyDataset
from cdl.utils.model_plotting import plot_model
from cdl.utils.naming import clear_session
from cdl.utils.numerical import normalize, to_categorical
from cdl.utils.packing import pack_x_y_sample_weight, unpack_x_y_sample_weight
from cdl.utils.registry import (
    CustomObjectScope,
    custom_object_scope,
    get_custom_objects,
    get_registered_name,
    get_registered_object,
    register_keras_serializable,
)
from cdl.utils.registry import deserialize as deserialize_keras_object
from cdl.utils.registry import serialize as serialize_keras_object
from cdl.utils.seeds import set_random_seed
from cdl.utils.sequences import pad_sequences
from cdl.utils.timeseries import timeseries_dataset_from_array

if TYPE_CHECKING:
    from cdl.utils.directories import (
        audio_dataset_from_directory,
        image_dataset_from_directory,
        text_dataset_from_directory,
    )
    from cdl.utils.images import array_to_img, img_to_array, load_img, save_img
    from cdl.utils.splitting import split_dataset

__all__ = [
    "CustomObjectScope",
    "PyDataset",
    "Sequence",
    "array_to_img",
    "audio_dataset_from_directory",
    "clear_session",
    "custom_object_scope",
    "deserialize_keras_object",
    "get_custom_objects",
    "get_registered_name",
    "get_registered_object",
    "image_dataset_from_directory",
    "img_to_array",
    "load_img",
    "normalize",
    "pack_x_y_sample_weight",
    "pad_sequences",
    "plot_model",
    "register_keras_serializable",
    "save_img",
    "serialize_keras_object",
    "set_random_seed",
    "split_dataset",
    "text_dataset_from_directory",
    "timeseries_dataset_from_array",
    "to_categorical",
    "unpack_x_y_sample_weight",
]

# Keras' older name.
Sequence = PyDataset

# What few programs need is imported when it is first named.
_later = {
    "audio_dataset_from_directory": "directories",
    "image_dataset_from_directory": "directories",
    "text_dataset_from_directory": "directories",
    "array_to_img": "images",
    "img_to_array": "images",
    "load_img": "images",
    "save_img": "images",
    "split_dataset": "splitting",
}


def __getattr__(name: str) -> Any:
    if name not in _later:
        raise no_attribute(__name__, name)
    return getattr(importlib.import_module(f"cdl.utils.{_later[name]}"), name)


def __dir__() -> list[str]:
    return __all__
