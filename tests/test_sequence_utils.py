"""Sequences of different lengths in one array, and windows of a time series."""

import numpy as np
import pytest

import cdl
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


# ------------------------------------------------------------------------------------------------------------- windows

SERIES = np.arange(20.0)


def windows(*arguments, **options):
    return utils.timeseries_dataset_from_array(*arguments, **options)


@pytest.mark.parametrize("stride", [1, 3])
@pytest.mark.parametrize("rate", [1, 2])
@pytest.mark.parametrize(("start", "end"), [(None, None), (4, None), (None, 15), (4, 15)])
@pytest.mark.parametrize("targets", [None, SERIES[5:], SERIES])
def test_windows_and_their_targets(stride, rate, start, end, targets):
    found = windows(
        SERIES,
        targets,
        sequence_length=4,
        sequence_stride=stride,
        sampling_rate=rate,
        batch_size=3,
        start_index=start,
        end_index=end,
    )
    expected = []
    low, high = start or 0, end or 20
    for at in range(low, high, stride):
        inside = at + 3 * rate < high
        if inside and (targets is None or at < min(len(targets), high)):
            x = [at + step * rate for step in range(4)]
            expected.append(x if targets is None else (x, targets[at]))
    batches = list(found)
    assert len(found) == len(batches) == -(-len(expected) // 3)
    if targets is None:
        np.testing.assert_array_equal(np.concatenate(batches), expected)
        np.testing.assert_array_equal(found.arrays(), expected)
    else:
        for pairs in ([np.concatenate(part) for part in zip(*batches, strict=True)], found.arrays()):
            np.testing.assert_array_equal(pairs[0], [x for x, _ in expected])
            np.testing.assert_array_equal(pairs[1], [y for _, y in expected])


def test_windows_of_several_series_one_at_a_time():
    data = np.stack([SERIES, -SERIES], axis=1)
    found = list(windows(data.tolist(), None, sequence_length=2, batch_size=None))
    assert len(found) == 19
    np.testing.assert_array_equal(found[3], data[3:5])


def test_each_pass_has_its_order_and_a_seed_gives_the_same():
    def passes(**options):
        found = windows(SERIES, SERIES, sequence_length=2, batch_size=5, shuffle=True, **options)
        return [np.concatenate([y for _, y in found]).tolist() for _ in range(2)]

    one, two = passes(seed=7)
    assert sorted(one) == sorted(two) == list(range(19))
    assert one != two
    assert passes(seed=7) == [one, two]
    assert passes() != [one, two]
    np.testing.assert_array_equal(
        windows(SERIES, SERIES, sequence_length=2, shuffle=True).arrays()[1], np.arange(19)
    )  # these are in the order of time


def test_a_model_is_trained_on_windows():
    series = np.sin(np.arange(300) / 5).astype("float32")[:, None]
    train = windows(series, series[8:], sequence_length=8, batch_size=16, shuffle=True, end_index=250)
    test = windows(series, series[8:], sequence_length=8, start_index=250)
    model = cdl.Sequential([cdl.layers.Input((8, 1)), cdl.layers.Flatten(), cdl.layers.Dense(1)])
    model.compile(cdl.optimizers.Adam(0.01), "mse")
    history = model.fit(train, epochs=20, validation_data=test, verbose=0)
    assert history.history["val_loss"][-1] < 1e-3
    np.testing.assert_allclose(model.evaluate(test, verbose=0), model.evaluate(*test.arrays(), verbose=0), rtol=1e-5)
    np.testing.assert_array_equal(model.predict(test), model.predict(test.arrays()[0]))


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"start_index": 20}, "start_index=20, for data of length 20"),
        ({"start_index": -1}, "start_index=-1"),
        ({"end_index": 20}, "end_index=20, for data of length 20"),
        ({"start_index": 5, "end_index": 5}, "start_index=5, end_index=5"),
        ({"sampling_rate": 0}, "sampling_rate=0"),
        ({"sampling_rate": 20}, "sampling_rate=20, for data of length 20"),
        ({"sequence_stride": 0}, "sequence_stride=0"),
        ({"sequence_length": 0}, "sequence_length=0"),
        ({"batch_size": 0}, "batch_size=0"),
        ({"sequence_length": 11, "sampling_rate": 2}, "no window fits.* spans 21 steps.* there are 20, and 20 targets"),
        ({"targets": []}, "there are 20, and 0 targets"),
    ],
    ids=str,
)
def test_windows_that_cannot_be(options, text):
    with pytest.raises(ValueError, match=text):
        windows(**{"data": SERIES, "targets": SERIES, "sequence_length": 3, **options})
