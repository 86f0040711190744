"""Every example in a docstring runs, without a warning, and gives what it says."""

import doctest
import importlib
import os
import pkgutil
import re

import numpy as np
import pytest

import cdl
import cdl.sklearn

MODULES = ["cdl", *(m.name for m in pkgutil.walk_packages(cdl.__path__, "cdl.") if not m.name.endswith("._native"))]
PUBLIC = [cdl.layers, cdl.optimizers, cdl.losses, cdl.metrics, cdl.callbacks, cdl.utils, cdl.saving, cdl.sklearn, cdl]

# What an example takes for granted, besides `model`, `x`, `y` and the public names of cdl.
SKLEARN = """
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
X, y = load_iris(return_X_y=True)
"""
IMAGES = """
x_test, y_test = np.random.rand(20, 8, 8, 1), np.arange(20) % 2
model = Sequential([Conv2D(4, 3, name="conv2d"), Conv2D(2, 3, name="conv2d_1"), Flatten(), Dense(2, "softmax")])
model(x_test)
names = ["no", "yes"]
"""
FILES = """
import os
from PIL import Image
for name in ("cat.jpg", *(f"flowers/{kind}/{number}.png" for kind in "ab" for number in range(5))):
    os.makedirs(os.path.dirname(name) or ".", exist_ok=True)
    Image.new("RGB", (64, 64)).save(name)
model = Sequential([Flatten(), Dense(1)])
model.compile("sgd", "mse")
"""
BY_HAND = """
ctx, dy = Context(training=True), y
optimizer, layer = SGD(), model
layer(x, ctx=ctx)
"""
BEFORE = {
    "cdl._clash.check": "import os; __file__ = cdl.__file__",
    "cdl.layers.base.Layer.gradients": BY_HAND,
    "cdl.layers.context.Context": BY_HAND,
    "cdl.models.sequential.Sequential": "x_train, y_train = np.random.rand(64, 784), np.arange(64) % 10",
    "cdl.optimizers.optimizer.Optimizer.apply_gradients": BY_HAND + "model.backward(ctx, dy)",
    "cdl.optimizers.optimizer.Optimizer.exclude_from_weight_decay": "optimizer = AdamW()",
    "cdl.plotting.confusion.plot_confusion_matrix": IMAGES,
    "cdl.plotting.feature_maps.plot_feature_maps": IMAGES,
    "cdl.plotting.filters.plot_filters": IMAGES,
    "cdl.plotting.gradients.plot_gradients": "x_train, y_train = x, y",
    "cdl.plotting.images.plot_images": IMAGES,
    "cdl.plotting.regions.plot_decision_regions": "x, y = x[:, :2], (y[:, 0] > 0).astype(int)\n"
    "model = Sequential([Dense(1, 'sigmoid')])",
    "cdl.saving.api.load_model": "swish_twice = lambda x: 2 * activations.swish(x)\nmodel.save('model.keras')",
    "cdl.saving.safetensors_file.load_safetensors": "save_safetensors({'kernel': np.eye(3, 4)}, 'layer.safetensors')",
    "cdl.sklearn.mlp.MLPClassifier": SKLEARN + "X_test, y_test = X, y",
    "cdl.sklearn.mlp.MLPRegressor": SKLEARN + "X_test = X",
    "cdl.sklearn.wrappers.Classifier": SKLEARN + "y = load_iris().target_names[y]",
    "cdl.sklearn.wrappers.Regressor": SKLEARN,
    "cdl.sklearn.wrappers.Transformer": SKLEARN + "autoencoder = Sequential([Dense(2), Dense(4)])\n"
    "autoencoder.compile('adam', 'mse')",
    "cdl.utils.directories.image_dataset_from_directory": FILES,
    "cdl.utils.images.load_img": FILES,
    "cdl.utils.images.save_img": "x_train = np.random.rand(2, 28, 28)",
    "cdl.utils.registry.CustomObjectScope": "my_loss = losses.mean_squared_error",
}
# Examples that need another machine, a screen, or folders of files.
ELSEWHERE = {
    "cdl.callbacks.remote_monitor.RemoteMonitor": "a server",
    "cdl.datasets.cifar10.load_data": "all of its images",
    "cdl.datasets.imdb.load_data": "Keras' file",
    "cdl.datasets.reuters.load_data": "Keras' file",
    "cdl.utils.directories.audio_dataset_from_directory": "a folder of sounds",
    "cdl.utils.directories.text_dataset_from_directory": "a folder of texts",
    "cdl.utils.images.array_to_img": "a screen",
}


class Checker(doctest.OutputChecker):
    """An example that shows no result promises none, and NumPy 2 writes np.float32(6.0) for 6.0."""

    def check_output(self, want, got, optionflags):
        got = re.sub(r"\bnp\.\w+\((-?[\w.+-]+|'[^']*')\)", r"\1", got)
        return want == "" or super().check_output(want, got, optionflags)


def examples():
    finder = doctest.DocTestFinder()
    for name in MODULES:
        yield from (test for test in finder.find(importlib.import_module(name), name) if test.examples)


def taken_for_granted(module):
    """The names that an example may use: numpy, the public ones, its own module's, a model and something to learn."""
    names = {"np": np, "cdl": cdl, "keras": cdl}
    for package in PUBLIC:
        names |= {name: getattr(package, name) for name in package.__all__}
    names |= {name: thing for name, thing in vars(importlib.import_module(module)).items() if not name.startswith("_")}
    names["x"], names["y"] = (np.random.default_rng(0).normal(size=(40, n)).astype("float32") for n in (4, 1))
    names["model"] = cdl.Sequential([cdl.layers.Input((4,)), cdl.layers.Dense(8, "relu"), cdl.layers.Dense(1)])
    names["model"].compile("adam", "mse")
    return names


@pytest.mark.parametrize("test", list(examples()), ids=lambda test: test.name)
def test_the_example_of(test, tmp_path, monkeypatch):
    if test.name in ELSEWHERE:
        pytest.skip(f"needs {ELSEWHERE[test.name]}")
    if test.name.startswith("cdl.datasets.") and ".digits." not in test.name and not os.environ.get("CDL_DATA_DIR"):
        pytest.skip("CDL_DATA_DIR is not set")
    monkeypatch.chdir(tmp_path)
    test.globs = taken_for_granted(test.globs["__name__"])
    exec(BEFORE.get(test.name, ""), test.globs)
    said = []
    runner = doctest.DocTestRunner(Checker(), optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    runner.run(test, out=said.append)
    assert not runner.failures, "".join(said)
