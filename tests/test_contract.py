"""The seam holds: one set of names in ops, reference, _native and cdl.h; and imports point down only."""

import ast
import importlib
import inspect
import re
from pathlib import Path

import pytest

from cdl import _native, ops, reference

ROOT = Path(__file__).parent.parent
PRIMITIVES = [name for name, thing in vars(ops).items() if inspect.isfunction(thing)]
source_tree = pytest.mark.skipif(not (ROOT / "src" / "cdl.h").exists(), reason="needs the source tree")


def parameters(function):
    return [name.removesuffix("_name") for name in inspect.signature(function).parameters]


@pytest.mark.parametrize("name", PRIMITIVES)
def test_three_texts_of_a_primitive_agree(name):
    """Same parameters in the same order; below ops they have no defaults, and crossentropies are told epsilon."""
    public = parameters(getattr(ops, name))
    if "crossentropy" in name:
        public.insert(public.index("from_logits") + 1, "epsilon")
    assert parameters(getattr(reference, name)) == public
    assert parameters(getattr(_native, name)) == public
    for module in (reference, _native):
        assert all(p.default is p.empty for p in inspect.signature(getattr(module, name)).parameters.values())


@pytest.mark.parametrize("kind", sorted({getattr(ops, name).__module__.rpartition(".")[2] for name in PRIMITIVES}))
def test_texts_of_a_kind_are_in_one_order(kind):
    contract, meaning = (importlib.import_module(f"{package.__name__}.{kind}") for package in (ops, reference))
    wanted = [name for name in vars(contract) if name in PRIMITIVES and getattr(ops, name) is vars(contract)[name]]
    assert [name for name in vars(meaning) if name in wanted] == wanted


@source_tree
def test_table_of_the_core_is_what_the_binding_declares():
    header = (ROOT / "src" / "cdl.h").read_text()
    binding = (ROOT / "src" / "native" / "core.pxi").read_text()

    def members(text, struct_ends):
        body = text[: text.index(struct_ends)]
        pointers = re.findall(r"\(\*(\w+)\)\(", body)
        return pointers + re.findall(r"(?:cdl_loss_function|cdl_rule) (\w+)", body)

    of_header = members(header[header.index("typedef double (*cdl_loss_function)") + 40 :], "} cdl_primitives;")
    start = binding.index("ctypedef struct cdl_primitives:")
    of_binding = members(binding[start:], "cdl_table(int)")
    assert of_header == of_binding

    table = (ROOT / "src" / "primitives.c").read_text()
    assert sorted(re.findall(r"^    \.(\w+) = ", table, re.M)) == sorted(of_header)


@source_tree
def test_functions_are_numbered_alike():
    header = (ROOT / "src" / "cdl.h").read_text()
    listed = re.findall(r"^    CDL_(\w+),", header[: header.index("} cdl_function;")], re.M)
    assert [name.lower() for name in listed] == list(ops.FUNCTIONS)
    last = re.search(r"#define CDL_LAST_FUSABLE CDL_(\w+)", header).group(1).lower()
    assert frozenset(ops.FUNCTIONS[: ops.FUNCTION[last] + 1]) == ops.FUSABLE
    assert set(reference.activations.ACTIVATIONS) == set(ops.FUNCTIONS)


# From the top down (docs/design.md). A module sees its own package and the lines below, but not its neighbours.
ORDER = [
    {"cdl"},
    {"wrappers"},
    {"plotting", "sklearn"},
    {"models"},
    {"saving"},
    {"callbacks"},
    {"metrics", "layers", "optimizers"},
    {"losses"},
    {"activations", "initializers", "regularizers", "constraints", "datasets", "preprocessing"},
    {"random", "variable"},
    {"utils"},
    {"ops"},
    {"config"},
    {"backend"},
    {"_native", "reference", "_clash", "_left_out", "_version"},
]
RANK = {name: rank for rank, names in enumerate(ORDER) for name in names}
MODULES = sorted((ROOT / "cdl").rglob("*.py"))


def imported(tree):
    """(line, part of cdl) for every import in a module, but not for those that only type checkers see."""
    typing_only = {
        id(node)
        for branch in ast.walk(tree)
        if isinstance(branch, ast.If) and ast.unparse(branch.test) == "TYPE_CHECKING"
        for node in ast.walk(branch)
    }
    for node in ast.walk(tree):
        if id(node) in typing_only:
            continue
        if isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        for name in names:
            if name.split(".")[0] == "cdl":
                yield node.lineno, ([*name.split("."), "cdl"])[1]


@source_tree
@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_down(path):
    part = path.relative_to(ROOT / "cdl").parts[0].removesuffix(".py").replace("__init__", "cdl")
    for line, other in imported(ast.parse(path.read_text())):
        assert other == part or RANK[other] > RANK[part], f"{path.name}:{line}: {part} must not import {other}"


@source_tree
def test_only_the_backend_sees_native():
    for path in MODULES:
        if path.name not in ("backend.py", "__init__.py"):
            seen = {other for _, other in imported(ast.parse(path.read_text()))}
            assert "_native" not in seen, f"{path} goes around cdl/backend.py"


@source_tree
def test_a_module_can_be_read_at_one_sitting():
    lengths = {str(path.relative_to(ROOT)): path.read_text().count("\n") for path in MODULES}
    assert {name: length for name, length in lengths.items() if length >= 500} == {}
