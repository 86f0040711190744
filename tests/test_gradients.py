"""Every gradient primitive against finite differences of its value, in float64, for the meaning and for the C code."""

import numpy as np
import pytest
from cases import FUNCTIONS
from layer_checks import STEP, numerical_gradient

from cdl import config, ops, reference

BACKENDS = ("reference", "native")
# Where some function has no derivative.
KINKS = np.array([-3, -1, -0.5, 0, 0.3, 0.5, 1, 3, 6])


def smooth_points(count=200):
    x = np.random.default_rng(1).normal(size=count) * 2.5
    return x[np.abs(x[:, None] - KINKS).min(axis=1) > 1e-3].copy()


def check(inputs, value, gradients):
    """d sum(dy * value(*inputs)) / d inputs by central differences, against gradients(dy, y, *inputs)."""
    y = value(*inputs)
    dy = np.random.default_rng(2).normal(size=np.shape(y))
    for x, gradient in zip(inputs, gradients(dy, y, *inputs), strict=True):
        expected = numerical_gradient(lambda: float(np.sum(dy * value(*inputs))), x)
        assert_equal_slopes(gradient, expected, np.abs(dy * y).sum())


def assert_equal_slopes(gradient, expected, summed):
    """A central difference is off by the curvature, and by the rounding of the two sums divided by the step."""
    slack = 2e-8 + 2 * np.finfo(np.float64).eps / STEP * summed
    np.testing.assert_allclose(gradient, expected, rtol=1e-8, atol=slack)


@pytest.fixture(params=BACKENDS)
def backend(request):
    with config.set_backend(request.param):
        yield


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f[0])
def test_activation(backend, function):
    check(
        [smooth_points()],
        lambda x: ops.activation(x, *function),
        lambda dy, y, x: [ops.activation_backward(x, y, dy, *function)],
    )


@pytest.mark.parametrize("op", ["softmax", "log_softmax"])
@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (2, 3, 17)])
def test_softmax(backend, op, shape):
    x = np.random.default_rng(0).normal(size=shape)
    check([x], getattr(ops, op), lambda dy, y, x: [getattr(ops, op + "_backward")(y, dy)])


@pytest.mark.parametrize("function", sorted(ops.FUSABLE))
def test_linear(backend, function):
    rng = np.random.default_rng(0)
    inputs = [rng.normal(size=(3, 2, 5)), rng.normal(size=(5, 4)), rng.normal(size=4)]
    check(
        inputs,
        lambda x, kernel, bias: ops.linear(x, kernel, bias, function),
        lambda dy, y, x, kernel, bias: ops.linear_backward(x, kernel, y, dy, function),
    )


@pytest.mark.parametrize("transpose_a", [False, True])
@pytest.mark.parametrize("transpose_b", [False, True])
def test_matmul(backend, transpose_a, transpose_b):
    """Its gradients are products again: da = dc b', db = a' dc, or their transposes."""
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(5, 3) if transpose_a else (3, 5)), rng.normal(size=(4, 5) if transpose_b else (5, 4))
    check(
        [a, b],
        lambda a, b: ops.matmul(a, b, transpose_a, transpose_b),
        lambda dc, c, a, b: [
            ops.matmul(b, dc, transpose_b, True) if transpose_a else ops.matmul(dc, b, False, not transpose_b),
            ops.matmul(dc, a, True, transpose_a) if transpose_b else ops.matmul(a, dc, not transpose_a, False),
        ],
    )


GEOMETRIES = {
    "1-D, causal": ((2, 7, 3), (3, 3, 4), (1,), ((2, 0),), (1,), 1),
    "2-D": ((2, 5, 4, 2), (3, 3, 2, 3), (1, 1), ((0, 0), (1, 1)), (1, 1), 1),
    "strides": ((1, 6, 7, 2), (2, 3, 2, 3), (3, 2), ((1, 0), (1, 1)), (1, 1), 1),
    "dilation": ((1, 6, 7, 2), (2, 3, 2, 3), (1, 1), ((0, 0), (2, 2)), (3, 2), 1),
    "groups": ((1, 4, 5, 6), (3, 2, 2, 9), (1, 1), ((1, 1), (0, 0)), (1, 1), 3),
    "one kernel for each channel": ((1, 4, 5, 3), (3, 3, 1, 6), (2, 1), ((1, 1), (1, 1)), (1, 1), 3),
    "3-D": ((1, 3, 4, 3, 2), (2, 2, 3, 2, 2), (1, 2, 1), ((0, 1), (0, 0), (1, 1)), (1, 1, 1), 1),
}


