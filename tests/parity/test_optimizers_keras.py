"""Optimizers beside Keras itself: the same weights and gradients, twenty steps, many combinations of arguments."""

import inspect
import re

import numpy as np
import pytest
from keras_peer import keras

from cdl import constraints, optimizers
from cdl.variable import Variable

pytestmark = pytest.mark.filterwarnings("ignore")

ARGUMENTS = [
    ("SGD", {}),
    ("SGD", {"learning_rate": 0.1, "momentum": 0.9}),
    ("SGD", {"learning_rate": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.1}),
    ("SGD", {"momentum": 0.5, "clipnorm": 0.5}),
    ("SGD", {"clipvalue": 0.3, "use_ema": True}),
    ("SGD", {"global_clipnorm": 0.7, "gradient_accumulation_steps": 3, "momentum": 0.9}),
    ("RMSprop", {}),
    ("RMSprop", {"rho": 0.5, "momentum": 0.9, "epsilon": 1e-3}),
    ("RMSprop", {"centered": True, "learning_rate": 0.01}),
    ("RMSprop", {"centered": True, "momentum": 0.4, "weight_decay": 0.01, "clipvalue": 0.5}),
    ("RMSprop", {"use_ema": True, "ema_momentum": 0.8, "ema_overwrite_frequency": 4}),
    ("Adam", {}),
    ("Adam", {"learning_rate": 0.05, "beta_1": 0.5, "beta_2": 0.9, "epsilon": 1e-2}),
    ("Adam", {"amsgrad": True, "beta_2": 0.7, "clipnorm": 1.0}),
    ("Adam", {"weight_decay": 0.2, "global_clipnorm": 1.0}),
    ("Adam", {"gradient_accumulation_steps": 4, "learning_rate": 0.1}),
    ("Adam", {"gradient_accumulation_steps": 2, "use_ema": True, "ema_overwrite_frequency": 3, "ema_momentum": 0.5}),
    ("AdamW", {}),
    ("AdamW", {"weight_decay": 0.5, "amsgrad": True, "learning_rate": 0.02}),
    ("Adagrad", {}),
    ("Adagrad", {"learning_rate": 0.3, "initial_accumulator_value": 0.5, "epsilon": 1e-2, "weight_decay": 0.1}),
    ("Adadelta", {}),
    ("Adadelta", {"learning_rate": 1.0, "rho": 0.8, "epsilon": 1e-2, "clipnorm": 0.5}),
    ("Adamax", {}),
    ("Adamax", {"learning_rate": 0.1, "beta_1": 0.5, "beta_2": 0.8, "epsilon": 1e-2, "weight_decay": 0.1}),
    ("Adamax", {"gradient_accumulation_steps": 3, "learning_rate": 0.05}),
    ("Nadam", {}),
    ("Nadam", {"learning_rate": 0.05, "beta_1": 0.7, "beta_2": 0.9, "epsilon": 1e-2, "weight_decay": 0.1}),
    ("Nadam", {"gradient_accumulation_steps": 2, "learning_rate": 0.05, "clipvalue": 0.5}),
    ("Ftrl", {"learning_rate": 0.1}),
    ("Ftrl", {"learning_rate": 0.5, "beta": 0.3, "learning_rate_power": -0.7, "initial_accumulator_value": 0.0}),
    (
        "Ftrl",
        {
            "learning_rate": 0.2,
            "l1_regularization_strength": 0.3,
            "l2_regularization_strength": 0.1,
            "l2_shrinkage_regularization_strength": 0.05,
            "weight_decay": 0.1,
        },
    ),
    ("Lion", {}),
    ("Lion", {"learning_rate": 0.02, "beta_1": 0.6, "beta_2": 0.8, "weight_decay": 0.3, "use_ema": True}),
    ("Adafactor", {}),
    ("Adafactor", {"learning_rate": 0.7, "weight_decay": 0.1, "use_ema": True, "gradient_accumulation_steps": 2}),
    (
        "Adafactor",
        {"learning_rate": 0.7, "beta_2_decay": -0.5, "epsilon_2": 1.0, "clip_threshold": 0.4, "relative_step": False},
    ),
    ("Muon", {}),
    ("Muon", {"learning_rate": 0.01, "nesterov": False, "rms_rate": None, "adam_lr_ratio": 0.5, "weight_decay": 0.2}),
    ("Muon", {"learning_rate": 0.01, "momentum": 0.5, "ns_steps": 3, "adam_weight_decay": 0.3, "use_ema": True}),
    ("Muon", {"learning_rate": 0.02, "exclude_layers": ["ker"], "epsilon": 1e-2, "adam_weight_decay": None}),
    ("Lamb", {}),
    ("Lamb", {"learning_rate": 0.1, "beta_1": 0.6, "beta_2": 0.8, "epsilon": 1e-2, "weight_decay": 0.3}),
]
# Nadam's product and Adafactor's rows and columns, which have no names of their own in Keras.
NAMELESS = "(u_product|variable_?[0-9]*|kernel|bias|gamma|_rows|_columns)$"
SHAPES = {"kernel": (6, 5), "bias": (5,), "gamma": (1,)}


