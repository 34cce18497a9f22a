"""Convolutions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from lucid import creation
from lucid.nn import functional as F
from lucid.nn import init
from lucid.nn.functional.conv import _conv, _transposed
from lucid.nn.modules.lazy import LazyModuleMixin
from lucid.nn.modules.module import Module
from lucid.nn.parameter import Parameter, UninitializedParameter
from lucid.tensor import Tensor

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
_MODES = ("zeros", "reflect", "replicate", "circular")


def _tuple(value: Any, n: int) -> tuple[Any, ...]:
    return tuple(value) if isinstance(value, Sequence) else (value,) * n


class _ConvNd(Module):
    """What all convolutions have in common: their attributes and parameters."""

    __constants__ = [  # noqa: RUF012 - PyTorch's, for its readers
        "stride",
        "padding",
        "dilation",
        "groups",
        "padding_mode",
        "output_padding",
        "in_channels",
        "out_channels",
        "kernel_size",
    ]
    in_channels: int
    out_channels: int
    kernel_size: tuple[int, ...]
    stride: tuple[int, ...]
    padding: Any  # a string or a tuple of ints
    dilation: tuple[int, ...]
    transposed: bool
    output_padding: tuple[int, ...]
    groups: int
    padding_mode: str
    weight: Tensor
    bias: Tensor | None

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: tuple[int, ...],
        stride: tuple[int, ...],
        padding: Any,
        dilation: tuple[int, ...],
        transposed: bool,
        output_padding: tuple[int, ...],
        groups: int,
        bias: bool,
        padding_mode: str,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        if groups <= 0:
            raise ValueError("groups must be a positive integer")
        if in_channels % groups != 0:
            raise ValueError("in_channels must be divisible by groups")
        if out_channels % groups != 0:
            raise ValueError("out_channels must be divisible by groups")
        if isinstance(padding, str):
            if padding not in ("same", "valid"):
                raise ValueError(f"Invalid padding string {padding!r}, should be one of 'same', 'valid'")
            if padding == "same" and any(s != 1 for s in stride):
                raise ValueError("padding='same' is not supported for strided convolutions")
        if padding_mode not in _MODES:
            raise ValueError(f"padding_mode must be one of {_MODES}, but got padding_mode='{padding_mode}'")
        self.in_channels, self.out_channels, self.kernel_size = in_channels, out_channels, kernel_size
        self.stride, self.padding, self.dilation = stride, padding, dilation
        self.transposed, self.output_padding, self.groups = transposed, output_padding, groups
        self.padding_mode = padding_mode
        self._reversed_padding_repeated_twice = self._around()
        first, second = (in_channels, out_channels) if transposed else (out_channels, in_channels)
        self.weight = Parameter(creation.zeros(first, second // groups, *kernel_size, device=device, dtype=dtype))
        if bias:
            self.bias = Parameter(creation.zeros(out_channels, device=device, dtype=dtype))
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def _around(self) -> Sequence[int]:
        """The padding in the form that `nn.functional.pad` takes: the last dimension first, before and after."""
        if self.padding == "valid":
            return [0, 0] * len(self.kernel_size)
        if self.padding == "same":
            total = [d * (k - 1) for d, k in zip(self.dilation, self.kernel_size, strict=False)]
            return [p for t in reversed(total) for p in (t // 2, t - t // 2)]
        return tuple([p for p in reversed(self.padding) for _ in range(2)])

    def reset_parameters(self) -> None:
        """Draw weight and bias anew, uniform within 1/sqrt(fan_in)."""
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            fan_in, _ = init._calculate_fan_in_and_fan_out(self.weight)
            if fan_in != 0:
                bound = 1 / math.sqrt(fan_in)
                init.uniform_(self.bias, -bound, bound)

    def extra_repr(self) -> str:
        """The sizes, and what is not the default."""
        parts = [f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"]
        if self.padding != (0,) * len(self.padding):
            parts.append(f"padding={self.padding}")
        if self.dilation != (1,) * len(self.dilation):
            parts.append(f"dilation={self.dilation}")
        if self.output_padding != (0,) * len(self.output_padding):
            parts.append(f"output_padding={self.output_padding}")
        if self.groups != 1:
            parts.append(f"groups={self.groups}")
        if self.bias is None:
            parts.append("bias=False")
        if self.padding_mode != "zeros":
            parts.append(f"padding_mode={self.padding_mode}")
        return ", ".join(parts)

    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        n, padding = len(self.kernel_size), self.padding
        if self.padding_mode != "zeros":
            input, padding = F.pad(input, self._reversed_padding_repeated_twice, mode=self.padding_mode), (0,) * n
        return _conv(f"conv{n}d", n, input, weight, bias, self.stride, padding, self.dilation, self.groups)

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self.__dict__.setdefault("padding_mode", "zeros")


class _Conv(_ConvNd):
    _n: int

    def __init__(
        self,
        in_channels: int,
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
        n = self._n
        super().__init__(
            in_channels,
            out_channels,
            _tuple(kernel_size, n),
            _tuple(stride, n),
            padding if isinstance(padding, str) else _tuple(padding, n),
            _tuple(dilation, n),
            False,
            (0,) * n,
            groups,
            bias,
            padding_mode,
            device=device,
            dtype=dtype,
        )

    def forward(self, input: Tensor) -> Tensor:
        """The convolution of `input`."""
        return self._conv_forward(input, self.weight, self.bias)


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
    (20, 33, 24, 49)
    """

    _n = 2


