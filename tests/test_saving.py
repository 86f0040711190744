"""Models in files: what is written comes back, and training goes on from there to the last bit."""

import os
import zipfile

import numpy as np
import pytest
from saving_models import CASES, ROWS, model_of

import cdl
from cdl import Layer, Sequential, layers, losses, optimizers, saving

FORMATS = ["safetensors", "keras", "h5"]
OPTIMIZERS = [
    cls
    for cls in vars(optimizers).values()
    if isinstance(cls, type) and issubclass(cls, optimizers.Optimizer) and cls is not optimizers.Optimizer
]
Y = np.tile(np.eye(2, dtype="float32"), (4, 1))


def same_weights(model, other):
    pairs = list(zip(model.get_weights(), other.get_weights(), strict=True))
    return all(np.array_equal(one, same) and one.dtype == same.dtype for one, same in pairs)


def train_alike(models, x, y, epochs=2):
    histories = []
    for model in models:
        cdl.utils.set_random_seed(4)
        histories.append(model.fit(x, y, epochs=epochs, batch_size=3, verbose=0).history)
    return histories


def small():
    model = Sequential([layers.Input((6,)), layers.Dense(4, "relu"), layers.Dense(2)], name="small")
    model.compile(optimizers.Adam(0.01), "mse")
    return model


# ---- every layer, every optimizer ----


def test_the_cases_have_all_layers():
    exported = {cls.__name__ for cls in layers.registry.public}
    assert set(CASES) == exported - {"InputLayer"}


LEARNED = {"StringLookup", "IntegerLookup", "TextVectorization"}  # vocabularies, which are no part of the config


@pytest.mark.parametrize(
    "name, suffix", [(name, suffix) for name in CASES for suffix in FORMATS if name not in LEARNED or suffix != "h5"]
)
def test_every_layer_comes_back_and_trains_on(name, suffix, tmp_path):
    model, (x, y) = model_of(name)
    model.fit(x, y, epochs=2, batch_size=3, verbose=0)
    path = tmp_path / f"model.{suffix}"
    model.save(path)
    other = cdl.models.load_model(path)
    assert same_weights(model, other)
    assert other.optimizer.iterations == model.optimizer.iterations
    assert np.array_equal(model.predict(x), other.predict(x))
    if suffix == "safetensors":  # which has the random numbers as well
        one, same = train_alike([model, other], x, y)
        assert one == same
        assert same_weights(model, other)


@pytest.mark.parametrize("name", sorted(LEARNED))
def test_legacy_files_have_no_place_for_a_vocabulary_that_was_learned(name, tmp_path):
    with pytest.raises(ValueError, match="vocabulary"):
        model_of(name)[0].save(tmp_path / "model.h5")


@pytest.mark.parametrize(
    "written, expected",
    [
        ("[UNK]\nred\nblue", ["[UNK]", "red", "blue"]),
        ("[UNK]\r\nred\r\nblue", ["[UNK]", "red", "blue"]),  # on Windows
        ("[UNK]\nred\nblue\n", ["[UNK]", "red", "blue"]),  # by hand
        ("[UNK]\nred\n", ["[UNK]", "red", ""]),  # Keras writes such a file, and reads it without the empty token
        ("[UNK]\n\x85\nred\u2028", ["[UNK]", "\x85", "red\u2028"]),  # nor does it read such tokens
    ],
)
def test_vocabularies_of_archives_are_read_as_they_were_written(written, expected, tmp_path):
    lookup = layers.StringLookup()
    lookup.adapt(["red", "blue"])
    Sequential([layers.Input((1,), dtype="string"), lookup]).save(tmp_path / "ours.keras")
    with zipfile.ZipFile(tmp_path / "ours.keras") as ours, zipfile.ZipFile(tmp_path / "other.keras", "w") as other:
        for name in ours.namelist():
            other.writestr(name, written.encode() if name.endswith("vocabulary.txt") else ours.read(name))
    assert cdl.models.load_model(tmp_path / "other.keras").layers[0].get_vocabulary() == expected


