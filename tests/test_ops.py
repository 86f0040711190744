"""The native primitives against their meaning, over the table of cases: values, bits, layouts, and edges."""

import inspect
import math
import multiprocessing
import threading

import numpy as np
import pytest
from cases import CASES, FUNCTIONS, IN_PLACE, MANY, Case

from cdl import _native, config, ops

DTYPES = ("float32", "float64")
BITS_AGREE = {"avx2", "avx512"}  # generic has no fused multiply-add


def arrays(tree):
    """The arrays and numbers in nested lists and tuples, in order."""
    if isinstance(tree, list | tuple):
        return [a for branch in tree for a in arrays(branch)]
    return [np.asarray(tree)] if isinstance(tree, np.ndarray | float | int) else []


def mapped(function, tree):
    if isinstance(tree, list | tuple):
        return type(tree)(mapped(function, branch) for branch in tree)
    return function(tree) if isinstance(tree, np.ndarray) else tree


def call(case: Case, arguments, backend: str = "native"):
    """The results, as a list of arrays. An in-place rule works on a copy of its arguments, which are its results."""
    with config.set_backend(backend):
        if case.op in IN_PLACE:
            arguments = mapped(np.copy, arguments)
            assert getattr(ops, case.op)(*arguments) is None
            return arrays(arguments)
        return arrays(getattr(ops, case.op)(*arguments))


def meaning(case: Case, arguments):
    """The results of the reference in a wider type, so that its own rounding does not count."""
    wider = {np.dtype("float32"): np.float64, np.dtype("float64"): np.longdouble}
    return call(case, mapped(lambda a: a.astype(wider.get(a.dtype, a.dtype)), arguments), "reference")


def assert_same_bits(one, other):
    for a, b in zip(one, other, strict=True):
        assert a.tobytes() == b.tobytes()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_native_is_the_reference(case, dtype):
    arguments = case.draw(dtype)
    before = mapped(np.copy, arguments)
    expected = meaning(case, arguments)
    results = {}
    for isa in _native.isas():
        for threads in (1, 2, 3):
            with config.set_isa(isa), config.set_num_threads(threads):
                results[isa, threads] = call(case, arguments)
        for actual, wanted in zip(results[isa, 1], expected, strict=True):
            assert actual.shape == wanted.shape
            if wanted.dtype.kind == "f":
                np.testing.assert_allclose(actual, wanted, rtol=0, atol=case.tolerance(dtype, wanted))
            else:
                np.testing.assert_array_equal(actual, wanted)
        assert_same_bits(results[isa, 2], results[isa, 1])
        assert_same_bits(results[isa, 3], results[isa, 1])
    if set(_native.isas()) >= BITS_AGREE:
        assert_same_bits(results["avx2", 1], results["avx512", 1])

    assert_same_bits(arrays(arguments), arrays(before))  # inputs are as they were
    if case.op not in IN_PLACE:
        for result in arrays(getattr(ops, case.op)(*arguments)):
            assert not any(np.shares_memory(result, a) for a in arrays(arguments))
            assert result.flags.c_contiguous and result.flags.writeable


def spread(a):
    """Every second element of a larger array along each axis."""
    larger = np.full([2 * s for s in a.shape], 77, a.dtype)
    view = larger[tuple(slice(None, None, 2) for _ in a.shape)]
    view[...] = a
    return view


def read_only(a):
    a = a.copy()
    a.flags.writeable = False
    return a


def unaligned(a):
    buffer = np.empty(a.nbytes + 1, np.uint8)
    view = buffer[1:].view(a.dtype).reshape(a.shape)
    view[...] = a
    return view