@pytest.mark.parametrize("function", sorted(ops.FUSABLE))
@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_convolution(backend, geometry, function):
    x, kernel, strides, padding, dilation, groups = GEOMETRIES[geometry]
    rng = np.random.default_rng(0)
    options = (strides, padding, dilation, groups, function)
    check(
        [rng.normal(size=x), rng.normal(size=kernel), rng.normal(size=kernel[-1])],
        lambda x, kernel, bias: ops.convolution(x, kernel, bias, *options),
        lambda dy, y, x, kernel, bias: ops.convolution_backward(x, kernel, y, dy, *options),
    )


@pytest.mark.parametrize("function", sorted(ops.FUSABLE))
@pytest.mark.parametrize("geometry", [name for name, sizes in GEOMETRIES.items() if sizes[-1] == 1])
def test_convolution_transpose(backend, geometry, function):
    y, kernel, strides, padding, dilation, _ = GEOMETRIES[geometry]
    rng = np.random.default_rng(0)
    image, *sizes = np.zeros(y), strides, padding, dilation
    x = ops.convolution(image, np.zeros(kernel), None, *sizes).shape
    check(
        [rng.normal(size=x), rng.normal(size=kernel), rng.normal(size=kernel[-2])],
        lambda x, kernel, bias: ops.convolution_transpose(x, kernel, bias, y[1:-1], *sizes, function),
        lambda dy, y, x, kernel, bias: ops.convolution_transpose_backward(x, kernel, y, dy, *sizes, function),
    )


POOLINGS = [
    ((2, 5, 4, 3), (2, 2), (2, 2), ((0, 0), (0, 0))),
    ((2, 5, 4, 9), (3, 2), (1, 1), ((1, 1), (0, 1))),
    ((2, 7, 2), (2,), (3,), ((0, 0),)),
    ((1, 3, 4, 5, 2), (2, 3, 2), (1, 2, 2), ((0, 0), (1, 1), (1, 0))),
]


@pytest.mark.parametrize("shape, size, strides, padding", POOLINGS)
def test_max_pool(backend, shape, size, strides, padding):
    windows = (size, strides, padding)
    x = np.random.default_rng(0).normal(size=shape)
    check([x], lambda x: ops.max_pool(x, *windows), lambda dy, y, x: [ops.max_pool_backward(x, y, dy, *windows)])


@pytest.mark.parametrize("shape, size, strides, padding", POOLINGS)
def test_average_pool(backend, shape, size, strides, padding):
    windows = (size, strides, padding)
    x = np.random.default_rng(0).normal(size=shape)
    check(
        [x],
        lambda x: ops.average_pool(x, *windows),
        lambda dy, y, x: [ops.average_pool_backward(dy, shape[1:-1], *windows)],
    )


@pytest.mark.parametrize("shape", [(5, 1), (300, 3), (2, 3, 4, 9)])
def test_batch_norm(backend, shape):
    rng = np.random.default_rng(0)
    inputs = [rng.normal(size=shape), rng.normal(size=shape[-1]), rng.normal(size=shape[-1])]

    def gradients(dy, y, x, gamma, beta):
        _, mean, variance = ops.batch_norm(x, gamma, beta, 1e-3)
        return ops.batch_norm_backward(x, gamma, mean, variance, dy, 1e-3)

    check(inputs, lambda x, gamma, beta: ops.batch_norm(x, gamma, beta, 1e-3)[0], gradients)


