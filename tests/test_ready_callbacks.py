"""The callbacks that come with the library, used through fit."""

import csv
import http.server
import json
import threading
import urllib.parse

import numpy as np
import pytest

from cdl import Sequential, layers
from cdl.callbacks import (
    Callback,
    CSVLogger,
    EarlyStopping,
    LambdaCallback,
    LearningRateScheduler,
    ReduceLROnPlateau,
    RemoteMonitor,
    SwapEMAWeights,
    TerminateOnNaN,
)
from cdl.optimizers import SGD
from cdl.optimizers.schedules import ExponentialDecay

X, Y = np.arange(20.0).reshape(10, 2) / 20, np.ones((10, 1))


def model(optimizer="sgd", **arguments):
    made = Sequential([layers.Input((2,)), layers.Dense(1)])
    made.compile(optimizer, "mse", **arguments)
    return made


class Prescribe(Callback):
    """Writes values of its own into the logs of the epochs."""

    def __init__(self, **values):
        super().__init__()
        self.values = values

    def on_epoch_end(self, epoch, logs=None):
        logs.update({name: of_epochs[epoch] for name, of_epochs in self.values.items()})


# ---- learning rates ----

PLATEAU = [1.0, 0.9, 0.9, 0.95, 0.9, 0.9, 0.9, 0.5, 0.5, 0.5]


@pytest.mark.parametrize(
    ("arguments", "rates"),
    [
        ({"patience": 2, "factor": 0.5}, [1, 1, 1, 1, 0.5, 0.5, 0.25, 0.25, 0.25, 0.25]),
        ({"patience": 2, "factor": 0.5, "cooldown": 2}, [1, 1, 1, 1, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25]),
        ({"patience": 2, "factor": 0.25, "min_lr": 0.125}, [1, 1, 1, 1, 0.25, 0.25, 0.125, 0.125, 0.125, 0.125]),
        (
            {"patience": 1, "min_delta": 0.2, "factor": 0.5},
            [1, 1] + [2.0**-k for k in range(1, 7)] + [2.0**-6, 2.0**-7],
        ),
        ({"patience": 4, "mode": "max", "factor": 0.5}, [1, 1, 1, 1, 1, 0.5, 0.5, 0.5, 0.5, 0.25]),
        ({}, [1] * 10),
    ],
    ids=str,
)
def test_the_rate_is_reduced_on_a_plateau(arguments, rates):
    reduce = ReduceLROnPlateau(monitor="loss", **arguments)
    trained = model(SGD(1.0))
    history = trained.fit(X, Y, epochs=10, verbose=0, callbacks=[Prescribe(loss=PLATEAU), reduce])
    assert history.history["learning_rate"] == rates


def test_reducing_says_so_and_begins_anew(capsys):
    reduce = ReduceLROnPlateau(monitor="loss", patience=1, factor=0.5, verbose=1, min_lr=0.125)
    for _ in range(2):
        trained = model(SGD(0.5))
        trained.fit(X, Y, epochs=4, verbose=0, callbacks=[Prescribe(loss=[1.0] * 4), reduce])
        assert trained.optimizer.learning_rate == 0.125
        assert capsys.readouterr().out.splitlines() == [
            "",
            "Epoch 2: ReduceLROnPlateau reducing learning rate to 0.25.",
            "",
            "Epoch 3: ReduceLROnPlateau reducing learning rate to 0.125.",
        ]


def test_reducing_by_a_metric_whose_direction_it_has():
    reduce = ReduceLROnPlateau(monitor="accuracy", patience=1, factor=0.5)
    trained = model(SGD(1.0), metrics=["accuracy"])
    trained.fit(X, Y, epochs=4, verbose=0, callbacks=[Prescribe(accuracy=[0.1, 0.2, 0.3, 0.3]), reduce])
    assert trained.optimizer.learning_rate == 0.5


def test_reducing_needs_a_quantity_that_is_there():
    with pytest.warns(UserWarning, match=r"Learning rate reduction is conditioned on metric `val_loss` which is not"):
        model().fit(X, Y, verbose=0, callbacks=[ReduceLROnPlateau()])
    with pytest.raises(ValueError, match=r"ReduceLROnPlateau.*'speed'.*mode"):
        model().fit(X, Y, verbose=0, callbacks=[ReduceLROnPlateau(monitor="speed")])


