"""Two models that share layers: what is trained is what was trainable when each of them was compiled."""

import numpy as np
import pytest

import cdl
from cdl import Context, Model, Sequential, layers, losses, metrics, optimizers

RNG = np.random.default_rng(4)
REAL = RNG.normal(2.0, 0.5, (64, 2)).astype(np.float32)
NOISE = RNG.normal(size=(64, 3)).astype(np.float32)
ONES, ZEROS = np.ones((64, 1), np.float32), np.zeros((64, 1), np.float32)


def generator():
    return Sequential([layers.Input((3,)), layers.Dense(8, activation="tanh"), layers.Dense(2)], name="generator")


def discriminator(*inside, regularizer=None, built=True):
    return Sequential(
        [
            *([layers.Input((2,))] if built else []),
            layers.Dense(8, activation="tanh", kernel_regularizer=regularizer),
            *inside,
            layers.Dense(1, activation="sigmoid"),
        ],
        name="discriminator",
    )


def course(d, optimizer="sgd"):
    """The three models, as courses write it."""
    cdl.utils.set_random_seed(4)
    g = generator()
    d.compile(optimizer, "binary_crossentropy")
    d.trainable = False
    gan = Sequential([g, d])
    gan.compile(optimizer, "binary_crossentropy")
    return g, d, gan


def changed_by(step, *models):
    """For each model, whether each of its weights has changed."""
    before = [model.get_weights() for model in models]
    step()
    return [
        [not np.array_equal(one, other) for one, other in zip(weights, model.get_weights(), strict=True)]
        for weights, model in zip(before, models, strict=True)
    ]


# ---- the idiom of courses ----


@pytest.mark.parametrize("toggled", [False, True], ids=["frozen once", "frozen and thawed in each step"])
@pytest.mark.parametrize("built", [True, False], ids=["built", "not built at compile time"])
def test_each_model_trains_what_was_trainable_when_it_was_compiled(toggled, built):
    g, d, gan = course(discriminator(built=built))
    for _ in range(3):
        if toggled:
            d.trainable = True
        assert changed_by(lambda: d.train_on_batch(REAL, ONES), g, d) == [[False] * 4, [True] * 4]
        if toggled:
            d.trainable = False
        assert changed_by(lambda: gan.train_on_batch(NOISE, ONES), g, d) == [[True] * 4, [False] * 4]


def test_a_step_of_the_gan_is_the_chain_rule_by_hand():
    g, d, gan = course(discriminator(), optimizers.SGD(0.1))
    gan.optimizer = optimizers.SGD(0.1)
    weights = [w.astype(np.float64) for w in (*g.get_weights(), *d.get_weights())]

    def loss_of(values):
        w1, b1, w2, b2, w3, b3, w4, b4 = values
        x = np.tanh(NOISE @ w1 + b1) @ w2 + b2
        p = 1 / (1 + np.exp(-(np.tanh(x @ w3 + b3) @ w4 + b4)))
        return -np.log(p).mean()

    slopes = []
    for k in range(4):
        slope = np.zeros_like(weights[k])
        for at in np.ndindex(slope.shape):
            values = [w.copy() for w in weights]
            values[k][at] += 1e-6
            above = loss_of(values)
            values[k][at] -= 2e-6
            slope[at] = (above - loss_of(values)) / 2e-6
        slopes.append(slope)
    assert gan.train_on_batch(NOISE, ONES) == pytest.approx(loss_of(weights), rel=1e-5)
    for before, slope, after in zip(weights, slopes, g.get_weights(), strict=False):
        np.testing.assert_allclose(after, before - 0.1 * slope, atol=2e-6)


def test_a_frozen_part_gets_no_gradient_and_computes_none():
    _, d, gan = course(discriminator())
    d.train_on_batch(REAL, ONES)
    own = [variable.grad for variable in d.weights]
    gan.train_on_batch(NOISE, ONES)
    assert all(variable.grad is grad for variable, grad in zip(d.weights, own, strict=True))


def test_the_steps_are_those_of_two_models_that_were_never_frozen():
    """Freezing after compile changes nothing in the discriminator's own steps, to the last bit."""
    _, d, gan = course(discriminator(regularizer="l2"), "adam")
    twin = Sequential.from_config(discriminator(regularizer="l2").get_config())
    twin.set_weights(d.get_weights())
    twin.compile("adam", "binary_crossentropy")
    for _ in range(3):
        assert d.train_on_batch(REAL, ONES) == twin.train_on_batch(REAL, ONES)
        weights = d.get_weights()
        gan.train_on_batch(NOISE, ONES)
        for one, other, third in zip(weights, d.get_weights(), twin.get_weights(), strict=True):
            np.testing.assert_array_equal(one, other)
            np.testing.assert_array_equal(one, third)
    assert d.test_on_batch(REAL, ONES) == twin.test_on_batch(REAL, ONES)  # with the penalty


