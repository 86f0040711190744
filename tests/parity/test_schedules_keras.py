"""Schedules beside Keras itself, which computes them in float32."""

import inspect

import numpy as np
import pytest
from keras_peer import assert_same_mistake, keras

from cdl import optimizers
from cdl.optimizers import schedules

ARGUMENTS = [
    ("ExponentialDecay", (0.1, 7, 0.9), {}),
    ("ExponentialDecay", (0.1, 7, 0.9), {"staircase": True}),
    ("PiecewiseConstantDecay", ([5, 11], [0.1, 0.05, 0.01]), {}),
    ("PolynomialDecay", (0.1, 13), {}),
    ("PolynomialDecay", (0.1, 13, 0.01), {"power": 0.5}),
    ("PolynomialDecay", (0.1, 13, 0.01), {"power": 2.0, "cycle": True}),
    ("InverseTimeDecay", (0.1, 7, 0.5), {}),
    ("InverseTimeDecay", (0.1, 7, 0.5), {"staircase": True, "name": "x"}),
    ("CosineDecay", (0.1, 20), {"alpha": 0.1}),
    ("CosineDecay", (0.01, 20), {"warmup_target": 0.1, "warmup_steps": 8}),
    ("CosineDecayRestarts", (0.1, 5), {}),
    ("CosineDecayRestarts", (0.1, 5), {"t_mul": 1.0, "m_mul": 0.8, "alpha": 0.01}),
    ("CosineDecayRestarts", (0.1, 5), {"t_mul": 1.5, "m_mul": 0.9}),
]


@pytest.mark.parametrize(("name", "positional", "named"), ARGUMENTS)
def test_rates_and_configs(name, positional, named):
    ours = getattr(schedules, name)(*positional, **named)
    theirs = getattr(keras.optimizers.schedules, name)(*positional, **named)
    for step in range(33):
        np.testing.assert_allclose(ours(step), float(theirs(step)), rtol=2e-5, atol=1e-7, err_msg=str(step))
    config = schedules.serialize(ours)
    assert config == keras.optimizers.schedules.serialize(theirs)
    read = keras.optimizers.deserialize(optimizers.serialize(optimizers.SGD(ours)))
    assert read.get_config()["learning_rate"] == config


@pytest.mark.parametrize("name", dict.fromkeys(name for name, _, _ in ARGUMENTS))
def test_signatures(name):
    ours, theirs = (getattr(module, name) for module in (schedules, keras.optimizers.schedules))
    assert [(p.name, p.default) for p in inspect.signature(ours).parameters.values()] == [
        (p.name, p.default) for p in inspect.signature(theirs).parameters.values()
    ]


@pytest.mark.parametrize(
    "mistake",
    [
        lambda library: library.optimizers.schedules.ExponentialDecay(0.1, 0, 0.5),
        lambda library: library.optimizers.schedules.CosineDecayRestarts(0.1, 0),
        lambda library: library.optimizers.schedules.PiecewiseConstantDecay([1], [1.0]),
        lambda library: library.optimizers.schedules.LearningRateSchedule()(0),
        lambda library: library.optimizers.schedules.LearningRateSchedule().get_config(),
        lambda library: setattr(
            library.optimizers.SGD(library.optimizers.schedules.CosineDecay(0.1, 5)), "learning_rate", 0.1
        ),
    ],
)
def test_mistakes(mistake):
    assert_same_mistake(mistake)
