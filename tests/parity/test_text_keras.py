"""Texts and categories beside Keras, whose layers for them need TensorFlow: vocabularies, outputs, configs, errors.

KERAS_BACKEND=tensorflow pytest tests/parity/test_text_keras.py; skipped where Keras runs on another backend.
"""

import inspect

import numpy as np
import pytest
from keras_peer import assert_same_mistake, keras, plain

import cdl

pytest.importorskip("tensorflow", exc_type=ImportError)
if keras.backend.backend() != "tensorflow":
    pytest.skip("the layers for texts need TensorFlow", allow_module_level=True)

pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.usefixtures("names_begin_anew")]

TEXTS = [
    "The cat sat on the mat. The END!",
    "床前明月光，疑是地上霜。",
    "it's 3.14; e-mail_me @home  \t the\nend",
    "",
    "mat cat (sat) [sat] cat 🙂",
]
WORDS = ["cat", "the", "sat", "", "[UNK]", "é", "床", "long " * 9, "cat"]
WORDS_2D = [["cat", "the", "new"], ["sat", "", "cat"], ["the", "the", "sat"]]
NUMBERS = [[5, 3, 5, 0], [-1, 7, 3, 5], [2**40, 3, -8, 0]]


def both(make):
    return make(cdl.layers), make(keras.layers)


def array(theirs):
    return theirs.to_tensor().numpy() if hasattr(theirs, "to_tensor") else np.asarray(theirs)


def agree(ours, theirs):
    theirs = array(theirs)
    assert ours.shape == theirs.shape
    np.testing.assert_allclose(ours, theirs, rtol=1e-6)


LAYERS = (
    "CategoryEncoding",
    "Discretization",
    "Hashing",
    "IntegerLookup",
    "StringLookup",
    "TextVectorization",
)


@pytest.mark.parametrize("name", LAYERS)
def test_signatures_agree(name):
    ours, theirs = both(lambda lib: inspect.signature(getattr(lib, name).__init__).parameters.values())
    assert [(p.name, p.default, p.kind) for p in ours] == [(p.name, p.default, p.kind) for p in theirs]


@pytest.mark.parametrize("name", ["pad_sequences", "timeseries_dataset_from_array"])
def test_signatures_of_functions_agree(name):
    ours, theirs = (inspect.signature(getattr(lib.utils, name)).parameters for lib in (cdl, keras))
    theirs = [
        (p.name, p.default) for p in theirs.values() if p.name != "format"
    ]  # TensorFlow's or Grain's; ours is one
    assert [(p.name, p.default) for p in ours.values()] == theirs


# -------------------------------------------------------------------------------------------------------------- texts

OPTIONS = {
    "default": {},
    "as they are": {"standardize": None},
    "lower": {"standardize": "lower"},
    "strip": {"standardize": "strip_punctuation"},
    "characters": {"split": "character"},
    "characters as they are": {"split": "character", "standardize": None},
    "whole": {"split": None},
    "whole, tf_idf": {"split": None, "output_mode": "tf_idf"},
    "length": {"output_sequence_length": 4},
    "short": {"output_sequence_length": 20, "max_tokens": 6},
    "bigrams": {"ngrams": 2},
    "2 and 3": {"ngrams": (3, 2), "output_sequence_length": 6},
    **{mode: {"output_mode": mode} for mode in ("multi_hot", "count", "tf_idf", "one_hot", "binary", "tf-idf")},
    "padded": {"output_mode": "tf_idf", "max_tokens": 50, "pad_to_max_tokens": True},
    "few": {"output_mode": "count", "max_tokens": 5, "ngrams": 2},
}


@pytest.mark.parametrize("options", OPTIONS)
def test_text_vectorization(options):
    ours, theirs = both(lambda lib: lib.TextVectorization(**OPTIONS[options]))
    column = np.array(TEXTS)[:, None]
    for layer in (ours, theirs):
        layer.adapt(TEXTS)
    assert ours.get_vocabulary() == theirs.get_vocabulary()
    assert ours.get_vocabulary(False) == theirs.get_vocabulary(False)
    assert ours.vocabulary_size() == theirs.vocabulary_size()
    assert plain(ours.get_config()) == plain(theirs.get_config())
    for x in (column, np.array(["a new cat", "the end end end"])[:, None]):
        agree(ours(x), theirs(x))
    if "whole" not in options:
        agree(ours(TEXTS), theirs(TEXTS))
        agree(ours(TEXTS[0]), theirs(TEXTS[0]))
    if "whole" not in options:  # for (None, 1), Keras' is one axis too long
        assert tuple(ours.compute_output_shape((None,))) == tuple(theirs.compute_output_shape((None,)))


