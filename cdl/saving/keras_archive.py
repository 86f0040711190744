"""Keras 3's `.keras` files: a zip archive with the config in JSON, the weights in HDF5, and vocabularies as texts.

    metadata.json        {"keras_version": ..., "date_saved": ...}
    config.json          what the model is and how it was compiled
    model.weights.h5     weights and optimizer (hdf5_weights.py)
    assets/layers/string_lookup/vocabulary.txt

Members are read one by one into memory; nothing is ever unpacked to the disk.
"""

from __future__ import annotations

import io
import stat
import time
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from cdl._version import __version__
from cdl.saving import hdf5_weights
from cdl.saving.atomic import replacing
from cdl.saving.construction import config_of, loading, model_from_config
from cdl.saving.hdf5_file import EXPANSION, SMALL, open_hdf5, require_h5py, tensors_in
from cdl.saving.legacy_config import major_version, modernized
from cdl.saving.limits import CONFIG_BYTES, FormatError, as_json, parse_json
from cdl.saving.state import Holder, holders

KERAS_VERSION = "3.15.1"  # the layout is that of
METADATA, CONFIG, WEIGHTS = "metadata.json", "config.json", "model.weights.h5"
MOST_MEMBERS = 10_000


# ---- to a file ----


def save_model(model: Any, path: Any, include_optimizer: bool = True) -> None:
    """Write the whole model."""
    require_h5py()
    config, include_optimizer = config_of(model, include_optimizer)
    found = holders(model, include_optimizer)
    metadata = {
        "keras_version": KERAS_VERSION,
        "date_saved": time.strftime("%Y-%m-%d@%H:%M:%S"),
        "cdl_version": __version__,
    }
    weights = io.BytesIO()
    hdf5_weights.write_hdf5(weights, found)
    with replacing(path) as file, zipfile.ZipFile(file, "w") as archive:
        archive.writestr(METADATA, as_json(metadata, str(path)))
        archive.writestr(CONFIG, as_json(config, str(path)))
        archive.writestr(WEIGHTS, weights.getbuffer())
        for name, text in vocabularies_of(found).items():
            archive.writestr(name, text)


def vocabularies_of(found: list[Holder]) -> dict[str, str]:
    """The texts of the vocabularies that were learned, one token in a line, by the names of their members."""
    texts: dict[str, str] = {}
    for holder in found:
        if hasattr(holder.of, "save_assets"):
            assets: dict[str, Any] = {}
            holder.of.save_assets(assets)
            for key, tokens in assets.items():
                lines = [str(token) for token in tokens]
                if "\n".join(lines).splitlines() != lines:
                    raise ValueError(
                        f"{holder}: a .keras file has one token in a line, and a token has line breaks or is empty at "
                        f'the end. Save to a ".safetensors" file.'
                    )
                texts |= {f"assets/{path}/{key}.txt": "\n".join(lines) for path in hdf5_weights.paths_of(holder)}
    return texts


# ---- from a file ----


def load_model(path: Any, custom_objects: Mapping[str, Any] | None = None, compile: bool = True) -> Any:
    """The model of a file that cdl or Keras has written."""
    who = str(path)
    with open_archive(path) as archive:
        version = version_of(archive, who)
        config = modernized(parse_json(read_member(archive, CONFIG, who, CONFIG_BYTES), f"{who}: {CONFIG}"), version)
        with open_hdf5(weights_in(archive, who), who) as file:
            tensors = tensors_in(file, who)
            with loading(sum(tensor.nbytes for tensor in tensors.values())):
                model = model_from_config(config, custom_objects, who, compile)
                found = holders(model, optimizer=compile)
                hdf5_weights.fill(found, tensors)
                for holder in found:
                    load_vocabularies(holder, archive, who)
    return model


def load_weights(model: Any, path: Any, skip_mismatch: bool = False) -> None:
    """Give a model the weights of an archive."""
    who = str(path)
    with open_archive(path) as archive, open_hdf5(weights_in(archive, who), who) as file:
        hdf5_weights.fill(holders(model, optimizer=False), tensors_in(file, who), skip_mismatch)


