"""TensorFlow: its own kernels, the training step as one tf.function."""

from __future__ import annotations

import math

import numpy as np
import tensorflow as tf
from geometry import Convolution, Pooling
from networks import Conv, Dense, Dropout, Embedding, Flatten, GlobalAverage, MaxPool, Network, Recurrent
from timing import Task
from workloads import BETA_1, BETA_2, BN_EPSILON, EPSILON, LEARNING_RATE, noise

raw = tf.raw_ops


def recurrent(kind: str, x: tf.Tensor, kernel: tf.Tensor, recurrent_kernel: tf.Tensor, bias: tf.Tensor) -> tf.Tensor:
    """The last state: one product for the inputs of all steps, then the steps one by one."""
    steps, units = x.shape[1], recurrent_kernel.shape[0]
    first, second = (bias[0], bias[1]) if kind == "GRU" else (bias, None)
    inputs = tf.unstack(tf.nn.bias_add(tf.tensordot(x, kernel, 1), first), steps, axis=1)
    h = c = tf.zeros((tf.shape(x)[0], units), x.dtype)
    for z in inputs:
        product = h @ recurrent_kernel
        if kind == "LSTM":
            i, f, g, o = tf.split(z + product, 4, axis=1)
            c = tf.sigmoid(f) * c + tf.sigmoid(i) * tf.tanh(g)
            h = tf.sigmoid(o) * tf.tanh(c)
        elif kind == "GRU":
            (z, r, g), (hz, hr, hg) = tf.split(z, 3, axis=1), tf.split(tf.nn.bias_add(product, second), 3, axis=1)
            update = tf.sigmoid(z + hz)
            h = update * h + (1 - update) * tf.tanh(g + tf.sigmoid(r + hr) * hg)
        else:
            h = tf.tanh(z + product)
    return h


