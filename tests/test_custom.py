"""Parts of one's own, in pure Python, among those of cdl."""

import numpy as np
import pytest
from layer_checks import check_gradients

import cdl
from cdl import Layer, Loss, Metric, Sequential, activations, initializers, layers, losses, optimizers, regularizers
from cdl.layers import Context

rng = np.random.default_rng(8)
X = rng.normal(size=(40, 3)).astype("float32")
Y = (X @ [[1.0], [-2.0], [0.5]]).astype("float32")


class Scale(Layer):
    """y = x * scale, with one scale for each feature."""

    def build(self, input_shape):
        self.scale = self.add_weight(shape=(input_shape[-1],), initializer="ones", name="scale")

    def forward(self, ctx, x):
        ctx.save(x)
        return x * self.scale.value

    def backward(self, ctx, dy):
        (x,) = ctx.saved
        self.scale.add_gradient((dy * x).sum(axis=0))
        return dy * self.scale.value

    def compute_output_shape(self, input_shape):
        return input_shape


class Residual(Layer):
    """y = x + f(x), for a small network f."""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.hidden = layers.Dense(units, activation="tanh")

    def build(self, input_shape):
        self.hidden.build(input_shape)
        self.out = layers.Dense(input_shape[-1])
        self.out.build((None, self.units))

    def forward(self, ctx, x):
        first, second = ctx.child(), ctx.child()
        ctx.save(first, second)
        return x + self.out.forward(second, self.hidden.forward(first, x))

    def backward(self, ctx, dy):
        first, second = ctx.saved
        return dy + self.hidden.backward(first, self.out.backward(second, dy))

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "units": self.units}


class Quartic(Loss):
    def call(self, y_true, y_pred):
        return np.mean((y_pred - y_true) ** 4, axis=-1)

    def gradient(self, y_true, y_pred):
        return 4 * (y_pred - y_true) ** 3 / y_pred.shape[-1]


class LargestError(Metric):
    def __init__(self, name="largest_error", dtype=None):
        super().__init__(dtype, name)
        self.largest = self.add_variable(shape=(), initializer="zeros", name="largest")

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.largest.assign(max(self.largest.value, np.abs(y_pred - y_true).max()))

    def result(self):
        return float(self.largest.value)


def fits(stack, loss="mse", epochs=60, **arguments):
    """Train; the last loss over the first."""
    cdl.utils.set_random_seed(1)
    model = Sequential([layers.Input((3,)), *stack])
    model.compile(optimizers.Adam(0.03), loss, **arguments)
    history = model.fit(X, Y, epochs=epochs, verbose=0).history["loss"]
    return history[-1] / history[0]


# ---- layers ----


def test_a_layer_with_variables_trains_among_native_ones():
    assert fits([layers.Dense(8, activation="relu"), Scale(), layers.Dense(1)]) < 0.05


def test_a_layer_with_layers_inside_trains_among_native_ones():
    assert fits([Residual(5), layers.Dense(1)]) < 0.05


@pytest.mark.parametrize("make", [Scale, lambda: Residual(4)])
def test_their_gradients_are_right(make):
    check_gradients(make, (5, 3))


def test_the_variables_of_inner_layers_are_the_layers():
    model = Sequential([layers.Input((3,)), Residual(5), layers.Dense(1)])
    assert [weight.shape for weight in model.weights] == [(3, 5), (5,), (5, 3), (3,), (3, 1), (1,)]
    assert model.count_params() == 42


