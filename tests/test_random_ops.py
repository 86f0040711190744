"""Random numbers, column sums, argmax, row batches: against the reference, NumPy, published vectors, statistics."""

import math

import numpy as np
import pytest

from cdl import _native, backend, ops, reference

SIZES = (0, 1, 15, 16, 17, 31, 32, 33, 63, 64, 65, 1000, 4099)
KEYS = ((0, 0), (12345678901234567, 98765432109876543), (2**64 - 1, 2**64 - 1))
DTYPES = ("float32", "float64")


@pytest.fixture(params=_native.isas())
def isa(request):
    with backend.set_isa(request.param):
        yield request.param


# -------------------------------------------------------------------------------------------------------------- philox


def test_philox_known_answers():
    """Counter and key of zeros, from the test vectors published with Random123 (philox 4x32, 10 rounds)."""
    words = reference.random.philox(0, 0, 1)[0]
    assert [hex(word) for word in words] == ["0x6627e8d5", "0xe169c58d", "0xbc57ac4c", "0x9b00dbd8"]
    assert ops.random_uniform((1,), 0, 0)[0] == (0x6627E8D5 >> 8) / 2**24
    assert ops.random_uniform((1,), 0, 0, dtype="float64")[0] == ((0x6627E8D5 >> 5) * 2**26 + (0xE169C58D >> 6)) / 2**53


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("seed", "stream"), KEYS)
def test_uniform_is_the_reference_to_the_last_bit(isa, seed, stream, dtype):
    for size in SIZES:
        arguments = ((size,), seed, stream, -0.3, 1.7, dtype)
        np.testing.assert_array_equal(ops.random_uniform(*arguments), reference.random_uniform(*arguments))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("seed", "stream"), KEYS)
def test_normal_is_the_reference_to_rounding(isa, seed, stream, dtype):
    eps = np.finfo(dtype).eps
    for size in SIZES:
        arguments = ((size,), seed, stream, 0.5, 2.0, dtype)
        # |normal| < 9, and the reference's angles, up to 2 pi, are rounded themselves
        np.testing.assert_allclose(
            ops.random_normal(*arguments), reference.random_normal(*arguments), rtol=4 * eps, atol=2 * 9 * 4 * eps
        )


@pytest.mark.parametrize(("seed", "stream"), KEYS)
def test_dropout_has_one_mask(isa, seed, stream):
    for size in SIZES:
        x = np.linspace(1, 2, size)
        masks = []
        for dtype in DTYPES:
            y = ops.dropout(x.astype(dtype), 0.3, seed, stream)
            np.testing.assert_allclose(
                y, reference.dropout(x.astype(dtype), 0.3, seed, stream), rtol=2 * np.finfo(dtype).eps
            )
            masks.append(y == 0)
        np.testing.assert_array_equal(*masks)


def test_dropout_drops_what_is_not_finite():
    x = np.full(1000, np.inf, np.float32)
    assert set(ops.dropout(x, 0.5, 1, 2)) == {0.0, np.inf}
    np.testing.assert_array_equal(ops.dropout(x, 0.0, 1, 2), x)


def test_numbers_do_not_depend_on_threads_or_size():
    def draw(threads, size):
        x = np.ones(size, np.float32)
        with backend.set_num_threads(threads):
            return ops.random_uniform((size,), 5, 6), ops.random_normal((size,), 5, 6), ops.dropout(x, 0.5, 5, 6)

    whole = draw(1, 300_007)
    for other in (draw(2, 300_007), draw(3, 300_007), draw(2, 12_345)):
        for a, b in zip(whole, other, strict=True):
            np.testing.assert_array_equal(a[: b.size], b)


@pytest.mark.parametrize("dtype", DTYPES)
def test_distributions(dtype):
    """Moments and bins within five standard deviations of what is expected; the seed is fixed: this cannot flicker."""
    n = 200_000
    u = ops.random_uniform((n,), 1, 2, dtype=dtype)
    assert u.min() >= 0
    assert u.max() < 1
    counts = np.bincount((u * 20).astype(int), minlength=20)
    assert np.abs(counts - n / 20).max() < 5 * math.sqrt(n / 20)
    z = ops.random_normal((n,), 1, 2, dtype=dtype).astype(np.float64)
    for power, (expected, variance) in {1: (0, 1), 2: (1, 2), 3: (0, 15), 4: (3, 96)}.items():
        assert abs((z**power).mean() - expected) < 5 * math.sqrt(variance / n)
    assert abs((z[:-16] * z[16:]).mean()) < 5 / math.sqrt(n)  # the pairs of Box and Muller
    kept = ops.dropout(np.ones(n, dtype), 0.3, 1, 2) > 0
    assert abs(kept.mean() - 0.7) < 5 * math.sqrt(0.21 / n)
    assert not np.array_equal(ops.random_uniform((n,), 1, 3, dtype=dtype), u)
    assert not np.array_equal(ops.random_uniform((n,), 2, 2, dtype=dtype), u)


