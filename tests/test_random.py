import random as python_random

import numpy as np
import pytest

import cdl
from cdl import random


def test_a_generator_gives_every_draw_its_own_stream():
    seeds = random.SeedGenerator(1337)
    assert [seeds.next(), seeds.next()] == [(1337, 0), (1337, 1)]
    assert random.SeedGenerator(-1).next() == (2**64 - 1, 0)
    again = random.SeedGenerator.from_config(seeds.get_config())
    assert again.next() == (1337, 0)


def test_set_random_seed_determines_everything():
    def program():
        cdl.utils.set_random_seed(42)
        return [
            python_random.random(),
            np.random.rand(),
            *random.normal((3,)).tolist(),
            *random.uniform((3,), seed=random.SeedGenerator()).tolist(),
            *random.shuffle(np.arange(10)).tolist(),
        ]

    assert program() == program()


def test_seeds():
    a, b = random.normal((5,), seed=1), random.normal((5,), seed=1)
    np.testing.assert_array_equal(a, b)
    assert not np.array_equal(a, random.normal((5,), seed=2))
    assert not np.array_equal(random.normal((5,)), random.normal((5,)))


@pytest.mark.parametrize("seed", ["a", 1.5])
def test_a_seed_is_an_integer(seed):
    for function in (cdl.utils.set_random_seed, random.SeedGenerator, lambda seed: random.normal((2,), seed=seed)):
        with pytest.raises(ValueError, match="must be an integer"):
            function(seed)


def test_distributions():
    n = 200_000
    u = random.uniform((n,), -1.0, 3.0, seed=1)
    assert u.min() >= -1
    assert u.max() <= 3
    assert abs(u.mean() - 1) < 0.02
    z = random.normal((n,), 2.0, 3.0, seed=1)
    assert abs(z.mean() - 2) < 0.03
    assert abs(z.std() - 3) < 0.03
    t = random.truncated_normal((n,), 2.0, 3.0, seed=1)
    assert np.abs(t - 2).max() <= 6
    assert abs(t.std() - 3 * 0.87962566) < 0.03
    assert abs(np.mean(np.abs(t - 2) < 3) - 0.6827 / 0.9545) < 0.005


def test_truncated_draws_are_prefixes_of_longer_ones():
    short, long = random.truncated_normal((10,), seed=3), random.truncated_normal((1000,), seed=3)
    np.testing.assert_array_equal(short, long[:10])
    assert random.truncated_normal((0, 3)).shape == (0, 3)


def test_integers_and_orders():
    counts = np.bincount(random.randint((60_000,), 2, 8, seed=1), minlength=8)
    assert counts[:2].tolist() == [0, 0]
    assert np.all(np.abs(counts[2:] - 10_000) < 400)
    x = np.arange(12).reshape(6, 2)
    shuffled = random.shuffle(x, seed=1)
    assert sorted(map(tuple, shuffled)) == sorted(map(tuple, x))
    assert not np.array_equal(shuffled, x)
    assert sorted(random.shuffle(x, axis=1, seed=1)[0]) == [0, 1]
    with pytest.raises(ValueError, match="float32"):
        random.randint((2,), 0, 2, dtype="float32")
    with pytest.raises(ValueError, match="int32"):
        random.normal((2,), dtype="int32")


def test_categories_come_as_often_as_they_are_probable():
    wanted = np.array([[0.5, 0.3, 0.2], [0.05, 0.95, 0.0]])
    with np.errstate(divide="ignore"):
        drawn = random.categorical(np.log(wanted), 50_000, seed=4)
    assert (drawn.shape, drawn.dtype) == ((2, 50_000), np.int32)
    for row, probabilities in zip(drawn, wanted, strict=True):
        np.testing.assert_allclose(np.bincount(row, minlength=3) / 50_000, probabilities, atol=0.01)
    with pytest.raises(ValueError, match=r"Received: \(3,\)"):
        random.categorical([0.1, 0.2, 0.3], 2)


def test_dropout_keeps_the_mean_and_shares_noise():
    x = np.ones((200, 50), np.float32)
    y = random.dropout(x, 0.25, seed=1)
    assert set(np.unique(y).tolist()) == {0, float(np.float32(1 / 0.75))}
    assert abs(y.mean() - 1) < 0.02
    shared = random.dropout(x, 0.5, noise_shape=(200, 1), seed=1)
    assert (shared == shared[:, :1]).all()
    assert 0 < (shared[:, 0] == 0).sum() < 200
    with pytest.raises(ValueError, match="rate"):
        random.dropout(x, 1.0)


def test_gamma_beta_binomial():
    n = 100_000
    g = random.gamma((n,), 3.0, seed=1)
    assert (g.dtype, abs(g.mean() - 3) < 0.03, abs(g.var() - 3) < 0.1) == (np.float32, True, True)
    b = random.beta((n, 2), np.array([2.0, 1.0]), 3.0, dtype="float64", seed=1)
    np.testing.assert_allclose(b.mean(axis=0), [2 / 5, 1 / 4], atol=0.01)
    k = random.binomial((n, 2), 10, np.array([0.5, 0.1]), seed=1)
    np.testing.assert_allclose(k.mean(axis=0), [5, 1], atol=0.05)
    assert set(np.unique(k)) <= set(range(11))
    for draw in (
        lambda seed: random.gamma((3,), 2.0, seed=seed),
        lambda seed: random.beta((3,), 1.0, 2.0, seed=seed),
        lambda seed: random.binomial((9,), 9, 0.5, seed=seed),
        lambda seed: random.categorical(np.zeros((1, 9)), 9, seed=seed),
    ):
        np.testing.assert_array_equal(draw(7), draw(7))
        assert not np.array_equal(draw(7), draw(8))
