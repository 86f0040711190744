"""MNIST, as users of scikit-learn meet it: the same five models as in example 20, and how long they take for it.

The split is MNIST's own, so only the seeds of the networks differ: three of them, 10 epochs each. The networks have a
hidden layer of 128, the Sequential two, with batch normalisation and dropout; nothing else was chosen. Gradient
boosting is slow with 784 columns and ten classes: it gets the first 10,000 digits. The Sequential reads 98.0 % right,
the MLPs 97.7 %, boosting 96.0 % and logistic regression 92.6 %.

Four minutes; in short: `--samples 2000 --seeds 1 --rounds 3`
"""

import argparse
import time
import warnings

import numpy as np
from matplotlib.figure import Figure
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier

from cdl import Sequential, datasets, layers
from cdl import sklearn as ours

BOOSTED = 10_000


def network(X, y):
    model = Sequential([layers.Input(X.shape[1:])])
    for _ in range(2):
        for layer in layers.Dense(128), layers.BatchNormalization(), layers.ReLU(), layers.Dropout(0.3):
            model.add(layer)
    model.add(layers.Dense(y.shape[1], "softmax"))
    model.compile("adam", "categorical_crossentropy")
    return model


def contestants(seed):
    mlp = {"hidden_layer_sizes": (128,), "max_iter": 10, "random_state": seed}
    if seed == 0:
        yield "logistic regression", LogisticRegression()
        yield "boosting (10,000)", HistGradientBoostingClassifier(max_iter=options.rounds, random_state=seed)
    yield "scikit-learn MLP", MLPClassifier(**mlp)
    yield "cdl MLP", ours.MLPClassifier(**mlp)
    yield "cdl Sequential", ours.Classifier(network, fit_kwargs={"epochs": 10}, random_state=seed)


def seconds(call):
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


parser = argparse.ArgumentParser()
parser.add_argument("--samples", type=int, default=60_000)
parser.add_argument("--seeds", type=int, default=3)
parser.add_argument("--rounds", type=int, default=100, help="of boosting")
options = parser.parse_args()
warnings.simplefilter("ignore", ConvergenceWarning)  # ten epochs are not enough, and equally so for all
(x_train, y_train), (x_test, y_test) = datasets.mnist.load_data()
x, x_test = (np.float32(images.reshape(-1, 784)) / 255 for images in (x_train[: options.samples], x_test))
y = y_train[: options.samples]

rows = {}
for seed in range(options.seeds):
    for name, model in contestants(seed):
        rest = slice(BOOSTED if "boosting" in name else None)
        fit = seconds(lambda: model.fit(x[rest], y[rest]))  # noqa: B023
        wait = np.median([seconds(lambda: model.predict(x_test[:1])) for _ in range(50)])  # noqa: B023
        rows.setdefault(name, []).append((100 * model.score(x_test, y_test), fit, wait))

print(f"{'MNIST':20} {'accuracy':>16} {'fit':>9} {'one sample':>14}")
figure = Figure(figsize=(9, 4.5), layout="constrained")
left, right = figure.subplots(1, 2, sharey=True)
for name, row in rows.items():
    accuracy, fit, wait = np.mean(row, axis=0)
    error = np.std(row, axis=0)[0]
    print(f"{name:20} {accuracy:7.2f} % ± {error:.2f} {fit:9.2f} s {1e6 * wait:9.0f} µs")
    left.errorbar(fit, accuracy, error, fmt="o", capsize=3, label=name)
    right.errorbar(wait, accuracy, error, fmt="o", capsize=3)
left.set(xscale="log", xlabel="seconds to fit", ylabel="test accuracy, %")
right.set(xscale="log", xlim=(1e-5, 0.1), xlabel="seconds to predict one sample")
figure.legend(loc="outside lower center", ncols=3)
figure.savefig("21_mnist_compare_with_sklearn.png", dpi=150)
fit, wait = np.exp(np.mean(np.log(np.array(rows["scikit-learn MLP"]) / rows["cdl MLP"]), axis=0))[1:]
print(f"\nThe same MLP from cdl is fitted {fit:.1f} times as fast, and predicts one sample {wait:.1f} times as fast.")
print(f"The Sequential reads {np.mean(rows['cdl Sequential'], axis=0)[0]:.2f}% right.")
