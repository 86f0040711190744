"""California housing: Keras' numbers, order and split; what is read, in which order, and what damaged files lead to."""

import os

import numpy as np
import pytest

from cdl.datasets import california_housing

needs_data = pytest.mark.skipif(not os.environ.get("CDL_DATA_DIR"), reason="CDL_DATA_DIR is not set")
HEADER = ",".join((*california_housing.FEATURES, "median_house_value", "ocean_proximity"))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("CDL_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("CDL_CACHE_DIR", str(tmp_path / "cache"))
    (tmp_path / "california-housing").mkdir()
    return tmp_path


def made_up(rows=california_housing.DISTRICTS):
    rng = np.random.default_rng(0)
    return rng.uniform(1, 9, (rows, 8)).astype(np.float32), rng.uniform(1, 9, rows).astype(np.float32)


def table(x, y, gaps=()):
    lines = [[f"{number:.9g}" for number in (*row, value)] + ["INLAND"] for row, value in zip(x, y, strict=True)]
    for row in gaps:
        lines[row][california_housing.FEATURES.index("total_bedrooms")] = ""
    return "\n".join([HEADER, *(",".join(line) for line in lines)]) + "\n"


@needs_data
def test_the_numbers_of_keras():
    """Those that are printed in F. Chollet, "Deep Learning with Python", 3rd edition, listing 4.24 and after."""
    (x_train, y_train), (x_test, y_test) = california_housing.load_data()
    assert (x_train.shape, y_train.shape, x_test.shape, y_test.shape) == ((16512, 8), (16512,), (4128, 8), (4128,))
    assert all(array.dtype == np.float32 and np.isfinite(array).all() for array in (x_train, y_train, x_test, y_test))
    assert y_train[:3].tolist() == [252300, 146900, 290900]
    (x_train, y_train), (x_test, _) = california_housing.load_data(version="small")
    assert (x_train.shape, x_test.shape) == ((480, 8), (120, 8))
    assert y_train[-2:].tolist() == [140500, 217100]
    assert (y_train.min(), y_train.max()) == (60000, 500001)


@needs_data
def test_the_columns_are_where_they_belong():
    (x, _), _ = california_housing.load_data(test_split=0)
    column = dict(zip(california_housing.FEATURES, x.T, strict=True))
    assert (column["longitude"] > -125).all() and (column["longitude"] < -114).all()
    assert (column["latitude"] > 32).all() and (column["latitude"] < 42).all()
    assert round(float(column["population"].mean(dtype=float)), 1) == 1425.5  # as that book says
    assert (column["total_bedrooms"] <= column["total_rooms"]).mean() > 0.99
    assert 1 < np.median(column["population"] / column["households"]) < 4


def test_order_and_split_follow_the_seed(folder):
    x, y = made_up()
    np.savez(folder / "california_housing.npz", x=x, y=y)
    rows = np.random.RandomState(5).permutation(600)
    (x_train, y_train), (x_test, y_test) = california_housing.load_data("small", test_split=0.25, seed=5)
    np.testing.assert_array_equal(np.concatenate([x_train, x_test]), x[rows])
    np.testing.assert_array_equal(np.concatenate([y_train, y_test]), y[rows])
    assert len(x_train) == 450


def test_keras_file_comes_before_the_table_whose_gaps_are_filled(folder):
    x, y = made_up()
    (folder / california_housing.TABLE).write_text(table(x, y, gaps=(3, 7)))
    (from_table, prices), _ = california_housing.load_data(test_split=0)
    x[[3, 7], 4] = np.median(np.delete(x[:, 4], (3, 7)))
    order = np.random.RandomState(113).permutation(len(x))
    np.testing.assert_allclose(from_table, x[order], rtol=1e-6)
    np.testing.assert_allclose(prices, y[order], rtol=1e-6)
    np.savez(folder / california_housing.ARCHIVE.path, x=x + 1, y=y)
    (from_keras, _), _ = california_housing.load_data(test_split=0)
    np.testing.assert_array_equal(from_keras, (x + 1)[order])


@pytest.mark.parametrize("split", [-0.1, 1, 1.5])
def test_a_split_outside_its_range_is_refused(split):
    with pytest.raises(ValueError, match=f"test_split={split}"):
        california_housing.load_data(test_split=split)


def test_another_version_is_refused():
    with pytest.raises(ValueError, match=r"'small', 'large'\. Received: version='tiny'"):
        california_housing.load_data("tiny")


@pytest.mark.parametrize("damage", ["rows", "nan", "no x", "no zip"])
def test_a_damaged_npz_is_named(damage, folder):
    x, y = made_up(100 if damage == "rows" else california_housing.DISTRICTS)
    if damage == "nan":
        x[0, 0] = np.nan
    path = folder / "my.npz"
    np.savez(path, y=y) if damage == "no x" else np.savez(path, x=x, y=y)
    if damage == "no zip":
        path.write_bytes(b"PK but no zip")
    with pytest.raises(ValueError, match=r"my\.npz.*Delete the file"):
        california_housing.load_data(path=path)


@pytest.mark.parametrize("text", ["a,b\n1,2\n", HEADER + "\n" + "1," * 9 + "INLAND\n"])
def test_a_damaged_table_is_named(text, folder):
    (folder / california_housing.TABLE).write_text(text)
    with pytest.raises(ValueError, match=r"housing\.csv.*Delete the file"):
        california_housing.load_data()
