"""Layers that prepare data: scaling and statistics, sizes, and augmentation, which is active in training only."""

from cdl.layers.preprocessing.center_crop import CenterCrop
from cdl.layers.preprocessing.feature_normalization import Normalization
from cdl.layers.preprocessing.random_brightness import RandomBrightness
from cdl.layers.preprocessing.random_contrast import RandomContrast
from cdl.layers.preprocessing.random_crop import RandomCrop
from cdl.layers.preprocessing.random_flip import RandomFlip
from cdl.layers.preprocessing.random_rotation import RandomRotation
from cdl.layers.preprocessing.random_translation import RandomTranslation
from cdl.layers.preprocessing.random_zoom import RandomZoom
from cdl.layers.preprocessing.rescaling import Rescaling
from cdl.layers.preprocessing.resizing import Resizing

__all__ = [
    "CenterCrop",
    "Normalization",
    "RandomBrightness",
    "RandomContrast",
    "RandomCrop",
    "RandomFlip",
    "RandomRotation",
    "RandomTranslation",
    "RandomZoom",
    "Rescaling",
    "Resizing",
]
