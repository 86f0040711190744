"""Finds the file of a data set on this machine, else downloads and verifies it.

Modules that only a download needs, and pathlib, are not imported at the top: `import cdl` comes by here.
"""

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from os import PathLike
from typing import NamedTuple

TIMEOUT = 30.0  # seconds without a byte after which a mirror counts as down
CHUNK = 1 << 16


def chunks(path: str) -> Iterator[bytes]:
    """The file at `path`, from front to back."""
    with open(path, "rb") as file:
        while chunk := file.read(CHUNK):
            yield chunk


class File(NamedTuple):
    """A published file: `folder/name` below the data or cache folder, `mirror + name` on the web.

    `sha256` is that of `content(path)`: the file's bytes, or what stays the same where a server packs them anew.  It is
    an MD5 sum where the publisher gives no other, for data that can do no harm.
    """

    folder: str
    name: str
    sha256: str
    mirrors: tuple[str, ...]
    content: Callable[[str], Iterable[bytes]] = chunks

    @property
    def path(self) -> str:
        return f"{self.folder}/{self.name}"


def data_folder() -> str | None:
    """The folder of data sets the user has set up (`CDL_DATA_DIR`), which is only ever read."""
    folder = os.environ.get("CDL_DATA_DIR")
    return os.path.expanduser(folder) if folder else None


def cache_folder() -> str:
    """`CDL_CACHE_DIR`, else the `cdl` folder in the place where this platform keeps caches."""
    if folder := os.environ.get("CDL_CACHE_DIR"):
        return os.path.expanduser(folder)
    if sys.platform == "win32" and (local := os.environ.get("LOCALAPPDATA")):
        return os.path.join(local, "cdl", "Cache")
    if sys.platform == "darwin":
        return os.path.expanduser("~/Library/Caches/cdl")
    # The XDG Base Directory Specification: a relative path there is invalid and shall be ignored.
    xdg = os.environ.get("XDG_CACHE_HOME", "")
    return os.path.join(xdg, "cdl") if os.path.isabs(xdg) else os.path.expanduser("~/.cache/cdl")


def find(path: str | PathLike[str]) -> str | None:
    """`path` below the data folder, else below the cache folder; None if neither holds it.  Absolute paths stay."""
    for folder in (data_folder(), cache_folder()):
        if folder is not None and os.path.isfile(candidate := os.path.join(folder, path)):
            return candidate
    return None


def locate(file: File) -> str:
    """The path of `file` on this machine, downloaded into the cache folder if it is not there yet.

    Raises OSError where no mirror delivers it or the cache folder cannot be written.
    """
    if (found := find(file.path)) is not None:
        return found
    target = os.path.join(cache_folder(), file.path)
    failures = []
    for mirror in file.mirrors:
        try:
            _download(mirror + file.name, target, file)
            return target
        except _BadDownload as failure:
            failures.append(f"  {mirror}{file.name}: {failure}")
    folder = data_folder()
    raise OSError(
        f"{file.path} is not on this machine and could not be downloaded.\n"
        f"Looked in CDL_DATA_DIR ({folder or 'not set'}) and in the cache folder ({cache_folder()}). Tried:\n"
        + "\n".join(failures)
        + f"\nCure, one of: save {file.mirrors[0]}{file.name} as {target}; or set CDL_DATA_DIR to a folder that holds "
        f"{file.path}. (cdl.datasets.digits, 6,000 images of MNIST, comes with cdl.)"
    )


class _BadDownload(Exception):
    """This mirror failed; the next one may not."""


def _download(url: str, target: str, file: File) -> None:
    """Fetches `url` to `target`, which appears whole and verified or not at all."""
    import hashlib
    import tempfile

    folder, label = os.path.split(target)
    try:
        os.makedirs(folder, exist_ok=True)
        # A name of its own in the same folder: two processes may download at once, and the last rename wins.
        handle, part_name = tempfile.mkstemp(prefix=label, suffix=".part", dir=folder)
    except OSError as error:
        raise OSError(
            f"The cache folder {folder} cannot be written ({error}). Set CDL_CACHE_DIR to one that can."
        ) from error
    try:
        with open(handle, "wb") as part:
            for chunk in _read(url, label):
                part.write(chunk)
        digest = hashlib.md5(usedforsecurity=False) if len(file.sha256) == 32 else hashlib.sha256()
        try:
            for chunk in file.content(part_name):
                digest.update(chunk)
        except ValueError as error:  # what came is not in the format of this file
            raise _BadDownload(f"{error} The file was removed.") from error
        if digest.hexdigest() != file.sha256:
            raise _BadDownload(
                f"wrong checksum, file removed ({digest.name} {digest.hexdigest()}, expected {file.sha256})"
            )
        os.chmod(part_name, 0o644)  # mkstemp makes it private; a cache may be shared
        os.replace(part_name, target)
    finally:
        if os.path.exists(part_name):
            os.unlink(part_name)


def _read(url: str, label: str) -> Iterator[bytes]:
    """The body of `url` in chunks, while progress is shown."""
    from http.client import HTTPException
    from urllib.request import urlopen

    try:
        with urlopen(url, timeout=TIMEOUT) as response:
            size = response.length or 0
            received = 0
            with _progress(label, url, size) as advance:
                while chunk := response.read(CHUNK):
                    received += len(chunk)
                    advance(len(chunk))
                    yield chunk
            if received < size:
                raise _BadDownload(f"the connection ended after {received:,} of {size:,} bytes")
    except (OSError, HTTPException) as error:  # URLError and timeouts are OSErrors
        raise _BadDownload(str(error) or type(error).__name__) from error


@contextmanager
def _progress(label: str, url: str, size: int) -> Iterator[Callable[[int], object]]:
    """A function to call with each number of bytes: a tqdm bar where tqdm is installed, else one plain line."""
    try:
        from tqdm.auto import tqdm
    except ImportError:
        print(f"Downloading {url}" + (f" ({size / 1e6:.1f} MB)" if size else ""), file=sys.stderr, flush=True)
        yield lambda count: None
    else:
        with tqdm(total=size or None, desc=label, unit="B", unit_scale=True) as bar:
            yield bar.update
