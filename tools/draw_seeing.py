"""Draws the pictures of docs/seeing.md into docs/pictures: `python tools/draw_seeing.py`, half a minute."""

from pathlib import Path

import matplotlib
import matplotlib.figure
import numpy as np

from cdl import Sequential, layers, losses, optimizers, utils
from cdl.datasets import digits
from cdl.plotting import plot_confusion_matrix, plot_decision_regions, plot_gradients, plot_history

FOLDER = Path(__file__).parent.parent / "docs" / "pictures"


def save(figure, name):
    figure.savefig(FOLDER / name, dpi=90, metadata={"Software": None}, pil_kwargs={"optimize": True})


def training():
    """A network that learns some digits by heart, and which ones it confuses."""
    utils.set_random_seed(1)
    (x_train, y_train), (x_test, y_test) = digits.load_data()
    few = np.random.default_rng(1).permutation(len(x_train))[:1500]
    x_train, y_train, x_test = x_train[few] / 255, y_train[few], x_test / 255
    model = Sequential(
        [layers.Input((28, 28)), layers.Flatten(), layers.Dense(256, activation="relu"), layers.Dense(10)]
    )
    loss = losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss, metrics=["accuracy"])
    history = model.fit(x_train, y_train, epochs=25, validation_data=(x_test, y_test), verbose=0)
    save(plot_history(history), "history.png")
    save(plot_confusion_matrix(y_test, model.predict(x_test, verbose=0)).figure, "confusion.png")


def regions():
    """Three arms of a spiral."""
    utils.set_random_seed(2)
    rng = np.random.default_rng(2)
    radius, arm = rng.uniform(0.3, 3.2, 300), rng.integers(0, 3, 300)
    angle = 2 * radius + arm * 2 * np.pi / 3
    x = radius[:, np.newaxis] * np.stack([np.cos(angle), np.sin(angle)], axis=1) + rng.normal(0, 0.12, (300, 2))
    model = Sequential([layers.Input((2,)), *(layers.Dense(32, activation="tanh") for _ in range(2)), layers.Dense(3)])
    model.compile(optimizers.Adam(0.02), losses.SparseCategoricalCrossentropy(from_logits=True))
    model.fit(x, arm, epochs=150, verbose=0)
    save(plot_decision_regions(model, x, arm, ["first arm", "second", "third"]).figure, "regions.png")


def gradients():
    """The same deep network with two activations, before its first step."""
    (x_train, y_train), _ = digits.load_data()
    figure = matplotlib.figure.Figure(figsize=(10, 3.8), layout="constrained")
    for ax, activation in zip(figure.subplots(1, 2), ("sigmoid", "relu"), strict=True):
        utils.set_random_seed(3)
        hidden = [layers.Dense(64, activation=activation, use_bias=False, name=f"hidden_{k}") for k in range(1, 7)]
        model = Sequential([layers.Input((28, 28)), layers.Flatten(), *hidden, layers.Dense(10, name="out")])
        model.compile("sgd", losses.SparseCategoricalCrossentropy(from_logits=True))
        plot_gradients(model, x_train[::40] / 255, y_train[::40], ax=ax).set_title(activation, loc="left")
        ax.set_xlim(-9, -0.8)
    save(figure, "gradients.png")


def model():
    """A residual network with a head."""
    branch = [layers.Conv2D(16, 3, padding="same"), layers.ReLU(), layers.Conv2D(16, 3, padding="same")]
    stem = layers.Conv2D(16, 3, activation="relu")
    head = [layers.GlobalAveragePooling2D(), layers.Dense(10, activation="softmax")]
    network = Sequential([layers.Input((28, 28, 1)), stem, layers.Residual(branch, activation="relu"), *head])
    utils.plot_model(network, FOLDER / "model.svg", show_shapes=True, show_layer_activations=True)


if __name__ == "__main__":
    matplotlib.use("Agg")
    FOLDER.mkdir(exist_ok=True)
    for draw in (training, regions, gradients, model):
        draw()
