import math

import numpy as np
import pytest

import cdl
from cdl import initializers

RANDOM = {
    # name: (what it takes, the standard deviation for a (300, 200) kernel, the largest value)
    "RandomNormal": (0.05, None),
    "RandomUniform": (0.05 / math.sqrt(3), 0.05),
    "TruncatedNormal": (0.05 * 0.87962566103423978, 0.1),
    "GlorotUniform": (math.sqrt(2 / 500), math.sqrt(6 / 500)),
    "GlorotNormal": (math.sqrt(2 / 500), 2 * math.sqrt(2 / 500) / 0.87962566103423978),
    "HeUniform": (math.sqrt(2 / 300), math.sqrt(6 / 300)),
    "HeNormal": (math.sqrt(2 / 300), 2 * math.sqrt(2 / 300) / 0.87962566103423978),
    "LecunUniform": (math.sqrt(1 / 300), math.sqrt(3 / 300)),
    "LecunNormal": (math.sqrt(1 / 300), 2 * math.sqrt(1 / 300) / 0.87962566103423978),
}


@pytest.mark.parametrize("name", RANDOM)
def test_spread(name):
    deviation, limit = RANDOM[name]
    w = getattr(initializers, name)(seed=1)((300, 200))
    assert w.dtype == np.float32
    assert abs(w.mean()) < 0.02 * deviation
    assert abs(w.std() / deviation - 1) < 0.01
    if limit:
        assert np.abs(w).max() <= limit * (1 + 1e-6)
        assert np.abs(w).max() > 0.98 * limit


@pytest.mark.parametrize("name", [*RANDOM, "VarianceScaling", "Orthogonal"])
def test_seeds(name):
    make = getattr(initializers, name)
    first = make(seed=5)
    np.testing.assert_array_equal(first((4, 3)), first((4, 3)))
    np.testing.assert_array_equal(first((4, 3)), make(seed=5)((4, 3)))
    assert not np.array_equal(first((4, 3)), make(seed=6)((4, 3)))
    assert not np.array_equal(make()((4, 3)), make()((4, 3)))
    generator = make(seed=cdl.random.SeedGenerator(5))
    assert not np.array_equal(generator((4, 3)), generator((4, 3)))
    cdl.utils.set_random_seed(1)
    again = make()((4, 3))
    cdl.utils.set_random_seed(1)
    np.testing.assert_array_equal(make()((4, 3)), again)


def test_fans_of_dense_and_convolution_kernels():
    assert initializers.compute_fans(()) == (1, 1)
    assert initializers.compute_fans((5,)) == (5, 5)
    assert initializers.compute_fans((4, 6)) == (4, 6)
    assert initializers.compute_fans((3, 2, 4, 6)) == (24, 36)
    assert initializers.compute_fans((2, 3, 5), [0], [1, 2]) == (2, 15)


def test_fan_modes():
    spread = {
        mode: initializers.VarianceScaling(2.0, mode, "untruncated_normal", seed=1)((400, 100)).std()
        for mode in ("fan_in", "fan_out", "fan_avg")
    }
    for mode, fan in (("fan_in", 400), ("fan_out", 100), ("fan_avg", 250)):
        assert abs(spread[mode] / math.sqrt(2 / fan) - 1) < 0.02


def test_fixed_values():
    assert initializers.Zeros()((2,)).tolist() == [0, 0]
    assert initializers.get("one")((2,), "float64").dtype == np.float64
    assert initializers.Constant([1, 2])((2, 2)).tolist() == [[1, 2], [1, 2]]
    assert initializers.Identity(3)((2, 3)).tolist() == [[3, 0, 0], [0, 3, 0]]


@pytest.mark.parametrize("shape", [(6, 3), (3, 6), (2, 2, 3, 5)])
def test_orthogonal(shape):
    w = initializers.Orthogonal(gain=2.0, seed=1)(shape, "float64").reshape(-1, shape[-1])
    product = w.T @ w if w.shape[0] >= w.shape[1] else w @ w.T
    np.testing.assert_allclose(product, 4 * np.eye(len(product)), atol=1e-12)