def test_reducing_and_stopping_share_their_judgement():
    """Both compare with the best so far, so that a slow decline by less than min_delta counts as none."""
    losses = [1.0, 0.95, 0.91, 0.89, 0.88]
    reduce, stop = (kind("loss", min_delta=0.1, patience=3) for kind in (ReduceLROnPlateau, EarlyStopping))
    history = model(SGD(1.0)).fit(X, Y, epochs=5, verbose=0, callbacks=[Prescribe(loss=losses), reduce, stop])
    assert history.history["learning_rate"] == [1.0] * 5
    assert (reduce.best, stop.best) == (0.89, 0.89)
    assert (reduce.wait, stop.wait) == (1, 1)


def test_a_rate_for_each_epoch(capsys):
    scheduler = LearningRateScheduler(lambda epoch, rate: rate / 2 if epoch else rate, verbose=1)
    history = model(SGD(0.5)).fit(X, Y, epochs=3, verbose=0, callbacks=[scheduler])
    assert history.history["learning_rate"] == [0.5, 0.25, 0.125]
    assert capsys.readouterr().out.split("\n")[3] == "Epoch 2: LearningRateScheduler setting learning rate to 0.25."


def test_a_rate_of_the_epoch_alone():
    for schedule in (lambda epoch: 0.5**epoch, ExponentialDecay(1.0, 1, 0.5), lambda epoch, rate=9.0: 0.5**epoch):
        history = model().fit(X, Y, epochs=3, verbose=0, callbacks=[LearningRateScheduler(schedule)])
        assert history.history["learning_rate"] == [1.0, 0.5, 0.25]


def test_the_new_rate_is_that_of_the_steps():
    trained = model(SGD(1.0))
    before = trained.get_weights()
    trained.fit(X, Y, epochs=1, verbose=0, callbacks=[LearningRateScheduler(lambda epoch: 0.0)])
    np.testing.assert_array_equal(trained.get_weights()[0], before[0])


def test_a_mistake_inside_a_schedule_is_not_hidden():
    def mistaken(epoch, rate):
        return rate * "2"

    with pytest.raises(TypeError, match="multiply"):
        model().fit(X, Y, verbose=0, callbacks=[LearningRateScheduler(mistaken)])


def test_rates_that_cannot_be_set():
    scheduled = model(SGD(ExponentialDecay(1.0, 1, 0.5)))
    with pytest.raises(TypeError, match="not settable"):
        scheduled.fit(X, Y, verbose=0, callbacks=[LearningRateScheduler(lambda epoch: 0.5)])
    with pytest.raises(ValueError, match=r"should be a float. Got: None"):
        model().fit(X, Y, verbose=0, callbacks=[LearningRateScheduler(lambda epoch: None)])


# ---- what is written and sent ----


