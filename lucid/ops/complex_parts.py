"""The parts of complex numbers."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import mlx.core as mx
import numpy as np

from lucid import _views
from lucid._tape import apply
from lucid.ops._out import give
from lucid.ops._promotion import require_tensor, unary_float

__all__ = ["angle", "conj", "conj_physical", "imag", "real", "resolve_conj", "resolve_neg"]

if TYPE_CHECKING:
    from lucid.tensor import Tensor

_I = 1j


def real(input: Tensor) -> Tensor:
    """The real parts of a complex tensor, as a view: writing to it changes `input`.

    A real tensor is returned as it is.
    """
    if require_tensor("real", input)._data.dtype != mx.complex64:
        return input
    return _views.view(mx.real, input, _every_other, lambda whole, part: part + mx.imag(whole) * mx.array(_I))


def imag(input: Tensor) -> Tensor:
    """The imaginary parts of a complex tensor, as a view: writing to it changes `input`.

    Raises RuntimeError for real tensors.
    """
    if require_tensor("imag", input)._data.dtype != mx.complex64:
        raise RuntimeError("imag: is not implemented for tensors with non-complex dtypes")
    return _views.view(mx.imag, input, _every_other, lambda whole, part: mx.real(whole) + part * mx.array(_I))


def _every_other(ghost: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    strides = tuple(2 * s for s in ghost.strides)
    return np.lib.stride_tricks.as_strided(ghost, ghost.shape, strides)  # only its geometry is ever looked at


def conj(input: Tensor) -> Tensor:
    """The complex conjugate; a real tensor is returned as it is."""
    if require_tensor("conj", input)._data.dtype != mx.complex64:
        return input
    return apply(mx.conjugate, input)  # type: ignore[no-any-return]


def conj_physical(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The complex conjugate, computed at once, as all conjugates are here."""
    return give(conj(input), out, "conj_physical")


def resolve_conj(input: Tensor) -> Tensor:
    """`input` itself: conjugates are never pending here."""
    return require_tensor("resolve_conj", input)


def resolve_neg(input: Tensor) -> Tensor:
    """`input` itself: negations are never pending here."""
    return require_tensor("resolve_neg", input)


def angle(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The angle of complex numbers in radians; for real ones 0, or pi where they are negative."""

    def radians(a: mx.array) -> mx.array:
        if a.dtype != mx.complex64:
            return mx.where(mx.isnan(a), mx.stop_gradient(a), mx.where(a < 0, mx.array(math.pi, a.dtype), 0))
        origin = a == 0
        safe = mx.where(origin, 1, a)
        return mx.where(origin, 0.0, mx.arctan2(mx.imag(safe), mx.real(safe)))

    radians.__qualname__ = "angle"
    return give(unary_float(radians, input), out, "angle")
