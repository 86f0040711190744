"""Convolution layers: their meaning in plain loops, gradients, shapes, errors, and that they learn."""

import itertools

import numpy as np
import pytest
from layer_checks import check_configuration, check_gradients

import cdl
from cdl import Sequential, layers
from cdl.layers import Context


def random(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def built(layer, *shape):
    """The layer with random variables, biases included."""
    layer.build(shape)
    for seed, variable in enumerate(layer.weights, 1):
        variable.assign(random(*variable.shape, seed=seed))
    return layer


# ---- the meaning ----


def windows_by_definition(image, size, stride, padding, dilation):
    """(place, positions) of each window along an axis, where `padding` is what Keras' documentation says of the words:
    positions outside of the image are negative or too large."""
    extent = dilation * (size - 1) + 1
    if padding == "valid":
        count, before = (image - extent) // stride + 1, 0
    elif padding == "causal":
        count, before = (image - 1) // stride + 1, extent - 1
    else:
        count = -(-image // stride)
        before = max((count - 1) * stride + extent - image, 0) // 2
    return [(p, [p * stride - before + t * dilation for t in range(size)]) for p in range(count)]


def convolve_by_definition(x, kernel, bias, strides, padding, dilation, groups):
    axes = zip(x.shape[1:-1], kernel.shape, strides, dilation, strict=False)
    axes = [windows_by_definition(image, size, stride, padding, d) for image, size, stride, d in axes]
    y = np.zeros((len(x), *map(len, axes), kernel.shape[-1])) + bias
    channels, outputs = kernel.shape[-2], kernel.shape[-1] // groups
    for windows in itertools.product(*axes):
        place = tuple(p for p, _ in windows)
        for taps in itertools.product(*(enumerate(positions) for _, positions in windows)):
            t, at = tuple(t for t, _ in taps), tuple(position for _, position in taps)
            if all(0 <= position < image for position, image in zip(at, x.shape[1:], strict=False)):
                for group in range(groups):
                    out = slice(group * outputs, (group + 1) * outputs)
                    pixel = x[(slice(None), *at)][:, group * channels : (group + 1) * channels]
                    y[(slice(None), *place, out)] += pixel @ kernel[t][:, out]
    return y


CONVOLUTIONS = [
    ("Conv1D", (7, 2), {"kernel_size": 3}),
    ("Conv1D", (7, 2), {"kernel_size": 3, "padding": "causal", "dilation_rate": 2}),
    ("Conv1D", (7, 2), {"kernel_size": 2, "padding": "causal", "strides": 3}),
    ("Conv1D", (1, 2), {"kernel_size": 4, "padding": "same"}),
    ("Conv2D", (5, 6, 2), {"kernel_size": (3, 2)}),
    ("Conv2D", (5, 6, 2), {"kernel_size": (2, 4), "padding": "same"}),
    ("Conv2D", (5, 6, 2), {"kernel_size": 3, "padding": "same", "strides": (2, 4)}),
    ("Conv2D", (5, 6, 4), {"kernel_size": 2, "groups": 2, "dilation_rate": (3, 2)}),
    ("Conv2D", (5, 6, 2), {"kernel_size": 1, "strides": 2, "groups": 2}),
    ("Conv2D", (1, 1, 2), {"kernel_size": 3, "padding": "same"}),
    ("Conv3D", (3, 4, 2, 2), {"kernel_size": 2}),
    ("Conv3D", (3, 4, 2, 2), {"kernel_size": (3, 2, 1), "padding": "same", "strides": (2, 1, 3), "groups": 2}),
]


@pytest.mark.parametrize(("name", "image", "arguments"), CONVOLUTIONS)
def test_a_convolution_is_a_weighted_sum_over_each_window(name, image, arguments):
    layer = built(getattr(layers, name)(4, **arguments, dtype="float64"), None, *image)
    x = random(2, *image)
    expected = convolve_by_definition(
        x, *(w.value for w in layer.weights), layer.strides, layer.padding, layer.dilation_rate, layer.groups
    )
    np.testing.assert_allclose(layer(x), expected, atol=1e-12)
    assert layer.compute_output_shape((None, *image)) == (None, *expected.shape[1:])


def test_what_causal_sees_lies_in_the_past():
    layer = built(layers.Conv1D(3, 4, padding="causal", dilation_rate=2), None, 12, 2)
    x = random(1, 12, 2)
    later = x.copy()
    later[:, 7:] += 1
    np.testing.assert_array_equal(layer(x)[:, :7], layer(later)[:, :7])
    assert (layer(x)[:, 7:] != layer(later)[:, 7:]).all()


TRANSPOSED = [
    ("Conv1DTranspose", (4, 2), {"kernel_size": 3}),
    ("Conv1DTranspose", (4, 2), {"kernel_size": 2, "strides": 5}),
    ("Conv1DTranspose", (4, 2), {"kernel_size": 4, "strides": 3, "padding": "same"}),
    ("Conv1DTranspose", (1, 2), {"kernel_size": 5, "padding": "same"}),
    ("Conv2DTranspose", (3, 4, 2), {"kernel_size": (3, 2), "strides": (2, 1)}),
    ("Conv2DTranspose", (3, 4, 2), {"kernel_size": 3, "strides": 2, "padding": "same"}),
    ("Conv2DTranspose", (3, 4, 2), {"kernel_size": 3, "strides": (3, 2), "padding": "same", "output_padding": (2, 0)}),
    ("Conv2DTranspose", (3, 2, 2), {"kernel_size": 2, "strides": 3, "output_padding": (2, 1)}),
    ("Conv2DTranspose", (3, 2, 2), {"kernel_size": (3, 2), "dilation_rate": (2, 3), "padding": "same"}),
    ("Conv3DTranspose", (2, 1, 3, 2), {"kernel_size": (2, 3, 1), "strides": 2, "padding": "same"}),
]


@pytest.mark.parametrize(("name", "image", "arguments"), TRANSPOSED)
def test_a_transposed_convolution_lays_multiples_of_the_kernel_onto_the_output(name, image, arguments):
    layer = built(getattr(layers, name)(3, **arguments, dtype="float64"), None, *image)
    kernel, bias = (w.value for w in layer.weights)
    x = random(2, *image)
    sizes = layer.compute_output_shape((None, *image))[1:-1]
    axes = list(zip(image, layer.kernel_size, layer.strides, layer.dilation_rate, strict=False))
    # All that is touched, and some room; of it the output is cut out: the middle, where it is smaller.
    touched = [(points - 1) * stride + dilation * (size - 1) + 1 for points, size, stride, dilation in axes]
    full = np.zeros((2, *(n + stride for n, stride in zip(touched, layer.strides, strict=True)), 3))
    for p in np.ndindex(*image[:-1]):
        for t in np.ndindex(*layer.kernel_size):
            at = [p[i] * layer.strides[i] + t[i] * layer.dilation_rate[i] for i in range(layer.rank)]
            full[(slice(None), *at)] += x[(slice(None), *p)] @ kernel[t].T
    cut = [max(n - size, 0) // 2 for n, size in zip(touched, sizes, strict=True)]
    expected = full[(slice(None), *(slice(c, c + size) for c, size in zip(cut, sizes, strict=True)))] + bias
    np.testing.assert_allclose(layer(x), expected, atol=1e-12)


def test_a_transposed_convolution_undoes_the_shape_of_a_convolution():
    for size, stride in itertools.product((1, 2, 3, 5), (1, 2, 4)):
        down = layers.Conv2D(2, size, strides=stride, padding="same")
        up = layers.Conv2DTranspose(2, size, strides=stride, padding="same")
        assert up.compute_output_shape(down.compute_output_shape((None, 8, 12, 2))) == (None, 8, 12, 2)


def test_depthwise_is_a_convolution_of_each_channel():
    layer = built(layers.DepthwiseConv2D((2, 3), depth_multiplier=2, dtype="float64"), None, 4, 5, 3)
    kernel, bias = (w.value for w in layer.weights)
    x = random(2, 4, 5, 3)
    y = layer(x)
    for channel in range(3):
        expected = convolve_by_definition(
            x[..., channel : channel + 1], kernel[:, :, channel : channel + 1], 0, (1, 1), "valid", (1, 1), 1
        )
        found = y[..., 2 * channel : 2 * channel + 2] - bias[2 * channel : 2 * channel + 2]
        np.testing.assert_allclose(found, expected, atol=1e-12)


def test_separable_is_depthwise_then_a_dense_layer_over_the_channels():
    layer = built(
        layers.SeparableConv2D(5, 3, depth_multiplier=2, padding="same", activation="relu", dtype="float64"),
        *(None, 4, 5, 3),
    )
    assert [w.name for w in layer.weights] == ["depthwise_kernel", "pointwise_kernel", "bias"]
    depthwise = layers.DepthwiseConv2D(3, depth_multiplier=2, padding="same", use_bias=False, dtype="float64")
    dense = layers.Dense(5, activation="relu", dtype="float64")
    x = random(2, 4, 5, 3)
    depthwise.build(x.shape)
    depthwise.set_weights([layer.depthwise_kernel.value])
    dense.build((None, 6))
    dense.set_weights([layer.pointwise_kernel.value[0, 0], layer.bias.value])
    np.testing.assert_allclose(layer(x), dense(depthwise(x)), atol=1e-12)


@pytest.mark.parametrize("name", ["Conv2D", "Conv2DTranspose", "SeparableConv2D", "DepthwiseConv2D"])
def test_the_memory_layout_of_the_input_does_not_matter(name):
    arguments = {"kernel_size": 3} if name == "DepthwiseConv2D" else {"kernel_size": 3, "filters": 2}
    layer = built(getattr(layers, name)(**arguments, dtype="float64"), None, 6, 5, 2)
    x = random(2, 2, 12, 5)
    strided = np.moveaxis(x, 1, -1)[:, ::2]
    assert not strided.flags.c_contiguous
    contexts = Context(), Context()
    y = layer.forward(contexts[0], strided)
    np.testing.assert_array_equal(y, layer.forward(contexts[1], np.ascontiguousarray(strided)))
    dy = np.asfortranarray(random(*y.shape))
    dx = [layer.backward(ctx, d) for ctx, d in zip(contexts, (dy, np.ascontiguousarray(dy)), strict=True)]
    np.testing.assert_array_equal(*dx)


# ---- gradients ----

GRADIENTS = {
    "Conv1D": (lambda: layers.Conv1D(2, 3, activation="tanh"), (2, 6, 2)),
    "Conv1D causal": (lambda: layers.Conv1D(2, 3, padding="causal", dilation_rate=2, activation="gelu"), (2, 6, 2)),
    "Conv2D": (lambda: layers.Conv2D(3, 3, activation="sigmoid"), (2, 5, 4, 2)),
    "Conv2D even, same": (lambda: layers.Conv2D(2, (2, 4), padding="same"), (2, 3, 4, 2)),
    "Conv2D strides beyond the kernel": (lambda: layers.Conv2D(2, 2, strides=(3, 4), activation="elu"), (2, 6, 7, 2)),
    "Conv2D strides, same": (lambda: layers.Conv2D(2, 3, strides=2, padding="same"), (1, 4, 5, 2)),
    "Conv2D dilated": (lambda: layers.Conv2D(2, 2, dilation_rate=(2, 3), activation="tanh"), (2, 5, 6, 2)),
    "Conv2D groups": (lambda: layers.Conv2D(4, 2, groups=2, activation="softmax"), (2, 3, 4, 4)),
    "Conv2D of one point": (lambda: layers.Conv2D(2, 3, padding="same", use_bias=False), (2, 1, 1, 2)),
    "Conv3D": (lambda: layers.Conv3D(2, (2, 1, 3), padding="same", activation="tanh"), (1, 2, 2, 3, 2)),
    "Conv1DTranspose": (lambda: layers.Conv1DTranspose(2, 3, strides=2, activation="tanh"), (2, 4, 2)),
    "Conv2DTranspose": (lambda: layers.Conv2DTranspose(2, 3, activation="gelu"), (1, 3, 2, 2)),
    "Conv2DTranspose same": (
        lambda: layers.Conv2DTranspose(2, (3, 2), strides=2, padding="same", output_padding=(1, 0), activation="tanh"),
        (2, 3, 2, 2),
    ),
    "Conv2DTranspose strides beyond the kernel": (lambda: layers.Conv2DTranspose(2, 2, strides=3), (1, 2, 3, 2)),
    "Conv2DTranspose dilated": (lambda: layers.Conv2DTranspose(2, 2, dilation_rate=2, use_bias=False), (1, 2, 3, 2)),
    "Conv3DTranspose": (lambda: layers.Conv3DTranspose(2, 2, strides=(1, 2, 1), padding="same"), (1, 2, 2, 2, 1)),
    "DepthwiseConv1D": (lambda: layers.DepthwiseConv1D(3, depth_multiplier=2, dilation_rate=2), (2, 6, 2)),
    "DepthwiseConv2D": (lambda: layers.DepthwiseConv2D(2, strides=2, padding="same", activation="tanh"), (2, 3, 4, 3)),
    "SeparableConv1D": (lambda: layers.SeparableConv1D(3, 2, activation="tanh"), (2, 5, 2)),
    "SeparableConv2D": (
        lambda: layers.SeparableConv2D(3, 2, padding="same", depth_multiplier=2, activation="gelu"),
        (1, 3, 4, 2),
    ),
}


@pytest.mark.parametrize("case", GRADIENTS)
def test_backward_is_the_derivative_of_forward(case):
    check_gradients(*GRADIENTS[case])


EVERY = {
    "Conv1D": lambda **more: layers.Conv1D(2, 2, **more),
    "Conv2D": lambda **more: layers.Conv2D(2, 2, **more),
    "Conv3D": lambda **more: layers.Conv3D(2, 2, **more),
    "Conv1DTranspose": lambda **more: layers.Conv1DTranspose(2, 2, **more),
    "Conv2DTranspose": lambda **more: layers.Conv2DTranspose(2, 2, **more),
    "Conv3DTranspose": lambda **more: layers.Conv3DTranspose(2, 2, **more),
    "DepthwiseConv1D": lambda **more: layers.DepthwiseConv1D(2, **more),
    "DepthwiseConv2D": lambda **more: layers.DepthwiseConv2D(2, **more),
    "SeparableConv1D": lambda **more: layers.SeparableConv1D(2, 2, **more),
    "SeparableConv2D": lambda **more: layers.SeparableConv2D(2, 2, **more),
}


def image_for(layer):
    return random(2, *(3,) * layer.rank, 2).astype(layer.dtype)


@pytest.mark.parametrize("name", EVERY)
def test_what_nobody_needs_is_not_computed(name):
    layer = EVERY[name]()
    x = image_for(layer)
    y = layer(x)
    ctx = Context(need_input_grad=False)
    layer.forward(ctx, x)
    assert layer.backward(ctx, np.ones_like(y)) is None
    assert all(variable.grad is not None for variable in layer.weights)
    frozen = EVERY[name](trainable=False)
    frozen.build(x.shape)
    ctx = Context()
    frozen.forward(ctx, x)
    assert frozen.backward(ctx, np.ones_like(y)).shape == x.shape
    assert all(variable.grad is None for variable in frozen.weights)


def test_a_separable_convolution_may_be_frozen_in_part():
    layer = layers.SeparableConv2D(3, 2)
    x = random(2, 3, 3, 2).astype("float32")
    y = layer(x)
    layer.depthwise_kernel.trainable = False
    for need_input_grad in (False, True):
        ctx = Context(need_input_grad=need_input_grad)
        layer.forward(ctx, x)
        assert (layer.backward(ctx, np.ones_like(y)) is not None) == need_input_grad
    assert layer.depthwise_kernel.grad is None
    assert layer.pointwise_kernel.grad is not None


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", EVERY)
def test_the_float_type_is_kept(name, dtype):
    layer = EVERY[name](dtype=dtype, activation="relu")
    ctx = Context()
    y = layer(image_for(layer), ctx=ctx)
    assert y.dtype == layer.backward(ctx, np.ones_like(y)).dtype == dtype
    assert all(variable.grad.dtype == variable.value.dtype == dtype for variable in layer.weights)


# ---- configurations ----


@pytest.mark.parametrize("name", EVERY)
def test_a_configuration_makes_an_equal_layer(name):
    role = "kernel" if name.startswith("Conv") else "depthwise"
    arguments = {
        "padding": "same",
        "strides": 2,
        "activation": "relu",
        f"{role}_regularizer": "l2",
        f"{role}_constraint": "max_norm",
        "bias_initializer": "ones",
        "activity_regularizer": "l1",
    }
    layer = EVERY[name](**arguments)
    check_configuration(layer, image_for(layer))
    assert len(layer.losses) == 1
    assert layer.weights[0].constraint is not None
    assert (layer.bias.value == 1).all()


@pytest.mark.parametrize("name", ["Conv1D", "Conv2D", "Conv3D", "Conv2DTranspose", "SeparableConv2D"])
def test_the_long_names_mean_the_same_classes(name):
    long = name.replace("Conv", "Convolution")
    assert getattr(layers, long) is getattr(layers, name)
    config = {"module": "keras.layers", "class_name": long, "config": {"filters": 2, "kernel_size": 2}}
    assert type(layers.deserialize(config)) is getattr(layers, name)


def test_kernels_are_as_large_as_their_windows_say():
    for layer, image, size, fans in [
        (layers.Conv2D(32, (3, 5), groups=2), (8, 8, 16), (3, 5, 8, 32), 15 * (8 + 32)),
        (layers.Conv2DTranspose(32, 3), (8, 8, 16), (3, 3, 32, 16), 9 * (16 + 32)),
        (layers.DepthwiseConv2D(5, depth_multiplier=4), (8, 8, 16), (5, 5, 16, 4), 25 * (16 + 4)),
    ]:
        layer.build((None, *image))
        kernel = layer.kernel.value
        assert kernel.shape == size
        limit = np.sqrt(6 / fans)
        assert 0.95 * limit < np.abs(kernel).max() <= limit


# ---- images of any size ----


@pytest.mark.parametrize("name", EVERY)
def test_one_layer_takes_images_of_every_size(name):
    layer = EVERY[name]()
    layer.build((None,) * (layer.rank + 1) + (2,))
    for size in (2, 5):
        x = random(1, *(size,) * layer.rank, 2)
        assert layer(x).shape[1:] == layer.compute_output_shape(x.shape)[1:]
    assert layer.compute_output_shape((None,) * (layer.rank + 1) + (2,))[1:-1] == (None,) * layer.rank


def test_a_model_for_images_of_any_size_says_which_layer_an_image_is_too_small_for():
    model = Sequential([layers.Input((None, None, 1)), layers.Conv2D(2, 3), layers.Conv2D(2, 3, name="second")])
    assert model.output_shape == (None, None, None, 2)
    assert model(np.zeros((1, 6, 7, 1))).shape == (1, 2, 3, 2)
    with pytest.raises(
        ValueError, match=r"Conv2D 'second': a kernel of \(3, 3\) does not fit into an image of \(2, 5\)"
    ):
        model(np.zeros((1, 4, 7, 1)))


def test_no_images_give_no_outputs():
    for name, make in EVERY.items():
        layer = make()
        x = image_for(layer)
        assert layer(x[:0]).shape == (0, *layer(x).shape[1:]), name


# ---- mistakes ----


def second(layer, *shapes):
    """Call the layer with images of these shapes, one after the other."""
    for shape in shapes:
        layer(np.zeros(shape))


MISTAKES = {
    "too small": (
        lambda: second(layers.Conv2D(8, 3, name="c"), (1, 2, 5, 1)),
        "Conv2D 'c': a kernel of (3, 3) does not fit into an image of (2, 5). Use padding='same', a smaller kernel or "
        "fewer pooling layers before it.",
    ),
    "too small, dilated": (
        lambda: second(layers.Conv1D(8, 3, dilation_rate=4, name="c"), (1, 8, 1)),
        "Conv1D 'c': a kernel of (3,) with dilation_rate (4,) does not fit into an image of (8,).",
    ),
    "too small later": (
        lambda: second(layers.Conv2D(8, 3, name="c"), (1, 5, 5, 1), (1, 2, 5, 1)),
        "Conv2D 'c': a kernel of (3, 3) does not fit into an image of (2, 5).",
    ),
    "no points": (
        lambda: second(layers.Conv2D(8, 3, padding="same", name="c"), (1, 0, 5, 1)),
        "Conv2D 'c': an image of (0, 5) has no points.",
    ),
    "no output": (
        lambda: second(
            layers.Conv2DTranspose(8, 2, strides=2, padding="same", output_padding=0, name="c"), (1, 1, 5, 1)
        ),
        "Conv2DTranspose 'c': an image of (1, 5) would become one of (0, 8), which has no points. Use a larger "
        "output_padding, or none.",
    ),
    "no channel axis": (
        lambda: second(layers.Conv2D(8, 3, name="c"), (60, 28, 28)),
        "Conv2D 'c' expects (batch, height, width, channels), received (None, 28, 28). Add a channel axis: "
        "x[..., None].",
    ),
    "no channel axis later": (
        lambda: second(layers.Conv2D(8, 3, name="c"), (2, 28, 28, 1), (60, 28, 28)),
        "Conv2D 'c' expects (batch, height, width, channels), received (60, 28, 28). Add a channel axis: x[..., None].",
    ),
    "too many axes": (
        lambda: second(layers.Conv1D(8, 3, name="c"), (60, 28, 28, 1)),
        "Conv1D 'c' expects (batch, steps, channels), received (None, 28, 28, 1). Reshape the input.",
    ),
    "other channels": (
        lambda: second(layers.SeparableConv1D(8, 3, name="c"), (2, 28, 3), (2, 28, 4)),
        "SeparableConv1D 'c': input has 4 channels, but the layer was built for 3 (x shape (2, 28, 4)).",
    ),
    "unknown channels": (
        lambda: layers.Conv2D(8, 3, name="c").build((None, 8, 8, None)),
        "Conv2D 'c': the number of channels must be known. Received shape (None, 8, 8, None)",
    ),
    "channels and groups": (
        lambda: second(layers.Conv2D(8, 3, groups=2, name="c"), (2, 28, 28, 3)),
        "Conv2D 'c': 3 input channels cannot be divided into 2 groups.",
    ),
    "filters and groups": (lambda: layers.Conv2D(8, 3, groups=3), "Conv2D: `filters` is a multiple of `groups`."),
    "strides and dilation": (
        lambda: layers.Conv3D(8, 3, strides=2, dilation_rate=2),
        "Conv3D: `strides` > 1 and `dilation_rate` > 1 exclude each other. Received: strides=(2, 2, 2), "
        "dilation_rate=(2, 2, 2)",
    ),
    "output_padding": (
        lambda: layers.Conv2DTranspose(8, 3, strides=(2, 3), output_padding=2),
        "Conv2DTranspose: `output_padding` is smaller than `strides` along every axis. Received: "
        "output_padding=(2, 2), strides=(2, 3)",
    ),
    "padding": (
        lambda: layers.Conv2D(8, 3, padding="causal"),
        "Conv2D: `padding` is one of 'valid', 'same'. Received: padding='causal'",
    ),
    "padding in numbers": (lambda: layers.Conv1D(8, 3, padding=1), "'valid', 'same', 'causal'. Received: padding=1"),
    "channels_first": (
        lambda: layers.Conv2D(8, 3, data_format="channels_first"),
        "Conv2D: data_format='channels_first' is not offered; cdl computes with 'channels_last'",
    ),
    "filters": (lambda: layers.Conv2D(2.5, 3), "Conv2D: `filters` is a positive integer. Received: filters=2.5"),
    "kernel": (
        lambda: layers.Conv2D(2, (3, 3, 3)),
        "Conv2D: `kernel_size` is a positive integer or a tuple of 2 such integers. Received: kernel_size=(3, 3, 3)",
    ),
    "lora": (lambda: layers.Conv2D(2, 3, lora_rank=2), "Conv2D: `lora_rank` is not offered by cdl"),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_a_mistake_is_told(case):
    mistake, text = MISTAKES[case]
    with pytest.raises(ValueError) as error:
        mistake()
    assert text in str(error.value)


def test_a_build_that_failed_leaves_the_layer_as_it_was():
    layer = layers.Conv2D(8, 3, groups=2)
    with pytest.raises(ValueError):
        layer(np.zeros((1, 5, 5, 3)))
    assert not layer.built
    assert layer(np.zeros((1, 5, 5, 4))).shape == (1, 3, 3, 8)


# ---- learning ----


def test_a_small_network_of_convolutions_learns_digits():
    (x, y), (x_test, y_test) = cdl.datasets.digits.load_data()
    order = np.random.default_rng(0).permutation(len(x))[:1500]
    x, y, x_test, y_test = x[order, ::2, ::2, None] / 255, y[order], x_test[::2, ::2, ::2, None] / 255, y_test[::2]
    model = Sequential(
        [
            layers.Conv2D(8, (3, 3), activation="relu", input_shape=(14, 14, 1)),
            layers.SeparableConv2D(16, 3, strides=2, padding="same", activation="relu"),
            layers.Flatten(),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(cdl.optimizers.Adam(0.01), "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x, y, epochs=3, verbose=0)
    assert model.evaluate(x_test, y_test, verbose=0)[1] > 0.8


def test_a_transposed_convolution_learns_to_draw():
    """From one number, an image of a stripe or a cross."""
    images = np.zeros((2, 8, 8, 1))
    images[0, 3:5] = images[1, 3:5] = images[1, :, 3:5] = 1
    model = Sequential(
        [
            layers.Input((2,)),
            layers.Dense(2 * 2 * 8, activation="relu"),
            layers.Reshape((2, 2, 8)),
            layers.Conv2DTranspose(8, 3, strides=2, padding="same", activation="relu"),
            layers.Conv2DTranspose(1, 3, strides=2, padding="same", activation="sigmoid"),
        ]
    )
    model.compile(cdl.optimizers.Adam(0.03), "binary_crossentropy")
    model.fit(np.eye(2), images, epochs=150, verbose=0)
    assert ((model.predict(np.eye(2), verbose=0) > 0.5) == images).all()


def test_the_summary_shows_shapes_and_counts():
    model = Sequential([layers.Input((28, 28, 1)), layers.Conv2D(32, 3), layers.DepthwiseConv2D(3, padding="same")])
    lines = []
    model.summary(print_fn=lines.append)
    text = "\n".join(lines)
    assert text.count("(None, 26, 26, 32)") == 2
    assert text.count("320") == 2  # 3 * 3 * 32 + 32, of each
    assert "640" in text
