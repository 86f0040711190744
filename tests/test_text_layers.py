"""TextVectorization: what becomes of texts, in any language; and the small layers beside it."""

import numpy as np
import pytest
from layer_checks import check_configuration

import cdl
from cdl import layers
from cdl.layers import Context

TEXTS = ["The cat. Sat", "the dog, sat sat", ""]


def adapted(data=TEXTS, **options):
    layer = layers.TextVectorization(**options)
    layer.adapt(data)
    return layer


def words(texts):
    """A function for `split`: as split="whitespace" does."""
    return [text.split() for text in texts]


def shouted(texts):
    """A function for `standardize`."""
    return np.char.upper(texts)


# -------------------------------------------------------------------------------------------------- words and indices


def test_words_by_frequency_padded_to_the_longest_text():
    layer = adapted()
    assert layer.get_vocabulary() == ["", "[UNK]", "sat", "the", "dog", "cat"]
    assert layer.get_vocabulary(include_special_tokens=False) == ["sat", "the", "dog", "cat"]
    assert layer.vocabulary_size() == 6
    y = layer(TEXTS)
    assert y.dtype == np.int64
    np.testing.assert_array_equal(y, [[3, 5, 2, 0], [3, 4, 2, 2], [0, 0, 0, 0]])
    np.testing.assert_array_equal(layer(["a cat"]), [[1, 5]])


@pytest.mark.parametrize("form", [list, np.array, lambda x: np.array(x, object), lambda x: np.char.encode(x, "utf-8")])
def test_texts_in_any_array_and_column(form):
    layer = adapted(form(TEXTS))
    expected = adapted()(TEXTS)
    np.testing.assert_array_equal(layer(form(TEXTS)), expected)
    np.testing.assert_array_equal(layer(form([[text] for text in TEXTS])), expected)
    np.testing.assert_array_equal(layer(TEXTS[1]), expected[1])


def test_batches_teach_as_much_as_the_whole():
    whole = adapted(output_mode="tf_idf")
    layer = layers.TextVectorization(output_mode="tf_idf")
    layer.adapt(np.array(TEXTS[at : at + 2]) for at in (0, 2))
    assert layer.get_vocabulary() == whole.get_vocabulary()
    np.testing.assert_array_equal(layer(TEXTS), whole(TEXTS))
    layer = adapted(iter([(["one"], [1]), (["two"], [0])]))
    assert layer.get_vocabulary(False) == ["two", "one"]
    layer.adapt(iter([["one"], ["two"]]), steps=1)
    assert layer.get_vocabulary(False) == ["one"]


@pytest.mark.parametrize("length", [1, 3, 4, 9])
def test_output_sequence_length_cuts_and_fills_up(length):
    layer = adapted(output_sequence_length=length)
    full = np.pad(adapted()(TEXTS), ((0, 0), (0, 9)))
    np.testing.assert_array_equal(layer(TEXTS), full[:, :length])
    assert layer.compute_output_shape((None, 1)) == layer.compute_output_shape((None,)) == (None, length)


def test_max_tokens_keeps_the_most_frequent():
    layer = adapted(max_tokens=4)
    np.testing.assert_array_equal(layer(TEXTS), [[3, 1, 2, 0], [3, 1, 2, 2], [0, 0, 0, 0]])


def test_standardize():
    text = """A-b! "C" d'é É"""
    expected = {
        None: ["A-b!", '"C"', "d'é", "É"],
        "lower": ["a-b!", '"c"', "d'é", "é"],
        "strip_punctuation": ["Ab", "C", "dé", "É"],
        "lower_and_strip_punctuation": ["ab", "c", "dé", "é"],
        shouted: ["A-B!", '"C"', "D'É", "É"],
    }
    for standardize, found in expected.items():
        assert adapted([text], standardize=standardize).get_vocabulary(False) == sorted(set(found), reverse=True)
    every = "".join(map(chr, range(33, 127)))
    (kept,) = adapted([every], standardize="strip_punctuation").get_vocabulary(False)
    assert kept == "".join(filter(str.isalnum, every))


