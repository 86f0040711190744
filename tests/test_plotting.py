"""cdl.plotting: that pictures show what they say; what they look like is in docs/seeing.md."""

import sys

import matplotlib
import numpy as np
import pytest
from matplotlib import pyplot
from matplotlib.colors import to_hex

from cdl import Sequential, layers, losses, optimizers, plotting
from cdl.callbacks import History
from cdl.plotting.gradients import gradients_of
from cdl.plotting.style import BLUE, VERMILION

RNG = np.random.default_rng(5)


@pytest.fixture(autouse=True)
def without_a_screen():
    matplotlib.use("Agg")
    yield
    pyplot.close("all")


def written(ax):
    return [text.get_text() for text in ax.texts if text.get_text()]


def titled(ax):
    return ax.get_title(loc="left")


@pytest.fixture(scope="module")
def network():
    model = Sequential(
        [
            layers.Input((8, 10, 1)),
            layers.Conv2D(4, 3, name="first"),
            layers.BatchNormalization(name="norm"),
            layers.ReLU(name="relu"),
            layers.Conv2D(5, 3, name="second"),
            layers.Flatten(name="flat"),
            layers.Dense(3, activation="softmax", kernel_regularizer="l2", name="out"),
        ],
        name="net",
    )
    model.compile(optimizers.SGD(0.5), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


X, Y = RNG.normal(size=(12, 8, 10, 1)).astype(np.float32), RNG.integers(0, 3, 12)


# ---- history ----


LOGS = {
    "accuracy": [0.5, 0.8, 0.9],
    "loss": [3.0, 2.0, 1.0],
    "val_accuracy": [0.4, 0.6, 0.7],
    "val_loss": [3.0, 2.4, 2.5],
}


def test_history_shows_each_quantity_of_training_and_validation():
    figure = plotting.plot_history(LOGS)
    assert [titled(ax) for ax in figure.axes] == ["loss", "accuracy"]
    for ax, name in zip(figure.axes, ("loss", "accuracy"), strict=True):
        training, validation = ax.lines[:2]
        assert training.get_xdata().tolist() == [1, 2, 3]
        assert training.get_ydata().tolist() == LOGS[name] and training.get_color() == VERMILION
        assert validation.get_ydata().tolist() == LOGS[f"val_{name}"] and validation.get_color() == BLUE
        assert written(ax) == ["training", "validation"]


def test_history_marks_the_epoch_of_the_least_validation_loss_in_all_panels():
    loss, accuracy = plotting.plot_history(LOGS).axes
    assert loss.get_title(loc="right") == "epoch 2: 2.4"
    assert accuracy.get_title(loc="right") == "epoch 2: 0.6"


def test_history_can_monitor_something_else():
    (ax,) = plotting.plot_history(LOGS, ["accuracy"], monitor="val_accuracy").axes
    assert ax.get_title(loc="right") == "epoch 3: 0.7"
    (ax,) = plotting.plot_history({"mae": [3.0, 1.0, float("nan")]}).axes
    assert ax.get_title(loc="right") == "epoch 2: 1"
    with pytest.raises(ValueError, match="cannot be told"):
        plotting.plot_history({"own": [1.0, 2.0]}, monitor="own")


def test_history_of_fit_begins_with_its_initial_epoch(network):
    history = network.fit(X, Y, initial_epoch=3, epochs=5, validation_data=(X, Y), validation_freq=2, verbose=0)
    training, validation = plotting.plot_history(history).axes[0].lines[:2]
    assert training.get_xdata().tolist() == [4, 5]
    assert validation.get_xdata().tolist() == [4]


@pytest.mark.parametrize(
    ("count", "epochs"), [(3, [3, 6, 9]), (2, [5, 10]), (10, list(range(1, 11))), (5, [2, 4, 6, 8, 10])]
)
def test_history_of_rarer_validation(count, epochs):
    (ax,) = plotting.plot_history({"loss": [1.0] * 10, "val_loss": [1.0] * count}).axes
    assert ax.lines[1].get_xdata().tolist() == epochs


def test_history_in_axes_of_ones_own():
    figure, axes = pyplot.subplots(1, 2)
    assert plotting.plot_history(LOGS, ax=axes) is figure
    with pytest.raises(ValueError, match="2 quantities need as many axes"):
        plotting.plot_history(LOGS, ax=axes[0])


def test_history_that_cannot_be_drawn():
    with pytest.raises(ValueError, match="the history is empty"):
        plotting.plot_history(History())
    with pytest.raises(ValueError, match="'auc' is not in the history"):
        plotting.plot_history(LOGS, ["auc"])


# ---- confusion ----


def test_confusion_counts_rows_of_true_and_columns_of_predicted_classes():
    ax = plotting.plot_confusion_matrix([0, 0, 0, 1, 2], [0, 1, 0, 1, 1], class_names=["cat", "dog", "owl"])
    places = {(text.get_position()[::-1], text.get_text()) for text in ax.texts}
    assert places == {((0, 0), "2"), ((0, 1), "1"), ((1, 1), "1"), ((2, 1), "1")}
    assert [label.get_text() for label in ax.get_yticklabels()] == ["cat", "dog", "owl"]
    assert titled(ax) == "60.0% of 5 right"
    np.testing.assert_allclose(ax.images[0].get_array(), [[2 / 3, 1 / 3, 0], [0, 1, 0], [0, 1, 0]])


@pytest.mark.parametrize(
    ("normalize", "shares"),
    [("true", ["67%", "33%", "100%"]), ("pred", ["100%", "50%", "50%"]), ("all", ["50%", "25%", "25%"])],
)
def test_confusion_normalised(normalize, shares):
    ax = plotting.plot_confusion_matrix([0, 0, 0, 1], [0, 1, 0, 1], normalize=normalize)
    assert written(ax) == shares


def test_confusion_takes_outputs_and_one_hot_rows():
    true, outputs = np.eye(3)[[0, 1, 2]], np.array([[0.9, 0.1, 0], [0.2, 0.1, 0.7], [0, 0, 1]])
    assert titled(plotting.plot_confusion_matrix(true, outputs)) == "66.7% of 3 right"
    assert titled(plotting.plot_confusion_matrix([[0], [1]], [[0.4], [0.6]])) == "100.0% of 2 right"


def test_confusion_of_labels():
    ax = plotting.plot_confusion_matrix(["owl", "cat", "owl"], np.array(["owl", "owl", "owl"], object))
    assert [label.get_text() for label in ax.get_yticklabels()] == ["cat", "owl"]
    assert {(text.get_position()[::-1], text.get_text()) for text in ax.texts} == {((1, 1), "2"), ((0, 1), "1")}
    ax = plotting.plot_confusion_matrix(["owl", "cat"], ["owl", "owl"], class_names=np.array(["owl", "cat", "dog"]))
    assert [label.get_text() for label in ax.get_yticklabels()] == ["owl", "cat", "dog"]
    with pytest.raises(ValueError, match="class_names lacks cat"):
        plotting.plot_confusion_matrix(["owl", "cat"], ["owl", "owl"], class_names=["owl"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([0, 1], [0]), "y_true has 2 samples, and y_pred 1"),
        (([0, 1], [0, 1], ["a", "b", "c"], "rows"), "normalize is one of"),
        (([0, 2], [0, 1], ["a", "b"]), "3 classes, but 2 class_names"),
        (([-1, 1], [1, 1]), "class numbers from 0 on"),
        ((np.zeros((2, 2, 2)), [0, 1]), r"shape \(n,\) or \(n, classes\)"),
    ],
)
def test_confusion_refuses(arguments, message):
    with pytest.raises(ValueError, match=message):
        plotting.plot_confusion_matrix(*arguments)


