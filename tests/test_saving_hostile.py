"""Files from strangers: whatever is wrong with them, they are refused before they take memory, and nothing runs."""

import contextlib
import io
import json
import os
import struct
import tracemalloc
import zipfile

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import cdl
from cdl import Sequential, layers, saving
from cdl.saving.construction import blaming, loading, model_from_config
from cdl.saving.limits import CONFIG_DEPTH

FORMATS = ["safetensors", "keras", "h5"]
MOST_MEMORY = 64 * 2**20


def small(units=4):
    stack = [layers.Input((3,)), layers.Dense(units, "relu", name="dense"), layers.Dense(2, name="top")]
    model = Sequential(stack, name="small")
    model.compile("adam", "mse", metrics=["mae"])
    return model


def refused(path, match=None):
    """Loading the file raises FormatError and takes little memory."""
    tracemalloc.start()
    try:
        with pytest.raises(saving.FormatError, match=match):
            cdl.models.load_model(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < MOST_MEMORY


# ---- files whose config is changed ----


def config_in(path):
    if path.suffix == ".safetensors":
        with saving.safetensors_file.SafetensorsFile(path) as file:
            return json.loads(file.metadata["cdl.config"])
    if path.suffix == ".keras":
        with zipfile.ZipFile(path) as archive:
            return json.loads(archive.read("config.json"))
    with h5py.File(path) as file:
        return json.loads(file.attrs["model_config"])


def with_config(path, text):
    """Put another config into a file."""
    if path.suffix == ".safetensors":
        with saving.safetensors_file.SafetensorsFile(path) as file:
            metadata, tensors = dict(file.metadata), {name: tensor.read() for name, tensor in file.tensors.items()}
        saving.save_safetensors(tensors, path, {**metadata, "cdl.config": text})
    elif path.suffix == ".keras":
        with zipfile.ZipFile(path) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in members.items():
                archive.writestr(name, text if name == "config.json" else content)
    else:
        with h5py.File(path, "r+") as file:
            file.attrs["model_config"] = text


def saved(tmp_path, suffix, change=None):
    """A file of a small model, its config changed by a function of its list of layers."""
    path = tmp_path / f"model.{suffix}"
    small().save(path)
    if change:
        config = config_in(path)
        change(config["config"]["layers"])
        with_config(path, json.dumps(config))
    return path


def argument(key, value, layer=1):
    def change(entries):
        entries[layer]["config"][key] = value

    return change


def entry(class_name, module="keras.layers", **config):
    def change(entries):
        entries.append({"module": module, "class_name": class_name, "config": config, "registered_name": None})

    return change


CHANGES = {
    "a layer too wide": argument("units", 2**40),
    "a layer somewhat too wide": argument("units", 2**28),
    "units that are no number": argument("units", "many"),
    "units below zero": argument("units", -4),
    "an input too large": argument("batch_shape", [None, 2**40], layer=0),
    "other units than the file has": argument("units", 5),
    "an unknown argument": argument("color", "blue"),
    "an unknown activation": argument("activation", "os.system"),
    "an activation of another kind": argument("activation", {"class_name": "Dense", "config": {"units": 2}}),
    "an initializer that is none": argument("kernel_initializer", {"class_name": "Dense", "config": {}}),
    "an embedding too large": entry("Embedding", input_dim=2**40, output_dim=2**20),
    "a convolution too large": entry("Conv2D", filters=2**20, kernel_size=[2**20, 2**20]),
    "a lambda": entry("Lambda", function={"class_name": "__lambda__", "config": {"value": ["4wEAAA==", None, None]}}),
    "a saved model of TensorFlow": entry("TFSMLayer", filepath="/home/model"),
    "a class of Python": entry("system", module="os", command="echo"),
    "a function of Keras": entry("enable_unsafe_deserialization", module="keras.config"),
    "a function as a layer": entry("function", module="builtins"),
    "a model that is none": entry("Sequential", module="keras", layers="none"),
    "a file as vocabulary": entry("StringLookup", vocabulary="/etc/passwd"),
    "a file as the vocabulary of texts": entry("TextVectorization", vocabulary="/etc/passwd"),
    "layers that are no list": lambda entries: entries.append(7),
    "an optimizer as a layer": entry("Adam", module="keras.optimizers"),
    "padding without end": entry("ZeroPadding1D", padding=[2**40, 2**40]),
}


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("name", CHANGES)
def test_changed_configs(name, suffix, tmp_path):
    refused(saved(tmp_path, suffix, CHANGES[name]))


SMALL_ARGUMENTS = [{}, {"units": 1}, {"filters": 1, "kernel_size": 1}, {"kernel_size": 1}, {"n": 2**30}, {"rate": 0.5}]


def every_layer():
    """Configs of layers, as small as they can be made."""
    for cls in sorted(layers.registry.public, key=lambda cls: cls.__name__):
        for arguments in SMALL_ARGUMENTS:
            yield {"module": "keras.layers", "class_name": cls.__name__, "config": {**arguments}}


def test_a_layer_that_is_tried_on_zeros():
    function = {"class_name": "function", "config": "relu", "module": "builtins"}
    entries = [
        {"module": "keras.layers", "class_name": "InputLayer", "config": {"batch_shape": [None, 2**33], "name": "in"}},
        {"module": "keras.layers", "class_name": "Lambda", "config": {"name": "l", "function": function}},
    ]
    config = {"module": "keras", "class_name": "Sequential", "config": {"name": "m", "layers": entries}}
    with pytest.raises(saving.FormatError, match="an array of"), blaming("test"), loading(1000):
        model_from_config(config, None, "test")


@pytest.mark.parametrize("rank", [1, 2, 3, 4])
def test_no_layer_takes_the_memory_that_an_input_stands_for(rank):
    """Shapes of outputs are worked out without arrays of these shapes."""
    shape = {"batch_shape": [None, *[2**20] * rank], "dtype": "float32", "name": "in"}
    first = {"module": "keras.layers", "class_name": "InputLayer", "config": shape}
    tracemalloc.start()
    try:
        for layer in every_layer():
            config = {"module": "keras", "class_name": "Sequential", "config": {"name": "m", "layers": [first, layer]}}
            before = tracemalloc.get_traced_memory()[0]
            tracemalloc.reset_peak()
            with contextlib.suppress(saving.FormatError), blaming("test"), loading(1000):
                model_from_config(config, None, "test")
            assert tracemalloc.get_traced_memory()[1] - before < MOST_MEMORY / 2, layer
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "7",
        "[]",
        "{}",
        '{"class_name": "Sequential"}',
        '{"class_name": "Sequential", "config": null}',
        '{"class_name": "Sequential", "config": {"layers": []}, "config": {"layers": []}}',
        '{"class_name": "Sequential", "config": {"layers": [], "x": NaN}}',
        '{"class_name": "Sequential", "config": {"layers": [], "x": -Infinity}}',
        '{"class_name": "Sequential", "config": {"layers": [], "x": 1e999}}',
        '{"class_name": "Sequential", "config": {"layers": [], "x": ' + "9" * 5000 + "}}",
        '{"class_name": "Sequential", "config": {"layers": ' + "[" * 20_000 + "]" * 20_000 + "}}",
        '{"class_name": "Sequential", "config": {"layers": ' + "[" * CONFIG_DEPTH + "]" * CONFIG_DEPTH + "}}",
        '{"class_name": "Sequential", "config": {"layers": ["\\ud800"]}}',
        '{"class_name": "Dense", "module": "keras.layers", "config": {"units": 3}}',
    ],
    ids=lambda text: text[:70] or "nothing",
)
def test_texts_that_are_no_config(text, suffix, tmp_path):
    path = saved(tmp_path, suffix)
    with_config(path, text)
    refused(path)