class Net:
    def __init__(self, network: Network):
        self.network, self.first = network, network.weights()
        self.weights, self.m, self.v = ([tf.Variable(w) for w in self.first] for _ in range(3))
        self.power_1, self.power_2 = (tf.Variable(1, dtype=network.dtype) for _ in range(2))
        self.step = tf.function(self._step, autograph=False)
        self.reset()

    def reset(self) -> None:
        for weight, m, v, first in zip(self.weights, self.m, self.v, self.first, strict=True):
            weight.assign(first)
            m.assign(tf.zeros_like(m))
            v.assign(tf.zeros_like(v))
        self.power_1.assign(1)
        self.power_2.assign(1)

    def logits(self, x: tf.Tensor, training: bool) -> tf.Tensor:
        weights = iter(self.weights)
        for layer in self.network.layers:
            match layer:
                case Conv(_, size, padding):
                    convolve = tf.nn.conv1d if len(size) == 1 else tf.nn.conv2d
                    x = tf.nn.relu(tf.nn.bias_add(convolve(x, next(weights), 1, padding.upper()), next(weights)))
                case MaxPool():
                    x = tf.nn.max_pool(x, 2, 2, "VALID")
                case Flatten():
                    x = tf.reshape(x, (-1, math.prod(x.shape[1:])))
                case GlobalAverage():
                    x = tf.reduce_mean(x, range(1, len(x.shape) - 1))
                case Dropout(rate):
                    if training:
                        x = tf.nn.dropout(x, rate)
                case Dense():
                    x = tf.nn.bias_add(x @ next(weights), next(weights))
                    if layer is not self.network.layers[-1]:
                        x = tf.nn.relu(x)
                case Embedding():
                    x = tf.gather(next(weights), x)
                case Recurrent(kind):
                    x = recurrent(kind, x, next(weights), next(weights), next(weights))
        return x

    def _step(self, x: tf.Tensor, label: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(label, self.logits(x, training=True))
            loss = tf.reduce_mean(losses)
        gradients = [tf.convert_to_tensor(gradient) for gradient in tape.gradient(loss, self.weights)]
        self.power_1.assign(self.power_1 * BETA_1)
        self.power_2.assign(self.power_2 * BETA_2)
        for weight, m, v, gradient in zip(self.weights, self.m, self.v, gradients, strict=True):
            raw.ResourceApplyAdam(
                var=weight.handle,
                m=m.handle,
                v=v.handle,
                beta1_power=self.power_1,
                beta2_power=self.power_2,
                lr=LEARNING_RATE,
                beta1=BETA_1,
                beta2=BETA_2,
                epsilon=EPSILON,
                grad=gradient,
            )
        return loss


class Peer:
    def __init__(self, threads: int, variant: str):
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(threads)

    def train_step(self, network: Network) -> Task:
        net = Net(network)
        batches = [(tf.constant(x), tf.constant(label)) for x, label in network.batches()]
        return Task.cycle(net.step, batches, net.reset)

    def predict(self, network: Network, count: int) -> Task:
        net, x = Net(network), tf.constant(network.samples(count)[0])
        predict = tf.function(lambda x: tf.nn.softmax(net.logits(x, training=False)), autograph=False)
        return Task(lambda: predict(x).numpy())

    def convolution(self, case: Convolution, wanted: str) -> Task:
        x, kernel, dy = map(tf.constant, case.operands())
        depthwise = case.groups == case.x[-1] > 1
        if depthwise:
            kernel = tf.reshape(kernel, (case.size, case.size, case.groups, -1))
        rest = {
            "strides": [1, case.stride, case.stride, 1],
            "padding": "EXPLICIT",
            "explicit_paddings": [0, 0, *[case.pad] * 4, 0, 0],
        }
        forward, backward_x, backward_kernel = (
            (
                raw.DepthwiseConv2dNative,
                raw.DepthwiseConv2dNativeBackpropInput,
                raw.DepthwiseConv2dNativeBackpropFilter,
            )
            if depthwise
            else (raw.Conv2D, raw.Conv2DBackpropInput, raw.Conv2DBackpropFilter)
        )

        def dx() -> tf.Tensor:
            return backward_x(input_sizes=case.x, filter=kernel, out_backprop=dy, **rest)

        def dkernel() -> tf.Tensor:
            return backward_kernel(input=x, filter_sizes=kernel.shape, out_backprop=dy, **rest)

        if wanted == "forward":
            return Task(lambda: forward(input=x, filter=kernel, **rest))
        if wanted == "dx and dkernel":
            return Task(lambda: (dx(), dkernel()), read=flat)
        return Task({"dx": dx, "dkernel": dkernel}[wanted])

    def pooling(self, case: Pooling, wanted: str) -> Task:
        x, dy = map(tf.constant, case.operands())
        rest = {"ksize": (window := [1, case.size, case.size, 1]), "strides": window, "padding": "VALID"}
        if case.kind == "max":
            if wanted == "forward":
                return Task(lambda: raw.MaxPool(input=x, **rest))
            y = raw.MaxPool(input=x, **rest)
            return Task(lambda: raw.MaxPoolGrad(orig_input=x, orig_output=y, grad=dy, **rest))
        if wanted == "forward":
            return Task(lambda: raw.AvgPool(value=x, **rest))
        return Task(lambda: raw.AvgPoolGrad(orig_input_shape=case.x, grad=dy, **rest))

    def batch_norm(self, shape: tuple) -> Task:
        x, dy = tf.constant(noise(*shape)), tf.constant(noise(*shape, seed=1))
        gamma, beta, unused = tf.ones(shape[-1]), tf.zeros(shape[-1]), tf.constant([])

        def both() -> tuple:
            y, _, _, *saved = raw.FusedBatchNormV3(
                x=x, scale=gamma, offset=beta, mean=unused, variance=unused, epsilon=BN_EPSILON
            )
            dx, dgamma, dbeta, *_ = raw.FusedBatchNormGradV3(
                y_backprop=dy,
                x=x,
                scale=gamma,
                reserve_space_1=saved[0],
                reserve_space_2=saved[1],
                reserve_space_3=saved[2],
                epsilon=BN_EPSILON,
            )
            return y, dx, dgamma, dbeta

        return Task(both, read=flat)


def flat(values: tuple) -> np.ndarray:
    return np.concatenate([np.ravel(value) for value in values])