class Conv3d(_Conv):
    """The cross-correlation of an input (N, C, D, H, W) or (C, D, H, W) with learned kernels.

    Arguments as in `Conv2d`.
    """

    _n = 3


class _ConvTransposeNd(_ConvNd):
    _n: int

    def __init__(
        self,
        in_channels: int,
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
        if padding_mode != "zeros":
            raise ValueError(f'Only "zeros" padding mode is supported for {type(self).__name__}')
        n = self._n
        super().__init__(
            in_channels,
            out_channels,
            _tuple(kernel_size, n),
            _tuple(stride, n),
            _tuple(padding, n),
            _tuple(dilation, n),
            True,
            _tuple(output_padding, n),
            groups,
            bias,
            padding_mode,
            device=device,
            dtype=dtype,
        )

    def forward(self, input: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        """The transposed convolution of `input`; `output_size` chooses among the shapes that the strides leave open."""
        extra = self._output_padding(input, output_size)
        name = f"conv_transpose{self._n}d"
        return _transposed(
            name, self._n, input, self.weight, self.bias, self.stride, self.padding, extra, self.groups, self.dilation
        )

    def _output_padding(self, input: Tensor, output_size: Sequence[int] | None) -> tuple[int, ...]:
        if output_size is None:
            return self.output_padding
        n = self._n
        wanted = tuple(output_size)
        if len(wanted) == n + (2 if input.ndim == n + 2 else 1):
            wanted = wanted[-n:]
        if len(wanted) != n:
            raise ValueError(
                f"{type(self).__name__}: for {input.ndim}D input, output_size must have {n} or {input.ndim} "
                f"elements (got {len(wanted)})"
            )
        if input.ndim <= n:
            raise IndexError(f"{type(self).__name__}: expected {n + 1}D or {n + 2}D input, got {input.ndim}D input")
        if min(map(len, (self.stride, self.padding, self.dilation, self.kernel_size))) < n:
            raise IndexError(f"{type(self).__name__}: to choose an output size, all sizes have to be given for {n}")
        rows = zip(input.shape[-n:], self.stride, self.padding, self.dilation, self.kernel_size, strict=False)
        low = [(s - 1) * t - 2 * int(p) + d * (k - 1) + 1 for s, t, p, d, k in rows]
        high = [v + t - 1 for v, t in zip(low, self.stride, strict=False)]
        if any(not a <= w <= b for w, a, b in zip(wanted, low, high, strict=True)):
            raise ValueError(
                f"requested an output size of {wanted}, but valid sizes range from {low} to {high} (for an input "
                f"of {tuple(input.shape[-n:])})"
            )
        return tuple(w - a for w, a in zip(wanted, low, strict=True))


class ConvTranspose1d(_ConvTransposeNd):
    """The transpose of `Conv1d`, for inputs (N, C, L) or (C, L). Arguments as in `ConvTranspose2d`."""

    _n = 1


class ConvTranspose2d(_ConvTransposeNd):
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


class ConvTranspose3d(_ConvTransposeNd):
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


class _LazyConvTranspose(_LazyConvXdMixin, _ConvTransposeNd):
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
