"""Optimizers: first steps by hand, twenty steps against a transcription of the papers, options, errors, state."""

import copy
import math
import pickle

import numpy as np
import pytest

from cdl import backend, constraints, optimizers
from cdl.optimizers import SGD, Adam, AdamW, Optimizer, RMSprop
from cdl.optimizers.clipping import clip_global_norm, clip_norms
from cdl.variable import Variable


def variable(values, name="kernel", dtype="float64"):
    return Variable(np.array(values), dtype=dtype, name=name)


def network(dtype="float64"):
    """The variables of a small network; more than a register, less than one, and none at all."""
    rng = np.random.default_rng(7)
    shapes = {"kernel": (5, 7), "bias": (7,), "gamma": (1,), "empty": (0, 3)}
    return [variable(rng.normal(size=shape), name, dtype) for name, shape in shapes.items()]


def gradients(step, variables):
    rng = np.random.default_rng(step)
    return [rng.normal(size=v.shape).astype(v.dtype) for v in variables]


# ------------------------------------------------------------------------------------------------- first steps by hand


@pytest.mark.parametrize(
    ("optimizer", "expected"),
    [
        (SGD(0.1), [[0.95, 2.1], [0.9, 2.2]]),
        (SGD(0.1, momentum=0.5), [[0.95, 2.1], [0.875, 2.25]]),  # velocity -0.05 then -0.075
        (SGD(0.1, momentum=0.5, nesterov=True), [[0.925, 2.15], [0.8375, 2.325]]),
        (SGD(0.1, weight_decay=0.5), [[0.9, 2.0], [0.805, 2.0]]),  # 1 * 0.95 - 0.05, then 0.9 * 0.95 - 0.05
        # s = 0.25 g^2, then 0.4375 g^2: steps 0.1 / 0.5, then 0.1 / sqrt(0.4375), whatever the gradient's size
        (
            RMSprop(0.1, rho=0.75, epsilon=0.0),
            [[0.8, 2.2], [0.8 - 0.1 / math.sqrt(0.4375), 2.2 + 0.1 / math.sqrt(0.4375)]],
        ),
        # variance 0.25 g^2 - 0.0625 g^2 = 3/16 g^2
        (
            RMSprop(0.3, rho=0.75, epsilon=0.0, centered=True),
            [[1 - 0.3 * 4 / math.sqrt(3), 2 + 0.3 * 4 / math.sqrt(3)]],
        ),
        (RMSprop(0.1, rho=0.75, epsilon=0.0, momentum=1.0), [[0.8, 2.2], [0.6 - 0.1 / math.sqrt(0.4375), None]]),
        # a constant gradient: the bias-corrected means are g and g^2, so each step is the learning rate
        (Adam(0.1, epsilon=0.0), [[0.9, 2.1], [0.8, 2.2], [0.7, 2.3]]),
        (AdamW(0.1, weight_decay=0.5, epsilon=0.0), [[0.85, 2.0], [0.7075, 2.0]]),  # 0.85 * 0.95 - 0.1
    ],
)
def test_first_steps(optimizer, expected):
    v, grad = variable([1.0, 2.0]), np.array([0.5, -1.0])
    for step, values in enumerate(expected):
        optimizer.apply([grad], [v])
        for value, by_hand in zip(v.value, values, strict=True):
            assert by_hand is None or value == pytest.approx(by_hand, rel=1e-12)
        assert optimizer.iterations == step + 1


def test_adam_amsgrad_keeps_the_largest_mean_square():
    v = variable([0.0])
    optimizer = Adam(0.1, beta_1=0.0, beta_2=0.5, epsilon=0.0, amsgrad=True)
    optimizer.apply([np.array([2.0])], [v])  # v = largest = 2, corrected by 1 - 1/2: step 0.1 * sqrt(1/2) * 2 / sqrt(2)
    assert v.value[0] == pytest.approx(-0.1)
    optimizer.apply([np.array([1.0])])  # v = 1.5 < largest = 2: step 0.1 * sqrt(3/4) / sqrt(2)
    assert v.value[0] == pytest.approx(-0.1 - 0.1 * math.sqrt(0.75 / 2))


# ------------------------------------------------------------------------------------- trajectories against the papers


def sgd_paper(w, state, g, t, lr, momentum=0.0, nesterov=False):
    state["velocity"] = momentum * state.get("velocity", 0.0) - lr * g
    return w + (momentum * state["velocity"] - lr * g if nesterov else state["velocity"])


