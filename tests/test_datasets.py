"""The data sets: what they return, where their files come from, and what happens when those are missing or damaged."""

import gzip
import hashlib
import io
import os
import struct
import subprocess
import sys
import tarfile
import threading
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from cdl.datasets import _files, _idx, cifar10, digits, fashion_mnist, mnist

ROOT = Path(__file__).parents[1]
NAMES = (
    "train-images-idx3-ubyte.gz",
    "train-labels-idx1-ubyte.gz",
    "t10k-images-idx3-ubyte.gz",
    "t10k-labels-idx1-ubyte.gz",
)

needs_data = pytest.mark.skipif(not os.environ.get("CDL_DATA_DIR"), reason="CDL_DATA_DIR is not set")


def idx(array, magic=None, shape=None):
    """`array` as a gzipped idx file, with a header that may lie."""
    shape = array.shape if shape is None else shape
    magic = 0x0800 + array.ndim if magic is None else magic
    return gzip.compress(struct.pack(f">{1 + len(shape)}I", magic, *shape) + array.tobytes(), mtime=0)


def small_set(seed=0):
    """The four files of a data set of 12 + 5 images, and the arrays in them."""
    rng = np.random.default_rng(seed)
    arrays = [
        rng.integers(0, 256, (12, 28, 28), np.uint8),
        rng.integers(0, 10, 12, np.uint8),
        rng.integers(0, 256, (5, 28, 28), np.uint8),
        rng.integers(0, 10, 5, np.uint8),
    ]
    return dict(zip(NAMES, map(idx, arrays), strict=True)), arrays