@pytest.mark.parametrize("text", ["{", '{"a": 1, "a": 2}', "[NaN]", "[" * 10_000, b"\xff\xfe{"])
def test_texts_of_models(text):
    with pytest.raises(saving.FormatError):
        cdl.models.model_from_json(text)


@pytest.mark.parametrize("inside", [False, True])
@pytest.mark.parametrize(
    "metric",
    [
        {"class_name": "AUC", "config": {"num_thresholds": 2**40}},
        {"class_name": "MeanIoU", "config": {"num_classes": 2**20}},
        {"class_name": "PrecisionAtRecall", "config": {"recall": 0.5, "num_thresholds": 10**9}},
    ],
)
def test_metrics_that_would_fill_the_memory(metric, inside, tmp_path):
    path = saved(tmp_path, "safetensors")
    config = config_in(path)
    metrics = [{"module": "keras.metrics", **metric}]
    if inside:
        nested = {**config, "config": {"name": "inner", "layers": []}}
        config["config"]["layers"].append({**nested, "compile_config": {"optimizer": "sgd", "metrics": metrics}})
    else:
        config["compile_config"]["metrics"] = metrics
    with_config(path, json.dumps(config))
    refused(path, "a metric with")


# ---- safetensors ----


def raw(path, header, data=b"", length=None):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text) if length is None else length) + text + data)
    return path


