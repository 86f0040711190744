"""Embedding: rows by number, and a gradient that has only the rows in use."""

import numpy as np
import pytest
from layer_checks import numerical_gradient

import cdl
from cdl import layers, ops, optimizers
from cdl.layers import Context
from cdl.variable import RowGradient, Variable

RNG = np.random.default_rng(11)


# ------------------------------------------------------------------------------------------------------------ the layer


@pytest.mark.parametrize("shape", [(5,), (2, 3), (2, 3, 2), (4, 0)])
@pytest.mark.parametrize("dtype", ["int32", "int64", "longlong", ">i8", "uint8", "float32", "float64"])
def test_rows_by_number(shape, dtype):
    layer = layers.Embedding(7, 3)
    x = RNG.integers(0, 7, size=shape)
    y = layer(x.astype(dtype))
    assert y.dtype == np.float32
    np.testing.assert_array_equal(y, layer.embeddings.value[x])
    assert layer.compute_output_shape((None, *shape[1:])) == (None, *shape[1:], 3)


def test_default_initializer_is_uniform():
    value = layers.Embedding(1000, 20)
    value.build((None, 5))
    assert 0.045 < np.abs(value.embeddings.value).max() <= 0.05


def test_large_numbers_survive_the_model():
    weights = np.arange(2**24 + 4, dtype="float32")[:, None]
    model = cdl.Sequential([layers.Embedding(len(weights), 1, weights=weights)])
    last = np.array([[2**24 + 3]])  # which float32 cannot hold
    np.testing.assert_array_equal(model.predict(last), weights[last])


def test_weights_to_start_from():
    start = RNG.normal(size=(4, 2))
    for weights in (start, [start]):
        np.testing.assert_array_equal(layers.Embedding(4, 2, weights=weights).embeddings.value, start.astype("float32"))
    with pytest.raises(ValueError, match="shape"):
        layers.Embedding(4, 2, weights=start[:3])


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda: layers.Embedding(0, 3), ValueError, "`input_dim` must be a positive integer"),
        (lambda: layers.Embedding(3, 2.0), ValueError, "`output_dim` must be a positive integer"),
        (lambda: layers.Embedding(3, True), ValueError, "`output_dim` must be a positive integer"),
        (lambda: layers.Embedding(3, 2, lora_rank=2), ValueError, "`lora_rank` is not offered by cdl"),
        (lambda: layers.Embedding(3, 2, name="e")([[0, 1], [1, 3]]), IndexError, r"Embedding 'e': x\[1, 1\] is 3, but"),
        (lambda: layers.Embedding(3, 2)([[-1]]), IndexError, r"x\[0, 0\] is -1, but the layer has rows for 0 .. 2"),
        (lambda: layers.Embedding(3, 2, name="e")([[0.0, 0.5]]), ValueError, "Embedding 'e': input must be whole numb"),
        (lambda: layers.Embedding(3, 2)([[np.nan]]), ValueError, "must be whole numbers"),
        (lambda: layers.Embedding(3, 2)([["a"]]), ValueError, "Invalid dtype"),
    ],
)
def test_bad_input(make, error, text):
    with pytest.raises(error, match=text):
        make()


def test_input_length_is_a_thing_of_the_past():
    with pytest.warns(UserWarning, match="`input_length` is deprecated"):
        layers.Embedding(3, 2, input_length=5)


def test_config():
    layer = layers.Embedding(5, 2, "normal", "l2", "non_neg", mask_zero=True, name="words")
    config = layer.get_config()
    again = layers.Embedding.from_config(config)
    assert again.get_config() == config
    assert again.mask_zero and again.supports_masking


def test_mask_of_zeros():
    x = np.array([[3, 0, 1], [0, 0, 2]])
    np.testing.assert_array_equal(layers.Embedding(4, 2, mask_zero=True).compute_mask(x, None), x != 0)
    assert layers.Embedding(4, 2).compute_mask(x, None) is None
    assert not layers.Embedding(4, 2).supports_masking


def test_other_numbers_of_steps_than_at_first():
    model = cdl.Sequential([layers.Embedding(9, 4), layers.GlobalAveragePooling1D(), layers.Dense(1)])
    for steps in (5, 2, 30):
        assert model.predict(RNG.integers(0, 9, size=(2, steps))).shape == (2, 1)