def assert_holds(loaded, arrays):
    (x_train, y_train), (x_test, y_test) = loaded
    for got, want in zip((x_train, y_train, x_test, y_test), arrays, strict=True):
        assert got.dtype == np.uint8
        assert got.flags.writeable and got.flags.c_contiguous
        np.testing.assert_array_equal(got, want)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache folder, no data folder, and no proxy before the local server."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.delenv("CDL_DATA_DIR", raising=False)
    monkeypatch.setenv("CDL_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


class Server(ThreadingHTTPServer):
    """Serves `bodies` (path -> bytes); counts requests; may promise more bytes than it sends, or none at all."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.bodies, self.requests, self.promise_more, self.with_length = {}, [], 0, True
        self.url = f"http://127.0.0.1:{self.server_port}/"


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.requests.append(self.path)
        body = self.server.bodies.get(self.path.removeprefix("/"))
        if body is None:
            return self.send_error(404)
        self.send_response(200)
        if self.server.with_length:
            self.send_header("Content-Length", str(len(body) + self.server.promise_more))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


@pytest.fixture
def server():
    with Server() as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield server
        server.shutdown()


def publish(monkeypatch, module, bodies, *mirrors):
    """Has `module` expect `bodies` on `mirrors`."""
    files = tuple(
        _files.File(file.folder, file.name, hashlib.sha256(bodies[file.name]).hexdigest(), mirrors)
        for file in module.FILES
    )
    monkeypatch.setattr(module, "FILES", files)


# ---------------------------------------------------------------------------------------------------- digits


def test_digits_are_balanced_uint8_images():
    (x_train, y_train), (x_test, y_test) = digits.load_data()
    assert (x_train.shape, y_train.shape) == ((5000, 28, 28), (5000,))
    assert (x_test.shape, y_test.shape) == ((1000, 28, 28), (1000,))
    assert {a.dtype for a in (x_train, y_train, x_test, y_test)} == {np.dtype(np.uint8)}
    assert np.bincount(y_train).tolist() == [500] * 10
    assert np.bincount(y_test).tolist() == [100] * 10
    assert x_train.min() == 0 and x_train.max() == 255
    assert not np.array_equal(y_train, np.sort(y_train))


def test_digits_are_the_callers_own():
    (x, _), _ = digits.load_data()
    x[:] = 0
    (again, _), _ = digits.load_data()
    assert again.any()


def test_digits_of_each_class_look_alike():
    """The labels belong to the images: the nearest mean image of the training set names most test images."""
    (x_train, y_train), (x_test, y_test) = digits.load_data()
    means = np.stack([x_train[y_train == digit].mean(0).ravel() for digit in range(10)])
    images = x_test.reshape(len(x_test), -1).astype(float)
    distance = (means**2).sum(1) - 2 * images @ means.T
    assert (distance.argmin(1) == y_test).mean() > 0.75


def test_digits_need_neither_files_nor_network(cache, monkeypatch):
    monkeypatch.setattr(_files, "_download", lambda *args: pytest.fail("digits were downloaded"))
    digits.load_data()
    assert not cache.exists()


def test_digits_stay_small_and_state_their_licence():
    assert Path(digits.PATH).stat().st_size <= 1_600_000
    notice = Path(digits.PATH).with_name("digits.LICENSE.txt").read_text()
    assert "LeCun" in notice and "Cortes" in notice and "creativecommons.org/licenses/by-sa/3.0" in notice


@needs_data
@pytest.mark.skipif(not (ROOT / "tools" / "make_digits.py").exists(), reason="the tools are not here")
def test_digits_are_made_from_mnist_by_the_script(tmp_path):
    outputs = [tmp_path / "a.npz", tmp_path / "b.npz"]
    env = os.environ | {"PYTHONPATH": str(Path(_files.__file__).parents[2])}
    for output in outputs:
        subprocess.run([sys.executable, ROOT / "tools" / "make_digits.py", output], check=True, env=env)
    assert outputs[0].read_bytes() == outputs[1].read_bytes()
    # Another version of zlib may pack the same arrays into other bytes.
    with np.load(outputs[0]) as made, np.load(digits.PATH) as bundled:
        assert made.files == bundled.files
        for name in made.files:
            np.testing.assert_array_equal(made[name], bundled[name])


# --------------------------------------------------------------------------------- the real sets, where they are


@needs_data
@pytest.mark.parametrize(
    ("module", "counts"),
    [
        (mnist, [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]),
        (fashion_mnist, [6000] * 10),
    ],
)
def test_the_published_files(module, counts):
    for file in module.FILES:
        assert hashlib.sha256(Path(_files.data_folder(), file.path).read_bytes()).hexdigest() == file.sha256
    (x_train, y_train), (x_test, y_test) = module.load_data()
    assert (x_train.shape, y_train.shape) == ((60000, 28, 28), (60000,))
    assert (x_test.shape, y_test.shape) == ((10000, 28, 28), (10000,))
    assert {a.dtype for a in (x_train, y_train, x_test, y_test)} == {np.dtype(np.uint8)}
    assert np.bincount(y_train).tolist() == counts


# ------------------------------------------------------------------------------------------ where files are found


@pytest.mark.parametrize("module", [mnist, fashion_mnist])
def test_data_folder_before_cache_before_download(module, cache, tmp_path, monkeypatch, server):
    in_data, in_cache, on_web = (small_set(seed) for seed in (1, 2, 3))
    server.bodies = on_web[0]
    publish(monkeypatch, module, on_web[0], server.url)

    def save(folder, bodies):
        for file in module.FILES:
            (folder / file.path).parent.mkdir(parents=True, exist_ok=True)
            (folder / file.path).write_bytes(bodies[file.name])

    assert_holds(module.load_data(), on_web[1])
    assert len(server.requests) == 4
    save(cache, in_cache[0])
    assert_holds(module.load_data(), in_cache[1])
    monkeypatch.setenv("CDL_DATA_DIR", str(tmp_path / "data"))
    assert_holds(module.load_data(), in_cache[1])  # the data folder does not exist
    save(tmp_path / "data", in_data[0])
    assert_holds(module.load_data(), in_data[1])
    assert len(server.requests) == 4


def test_cache_folder_follows_the_platform(monkeypatch, tmp_path):
    for name in ("CDL_CACHE_DIR", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(sys, "platform", "linux")
    assert Path(_files.cache_folder()) == tmp_path / ".cache" / "cdl"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")  # invalid, shall be ignored
    assert Path(_files.cache_folder()) == tmp_path / ".cache" / "cdl"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert Path(_files.cache_folder()) == tmp_path / "xdg" / "cdl"
    monkeypatch.setattr(sys, "platform", "darwin")
    assert Path(_files.cache_folder()) == tmp_path / "Library" / "Caches" / "cdl"
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "local"))
    assert Path(_files.cache_folder()) == tmp_path / "local" / "cdl" / "Cache"
    monkeypatch.setenv("CDL_CACHE_DIR", "~/mine")
    assert Path(_files.cache_folder()) == tmp_path / "mine"


@pytest.mark.parametrize("where", ["absolute", "cache", "data"])
def test_mnist_reads_the_file_that_keras_stores(where, cache, tmp_path, monkeypatch):
    _, arrays = small_set()
    data = tmp_path / "data"
    monkeypatch.setenv("CDL_DATA_DIR", str(data))
    folder = {"absolute": tmp_path / "elsewhere", "cache": cache, "data": data}[where]
    folder.mkdir()
    np.savez_compressed(
        folder / "mnist.npz", **dict(zip(("x_train", "y_train", "x_test", "y_test"), arrays, strict=True))
    )
    loaded = mnist.load_data(str(folder / "mnist.npz")) if where == "absolute" else mnist.load_data()
    assert_holds(loaded, arrays)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 not a zip", b"text"])
def test_mnist_names_a_damaged_npz(content, tmp_path):
    (tmp_path / "mnist.npz").write_bytes(content)
    with pytest.raises(ValueError, match=r"mnist\.npz is not MNIST as Keras stores it"):
        mnist.load_data(path=tmp_path / "mnist.npz")


def test_mnist_names_what_an_npz_lacks(tmp_path):
    np.savez(tmp_path / "mnist.npz", x_train=np.zeros(3))
    with pytest.raises(ValueError, match="y_train"):
        mnist.load_data(path=tmp_path / "mnist.npz")


# ------------------------------------------------------------------------------------------------------ downloads


def files_in(folder):
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def test_a_download_is_verified_kept_and_not_repeated(cache, monkeypatch, server):
    server.bodies, arrays = small_set()
    publish(monkeypatch, mnist, server.bodies, server.url)
    assert_holds(mnist.load_data(), arrays)
    assert_holds(mnist.load_data(), arrays)
    assert server.requests == [f"/{name}" for name in NAMES]
    assert files_in(cache) == sorted(NAMES)


def test_a_download_without_a_length_works(cache, monkeypatch, server):
    server.bodies, arrays = small_set()
    server.with_length = False
    publish(monkeypatch, mnist, server.bodies, server.url)
    assert_holds(mnist.load_data(), arrays)


@pytest.mark.parametrize("flaw", ["wrong", "truncated", "missing", "down"])
def test_the_next_mirror_helps(flaw, cache, monkeypatch, server):
    good, arrays = small_set()
    server.bodies = {f"good/{name}": body for name, body in good.items()}
    if flaw == "wrong":
        server.bodies |= {f"bad/{name}": b"x" + body[1:] for name, body in good.items()}
    if flaw == "truncated":
        server.bodies |= {f"bad/{name}": body[:-1] for name, body in good.items()}
    bad = "http://127.0.0.1:1/" if flaw == "down" else server.url + "bad/"
    publish(monkeypatch, mnist, good, bad, server.url + "good/")
    assert_holds(mnist.load_data(), arrays)
    assert files_in(cache) == sorted(NAMES)


def test_a_wrong_checksum_leaves_no_file(cache, monkeypatch, server):
    good, _ = small_set()
    server.bodies = {name: body + b"!" for name, body in good.items()}
    publish(monkeypatch, mnist, good, server.url)
    with pytest.raises(OSError, match="wrong checksum, file removed") as caught:
        mnist.load_data()
    assert hashlib.sha256(good[NAMES[0]]).hexdigest() in str(caught.value)
    assert hashlib.sha256(server.bodies[NAMES[0]]).hexdigest() in str(caught.value)
    assert files_in(cache) == []


def test_a_broken_connection_says_how_much_came(cache, monkeypatch, server):
    server.bodies, _ = small_set()
    server.promise_more = 100
    publish(monkeypatch, mnist, server.bodies, server.url)
    size = len(server.bodies[NAMES[0]])
    with pytest.raises(OSError, match=f"ended after {size:,} of {size + 100:,} bytes"):
        mnist.load_data()
    assert files_in(cache) == []


def test_a_silent_mirror_times_out(cache, monkeypatch, server):
    server.bodies, _ = small_set()
    server.promise_more = 100
    hold = threading.Event()
    finish = Handler.finish
    monkeypatch.setattr(Handler, "finish", lambda self: (hold.wait(5), finish(self)))  # keeps the connection open
    monkeypatch.setattr(_files, "TIMEOUT", 0.2)
    publish(monkeypatch, mnist, server.bodies, server.url)
    try:
        with pytest.raises(OSError, match="timed out"):
            mnist.load_data()
    finally:
        hold.set()
    assert files_in(cache) == []


def test_offline_the_error_names_what_was_tried_and_the_cures(cache, monkeypatch, server):
    good, _ = small_set()
    publish(monkeypatch, fashion_mnist, good, server.url, "http://127.0.0.1:1/")
    with pytest.raises(OSError) as caught:
        fashion_mnist.load_data()
    message = str(caught.value)
    for part in (
        "fashion-mnist/train-images-idx3-ubyte.gz is not on this machine",
        f"{server.url}train-images-idx3-ubyte.gz: HTTP Error 404",
        "http://127.0.0.1:1/train-images-idx3-ubyte.gz: <urlopen error",
        f"save {server.url}train-images-idx3-ubyte.gz as {cache / 'fashion-mnist' / NAMES[0]}",
        "CDL_DATA_DIR (not set)",
        "cdl.datasets.digits",
    ):
        assert part in message
    assert files_in(cache) == []


def test_concurrent_downloads_do_not_disturb_each_other(cache, monkeypatch, server):
    server.bodies, arrays = small_set()
    publish(monkeypatch, mnist, server.bodies, server.url)
    start = threading.Barrier(8)

    def load(_):
        start.wait()
        return mnist.load_data()

    with ThreadPoolExecutor(8) as pool:
        for loaded in pool.map(load, range(8)):
            assert_holds(loaded, arrays)
    assert files_in(cache) == sorted(NAMES)


def test_an_interrupt_leaves_no_file(cache, monkeypatch, server):
    server.bodies, arrays = small_set()
    publish(monkeypatch, mnist, server.bodies, server.url)
    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", lambda *args: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            mnist.load_data()
    assert files_in(cache) == []
    assert_holds(mnist.load_data(), arrays)


def test_a_cache_that_cannot_be_written_is_named(cache, monkeypatch, server):
    server.bodies, _ = small_set()
    publish(monkeypatch, mnist, server.bodies, server.url)
    cache.write_text("a file, not a folder")
    with pytest.raises(OSError, match=r"cannot be written.*CDL_CACHE_DIR"):
        mnist.load_data()
    assert server.requests == []


def test_progress_is_one_line_without_tqdm(cache, monkeypatch, server, capsys):
    server.bodies, _ = small_set()
    publish(monkeypatch, mnist, server.bodies, server.url)
    monkeypatch.setitem(sys.modules, "tqdm", None)
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    mnist.load_data()
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(" (")[0] for line in lines] == [f"Downloading {server.url}{name}" for name in NAMES]


def test_progress_is_a_bar_with_tqdm(cache, monkeypatch, server, capsys):
    pytest.importorskip("tqdm")
    server.bodies, _ = small_set()
    publish(monkeypatch, mnist, server.bodies, server.url)
    mnist.load_data()
    err = capsys.readouterr().err
    assert "Downloading" not in err
    assert all(name in err for name in NAMES) and "100%" in err


# -------------------------------------------------------------------------------------------------- damaged files

IMAGES = np.arange(2 * 28 * 28).astype(np.uint8).reshape(2, 28, 28)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "begins with 0x0000"),
        (b"not gzip", "not a gzip file"),
        (idx(IMAGES)[:-20], "truncated or not a gzip file"),
        (idx(IMAGES)[:-1], "truncated or not a gzip file"),
        (idx(IMAGES)[:40] + b"\xff" * 40 + idx(IMAGES)[80:], "truncated or not a gzip file"),
        (gzip.compress(b""), "begins with 0x0000"),
        (gzip.compress(b"\0\0"), "begins with 0x0000"),
        (idx(IMAGES, magic=0x0801), "begins with 0x0801, not with 0x0803"),
        (idx(IMAGES, magic=0x0D03), "begins with 0x0d03"),
        (idx(IMAGES, shape=(3, 28, 28)), r"holds 1568 bytes, but its header says shape \(3, 28, 28\), 2352 bytes"),
        (idx(IMAGES, shape=(1, 28, 28)), r"holds 1568 bytes, but its header says shape \(1, 28, 28\), 784 bytes"),
        (idx(IMAGES, shape=(2**32 - 1,) * 3), "holds 1568 bytes, but"),
        (gzip.compress(struct.pack(">2I", 0x0803, 2)), "holds 0 bytes, but"),
    ],
)
def test_a_damaged_idx_file_is_refused_by_name(content, message, tmp_path):
    path = tmp_path / "images.gz"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message) as caught:
        _idx.read(path, rank=3)
    assert str(path) in str(caught.value) and "Delete the file" in str(caught.value)


def test_an_empty_but_true_idx_file_is_read(tmp_path):
    (tmp_path / "images.gz").write_bytes(idx(np.zeros((0, 28, 28), np.uint8)))
    assert _idx.read(tmp_path / "images.gz", rank=3).shape == (0, 28, 28)


def test_images_and_labels_must_belong_together(cache, tmp_path, monkeypatch):
    bodies, _ = small_set()
    bodies[NAMES[1]] = bodies[NAMES[3]]
    (tmp_path / "data" / "mnist").mkdir(parents=True)
    for name, body in bodies.items():
        (tmp_path / "data" / "mnist" / name).write_bytes(body)
    monkeypatch.setenv("CDL_DATA_DIR", str(tmp_path / "data"))
    with pytest.raises(ValueError, match=r"holds 12 images, but .* holds 5 labels"):
        mnist.load_data()


# ------------------------------------------------------------------------------------------------------------- CIFAR-10

PARTS = [*cifar10.TRAIN, *cifar10.TEST]


def photographs(count, seed=0):
    """Images and labels, and the bytes of the records that hold them: label, then red, green and blue plane."""
    rng = np.random.default_rng(seed)
    x, y = rng.integers(0, 256, (count, 32, 32, 3), np.uint8), rng.integers(0, 10, (count, 1), np.uint8)
    records = np.concatenate([y, x.transpose(0, 3, 1, 2).reshape(count, -1)], axis=1)
    return x, y, records.tobytes()


def tar_gz(bodies):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, body in bodies.items():
            member = tarfile.TarInfo(name)
            member.size = len(body)
            archive.addfile(member, io.BytesIO(body))
    return buffer.getvalue()


def small_archive():
    """An archive of five times two and three images, in another order than is wanted, and the arrays in it."""
    drawn = {name: photographs(3 if name in cifar10.TEST else 2, seed) for seed, name in enumerate(PARTS)}
    bodies = {"cifar-10-batches-bin/readme.html": b"<html>"} | {name: drawn[name][2] for name in reversed(PARTS)}
    x_train, y_train = (np.concatenate([drawn[name][k] for name in cifar10.TRAIN]) for k in (0, 1))
    return tar_gz(bodies), (x_train, y_train, *drawn[PARTS[-1]][:2])


def save(folder, path, body):
    (folder / path).parent.mkdir(parents=True, exist_ok=True)
    (folder / path).write_bytes(body)
    return folder / path


def test_cifar10_is_found_else_a_subset_of_it_else_downloaded(cache, tmp_path, monkeypatch, server):
    archive, arrays = small_archive()
    published = cifar10.ARCHIVE._replace(sha256=hashlib.sha256(archive).hexdigest(), mirrors=(server.url,))
    monkeypatch.setattr(cifar10, "ARCHIVE", published)
    data = tmp_path / "data"
    monkeypatch.setenv("CDL_DATA_DIR", str(data))
    train, test = photographs(4, 10), photographs(1, 11)
    save(data, cifar10.SUBSET[0], gzip.compress(train[2]))

    server.bodies = {"cifar-10-binary.tar.gz": archive}
    assert_holds(cifar10.load_data(), arrays)  # half a subset is none
    assert server.requests == ["/cifar-10-binary.tar.gz"]
    (cache / cifar10.ARCHIVE.path).unlink()
    save(data, cifar10.SUBSET[1], gzip.compress(test[2]))
    assert_holds(cifar10.load_data(), (*train[:2], *test[:2]))
    save(data, cifar10.ARCHIVE.path, archive)
    assert_holds(cifar10.load_data(), arrays)
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "truncated or not a tar.gz archive"),
        (b"not gzip", "truncated or not a tar.gz archive"),
        (gzip.compress(b"not tar" * 100), "truncated or not a tar.gz archive"),
        (small_archive()[0][:-1000], "truncated or not a tar.gz archive"),
        (tar_gz({}), "lacks cifar-10-batches-bin/data_batch_1.bin, "),
        (tar_gz(dict.fromkeys(PARTS, b"1")), "holds 5 bytes of images, not a multiple of 3073"),
        (tar_gz(dict.fromkeys(PARTS, b"\n" * 3073)), "has a label 10, beyond 9"),
    ],
)
def test_a_damaged_archive_is_refused_by_name(content, message, cache):
    path = save(cache, cifar10.ARCHIVE.path, content)
    with pytest.raises(ValueError, match=message) as caught:
        cifar10.load_data()
    assert str(path) in str(caught.value) and "Delete the file" in str(caught.value)


def test_a_damaged_subset_is_refused_by_name(cache):
    whole = gzip.compress(photographs(2)[2])
    save(cache, cifar10.SUBSET[0], whole)
    for content, message in [
        (whole[:-9], "truncated"),
        (b"x", "not a gzip"),
        (gzip.compress(b"1"), "1 bytes of images"),
    ]:
        path = save(cache, cifar10.SUBSET[1], content)
        with pytest.raises(ValueError, match=message) as caught:
            cifar10.load_data()
        assert str(path) in str(caught.value)


@needs_data
def test_the_published_photographs():
    """The whole set or the subset: the first batch has the published counts of its classes, and begins with a frog."""
    (x_train, y_train), (x_test, y_test) = cifar10.load_data()
    assert x_train.shape[1:] == x_test.shape[1:] == (32, 32, 3)
    assert y_train.shape == (len(x_train), 1) and y_test.shape == (len(x_test), 1)
    assert np.bincount(y_train[:10_000, 0]).tolist() == [1005, 974, 1032, 1016, 999, 937, 1030, 1001, 1025, 981]
    assert y_train[0, 0] == 6 and x_train[0, 0, :3].tolist() == [[59, 62, 63], [43, 46, 45], [50, 48, 43]]
    # Upright and in colour: in the mean, the upper part of an image is the sky's, lighter and bluer than the lower.
    sky, ground = x_train[:10_000, :4].mean(axis=(0, 1, 2)), x_train[:10_000, -4:].mean(axis=(0, 1, 2))
    assert (sky > ground).all() and sky[2] - sky[0] > ground[2] - ground[0]
