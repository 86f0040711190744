"""StringLookup and IntegerLookup: vocabularies, indices, what is made of them, and what is refused."""

import numpy as np
import pytest
from layer_checks import check_configuration

import cdl
from cdl import layers

LOOKUPS = {
    "string": (layers.StringLookup, ["a", "b", "c"], "z", ""),
    "integer": (layers.IntegerLookup, [10, 20, 30], 7, 0),
}
each = pytest.mark.parametrize("kind", LOOKUPS)


# ------------------------------------------------------------------------------------------------------------ indices


@each
def test_indices_begin_behind_the_unknown_and_the_mask(kind):
    lookup, words, unknown, mask = LOOKUPS[kind]
    x = [[words[1], unknown], [words[0], words[2]]]
    y = lookup(vocabulary=words)(x)
    assert y.dtype == np.int64
    np.testing.assert_array_equal(y, [[2, 0], [1, 3]])
    layer = lookup(vocabulary=words, mask_token=mask)
    np.testing.assert_array_equal(layer([*x, [mask, words[0]]]), [[3, 1], [2, 4], [0, 2]])
    assert layer.get_vocabulary() == [mask, layer.oov_token, *words]
    assert layer.get_vocabulary(include_special_tokens=False) == words
    assert layer.vocabulary_size() == 5


@each
def test_any_shape_comes_out_as_it_went_in(kind):
    lookup, words, _, _ = LOOKUPS[kind]
    layer = lookup(vocabulary=words)
    for shape in [(), (6,), (2, 3), (3, 1), (1, 2, 3), (0,), (0, 4)]:
        x = np.resize(np.array(words, object if kind == "string" else np.int64), shape)
        y = layer(x)
        assert y.shape == shape == tuple(layer.compute_output_shape(shape))
        assert [words[i - 1] for i in y.ravel()] == x.ravel().tolist()


@each
def test_the_inverse_gives_back_what_is_known(kind):
    lookup, words, unknown, mask = LOOKUPS[kind]
    layer = lookup(vocabulary=words, mask_token=mask, num_oov_indices=2)
    back = lookup(vocabulary=layer.get_vocabulary(), mask_token=mask, num_oov_indices=2, invert=True)
    x = np.array([[words[0], mask, unknown], [words[2], words[1], words[0]]])
    expected = x.copy().astype(object)
    expected[0, 2] = layer.oov_token
    y = back(layer(x))
    assert y.tolist() == expected.tolist()
    assert back([-1, 99]).tolist() == [layer.oov_token] * 2
    assert back(4.0) == words[1]


@each
def test_unknown_ones_without_a_place_are_an_error(kind):
    lookup, words, unknown, _ = LOOKUPS[kind]
    layer = lookup(vocabulary=words, num_oov_indices=0)
    np.testing.assert_array_equal(layer(words), [0, 1, 2])
    with pytest.raises(ValueError, match=rf"found OOV values \[{unknown!r}\], consider setting `num_oov_indices=1`"):
        layer([words[0], unknown])


def test_several_unknown_integers_share_indices_by_their_remainder():
    layer = layers.IntegerLookup(vocabulary=[10], num_oov_indices=3, mask_token=0)
    np.testing.assert_array_equal(layer([0, 10, 3, 4, 5, -1]), [0, 4, 1, 2, 3, 3])


def test_several_unknown_strings_share_indices_by_their_hash():
    words = [f"word {number}" for number in range(300)]
    plain = layers.StringLookup(vocabulary=["known"], num_oov_indices=3)
    salted = layers.StringLookup(vocabulary=["known"], num_oov_indices=3, salt=[1, 2])
    for layer in (plain, salted):
        counts = np.bincount(layer([*words, "known"]))
        assert counts[3] == 1 and counts[:3].sum() == 300 and counts[:3].min() > 70
        np.testing.assert_array_equal(layer(words), layer(np.array(words)))
    assert (plain(words) != salted(words)).any()
    integers = layers.IntegerLookup(vocabulary=[-5], num_oov_indices=3, oov_method="farmhash")
    strings = layers.StringLookup(vocabulary=["-5"], num_oov_indices=3)
    numbers = np.arange(-20, 20)
    np.testing.assert_array_equal(integers(numbers), strings(numbers.astype(str)))


@pytest.mark.parametrize("dtype", ["U4", "S4", object, "bytes in objects"])
def test_strings_of_any_type_are_the_same_strings(dtype):
    x = np.array([["a", "é"], ["b", "水"]])
    if dtype == "S4":
        x = np.char.encode(x, "utf-8")
    elif dtype == "bytes in objects":
        x = np.char.encode(x, "utf-8").astype(object)
    else:
        x = x.astype(dtype)
    layer = layers.StringLookup(vocabulary=["é", "水"])
    np.testing.assert_array_equal(layer(x), [[0, 1], [0, 2]])
    np.testing.assert_array_equal(layer(x.tolist()), [[0, 1], [0, 2]])
    encoded = layers.StringLookup(vocabulary=["水"], encoding="gbk")
    assert encoded("水".encode("gbk")) == 1