LAYOUTS = {
    "spread": spread,
    "Fortran": lambda a: np.asfortranarray(a) if a.ndim else a,
    "backwards": lambda a: a[::-1].copy()[::-1] if a.ndim else a,
    "read-only": read_only,
    "unaligned": unaligned,
    "bytes the other way round": lambda a: a.astype(a.dtype.newbyteorder()),
}
ONE_OF_EACH = list({case.op: case for case in CASES if case.op not in IN_PLACE and "1009" not in str(case)}.values())


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("case", ONE_OF_EACH, ids=lambda case: case.op)
def test_layout_of_inputs_does_not_matter(case, layout):
    arguments = case.draw("float32")
    assert_same_bits(call(case, mapped(LAYOUTS[layout], arguments)), call(case, arguments))


def test_every_primitive_has_a_case():
    public = {name for name, f in vars(ops).items() if inspect.isfunction(f) and f.__module__.startswith("cdl.ops.")}
    assert {case.op for case in CASES} == {name for name in public if not name.startswith("_")}


# -------------------------------------------------------------------------------------------- accuracy of the functions


@pytest.mark.parametrize("isa", _native.isas())
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("function", "exact", "ulps"),
    [
        ("exponential", math.exp, 1.5),
        ("tanh", math.tanh, 3),
        ("sigmoid", lambda x: 1 / (1 + math.exp(-x)), 3),
        ("softplus", lambda x: max(x, 0) + math.log1p(math.exp(-abs(x))), 3),
        ("gelu", lambda x: x * math.erfc(-x / math.sqrt(2)) / 2, 6),
    ],
)
def test_relative_accuracy(function, exact, ulps, dtype, isa):
    """Also where the result is small; absolute errors alone would hide that."""
    if function == "gelu" and isa == "generic":
        pytest.skip("needs fused multiply-add")
    low = -12 if function == "gelu" else -80
    small = np.geomspace(1e-30, 1, 500)
    x = np.concatenate([np.linspace(low, 80, 4001), small, -small]).astype(dtype)
    expected = np.array([exact(float(v)) for v in x])
    with config.set_isa(isa):
        actual = ops.activation(x, function).astype(np.float64)
    slack = 1 + 4 * (dtype == "float64")  # libm's own error, and that of the formula around it
    allowed = (ulps + slack) * np.finfo(dtype).eps * np.abs(expected)
    if function == "gelu" and dtype == "float64":
        allowed *= 1 + x**2  # the rounding of x / sqrt(2) above, magnified by erfc
    assert np.all(np.abs(actual - expected) <= allowed + np.finfo(dtype).tiny)


# ---------------------------------------------------------------------------------------------- the edges of the floats


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f[0])
def test_nan_comes_out_as_nan(function, dtype):
    x = np.zeros(37, dtype)
    x[[0, 17, 36]] = np.nan
    for isa in _native.isas():
        with config.set_isa(isa):
            y = ops.activation(x, *function)
        assert np.isnan(y[[0, 17, 36]]).all()
        assert np.isfinite(np.delete(y, [0, 17, 36])).all()


@pytest.mark.parametrize("dtype", DTYPES)
def test_values_at_the_ends(dtype):
    ends = np.array([-np.inf, -1e4, 0, 1e4, np.inf], dtype)
    top = np.array(np.inf, dtype)
    for function, expected in {
        "relu": [0, 0, 0, 1e4, top],
        "sigmoid": [0, 0, 0.5, 1, 1],
        "tanh": [-1, -1, 0, 1, 1],
        "exponential": [0, 0, 1, top, top],
        "softplus": [0, 0, math.log(2), 1e4, top],
        "log_sigmoid": [-top, -1e4, -math.log(2), 0, 0],
        "elu": [-0.7, -0.7, 0, 1e4, top],
        "hard_tanh": [-1, -1, 0, 1, 1],
        "soft_shrink": [-top, -1e4 + 0.5, 0, 1e4 - 0.5, top],
    }.items():
        actual = ops.activation(ends, *{f[0]: f for f in FUNCTIONS}[function])
        np.testing.assert_allclose(actual, expected, rtol=4 * np.finfo(dtype).eps)


