"""Images, texts and recordings in folders, one folder for each class, as data sets that read them batch by batch."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from cdl import config
from cdl.utils.files_in_classes import Files
from cdl.utils.images import COLOR_MODES, channels_last, img_to_array, in_mode, pillow
from cdl.utils.resizing import pad_to_ratio, resize, resize_window

IMAGES = (".bmp", ".gif", ".jpeg", ".jpg", ".png")


def image_dataset_from_directory(
    directory: str | os.PathLike[str],
    labels: Any = "inferred",
    label_mode: str | None = "int",
    class_names: Sequence[str] | None = None,
    color_mode: str = "rgb",
    batch_size: int | None = 32,
    image_size: int | Sequence[int] = (256, 256),
    shuffle: bool = True,
    seed: int | None = None,
    validation_split: float | None = None,
    subset: str | None = None,
    interpolation: str = "bilinear",
    follow_links: bool = False,
    crop_to_aspect_ratio: bool = False,
    pad_to_aspect_ratio: bool = False,
    data_format: str | None = None,
    format: str = "tf",
    verbose: bool = True,
) -> Any:
    """The images below a folder, for `fit`, `evaluate` and `predict`, read and resized when their batch is due.

    `labels`: "inferred", each subfolder is a class, numbered in the order of their names (or of `class_names`); a list
    of class numbers in the order of the files; or None. `label_mode`: "int", y int32 (n,); "categorical", one-hot rows
    (n, classes); "binary", (n, 1) of 0 and 1; None, no y. x is (n, *image_size, c) of floats from 0 to 255, c as
    `color_mode` says: "rgb", "rgba" or "grayscale". `interpolation`, `crop_to_aspect_ratio`, `pad_to_aspect_ratio`: see
    `layers.Resizing`. `validation_split` and `subset` ("training", "validation", or "both" for a list of the two) part
    the files after they have been shuffled with `seed`, in the same way as Keras. `shuffle`: each pass in a new order.
    `batch_size` None: one image at a time. `format` is accepted for Keras' sake.

    Files are .bmp, .gif (the first picture), .jpeg, .jpg and .png. Raises ValueError for arguments outside what is said
    here and where there are no files; ImportError without Pillow.

    >>> train, test = image_dataset_from_directory("flowers", validation_split=0.2, subset="both", seed=1)
    >>> model.fit(train, validation_data=test, epochs=10)
    """
    who = "image_dataset_from_directory"
    channels_last(data_format, who)
    if color_mode not in COLOR_MODES:
        raise ValueError(f"{who}: `color_mode` is one of {list(COLOR_MODES)}. Received: color_mode={color_mode!r}")
    size = (image_size, image_size) if isinstance(image_size, int) else image_size
    if not isinstance(size, list | tuple) or len(size) != 2:
        raise ValueError(f"{who}: `image_size` is (height, width). Received: image_size={image_size!r}")
    if interpolation not in ("bilinear", "nearest"):
        raise ValueError(f"{who}: cdl interpolates 'bilinear' or 'nearest'. Received: interpolation={interpolation!r}")
    if crop_to_aspect_ratio and pad_to_aspect_ratio:
        raise ValueError(f"{who}: only one of `pad_to_aspect_ratio` and `crop_to_aspect_ratio` can be True.")
    if format not in ("tf", "grain"):
        raise ValueError(f"{who}: `format` is 'tf' or 'grain'. Received: format={format!r}")
    height, width = size
    Image = pillow(who)

    def read(path: str) -> np.ndarray:
        with Image.open(path) as file:
            x = img_to_array(in_mode(file, color_mode))[None]
        if crop_to_aspect_ratio:
            return resize_window(x, height, width, interpolation)[0]
        if pad_to_aspect_ratio:
            x = pad_to_ratio(x, height, width, 0.0)
        return resize(x, height, width, interpolation)[0]

    files = Files(who, directory, labels, label_mode, class_names, IMAGES, shuffle, seed, follow_links, verbose)
    return files.datasets(validation_split, subset, read, np.stack, batch_size)


def text_dataset_from_directory(
    directory: str | os.PathLike[str],
    labels: Any = "inferred",
    label_mode: str | None = "int",
    class_names: Sequence[str] | None = None,
    batch_size: int | None = 32,
    max_length: int | None = None,
    shuffle: bool = True,
    seed: int | None = None,
    validation_split: float | None = None,
    subset: str | None = None,
    follow_links: bool = False,
    format: str = "tf",
    verbose: bool = True,
) -> Any:
    """The .txt files below a folder as strings, for `TextVectorization.adapt` and for models that begin with it.

    x is an array (n,) of strings, of which `max_length` keeps the first so many characters; files are UTF-8. All else,
    and what is raised, is as in `image_dataset_from_directory`; files that are not UTF-8 raise ValueError.

    >>> train, test = text_dataset_from_directory("reviews", validation_split=0.2, subset="both", seed=1)
    """
    who = "text_dataset_from_directory"
    if format not in ("tf", "grain"):
        raise ValueError(f"{who}: `format` is 'tf' or 'grain'. Received: format={format!r}")

    def read(path: str) -> str:
        with open(path, encoding="utf-8", newline="") as file:
            try:
                return file.read()[:max_length]
            except UnicodeDecodeError as error:
                raise ValueError(f"{who}: {path} is not UTF-8 text ({error}).") from error

    files = Files(who, directory, labels, label_mode, class_names, (".txt",), shuffle, seed, follow_links, verbose)
    return files.datasets(validation_split, subset, read, lambda texts: np.array(texts, object), batch_size)


def audio_dataset_from_directory(
    directory: str | os.PathLike[str],
    labels: Any = "inferred",
    label_mode: str | None = "int",
    class_names: Sequence[str] | None = None,
    batch_size: int | None = 32,
    sampling_rate: int | None = None,
    output_sequence_length: int | None = None,
    ragged: bool = False,
    shuffle: bool = True,
    seed: int | None = None,
    validation_split: float | None = None,
    subset: str | None = None,
    follow_links: bool = False,
    verbose: bool = True,
) -> Any:
    """The .wav files below a folder (PCM of 16 bits), as recordings of numbers in [-1, 1).

    x is (n, steps, channels): as many steps as the longest recording of the batch has, or `output_sequence_length`;
    what is shorter ends in zeros, what is longer is cut. `sampling_rate`: what all files must have, ValueError for one
    that has another. `ragged=True` raises ValueError: there are no ragged arrays here. All else is as in
    `image_dataset_from_directory`.

    >>> train, test = audio_dataset_from_directory("digits", validation_split=0.2, subset="both", seed=1)
    """
    who = "audio_dataset_from_directory"
    if ragged:
        raise ValueError(f"{who}: there are no ragged arrays. Leave `ragged` out; batches are filled up with zeros.")
    if sampling_rate is not None and (not isinstance(sampling_rate, int) or sampling_rate <= 0):
        raise ValueError(f"{who}: `sampling_rate` is a positive integer. Received: sampling_rate={sampling_rate!r}")

    def read(path: str) -> np.ndarray:
        x = read_wav(path, who, sampling_rate)
        return x if output_sequence_length is None else filled_up(x, output_sequence_length)

    def stack(recordings: list[np.ndarray]) -> np.ndarray:
        longest = max(map(len, recordings))
        return np.stack([filled_up(x, longest) for x in recordings])

    files = Files(who, directory, labels, label_mode, class_names, (".wav",), shuffle, seed, follow_links, verbose)
    return files.datasets(validation_split, subset, read, stack, batch_size)


def read_wav(path: str, who: str, sampling_rate: int | None) -> np.ndarray:
    """The recording (steps, channels) in a file, in [-1, 1). ValueError for another format or sampling rate."""
    import wave

    try:
        with wave.open(path, "rb") as file:
            width, rate, channels = file.getsampwidth(), file.getframerate(), file.getnchannels()
            body = file.readframes(file.getnframes())
    except (wave.Error, EOFError) as error:
        raise ValueError(f"{who}: {path} is not a WAV file of PCM ({error}).") from error
    if width != 2:
        raise ValueError(f"{who}: {path} has {8 * width} bits, not 16. Convert it.")
    if sampling_rate not in (None, rate):
        raise ValueError(f"{who}: {path} has {rate} samples in a second, not {sampling_rate}. Convert it.")
    return (np.frombuffer(body, "<i2").reshape(-1, channels) / 32768).astype(config.floatx())


def filled_up(x: np.ndarray, steps: int) -> np.ndarray:
    """x (any, channels) with zeros behind it, or cut, so that it has so many steps."""
    return np.pad(x[:steps], ((0, max(0, steps - len(x))), (0, 0)))