def test_chinese_by_characters_and_by_a_segmenter():
    poem = ["床前明月光", "疑是地上霜", "举头望明月", "低头思故乡"]
    layer = adapted(poem, split="character")
    assert layer.get_vocabulary()[2:5] == ["月", "明", "头"]
    assert layer.vocabulary_size() == 2 + 17
    y = layer(["明月", "明海月"])
    np.testing.assert_array_equal(y, [[3, 2, 0], [3, 1, 2]])

    def segmented(texts):
        return [[text[:2], text[2:]] for text in texts]

    layer = adapted(poem, split=segmented)
    assert "明月光" in layer.get_vocabulary()
    assert layer(["床前望明月"]).tolist() == [
        [layer.get_vocabulary().index("床前"), layer.get_vocabulary().index("望明月")]
    ]


def test_all_white_space_separates_words():
    assert adapted(["a\u3000b\xa0 c\t\n d"]).get_vocabulary(False) == ["d", "c", "b", "a"]


def test_characters_beyond_the_basic_plane_and_combining_ones():
    layer = adapted(["🙂e\u0301"], split="character")
    assert set(layer.get_vocabulary(False)) == {"🙂", "e", "\u0301"}


def test_groups_of_words():
    layer = adapted(["a b c"], ngrams=2)
    assert set(layer.get_vocabulary(False)) == {"a", "b", "c", "a b", "b c"}
    place = layer.get_vocabulary().index
    np.testing.assert_array_equal(layer(["b c b"]), [[place("b"), place("c"), place("b"), place("b c"), 1]])
    assert set(adapted(["a b c"], ngrams=(3, 2)).get_vocabulary(False)) == {"a b", "b c", "a b c"}
    np.testing.assert_array_equal(adapted(["a b c"], ngrams=(3,))(["a b"]), np.zeros((1, 0)))


def test_words_that_are_split_already():
    layer = adapted([["a", "b"], ["c", "a"]], split=None, standardize=None, output_sequence_length=3)
    np.testing.assert_array_equal(layer([["a", "c"], ["z", ""]]), [[2, 3, 0], [1, 0, 0]])
    np.testing.assert_array_equal(layer(["a", "z"]), [2, 1, 0])
    assert layer(np.zeros((2, 0), str)).tolist() == [[0, 0, 0]] * 2 and layer(np.zeros((0, 2), str)).shape == (0, 3)
    column = adapted(["a", "b", "a"], split=None, output_mode="tf_idf")  # three texts of one word
    np.testing.assert_allclose(column([["b"]]), [[0, 0, np.log(1 + 3 / 2)]], rtol=1e-6)


@pytest.mark.parametrize("mode", ["multi_hot", "count", "tf_idf", "one_hot"])
def test_rows_instead_of_indices(mode):
    layer = adapted(output_mode=mode)
    lookup = layers.StringLookup(output_mode=mode, mask_token="")
    tokens = [["the", "cat", "sat", ""], ["the", "dog", "sat", "sat"], [""] * 4]
    lookup.adapt(tokens)
    assert layer.get_vocabulary() == lookup.get_vocabulary() == ["[UNK]", "sat", "the", "dog", "cat"]
    y = layer(TEXTS)
    assert y.dtype == np.float32
    np.testing.assert_array_equal(y, lookup(tokens))
    assert layer.compute_output_shape((None, 1))[-1] == y.shape[-1] == 5
    np.testing.assert_array_equal(layer(TEXTS[1]), y[1])
    np.testing.assert_array_equal(layer(["new"]).reshape(-1), lookup([["new"]]).reshape(-1))


def test_a_given_vocabulary(tmp_path):
    path = tmp_path / "words.txt"
    path.write_text("cat\nsat\n")
    for vocabulary in (["cat", "sat"], np.array(["cat", "sat"]), ["", "[UNK]", "cat", "sat"], str(path)):
        layer = layers.TextVectorization(vocabulary=vocabulary)
        np.testing.assert_array_equal(layer(TEXTS[:1]), [[1, 2, 3]])
        layer = layers.TextVectorization()
        layer.set_vocabulary(vocabulary)
        np.testing.assert_array_equal(layer(TEXTS[:1]), [[1, 2, 3]])
    with pytest.raises(ValueError, match="Cannot adapt"):
        layers.TextVectorization(vocabulary=["cat"]).adapt(TEXTS)


# --------------------------------------------------------------------------------------------------- edges and errors


