"""Complex tensors from real ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import mlx.core as mx

from lucid._tape import TensorCore, apply
from lucid.ops._out import give

if TYPE_CHECKING:
    from lucid._tensor import Tensor

__all__ = ["complex", "polar"]


def _parts(operation: str, a: Tensor, b: Tensor, names: str) -> None:
    for t in (a, b):
        if not isinstance(t, TensorCore):
            raise TypeError(f"{operation}(): expected Tensors as {names}, got {type(t).__name__}")
    if a._data.dtype != b._data.dtype:
        raise RuntimeError(
            f"{operation}: Expected object of scalar type {a.dtype!r} but got {b.dtype!r} for second argument"
        )
    if a._data.dtype == mx.float64:
        raise TypeError(f"{operation}: float64 has no complex counterpart, MLX stores complex64 only; use float32")
    if a._data.dtype != mx.float32:
        raise RuntimeError(
            f"{operation}: Expected both inputs to be float32 tensors, got {a.dtype!r}; call .float() first"
        )


def complex(real: Tensor, imag: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The complex64 tensor of two float32 tensors, its real and its imaginary part."""
    _parts("complex", real, imag, "real and imag")
    return give(apply(lambda x, y: x + y * mx.array(1j, mx.complex64), real, imag), out, "complex", exact=True)


def polar(abs: Tensor, angle: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The complex64 tensor of two float32 tensors, its absolute value and its angle."""
    _parts("polar", abs, angle, "abs and angle")

    def fn(r: mx.array, phi: mx.array) -> mx.array:
        return r * mx.cos(phi) + r * mx.sin(phi) * mx.array(1j, mx.complex64)

    return give(apply(fn, abs, angle), out, "polar", exact=True)
