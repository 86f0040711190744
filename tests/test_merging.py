"""Parallel and Residual: branches of layers whose outputs become one."""

import numpy as np
import pytest
from layer_checks import check_configuration, check_gradients

import cdl
from cdl import Sequential, layers
from cdl.layers import Context, Parallel, Residual

rng = np.random.default_rng(6)
X = rng.normal(size=(4, 3, 5, 6)).astype("float32")


class Mean(layers.Layer):
    """The mean over space, as a gate of squeeze-and-excitation begins."""

    def forward(self, ctx, x):
        ctx.save(x.shape)
        return x.mean(axis=(1, 2))

    def backward(self, ctx, dy):
        (shape,) = ctx.saved
        return np.broadcast_to(dy[:, None, None] / (shape[1] * shape[2]), shape)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], input_shape[3])


def dense(units=6, activation=None):
    return layers.Dense(units, activation=activation, bias_initializer="glorot_uniform")


# One line per case: how to make the layer, and what it means, given the outputs of its branches.
CASES = {
    "add": (lambda: Parallel([dense(), dense(6, "tanh")]), lambda a, b: a + b),
    "add three": (lambda: Parallel([dense(), [], [dense(3), dense()]]), lambda a, b, c: a + b + c),
    "multiply": (lambda: Parallel([dense(), []], "multiply"), lambda a, b: a * b),
    "multiply three": (lambda: Parallel([dense(), [], dense()], "multiply"), lambda a, b, c: a * b * c),
    "average": (lambda: Parallel([dense(), dense(), []], "average"), lambda a, b, c: (a + b + c) / 3),
    "maximum": (lambda: Parallel([dense(), dense(), []], "maximum"), lambda a, b, c: np.maximum(np.maximum(a, b), c)),
    "concatenate": (lambda: Parallel([dense(2), [], dense(1)], "concatenate"), lambda *ys: np.concatenate(ys, -1)),
    "concatenate rows": (lambda: Parallel([dense(), []], "concatenate", axis=1), lambda *ys: np.concatenate(ys, 1)),
    "gate": (
        lambda: Parallel([[], [Mean(), dense(6, "sigmoid")]], "multiply"),
        lambda a, b: a * b[:, None, None],
    ),
    "one channel spread": (lambda: Parallel([dense(1), dense()]), lambda a, b: a + b),
    "one channel spread, maximum": (lambda: Parallel([dense(1), dense()], "maximum"), np.maximum),
    "one branch": (lambda: Parallel([dense(2)]), lambda a: a),
    "models": (lambda: Parallel([Sequential([dense(3), dense()]), layers.Identity()]), lambda a, b: a + b),
    "nested": (
        lambda: Parallel([Parallel([dense(2), dense(2)]), Residual(dense())], "concatenate"),
        lambda *ys: np.concatenate(ys, -1),
    ),
    "residual": (lambda: Residual([dense(3, "tanh"), dense()]), lambda a, b: a + b),
    "residual, projected": (
        lambda: Residual([dense(3), dense(2)], shortcut=dense(2), activation="tanh"),
        lambda a, b: np.tanh(a + b),
    ),
    "residual, relu": (lambda: Residual(dense(), activation="relu"), lambda a, b: np.maximum(a + b, 0)),
}


@pytest.mark.parametrize("name", CASES)
def test_the_output_is_the_merge_of_what_the_branches_give(name):
    make, merged = CASES[name]
    layer = make()
    y = layer(X)
    np.testing.assert_allclose(y, merged(*(branch(X) for branch in layer.branches)), rtol=1e-5, atol=1e-6)
    assert layer.compute_output_shape((None, *X.shape[1:])) == (None, *y.shape[1:])
    assert y.flags.c_contiguous and y.dtype == np.float32


@pytest.mark.parametrize("name", CASES)
def test_backward_is_the_derivative_of_forward(name):
    check_gradients(CASES[name][0], (2, 2, 3, 6), tolerance=1e-6)


@pytest.mark.parametrize("name", [name for name in CASES if name != "gate"])
def test_a_layer_comes_back_from_its_configuration(name):
    check_configuration(CASES[name][0](), X)


def test_branches_with_layers_of_ones_own_come_back_inside_a_model():
    model = Sequential([layers.Input(X.shape[1:]), CASES["gate"][0](), layers.Flatten(), dense(2)])
    with cdl.utils.custom_object_scope({"Mean": Mean}):
        copy = Sequential.from_config(model.get_config())
    copy.set_weights(model.get_weights())
    np.testing.assert_array_equal(copy.predict(X, verbose=0), model.predict(X, verbose=0))


