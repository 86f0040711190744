"""Sequences of different lengths as one array, in Keras' older place."""

from cdl.utils.sequences import pad_sequences

__all__ = ["pad_sequences"]