def test_whole_numbers_of_any_type_are_the_same_numbers():
    layer = layers.IntegerLookup(vocabulary=[2, 1])
    for dtype in ("int8", "uint16", "int64", "float32", "float64"):
        np.testing.assert_array_equal(layer(np.array([1, 2, 3], dtype)), [2, 1, 0])
    assert layer(2**40) == 0
    with pytest.raises(ValueError, match=r"IntegerLookup .*: input must be whole numbers. Received 1.5 at position 1"):
        layer([1.0, 1.5])


@pytest.mark.parametrize("wrong", [[["a", 1.5]], ["a", None], [1, 2], [["a"], ["b", "c"]]], ids=str)
def test_what_is_no_string_is_named(wrong):
    with pytest.raises(ValueError, match=r"StringLookup 'words': input: strings are needed"):
        layers.StringLookup(vocabulary=["a"], name="words")(wrong)


# ------------------------------------------------------------------------------------------------------ output modes


@each
def test_rows_of_ones_and_of_counts(kind):
    lookup, words, unknown, mask = LOOKUPS[kind]
    a, b, c = words
    x = [[a, a, unknown], [b, c, b], [mask, mask, a]]

    def rows(mode, **options):
        y = lookup(vocabulary=words, mask_token=mask, output_mode=mode, **options)(x)
        assert y.dtype == np.float32
        return y

    np.testing.assert_array_equal(rows("multi_hot"), [[1, 1, 0, 0], [0, 0, 1, 1], [0, 1, 0, 0]])
    np.testing.assert_array_equal(rows("binary"), rows("multi_hot"))
    np.testing.assert_array_equal(rows("count"), [[1, 2, 0, 0], [0, 0, 2, 1], [0, 1, 0, 0]])
    weights = {"idf_weights": [2.0, 3.0, 7.0]}
    np.testing.assert_array_equal(rows("tf_idf", **weights), [[4, 4, 0, 0], [0, 0, 6, 7], [0, 2, 0, 0]])
    np.testing.assert_array_equal(rows("tf-idf", **weights), rows("tf_idf", **weights))
    one_hot = rows("one_hot")
    assert one_hot.shape == (3, 3, 4)
    np.testing.assert_array_equal(one_hot[2], [[0, 0, 0, 0], [0, 0, 0, 0], [0, 1, 0, 0]])
    np.testing.assert_array_equal(one_hot.sum(axis=1), rows("count"))
    padded = rows("count", max_tokens=6, pad_to_max_tokens=True)
    np.testing.assert_array_equal(padded, np.pad(rows("count"), ((0, 0), (0, 2))))
    padded = rows("tf_idf", max_tokens=6, pad_to_max_tokens=True, **weights)
    np.testing.assert_array_equal(padded, np.pad(rows("tf_idf", **weights), ((0, 0), (0, 2))))


@each
@pytest.mark.parametrize("mode", ["multi_hot", "count", "one_hot"])
def test_one_sample_and_single_columns(kind, mode):
    lookup, words, unknown, _ = LOOKUPS[kind]
    layer = lookup(vocabulary=words, output_mode=mode)
    column = np.array([[words[0]], [unknown]])
    np.testing.assert_array_equal(layer(column), [[0, 1, 0, 0], [1, 0, 0, 0]])
    assert layer.compute_output_shape((None, 1)) == (None, 4)
    flat = layer(column[:, 0])
    assert flat.shape == layer.compute_output_shape((2,))
    np.testing.assert_array_equal(flat, [1, 1, 0, 0] if mode != "one_hot" else [[0, 1, 0, 0], [1, 0, 0, 0]])
    np.testing.assert_array_equal(np.ravel(layer(words[0])), [0, 1, 0, 0])
    assert layer(column[:0]).shape == (0, 4)


def test_weights_given_with_the_special_tokens_are_taken_as_they_are():
    given = {"output_mode": "tf_idf", "idf_weights": [0.9, 0.25, 0.75]}
    layer = layers.StringLookup(vocabulary=["[UNK]", "a", "b"], **given)
    np.testing.assert_allclose(layer([["a", "z", "z"]]), [[1.8, 0.25, 0.0]], rtol=1e-6)


# -------------------------------------------------------------------------------------------------------------- adapt