def small_model():
    return Sequential(
        [
            layers.Input((6,)),
            Residual([dense(8, "relu"), dense()], activation="relu"),
            Parallel([dense(4, "tanh"), [layers.Dropout(0.2), dense(3)]], "concatenate"),
            dense(1),
        ]
    )


def test_a_model_with_branches_counts_and_names_its_variables():
    cdl.utils.clear_session()
    model = small_model()
    assert model.count_params() == 6 * 8 + 8 + 8 * 6 + 6 + 6 * 4 + 4 + 6 * 3 + 3 + 7 + 1
    assert [weight.path for weight in model.weights][:6] == [
        "sequential/residual/dense/kernel",
        "sequential/residual/dense/bias",
        "sequential/residual/dense_1/kernel",
        "sequential/residual/dense_1/bias",
        "sequential/parallel/dense_2/kernel",
        "sequential/parallel/dense_2/bias",
    ]
    printed = []
    model.summary(print_fn=printed.append)
    lines = printed[0].splitlines()
    assert any("residual (Residual)" in line and "(None, 6)" in line and "110" in line for line in lines)
    assert any("parallel (Parallel)" in line and "(None, 7)" in line and "49" in line for line in lines)


def test_a_model_with_branches_learns():
    model = small_model()
    model.compile(cdl.optimizers.Adam(0.01), "mse")
    x = rng.normal(size=(300, 6))
    losses = model.fit(x, x[:, :2].prod(axis=1), epochs=40, verbose=0).history["loss"]
    assert losses[-1] < losses[0] / 5


IMAGE_BLOCKS = {
    "a residual block": lambda: Residual(
        [
            layers.Conv2D(4, 3, strides=2, padding="same", use_bias=False),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.Conv2D(4, 3, padding="same"),
        ],
        shortcut=[layers.Conv2D(4, 1, strides=2), layers.BatchNormalization()],
        activation="elu",
    ),
    "squeeze and excitation": lambda: Parallel(
        [[], [layers.GlobalAveragePooling2D(), layers.Dense(2, "elu"), layers.Dense(3, "sigmoid")]], "multiply"
    ),
    "a U-net": lambda: Parallel(
        [
            layers.Conv2D(2, 3, padding="same"),
            [
                layers.AveragePooling2D(),
                layers.Conv2D(3, 3, padding="same", activation="tanh"),
                layers.UpSampling2D(interpolation="bilinear"),
            ],
        ],
        "concatenate",
    ),
}


@pytest.mark.parametrize("name", IMAGE_BLOCKS)
def test_blocks_of_well_known_networks_go_back_as_they_came(name):
    check_gradients(IMAGE_BLOCKS[name], (2, 4, 6, 3), training=True, tolerance=1e-6)