def rmsprop_paper(w, state, g, t, lr, rho=0.9, momentum=0.0, epsilon=1e-7, centered=False):
    state["square"] = rho * state.get("square", 0.0) + (1 - rho) * g * g
    state["mean"] = rho * state.get("mean", 0.0) + (1 - rho) * g
    variance = state["square"] - (state["mean"] ** 2 if centered else 0.0)
    state["velocity"] = momentum * state.get("velocity", 0.0) + lr * g / np.sqrt(variance + epsilon)
    return w - state["velocity"]


def adam_paper(w, state, g, t, lr, beta_1=0.9, beta_2=0.999, epsilon=1e-7, amsgrad=False):
    """Algorithm 1 with corrected means, whose epsilon is `epsilon` over the root of the correction (section 2.1)."""
    state["m"] = beta_1 * state.get("m", 0.0) + (1 - beta_1) * g
    state["v"] = beta_2 * state.get("v", 0.0) + (1 - beta_2) * g * g
    state["largest"] = np.maximum(state.get("largest", 0.0), state["v"])
    correction = 1 - beta_2**t
    v = (state["largest"] if amsgrad else state["v"]) / correction
    return w - lr * state["m"] / (1 - beta_1**t) / (np.sqrt(v) + epsilon / math.sqrt(correction))


RULES = [
    (SGD, sgd_paper, {}),
    (SGD, sgd_paper, {"momentum": 0.9}),
    (SGD, sgd_paper, {"momentum": 0.9, "nesterov": True}),
    (RMSprop, rmsprop_paper, {}),
    (RMSprop, rmsprop_paper, {"momentum": 0.8, "rho": 0.7}),
    (RMSprop, rmsprop_paper, {"centered": True, "epsilon": 1e-3}),
    (RMSprop, rmsprop_paper, {"centered": True, "momentum": 0.5}),
    (Adam, adam_paper, {}),
    (Adam, adam_paper, {"beta_1": 0.5, "beta_2": 0.9, "epsilon": 1e-2}),
    (Adam, adam_paper, {"amsgrad": True, "beta_2": 0.8}),
    (AdamW, adam_paper, {"weight_decay": 0.1}),
]


@pytest.mark.parametrize("backend_name", ["native", "reference"])
@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-12), ("float32", 2e-5)])
@pytest.mark.parametrize(("rule", "paper", "arguments"), RULES)
def test_twenty_steps(rule, paper, arguments, dtype, tolerance, backend_name):
    variables = network(dtype)
    expected = [v.value.astype(np.float64) for v in variables]
    states = [{} for _ in variables]
    optimizer = rule(0.02, **arguments)
    decay = 0.02 * arguments.get("weight_decay", 0.0)
    own = {key: value for key, value in arguments.items() if key != "weight_decay"}
    with backend.set_backend(backend_name):
        for t in range(1, 21):
            grads = gradients(t, variables)
            optimizer.apply(grads, variables)
            expected = [
                paper(w - decay * w, state, g.astype(np.float64), t, 0.02, **own)
                for w, state, g in zip(expected, states, grads, strict=True)
            ]
    for v, w in zip(variables, expected, strict=True):
        np.testing.assert_allclose(v.value, w, rtol=tolerance, atol=tolerance)


def test_centered_rmsprop_survives_a_constant_gradient():
    v = variable([0.0], dtype="float32")  # the variance goes to 0, and below it by rounding
    optimizer = RMSprop(1e-3, centered=True)
    for _ in range(300):
        optimizer.apply([np.array([300.0], dtype=np.float32)], [v])
    assert np.isfinite(v.value).all()


@pytest.mark.parametrize(("rule", "arguments"), [(rule, arguments) for rule, _, arguments in RULES])
def test_same_bits_on_any_number_of_threads(rule, arguments):
    rng = np.random.default_rng(1)
    shapes = [(300, 257), (257,), (3,), (90001,)]
    start = [rng.normal(size=shape).astype(np.float32) for shape in shapes]
    results = []
    for threads in (1, 2, 3):
        variables = [Variable(value, name=f"v{k}") for k, value in enumerate(start)]
        optimizer = rule(0.01, **arguments)
        with backend.set_num_threads(threads):
            for step in range(3):
                optimizer.apply(gradients(step, variables), variables)
        results.append([v.value for v in variables])
    for other in results[1:]:
        for a, b in zip(results[0], other, strict=True):
            np.testing.assert_array_equal(a, b)


# -------------------------------------------------------------------------------------------------------------- options