def test_empty_texts_and_no_texts():
    layer = adapted()
    assert layer(["", " ", "!?"]).shape == (3, 0)
    assert layer([]).shape == (0, 0)
    assert adapted(output_sequence_length=5)([]).shape == (0, 5)
    assert adapted(output_mode="count")([]).shape == (0, 5)
    np.testing.assert_array_equal(adapted(output_sequence_length=2)(["", "zzz"]), [[0, 0], [1, 0]])
    for nothing in ([], [""], ["?!", " "]):
        with pytest.raises(ValueError, match=rf"adapt found no tokens in {len(nothing)} samples"):
            adapted(nothing)
    with pytest.raises(RuntimeError, match="'reader' has no vocabulary yet"):
        layers.TextVectorization(name="reader")(TEXTS)


def test_a_text_of_a_million_characters():
    text = "好 Ab." * 250_000
    layer = adapted([text], output_sequence_length=7)
    np.testing.assert_array_equal(layer([text]), [[3, 2, 2, 2, 2, 2, 2]])
    assert adapted([text], split="character")([text]).shape == (1, 1_000_000)  # without the points


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"standardize": "upper"}, "standardize is one of .*Received: standardize='upper'"),
        ({"split": "word"}, "split is one of .*Received: split='word'"),
        ({"ngrams": "two"}, "ngrams='two'"),
        ({"ngrams": 0}, "ngrams=0"),
        ({"output_mode": "bag"}, "output_mode is one of"),
        ({"output_mode": "count", "output_sequence_length": 3}, "output_sequence_length=3, output_mode='count'"),
        ({"output_sequence_length": 0}, "a positive integer"),
        ({"output_sequence_length": "x"}, "a positive integer"),
        ({"max_tokens": 2}, "`max_tokens` must be greater than 2"),
        ({"ragged": True}, "ragged=True"),
        ({"sparse": True, "output_mode": "count"}, "sparse=True"),
        ({"vocabulary": ["a", ""]}, "reserved mask_token ''"),
        ({"vocabulary": ["a", "a"]}, "repeated"),
        ({"pad_to_max_tokens": True}, "needs `max_tokens`"),
        ({"nonsense": 1}, "nonsense"),
    ],
    ids=str,
)
def test_arguments_that_are_refused(options, text):
    with pytest.raises(ValueError, match=text):
        layers.TextVectorization(**options)


def test_inputs_that_are_refused():
    layer = adapted(name="reader")
    with pytest.raises(ValueError, match=r"TextVectorization 'reader': .* \(n,\) or \(n, 1\). Received shape \(1, 2\)"):
        layer([["a", "b"]])
    with pytest.raises(ValueError, match=r"'reader': input: strings are needed. Received an array of float64"):
        layer(np.zeros(3))
    with pytest.raises(ValueError, match=r"strings are needed. Received nan \(of type float\) at 1"):
        layer(np.array(["a", float("nan")], object))
    with pytest.raises(ValueError, match=r"It received \(3,\) and returned \(2,\)"):
        adapted(standardize=lambda texts: texts[:2])
    with pytest.raises(ValueError, match="It received 3 and returned 1 lists"):
        adapted(split=lambda texts: [["a"]])


def test_there_is_no_way_back():
    layer = adapted()
    layer.forward(Context(), np.array(TEXTS, object))
    assert layer.backward(Context(need_input_grad=False), np.zeros((3, 4))) is None
    with pytest.raises(NotImplementedError, match="Put it first in the model"):
        layer.backward(Context(), np.zeros((3, 4)))


# ------------------------------------------------------------------------------------------------- configs and models


def test_configs_make_equal_layers():
    cdl.utils.register_keras_serializable("texts")(words)
    cdl.utils.register_keras_serializable("texts")(shouted)
    for options in (
        {},
        {"ngrams": (1, 3), "output_sequence_length": 4, "max_tokens": 50},
        {"split": words, "standardize": shouted},
        {"split": None, "standardize": None},
    ):
        layer = layers.TextVectorization(vocabulary=["THE", "sat"], **options)
        check_configuration(layer, [[text] for text in TEXTS])


