"""Reads the text files of data sets."""

from cdl.datasets import _files

CURE = "Delete the file to have it downloaded again, or replace it by a good copy."


def read(file: _files.File) -> tuple[str, str]:
    """The path of `file` on this machine, and its text; ValueError if it is not UTF-8."""
    path = _files.locate(file)
    try:
        with open(path, encoding="utf-8", newline="") as opened:  # a data set's line breaks are its own
            return path, opened.read()
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not UTF-8 text ({error}). {CURE}") from error
