"""Sequences of different lengths in one array, and windows of a time series."""

import numpy as np
import pytest

from cdl import utils

RAGGED = [[1], [2, 3], [4, 5, 6], []]


@pytest.mark.parametrize("padding", ["pre", "post"])
@pytest.mark.parametrize("truncating", ["pre", "post"])
@pytest.mark.parametrize("maxlen", [None, 0, 1, 2, 3, 5])
def test_padded_and_cut_where_asked(padding, truncating, maxlen):
    y = utils.pad_sequences(RAGGED, maxlen, padding=padding, truncating=truncating, value=-1)
    width = 3 if maxlen is None else maxlen
    assert y.shape == (4, width) and y.dtype == np.int32
    for row, sequence in zip(y.tolist(), RAGGED, strict=True):
        kept = sequence[max(0, len(sequence) - width) :] if truncating == "pre" else sequence[:width]
        fill = [-1] * (width - len(kept))
        assert row == (fill + kept if padding == "pre" else kept + fill)


def test_steps_may_be_vectors_and_words():
    y = utils.pad_sequences([[[1, 2]], [[3, 4], [5, 6]]], dtype="float64")
    np.testing.assert_array_equal(y, [[[0, 0], [1, 2]], [[3, 4], [5, 6]]])
    y = utils.pad_sequences([["a"], ["bc", "d"]], dtype=object, value="pad", padding="post")
    assert y.tolist() == [["a", "pad"], ["bc", "d"]]
    assert utils.pad_sequences([np.arange(3), (1,)]).tolist() == [[0, 1, 2], [0, 0, 1]]
    assert utils.pad_sequences([]).shape == (0, 0)
    assert utils.pad_sequences([[], []], maxlen=2).tolist() == [[0, 0], [0, 0]]


@pytest.mark.parametrize(
    ("arguments", "options", "text"),
    [
        ((3,), {}, "is a list of sequences"),
        (([[1], 2],), {}, "sequence 1 is no list of steps. Received: 2"),
        ((RAGGED,), {"padding": "left"}, "padding='left'"),
        ((RAGGED,), {"truncating": "left"}, "truncating='left'"),
        ((RAGGED,), {"maxlen": -1}, "maxlen=-1"),
        ((RAGGED,), {"maxlen": 1.5}, "maxlen=1.5"),
        ((RAGGED,), {"value": "pad"}, "Set dtype=object"),
        (([[[1, 2]], [[3]]],), {}, r"the steps of sequence 1 have shape \(1,\), those before have \(2,\)"),
    ],
    ids=str,
)
def test_what_cannot_be_padded(arguments, options, text):
    with pytest.raises(ValueError, match=text):
        utils.pad_sequences(*arguments, **options)
