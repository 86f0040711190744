"""Texts, speech and time series: what the loaders return, what damaged files lead to, how downloads are checked."""

import hashlib
import io
import os
import tarfile
import wave
from pathlib import Path

import numpy as np
import pytest

from cdl.datasets import (
    _files,
    airline_passengers,
    daily_temperatures,
    sentiment_sentences,
    spoken_digits,
    tang_poems,
    tiny_shakespeare,
)

FILES = [
    airline_passengers.FILE,
    daily_temperatures.FILE,
    *sentiment_sentences.FILES,
    tang_poems.FILE,
    tiny_shakespeare.FILE,
]
needs_data = pytest.mark.skipif(not os.environ.get("CDL_DATA_DIR"), reason="CDL_DATA_DIR is not set")


@pytest.fixture
def data(tmp_path, monkeypatch):
    """An empty data folder, and an empty cache folder beside it."""
    monkeypatch.setenv("CDL_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("CDL_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "data"


def save(folder, path, body):
    (folder / path).parent.mkdir(parents=True, exist_ok=True)
    (folder / path).write_bytes(body)
    return folder / path


# --------------------------------------------------------------------------------- the real sets, where they are


@needs_data
@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_the_published_files(file):
    assert hashlib.sha256(Path(_files.data_folder(), file.path).read_bytes()).hexdigest() == file.sha256


@needs_data
def test_sentiment_sentences():
    (x_train, y_train), (x_test, y_test) = sentiment_sentences.load_data()
    assert (len(x_train), y_train.shape, len(x_test), y_test.shape) == (2400, (2400,), 600, (600,))
    assert y_train.dtype == y_test.dtype == np.uint8
    assert y_train.sum() + y_test.sum() == 1500
    assert x_train[2] == "Wow... Loved this place." and y_train[2] == 1
    assert sum("\x85" in x for x in x_train + x_test) > 0  # sentences with line breaks of Unicode stay whole
    assert all(x == x.strip() != "" for x in x_train + x_test)


@needs_data
def test_tiny_shakespeare():
    train, test = tiny_shakespeare.load_data()
    assert (len(train), len(test), len(set(train + test))) == (1003854, 111540, 65)
    assert train.startswith("First Citizen:\nBefore we proceed") and test.endswith("Whiles thou art waking.\n")


@needs_data
def test_tang_poems():
    train, test = tang_poems.load_data()
    assert (len(train), len(test)) == (288, 32)
    assert {poem.form for poem in test} == {poem.form for poem in train} and len({poem.form for poem in test}) == 7
    moonlight = next(poem for poem in train + test if poem.title == "靜夜思")
    assert moonlight == ("靜夜思", "李白", "五言絕句", ["床前明月光，疑是地上霜，", "舉頭望明月，低頭思故鄉。"])
    others = {c for poem in train + test for line in poem.lines for c in line if not "\u4e00" <= c <= "\u9fff"}
    assert others == set("，。？！；：《》")  # no brackets, no spaces, no ASCII


@needs_data
def test_time_series():
    dates, temperatures = daily_temperatures.load_data()
    assert (dates.shape, dates.dtype) == ((3650,), np.dtype("datetime64[D]"))
    assert (temperatures.shape, temperatures.dtype) == ((3650,), np.float32)
    assert temperatures.min() == 0 and temperatures.max() == np.float32(26.3)
    assert set(np.diff(dates).astype(int)) == {1, 2}
    months, passengers = airline_passengers.load_data()
    assert (months == np.arange("1949-01", "1961-01", dtype="datetime64[M]")).all()
    assert passengers.dtype == np.float32 and passengers[[0, -1]].tolist() == [112, 432]


@needs_data
def test_spoken_digits():
    (x_train, y_train), (x_test, y_test) = spoken_digits.load_data()
    assert np.bincount(y_train).tolist() == [270] * 10 and np.bincount(y_test).tolist() == [30] * 10
    assert np.bincount(y_train[:300]).tolist() == [30] * 10  # whole takes, to validate with
    assert {x.dtype for x in x_train + x_test} == {np.dtype(np.int16)}
    lengths = [len(x) for x in x_train + x_test]
    assert (len(lengths), min(lengths), max(lengths)) == (3000, 1148, 18262)
    with wave.open(str(Path(_files.data_folder(), "fsdd", "wav_samples", "7_jackson_0.wav"))) as file:
        take = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    assert sum(np.array_equal(x, take) for x in x_test) == 1
    assert y_test[[np.array_equal(x, take) for x in x_test]] == 7
    (x_train, y_train), (x_theo, y_theo) = spoken_digits.load_data(test_speaker="theo")
    assert (len(x_train), len(y_train), np.bincount(y_theo).tolist()) == (2500, 2500, [50] * 10)
    assert np.bincount(y_train[:250]).tolist() == [25] * 10
    assert {x.tobytes() for x in x_train}.isdisjoint({x.tobytes() for x in x_theo})


def test_a_speaker_must_be_one_of_the_six():
    with pytest.raises(ValueError, match="test_speaker 'anna' is none of george, jackson"):
        spoken_digits.load_data("anna")


# ------------------------------------------------------------------------------------- the archive of spoken digits


def wav(samples):
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setparams((1, 2, spoken_digits.RATE, len(samples), "NONE", ""))
        file.writeframes(samples.astype("<i2").tobytes())
    return buffer.getvalue()


def recordings(seed=0):
    """Short recordings of everyone: {name: samples}."""
    rng = np.random.default_rng(seed)
    return {
        f"{digit}_{speaker}_{take}.wav": rng.integers(-(2**15), 2**15, rng.integers(1, 9), np.int16)
        for digit in range(10)
        for speaker in spoken_digits.SPEAKERS
        for take in range(50)
    }


def archive(bodies, level=9, shuffle=0):
    names = list(bodies)
    np.random.default_rng(shuffle).shuffle(names)
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz", compresslevel=level) as tar:
        for name in names:
            member = tarfile.TarInfo(f"free-spoken-digit-dataset-26eb9aa/recordings/{name}")
            member.size = len(bodies[name])
            tar.addfile(member, io.BytesIO(bodies[name]))
    return buffer.getvalue()


def expect(monkeypatch, bodies):
    digest = hashlib.sha256(b"".join(part for name in sorted(bodies) for part in (name.encode(), bodies[name])))
    monkeypatch.setattr(spoken_digits, "ARCHIVE", spoken_digits.ARCHIVE._replace(sha256=digest.hexdigest()))


def serve(monkeypatch, body):
    requests = []
    monkeypatch.setattr(_files, "_read", lambda url, label: requests.append(url) or iter([body]))
    return requests


def test_the_archive_is_downloaded_and_its_recordings_verified_however_it_is_packed(data, monkeypatch):
    takes = recordings()
    bodies = {name: wav(samples) for name, samples in takes.items()}
    expect(monkeypatch, bodies)
    for level, shuffle in ((1, 1), (9, 2)):
        requests = serve(monkeypatch, archive(bodies | {"README.md": b"hello"}, level, shuffle))
        (x_train, y_train), (x_test, _) = spoken_digits.load_data()
        (cached,) = (data.parent / "cache" / "fsdd").iterdir()
        assert requests == [spoken_digits.ARCHIVE.mirrors[0] + cached.name]
        cached.unlink()
    assert (len(x_train), len(x_test)) == (2700, 300)
    np.testing.assert_array_equal(x_test[0], takes["0_george_0.wav"])
    np.testing.assert_array_equal(x_train[60 + 6 * 7 + 1], takes["7_jackson_6.wav"])
    assert y_train[60 + 6 * 7 + 1] == 7
    assert x_train[0].flags.writeable


@pytest.mark.parametrize("flaw", ["changed", "missing", "renamed", "cut"])
def test_an_archive_of_something_else_is_refused_and_removed(flaw, data, monkeypatch):
    bodies = {name: wav(samples) for name, samples in recordings().items()}
    expect(monkeypatch, bodies)
    if flaw == "changed":
        bodies["3_lucas_9.wav"] = wav(np.ones(3))
    elif flaw == "missing":
        del bodies["3_lucas_9.wav"]
    elif flaw == "renamed":  # two names change places
        bodies["3_lucas_9.wav"], bodies["4_lucas_9.wav"] = bodies["4_lucas_9.wav"], bodies["3_lucas_9.wav"]
    body = archive(bodies)
    serve(monkeypatch, body[: len(body) // 2] if flaw == "cut" else body)
    with pytest.raises(OSError, match="truncated or not a tar" if flaw == "cut" else "wrong checksum, file removed"):
        spoken_digits.load_data()
    assert list((data.parent / "cache" / "fsdd").iterdir()) == []


@pytest.mark.parametrize(
    ("bodies", "message"),
    [
        ({"0_theo_1.wav": wav(np.ones(3))}, "holds 1 recordings of digits, not 3000"),
        ({"zero.wav": wav(np.ones(3))}, "holds zero.wav, which is not a recording of a digit"),
        ({"0_theo_1.wav": b"RIFF"}, "holds 0_theo_1.wav, which is not a recording"),
    ],
)
def test_an_archive_without_the_recordings_is_named(bodies, message, data):
    path = save(data, spoken_digits.ARCHIVE.path, archive(bodies))
    with pytest.raises(ValueError, match=message) as caught:
        spoken_digits.load_data()
    assert str(path) in str(caught.value) and "Delete the file" in str(caught.value)


def test_a_damaged_npz_of_recordings_is_named(data):
    path = save(data, "fsdd/fsdd.npz", b"PK\x03\x04")
    with pytest.raises(ValueError, match=r"fsdd\.npz is not the recordings in one file"):
        spoken_digits.load_data()
    np.savez(path, samples=np.zeros(3, np.int16))
    with pytest.raises(ValueError, match="offsets"):
        spoken_digits.load_data()


# ---------------------------------------------------------------------------------------------------- damaged texts


@pytest.mark.parametrize(
    ("module", "content", "message"),
    [
        (tiny_shakespeare, b"", "is empty"),
        (tiny_shakespeare, b"\xff\xfe", "is not UTF-8 text"),
        (sentiment_sentences, b"good\t1\nbad\n", "not 'sentence<TAB>0 or 1': 'bad'"),
        (sentiment_sentences, b"good\t2\n", "not 'sentence<TAB>0 or 1'"),
        (tang_poems, b"{", "is not the anthology in JSON"),
        (tang_poems, b"[]", "is not the anthology in JSON"),
        (tang_poems, b'{"content": [{"content": [{}], "type": ""}]}', "is not the anthology in JSON .*chapter"),
        (airline_passengers, b"", "has no values"),
        (airline_passengers, b'"Month","Passengers"\n"1949-01",112\n"1949-02",?\n', "not '\"date\",value'"),
        (daily_temperatures, b"<html>\n<body>\n", "not '\"date\",value'"),
    ],
)
def test_a_damaged_text_is_refused_by_name(module, content, message, data):
    for file in getattr(module, "FILES", None) or (module.FILE,):
        path = save(data, file.path, content)
    with pytest.raises(ValueError, match=message) as caught:
        module.load_data()
    assert path.parent.name in str(caught.value) and "Delete the file" in str(caught.value)


def test_notes_of_the_editor_are_left_out_of_poems(data):
    lines = '"君不見，(君 一作：吾)黃河！", "奔流!(奔", "一作：行)", "不復回?"'
    poem = f'{{"chapter": "t", "author": "a", "paragraphs": [{lines}]}}'
    save(data, tang_poems.FILE.path, f'{{"content": [{{"type": "f", "content": [{poem}]}}]}}'.encode())
    assert tang_poems.load_data() == ([("t", "a", "f", ["君不見，黃河！", "奔流！", "不復回？"])], [])