def test_batch_statistics_move_in_the_steps_of_the_discriminator_only():
    g, d, gan = course(discriminator(layers.BatchNormalization(), layers.Dropout(0.3)))
    norm = d.layers[1]
    _, own = changed_by(lambda: d.train_on_batch(REAL, ONES), g, d)
    assert own == [True] * 8, "gamma, beta and both moving statistics learn while the flag is False"
    moved = norm.moving_mean.numpy()
    fake = g.predict(NOISE)
    hidden = d.layers[0](fake)
    assert changed_by(lambda: gan.train_on_batch(NOISE, ONES), d) == [[False] * 8]
    np.testing.assert_array_equal(norm.moving_mean.value, moved)
    # Inside the frozen part it uses the moving statistics, as for inference.
    ctx = Context(training=True, trained=(), frozen=frozenset([norm]))
    np.testing.assert_array_equal(norm(hidden, ctx=ctx), norm(hidden))
    assert not np.allclose(norm(hidden, training=True, ctx=Context(training=True, frozen=frozenset())), norm(hidden))


def test_normalisation_without_variables_goes_by_its_own_flag():
    norm = layers.BatchNormalization(center=False, scale=False)
    model = Sequential([layers.Input((2,)), norm, layers.Dense(1)])
    model.compile("sgd", "mse")
    norm.trainable = False
    assert changed_by(lambda: model.train_on_batch(REAL, ONES), norm) == [[True, True]]
    model.compile("sgd", "mse")
    assert changed_by(lambda: model.train_on_batch(REAL, ONES), norm) == [[False, False]]


@pytest.mark.parametrize(
    "inside",
    [
        lambda: [layers.Reshape((4, 2)), layers.LSTM(3)],
        lambda: [layers.Reshape((4, 2)), layers.GRU(3, recurrent_dropout=0.2)],
        lambda: [layers.Reshape((4, 2)), layers.TimeDistributed(layers.Dense(3)), layers.Flatten()],
        lambda: [layers.Parallel([layers.Dense(4), [layers.LayerNormalization(), layers.Dense(4)]])],
        lambda: [layers.Reshape((2, 2, 2)), layers.SeparableConv2D(3, 2, padding="same"), layers.Flatten()],
        lambda: [layers.RMSNormalization(), layers.Residual(layers.Dense(8))],
        lambda: [layers.Reshape((4, 2)), layers.GroupNormalization(2), layers.Bidirectional(layers.SimpleRNN(3))],
    ],
    ids=["LSTM", "GRU", "TimeDistributed", "Parallel", "SeparableConv2D", "Residual", "Bidirectional"],
)
def test_layers_inside_layers_go_by_the_same_rule(inside):
    g, d, gan = course(discriminator(*inside()))
    number = len(d.weights)
    (own,) = changed_by(lambda: d.train_on_batch(REAL[:32], ONES[:32]), d)
    assert own == [True] * number
    grads = [variable.grad for variable in d.weights]
    assert all(grad is not None for grad in grads)
    assert changed_by(lambda: gan.train_on_batch(NOISE, ONES), g, d) == [[True] * 4, [False] * number]
    assert all(variable.grad is grad for variable, grad in zip(d.weights, grads, strict=True))


def test_the_flags_that_one_sees_are_the_present_ones():
    _, d, gan = course(discriminator())
    assert d.trainable_weights == [] and len(gan.trainable_weights) == 4 and len(gan.non_trainable_weights) == 4
    lines = []
    d.summary(print_fn=lines.append)
    assert any("Trainable params: 0 " in line for line in "\n".join(lines).splitlines())
    d.trainable = True
    assert len(d.trainable_weights) == 4 and len(gan.trainable_weights) == 8


def test_compiling_again_lets_a_flag_take_effect():
    model = discriminator()
    model.compile("sgd", "binary_crossentropy")
    model.layers[0].trainable = False
    assert changed_by(lambda: model.fit(REAL, ONES, verbose=0), model) == [[True] * 4]
    model.compile("sgd", "binary_crossentropy")
    assert changed_by(lambda: model.fit(REAL, ONES, verbose=0), model) == [[False, False, True, True]]
    model.layers[0].trainable = True
    model.compile("sgd", "binary_crossentropy")
    assert changed_by(lambda: model.fit(REAL, ONES, verbose=0), model) == [[True] * 4]