def test_clipping():
    g, h = np.array([3.0, 4.0]), np.array([0.0, 12.0])

    def change(**limit):
        variables = [variable([0.0, 0.0]), variable([0.0, 0.0])]
        SGD(1.0, **limit).apply([g, h], variables)
        return [-v.value for v in variables]

    np.testing.assert_allclose(change(clipvalue=3.5), [[3, 3.5], [0, 3.5]])
    np.testing.assert_allclose(change(clipnorm=5.0), [[3, 4], [0, 5]])
    np.testing.assert_allclose(change(clipnorm=1.0), [[0.6, 0.8], [0, 1]])
    np.testing.assert_allclose(change(global_clipnorm=13.0), [g, h])
    np.testing.assert_allclose(change(global_clipnorm=6.5), [g / 2, h / 2])
    np.testing.assert_array_equal(g, [3.0, 4.0])  # the gradient can still be read


@pytest.mark.parametrize("limit", ["clipnorm", "clipvalue", "global_clipnorm"])
def test_limits_and_sums_of_a_single_number(limit):
    """NumPy makes a number of an array without axes; the rules need arrays."""
    v = variable(1.0)
    SGD(1.0, **{limit: 0.25}).apply([np.array(3.0)], [v])
    assert v.value == 0.75
    optimizer = SGD(1.0, gradient_accumulation_steps=2)
    for grad in (1.0, 0.5):
        optimizer.apply([np.array(grad)], [v])
    assert v.value == 0.0


def test_gradients_within_the_limit_and_not_finite():
    grads = [np.array([3.0, 4.0]), np.array([12.0])]
    for limit, inside in ((clip_norms, 12.0), (clip_global_norm, 13.0)):
        assert [id(grad) for grad in limit(grads, inside)] == [id(grad) for grad in grads]
    spoilt = [np.array([3.0, np.inf]), np.array([12.0])]
    assert np.isnan(np.concatenate(clip_global_norm(spoilt, 1.0))).all()


def test_exclude_from_weight_decay():
    kernel, bias, other = variable([1.0]), variable([1.0], "bias"), variable([1.0], "other")
    optimizer = SGD(0.5, weight_decay=0.5)
    optimizer.exclude_from_weight_decay(var_list=[other], var_names=["bias"])
    optimizer.apply([np.zeros(1)] * 3, [kernel, bias, other])
    assert (kernel.value[0], bias.value[0], other.value[0]) == (0.75, 1.0, 1.0)


def test_moving_averages():
    v = variable([0.0])
    optimizer = SGD(1.0, use_ema=True, ema_momentum=0.75)
    for grad in (-4.0, -4.0):
        optimizer.apply([np.array([grad])], [v])
    assert v.value[0] == 8.0
    optimizer.finalize_variable_values([v])
    assert v.value[0] == 0.75 * 4 + 0.25 * 8  # the first step's value starts the average
    with pytest.raises(ValueError, match="does not match the length of model variables"):
        optimizer.finalize_variable_values([v, v])
    SGD().finalize_variable_values([v])  # without averages nothing happens
    assert v.value[0] == 5.0


def test_moving_averages_overwrite_the_values():
    v = variable([0.0])
    optimizer = SGD(1.0, use_ema=True, ema_momentum=0.5, ema_overwrite_frequency=2)
    for expected in (4.0, 6.0, 10.0, 11.0):  # averages 4, (4 + 8) / 2 = 6, (6 + 10) / 2 = 8, (8 + 14) / 2 = 11
        optimizer.apply([np.array([-4.0])], [v])
        assert v.value[0] == expected


def test_gradient_accumulation():
    v, w = variable([0.0]), variable([0.0])
    optimizer = Adam(0.1, epsilon=0.0, gradient_accumulation_steps=3)
    plain = Adam(0.1, epsilon=0.0)
    for step, grad in enumerate((1.0, 2.0, 6.0, -1.0, 0.0, 4.0)):
        optimizer.apply([np.array([grad])], [v])
        if step in (2, 5):
            plain.apply([np.array([3.0 if step == 2 else 1.0])], [w])
        assert v.value[0] == pytest.approx(w.value[0], rel=1e-12)
        assert optimizer.iterations == plain.iterations


def test_constraints_follow_the_step():
    v = variable([0.5, 1.0])
    v.constraint = constraints.NonNeg()
    value = v.value
    SGD(1.0).apply([np.array([2.0, 0.5])], [v])
    assert v.value is value
    np.testing.assert_array_equal(value, [0.0, 0.5])