# --------------------------------------------------------------------------------------------------------- the gradient


@pytest.mark.parametrize("backend", ["native", "reference"])
@pytest.mark.parametrize("shape", [(6,), (3, 4), (2, 3, 2), (0, 4)])
def test_gradient(shape, backend):
    with cdl.config.set_floatx("float64"), cdl.config.set_backend(backend):
        layer = layers.Embedding(5, 3)
        x = RNG.integers(0, 4, size=shape)
        weight = RNG.normal(size=(*shape, 3))
        layer(x)
        ctx = Context()
        layer.forward(ctx, x)
        dx = layer.backward(ctx, weight)
        expected = numerical_gradient(lambda: float((weight * layer(x)).sum()), layer.embeddings.value)
        grad = layer.embeddings.grad
        np.testing.assert_allclose(grad, expected, rtol=1e-7, atol=1e-7)
        np.testing.assert_array_equal(grad.index, np.unique(x))
        assert dx.shape == x.shape and not dx.any()


def test_frozen_embedding_has_no_gradient():
    layer = layers.Embedding(5, 3, trainable=False)
    layer(np.array([1]))
    ctx = Context(need_input_grad=False)
    layer.forward(ctx, np.array([1]))
    assert layer.backward(ctx, np.ones((1, 3), "float32")) is None
    assert layer.embeddings.grad is None


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_rows_are_summed_in_order_for_any_number_of_threads(dtype):
    x = (RNG.normal(size=(20_000, 37)) * 10.0 ** RNG.integers(-3, 4, size=(20_000, 1))).astype(dtype)
    index = RNG.zipf(1.3, size=20_000) % 3000
    one_by_one = np.zeros((3000, 37), dtype)
    for row, number in zip(x, index, strict=True):
        one_by_one[number] += row
    for threads in (1, 2, 3):
        with cdl.config.set_num_threads(threads):
            used, sums = ops.sum_rows(x, index)
        np.testing.assert_array_equal(used, np.unique(index))
        np.testing.assert_array_equal(sums, one_by_one[used])


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda x, i: ops.sum_rows(x, i[:2]), ValueError, "x is"),
        (lambda x, i: ops.sum_rows(x[0], i), ValueError, "x is"),
        (lambda x, i: ops.sum_rows(x, i - 1), IndexError, "index -1 at position 0"),
        (lambda x, i: ops.sum_rows(x, i.astype("int16")), TypeError, "int64"),
        (lambda x, i: ops.put_rows(x, i, x[:2]), ValueError, "rows is"),
        (lambda x, i: ops.put_rows(x, i + 1, x), IndexError, "index 3 at position 2 is outside 0..2"),
        (lambda x, i: ops.put_rows(x.T, i, x), ValueError, "C-contiguous"),
    ],
)
def test_bad_rows(call, error, text):
    with pytest.raises(error, match=text):
        call(np.zeros((3, 3), "float32"), np.arange(3))


# ---------------------------------------------------------------------------------------------------- a gradient's rows


def gradient(*index, n=6, d=2):
    return RowGradient(np.array(index, np.int64), RNG.normal(size=(len(index), d)).astype("float32"), (n, d))


def test_row_gradient_is_an_array_to_others():
    grad = gradient(1, 4)
    whole = np.zeros((6, 2), "float32")
    whole[[1, 4]] = grad.rows
    np.testing.assert_array_equal(grad, whole)
    np.testing.assert_array_equal(2 * grad - whole, whole)
    np.testing.assert_array_equal(np.square(grad), whole**2)
    assert np.asarray(grad, "float64").dtype == np.float64
    assert "2 rows" in repr(grad)


def test_gradients_add_up():
    a, b, dense = gradient(1, 4), gradient(0, 4, 5), RNG.normal(size=(6, 2)).astype("float32")
    both = a + b
    assert isinstance(both, RowGradient)
    np.testing.assert_array_equal(both.index, [0, 1, 4, 5])
    np.testing.assert_array_equal(both, a.dense() + b.dense())
    for terms in ([a, dense], [dense, a], [a, b, dense]):
        variable = Variable(np.zeros((6, 2)))
        for term in terms:
            variable.add_gradient(term)
        assert type(variable.grad) is np.ndarray
        np.testing.assert_allclose(variable.grad, sum(np.asarray(term) for term in terms), rtol=1e-6)
    with pytest.raises(ValueError, match="its gradient has shape"):
        Variable(np.zeros((5, 2))).add_gradient(a)