@pytest.mark.parametrize("mode", ["int", "multi_hot", "count", "one_hot"])
def test_given_vocabularies(mode):
    for vocabulary in (["cat", "the"], np.array(["sat", "床"])):
        ours, theirs = both(lambda lib, v=vocabulary: lib.TextVectorization(vocabulary=v, output_mode=mode))
        agree(ours(TEXTS), theirs(TEXTS))
        assert plain(ours.get_config()) == plain(theirs.get_config())


def test_keras_reads_our_config_and_we_read_its():
    ours, theirs = both(lambda lib: lib.TextVectorization(vocabulary=["cat", "the"], ngrams=(1, 2)))
    theirs_again = keras.layers.deserialize(cdl.layers.serialize(ours))
    ours_again = cdl.layers.deserialize(keras.layers.serialize(theirs))
    agree(ours(TEXTS), theirs_again(TEXTS))
    agree(ours_again(TEXTS), theirs(TEXTS))


# ------------------------------------------------------------------------------------------------------------ lookups

LOOKUPS = {
    "default": {},
    "mask": {"mask_token": True},
    "three unknown": {"num_oov_indices": 3},
    "three unknown, mask": {"num_oov_indices": 3, "mask_token": True},
    "few": {"max_tokens": 3},
    **{mode: {"output_mode": mode, "mask_token": True} for mode in ("multi_hot", "count", "one_hot", "tf_idf")},
    **{f"{mode}, unknown": {"output_mode": mode, "num_oov_indices": 2} for mode in ("multi_hot", "count", "tf_idf")},
    "padded": {"output_mode": "count", "max_tokens": 12, "pad_to_max_tokens": True},
}


def options_of(name, mask):
    options = dict(LOOKUPS[name])
    if options.get("mask_token"):
        options["mask_token"] = mask
    return options


@pytest.mark.parametrize("name", LOOKUPS)
@pytest.mark.parametrize("form", ["column", "rows", "batches"])
def test_string_lookup_adapts(name, form):
    ours, theirs = both(lambda lib: lib.StringLookup(**options_of(name, "")))
    data = {"column": WORDS, "rows": WORDS_2D, "batches": None}[form]
    for layer in (ours, theirs):
        layer.adapt(iter([np.array(WORDS_2D[:2]), np.array(WORDS_2D[2:])]) if form == "batches" else np.array(data))
    assert ours.get_vocabulary() == theirs.get_vocabulary()
    assert plain(ours.get_config()) == plain(theirs.get_config())
    many = np.array([[f"word {i} {j}" for j in range(30)] for i in range(4)])
    for x in (np.array(WORDS_2D), np.array(WORDS), np.array(WORDS)[:, None], np.array("cat"), many):
        agree(ours(x), theirs(x))
        assert tuple(ours.compute_output_shape(x.shape)) == tuple(theirs.compute_output_shape(x.shape)) or x.ndim == 0


