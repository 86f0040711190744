"""Free Spoken Digit Dataset: 3,000 recordings of English digits, the MNIST of speech."""

from collections.abc import Iterator

import numpy as np

from cdl.datasets import _files

CURE = "Delete the file to have it downloaded again, or replace it by a good copy."
RATE = 8000  # samples in a second
SPEAKERS = ("george", "jackson", "lucas", "nicolas", "theo", "yweweler")
DIGITS, TAKES, TEST_TAKES = 10, 50, 5
Split = tuple[tuple[list[np.ndarray], np.ndarray], tuple[list[np.ndarray], np.ndarray]]
Key = tuple[int, int, str]  # take, digit, speaker
Recordings = dict[Key, np.ndarray]


def load_data(test_speaker: str | None = None) -> Split:
    """The recordings: 2,700 to train with and 300 to test with, of six speakers, at 8,000 samples a second.

    Args:
        test_speaker: None for the split of the authors, which holds back takes 0 to 4 of each speaker and digit; or
            one of "george", "jackson", "lucas", "nicolas", "theo", "yweweler": then the 500 recordings of that speaker
            are to test with, and the 2,500 of the others to train with, so that the voice is a new one.

    Returns:
        `((x_train, y_train), (x_test, y_test))`: lists of recordings, each an int16 array of 1,148 to 18,262 samples,
        and labels uint8, 0 to 9.  They come in the order of the takes, each of which has all digits by all speakers:
        the first 300 of 2,700 (250 of 2,500) are five takes, a fair part to validate with.

    Raises:
        ValueError: no speaker has that name; a file is damaged.
        OSError: the files are not on this machine and cannot be downloaded (16 MB).

    The file `fsdd/fsdd.npz` is read where `CDL_DATA_DIR` or the cache folder holds it (arrays `samples`, `offsets`,
    `digit`, `speaker`, `take`, `speakers`), else the archive of the repository at commit 26eb9aa.  GitHub packs an
    archive when it is asked for it, and its bytes may change; what is compared with the checksum is the names and
    bytes of the 3,000 recordings in it.

    Z. Jackson and contributors, https://github.com/Jakobovski/free-spoken-digit-dataset, licence CC BY-SA 4.0.

    Example:
        >>> (x_train, y_train), (x_test, y_test) = cdl.datasets.spoken_digits.load_data()
        >>> len(x_train), x_train[0].dtype, y_train[0]
        (2700, dtype('int16'), 0)
    """
    if test_speaker is not None and test_speaker not in SPEAKERS:
        raise ValueError(f"test_speaker {test_speaker!r} is none of {', '.join(SPEAKERS)}. Choose one, or None.")
    if (npz := _files.find("fsdd/fsdd.npz")) is not None:
        recordings = _read_npz(npz)
    else:
        recordings = _read_archive(_files.locate(ARCHIVE))
    train: list[Key] = []
    test: list[Key] = []
    for take, digit, speaker in sorted(recordings):
        held_back = take < TEST_TAKES if test_speaker is None else speaker == test_speaker
        (test if held_back else train).append((take, digit, speaker))
    return _samples_and_labels(recordings, train), _samples_and_labels(recordings, test)


def _samples_and_labels(recordings: Recordings, keys: list[Key]) -> tuple[list[np.ndarray], np.ndarray]:
    return [recordings[key] for key in keys], np.array([digit for _, digit, _ in keys], np.uint8)


def _complete(recordings: Recordings, path: str) -> Recordings:
    if len(recordings) != len(SPEAKERS) * DIGITS * TAKES:
        raise ValueError(f"{path} holds {len(recordings)} recordings of digits, not 3000. {CURE}")
    return recordings


def _read_npz(path: str) -> Recordings:
    try:
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as arrays:
            samples, offsets = arrays["samples"], arrays["offsets"]
            names = arrays["speakers"][arrays["speaker"]].tolist()
            keys = zip(arrays["take"].tolist(), arrays["digit"].tolist(), names, strict=True)
            recordings = dict(zip(keys, np.split(samples, offsets[1:-1]), strict=True))
    except Exception as error:  # zip, zlib and header errors have no common class
        raise ValueError(f"{path} is not the recordings in one file ({error}). {CURE}") from error
    return _complete(recordings, path)


def _read_archive(path: str) -> Recordings:
    import io
    import wave

    recordings = {}
    for name, body in _wav_files(path):
        try:
            digit, speaker, take = name.removesuffix(".wav").split("_")
            with wave.open(io.BytesIO(body)) as file:  # mono, 16 bits, little-endian
                samples = np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.int16)
            recordings[int(take), int(digit), speaker] = samples
        except (ValueError, EOFError, wave.Error) as error:
            raise ValueError(f"{path} holds {name}, which is not a recording of a digit ({error}). {CURE}") from error
    return _complete(recordings, path)


def _wav_files(path: str) -> list[tuple[str, bytes]]:
    """The name and the bytes of each recording, sorted."""
    import tarfile
    import zlib

    files = []
    try:
        with tarfile.open(path, "r|gz") as archive:  # read once, from front to back; nothing is written to disk
            for member in archive:
                if member.name.endswith(".wav") and (file := archive.extractfile(member)) is not None:
                    files.append((member.name.rpartition("/")[2], file.read()))
    except (EOFError, zlib.error, tarfile.TarError) as error:
        raise ValueError(f"{path} is truncated or not a tar.gz archive ({error}). {CURE}") from error
    return sorted(files)


def _content(path: str) -> Iterator[bytes]:
    for name, body in _wav_files(path):
        yield name.encode()
        yield body


ARCHIVE = _files.File(
    "fsdd",
    "26eb9aaf76e81b692f806f9140c2d2777410d7a1.tar.gz",
    "45a9b976ba3397a2fd5c70a9f2e43c34f442a3a6be47392ecfc41174b678f37e",
    ("https://github.com/Jakobovski/free-spoken-digit-dataset/archive/",),
    _content,
)