def test_learning_rate():
    optimizer = Adam(0.25)
    assert optimizer.learning_rate == 0.25
    optimizer.learning_rate = 0.5
    assert optimizer.learning_rate == 0.5 == optimizer.get_config()["learning_rate"]
    scheduled = SGD(lambda step: 1.0 / (1 + step))
    v = variable([0.0])
    for expected in (-1.0, -1.5, -1.5 - 1 / 3):
        scheduled.apply([np.ones(1)], [v])
        assert v.value[0] == pytest.approx(expected)
    assert SGD(lambda: 0.125).learning_rate == 0.125
    for set_it in (lambda: setattr(scheduled, "learning_rate", 0.1), lambda: scheduled.learning_rate.assign(0.1)):
        with pytest.raises(TypeError, match="not settable"):
            set_it()
    scheduled.learning_rate = lambda step: 0.5
    assert scheduled.learning_rate == 0.5


def test_learning_rate_as_courses_write_it():
    optimizer, v = SGD(0.5), variable([0.0])
    rate = optimizer.learning_rate
    assert float(rate) == rate.numpy() == rate.value == float(rate.value.numpy()) == 0.5
    assert (f"{rate:.2f}", repr(rate), rate * 2, round(rate, 1)) == ("0.50", "0.5", 1.0, 0.5)
    optimizer.learning_rate.assign(0.25)
    optimizer.learning_rate *= 0.5
    optimizer.apply([np.ones(1)], [v])
    assert (v.value[0], optimizer.learning_rate, rate) == (-0.125, 0.125, 0.5)
    for same in (np.float32(0.25), np.array(0.25), Variable(0.25), SGD(0.25).learning_rate):
        optimizer.learning_rate.assign(same)
        assert optimizer.learning_rate == optimizer.get_config()["learning_rate"] == 0.25
    for wrong in ("fast", None, np.ones(2), True):
        with pytest.raises(ValueError, match="`learning_rate` should be a float"):
            optimizer.learning_rate.assign(wrong)
    assert SGD(lambda step: 0.5 / (1 + step)).learning_rate.numpy() == 0.5
    assert type(copy.deepcopy(rate)) is type(pickle.loads(pickle.dumps(rate))) is float


def test_iterations_as_courses_write_it():
    plain, accumulating = SGD(lambda step: float(step)), SGD(gradient_accumulation_steps=2)
    for optimizer in (plain, accumulating):
        for _ in range(4):
            optimizer.apply([np.ones(1)], [variable([0.0])] if not optimizer.built else None)
    assert (plain.iterations, accumulating.iterations) == (4, 2)
    assert plain.iterations.numpy() == plain.iterations.value == 4
    assert plain.iterations.numpy().dtype == np.int64
    plain.iterations.assign(0)
    accumulating.iterations.assign(7)
    assert (plain.iterations, plain.learning_rate, accumulating.iterations) == (0, 0.0, 7)
    assert type(pickle.loads(pickle.dumps(plain.iterations))) is int


def test_missing_gradients():
    v, w = variable([1.0]), variable([1.0], "bias")
    optimizer = SGD(0.5)
    with pytest.warns(UserWarning, match=r"Gradients do not exist for variables \['bias'\]"):
        optimizer.apply([np.ones(1), None], [v, w])
    assert (v.value[0], w.value[0]) == (0.5, 1.0)
    with pytest.raises(ValueError, match="No gradients provided for any variable"):
        optimizer.apply([None, None])
    optimizer.apply([])
    assert optimizer.iterations == 1


def test_some_of_the_variables():
    v, w = variable([1.0]), variable([1.0], "bias")
    optimizer = Adam(0.5, epsilon=0.0)
    optimizer.build([v, w])
    for _ in range(2):
        assert optimizer.apply_gradients([(np.ones(1), w)]) == optimizer.iterations
    assert v.value[0] == 1.0
    assert w.value[0] == pytest.approx(0.0, abs=1e-12)
    w.grad = np.ones(1)
    optimizer.apply_gradients((x.grad, x) for x in [w])
    assert w.value[0] == pytest.approx(-0.5)


def test_variables_of_both_float_types_and_gradients_of_another():
    v, w, x = variable([1.0]), variable([1.0], dtype="float32"), variable([1.0])
    for optimizer in (SGD(0.5), SGD(0.5, gradient_accumulation_steps=2)):
        for _ in range(optimizer.gradient_accumulation_steps or 1):
            optimizer.apply([[1.0], np.ones(1), np.full(1, 2, np.float32)], [v, w, x])
    assert (v.value[0], w.value[0], x.value[0]) == (0.0, 0.0, -1.0)
    assert w.dtype == "float32"


