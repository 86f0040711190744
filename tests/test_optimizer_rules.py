"""Adagrad, Adadelta, Adamax, Nadam, Ftrl, Lion, Lamb, Muon, Adafactor: steps by hand, the papers' promises, errors."""

import math

import numpy as np
import pytest

from cdl import Sequential, config, layers
from cdl.optimizers import Adadelta, Adafactor, Adagrad, Adam, Adamax, AdamW, Ftrl, Lamb, Lion, Muon, Nadam
from cdl.variable import RowGradient, Variable

EVERY = [Adadelta, Adafactor, Adagrad, Adamax, Ftrl, Lamb, Lion, Muon, Nadam]


def variable(values, dtype="float64", name="kernel"):
    return Variable(np.array(values), dtype=dtype, name=name)


def run(optimizer, start, *grads):
    """The values after each step."""
    v, path = variable(start), []
    for grad in grads:
        optimizer.apply([np.array(grad, dtype=v.dtype)], [v])
        path.append(v.numpy())
    return np.array(path)


G = [0.5, -1.0]
# Nadam with beta_1 = 1/2 and a constant gradient: u_1 = 0.26, u_2 = 0.2696, so in the first step m_hat is
# u_2 * g / 2 / (1 - u_1 u_2) + (1 - u_1) * g / (1 - u_1) = 1.14496... g, and the root of the mean square is |g|.
NADAM = 0.1 * (1 + 0.2696 / 2 / (1 - 0.26 * 0.2696))


@pytest.mark.parametrize(
    ("optimizer", "grads", "expected"),
    [
        (Adagrad(0.1, 0.0, 0.0), [G, G], [[0.9, 2.1], [0.9 - 0.1 / math.sqrt(2), 2.1 + 0.1 / math.sqrt(2)]]),
        (Adagrad(0.1, initial_accumulator_value=0.75, epsilon=0.0), [[0.5, 0.5]], [[0.95, 1.95]]),
        (Adagrad(0.1, 0.0, 0.0, weight_decay=0.5), [G], [[0.85, 2.0]]),
        # s = g^2 / 4, d = 0: steps g / sqrt(1 + g^2 / 4)
        (Adadelta(1.0, rho=0.75, epsilon=1.0), [G], [[1 - 0.5 / math.sqrt(1.0625), 2 + 1 / math.sqrt(1.25)]]),
        (Adadelta(0.5, rho=0.75, epsilon=1.0), [G], [[1 - 0.25 / math.sqrt(1.0625), 2 + 0.5 / math.sqrt(1.25)]]),
        # a constant gradient: steps of the learning rate
        (Adamax(0.1, epsilon=0.0), [G, G], [[0.9, 2.1], [0.8, 2.2]]),
        # m = 1/2 over 1 - 1/2, then m = 1/4 over 1 - 1/4; u stays 1
        (Adamax(0.3, beta_1=0.5, beta_2=1.0, epsilon=0.0), [[1.0, 1.0], [0.0, 0.0]], [[0.7, 1.7], [0.6, 1.6]]),
        (Nadam(0.1, beta_1=0.5, epsilon=0.0), [G], [[1 - NADAM, 2 + NADAM]]),
        # the momentum 0.5 outweighs the second gradient, but not the third
        (Lion(0.1, 0.5, 0.5), [[1.0, 1.0], [-0.4, -0.6], [-0.4, 0.0]], [[0.9, 1.9], [0.8, 2.0], [0.9, 2.1]]),
        (Lion(0.1), [[0.0, 3.0]], [[1.0, 1.9]]),
        # |step| = sqrt(2), |value| = sqrt(5)
        (Lamb(0.1, epsilon=0.0), [G], [[1 - 0.1 * math.sqrt(2.5), 2 + 0.1 * math.sqrt(2.5)]]),
        # z = g - |g| / 0.5 * w = -0.5, which l1 outweighs, and -5; then (|z| - l1) / (|g| / 0.5 + 2 * l2)
        (
            Ftrl(0.5, initial_accumulator_value=0.0, l1_regularization_strength=0.75, l2_regularization_strength=0.25),
            [G],
            [[0.0, 4.25 / 2.5]],
        ),
        (Ftrl(0.5, initial_accumulator_value=0.0, beta=1.0), [G], [[0.5 / (1.5 / 0.5), 5.0 / (2.0 / 0.5)]]),
        # t = 1: v = g^2, step = sign(g), rms(value) = sqrt(2.5)
        (Adafactor(0.1, epsilon_1=0.0), [G], [[1 - 0.1 * math.sqrt(2.5), 2 + 0.1 * math.sqrt(2.5)]]),
        (Adafactor(0.1, epsilon_1=0.0, clip_threshold=0.5, epsilon_2=4.0), [G], [[0.8, 2.2]]),
        (Adafactor(9.0, epsilon_1=0.0, epsilon_2=4.0), [G], [[-3.0, 6.0]]),
    ],
    ids=lambda x: type(x).__name__,
)
def test_first_steps(optimizer, grads, expected):
    np.testing.assert_allclose(run(optimizer, [1.0, 2.0], *grads), expected, rtol=1e-12, atol=1e-12)


