"""The parts of complex numbers."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import mlx.core as mx

from lucid import _views
from lucid._layout import Layout
from lucid._tape import apply
from lucid.ops._arguments import numpy_names
from lucid.ops._out import give
from lucid.ops._promotion import require_tensor, unary_float
from lucid.ops.shape import CONJUGATE

__all__ = ["angle", "conj", "conj_physical", "imag", "real", "resolve_conj", "resolve_neg"]

if TYPE_CHECKING:
    from lucid._tensor import Tensor

_I = 1j


@numpy_names
def real(input: Tensor) -> Tensor:
    """The real parts of a complex tensor, as a view: writing to it changes `input`.

    A real tensor is returned as it is.
    """
    if require_tensor("real", input)._data.dtype != mx.complex64:
        return input
    return _views.view(mx.real, input, _reals, lambda whole, part: part + mx.imag(whole) * mx.array(_I))


@numpy_names
def imag(input: Tensor) -> Tensor:
    """The imaginary parts of a complex tensor, as a view: writing to it changes `input`.

    Raises RuntimeError for real tensors.
    """
    if require_tensor("imag", input)._data.dtype != mx.complex64:
        raise RuntimeError("imag: is not implemented for tensors with non-complex dtypes")
    return _views.view(mx.imag, input, _imaginaries, lambda whole, part: mx.real(whole) + part * mx.array(_I))


def _reals(at: Layout, shape: tuple[int, ...]) -> Layout:
    return Layout(shape, tuple([2 * s for s in at.strides]), 2 * at.offset)


def _imaginaries(at: Layout, shape: tuple[int, ...]) -> Layout:
    return Layout(shape, tuple([2 * s for s in at.strides]), 2 * at.offset + 1)


@numpy_names
def conj(input: Tensor) -> Tensor:
    """The complex conjugate, as a view: writing to it changes `input`. A real tensor is returned as it is."""
    if require_tensor("conj", input)._data.dtype != mx.complex64:
        return input
    return _views.moved(CONJUGATE, input)


@numpy_names
def conj_physical(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The complex conjugate, computed at once, as all conjugates are here."""
    found = input if require_tensor("conj_physical", input)._data.dtype != mx.complex64 else apply(mx.conjugate, input)
    return give(found, out, "conj_physical", exact=True)


@numpy_names
def resolve_conj(input: Tensor) -> Tensor:
    """`input` itself, or a copy of what `conj` made: conjugates are never pending here."""
    extra = require_tensor("resolve_conj", input)._extra
    return apply(lambda a: a, input) if extra is not None and extra.move is CONJUGATE else input


@numpy_names
def resolve_neg(input: Tensor) -> Tensor:
    """`input` itself: negations are never pending here."""
    return require_tensor("resolve_neg", input)


@numpy_names
def angle(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The angle of complex numbers in radians; for real ones 0, or pi where they are negative."""

    def radians(a: mx.array) -> mx.array:
        if a.dtype != mx.complex64:
            return mx.where(mx.isnan(a), mx.stop_gradient(a), mx.where(a < 0, mx.array(math.pi, a.dtype), 0))
        origin = a == 0
        safe = mx.where(origin, 1, a)
        at_origin = mx.stop_gradient(mx.arctan2(mx.imag(a), mx.real(a)))  # by the signs of the zeros, with no gradient
        return mx.where(origin, at_origin, mx.arctan2(mx.imag(safe), mx.real(safe)))

    radians.__qualname__ = "angle"
    return give(unary_float(radians, input), out, "angle")