@pytest.mark.parametrize("form", [list, np.array, lambda x: np.array(x, object), lambda x: np.array(x)[:, None]])
def test_a_model_of_texts_learns(form):
    x = ["a good film", "good, good!", "bad acting", "such a bad film", "really good", "bad bad"] * 6
    y = np.array([1, 1, 0, 0, 1, 0] * 6)
    read = layers.TextVectorization(output_mode="multi_hot")
    read.adapt(x)
    for first in ([layers.Input((1,), dtype="string")], [layers.Input((), dtype=str)], []):
        model = cdl.Sequential([*first, read, layers.Dense(1, activation="sigmoid")])
        model.compile(cdl.optimizers.Adam(0.1), "binary_crossentropy", metrics=["accuracy"])
        history = model.fit(form(x), y, epochs=15, validation_data=(form(x), y), verbose=0).history
        assert history["val_accuracy"][-1] == 1.0
        assert model.evaluate(form(x), y, verbose=0)[1] == 1.0
        assert (model.predict(["Good.", "BAD!"])[:, 0] > 0.5).tolist() == [True, False]
        assert model.train_on_batch(form(x), y)[1] == 1.0
        np.testing.assert_array_equal(model(form(x)), model.predict(form(x)))


def test_a_model_of_numbers_refuses_texts():
    model = cdl.Sequential([layers.Input((1,)), layers.Dense(1)])
    with pytest.raises(ValueError, match="Numbers are needed"):
        model.predict(["one", "two"])
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match="y: Invalid dtype"):
        model.fit(np.zeros((2, 1)), ["one", "two"])


# ------------------------------------------------------------------------------------------------- categories and bins


def test_category_encoding():
    x = np.array([[0, 1], [3, 3]])
    for mode, expected in {
        "multi_hot": [[1, 1, 0, 0], [0, 0, 0, 1]],
        "count": [[1, 1, 0, 0], [0, 0, 0, 2]],
        "one_hot": [[[1, 0, 0, 0], [0, 1, 0, 0]], [[0, 0, 0, 1], [0, 0, 0, 1]]],
    }.items():
        layer = layers.CategoryEncoding(4, mode)
        for form in (x, x.tolist(), x.astype("float32"), x.astype("uint8")):
            np.testing.assert_array_equal(layer(form), expected)
        assert layer.compute_output_shape((None, 2)) == (None, *np.shape(expected)[1:])
        check_configuration(layer, x)
    np.testing.assert_array_equal(layers.CategoryEncoding(4, "one_hot")([[2], [0]]), [[0, 0, 1, 0], [1, 0, 0, 0]])
    np.testing.assert_array_equal(layers.CategoryEncoding(3)([1, 2]), [0, 1, 1])
    np.testing.assert_array_equal(layers.CategoryEncoding(3)(1), [0, 1, 0])
    y = layers.CategoryEncoding(4, "count")(x, count_weights=[[0.5, 2.0], [0.25, 0.5]])
    np.testing.assert_array_equal(y, [[0.5, 2, 0, 0], [0, 0, 0, 0.75]])
    for outside in (4, -1):
        with pytest.raises(ValueError, match=rf"in 0 .. num_tokens - 1 = 3. Received {outside} at position 1"):
            layers.CategoryEncoding(4)([[0, outside]])
    with pytest.raises(ValueError, match="num_tokens must be set"):
        layers.CategoryEncoding()
    with pytest.raises(ValueError, match="num_tokens=0"):
        layers.CategoryEncoding(0)
    with pytest.raises(ValueError, match="`count_weights` are for output_mode='count'"):
        layers.CategoryEncoding(4)(x, count_weights=np.ones((2, 2)))


def test_discretization_with_given_boundaries():
    x = np.array([[-1.5, 1.0, 3.4, 0.5], [0.0, 3.0, 1.3, -np.inf]])
    layer = layers.Discretization([0.0, 1.0, 2.0])
    y = layer(x)
    assert y.dtype == np.int32
    np.testing.assert_array_equal(y, [[0, 2, 3, 1], [1, 3, 2, 0]])
    rows = layers.Discretization([0.0, 1.0, 2.0], output_mode="count")
    np.testing.assert_array_equal(rows(x), [[1, 1, 1, 1], [1, 1, 1, 1]])
    assert rows.compute_output_shape((None, 4)) == (None, 4)
    with pytest.raises(ValueError, match="Cannot adapt"):
        layer.adapt(x)