@each
def test_adapt_finds_the_most_frequent_and_breaks_ties_by_the_greater(kind):
    lookup, (a, b, c), unknown, _ = LOOKUPS[kind]
    data = [[a, b, c], [b, unknown, b], [c, a, b]]
    by_frequency = [b, c, a, unknown]
    for form in (data, np.array(data), iter([np.array(data[:1]), np.array(data[1:])])):
        layer = lookup()
        layer.adapt(form)
        assert layer.get_vocabulary() == [layer.oov_token, *by_frequency]
    layer = lookup(max_tokens=3)
    layer.adapt(data)
    assert layer.get_vocabulary() == [layer.oov_token, *by_frequency[:2]]
    np.testing.assert_array_equal(layer([[b, a]]), [[1, 0]])
    layer.adapt([[a, a]])
    assert layer.get_vocabulary() == [layer.oov_token, a]  # what was learned before is forgotten
    layer.adapt(iter([np.array([[b]]), np.array([[c]])]), steps=1)
    assert layer.get_vocabulary() == [layer.oov_token, b]


@each
def test_special_tokens_in_the_data_are_not_words(kind):
    lookup, (a, _, _), _, mask = LOOKUPS[kind]
    layer = lookup(mask_token=mask)
    layer.adapt([[a, mask, layer.oov_token]])
    assert layer.get_vocabulary() == [mask, layer.oov_token, a]
    np.testing.assert_array_equal(layer([layer.oov_token, mask]), [1, 0])


def test_inverse_document_frequencies():
    layer = layers.StringLookup(output_mode="tf_idf")
    layer.adapt([["a", "a", "b"], ["a", "c", "d"], ["b", "b", "b"]])
    assert layer.get_vocabulary() == ["[UNK]", "b", "a", "d", "c"]
    idf = np.log(1 + 3 / (1 + np.array([2, 2, 1, 1])))
    np.testing.assert_allclose(layer([["b", "b", "d"]]), [[0, 2 * idf[0], 0, idf[2], 0]], rtol=1e-6)
    np.testing.assert_allclose(layer([["?", "?", "?"]])[0, 0], 3 * idf.mean(), rtol=1e-6)
    column = layers.StringLookup(output_mode="tf_idf")
    column.adapt(["a", "a", "b"])  # three samples of one word
    idf = np.log(1 + 3 / (1 + np.array([2, 1])))
    np.testing.assert_allclose(column([["b"]]), [[0, 0, idf[1]]], rtol=1e-6)


def test_a_vocabulary_from_a_file(tmp_path):
    path = tmp_path / "words.txt"
    path.write_text("b\na c\n水\n", encoding="utf-8")
    for vocabulary in (path, str(path)):
        layer = layers.StringLookup(vocabulary=vocabulary)
        assert layer.get_vocabulary() == ["[UNK]", "b", "a c", "水"]
        np.testing.assert_array_equal(layer(["水", "a c", "c"]), [3, 2, 0])
        assert layer.get_config()["vocabulary"] is None
    path.write_text("30\n-1\n")
    np.testing.assert_array_equal(layers.IntegerLookup(vocabulary=path, oov_token=-9)([-1, 30]), [2, 1])
    with pytest.raises(ValueError, match=r"Vocabulary file nowhere.txt does not exist"):
        layers.StringLookup(vocabulary="nowhere.txt")
    with pytest.raises(ValueError, match="'tf_idf' does not support loading a vocabulary from file"):
        layers.StringLookup(output_mode="tf_idf").set_vocabulary(str(path), idf_weights=[1.0, 2.0])


# ------------------------------------------------------------------------------------------------------------- errors

REFUSED = {
    "mode": (lambda lib: lib(output_mode="two_hot"), "output_mode is one of"),
    "sparse": (lambda lib: lib(output_mode="count", sparse=True), "dense arrays"),
    "invert": (lambda lib: lib(invert=True, output_mode="count"), "invert=True needs output_mode='int'"),
    "negative": (lambda lib: lib(num_oov_indices=-1), "`num_oov_indices` must be >= 0. Received: num_oov_indices=-1"),
    "one": (lambda lib: lib(max_tokens=1), "`max_tokens` must be greater than 1"),
    "no room": (lambda lib: lib(max_tokens=3, num_oov_indices=3), "greater than 3.*Received: max_tokens=3"),
    "pad": (lambda lib: lib(pad_to_max_tokens=True, output_mode="count"), "needs `max_tokens`"),
    "idf": (lambda lib: lib(idf_weights=[1.0]), "`idf_weights` are for output_mode='tf_idf'"),
    "salt": (lambda lib: lib(salt="x", **({} if lib is layers.StringLookup else {"oov_method": "farmhash"})), "`salt`"),
    "keyword": (lambda lib: lib(nonsense=1), "nonsense"),
}


