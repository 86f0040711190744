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
    moving ones. With a mask, the batch's mean and variance are those of the steps that count; all steps are normalised.

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
        counted = None if ctx.mask is None else self.spread(ctx.mask, x.shape)
        x = self.channels_last(x)
        if ctx.training and not ctx.freezes(self):
            if counted is None:
                y, mean, variance = ops.batch_norm(x, *self.gamma_and_beta(), self.epsilon)
            else:
                mean, variance = moments(x, counted)
                y = self.normalized(x, mean, variance)
            for moving, batch in ((self.moving_mean, mean), (self.moving_variance, variance)):
                moving.assign(moving.value * self.momentum + batch * (1 - self.momentum))
            ctx.save(x, mean, variance, counted)
        else:
            y = self.normalized(x, self.moving_mean.value, self.moving_variance.value)
            ctx.save(x, None, None, None)
        return self.channels_back(y)

    def backward(self, ctx: Context, dy: np.ndarray) -> np.ndarray | None:
        x, mean, variance, counted = ctx.saved
        dy = self.channels_last(dy)
        gamma, _ = self.gamma_and_beta()
        if counted is not None:
            x_hat = (x - mean) / np.sqrt(variance + x.dtype.type(self.epsilon))
            dgamma, dbeta = ops.column_sum(dy * x_hat), ops.column_sum(dy)
            self.add_gradients(ctx, dgamma, dbeta)
            # The moments come from the steps that count, but stand in all of them.
            dx = self.scale_of(variance) * (dy - counted * (dbeta + x_hat * dgamma) / number_of(counted, x.dtype))
        elif mean is not None:
            dx, *gradients = ops.batch_norm_backward(x, gamma, mean, variance, dy, self.epsilon, ctx.need_input_grad)
            self.add_gradients(ctx, *gradients)
        else:
            if any(variable is not None and ctx.trains(variable) for variable in (self.gamma, self.beta)):
                x_hat = (x - self.moving_mean.value) / np.sqrt(self.moving_variance.value + self.epsilon)
                self.add_gradients(ctx, ops.column_sum(dy * x_hat), ops.column_sum(dy))
            dx = dy * self.scale_of(self.moving_variance.value) if ctx.need_input_grad else None
        return None if dx is None else self.channels_back(dx)

    def normalized(self, x: np.ndarray, mean: np.ndarray, variance: np.ndarray) -> np.ndarray:
        """y for given moments."""
        scale, (_, beta) = self.scale_of(variance), self.gamma_and_beta()
        return ops.scale_shift(x, scale, -mean * scale if beta is None else beta - mean * scale)

    def scale_of(self, variance: np.ndarray) -> np.ndarray:
        """The factor of x: gamma / sqrt(variance + epsilon)."""
        scale = 1 / np.sqrt(variance + np.asarray(self.epsilon, self.dtype))
        return scale if self.gamma is None else scale * self.gamma.value

    def spread(self, mask: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        """The mask of x, element by element, channels last. Raises ValueError where it does not fit."""
        if mask.shape != shape[:-1]:
            raise ValueError(
                f"{self.who}: the mask should have one dimension less than the inputs. Received: "
                f"mask.shape={mask.shape}, inputs.shape={shape}"
            )
        return self.channels_last(np.broadcast_to(mask[..., None], shape))

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


def number_of(counted: np.ndarray, dtype: Any) -> np.ndarray:
    """How many elements of each channel count, at least 1."""
    return np.maximum(counted.sum(axis=tuple(range(counted.ndim - 1))), 1).astype(dtype)


def moments(x: np.ndarray, counted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and variance of each channel over the elements that count; 0 where there are none."""
    axes, number = tuple(range(x.ndim - 1)), number_of(counted, np.float64)
    mean = np.where(counted, x, 0).sum(axis=axes, dtype=np.float64) / number
    variance = np.square(np.where(counted, x - mean, 0)).sum(axis=axes) / number
    return mean.astype(x.dtype), variance.astype(x.dtype)