@pytest.mark.parametrize("name", LOOKUPS)
def test_integer_lookup_adapts(name):
    ours, theirs = both(lambda lib: lib.IntegerLookup(**options_of(name, 0)))
    for layer in (ours, theirs):
        layer.adapt(np.array(NUMBERS))
    assert ours.get_vocabulary() == theirs.get_vocabulary()
    assert plain(ours.get_config()) == plain(theirs.get_config())
    for x in (np.array(NUMBERS), np.array(NUMBERS)[0], np.array(NUMBERS)[:, :1], np.arange(-40, 40).reshape(8, 10)):
        agree(ours(x), theirs(x))


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"mask_token": True},
        {"num_oov_indices": 0},
        {"num_oov_indices": 2, "salt": [3, 4]},
        {"num_oov_indices": 2, "salt": 9, "mask_token": True},
        {"output_mode": "tf_idf", "idf_weights": [0.25, 0.5, 3.0]},
        {"output_mode": "tf_idf", "idf_weights": [0.25, 0.5, 3.0], "max_tokens": 7, "pad_to_max_tokens": True},
    ],
    ids=str,
)
@pytest.mark.parametrize("name", ["StringLookup", "IntegerLookup"])
def test_lookups_with_a_vocabulary(name, options):
    texts = name == "StringLookup"
    options = dict(options)
    if "mask_token" in options:
        options["mask_token"] = "" if texts else 0
    if "salt" in options and not texts:
        options["oov_method"] = "farmhash"
    vocabulary = ["cat", "the", "床"] if texts else [5, 3, -8]
    ours, theirs = both(lambda lib: getattr(lib, name)(vocabulary=vocabulary, **options))
    assert ours.get_vocabulary() == theirs.get_vocabulary()
    assert plain(ours.get_config()) == plain(theirs.get_config())
    known = np.array([vocabulary, vocabulary[::-1]])
    agree(ours(known), theirs(known))
    if options.get("num_oov_indices") != 0:
        x = np.array(WORDS_2D if texts else NUMBERS)
        agree(ours(x), theirs(x))
    if "output_mode" not in options:
        kind = {key: options[key] for key in ("mask_token", "num_oov_indices") if key in options}
        ours, theirs = both(lambda lib: getattr(lib, name)(vocabulary=vocabulary, invert=True, **kind))
        found = theirs(np.arange(-1, 7))
        found = [word.decode() for word in found.numpy()] if texts else found.numpy().tolist()
        assert ours(np.arange(-1, 7)).tolist() == found


def test_a_vocabulary_from_a_file(tmp_path):
    path = tmp_path / "words.txt"
    path.write_text("cat\nthe\n床\n", encoding="utf-8")
    keras.config.enable_unsafe_deserialization()
    ours, theirs = both(lambda lib: lib.StringLookup(vocabulary=str(path), mask_token=""))
    assert ours.get_vocabulary() == theirs.get_vocabulary()
    agree(ours(WORDS), theirs(WORDS))


# ---------------------------------------------------------------------------------------------------- bins and hashes


@pytest.mark.parametrize("mode", ["int", "one_hot", "multi_hot", "count"])
@pytest.mark.parametrize(
    "options", [{}, {"mask_value": True}, {"salt": 133}, {"salt": [133, 137], "mask_value": True}], ids=str
)
def test_hashing(mode, options):
    for x, mask in ((np.array(WORDS_2D), ""), (np.array(NUMBERS), 0), (np.array([[1.7, -2.2], [3.0, 1e9]]), 3)):
        asked = {**options, "mask_value": mask} if "mask_value" in options else options
        ours, theirs = both(lambda lib, asked=asked: lib.Hashing(11, output_mode=mode, **asked))
        agree(ours(x), theirs(x))
        assert plain(ours.get_config()) == plain(theirs.get_config())


def test_hashes_of_every_length():
    rng = np.random.default_rng(0)
    x = np.array(["".join(map(chr, rng.integers(32, 0x2FF, length))) for length in range(150)], object)
    for salt in (None, [7, 2**40]):
        ours, theirs = both(lambda lib, salt=salt: lib.Hashing(10**9, salt=salt))
        np.testing.assert_array_equal(ours(x), theirs(x))


@pytest.mark.parametrize("mode", ["one_hot", "multi_hot", "count"])
def test_category_encoding(mode):
    ours, theirs = both(lambda lib: lib.CategoryEncoding(5, mode))
    assert plain(ours.get_config()) == plain(theirs.get_config())
    for x in ([[0, 1, 1], [4, 0, 2]], [[3], [0]], [1, 2, 2]):
        agree(ours(np.array(x)), theirs(np.array(x)))
        assert tuple(ours.compute_output_shape(np.shape(x))) == tuple(theirs.compute_output_shape(np.shape(x)))
    if mode == "count":
        weights = np.array([[0.5, 2, 3], [1, 2, 3]], "float32")
        x = np.array([[0, 1, 1], [4, 0, 2]])
        agree(ours(x, count_weights=weights), theirs(x, count_weights=weights))


@pytest.mark.parametrize("mode", ["int", "one_hot", "multi_hot", "count"])
def test_discretization(mode):
    x = np.random.default_rng(1).normal(size=(40, 6)).astype("float32")
    ours, theirs = both(lambda lib: lib.Discretization([-1.0, 0.0, 0.5], output_mode=mode))
    assert plain(ours.get_config()) == plain(theirs.get_config())
    agree(ours(x), theirs(x))
    agree(ours(x[:, :1]), theirs(x[:, :1]))


