"""Weights in HDF5 as Keras 3 lays them out: in `.weights.h5` files, and inside `.keras` archives.

layers/dense_1/vars/0      the first variable of the second Dense layer (layers/dense is the first)
optimizer/vars/0           the first of the optimizer's, in archives only
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cdl.optimizers import Optimizer
from cdl.saving.atomic import replacing
from cdl.saving.hdf5_file import HDF5Tensor, open_hdf5, require_h5py, tensors_in
from cdl.saving.state import Holder, holders, restore, values


def save_weights(model: Any, path: Any) -> None:
    """Write the weights."""
    require_h5py()
    with replacing(path) as file:
        write_hdf5(file, holders(model, optimizer=False))


def load_weights(model: Any, path: Any, skip_mismatch: bool = False) -> None:
    """Give a model the weights of a file."""
    with open_hdf5(path, str(path)) as file:
        fill(holders(model, optimizer=False), tensors_in(file, str(path)), skip_mismatch)


def write_hdf5(target: Any, found: list[Holder]) -> None:
    """Write what these objects hold to a file object."""
    with require_h5py().File(target, "w") as file:
        for holder in found:
            arrays = values(holder.variables())
            for path in paths_of(holder):
                group = file.require_group(f"{path}/vars" if path else "vars")
                group.attrs["name"] = holder.of.name
                for key, array in arrays.items():
                    group.create_dataset(key, data=array)


INNER_LOOKUP = "/_lookup_layer"


def paths_of(holder: Holder) -> list[str]:
    """Where Keras looks for it. What the lookup layer of a TextVectorization has is in that layer's group as well."""
    outer = [holder.path.removesuffix(INNER_LOOKUP)] if holder.path.endswith(INNER_LOOKUP) else []
    return [holder.path, *outer]


def fill(found: list[Holder], tensors: Mapping[str, HDF5Tensor], skip_mismatch: bool = False) -> None:
    """Give these objects what the tensors of a file say."""
    by_path: dict[str, dict[str, HDF5Tensor]] = {}
    for name, tensor in tensors.items():
        path, _, key = f"/{name}".rpartition("/vars/")
        by_path.setdefault(path.removeprefix("/"), {})[key] = tensor

    def stored_for(holder: Holder) -> dict[str, HDF5Tensor]:
        stored = by_path.get(holder.path, {})
        return with_learning_rate(stored, holder) if isinstance(holder.of, Optimizer) else stored

    restore(found, stored_for, skip_mismatch)


def with_learning_rate(stored: dict[str, HDF5Tensor], holder: Holder) -> dict[str, Any]:
    """The state of an optimizer. Keras 2 has none with a single number in second place: the learning rate is in the
    config alone, from where the optimizer has it.
    """
    variables = holder.of.variables
    if len(stored) > 1 and "1" in stored and stored["1"].shape and len(variables) > 1 and not variables[1].shape:
        later = {str(int(key) + 1): tensor for key, tensor in stored.items() if key.isdigit() and key != "0"}
        return {"0": stored["0"], "1": Known(variables[1].numpy()), **later}
    return stored


class Known:
    """A value that no file has to say, in place of one that is stored."""

    def __init__(self, value: Any) -> None:
        self.value, self.shape, self.dtype = value, value.shape, value.dtype

    def read(self) -> Any:
        return self.value

    def read_into(self, array: Any) -> None:
        array[...] = self.value