# ---- decision regions ----


class Halves:
    """Class 1 where the first feature is positive."""

    def predict_proba(self, x):
        one = (x[:, :1] > 0).astype(float)
        return np.hstack([1 - one, one])

    def predict(self, x):
        return (x[:, 0] > 0).astype(int)


PLANE = RNG.uniform(-1, 1, (60, 2))
SIDES = (PLANE[:, 0] > 0).astype(int)


def shade(ax, x, y):
    """The colour that the picture has there."""
    left, right, below, above = ax.images[0].get_extent()
    rows, columns, _ = ax.images[0].get_array().shape
    return ax.images[0].get_array()[
        int((y - below) / (above - below) * rows), int((x - left) / (right - left) * columns)
    ]


class LabelsOnly(Halves):
    predict_proba = property()  # so that hasattr says no


@pytest.mark.parametrize("model", [Halves(), LabelsOnly()], ids=["probabilities", "labels"])
def test_regions_have_the_colours_of_their_points(model):
    ax = plotting.plot_decision_regions(model, PLANE, SIDES, class_names=["left", "right"])
    assert [to_hex(points.get_facecolor()[0]).upper() for points in ax.collections[-2:]] == [BLUE, VERMILION]
    left, right = shade(ax, -0.5, 0), shade(ax, 0.5, 0)
    assert left[2] > left[0] and right[0] > right[2]  # bluish, reddish
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["left", "right"]


