"""Learning rates that depend on the step: numbers worked out by hand, and as an optimizer sees them."""

import numpy as np
import pytest

from cdl import Sequential, layers, optimizers
from cdl.optimizers import SGD, schedules
from cdl.optimizers.schedules import (
    CosineDecay,
    CosineDecayRestarts,
    ExponentialDecay,
    InverseTimeDecay,
    LearningRateSchedule,
    PiecewiseConstantDecay,
    PolynomialDecay,
)

RATES = [
    (ExponentialDecay(0.8, 10, 0.5), {0: 0.8, 5: 0.8 * 0.5**0.5, 10: 0.4, 30: 0.1}),
    (ExponentialDecay(0.8, 10, 0.5, staircase=True), {0: 0.8, 9: 0.8, 10: 0.4, 29: 0.2, 30: 0.1}),
    (PiecewiseConstantDecay([3, 5], [1.0, 0.5, 0.25]), {0: 1.0, 3: 1.0, 4: 0.5, 5: 0.5, 6: 0.25, 99: 0.25}),
    (PiecewiseConstantDecay([], [0.5]), {0: 0.5, 7: 0.5}),
    (PolynomialDecay(1.0, 10, 0.2), {0: 1.0, 5: 0.6, 10: 0.2, 11: 0.2}),
    (PolynomialDecay(1.0, 10, 0.0, power=2.0), {0: 1.0, 5: 0.25, 10: 0.0}),
    (PolynomialDecay(1.0, 10, 0.0, cycle=True), {0: 1.0, 5: 0.5, 10: 0.0, 12: 0.4, 20: 0.0, 21: 0.3}),
    (InverseTimeDecay(1.0, 10, 3.0), {0: 1.0, 5: 0.4, 10: 0.25, 30: 0.1}),
    (InverseTimeDecay(1.0, 10, 3.0, staircase=True), {0: 1.0, 9: 1.0, 10: 0.25, 19: 0.25, 30: 0.1}),
    (CosineDecay(1.0, 12), {0: 1.0, 4: 0.75, 6: 0.5, 8: 0.25, 12: 0.0, 50: 0.0}),
    (CosineDecay(1.0, 12, alpha=0.2), {0: 1.0, 6: 0.6, 12: 0.2, 50: 0.2}),
    (CosineDecay(0.2, 12, warmup_target=1.0, warmup_steps=4), {0: 0.2, 2: 0.6, 4: 1.0, 10: 0.5, 16: 0.0, 17: 0.0}),
    (CosineDecay(0.2, 12, warmup_target=1.0), {0: 1.0, 6: 0.5, 12: 0.0}),
    (CosineDecayRestarts(1.0, 6), {0: 1.0, 3: 0.5, 6: 1.0, 12: 0.5, 18: 1.0, 30: 0.5, 42: 1.0}),
    (CosineDecayRestarts(1.0, 6, t_mul=1.0, m_mul=0.5, alpha=0.2), {0: 1.0, 3: 0.6, 6: 0.6, 9: 0.4, 12: 0.4}),
    (CosineDecayRestarts(1.0, 4, t_mul=0.5), {0: 1.0, 2: 0.5, 4: 1.0, 5: 0.5, 6: 1.0, 7: 1.0}),
]


@pytest.mark.parametrize(("schedule", "rates"), RATES, ids=lambda x: type(x).__name__)
def test_rates(schedule, rates):
    for step, rate in rates.items():
        assert schedule(step) == pytest.approx(rate, abs=1e-12), step
    np.testing.assert_allclose(schedule(np.array(list(rates))), list(rates.values()), atol=1e-12)


def test_restarts_are_not_late():
    """Logarithms round: the step at which a period begins has the full rate in each of them."""
    for t in (1.5, 2.0, 3.0, 10.0):
        schedule, begin = CosineDecayRestarts(1.0, 64, t_mul=t), 0.0
        for k in range(6):
            assert schedule(begin) == pytest.approx(1.0, abs=1e-6)
            begin += 64 * t**k


