"""Files of models and weights: cdl's own, which need nothing else, and those of Keras. docs/files.md describes them."""

from cdl.saving.api import load_model, load_weights, model_from_json, save_model, save_weights
from cdl.saving.limits import FormatError
from cdl.saving.model_file import load_state, save_state
from cdl.saving.safetensors_file import load_safetensors, save_safetensors
from cdl.utils import (
    CustomObjectScope,
    custom_object_scope,
    deserialize_keras_object,
    get_custom_objects,
    get_registered_name,
    get_registered_object,
    register_keras_serializable,
    serialize_keras_object,
)

__all__ = [
    "CustomObjectScope",
    "FormatError",
    "custom_object_scope",
    "deserialize_keras_object",
    "get_custom_objects",
    "get_registered_name",
    "get_registered_object",
    "load_model",
    "load_safetensors",
    "load_state",
    "load_weights",
    "model_from_json",
    "register_keras_serializable",
    "save_model",
    "save_safetensors",
    "save_state",
    "save_weights",
    "serialize_keras_object",
]