def test_tokens_with_line_breaks_need_a_file_that_can_hold_them(tmp_path):
    lookup = layers.StringLookup(output_mode="multi_hot")
    lookup.adapt(np.array([["a\nb"], ["c"]], dtype=object))
    model = Sequential([layers.Input((1,), dtype="string"), lookup])
    with pytest.raises(ValueError, match="line breaks"):
        model.save(tmp_path / "model.keras")
    model.save(tmp_path / "model.safetensors")
    assert cdl.models.load_model(tmp_path / "model.safetensors").layers[0].get_vocabulary() == lookup.get_vocabulary()


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("rule", OPTIMIZERS, ids=lambda cls: cls.__name__)
@pytest.mark.parametrize("arguments", [{}, {"use_ema": True, "gradient_accumulation_steps": 2, "clipnorm": 1.0}])
def test_every_optimizer_goes_on_exactly(rule, arguments, suffix, tmp_path):
    model, (x, y) = model_of("BatchNormalization", rule(**arguments))
    model.fit(x, y, epochs=2, batch_size=3, verbose=0)
    model.save(tmp_path / f"model.{suffix}")
    other = cdl.models.load_model(tmp_path / f"model.{suffix}")
    assert type(other.optimizer) is rule
    one, same = train_alike([model, other], x, y)
    assert one == same
    assert same_weights(model, other)
    for state, restored in zip(model.optimizer.variables, other.optimizer.variables, strict=True):
        assert np.array_equal(state.value, restored.value)


@pytest.mark.parametrize("suffix", FORMATS)
def test_schedules_and_changed_learning_rates_come_back(suffix, tmp_path):
    model, (x, y) = model_of("Dense", optimizers.SGD(optimizers.schedules.ExponentialDecay(0.1, 5, 0.5)))
    model.fit(x, y, verbose=0)
    model.save(tmp_path / f"a.{suffix}")
    assert cdl.models.load_model(tmp_path / f"a.{suffix}").optimizer.learning_rate == model.optimizer.learning_rate
    model, _ = model_of("Dense", "adam")
    model.optimizer.learning_rate = 0.3
    model.save(tmp_path / f"b.{suffix}")
    assert cdl.models.load_model(tmp_path / f"b.{suffix}").optimizer.learning_rate == 0.3


# ---- what else there is to a model ----


@pytest.mark.parametrize("suffix", FORMATS)
def test_frozen_layers_stay_frozen_and_the_optimizer_keeps_what_it_knows(suffix, tmp_path):
    model, (x, y) = model_of("Dense")
    model.layers[0].trainable = False
    model.compile("adam", "mse")
    model.fit(x, y, verbose=0)
    model.save(tmp_path / f"model.{suffix}")
    other = cdl.models.load_model(tmp_path / f"model.{suffix}")
    assert [layer.trainable for layer in other.layers] == [False, True, True]
    train_alike([model, other], x, y)
    assert same_weights(model, other)


def test_layers_frozen_after_compiling(tmp_path):
    """The optimizer has state for weights that are no longer trained."""
    model, (x, y) = model_of("Dense")
    model.fit(x, y, verbose=0)
    model.layers[0].trainable = False
    model.save(tmp_path / "model.safetensors")
    other = cdl.models.load_model(tmp_path / "model.safetensors")
    assert len(other.optimizer.variables) == len(model.optimizer.variables)
    train_alike([model, other], x, y)
    assert same_weights(model, other)


@pytest.mark.parametrize("suffix", FORMATS)
def test_models_in_models_and_their_own_optimizers(suffix, tmp_path):
    inner = Sequential([layers.Input((6,)), layers.Dense(4, "relu"), layers.BatchNormalization()], name="inner")
    inner.compile("sgd", "mse")
    model = Sequential([inner, Sequential([layers.Dense(3)]), layers.Dense(2)])
    model.compile("rmsprop", "mse")
    model.fit(ROWS, Y, verbose=0)
    model.save(tmp_path / f"model.{suffix}")
    other = cdl.models.load_model(tmp_path / f"model.{suffix}")
    assert same_weights(model, other)
    assert [layer.name for layer in other.layers] == [layer.name for layer in model.layers]
    train_alike([model, other], ROWS, Y)
    assert same_weights(model, other)