@each
@pytest.mark.parametrize("mistake", REFUSED)
def test_arguments_that_do_not_go_together(kind, mistake):
    make, text = REFUSED[mistake]
    with pytest.raises(ValueError, match=text):
        make(LOOKUPS[kind][0])


@each
def test_vocabularies_that_are_refused(kind):
    lookup, (a, b, c), _, mask = LOOKUPS[kind]
    for vocabulary, options, text in [
        ([], {}, "Cannot set an empty vocabulary"),
        ([a, b, a], {}, rf"repeated terms are: \[{a!r}\]"),
        ([a, mask], {"mask_token": mask}, "reserved mask_token .* at vocabulary index 1"),
        ([a, b, c], {"max_tokens": 3}, "vocabulary size is 4.*`max_tokens` is 3"),
        ([a, b], {"output_mode": "tf_idf"}, "`idf_weights` must be set"),
        ([a, b], {"output_mode": "tf_idf", "idf_weights": [1.0]}, r"idf_weights \(1,\), vocabulary \(2,\)"),
    ]:
        with pytest.raises(ValueError, match=text):
            lookup(vocabulary=vocabulary, **options)
    oov = lookup().oov_token
    lookup(vocabulary=[a, oov])
    with pytest.raises(ValueError, match=r"reserved oov_token .* at vocabulary index 1"):
        lookup(vocabulary=[a, oov], invert=True)


@each
def test_without_a_vocabulary(kind):
    lookup, (a, b, _), _, mask = LOOKUPS[kind]
    for options in ({}, {"output_mode": "count"}):
        layer = lookup(**options)
        with pytest.raises(RuntimeError, match=r"has no vocabulary yet. Pass `vocabulary`, or call `adapt`"):
            layer([[a]])
    with pytest.raises(RuntimeError, match="no vocabulary yet"):
        lookup(output_mode="count").compute_output_shape((None, 3))
    for nothing in (np.zeros((0, 2), int if kind == "integer" else str), [[mask, mask]]):
        with pytest.raises(ValueError, match=r"adapt found no tokens in \d samples"):
            lookup(mask_token=mask).adapt(nothing)
    with pytest.raises(TypeError, match="adapt takes an array or an iterable of batches"):
        lookup().adapt(3)
    with pytest.raises(ValueError, match="Cannot adapt a layer that was given its vocabulary"):
        lookup(vocabulary=[a, b]).adapt([a])


@each
def test_the_output_keeps_its_size(kind):
    lookup, (a, b, c), _, _ = LOOKUPS[kind]
    layer = lookup(output_mode="count")
    layer.set_vocabulary([a, b])
    layer.set_vocabulary([b, c])
    with pytest.raises(RuntimeError, match="Old vocab size is 3, new vocab size is 4"):
        layer.set_vocabulary([a, b, c])
    layer = lookup(output_mode="count", max_tokens=5, pad_to_max_tokens=True)
    layer.set_vocabulary([a, b])
    layer.set_vocabulary([a, b, c])
    assert layer([[c]]).tolist() == [[0, 0, 0, 1, 0]]


@each
def test_configs_make_equal_layers(kind):
    lookup, words, unknown, mask = LOOKUPS[kind]
    layer = lookup(vocabulary=np.array(words), mask_token=mask, num_oov_indices=2, max_tokens=9, name="places")
    check_configuration(layer, [[*words, unknown, mask]])


@each
def test_in_a_model(kind):
    lookup, words, unknown, _ = LOOKUPS[kind]
    x = np.array([[words[0]], [words[1]], [unknown], [words[2]]] * 8)
    y = np.array([1.0, 0, 0, 1] * 8)
    model = cdl.Sequential(
        [
            layers.Input((1,), dtype="string" if kind == "string" else "int64"),
            lookup(vocabulary=words, output_mode="one_hot"),
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(cdl.optimizers.Adam(0.3), "binary_crossentropy", metrics=["accuracy"])
    model.fit(x, y, epochs=12, validation_split=0.25, verbose=0)
    assert model.evaluate(x, y, verbose=0)[1] == 1.0
    assert model.output_shape == (None, 1)
    np.testing.assert_array_equal(model.predict(x[:4]) > 0.5, y[:4, None])
    np.testing.assert_array_equal(model.predict(x[:4, 0].tolist()), model.predict(x[:4]))
    np.testing.assert_array_equal(model(x[:4]), model.predict_on_batch(x[:4]))
    copy = cdl.Sequential.from_config(model.get_config())
    copy.set_weights(model.get_weights())
    np.testing.assert_array_equal(copy.predict(x), model.predict(x))