def test_ftrl_without_penalties_is_adagrad():
    """McMahan et al. 2013, section 3.1: the two only store different things."""
    rng = np.random.default_rng(2)
    grads = rng.normal(size=(20, 3))
    start = [1.0, -2.0, 0.5]
    follow = run(Ftrl(0.25, initial_accumulator_value=0.0), start, *grads)
    np.testing.assert_allclose(follow, run(Adagrad(0.25, 0.0, 0.0), start, *grads), rtol=1e-10)


def test_ftrl_makes_the_weights_zero_that_are_not_needed():
    rng = np.random.default_rng(3)
    x = rng.normal(size=(256, 8))
    y = 3 * x[:, :1] - 2 * x[:, 1:2] + 0.05 * rng.normal(size=(256, 1))
    model = Sequential([layers.Input((8,)), layers.Dense(1, use_bias=False)])
    model.compile(Ftrl(0.5, l1_regularization_strength=64.0), "mse")
    model.fit(x, y, batch_size=16, epochs=10, verbose=0, shuffle=False)
    kernel = model.get_weights()[0][:, 0]
    np.testing.assert_array_equal(kernel[2:], 0)
    assert kernel[0] > 2 and kernel[1] < -1


def test_adadelta_does_not_mind_the_unit_of_the_loss():
    """Zeiler 2012, section 3.2: a gradient of a thousand times the size makes the same steps, but for epsilon."""
    grads = np.random.default_rng(4).choice([-3.0, -1.0, 1.0, 2.0], size=(10, 3))
    start = [1.0, 2.0, 3.0]
    paths = [run(Adadelta(1.0, epsilon=1e-8), start, *(unit * grads)) - start for unit in (1.0, 1e3)]
    np.testing.assert_allclose(*paths, rtol=1e-5)
    assert np.abs(paths[0][0]).min() > 1e-4


def test_lamb_steps_by_a_part_of_the_weights():
    for scale in (1e-3, 1.0, 1e3):
        before = scale * np.array([3.0, -4.0])
        after = run(Lamb(0.125), before, [0.2, 7.0])[0]
        assert np.linalg.norm(after - before) == pytest.approx(0.125 * 5 * scale)
    np.testing.assert_allclose(run(Lamb(0.125), [0.0, 0.0], [0.2, 7.0]), [[-0.125, -0.125]], rtol=1e-5)
    np.testing.assert_array_equal(run(Lamb(0.125), [3.0, 4.0], [0.0, 0.0]), [[3.0, 4.0]])


def test_adafactor_is_exact_where_the_squares_have_rank_one():
    """Then v = r c / mean(r) is the square of the gradient, and the step its sign."""
    rows, columns = np.array([1.0, 3.0, 0.5])[:, None], np.array([2.0, 0.1])[None, :]
    v = variable(np.full((3, 2), 2.0))
    Adafactor(0.25).apply([rows * -columns], [v])
    np.testing.assert_allclose(v.value, np.full((3, 2), 2.5))


def test_adafactor_remembers_rows_and_columns():
    optimizer = Adafactor()
    variables = [
        variable(np.ones((5, 7))),
        variable(np.ones(7), name="bias"),
        variable(np.ones((2, 5, 7)), name="deep"),
    ]
    optimizer.build(variables)
    shapes = [state.shape for state in optimizer.variables[2:]]
    assert shapes == [(5,), (7,), (5, 7), (), (), (7,), (2, 5), (2, 7), (2, 5, 7)]