def test_arrays_and_functions():
    values = np.arange(6.0).reshape(2, 3)
    initialize = initializers.get(values)
    w = initialize((2, 3))
    assert w.dtype == np.float32
    w[:] = 0
    assert values[1, 2] == 5
    with pytest.raises(ValueError, match=r"\(2, 3\).*\(3, 2\)"):
        initialize((3, 2))

    def ramp(shape, dtype=None):
        return np.arange(math.prod(shape), dtype=dtype)

    assert initializers.get(ramp) is ramp
    assert initializers.get(None) is None


@pytest.mark.parametrize(
    "make",
    [
        lambda: initializers.Constant(np.array([1.0, 2.0])),
        lambda: initializers.GlorotUniform(seed=3),
        lambda: initializers.RandomNormal(1.0, 2.0, seed=cdl.random.SeedGenerator(7)),
        lambda: initializers.VarianceScaling(3.0, "fan_out", "uniform", 1),
        lambda: initializers.Orthogonal(2.0, 1),
        lambda: initializers.Identity(2.0),
    ],
)
def test_configs(make):
    original = make()
    config = initializers.serialize(original)
    again = initializers.deserialize(config)
    assert type(again) is type(original)
    assert initializers.serialize(again) == config
    np.testing.assert_array_equal(again((2, 2)), original((2, 2)))


@pytest.mark.parametrize(
    ("mistake", "told"),
    [
        (lambda: initializers.get("glorot_unifrm"), "Did you mean 'glorot_uniform'"),
        (lambda: initializers.get(3), "3"),
        (lambda: initializers.get({"config": {}}), "class_name"),
        (lambda: initializers.RandomNormal(seed="x"), "RandomNormal.*'x'"),
        (lambda: initializers.VarianceScaling(scale=0), "scale=0"),
        (lambda: initializers.VarianceScaling(mode="fan"), "mode='fan'"),
        (lambda: initializers.VarianceScaling(distribution="beta"), "distribution='beta'"),
        (lambda: initializers.Identity()((2,)), r"shape=\(2,\)"),
        (lambda: initializers.Orthogonal()((2,)), r"shape=\(2,\)"),
    ],
)
def test_mistakes(mistake, told):
    with pytest.raises(ValueError, match=told):
        mistake()


def test_stft_is_a_fourier_transform():
    x = np.random.default_rng(0).normal(size=32)
    real, imag = (initializers.STFT(side, None)((32, 1, 17), "float64")[:, 0] for side in ("real", "imag"))
    np.testing.assert_allclose(x @ real + 1j * (x @ imag), np.fft.rfft(x), atol=1e-12)


def test_stft_windows_and_scales():
    kernel = initializers.STFT(window="hann", scaling=None, periodic=True)((4, 1, 3))
    np.testing.assert_allclose(kernel[:, 0, 0], [0, 0.5, 1, 0.5], atol=1e-7)
    assert abs(np.sum(initializers.STFT(scaling="density")((16, 1, 9))[:, 0, 0] ** 2) - 1) < 1e-6
    assert abs(np.sum(initializers.STFT(scaling="spectrum")((16, 1, 9))[:, 0, 0]) - 1) < 1e-6
    made = initializers.STFT("imag", np.arange(4.0))
    again = initializers.deserialize(initializers.serialize(made))
    np.testing.assert_array_equal(again((4, 1, 3)), made((4, 1, 3)))


@pytest.mark.parametrize(
    "mistake, message",
    [
        (lambda: initializers.STFT("left"), "`side` is 'real' or 'imag'"),
        (lambda: initializers.STFT(window="wall"), "Unknown window type 'wall'"),
        (lambda: initializers.STFT(scaling=2), "`scaling` is"),
        (lambda: initializers.STFT(window=np.ones(3))((4, 1, 3)), r"the window has shape \(3,\), but the kernel has 4"),
    ],
)
def test_mistakes_with_stft(mistake, message):
    with pytest.raises(ValueError, match=message):
        mistake()
