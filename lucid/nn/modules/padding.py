"""Padding as modules."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from lucid.nn import functional as F
from lucid.nn.modules.module import Module
from lucid.tensor import Tensor

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
    """Pads the last `_n` dimensions, one int for all or two for each, the last dimension first."""

    __constants__ = ["padding"]  # noqa: RUF012 - PyTorch's, for its readers
    padding: tuple[int, ...]
    _n: ClassVar[int]
    _mode: ClassVar[str]

    def __init__(self, padding: _Size) -> None:
        super().__init__()
        self.padding = tuple(padding) if isinstance(padding, Sequence) else (padding,) * (2 * self._n)

    def forward(self, input: Tensor) -> Tensor:
        """`input`, padded."""
        return F.pad(input, self.padding, self._mode)

    def extra_repr(self) -> str:
        """How much is padded."""
        return f"{self.padding}"


class _ConstantPad(_Pad):
    __constants__ = ["padding", "value"]  # noqa: RUF012
    value: Any

    def __init__(self, padding: _Size, value: float) -> None:
        super().__init__(padding)
        self.value = value

    def forward(self, input: Tensor) -> Tensor:
        """`input`, padded."""
        return F.pad(input, self.padding, "constant", self.value)

    def extra_repr(self) -> str:
        """How much is padded, with what."""
        return f"padding={self.padding}, value={self.value}"


class _ZeroPad(_ConstantPad):
    def __init__(self, padding: _Size) -> None:
        super().__init__(padding, 0.0)

    def extra_repr(self) -> str:
        """How much is padded."""
        return f"{self.padding}"


class _CircularPad(_Pad):
    _mode = "circular"

    def _check_input_dim(self, input: Tensor) -> None:
        n = self._n
        if input.ndim not in (n + 1, n + 2):
            raise ValueError(f"expected {n + 1}D or {n + 2}D input (got {input.ndim}D input)")

    def forward(self, input: Tensor) -> Tensor:
        """`input`, padded. Raises ValueError for an input of other dimensions."""
        self._check_input_dim(input)
        return super().forward(input)


class CircularPad1d(_CircularPad):
    """Pads an input (N, C, L) or (C, L) with what is at the other end."""

    _n = 1


class CircularPad2d(_CircularPad):
    """Pads an input (N, C, H, W) or (C, H, W) with what is at the other end."""

    _n = 2


class CircularPad3d(_CircularPad):
    """Pads an input (N, C, D, H, W) or (C, D, H, W) with what is at the other end."""

    _n = 3


class ConstantPad1d(_ConstantPad):
    """Pads an input (N, C, L) or (C, L) with `value`."""

    _n = 1


class ConstantPad2d(_ConstantPad):
    """Pads an input (N, C, H, W) or (C, H, W) with `value`."""

    _n = 2


class ConstantPad3d(_ConstantPad):
    """Pads an input (N, C, D, H, W) or (C, D, H, W) with `value`."""

    _n = 3


class ReflectionPad1d(_Pad):
    """Pads an input (N, C, L) or (C, L) with its mirror image, the edge not repeated."""

    _n = 1
    _mode = "reflect"


class ReflectionPad2d(_Pad):
    """Pads an input (N, C, H, W) or (C, H, W) with its mirror image, the edge not repeated."""

    _n = 2
    _mode = "reflect"


class ReflectionPad3d(_Pad):
    """Pads an input (N, C, D, H, W) or (C, D, H, W) with its mirror image, the edge not repeated."""

    _n = 3
    _mode = "reflect"


class ReplicationPad1d(_Pad):
    """Pads an input (N, C, L) or (C, L) with its edge."""

    _n = 1
    _mode = "replicate"


class ReplicationPad2d(_Pad):
    """Pads an input (N, C, H, W) or (C, H, W) with its edge."""

    _n = 2
    _mode = "replicate"


class ReplicationPad3d(_Pad):
    """Pads an input (N, C, D, H, W) or (C, D, H, W) with its edge."""

    _n = 3
    _mode = "replicate"


class ZeroPad1d(_ZeroPad):
    """Pads an input (N, C, L) or (C, L) with zeros."""

    _n = 1


class ZeroPad2d(_ZeroPad):
    """Pads an input (N, C, H, W) or (C, H, W) with zeros."""

    _n = 2


class ZeroPad3d(_ZeroPad):
    """Pads an input (N, C, D, H, W) or (C, D, H, W) with zeros."""

    _n = 3
