"""Helpers under Keras' names: seeds, one-hot rows, sequences, and the registry of custom objects."""

from cdl.utils.dataset import PyDataset
from cdl.utils.model_plotting import plot_model
from cdl.utils.naming import clear_session
from cdl.utils.numerical import normalize, to_categorical
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

__all__ = [
    "CustomObjectScope",
    "PyDataset",
    "Sequence",
    "clear_session",
    "custom_object_scope",
    "deserialize_keras_object",
    "get_custom_objects",
    "get_registered_name",
    "get_registered_object",
    "normalize",
    "pad_sequences",
    "plot_model",
    "register_keras_serializable",
    "serialize_keras_object",
    "set_random_seed",
    "timeseries_dataset_from_array",
    "to_categorical",
]

# Keras' older name.
Sequence = PyDataset