def f32(shape, begin, end):
    return {"dtype": "F32", "shape": shape, "data_offsets": [begin, end]}


ENTRY = json.dumps(f32([1], 0, 4))
BROKEN = {
    "nothing": (b"", b"", None),
    "a length beyond the end": (b"{}", b"", 2**62),
    "a length of 2^64 - 1": (b"{}", b"", 2**64 - 1),
    "no JSON": (b"hello", b"", None),
    "a list": (b"[]", b"", None),
    "white space first": (b" {}", b"", None),
    "a gap": ({"a": f32([1], 0, 4), "b": f32([1], 8, 12)}, b"0" * 12, None),
    "an overlap": ({"a": f32([2], 0, 8), "b": f32([1], 4, 8)}, b"0" * 8, None),
    "bytes of nobody": ({"a": f32([1], 0, 4)}, b"0" * 8, None),
    "too few bytes": ({"a": f32([4], 0, 16)}, b"0" * 8, None),
    "a shape that does not fit": ({"a": f32([3], 0, 8)}, b"0" * 8, None),
    "a product beyond 64 bits": ({"a": f32([2**32, 2**32, 2**32], 0, 0)}, b"", None),
    "offsets backwards": ({"a": f32([1], 4, 0)}, b"0" * 4, None),
    "sizes below zero": ({"a": f32([-1, -1], 0, 4)}, b"0" * 4, None),
    "sizes that are no integers": ({"a": f32([1.0], 0, 4)}, b"0" * 4, None),
    "sizes that are truths": ({"a": f32([True], 0, 4)}, b"0" * 4, None),
    "an unknown dtype": ({"a": {"dtype": "OBJECT", "shape": [1], "data_offsets": [0, 8]}}, b"0" * 8, None),
    "a dtype that is a list": ({"a": {"dtype": [], "shape": [1], "data_offsets": [0, 8]}}, b"0" * 8, None),
    "too many axes": ({"a": f32([1] * 100, 0, 4)}, b"0" * 4, None),
    "an entry too many": ({"a": {**f32([1], 0, 4), "path": "/etc/passwd"}}, b"0" * 4, None),
    "an entry that is none": ({"a": 3}, b"", None),
    "metadata that are no texts": ({"__metadata__": {"a": 1}}, b"", None),
    "a name twice": (f'{{"a": {ENTRY}, "a": {ENTRY}}}'.encode(), b"0" * 4, None),
    "truths that are neither": ({"a": {"dtype": "BOOL", "shape": [1], "data_offsets": [0, 1]}}, b"\x07", None),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_safetensors(name, tmp_path):
    path = raw(tmp_path / "model.safetensors", *BROKEN[name])
    refused(path)
    with pytest.raises(saving.FormatError):
        saving.load_safetensors(path)
    with pytest.raises(saving.FormatError):
        small().load_weights(path)


@pytest.mark.parametrize("keep", [0, 4, 8, 100, 3000, -1, -4])
def test_files_cut_short(keep, tmp_path):
    for suffix in FORMATS:
        path = saved(tmp_path, suffix)
        path.write_bytes(path.read_bytes()[:keep])
        refused(path)


def test_tensors_that_are_missing_too_many_or_of_another_dtype(tmp_path):
    path = saved(tmp_path, "safetensors")
    with saving.safetensors_file.SafetensorsFile(path) as file:
        metadata, tensors = dict(file.metadata), {name: tensor.read() for name, tensor in file.tensors.items()}

    def changed(**changes):
        kept = {**tensors, **changes}
        saving.save_safetensors({name: t for name, t in kept.items() if t is not None}, path, metadata)
        return path

    kernel = "layers/dense/kernel"
    refused(changed(**{kernel: None}), "variables")
    refused(changed(extra=np.zeros(3)), "no place for")
    refused(changed(**{kernel: np.zeros((4, 3), "float32")}), "shape")


def test_metadata_that_lie(tmp_path):
    path = saved(tmp_path, "safetensors")
    with saving.safetensors_file.SafetensorsFile(path) as file:
        metadata, tensors = dict(file.metadata), {name: tensor.read() for name, tensor in file.tensors.items()}
    for key, value in {"cdl.flags": '{"": [true]}', "cdl.seeds": "[]", "cdl.trained": "7"}.items():
        saving.save_safetensors(tensors, path, {**metadata, key: value})
        refused(path)
    model = small()
    model.fit(np.zeros((4, 3)), np.zeros((4, 2)), verbose=0)
    model.save(path)
    with saving.safetensors_file.SafetensorsFile(path) as file:
        metadata, tensors = dict(file.metadata), {name: tensor.read() for name, tensor in file.tensors.items()}
    for numbers in ("[99]", '["a"]', "[[0]]", "7"):
        saving.save_safetensors(tensors, path, {**metadata, "cdl.trained": f'{{"optimizer": {numbers}}}'})
        refused(path)


# ---- zip archives ----


def archive_of(tmp_path, change):
    """A .keras file whose members are changed by a function of (archive being written, members)."""
    path = saved(tmp_path, "keras")
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        change(archive, members)
    return path


def write_all(archive, members):
    for name, content in members.items():
        archive.writestr(name, content)


@pytest.mark.parametrize("name", ["config.json", "model.weights.h5", "metadata.json"])
def test_bombs_in_archives(name, tmp_path):
    def change(archive, members):
        write_all(archive, {key: content for key, content in members.items() if key != name})
        archive.writestr(name, b" " * 60_000_000, compress_type=zipfile.ZIP_DEFLATED)

    refused(archive_of(tmp_path, change), "stands for")


def test_members_that_say_they_are_short_and_are_not(tmp_path):
    """What a member declares is what is unpacked, whatever is there."""

    def change(archive, members):
        write_all(archive, {key: content for key, content in members.items() if key != "config.json"})
        archive.writestr("config.json", b" " * 60_000_000, compress_type=zipfile.ZIP_DEFLATED)
        archive.getinfo("config.json").file_size = 1000

    refused(archive_of(tmp_path, change))


@pytest.mark.parametrize("name", ["../evil", "/etc/evil", "assets/../../evil", "C:/evil", "..\\evil"])
def test_members_that_point_out_of_the_archive(name, tmp_path):
    def change(archive, members):
        write_all(archive, {**members, name: b"evil"})

    refused(archive_of(tmp_path, change), "points out")
    assert sorted(os.listdir(tmp_path)) == ["model.keras"]


def test_links_in_archives(tmp_path):
    def change(archive, members):
        write_all(archive, members)
        link = zipfile.ZipInfo("assets/link")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc/passwd")

    refused(archive_of(tmp_path, change), "is a link")


def test_members_that_are_there_twice(tmp_path):
    def change(archive, members):
        write_all(archive, members)
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("config.json", b"{}")

    refused(archive_of(tmp_path, change), "twice")


@pytest.mark.parametrize("name", ["config.json", "model.weights.h5", "metadata.json"])
def test_members_that_are_missing(name, tmp_path):
    def change(archive, members):
        write_all(archive, {key: content for key, content in members.items() if key != name})

    refused(archive_of(tmp_path, change), name)


def test_members_that_are_damaged(tmp_path):
    path = saved(tmp_path, "keras")
    content = bytearray(path.read_bytes())
    content[content.index(b"Sequential")] ^= 1
    path.write_bytes(content)
    refused(path, "damaged")


@pytest.mark.parametrize("metadata", ["[]", '{"keras_version": 3}', '{"keras_version": "9.9"}', "{"])
def test_versions_that_are_none(metadata, tmp_path):
    def change(archive, members):
        write_all(archive, {**members, "metadata.json": metadata})

    with contextlib.suppress(saving.FormatError):
        cdl.models.load_model(archive_of(tmp_path, change))


# ---- HDF5 ----


def hdf5(tmp_path, change, suffix):
    """A file of weights, in an archive or by itself, changed by a function of (open file, path of a kernel)."""
    path = saved(tmp_path, suffix)
    if suffix == "h5":
        with h5py.File(path, "r+") as file:
            change(file, "model_weights/dense/" + file["model_weights/dense"].attrs["weight_names"][0].decode())
        return path
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    buffer = io.BytesIO(members["model.weights.h5"])
    with h5py.File(buffer, "r+") as file:
        change(file, "layers/dense/vars/0")
    members["model.weights.h5"] = buffer.getvalue()
    with zipfile.ZipFile(path, "w") as archive:
        write_all(archive, members)
    return path


def soft_link(file, kernel):
    del file[kernel]
    file[kernel] = h5py.SoftLink("/elsewhere")


def external_link(file, kernel):
    del file[kernel]
    file[kernel] = h5py.ExternalLink("/etc/passwd", "/")


def link_of_a_group(file, kernel):
    file["aside"] = h5py.SoftLink("/")


def external_storage(file, kernel):
    del file[kernel]
    file.create_dataset(kernel, (3, 4), "f4", external=[("/etc/passwd", 0, 48)])


def virtual(file, kernel):
    del file[kernel]
    layout = h5py.VirtualLayout((3, 4), "f4")
    layout[:] = h5py.VirtualSource("/etc/passwd", "x", (3, 4))
    file.create_virtual_dataset(kernel, layout)


def declared(file, kernel):
    del file[kernel]
    file.create_dataset(kernel, (2**20, 2**20), "f4", chunks=(1024, 1024), compression="gzip")


def declared_beside(file, kernel):
    file.create_dataset("aside", (2**20, 2**20), "f4", chunks=(1024, 1024), compression="gzip")


def objects(file, kernel):
    del file[kernel]
    file.create_dataset(kernel, (3, 4), h5py.string_dtype())


def opaque(file, kernel):
    del file[kernel]
    file.create_dataset(kernel, data=np.zeros((3, 4), "V8"))


def empty(file, kernel):
    del file[kernel]
    file.create_dataset(kernel, data=h5py.Empty("f4"))


def a_group(file, kernel):
    del file[kernel]
    file.create_group(kernel)


def a_loop(file, kernel):
    file["loop"] = file["/"]


def another_shape(file, kernel):
    del file[kernel]
    file.create_dataset(kernel, data=np.zeros((4, 3), "f4"))


@pytest.mark.parametrize("suffix", ["keras", "h5"])
@pytest.mark.parametrize(
    "change",
    [
        soft_link,
        external_link,
        link_of_a_group,
        external_storage,
        virtual,
        declared,
        declared_beside,
        objects,
        opaque,
        empty,
        a_group,
        a_loop,
        another_shape,
    ],
    ids=lambda change: change.__name__,
)
def test_hdf5_that_refers_elsewhere_or_lies(change, suffix, tmp_path):
    refused(hdf5(tmp_path, change, suffix))


def test_links_are_refused_in_weights_alone(tmp_path):
    model = small()
    model.save_weights(tmp_path / "w.weights.h5")
    with h5py.File(tmp_path / "w.weights.h5", "r+") as file:
        soft_link(file, "layers/dense/vars/0")
    with pytest.raises(saving.FormatError, match="link"):
        model.load_weights(tmp_path / "w.weights.h5")


def test_two_names_that_are_one_path(tmp_path):
    def change(file, kernel):
        file["layers\\dense\\vars\\0"] = np.zeros((3, 4), "f4")

    refused(hdf5(tmp_path, change, "keras"), "two arrays")


@pytest.mark.parametrize(
    "layer",
    [
        {"class_name": "Dense", "config": {"units": 2, "name": "dense"}, "inbound_nodes": [5]},
        {"class_name": "Dense", "config": {"units": 2, "name": "dense"}, "inbound_nodes": ["ab"]},
        {"class_name": "Dense", "config": {"units": 2, "name": "dense"}, "inbound_nodes": [[["a", 0]]]},
        {"class_name": "BatchNormalization", "config": {"axis": ["a"]}},
        {"class_name": ["Dense"], "config": {"units": 2}},
        {"class_name": "LSTM", "config": {"units": 2, "time_major": True}},
        {"class_name": "Dense", "config": [{"units": 2}]},
        {"config": {"units": 2}},
    ],
    ids=str,
)
def test_configs_of_keras_2_that_are_none(layer, tmp_path):
    path = saved(tmp_path, "h5")
    with h5py.File(path, "r+") as file:
        file.attrs["keras_version"] = "2.3.1"
        file.attrs["model_config"] = json.dumps({"class_name": "Model", "config": {"name": "m", "layers": [layer]}})
    refused(path)


@pytest.mark.parametrize("training", [[], {}, {"optimizer_config": 3}, {"optimizer_config": {"class_name": "Dense"}}])
def test_training_configs_that_are_none(training, tmp_path):
    path = saved(tmp_path, "h5")
    with h5py.File(path, "r+") as file:
        file.attrs["training_config"] = json.dumps(training)
    refused(path)


# ---- anything else ----


def mutate(content, edits):
    content = bytearray(content)
    for kind, where, what in edits:
        at = where % (len(content) + 1)
        if kind == "set" and at < len(content):
            content[at] = what
        elif kind == "cut":
            del content[at : at + what]
        elif kind == "insert":
            content[at:at] = bytes([what]) * (what % 7 + 1)
    return bytes(content)


EDITS = st.lists(
    st.tuples(st.sampled_from(["set", "cut", "insert"]), st.integers(0, 2**16), st.integers(0, 255)),
    min_size=1,
    max_size=6,
)


@pytest.fixture(scope="module")
def valid(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hostile")
    small().save(folder / "model.safetensors")
    return folder, (folder / "model.safetensors").read_bytes()


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(edits=EDITS)
@example(edits=[("set", 0, 255)])
def test_whatever_happens_to_a_file_it_loads_or_is_refused(valid, edits):
    folder, content = valid
    path = folder / "mutated.safetensors"
    path.write_bytes(mutate(content, edits))
    with contextlib.suppress(ValueError):
        cdl.models.load_model(path)
