"""IMDB and Reuters: word numbers, as Keras prepares them; files that hold anything else are refused, not run."""

import io
import json
import pickle
import zipfile

import numpy as np
import pytest

from cdl.datasets import imdb, reuters

TEXTS = [[1, 5, 9], [2], [7, 7, 1, 3], [4, 8], [6, 1], [9, 2, 2, 2, 2]]
LABELS = np.array([0, 1, 1, 0, 1, 0])


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("CDL_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("CDL_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path


def ragged(rows):
    array = np.empty(len(rows), object)
    array[:] = rows
    return array


def save_imdb(folder, texts=TEXTS):
    np.savez(
        folder / "imdb.npz", x_train=ragged(texts), y_train=LABELS, x_test=ragged(texts[::-1]), y_test=LABELS[::-1]
    )


def expected(order, change):
    return [change(TEXTS[row]) for row in order]


def test_imdb_is_shuffled_and_prepared_as_in_keras(folder):
    save_imdb(folder)
    rng = np.random.RandomState(113)
    first, second = np.arange(6), np.arange(6)
    rng.shuffle(first)
    rng.shuffle(second)
    (x_train, y_train), (x_test, y_test) = imdb.load_data()
    assert (x_train.shape, x_train.dtype) == ((6,), object)
    # The largest number, 9 + 3, is beyond `num_words`, which it is itself: as in Keras.
    assert x_train.tolist() == expected(first, lambda text: [1, *(w + 3 if w < 9 else 2 for w in text)])
    assert y_train.tolist() == LABELS[first].tolist()
    assert x_test.tolist() == expected(5 - second, lambda text: [1, *(w + 3 if w < 9 else 2 for w in text)])
    assert y_test.tolist() == LABELS[5 - second].tolist()


def test_options_of_imdb(folder):
    save_imdb(folder)
    order = np.random.RandomState(7).permutation(6)
    (x, y), _ = imdb.load_data(num_words=8, skip_top=3, seed=7, start_char=None, oov_char=None, index_from=0)
    assert x.tolist() == expected(order, lambda text: [w for w in text if 3 <= w < 8])
    (x, y), _ = imdb.load_data(maxlen=4, seed=7, num_words=100)
    assert x.tolist() == [[1, *(w + 3 for w in TEXTS[row])] for row in order if len(TEXTS[row]) < 3]
    assert y.tolist() == [LABELS[row] for row in order if len(TEXTS[row]) < 3]
    with pytest.raises(ValueError, match="maxlen=1 words"):
        imdb.load_data(maxlen=1)


def test_reuters(folder):
    np.savez(folder / "reuters.npz", x=ragged(TEXTS), y=LABELS)
    order = np.random.RandomState(113).permutation(6)
    (x_train, y_train), (x_test, y_test) = reuters.load_data(num_words=50, test_split=0.4)
    assert [*x_train, *x_test] == expected(order, lambda text: [1, *(w + 3 for w in text)])
    assert [*y_train, *y_test] == LABELS[order].tolist()
    assert len(x_train) == 3
    assert len(reuters.get_label_names()) == len(set(reuters.get_label_names())) == 46
    assert reuters.get_label_names()[3] == "earn"


def test_word_index(folder):
    (folder / "imdb_word_index.json").write_text(json.dumps({"the": 1, "größe": 2}), encoding="utf-8")
    assert imdb.get_word_index() == {"the": 1, "größe": 2}
    for text in ("[1, 2]", '{"the": "1"}', "{", "\ufeff"):
        (folder / "imdb_word_index.json").write_text(text, encoding="utf-8")
        with pytest.raises(ValueError, match=r"imdb_word_index\.json is not an index of words"):
            imdb.get_word_index()


class Hostile:
    def __reduce__(self):
        return print, ("this must not be run",)


def archive(folder, member):
    with zipfile.ZipFile(folder / "reuters.npz", "w") as file:
        file.writestr("x.npy", member)
        file.writestr("y.npy", member)


def as_npy(body, count=1):
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "|O", "fortran_order": False, "shape": (count,)})
    return header.getvalue() + body


@pytest.mark.parametrize(
    "body",
    [
        pickle.dumps(Hostile()),
        pickle.dumps([Hostile()]),
        pickle.dumps([[1, 2]]),  # no array
        pickle.dumps(ragged([["word"]])),
        pickle.dumps(ragged([[1], [2]])),  # two, where the header says one
        pickle.dumps(ragged([Hostile()])),
        b"",
    ],
)
def test_what_is_no_lists_of_numbers_is_refused_and_not_run(body, folder, capsys):
    archive(folder, as_npy(body))
    with pytest.raises(ValueError, match=r"reuters\.npz is not word numbers .* Delete the file"):
        reuters.load_data()
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("damage", ["no zip", "no x", "short"])
def test_damaged_archives_are_named(damage, folder):
    np.savez(folder / "reuters.npz", **{"z" if damage == "no x" else "x": ragged(TEXTS), "y": LABELS})
    if damage == "no zip":
        (folder / "reuters.npz").write_bytes(b"PK")
    if damage == "short":
        archive(folder, as_npy(pickle.dumps(ragged(TEXTS)), count=7))
    with pytest.raises(ValueError, match=r"reuters\.npz is not word numbers"):
        reuters.load_data()
