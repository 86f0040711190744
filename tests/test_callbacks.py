"""Callbacks: when they are called and with what, EarlyStopping, History."""

import numpy as np
import pytest
from recorder import recorder

from cdl import Sequential, layers
from cdl.callbacks import Callback, CallbackList, EarlyStopping, History, ProgbarLogger

X, Y = np.arange(20.0).reshape(10, 2) / 20, np.ones((10, 1))


def model(**arguments):
    made = Sequential([layers.Input((2,)), layers.Dense(1)])
    made.compile("sgd", "mse", **arguments)
    return made


def test_fit_calls_every_moment_in_order_with_its_logs():
    callback, calls = recorder(Callback)
    model().fit(X, Y, batch_size=5, validation_data=(X, Y), validation_batch_size=10, verbose=0, callbacks=[callback])
    assert calls == [
        ("on_train_begin", []),
        ("on_epoch_begin", 0, []),
        ("on_train_batch_begin", 0, []),
        ("on_train_batch_end", 0, ["loss"]),
        ("on_train_batch_begin", 1, []),
        ("on_train_batch_end", 1, ["loss"]),
        ("on_test_begin", []),
        ("on_test_batch_begin", 0, []),
        ("on_test_batch_end", 0, ["loss"]),
        ("on_test_end", ["loss"]),
        ("on_epoch_end", 0, ["loss", "val_loss"]),
        ("on_train_end", ["loss", "val_loss"]),
    ]


def test_logs_are_a_dictionary_at_every_moment():
    moments = [name for name in vars(Callback) if name.startswith("on_")]
    seen = []

    def note(self, *arguments, logs=None):
        seen.append(
            list((logs if logs is not None else arguments[-1]).keys())
        )  # as Keras' guide to callbacks prints it

    callback = type("Keys", (Callback,), dict.fromkeys(moments, note))()
    net = model()
    net.fit(X, Y, epochs=1, validation_data=(X, Y), verbose=0, callbacks=[callback])
    net.fit(X, Y, epochs=0, verbose=0, callbacks=[callback])
    net.evaluate(X, Y, verbose=0, callbacks=[callback])
    net.predict(X, verbose=0, callbacks=[callback])
    assert len(seen) == 10 + 2 + 4 + 4


def test_evaluate_calls_the_moments_of_a_test():
    callback, calls = recorder(Callback)
    model(metrics=["mae"]).evaluate(X, Y, batch_size=10, verbose=0, callbacks=[callback])
    assert calls == [
        ("on_test_begin", []),
        ("on_test_batch_begin", 0, []),
        ("on_test_batch_end", 0, ["loss", "mae"]),
        ("on_test_end", ["loss", "mae"]),
    ]


def test_predict_calls_the_moments_of_a_prediction():
    callback, calls = recorder(Callback)
    model().predict(X, batch_size=10, verbose=0, callbacks=[callback])
    assert calls == [
        ("on_predict_begin", []),
        ("on_predict_batch_begin", 0, []),
        ("on_predict_batch_end", 0, ["outputs"]),
        ("on_predict_end", []),
    ]


def test_the_older_names_of_the_batch_moments_are_called_too():
    calls = []

    class Older(Callback):
        def on_batch_begin(self, batch, logs=None):
            calls.append(("begin", batch))

        def on_batch_end(self, batch, logs=None):
            calls.append(("end", batch, logs["loss"] > 0))

    model().fit(X, Y, batch_size=10, verbose=0, callbacks=[Older()])
    assert calls == [("begin", 0), ("end", 0, True)]


def test_a_callback_knows_the_model_and_the_parameters():
    callback, trained = Callback(), model()
    trained.fit(X, Y, batch_size=4, epochs=3, verbose=0, callbacks=callback)
    assert callback.model is trained
    assert callback.params == {"verbose": 0, "epochs": 3, "steps": 3}


def test_a_callback_need_not_call_the_constructor_of_its_base():
    class Careless(Callback):
        def __init__(self):
            self.seen = 0

        def on_epoch_end(self, epoch, logs=None):
            self.seen += 1

    callback = Careless()
    model().fit(X, Y, epochs=2, verbose=0, callbacks=[callback])
    assert callback.seen == 2


@pytest.mark.parametrize(
    ("moment", "batches", "epochs"), [("on_train_batch_end", 1, 1), ("on_epoch_end", 3, 1), ("on_epoch_begin", 1, 1)]
)
def test_stop_training_ends_training_after_the_batch_or_the_epoch(moment, batches, epochs):
    seen = []

    def stop(self, *args, **kwargs):
        self.model.stop_training = True

    def count(self, batch, logs=None):
        seen.append(batch)

    stopper = type("Stop", (Callback,), {moment: stop})()
    counter = type("Count", (Callback,), {"on_train_batch_begin": count})()
    history = model().fit(X, Y, batch_size=4, epochs=5, verbose=0, callbacks=[stopper, counter])
    assert (len(seen), len(history.epoch)) == (batches, epochs)


def test_stop_training_is_forgotten_by_the_next_fit():
    trained = model()
    trained.stop_training = True
    assert trained.fit(X, Y, epochs=2, verbose=0).epoch == [0, 1]


def test_what_a_callback_notes_in_the_logs_is_in_the_history():
    class Note(Callback):
        def on_epoch_end(self, epoch, logs=None):
            logs["noted"] = 2 * epoch

    assert model().fit(X, Y, epochs=2, verbose=0, callbacks=[Note()]).history["noted"] == [0, 2]


