"""TensorBoard: the same folders, names, steps and values as Keras'. What Keras hands to TensorFlow is recorded."""

import contextlib
import sys
import types

import numpy as np
import pytest

import cdl

keras = pytest.importorskip("keras")

X = np.random.default_rng(4).normal(size=(40, 4)).astype("float32")
Y = np.random.default_rng(5).integers(0, 3, 40)


class Recorder(types.ModuleType):
    """Stands for tensorflow.summary."""

    def __init__(self):
        super().__init__("tensorflow.summary")
        self.records, self.stack, self.conditions = [], [], []

    def create_file_writer(self, folder):
        recorder = self

        class Writer:
            @contextlib.contextmanager
            def as_default(self, step=None):
                recorder.stack.append(folder)
                yield
                recorder.stack.pop()

            def flush(self):
                pass

            close = flush

        return Writer()

    @contextlib.contextmanager
    def record_if(self, condition):
        self.conditions.append(condition)
        yield
        self.conditions.pop()

    def _record(self, tag, value, step):
        if self.stack and (not self.conditions or self.conditions[-1]()):
            self.records.append((self.stack[-1], tag, int(step), value))

    def scalar(self, name, data, step=None):
        self._record(name, float(data), step)

    def histogram(self, name, data, step=None):
        self._record(name, np.asarray(data).size, step)


class OfCdl:
    """Stands for tensorboardX.SummaryWriter."""

    def __init__(self, folder, **_):
        self.folder = folder

    def add_scalar(self, tag, value, step):
        OfCdl.records.append((self.folder, tag, step, float(value)))

    def add_histogram(self, tag, values, step, bins):
        OfCdl.records.append((self.folder, tag, step, values.size))

    def flush(self):
        pass

    close = flush


def network(kit):
    layers = kit.layers
    model = kit.Sequential([layers.Input((4,)), layers.Dense(3, activation="softmax", name="out")], name="net")
    model.set_weights([np.linspace(-1, 1, 12).reshape(4, 3), np.zeros(3)])
    schedule = kit.optimizers.schedules.ExponentialDecay(0.1, 3, 0.9)
    model.compile(kit.optimizers.SGD(schedule), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


@pytest.mark.parametrize("options", [{}, {"histogram_freq": 2}, {"update_freq": 3}, {"update_freq": "batch"}], ids=str)
@pytest.mark.parametrize("validated", [False, True])
def test_same_records(options, validated, monkeypatch):
    recorder, tensorflow = Recorder(), types.ModuleType("tensorflow")
    tensorflow.summary = recorder
    monkeypatch.setitem(sys.modules, "tensorflow", tensorflow)
    monkeypatch.setitem(sys.modules, "tensorflow.summary", recorder)
    monkeypatch.setattr(sys.modules["cdl.callbacks.tensorboard"], "summary_writer", lambda: OfCdl)
    OfCdl.records = []
    for kit in (keras, cdl):
        callback = kit.callbacks.TensorBoard("logs", write_graph=False, **options)
        model, validation = network(kit), {"validation_data": (X, Y)} if validated else {}
        model.fit(X, Y, batch_size=8, epochs=3, shuffle=False, callbacks=[callback], verbose=0, **validation)
        model.evaluate(X, Y, callbacks=[callback], verbose=0)
    theirs, ours = sorted(recorder.records), sorted(OfCdl.records)
    if options.get("update_freq") == 3:  # Keras loses epochs that do not end with a batch that is written
        theirs, ours = ([record for record in records if record[1].startswith("batch")] for records in (theirs, ours))
    assert [record[:3] for record in ours] == [record[:3] for record in theirs]
    np.testing.assert_allclose([record[3] for record in ours], [record[3] for record in theirs], rtol=1e-5)