def test_a_rule_of_ones_own():
    class SignDescent(Optimizer):
        def slots(self):
            return [("count",)]

        def update(self, values, grads, slots, decays, learning_rate):
            for value, grad, count, decay in zip(values, grads, slots[0], decays, strict=True):
                value -= value * decay + learning_rate * np.sign(grad)
                count += grad != 0

    v = variable([1.0, 1.0])
    optimizer = SignDescent(0.25)
    optimizer.apply([np.array([-7.0, 0.0])], [v])
    np.testing.assert_array_equal(v.value, [1.25, 1.0])
    np.testing.assert_array_equal(optimizer.variables[-1].value, [1.0, 0.0])
    assert optimizer.name == "sign_descent"
    with pytest.raises(NotImplementedError, match="SignDescent2 does not define `update`"):
        type("SignDescent2", (Optimizer,), {})(0.1).apply([np.ones(2)], [v])


# --------------------------------------------------------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SGD(None), "`learning_rate` should be a float.*Received: learning_rate=None"),
        (lambda: SGD("fast"), "Received: learning_rate='fast'"),
        (lambda: SGD(momentum=1.5), r"`momentum` must be a float between \[0, 1\]. Received: momentum=1.5"),
        (lambda: SGD(clipnorm=1.0, clipvalue=1.0), "Only one of `clipnorm`, `clipvalue` and `global_clipnorm`"),
        (lambda: Adam(use_ema=True, ema_momentum=1.5), "`ema_momentum` must be in the range"),
        (lambda: Adam(use_ema=True, ema_overwrite_frequency=0.5), "`ema_overwrite_frequency` must be an integer >= 1"),
        (lambda: Adam(gradient_accumulation_steps=1), "`gradient_accumulation_steps` must be an integer >= 2"),
        (lambda: Adam(loss_scale_factor=128.0), "half precision.*loss_scale_factor=128.0"),
        (lambda: SGD(lr=0.1), r"SGD: argument\(s\) not recognized: {'lr': 0.1}; `lr` is `learning_rate` now"),
        (lambda: AdamW(epsilom=1e-8), r"AdamW: argument\(s\) not recognized: {'epsilom': 1e-08}\."),
        (lambda: AdamW(weight_decay=None), "`weight_decay` must be a float"),
        (lambda: optimizers.get("adamm"), "adamm"),
        (lambda: optimizers.get(3), "optimizer identifier: 3"),
    ],
)
def test_bad_arguments(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_decay_of_older_scripts_is_ignored_with_a_warning():
    with pytest.warns(UserWarning, match="SGD: argument `decay` is no longer supported.*InverseTimeDecay"):
        optimizer = SGD(learning_rate=0.01, decay=1e-6, momentum=0.9, nesterov=True)
    assert optimizer.learning_rate == 0.01 and "decay" not in optimizer.get_config()


def test_bad_calls():
    v, w = variable([1.0, 2.0]), variable([1.0], "bias")
    optimizer = SGD()
    with pytest.raises(ValueError, match="must already be built"):
        optimizer.apply([np.ones(2)])
    optimizer.build([v])
    with pytest.raises(ValueError, match=r"Unknown variable.*bias"):
        optimizer.apply([np.ones(1)], [w])
    with pytest.raises(ValueError, match="2 gradients for 1 variables"):
        optimizer.apply([np.ones(2), np.ones(2)])
    with pytest.raises(ValueError, match=r"shape \(2,\), its gradient has shape \(3,\)"):
        optimizer.apply([np.ones(3)])
    with pytest.raises(ValueError, match=r"'kernel' has shape \(2,\), its gradient has shape \(3,\)"):
        optimizer.apply([[1.0, 2.0, 3.0]])
    assert optimizer.iterations == 0
    np.testing.assert_array_equal(v.value, [1.0, 2.0])


# ---------------------------------------------------------------------------------------------- configuration and state

SOME = [
    SGD(0.5, momentum=0.25, nesterov=True, clipvalue=2.0, name="mine"),
    RMSprop(0.5, rho=0.8, momentum=0.5, epsilon=1e-3, centered=True, use_ema=True, ema_overwrite_frequency=3),
    Adam(0.5, beta_1=0.8, beta_2=0.9, amsgrad=True, gradient_accumulation_steps=2, global_clipnorm=1.0),
    AdamW(weight_decay=0.5, clipnorm=3.0),
    optimizers.Adamax(0.5, beta_1=0.8, beta_2=0.9, epsilon=1e-3),
    optimizers.Nadam(0.5, beta_1=0.8, beta_2=0.9, epsilon=1e-3, weight_decay=0.1),
    optimizers.Adagrad(0.5, initial_accumulator_value=0.25, epsilon=1e-3),
    optimizers.Adadelta(0.5, rho=0.8, epsilon=1e-3, use_ema=True),
    optimizers.Ftrl(0.5, -0.6, 0.25, 0.01, 0.02, 0.03, 0.5),
    optimizers.Lion(0.5, beta_1=0.8, beta_2=0.9, gradient_accumulation_steps=2),
    optimizers.Lamb(0.5, beta_1=0.8, beta_2=0.9, epsilon=1e-3),
    optimizers.Muon(0.5, exclude_layers=["bias"], momentum=0.5, ns_steps=3, nesterov=False, rms_rate=None),
    optimizers.Adafactor(0.5, -0.7, 1e-20, 1e-2, 0.5, relative_step=False, use_ema=True),
]


@pytest.mark.parametrize("optimizer", SOME)
def test_config_round_trip(optimizer):
    config = optimizer.get_config()
    assert type(optimizer).from_config(config).get_config() == config
    serialized = optimizers.serialize(optimizer)
    assert serialized["module"] == "keras.optimizers"
    again = optimizers.deserialize(serialized)
    assert type(again) is type(optimizer)
    assert again.get_config() == config


def test_get():
    names = ("sgd", "SGD", "rmsprop", "RMSprop", "adam", "Adam", "ADAM", "adamw", "AdamW", "adamax", "Adamax", "nadam")
    for name in (*names, "adagrad", "adadelta", "ftrl", "Ftrl", "lion", "lamb", "adafactor", "muon"):
        found = optimizers.get(name)
        assert type(found).__name__.lower() == name.lower()
        assert optimizers.get(found) is found
    assert type(optimizers.get({"class_name": "Adam", "config": {"learning_rate": 0.5}})) is Adam
    assert optimizers.get(None) is None


def test_names_of_the_state():
    variables = [variable([1.0]), variable([1.0], "bias")]
    variables[0].path = "dense/kernel"
    optimizer = Adam(amsgrad=True, use_ema=True, name="adam")
    optimizer.build(variables)
    optimizer.build(variables)
    assert [v.path for v in optimizer.variables] == [
        "adam/iteration",
        "adam/learning_rate",
        "adam/dense_kernel_average",
        "adam/bias_average",
        "adam/dense_kernel_momentum",
        "adam/dense_kernel_velocity",
        "adam/bias_momentum",
        "adam/bias_velocity",
        "adam/dense_kernel_velocity_hat",
        "adam/bias_velocity_hat",
    ]


@pytest.mark.parametrize("how", ["store", "pickle", "deepcopy"])
@pytest.mark.parametrize("optimizer", SOME)
def test_training_goes_on_from_a_copy(optimizer, how):
    variables = network()
    optimizer = type(optimizer).from_config(optimizer.get_config())
    for step in range(3):
        optimizer.apply(gradients(step, variables), variables)
    if how == "store":
        copies = [variable(v.value, v.name) for v in variables]
        other = type(optimizer).from_config(optimizer.get_config())
        other.build(copies)
        store = {}
        optimizer.save_own_variables(store)
        other.load_own_variables(store)
    elif how == "pickle":
        other, copies = pickle.loads(pickle.dumps((optimizer, variables)))
    else:
        other, copies = copy.deepcopy((optimizer, variables))
    for step in range(3, 7):
        optimizer.apply(gradients(step, variables), variables)
        other.apply(gradients(step, copies), copies)
    assert other.iterations == optimizer.iterations
    for a, b in zip(variables, copies, strict=True):
        np.testing.assert_array_equal(a.value, b.value)


def test_a_store_of_another_size_is_not_loaded():
    optimizer = SGD(0.5)
    with pytest.warns(UserWarning, match="Skipping variable loading"):
        optimizer.load_own_variables({"0": np.array(3)})
    assert optimizer.iterations == 0


def test_a_rule_written_for_keras_says_what_it_is_here():
    with pytest.raises(
        TypeError, match=r"Mine defines update_step.*as in Keras; here the rule is update\(values, grads"
    ):

        class Mine(Optimizer):
            def update_step(self, gradient, variable, learning_rate):
                variable.assign(variable - learning_rate * gradient)