@pytest.mark.parametrize("suffix", FORMATS)
def test_float64_models(suffix, tmp_path):
    with cdl.config.set_floatx("float64"):
        model = small()
    model.fit(ROWS, Y, verbose=0)
    model.save(tmp_path / f"model.{suffix}")
    other = cdl.models.load_model(tmp_path / f"model.{suffix}")
    assert {weight.dtype for weight in other.weights} == {"float64"}
    assert same_weights(model, other)


@pytest.mark.parametrize("suffix", FORMATS)
def test_models_between_tensors(suffix, tmp_path):
    base = small()
    maps = cdl.Model(base.inputs, [layer.output for layer in base.layers])
    maps.save(tmp_path / f"model.{suffix}")
    other = cdl.models.load_model(tmp_path / f"model.{suffix}")
    for one, same in zip(maps.predict(ROWS), other.predict(ROWS), strict=True):
        assert np.array_equal(one, same)


@pytest.mark.parametrize("suffix", FORMATS)
def test_what_is_not_compiled_comes_back_so(suffix, tmp_path):
    model = Sequential([layers.Input((6,)), layers.Dense(2)])
    model.save(tmp_path / f"model.{suffix}")
    assert not cdl.models.load_model(tmp_path / f"model.{suffix}").compiled
    small().save(tmp_path / f"other.{suffix}")
    assert not cdl.models.load_model(tmp_path / f"other.{suffix}", compile=False).compiled
    small().save(tmp_path / f"third.{suffix}", include_optimizer=False)
    assert not cdl.models.load_model(tmp_path / f"third.{suffix}").compiled


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_model_that_is_not_built_is_saved_with_a_warning(suffix, tmp_path):
    model = Sequential([layers.Dense(3, name="only")])
    with pytest.warns(UserWarning, match="not yet been built"):
        model.save(tmp_path / f"model.{suffix}")
    other = cdl.models.load_model(tmp_path / f"model.{suffix}")
    assert not other.built
    assert other.predict(ROWS).shape == (8, 3)


@pytest.mark.parametrize("suffix", FORMATS)
def test_weights_that_are_not_numbers_come_back_so(suffix, tmp_path):
    """A training that diverged can be looked into."""
    model = small()
    model.layers[0].kernel.value[0, 0] = np.nan
    model.save(tmp_path / f"model.{suffix}")
    assert np.isnan(cdl.models.load_model(tmp_path / f"model.{suffix}").layers[0].kernel.value[0, 0])


# ---- classes and functions of one's own ----


class Shift(Layer):
    """Overrides how its variables are saved."""

    def __init__(self, by=1.0, **kwargs):
        super().__init__(**kwargs)
        self.by = by

    def build(self, input_shape):
        self.shift = self.add_weight((), "zeros", name="shift")

    def forward(self, ctx, x):
        return x + self.shift.value * self.by

    def backward(self, ctx, dy):
        self.shift.add_gradient(np.asarray(dy.sum() * self.by, dy.dtype))
        return dy

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "by": self.by}

    def save_own_variables(self, store):
        store["shifted"] = self.shift.value * 2

    def load_own_variables(self, store):
        self.shift.assign(store["shifted"] / 2)


def distance(y_true, y_pred):
    return np.square(y_true - y_pred).mean(axis=-1)


@pytest.mark.parametrize("suffix", FORMATS)
def test_objects_of_ones_own_need_a_name(suffix, tmp_path):
    model = Sequential([layers.Input((6,)), layers.Dense(2), Shift(2.0)])
    model.layers[1].shift.assign(0.25)
    model.compile("sgd", "mse", metrics=[distance])
    model.save(tmp_path / f"model.{suffix}")
    with pytest.raises(saving.FormatError, match="Shift"):
        cdl.models.load_model(tmp_path / f"model.{suffix}")
    other = cdl.models.load_model(tmp_path / f"model.{suffix}", {"Shift": Shift, "distance": distance})
    assert type(other.layers[1]) is Shift
    assert other.layers[1].shift.value == 0.25
    with saving.custom_object_scope({"Shift": Shift, "distance": distance}):
        assert np.array_equal(cdl.models.load_model(tmp_path / f"model.{suffix}").predict(ROWS), model.predict(ROWS))


