"""TensorFlow: its own kernels, the training step as one tf.function."""

from __future__ import annotations

import numpy as np
import tensorflow as tf
from geometry import Convolution, Pooling
from timing import Task
from workloads import BN_EPSILON, noise

raw = tf.raw_ops


class Peer:
    def __init__(self, threads: int, variant: str):
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(threads)

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