@pytest.mark.parametrize("bins", [1, 2, 4, 10])
@pytest.mark.parametrize("epsilon", [0.01, 0.1, 0.5])
def test_discretization_adapts(bins, epsilon):
    x = np.random.default_rng(1).normal(size=(400, 6)).astype("float32")
    for data in (lambda: x, lambda: x[:3], lambda: iter(np.split(x, 8)), lambda: list(np.split(x, 10))):
        ours, theirs = both(lambda lib: lib.Discretization(num_bins=bins, epsilon=epsilon))
        for layer in (ours, theirs):
            layer.adapt(data())
        np.testing.assert_allclose(ours.bin_boundaries, theirs.bin_boundaries, rtol=1e-6)
        agree(ours(x), theirs(x))


def symbolic(lib, make, shape, dtype):
    """The place of the layer's output behind an Input."""
    layer = make(lib.layers)
    return lib.Sequential([lib.layers.Input(shape, dtype=dtype), layer]) and layer.output


@pytest.mark.parametrize("mode", ["int", "one_hot", "multi_hot", "count", "tf_idf"])
def test_places_of_outputs_are_of_one_dtype(mode):
    weights = {"idf_weights": [1.0, 2.0]} if mode == "tf_idf" else {}
    cases = [
        (lambda lib: lib.TextVectorization(vocabulary=["a", "b"], output_mode=mode, **weights), (), "string"),
        (lambda lib: lib.StringLookup(vocabulary=["a", "b"], output_mode=mode, **weights), (3,), "string"),
        (lambda lib: lib.IntegerLookup(vocabulary=[1, 2], output_mode=mode, **weights), (3,), "int64"),
    ]
    if mode != "tf_idf":
        cases += [
            (lambda lib: lib.Hashing(7, output_mode=mode), (3,), "string"),
            (lambda lib: lib.Discretization([1.0, 2.0], output_mode=mode), (3,), "float32"),
        ]
    if mode not in ("int", "tf_idf"):
        cases.append((lambda lib: lib.CategoryEncoding(7, output_mode=mode), (3,), "int64"))
    for make, shape, dtype in cases:
        if mode == "one_hot" and shape == ():  # Keras' fails
            continue
        ours, theirs = (symbolic(lib, make, shape, dtype) for lib in (cdl, keras))
        assert ours.dtype == theirs.dtype  # of "one_hot" hashes, Keras' has another shape than the hashes


# ---------------------------------------------------------------------------------------------------------- sequences


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"maxlen": 2},
        {"maxlen": 5, "padding": "post", "value": 9},
        {"maxlen": 2, "truncating": "post", "dtype": "float64"},
    ],
    ids=str,
)
def test_pad_sequences(options):
    for sequences in ([[1], [2, 3], [4, 5, 6], []], [[[1, 2]], [[3, 4], [5, 6], [7, 8]]]):
        ours, theirs = (lib.utils.pad_sequences(sequences, **options) for lib in (cdl, keras))
        assert ours.dtype == theirs.dtype
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"sequence_stride": 3, "sampling_rate": 2, "batch_size": 4},
        {"start_index": 4, "end_index": 25, "batch_size": 4},
        {"batch_size": None, "start_index": 9},
    ],
    ids=str,
)
def test_windows(options):
    data = np.arange(60).reshape(30, 2)
    for targets in (None, data[:, 0] + 5):
        ours, theirs = (lib.utils.timeseries_dataset_from_array(data, targets, 5, **options) for lib in (cdl, keras))
        ours, theirs = list(ours), list(theirs)
        assert len(ours) == len(theirs)
        for one, two in zip(ours, theirs, strict=True):
            for part, other in zip(*([pair] if targets is None else pair for pair in (one, two)), strict=True):
                np.testing.assert_array_equal(part, np.asarray(other))


# ------------------------------------------------------------------------------------------------------------- errors