class Pair(cdl.Model):
    """A model that is no chain, with two optimizers."""

    def __init__(self, units=3, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.first, self.others = layers.Dense(units, "relu"), [layers.Dense(units), layers.Dense(2)]
        self.other_optimizer = optimizers.Adam()

    def build(self, input_shape):
        for layer in (self.first, *self.others):
            layer.build(input_shape)
            input_shape = (None, layer.units)

    def forward(self, ctx, x):
        for layer in (self.first, *self.others):
            x = layer.forward(ctx.child(), x)
        return x

    def get_config(self):
        return {**super().get_config(), "units": self.units}


def test_models_of_ones_own(tmp_path):
    model = Pair(4)
    model.build((None, 6))
    model.other_optimizer.apply([np.ones_like(model.first.kernel.value)], [model.first.kernel])
    model.save(tmp_path / "model.safetensors")
    other = cdl.models.load_model(tmp_path / "model.safetensors", {"Pair": Pair})
    assert np.array_equal(model.predict(ROWS), other.predict(ROWS))
    assert other.other_optimizer.iterations == 1
    with pytest.raises(ValueError, match="for Sequential models"):
        model.save(tmp_path / "model.h5")
    model.save(tmp_path / "model.keras")  # does not say for which of the weights an optimizer is
    with pytest.warns(UserWarning, match="begins anew"):
        other = cdl.models.load_model(tmp_path / "model.keras", {"Pair": Pair})
    assert np.array_equal(model.predict(ROWS), other.predict(ROWS))


@pytest.mark.parametrize("suffix", FORMATS)
def test_classes_stand_for_what_they_make(suffix, tmp_path):
    model = small()
    model.compile("adam", cdl.losses.Huber, metrics=[cdl.metrics.MeanAbsoluteError])
    model.save(tmp_path / f"model.{suffix}")
    other = cdl.models.load_model(tmp_path / f"model.{suffix}")
    assert other.evaluate(ROWS, Y, verbose=0) == model.evaluate(ROWS, Y, verbose=0)


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_lambda_cannot_be_saved_and_leaves_nothing_behind(suffix, tmp_path):
    model = Sequential([layers.Input((6,)), layers.Dense(2, activation=lambda x: x)])
    with pytest.raises(TypeError, match="needs a name"):
        model.save(tmp_path / f"model.{suffix}")
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("loss", [False, True])
def test_a_lambda_in_compile_costs_no_trained_model(loss, suffix, tmp_path):
    model, path = small(), tmp_path / f"model.{suffix}"
    squared = losses.LossFunctionWrapper(lambda t, p: np.mean((t - p) ** 2, -1))
    squared.fn.gradient = lambda t, p: 2 * (p - t) / p.shape[-1]
    given = {"loss": squared} if loss else {"loss": "mse", "metrics": [lambda t, p: np.mean(t - p, -1)]}
    model.compile("adam", **given)
    with pytest.warns(UserWarning, match="as if it was not compiled: .* needs a name"):
        model.fit(ROWS, Y, verbose=0, callbacks=[cdl.callbacks.ModelCheckpoint(path)])
    other = cdl.models.load_model(path)
    assert not other.compiled
    np.testing.assert_array_equal(other.predict(ROWS), model.predict(ROWS))


# ---- weights alone ----

WEIGHTS = ["safetensors", "weights.h5"]


@pytest.mark.parametrize("suffix", WEIGHTS)
def test_weights_alone(suffix, tmp_path):
    model, other = small(), small()
    model.fit(ROWS, Y, verbose=0)
    model.save_weights(tmp_path / f"w.{suffix}")
    other.load_weights(tmp_path / f"w.{suffix}")
    assert same_weights(model, other)
    assert other.optimizer.iterations == 0


@pytest.mark.parametrize("suffix", FORMATS)
def test_weights_from_a_whole_model(suffix, tmp_path):
    model, other = small(), Sequential([layers.Input((6,)), layers.Dense(4, "relu"), layers.Dense(2)])
    model.fit(ROWS, Y, verbose=0)
    model.save(tmp_path / f"m.{suffix}")
    other.load_weights(tmp_path / f"m.{suffix}")
    assert same_weights(model, other)


@pytest.mark.parametrize("suffix", [*WEIGHTS, *FORMATS])
def test_what_does_not_fit_changes_nothing(suffix, tmp_path):
    model = small()
    save = model.save_weights if suffix in WEIGHTS else model.save
    save(tmp_path / f"w.{suffix}")
    other = Sequential([layers.Input((6,)), layers.Dense(4), layers.Dense(3)])
    before = other.get_weights()
    with pytest.raises(ValueError, match=r"shape \(4, 3\)"):
        other.load_weights(tmp_path / f"w.{suffix}")
    assert all(map(np.array_equal, before, other.get_weights()))
    with pytest.warns(UserWarning, match="could not be loaded"):
        other.load_weights(tmp_path / f"w.{suffix}", skip_mismatch=True)
    assert np.array_equal(other.layers[0].kernel.value, model.layers[0].kernel.value)
    assert np.array_equal(other.layers[1].kernel.value, before[2])


def test_a_model_without_place_for_all_is_told_so(tmp_path):
    small().save_weights(tmp_path / "w.safetensors")
    other = Sequential([layers.Input((6,)), layers.Dense(4)])
    before = other.get_weights()
    with pytest.raises(ValueError, match=r"no place for .*dense_1/kernel"):
        other.load_weights(tmp_path / "w.safetensors")
    assert all(map(np.array_equal, before, other.get_weights()))
    with pytest.warns(UserWarning, match="no place for"):
        other.load_weights(tmp_path / "w.safetensors", skip_mismatch=True)
    assert not np.array_equal(before[0], other.get_weights()[0])


def test_names_of_variables_that_look_like_paths(tmp_path):
    class Odd(Layer):
        def build(self, input_shape):
            self.inner = layers.Dense(2, name="inner")
            self.inner.build(input_shape)
            self.one = self.add_weight((1,), "ones", name="inner/kernel")
            self.same, self.too = (self.add_weight((1,), name="same") for _ in range(2))

        def forward(self, ctx, x):
            return self.inner.forward(ctx.child(), x) + self.one.value

        def compute_output_shape(self, input_shape):
            return (*input_shape[:-1], 2)

    model, other = (Sequential([layers.Input((6,)), Odd()]) for _ in range(2))
    model.save_weights(tmp_path / "w.safetensors")
    other.load_weights(tmp_path / "w.safetensors")
    assert same_weights(model, other)


def test_files_of_later_versions_are_refused(tmp_path):
    saving.save_safetensors({}, tmp_path / "model.safetensors", {"cdl.format": "2", "cdl.config": "{}"})
    with pytest.raises(saving.FormatError, match="format '2'"):
        cdl.models.load_model(tmp_path / "model.safetensors")


def test_models_that_are_not_built_have_no_weights(tmp_path):
    model = Sequential([layers.Dense(2)])
    with pytest.raises(ValueError, match="not yet been built"):
        model.save_weights(tmp_path / "w.safetensors")
    with pytest.raises(ValueError, match="not yet been built"):
        model.load_weights(tmp_path / "w.safetensors")


# ---- the state of a training ----


def test_the_state_of_a_training_goes_on_exactly(tmp_path):
    def made():
        model, data = model_of("Dropout")
        return model, data

    cdl.utils.set_random_seed(7)
    model, (x, y) = made()
    model.fit(x, y, epochs=2, batch_size=3, verbose=0)
    saving.save_state(model, tmp_path / "state.safetensors", {"epoch": 2})
    expected = model.fit(x, y, epochs=3, batch_size=3, verbose=0).history
    cdl.utils.set_random_seed(99)
    other, _ = made()
    assert saving.load_state(other, tmp_path / "state.safetensors") == {"epoch": 2}
    assert other.fit(x, y, epochs=3, batch_size=3, verbose=0).history == expected
    assert same_weights(model, other)


def test_a_state_is_no_model_and_a_model_no_state(tmp_path):
    model = small()
    saving.save_state(model, tmp_path / "state.safetensors")
    with pytest.raises(saving.FormatError, match="no model"):
        cdl.models.load_model(tmp_path / "state.safetensors")
    model.save(tmp_path / "model.safetensors")
    with pytest.raises(saving.FormatError, match="no state"):
        saving.load_state(model, tmp_path / "model.safetensors")


# ---- texts and copies ----


@pytest.mark.parametrize("name", sorted(CASES.keys() - LEARNED))
def test_every_layer_comes_back_from_json(name):
    model, (x, _) = model_of(name)
    other = cdl.models.model_from_json(model.to_json(indent=1))
    other.set_weights(model.get_weights())
    assert other.compiled
    assert np.array_equal(model.predict(x), other.predict(x))


@pytest.mark.parametrize("name", sorted(CASES.keys() - LEARNED))
def test_a_layer_that_was_built_comes_back_built(name):
    model, (x, _) = model_of(name)
    model.predict(x)
    for layer in model.layers:
        twin = layers.deserialize(layers.serialize(layer))
        assert twin.built == (layer.get_build_config() is not None)
        twin.set_weights(layer.get_weights())
    assert not layers.deserialize(layers.serialize(layers.Dense(3))).built


def test_clones_have_new_weights():
    model = small()
    twin = cdl.models.clone_model(model)
    assert not np.array_equal(twin.get_weights()[0], model.get_weights()[0])
    twin.set_weights(model.get_weights())
    assert np.array_equal(twin.predict(ROWS), model.predict(ROWS))
    assert twin.compiled and twin.optimizer is not model.optimizer
    wider = cdl.models.clone_model(model, clone_function=lambda layer: layers.Dense(2 * layer.units))
    assert wider.output_shape == (None, 4)
    with pytest.raises(ValueError, match="Sequential"):
        cdl.models.clone_model(layers.Dense(2))


def test_a_clone_learns_with_an_optimizer_and_metrics_of_its_own():
    model = Sequential([layers.Input((6,)), layers.Dense(2)])
    worst = cdl.metrics.MeanAbsoluteError(name="worst")
    model.compile(cdl.optimizers.SGD(0.25), cdl.losses.Huber(), metrics=[worst])
    model.fit(ROWS, ROWS[:, :2], verbose=0)
    twin = cdl.models.clone_model(model)
    assert twin.optimizer.learning_rate == 0.25 and twin.optimizer.iterations == 0 and twin.loss.name == "huber_loss"
    before = worst.result()
    twin.fit(ROWS, ROWS[:, :2], verbose=0)
    assert worst.result() == before and list(twin.history.history) == ["loss", "worst"]
    assert not cdl.models.clone_model(Sequential([layers.Input((3,)), layers.Dense(2)])).compiled


# ---- names of files ----


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"model.keras: there is no folder .*nowhere. Make it first"):
        small().save(tmp_path / "nowhere" / "model.keras")