@pytest.mark.parametrize("dtype", DTYPES)
def test_large_logits(dtype):
    z = np.array([[1e4, -1e4, 0], [-1e4, -1e4, -1e4], [3e38, 0, -3e38]], dtype)
    np.testing.assert_allclose(ops.softmax(z), [[1, 0, 0], [1 / 3] * 3, [1, 0, 0]], rtol=1e-6)
    labels = np.array([1, 0, 0], np.int32)
    values = ops.sparse_categorical_crossentropy(labels, z, True)
    np.testing.assert_allclose(values, [2e4, math.log(3), 0], rtol=1e-6)
    total, dz = ops.sparse_categorical_crossentropy_gradient(labels, z, True)
    np.testing.assert_allclose(total, values.astype(float).sum(), rtol=1e-6)
    np.testing.assert_allclose(dz, [[1, -1, 0], [-2 / 3, 1 / 3, 1 / 3], [0, 0, 0]], rtol=1e-6, atol=1e-12)

    z, t = np.array([[1e4], [-1e4], [1e4], [-1e4]], dtype), np.array([[1], [0], [0], [1]], dtype)
    np.testing.assert_allclose(ops.binary_crossentropy(t, z, True), [0, 0, 1e4, 1e4])
    np.testing.assert_allclose(ops.binary_crossentropy_gradient(t, z, True)[1], [[0], [0], [1], [-1]])


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_class_that_is_ruled_out(dtype):
    """A logit of -infinity: its probability is 0, and with a target of 0 it costs nothing."""
    z, t = np.array([[0, -np.inf, 0]], dtype), np.array([[1, 0, 0]], dtype)
    np.testing.assert_allclose(ops.softmax(z), [[0.5, 0, 0.5]])
    for backend in ("native", "reference"):
        with config.set_backend(backend), np.errstate(invalid="ignore"):
            np.testing.assert_allclose(ops.categorical_crossentropy(t, z, True), [math.log(2)], rtol=1e-6)
            np.testing.assert_allclose(ops.categorical_crossentropy_gradient(t, z, True)[1], [[-0.5, 0, 0.5]])


@pytest.mark.parametrize("dtype", DTYPES)
def test_probabilities_of_zero_and_one(dtype):
    """They are clipped, and the gradient there is zero. The reference in the same type rounds 1 - epsilon alike."""
    p = np.array([[0], [1], [0], [1], [0.5]], dtype)
    t = np.array([[0], [1], [1], [0], [0.5]], dtype)
    values = ops.binary_crossentropy(t, p)
    dy = ops.binary_crossentropy_gradient(t, p)[1]
    with config.set_backend("reference"):
        np.testing.assert_allclose(values, ops.binary_crossentropy(t, p), rtol=1e-6)
    np.testing.assert_array_equal(dy[:4], 0)
    np.testing.assert_allclose(values[2:4], -math.log(1e-7), rtol=0.02)

    p, t = np.array([[0, 1, 0], [0.5, 0, 0.5]], dtype), np.array([[0, 1, 0], [0, 1, 0]], dtype)
    values = ops.categorical_crossentropy(t, p)
    np.testing.assert_allclose(values, [0, -math.log(1e-7)], rtol=1e-6, atol=2e-7)
    np.testing.assert_array_equal(ops.categorical_crossentropy_gradient(t, p)[1][0], 0)
    np.testing.assert_array_equal(ops.sparse_categorical_crossentropy(np.array([1, 1], np.int32), p), values)


@pytest.mark.parametrize("op", ["softmax", "log_softmax"])
def test_nan_spoils_its_row_only(op):
    x = np.zeros((3, 20), np.float32)
    x[1, 13] = np.nan
    np.testing.assert_array_equal(np.isnan(getattr(ops, op)(x)), [[False] * 20, [True] * 20, [False] * 20])


