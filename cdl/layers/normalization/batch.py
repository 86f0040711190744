"""Batch normalisation."""

from __future__ import annotations

from typing import Any

import numpy as np

from cdl import ops
from cdl.layers.base import Shape
from cdl.layers.context import Context
from cdl.layers.normalization.base import ChannelNormalization


class BatchNormalization(ChannelNormalization):
    """y = gamma * (x - mean) / sqrt(variance + epsilon) + beta, for each channel.

    In training, mean and variance are those of the batch (over all axes but `axis`), and the moving ones follow them:
    moving = momentum * moving + (1 - momentum) * batch. Otherwise, and where the layer is not `trainable`, they are the
    moving ones.

    Shapes: y like x; gamma, beta, moving_mean, moving_variance (x.shape[axis],).

    Parameters: `axis` of the channels, by default the last; `momentum` 0.99; `epsilon` 0.001; `center`, `scale`:
    whether there are beta, gamma; an initializer for each of the four, a regularizer and constraint for gamma and beta.
    Raises ValueError for `synchronized` and `renorm`, which cdl does not offer.
    Reference: Ioffe & Szegedy 2015, Batch normalization.

    >>> layer = BatchNormalization()
    >>> y = layer(np.random.normal(5.0, 2.0, (64, 8, 8, 3)), training=True)
    >>> y.mean(), y.std()        # 0, 1
    """

    states = ("moving_mean", "moving_variance")

    def __init__(
        self,
        axis: int = -1,
        momentum: float = 0.99,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        moving_mean_initializer: Any = "zeros",
        moving_variance_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        renorm: bool = False,
        renorm_clipping: Any = None,
        renorm_momentum: float = 0.99,
        synchronized: bool = False,
        **kwargs: Any,
    ) -> None:
        for name, value in (("synchronized", synchronized), ("renorm", renorm)):
            if value:
                raise ValueError(f"BatchNormalization: {name}=True is not offered by cdl; leave it out.")
        super().__init__(
            axis=axis,
            epsilon=epsilon,
            center=center,
            scale=scale,
            beta_initializer=beta_initializer,
            gamma_initializer=gamma_initializer,
            beta_regularizer=beta_regularizer,
            gamma_regularizer=gamma_regularizer,
            beta_constraint=beta_constraint,
            gamma_constraint=gamma_constraint,
            moving_mean_initializer=moving_mean_initializer,
            moving_variance_initializer=moving_variance_initializer,
            **kwargs,
        )
        self.momentum = float(momentum)
        self.renorm_clipping, self.renorm_momentum = renorm_clipping, renorm_momentum  # for Keras' configuration only

    def build(self, input_shape: Shape) -> None:
        self.find_channels(input_shape)
        shape = (self._channels,)
        self._last = self.axis in (-1, self._ndim - 1)
        self.add_gamma_and_beta(shape)
        self.moving_mean = self.add_variable("moving_mean", shape)
        self.moving_variance = self.add_variable("moving_variance", shape)

    def forward(self, ctx: Context, x: np.ndarray) -> np.ndarray:
        x = self.channels_last(x)
        gamma, beta = self.gamma_and_beta()
        if ctx.training and self.trainable:
            y, mean, variance = ops.batch_norm(x, gamma, beta, self.epsilon)
            for moving, batch in ((self.moving_mean, mean), (self.moving_variance, variance)):
                moving.assign(moving.value * self.momentum + batch * (1 - self.momentum))
            ctx.save(x, mean, variance)
        else:
            mean, scale = self.moving_mean.value, self.moving_scale()
            y = ops.scale_shift(x, scale, -mean * scale if beta is None else beta - mean * scale)
            ctx.save(x, None, None)
        return self.channels_back(y)

    def backward(self, ctx: Context, dy: np.ndarray) -> np.ndarray | None:
        x, mean, variance = ctx.saved
        dy = self.channels_last(dy)
        gamma, _ = self.gamma_and_beta()
        if mean is not None:
            dx, *gradients = ops.batch_norm_backward(x, gamma, mean, variance, dy, self.epsilon, ctx.need_input_grad)
            self.add_gradients(*gradients)
        else:
            if self.trainable_weights:
                x_hat = (x - self.moving_mean.value) / np.sqrt(self.moving_variance.value + self.epsilon)
                self.add_gradients(ops.column_sum(dy * x_hat), ops.column_sum(dy))
            dx = dy * self.moving_scale() if ctx.need_input_grad else None
        return None if dx is None else self.channels_back(dx)

    def moving_scale(self) -> np.ndarray:
        """The factor of x at rest: gamma / sqrt(moving_variance + epsilon)."""
        scale = 1 / np.sqrt(self.moving_variance.value + np.asarray(self.epsilon, self.dtype))
        return scale if self.gamma is None else scale * self.gamma.value

    def channels_last(self, x: np.ndarray) -> np.ndarray:
        return x if self._last else np.ascontiguousarray(np.moveaxis(x, self.axis, -1))

    def channels_back(self, x: np.ndarray) -> np.ndarray:
        return x if self._last else np.ascontiguousarray(np.moveaxis(x, -1, self.axis))

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "momentum": self.momentum,
            "synchronized": False,
            "renorm": False,
            "renorm_clipping": self.renorm_clipping,
            "renorm_momentum": self.renorm_momentum,
        }
