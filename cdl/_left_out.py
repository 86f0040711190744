"""Names that are not there, such as those of Keras that are left out: a word on what to do, however they are asked for.

`layers.Concatenate` asks the module's `__getattr__`, and gets what `no_attribute` makes. `from cdl.layers import
Concatenate` and `import cdl.applications` put texts of their own in its place, unless a finder of modules speaks first;
this one comes after all others, knows none, and speaks for cdl only.
"""

from __future__ import annotations

import sys
from typing import Any


def no_attribute(module: str, name: str) -> AttributeError:
    return AttributeError(
        f"module {module!r} has no attribute {name!r}. docs/keras.md says what of Keras is left out, and what there is "
        f"instead."
    )


class LastFinder:
    @staticmethod
    def find_spec(fullname: str, path: Any = None, target: Any = None) -> None:
        module, _, name = fullname.rpartition(".")
        if module.split(".")[0] == "cdl" and not name.startswith("_") and not hasattr(sys.modules[module], name):
            # Python passes over a ModuleNotFoundError for `from`, but not where that has no `name`.
            raise ModuleNotFoundError(str(no_attribute(module, name)))


sys.meta_path.append(LastFinder)