def rows_of(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_csv(tmp_path):
    path = tmp_path / "log.csv"
    history = model(metrics=["mae"]).fit(X, Y, epochs=2, verbose=0, validation_data=(X, Y), callbacks=[CSVLogger(path)])
    rows = rows_of(path)
    assert list(rows[0]) == ["epoch", "loss", "mae", "val_loss", "val_mae"]
    assert [row["epoch"] for row in rows] == ["0", "1"]
    for name, values in history.history.items():
        assert [float(row[name]) for row in rows] == values
    assert path.read_bytes().endswith(b"\r\n")


def test_csv_begins_anew_or_goes_on(tmp_path):
    path, trained = str(tmp_path / "log.csv"), model()
    trained.fit(X, Y, epochs=2, verbose=0, callbacks=[CSVLogger(path, separator=";")])
    trained.fit(X, Y, epochs=1, verbose=0, callbacks=[CSVLogger(path, separator=";")])
    again = CSVLogger(path, separator=";", append=True)
    for epoch in (1, 2):
        trained.fit(X, Y, initial_epoch=epoch, epochs=epoch + 1, verbose=0, callbacks=[again])
    with open(path) as file:
        header, *rows = file.read().splitlines()
    assert header == "epoch;loss;val_loss"
    assert [row.split(";")[0] for row in rows] == ["0", "1", "2"]
    assert all(row.endswith(";NA") for row in rows)


def test_csv_appends_to_an_empty_file_with_a_header(tmp_path):
    path = tmp_path / "log.csv"
    path.touch()
    model().fit(X, Y, verbose=0, callbacks=[CSVLogger(path, append=True)])
    assert path.read_text().startswith("epoch,loss,val_loss")


def test_csv_has_what_callbacks_note(tmp_path):
    path = tmp_path / "log.csv"
    note = Prescribe(mood=["good", "bad, really"], norms=[np.array([1.5, 2.0]), [3]])
    model().fit(X, Y, epochs=2, verbose=0, validation_data=(X, Y), callbacks=[note, CSVLogger(path)])
    rows = rows_of(path)
    assert [row["mood"] for row in rows] == ["good", "bad, really"]
    assert [row["norms"] for row in rows] == ['"[1.5, 2.0]"', '"[3]"']


def test_csv_is_there_after_each_epoch_and_after_an_error(tmp_path):
    path, trained = tmp_path / "log.csv", model()
    seen = []
    logger = CSVLogger(path)

    def look(epoch, logs):
        seen.append(len(path.read_text().splitlines()))
        if epoch == 1:
            raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        trained.fit(X, Y, epochs=3, verbose=0, callbacks=[logger, LambdaCallback(on_epoch_end=look)])
    assert seen == [2, 3]
    trained.fit(X, Y, epochs=1, verbose=0, callbacks=[logger])
    assert len(path.read_text().splitlines()) == 2


def test_csv_in_a_directory_that_is_not_there(tmp_path):
    with pytest.raises(OSError, match="nowhere"):
        model().fit(X, Y, verbose=0, callbacks=[CSVLogger(tmp_path / "nowhere" / "log.csv")])


@pytest.fixture
def server():
    """The URL of a server that keeps what is posted: (path, content type, header X-Course, body)."""
    kept = []

    class Keep(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            kept.append((self.path, self.headers["Content-Type"], self.headers["X-Course"], body))
            self.send_response(200 if self.path.startswith("/publish") else 500)
            self.end_headers()

        def log_message(self, *arguments):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Keep) as listening:
        thread = threading.Thread(target=listening.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{listening.server_port}", kept
        listening.shutdown()
        thread.join()


@pytest.mark.parametrize("as_json", [False, True])
def test_a_server_gets_the_logs(server, as_json):
    root, kept = server
    note = Prescribe(extra=[np.float32(0.5), np.array(2)])
    monitor = RemoteMonitor(root, field="told", headers={"X-Course": "ml"}, send_as_json=as_json)
    history = model().fit(X, Y, epochs=2, verbose=0, callbacks=[note, monitor])
    assert [(path, course) for path, _, course, _ in kept] == [("/publish/epoch/end/", "ml")] * 2
    for epoch, (_, kind, _, body) in enumerate(kept):
        assert kind == ("application/json" if as_json else "application/x-www-form-urlencoded")
        told = json.loads(body if as_json else urllib.parse.parse_qs(body)["told"][0])
        assert told == {"epoch": epoch, "loss": history.history["loss"][epoch], "extra": [0.5, 2][epoch]}


def test_a_server_that_refuses_or_is_not_there_is_a_warning(server):
    root, _ = server
    with pytest.warns(UserWarning, match=r"Could not reach RemoteMonitor root server at .*500"):
        model().fit(X, Y, verbose=0, callbacks=[RemoteMonitor(root, path="/elsewhere")])
    with pytest.warns(UserWarning, match="Could not reach RemoteMonitor root server at http://127.0.0.1:1"):
        model().fit(X, Y, verbose=0, callbacks=[RemoteMonitor("http://127.0.0.1:1")])


# ---- NaN, functions, averages ----


@pytest.mark.parametrize("lost", [np.nan, np.inf])
def test_training_ends_where_the_loss_is_lost(lost, capsys):
    targets = np.ones((10, 1))
    targets[5] = lost
    ended = []
    history = model().fit(
        *(X, targets),
        batch_size=2,
        epochs=3,
        shuffle=False,
        verbose=0,
        callbacks=[TerminateOnNaN(), LambdaCallback(on_train_end=ended.append)],
    )
    assert len(history.epoch) == 1 and len(ended) == 1
    assert capsys.readouterr().out == "Batch 2: Invalid loss, terminating training\n"
    with pytest.raises(RuntimeError, match=r"NaN or Inf loss encountered at batch 2. Loss value: (nan|inf)"):
        model().fit(X, targets, batch_size=2, shuffle=False, verbose=0, callbacks=[TerminateOnNaN(raise_error=True)])


def test_functions_are_called_at_their_moments():
    calls = []

    def note(moment):
        return lambda *arguments: calls.append((moment, *arguments[:-1], sorted(arguments[-1] or {})))

    moments = (
        "on_train_begin",
        "on_epoch_begin",
        "on_train_batch_end",
        "on_test_end",
        "on_batch_begin",
        "on_train_end",
    )
    callback = LambdaCallback(**{moment: note(moment) for moment in moments}, on_epoch_end=None)
    model().fit(X, Y, batch_size=5, verbose=0, validation_data=(X, Y), callbacks=[callback])
    assert calls == [
        ("on_train_begin", []),
        ("on_epoch_begin", 0, []),
        ("on_batch_begin", 0, []),
        ("on_train_batch_end", 0, ["loss"]),
        ("on_batch_begin", 1, []),
        ("on_train_batch_end", 1, ["loss"]),
        ("on_test_end", ["loss"]),
        ("on_train_end", ["loss", "val_loss"]),
    ]


def test_the_newer_name_of_a_moment_goes_before_the_older_one():
    calls = []
    both = LambdaCallback(
        on_batch_end=lambda batch, logs: calls.append("older"),
        on_train_batch_end=lambda batch, logs: calls.append("newer"),
    )
    model().fit(X, Y, batch_size=10, verbose=0, callbacks=[both])
    assert calls == ["newer"]


def test_a_function_for_no_moment():
    with pytest.raises(TypeError, match=r"'on_epoch_ended' is not a moment.*on_epoch_end,"):
        LambdaCallback(on_epoch_ended=print)


def averages(optimizer):
    return [average.numpy() for average in optimizer.variables if average.path.endswith("_average")]


@pytest.mark.parametrize("swap_on_epoch", [False, True])
def test_validation_sees_the_averages_and_training_the_weights(swap_on_epoch):
    def trained(callbacks):
        made = model(SGD(0.5, use_ema=True, ema_momentum=0.5))
        made.set_weights([np.array([[1.0], [-1.0]]), np.zeros(1)])
        history = made.fit(X, Y, epochs=3, verbose=0, validation_data=(X, Y), shuffle=False, callbacks=callbacks)
        return made, history.history

    class Judge(Callback):
        def on_epoch_end(self, epoch, logs=None):
            seen.append(float(((self.model.predict(X, verbose=0) - Y) ** 2).mean()))

    seen = []
    plain, plain_logs = trained([])
    swapped, logs = trained([SwapEMAWeights(swap_on_epoch), Judge()])
    assert logs["loss"] == plain_logs["loss"]
    assert logs["val_loss"] != plain_logs["val_loss"]
    for mine, other in zip(swapped.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, other)  # the averages, in both cases
    np.testing.assert_allclose(seen, (logs if swap_on_epoch else plain_logs)["val_loss"], rtol=1e-5)


def test_a_training_that_is_stopped_ends_with_the_averages():
    def stop(epoch, logs):
        made.stop_training = epoch == 1

    weights = []
    for callbacks in ([], [SwapEMAWeights(swap_on_epoch=True)]):
        made = model(SGD(0.5, use_ema=True))
        made.set_weights([np.array([[1.0], [-1.0]]), np.zeros(1)])
        made.fit(X, Y, epochs=9, verbose=0, shuffle=False, callbacks=[*callbacks, LambdaCallback(on_epoch_end=stop)])
        weights.append(made.get_weights()[0])
    np.testing.assert_array_equal(*weights)


def test_evaluation_and_prediction_with_averages_leave_the_weights():
    made = model(SGD(0.5, use_ema=True, ema_momentum=0.5))
    for _ in range(3):
        made.train_on_batch(X, Y)
    weights, average = made.get_weights(), averages(made.optimizer)
    plain = made.predict(X, verbose=0)
    outputs = made.predict(X, verbose=0, callbacks=[SwapEMAWeights()])
    np.testing.assert_allclose(outputs, X @ average[0] + average[1], rtol=1e-5)
    loss = made.evaluate(X, Y, verbose=0, callbacks=[SwapEMAWeights()])
    assert loss == pytest.approx(((outputs - Y) ** 2).mean(), rel=1e-5)
    np.testing.assert_array_equal(made.predict(X, verbose=0), plain)
    for now, before in zip([*made.get_weights(), *averages(made.optimizer)], [*weights, *average], strict=True):
        np.testing.assert_array_equal(now, before)


def test_averages_need_an_optimizer_that_has_them():
    with pytest.raises(ValueError, match=r"`use_ema=True`. Received: use_ema=False"):
        model().fit(X, Y, verbose=0, validation_data=(X, Y), callbacks=[SwapEMAWeights()])
    with pytest.raises(ValueError, match=r"from its first step on.*use_ema=True, iterations=0"):
        model(SGD(use_ema=True)).evaluate(X, Y, verbose=0, callbacks=[SwapEMAWeights()])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ReduceLROnPlateau(factor=1.0), "does not support a factor >= 1.0. Received factor=1.0"),
        (
            lambda: ReduceLROnPlateau(mode="least"),
            "ReduceLROnPlateau: mode is 'auto', 'min' or 'max'. Received: 'least'",
        ),
        (lambda: EarlyStopping(mode="least"), "EarlyStopping: mode is"),
    ],
)
def test_bad_arguments(make, message):
    with pytest.raises(ValueError, match=message):
        make()