@pytest.mark.parametrize("shape", [(6, 4), (4, 6), (5, 5)])
def test_muon_makes_matrices_orthogonal(shape):
    u, _, v = np.linalg.svd(np.random.default_rng(11).normal(size=shape), full_matrices=False)
    x = u * np.geomspace(3.0, 0.3, len(v)) @ v
    singular = np.linalg.svd(u.T @ Muon().orthogonal(x) @ v.T)[1]
    assert singular.min() > 0.6 and singular.max() < 1.3  # of 1: what five steps with these coefficients reach
    # With those of Newton and Schulz it gets there: x (3 - x'x) / 2.
    newton = Muon(muon_a=1.5, muon_b=-0.5, muon_c=0.0, ns_steps=30)
    np.testing.assert_allclose(newton.orthogonal(x), u @ v, atol=1e-6)


def test_muon_steps_by_a_matrix_that_is_orthogonal():
    """For an orthogonal gradient the direction is its own, whatever its size: 0.1 * 0.2 * sqrt(2) * q."""
    q = np.array([[0.6, 0.8], [-0.8, 0.6]])
    optimizer = Muon(0.1, weight_decay=0.5, muon_a=1.5, muon_b=-0.5, muon_c=0.0, ns_steps=30)
    v, path = variable(np.ones((2, 2))), []
    for size in (3.0, 0.01):
        optimizer.apply([size * q], [v])
        path.append(v.numpy())
    expected = 0.95 * np.ones((2, 2)) - 0.02 * math.sqrt(2) * q
    np.testing.assert_allclose(path, [expected, 0.95 * expected - 0.02 * math.sqrt(2) * q], rtol=1e-6)


def test_muon_leaves_to_adam_what_is_no_kernel():
    rng = np.random.default_rng(12)
    paths = {"dense/kernel": (3, 2), "dense/bias": (2,), "embedding/embeddings": (4, 2), "output/kernel": (2, 3)}
    ours, theirs = [], []
    for path, shape in paths.items():
        for variables in (ours, theirs):
            variables.append(variable(np.ones(shape), name=path.split("/")[1]))
            variables[-1].path = path
    mine = Muon(0.01, adam_weight_decay=0.1, adam_lr_ratio=0.5, exclude_layers=["^output"])
    adam = AdamW(0.005, weight_decay=0.2)
    for _ in range(3):
        grads = [rng.normal(size=shape) for shape in paths.values()]
        mine.apply(grads, ours)
        adam.apply(grads, theirs)
    assert not np.allclose(ours[0].value, theirs[0].value)
    for one, other in zip(ours[1:], theirs[1:], strict=True):
        np.testing.assert_allclose(one.value, other.value, rtol=1e-12)
    names = [state.path.removeprefix(mine.name + "/") for state in mine.variables[2:]]
    assert names[:3] == ["dense_kernel_momentum", "dense_bias_momentum", "dense_bias_velocity"]
    assert len(names) == 7  # the kernel has no velocity


@pytest.mark.parametrize(
    "options", [{}, {"clipnorm": 1.0}, {"global_clipnorm": 1.0}, {"use_ema": True}, {"gradient_accumulation_steps": 2}]
)
@pytest.mark.parametrize("rule", [*EVERY, Adam])
def test_same_bits_on_any_number_of_threads(rule, options):
    rng = np.random.default_rng(1)
    shapes = [(130, 97), (97,), (3,), (40_001,)]
    start = [rng.normal(size=shape).astype(np.float32) for shape in shapes]
    grads = [[rng.normal(size=shape).astype(np.float32) for shape in shapes] for _ in range(2)]
    results = []
    for threads in (1, 2, 3):
        variables = [variable(value, "float32", f"v{k}") for k, value in enumerate(start)]
        optimizer = rule(0.01, **options)
        with config.set_num_threads(threads):
            for step in grads:
                optimizer.apply(step, variables)
        results.append([v.value.tobytes() for v in (*variables, *optimizer.variables)])
    assert results[0] == results[1] == results[2]


@pytest.mark.parametrize("rule", [Adadelta, Adagrad, Adam, Adamax, Ftrl, Lion, Nadam])
def test_nan_is_not_hidden_and_does_not_spread(rule):
    v = variable(np.ones(20), "float32")
    grad = np.ones(20, np.float32)
    grad[[0, 17]] = np.nan
    rule(0.1).apply([grad], [v])
    assert list(np.flatnonzero(np.isnan(v.value))) == [0, 17]