def test_save_format_of_keras_2_has_no_effect(tmp_path):
    model = small()
    with pytest.warns(UserWarning, match=r"here 'model.h5'. Leave out save_format='tf'"):
        model.save(tmp_path / "model.h5", save_format="tf")
    assert same_weights(model, cdl.models.load_model(tmp_path / "model.h5"))


def test_unknown_suffixes_are_refused(tmp_path):
    model = small()
    for call in (model.save, cdl.models.load_model, model.load_weights, model.save_weights):
        with pytest.raises(ValueError, match=r"\.safetensors"):
            call(tmp_path / "model.pickle")
    with pytest.raises(ValueError, match="zipped"):
        model.save(tmp_path / "model.safetensors", zipped=False)
    with pytest.raises(ValueError, match="unknown"):
        model.save(tmp_path / "model.safetensors", unknown=1)
    with pytest.raises(FileNotFoundError):
        cdl.models.load_model(tmp_path / "absent.safetensors")


@pytest.mark.parametrize("answers, replaced", [(["y"], True), (["n"], False), (["?", "n"], False)])
def test_overwriting_is_asked_for(answers, replaced, tmp_path, monkeypatch):
    path = tmp_path / "model.safetensors"
    path.write_bytes(b"old")
    monkeypatch.setattr("builtins.input", lambda _: answers.pop(0))
    small().save(path, overwrite=False)
    assert (path.read_bytes() != b"old") is replaced
    assert answers == []