def test_freezing_a_layer_freezes_the_layers_inside():
    model = Sequential([layers.Input((3,)), Residual(5), layers.Dense(1)])
    model.layers[0].trainable = False
    model.compile("sgd", "mse")
    before = model.layers[0].get_weights()
    model.fit(X, Y, verbose=0)
    for one, other in zip(before, model.layers[0].get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_layer_may_contain_a_whole_model():
    class Twice(Layer):
        """The same model applied twice: its gradients add up."""

        def __init__(self):
            super().__init__()
            self.inner = Sequential([layers.Dense(3, activation="tanh")])

        def build(self, input_shape):
            self.inner.build(input_shape)

        def forward(self, ctx, x):
            first, second = ctx.child(), ctx.child()
            ctx.save(first, second)
            return self.inner.forward(second, self.inner.forward(first, x))

        def backward(self, ctx, dy):
            first, second = ctx.saved
            return self.inner.backward(first, self.inner.backward(second, dy))

    check_gradients(Twice, (4, 3))


def test_a_layer_without_build_and_shape_needs_neither():
    class Double(Layer):
        def forward(self, ctx, x):
            return 2 * x

        def backward(self, ctx, dy):
            return 2 * dy

    assert fits([layers.Dense(4), Double(), layers.Dense(1)]) < 0.05


def test_a_layer_without_backward_predicts_and_says_what_training_lacks():
    class Sine(Layer):
        def forward(self, ctx, x):
            return np.sin(x)

    model = Sequential([layers.Input((3,)), layers.Dense(2), Sine(name="wave"), layers.Dense(1)])
    model.compile("sgd", "mse")
    assert model.predict(X, verbose=0).shape == (40, 1)
    before = model.get_weights()
    with pytest.raises(NotImplementedError, match=r"Sine 'wave'.*backward"):
        model.fit(X, Y, verbose=0)
    for one, other in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_layer_without_backward_may_stand_below_all_that_is_trained():
    class Sine(Layer):
        def forward(self, ctx, x):
            return np.sin(x)

    assert fits([Sine(), layers.Dense(8, activation="relu"), layers.Dense(1)]) < 0.5


class Forgetful(layers.Layer):
    def __init__(self, units):
        self.units = units


def test_a_layer_without_the_init_of_its_base_says_so():
    for use in (lambda: Forgetful(3)(np.ones((2, 2))), lambda: Sequential([Forgetful(3)])):
        with pytest.raises(RuntimeError, match=r"In layer 'Forgetful', you forgot to call `super\(\).__init__\(\)`"):
            use()


def test_a_layer_with_call_and_variables_is_told_about_forward():
    class Linear(layers.Layer):
        def build(self, input_shape):
            self.w = self.add_weight(shape=(input_shape[-1], 1))

        def call(self, x):
            return x @ self.w

    with pytest.raises(NotImplementedError, match=r"forward\(ctx, x\) in the place of `call`"):
        Sequential([Linear()]).predict(np.ones((2, 2)))


def test_a_layer_without_forward_says_so():
    class Empty(Layer):
        pass

    with pytest.raises(NotImplementedError, match=r"Empty.*forward"):
        Empty()(X)

    class OfKeras(Layer):
        def call(self, inputs):
            return inputs

    with pytest.raises(NotImplementedError, match=r"OfKeras does not define forward\(ctx, x\) in the place of `call`"):
        OfKeras()(X)


def test_a_gradient_of_the_wrong_shape_is_refused_by_name():
    class Wrong(Scale):
        def backward(self, ctx, dy):
            (x,) = ctx.saved
            self.scale.add_gradient(dy * x)
            return dy

    with pytest.raises(ValueError, match=r"scale.*\(3,\).*\(32, 3\)"):
        fits([Wrong(), layers.Dense(1)])


def test_a_penalty_of_ones_own_is_part_of_the_loss():
    class Costly(Layer):
        def forward(self, ctx, x):
            ctx.losses.append(10.0)
            return x

        def backward(self, ctx, dy):
            return dy

    model = Sequential([layers.Input((3,)), layers.Dense(1), Costly()])
    model.compile(optimizers.SGD(0.0), "mse")
    expected = np.mean((model.predict(X, verbose=0) - Y) ** 2) + 10
    assert model.fit(X, Y, verbose=0).history["loss"][0] == pytest.approx(expected, rel=1e-5)
    assert model.evaluate(X, Y, verbose=0) == pytest.approx(expected, rel=1e-5)


def test_a_layer_behaves_differently_in_training():
    class Noise(Layer):
        def forward(self, ctx, x):
            return x + 1 if ctx.training else x

        def backward(self, ctx, dy):
            return dy

    np.testing.assert_array_equal(Noise()(X), X)
    np.testing.assert_array_equal(Noise()(X, training=True), X + 1)


# ---- losses, metrics ----


def test_a_loss_with_its_gradient_trains():
    assert fits([layers.Dense(1)], loss=Quartic(), epochs=200) < 0.01


def test_a_function_with_a_gradient_is_a_loss():
    def quartic(y_true, y_pred):
        return np.mean((y_pred - y_true) ** 4, axis=-1)

    quartic.gradient = lambda y_true, y_pred: 4 * (y_pred - y_true) ** 3 / y_pred.shape[-1]
    ends = []
    for loss in (quartic, Quartic()):
        cdl.utils.set_random_seed(1)  # the layer draws its seed when it is made
        ends.append(fits([layers.Dense(1)], loss=loss))
    assert ends[0] == pytest.approx(ends[1], rel=1e-5)


def test_a_loss_of_ones_own_is_weighted_and_reduced_as_others():
    class Copy(Loss):
        def call(self, y_true, y_pred):
            return np.mean((y_pred - y_true) ** 2, axis=-1)

        def gradient(self, y_true, y_pred):
            return 2 * (y_pred - y_true) / y_pred.shape[-1]

    weight = rng.uniform(size=40)
    p = rng.normal(size=(40, 1)).astype("float32")
    for reduction in ("sum_over_batch_size", "sum", "mean_with_sample_weight"):
        own, native = Copy(reduction=reduction), losses.MeanSquaredError(reduction=reduction)
        one, two = (loss.value_and_gradient(Y, p, weight) for loss in (own, native))
        assert one[0] == pytest.approx(two[0], rel=1e-5)
        np.testing.assert_allclose(one[1], two[1], rtol=1e-4, atol=1e-7)


def test_a_loss_without_gradient_evaluates_and_says_what_training_lacks():
    class Half(Loss):
        def call(self, y_true, y_pred):
            return np.mean(np.abs(y_pred - y_true), axis=-1) / 2

    model = Sequential([layers.Input((3,)), layers.Dense(1)])
    model.compile("sgd", Half(name="half"))
    assert model.evaluate(X, Y, verbose=0) > 0
    with pytest.raises(NotImplementedError, match=r"'half'.*gradient"):
        model.fit(X, Y, verbose=0)


def test_a_metric_of_ones_own_begins_anew_in_each_epoch():
    model = Sequential([layers.Input((3,)), layers.Dense(1)])
    model.compile(optimizers.SGD(0.0), "mse", metrics=[LargestError(), "mae"])
    history = model.fit(X, Y, epochs=2, batch_size=7, verbose=0).history
    expected = np.abs(model.predict(X, verbose=0) - Y).max()
    assert history["largest_error"] == pytest.approx([expected, expected], rel=1e-5)


# ---- activations, regularizers, initializers, constraints ----


def test_a_function_with_a_derivative_is_an_activation():
    def sine(x):
        return np.sin(x)

    made = activations.get(sine)
    assert np.array_equal(made.forward(X), np.sin(X))
    np.testing.assert_array_equal(layers.Activation(sine)(X), np.sin(X))


def test_an_activation_without_derivative_says_what_training_lacks():
    def sine(x):
        return np.sin(x)

    with pytest.raises((NotImplementedError, ValueError), match=r"sine"):
        fits([layers.Dense(4, activation=sine), layers.Dense(1)])


def test_a_regularizer_of_ones_own_pulls_as_it_says():
    class Towards(regularizers.Regularizer):
        def __init__(self, target):
            self.target = target

        def __call__(self, x):
            return float(np.sum((x - self.target) ** 2))

        def gradient(self, x):
            return 2 * (x - self.target)

    dense = layers.Dense(1, kernel_regularizer=Towards(7.0), use_bias=False)
    model = Sequential([layers.Input((3,)), dense])
    model.compile(optimizers.SGD(0.1), "mse")
    model.fit(np.zeros((8, 3)), np.zeros(8), epochs=50, verbose=0)
    np.testing.assert_allclose(dense.kernel.value, 7, rtol=1e-3)


def test_functions_make_initializers_and_constraints():
    def sevens(shape, dtype=None):
        return np.full(shape, 7, dtype)

    dense = layers.Dense(1, kernel_initializer=sevens, kernel_constraint=lambda kernel: np.minimum(kernel, 6))
    model = Sequential([layers.Input((3,)), dense])
    assert np.all(dense.kernel.value == 7)
    model.compile("sgd", "mse")
    model.fit(X, Y, verbose=0)
    assert np.all(dense.kernel.value <= 6)


def test_an_initializer_class_of_ones_own_is_called_with_shape_and_dtype():
    class Ramp(initializers.Initializer):
        def __call__(self, shape, dtype=None):
            return np.arange(np.prod(shape), dtype=dtype).reshape(shape)

    dense = layers.Dense(2, kernel_initializer=Ramp())
    dense(X)
    assert dense.kernel.value.tolist() == [[0, 1], [2, 3], [4, 5]]


# ---- a training step of one's own ----


def test_a_step_of_ones_own_is_what_fit_takes():
    class Clipped(Sequential):
        def train_step(self, data):
            x, y = data
            ctx = Context(training=True)
            y_pred = self.forward(ctx, self.convert(x))
            loss, dy = losses.MeanSquaredError().value_and_gradient(y, y_pred)
            grads = self.gradients(ctx, np.clip(dy, -0.01, 0.01))
            self.optimizer.apply(grads, self.trainable_variables)
            return {"my_loss": loss}

    cdl.utils.set_random_seed(1)
    model = Clipped([layers.Input((3,)), layers.Dense(1)])
    model.compile(optimizers.SGD(0.3), "mse")
    history = model.fit(X, Y, epochs=30, validation_data=(X, Y), verbose=0).history
    assert list(history) == ["my_loss", "val_loss"]
    assert history["my_loss"][-1] < history["my_loss"][0] / 2


def test_a_loop_by_hand_does_what_fit_does():
    cdl.utils.set_random_seed(1)
    model = Sequential([layers.Input((3,)), layers.Dense(6, activation="relu"), layers.Dense(1)])
    twin = Sequential.from_config(model.get_config())
    twin.set_weights(model.get_weights())
    model.compile("adam", "mse")
    model.fit(X, Y, epochs=2, batch_size=40, shuffle=False, verbose=0)
    loss, optimizer = losses.MeanSquaredError(), optimizers.Adam()
    for _ in range(2):
        ctx = Context(training=True)
        _, dy = loss.value_and_gradient(Y, twin(X, ctx=ctx))
        optimizer.apply(twin.gradients(ctx, dy), twin.trainable_variables)
    for one, other in zip(model.get_weights(), twin.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_model_of_ones_own_knows_its_layers():
    class Two(cdl.Model):
        def __init__(self):
            super().__init__(name="two")
            self.hidden = layers.Dense(4, activation="relu", name="hidden")
            self.heads = [layers.Dense(1, name="mean"), layers.Dense(1, name="spread")]

    model = Two()
    assert [layer.name for layer in model.layers] == ["hidden", "mean", "spread"]
    assert model.get_layer("spread") is model.get_layer(index=2) is model.heads[1]
    with pytest.raises(ValueError, match=r"No such layer: out. Existing layers are: \['hidden', 'mean', 'spread'\]"):
        model.get_layer("out")
