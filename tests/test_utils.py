import re

import numpy as np
import pytest

import cdl
from cdl import utils
from cdl.utils import naming, registry


def test_to_categorical():
    assert utils.to_categorical([0, 2]).tolist() == [[1, 0, 0], [0, 0, 1]]
    assert utils.to_categorical([[1], [0]], 2).tolist() == [[0, 1], [1, 0]]
    assert utils.to_categorical([[0, 1]], 2).shape == (1, 2, 2)
    assert utils.to_categorical(np.array([1.0]), 2).tolist() == [[0, 1]]
    assert utils.to_categorical([], 3).shape == (0, 3)
    for bad in ([3], [-1]):
        with pytest.raises(IndexError, match=re.escape(f"class {bad[0]} at")):
            utils.to_categorical(bad, 3)
    with pytest.raises(ValueError, match=r"0\.5 at position 1"):
        utils.to_categorical([0, 0.5], 3)
    with pytest.raises(ValueError, match="num_classes"):
        utils.to_categorical([])


def test_normalize():
    np.testing.assert_allclose(utils.normalize([[3.0, 4.0], [0.0, 0.0]]), [[0.6, 0.8], [0, 0]])
    np.testing.assert_allclose(utils.normalize(np.array([[3.0], [4.0]]), axis=0), [[0.6], [0.8]])
    np.testing.assert_allclose(utils.normalize([1.0, 3.0], order=1), [0.25, 0.75])


@pytest.mark.parametrize(
    ("name", "expected"),
    [("Dense", "dense"), ("Conv2D", "conv2d"), ("MeanSquaredError", "mean_squared_error"), ("L1L2", "l1l2")],
)
def test_snake_case(name, expected):
    assert naming.to_snake_case(name) == expected


def test_names_count_up():
    utils.clear_session()
    names = [naming.auto_name("CountedOnlyHere") for _ in range(3)]
    assert names == ["counted_only_here", "counted_only_here_1", "counted_only_here_2"]


class Scale:
    def __init__(self, factor):
        self.factor = factor

    def __call__(self, x):
        return self.factor * x

    def get_config(self):
        return {"factor": self.factor}

    @classmethod
    def from_config(cls, config):
        return cls(**config)


@pytest.fixture
def registered():
    utils.register_keras_serializable("tests")(Scale)
    yield Scale
    del utils.get_custom_objects()["tests>Scale"], registry._custom_names[Scale]


def test_registered_classes(registered):
    assert utils.get_registered_name(Scale) == "tests>Scale"
    assert utils.get_registered_object("tests>Scale") is Scale
    config = utils.serialize_keras_object(Scale(3))
    assert config["registered_name"] == "tests>Scale"
    assert utils.deserialize_keras_object(config).factor == 3
    assert cdl.constraints.deserialize(config).factor == 3
    assert cdl.constraints.get(config)(2) == 6


def test_scopes():
    config = utils.serialize_keras_object(Scale(3))
    with pytest.raises(ValueError, match="register_keras_serializable"):
        utils.deserialize_keras_object(config)
    with utils.custom_object_scope({"Scale": Scale}):
        with utils.CustomObjectScope({"other": abs}):
            assert utils.deserialize_keras_object(config).factor == 3
            assert cdl.activations.get("other").forward(-2.0) == 2
        with pytest.raises(ValueError, match="other"):
            cdl.activations.get("other")
    assert cdl.constraints.deserialize(config, {"Scale": Scale}).factor == 3
    assert utils.get_registered_object("Scale") is None


def test_a_module_name_in_a_config_is_never_imported():
    config = {"module": "os", "class_name": "system", "config": {}, "registered_name": None}
    for deserialize in (utils.deserialize_keras_object, cdl.losses.deserialize, cdl.layers.deserialize):
        with pytest.raises(ValueError, match="system"):
            deserialize(config)
    with pytest.raises(ValueError):
        cdl.losses.deserialize({"module": "builtins", "class_name": "function", "config": "exec"})


def test_plain_values_and_arrays():
    value = {"a": [1, 2.5, None, True], "b": ("x", np.float32(0.5)), "c": np.arange(3)}
    again = utils.deserialize_keras_object(utils.serialize_keras_object(value))
    assert again["a"] == value["a"]
    assert again["b"] == ("x", 0.5)
    np.testing.assert_array_equal(again["c"], value["c"])


@pytest.mark.parametrize("bad", [lambda x: x, object()])
def test_what_has_no_name_cannot_be_serialized(bad):
    with pytest.raises(TypeError, match="name"):
        utils.serialize_keras_object(bad)


def test_classes_need_a_config():
    with pytest.raises(ValueError, match="get_config"):
        utils.register_keras_serializable()(type("Plain", (), {}))


def test_unknown_names_are_answered_with_the_nearest():
    with pytest.raises(
        ValueError, match=r"Could not interpret loss identifier: 'mean_square_error'.*'mean_squared_error'"
    ):
        cdl.losses.get("mean_square_error")
    with pytest.raises(ValueError, match=r"Known names: .*Zeros"):
        cdl.initializers.get("qqqqqqqq")


class Half(cdl.regularizers.Regularizer):
    """It has no config."""


class Unfinished(cdl.constraints.Constraint):
    def get_config(self):
        return {"axis": self.axis}


@pytest.mark.parametrize(
    ("thing", "expected"),
    [
        (cdl.regularizers.L2(0.5), "<L2 l2=0.5>"),
        (cdl.initializers.GlorotUniform(), "<GlorotUniform>"),
        (cdl.initializers.RandomNormal(stddev=0.1, seed=3), "<RandomNormal seed=3, mean=0.0, stddev=0.1>"),
        (cdl.constraints.MaxNorm(1), "<MaxNorm max_value=1, axis=0>"),
        (cdl.losses.Huber(), "<Huber name=huber_loss>"),
        (cdl.optimizers.Adam(), "<Adam learning_rate=0.001, iterations=0>"),
        (cdl.optimizers.SGD(lambda step: 0.5), "<SGD learning_rate=0.5, iterations=0>"),
        (cdl.callbacks.History(), "<History epochs=0>"),
        (Half(), "<Half>"),
        (Unfinished(), "<Unfinished>"),
    ],
    ids=str,
)
def test_objects_show_what_they_were_made_from(thing, expected):
    assert repr(thing) == expected


def test_a_history_shows_where_training_ended():
    model = cdl.Sequential([cdl.layers.Dense(1, kernel_initializer="zeros")])
    model.compile("sgd", "mse")
    assert repr(model.fit(np.zeros((4, 2)), np.full((4, 1), 2.0), epochs=1, verbose=0)) == "<History epochs=1, loss=4>"