@pytest.mark.parametrize(("schedule", "rates"), RATES, ids=lambda x: type(x).__name__)
def test_configs(schedule, rates):
    config = schedules.serialize(schedule)
    assert config["module"] == "keras.optimizers.schedules"
    assert config["class_name"] == type(schedule).__name__
    again = schedules.deserialize(config)
    assert again.get_config() == schedule.get_config()
    optimizer = optimizers.deserialize(optimizers.serialize(SGD(schedule)))
    assert optimizer.learning_rate == schedule(0)
    assert optimizer.get_config()["learning_rate"] == config


def test_a_config_needs_no_module():
    config = {"class_name": "PolynomialDecay", "config": {"initial_learning_rate": 0.5, "decay_steps": 9}}
    assert schedules.deserialize(config)(0) == 0.5
    assert SGD.from_config({"learning_rate": config}).learning_rate == 0.5


def test_training_follows_the_schedule():
    model = Sequential([layers.Input((1,)), layers.Dense(1, use_bias=False, kernel_initializer="zeros")])
    model.compile(SGD(PiecewiseConstantDecay([0, 1], [0.5, 0.25, 0.125])), "mae")
    weights, rates = [], []
    for _ in range(4):
        rates.append(model.optimizer.learning_rate)
        model.train_on_batch(np.ones((1, 1)), np.full((1, 1), 9.0))  # the gradient is -1
        weights.append(float(model.get_weights()[0][0, 0]))
    assert rates == [0.5, 0.25, 0.125, 0.125]
    assert weights == [0.5, 0.75, 0.875, 1.0]


def test_the_rate_of_a_schedule_is_not_settable_but_a_schedule_is():
    optimizer = SGD(0.5)
    optimizer.learning_rate = ExponentialDecay(0.25, 10, 0.5)
    assert optimizer.learning_rate == 0.25
    with pytest.raises(TypeError, match="not settable"):
        optimizer.learning_rate = 0.5
    assert SGD(ExponentialDecay(0.25, 10, 0.5)).variables[1:] == []


def test_a_rate_that_is_set_stays_the_same_variable():
    optimizer = SGD(0.5)
    variable = optimizer.variables[1]
    optimizer.learning_rate = 0.125
    assert optimizer.variables[1] is variable and variable.value == 0.125
    with pytest.raises(ValueError, match="should be a float"):
        optimizer.learning_rate = "fast"
    assert optimizer.learning_rate == 0.125


def test_a_schedule_of_ones_own():
    class Mine(LearningRateSchedule):
        def __init__(self, top):
            self.top = top

        def __call__(self, step):
            return self.top / (1 + step)

    with pytest.raises(NotImplementedError, match=r"'Mine' must override `get_config\(\)`"):
        SGD(Mine(0.5)).get_config()
    Mine.get_config = lambda self: {"top": self.top}
    optimizer = optimizers.deserialize(optimizers.serialize(SGD(Mine(0.5))), custom_objects={"Mine": Mine})
    assert optimizer.learning_rate == 0.5
    with pytest.raises(NotImplementedError, match=r"must override `__call__\(self, step\)`"):
        LearningRateSchedule()(0)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ExponentialDecay(0.1, 0, 0.5), "`decay_steps` must be > 0. Received: decay_steps=0"),
        (lambda: PolynomialDecay(0.1, -1), "`decay_steps` must be > 0"),
        (lambda: InverseTimeDecay(0.1, 0, 0.5), "`decay_steps` must be > 0"),
        (lambda: CosineDecay(0.1, 0), "`decay_steps` must be > 0"),
        (lambda: CosineDecayRestarts(0.1, 0), "`first_decay_steps` must be > 0"),
        (lambda: PiecewiseConstantDecay([1, 2], [0.1, 0.2]), "boundaries should be 1 less .* length 2, and values="),
        (lambda: PiecewiseConstantDecay([2, 2], [1, 2, 3]), "greater than the last. Received: .*2, 2"),
        (lambda: CosineDecayRestarts(0.1, 4, t_mul=0.5)(8), "fewer than 8 steps. Received: step=8"),
        (lambda: schedules.deserialize({"class_name": "ExponentialDecy", "config": {}}), "mean 'ExponentialDecay'"),
    ],
)
def test_bad_arguments(make, message):
    with pytest.raises(ValueError, match=message):
        make()
