"""Convolutions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lucid._tensor import Tensor
from lucid.nn import functional as F  # noqa: F401 - this and others are for programs that import them from here
from lucid.nn import init  # noqa: F401
from lucid.nn.common_types import _size_1_t, _size_2_t, _size_3_t  # noqa: F401
from lucid.nn.modules._conv_base import _Conv, _ConvTranspose
from lucid.nn.modules._conv_base import _ConvNd as _ConvNd
from lucid.nn.modules._conv_base import _ConvTransposeMixin as _ConvTransposeMixin
from lucid.nn.modules._conv_base import _ConvTransposeNd as _ConvTransposeNd
from lucid.nn.modules.lazy import LazyModuleMixin
from lucid.nn.modules.utils import _pair, _reverse_repeat_tuple, _single, _triple  # noqa: F401
from lucid.nn.parameter import UninitializedParameter

__all__ = [
    "Conv1d",
    "Conv2d",
    "Conv3d",
    "ConvTranspose1d",
    "ConvTranspose2d",
    "ConvTranspose3d",
    "LazyConv1d",
    "LazyConv2d",
    "LazyConv3d",
    "LazyConvTranspose1d",
    "LazyConvTranspose2d",
    "LazyConvTranspose3d",
]

_Size = int | Sequence[int]


class Conv1d(_Conv):
    """The cross-correlation of an input (N, C, L) or (C, L) with learned kernels. Arguments as in `Conv2d`."""

    _n = 1


class Conv2d(_Conv):
    """The cross-correlation of an input (N, C, H, W) or (C, H, W) with learned kernels, plus a bias.

    Args:
        in_channels: C.
        out_channels: channels of the output.
        kernel_size: one int, or one for each spatial dimension; as are the next three.
        stride: step of the kernel.
        padding: how much to pad on both sides; or "valid" for nothing, or "same" for an output of the input's size.
        dilation: distance between the elements of the kernel.
        groups: how many groups of channels, each convolved for itself.
        bias: whether to add a bias.
        padding_mode: "zeros", "reflect", "replicate" or "circular".
        device: where the parameters live.
        dtype: of the parameters.

    Raises ValueError for channels that groups do not divide, and for an unknown padding.

    >>> from lucid import nn, ones
    >>> nn.Conv2d(16, 33, 3, stride=2)(ones(20, 16, 50, 100)).shape
    lucid.Size([20, 33, 24, 49])
    """

    _n = 2


class Conv3d(_Conv):
    """The cross-correlation of an input (N, C, D, H, W) or (C, D, H, W) with learned kernels.

    Arguments as in `Conv2d`.
    """

    _n = 3


class ConvTranspose1d(_ConvTranspose):
    """The transpose of `Conv1d`, for inputs (N, C, L) or (C, L). Arguments as in `ConvTranspose2d`."""

    _n = 1


class ConvTranspose2d(_ConvTranspose):
    """What `Conv2d` does to gradients of its input, as a layer: it makes images larger.

    Args:
        in_channels: channels of the input.
        out_channels: channels of the output.
        kernel_size: one int, or one for each spatial dimension; as are the next three.
        stride: step of the kernel in the output.
        padding: how much of the output to cut off on both sides.
        output_padding: how much to add to the output on one side.
        groups: how many groups of channels.
        bias: whether to add a bias.
        dilation: distance between the elements of the kernel.
        padding_mode: has to be "zeros".
        device: where the parameters live.
        dtype: of the parameters.
    """

    _n = 2


class ConvTranspose3d(_ConvTranspose):
    """The transpose of `Conv3d`, for inputs (N, C, D, H, W) or (C, D, H, W). Arguments as in `ConvTranspose2d`."""

    _n = 3


class _LazyConvXdMixin(LazyModuleMixin, _ConvNd):
    """A convolution that takes `in_channels` from its first input."""

    weight: UninitializedParameter
    bias: UninitializedParameter | None

    def _leave_open(self, out_channels: int, bias: bool, device: Any, dtype: Any) -> None:
        self.out_channels = out_channels
        self.weight = UninitializedParameter(device=device, dtype=dtype)
        if bias:
            self.bias = UninitializedParameter(device=device, dtype=dtype)

    def reset_parameters(self) -> None:
        """Draw weight and bias anew, if they have a shape."""
        if self.in_channels != 0 and not self.has_uninitialized_params():
            super().reset_parameters()

    def initialize_parameters(self, input: Tensor, *args: Any, **kwargs: Any) -> None:
        """Give weight and bias the shapes that fit `input`."""
        if self.has_uninitialized_params():
            self.in_channels = self._get_in_channels(input)
            first, second = (self.in_channels, self.out_channels)[:: 1 if self.transposed else -1]
            self.weight.materialize((first, second // self.groups, *self.kernel_size))
            if self.bias is not None:
                self.bias.materialize(self.out_channels)
            self.reset_parameters()
        elif self.in_channels == 0:  # the values were loaded
            self.in_channels = self.weight.shape[0] if self.transposed else self.weight.shape[1] * self.groups

    def _get_in_channels(self, input: Tensor) -> int:
        n = len(self.kernel_size)
        if input.ndim not in (n + 1, n + 2):
            raise RuntimeError(
                f"Expected {n + 1}D (unbatched) or {n + 2}D (batched) input to {type(self).__name__}, but got input "
                f"of size: {input.shape}"
            )
        channels: int = input.shape[-n - 1]
        if channels % self.groups != 0:
            raise ValueError(f"in_channels must be divisible by groups, got an input of {channels} channels")
        return channels


class _LazyConv(_LazyConvXdMixin, _Conv):
    def __init__(
        self,
        out_channels: int,
        kernel_size: _Size,
        stride: _Size = 1,
        padding: str | _Size = 0,
        dilation: _Size = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(0, 0, kernel_size, stride, padding, dilation, groups, False, padding_mode)
        self._leave_open(out_channels, bias, device, dtype)


class LazyConv1d(_LazyConv, Conv1d):
    """A `Conv1d` that takes `in_channels` from its first input, and is a `Conv1d` from then on."""

    cls_to_become = Conv1d


class LazyConv2d(_LazyConv, Conv2d):
    """A `Conv2d` that takes `in_channels` from its first input, and is a `Conv2d` from then on."""

    cls_to_become = Conv2d


class LazyConv3d(_LazyConv, Conv3d):
    """A `Conv3d` that takes `in_channels` from its first input, and is a `Conv3d` from then on."""

    cls_to_become = Conv3d


class _LazyConvTranspose(_LazyConvXdMixin, _ConvTranspose):
    def __init__(
        self,
        out_channels: int,
        kernel_size: _Size,
        stride: _Size = 1,
        padding: _Size = 0,
        output_padding: _Size = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: _Size = 1,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(0, 0, kernel_size, stride, padding, output_padding, groups, False, dilation, padding_mode)
        self._leave_open(out_channels, bias, device, dtype)


class LazyConvTranspose1d(_LazyConvTranspose, ConvTranspose1d):
    """A `ConvTranspose1d` that takes `in_channels` from its first input, and is a `ConvTranspose1d` from then on."""

    cls_to_become = ConvTranspose1d


class LazyConvTranspose2d(_LazyConvTranspose, ConvTranspose2d):
    """A `ConvTranspose2d` that takes `in_channels` from its first input, and is a `ConvTranspose2d` from then on."""

    cls_to_become = ConvTranspose2d


class LazyConvTranspose3d(_LazyConvTranspose, ConvTranspose3d):
    """A `ConvTranspose3d` that takes `in_channels` from its first input, and is a `ConvTranspose3d` from then on."""

    cls_to_become = ConvTranspose3d