def test_a_layer_that_joins_later_comes_with_its_own_flag():
    model = Sequential([layers.Input((2,)), layers.Dense(3)])
    model.compile("sgd", "mse")
    model.add(layers.Dense(2, trainable=False))
    model.add(layers.Dense(1))
    assert changed_by(lambda: model.train_on_batch(REAL, ONES), model) == [[True, True, False, False, True, True]]


def test_a_variable_that_is_frozen_by_itself_stays_frozen():
    model = Sequential([layers.Input((2,)), layers.Dense(3), layers.Dense(1)])
    model.layers[0].kernel.trainable = False
    model.compile("sgd", "mse")
    assert changed_by(lambda: model.train_on_batch(REAL, ONES), model) == [[False, True, True, True]]


def test_a_model_without_anything_to_train_says_so():
    _, d, _ = course(discriminator())
    d.compile("sgd", "binary_crossentropy")
    with pytest.warns(UserWarning, match="The model does not have any trainable weights"):
        (still,) = changed_by(lambda: d.train_on_batch(REAL, ONES), d)
    assert still == [False] * 4


def test_a_gan_learns_where_the_data_lie():
    g, d, gan = course(discriminator(), "adam")
    d.optimizer, gan.optimizer = optimizers.Adam(0.01, beta_1=0.5), optimizers.Adam(0.01, beta_1=0.5)
    random = np.random.default_rng(4)
    distances = []
    for _ in range(300):
        real = random.normal([2.0, -1.0], 0.5, (64, 2)).astype(np.float32)
        noise = random.normal(size=(64, 3)).astype(np.float32)
        d.train_on_batch(np.concatenate([real, g(noise)]), np.concatenate([ONES, ZEROS]))
        gan.train_on_batch(noise, ONES)
        distances.append(np.linalg.norm(g(noise).mean(axis=0) - [2.0, -1.0]))
    assert np.mean(distances[-50:]) < 0.6 < distances[0]


# ---- the same with explicit forward and backward ----


def test_a_step_by_hand_is_the_step_of_the_gan():
    g, d, gan = course(discriminator(), optimizers.Adam(0.01))
    gan.optimizer, own = optimizers.Adam(0.01), optimizers.Adam(0.01)
    weights = g.get_weights()
    gan.train_on_batch(NOISE, ONES)
    learned = g.get_weights()
    g.set_weights(weights)
    d.trainable = True
    for variable in d.weights:
        variable.grad = None
    of_g, of_d = Context(training=True, need_input_grad=False), Context(training=True, trained=())
    score = d(g(NOISE, ctx=of_g), ctx=of_d)
    _, dscore = losses.BinaryCrossentropy().value_and_gradient(ONES, score)
    own.apply(g.gradients(of_g, d.backward(of_d, dscore)), g.trainable_variables)
    assert all(variable.grad is None for variable in d.weights), "trained=() says that they are not wanted"
    for one, other in zip(learned, g.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-7)  # the model's own step goes by the logits


