"""Layers that prepare data: texts and categories, scaling and statistics, sizes, and augmentation, in training only."""

from cdl.layers.preprocessing.category_encoding import CategoryEncoding
from cdl.layers.preprocessing.center_crop import CenterCrop
from cdl.layers.preprocessing.discretization import Discretization
from cdl.layers.preprocessing.feature_normalization import Normalization
from cdl.layers.preprocessing.hashing import Hashing
from cdl.layers.preprocessing.integer_lookup import IntegerLookup
from cdl.layers.preprocessing.random_brightness import RandomBrightness
from cdl.layers.preprocessing.random_contrast import RandomContrast
from cdl.layers.preprocessing.random_crop import RandomCrop
from cdl.layers.preprocessing.random_erasing import RandomErasing
from cdl.layers.preprocessing.random_flip import RandomFlip
from cdl.layers.preprocessing.random_grayscale import RandomGrayscale
from cdl.layers.preprocessing.random_invert import RandomInvert
from cdl.layers.preprocessing.random_rotation import RandomRotation
from cdl.layers.preprocessing.random_shear import RandomShear
from cdl.layers.preprocessing.random_translation import RandomTranslation
from cdl.layers.preprocessing.random_zoom import RandomZoom
from cdl.layers.preprocessing.rescaling import Rescaling
from cdl.layers.preprocessing.resizing import Resizing
from cdl.layers.preprocessing.solarization import Solarization
from cdl.layers.preprocessing.string_lookup import StringLookup
from cdl.layers.preprocessing.text_vectorization import TextVectorization

__all__ = [
    "CategoryEncoding",
    "CenterCrop",
    "Discretization",
    "Hashing",
    "IntegerLookup",
    "Normalization",
    "RandomBrightness",
    "RandomContrast",
    "RandomCrop",
    "RandomErasing",
    "RandomFlip",
    "RandomGrayscale",
    "RandomInvert",
    "RandomRotation",
    "RandomShear",
    "RandomTranslation",
    "RandomZoom",
    "Rescaling",
    "Resizing",
    "Solarization",
    "StringLookup",
    "TextVectorization",
]
