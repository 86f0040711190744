"""Group normalisation."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from cdl import ops
from cdl.layers.base import Shape
from cdl.layers.context import Context
from cdl.layers.normalization.base import ChannelNormalization


class GroupNormalization(ChannelNormalization):
    """y = gamma * (x - mean) / sqrt(variance + epsilon) + beta, with the moments of each sample's groups of channels.

    The channels are cut into `groups` of neighbours; mean and variance of a group are taken over its channels and all
    positions of the sample. One group is layer normalisation over the whole sample, as many groups as channels
    (groups=-1) instance normalisation.

    Shapes: y like x; gamma and beta (x.shape[axis],).

    Parameters: `groups` 32; `axis` of the channels, by default the last; `epsilon` 0.001; `center`, `scale`: whether
    there are beta, gamma; an initializer, regularizer and constraint for each. Raises ValueError for groups that do not
    divide the channels. Reference: Wu & He 2018, Group normalization.

    >>> GroupNormalization(groups=4)(np.zeros((2, 8, 8, 16))).shape
    (2, 8, 8, 16)
    """

    def __init__(
        self,
        groups: int = 32,
        axis: int = -1,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        if not isinstance(groups, int) or (groups <= 0 and groups != -1):
            raise ValueError(
                "Received an invalid value for argument `groups`, expected a positive integer (or `-1` for instance "
                f"normalization). Received: groups={groups}"
            )
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
            **kwargs,
        )
        self.groups = groups

    def build(self, input_shape: Shape) -> None:
        self.find_channels(input_shape)
        channels = self._channels
        if self.groups == -1:
            self.groups = channels
        if channels % self.groups:
            raise ValueError(
                f"{self.who}: {channels} channels cannot be cut into {self.groups} groups of one "
                f"size (input shape {tuple(input_shape)}). Choose groups that divide the channels, or -1."
            )
        self.add_gamma_and_beta((channels,))

    # A group of a sample is a row of a layer normalisation; gamma and beta act on the channels afterwards.

    def forward(self, ctx: Context, x: np.ndarray) -> np.ndarray:
        rows = self.to_groups(x)
        x_hat = self.from_groups(ops.layer_norm(rows, None, None, self.epsilon), x.shape)
        ctx.save(rows, x_hat)
        gamma, beta = self.per_channel()
        y = ops.scale_shift(x_hat, gamma, beta)
        return np.moveaxis(y, -1, self.axis)

    def backward(self, ctx: Context, dy: np.ndarray) -> np.ndarray:
        rows, x_hat = ctx.saved
        shape, dy = dy.shape, np.ascontiguousarray(np.moveaxis(dy, self.axis, -1))
        self.add_gradients(ctx, ops.column_sum(dy * x_hat), ops.column_sum(dy))
        gamma, _ = self.per_channel()
        slopes = self.to_groups(np.moveaxis(dy * gamma, -1, self.axis))
        dx, _, _ = ops.layer_norm_backward(rows, None, slopes, self.epsilon, False, False)
        return np.moveaxis(self.from_groups(dx, shape), -1, self.axis)

    def per_channel(self) -> tuple[np.ndarray, np.ndarray]:
        """gamma and beta, or ones and zeros."""
        gamma, beta = self.gamma_and_beta()
        ones, zeros = np.ones(self._channels, self.dtype), np.zeros(self._channels, self.dtype)
        return ones if gamma is None else gamma, zeros if beta is None else beta

    def to_groups(self, x: np.ndarray) -> np.ndarray:
        """(batch, groups, the positions and channels of a group)"""
        x = np.moveaxis(x, self.axis, -1)
        n, positions, width = x.shape[0], math.prod(x.shape[1:-1]), self._channels // self.groups
        return x.reshape(n, positions, self.groups, width).swapaxes(1, 2).reshape(n, self.groups, positions * width)

    def from_groups(self, rows: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        """The inverse of `to_groups` for an x of that shape, but that the channels stay last."""
        axis = self.axis % len(shape)
        sizes = [size for j, size in enumerate(shape) if j != axis]
        width = self._channels // self.groups
        positions = math.prod(sizes[1:])
        return rows.reshape(shape[0], self.groups, positions, width).swapaxes(1, 2).reshape(*sizes, self._channels)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "groups": self.groups}
