"""docs/keras.md is true: each public name of Keras is either found here or left out there, and none is both.

`keras_names.txt` has the public names of Keras 3.15, a line for each module: `[layers] Activation Add ...`.
"""

import importlib
import re
from pathlib import Path

import pytest

import cdl

HERE = Path(__file__).parent
PAGE = HERE.parent / "docs" / "keras.md"
MODULES = {
    module: names.split()
    for module, names in re.findall(r"^\[(.*)\] (.*)$", (HERE / "keras_names.txt").read_text(), re.MULTILINE)
}
# Keras' `ops` and `cdl.ops` have the name in common, and names of a few functions, but not their purpose.
ANOTHER_THING = {"ops"}


def find(module):
    """The module of that name in cdl, or None."""
    found = cdl
    for part in filter(None, module.split(".")):
        try:
            found = getattr(found, part, None) or importlib.import_module(f"{found.__name__}.{part}")
        except ImportError:
            return None
    return found


def left_out():
    """{module: names} of the table on the page."""
    table = {}
    for line in PAGE.read_text().splitlines():
        cells = line.split("|")
        if len(cells) == 5 and "`" in cells[1]:
            names = re.findall(r"`([^`]+)`", cells[2])
            for module in re.findall(r"`([^`]+)`", cells[1]):
                table.setdefault("" if module == "keras" else module, []).extend(names)
    return table


source_tree = pytest.mark.skipif(not PAGE.exists(), reason="needs the source tree")


@source_tree
@pytest.mark.parametrize("module", MODULES)
def test_each_name_is_here_or_left_out(module):
    ours = None if module in ANOTHER_THING else find(module)
    here = {name for name in MODULES[module] if hasattr(ours, name)}
    table = left_out()
    listed = table.get(module, [])
    assert len(listed) == len(set(listed)), "named twice on the page"
    parents = [module.rsplit(".", up)[0] for up in range(1 + module.count("."))]
    if any(table.get(parent) == ["*"] for parent in parents):
        assert not here
        return
    assert set(MODULES[module]) - here == set(listed)


@source_tree
def test_the_page_knows_no_other_modules():
    assert set(left_out()) <= set(MODULES)


def test_keras_backend_leads_to_where_things_are():
    assert cdl.backend.clear_session is cdl.utils.clear_session
    assert cdl.backend.epsilon() == cdl.config.epsilon()
    assert cdl.backend.backend() == cdl.config.backend()
    with pytest.raises(AttributeError, match="no attribute 'conv2d'"):
        cdl.backend.conv2d  # noqa: B018


@pytest.mark.parametrize(
    "statement",
    [
        "from cdl.layers import Concatenate",
        "from cdl.layers import Dense, Concatenate",
        "from cdl import applications",
        "import cdl.applications",
        "from cdl.applications import VGG16",
        "from cdl.layers.convolutional import Conv2D",
        "from cdl.optimizers import LossScaleOptimizer",
        "from cdl.utils import get_file",
        "import cdl.mixed_precision as mixed_precision",
    ],
)
def test_imports_of_what_is_left_out_say_where_to_look(statement):
    with pytest.raises(ImportError, match=r"module 'cdl\S*' has no attribute '\w+'. docs/keras.md says what"):
        exec(statement)


def test_others_are_left_alone():
    assert not hasattr(cdl.layers, "Concatenate") and not hasattr(cdl, "applications")
    for statement, message in [
        ("import cdl.layers.Dense", "No module named 'cdl.layers.Dense'"),
        ("from json import Concatenate", "cannot import name 'Concatenate' from 'json'"),
        ("import json.applications", "No module named 'json.applications'"),
        ("from cdl import _nothing", "cannot import name '_nothing' from 'cdl'"),
    ]:
        with pytest.raises(ImportError, match=message):
            exec(statement)
    with pytest.raises(AttributeError, match=r"'cdl.utils' has no attribute 'get_file'. docs/keras.md"):
        cdl.utils.get_file  # noqa: B018