def both(name, arguments):
    """(ours, Keras') optimizer, and their variables with equal values."""
    rng = np.random.default_rng(3)
    values = {key: rng.normal(size=shape).astype(np.float32) for key, shape in SHAPES.items()}
    ours = [Variable(value, name=key) for key, value in values.items()]
    theirs = [keras.Variable(value, name=key) for key, value in values.items()]
    return getattr(optimizers, name)(**arguments), getattr(keras.optimizers, name)(**arguments), ours, theirs


def gradients(step):
    rng = np.random.default_rng(100 + step)
    return [rng.normal(size=shape).astype(np.float32) for shape in SHAPES.values()]


def assert_equal(ours, theirs):
    for mine, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(mine.value, np.asarray(other), rtol=1e-4, atol=2e-6, err_msg=mine.path)


@pytest.mark.parametrize(("name", "arguments"), ARGUMENTS)
def test_twenty_steps(name, arguments):
    mine, other, ours, theirs = both(name, arguments)
    if "weight_decay" in arguments:
        mine.exclude_from_weight_decay(var_names=["bias"])
        other.exclude_from_weight_decay(var_names=["bias"])
    for step in range(20):
        grads = gradients(step)
        if step == 10:
            mine.learning_rate = other.learning_rate = 0.003
        mine.apply(grads, ours)
        other.apply([keras.ops.convert_to_tensor(grad) for grad in grads], theirs)
        assert_equal(ours, theirs)
        assert mine.iterations == int(other.iterations)
    mine.finalize_variable_values(ours)
    other.finalize_variable_values(theirs)
    assert_equal(ours, theirs)
    paths = [[v.path for v in optimizer.variables if not re.search(NAMELESS, v.path)] for optimizer in (mine, other)]
    assert paths[0] == paths[1]
    assert_equal(mine.variables, other.variables)


def test_constraints_and_missing_gradients():
    mine, other, ours, theirs = both("Adam", {"learning_rate": 0.3})
    ours[0].constraint, theirs[0].constraint = constraints.MaxNorm(1.0), keras.constraints.MaxNorm(1.0)
    ours[1].constraint, theirs[1].constraint = constraints.NonNeg(), keras.constraints.NonNeg()
    for step in range(5):
        grads = gradients(step)
        tensors = [keras.ops.convert_to_tensor(grad) for grad in grads]
        if step == 3:
            grads[0] = tensors[0] = None
            with pytest.warns(UserWarning) as warned:
                mine.apply(grads, ours)
                other.apply(tensors, theirs)
            assert str(warned[0].message) == str(warned[1].message)
        else:
            mine.apply(grads, ours)
            other.apply(tensors, theirs)
        assert_equal(ours, theirs)


def test_schedules():
    for schedule in (lambda: 0.02, lambda step: 0.1 / (1 + step)):
        mine, other, ours, theirs = both("SGD", {"learning_rate": schedule})
        for step in range(5):
            rate = schedule() if schedule.__code__.co_argcount == 0 else schedule(step)
            other.learning_rate = lambda rate=rate: rate
            mine.apply(gradients(step), ours)
            other.apply([keras.ops.convert_to_tensor(grad) for grad in gradients(step)], theirs)
            assert_equal(ours, theirs)


@pytest.mark.parametrize(("name", "arguments"), ARGUMENTS)
def test_configs(name, arguments):
    mine = keras.optimizers.serialize(getattr(keras.optimizers, name)(**arguments, name="x"))
    ours = optimizers.serialize(getattr(optimizers, name)(**arguments, name="x"))
    mine["config"]["learning_rate"] = pytest.approx(mine["config"]["learning_rate"], rel=1e-6)  # kept in float32
    assert ours == mine
    assert list(ours["config"]) == list(mine["config"])
    if name != "Lamb":  # for which Keras returns the name
        assert keras.optimizers.deserialize(ours).get_config()["name"] == "x"
    keras_config = keras.optimizers.serialize(getattr(keras.optimizers, name)(**arguments))
    assert optimizers.deserialize(keras_config).get_config() == keras_config["config"]


@pytest.mark.parametrize("name", dict.fromkeys(name for name, _ in ARGUMENTS))
def test_signatures(name):
    ours = inspect.signature(getattr(optimizers, name)).parameters
    theirs = inspect.signature(getattr(keras.optimizers, name)).parameters
    assert [(p.name, p.default) for p in ours.values()] == [(p.name, p.default) for p in theirs.values()]