def test_discretization_finds_bins_of_equal_weight():
    x = np.random.default_rng(0).normal(size=(1000, 10)) ** 3
    layer = layers.Discretization(num_bins=4)
    layer.adapt(x)
    shares = np.bincount(layer(x).ravel()) / x.size
    np.testing.assert_allclose(shares, 0.25, atol=0.01)  # epsilon
    other = layers.Discretization(num_bins=4)
    other.adapt(x[at : at + 100] for at in range(0, 1000, 100))
    np.testing.assert_allclose(np.bincount(other(x).ravel()) / x.size, 0.25, atol=0.02)
    check_configuration(layer, x)
    model = cdl.Sequential([layers.Input((10,)), layer, layers.CategoryEncoding(4, "count"), layers.Dense(2)])
    assert model.predict(x).shape == (1000, 2)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({}, "either `num_bins` or `bin_boundaries`"),
        ({"num_bins": 2, "bin_boundaries": [0.0]}, "either `num_bins` or `bin_boundaries`"),
        ({"num_bins": -1}, "num_bins=-1"),
        ({"bin_boundaries": [1.0, 0.0]}, "boundaries increase"),
        ({"num_bins": 2, "epsilon": 0}, "epsilon=0"),
        ({"num_bins": 2, "output_mode": "tf_idf"}, "output_mode"),
    ],
    ids=str,
)
def test_discretizations_that_are_refused(options, text):
    with pytest.raises(ValueError, match=text):
        layers.Discretization(**options)


def test_a_discretization_that_knows_nothing():
    layer = layers.Discretization(num_bins=3)
    with pytest.raises(ValueError, match="has no boundaries yet"):
        layer([[1.0]])
    with pytest.raises(ValueError, match="no numbers"):
        layer.adapt(np.zeros((0, 2)))
    with pytest.raises(ValueError, match="finite"):
        layer.adapt(np.array([1.0, np.nan]))


def test_hashing():
    # The numbers are those in Keras' documentation.
    letters = [["A"], ["B"], ["C"], ["D"], ["E"]]
    np.testing.assert_array_equal(layers.Hashing(3)(letters), [[1], [0], [1], [1], [2]])
    masked = layers.Hashing(3, mask_value="")
    np.testing.assert_array_equal(masked([["A"], ["B"], [""], ["C"], ["D"]]), [[1], [1], [0], [2], [2]])
    np.testing.assert_array_equal(layers.Hashing(3, salt=[133, 137])(letters), [[1], [2], [1], [0], [2]])
    np.testing.assert_array_equal(layers.Hashing(3, salt=133)(letters), [[0], [0], [2], [1], [0]])
    integers = layers.Hashing(100)([[1, -20], [300, 1]])
    np.testing.assert_array_equal(integers, layers.Hashing(100)([["1", "-20"], ["300", "1"]]))
    np.testing.assert_array_equal(integers, layers.Hashing(100)([[1.5, -20.0], [300.9, 1.0]]))
    assert integers.dtype == np.int64 and layers.Hashing(9, dtype="int32")([1]).dtype == np.int32
    counts = layers.Hashing(3, output_mode="count")
    np.testing.assert_array_equal(counts([["A", "B", "C"]]), [[1, 2, 0]])
    for layer in (masked, counts, layers.Hashing(3, salt=133)):
        check_configuration(layer, letters)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"num_bins": 0}, "num_bins=0"),
        ({"num_bins": None}, "num_bins=None"),
        ({"num_bins": 3, "salt": [1]}, "salt"),
        ({"num_bins": 3, "dtype": "float32"}, "'int32' or 'int64'"),
        ({"num_bins": 3, "output_mode": "tf_idf"}, "output_mode"),
    ],
    ids=str,
)
def test_hashings_that_are_refused(options, text):
    with pytest.raises(ValueError, match=text):
        layers.Hashing(**options)


def test_messages_of_the_vocabulary_name_the_layer():
    with pytest.raises(RuntimeError, match="TextVectorization 'texts' has no vocabulary yet"):
        layers.TextVectorization(name="texts")(["a b"])
    with pytest.raises(ValueError, match="TextVectorization 'texts': Vocabulary file none does not exist"):
        layers.TextVectorization(vocabulary="none", name="texts")
