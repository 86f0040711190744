"""The geometry of single convolutions and poolings, and their operands."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from workloads import noise


@dataclass(frozen=True)
class Convolution:
    """x (n, height, width, i) with a kernel of `size` x `size` and `outputs` channels.

    The padding is the same at all four sides: PyTorch has no other, and would have to copy its input.
    """

    x: tuple[int, int, int, int]
    size: int
    outputs: int
    pad: int = 0
    stride: int = 1
    groups: int = 1

    def __str__(self) -> str:
        details = [" same" * (self.pad > 0), f" stride {self.stride}" * (self.stride > 1)]
        if self.groups > 1:
            details.append(" depthwise" if self.groups == self.x[-1] else f" groups {self.groups}")
        return f"{shape(self.x)} {self.size}x{self.size}x{self.outputs}{''.join(details)}"

    @property
    def kernel(self) -> tuple[int, int, int, int]:
        return (self.size, self.size, self.x[-1] // self.groups, self.outputs)

    @property
    def y(self) -> tuple[int, int, int, int]:
        n, *image, _ = self.x
        return (n, *((points + 2 * self.pad - self.size) // self.stride + 1 for points in image), self.outputs)

    def operands(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """x, kernel, dy"""
        return noise(*self.x), noise(*self.kernel, seed=1), noise(*self.y, seed=2)


@dataclass(frozen=True)
class Pooling:
    """`kind` ("max" or "average") of windows of `size` x `size` side by side; what is left at the border is dropped."""

    kind: str
    x: tuple[int, int, int, int]
    size: int = 2

    def __str__(self) -> str:
        return f"{self.kind} {self.size}x{self.size} of {shape(self.x)}"

    @property
    def y(self) -> tuple[int, int, int, int]:
        n, height, width, c = self.x
        return (n, height // self.size, width // self.size, c)

    def operands(self) -> tuple[np.ndarray, np.ndarray]:
        """x, dy"""
        return noise(*self.x), noise(*self.y, seed=1)


def shape(sizes: tuple[int, ...]) -> str:
    return "x".join(map(str, sizes))
