"""Files in folders, one folder for each class: which there are, and how they are parted."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from cdl import config

LABEL_MODES = ("int", "categorical", "binary", None)


class FileDataset:
    """What the functions below make: iterate over it for batches x, or (x, y); its length is their number.

    `file_paths` are the files in the order of the first pass without shuffling, `class_names` the classes, in the order
    of their numbers. With `shuffle`, every pass has an order of its own.
    """

    def __init__(
        self,
        file_paths: list[str],
        targets: np.ndarray | None,
        class_names: list[str] | None,
        read: Callable[[str], Any],
        stack: Callable[[list[Any]], np.ndarray],
        batch_size: int | None,
        rng: np.random.Generator | None,
    ) -> None:
        self.file_paths, self.class_names = file_paths, class_names
        self.batch_size = batch_size
        self._targets, self._read, self._stack, self._rng = targets, read, stack, rng

    def __len__(self) -> int:
        return math.ceil(len(self.file_paths) / (self.batch_size or 1))

    def __iter__(self) -> Iterator[Any]:
        count = len(self.file_paths)
        order = np.arange(count) if self._rng is None else self._rng.permutation(count)
        if self.batch_size is None:
            return (self._sample(at) for at in order)
        return (self._batch(order[at : at + self.batch_size]) for at in range(0, count, self.batch_size))

    def _sample(self, at: int) -> Any:
        x = self._read(self.file_paths[at])
        return x if self._targets is None else (x, self._targets[at])

    def _batch(self, rows: np.ndarray) -> Any:
        x = self._stack([self._read(self.file_paths[row]) for row in rows])
        return x if self._targets is None else (x, self._targets[rows])


class Files:
    """The files below a folder with one of these endings, and their class numbers, listed as Keras lists them."""

    def __init__(
        self,
        who: str,
        directory: str | os.PathLike[str],
        labels: Any,
        label_mode: str | None,
        class_names: Sequence[str] | None,
        endings: tuple[str, ...],
        shuffle: bool,
        seed: int | None,
        follow_links: bool,
        verbose: bool,
    ) -> None:
        if label_mode not in LABEL_MODES:
            raise ValueError(f"{who}: `label_mode` is one of {LABEL_MODES}. Received: label_mode={label_mode!r}")
        if labels is not None and labels != "inferred" and not isinstance(labels, list | tuple):
            raise ValueError(
                f"{who}: `labels` is 'inferred', None, or a list of class numbers, one for each file. "
                f"Received: labels={labels!r}"
            )
        self.label_mode = None if labels is None else label_mode
        labels = None if label_mode is None else labels
        if class_names is not None and labels != "inferred":
            raise ValueError(f"{who}: `class_names` goes with labels='inferred' only. Received: labels={labels!r}")
        self.who, self.directory, self.endings = who, os.fspath(directory), endings
        self.shuffle, self.seed, self.verbose = shuffle, seed, verbose
        folders = [""] if labels != "inferred" else self._classes(class_names)
        found = [(path, number) for number, name in enumerate(folders) for path in self._below(name, follow_links)]
        self.paths = [path for path, _ in found]
        self.labels = np.array([number for _, number in found] if labels == "inferred" else labels or [], np.int32)
        self.class_names = folders if labels == "inferred" else None if labels is None else class_names_of(labels)
        if self.label_mode is not None and len(self.labels) != len(self.paths):
            raise ValueError(f"{who}: there are {len(self.labels)} labels, but {len(self.paths)} files in {directory}.")
        if self.label_mode == "binary" and len(self.class_names or ()) != 2:
            raise ValueError(f'{who}: label_mode="binary" is for two classes. Received: class_names={self.class_names}')

    def _classes(self, wanted: Sequence[str] | None) -> list[str]:
        """The subfolders, sorted, or those wanted, in their order."""
        with os.scandir(self.directory) as entries:
            names = sorted(entry.name for entry in entries if entry.is_dir() and not entry.name.startswith("."))
        if wanted is not None and not set(wanted) <= set(names):
            raise ValueError(
                f"{self.who}: `class_names` are names of subfolders of {self.directory}: {names}. "
                f"Received: class_names={list(wanted)}"
            )
        return names if wanted is None else list(wanted)

    def _below(self, folder: str, follow_links: bool) -> list[str]:
        walk = os.walk(os.path.join(self.directory, folder), followlinks=follow_links)
        return [
            os.path.join(root, name)
            for root, _, names in sorted(walk, key=lambda place: place[0])
            for name in sorted(names)
            if name.lower().endswith(self.endings)
        ]

    def datasets(
        self,
        validation_split: float | None,
        subset: str | None,
        read: Callable[[str], Any],
        stack: Callable[[list[Any]], np.ndarray],
        batch_size: int | None,
    ) -> Any:
        """The data set of all files, or of a subset of them; a list of both subsets for "both"."""
        if validation_split and not 0 < validation_split < 1:
            raise ValueError(f"{self.who}: `validation_split` lies between 0 and 1. Received: {validation_split}")
        if bool(validation_split) != bool(subset):
            raise ValueError(f"{self.who}: `subset` and `validation_split` need each other. Received one of them.")
        if subset not in ("training", "validation", "both", None):
            raise ValueError(f"{self.who}: `subset` is 'training', 'validation' or 'both'. Received: {subset!r}")
        if validation_split and self.shuffle and self.seed is None:
            raise ValueError(
                f"{self.who}: shuffled files are parted with a `seed`, so that the training and the validation subset "
                f"do not overlap. Pass one."
            )
        seed = np.random.randint(10**6) if self.seed is None else self.seed
        order = np.arange(len(self.paths))
        if self.shuffle:
            np.random.RandomState(seed).shuffle(order)
        at = len(order) - int((validation_split or 0) * len(order))
        parts = {None: order, "training": order[:at], "validation": order[at:]}
        if self.verbose:
            known = "" if self.class_names is None else f" belonging to {len(self.class_names)} classes"
            print(f"Found {len(order)} files{known}.")

        def part(name: str | None) -> FileDataset:
            rows = parts[name]
            if not len(rows):
                kind = "files" if name is None else f"{name} files"
                raise ValueError(f"{self.who}: no {kind} {self.endings} in {self.directory}.")
            if self.verbose and name is not None:
                print(f"Using {len(rows)} files for {name}.")
            rng = np.random.default_rng(seed) if self.shuffle and name != "validation" else None
            paths = [self.paths[row] for row in rows]
            return FileDataset(paths, self._targets(rows), self.class_names, read, stack, batch_size, rng)

        return [part("training"), part("validation")] if subset == "both" else part(subset)

    def _targets(self, rows: np.ndarray) -> np.ndarray | None:
        if self.label_mode is None:
            return None
        labels = self.labels[rows]
        if self.label_mode == "int":
            return labels
        if self.label_mode == "binary":
            return labels.astype(config.floatx())[:, None]
        return (labels[:, None] == np.arange(len(self.class_names or ()))).astype(config.floatx())


def class_names_of(labels: Sequence[int]) -> list[str]:
    """Each label once, in order, as a name."""
    return [str(label) for label in sorted(set(labels))]
