"""How a layer is checked: its backward against its forward, by finite differences in float64; its configuration."""

import numpy as np

import cdl
from cdl import layers
from cdl.layers import Context

STEP = 1e-6


def numerical_gradient(value, x):
    """The gradient of value() with respect to the array x, by central differences; x is changed and restored."""
    gradient = np.zeros_like(x)
    for index in np.ndindex(x.shape):
        kept = x[index]
        x[index] = kept + STEP
        above = value()
        x[index] = kept - STEP
        below = value()
        x[index] = kept
        gradient[index] = (above - below) / (2 * STEP)
    return gradient


def check_gradients(make, shape, training=False, tolerance=1e-7, x=None):
    """Compare backward with finite differences of sum(weight * forward), for the input and every variable.

    `make` returns the layer; it must draw the same random numbers at each call for the same context (a seeded dropout
    is rewound by making its context anew).
    """
    rng = np.random.default_rng(7)
    with cdl.config.set_floatx("float64"):
        layer = make()
        x = rng.normal(size=shape) if x is None else x
        y = layer(x)
        # Variables away from zero: biases at 0 would sit on the kink of relu.
        for variable in layer.weights:
            variable.assign(variable.value + 0.1 * rng.normal(size=variable.shape))
        weight = rng.normal(size=y.shape)

        def value():
            ctx = Context(training=training)
            return float((weight * layer.forward(ctx, x)).sum()) + sum(ctx.losses)

        ctx = Context(training=training)
        layer.forward(ctx, x)
        for variable in layer.weights:
            variable.grad = None
        dx = layer.backward(ctx, weight)
        np.testing.assert_allclose(dx, numerical_gradient(value, x), rtol=tolerance, atol=tolerance)
        for variable in layer.trainable_weights:
            expected = numerical_gradient(value, variable.value)
            np.testing.assert_allclose(variable.grad, expected, rtol=tolerance, atol=tolerance, err_msg=variable.path)


def check_configuration(layer, x):
    """The layer comes back from its configuration and, given the values of its variables, with its output."""
    y = layer(x)
    copy = layers.deserialize(layers.serialize(layer))
    assert type(copy) is type(layer)
    assert copy.get_config() == layer.get_config()
    copy(x)
    assert [variable.name for variable in copy.weights] == [variable.name for variable in layer.weights]
    copy.set_weights(layer.get_weights())
    np.testing.assert_array_equal(copy(x), y)
