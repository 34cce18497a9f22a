"""Padding as modules."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from lucid._tensor import Tensor
from lucid.nn import functional as F
from lucid.nn.modules.module import Module
from lucid.nn.modules.utils import _ntuple, _pair, _quadruple  # noqa: F401 - for who imports them here

__all__ = [
    "CircularPad1d",
    "CircularPad2d",
    "CircularPad3d",
    "ConstantPad1d",
    "ConstantPad2d",
    "ConstantPad3d",
    "ReflectionPad1d",
    "ReflectionPad2d",
    "ReflectionPad3d",
    "ReplicationPad1d",
    "ReplicationPad2d",
    "ReplicationPad3d",
    "ZeroPad1d",
    "ZeroPad2d",
    "ZeroPad3d",
]

_Size = int | Sequence[int]


class _Pad(Module):
    __constants__ = ["padding"]  # noqa: RUF012 - PyTorch's, for its readers
    padding: Sequence[int]
    _mode: ClassVar[str]

    def forward(self, input: Tensor) -> Tensor:
        """`input`, padded."""
        return F.pad(input, self.padding, self._mode)

    def extra_repr(self) -> str:
        """How much is padded."""
        return f"{self.padding}"


class _Sized(Module):
    """Takes how much to pad the last `_n` dimensions: one int for all or two for each, the last dimension first."""

    padding: Sequence[int]
    _n: ClassVar[int]

    def __init__(self, padding: _Size) -> None:
        super().__init__()
        self.padding = _ntuple(2 * self._n)(padding)


class _ConstantPadNd(_Pad):
    __constants__ = ["padding", "value"]  # noqa: RUF012
    value: Any

    def __init__(self, value: float) -> None:
        super().__init__()
        self.value = value

    def forward(self, input: Tensor) -> Tensor:
        """`input`, padded."""
        return F.pad(input, self.padding, "constant", self.value)

    def extra_repr(self) -> str:
        """How much is padded, with what."""
        return f"padding={self.padding}, value={self.value}"


class _SizedConstant(_ConstantPadNd):
    _n: ClassVar[int]

    def __init__(self, padding: _Size, value: float) -> None:
        super().__init__(value)
        self.padding = _ntuple(2 * self._n)(padding)


class _ZeroPad(_SizedConstant):
    def __init__(self, padding: _Size) -> None:
        super().__init__(padding, 0.0)

    def extra_repr(self) -> str:
        """How much is padded."""
        return f"{self.padding}"


class _ReflectionPadNd(_Pad):
    _mode = "reflect"


class _ReplicationPadNd(_Pad):
    _mode = "replicate"


class _CircularPadNd(_Pad):
    _mode = "circular"

    def _check_input_dim(self, input: Tensor) -> None:
        raise NotImplementedError

    def forward(self, input: Tensor) -> Tensor:
        """`input`, padded. Raises ValueError for an input of other dimensions."""
        self._check_input_dim(input)
        return super().forward(input)


class _SizedCircular(_Sized, _CircularPadNd):
    def _check_input_dim(self, input: Tensor) -> None:
        n = self._n
        if input.ndim not in (n + 1, n + 2):
            raise ValueError(f"expected {n + 1}D or {n + 2}D input (got {input.ndim}D input)")


class CircularPad1d(_SizedCircular):
    """Pads an input (N, C, L) or (C, L) with what is at the other end."""

    _n = 1


class CircularPad2d(_SizedCircular):
    """Pads an input (N, C, H, W) or (C, H, W) with what is at the other end."""

    _n = 2


class CircularPad3d(_SizedCircular):
    """Pads an input (N, C, D, H, W) or (C, D, H, W) with what is at the other end."""

    _n = 3


class ConstantPad1d(_SizedConstant):
    """Pads an input (N, C, L) or (C, L) with `value`."""

    _n = 1


class ConstantPad2d(_SizedConstant):
    """Pads an input (N, C, H, W) or (C, H, W) with `value`."""

    _n = 2


class ConstantPad3d(_SizedConstant):
    """Pads an input (N, C, D, H, W) or (C, D, H, W) with `value`."""

    _n = 3


class ReflectionPad1d(_Sized, _ReflectionPadNd):
    """Pads an input (N, C, L) or (C, L) with its mirror image, the edge not repeated."""

    _n = 1


class ReflectionPad2d(_Sized, _ReflectionPadNd):
    """Pads an input (N, C, H, W) or (C, H, W) with its mirror image, the edge not repeated."""

    _n = 2


class ReflectionPad3d(_Sized, _ReflectionPadNd):
    """Pads an input (N, C, D, H, W) or (C, D, H, W) with its mirror image, the edge not repeated."""

    _n = 3


class ReplicationPad1d(_Sized, _ReplicationPadNd):
    """Pads an input (N, C, L) or (C, L) with its edge."""

    _n = 1


class ReplicationPad2d(_Sized, _ReplicationPadNd):
    """Pads an input (N, C, H, W) or (C, H, W) with its edge."""

    _n = 2


class ReplicationPad3d(_Sized, _ReplicationPadNd):
    """Pads an input (N, C, D, H, W) or (C, D, H, W) with its edge."""

    _n = 3


class ZeroPad1d(_ZeroPad, ConstantPad1d):
    """Pads an input (N, C, L) or (C, L) with zeros."""


class ZeroPad2d(_ZeroPad, ConstantPad2d):
    """Pads an input (N, C, H, W) or (C, H, W) with zeros."""


class ZeroPad3d(_ZeroPad, ConstantPad3d):
    """Pads an input (N, C, D, H, W) or (C, D, H, W) with zeros."""