def test_a_history_of_ones_own_goes_on_over_several_fits():
    history, trained = History(), model()
    assert trained.fit(X, Y, epochs=2, verbose=0, callbacks=[history]) is history
    trained.fit(X, Y, epochs=3, initial_epoch=2, verbose=0, callbacks=[history])
    assert history.epoch == [2] and len(history.history["loss"]) == 3


# ---- lists of callbacks ----


def test_a_list_of_callbacks_in_a_loop_of_ones_own(capsys):
    callback, calls = recorder(Callback)
    trained = model()
    watchers = CallbackList([callback], add_history=True, add_progbar=True, model=trained, epochs=2, steps=2, verbose=2)
    watchers.on_train_begin()
    for epoch in range(2):
        watchers.on_epoch_begin(epoch)
        for step in range(2):
            watchers.on_train_batch_begin(step)
            loss = trained.train_on_batch(X[step::2], Y[step::2])
            watchers.on_train_batch_end(step, {"loss": loss})
        watchers.on_epoch_end(epoch, {"loss": loss})
    watchers.on_train_end({"loss": loss})
    assert [call[0] for call in calls].count("on_train_batch_end") == 4
    assert calls[-1] == ("on_train_end", ["loss"])
    assert trained.history is watchers.history and watchers.history.epoch == [0, 1]
    assert capsys.readouterr().out.startswith("Epoch 1/2\n2/2 - ")


def test_a_list_has_only_what_it_is_asked_for():
    assert CallbackList().callbacks == [] and CallbackList().history is None
    own = [History(), ProgbarLogger()]
    assert CallbackList(own, add_history=True, add_progbar=True).callbacks == own
    assert len(CallbackList(add_progbar=True).callbacks) == 1
    assert CallbackList(add_progbar=True, verbose=0).callbacks == []
    with pytest.raises(ValueError, match=r"instances of cdl.callbacks.Callback. Received: 'early'"):
        CallbackList(["early"])


def test_fit_takes_a_list_as_it_is():
    callback, calls = recorder(Callback)
    trained = model()
    watchers = CallbackList([callback], add_history=True, model=trained)
    assert trained.fit(X, Y, epochs=2, verbose=2, callbacks=watchers) is watchers.history
    assert len(watchers.history.history["loss"]) == 2 and len(calls) == 10


# ---- early stopping ----


def train(losses, **arguments):
    """The stopping callback after a training with these losses; the weights count the epochs."""

    class Prescribe(Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.set_weights([np.full((2, 1), epoch), [0]])
            logs["loss"] = losses[epoch]
            logs["mae"] = -losses[epoch]

    stopping = EarlyStopping(**{"monitor": "loss", **arguments})
    trained = model(metrics=["mae", "accuracy"])
    history = trained.fit(X, Y, epochs=len(losses), verbose=0, callbacks=[Prescribe(), stopping])
    return len(history.epoch), int(trained.get_weights()[0][0, 0])


FALLS_THEN_RISES = [1.0, 0.8, 0.7, 0.75, 0.72, 0.9, 0.6, 0.5]


@pytest.mark.parametrize(
    ("arguments", "epochs", "weights_of"),
    [
        ({}, 4, 3),
        ({"patience": 2}, 5, 4),
        ({"patience": 4}, 8, 7),
        ({"patience": 2, "restore_best_weights": True}, 5, 2),
        ({"patience": 9, "restore_best_weights": True}, 8, 7),
        ({"min_delta": 0.15, "patience": 1}, 3, 2),
        ({"min_delta": 0.3}, 2, 1),
        ({"mode": "max"}, 2, 1),
        ({"monitor": "mae", "mode": "max", "patience": 2}, 5, 4),
        ({"monitor": "mae"}, 2, 1),
        ({"baseline": 0.1, "patience": 3}, 4, 3),
        ({"baseline": 0.75, "patience": 3}, 6, 5),
        ({"start_from_epoch": 4, "restore_best_weights": True}, 6, 4),
    ],
    ids=str,
)
def test_early_stopping_stops_in_time_with_the_right_weights(arguments, epochs, weights_of):
    assert train(FALLS_THEN_RISES, **arguments) == (epochs, weights_of)


def test_a_quantity_that_is_missing_is_a_warning():
    with pytest.warns(UserWarning, match=r"val_loss.*not available"):
        model().fit(X, Y, epochs=2, verbose=0, callbacks=[EarlyStopping()])


def test_a_quantity_of_unknown_direction_needs_a_mode():
    with pytest.raises(ValueError, match=r"speed.*mode"):
        model().fit(X, Y, verbose=0, callbacks=[EarlyStopping(monitor="speed")])


def test_early_stopping_can_be_used_again():
    stopping, trained = EarlyStopping(monitor="loss", mode="max"), model()
    for _ in range(2):
        assert len(trained.fit(X, Y, epochs=5, verbose=0, callbacks=[stopping]).epoch) < 5


def test_verbose_says_when_it_stopped_and_what_it_restored(capsys):
    stopping = EarlyStopping(monitor="loss", mode="max", restore_best_weights=True, verbose=1)
    model().fit(X, Y, epochs=5, verbose=0, callbacks=[stopping])
    assert capsys.readouterr().out.splitlines() == [
        "Epoch 2: early stopping",
        "Restoring model weights from the end of the best epoch: 1.",
    ]