@pytest.mark.parametrize("outputs", ["sigmoid", "one logit", "softmax", "logits"])
def test_regions_of_models_with_all_kinds_of_outputs(outputs):
    units, activation = {
        "sigmoid": (1, "sigmoid"), "one logit": (1, None), "softmax": (2, "softmax"), "logits": (2, None),
    }[outputs]  # fmt: skip
    model = Sequential([layers.Input((2,)), layers.Dense(units, activation=activation)])
    kernel = np.zeros((2, units), np.float32)
    kernel[0, -1] = 9
    model.set_weights([kernel, np.zeros(units)])
    ax = plotting.plot_decision_regions(model, PLANE, SIDES, resolution=50)
    left, right = shade(ax, -0.8, 0), shade(ax, 0.8, 0)
    assert left[2] > left[0] and right[0] > right[2]


def test_regions_of_whole_numbers_are_not_whole():
    """XOR as it is written down."""
    x, y = [[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 0]
    model = Sequential([layers.Input((2,)), layers.Dense(1)])
    model.set_weights([[[4.0], [0.0]], [-1.0]])  # the border is at x = 1 / 4
    ax = plotting.plot_decision_regions(model, x, y)
    (border,) = [path for lines in ax.collections[:-2] for path in lines.get_paths() if len(path.vertices)][:1]
    np.testing.assert_allclose(border.vertices[:, 0], 0.25, atol=0.02)


def test_regions_of_a_model_that_sees_one_class_only():
    model = Sequential([layers.Input((2,)), layers.Dense(3, kernel_initializer="zeros", bias_initializer="zeros")])
    model.set_weights([np.zeros((2, 3)), [0, 1, 0]])
    assert plotting.plot_decision_regions(model, PLANE, SIDES).images
    assert plotting.plot_decision_regions(model, np.zeros((3, 2)), [0, 1, 2]).images


def test_regions_refuse_other_shapes():
    with pytest.raises(ValueError, match=r"x has shape \(n, 2\)"):
        plotting.plot_decision_regions(Halves(), np.zeros((4, 3)), np.zeros(4))
    with pytest.raises(ValueError, match="x has 60 samples, and y 4"):
        plotting.plot_decision_regions(Halves(), PLANE, np.zeros(4))


# ---- images, filters, feature maps ----


def test_images_stand_in_rows_under_their_titles():
    images = RNG.uniform(size=(6, 5, 5))
    ax = plotting.plot_images(images, titles=range(6), columns=3, heading="six")
    corners = [picture.get_extent()[:2] for picture in ax.images]
    assert len({x for x, _ in corners}) == 3 and titled(ax) == "six"
    assert written(ax) == ["0", "1", "2", "3", "4", "5"]
    np.testing.assert_array_equal(ax.images[4].get_array(), images[4])
    assert {picture.get_clim() for picture in ax.images} == {(images.min(), images.max())}


def test_images_in_colours():
    ax = plotting.plot_images(np.array([[[[300, 0, 255]]]]))
    assert ax.images[0].get_array().tolist() == [[[255, 0, 255]]]
    ax = plotting.plot_images(np.array([[[[1.5, -1.0, 0.5]]]]))
    assert ax.images[0].get_array().tolist() == [[[1.0, 0.0, 0.5]]]


def test_images_refuse():
    with pytest.raises(ValueError, match=r"Received shape \(8, 8\).*images\[np.newaxis\]"):
        plotting.plot_images(np.zeros((8, 8)))
    with pytest.raises(ValueError, match="2 images, but 1 titles"):
        plotting.plot_images(np.zeros((2, 8, 8)), titles=["a"])


def test_filters_are_the_kernel(network):
    ax = plotting.plot_filters(network.layers[0])
    kernel = network.layers[0].get_weights()[0]
    for k, picture in enumerate(ax.images):
        np.testing.assert_array_equal(picture.get_array(), kernel[:, :, 0, k])
        assert picture.get_clim() == (-abs(kernel).max(), abs(kernel).max())
    assert titled(ax) == "first: 4 filters"
    ax = plotting.plot_filters(network.get_layer("second"), channel=-1, count=2)
    assert titled(ax) == "second: 2 of 5 filters, input channel 3 of 4"
    np.testing.assert_array_equal(ax.images[1].get_array(), network.get_layer("second").get_weights()[0][:, :, 3, 1])


@pytest.mark.parametrize(
    ("layer", "shape", "filters", "size"),
    [
        (layers.Conv1D(6, 5), (9, 3), 6, (3, 5)),
        (layers.Conv2D(6, 4), (9, 9, 3), 6, (4, 4, 3)),
        (layers.Conv2DTranspose(6, (2, 3)), (9, 9, 1), 6, (2, 3)),
        (layers.DepthwiseConv2D(2, depth_multiplier=2), (9, 9, 3), 6, (2, 2)),
        (layers.DepthwiseConv1D(4), (9, 3), 3, (1, 4)),
    ],
)
def test_filters_of_all_convolutions(layer, shape, filters, size):
    layer.build((None, *shape))
    ax = plotting.plot_filters(layer)
    assert [picture.get_array().shape for picture in ax.images] == filters * [size]


def test_filters_of_a_dense_layer_on_images():
    layer = layers.Dense(3)
    layer.build((None, 20))
    ax = plotting.plot_filters(layer, shape=(4, 5))
    np.testing.assert_array_equal(ax.images[2].get_array(), layer.kernel.value[:, 2].reshape(4, 5))
    with pytest.raises(ValueError, match=r"20 inputs, which have not shape"):
        plotting.plot_filters(layer, shape=(4, 4))
    with pytest.raises(ValueError, match="needs the shape of its inputs"):
        plotting.plot_filters(layer)


def test_filters_refuse(network):
    with pytest.raises(ValueError, match="is not built"):
        plotting.plot_filters(layers.Conv2D(3, 3))
    with pytest.raises(ValueError, match="ReLU 'relu' has no kernel"):
        plotting.plot_filters(network.get_layer("relu"))
    with pytest.raises(ValueError, match=r"has 4 input channels. Received: channel=4"):
        plotting.plot_filters(network.get_layer("second"), channel=4)


def test_feature_maps_are_the_outputs_of_the_layers(network):
    figure = plotting.plot_feature_maps(network, X[0], count=3)
    assert [titled(ax) for ax in figure.axes] == [
        "input",
        "first: 3 of 4 maps of 6 x 8",
        "norm: 3 of 4 maps of 6 x 8",
        "relu: 3 of 4 maps of 6 x 8",
        "second: 3 of 5 maps of 4 x 6",
    ]
    np.testing.assert_array_equal(figure.axes[0].images[0].get_array(), X[0, ..., 0])
    expected = network.layers[0](X[:1])[0, ..., 2]
    np.testing.assert_allclose(figure.axes[1].images[2].get_array(), expected, rtol=1e-6)
    assert figure.axes[3].images[0].get_clim()[0] == 0  # behind a ReLU, nothing is below 0


def test_feature_maps_of_chosen_layers(network):
    for chosen in (["second"], [3], [network.layers[3]]):
        figure = plotting.plot_feature_maps(network, X[:1], layers=chosen)
        assert titled(figure.axes[1]) == "second: 5 maps of 4 x 6"
    with pytest.raises(ValueError, match=r"the outputs of \['out'\] are no images"):
        plotting.plot_feature_maps(network, X[0], layers=["out"])
    with pytest.raises(ValueError, match="image is one image"):
        plotting.plot_feature_maps(network, X)


# ---- weights and gradients ----


def test_weights_have_a_row_for_each_variable(network):
    ax = plotting.plot_weights(network)
    names = [label.get_text() for label in ax.get_yticklabels()][::-1]
    assert names == [variable.path.removeprefix("net/") for variable in network.trainable_weights]
    assert written(ax)[::-1][0].startswith("36 (sd ")
    assert titled(ax) == "Weights of net"


def test_gradients_are_those_of_a_training_step_and_the_model_stays_as_it_is(network):
    before = network.get_weights()
    gradients = gradients_of(network, X, Y)
    for now, then in zip(network.get_weights(), before, strict=True):
        np.testing.assert_array_equal(now, then)
    network.train_on_batch(X, Y)
    after = dict(zip([variable.path for variable in network.weights], network.get_weights(), strict=True))
    then = dict(zip(after, before, strict=True))
    for name, gradient in gradients.items():
        np.testing.assert_allclose(after[f"net/{name}"], then[f"net/{name}"] - 0.5 * gradient, rtol=1e-4, atol=1e-6)
    network.set_weights(before)


def test_gradients_are_drawn_by_powers_of_ten(network):
    ax = plotting.plot_gradients(network, X, Y)
    assert len(ax.get_yticklabels()) == len(network.trainable_weights)
    gradient = gradients_of(network, X, Y)["first/kernel"]
    assert written(ax)[-1] == f"rms {np.sqrt(np.mean(gradient**2)):.1e}"


def test_gradients_that_are_zero_are_counted():
    model = Sequential([layers.Input((1,)), layers.Embedding(10, 2), layers.Flatten(), layers.Dense(1)])
    model.compile("sgd", losses.MeanSquaredError())
    ax = plotting.plot_gradients(model, np.array([[3], [4]]), np.array([[1.0], [2.0]]))
    assert any(text.endswith("80% zero") for text in written(ax))


def test_nothing_to_draw():
    with pytest.raises(ValueError, match="is not built"):
        plotting.plot_weights(Sequential([layers.Dense(2)]))
    with pytest.raises(ValueError, match="has no trainable variables"):
        plotting.plot_weights(Sequential([layers.Input((2,)), layers.ReLU()]))
    with pytest.raises(ValueError, match="has no loss"):
        plotting.plot_gradients(Sequential([layers.Input((2,)), layers.Dense(2)]), np.zeros((1, 2)), [0])


# ---- matplotlib ----


def test_without_matplotlib_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r'pip install "cdlearn\[plot\]"'):
        plotting.plot_history(LOGS)


def test_nothing_is_shown(monkeypatch):
    monkeypatch.setattr(pyplot, "show", lambda *_, **__: pytest.fail("shown"))
    _, ax = pyplot.subplots()
    assert plotting.plot_images(np.zeros((1, 2, 2)), ax=ax) is ax