def test_gradients_leave_nothing_of_an_earlier_way_back():
    model = discriminator()
    ctx = Context(training=True)
    y = model(REAL, ctx=ctx)
    once = [grad.copy() for grad in model.gradients(ctx, y)]
    again = Context(training=True)
    model(REAL, ctx=again)
    for one, other in zip(once, model.gradients(again, y), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_context_takes_any_collection_of_variables():
    model = discriminator()
    _, second = model.layers
    ctx = Context(training=True, need_input_grad=False, trained=second.trainable_variables)
    model.gradients(ctx, model(REAL, ctx=ctx))
    assert [variable.grad is None for variable in model.weights] == [True, True, False, False]


def test_flags_decide_by_hand_and_at_once():
    model = discriminator()
    for frozen in (True, False, True):
        model.layers[0].trainable = not frozen
        ctx = Context(training=True, need_input_grad=False)
        y = model(REAL, ctx=ctx)
        model.layers[0].kernel.grad = None
        model.backward(ctx, y)
        assert (model.layers[0].kernel.grad is None) == frozen


# ---- a training step of one's own ----


class Gan(Model):
    """As a reader of Keras' guide writes it."""

    def __init__(self, discriminator, generator, latent_dim):
        super().__init__()
        self.discriminator = discriminator
        self.generator = generator
        self.latent_dim = latent_dim
        self.d_loss_tracker = metrics.Mean(name="d_loss")
        self.g_loss_tracker = metrics.Mean(name="g_loss")
        self.random = np.random.default_rng(1)

    def compile(self, d_optimizer, g_optimizer, loss_fn):
        super().compile()
        self.d_optimizer = d_optimizer
        self.g_optimizer = g_optimizer
        self.loss_fn = loss_fn

    @property
    def metrics(self):
        return [self.d_loss_tracker, self.g_loss_tracker]

    def train_step(self, real):
        n = len(real)
        noise = self.random.normal(size=(n, self.latent_dim))
        both = np.concatenate([self.generator(noise), real])
        labels = np.concatenate([np.zeros((n, 1)), np.ones((n, 1))])
        ctx = Context(training=True, need_input_grad=False)
        d_loss, dscore = self.loss_fn.value_and_gradient(labels, self.discriminator(both, ctx=ctx))
        grads = self.discriminator.gradients(ctx, dscore)
        self.d_optimizer.apply_gradients(zip(grads, self.discriminator.trainable_weights, strict=True))

        of_g, of_d = Context(training=True, need_input_grad=False), Context(training=True, trained=())
        score = self.discriminator(self.generator(noise, ctx=of_g), ctx=of_d)
        g_loss, dscore = self.loss_fn.value_and_gradient(np.ones((n, 1)), score)
        grads = self.generator.gradients(of_g, self.discriminator.backward(of_d, dscore))
        self.g_optimizer.apply_gradients(zip(grads, self.generator.trainable_weights, strict=True))
        self.d_loss_tracker.update_state(d_loss)
        self.g_loss_tracker.update_state(g_loss)
        return {"d_loss": self.d_loss_tracker.result(), "g_loss": self.g_loss_tracker.result()}


def test_a_model_with_two_optimizers_and_a_step_of_its_own():
    cdl.utils.set_random_seed(2)
    gan = Gan(discriminator(), generator(), latent_dim=3)
    gan.compile(optimizers.Adam(0.02), optimizers.Adam(0.01), losses.BinaryCrossentropy())
    before = gan.get_weights()
    history = gan.fit(REAL, batch_size=16, epochs=3, verbose=0).history
    assert sorted(history) == ["d_loss", "g_loss"] and len(history["d_loss"]) == 3
    assert all(not np.array_equal(one, other) for one, other in zip(before, gan.get_weights(), strict=True))
    assert gan.d_loss_tracker.count == 4, "trackers begin anew with each epoch"
    assert [metric.name for metric in gan.metrics] == ["d_loss", "g_loss"]
    assert gan.get_metrics_result() == {name: values[-1] for name, values in history.items()}
    assert gan.train_on_batch(REAL, return_dict=True).keys() == {"d_loss", "g_loss"}


def test_metrics_that_are_attributes_are_reset_and_listed_beside_those_of_compile():
    class Watched(Sequential):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            self.largest = metrics.Mean(name="largest")

        def train_step(self, data):
            logs = super().train_step(data)
            self.largest.update_state(np.abs(data[0]).max())
            return logs | {"largest": self.largest.result()}

    model = Watched([layers.Input((2,)), layers.Dense(1)])
    model.compile("sgd", "mse", metrics=["mae"])
    history = model.fit(REAL, ONES, batch_size=32, epochs=2, verbose=0).history
    assert sorted(history) == ["largest", "loss", "mae"] and model.largest.count == 2
    assert [metric.name for metric in model.metrics] == ["loss", "mae", "largest"]
    assert set(model.get_metrics_result()) == {"loss", "mae", "largest"}
    model.largest = metrics.Mean(name="another")
    assert [metric.name for metric in model.metrics][-1] == "another"


@pytest.mark.parametrize(
    "given, found", [((REAL,), None), ((REAL, ONES), 2), ((REAL, ONES, ONES[:, 0]), 3)], ids=["x", "x y", "x y weight"]
)
def test_a_step_of_ones_own_gets_what_fit_was_given(given, found):
    seen = []

    class Curious(Sequential):
        def train_step(self, data):
            seen.append(len(data) if isinstance(data, tuple) else None)
            return {"loss": 0.0}

    model = Curious([layers.Input((2,)), layers.Dense(1)])
    model.compile()
    x, y, sample_weight = cdl.utils.unpack_x_y_sample_weight(given)
    model.fit(x, y, sample_weight=sample_weight, verbose=0)
    model.train_on_batch(x, y, sample_weight=sample_weight)
    assert seen == [found] * 3


def test_packing_and_unpacking():
    pack, unpack = cdl.utils.pack_x_y_sample_weight, cdl.utils.unpack_x_y_sample_weight
    assert pack(REAL) is REAL and pack([1]) == ([1],) and pack(1, 2) == (1, 2) and pack(1, 2, 3) == (1, 2, 3)
    assert unpack(7) == (7, None, None) and unpack([1, 2]) == (1, 2, None) and unpack((1,)) == (1, None, None)
    with pytest.raises(ValueError, match="4 elements"):
        unpack((1, 2, 3, 4))