def load_vocabularies(holder: Holder, archive: zipfile.ZipFile, who: str) -> None:
    """Give a layer that has one its vocabulary."""
    if not hasattr(holder.of, "load_assets"):
        return
    name = f"assets/{holder.path}/vocabulary.txt"
    if name in archive.NameToInfo:
        text, size = read_member(archive, name, who).decode(), holder.of.get_config().get("vocabulary_size")
        holder.of.load_assets({"vocabulary": tokens_in(text, size)})


def tokens_in(text: str, size: int | None) -> list[str]:
    """The tokens of a vocabulary, which Keras joins by line breaks.

    Keras reads other ones, and none that are empty at the end; `size`, the number that was written, tells better.
    """
    if text.count("\r\n") == text.count("\n"):  # written on Windows
        text = text.replace("\r\n", "\n")
    tokens = text.split("\n")
    if len(tokens) == size:
        return tokens
    lines = text.splitlines()
    while lines and lines[-1] == "":
        lines.pop()
    return lines


@contextmanager
def open_archive(path: Any) -> Iterator[zipfile.ZipFile]:
    """A zip archive. FormatError for what is none, or has members that no file of a model has."""
    with open(path, "rb") as file:
        with blaming_zip(str(path)):
            archive = zipfile.ZipFile(file)
            check_members(archive, str(path))
        with archive:
            yield archive


@contextmanager
def blaming_zip(who: str) -> Iterator[None]:
    """What zipfile raises for damaged archives, as FormatError."""
    try:
        yield
    except FormatError:
        raise
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError, RuntimeError, NotImplementedError, OSError) as error:
        raise FormatError(f"{who}: this is no zip archive, or it is damaged: {error}") from error


def check_members(archive: zipfile.ZipFile, who: str) -> None:
    """FormatError for names that are there twice or point out of the archive, for links, and for encrypted members."""
    members = archive.infolist()
    if len(members) > MOST_MEMBERS or len({info.filename for info in members}) < len(members):
        raise FormatError(f"{who}: the archive has {len(members)} members, some of them twice or too many.")
    for info in members:
        parts = info.filename.replace("\\", "/").split("/")
        if ".." in parts or parts[0] == "" or ":" in parts[0] or "\0" in info.orig_filename:
            raise FormatError(f"{who}: the member {info.filename[:100]!r} points out of the archive.")
        if stat.S_ISLNK(info.external_attr >> 16):
            raise FormatError(f"{who}: the member {info.filename[:100]!r} is a link.")
        if info.flag_bits & 1 or info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise FormatError(f"{who}: the member {info.filename[:100]!r} is encrypted, or packed in an unusual way.")


def read_member(archive: zipfile.ZipFile, name: str, who: str, limit: int | None = None) -> bytes:
    """The bytes of a member. FormatError where it is missing, or stands for far more bytes than it has."""
    if name not in archive.NameToInfo:
        raise FormatError(f"{who}: the archive has no {name}.")
    info = archive.getinfo(name)
    if info.file_size > min(limit or info.file_size, max(SMALL, EXPANSION * info.compress_size)):
        raise FormatError(f"{who}: {name} stands for {info.file_size} bytes; {info.compress_size} are stored.")
    with blaming_zip(f"{who}: {name}"), archive.open(info) as member:
        content = member.read(info.file_size)  # no more, whatever is packed there
        if len(content) != info.file_size:
            raise FormatError(f"{who}: {name} is cut short.")
        return content


def weights_in(archive: zipfile.ZipFile, who: str) -> io.BytesIO:
    """The HDF5 file in the archive."""
    return io.BytesIO(read_member(archive, WEIGHTS, who))


def version_of(archive: zipfile.ZipFile, who: str) -> int:
    """The first part of the version of Keras that wrote the archive."""
    metadata = parse_json(read_member(archive, METADATA, who, CONFIG_BYTES), f"{who}: {METADATA}")
    return major_version(metadata.get("keras_version") if isinstance(metadata, dict) else None)
