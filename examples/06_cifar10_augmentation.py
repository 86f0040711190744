"""Photographs, of which there are never enough: the same network with augmentation and without.

10,000 images of CIFAR-10. As they are, the network soon knows them all by heart, but of the test images it gets 68.5 %
right. Mirrored and shifted anew at every look, they teach it more: 74.9 %. The margin is 6.4 points, after about three
minutes on two cores; 06_augmentation.png shows the learning curves, and what the network gets to see.
"""

import argparse
import math

from matplotlib.figure import Figure

from cdl import Sequential, datasets, layers, optimizers, utils


def augmentation():
    """Changes images in training; in `evaluate` and `predict`, it leaves them as they are."""
    return Sequential(
        [layers.RandomFlip("horizontal"), layers.RandomTranslation(0.12, 0.12, interpolation="nearest")],
        name="augmentation",
    )


def network(augment, steps):
    model = Sequential(
        [
            layers.Input((32, 32, 3)),
            layers.Rescaling(1 / 255),
            *([augmentation()] if augment else []),
            layers.Conv2D(32, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.BatchNormalization(momentum=0.9),
            layers.Conv2D(64, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.BatchNormalization(momentum=0.9),
            layers.Conv2D(128, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.BatchNormalization(momentum=0.9),
            layers.Flatten(),
            layers.Dense(10, activation="softmax"),
        ]
    )

    def learning_rate(step):
        return 0.002 * (1 + math.cos(math.pi * step / steps)) / 2

    model.compile(optimizers.Adam(learning_rate), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def draw(histories, images):
    figure = Figure(figsize=(13, 5.5), layout="constrained")
    left, right = figure.subfigures(1, 2, width_ratios=(6, 5))
    axes = left.subplots()
    for name, history, colour in zip(("without augmentation", "with"), histories, ("C1", "C0"), strict=True):
        epochs = range(1, len(history["accuracy"]) + 1)
        axes.plot(epochs, history["accuracy"], ":", color=colour, label=f"{name}: training images")
        axes.plot(epochs, history["val_accuracy"], color=colour, label=f"{name}: test images")
    axes.set(xlabel="epoch", ylabel="right")
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.yaxis.set_major_formatter("{x:.0%}")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    left.suptitle("The same network on the same images")
    right.suptitle("Images, and what the network sees of them")
    augment = augmentation()
    columns = [images, *(augment(images, training=True) for _ in range(5))]
    for row, versions in zip(right.subplots(len(images), len(columns)), zip(*columns, strict=True), strict=True):
        for axes, image in zip(row, versions, strict=True):
            axes.imshow(image.clip(0, 1))
            axes.axis("off")
    figure.savefig("06_augmentation.png", dpi=100)


parser = argparse.ArgumentParser()
parser.add_argument("--epochs", type=int, default=20)
parser.add_argument("--samples", type=int, default=10_000)
options = parser.parse_args()
(x_train, y_train), test = datasets.cifar10.load_data()
x_train, y_train = x_train[: options.samples], y_train[: options.samples]
histories, accuracies = [], []
for augment in (False, True):
    utils.set_random_seed(1)
    model = network(augment, steps=options.epochs * math.ceil(len(x_train) / 64))
    print("\nwith augmentation:" if augment else "as they are:")
    history = model.fit(x_train, y_train, 64, options.epochs, verbose=2, validation_data=test).history
    histories.append(history)
    accuracies.append(history["val_accuracy"][-1])
print("\nTest accuracy: {:.1%} without augmentation, {:.1%} with it".format(*accuracies))
print(f"Augmentation wins {100 * (accuracies[1] - accuracies[0]):.1f} points.")
draw(histories, x_train[[(y_train == label).argmax() for label in (2, 3, 6, 7, 8)]] / 255)
