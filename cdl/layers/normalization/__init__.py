"""Normalisation layers, one per file."""

from cdl.layers.normalization.batch import BatchNormalization as BatchNormalization
from cdl.layers.normalization.group import GroupNormalization as GroupNormalization
from cdl.layers.normalization.layer import LayerNormalization as LayerNormalization
from cdl.layers.normalization.rms import RMSNormalization as RMSNormalization
from cdl.layers.normalization.spectral import SpectralNormalization as SpectralNormalization
from cdl.layers.normalization.unit import UnitNormalization as UnitNormalization