@pytest.mark.parametrize("dtype", DTYPES)
def test_denormals_are_zero_inside_and_untouched_outside(dtype):
    tiny = np.finfo(dtype).tiny
    x = np.full(MANY, tiny / 8, dtype)
    assert not ops.activation(x, "softsign").any()
    smallest = np.full(3, np.finfo(dtype).smallest_subnormal, dtype)
    assert (smallest * 2 == 2 * np.finfo(dtype).smallest_subnormal).all() and (smallest * 2 > 0).all()
    assert (x / 2 > 0).all()


@pytest.mark.parametrize("isa", _native.isas())
def test_gradient_of_a_large_kernel(isa):
    """So large that the images are summed in fewer parts, and threads share the output channels."""
    rng = np.random.default_rng(0)
    x, kernel, dy = (
        rng.normal(size=size).astype("f4") for size in ((8, 32, 32, 180), (3, 3, 180, 190), (8, 32, 32, 190))
    )

    def gradients(images):
        rest = (1, 1), ((1, 1), (1, 1)), (1, 1), 1, "linear", False, True, True
        return ops.convolution_backward(x[images], kernel, dy[images], dy[images], *rest)[1:]

    with config.set_isa(isa), config.set_num_threads(1):
        expected = [sum(one) for one in zip(*(gradients(slice(k, k + 1)) for k in range(8)), strict=True)]
        together = gradients(slice(None))
        for actual, wanted in zip(together, expected, strict=True):
            np.testing.assert_allclose(actual, wanted, atol=2e-6 * np.abs(wanted).max())
        with config.set_num_threads(3):
            assert_same_bits(gradients(slice(None)), together)


# ------------------------------------------------------------------------------------------------------------ processes


def _child(queue):
    queue.put(float(ops.softmax(np.ones((2000, 500), np.float32)).sum()))


def test_a_forked_child_computes():
    """OpenMP's threads do not survive a fork; a parallel region in the child would wait for them for ever."""
    x = np.ones((2000, 500), np.float32)
    with config.set_num_threads(2):
        expected = float(ops.softmax(x).sum())
        context = multiprocessing.get_context("fork")
        queue = context.Queue()
        child = context.Process(target=_child, args=(queue,))
        child.start()
        try:
            assert queue.get(timeout=20) == expected
        finally:
            child.kill()
            child.join()
        assert float(ops.softmax(x).sum()) == expected


def test_two_python_threads_at_once():
    rng = np.random.default_rng(0)
    inputs = [rng.normal(size=(500, 300)).astype(np.float32) for _ in range(4)]
    expected = [ops.softmax(x) for x in inputs]
    differences = []

    def work(j):
        for _ in range(30):
            if not np.array_equal(ops.softmax(inputs[j]), expected[j]):
                differences.append(j)

    workers = [threading.Thread(target=work, args=(j,)) for j in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not differences


# ------------------------------------------------------------------------------------------------------------- mistakes


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda a: ops.softmax(a.astype(np.int64)), TypeError, "int64"),
        (lambda a: ops.mean_squared_error(a, a.astype(np.float64)), TypeError, "y_true is float32"),
        (lambda a: ops.mean_squared_error(a, a[:1]), ValueError, r"\(2, 3\).*\(1, 3\)"),
        (lambda a: ops.softmax_backward(a, a[:1]), ValueError, r"\(2, 3\).*\(1, 3\)"),
        (lambda a: ops.sparse_categorical_crossentropy(np.array([0, 3], np.int32), a), ValueError, "label 3 at"),
        (lambda a: ops.sparse_categorical_crossentropy(np.array([0, 1]), a), TypeError, "int32"),
        (lambda a: ops.take_rows(a, np.array([0, -1])), IndexError, "index -1 at position 1"),
        (lambda a: ops.matmul(a, a), ValueError, "inner sizes differ"),
        (lambda a: ops.argmax(a[:, :0]), ValueError, "empty"),
        (lambda a: ops.dropout(a, 1.0, 0, 0), ValueError, "Received: 1.0"),
    ],
)
def test_mistakes_are_refused(call, error, text):
    with pytest.raises(error, match=text):
        call(np.zeros((2, 3), np.float32))
