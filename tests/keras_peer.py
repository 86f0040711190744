"""Keras 3, which the modules in tests/parity are held against; a module that imports it is skipped where it is missing.

KERAS_BACKEND chooses its backend; without that, JAX is taken where there is a choice.
"""

import importlib.util
import os

import pytest

import cdl

BACKENDS = [backend for backend in ("jax", "torch", "tensorflow") if importlib.util.find_spec(backend)]
if BACKENDS:
    os.environ.setdefault("KERAS_BACKEND", BACKENDS[0])
keras = pytest.importorskip("keras", minversion="3", exc_type=ImportError)
keras.config.set_floatx("float32")

# What Keras adds to configurations for purposes of its own.
KERAS_ONLY = {"quantization_config", "build_config", "compile_config", "shared_object_id"}


def jax_or_skip():
    """JAX, for its gradients; skips the module where Keras computes with something else."""
    if keras.backend.backend() != "jax":
        pytest.skip("gradients are compared with JAX's", allow_module_level=True)
    return pytest.importorskip("jax")


def plain(config, *ignored):
    """The configuration without what Keras has for itself and what is ignored; tuples as lists, as they are in JSON."""
    if isinstance(config, dict):
        left_out = KERAS_ONLY.union(ignored)
        return {key: plain(value, *ignored) for key, value in config.items() if key not in left_out}
    return [plain(item, *ignored) for item in config] if isinstance(config, list | tuple) else config


def assert_same_mistake(mistake):
    """mistake(library) raises an error in both libraries: in cdl one of the class that Keras raises."""
    with pytest.raises(Exception) as theirs:
        mistake(keras)
    if theirs.type is ImportError:
        pytest.skip("this Keras lacks a package for it")
    with pytest.raises(theirs.type):
        mistake(cdl)