RULES = [
    (optimizers.SGD, {}),
    (optimizers.SGD, {"momentum": 0.9}),
    (optimizers.SGD, {"momentum": 0.9, "nesterov": True}),
    (optimizers.RMSprop, {}),
    (optimizers.RMSprop, {"momentum": 0.5, "centered": True}),
    (optimizers.Adam, {}),
    (optimizers.Adam, {"amsgrad": True}),
    (optimizers.AdamW, {}),
]
OPTIONS = [
    {},
    {"weight_decay": 0.1},
    {"clipnorm": 0.5},
    {"clipvalue": 0.3},
    {"global_clipnorm": 0.5},
    {"use_ema": True, "ema_overwrite_frequency": 2},
    {"gradient_accumulation_steps": 2},
]


@pytest.mark.parametrize("constraint", [None, cdl.constraints.MaxNorm(0.5)])
@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize(("rule", "arguments"), RULES)
def test_every_optimizer_does_what_it_does_with_the_whole_gradient(rule, arguments, options, constraint):
    start, bias = RNG.normal(size=(6, 2)), RNG.normal(size=3)
    steps = [(gradient(*np.flatnonzero(RNG.random(6) < 0.4)), RNG.normal(size=3).astype("float32")) for _ in range(5)]
    results = []
    for whole in (False, True):
        variables = [Variable(bias, name="bias"), Variable(start, name="embeddings")]
        variables[1].constraint = constraint
        optimizer = rule(learning_rate=0.1, **arguments, **options)
        for rows, other in steps:
            optimizer.apply([other, rows.dense() if whole else rows], variables)
        optimizer.finalize_variable_values(variables)
        results.append([v.value for v in variables] + [v.value for v in optimizer.variables])
    for one, other in zip(*results, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-7)


def test_plain_descent_touches_only_the_rows_in_use():
    class Watched(optimizers.SGD):
        def update(self, values, grads, slots, decays, learning_rate):
            self.shapes = [value.shape for value in values]
            super().update(values, grads, slots, decays, learning_rate)

    variables = [Variable(np.ones((100, 4))), Variable(np.ones(3))]
    optimizer = Watched(learning_rate=1.0)
    for _ in range(2):
        optimizer.apply([gradient(3, 70, n=100, d=4), np.ones(3, "float32")], variables)
        assert optimizer.shapes == [(2, 4), (3,)]
    changed = np.flatnonzero((variables[0].value != 1).any(axis=1))
    np.testing.assert_array_equal(changed, [3, 70])


@pytest.mark.parametrize("regularizer", [None, "l2"])
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_training_is_that_of_a_dense_layer_on_one_hot_rows(optimizer, regularizer):
    x, y = RNG.integers(0, 8, size=(20, 5)), RNG.normal(size=(20, 5, 1)).astype("float32")
    start = RNG.normal(size=(8, 3))
    results = []
    for one_hot in (False, True):
        if one_hot:
            first = layers.Dense(3, use_bias=False, kernel_regularizer=regularizer, name="first")
        else:
            first = layers.Embedding(8, 3, embeddings_regularizer=regularizer, name="first")
        model = cdl.Sequential([first, layers.Dense(1, kernel_initializer="ones")])
        data = np.eye(8, dtype="float32")[x] if one_hot else x
        model.build((None, *data.shape[1:]))
        first.set_weights([start])
        model.compile(optimizer, "mse")
        history = model.fit(data, y, epochs=3, batch_size=8, shuffle=False, verbose=0)
        results.append((first.get_weights()[0], history.history["loss"]))
    np.testing.assert_allclose(results[0][0], results[1][0], rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(results[0][1], results[1][1], rtol=1e-5)


def test_embedding_used_twice():
    shared = layers.Embedding(6, 2)
    model = cdl.Sequential([layers.Parallel([shared, [shared]], merge="add")])
    model.build((None, 3))
    x = np.array([[1, 4, 1]])
    ctx = Context(need_input_grad=False)
    y = model.forward(ctx, model.convert(x))
    model.backward(ctx, np.ones_like(y))
    expected = np.zeros((6, 2))
    expected[1], expected[4] = 4, 2
    np.testing.assert_array_equal(shared.embeddings.grad, expected)
