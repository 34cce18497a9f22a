"""Pooling. Fractional and partially inverse pooling live in files of their own and are found here too."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lucid._tensor import Tensor
from lucid.nn import functional as F
from lucid.nn.common_types import _size_1_t, _size_2_t, _size_3_t, _size_any_t  # noqa: F401 - for who imports them here
from lucid.nn.modules._fractional_pooling import FractionalMaxPool2d, FractionalMaxPool3d
from lucid.nn.modules._unpooling import MaxUnpool1d, MaxUnpool2d, MaxUnpool3d
from lucid.nn.modules._unpooling import _MaxUnpoolNd as _MaxUnpoolNd
from lucid.nn.modules.module import Module
from lucid.nn.modules.utils import _pair, _single, _triple  # noqa: F401

__all__ = [
    "AdaptiveAvgPool1d",
    "AdaptiveAvgPool2d",
    "AdaptiveAvgPool3d",
    "AdaptiveMaxPool1d",
    "AdaptiveMaxPool2d",
    "AdaptiveMaxPool3d",
    "AvgPool1d",
    "AvgPool2d",
    "AvgPool3d",
    "FractionalMaxPool2d",
    "FractionalMaxPool3d",
    "LPPool1d",
    "LPPool2d",
    "LPPool3d",
    "MaxPool1d",
    "MaxPool2d",
    "MaxPool3d",
    "MaxUnpool1d",
    "MaxUnpool2d",
    "MaxUnpool3d",
]

_Size = int | Sequence[int]


class _MaxPoolNd(Module):
    __constants__ = ["kernel_size", "stride", "padding", "dilation", "return_indices", "ceil_mode"]  # noqa: RUF012 - PyTorch's
    return_indices: bool
    ceil_mode: bool

    def __init__(
        self,
        kernel_size: _Size,
        stride: _Size | None = None,
        padding: _Size = 0,
        dilation: _Size = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__()
        self.kernel_size, self.stride = kernel_size, stride if stride is not None else kernel_size
        self.padding, self.dilation = padding, dilation
        self.return_indices, self.ceil_mode = return_indices, ceil_mode

    def _pool(self, function: Any, input: Tensor) -> Any:
        return function(
            input, self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode, self.return_indices
        )

    def extra_repr(self) -> str:
        """The sizes."""
        return (
            f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}, dilation={self.dilation}, "
            f"ceil_mode={self.ceil_mode}"
        )


class MaxPool1d(_MaxPoolNd):
    """The largest element of each window of an input (N, C, L) or (C, L). Arguments as in `MaxPool2d`."""

    def forward(self, input: Tensor) -> Any:
        """The largest elements, and with `return_indices` their positions."""
        return self._pool(F.max_pool1d, input)


class MaxPool2d(_MaxPoolNd):
    """The largest element of each window of an input (N, C, H, W) or (C, H, W).

    Args:
        kernel_size: size of a window, one int or one for each spatial dimension; as are the next three.
        stride: step from window to window; the kernel's size if None.
        padding: minus infinity around the input.
        dilation: distance between the elements of a window.
        return_indices: return the positions of the largest elements too.
        ceil_mode: let windows reach over the end, rather than leave a rest out.

    >>> from lucid import nn, ones
    >>> nn.MaxPool2d(3, stride=2)(ones(20, 16, 50, 32)).shape
    lucid.Size([20, 16, 24, 15])
    """

    def forward(self, input: Tensor) -> Any:
        """The largest elements, and with `return_indices` their positions."""
        return self._pool(F.max_pool2d, input)


class MaxPool3d(_MaxPoolNd):
    """The largest element of each window of an input (N, C, D, H, W) or (C, D, H, W). Arguments as in `MaxPool2d`."""

    def forward(self, input: Tensor) -> Any:
        """The largest elements, and with `return_indices` their positions."""
        return self._pool(F.max_pool3d, input)


class _AvgPoolNd(Module):
    __constants__ = ["kernel_size", "stride", "padding", "ceil_mode", "count_include_pad"]  # noqa: RUF012
    kernel_size: _Size
    stride: _Size
    padding: _Size
    ceil_mode: bool
    count_include_pad: bool

    def extra_repr(self) -> str:
        """The sizes."""
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class AvgPool1d(_AvgPoolNd):
    """The mean of each window of an input (N, C, L) or (C, L). Arguments as in `AvgPool2d`."""

    def __init__(
        self,
        kernel_size: _Size,
        stride: _Size | None = None,
        padding: _Size = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:
        super().__init__()
        self.kernel_size, self.stride, self.padding = (
            tuple(v) if isinstance(v, Sequence) else (v,)
            for v in (kernel_size, kernel_size if stride is None else stride, padding)
        )
        self.ceil_mode, self.count_include_pad = ceil_mode, count_include_pad

    def forward(self, input: Tensor) -> Tensor:
        """The means."""
        return F.avg_pool1d(input, self.kernel_size, self.stride, self.padding, self.ceil_mode, self.count_include_pad)


class _AvgPoolDivided(_AvgPoolNd):
    __constants__ = [*_AvgPoolNd.__constants__, "divisor_override"]  # noqa: RUF012
    divisor_override: int | None

    def __init__(
        self,
        kernel_size: _Size,
        stride: _Size | None = None,
        padding: _Size = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> None:
        super().__init__()
        self.kernel_size, self.stride = kernel_size, stride if stride is not None else kernel_size
        self.padding, self.ceil_mode = padding, ceil_mode
        self.count_include_pad, self.divisor_override = count_include_pad, divisor_override

    def _pool(self, function: Any, input: Tensor) -> Tensor:
        result: Tensor = function(
            input,
            self.kernel_size,
            self.stride,
            self.padding,
            self.ceil_mode,
            self.count_include_pad,
            self.divisor_override,
        )
        return result


class AvgPool2d(_AvgPoolDivided):
    """The mean of each window of an input (N, C, H, W) or (C, H, W).

    Args:
        kernel_size: size of a window, one int or one for each spatial dimension; as are the next two.
        stride: step from window to window; the kernel's size if None.
        padding: zeros around the input.
        ceil_mode: let windows reach over the end, rather than leave a rest out.
        count_include_pad: count the padding as elements.
        divisor_override: what to divide the sums by, instead of the number of elements.
    """

    def forward(self, input: Tensor) -> Tensor:
        """The means."""
        return self._pool(F.avg_pool2d, input)


class AvgPool3d(_AvgPoolDivided):
    """The mean of each window of an input (N, C, D, H, W) or (C, D, H, W). Arguments as in `AvgPool2d`."""

    def forward(self, input: Tensor) -> Tensor:
        """The means."""
        return self._pool(F.avg_pool3d, input)


class _LPPoolNd(Module):
    __constants__ = ["norm_type", "kernel_size", "stride", "ceil_mode"]  # noqa: RUF012
    norm_type: float
    ceil_mode: bool

    def __init__(
        self, norm_type: float, kernel_size: _Size, stride: _Size | None = None, ceil_mode: bool = False
    ) -> None:
        super().__init__()
        self.norm_type, self.kernel_size, self.stride, self.ceil_mode = norm_type, kernel_size, stride, ceil_mode

    def extra_repr(self) -> str:
        """The norm and the sizes."""
        return (
            f"norm_type={self.norm_type}, kernel_size={self.kernel_size}, stride={self.stride}, "
            f"ceil_mode={self.ceil_mode}"
        )


class LPPool1d(_LPPoolNd):
    """The p-norm of each window of an input (N, C, L) or (C, L). Arguments: the norm, and as in `MaxPool2d`."""

    def forward(self, input: Tensor) -> Tensor:
        """The norms."""
        return F.lp_pool1d(input, float(self.norm_type), self.kernel_size, self.stride, self.ceil_mode)


class LPPool2d(_LPPoolNd):
    """The p-norm of each window of an input (N, C, H, W) or (C, H, W). Arguments: the norm, and as in `MaxPool2d`."""

    def forward(self, input: Tensor) -> Tensor:
        """The norms."""
        return F.lp_pool2d(input, float(self.norm_type), self.kernel_size, self.stride, self.ceil_mode)


class LPPool3d(_LPPoolNd):
    """The p-norm of each window of an input (N, C, D, H, W) or (C, D, H, W).

    Arguments: the norm, and as in `MaxPool2d`.
    """

    def forward(self, input: Tensor) -> Tensor:
        """The norms."""
        return F.lp_pool3d(input, float(self.norm_type), self.kernel_size, self.stride, self.ceil_mode)


class _AdaptiveAvgPoolNd(Module):
    __constants__ = ["output_size"]  # noqa: RUF012
    output_size: Any

    def __init__(self, output_size: Any) -> None:
        super().__init__()
        self.output_size = output_size

    def extra_repr(self) -> str:
        """The size."""
        return f"output_size={self.output_size}"


class AdaptiveAvgPool1d(_AdaptiveAvgPoolNd):
    """The mean of each of `output_size` windows of an input (N, C, L) or (C, L)."""

    def forward(self, input: Tensor) -> Tensor:
        """The means."""
        return F.adaptive_avg_pool1d(input, self.output_size)


class AdaptiveAvgPool2d(_AdaptiveAvgPoolNd):
    """The mean of each window of an input (N, C, H, W) or (C, H, W), where the number of windows is given.

    Args:
        output_size: one int, or one for each spatial dimension; None keeps the input's size.
    """

    def forward(self, input: Tensor) -> Tensor:
        """The means."""
        return F.adaptive_avg_pool2d(input, self.output_size)


class AdaptiveAvgPool3d(_AdaptiveAvgPoolNd):
    """The mean of each window of an input (N, C, D, H, W) or (C, D, H, W). See `AdaptiveAvgPool2d`."""

    def forward(self, input: Tensor) -> Tensor:
        """The means."""
        return F.adaptive_avg_pool3d(input, self.output_size)


class _AdaptiveMaxPoolNd(Module):
    __constants__ = ["output_size", "return_indices"]  # noqa: RUF012
    output_size: Any
    return_indices: bool

    def __init__(self, output_size: Any, return_indices: bool = False) -> None:
        super().__init__()
        self.output_size, self.return_indices = output_size, return_indices

    def extra_repr(self) -> str:
        """The size."""
        return f"output_size={self.output_size}"


class AdaptiveMaxPool1d(_AdaptiveMaxPoolNd):
    """The largest element of each of `output_size` windows of an input (N, C, L) or (C, L)."""

    def forward(self, input: Tensor) -> Any:
        """The largest elements, and with `return_indices` their positions."""
        return F.adaptive_max_pool1d(input, self.output_size, self.return_indices)


class AdaptiveMaxPool2d(_AdaptiveMaxPoolNd):
    """The largest element of each window of an input (N, C, H, W) or (C, H, W), where the number of windows is given.

    Args:
        output_size: one int, or one for each spatial dimension; None in a tuple keeps the input's size.
        return_indices: return the positions of the largest elements too.
    """

    def forward(self, input: Tensor) -> Any:
        """The largest elements, and with `return_indices` their positions."""
        return F.adaptive_max_pool2d(input, self.output_size, self.return_indices)


class AdaptiveMaxPool3d(_AdaptiveMaxPoolNd):
    """The largest element of each window of an input (N, C, D, H, W) or (C, D, H, W). See `AdaptiveMaxPool2d`."""

    def forward(self, input: Tensor) -> Any:
        """The largest elements, and with `return_indices` their positions."""
        return F.adaptive_max_pool3d(input, self.output_size, self.return_indices)