def test_nadam_counts_steps_once_for_variables_of_two_dtypes():
    grads = np.random.default_rng(5).normal(size=(6, 4))
    alone, both = Nadam(0.1), Nadam(0.1)
    v, w, other = variable(np.ones(4)), variable(np.ones(4)), variable(np.ones(2), "float32", "bias")
    for grad in grads:
        alone.apply([grad], [v])
        both.apply([grad, np.ones(2, np.float32)], [w, other])
    np.testing.assert_array_equal(v.value, w.value)
    product = math.prod(0.9 * (1 - 0.5 * 0.96**t) for t in range(1, 7))
    assert both.variables[-1].value == pytest.approx(product, rel=1e-12)


def test_adagrad_touches_only_the_rows_in_use():
    rng = np.random.default_rng(6)
    tables = [variable(rng.normal(size=(9, 3)), "float32") for _ in range(2)]
    tables[1].assign(tables[0])
    sparse, dense = Adagrad(0.5), Adagrad(0.5)
    for step in range(4):
        grad = RowGradient(np.array([1, 4 + step]), rng.normal(size=(2, 3)).astype(np.float32), (9, 3))
        before = tables[0].numpy()
        sparse.apply([grad], [tables[0]])
        dense.apply([grad.dense()], [tables[1]])
        changed = np.any(tables[0].value != before, axis=1)
        assert list(np.flatnonzero(changed)) == [1, 4 + step]
    np.testing.assert_array_equal(tables[0].value, tables[1].value)
    np.testing.assert_array_equal(sparse.variables[2].value, dense.variables[2].value)


@pytest.mark.parametrize("rule", EVERY)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_state_and_values_keep_their_memory_and_dtype(rule, dtype):
    rng = np.random.default_rng(8)
    shapes = {"kernel": (5, 7), "bias": (7,), "gamma": (1,), "empty": (0, 3), "scalar": ()}
    variables = [variable(rng.normal(size=shape), dtype, name) for name, shape in shapes.items()]
    optimizer = rule(0.01, weight_decay=0.1)
    optimizer.build(variables)
    memory = [v.value for v in (*variables, *optimizer.variables)]
    start = variables[0].numpy()
    for _ in range(3):
        optimizer.apply([rng.normal(size=v.shape).astype(dtype) for v in variables])
    assert all(v.value is held for v, held in zip((*variables, *optimizer.variables), memory, strict=True))
    assert {v.value.dtype.name for v in variables} == {dtype}
    assert np.all(variables[0].value != start)
    assert all(np.isfinite(v.value).all() for v in variables)


@pytest.mark.parametrize("rule", EVERY)
def test_learning(rule):
    rng = np.random.default_rng(9)
    x = rng.normal(size=(64, 3))
    y = x @ np.array([[1.0], [-2.0], [0.5]]) + 0.5
    model = Sequential([layers.Input((3,)), layers.Dense(1)])
    model.compile(rule({Adadelta: 50.0, Adagrad: 1.0, Ftrl: 1.0, Muon: 0.2}.get(rule, 0.05)), "mse")
    losses = model.fit(x, y, batch_size=16, epochs=30, verbose=0, shuffle=False).history["loss"]
    assert losses[-1] < 0.05 * losses[0]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Lion(beta_1=0.0), "`beta_1` must be greater than 0.*Received: beta_1=0.0"),
        (lambda: Lion(beta_1=1.5), "Received: beta_1=1.5"),
        (lambda: Muon(exclude_layers="output"), "Muon: exclude_layers is a list of strings. Received: 'output'"),
        (lambda: Ftrl(initial_accumulator_value=-1.0), "`initial_accumulator_value` needs to be positive or zero"),
        (lambda: Ftrl(learning_rate_power=0.5), "`learning_rate_power` needs to be negative or zero"),
        (lambda: Ftrl(l1_regularization_strength=-1.0), "Received: l1_regularization_strength=-1.0"),
        (lambda: Ftrl(l2_regularization_strength=-1.0), "Received: l2_regularization_strength=-1.0"),
        (lambda: Ftrl(l2_shrinkage_regularization_strength=-1.0), "`l2_shrinkage_regularization_strength` needs"),
        (lambda: run(Ftrl(0.0), [1.0], [1.0]), "Ftrl divides by the learning rate, which must be > 0. Received: 0.0"),
    ],
)
def test_bad_arguments(make, message):
    with pytest.raises(ValueError, match=message):
        make()
