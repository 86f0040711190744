"""The safetensors format: named arrays in one file, and nothing that could run.

    8 bytes      the length n of the header, an unsigned integer, little endian
    n bytes      JSON: {"name": {"dtype": "F32", "shape": [3, 4], "data_offsets": [begin, end]}, ...,
                        "__metadata__": {"key": "text", ...}}
    the rest     the arrays in C order, little endian; offsets count from its beginning, without gaps or overlaps

https://github.com/huggingface/safetensors
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from typing import Any, BinaryIO

import numpy as np

from cdl.saving.atomic import replacing
from cdl.saving.limits import FormatError, as_json, parse_json

DTYPES: dict[str, np.dtype] = {
    "F64": np.dtype("<f8"),
    "F32": np.dtype("<f4"),
    "F16": np.dtype("<f2"),
    "I64": np.dtype("<i8"),
    "I32": np.dtype("<i4"),
    "I16": np.dtype("<i2"),
    "I8": np.dtype("i1"),
    "U64": np.dtype("<u8"),
    "U32": np.dtype("<u4"),
    "U16": np.dtype("<u2"),
    "U8": np.dtype("u1"),
    "BOOL": np.dtype("?"),
}
NAMES = {dtype: name for name, dtype in DTYPES.items()}
MOST_AXES = 32  # of a NumPy array
HEADER_BYTES = 32 * 2**20  # at most


class StoredTensor:
    """An array in an open file: its shape and dtype are known, its numbers are read when they are asked for."""

    def __init__(self, file: BinaryIO, start: int, dtype: np.dtype, shape: tuple[int, ...]) -> None:
        self.file, self.start, self.dtype, self.shape = file, start, dtype, shape

    @property
    def nbytes(self) -> int:
        return math.prod(self.shape) * self.dtype.itemsize

    def read_into(self, array: np.ndarray) -> None:
        """Read the numbers into a C-contiguous array of this shape and dtype."""
        if not array.size:
            return
        self.file.seek(self.start)
        memory = array.data.cast("B")
        if self.file.readinto(memory) != memory.nbytes:  # type: ignore[attr-defined]
            raise FormatError(f"{self.file.name}: the file has become shorter while it was read.")
        if self.dtype.kind == "b" and array.view(np.uint8).max() > 1:
            raise FormatError(f"{self.file.name}: a truth value is 0 or 1.")

    def read(self) -> np.ndarray:
        """The numbers, in an array of their own."""
        array = np.empty(self.shape, self.dtype)
        self.read_into(array)
        return array


class SafetensorsFile:
    """An open file: `tensors`, each by its name, and `metadata`, texts.

    The header is checked before anything else is read. Raises FormatError for whatever is not as the format wants it:
    a file that is too short or too long, names or keys that are there twice, unknown dtypes, sizes that do not fit,
    gaps and overlaps.
    """

    def __init__(self, path: Any) -> None:
        self.path = os.fspath(path)
        self._file = open(self.path, "rb")  # noqa: SIM115 - closed by close
        try:
            self.tensors, self.metadata = read_header(self._file, self.path)
        except BaseException:
            self._file.close()
            raise

    @property
    def nbytes(self) -> int:
        """Of all tensors together."""
        return sum(tensor.nbytes for tensor in self.tensors.values())

    def __enter__(self) -> SafetensorsFile:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        self._file.close()


def read_header(file: BinaryIO, who: str) -> tuple[dict[str, StoredTensor], dict[str, str]]:
    """The tensors and the metadata that a file's header lists."""
    size = os.fstat(file.fileno()).st_size
    length = int.from_bytes(file.read(8), "little")
    if size < 8 or length > size - 8:
        raise FormatError(f"{who}: this is no safetensors file, or it is cut short ({size} bytes).")
    if length > HEADER_BYTES:
        raise FormatError(f"{who}: a header of {length} bytes; {HEADER_BYTES} are allowed.")
    text = file.read(length)
    if not text.startswith(b"{"):
        raise FormatError(f"{who}: this is no safetensors file: its header is not JSON.")
    header = parse_json(text, who, HEADER_BYTES)
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise FormatError(f"{who}: __metadata__ is a dictionary of texts.")
    start = 8 + length
    tensors = {name: tensor_of(entry, file, start, f"{who}: tensor {name!r}") for name, entry in header.items()}
    end = start
    for name, tensor in sorted(tensors.items(), key=lambda item: (item[1].start, item[1].nbytes)):
        if tensor.start != end:
            raise FormatError(f"{who}: tensor {name!r} begins at {tensor.start - start}, not at {end - start}.")
        end += tensor.nbytes
    if end != size:
        raise FormatError(f"{who}: the tensors end at byte {end}, the file at {size}. Is it cut short?")
    return tensors, metadata


