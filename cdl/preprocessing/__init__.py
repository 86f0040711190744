"""Keras' older places for what `cdl.utils` has: images, sequences, data sets from folders and arrays."""

from cdl.preprocessing import image, sequence
from cdl.utils import image_dataset_from_directory, text_dataset_from_directory, timeseries_dataset_from_array

__all__ = [
    "image",
    "image_dataset_from_directory",
    "sequence",
    "text_dataset_from_directory",
    "timeseries_dataset_from_array",
]
