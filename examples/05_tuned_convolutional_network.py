"""A small network, carefully trained, reads MNIST and Fashion-MNIST as well as much larger ones.

What helps: normalised activations, dropout, images that never look the same twice, and a learning rate that rises, then
falls to zero. Ends at test accuracies of 99.52 % (MNIST) and 92.97 % (Fashion-MNIST), after about five minutes each on
two cores. 05_mnist.png and 05_fashion_mnist.png show where it errs; of the clothes, some seem to be labelled wrongly.

One of them alone, or less of it: `python 05_tuned_convolutional_network.py mnist --epochs 2 --samples 10000`.
"""

import argparse
import math

from matplotlib.figure import Figure

from cdl import Sequential, datasets, layers, optimizers, utils

CLASSES = {
    "mnist": list("0123456789"),
    "fashion_mnist": ["T-shirt", "trousers", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "boot"],
}


def network(name, steps):
    """Four convolutions, 540,000 parameters. A mirrored boot is a boot, but a mirrored 3 is not a 3."""
    moves = {
        "mnist": layers.RandomRotation(0.03, fill_mode="constant"),
        "fashion_mnist": layers.RandomFlip("horizontal"),
    }
    model = Sequential(
        [
            layers.Input((28, 28, 1)),
            layers.Rescaling(1 / 255),
            moves[name],
            layers.RandomTranslation(0.05, 0.05, fill_mode="constant", interpolation="nearest"),
            layers.Conv2D(32, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.BatchNormalization(momentum=0.9),
            layers.Conv2D(64, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.BatchNormalization(momentum=0.9),
            layers.Conv2D(128, 3, padding="same", activation="relu"),
            layers.BatchNormalization(momentum=0.9),
            layers.Conv2D(128, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.BatchNormalization(momentum=0.9),
            layers.Flatten(),
            layers.Dropout(0.3),
            layers.Dense(256, activation="relu"),
            layers.BatchNormalization(momentum=0.9),
            layers.Dropout(0.3),
            layers.Dense(10, activation="softmax"),
        ]
    )

    def learning_rate(step):  # up during the first tenth of the steps, then down along half a wave
        done = step / steps
        return 0.002 * min(10 * done, (1 + math.cos(math.pi * done)) / 2)

    model.compile(optimizers.Adam(learning_rate), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def draw(name, x, y, probabilities):
    """The misread images; of more than 50, those where the network was surest."""
    taken, sureness = probabilities.argmax(axis=1), probabilities.max(axis=1)
    misread = (taken != y).nonzero()[0]
    worst = misread[sureness[misread].argsort()[::-1]][:50]
    figure = Figure(figsize=(12, 8.5))
    which = "; these 50 most surely" if len(misread) > 50 else ""
    figure.suptitle(f"{name}: {len(misread)} of {len(y):,} test images are taken for something else{which}", y=0.98)
    room = {"left": 0.02, "right": 0.98, "bottom": 0.01, "top": 0.91, "wspace": 0.25, "hspace": 0.4}
    grid = figure.subplots(5, 10, gridspec_kw=room).ravel()
    for axes in grid:
        axes.axis("off")
    for axes, k in zip(grid, worst, strict=False):
        axes.imshow(x[k], cmap="gray_r")
        label = f"{CLASSES[name][y[k]]} as\n{CLASSES[name][taken[k]]} ({sureness[k]:.0%})"
        axes.set_title(label, fontsize=8, pad=3)
    figure.savefig(f"05_{name}.png", dpi=100)


def main(name, epochs, samples):
    utils.set_random_seed(1)
    (x_train, y_train), (x_test, y_test) = getattr(datasets, name).load_data()
    x_train, y_train = x_train[:samples], y_train[:samples]
    model = network(name, steps=epochs * math.ceil(len(x_train) / 64))
    model.fit(x_train, y_train, batch_size=64, epochs=epochs, verbose=2)
    probabilities = model.predict(x_test, verbose=0)
    print(f"{name}: test accuracy {(probabilities.argmax(axis=1) == y_test).mean():.2%}\n")
    draw(name, x_test, y_test, probabilities)


parser = argparse.ArgumentParser()
parser.add_argument("names", nargs="*", default=list(CLASSES))
parser.add_argument("--epochs", type=int, default=8)
parser.add_argument("--samples", type=int, default=60_000)
options = parser.parse_args()
for name in options.names:
    main(name, options.epochs, options.samples)
