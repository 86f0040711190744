"""What all convolutions have in common: windows over an image of one, two or three spatial axes."""

from __future__ import annotations

from typing import Any, ClassVar

from cdl import regularizers
from cdl.layers import geometry
from cdl.layers.base import Shape
from cdl.layers.kernel_layer import KernelLayer


class ConvolutionLayer(KernelLayer):
    """A kernel that looks at an image (batch, ..., channels) through windows.

    A subclass fixes `rank`, makes its variables in `add_variables`, names its `output_channels`, and defines `product`
    and `product_backward` as every `KernelLayer`; it may place the windows otherwise than `place_windows` does.
    """

    rank: ClassVar[int]  # number of spatial axes
    paddings: ClassVar[tuple[str, ...]] = ("valid", "same")

    def __init__(
        self, *, kernel_size: Any, strides: Any, padding: Any, data_format: Any, dilation_rate: Any, **kwargs: Any
    ) -> None:
        who = type(self).__name__
        if not isinstance(padding, str) or padding.lower() not in self.paddings:
            names = ", ".join(map(repr, self.paddings))
            raise ValueError(f"{who}: `padding` is one of {names}. Received: padding={padding!r}")
        self.kernel_size = geometry.as_tuple(kernel_size, self.rank, who, "kernel_size")
        self.strides = geometry.as_tuple(strides, self.rank, who, "strides")
        self.dilation_rate = geometry.as_tuple(dilation_rate, self.rank, who, "dilation_rate")
        self.padding = padding.lower()
        self.data_format = geometry.channels_last(data_format, who)
        super().__init__(**kwargs)

    def refuse_strides_with_dilation(self) -> None:
        if max(self.strides) > 1 and max(self.dilation_rate) > 1:
            raise ValueError(
                f"{type(self).__name__}: `strides` > 1 and `dilation_rate` > 1 exclude each other. Received: "
                f"strides={self.strides}, dilation_rate={self.dilation_rate}"
            )

    # ---- shapes ----

    def build(self, input_shape: Shape) -> None:
        self.compute_output_shape(input_shape)  # refuses impossible shapes
        if input_shape[-1] is None:
            raise ValueError(f"{self.who}: the number of channels must be known. Received shape {input_shape}")
        self.add_variables(input_shape[-1])
        self.input_channels = input_shape[-1]
        self.build_activation(input_shape)

    def add_variables(self, channels: int) -> None:
        """Make the variables, for images of so many channels."""
        raise NotImplementedError(f"{type(self).__name__} does not define add_variables(channels)")

    def output_channels(self, channels: int | None) -> int | None:
        """The number of channels that come out where so many go in."""
        raise NotImplementedError(f"{type(self).__name__} does not define output_channels(channels)")

    def place_windows(self, sizes: geometry.Sizes) -> tuple[geometry.Sizes, geometry.Pairs]:
        """The spatial sizes of the output, and the padding, for an image of these spatial sizes."""
        return geometry.convolved(sizes, self.kernel_size, self.strides, self.dilation_rate, self.padding)

    def fit_windows(self, sizes: geometry.Sizes) -> tuple[geometry.Sizes, geometry.Pairs]:
        """`place_windows`; ValueError where the output would have no points."""
        out, padding = self.place_windows(sizes)
        if not geometry.has_points(out):
            raise ValueError(f"{self.who}: {self.misfit(sizes)}")
        return out, padding

    def misfit(self, sizes: geometry.Sizes) -> str:
        """What is wrong where `fit_windows` finds no place, and the cure."""
        if 0 in sizes:
            return f"an image of {sizes} has no points. Use fewer pooling layers before it."
        dilated = f" with dilation_rate {self.dilation_rate}" if max(self.dilation_rate) > 1 else ""
        return (
            f"a kernel of {self.kernel_size}{dilated} does not fit into an image of {sizes}. Use padding='same', a "
            f"smaller kernel or fewer pooling layers before it."
        )

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        geometry.check_rank(input_shape, self.rank, self.who)
        out, _ = self.fit_windows(tuple(input_shape[1:-1]))
        return (input_shape[0], *out, self.output_channels(input_shape[-1]))

    def check_input(self, shape: Shape) -> None:
        geometry.check_rank(shape, self.rank, self.who)
        if shape[-1] != self.input_channels:
            raise ValueError(
                f"{self.who}: input has {shape[-1]} channels, but the layer was built for {self.input_channels} "
                f"(x shape {tuple(shape)}). Rebuild the model or reshape the input."
            )
        self.fit_windows(tuple(shape[1:-1]))

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "kernel_size": self.kernel_size,
            "strides": self.strides,
            "padding": self.padding,
            "data_format": self.data_format,
            "dilation_rate": self.dilation_rate,
            # Keras' convolutions always write it, other layers where there is one.
            "activity_regularizer": regularizers.serialize(self.activity_regularizer),
        }