def test_scale_shift(backend):
    """Linear in all three: the gradients are sums of products."""
    rng = np.random.default_rng(0)
    check(
        [rng.normal(size=(2, 3, 9)), rng.normal(size=9), rng.normal(size=9)],
        ops.scale_shift,
        lambda dy, y, x, scale, shift: [
            ops.scale_shift(dy, scale, np.zeros_like(scale)),
            ops.column_sum(dy * x),
            ops.column_sum(dy),
        ],
    )


@pytest.mark.parametrize("shape", [(4, 2), (150, 3), (2, 3, 17)])
def test_layer_norm(backend, shape):
    rng = np.random.default_rng(0)
    check(
        [rng.normal(size=shape), rng.normal(size=shape[-1]), rng.normal(size=shape[-1])],
        lambda x, gamma, beta: ops.layer_norm(x, gamma, beta, 0.1),
        lambda dy, y, x, gamma, beta: ops.layer_norm_backward(x, gamma, dy, 0.1),
    )


@pytest.mark.parametrize("shape", [(4, 2), (150, 3), (2, 3, 17)])
def test_rms_norm(backend, shape):
    rng = np.random.default_rng(0)
    check(
        [rng.normal(size=shape), rng.normal(size=shape[-1])],
        lambda x, gamma: ops.rms_norm(x, gamma, 0.1),
        lambda dy, y, x, gamma: ops.rms_norm_backward(x, gamma, dy, 0.1),
    )


def test_dropout(backend):
    x = np.random.default_rng(0).normal(size=(3, 50))
    check([x], lambda x: ops.dropout(x, 0.3, 5, 6), lambda dy, y, x: [ops.dropout(dy, 0.3, 5, 6)])


LOSSES = {
    "mean_squared_error": ("numbers", "numbers", ()),
    "mean_absolute_error": ("numbers", "numbers", ()),
    "binary_crossentropy": ("chances", "chances", (False, 0.1)),
    "binary_crossentropy of logits": ("chances", "numbers", (True, 0.1)),
    "categorical_crossentropy": ("chances", "chances", (False, 0.1)),
    "categorical_crossentropy of logits": ("chances", "numbers", (True, 0.1)),
    "sparse_categorical_crossentropy": ("labels", "chances", (False,)),
    "sparse_categorical_crossentropy of logits": ("labels", "numbers", (True,)),
}


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("shape", [(4, 1), (4, 3), (2, 3, 17)])
@pytest.mark.parametrize("loss", LOSSES)
def test_loss(backend, loss, shape, weighted):
    rng = np.random.default_rng(0)
    make = {
        "numbers": lambda: rng.normal(size=shape),
        "chances": lambda: rng.uniform(0.05, 0.95, size=shape),
        "labels": lambda: rng.integers(0, shape[-1], size=shape[:-1]).astype(np.int32),
    }
    of_true, of_pred, options = LOSSES[loss]
    y_true, y_pred = make[of_true](), make[of_pred]()
    if shape[-1] == 1 and "categorical" in loss and not options[0]:
        pytest.skip("one class has the probability 1, at the clip")
    weight = rng.uniform(0.5, 2, size=shape[:-1]) if weighted else None
    op, scale = loss.split()[0], 0.125

    total, dy = getattr(ops, op + "_gradient")(y_true, y_pred, *options, weight, scale)
    weights = np.ones(shape[:-1]) if weight is None else weight
    value = lambda: float(scale * (weights * getattr(ops, op)(y_true, y_pred, *options)).sum())  # noqa: E731
    np.testing.assert_allclose(total, value(), rtol=1e-14)
    assert_equal_slopes(dy, numerical_gradient(value, y_pred), abs(total))


def test_derivative_from_output_is_the_derivative():
    """`linear` derives its activation from y, `activation_backward` from x."""
    x = smooth_points()
    for function in sorted(ops.FUSABLE):
        y = reference.activation(x, function)
        expected = reference.activation_backward(x, y, np.ones_like(x), function)
        np.testing.assert_allclose(
            reference.products.derivative_from_output(y, function), expected, rtol=1e-12, atol=1e-14
        )