def tensor_of(entry: Any, file: BinaryIO, start: int, who: str) -> StoredTensor:
    """The tensor that an entry of the header describes. FormatError for one that contradicts itself."""
    if not isinstance(entry, dict) or entry.keys() != {"dtype", "shape", "data_offsets"}:
        raise FormatError(f"{who}: an entry has dtype, shape and data_offsets. Received: {str(entry)[:100]}")
    dtype = DTYPES.get(entry["dtype"]) if isinstance(entry["dtype"], str) else None
    if dtype is None:
        raise FormatError(f"{who}: dtype is one of {', '.join(DTYPES)}. Received: {str(entry['dtype'])[:40]!r}")
    for key, most in (("shape", MOST_AXES), ("data_offsets", 2)):
        sizes = entry[key]
        if not isinstance(sizes, list) or len(sizes) > most or not all(type(n) is int and n >= 0 for n in sizes):
            raise FormatError(f"{who}: {key} is a list of sizes. Received: {str(sizes)[:100]}")
    shape, offsets = tuple(entry["shape"]), entry["data_offsets"]
    nbytes = math.prod(shape) * dtype.itemsize
    if len(offsets) != 2 or offsets[1] - offsets[0] != nbytes:
        raise FormatError(f"{who}: {shape} of {dtype} takes {nbytes} bytes. Received: data_offsets={offsets}")
    return StoredTensor(file, start + offsets[0], dtype, shape)


def write_safetensors(file: BinaryIO, tensors: Mapping[str, np.ndarray], metadata: Mapping[str, str]) -> None:
    """Write arrays and texts. The arrays with the longest numbers come first, so that all of them are aligned."""
    arrays = {name: np.ascontiguousarray(array).reshape(np.shape(array)) for name, array in tensors.items()}
    arrays = {name: array.astype(array.dtype.newbyteorder("<"), copy=False) for name, array in arrays.items()}
    header: dict[str, Any] = {"__metadata__": dict(metadata)} if metadata else {}
    order = sorted(arrays, key=lambda name: -arrays[name].dtype.itemsize)
    end = 0
    for name in order:
        array = arrays[name]
        if array.dtype not in NAMES or name == "__metadata__":
            raise ValueError(f"safetensors: cannot hold {name!r} of dtype {array.dtype}; it has {', '.join(DTYPES)}.")
        begin, end = end, end + array.nbytes
        header[name] = {"dtype": NAMES[array.dtype], "shape": list(array.shape), "data_offsets": [begin, end]}
    text = as_json(header, "safetensors").encode()
    text += b" " * (-len(text) % 8)
    file.write(len(text).to_bytes(8, "little") + text)
    for name in order:
        if arrays[name].size:
            file.write(arrays[name].data.cast("B"))


def save_safetensors(tensors: Mapping[str, Any], path: Any, metadata: Mapping[str, str] | None = None) -> None:
    """Write arrays by their names to a safetensors file. ValueError for arrays that are not of numbers.

    `metadata`: texts by their names. A file that is there already is replaced when the new one is complete.

    >>> save_safetensors({"kernel": np.ones((3, 4), np.float32)}, "layer.safetensors")
    """
    arrays = {name: np.asarray(tensor) for name, tensor in tensors.items()}
    with replacing(path) as file:
        write_safetensors(file, arrays, metadata or {})


def load_safetensors(path: Any) -> dict[str, np.ndarray]:
    """The arrays of a safetensors file, whoever wrote it, by their names. FormatError for a damaged one.

    >>> load_safetensors("layer.safetensors")["kernel"].shape
    (3, 4)
    """
    with SafetensorsFile(path) as file:
        return {name: tensor.read() for name, tensor in file.tensors.items()}
