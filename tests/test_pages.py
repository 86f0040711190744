"""README.md and docs/: their Python runs, from top to bottom, and what they point to is there."""

import os
import pkgutil
import re
from pathlib import Path

import pytest

import cdl

PACKAGE = Path(cdl.__file__).parent
ROOT = Path(__file__).parent.parent
PAGES = sorted(page.relative_to(ROOT).as_posix() for page in [*ROOT.glob("*.md"), *ROOT.glob("*/*.md")])

pytestmark = pytest.mark.skipif(not (ROOT / "docs").is_dir(), reason="the pages are not there")

IMPORTS = """
import numpy as np
import cdl
from cdl import *
"""
# A compiled model, and what it can learn.
MODEL = """
x, y = np.random.rand(60, 4), np.arange(60) % 3
model = Sequential([layers.Dense(8, "relu"), layers.Dense(3, "softmax")])
model.compile("adam", "sparse_categorical_crossentropy")
model.fit(x, y, verbose=0)
"""
SKLEARN = """
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV, cross_val_score, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from cdl.sklearn import *
import matplotlib.pyplot as plt
X, y = (array[::3] for array in load_iris(return_X_y=True))
classes = [0, 1, 2]
X_train, X_val, y_train, y_val = train_test_split(X, y, stratify=y, random_state=0)
stream = [(X_train[::2], y_train[::2]), (X_train[1::2], y_train[1::2])]
"""
TWO_MODELS = """
generator = Sequential([layers.Input((2,)), layers.Dense(4, "relu"), layers.Dense(3)])
discriminator = Sequential([layers.Input((3,)), layers.Dense(4, "relu"), layers.Dense(1, "sigmoid")])
n = 8
noise = lambda n: np.random.normal(size=(n, 2)).astype("float32")
real_samples = np.random.normal(size=(32, 3)).astype("float32")
batches = [real_samples[at : at + n] for at in range(0, 32, n)]
ones, zeros = np.ones((n, 1), "float32"), np.zeros((n, 1), "float32")
loss, d_optimizer, g_optimizer = losses.BinaryCrossentropy(), optimizers.Adam(), optimizers.Adam()
both, labels = np.concatenate([batches[0], generator.predict(noise(n), verbose=0)]), np.concatenate([ones, zeros])
"""
# What the reader of a page has by then, for its first block of Python, its second ...
BEFORE = {
    "README.md": ["", IMPORTS, IMPORTS, IMPORTS + MODEL, ""],
    "docs/files.md": [IMPORTS + MODEL],
    "docs/scikit-learn.md": [SKLEARN, IMPORTS + SKLEARN],
    "docs/sklearn_mlp.md": ["", SKLEARN, SKLEARN, SKLEARN + "mlp = MLPClassifier(tol=0.1).fit(X, y)"],
    "docs/two_models.md": [IMPORTS + TWO_MODELS] * 2 + [IMPORTS + TWO_MODELS + "d_loss = 0.5"],
}
SKETCHES = {"docs/design.md"}  # of a class, without bodies
IN_FILES = {"cdl.format", "cdl.version", "cdl.flags", "cdl.trained", "cdl.seeds"}  # no names of Python
NEEDS_DATA = "sentiment_sentences"


def text_of(page):
    return (ROOT / page).read_text(encoding="utf-8")


def python_of(page):
    return re.findall(r"^```python\n(.*?)^```$", text_of(page), re.M | re.S)


def test_the_python_of_every_page_is_run():
    assert {page: len(blocks) for page in PAGES if page not in SKETCHES and (blocks := python_of(page))} == {
        page: len(before) for page, before in BEFORE.items()
    }


@pytest.mark.parametrize(
    ("page", "number"), [(page, number) for page, before in BEFORE.items() for number in range(len(before))]
)
def test_the_python_of(page, number, tmp_path, monkeypatch):
    code = python_of(page)[number]
    if NEEDS_DATA in code and not os.environ.get("CDL_DATA_DIR"):
        pytest.skip("CDL_DATA_DIR is not set")
    monkeypatch.chdir(tmp_path)
    names = {"__name__": "__main__"}
    for part in (BEFORE[page][number], code):
        exec(compile(part, f"{page}, block {number}", "exec"), names)


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_to_files(page):
    links = [link for link in re.findall(r"\]\(([^)]+)\)", text_of(page)) if not link.startswith(("http", "#"))]
    assert [link for link in links if not (ROOT / page).parent.joinpath(link.partition("#")[0]).exists()] == []


@pytest.mark.parametrize("page", PAGES)
def test_files_that_are_named_are_there(page):
    """`src/gemm.c`, and `python benchmarks/ops.py` in a block of commands."""
    named = set(re.findall(r"(?<![\w/.*])(?:cdl|src|docs|tests|examples|benchmarks|tools)/[\w./]*\w", text_of(page)))
    paths = {name: (PACKAGE.parent if name.startswith("cdl/") else ROOT) / name for name in named}
    assert sorted(name for name, path in paths.items() if not any(path.parent.glob(path.name + "*"))) == []


@pytest.mark.parametrize("page", PAGES)
def test_names_of_cdl_are_there(page):
    """`cdl.saving.save_state` and the like."""
    for name in sorted(set(re.findall(r"`(cdl(?:\.\w+)+)", text_of(page))) - IN_FILES):
        pkgutil.resolve_name(name)
