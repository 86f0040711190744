"""Files that are there whole, or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, BinaryIO


@contextmanager
def replacing(path: Any) -> Iterator[BinaryIO]:
    """A new file to write to, which takes the place of `path` when the block ends.

    It is written beside `path` under another name, brought to the disk, and then renamed, which no other program, and
    no loss of power, can see half done. If the block fails or is interrupted, `path` stays as it was, and the new file
    is deleted. A link stays one: what it points to is replaced.

    >>> with replacing("weights.bin") as file:
    ...     file.write(b"...")
    """
    path = os.path.realpath(os.fspath(path))
    folder, name = os.path.split(path)
    if os.path.isdir(path):
        raise IsADirectoryError(f"{path} is a folder. Give the name of a file.")
    if not os.path.isdir(folder):
        raise FileNotFoundError(f"{path}: there is no folder {folder}. Make it first: os.makedirs does.")
    temporary = os.path.join(folder, f".{name}.{os.urandom(6).hex()}.tmp")
    # Permissions are 0o666 without those that the umask takes, as for any new file.
    descriptor = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
    try:
        with os.fdopen(descriptor, "w+b") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary)
        raise
    sync_folder(folder)


def sync_folder(folder: str) -> None:
    """Bring a folder's list of names to the disk, where the system can do so."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
