"""Images from files to arrays and back. The files are Pillow's matter, which is imported when it is needed."""

from __future__ import annotations

import io
import os
import warnings
from typing import Any

import numpy as np

from cdl import config
from cdl.utils.resizing import resize_window

COLOR_MODES = {"grayscale": 1, "rgb": 3, "rgba": 4}
INTERPOLATIONS = ("nearest", "bilinear", "bicubic", "hamming", "box", "lanczos")


def pillow(who: str) -> Any:
    """The module PIL.Image; ImportError, in the name of `who`, where Pillow is not installed."""
    try:
        from PIL import Image
    except ImportError as error:
        raise ImportError(f"{who} needs Pillow: pip install pillow") from error
    return Image


def load_img(
    path: Any,
    color_mode: str = "rgb",
    target_size: tuple[int, int] | None = None,
    interpolation: str = "nearest",
    keep_aspect_ratio: bool = False,
) -> Any:
    """The image in a file, as Pillow's Image; `img_to_array` makes an array of it.

    `path`: a path, or a BytesIO. `color_mode`: "rgb", "rgba" or "grayscale". `target_size`: (height, width) to stretch
    it to, with `keep_aspect_ratio` the largest central window of that ratio; `interpolation` is Pillow's: "nearest",
    "bilinear", "bicubic", "hamming", "box" or "lanczos". Raises ValueError for another mode or interpolation, TypeError
    for another path, ImportError without Pillow.

    >>> x = img_to_array(load_img("cat.jpg", target_size=(64, 64)))[None] / 255
    """
    Image = pillow("load_img")
    if color_mode not in COLOR_MODES:
        raise ValueError(f"load_img: color_mode is one of {list(COLOR_MODES)}. Received: {color_mode!r}")
    if interpolation not in INTERPOLATIONS:
        raise ValueError(f"load_img: interpolation is one of {INTERPOLATIONS}. Received: {interpolation!r}")
    if not isinstance(path, io.BytesIO | os.PathLike | str | bytes):
        raise TypeError(f"load_img: path is a path or a BytesIO. Received: {path!r} (of type {type(path)})")
    with Image.open(path) as file:
        image = in_mode(file, color_mode)
        image.load()
    if target_size is None or image.size == (target_size[1], target_size[0]):
        return image
    (height, width), (w, h) = target_size, image.size
    box = None
    if keep_aspect_ratio:
        rows, columns = min(h, w * height // width), min(w, h * width // height)
        top, left = (h - rows) // 2, (w - columns) // 2
        box = (left, top, left + columns, top + rows)
    return image.resize((width, height), getattr(Image.Resampling, interpolation.upper()), box=box)


def in_mode(image: Any, color_mode: str) -> Any:
    """A Pillow image in that colour mode; grey images keep their depth of 8, 16 or 32 bits."""
    if color_mode == "grayscale":
        return image if image.mode in ("L", "I;16", "I") else image.convert("L")
    return image if image.mode == color_mode.upper() else image.convert(color_mode.upper())


def img_to_array(img: Any, data_format: str | None = None, dtype: Any = None) -> np.ndarray:
    """The pixels of Pillow's Image, or of an array (h, w) or (h, w, c), as an array (h, w, c) of `config.floatx()`.

    `dtype` is another type. Raises ValueError for another shape, and for data_format="channels_first".

    >>> img_to_array(np.zeros((4, 5))).shape
    (4, 5, 1)
    """
    channels_last(data_format, "img_to_array")
    x = np.asarray(img, dtype=dtype or config.floatx())
    if x.ndim not in (2, 3):
        raise ValueError(f"img_to_array: an image is (h, w) or (h, w, c). Received shape {x.shape}")
    return x if x.ndim == 3 else x[..., None]


def array_to_img(x: Any, data_format: str | None = None, scale: bool = True, dtype: Any = None) -> Any:
    """An array (h, w, c) of 1 (grey), 3 (rgb) or 4 (rgba) channels as Pillow's Image.

    `scale`: the least number becomes 0 and the greatest 255; without it, numbers are cut to whole ones. Raises
    ValueError for another shape, and for data_format="channels_first"; ImportError without Pillow.

    >>> array_to_img(np.random.rand(28, 28, 1)).show()
    """
    channels_last(data_format, "array_to_img")
    Image = pillow("array_to_img")
    x = np.asarray(x, dtype=dtype or config.floatx())
    if x.ndim != 3 or x.shape[2] not in (1, 3, 4):
        raise ValueError(f"array_to_img: an image is (h, w, c) with 1, 3 or 4 channels. Received shape {x.shape}")
    if scale:
        x = x - x.min()
        x = x * (255 / (x.max() or 1))
    if x.shape[2] == 1:
        x = x[..., 0]
        return Image.fromarray(x.astype(np.int32 if x.max() > 255 else np.uint8))
    return Image.fromarray(x.astype(np.uint8))


def save_img(
    path: Any, x: Any, data_format: str | None = None, file_format: str | None = None, scale: bool = True, **kwargs: Any
) -> None:
    """Write an array (h, w, c) to an image file, as `array_to_img` makes it.

    `file_format`, such as "png", is that of the path's ending by default. Other arguments are those of Pillow's
    `Image.save`. JPEG has no transparency: it is left out, with a warning. Raises as `array_to_img`.

    >>> save_img("digit.png", x_train[0][..., None])
    """
    if file_format is None and isinstance(path, str | os.PathLike):
        file_format = os.path.splitext(path)[1][1:]
    file_format = {"jpg": "jpeg"}.get((file_format or "").lower(), file_format) or None
    image = array_to_img(x, data_format=data_format, scale=scale)
    if image.mode == "RGBA" and file_format is not None and file_format.lower() == "jpeg":
        warnings.warn("save_img: JPEG does not support RGBA images; converting to RGB.", stacklevel=2)
        image = image.convert("RGB")
    image.save(path, format=file_format, **kwargs)


def smart_resize(
    x: Any, size: tuple[int, int], interpolation: str = "bilinear", data_format: str = "channels_last"
) -> np.ndarray:
    """The largest central window of the aspect ratio of `size` (height, width), resized to it: nothing is distorted.

    x (h, w, c) or (n, h, w, c), of any numbers -> the same with `size`, floats. `interpolation` is "bilinear" or
    "nearest". Raises ValueError for another one, for other shapes, and for data_format="channels_first".

    >>> smart_resize(np.zeros((340, 500, 3)), (200, 200)).shape
    (200, 200, 3)
    """
    channels_last(data_format, "smart_resize")
    if len(size) != 2:
        raise ValueError(f"smart_resize: size is (height, width). Received: {size}")
    if interpolation not in ("bilinear", "nearest"):
        raise ValueError(f"smart_resize: interpolation is 'bilinear' or 'nearest'. Received: {interpolation!r}")
    x = np.asarray(x)
    if x.ndim not in (3, 4):
        raise ValueError(f"smart_resize: images are (h, w, c) or (n, h, w, c). Received shape {x.shape}")
    x = x if x.dtype.kind == "f" else x.astype(config.floatx())
    return resize_window(x, *size, interpolation) if x.ndim == 4 else resize_window(x[None], *size, interpolation)[0]


def channels_last(data_format: Any, who: str) -> str:
    """Keras' `data_format`, of which cdl has one. ValueError for any other."""
    if data_format in (None, "channels_last"):
        return "channels_last"
    raise ValueError(
        f"{who}: data_format={data_format!r} is not offered; cdl computes with 'channels_last', shape "
        f"(batch, ..., channels). Move the channels there, with numpy.moveaxis(x, 1, -1)."
    )
