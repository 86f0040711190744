"""What a network knows of the digits 0 to 4 helps it with 5 to 9, of which it has seen few.

The convolutions are kept: frozen, with `features.trainable = False`, so that the new head alone learns; then thawed and
tuned finely (compile again, with a small learning rate). Beside them the same network from scratch. With one label of
each digit they read 60 % right on average, from scratch 54 %; with ten 88.5 and 85.1 %, with a hundred 96.5 and 93.8 %.
Fine tuning adds next to nothing. 19_transfer_learning.png shows five seeds. Half a minute; in short:
`--seeds 1 --samples 3000 --labels 10`
"""

import argparse

import numpy as np
from matplotlib.figure import Figure

from cdl import Model, Sequential, datasets, layers, optimizers, utils

STEPS = 150  # of each training with few labels


def head():
    return [layers.Dense(64, activation="relu"), layers.Dense(5, activation="softmax")]


def network():
    return Sequential(
        [
            layers.Input((28, 28, 1)),
            layers.Conv2D(16, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(name="features"),
            *head(),
        ]
    )


def learn(model, x, y, rate):
    """The accuracy on the test digits 5 to 9, after so many steps."""
    model.compile(optimizers.Adam(rate), "sparse_categorical_crossentropy", metrics=["accuracy"])
    batch = min(32, len(x))
    model.fit(x, y, batch_size=batch, epochs=STEPS * batch // len(x), verbose=0)
    return model.evaluate(x_test, y_test, verbose=0)[1]


parser = argparse.ArgumentParser()
parser.add_argument("--seeds", type=int, default=5)
parser.add_argument("--samples", type=int, default=30_000)
parser.add_argument("--labels", type=int, nargs="+", default=[1, 3, 10, 30, 100])
options = parser.parse_args()
(x, y), (x_test, y_test) = datasets.mnist.load_data()
x, x_test = (np.float32(images[..., np.newaxis]) / 255 for images in (x, x_test))
x_old, y_old = x[y < 5][: options.samples], y[y < 5][: options.samples]
x_new, y_new = x[y > 4], y[y > 4] - 5
x_test, y_test = x_test[y_test > 4], y_test[y_test > 4] - 5

utils.set_random_seed(19)
base = network()
base.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
base.fit(x_old, y_old, batch_size=64, epochs=3, verbose=2)
features = Model(base.inputs, base.get_layer("features").output)
known = features.get_weights()

results = {"from scratch": [], "frozen": [], "tuned finely": []}
for labels in options.labels:
    found = {name: [] for name in results}
    for seed in range(options.seeds):
        random = np.random.default_rng(seed)
        few = [random.choice(np.flatnonzero(y_new == digit), labels, replace=False) for digit in range(5)]
        x_few, y_few = (np.concatenate([of[chosen] for chosen in few]) for of in (x_new, y_new))
        utils.set_random_seed(seed)
        found["from scratch"].append(learn(network(), x_few, y_few, rate=0.001))
        features.set_weights(known)
        features.trainable = False
        model = Sequential([features, *head()])
        found["frozen"].append(learn(model, x_few, y_few, rate=0.001))
        features.trainable = True
        found["tuned finely"].append(learn(model, x_few, y_few, rate=0.0003))
    for name, accuracies in found.items():
        results[name].append(accuracies)

print(f"Test accuracy on digits 5 to 9: mean (standard deviation) over {options.seeds} seeds")
print("labels of each digit" + "".join(f"{labels:>15}" for labels in options.labels))
for name, rows in results.items():
    print(f"{name:>20}" + "".join(f"{np.mean(row):>8.1%} ({np.std(row):.1%})" for row in rows))
gain = np.mean(results["tuned finely"][0]) - np.mean(results["from scratch"][0])
print(f"With {options.labels[0]} of each digit, what was learned from others gains {100 * gain:.1f} points.")

figure = Figure(figsize=(7, 4.5), layout="constrained")
axes = figure.subplots()
for name, rows in results.items():
    means, deviations = np.mean(rows, axis=1), np.std(rows, axis=1)
    (line,) = axes.plot(options.labels, means, "o-", label=name)
    axes.fill_between(options.labels, means - deviations, means + deviations, color=line.get_color(), alpha=0.2)
axes.set(xscale="log", xlabel="labels of each digit", ylabel="accuracy on test digits 5 to 9")
axes.set_xticks(options.labels, options.labels)
axes.spines[["top", "right"]].set_visible(False)
axes.legend(frameon=False)
figure.savefig("19_transfer_learning.png", dpi=120)