REFUSED = {
    "max_tokens": lambda lib: lib.layers.StringLookup(max_tokens=1),
    "num_oov_indices": lambda lib: lib.layers.IntegerLookup(num_oov_indices=-1),
    "mode": lambda lib: lib.layers.StringLookup(output_mode="no"),
    "repeated": lambda lib: lib.layers.StringLookup(vocabulary=["a", "a"]),
    "empty": lambda lib: lib.layers.StringLookup(vocabulary=[]),
    "mask inside": lambda lib: lib.layers.StringLookup(vocabulary=["a", ""], mask_token=""),
    "too many": lambda lib: lib.layers.StringLookup(vocabulary=["a", "b"], max_tokens=2),
    "no weights": lambda lib: lib.layers.StringLookup(vocabulary=["a"], output_mode="tf_idf"),
    "weights": lambda lib: lib.layers.StringLookup(vocabulary=["a"], idf_weights=[1.0]),
    "invert": lambda lib: lib.layers.StringLookup(invert=True, output_mode="count"),
    "adapt": lambda lib: lib.layers.StringLookup(vocabulary=["a"]).adapt(["a"]),
    "no vocabulary": lambda lib: lib.layers.StringLookup(output_mode="count")(np.array([["a"]])),
    "another size": lambda lib: [
        layer.set_vocabulary(words)
        for layer in [lib.layers.StringLookup(output_mode="count")]
        for words in (["a"], ["a", "b"])
    ],
    "file": lambda lib: lib.layers.StringLookup(vocabulary="nowhere.txt"),
    "standardize": lambda lib: lib.layers.TextVectorization(standardize="up"),
    "split": lambda lib: lib.layers.TextVectorization(split="up"),
    "ngrams": lambda lib: lib.layers.TextVectorization(ngrams="up"),
    "length": lambda lib: lib.layers.TextVectorization(output_mode="count", output_sequence_length=3),
    "rank": lambda lib: lib.layers.TextVectorization(vocabulary=["a"])(np.array([["a", "b"]])),
    "bins": lambda lib: lib.layers.Hashing(0),
    "salt": lambda lib: lib.layers.Hashing(3, salt="x"),
    "hash dtype": lambda lib: lib.layers.Hashing(3, dtype="float32"),
    "no tokens": lambda lib: lib.layers.CategoryEncoding(),
    "zero tokens": lambda lib: lib.layers.CategoryEncoding(0),
    "boundaries": lambda lib: lib.layers.Discretization(),
    "both": lambda lib: lib.layers.Discretization([1.0], 2),
    "not adapted": lambda lib: lib.layers.Discretization(num_bins=2)(np.zeros((2, 1))),
    "padding": lambda lib: lib.utils.pad_sequences([[1]], padding="x"),
    "steps": lambda lib: lib.utils.pad_sequences([1]),
    "stride": lambda lib: lib.utils.timeseries_dataset_from_array(np.arange(4), None, 2, sequence_stride=0),
    "start": lambda lib: lib.utils.timeseries_dataset_from_array(np.arange(4), None, 2, start_index=9),
}


@pytest.mark.parametrize("mistake", REFUSED)
def test_errors_are_of_one_class(mistake):
    assert_same_mistake(REFUSED[mistake])


# ------------------------------------------------------------------------------------------------------------ data sets


@pytest.mark.parametrize("weighted", [False, True])
def test_data_sets_train_as_in_keras(weighted):
    rng = np.random.default_rng(2)
    x, y, weight = rng.normal(size=(50, 3)), rng.normal(size=(50, 1)), rng.uniform(size=50)
    kernel = rng.normal(size=(3, 1))
    histories = []
    for lib in (cdl, keras):

        class Batches(lib.utils.PyDataset):
            def __len__(self):
                return 4

            def __getitem__(self, index):
                rows = slice(16 * index, 16 * index + 16)
                return (x[rows], y[rows], weight[rows]) if weighted else (x[rows], y[rows])

        model = lib.Sequential([lib.layers.Input((3,)), lib.layers.Dense(1)])
        model.layers[0].set_weights([kernel, np.zeros(1)])
        model.compile(lib.optimizers.SGD(0.1), "mse", metrics=["mae"])
        history = model.fit(Batches(), epochs=4, shuffle=False, steps_per_epoch=3, validation_data=(x, y), verbose=0)
        histories.append(history.history)
    assert histories[0].keys() == histories[1].keys()
    for name, values in histories[0].items():
        np.testing.assert_allclose(values, histories[1][name], rtol=1e-5)