# ---- atomic ----


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_failed_save_leaves_the_old_file_and_no_litter(suffix, tmp_path, monkeypatch):
    path = tmp_path / f"model.{suffix}"
    small().save(path)
    before = path.read_bytes()
    for failing in ("fsync", "replace"):
        with monkeypatch.context() as patched:

            def fail(*_):
                raise KeyboardInterrupt

            patched.setattr(os, failing, fail)
            with pytest.raises(KeyboardInterrupt):
                small().save(path)
        assert path.read_bytes() == before
        assert os.listdir(tmp_path) == [path.name]


def test_permissions_are_those_of_a_new_file_and_links_stay(tmp_path):
    mask = os.umask(0o027)
    try:
        small().save(tmp_path / "model.safetensors")
    finally:
        os.umask(mask)
    assert (tmp_path / "model.safetensors").stat().st_mode & 0o777 == 0o640
    link = tmp_path / "link.safetensors"
    link.symlink_to(tmp_path / "model.safetensors")
    small().save(link)
    assert link.is_symlink()


# ---- tensors alone ----


def test_safetensors_files_of_others(tmp_path):
    from safetensors.numpy import load_file, save_file

    tensors = {
        "a": np.arange(6, dtype="float32").reshape(2, 3),
        "b": np.array(True),
        "c": np.array([], dtype="int16"),
        "d": np.arange(3, dtype="float16"),
        "e": np.array([1, 2], dtype="uint64"),
    }
    saving.save_safetensors(tensors, tmp_path / "ours.safetensors", {"origin": "cdl"})
    save_file(tensors, tmp_path / "theirs.safetensors")
    for found in (load_file(tmp_path / "ours.safetensors"), saving.load_safetensors(tmp_path / "theirs.safetensors")):
        assert found.keys() == tensors.keys()
        for name, tensor in tensors.items():
            assert np.array_equal(found[name], tensor)
            assert found[name].dtype == tensor.dtype
            assert found[name].shape == tensor.shape
    with pytest.raises(ValueError, match="object"):
        saving.save_safetensors({"a": np.array([{}])}, tmp_path / "bad.safetensors")