# ---------------------------------------------------------------------------------------------------------------- rows


@pytest.mark.parametrize("dtype", DTYPES)
def test_column_sum(isa, dtype):
    rng = np.random.default_rng(0)
    for n in (0, 1, 2, 3, 63, 64, 65, 128, 500, 3000):
        for d in (1, 2, 3, 10, 16, 31, 33, 63, 64, 65, 100, 256, 257, 600):
            x = rng.normal(size=(n, d)).astype(dtype)
            exact = x.astype(np.longdouble).sum(axis=0)
            bound = np.finfo(dtype).eps * np.abs(x).sum(axis=0) + np.finfo(dtype).tiny
            assert (np.abs(ops.column_sum(x) - exact) <= 8 * bound).all(), (n, d)
    assert ops.column_sum(np.ones((2, 3, 4), dtype)).tolist() == [6.0] * 4
    assert ops.column_sum(np.ones((5, 0), dtype)).shape == (0,)


@pytest.mark.parametrize("dtype", DTYPES)
def test_argmax(isa, dtype):
    rng = np.random.default_rng(0)
    for d in (1, 2, 7, 8, 9, 10, 16, 17, 33, 100, 1000):
        x = rng.normal(size=(200, d)).astype(dtype)
        np.testing.assert_array_equal(ops.argmax(x), x.argmax(axis=-1))
        x = np.round(x)  # ties
        np.testing.assert_array_equal(ops.argmax(x), x.argmax(axis=-1))
        x[rng.random(x.shape) < 0.02] = np.nan
        x[0] = -np.inf
        x[1, d // 2 :] = np.inf
        x[2] = np.nan
        np.testing.assert_array_equal(ops.argmax(x), x.argmax(axis=-1))
        labels = rng.integers(-1, d + 1, size=200).astype(np.int32)
        assert ops.count_argmax(x, labels) == np.sum(x.argmax(axis=-1) == labels)
    assert ops.argmax(np.zeros((2, 3, 4), dtype)).shape == (2, 3)
    assert ops.count_argmax(np.zeros((2, 3, 4), dtype), np.zeros((2, 6), np.int32)[:, ::2]) == 6
    with pytest.raises(ValueError, match=r"\(2, 2\), \(2, 3, 4\)"):
        ops.count_argmax(np.zeros((2, 3, 4), dtype), np.zeros((2, 2), np.int32))


def test_rows_do_not_depend_on_threads():
    x = np.random.default_rng(0).normal(size=(40_000, 33)).astype(np.float32)
    results = []
    for threads in (1, 2, 3):
        with backend.set_num_threads(threads):
            results.append((ops.column_sum(x), ops.argmax(x), ops.take_rows(x, np.arange(0, 40_000, 3))))
    for other in results[1:]:
        for a, b in zip(results[0], other, strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("dtype", ["u1", "f2", "i4", "f4", "f8", "c16", "S3", ">f4", "O"])
@pytest.mark.parametrize("shape", [(50,), (50, 1), (50, 2, 5), (50, 0), (50, 784)])
def test_take_rows(shape, dtype):
    rng = np.random.default_rng(0)
    source = (rng.random(shape) * 100).astype(dtype)
    index = rng.integers(0, 50, 200)
    taken = ops.take_rows(source, index)
    assert taken.dtype == source.dtype
    np.testing.assert_array_equal(taken, source[index])
    np.testing.assert_array_equal(ops.take_rows(source, index[::-2]), source[index[::-2]])
    np.testing.assert_array_equal(ops.take_rows(source, index[:0]), source[:0])


@pytest.mark.parametrize("wrong", [-1, 50])
def test_take_rows_refuses_an_index_outside(wrong):
    with pytest.raises(IndexError, match=rf"index {wrong} at position 1 is outside 0\.\.49"):
        ops.take_rows(np.zeros(50), np.array([3, wrong]))