def test_a_network_of_blocks_learns_where_the_bright_spot_is():
    x = rng.normal(size=(300, 8, 8, 1))
    y = rng.integers(0, 4, 300)
    x[np.arange(300), 2 + 4 * (y // 2), 2 + 4 * (y % 2)] += 6
    model = Sequential(
        [
            layers.Input((8, 8, 1)),
            layers.Conv2D(3, 3, padding="same"),
            *(IMAGE_BLOCKS[name]() for name in ("a U-net", "a residual block")),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(4, activation="softmax"),
        ]
    )
    model.compile(cdl.optimizers.Adam(0.01), "sparse_categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(x, y, epochs=12, verbose=0).history
    assert history["accuracy"][-1] > 0.95


def test_the_layers_of_a_branch_can_be_reached():
    block = Residual([dense(3, "tanh"), dense()], name="block")
    block(X)
    assert [layer.units for layer in block.branches[0].layers] == [3, 6]
    assert block.branches[1].layers == []
    assert block.branches[0].layers[0].kernel.path.startswith("block/dense")


def test_freezing_reaches_into_the_branches():
    model = small_model()
    model.layers[0].trainable = False
    model.compile("sgd", "mse")
    before = model.get_weights()
    model.fit(rng.normal(size=(32, 6)), np.ones(32), verbose=0)
    moved = [not np.array_equal(one, other) for one, other in zip(before, model.get_weights(), strict=True)]
    assert moved == [False] * 4 + [True] * 6


def test_one_branch_may_be_frozen():
    frozen = dense()
    frozen.trainable = False
    layer = Parallel([frozen, dense()])
    layer(X)
    ctx = Context(training=True)
    layer.forward(ctx, X)
    assert layer.backward(ctx, X).shape == X.shape
    assert [weight.grad is None for weight in layer.weights] == [True, True, False, False]


@pytest.mark.parametrize("make", [Parallel, lambda branches: Residual(*branches)])
def test_no_input_gradient_is_computed_where_nobody_wants_it(make):
    class NoWayBack(layers.Layer):
        def forward(self, ctx, x):
            assert not ctx.gradient, "nothing is kept for a way back that is never gone"
            return np.sin(x)

    trained = dense()
    layer = make([[NoWayBack(), trained], [NoWayBack()]])
    layer(X)
    ctx = Context(training=True, need_input_grad=False)
    layer.forward(ctx, X)
    assert layer.backward(ctx, X) is None
    assert trained.kernel.grad is not None


def test_a_penalty_on_the_activity_of_a_layer_inside_counts():
    def penalized():
        return layers.Dense(6, activity_regularizer=cdl.regularizers.L2(0.1))

    check_gradients(lambda: Parallel([penalized(), []]), (3, 6))
    inner = penalized()
    layer = Parallel([inner, []])
    layer(X)
    ctx = Context()
    layer.forward(ctx, X)
    assert ctx.losses == [pytest.approx(0.1 * np.sum(inner(X) ** 2) / len(X), rel=1e-5)]


def test_the_gradient_of_a_maximum_goes_to_the_first_at_a_tie():
    layer = Parallel([[], [], []], "maximum")
    ctx = Context()
    layer(X, ctx=ctx)
    np.testing.assert_array_equal(layer.backward(ctx, X), X)


def test_images_of_any_size_go_through_and_a_misfit_is_found_when_it_is_seen():
    cut = layers.Cropping2D(1, name="cut")
    model = Sequential([layers.Input((None, None, 2)), Parallel([cut, [], layers.Dense(1)], "add", name="sum")])
    with pytest.raises(ValueError, match=r"Parallel 'sum'.*branch 0 \(cut\) gives \(2, 3, 3, 2\).*the input\) gives"):
        model.predict(np.ones((2, 5, 5, 2)), verbose=0)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Parallel([]), "at least one branch"),
        (lambda: Parallel(layers.Dense(3)), "branches is a list"),
        (lambda: Parallel([3]), "Parallel 'parallel.*': a branch is a layer.*3 .of type int"),
        (lambda: Parallel([[layers.Dense(2), "relu"]]), "Received: 'relu'"),
        (lambda: Parallel([layers.Dense]), "of type type"),
        (lambda: Parallel([[]], merge="sum"), "merge is one of 'add', .*Received: 'sum'"),
        (lambda: Residual(layers.Input((3,))), "of type KerasTensor"),
        (
            lambda: Residual([layers.Dense(3), layers.Dense(4, name="last")], name="block")(X),
            r"Residual 'block': shapes do not fit for merge='add': branch 0 \(dense.* -> last\) gives "
            r"\(None, 3, 5, 4\), branch 1 \(the input\) gives \(None, 3, 5, 6\). Sizes must be equal or 1",
        ),
        (lambda: Parallel([[layers.Flatten()], []], "concatenate")(X), r"\(None, 90\).*all sizes|All sizes but those"),
        (lambda: Parallel([[layers.Cropping2D(1)], []], "concatenate")(X), "All sizes but those along axis -1"),
        (lambda: Parallel([[], []], "concatenate", axis=0)(X), "along axis 0"),
        (lambda: Parallel([[], []], "concatenate", axis=7)(X), "along axis 7"),
        (lambda: Residual([], activation="rleu"), "activation function identifier.*'relu'"),
    ],
)
def test_mistakes_are_refused_by_name(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_another_number_of_features_is_refused_by_the_layer_inside():
    block = Residual(layers.Dense(6, name="inside"))
    block(X)
    with pytest.raises(ValueError, match=r"Dense 'inside'.*5 features.*built for 6"):
        block(X[..., :5])


def test_there_is_one_way_back_for_each_way_forward():
    model = Sequential([layers.Input((3,)), layers.Dense(2)])
    ctx = Context(training=True)
    model.forward(ctx, np.ones((4, 3), np.float32))
    model.backward(ctx, np.ones((4, 2), np.float32))
    with pytest.raises(ValueError, match=r"Sequential '.*': there is no way back"):
        model.backward(ctx, np.ones((4, 2), np.float32))