def test_whole_models_open_in_the_tools_of_others(tmp_path):
    from safetensors.numpy import load_file

    model = small()
    model.save(tmp_path / "model.safetensors")
    assert np.array_equal(load_file(tmp_path / "model.safetensors")["layers/dense/kernel"], model.get_weights()[0])


def test_two_models_that_train_in_turn_go_on_after_loading(tmp_path):
    """The file of a GAN holds its discriminator, which was compiled before it was frozen."""
    discriminator = Sequential([layers.Input((3,)), layers.Dense(4, "relu"), layers.Dense(1)], name="discriminator")
    discriminator.compile("adam", "mse")
    generator = Sequential([layers.Input((2,)), layers.Dense(3)], name="generator")
    discriminator.trainable = False
    gan = Sequential([generator, discriminator])
    gan.compile("sgd", "mse")

    def step(gan):
        discriminator = gan.layers[1]
        x, z, one = ROWS[:, :3], ROWS[:, :2], np.ones((8, 1))
        return discriminator.train_on_batch(x, one), gan.train_on_batch(z, one)

    step(gan)
    gan.save(tmp_path / "gan.safetensors")
    other = cdl.models.load_model(tmp_path / "gan.safetensors")
    for _ in range(3):
        assert step(gan) == step(other)
    assert same_weights(gan, other)
